/* SPDX-License-Identifier: BSD-2-Clause */
/* What Curia tells of this hart's time, beside this guest's own clock. [docs/abi.md, VMM] */
#include "guests/lib/board.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#define BUSY_US 30000u
#define LOOKS   200u

/* What was told, and between which times of this guest's. */
struct look {
    struct curia_vcpu_info info;
    uint64_t before, after;
};

static struct sbi_result look(struct look *l)
{
    uint64_t self = sbi_call(CURIA_EXT_VMM, CURIA_VMM_SELF, 0, 0, 0, 0).value;
    struct sbi_result r;

    l->before = time_now();
    r = sbi_call6(CURIA_EXT_VMM, CURIA_VMM_VCPU, self, hart_self()->id,
                  (uint64_t)(uintptr_t)&l->info, 0, sizeof(l->info), 0);
    l->after = time_now();
    return r;
}

/* Are they all of the time between two looks? Some are a tick apart, each is rounded. */
static bool all_of(uint64_t ns, const struct look *a, const struct look *b)
{
    return ns + 1000 >= ns_of_ticks(b->before - a->after) &&
           ns <= ns_of_ticks(b->after - a->before) + 1000;
}

static uint64_t wanted(const struct curia_vcpu_info *info)
{
    return info->run_ns + info->ready_ns + info->throttled_ns;
}

/* Who never waits runs, or is kept from it, all the time. */
static void test_busy(void)
{
    struct look a, b;

    (void)tap_eq(look(&a).value, sizeof(a.info), "VMM: of this hart");
    pause_us(BUSY_US);
    (void)look(&b);
    (void)tap_ok(all_of(b.info.time_ns - a.info.time_ns, &a, &b), "VMM: the time is this guest's");
    (void)tap_ok(all_of(wanted(&b.info) - wanted(&a.info), &a, &b),
                 "VMM: all of it was run or ready (%lu and %lu us)",
                 (unsigned long)(b.info.run_ns - a.info.run_ns) / 1000,
                 (unsigned long)(b.info.ready_ns - a.info.ready_ns) / 1000);
    (void)tap_ok(b.info.run_ns > a.info.run_ns, "VMM: some of it was run");
    (void)tap_ok(b.info.exits[CURIA_EXIT_ECALL] > a.info.exits[CURIA_EXIT_ECALL],
                 "VMM: the exits are counted");
}

/* Where harts are shared a WFI is no run; else Curia does not see it. */
static void test_wait(void)
{
    struct look a, b;
    uint64_t due = time_now() + ticks_of_us(BUSY_US), ran;

    (void)look(&a);
    timer_set(due);
    timer_enable();
    while (time_now() < due) {
        __asm__ volatile("wfi");
    }
    timer_set(UINT64_MAX);
    csr_clear(CSR_SIE, 1u << IRQ_S_TIMER);
    (void)look(&b);
    ran = b.info.run_ns - a.info.run_ns;
    (void)tap_ok((a.info.flags & CURIA_VCPU_SHARED) == 0
                     ? all_of(ran, &a, &b)
                     : ran < ns_of_ticks(b.before - a.after) / 2,
                 "VMM: a wait was run where it takes no exit (%lu us)", (unsigned long)ran / 1000);
}

static void test_never_less(void)
{
    struct look a, b;
    uint32_t less = 0;

    (void)look(&a);
    for (uint32_t i = 0; i < LOOKS; i++) {
        (void)look(&b);
        less += b.info.run_ns < a.info.run_ns || b.info.ready_ns < a.info.ready_ns ||
                b.info.time_ns < a.info.time_ns || b.info.switches < a.info.switches;
        a = b;
    }
    (void)tap_eq(less, 0, "VMM: never less than before");
}

void test_usage(void)
{
    struct curia_hart_info hart;

    if (!board.curia) {
        tap_skip("VMM: usage", "no Curia");
        return;
    }
    test_busy();
    test_wait();
    test_never_less();
    (void)tap_eq((uint64_t)sbi_call(CURIA_EXT_VMM, CURIA_VMM_HART, 0, (uint64_t)(uintptr_t)&hart, 0,
                                    sizeof(hart))
                     .error,
                 (uint64_t)SBI_ERR_DENIED, "VMM: of a hart of the machine");
}
