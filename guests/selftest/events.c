/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Software events [SBI 3.0 §17]: entry, nesting and the way back on a real hart; events from one
 * hart to another in whatever it does.
 */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/lib/sbi_call.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stdatomic.h>
#include <stddef.h>

#define LOCAL  SBI_SSE_LOCAL_SOFTWARE
#define GLOBAL SBI_SSE_GLOBAL_SOFTWARE
#define DOUBLE SBI_SSE_LOCAL_DOUBLE_TRAP
#define J_SELF 0x0000006fu /* j . */
#define EBREAK 0x00100073u
#define ROUNDS 50u

/* What an event's entry_arg points to: events_asm.S knows the first two. */
struct handler {
    uint64_t sp, stack_top;
    uint32_t id;
    void (*f)(struct handler *h);
    volatile uint64_t runs;
    uint64_t hart, sepc, sstatus;
    uint64_t stack[512];
};

static struct handler on_local, on_global, on_other, on_double;
static volatile uint64_t flag;

void event_entry(void);
void event_probe(uint64_t x[32], uint64_t event, uint64_t hart);
void event_handler(struct handler *h, uint64_t hart);

void event_handler(struct handler *h, uint64_t hart)
{
    h->hart = hart;
    h->sepc = csr_read(CSR_SEPC);
    h->sstatus = csr_read(CSR_SSTATUS);
    if (h->f != NULL) {
        h->f(h);
    }
    h->runs = h->runs + 1;
}

static int64_t sse(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return sbi_call(SBI_EXT_SSE, fid, a0, a1, a2, 0).error;
}

static int64_t attr(uint64_t fid, uint64_t id, uint64_t which, uint64_t *value)
{
    return sbi_call6(SBI_EXT_SSE, fid, id, which, 1, (uint64_t)(uintptr_t)value, 0, 0).error;
}

static uint64_t status(uint64_t id)
{
    uint64_t value = 0;

    return attr(SBI_SSE_READ_ATTRS, id, SBI_SSE_ATTR_STATUS, &value) == 0 ? value & 7 : UINT64_MAX;
}

static bool set_attr(uint64_t id, uint64_t which, uint64_t value)
{
    return attr(SBI_SSE_WRITE_ATTRS, id, which, &value) == 0;
}

static int64_t begin(struct handler *h, uint32_t id, void (*f)(struct handler *h))
{
    int64_t e;

    h->stack_top = (uint64_t)(uintptr_t)&h->stack[512];
    h->id = id;
    h->f = f;
    h->runs = 0;
    e = sse(SBI_SSE_REGISTER, id, (uint64_t)(uintptr_t)event_entry, (uint64_t)(uintptr_t)h);
    return e != 0 ? e : sse(SBI_SSE_ENABLE, id, 0, 0);
}

static bool end(uint32_t id)
{
    return sse(SBI_SSE_DISABLE, id, 0, 0) == 0 && sse(SBI_SSE_UNREGISTER, id, 0, 0) == 0;
}

/* ---- on this hart ------------------------------------------------------------------------------
 */

