/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a row's cost grows with what is around it (tests/bench/growth.py). The bootargs say what
 * that is, before any mode begins:
 *
 *   harts=1      this VM's other harts are started, and wait for ever
 *   ends=N       the first N channels are open at this end, their sources enabled; at the other end
 *                likewise
 *   timer-us=N   an alarm so far from now, enabled; it never comes while anything is measured
 *
 * And rows of sources: what a register of one costs by its number, the emulated UART's interrupt,
 * and a claim while others are pending.
 */
#include "guests/bench/bench.h"
#include "guests/bench/channel.h"
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/irq_regs.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/mmio.h"
#include "guests/lib/timer.h"

#include <stddef.h>

#define SETTLE_US 500u /* an interrupt's way from another hart */

#define UART_IER      1u
#define UART_IER_THRI 2u

static struct mailbox ends[BOARD_CHANNELS];
static struct mailbox_memory memories[BOARD_CHANNELS];
static uint32_t end_count;

/* ---- what is around -------------------------------------------------------------------------- */

static _Atomic uint32_t waiting;

static void wait_for_ever(struct guest_hart *unused)
{
    (void)unused;
    (void)atomic_fetch_add(&waiting, 1);
    idle_run();
}

static void start_harts(void)
{
    for (uint32_t i = 0; i < board.hart_count; i++) {
        if (i != hart_self()->index && guest_hart_start(i, wait_for_ever) != SBI_SUCCESS) {
            guest_panic("bench: hart %u does not start\n", (unsigned)i);
        }
    }
    until(&waiting, board.hart_count - 1);
}

static void on_end(void *arg)
{
    struct mailbox *end = arg;

    if ((mailbox_take_events(end) & CURIA_MAILBOX_EV_BELL) != 0 && mailbox_take_bell(end) != 0) {
        arrivals++;
    }
}

/* Each end's coming up may be an event at the other, which is no part of a row. */
static void open_ends(uint32_t count)
{
    for (; end_count < count; end_count++) {
        const struct board_channel *channel = &board.channels[end_count];

        if (end_count == board.channel_count ||
            mailbox_open(&ends[end_count], channel, &memories[end_count]) != SBI_SUCCESS ||
            !irq_attach(channel->irq, hart_self()->index, on_end, &ends[end_count])) {
            guest_panic("bench: channel %u cannot be opened\n", (unsigned)end_count);
        }
    }
    (void)atomic_fetch_add(&steps->around, 1);
    until(&steps->around, 2);
    pause_us(SETTLE_US);
    take_irqs();
}

void growth_prepare(void)
{
    uint32_t count = (uint32_t)board_arg_number("ends", 0);
    uint64_t us = board_arg_number("timer-us", 0);

    if (us != 0) {
        timer_set(time_now() + ticks_of_us(us));
        timer_enable();
    }
    if (board_arg_number("harts", 0) != 0) {
        start_harts();
    }
    if (count != 0) {
        open_ends(count);
    }
}

/* ---- sources by number ----------------------------------------------------------------------- */

static void bench_registers(uint32_t source)
{
    uint64_t priority = plic_priority(source);
    uint64_t enable = plic_enables(hart_self()->index, source);
    uint32_t bit = 1u << source % 32u;

    if (board.imsic_ids != 0) {
        uint64_t sourcecfg = aplic_sourcecfg(source);
        uint64_t target = aplic_target(source);
        uint32_t old = mmio_read32(target);

        BENCH(source_read, mmio_read32(sourcecfg));
        BENCH(source_write, mmio_write32(target, old));
        BENCH(source_enable, mmio_write32(board.aplic.start + APLIC_SETIENUM, source));
        return;
    }
    BENCH(source_read, mmio_read32(priority));
    BENCH(source_write, mmio_write32(priority, 1));
    for (uint32_t round = 0; round < BENCH_ROUNDS; round++) {
        mmio_write32(enable, 0);
        BENCH_BEGIN(source_enable);
        mmio_write32(enable, bit);
        BENCH_END(source_enable);
    }
}

/* Its transmitter is always empty: the line is up from when that is enabled until it is not. */
static void on_uart(void *unused)
{
    (void)unused;
    arrivals++;
    mmio_write8(board.uart.start + UART_IER, 0);
}

static void ring_uart(void)
{
    mmio_write8(board.uart.start + UART_IER, UART_IER_THRI);
    wait_for_irq();
    take_irqs();
}

static void bench_uart(void)
{
    struct board_irq irq = {board.uart_irq.source, 4};
    uint32_t before = arrivals;

    if (!irq_attach(irq, hart_self()->index, on_uart, NULL)) {
        guest_panic("bench: source %u of the UART cannot be attached\n", (unsigned)irq.source);
    }
    bench_registers(irq.source);
    BENCH(uart_irq, ring_uart());
    if (arrivals - before != BENCH_ROUNDS) {
        guest_panic("bench: uart_irq: %u interrupts\n", (unsigned)(arrivals - before));
    }
    irq_detach(irq);
}

void bench_sources(void)
{
    bench_empty();
    bench_uart();
    bench_channel();
}

/* ---- sources that are pending ---------------------------------------------------------------- */

/* The other end has rung all: one is claimed and completed here, the others by the handlers. */
static void claim_one(void)
{
    uint64_t claim = plic_claim(hart_self()->index);
    uint32_t source;

    BENCH_BEGIN(irq_claim);
    source = mmio_read32(claim);
    BENCH_END(irq_claim);
    BENCH_BEGIN(irq_complete);
    mmio_write32(claim, source);
    BENCH_END(irq_complete);
}

void bench_pending(void)
{
    bool claims = board.imsic_ids == 0;

    if (!channel_open(channel_on_bell, true)) {
        guest_panic("bench: no channel to be rung by\n");
    }
    bench_empty();
    for (uint32_t round = 1; round <= BENCH_ROUNDS; round++) {
        uint32_t before = arrivals;

        atomic_store(&steps->waiting, round);
        until(&steps->received, round);
        pause_us(SETTLE_US);
        if (claims) {
            claim_one();
        }
        take_irqs();
        if (arrivals - before != end_count + (claims ? 0 : 1)) {
            guest_panic("bench: pending: %u of %u bells\n", (unsigned)(arrivals - before),
                        (unsigned)end_count + 1);
        }
    }
}

/* The last bell is that of the channel "bench". */
void pending_peer_run(void)
{
    if (!channel_open(channel_on_bell, false)) {
        guest_panic("bench: no channel to ring\n");
    }
    for (uint32_t round = 1; round <= BENCH_ROUNDS; round++) {
        until(&steps->waiting, round);
        for (uint32_t i = 0; i < end_count; i++) {
            (void)mailbox_notify(&ends[i], 1);
        }
        BENCH_BEGIN(doorbell_send);
        channel_ring();
        BENCH_END(doorbell_send);
        atomic_store(&steps->received, round);
    }
    idle_run();
}

/* ---- a hart that is never free --------------------------------------------------------------- */

void spin_run(void)
{
    for (;;) {
        __asm__ volatile("" : : : "memory");
    }
}
