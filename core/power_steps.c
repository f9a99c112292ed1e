/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps of the power coordinator: what a VM is told at its turn, and when whose turn has come.
 *
 * What always holds between events:
 *  - a VM is OFF, LOADING, UP or SUSPENDED in RUN, OFF, FORCED or SUSPENDED in COMMIT and SLEEP; no
 *    timer is armed in any of these;
 *  - a VM's timer is armed exactly when it is NOTIFIED, PREPARING, STOPPING, KEYED, FORCING or
 *    RESUMING;
 *  - nobody is WAITING, NOTIFIED or PREPARING in STOP; nobody has been told STOP in PREPARE, but
 *    for the STOP of a SUSPEND that a stronger request has replaced;
 *  - nothing starts while a transition runs, so the set of VMs that are down only grows, but by
 *    those that are woken;
 *  - asleep is told of who is SUSPENDED, of who is FORCED in a SUSPEND, and of who is to be woken
 *    at its turn (WAITING, READY).
 */
#include "core/power_steps.h"

uint64_t power_vms_in(const struct power *p, uint32_t states)
{
    uint64_t mask = 0;
    for (uint32_t v = 0; v < p->count; v++) {
        mask |= power_is(&p->nodes[v], states) ? power_bit(v) : 0;
    }
    return mask;
}

/* --- Actions --- */

/* Begins an action; the caller fills in the rest and hands it to send(). */
static struct power_action *action(struct power *p, enum power_action_type type, uint32_t vm)
{
    p->action = (struct power_action){.type = type,
                                      .vm = (uint8_t)vm,
                                      .by = p->initiator,
                                      .kind = p->kind,
                                      .txn = p->txn,
                                      .reason = p->reason,
                                      .at = p->now_us};
    return &p->action;
}

static void send(struct power *p)
{
    p->emit(p->ctx, &p->action);
}

void power_act(struct power *p, enum power_action_type type, uint32_t vm)
{
    (void)action(p, type, vm);
    send(p);
}

void power_note(struct power *p, uint32_t vm, enum audit_event event, uint32_t old_state,
                uint32_t new_state, uint64_t detail)
{
    struct power_action *a = action(p, POWER_ACT_AUDIT, vm);
    a->event = event;
    a->old_state = (uint8_t)old_state;
    a->new_state = (uint8_t)new_state;
    a->detail = detail;
    send(p);
}

void power_notify(struct power *p, uint32_t vm, enum power_notice notice, uint32_t by, uint64_t at)
{
    struct power_action *a = action(p, POWER_ACT_NOTIFY, vm);
    a->notice = notice;
    a->by = (uint8_t)by;
    a->at = at;
    if (notice == POWER_NOTICE_RESUME) {
        a->reason = p->wake_reason;
    }
    send(p);
}

void power_arm(struct power *p, uint32_t vm, uint64_t at)
{
    p->nodes[vm].timer_at_us = at;
    action(p, POWER_ACT_ARM_TIMER, vm)->at = at;
    send(p);
}

void power_disarm(struct power *p, uint32_t vm)
{
    if (p->nodes[vm].timer_at_us != POWER_NEVER) {
        p->nodes[vm].timer_at_us = POWER_NEVER;
        power_act(p, POWER_ACT_CANCEL_TIMER, vm);
    }
}

void power_enter(struct power *p, uint32_t vm, enum power_vm_state state, enum audit_event event)
{
    enum power_vm_state old = p->nodes[vm].state;
    p->nodes[vm].state = state;
    power_note(p, vm, event, old, state, 0);
}

static void enter_phase(struct power *p, enum power_phase phase, enum audit_event event,
                        uint64_t detail)
{
    enum power_phase old = p->phase;
    p->phase = phase;
    power_note(p, POWER_NOBODY, event, old, phase, detail);
}

/* --- One VM's turns --- */

void power_wake(struct power *p, uint32_t vm)
{
    struct power_node *n = &p->nodes[vm];
    if (n->asleep) {
        n->asleep = false;
        power_act(p, POWER_ACT_WAKE, vm);
    }
}

/* One that was just being frozen was awake until now, and stays so. */
static void undo_freeze(struct power *p, uint32_t vm)
{
    if (p->nodes[vm].state == POWER_VM_FORCING) {
        power_act(p, POWER_ACT_WAKE, vm);
    }
}

static void unpause(struct power *p, uint32_t vm)
{
    struct power_node *n = &p->nodes[vm];
    if (n->paused) {
        n->paused = false;
        power_note(p, vm, AUDIT_PAUSED_RESUMED, n->state, n->state, 0);
        power_act(p, POWER_ACT_RESUME_PAUSED, vm);
    }
}