static bool registers_kept(const uint64_t x[32])
{
    static const uint8_t marked[] = {5,  6,  7,  8,  9,  12, 13, 14, 15, 18, 19, 20,
                                     21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

    for (uint32_t i = 0; i < sizeof(marked); i++) {
        if (x[marked[i]] != 0x1000u + marked[i]) {
            return false;
        }
    }
    return x[4] == (uint64_t)(uintptr_t)hart_self() && x[1] == (uint64_t)(uintptr_t)x &&
           x[10] == 0 && x[11] == 0 && x[16] == SBI_SSE_INJECT && x[17] == SBI_EXT_SSE;
}

static void test_entry_state(void)
{
    static uint64_t x[32];

    for (uint32_t on = 0; on < 2; on++) {
        uint64_t before = (csr_read(CSR_SSTATUS) ^ SSTATUS_SPIE ^ SSTATUS_SPP) & ~SSTATUS_SIE;
        uint64_t after;

        before |= on != 0 ? SSTATUS_SIE : 0;
        csr_write(CSR_SEPC, 0x1234);
        csr_write(CSR_SSTATUS, before);
        event_probe(x, LOCAL, hart_self()->id);
        after = csr_read(CSR_SSTATUS);
        (void)irqs_off();
        (void)tap_ok(on_local.runs == on + 1 && on_local.hart == hart_self()->id,
                     "SSE: the handler ran (%u)", (unsigned)on);
        (void)tap_ok((on_local.sstatus & SSTATUS_SPP) != 0 &&
                         (on_local.sstatus & SSTATUS_SIE) == 0 &&
                         ((on_local.sstatus & SSTATUS_SPIE) != 0) == (on != 0),
                     "it is told the mode, and SIE in SPIE");
        (void)tap_ok(after == before && csr_read(CSR_SEPC) == 0x1234,
                     "sstatus and sepc are as they were: %lx %lx", (unsigned long)after,
                     (unsigned long)before);
        (void)tap_ok(registers_kept(x), "and all registers");
    }
}

/* What runs at which depth. */
static struct {
    uint64_t nested, deferred, at_end;
} seen;

static void inject_higher(struct handler *h)
{
    (void)h;
    (void)sse(SBI_SSE_INJECT, LOCAL, hart_self()->id, 0);
    seen.nested = on_local.runs;
}

static void inject_lower(struct handler *h)
{
    (void)h;
    (void)sse(SBI_SSE_INJECT, GLOBAL, 0, 0);
    seen.deferred = on_global.runs;
    seen.at_end = status(GLOBAL);
}

static void test_nesting(void)
{
    uint64_t local = on_local.runs;

    (void)tap_ok(set_attr(GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, hart_self()->id) &&
                     set_attr(GLOBAL, SBI_SSE_ATTR_PRIORITY, 10) &&
                     begin(&on_global, GLOBAL, inject_higher) == 0,
                 "SSE: the global event is enabled");
    (void)sse(SBI_SSE_INJECT, GLOBAL, 0, 0);
    (void)tap_ok(on_global.runs == 1 && seen.nested == local + 1,
                 "a higher event runs within a lower one");

    on_local.f = inject_lower;
    on_global.f = NULL;
    (void)sse(SBI_SSE_INJECT, LOCAL, hart_self()->id, 0);
    (void)tap_ok(seen.deferred == 1 && seen.at_end == 6 && on_global.runs == 2,
                 "a lower one waits for the end of a higher one");
    on_local.f = NULL;
}

/* The handler has its hart go on elsewhere: past a loop in U-mode. */
static void leave_loop(struct handler *h)
{
    if ((h->sstatus & SSTATUS_SPP) == 0) {
        csr_write(CSR_SEPC, h->sepc + 4);
    }
}

/* ---- on another hart ----------------------------------------------------------------------------
 */

static void other_begins(void *result)
{
    *(volatile int64_t *)result = begin(&on_other, LOCAL, NULL) | sse(SBI_SSE_HART_UNMASK, 0, 0, 0);
}

static void other_ends(void *result)
{
    *(volatile int64_t *)result = end(LOCAL) ? sse(SBI_SSE_HART_MASK, 0, 0, 0) : -1;
}

static void in_user_mode(void *arg)
{
    struct exec *e = arg;

    *e = (struct exec){.code = {J_SELF}};
    on_other.f = leave_loop;
    flag = 1;
    exec_user(e);
    on_other.f = NULL;
}

static void spins(void *unused)
{
    (void)unused;
    while (on_other.runs < ROUNDS) {
    }
    flag = 1;
}

static void waits(void *unused)
{
    (void)unused;
    csr_write(CSR_SIE, 0);
    while (on_other.runs < ROUNDS) {
        __asm__ volatile("wfi" : : : "memory");
    }
    flag = 1;
}

static void suspends(void *unused)
{
    (void)unused;
    csr_write(CSR_SIE, 0);
    while (on_other.runs < ROUNDS) {
        (void)sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0, 0, 0);
    }
    flag = 1;
}

/* An event comes while it is masked, or just before, or just after. */
static void masks(void *unused)
{
    (void)unused;
    while (on_other.runs < ROUNDS) {
        (void)sse(SBI_SSE_HART_MASK, 0, 0, 0);
        (void)sse(SBI_SSE_HART_UNMASK, 0, 0, 0);
    }
    flag = 1;
}

