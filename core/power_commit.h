/* SPDX-License-Identifier: BSD-2-Clause */
/* The last act of a transition: all VMs are down, the harts stop, the platform goes. No lock. */
#ifndef CORE_POWER_COMMIT_H
#define CORE_POWER_COMMIT_H

#include "core/power.h"

#include <stdbool.h>

/* Sends every hart to power_commit_hart(). Once; failed: the reason that the firmware is told. */
void power_commit(enum power_kind kind, bool failed);

/* Own hart: HART_WORK_COMMIT was seen. Does not return. */
_Noreturn void power_commit_hart(void);

#endif
