/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own deadlines, a queue per hart. A timer is owned by whoever embeds it and fires
 * once, on the hart it was armed on, with no lock held.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "core/spinlock.h"

#include <stdbool.h>
#include <stdint.h>

struct hart;
struct timer;

typedef void (*timer_fn)(struct timer *t);

struct timer {
    struct timer *next; /* in the queue, by deadline */
    uint64_t deadline;  /* ticks */
    timer_fn fn;
    struct hart *hart; /* where it is armed; NULL: not armed */
};

struct timer_queue {
    struct spinlock lock;
    struct timer *head GUARDED_BY(lock);
    uint64_t programmed GUARDED_BY(lock); /* what the hart's comparator holds; 0: unknown */
};

void timer_queue_init(struct timer_queue *q);

/*
 * (Re)arms t to fire fn on hart at deadline. Any hart. The caller serialises calls for one t with
 * its own lock (a VM's, the power lock).
 */
void timer_arm(struct timer *t, struct hart *hart, uint64_t deadline, timer_fn fn);

/* Disarms t; fn may still be running or about to on the other hart: fn must bear a stale call. */
void timer_cancel(struct timer *t);

/*
 * Own hart: runs what is due and programs the comparator for the next, whatever it held. Called by
 * sched.c, and after the port has lost it (at its interrupt, in arch_hart_sleep(), in
 * arch_machine_sleep()).
 */
void timer_run(struct hart *hart);

/*
 * Ticks are rounded up, microseconds down: what is armed for a time finds, when it fires, that this
 * time has come. The timebase is known.
 */
uint64_t us_to_ticks(uint64_t us);
uint64_t ticks_to_us(uint64_t ticks);

/* Microseconds since the boot; 0 until the timebase is known. */
uint64_t uptime_us(void);

#endif
