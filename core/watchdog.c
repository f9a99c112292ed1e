/* SPDX-License-Identifier: BSD-2-Clause */
/* Watchdogs; core/watchdog.h has the rules. The VM's lock guards each. */
#include "core/watchdog.h"

#include "core/lifecycle.h"
#include "core/vm.h"

static void fired(struct timer *t)
{
    struct vm *vm = container_of(t, struct vm, watchdog.timer);
    const struct vm_fault fault = {.pc = arch_vcpu_pc(vm->vcpus[0])};

    lifecycle_crash(vm, STOP_WATCHDOG, &fault, "no heartbeat in time");
}

static void arm(struct vm *vm, uint64_t ticks) REQUIRES(vm->lock)
{
    timer_arm(&vm->watchdog.timer, vcpu_hart(vm->vcpus[0]), arch_now() + ticks, fired);
}

static void set(struct vm *vm, uint64_t us) REQUIRES(vm->lock)
{
    vm->watchdog.us = us;
    vm->watchdog.left_ticks = us_to_ticks(us);
    timer_cancel(&vm->watchdog.timer);
    if (us != 0 && !vm->watchdog.held) {
        arm(vm, vm->watchdog.left_ticks);
    }
}

void watchdog_start(struct vm *vm) NO_TSA
{
    vm->watchdog.over = false;
    vm->watchdog.held = false;
    set(vm, vm->config->watchdog_us);
}

void watchdog_end(struct vm *vm) NO_TSA
{
    vm->watchdog.over = true;
    set(vm, 0);
}

void watchdog_hold(struct vm *vm) NO_TSA
{
    uint64_t now = arch_now();
    uint64_t deadline = vm->watchdog.timer.deadline;

    if (!vm->watchdog.held) {
        vm->watchdog.held = true;
        vm->watchdog.left_ticks = deadline > now ? deadline - now : 0;
        timer_cancel(&vm->watchdog.timer);
    }
}

void watchdog_go_on(struct vm *vm) NO_TSA
{
    if (vm->watchdog.held && vm->watchdog.us != 0) {
        arm(vm, vm->watchdog.left_ticks);
    }
    vm->watchdog.held = false;
}

/* A timer that fired just before a heartbeat, a pause or another life is not for now. */
bool watchdog_late(const struct vm *vm) NO_TSA
{
    return vm->watchdog.us != 0 && vm->state == VM_RUNNING && !vm->watchdog.held &&
           arch_now() >= vm->watchdog.timer.deadline;
}

enum err watchdog_beat(struct vm *vm, uint64_t us, uint64_t *granted_us)
{
    uint64_t limit = vm->config->watchdog_us;

    if (us == 0 && limit != 0) {
        return ERR_DENIED;
    }
    limit = limit != 0 ? limit : WATCHDOG_MAX_US;
    *granted_us = us < limit ? us : limit;

    spin_lock(&vm->lock);
    if (!vm->watchdog.over) {
        set(vm, *granted_us);
    }
    spin_unlock(&vm->lock);
    return ERR_OK;
}
