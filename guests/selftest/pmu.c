/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PMU: what Curia counts, and the hart's own counters, which are there where the host's harts have
 * Sscofpmf: they count in this guest alone, and only where it says; and their overflow interrupts,
 * where the FDT has Sscofpmf. [SBI 3.0 §11; Priv, "Sscofpmf"]
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#define CSR_HSTATUS   0x600
#define CSR_SCOUNTOVF 0xda0
#define ROUNDS        5u
#define RUN           (SBI_PMU_CFG_CLEAR_VALUE | SBI_PMU_CFG_AUTO_START)

static struct sbi_result pmu(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return sbi_call(SBI_EXT_PMU, fid, a0, a1, a2, a3);
}

/* A counter that is set up for the event; UINT64_MAX: none. */
static uint64_t config(uint64_t counters, uint64_t flags, uint64_t event)
{
    struct sbi_result r = pmu(SBI_PMU_CONFIG_MATCHING, 0, (1ull << counters) - 1, flags, event);

    return r.error == 0 ? r.value : UINT64_MAX;
}

static uint64_t fw_read(uint64_t i)
{
    return pmu(SBI_PMU_COUNTER_FW_READ, i, 0, 0, 0).value;
}

static void test_own(uint64_t counters)
{
    uint64_t timers = config(counters, RUN, SBI_PMU_EVENT(SBI_PMU_TYPE_FW, SBI_PMU_FW_SET_TIMER));
    uint64_t loads = config(counters, RUN, SBI_PMU_EVENT(SBI_PMU_TYPE_FW, SBI_PMU_FW_ACCESS_LOAD));
    uint64_t illegal =
        config(counters, RUN, SBI_PMU_EVENT(SBI_PMU_TYPE_FW, SBI_PMU_FW_ILLEGAL_INSN));
    uint64_t ipis = config(counters, RUN, SBI_PMU_EVENT(SBI_PMU_TYPE_FW, SBI_PMU_FW_IPI_SENT));

    (void)tap_ok(timers < counters && loads < counters && illegal < counters && ipis < counters,
                 "PMU: counters for Curia's own events");
    for (uint32_t i = 0; i < ROUNDS; i++) {
        (void)sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, UINT64_MAX, 0, 0, 0);
        (void)exec_one(INSN_LD, NOWHERE, 0);
        (void)exec_one(INSN_CSRR(CSR_HSTATUS), 0, 0);
    }
    (void)tap_eq(fw_read(timers), ROUNDS, "PMU: set_timer");
    (void)tap_eq(fw_read(loads), ROUNDS, "PMU: load access faults");
    (void)tap_eq(fw_read(illegal), ROUNDS, "PMU: illegal instructions");
    (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, hart_self()->id, 0, 0);
    csr_clear(CSR_SIP, 1u << IRQ_S_SOFT);
    (void)tap_eq(fw_read(ipis), 0, "PMU: an IPI to oneself is to no other hart");
    (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 0, UINT64_MAX, 0, 0);
    csr_clear(CSR_SIP, 1u << IRQ_S_SOFT);
    (void)tap_eq(fw_read(ipis), board.hart_count - 1, "PMU: IPIs to all");
    (void)tap_eq((uint64_t)pmu(SBI_PMU_COUNTER_STOP, timers, 1, 0, 0).error, 0, "PMU: it stops");
    (void)sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, UINT64_MAX, 0, 0, 0);
    (void)tap_eq(fw_read(timers), ROUNDS, "PMU: and counts no more");
    (void)pmu(SBI_PMU_COUNTER_STOP, 0, (1ull << counters) - 1, SBI_PMU_STOP_RESET, 0);
}

static _Alignas(4096) uint64_t page[512];

static void test_snapshot(uint64_t counters)
{
    uint64_t at = (uint64_t)(uintptr_t)page;
    uint64_t i = config(counters, 0, SBI_PMU_EVENT(SBI_PMU_TYPE_FW, SBI_PMU_FW_SET_TIMER));

    (void)tap_eq((uint64_t)pmu(SBI_PMU_SNAPSHOT_SET_SHMEM, at, 0, 0, 0).error, 0,
                 "PMU: a page for snapshots");
    page[0] = UINT64_MAX;
    page[1] = 40;
    (void)pmu(SBI_PMU_COUNTER_START, i, 1, SBI_PMU_START_INIT_SNAPSHOT, 0);
    (void)sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, UINT64_MAX, 0, 0, 0);
    (void)pmu(SBI_PMU_COUNTER_STOP, i, 1, SBI_PMU_STOP_RESET | SBI_PMU_STOP_TAKE_SNAPSHOT, 0);
    (void)tap_ok(page[0] == 0 && page[1] == 41, "PMU: from a snapshot and to it");
    (void)pmu(SBI_PMU_SNAPSHOT_SET_SHMEM, UINT64_MAX, UINT64_MAX, 0, 0);
}

