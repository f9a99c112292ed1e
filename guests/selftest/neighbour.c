/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The neighbour: fills its RAM, FP and vector registers with a pattern, has counters count, checks
 * them for ever, and that its debug trigger alone is hit, watches the time pass, and tells once a
 * second that all is as it was. It echoes messages and doorbells on every channel that it has,
 * answers in shared regions, and obeys power events with a last verdict. With the bootarg rest-ms
 * it sleeps so long after each look, or until an interrupt: for machines with many of it; with
 * beat-ms it gives heartbeats, each good for so long, until it has told beats-of times that all is
 * well; with steal=1 it tells its steal time, too; with vary=1 it writes fcsr anew at each look;
 * with delegate=1 its misaligned accesses are its own (FWFT). STOP of a suspend puts it to sleep;
 * with sleep=deaf it does not, with sleep=veto it says that it cannot, with wake-ms it wakes so
 * long after by its timer, with alarm-ms by its RTC's alarm, once. With move-vm and move-harts it
 * moves the vCPUs of that VM round those harts of the machine, from 0, one at each look.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/irq.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/mmio.h"
#include "guests/lib/power.h"
#include "guests/lib/rtc.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"

#include <stddef.h>
#include <string.h>

#define CHECK_BYTES 0x100000u /* between looks at everything else */
#define TICK_MS     10u
#define BOXES       8u /* channels that it answers, the first ones */

static struct {
    struct mailbox boxes[BOXES];
    uint32_t box_count;
    uint64_t *ram;
    uint64_t words, at; /* next to be checked */
    uint64_t rounds, reports;
    uint64_t bad_words, bad_times;
    uint64_t tick_us, ticks, due; /* the timer's, and when the next is */
    uint64_t last_time, worst_late;
    uint64_t echoed, bells;
    uint64_t beat_us, beats_of;
    uint64_t move_vm, move_harts, move_turn; /* 0 harts: it moves nobody */
    bool steal, vectors, fp, vary;
    volatile uint64_t alarms;
    volatile bool power_due; /* events may wait: the interrupt has come, or there is none */
    bool polls;
} me;

static struct mailbox_memory memories[BOXES];
static volatile struct steal_time steal;
static char message[CURIA_IPC_MESSAGE_MAX];

static uint64_t pattern(uint64_t i)
{
    return (i + 1) * 0x9e3779b97f4a7c15ull;
}

static void on_timer(struct guest_hart *self)
{
    uint64_t now = time_now();

    (void)self;
    if (now < me.due) {
        me.bad_times++; /* too early */
    } else if (now - me.due > me.worst_late) {
        me.worst_late = now - me.due;
    }
    me.ticks++;
    me.due = now + ticks_of_us(me.tick_us);
    timer_set(me.due);
}

/* Messages are looked for in the loop: nothing to do but to wake. */
static void on_irq(void *unused)
{
    (void)unused;
}

static void on_power(void *unused)
{
    (void)unused;
    me.power_due = true;
}

static void verdict(const char *what)
{
    con_printf("neighbour: verdict %s, %lu rounds, bad words %lu, bad times %lu, echoed %lu (%s)\n",
               me.bad_words == 0 && me.bad_times == 0 ? "ok" : "BAD", (unsigned long)me.rounds,
               (unsigned long)me.bad_words, (unsigned long)me.bad_times, (unsigned long)me.echoed,
               what);
}

static void check_some(void)
{
    uint64_t end = me.at + CHECK_BYTES / 8;
    uint64_t now = time_now();

    me.bad_words += me.vectors && !vector_is_full() ? 1 : 0;
    me.bad_words += me.fp && !fp_is_full() ? 1 : 0;
    if (me.fp && me.vary) {
        fp_vary();
    }
    me.bad_words += triggers_hold() ? 0 : 1;
    me.bad_words += pmu_is_kept() ? 0 : 1;
    for (; me.at < end && me.at < me.words; me.at++) {
        me.bad_words += me.ram[me.at] != pattern(me.at) ? 1 : 0;
    }
    if (me.at >= me.words) {
        me.at = 0;
        me.rounds++;
    }
    me.bad_times += now < me.last_time ? 1 : 0;
    me.last_time = now;
}

