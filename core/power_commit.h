/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last act of a transition: all VMs are down, the harts stop, the platform goes; or all VMs are
 * off, asleep or frozen, and the machine sleeps.
 */
#ifndef CORE_POWER_COMMIT_H
#define CORE_POWER_COMMIT_H

#include "core/power.h"

#include <stdbool.h>

struct vm;

/*
 * Sends every hart to power_commit_hart(); under the power lock. Off and reset: once; failed: the
 * reason that the firmware is told. Suspend: the machine may sleep, through the firmware if that
 * offers it and something could wake it, by the hart where vm sleeps (or the machine's first),
 * whose interrupts wake it then, beside the terminal's, and timers and devices of all VMs that
 * sleep. Otherwise every hart waits as it does anyway, and any interrupt wakes.
 */
void power_commit(enum power_kind kind, bool failed, const struct vm *vm);

/* The machine shall not sleep, or no longer: every hart that was stopped comes back. */
void power_commit_awake(void);

/* Own hart, no lock held: HART_WORK_COMMIT was seen. Returns after a sleep only. */
void power_commit_hart(void);

#endif