/* ---- the hart's ------------------------------------------------------------------------------ */

static uint64_t csr_of(uint64_t i)
{
    return pmu(SBI_PMU_COUNTER_GET_INFO, i, 0, 0, 0).value & 0xfff;
}

/* Not inlined: each exec_one() is on the stack. */
static __attribute__((noinline)) uint64_t read_csr(uint64_t csr)
{
    return exec_one(INSN_CSRR(csr), 0, 0).a0;
}

static uint64_t hart_read(uint64_t i)
{
    return read_csr(csr_of(i));
}

/* Cycles for some time, under these flags. */
static uint64_t cycles(uint64_t counters, uint64_t flags, uint64_t *i)
{
    *i = config(counters, RUN | flags, SBI_PMU_EVENT(0, SBI_PMU_HW_CPU_CYCLES));
    pause_us(100);
    return *i == UINT64_MAX ? 0 : hart_read(*i);
}

static void test_hart(uint64_t counters)
{
    uint64_t first = counters - 1;
    uint64_t i;
    uint64_t value;

    (void)tap_ok(exec_one(INSN_CSRR(csr_of(first)), 0, 0).trapped,
                 "PMU: a counter never configured cannot be read");
    value = cycles(counters, 0, &i);
    (void)tap_ok(i < counters && value != 0, "PMU: cycles");
    (void)tap_ok(hart_read(i) > value, "PMU: and on");
    (void)tap_eq((uint64_t)pmu(SBI_PMU_COUNTER_START, i, 1, 0, 0).error,
                 (uint64_t)(int64_t)SBI_ERR_ALREADY_STARTED, "PMU: it runs already");
    (void)pmu(SBI_PMU_COUNTER_STOP, i, 1, 0, 0);
    value = hart_read(i);
    pause_us(100);
    (void)tap_eq(hart_read(i), value, "PMU: stopped, it keeps its value");
    (void)pmu(SBI_PMU_COUNTER_START, i, 1, SBI_PMU_START_SET_INIT_VALUE, 1ull << 60);
    (void)tap_ok(hart_read(i) >> 60 == 1, "PMU: from a value");
    (void)pmu(SBI_PMU_COUNTER_STOP, i, 1, SBI_PMU_STOP_RESET, 0);

    value = cycles(counters, SBI_PMU_CFG_SET_SINH, &i);
    (void)tap_ok(i < counters && value == 0, "PMU: none of S-mode's cycles (%lu)",
                 (unsigned long)value);
    (void)pmu(SBI_PMU_COUNTER_STOP, i, 1, SBI_PMU_STOP_RESET, 0);
    value = cycles(counters, SBI_PMU_CFG_SET_UINH, &i);
    (void)tap_ok(i < counters && value != 0, "PMU: none of U-mode's, all of S-mode's");
    (void)pmu(SBI_PMU_COUNTER_STOP, i, 1, SBI_PMU_STOP_RESET, 0);
    (void)tap_ok(exec_one(INSN_CSRR(csr_of(i)), 0, 0).trapped,
                 "PMU: nor one that is configured no more");
}

/* ---- overflow -------------------------------------------------------------------------------- */

static bool lcofi_pending(void)
{
    return (csr_read(CSR_SIP) >> IRQ_S_LCOFI & 1) != 0;
}

/* Counter i overflows after so many cycles. */
static void restart(uint64_t i, uint64_t n)
{
    (void)pmu(SBI_PMU_COUNTER_STOP, i, 1, 0, 0);
    (void)pmu(SBI_PMU_COUNTER_START, i, 1, SBI_PMU_START_SET_INIT_VALUE, -n);
}

static void listen(void *us)
{
    irqs_on();
    pause_us(*(const uint64_t *)us);
    (void)irqs_off();
}

