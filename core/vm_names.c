/* SPDX-License-Identifier: BSD-2-Clause */
/* States and reasons in words, for the console. */
#include "core/vm.h"

const char *vm_state_name(enum vm_state s)
{
    switch (s) {
    case VM_OFF:
        return "off";
    case VM_LOADING:
        return "loading";
    case VM_RUNNING:
        return "running";
    case VM_PAUSED:
        return "paused";
    case VM_SUSPENDED:
        return "suspended";
    case VM_STOPPING:
        return "stopping";
    case VM_CRASHED:
        return "crashed";
    }
    return "?";
}

const char *stop_reason_name(enum stop_reason r)
{
    switch (r) {
    case STOP_NONE:
        return "-";
    case STOP_SHUTDOWN:
        return "shutdown";
    case STOP_REBOOT:
        return "reboot";
    case STOP_ASKED:
        return "asked";
    case STOP_FORCED:
        return "forced";
    case STOP_CRASH:
        return "crash";
    case STOP_LOAD:
        return "load failed";
    case STOP_WATCHDOG:
        return "watchdog";
    }
    return "?";
}
