/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPU states, requests and fences. A vCPU's registers and residency belong to its own hart; what
 * others want of it is a request bit (vcpu_request()) that the hart takes before it enters the
 * guest again.
 */
#include "core/vcpu.h"

#include "core/lifecycle.h"
#include "core/machine.h"
#include "core/power_ctl.h"
#include "core/vm.h"

#include <stddef.h>
#include <string.h>

static enum vcpu_state state_of(const struct vcpu *v)
{
    return (enum vcpu_state)atomic_load_explicit(&v->state, memory_order_acquire);
}

/* Step (a) of core/hart.h. Returns the hart to kick. */
static inline struct hart *post(struct vcpu *v, uint32_t requests)
{
    struct hart *hart = vcpu_hart(v);

    /* release: what the request is about (start_pc, irq_lines, fences) is visible to the taker */
    atomic_fetch_or_explicit(&v->requests, requests, memory_order_release);
    if (hart_has_queue(hart)) {
        hart_post_vcpu(hart, v);
    }
    return hart;
}

void vcpu_request(struct vcpu *v, uint32_t requests)
{
    hart_kick(post(v, requests));
}

struct hart *vcpu_irq_post(struct vcpu *v, enum vcpu_irq irq, bool level)
{
    uint32_t bit = 1u << irq;
    uint32_t old = level ? atomic_fetch_or_explicit(&v->irq_lines, bit, memory_order_release)
                         : atomic_fetch_and_explicit(&v->irq_lines, ~bit, memory_order_release);

    if (((old & bit) != 0) == level) {
        return NULL;
    }
    return post(v, VCPU_REQ_IRQ);
}

void vcpu_irq_set(struct vcpu *v, enum vcpu_irq irq, bool level)
{
    struct hart *hart = vcpu_irq_post(v, irq, level);

    if (hart != NULL) {
        hart_kick(hart);
    }
}

/* May vCPUs of the VM start? One that is paused was RUNNING when its sibling asked. */
static bool may_start(const struct vm *vm)
{
    enum vm_state vs = vm_state(vm);

    return vs == VM_RUNNING || vs == VM_LOADING || vs == VM_PAUSED;
}

enum err vcpu_start(struct vcpu *v, gpa_t pc, uint64_t opaque)
{
    uint32_t expected = VCPU_STOPPED;

    if (!may_start(v->vm)) {
        return ERR_STATE;
    }