static void echo(struct mailbox *box)
{
    uint32_t len;
    uint64_t bell;

    if (box->memory == NULL) {
        return;
    }
    (void)mailbox_take_events(box);
    while ((len = mailbox_receive(box, message, sizeof(message))) != 0) {
        for (uint32_t i = 0; i < 1000 && mailbox_send(box, message, len) == SBI_ERR_TIMEOUT; i++) {
            pause_us(100); /* the peer has no room */
        }
        me.echoed++;
    }
    bell = mailbox_take_bell(box);
    if (bell != 0) {
        (void)mailbox_notify(box, bell);
        me.bells++;
    }
}

static void answer_regions(void)
{
    for (uint32_t i = 0; i < board.region_count; i++) {
        volatile uint64_t *word = (volatile uint64_t *)board.regions[i].range.start;

        if (!board.regions[i].read_only && word[0] != 0) {
            word[1] = ~word[0];
        }
    }
}

static void on_alarm(void *unused)
{
    (void)unused;
    me.alarms++;
    mmio_write32(board.rtc.start + RTC_CLEAR_INTERRUPT, 1);
}

static void set_alarm(uint64_t ms)
{
    mmio_write32(board.rtc.start + RTC_IRQ_ENABLED, 1);
    rtc_alarm_in(ms * 1000000);
}

static void sleep(uint32_t txn)
{
    uint64_t alarm_ms = board_arg_number("alarm-ms", 0);
    uint64_t wake_ms = board_arg_number("wake-ms", 0);
    char how[8] = "";
    int64_t error = SBI_ERR_FAILED;

    (void)board_arg("sleep", how, sizeof(how));
    if (strcmp(how, "deaf") == 0) {
        return;
    }
    (void)irqs_off();
    if (strcmp(how, "veto") != 0) {
        con_printf("neighbour: sleeps\n");
        if (alarm_ms != 0 && me.alarms == 0) {
            set_alarm(alarm_ms);
        }
        timer_set(wake_ms != 0 ? time_now() + ticks_of_us(wake_ms * 1000) : UINT64_MAX);
        error = guest_sleep();
        me.due = time_now() + ticks_of_us(me.tick_us);
        timer_set(me.due);
        con_printf("neighbour: awake, error %d\n", (int)error);
    }
    irqs_on();
    if (alarm_ms != 0) {
        con_printf("neighbour: %lu alarms\n", (unsigned long)me.alarms);
    }
    if (error != SBI_SUCCESS) {
        (void)power_answer(txn, CURIA_PWR_ANSWER_VETO, 0);
    }
}

static void stop(const struct power_event *event)
{
    if (event->type == CURIA_PWR_EV_STOP && event->kind == CURIA_PWR_KIND_SUSPEND) {
        sleep(event->txn);
        return;
    }
    (void)irqs_off();
    verdict("asked to stop");
    sbi_system_reset(SBI_SRST_TYPE_SHUTDOWN, SBI_SRST_REASON_NONE);
}

static void obey(void)
{
    struct power_event event;

    if (!me.power_due) {
        return;
    }
    me.power_due = me.polls;
    for (event = power_next(); event.type != 0; event = power_next()) {
        switch (event.type) {
        case CURIA_PWR_EV_PREPARE:
            (void)power_answer(event.txn, CURIA_PWR_ANSWER_READY, 0);
            break;
        case CURIA_PWR_EV_STOP:
        case CURIA_PWR_EV_SHUTDOWN:
        case CURIA_PWR_EV_RESTART:
            stop(&event);
            break;
        case CURIA_PWR_EV_RESUME:
            con_printf("neighbour: resumed (0x%x)\n", (unsigned)event.reason);
            (void)power_answer(event.txn, CURIA_PWR_ANSWER_ACK, 0);
            break;
        default:
            break;
        }
    }
}

static void beat(void)
{
    if (me.beat_us != 0 && me.reports < me.beats_of) {
        (void)sbi_call(CURIA_EXT_VMM, CURIA_VMM_HEARTBEAT, me.beat_us, 0, 0, 0);
    }
}

