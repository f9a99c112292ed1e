/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's watchdog: it has to give a sign of life (VMM HEARTBEAT) within the time that it named
 * itself, or that its manifest names, from its start on. One that is late is stopped as crashed,
 * with the reason recorded. Time in which the VM is paused, asleep or frozen does not count, nor
 * that from the order to sleep on. Once the VM is stopped, or told to, its watchdog is over for
 * this life: from then on the time to stop is what bounds it.
 *
 * The VM's lock is held for all but watchdog_beat(). Any hart; the timer fires on that of vCPU 0.
 */
#ifndef CORE_WATCHDOG_H
#define CORE_WATCHDOG_H

#include "core/err.h"
#include "core/timer.h"

#include <stdbool.h>
#include <stdint.h>

#define WATCHDOG_MAX_US 3600000000u

struct vm;

struct watchdog {
    struct timer timer;
    uint64_t us;         /* to the next heartbeat; 0: it is off */
    uint64_t left_ticks; /* while it is held */
    bool over;           /* until the next start */
    bool held;
};

/* The VM starts. */
void watchdog_start(struct vm *vm);

/* The VM stops, or is told to. */
void watchdog_end(struct vm *vm);

/* Its clock stands still; it goes on, if it was held. */
void watchdog_hold(struct vm *vm);
void watchdog_go_on(struct vm *vm);

/* Is the heartbeat overdue? */
bool watchdog_late(const struct vm *vm);

/*
 * The VM lives, and gives its next sign within us (0: it is watched no more). *granted_us: what
 * holds, by the limit of the manifest. ERR_DENIED: the manifest does not let it be switched off. No
 * lock held.
 */
enum err watchdog_beat(struct vm *vm, uint64_t us, uint64_t *granted_us) MUST_CHECK;

#endif
