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

enum err lifecycle_resume(struct vm *vm)
{
    if (!lifecycle_unpause(vm)) {
        return ERR_STATE;
    }
    power_ctl_vm_resumed(vm);
    return ERR_OK;
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