/* Is there an LCOFI within that time? It stays pending. No other interrupt is enabled. */
static bool lcofi(uint64_t us)
{
    struct trap_info info;

    csr_write(CSR_SIE, 1u << IRQ_S_LCOFI);
    return trap_catch(&info, true, listen, &us) && info.scause == (SCAUSE_IRQ | IRQ_S_LCOFI);
}

static void await_pending(void)
{
    uint64_t end = time_now() + ticks_of_us(5000000);

    while (!lcofi_pending() && time_now() < end) {
    }
}

/* What another hart sees of it. */
static void overhear(void *heard)
{
    *(volatile uint64_t *)heard = 2;
    *(volatile uint64_t *)heard = lcofi(20000) || lcofi_pending() ? 1 : 0;
    csr_write(CSR_SIE, 0);
}

static void test_other_harts(uint64_t i)
{
    static volatile uint64_t heard;
    uint32_t other = hart_self()->index == 0 ? 1 : 0;

    heard = 1;
    (void)job_start(other, overhear, (void *)&heard);
    (void)wait_for(&heard, 2);
    restart(i, 1000);
    (void)tap_ok(lcofi(5000000) && job_wait(other) && heard == 0, "LCOFI: of its own hart alone");
    csr_clear(CSR_SIP, 1u << IRQ_S_LCOFI);
    (void)job_stop(other);
}

/* Nobody has looked yet which counter it was: it ends a suspend, and a restart does not hide it. */
static void test_overflow_pending(uint64_t i, uint64_t bit)
{
    uint64_t before = time_now();

    restart(i, 1000);
    await_pending();
    timer_set(time_now() + ticks_of_us(5000000));
    timer_enable();
    (void)sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, 0, 0, 0, 0);
    (void)tap_ok(time_now() - before < ticks_of_us(4000000), "LCOFI: it ends a suspend");
    timer_set(UINT64_MAX);
    restart(i, 1ull << 40);
    (void)tap_eq(csr_read(CSR_SCOUNTOVF), bit, "LCOFI: not handled, a restart does not hide it");
    (void)tap_ok(lcofi_pending(), "LCOFI: nor ends it");
    csr_clear(CSR_SIP, 1u << IRQ_S_LCOFI);
    restart(i, 1ull << 40);
    (void)tap_eq(csr_read(CSR_SCOUNTOVF), 0, "LCOFI: handled, it is over");
}

static void test_overflow(uint64_t counters)
{
    uint64_t i = config(counters, SBI_PMU_CFG_CLEAR_VALUE, SBI_PMU_EVENT(0, SBI_PMU_HW_CPU_CYCLES));
    uint64_t bit = 1ull << (csr_of(i) - 0xc00);

    (void)tap_ok(!lcofi_pending() && csr_read(CSR_SCOUNTOVF) == 0, "LCOFI: none yet");
    restart(i, 100000);
    (void)tap_ok(lcofi(5000000), "LCOFI: taken");
    (void)tap_ok(lcofi_pending(), "LCOFI: pending until it is cleared");
    (void)tap_eq(csr_read(CSR_SCOUNTOVF), bit, "LCOFI: scountovf tells of the counter");
    csr_clear(CSR_SIP, 1u << IRQ_S_LCOFI);
    (void)tap_ok(!lcofi_pending() && !lcofi(3000), "LCOFI: once");

    (void)pmu(SBI_PMU_SNAPSHOT_SET_SHMEM, (uint64_t)(uintptr_t)page, 0, 0, 0);
    (void)pmu(SBI_PMU_COUNTER_STOP, i - 1, 2, SBI_PMU_STOP_TAKE_SNAPSHOT, 0);
    (void)tap_ok(page[0] == 2 && page[2] == hart_read(i), "LCOFI: so does the snapshot");
    restart(i, 1ull << 40);
    (void)tap_eq(csr_read(CSR_SCOUNTOVF), 0, "LCOFI: a start forgets it");
    (void)pmu(SBI_PMU_COUNTER_STOP, i - 1, 2, SBI_PMU_STOP_TAKE_SNAPSHOT, 0);
    (void)tap_eq(page[0], 0, "LCOFI: and the snapshot");
    (void)pmu(SBI_PMU_SNAPSHOT_SET_SHMEM, UINT64_MAX, UINT64_MAX, 0, 0);

    restart(i, 1000);
    (void)tap_ok(lcofi(5000000), "LCOFI: again");
    csr_clear(CSR_SIP, 1u << IRQ_S_LCOFI);
    test_overflow_pending(i, bit);
    if (board.hart_count > 1) {
        test_other_harts(i);
    }
    (void)pmu(SBI_PMU_COUNTER_STOP, i, 1, SBI_PMU_STOP_RESET, 0);
}

