/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A storm of interrupts on one hart. Role "storm" leads, "storm-peer" is the other VM. In each of
 * its rounds the leader rings the peer's bell, sends an IPI to its own second hart and, in some,
 * sets an alarm of the RTC a moment ahead; then it waits for what comes of each: the peer's
 * message, the sibling's IPI, the alarm's interrupt. Each of the three harts has a timer besides,
 * that goes off again and again. So a round is three switches at least, if all share one hart.
 *
 * One of each kind is on its way at a time, and bells and messages are numbered. So what is lost is
 * missed, and the round does not end, WAIT_US at most; what comes twice comes when none is on its
 * way. The peer's messages tell of its own findings.
 *
 * Role "tick" is that timer alone.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/irq.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/mmio.h"
#include "guests/lib/rtc.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"

#include <stdatomic.h>
#include <stddef.h>

#define WAIT_US  1000000u
#define LATE_US  10000u
#define AHEAD_NS 3000u
#define ALARM_IN 4u           /* rounds */
#define PEER_BAD (1ull << 63) /* in a message: the peer has had what is not right */

struct kind {
    const char *name;
    _Atomic uint64_t made, come, bad;
};

/* A hart's timer, its own. */
struct ticker {
    uint64_t due, taken, early;
};

static struct kind bells = {.name = "bells"};       /* to the peer */
static struct kind messages = {.name = "messages"}; /* from it */
static struct kind calls = {.name = "IPIs to the sibling"};
static struct kind answers = {.name = "IPIs from the sibling"};
static struct kind alarms = {.name = "alarms"};
static struct ticker tickers[GUEST_HARTS];
static uint64_t tick; /* in ticks of the timebase, of the first hart */

static struct mailbox_memory memory;
static struct mailbox box;
static _Atomic uint64_t empty_irqs; /* of the mailbox, for no event */

static void take(struct kind *kind, bool right)
{
    kind->bad += right ? 0 : 1;
    kind->come++;
}

static bool is_awaited(const struct kind *kind)
{
    return kind->come < kind->made;
}

/* Until so many have come. */
static void await(const struct kind *kind, uint64_t count)
{
    uint64_t end = time_now() + ticks_of_us(WAIT_US);

    while (kind->come < count) {
        if (time_now() > end) {
            guest_panic("storm: BAD %s: %lu of %lu have come, %lu were made\n", kind->name,
                        (unsigned long)kind->come, (unsigned long)count, (unsigned long)kind->made);
        }
        irqs_wait();
    }
}

/* ---- the timer ------------------------------------------------------------------------------- */

static void arm(struct ticker *t)
{
    t->due = time_now() + tick + t->taken % 16 * (tick / 16); /* in step with nothing */
    timer_set(t->due);
}

/* None early, none lost: the one that is armed is still to come, or has been due for a moment. */
static bool is_sound(const struct ticker *t)
{
    return t->early == 0 && t->taken != 0 && time_now() < t->due + ticks_of_us(LATE_US);
}

static void on_tick(struct guest_hart *self)
{
    struct ticker *t = &tickers[self->index];

    t->early += time_now() < t->due ? 1 : 0;
    t->taken++;
    arm(t);
}

static void start_ticks(struct guest_hart *self)
{
    tick = ticks_of_us(board_arg_number("tick-us", 100));
    self->on_timer = on_tick;
    arm(&tickers[self->index]);
    timer_enable();
}

void role_tick(void)
{
    start_ticks(hart_self());
    for (;;) {
        irqs_wait();
    }
}

/* ---- bells and messages ---------------------------------------------------------------------- */

static uint64_t bell_bit(uint64_t number)
{
    return 1ull << (number % 64);
}

static void on_bell(void *unused)
{
    uint32_t events = mailbox_take_events(&box);

    (void)unused;
    empty_irqs += events == 0 ? 1 : 0;
    if ((events & CURIA_MAILBOX_EV_BELL) != 0) {
        take(&bells, mailbox_take_bell(&box) == bell_bit(bells.come));
    }
}

static void on_message(void *unused)
{
    uint64_t number;
    uint32_t len;

    (void)unused;
    empty_irqs += mailbox_take_events(&box) == 0 ? 1 : 0;
    while ((len = mailbox_receive(&box, &number, sizeof(number))) != 0) {
        take(&messages, len == sizeof(number) && number == messages.come);
    }
}

