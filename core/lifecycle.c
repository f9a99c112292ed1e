/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The states of a VM. vm->lock guards them; it is never held while another VM, a channel's peer or
 * the power coordinator is told, since their locks are above it.
 *
 * live_vcpus counts what keeps a VM from being stopped: each vCPU that is not STOPPED, and, from
 * begin_load() until vCPU 0 is started or the load is given up, the load itself. Whoever takes it
 * to 0 runs stopped().
 *
 * That share of the load is its VCPU_REQ_LOAD, in requests or deferred of vCPU 0: it is there once
 * and is taken back once. Whatever ends a load early makes the VM STOPPING and posts a stop to vCPU
 * 0, whose hart gives the load up when it sees that one, in no turn of its own. A VM is loaded
 * again only when it is down, so the request that is found with a stop is of the life that stops.
 */
#include "core/lifecycle.h"

#include "core/arch.h"
#include "core/console.h"
#include "core/ipc.h"
#include "core/loader.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/power_ctl.h"
#include "core/vdev.h"
#include "core/virq.h"
#include "core/watchdog.h"

#include <stddef.h>

static bool is_down(enum vm_state state)
{
    return state == VM_OFF || state == VM_CRASHED;
}

static struct hart *home_hart(const struct vm *vm)
{
    return vcpu_hart(vm->vcpus[0]);
}

/* ---- start ----------------------------------------------------------------------------------- */

static void begin_load(struct vm *vm) REQUIRES(vm->lock)
{
    timer_cancel(&vm->timer);
    vm->restart_wanted = false;
    vm->restart_at = 0;
    vm->stop_asked = false;
    vm->frozen = false;
    vm->load_begun = false;
    vm->generation++;
    atomic_store_explicit(&vm->pmu_counting, false, memory_order_relaxed);
    atomic_store_explicit(&vm->live_vcpus, 1, memory_order_relaxed);
    vm_set_state(vm, VM_LOADING);
    vcpu_request(vm->vcpus[0], VCPU_REQ_LOAD);
}

enum err lifecycle_start(struct vm *vm)
{
    enum err e;

    if (power_ctl_vm_loading(vm) == ERR_BUSY) {
        return ERR_STATE;
    }

    spin_lock(&vm->lock);
    if (vm->state == VM_STOPPING) {
        e = ERR_STATE;
    } else if (!is_down(vm->state)) {
        e = ERR_EXISTS;
    } else {
        begin_load(vm);
        e = ERR_OK;
    }
    spin_unlock(&vm->lock);
    return e;
}

static void retry_start(struct vm *vm)
{
    bool wanted;

    /* Every abort comes here for every VM: a back-off that still runs is not cut short. */
    spin_lock(&vm->lock);
    wanted = vm->restart_wanted && is_down(vm->state) && arch_now() >= vm->restart_at;
    spin_unlock(&vm->lock);

    /* Busy: a transition is under way, and its end comes here again. Other refusals only say that a
     * start which came to nothing has told the coordinator of this one already. */
    if (!wanted || power_ctl_vm_loading(vm) == ERR_BUSY) {
        return;
    }
    spin_lock(&vm->lock);
    if (vm->restart_wanted && is_down(vm->state)) {
        begin_load(vm);
    }
    spin_unlock(&vm->lock);
}

void lifecycle_released(struct vm *vm)
{
    spin_lock(&vm->lock);
    if (vm->state == VM_RUNNING) {
        watchdog_go_on(vm);
    }
    spin_unlock(&vm->lock);
    retry_start(vm);
}

/* The VM may run its first instruction: hands the load's share of live_vcpus to vCPU 0. */
static bool enter_running(struct vm *vm, const struct loaded *image)
{
    struct vcpu *v = vm->vcpus[0];
    bool loading;

    spin_lock(&vm->lock);
    loading = vm->state == VM_LOADING;
    if (loading) {
        vm->started_at = arch_now();
        vm_set_state(vm, VM_RUNNING);
        watchdog_start(vm);
        v->start_pc = image->entry;
        v->start_opaque = image->fdt.v;
        atomic_store_explicit(&v->state, VCPU_START_PENDING, memory_order_release);
        vcpu_request(v, VCPU_REQ_START);
    }
    spin_unlock(&vm->lock);
    return loading;
}

/*
 * The devices and software events as after power-on; no vCPU runs. When the VM has stopped, so
 * that they are silent, and before it starts: a key typed or a host interrupt on its way meanwhile
 * is none of its next life.
 */
static void reset_devices(struct vm *vm)
{
    sse_reset_vm(vm);
    vm->irqchip->ops->reset(vm->irqchip);
    for (struct vdev *dev = vm->vdevs; dev != NULL; dev = dev->next) {
        dev->ops->reset(dev);
    }
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        atomic_store_explicit(&vm->vcpus[i]->irq_lines, 0, memory_order_relaxed);
    }
}

