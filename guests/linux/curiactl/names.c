// SPDX-License-Identifier: GPL-2.0-only
/* Names for the numbers of Curia's interface [docs/abi.md; states and audit events: docs/power.md].
 */
#include "guests/linux/curiactl/names.h"

#include "sbi/abi.h"

#include <stddef.h>

#define NAME(table, i)                                                                             \
    ((i) < sizeof(table) / sizeof((table)[0]) && (table)[i] != NULL ? (table)[i] : "?")

const char *name_of_vm_state(uint32_t state)
{
    static const char *const names[] = {
        [CURIA_VM_OFF] = "off",
        [CURIA_VM_LOADING] = "loading",
        [CURIA_VM_RUNNING] = "running",
        [CURIA_VM_PAUSED] = "paused",
        [CURIA_VM_SUSPENDED] = "suspended",
        [CURIA_VM_STOPPING] = "stopping",
        [CURIA_VM_CRASHED] = "crashed",
    };

    return NAME(names, state);
}

const char *name_of_stop_reason(uint32_t reason)
{
    static const char *const names[] = {
        [CURIA_STOP_NONE] = "-",           [CURIA_STOP_SHUTDOWN] = "shutdown",
        [CURIA_STOP_REBOOT] = "reboot",    [CURIA_STOP_ASKED] = "asked",
        [CURIA_STOP_FORCED] = "forced",    [CURIA_STOP_CRASH] = "crash",
        [CURIA_STOP_LOAD] = "load failed", [CURIA_STOP_WATCHDOG] = "watchdog",
    };

    return NAME(names, reason);
}

const char *name_of_power_state(uint32_t state)
{
    static const char *const names[] = {
        [0x00] = "RUN",     [0x01] = "PREPARE",      [0x02] = "STOP",      [0x03] = "COMMIT",
        [0x04] = "SLEEP",   [0x05] = "RESUME",       [0x10] = "OFF",       [0x11] = "LOADING",
        [0x12] = "UP",      [0x13] = "WAITING",      [0x14] = "NOTIFIED",  [0x15] = "PREPARING",
        [0x16] = "READY",   [0x17] = "UNRESPONSIVE", [0x18] = "STOPPING",  [0x19] = "KEYED",
        [0x1a] = "FORCING", [0x1b] = "FORCED",       [0x1c] = "SUSPENDED", [0x1d] = "RESUMING",
    };

    return NAME(names, state);
}

const char *name_of_power_kind(uint32_t kind)
{
    static const char *const names[] = {
        [CURIA_PWR_KIND_OFF] = "off",
        [CURIA_PWR_KIND_RESET_COLD] = "cold-reset",
        [CURIA_PWR_KIND_RESET_WARM] = "warm-reset",
        [CURIA_PWR_KIND_SUSPEND] = "suspend",
    };

    return NAME(names, kind);
}

const char *name_of_audit_event(uint32_t event)
{
    static const char *const names[] = {
        [1] = "BOOT",           [2] = "REQUEST",        [3] = "JOIN",
        [4] = "REPLACE",        [5] = "EMERGENCY",      [6] = "CANCEL",
        [7] = "PREPARE-SENT",   [8] = "NO-LISTENER",    [9] = "ALL-READY",
        [10] = "ACK",           [11] = "READY",         [12] = "VETO",
        [13] = "POSTPONE",      [14] = "TIMEOUT",       [15] = "PAUSED-RESUMED",
        [16] = "STOP-SENT",     [17] = "STOP-REPEATED", [18] = "KEY-PRESSED",
        [19] = "FORCE",         [20] = "FORCED",        [21] = "FREEZE-LATE",
        [22] = "STOPPED",       [23] = "CRASHED",       [24] = "RESTART-CANCELLED",
        [25] = "SRST-ORDER",    [26] = "ABORT",         [27] = "COMMIT",
        [28] = "FROZEN-AT",     [29] = "SUSPENDED",     [30] = "SLEEP",
        [31] = "SLEEP-REFUSED", [32] = "WAKE",          [33] = "RESUME",
        [34] = "RESUMED",
    };

    return NAME(names, event);
}
