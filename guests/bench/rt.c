/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real-time VM of "interference". For each way of hammering (hammer.h) and each of its rows it
 * does BENCH_RT_ROUNDS rounds: it waits for an interrupt, and the window ends with the handler's
 * first instruction; or it makes a call (not with calls=0). By the clock it tells how late each
 * handler was, which means something where time is counted in instructions.
 *
 * It waits in WFI alone: whom it shares its hart with runs meanwhile.
 */
#include "guests/bench/bench.h"
#include "guests/bench/hammer.h"
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/irq.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/rtc.h"
#include "guests/lib/timer.h"

#include <stddef.h>

#define PERIOD_US    300u /* to 600 */
#define STEP_TICKS   613u
#define SETTLE_US    2000u
#define SHOWN_US     50000u /* by then Curia has shown what this VM said: on its hart, in pieces */
#define HEARTBEAT_US 3600000000u
#define DRAIN        4u /* messages at an interrupt */

static struct stage *stage;
static volatile bool came;
static volatile uint64_t due;
static volatile uint64_t late; /* of what came last; ticks */

/* ---- handlers -------------------------------------------------------------------------------- */

static void on_release(struct guest_hart *unused)
{
    BENCH_END(rt_timer);
    (void)unused;
    late = time_now() - due;
    timer_set(UINT64_MAX);
    came = true;
}

static void on_tick(struct guest_hart *unused)
{
    (void)unused;
    timer_set(UINT64_MAX);
    came = true;
}

static void on_rtc(void *unused)
{
    BENCH_END(rt_wired);
    (void)unused;
    late = time_now() - due;
    mmio_write32(board.rtc.start + RTC_CLEAR_INTERRUPT, 1);
    came = true;
}

static struct mailbox bell, flood;

static void on_bell(void *unused)
{
    BENCH_END(rt_doorbell);
    (void)unused;
    late = time_now() - atomic_load(&stage->rung_at);
    if ((mailbox_take_events(&bell) & CURIA_MAILBOX_EV_BELL) != 0 &&
        mailbox_take_bell(&bell) != 0) {
        came = true;
    }
}

static void on_flood(void *unused)
{
    static char message[64];

    (void)unused;
    (void)mailbox_take_events(&flood);
    (void)mailbox_take_bell(&flood);
    for (uint32_t i = 0; i < DRAIN && mailbox_receive(&flood, message, sizeof(message)) != 0; i++) {
    }
}

static void wait_until_it_came(void)
{
    while (!came) {
        wait_for_irq();
        take_irqs();
    }
    came = false;
}

/* ---- rows ------------------------------------------------------------------------------------ */

enum { LATE_TIMER, LATE_WIRED, LATE_DOORBELL, LATE_ROWS };

static uint32_t lateness[LATE_ROWS][BENCH_RT_ROUNDS];

/*
 * A round's time: no two are the same. Who shares the hart goes on
 * where the last round ended, and would be met at the same point each time.
 */
static uint64_t period(uint32_t round)
{
    return ticks_of_us(PERIOD_US) + round * STEP_TICKS % ticks_of_us(PERIOD_US);
}

static void next_after(uint64_t ticks)
{
    due = time_now() + ticks;
    timer_set(due);
}

static void rest(uint64_t us)
{
    hart_self()->on_timer = on_tick;
    next_after(ticks_of_us(us));
    wait_until_it_came();
}

static void timer_rows(void)
{
    hart_self()->on_timer = on_release;
    for (uint32_t round = 0; round < BENCH_RT_ROUNDS; round++) {
        next_after(period(round));
        BENCH_BEGIN(rt_timer);
        wait_until_it_came();
        lateness[LATE_TIMER][round] = (uint32_t)late;
    }
}

static void wired_rows(void)
{
    for (uint32_t round = 0; round < BENCH_RT_ROUNDS; round++) {
        due = time_now() + period(round);
        rtc_alarm_in(ns_of_ticks(period(round)));
        BENCH_BEGIN(rt_wired);
        wait_until_it_came();
        lateness[LATE_WIRED][round] = (uint32_t)late;
    }
}