static void rounds(uint32_t other, void (*job)(void *arg), const char *name)
{
    uint64_t n = 0;

    flag = 0;
    on_other.runs = 0;
    (void)job_start(other, job, NULL);
    while (n < ROUNDS) {
        if (sse(SBI_SSE_INJECT, LOCAL, guest_harts[other].id, 0) != 0 ||
            !wait_for(&on_other.runs, n + 1)) {
            break;
        }
        n++;
    }
    (void)tap_eq(n, ROUNDS, "SSE: events reach a hart that %s", name);
    on_other.runs = ROUNDS;
    /* The last event may have come between its look and its wait, for which there is no other. */
    for (uint32_t i = 0; flag == 0 && i < 10000; i++) {
        (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, guest_harts[other].id, 0, 0);
        pause_us(1000);
    }
    (void)job_wait(other);
}

static void test_other(uint32_t other)
{
    static struct exec e;
    int64_t result = -1;
    uint64_t n = 0;

    (void)job_start(other, other_begins, &result);
    (void)tap_ok(job_wait(other) && result == 0, "SSE: hart %lu takes events",
                 (unsigned long)guest_harts[other].id);
    rounds(other, spins, "spins");
    rounds(other, waits, "waits for interrupts");
    rounds(other, suspends, "is suspended");
    rounds(other, masks, "masks and unmasks");

    flag = 0;
    on_other.runs = 0;
    (void)job_start(other, in_user_mode, &e);
    (void)wait_for(&flag, 1);
    do { /* one that finds it on its way there still changes nothing */
        pause_us(20000);
        (void)sse(SBI_SSE_INJECT, LOCAL, guest_harts[other].id, 0);
    } while (wait_for(&on_other.runs, ++n) && (on_other.sstatus & SSTATUS_SPP) != 0 && n < ROUNDS);
    (void)tap_ok(job_wait(other) && e.trapped && e.trap.scause == EXC_BREAKPOINT &&
                     e.trap.sepc == e.pc + 4 && (on_other.sstatus & SSTATUS_SPP) == 0 &&
                     on_other.sepc == e.pc,
                 "a loop in U-mode is left as the handler says");

    on_global.runs = 0;
    (void)tap_ok(
        end(GLOBAL) && set_attr(GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, guest_harts[other].id) &&
            begin(&on_global, GLOBAL, NULL) == 0 && sse(SBI_SSE_INJECT, GLOBAL, 0, 0) == 0 &&
            wait_for(&on_global.runs, 1) && on_global.hart == guest_harts[other].id,
        "the global event goes to the preferred hart");
    (void)job_start(other, other_ends, &result);
    (void)tap_ok(job_wait(other) && result == 0, "and it takes no more");
}

/* ---- double traps ------------------------------------------------------------------------------
 */

static uint64_t interrupted;

static void go_past(struct handler *h)
{
    (void)attr(SBI_SSE_READ_ATTRS, DOUBLE, SBI_SSE_ATTR_FLAGS, &interrupted);
    csr_write(CSR_SEPC, h->sepc + 4);
}

/* One that the hart finds, and two of traps that Curia gives to the guest. */
static void test_traps_in_traps(void)
{
    static const uint32_t insns[] = {EBREAK, INSN_CSRR(0x600), INSN_LD};

    (void)tap_eq((uint64_t)begin(&on_double, DOUBLE, go_past), 0, "SSE: the double trap's event");
    for (uint32_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
        struct exec e;
        bool on;

        csr_set(CSR_SSTATUS, SSTATUS_SDT);
        e = exec_one(insns[i], NOWHERE, 0);
        on = (csr_read(CSR_SSTATUS) & SSTATUS_SDT) != 0;
        csr_clear(CSR_SSTATUS, SSTATUS_SDT);
        (void)tap_ok(!e.trapped && on_double.runs == i + 1 && on_double.sepc == e.pc &&
                         (on_double.sstatus & (SSTATUS_SDT | SSTATUS_SPP | SSTATUS_SIE)) ==
                             (SSTATUS_SDT | SSTATUS_SPP),
                     "a double trap ends up there (%u)", (unsigned)i);
        (void)tap_ok(on && (interrupted & 0x20) != 0, "and SDT is as it was");
    }
    (void)tap_ok(end(DOUBLE), "SSE: no event for it again");
}

