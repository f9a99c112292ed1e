/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver-assistance domain as a small real-time guest on one hart. A task of 1 kHz, released by
 * the timer, measures how late it is released; ten times a second the state goes to cockpit
 * (channel "state"); pings of control are answered (channel "ping"); power events are obeyed.
 *
 * Interrupt handlers only measure and set flags; all else is done by the main loop, which sleeps
 * when no flag is set. One hart: interrupts off is the lock.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/irq.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/timer.h"
#include "guests/rtos/rtos.h"

#include <stddef.h>

#define STATE_EVERY  100u /* periods of the task */
#define STATUS_EVERY 10000u

static struct {
    struct mailbox state, ping;
    bool state_due, mail_due, status_due;
    uint64_t seq;
    uint64_t started_at; /* ticks */
    uint64_t unsent, pings;
    struct demo_state message;
    struct demo_ping answer;
} rtos;

static struct mailbox_memory state_memory, ping_memory;

void rtos_release(uint64_t before, uint64_t periods)
{
    rtos.state_due |= before / STATE_EVERY != periods / STATE_EVERY;
    rtos.status_due |= before / STATUS_EVERY != periods / STATUS_EVERY;
}

static void on_mail(void *unused)
{
    (void)unused;
    rtos.mail_due = true;
}

/* ---- the main loop's work ----------------------------------------------------------------------
 */

static void send_state(void)
{
    rtos.seq++;
    if (rtos.state.memory == NULL) {
        return;
    }
    rtos.message = (struct demo_state){
        .magic = DEMO_STATE_MAGIC,
        .size = sizeof(rtos.message),
        .seq = rtos.seq,
        .time_us = us_of_ticks(time_now() - rtos.started_at),
        .jitter = task_jitter(),
    };
    if (mailbox_send(&rtos.state, &rtos.message, sizeof(rtos.message)) != SBI_SUCCESS) {
        rtos.unsent++;
    }
}

static void answer_pings(void)
{
    uint32_t len;

    (void)mailbox_take_events(&rtos.ping);
    while ((len = mailbox_receive(&rtos.ping, &rtos.answer, sizeof(rtos.answer))) != 0) {
        if (len < sizeof(rtos.answer) || rtos.answer.magic != DEMO_PING_MAGIC) {
            continue;
        }
        rtos.answer.jitter = task_jitter();
        if (mailbox_send(&rtos.ping, &rtos.answer, sizeof(rtos.answer)) == SBI_SUCCESS) {
            rtos.pings++;
        } else {
            rtos.unsent++;
        }
    }
}

static void print_status(void)
{
    struct demo_jitter j = task_jitter();
    char histogram[TASK_HISTOGRAM_TEXT];

    task_histogram(histogram);
    con_printf("adas: %lu s, jitter min/avg/max %u/%u/%u ns, missed %lu, states %lu (%lu unsent), "
               "pings %lu\n",
               (unsigned long)(us_of_ticks(time_now() - rtos.started_at) / 1000000u),
               (unsigned)j.min_ns, (unsigned)j.mean_ns, (unsigned)j.max_ns, (unsigned long)j.missed,
               (unsigned long)rtos.seq, (unsigned long)rtos.unsent, (unsigned long)rtos.pings);
    con_printf("adas: lateness %s\n", histogram);
}

/* True: there was something to do. Called with interrupts off; the work runs with them on. */
static bool work(void)
{
    bool state = rtos.state_due && !park_active();
    bool mail = rtos.mail_due;
    bool status = rtos.status_due;

    rtos.state_due = false;
    rtos.mail_due = false;
    rtos.status_due = false;
    irqs_on();
    if (state) {
        send_state();
    }
    if (mail && rtos.ping.memory != NULL) {
        answer_pings();
    }
    if (status) {
        print_status();
    }

    bool power = park_step();

    irqs_off();
    return state || mail || status || power;
}

/* ---- the start ---------------------------------------------------------------------------------
 */

static void open_channel(struct mailbox *mailbox, struct mailbox_memory *memory, const char *label)
{
    const struct board_channel *channel = board_channel(label);
    int64_t error;

    if (channel == NULL) {
        con_printf("adas: no channel \"%s\"\n", label);
        return;
    }
    error = mailbox_open(mailbox, channel, memory);
    if (error != SBI_SUCCESS) {
        con_printf("adas: channel \"%s\": error %d\n", label, (int)error);
        return;
    }
    if (!irq_attach(channel->irq, hart_self()->index, on_mail, NULL)) {
        con_printf("adas: channel \"%s\": no interrupt\n", label);
    }
    /* A message may have come before the source was enabled. */
    rtos.mail_due = true;
}

void guest_main(void)
{
    bool chip = irq_init();

    rtos.started_at = time_now();
    con_printf("adas: real-time guest, hart %lu, %s timer, %s\n", (unsigned long)hart_self()->id,
               board.sstc ? "Sstc" : "SBI",
               !chip                  ? "no interrupt controller"
               : board.imsic_ids != 0 ? "AIA"
                                      : "PLIC");
    open_channel(&rtos.state, &state_memory, "state");
    open_channel(&rtos.ping, &ping_memory, "ping");
    park_init();
    task_start();
    con_printf("adas: ready, task at 1000 Hz\n");
    for (;;) {
        while (work()) {
        }
        irqs_wait();
    }
}
