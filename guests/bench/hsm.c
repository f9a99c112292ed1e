/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second hart of this guest is started, stopped and suspended. A start ends when its first code
 * has said so; a stop begins on the hart that stops, and ends when the first hart is told STOPPED.
 * To ask is a call of its own: it is given SETTLE_US to be through, so that one call is enough.
 */
#include "guests/bench/bench.h"
#include "guests/bench/channel.h"
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"

#define SETTLE_US 500u

static _Atomic uint32_t started, released, leaving, waiting, woken;

/* ---- the second hart ------------------------------------------------------------------------- */

static void live(struct guest_hart *unused)
{
    uint32_t life = atomic_fetch_add(&started, 1) + 1;

    (void)unused;
    until(&released, life);
    BENCH_BEGIN(hsm_stop);
    atomic_store(&leaving, life);
}

/* An IPI that is pending ends a suspend; it is not taken. */
static void doze(struct guest_hart *unused)
{
    (void)unused;
    csr_set(CSR_SIE, 1u << IRQ_S_SOFT);
    for (uint32_t round = 1; round <= BENCH_ROUNDS; round++) {
        atomic_store(&waiting, round);
        BENCH_BEGIN(hsm_suspend);
        (void)sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0, 0, 0);
        BENCH_END(hsm_suspend);
        if ((csr_read(CSR_SIP) & 1u << IRQ_S_SOFT) == 0) {
            guest_panic("bench: hsm_suspend: nothing has ended it\n");
        }
        csr_clear(CSR_SIP, 1u << IRQ_S_SOFT);
        atomic_store(&woken, round);
    }
}

/* ---- the first ------------------------------------------------------------------------------- */

static bool is_stopped(uint32_t index)
{
    struct sbi_result r = sbi_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, guest_harts[index].id, 0, 0, 0);

    return r.error == SBI_SUCCESS && r.value == SBI_HSM_STATE_STOPPED;
}

static void start(uint32_t index, void (*main)(struct guest_hart *self))
{
    if (guest_hart_start(index, main) != SBI_SUCCESS) {
        guest_panic("bench: hart %u does not start\n", (unsigned)index);
    }
}

static void lives(uint32_t index)
{
    for (uint32_t life = 1; life <= BENCH_ROUNDS; life++) {
        BENCH_BEGIN(hsm_start);
        start(index, live);
        until(&started, life);
        BENCH_END(hsm_start);
        atomic_store(&released, life);
        until(&leaving, life);
        pause_us(SETTLE_US);
        while (!is_stopped(index)) {
            pause_us(SETTLE_US);
        }
        BENCH_END(hsm_stop);
        BENCH_BEGIN(hsm_status);
        (void)is_stopped(index);
        BENCH_END(hsm_status);
    }
}

static void dozes(uint32_t index)
{
    start(index, doze);
    for (uint32_t round = 1; round <= BENCH_ROUNDS; round++) {
        until(&waiting, round);
        pause_us(SETTLE_US);
        (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, guest_harts[index].id, 0, 0);
        until(&woken, round);
    }
    while (!is_stopped(index)) {
        pause_us(SETTLE_US);
    }
}

void bench_hsm(void)
{
    uint32_t index = (hart_self()->index + 1) % board.hart_count;

    lives(index);
    dozes(index);
}