static void test_double_trap(void)
{
    struct exec e;

    if (feature_set(SBI_FWFT_DOUBLE_TRAP, 1) != 0) {
        (void)tap_eq((uint64_t)sse(SBI_SSE_REGISTER, DOUBLE, 0, 0), (uint64_t)SBI_ERR_NOT_SUPPORTED,
                     "SSE: no double trap, and no event for it");
        return;
    }
    e = exec_one(EBREAK, 0, 0);
    (void)tap_ok(e.trapped && (e.trap.sstatus & SSTATUS_SDT) != 0 &&
                     (csr_read(CSR_SSTATUS) & SSTATUS_SDT) == 0,
                 "a trap sets SDT, its end clears it");
    e = exec_one(INSN_CSRR(0x600), 0, 0);
    (void)tap_ok(e.trapped && (e.trap.sstatus & SSTATUS_SDT) != 0, "one of Curia's as well");
    test_traps_in_traps();
    (void)feature_set(SBI_FWFT_DOUBLE_TRAP, 0);
    csr_set(CSR_SSTATUS, SSTATUS_SDT);
    (void)tap_ok((csr_read(CSR_SSTATUS) & SSTATUS_SDT) == 0, "switched off, there is no SDT");
}

/* ---- residue ------------------------------------------------------------------------------------
 */

void events_leave(bool of_vm)
{
    static const uint32_t ids[] = {DOUBLE, LOCAL, GLOBAL};

    for (uint32_t i = 0; i < (of_vm ? 3u : 2u); i++) {
        uint32_t id = ids[i];

        (void)set_attr(id, SBI_SSE_ATTR_PRIORITY, 7);
        (void)sse(SBI_SSE_REGISTER, id, (uint64_t)(uintptr_t)event_entry, 5);
        (void)sse(SBI_SSE_INJECT, id, hart_self()->id, 0);
    }
    (void)sse(SBI_SSE_HART_UNMASK, 0, 0, 0);
    features_leave();
}

static bool is_fresh(uint32_t id, uint64_t hart)
{
    static uint64_t values[GUEST_HARTS][SBI_SSE_ATTR_A7 + 1];
    uint64_t *v = values[hart_self()->index];
    uint64_t bad = sbi_call6(SBI_EXT_SSE, SBI_SSE_READ_ATTRS, id, 0, SBI_SSE_ATTR_A7 + 1,
                             (uint64_t)(uintptr_t)v, 0, 0)
                       .error != 0;

    v[SBI_SSE_ATTR_STATUS] ^= SBI_SSE_STATUS_INJECT;
    v[SBI_SSE_ATTR_PREFERRED_HART] ^= hart;
    for (uint32_t i = 0; i <= SBI_SSE_ATTR_A7; i++) {
        bad |= v[i];
    }
    return bad == 0;
}

bool events_are_fresh(bool of_vm)
{
    return (status(DOUBLE) == UINT64_MAX || is_fresh(DOUBLE, hart_self()->id)) &&
           is_fresh(LOCAL, hart_self()->id) && (!of_vm || is_fresh(GLOBAL, 0)) &&
           sse(SBI_SSE_HART_MASK, 0, 0, 0) == SBI_ERR_ALREADY_STOPPED && features_are_fresh();
}

void test_events(void)
{
    uint32_t other = hart_self()->index == 0 ? 1 : 0;

    if (!board.curia) {
        return;
    }
    (void)tap_ok(sbi_probe(SBI_EXT_SSE), "SSE is there");
    (void)tap_eq(status(LOCAL), 0, "the local event is unused");
    (void)tap_eq((uint64_t)begin(&on_local, LOCAL, NULL), 0, "it is enabled");
    (void)sse(SBI_SSE_INJECT, LOCAL, hart_self()->id, 0);
    (void)tap_ok(on_local.runs == 0 && status(LOCAL) == 6, "masked, it is pending");
    (void)sse(SBI_SSE_HART_UNMASK, 0, 0, 0);
    (void)tap_ok(on_local.runs == 1 && status(LOCAL) == 2, "unmasked, it runs");
    on_local.runs = 0;
    test_entry_state();
    test_nesting();
    if (board.hart_count > 1) {
        test_other(other);
        (void)job_stop(other);
    }
    test_double_trap();
    (void)tap_ok(end(LOCAL) && end(GLOBAL) && sse(SBI_SSE_HART_MASK, 0, 0, 0) == 0,
                 "SSE: all are unused again");
}