/* Of as many vCPUs as no test has more; one that is not there is refused. */
static void move_one(void)
{
    uint64_t turn = me.move_turn++;

    if (me.move_harts != 0) {
        (void)sbi_call(CURIA_EXT_VMM, CURIA_VMM_MOVE, me.move_vm, turn % 4,
                       turn / 4 % me.move_harts, 0);
    }
}

static void report(void)
{
    me.reports++;
    con_printf("neighbour %s %lu (rounds %lu, ticks %lu, worst late %lu us)\n",
               me.bad_words == 0 && me.bad_times == 0 ? "ok" : "BAD", (unsigned long)me.reports,
               (unsigned long)me.rounds, (unsigned long)me.ticks,
               (unsigned long)us_of_ticks(me.worst_late));
    if (me.steal) {
        con_printf("neighbour: %lu us stolen\n", (unsigned long)(steal.steal / 1000));
    }
}

static void start(void)
{
    bool chip = irq_init();

    me.ram = (uint64_t *)(uintptr_t)free_ram(&me.words);
    me.words /= 8;
    for (uint64_t i = 0; i < me.words; i++) {
        me.ram[i] = pattern(i);
    }
    me.box_count = board.channel_count < BOXES ? board.channel_count : BOXES;
    for (uint32_t i = 0; i < me.box_count; i++) {
        if (mailbox_open(&me.boxes[i], &board.channels[i], &memories[i]) != SBI_SUCCESS ||
            (chip && !irq_attach(board.channels[i].irq, hart_self()->index, on_irq, NULL))) {
            con_printf("neighbour: BAD channel %s\n", board.channels[i].label);
        }
    }
    if (board.curia) {
        (void)power_listen(true);
        me.polls = !irq_attach(board.power_irq, hart_self()->index, on_power, NULL);
        me.power_due = true;
        pmu_keep();
    }
    if (board_arg_number("alarm-ms", 0) != 0 &&
        !(chip && irq_attach(board.rtc_irq, hart_self()->index, on_alarm, NULL))) {
        con_printf("neighbour: BAD no RTC\n");
    }
    me.vectors = vector_on();
    if (me.vectors) {
        vector_fill();
    }
    me.fp = fp_on();
    if (me.fp) {
        fp_fill();
    }
    me.vary = board_arg_number("vary", 0) != 0;
    me.steal =
        board_arg_number("steal", 0) != 0 &&
        sbi_call(SBI_EXT_STA, SBI_STA_SET_SHMEM, (uint64_t)(uintptr_t)&steal, 0, 0, 0).error ==
            SBI_SUCCESS;
    hart_self()->on_timer = on_timer;
    if (board_arg_number("delegate", 0) != 0) {
        (void)sbi_call(SBI_EXT_FWFT, SBI_FWFT_SET, SBI_FWFT_MISALIGNED_EXC_DELEG, 1, 0, 0);
    }
    me.beat_us = board_arg_number("beat-ms", 0) * 1000;
    me.beats_of = board_arg_number("beats-of", UINT64_MAX);
    me.move_vm = board_arg_number("move-vm", 0);
    me.move_harts = board_arg_number("move-harts", 0);
    me.tick_us = board_arg_number("rest-ms", TICK_MS) * 1000;
    me.due = time_now() + ticks_of_us(me.tick_us);
    timer_set(me.due);
    timer_enable();
    irqs_on();
    triggers_watch();
}

void role_neighbour(void)
{
    bool rest = board_arg_number("rest-ms", 0) != 0;
    uint64_t report_at;

    start();
    con_printf("neighbour: ready, %lu MiB under watch\n", (unsigned long)(me.words >> 17));
    report_at = time_now() + board.timebase_hz;
    for (;;) {
        check_some();
        for (uint32_t i = 0; i < me.box_count; i++) {
            echo(&me.boxes[i]);
        }
        answer_regions();
        if (board.curia) {
            obey();
            beat();
            move_one();
        }
        if (time_now() >= report_at) {
            report_at += board.timebase_hz;
            report();
        }
        if (rest) {
            (void)irqs_off();
            irqs_wait();
            irqs_on();
        }
    }
}
