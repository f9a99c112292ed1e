/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: */
/*
 * A vCPU that waits while another one is on its hart: what it is told of. CSR accesses, timers and
 * requests come here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/hart.h"

#define ARCH_RISCV_CSR_H
static uint64_t csrs[4096];
#define csr_read(csr)          (csrs[csr])
#define csr_write(csr, v)      (csrs[csr] = (v))
#define csr_set(csr, v)        (csrs[csr] |= (v))
#define csr_clear(csr, v)      (csrs[csr] &= ~(uint64_t)(v))
#define csr_read_clear(csr, v) read_clear(csr, v)

static uint64_t read_clear(uint32_t csr, uint64_t bits)
{
    uint64_t was = csrs[csr];

    csrs[csr] &= ~bits;
    return was;
}

static struct rv_hart *rv_hart_self(void);

#include "arch/riscv/vcpu_irq.c" /* NOLINT: for its CSRs */

#include <string.h>

static struct rv_hart hart;
static struct rv_vcpu a;
static uint32_t requests;

struct rv_features rv_features;

static struct rv_hart *rv_hart_self(void)
{
    return &hart;
}

void vcpu_request(struct vcpu *v, uint32_t bits)
{
    assert_ptr_equal(v, &a.core);
    requests |= bits;
}

void vcpu_irq_set(struct vcpu *v, enum vcpu_irq irq, bool level)
{
    (void)v;
    (void)irq;
    (void)level;
    fail();
}

void pmu_count(struct vcpu *v, enum pmu_event event, uint64_t n)
{
    (void)v;
    (void)event;
    (void)n;
    fail();
}

void timer_arm(struct timer *t, struct hart *h, uint64_t deadline, void (*fn)(struct timer *t))
{
    t->hart = h;
    t->deadline = deadline;
    t->fn = fn;
}

void timer_cancel(struct timer *t)
{
    t->hart = NULL;
}

static int setup(void **state)
{
    (void)state;
    memset(csrs, 0, sizeof(csrs));
    memset(&hart, 0, sizeof(hart));
    memset(&a, 0, sizeof(a));
    rv_features = (struct rv_features){.sstc = true};
    a.hart = &hart;
    a.core.hart = &hart.core;
    a.csrs.vstimecmp = UINT64_MAX;
    hart.core.vcpus = &a.core;
    requests = 0;
    return 0;
}

static void nothing(void **state)
{
    (void)state;
    a.csrs.vsie = SIE_STIE | SIE_SEIE;
    a.csrs.vsip = SIP_LCOFIP; /* not enabled */
    arch_vcpu_watch(&a.core);
    assert_null(a.timer.hart);
    assert_int_equal(csrs[CSR_HGEIE], 0);
    assert_int_equal(requests, 0);
}

static void its_timer(void **state)
{
    (void)state;
    a.csrs.vsie = SIE_STIE;
    a.csrs.vstimecmp = 77;
    arch_vcpu_watch(&a.core);
    assert_int_equal(a.timer.deadline, 77);
    assert_int_equal(requests, 0);
    a.timer.fn(&a.timer);
    assert_int_equal(requests, VCPU_REQ_IRQ);
    rv_vcpu_unwatch(&a);
    assert_null(a.timer.hart);
}

static void its_file(void **state)
{
    (void)state;
    a.vgein = 3;
    a.csrs.vsie = SIE_SEIE;
    arch_vcpu_watch(&a.core);
    assert_int_equal(csrs[CSR_HGEIE], 1u << 3);
    rv_watched_files(&hart, 1u << 3);
    assert_int_equal(requests, VCPU_REQ_IRQ);
    assert_int_equal(csrs[CSR_HGEIE] | hart.watched, 0);
}

/* What watches for it here does so no more; the next hart looks for itself. */
static void it_moves(void **state)
{
    static struct rv_hart next;

    (void)state;
    a.vgein = 3;
    a.csrs.vsie = SIE_STIE | SIE_SEIE;
    a.csrs.vstimecmp = 77;
    arch_vcpu_watch(&a.core);
    arch_vcpu_move(&a.core, &next.core);
    assert_null(a.timer.hart);
    assert_int_equal(csrs[CSR_HGEIE] | hart.watched | requests, 0);
    assert_ptr_equal(a.hart, &next);
}

/* Without Sstc the timer is all there is: it fires there. */
static void its_soft_timer_moves(void **state)
{
    static struct rv_hart next;

    (void)state;
    rv_features.sstc = false;
    arch_vcpu_move(&a.core, &next.core);
    assert_null(a.timer.hart);

    a.hart = &hart;
    a.core.timer_detour = VCPU_TIMER_SOFT;
    arch_vcpu_set_timer(&a.core, 99);
    assert_ptr_equal(a.timer.hart, &hart.core);
    arch_vcpu_move(&a.core, &next.core);
    assert_ptr_equal(a.timer.hart, &next.core);
    assert_int_equal(a.timer.deadline, 99);
    assert_ptr_equal(a.timer.fn, timer_due);
}

/* An overflow that Curia saw only when it took the counters: nothing else will tell of it. */
static void its_overflow(void **state)
{
    (void)state;
    a.csrs.vsie = SIE_LCOFIE;
    a.csrs.vsip = SIP_LCOFIP;
    arch_vcpu_watch(&a.core);
    assert_int_equal(requests, VCPU_REQ_IRQ);
}

/* What was pending in a file that went to memory stands on its line. */
static void its_file_in_memory(void **state)
{
    (void)state;
    a.file = (struct rv_imsic_memory *)(void *)&a; /* one it has; nobody looks into it here */
    atomic_store(&a.core.irq_lines, LINE(VCPU_IRQ_EXT));
    arch_vcpu_watch(&a.core);
    assert_int_equal(requests, 0); /* not enabled */
    a.csrs.vsie = SIE_SEIE;
    arch_vcpu_watch(&a.core);
    assert_int_equal(requests, VCPU_REQ_IRQ);
    assert_int_equal(csrs[CSR_HGEIE], 0);
    requests = 0;
    atomic_store(&a.core.irq_lines, 0);
    arch_vcpu_watch(&a.core);
    assert_int_equal(requests, 0);
    /* In the hart without one: stopi shows it by the line. */
    atomic_store(&a.core.irq_lines, LINE(VCPU_IRQ_EXT));
    arch_vcpu_sync_irqs(&a.core);
    assert_int_equal(csrs[CSR_HVIP], HVIP_VSEIP);
    assert_int_equal(csrs[CSR_HVICTL], 0x900ff);
    a.file = NULL;
    csrs[CSR_HVICTL] = 0;
    arch_vcpu_sync_irqs(&a.core);
    assert_int_equal(csrs[CSR_HVICTL], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing, setup),
        cmocka_unit_test_setup(its_file_in_memory, setup),
        cmocka_unit_test_setup(its_timer, setup),
        cmocka_unit_test_setup(its_file, setup),
        cmocka_unit_test_setup(it_moves, setup),
        cmocka_unit_test_setup(its_soft_timer_moves, setup),
        cmocka_unit_test_setup(its_overflow, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