static void begin_prepare(struct power *p, uint32_t vm)
{
    struct power_node *n = &p->nodes[vm];
    if (!n->listener) {
        power_enter(p, vm, POWER_VM_READY, AUDIT_NO_LISTENER);
        return;
    }
    power_wake(p, vm);
    unpause(p, vm);
    n->told = true;
    n->postpone_left_us = p->config[vm].postpone_budget_us;
    power_enter(p, vm, POWER_VM_NOTIFIED, AUDIT_PREPARE_SENT);
    power_arm(p, vm, p->now_us + p->config[vm].ack_us);
    power_notify(p, vm, POWER_NOTICE_PREPARE, p->initiator, n->timer_at_us);
}

void power_press_key(struct power *p, uint32_t vm, uint32_t wait_us)
{
    power_enter(p, vm, POWER_VM_KEYED, AUDIT_KEY_PRESSED);
    power_arm(p, vm, p->now_us + wait_us);
    power_act(p, POWER_ACT_PRESS_KEY, vm);
}

/* Ends in VM_STOPPED or VM_FROZEN when the last hart has left the guest; the timer is for one that
 * is lost. One that was paused is thawed as the others are. */
void power_force(struct power *p, uint32_t vm)
{
    bool keep = p->kind == POWER_SUSPEND;
    power_enter(p, vm, POWER_VM_FORCING, AUDIT_FORCE);
    power_arm(p, vm, p->now_us + POWER_FREEZE_US);
    p->nodes[vm].paused = p->nodes[vm].paused && !keep;
    p->nodes[vm].asleep = false; /* an UNRESPONSIVE one is not woken for this */
    power_act(p, keep ? POWER_ACT_FREEZE : POWER_ACT_FORCE, vm);
}

/* In a SUSPEND there is no key, and so one wait: a power key means off. */
static void begin_stop(struct power *p, uint32_t vm)
{
    struct power_node *n = &p->nodes[vm];
    uint32_t stop_us = p->config[vm].stop_us;
    bool suspend = p->kind == POWER_SUSPEND;
    if (n->state == POWER_VM_UNRESPONSIVE || (suspend && !n->listener)) {
        power_force(p, vm);
        return;
    }
    power_wake(p, vm);
    unpause(p, vm);
    if (!n->listener) {
        power_press_key(p, vm, stop_us);
        return;
    }
    n->told = true;
    power_enter(p, vm, POWER_VM_STOPPING, AUDIT_STOP_SENT);
    power_arm(p, vm, p->now_us + (suspend ? stop_us : stop_us - stop_us / 2));
    power_notify(p, vm, POWER_NOTICE_STOP, p->initiator, p->now_us + stop_us);
}

/* It is told first, so that the event is there when it wakes. */
static void begin_up(struct power *p, uint32_t vm)
{
    struct power_node *n = &p->nodes[vm];
    n->told = false;
    n->asked = false;
    if (n->listener) {
        power_enter(p, vm, POWER_VM_RESUMING, AUDIT_RESUME);
        power_arm(p, vm, p->now_us + p->config[vm].ack_us);
        power_notify(p, vm, POWER_NOTICE_RESUME, p->wake_reason, n->timer_at_us);
    } else {
        power_enter(p, vm, POWER_VM_UP, AUDIT_RESUMED);
    }
    power_wake(p, vm);
}

/* --- The whole --- */

void power_begin_stops(struct power *p, enum audit_event why)
{
    enter_phase(p, POWER_STOP, why, 0);
    p->halted = p->halted || p->kind == POWER_SUSPEND;
    for (uint32_t v = 0; v < p->count; v++) {
        struct power_node *n = &p->nodes[v];
        if (n->state == POWER_VM_LOADING) {
            power_enter(p, v, POWER_VM_OFF, AUDIT_RESTART_CANCELLED);
            power_act(p, POWER_ACT_CANCEL_RESTART, v);
        } else if (power_is(n, NOT_READY)) {
            power_disarm(p, v);
            power_enter(p, v, POWER_VM_READY, why);
        }
    }
}

static void end_transition(struct power *p, enum audit_event event)
{
    enter_phase(p, POWER_RUN, event, 0);
    power_act(p, POWER_ACT_RELEASE_RESTARTS, POWER_NOBODY);
    p->initiator = POWER_NOBODY;
    p->halted = false;
}

/* Down the ranks, in PREPARE and in RESUME. The loop ends: each further round has made at least one
 * VM READY or UP. */
static void advance_down(struct power *p)
{
    bool up = p->phase == POWER_RESUME;
    bool again = true;
    while (again) {
        uint64_t not_ready = power_vms_in(p, NOT_READY);
        again = false;
        for (uint32_t v = 0; v < p->count; v++) {
            struct power_node *n = &p->nodes[v];
            if (n->state == POWER_VM_WAITING && (n->above & not_ready) == 0) {
                (up ? begin_up : begin_prepare)(p, v);
                again = again || power_is(n, S(READY) | S(UP));
            }
        }
        if (not_ready == 0 && up) {
            end_transition(p, AUDIT_RESUMED);
        } else if (not_ready == 0) {
            power_begin_stops(p, AUDIT_ALL_READY);
        }
    }
}

