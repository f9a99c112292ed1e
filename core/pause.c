/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM that keeps all it has and does not run, a part of core/lifecycle.h: paused by a VMM call,
 * frozen by the power coordinator, asleep by itself. The VM's lock guards its state; the
 * coordinator, whose lock is above it, decides what a transition allows.
 */
#include "core/lifecycle.h"
#include "core/power_ctl.h"

static void tell_vcpus(struct vm *vm, uint32_t request)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        vcpu_request(vm->vcpus[i], request);
    }
}

/* Who takes the request sees the state. */
static bool go_on(struct vm *vm, bool by_power)
{
    bool asleep;
    bool paused;

    spin_lock(&vm->lock);
    asleep = by_power && vm->state == VM_SUSPENDED;
    paused = vm->state == VM_PAUSED && vm->frozen == by_power;
    if (asleep || paused) {
        vm->frozen = false;
        vm_set_state(vm, VM_RUNNING);
        tell_vcpus(vm, asleep ? VCPU_REQ_WAKE : VCPU_REQ_STATE);
        watchdog_go_on(vm);
    }
    spin_unlock(&vm->lock);
    return paused;
}

bool lifecycle_unpause(struct vm *vm)
{
    return go_on(vm, false);
}

void lifecycle_wake(struct vm *vm)
{
    (void)go_on(vm, true);
}

/*
 * The coordinator hears of it first: told afterwards, it would take a pause that came in between
 * for the one that is over, and leave that VM out of its next transition. One that sleeps is the
 * coordinator's to wake.
 */
enum err lifecycle_resume(struct vm *vm)
{
    enum vm_state state = vm_state(vm);

    if (state == VM_SUSPENDED) {
        power_ctl_wake(vm->index);
        return vm_state(vm) == VM_SUSPENDED ? ERR_STATE : ERR_OK;
    }
    if (state != VM_PAUSED) {
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
        tell_vcpus(vm, VCPU_REQ_STATE);
    }
    spin_unlock(&vm->lock);

    if (running && power_ctl_vm_paused(vm) != ERR_OK) {
        running = false;
        (void)lifecycle_unpause(vm);
    }
    return running ? ERR_OK : ERR_STATE;
}

/* ---- frozen ---------------------------------------------------------------------------------- */

void lifecycle_freeze(struct vm *vm)
{
    spin_lock(&vm->lock);
    if (vm->state == VM_RUNNING || vm->state == VM_PAUSED) {
        vm->frozen = true;
        /* release in vm_set_state(): who sees PAUSED sees its own bit, pairs with hold() */
        atomic_store_explicit(&vm->freezing, UINT64_MAX >> (64 - vm->vcpu_count),
                              memory_order_relaxed);
        vm_set_state(vm, VM_PAUSED);
        watchdog_hold(vm);
        tell_vcpus(vm, VCPU_REQ_STATE);
    }
    spin_unlock(&vm->lock);
}

/*
 * Each vCPU takes the request that lifecycle_freeze() sent after the state, and so comes here. One
 * that comes for an earlier pause, or twice, is out of the guest as well.
 */
void lifecycle_vcpu_held(struct vcpu *v)
{
    uint64_t bit = UINT64_C(1) << v->index;

    /* acq_rel: the last one sees what the others have put into memory */
    if (atomic_fetch_and_explicit(&v->vm->freezing, ~bit, memory_order_acq_rel) == bit) {
        power_ctl_vm_asleep(v->vm, true);
    }
}

/* ---- asleep ---------------------------------------------------------------------------------- */

/*
 * No other vCPU of the VM runs, so none can start meanwhile. The vCPU is SUSPENDED before the VM
 * is: a wake-up that comes in between, or before the coordinator knows, is a request to the vCPU
 * and waits for it.
 */
enum err lifecycle_suspend(struct vcpu *caller, gpa_t pc, uint64_t opaque)
{
    struct vm *vm = caller->vm;
    bool running;

    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        if (vm->vcpus[i] != caller &&
            atomic_load_explicit(&vm->vcpus[i]->state, memory_order_acquire) != VCPU_STOPPED) {
            return ERR_DENIED;
        }
    }

    spin_lock(&vm->lock);
    running = vm->state == VM_RUNNING;
    if (running) {
        vcpu_suspend_self(caller, true, pc, opaque);
        vm_set_state(vm, VM_SUSPENDED);
        watchdog_hold(vm);
    }
    spin_unlock(&vm->lock);
    if (running) {
        power_ctl_vm_asleep(vm, false);
    }
    return running ? ERR_OK : ERR_STATE;
}