bool lifecycle_load(struct vm *vm)
{
    struct loaded image;
    const char *why = NULL;
    enum err e;

    if (vm_state(vm) != VM_LOADING) {
        return true; /* until its stop comes */
    }
    if (!vm->load_begun) {
        vm->load_begun = true;
        arch_vm_flush(vm);
        console_reset(vm->console);
        reset_devices(vm);
        loader_begin(vm);
    }
    e = loader_step(vm, &image, &why);
    if (e == ERR_OK) {
        e = ipc_vm_enter(vm);
    }
    if (e == ERR_BUSY) {
        return true;
    }
    if (e != ERR_OK) {
        log_error("%s: not started: %s", vm->config->name, why);
        (void)!lifecycle_stop(vm, STOP_LOAD, false);
    } else if (power_ctl_vm_starting(vm) != ERR_OK) {
        lifecycle_cancel_load(vm);
    } else if (enter_running(vm, &image)) {
        log_info("%s: started", vm->config->name);
        ipc_vm_started(vm);
        return false;
    }
    return true;
}

/* ---- stop ------------------------------------------------------------------------------------ */

static enum err begin_stop(struct vm *vm, enum stop_reason reason, bool restart) REQUIRES(vm->lock)
{
    if (is_down(vm->state) || vm->state == VM_STOPPING) {
        return ERR_STATE;
    }

    vm->stop_reason = reason;
    vm_set_state(vm, VM_STOPPING);
    watchdog_end(vm);
    vm->restart_wanted = restart;
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        vcpu_request(vm->vcpus[i], VCPU_REQ_STOP);
    }
    return ERR_OK;
}

enum err lifecycle_stop(struct vm *vm, enum stop_reason reason, bool restart)
{
    enum err e;

    spin_lock(&vm->lock);
    e = begin_stop(vm, reason, restart);
    if (e != ERR_OK) { /* on its way down, or down and to be started again: that may be unwanted */
        vm->restart_wanted = vm->restart_wanted && restart;
    }
    spin_unlock(&vm->lock);
    return e;
}

static void graceful_timeout(struct timer *t)
{
    struct vm *vm = container_of(t, struct vm, timer);

    spin_lock(&vm->lock);
    /* One that fired just before it was armed anew is not for now. */
    if (vm->stop_asked && arch_now() >= t->deadline) {
        vm->stop_asked = false;
        (void)!begin_stop(vm, STOP_FORCED, vm->asked_restart);
    }
    spin_unlock(&vm->lock);
}

enum err lifecycle_stop_graceful(struct vm *vm, bool restart)
{
    enum err e = ERR_STATE;
    bool first = false;
    bool before = false;

    (void)!lifecycle_resume(vm); /* one that is paused or asleep would not hear */

    /* Before the guest hears of it: it may obey at once. */
    spin_lock(&vm->lock);
    if (vm->state == VM_RUNNING) {
        first = !vm->stop_asked;
        before = vm->asked_restart;
        vm->stop_asked = true;
        vm->asked_restart = restart;
        timer_arm(&vm->timer, home_hart(vm), arch_now() + us_to_ticks(vm->config->power.stop_us),
                  graceful_timeout);
        e = ERR_OK;
    }
    spin_unlock(&vm->lock);
    if (e != ERR_OK) {
        return e;
    }

    e = power_ctl_ask_stop(vm, restart);
    spin_lock(&vm->lock);
    if (vm->stop_asked) { /* else it has stopped, and timer and watchdog may be of another life */
        if (e == ERR_OK) {
            watchdog_end(vm);
        } else if (first) {
            vm->stop_asked = false;
            timer_cancel(&vm->timer);
        } else {
            vm->asked_restart = before;
        }
    }
    spin_unlock(&vm->lock);
    return e;
}

void lifecycle_crash(struct vm *vm, enum stop_reason reason, const struct vm_fault *fault,
                     const char *what)
{
    bool first;

    spin_lock(&vm->lock);
    first =
        (reason != STOP_WATCHDOG || watchdog_late(vm)) && begin_stop(vm, reason, false) == ERR_OK;
    if (first) {
        vm->fault = *fault;
    }
    spin_unlock(&vm->lock);

    if (first) {
        log_error("%s: %s: pc 0x%llx cause 0x%llx address 0x%llx", vm->config->name, what,
                  (unsigned long long)fault->pc, (unsigned long long)fault->cause,
                  (unsigned long long)fault->addr);
    }
}

