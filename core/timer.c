/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines, a sorted list per hart: a handful of timers at most (one per VM, one per vCPU), so a
 * list is the shortest thing that works. The queue's lock is the "hart" lock of the order.
 *
 * A timer moves between harts only under its owner's lock (see timer_arm()), so t->hart is stable
 * for whoever may change it; the queue's lock guards the links against timer_run().
 */
#include "core/timer.h"

#include "core/hart.h"
#include "core/machine.h"

#include <stddef.h>

uint64_t us_to_ticks(uint64_t us)
{
    uint64_t hz = machine.timebase_hz;

    return us / 1000000u * hz + (us % 1000000u * hz + 999999u) / 1000000u;
}

uint64_t ticks_to_us(uint64_t ticks)
{
    uint64_t hz = machine.timebase_hz;

    return ticks / hz * 1000000u + ticks % hz * 1000000u / hz;
}

uint64_t uptime_us(void)
{
    return machine.timebase_hz != 0 ? ticks_to_us(arch_now() - machine.boot_ticks) : 0;
}

void timer_queue_init(struct timer_queue *q)
{
    spinlock_init(&q->lock);
    q->head = NULL;
    q->programmed = UINT64_MAX;
}

/* Own hart: the comparator follows the head of the queue. */
static void program(struct timer_queue *q) REQUIRES(q->lock)
{
    uint64_t deadline = q->head == NULL ? UINT64_MAX : q->head->deadline;

    if (q->programmed != deadline) {
        q->programmed = deadline;
        arch_hart_timer(deadline);
    }
}

static void unlink_locked(struct timer_queue *q, struct timer *t) REQUIRES(q->lock)
{
    for (struct timer **p = &q->head; *p != NULL; p = &(*p)->next) {
        if (*p == t) {
            *p = t->next;
            return;
        }
    }
}

void timer_cancel(struct timer *t)
{
    struct hart *hart = t->hart;

    if (hart == NULL) {
        return;
    }

    spin_lock(&hart->timers.lock);
    unlink_locked(&hart->timers, t);
    spin_unlock(&hart->timers.lock);
    t->hart = NULL;
}

void timer_arm(struct timer *t, struct hart *hart, uint64_t deadline, timer_fn fn)
{
    struct timer_queue *q = &hart->timers;
    struct timer **p;
    bool own = hart == arch_hart_self();
    bool first;

    timer_cancel(t);

    spin_lock(&q->lock);
    t->hart = hart;
    t->deadline = deadline;
    t->fn = fn;
    p = &q->head;
    while (*p != NULL && (*p)->deadline <= deadline) {
        p = &(*p)->next;
    }
    t->next = *p;
    *p = t;
    first = q->head == t;
    if (own) {
        program(q);
    }
    spin_unlock(&q->lock);

    if (first && !own) {
        hart_post(hart, HART_WORK_TIMER);
    }
}

void timer_run(struct hart *hart)
{
    struct timer_queue *q = &hart->timers;

    for (;;) {
        struct timer *t;
        timer_fn fn;

        spin_lock(&q->lock);
        t = q->head;
        if (t == NULL || t->deadline > arch_now()) {
            /* Not known: the interrupt that led here, also an early one, has set it to never. */
            q->programmed = 0;
            program(q);
            spin_unlock(&q->lock);
            return;
        }
        q->head = t->next;
        fn = t->fn;
        spin_unlock(&q->lock);

        fn(t);
    }
}
