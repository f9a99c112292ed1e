/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power: on PREPARE the guest acknowledges, brings the vehicle functions to rest (which takes a
 * moment, PARK_US), and says that it is ready; on STOP it is gone by SRST, or asleep by SUSP; on
 * ABORT and RESUME it goes on. With the bootarg wake-ms it wakes itself, and so the machine, so
 * long after it fell asleep.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/hart.h"
#include "guests/lib/irq.h"
#include "guests/lib/power.h"
#include "guests/lib/timer.h"
#include "guests/rtos/rtos.h"

#include <stddef.h>

#define PARK_US 30000u

static struct {
    volatile bool event_due; /* set by the interrupt */
    bool parking, parked;
    uint32_t txn;
    uint64_t parked_at; /* ticks, when parking */
} park;

static void on_event(void *unused)
{
    (void)unused;
    park.event_due = true;
}

void park_init(void)
{
    int64_t error;

    if (!board.curia) {
        return;
    }
    if (!irq_attach(board.power_irq, hart_self()->index, on_event, NULL)) {
        con_printf("adas: power: no interrupt\n");
    }
    error = power_listen(true);
    if (error != SBI_SUCCESS) {
        con_printf("adas: power: error %d\n", (int)error);
    }
    park.event_due = true;
}

bool park_active(void)
{
    return park.parking || park.parked;
}

static void prepare(const struct power_event *event)
{
    (void)power_answer(event->txn, CURIA_PWR_ANSWER_ACK, 0);
    con_printf("adas: power: prepare (transition %u), parking\n", (unsigned)event->txn);
    park.txn = event->txn;
    park.parking = true;
    park.parked = false;
    park.parked_at = time_now() + ticks_of_us(PARK_US);
}

static void stop(uint32_t type)
{
    struct demo_jitter j = task_jitter();

    con_printf("adas: power: stop after %lu releases, jitter min/avg/max %u/%u/%u ns\n",
               (unsigned long)j.releases, (unsigned)j.min_ns, (unsigned)j.mean_ns,
               (unsigned)j.max_ns);
    irqs_off();
    sbi_system_reset(type, SBI_SRST_REASON_NONE);
    guest_panic("adas: power: SRST came back");
}

static void sleep(uint32_t txn)
{
    uint64_t wake_ms = board_arg_number("wake-ms", 0);
    int64_t error;

    con_printf("adas: power: sleep (transition %u)\n", (unsigned)txn);
    irqs_off();
    task_rest(wake_ms != 0 ? time_now() + ticks_of_us(wake_ms * 1000) : UINT64_MAX);
    error = guest_sleep();
    task_go_on();
    irqs_on();
    if (error != SBI_SUCCESS) {
        con_printf("adas: power: SUSP: error %d\n", (int)error);
        (void)power_answer(txn, CURIA_PWR_ANSWER_VETO, 0);
    }
    park.event_due = true; /* the event's interrupt may be what ended it */
}

static void go_on(const char *why, uint32_t reason)
{
    con_printf("adas: power: %s (0x%x), going on\n", why, (unsigned)reason);
    park.parking = false;
    park.parked = false;
}

static void handle(const struct power_event *event)
{
    switch (event->type) {
    case CURIA_PWR_EV_PREPARE:
        prepare(event);
        break;
    case CURIA_PWR_EV_STOP:
        if (event->kind == CURIA_PWR_KIND_SUSPEND) {
            sleep(event->txn);
            break;
        }
        stop(SBI_SRST_TYPE_SHUTDOWN);
        break;
    case CURIA_PWR_EV_SHUTDOWN:
        stop(SBI_SRST_TYPE_SHUTDOWN);
        break;
    case CURIA_PWR_EV_RESTART:
        stop(SBI_SRST_TYPE_COLD);
        break;
    case CURIA_PWR_EV_ABORT:
        go_on("aborted", event->reason);
        break;
    case CURIA_PWR_EV_RESUME:
        go_on("resumed", event->reason);
        (void)power_answer(event->txn, CURIA_PWR_ANSWER_ACK, 0);
        break;
    default:
        con_printf("adas: power: unknown event %u\n", (unsigned)event->type);
        break;
    }
}

bool park_step(void)
{
    bool due = park.event_due;

    if (due) {
        struct power_event event;

        park.event_due = false;
        for (event = power_next(); event.type != 0; event = power_next()) {
            handle(&event);
        }
    }
    if (park.parking && time_now() >= park.parked_at) {
        park.parking = false;
        park.parked = true;
        con_printf("adas: power: parked, ready\n");
        (void)power_answer(park.txn, CURIA_PWR_ANSWER_READY, 0);
    }
    return due;
}
