/* SPDX-License-Identifier: BSD-2-Clause */
/* Pausing a VM, a part of core/lifecycle.h. The VM's lock guards its state. */
#include "core/lifecycle.h"
#include "core/power_ctl.h"

static void tell_vcpus(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        vcpu_request(vm->vcpus[i], VCPU_REQ_STATE);
    }
}

bool lifecycle_unpause(struct vm *vm)
{
    bool paused;

    spin_lock(&vm->lock);
    paused = vm->state == VM_PAUSED;
    if (paused) {
        vm_set_state(vm, VM_RUNNING);
        watchdog_go_on(vm);
        tell_vcpus(vm);
    }
    spin_unlock(&vm->lock);
    return paused;
}

/*
 * The coordinator hears of it first: told afterwards, it would take a pause that came in between
 * for the one that is over, and leave that VM out of its next transition.
 */
enum err lifecycle_resume(struct vm *vm)
{
    if (vm_state(vm) != VM_PAUSED) {
        return ERR_STATE;
    }
    power_ctl_vm_resumed(vm);
    return lifecycle_unpause(vm) ? ERR_OK : ERR_STATE;
}

/*
 * The coordinator hears of it last: a transition that begins before that does not know the VM as
 * paused, refuses, and the VM goes on at once. One that begins after it resumes the VM by itself.
 */
enum err lifecycle_pause(struct vm *vm)
{
    bool running;

    spin_lock(&vm->lock);
    running = vm->state == VM_RUNNING && !vm->stop_asked;
    if (running) {
        vm_set_state(vm, VM_PAUSED);
        watchdog_hold(vm);
        tell_vcpus(vm);
    }
    spin_unlock(&vm->lock);

    if (running && power_ctl_vm_paused(vm) != ERR_OK) {
        running = false;
        (void)lifecycle_unpause(vm);
    }
    return running ? ERR_OK : ERR_STATE;
}