static void open_box(irq_fn on_mail)
{
    const struct board_channel *channel = board_channel("storm");

    if (channel == NULL || !irq_init() ||
        !irq_attach(channel->irq, hart_self()->index, on_mail, NULL) ||
        mailbox_open(&box, channel, &memory) != SBI_SUCCESS) {
        guest_panic("storm: BAD channel\n");
    }
    while ((mailbox_peer_state(&box) & CURIA_PEER_UP) == 0) {
        pause_us(100);
    }
}

static void ring(void)
{
    uint64_t bit = bell_bit(bells.made);

    bells.made++; /* the peer's own count goes by what comes */
    messages.made++;
    if (mailbox_notify(&box, bit) != SBI_SUCCESS) {
        guest_panic("storm: BAD bell\n");
    }
}

void role_storm_peer(void)
{
    open_box(on_bell);
    start_ticks(hart_self());
    for (uint64_t answered = 0;;) {
        while (bells.come == answered) {
            irqs_wait();
        }
        uint64_t number = answered++;

        if (bells.bad != 0 || empty_irqs > 1 || (number > 100 && !is_sound(&tickers[0]))) {
            number |= PEER_BAD;
        }
        if (mailbox_send(&box, &number, sizeof(number)) != SBI_SUCCESS) {
            guest_panic("storm: BAD answer\n");
        }
    }
}

/* ---- IPIs ------------------------------------------------------------------------------------ */

static void send_ipi(struct kind *kind, uint32_t index)
{
    kind->made++;
    if (sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, guest_harts[index].id, 0, 0).error !=
        SBI_SUCCESS) {
        guest_panic("storm: BAD IPI\n");
    }
}

static void on_call(struct guest_hart *unused)
{
    (void)unused;
    take(&calls, is_awaited(&calls));
}

static void on_answer(struct guest_hart *unused)
{
    (void)unused;
    take(&answers, is_awaited(&answers));
}

static void ready(struct guest_hart *self, void (*on_soft)(struct guest_hart *self))
{
    self->on_soft = on_soft;
    csr_set(CSR_SIE, 1u << IRQ_S_SOFT);
    start_ticks(self);
}

static void sibling_main(struct guest_hart *self)
{
    ready(self, on_call);
    for (uint64_t answered = 0;; answered++) {
        while (calls.come == answered) {
            irqs_wait();
        }
        send_ipi(&answers, board.boot_index);
    }
}

/* ---- alarms ---------------------------------------------------------------------------------- */

static void on_alarm(void *unused)
{
    (void)unused;
    mmio_write32(board.rtc.start + RTC_CLEAR_INTERRUPT, 1);
    take(&alarms, is_awaited(&alarms));
}

static void set_alarm(void)
{
    alarms.made++;
    rtc_alarm_in(AHEAD_NS);
}

/* ---- the leader ------------------------------------------------------------------------------ */

static bool is_good(const struct kind *kind)
{
    con_printf("storm: %lu %s\n", (unsigned long)kind->come, kind->name);
    return kind->bad == 0 && kind->made == kind->come;
}

static bool ticks_are_good(uint32_t index)
{
    const struct ticker *t = &tickers[index];

    con_printf("storm: %lu ticks of hart %u\n", (unsigned long)t->taken, (unsigned)index);
    return is_sound(t);
}

static bool all_is_good(void)
{
    bool good = is_good(&messages);

    good = is_good(&calls) && good;
    good = is_good(&answers) && good;
    good = is_good(&alarms) && good;
    for (uint32_t i = 0; i < board.hart_count; i++) {
        good = ticks_are_good(i) && good;
    }
    return good && empty_irqs <= 1; /* that the peer's end came up may have been seen before */
}

void role_storm(void)
{
    uint64_t rounds = board_arg_number("rounds", 1000);
    struct guest_hart *self = hart_self();
    uint32_t sibling = self->index ^ 1u;

    open_box(on_message);
    if (!irq_attach(board.rtc_irq, self->index, on_alarm, NULL) ||
        guest_hart_start(sibling, sibling_main) != SBI_SUCCESS) {
        guest_panic("storm: BAD RTC, or no second hart\n");
    }
    mmio_write32(board.rtc.start + RTC_CLEAR_INTERRUPT, 1);
    mmio_write32(board.rtc.start + RTC_IRQ_ENABLED, 1);
    ready(self, on_answer);
    for (uint64_t i = 1; i <= rounds; i++) {
        ring();
        send_ipi(&calls, sibling);
        if (i % ALARM_IN == 0) {
            set_alarm();
        }
        await(&answers, i);
        await(&messages, i);
        await(&alarms, i / ALARM_IN);
    }
    con_printf("storm: %s, %lu rounds\n", all_is_good() ? "ok" : "BAD", (unsigned long)rounds);
    for (;;) {
        irqs_wait();
    }
}