static void doorbell_rows(void)
{
    for (uint32_t round = 0; round < BENCH_RT_ROUNDS; round++) {
        BENCH_BEGIN(rt_doorbell);
        atomic_fetch_add(&stage->wanted, 1);
        wait_until_it_came();
        lateness[LATE_DOORBELL][round] = (uint32_t)late;
    }
}

static void beat(void)
{
    (void)sbi_call(CURIA_EXT_VMM, CURIA_VMM_HEARTBEAT, HEARTBEAT_US, 0, 0, 0);
}

static void call_rows(void)
{
    static const char line[] = "rt: a line of it\n";

    for (uint32_t round = 0; round < BENCH_RT_ROUNDS; round++) {
        rest(PERIOD_US);
        BENCH_BEGIN(rt_heartbeat);
        beat();
        BENCH_END(rt_heartbeat);
    }
    for (uint32_t round = 0; round < BENCH_RT_ROUNDS; round++) {
        rest(PERIOD_US);
        BENCH_BEGIN(rt_print);
        (void)sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE, sizeof(line) - 1, (uint64_t)(uintptr_t)line, 0,
                       0);
        BENCH_END(rt_print);
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static void attach(struct board_irq irq, irq_fn fn)
{
    if (!irq_attach(irq, hart_self()->index, fn, NULL)) {
        guest_panic("bench: source %u cannot be attached\n", (unsigned)irq.source);
    }
}

static void open(struct mailbox *mailbox, const char *label, irq_fn fn)
{
    static struct mailbox_memory memories[2];
    const struct board_channel *channel = board_channel(label);
    struct mailbox_memory *memory = &memories[mailbox == &bell ? 0 : 1];

    if (channel == NULL || mailbox_open(mailbox, channel, memory) != SBI_SUCCESS) {
        guest_panic("bench: channel %s cannot be opened\n", label);
    }
    attach(channel->irq, fn);
}

static void set_hammer(enum hammer what)
{
    if (what == HAMMER_deaf) {
        irq_detach(board_channel("flood")->irq);
    }
    atomic_store(&stage->hammer, what);
    for (uint32_t i = 0; i < HAMMER_HARTS; i++) {
        while (atomic_load(&stage->hammers[i]) != (uint32_t)what + 1) {
            rest(PERIOD_US);
        }
    }
    if (what == HAMMER_deaf + 1) {
        attach(board_channel("flood")->irq, on_flood);
    }
    rest(SETTLE_US);
}

/* In order, so that least, median and most are where they are. */
static void sort(uint32_t *values)
{
    for (uint32_t i = 1; i < BENCH_RT_ROUNDS; i++) {
        uint32_t value = values[i];
        uint32_t at = i;

        for (; at > 0 && values[at - 1] > value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

static void tell(const char *hammer)
{
    for (uint32_t row = 0; row < LATE_ROWS; row++) {
        sort(lateness[row]);
        con_printf("late: %s %u %lu %lu %lu ns\n", hammer, (unsigned)row,
                   (unsigned long)ns_of_ticks(lateness[row][0]),
                   (unsigned long)ns_of_ticks(lateness[row][BENCH_RT_ROUNDS / 2]),
                   (unsigned long)ns_of_ticks(lateness[row][BENCH_RT_ROUNDS - 1]));
    }
    rest(SHOWN_US);
}

void rt_run(void)
{
    static const char *const names[] = {
#define HAMMER_NAME(name) #name,
        HAMMERS(HAMMER_NAME)};
    bool calls = board_arg_number("calls", 1) != 0;

    stage = stage_find();
    csr_set(CSR_SIE, 1u << IRQ_S_TIMER);
    open(&bell, "bell", on_bell);
    open(&flood, "flood", on_flood);
    mmio_write32(board.rtc.start + RTC_CLEAR_INTERRUPT, 1);
    attach(board.rtc_irq, on_rtc);
    mmio_write32(board.rtc.start + RTC_IRQ_ENABLED, 1);
    bench_empty();
    beat(); /* from now on there is a deadline behind each other one */
    for (uint32_t i = 0; i < HAMMER_COUNT; i++) {
        set_hammer((enum hammer)i);
        timer_rows();
        wired_rows();
        doorbell_rows();
        if (calls) {
            call_rows();
        }
        set_hammer(HAMMER_idle);
        tell(names[i]);
    }
}