/* Whose interrupts the sleeping machine listens to, where it cannot listen to all. */
static uint32_t first_asleep(const struct power *p)
{
    uint64_t asleep = power_vms_in(p, S(SUSPENDED));
    for (uint32_t v = 0; v < p->count; v++) {
        if ((asleep & power_bit(v)) != 0 && (asleep & p->nodes[v].above) == 0) {
            return v;
        }
    }
    return POWER_NOBODY;
}

static void commit(struct power *p)
{
    enter_phase(p, POWER_COMMIT, AUDIT_COMMIT,
                AUDIT_DETAIL_REQUEST(p->kind, p->emergency, 0, p->reason));
    if (p->kind == POWER_SUSPEND) {
        enter_phase(p, POWER_SLEEP, AUDIT_SLEEP, 0);
    }
    power_act(p, POWER_ACT_COMMIT, p->kind == POWER_SUSPEND ? first_asleep(p) : POWER_NOBODY);
}

void power_advance(struct power *p)
{
    if (p->phase == POWER_PREPARE || p->phase == POWER_RESUME) {
        advance_down(p);
    }
    if (p->phase != POWER_STOP) {
        return;
    }
    uint64_t up = ~power_vms_in(p, DOWN);
    uint64_t all = p->count == 0 ? 0 : ~UINT64_C(0) >> (POWER_VM_MAX - p->count);
    for (uint32_t v = 0; v < p->count; v++) {
        struct power_node *n = &p->nodes[v];
        if (power_is(n, AWAITS_STOP) && (n->below & up) == 0) {
            begin_stop(p, v);
        }
    }
    if ((up & all) == 0) {
        commit(p);
    }
}

/* A VM that need not be woken goes on; it is told if it had been told anything. */
static void let_go(struct power *p, uint32_t vm, uint32_t by)
{
    struct power_node *n = &p->nodes[vm];
    if ((n->told || n->asked) && n->listener) {
        power_notify(p, vm, POWER_NOTICE_ABORT, by, p->now_us);
    }
    n->told = false;
    n->asked = false;
    if (!power_is(n, DOWN)) {
        n->state = n->asleep ? POWER_VM_SUSPENDED : POWER_VM_UP;
    }
}

void power_abort(struct power *p, uint32_t by)
{
    bool slept = p->phase == POWER_SLEEP;
    if (slept) {
        power_act(p, POWER_ACT_END_SLEEP, POWER_NOBODY);
    }
    for (uint32_t v = 0; v < p->count; v++) {
        struct power_node *n = &p->nodes[v];
        power_disarm(p, v);
        if (p->halted && (n->asleep || power_is(n, TOLD_STOP | S(FORCING)))) {
            undo_freeze(p, v);
            n->state = POWER_VM_WAITING;
        } else {
            let_go(p, v, by);
        }
    }
    if (p->halted) {
        p->wake_reason = by | (slept ? 0 : POWER_WAKE_EARLY);
        p->kind = POWER_SUSPEND;
        enter_phase(p, POWER_RESUME, slept ? AUDIT_RESUME : AUDIT_ABORT, 0);
        power_advance(p);
    } else {
        end_transition(p, AUDIT_ABORT);
    }
}

void power_let_sleep(struct power *p)
{
    for (uint32_t v = 0; v < p->count; v++) {
        if (p->nodes[v].asleep && !power_is(&p->nodes[v], DOWN)) {
            power_enter(p, v, POWER_VM_SUSPENDED, AUDIT_EMERGENCY);
        }
    }
}

void power_begin_prepares(struct power *p)
{
    /* In an EMERGENCY who did not answer gets no second wait, and a freeze is waited for. */
    uint32_t keep = DOWN | (p->emergency ? S(UNRESPONSIVE) | S(FORCING) : 0);
    bool wake = p->kind != POWER_SUSPEND && !p->emergency;

    p->txn = p->txn == UINT32_MAX ? 1 : p->txn + 1;
    if (p->phase == POWER_SLEEP) {
        power_act(p, POWER_ACT_END_SLEEP, POWER_NOBODY);
    }
    p->phase = POWER_PREPARE;
    for (uint32_t v = 0; v < p->count; v++) {
        struct power_node *n = &p->nodes[v];
        if (!power_is(n, keep) || (n->asleep && wake)) {
            power_disarm(p, v);
            undo_freeze(p, v);
            n->state = POWER_VM_WAITING;
        }
    }
}
