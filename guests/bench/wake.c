/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wake-ups: a hart of this guest waits, and an IPI of the first one, a doorbell of the VM "ringer"
 * or its own timer wakes it. The counter has noted the wfi that ended; a window's begin says only
 * that there is one. Two harts are woken, one after the other: Curia's manifest has the first on a
 * hart that another VM shares. Natively they are harts like all.
 *
 * Who is to be woken says so in `steps`, and is given SETTLE_US to get into its wfi. One that is
 * late finds what it waits for pending, and its round counts too much; the median does not.
 */
#include "guests/bench/bench.h"
#include "guests/bench/channel.h"
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"

#include <stddef.h>

#define SETTLE_US 500u
#define SLEEPERS  2u /* woken harts */
#define HARTS     (SLEEPERS + 1)

static _Atomic uint32_t sleepers_done;
static bool rung; /* there is a VM that rings */

static void stop_timer(struct guest_hart *unused)
{
    timer_off(unused);
    arrivals++;
}

static void on_soft(struct guest_hart *unused)
{
    (void)unused;
    arrivals++;
}

/* ---- who is woken ---------------------------------------------------------------------------- */

static uint32_t awaited;

static void woken(void)
{
    take_irqs();
    if (arrivals != awaited) {
        guest_panic("bench: wake: arrival %u at count %u\n", (unsigned)arrivals, (unsigned)awaited);
    }
    atomic_store(&steps->received, awaited);
}

#define BENCH_WAKE(name, how)                                                                      \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        awaited++;                                                                                 \
        how();                                                                                     \
        BENCH_BEGIN(name);                                                                         \
        wait_for_irq();                                                                            \
        BENCH_END(name);                                                                           \
        woken();                                                                                   \
    }

static void by_other(void)
{
    atomic_store(&steps->waiting, awaited);
}

static void by_timer(void)
{
    timer_set(time_now() + ticks_of_us(SETTLE_US));
}

static void ready(struct guest_hart *self)
{
    self->on_soft = on_soft;
    bench_listen(self, stop_timer);
}

/* The doorbell's source goes to this hart. */
static void attach(const struct guest_hart *self)
{
    struct board_irq irq = board_channel("bench")->irq;

    irq_detach(irq);
    if (!irq_attach(irq, self->index, channel_on_bell, NULL)) {
        guest_panic("bench: the bell cannot be attached\n");
    }
}

static void sleep_shared(struct guest_hart *self)
{
    ready(self);
    rung = channel_open(channel_on_bell, true);
    BENCH_WAKE(wake_shared_ipi, by_other);
    if (rung) {
        BENCH_WAKE(wake_shared_doorbell, by_other);
    }
    BENCH_WAKE(wake_shared_timer, by_timer);
    atomic_store(&sleepers_done, 1);
}

static void sleep_own(struct guest_hart *self)
{
    ready(self);
    BENCH_WAKE(wake_own_ipi, by_other);
    if (rung) {
        attach(self);
        BENCH_WAKE(wake_own_doorbell, by_other);
    }
    BENCH_WAKE(wake_own_timer, by_timer);
    atomic_store(&sleepers_done, 2);
}

/* ---- who wakes ------------------------------------------------------------------------------- */

/* A sleeper's rounds of one kind, from the first on; returns the last. */
#define WAKE(count, how)                                                                           \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        until(&steps->waiting, ++(count));                                                         \
        pause_us(SETTLE_US);                                                                       \
        how;                                                                                       \
        until(&steps->received, (count));                                                          \
    }

static void send_ipi(uint64_t to)
{
    BENCH_BEGIN(ipi_send);
    (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, to, 0, 0);
    BENCH_END(ipi_send);
}

void bench_wakes(void)
{
    static void (*const sleeper[SLEEPERS])(struct guest_hart *) = {sleep_shared, sleep_own};
    uint32_t count = 0;

    if (board.hart_count < HARTS) {
        return;
    }
    bench_empty();
    for (uint32_t i = 0; i < SLEEPERS; i++) {
        uint32_t index = (hart_self()->index + 1 + i) % HARTS;

        if (guest_hart_start(index, sleeper[i]) != SBI_SUCCESS) {
            guest_panic("bench: hart %u does not start\n", (unsigned)index);
        }
        WAKE(count, send_ipi(guest_harts[index].id));
        until(&sleepers_done, i + 1);
        count = atomic_load(&steps->received);
    }
}

void ringer_run(void)
{
    uint32_t count = 0;

    if (!channel_open(channel_on_bell, false)) {
        guest_panic("bench: no channel to ring\n");
    }
    for (uint32_t i = 0; i < SLEEPERS; i++) {
        /* The IPIs' rounds are before, the timer's behind. */
        count += BENCH_ROUNDS;
        WAKE(count, channel_ring());
        count += BENCH_ROUNDS;
    }
    idle_run();
}

void idle_run(void)
{
    for (;;) {
        wait_for_irq();
    }
}