    /*
     * The winner alone writes start_pc: START_PENDING keeps others out, and the vCPU's hart looks
     * at it only after the request (release in vcpu_request()). live_vcpus counts it from here on,
     * so a VM whose last running vCPU leaves meanwhile is not taken for stopped.
     */
    atomic_fetch_add_explicit(&v->vm->live_vcpus, 1, memory_order_relaxed);
    if (!atomic_compare_exchange_strong_explicit(&v->state, &expected, VCPU_START_PENDING,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        lifecycle_vcpu_left(v->vm);
        return ERR_EXISTS;
    }
    v->start_pc = pc;
    v->start_opaque = opaque;
    /* An event or an IPI from before is of the life before; one from now on is not to be lost. */
    sse_reset(v);
    atomic_fetch_and_explicit(&v->irq_lines, ~(1u << VCPU_IRQ_SOFT), memory_order_relaxed);
    vcpu_request(v, VCPU_REQ_START);
    return ERR_OK;
}

static void unload(struct vcpu *v)
{
    if (vcpu_loaded(v)) {
        arch_vcpu_put(v);
        atomic_store_explicit(&v->loaded, false, memory_order_relaxed);
        /* Before the mode says that the hart is in a guest: whoever sees that one sees this. */
        atomic_thread_fence(memory_order_release);
    }
}

/* Own hart: the vCPU leaves the hart; its VM may have lost its last one. */
static void leave(struct vcpu *v)
{
    unload(v);
    if (state_of(v) == VCPU_STOPPED) {
        return;
    }
    steal_forget(v); /* before its RAM may be the next life's */
    atomic_store_explicit(&v->state, VCPU_STOPPED, memory_order_release);
    sse_leave(v); /* the next life, if a sibling has asked for it, begins on its hart, later */
    lifecycle_vcpu_left(v->vm);
}

void vcpu_stop_self(struct vcpu *v)
{
    leave(v);
}

void vcpu_suspend_self(struct vcpu *v, bool nonretentive, gpa_t pc, uint64_t opaque)
{
    v->resume_nonretentive = nonretentive;
    v->start_pc = pc;
    v->start_opaque = opaque;
    atomic_store_explicit(&v->state, VCPU_SUSPENDED, memory_order_release);
}

static void load(struct vcpu *v)
{
    if (!vcpu_loaded(v)) {
        arch_vcpu_load(v);
        atomic_store_explicit(&v->loaded, true, memory_order_relaxed);
    }
}

/* No counter of the life before goes on, or can be read. */
static void reset_pmu(struct vcpu *v)
{
    memset(&v->pmu, 0, offsetof(struct pmu, received));
    v->timer_detour &= (uint8_t)~VCPU_TIMER_COUNTED;
}

/*
 * A start that was posted while the VM was being stopped is undone here: the starter saw the VM
 * run, the stop went out before this vCPU left STOPPED and so passed it by.
 */
static void start(struct vcpu *v)
{
    if (!may_start(v->vm)) {
        leave(v);
        return;
    }
    memset(&v->dbtr, 0, sizeof(v->dbtr)); /* before the load, that no trigger of before is set */
    v->features = arch_features().at_start;
    v->features_locked = 0;
    load(v);
    reset_pmu(v);
    arch_vcpu_reset(v, v->start_pc, v->start_opaque);
    v->waits = false;
    arch_vcpu_sync_irqs(v);
    atomic_store_explicit(&v->state, VCPU_STARTED, memory_order_release);
}

/* Own hart, SUSPENDED: does an interrupt end it? asked: one that need not be enabled does. */
static bool wake(struct vcpu *v, bool asked)
{
    load(v);
    arch_vcpu_sync_irqs(v);
    if (!asked && !arch_vcpu_irq_pending(v)) {
        return false;
    }
    if (v->resume_nonretentive) {
        arch_vcpu_resume(v, v->start_pc, v->start_opaque);
    }
    atomic_store_explicit(&v->state, VCPU_STARTED, memory_order_release);
    return true;
}

/*
 * Own hart, SUSPENDED, and so is the VM: it stays resident, so that an interrupt ends the hart's
 * wait, and one that is pending already asks the power coordinator. The answer is a request to
 * this vCPU, now or later, after the VM's state: VCPU_REQ_WAKE, which ends up in wake(). Until
 * then it is off the hart, or its interrupt would end every wait; it asks again whenever the hart
 * has work (a shared one: work for it).
 */
static void doze(struct vcpu *v)
{
    load(v);
    arch_vcpu_sync_irqs(v);
    if (arch_vcpu_irq_pending(v)) {
        power_ctl_wake(v->vm->index);
        if (vm_state(v->vm) == VM_SUSPENDED) {
            unload(v);
        }
    }
}

void vcpu_do_fences(struct vcpu *v)
{
    struct fence todo[VCPU_FENCES];
    uint32_t count;
    uint32_t posted;

    spin_lock(&v->fence_lock);
    count = v->fence_count;
    for (uint32_t i = 0; i < count; i++) {
        todo[i] = v->fences[i];
    }
    v->fence_count = 0;
    posted = atomic_load_explicit(&v->fence_posted, memory_order_relaxed);
    spin_unlock(&v->fence_lock);

    /* A vCPU that is not resident has nothing cached here: its next load fences as it must. */
    for (uint32_t i = 0; vcpu_loaded(v) && i < count; i++) {
        arch_vcpu_fence(v, &todo[i]);
    }
    /* release pairs with the acquire in wait_fenced() */
    atomic_store_explicit(&v->fence_done, posted, memory_order_release);
}

/* SUSPENDED: was something asked that ends it, beside an interrupt? */
static bool woken(struct vcpu *v, uint32_t requests)
{
    return (requests & VCPU_REQ_WAKE) != 0 ||
           ((requests & VCPU_REQ_SSE) != 0 && sse_take(v, false));
}

/* May it run, as far as its own state goes? */
static bool ready(struct vcpu *v, uint32_t requests)
{
    switch (state_of(v)) {
    case VCPU_STOPPED:
    case VCPU_START_PENDING:
        return false;
    case VCPU_SUSPENDED:
        if (vm_state(v->vm) == VM_SUSPENDED) {
            doze(v);
            return false;
        }
        if (!wake(v, woken(v, requests))) {
            return false;
        }
        requests |= VCPU_REQ_SSE; /* one that came while the VM slept has not been looked at */
        break;
    case VCPU_STARTED:
        if (vcpu_loaded(v) && !v->waits && (requests & (VCPU_REQ_IRQ | VCPU_REQ_SSE)) == 0) {
            return true;
        }
        load(v);
        arch_vcpu_sync_irqs(v);
        break;
    }
    if ((requests & VCPU_REQ_SSE) != 0 && sse_take(v, true)) {
        v->waits = false;
    }
    v->waits = v->waits && !arch_vcpu_irq_pending(v);
    return !v->waits;
}

/*
 * Is its VM paused? Then it is not resident, so that none of its interrupts wakes the hart; what
 * woke it from a suspend has done so for when it goes on. What it would have run is stolen from it;
 * what it would have slept is not. Who ends the pause changes the state before it requests
 * VCPU_REQ_STATE: whoever still sees PAUSED here comes here again.
 */
static bool hold(struct vcpu *v)
{
    bool paused = vm_state(v->vm) == VM_PAUSED;

    if (paused) {
        if (vcpu_loaded(v) && state_of(v) == VCPU_STARTED && !arch_vcpu_waits(v)) {
            steal_begin(v);
        }
        unload(v);
        lifecycle_vcpu_held(v);
    }
    return paused;
}

/* Own hart: a stop goes out to it. Returns what else it was asked for and still is. */
static uint32_t stop(struct vcpu *v, uint32_t requests)
{
    /* It may be seen late, when the VM has been started again: then it is not for now. */
    if (vm_state(v->vm) != VM_STOPPING) {
        return requests;
    }
    leave(v);
    if ((requests & VCPU_REQ_LOAD) != 0) {
        lifecycle_vcpu_left(v->vm); /* the load's share: core/lifecycle.c */
    }
    return requests & ~VCPU_REQ_LOAD;
}

/* Takes the requests, those put off included, and handles those that need no turn of its own. */
static uint32_t take_requests(struct vcpu *v)
{
    uint32_t requests = v->deferred;

    v->deferred = 0;
    if (atomic_load_explicit(&v->requests, memory_order_relaxed) != 0) {
        /* acquire pairs with the release in post() */
        requests |= atomic_exchange_explicit(&v->requests, 0, memory_order_acquire);
    }
    if ((requests & VCPU_REQ_STOP) != 0) {
        requests = stop(v, requests);
    }
    if ((requests & VCPU_REQ_FENCE) != 0) {
        vcpu_do_fences(v);
    }
    return requests;
}

bool vcpu_attend(struct vcpu *v)
{
    v->deferred = take_requests(v) & ~(VCPU_REQ_STOP | VCPU_REQ_FENCE);
    /* To one that is stopped nothing else means anything: a START comes after its state. */
    if (hold(v) || (state_of(v) == VCPU_STOPPED && (v->deferred & VCPU_REQ_LOAD) == 0)) {
        return false;
    }
    if (!vcpu_loaded(v) && state_of(v) == VCPU_STARTED) {
        steal_begin(v); /* until it has its turn */
    }
    return true;
}

bool vcpu_take_off(struct vcpu *v, bool wants)
{
    bool was = vcpu_loaded(v);
    bool rests = !wants || v->waits || state_of(v) != VCPU_STARTED;

    if (was && !rests) {
        steal_begin(v);
    }
    unload(v);
    return was && rests;
}

void vcpu_wait(struct vcpu *v)
{
    v->waits = true;
}

bool vcpu_prepare(struct vcpu *v)
{
    uint32_t requests = take_requests(v);
    bool may_run;

    if ((requests & VCPU_REQ_LOAD) != 0) {
        if (lifecycle_load(v->vm)) {
            v->deferred = VCPU_REQ_LOAD;
        }
        /* A START in the same breath was of an earlier life; the load's own comes next round. */
        return false;
    }
    if ((requests & VCPU_REQ_START) != 0 && state_of(v) == VCPU_START_PENDING) {
        start(v);
    }
    /* In this order: a wake-up that was asked for is not lost. */
    may_run = ready(v, requests);
    if (hold(v)) {
        return false;
    }
    if (v->steal.withheld) {
        steal_end(v);
    }
    return may_run;
}

/*
 * The request is carried out before target's next guest instruction once it is queued and its hart
 * is not in the guest with it: all three are read after a full fence (that of the kick), and the
 * hart that enters the guest reads requests after its own (core/hart.h), when it is v->hart and v
 * is loaded. So one of the two sees the other. A hart that is in another vCPU's guest has left
 * this one before: see unload().
 *
 * Where it has moved meanwhile the request may still be on its way, by a hart that waits like this
 * one, maybe for it. So its hart is kicked here, and looks at the requests of the one that it ran.
 */
static void wait_fenced(struct vcpu *v, uint32_t ticket)
{
    struct hart *kicked = NULL;

    while ((int32_t)(atomic_load_explicit(&v->fence_done, memory_order_acquire) - ticket) < 0) {
        struct hart *hart = vcpu_hart(v);

        if (atomic_load_explicit(&hart->mode, memory_order_acquire) != HART_GUEST ||
            !vcpu_loaded(v)) {
            break;
        }
        if (hart != kicked && v->vm->affinity != NULL) {
            hart_kick(hart);
            kicked = hart;
        }
        arch_relax();
    }
}

static uint32_t queue_fence(struct vcpu *v, const struct fence *fence, struct hart_kicks *kicks)
{
    uint32_t ticket;

    spin_lock(&v->fence_lock);
    if (v->fence_count < VCPU_FENCES) {
        v->fences[v->fence_count++] = *fence;
    } else {
        /* No room for more: one fence of everything stands for them all. */
        v->fences[0] = (struct fence){FENCE_VMA, 0, UINT64_MAX, 0};
        v->fences[1] = (struct fence){FENCE_I, 0, UINT64_MAX, 0};
        v->fence_count = 2;
    }
    ticket = atomic_fetch_add_explicit(&v->fence_posted, 1, memory_order_relaxed) + 1;
    spin_unlock(&v->fence_lock);
    hart_kick_or_add(kicks, post(v, VCPU_REQ_FENCE));
    return ticket;
}

void vcpu_fence(struct vm *vm, uint64_t targets, const struct fence *fence)
{
    uint32_t tickets[MANIFEST_VCPUS];
    struct hart_kicks kicks;
    bool together = machine_kicks_together(targets);
    struct hart *self = arch_hart_self();

    kicks.count = 0;
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        struct vcpu *v = vm->vcpus[i];
        bool asked = (targets >> i & 1) != 0;

        if (asked && vcpu_hart(v) != self) {
            tickets[i] = queue_fence(v, fence, together ? &kicks : NULL);
        } else if (asked) {
            /* This hart's, and stays so. One that is not loaded: its next load fences. */
            targets &= ~(1ull << i);
            if (vcpu_loaded(v)) {
                arch_vcpu_fence(v, fence);
            }
        }
    }
    hart_kick_all(&kicks);
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        if ((targets >> i & 1) != 0) {
            wait_fenced(vm->vcpus[i], tickets[i]);
        }
    }
}