void lifecycle_srst(struct vcpu *caller, bool reset, bool warm, bool failure)
{
    struct vm *vm = caller->vm;
    enum srst_policy policy = reset ? vm->config->srst_reset : vm->config->srst;
    enum stop_reason reason = reset ? STOP_REBOOT : STOP_SHUTDOWN;
    bool restart = reset && policy == SRST_SELF;
    bool asked;

    spin_lock(&vm->lock);
    asked = vm->stop_asked; /* of this VM alone: then that is what its SRST means */
    if (failure && !reset) {
        reason = STOP_CRASH;
    } else if (asked) {
        reason = STOP_ASKED;
        restart = vm->asked_restart;
    }
    if (begin_stop(vm, reason, restart) == ERR_OK) {
        vm->srst_platform = policy == SRST_PLATFORM && !asked;
        vm->srst_kind = !reset ? POWER_OFF : warm ? POWER_RESET_WARM : POWER_RESET_COLD;
        if (reason == STOP_CRASH) {
            vm->fault = (struct vm_fault){arch_vcpu_pc(caller), 0, 0};
        }
    }
    spin_unlock(&vm->lock);
}

/* ---- stopped --------------------------------------------------------------------------------- */

static void backoff_over(struct timer *t)
{
    retry_start(container_of(t, struct vm, timer));
}

/* By policy, after a crash. Returns whether the platform has to know. */
static bool after_crash(struct vm *vm) REQUIRES(vm->lock)
{
    const struct vm_config *c = vm->config;
    uint64_t now = arch_now();

    switch (c->crash) {
    case CRASH_OFF:
        return false;
    case CRASH_ESCALATE:
        return true;
    case CRASH_RESTART:
        break;
    }

    if (vm->crash_count == 0 || now - vm->crash_window_start > us_to_ticks(c->restart_window_us)) {
        vm->crash_window_start = now;
        vm->crash_count = 0;
    }
    if (vm->crash_count < c->restart_budget) {
        uint32_t doublings = vm->crash_count < 16 ? vm->crash_count : 16;
        uint64_t wait = us_to_ticks(c->restart_backoff_us) << doublings;

        vm->crash_count++;
        vm->restart_wanted = true;
        vm->restart_at = now + wait;
        timer_arm(&vm->timer, home_hart(vm), vm->restart_at, backoff_over);
    } else {
        log_warn("%s: left off: %u restarts used up", c->name, (unsigned)c->restart_budget);
    }
    return false;
}

/* What it stopped for is settled; it is not down yet. */
static enum stop_reason settle(struct vm *vm) EXCLUDES(vm->lock)
{
    enum stop_reason reason;

    spin_lock(&vm->lock);
    timer_cancel(&vm->timer);
    watchdog_end(vm);
    if (vm->state != VM_STOPPING) {
        vm->stop_reason = vm->stop_asked ? STOP_ASKED : STOP_SHUTDOWN;
        vm_set_state(vm, VM_STOPPING);
        vm->restart_wanted = vm->stop_asked && vm->asked_restart;
    }
    vm->stop_asked = false;
    reason = vm->stop_reason;
    spin_unlock(&vm->lock);
    return reason;
}

/* Its own SRST, if that means the platform, else a stop. */
static void tell_power(struct vm *vm, bool crashed) EXCLUDES(vm->lock)
{
    enum power_kind kind;
    bool srst;

    spin_lock(&vm->lock);
    srst = vm->srst_platform;
    kind = vm->srst_kind;
    vm->srst_platform = false;
    spin_unlock(&vm->lock);

    if (srst) {
        power_ctl_vm_srst(vm, kind, crashed);
    } else {
        power_ctl_vm_stopped(vm, crashed);
    }
}

/*
 * The coordinator hears of it while the VM is still STOPPING: once it is down another hart may
 * start it, and a stop that is told late would be taken for the new life's.
 */
static void stopped(struct vm *vm)
{
    enum stop_reason reason;
    bool escalate = false;
    bool restart_now;
    bool crashed;

    /* First: no peer writes into its RAM or raises its interrupts once it can be loaded again. */
    ipc_vm_stopped(vm);
    reason = settle(vm);
    crashed = reason == STOP_CRASH || reason == STOP_LOAD || reason == STOP_WATCHDOG;
    log_info("%s: stopped (%s)", vm->config->name, stop_reason_name(reason));
    tell_power(vm, crashed);

    /* Now that neither peers nor power raise its interrupts, none is left for its next life. */
    spin_lock(&vm->lock);
    reset_devices(vm);
    restart_now = vm->restart_wanted;
    vm_set_state(vm, crashed ? VM_CRASHED : VM_OFF);
    if (reason == STOP_CRASH || reason == STOP_WATCHDOG) {
        escalate = after_crash(vm);
    }
    spin_unlock(&vm->lock);

    if (escalate) {
        power_ctl_escalate(vm);
    }
    if (restart_now) {
        retry_start(vm);
    }
}

void lifecycle_vcpu_left(struct vm *vm)
{
    /* acq_rel: the last one sees all that the others wrote before they left */
    if (atomic_fetch_sub_explicit(&vm->live_vcpus, 1, memory_order_acq_rel) == 1) {
        stopped(vm);
    }
}

void lifecycle_cancel_load(struct vm *vm)
{
    spin_lock(&vm->lock);
    if (vm->state == VM_LOADING) {
        (void)!begin_stop(vm, STOP_ASKED, true);
    }
    spin_unlock(&vm->lock);
}