void pmu_leave(void)
{
    uint64_t counters = pmu(SBI_PMU_NUM_COUNTERS, 0, 0, 0, 0).value;
    uint64_t i = config(counters, RUN, SBI_PMU_EVENT(0, SBI_PMU_HW_CPU_CYCLES));

    if (i < counters) {
        restart(i, 1); /* and an overflow */
        pause_us(1000);
    }
    for (uint64_t n = 0; n < counters; n++) {
        (void)config(counters, RUN, SBI_PMU_EVENT(0, SBI_PMU_HW_CPU_CYCLES));
        (void)config(counters, RUN, SBI_PMU_EVENT(SBI_PMU_TYPE_FW, SBI_PMU_FW_SET_TIMER));
    }
    (void)sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, UINT64_MAX, 0, 0, 0);
}

/* ---- kept over whatever befalls the VM ------------------------------------------------------- */

#define KEPT_VALUE 4711ull

static struct {
    uint64_t runs, stands; /* CSRs of two counters; 0: not there */
    uint64_t ran, stood;   /* their last values */
} kept;

void pmu_keep(void)
{
    uint64_t counters = pmu(SBI_PMU_NUM_COUNTERS, 0, 0, 0, 0).value;
    uint64_t i = config(counters, 0, SBI_PMU_EVENT(0, SBI_PMU_HW_INSTRUCTIONS));
    uint64_t k = config(counters, 0, SBI_PMU_EVENT(0, SBI_PMU_HW_CPU_CYCLES));

    if (i < counters && k < counters) {
        restart(k, -KEPT_VALUE);
        restart(i, -KEPT_VALUE);
        (void)pmu(SBI_PMU_COUNTER_STOP, i, 1, 0, 0);
        kept.runs = csr_of(k);
        kept.stands = csr_of(i);
        kept.stood = read_csr(kept.stands);
    }
}

bool pmu_is_kept(void)
{
    uint64_t ran = kept.ran;

    if (kept.runs == 0) {
        return true;
    }
    kept.ran = read_csr(kept.runs);
    return kept.ran > ran && kept.stood >= KEPT_VALUE && read_csr(kept.stands) == kept.stood;
}

/* The life before left all of them running. */
static void test_fresh(uint64_t counters, uint64_t own)
{
    bool fresh = true;

    for (uint64_t i = 0; i < own; i++) {
        fresh = fresh && fw_read(i) == 0;
    }
    for (uint64_t i = own; i < counters; i++) {
        fresh = fresh && exec_one(INSN_CSRR(csr_of(i)), 0, 0).trapped;
    }
    (void)tap_ok(fresh, "PMU: nothing is left of an earlier life");
    (void)tap_eq((uint64_t)pmu(SBI_PMU_COUNTER_STOP, 0, (1ull << counters) - 1, 0, 0).error,
                 (uint64_t)(int64_t)SBI_ERR_ALREADY_STOPPED, "PMU: nor runs");
}

void test_pmu(void)
{
    uint64_t counters = pmu(SBI_PMU_NUM_COUNTERS, 0, 0, 0, 0).value;
    uint64_t own = 0;

    if (!board.curia) {
        tap_skip("PMU", "the firmware's own");
        return;
    }
    while (own < counters && (pmu(SBI_PMU_COUNTER_GET_INFO, own, 0, 0, 0).value >> 63) != 0) {
        own++;
    }
    con_printf("# PMU: %u counters, %u of them the hart's\n", (unsigned)counters,
               (unsigned)(counters - own));
    (void)tap_ok(own > 0 && counters <= 64, "PMU: counters");
    test_fresh(counters, own);
    test_own(counters);
    test_snapshot(counters);
    if (counters > own) {
        test_hart(counters);
    }
    csr_write(CSR_SIE, 1u << IRQ_S_LCOFI);
    (void)tap_eq(csr_read(CSR_SIE) >> IRQ_S_LCOFI, isa_offers("sscofpmf") ? 1 : 0,
                 "LCOFI: there as the FDT says");
    if (isa_offers("sscofpmf")) {
        test_overflow(counters);
    }
}
