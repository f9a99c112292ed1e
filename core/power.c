/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power coordinator's state machine; core/power.h has the contract, docs/power.md the picture.
 *
 * What always holds between events:
 *  - in RUN and COMMIT no timer is armed; in RUN a VM is OFF, LOADING or UP, in COMMIT OFF or FORCED;
 *  - a timer is armed for a VM exactly when it is NOTIFIED, PREPARING, STOPPING, KEYED or FORCING;
 *  - nobody is WAITING, NOTIFIED or PREPARING in STOP; nobody has been told STOP in PREPARE;
 *  - nothing starts while a transition runs, so the set of VMs that are down only grows.
 *
 * Each handler first decides; from its first change on it cannot fail.
 */
#include "core/power.h"

/* Sets of VM states. */
#define S(state) (1u << (POWER_VM_##state - POWER_VM_OFF))
#define DOWN (S(OFF) | S(LOADING) | S(FORCED))
#define ASKED_PREPARE (S(NOTIFIED) | S(PREPARING))
#define NOT_READY (S(WAITING) | ASKED_PREPARE)
#define AWAITS_STOP (S(READY) | S(UNRESPONSIVE))
#define TOLD_STOP (S(STOPPING) | S(KEYED))

static uint64_t bit(uint32_t vm)
{
    return UINT64_C(1) << vm;
}

static bool is(const struct power_node *n, uint32_t states)
{
    return ((1u << (n->state - POWER_VM_OFF)) & states) != 0;
}

static uint64_t vms_in(const struct power *p, uint32_t states)
{
    uint64_t mask = 0;
    for (uint32_t v = 0; v < p->count; v++) {
        mask |= is(&p->nodes[v], states) ? bit(v) : 0;
    }
    return mask;
}

static bool in_transition(const struct power *p)
{
    return p->phase != POWER_RUN && p->phase != POWER_COMMIT;
}

/* --- Actions --- */

static struct power_action action(const struct power *p, enum power_action_type type, uint32_t vm)
{
    return (struct power_action){.type = type,
                                 .vm = (uint8_t)vm,
                                 .by = p->initiator,
                                 .kind = p->kind,
                                 .txn = p->txn,
                                 .reason = p->reason,
                                 .at = p->now_us};
}

static void act(struct power *p, enum power_action_type type, uint32_t vm)
{
    struct power_action a = action(p, type, vm);
    p->emit(p->ctx, &a);
}

static void note(struct power *p, uint32_t vm, enum audit_event event, uint32_t old_state,
                 uint32_t new_state, uint64_t detail)
{
    struct power_action a = action(p, POWER_ACT_AUDIT, vm);
    a.event = event;
    a.old_state = (uint8_t)old_state;
    a.new_state = (uint8_t)new_state;
    a.detail = detail;
    p->emit(p->ctx, &a);
}

static void notify(struct power *p, uint32_t vm, enum power_notice notice, uint32_t by, uint64_t at)
{
    struct power_action a = action(p, POWER_ACT_NOTIFY, vm);
    a.notice = notice;
    a.by = (uint8_t)by;
    a.at = at;
    p->emit(p->ctx, &a);
}

static void arm(struct power *p, uint32_t vm, uint64_t at)
{
    struct power_action a = action(p, POWER_ACT_ARM_TIMER, vm);
    a.at = at;
    p->nodes[vm].timer_at_us = at;
    p->emit(p->ctx, &a);
}

static void disarm(struct power *p, uint32_t vm)
{
    if (p->nodes[vm].timer_at_us != POWER_NEVER) {
        p->nodes[vm].timer_at_us = POWER_NEVER;
        act(p, POWER_ACT_CANCEL_TIMER, vm);
    }
}

static void enter(struct power *p, uint32_t vm, enum power_vm_state state, enum audit_event event)
{
    enum power_vm_state old = p->nodes[vm].state;
    p->nodes[vm].state = state;
    note(p, vm, event, old, state, 0);
}

static void enter_phase(struct power *p, enum power_phase phase, enum audit_event event,
                        uint64_t detail)
{
    enum power_phase old = p->phase;
    p->phase = phase;
    note(p, POWER_NOBODY, event, old, phase, detail);
}

/* --- One VM's turns --- */

static void unpause(struct power *p, uint32_t vm)
{
    struct power_node *n = &p->nodes[vm];
    if (n->paused) {
        n->paused = false;
        note(p, vm, AUDIT_PAUSED_RESUMED, n->state, n->state, 0);
        act(p, POWER_ACT_RESUME_PAUSED, vm);
    }
}

static void begin_prepare(struct power *p, uint32_t vm)
{
    struct power_node *n = &p->nodes[vm];
    if (!n->listener) {
        enter(p, vm, POWER_VM_READY, AUDIT_NO_LISTENER);
        return;
    }
    unpause(p, vm);
    n->told = true;
    n->postpone_left_us = p->config[vm].postpone_budget_us;
    enter(p, vm, POWER_VM_NOTIFIED, AUDIT_PREPARE_SENT);
    arm(p, vm, p->now_us + p->config[vm].ack_us);
    notify(p, vm, POWER_NOTICE_PREPARE, p->initiator, n->timer_at_us);
}

static void press_key(struct power *p, uint32_t vm, uint32_t wait_us)
{
    enter(p, vm, POWER_VM_KEYED, AUDIT_KEY_PRESSED);
    arm(p, vm, p->now_us + wait_us);
    act(p, POWER_ACT_PRESS_KEY, vm);
}

/* Ends in VM_STOPPED when the last hart has left the guest; the timer is for a hart that is lost. */
static void force(struct power *p, uint32_t vm)
{
    enter(p, vm, POWER_VM_FORCING, AUDIT_FORCE);
    arm(p, vm, p->now_us + POWER_FREEZE_US);
    act(p, POWER_ACT_FORCE, vm);
}

static void begin_stop(struct power *p, uint32_t vm)
{
    struct power_node *n = &p->nodes[vm];
    uint32_t stop_us = p->config[vm].stop_us;
    if (n->state == POWER_VM_UNRESPONSIVE) {
        force(p, vm);
        return;
    }
    unpause(p, vm);
    if (!n->listener) {
        press_key(p, vm, stop_us);
        return;
    }
    n->told = true;
    enter(p, vm, POWER_VM_STOPPING, AUDIT_STOP_SENT);
    arm(p, vm, p->now_us + (stop_us - stop_us / 2));
    notify(p, vm, POWER_NOTICE_STOP, p->initiator, p->now_us + stop_us);
}

/* --- The whole --- */

/* From here on there is no way back. VMs still being prepared (EMERGENCY) wait for STOP at once. */
static void begin_stops(struct power *p, enum audit_event why)
{
    enter_phase(p, POWER_STOP, why, 0);
    for (uint32_t v = 0; v < p->count; v++) {
        struct power_node *n = &p->nodes[v];
        if (n->state == POWER_VM_LOADING) {
            enter(p, v, POWER_VM_OFF, AUDIT_RESTART_CANCELLED);
            act(p, POWER_ACT_CANCEL_RESTART, v);
        } else if (is(n, NOT_READY)) {
            disarm(p, v);
            enter(p, v, POWER_VM_READY, why);
        }
    }
}

/* Gives every VM whose turn has come its turn. Ends: each round makes at least one VM READY. */
static void advance(struct power *p)
{
    bool again = p->phase == POWER_PREPARE;
    while (again) {
        uint64_t not_ready = vms_in(p, NOT_READY);
        again = false;
        for (uint32_t v = 0; v < p->count; v++) {
            struct power_node *n = &p->nodes[v];
            if (n->state == POWER_VM_WAITING && (n->above & not_ready) == 0) {
                begin_prepare(p, v);
                again = again || n->state == POWER_VM_READY;
            }
        }
        if (not_ready == 0) {
            begin_stops(p, AUDIT_ALL_READY);
        }
    }
    if (p->phase != POWER_STOP) {
        return;
    }
    uint64_t up = ~vms_in(p, DOWN);
    uint64_t all = p->count == 0 ? 0 : ~UINT64_C(0) >> (POWER_VM_MAX - p->count);
    for (uint32_t v = 0; v < p->count; v++) {
        struct power_node *n = &p->nodes[v];
        if (is(n, AWAITS_STOP) && (n->below & up) == 0) {
            begin_stop(p, v);
        }
    }
    if ((up & all) == 0) {
        enter_phase(p, POWER_COMMIT, AUDIT_COMMIT,
                    AUDIT_DETAIL_REQUEST(p->kind, p->emergency, 0, p->reason));
        act(p, POWER_ACT_COMMIT, POWER_NOBODY);
    }
}

/* In PREPARE, and not with no_abort (nor, thus, emergency). by: who ended it. */
static void abort_transition(struct power *p, uint32_t by)
{
    for (uint32_t v = 0; v < p->count; v++) {
        struct power_node *n = &p->nodes[v];
        disarm(p, v);
        if ((n->told || n->asked) && n->listener) {
            notify(p, v, POWER_NOTICE_ABORT, by, p->now_us);
        }
        n->told = false;
        n->asked = false;
        n->state = is(n, DOWN) ? n->state : POWER_VM_UP;
    }
    enter_phase(p, POWER_RUN, AUDIT_ABORT, 0);
    act(p, POWER_ACT_RELEASE_RESTARTS, POWER_NOBODY);
    p->initiator = POWER_NOBODY;
}

/* A new transaction: everybody who runs is asked, or asked again. */
static void begin_prepares(struct power *p)
{
    p->txn = p->txn == UINT32_MAX ? 1 : p->txn + 1;
    for (uint32_t v = 0; v < p->count; v++) {
        if (!is(&p->nodes[v], DOWN)) {
            disarm(p, v);
            p->nodes[v].state = POWER_VM_WAITING;
        }
    }
}

/* A request that has been found allowed, in any phase but COMMIT. */
static void take_request(struct power *p, const struct power_event *ev, bool srst,
                         struct power_reply *reply)
{
    enum power_phase old = p->phase;
    bool fresh = old == POWER_RUN;
    bool stronger = fresh || ev->kind < p->kind;
    enum audit_event event = fresh ? AUDIT_REQUEST : stronger ? AUDIT_REPLACE : AUDIT_JOIN;

    reply->outcome = fresh ? POWER_ACCEPTED : stronger ? POWER_REPLACED : POWER_JOINED;
    if (stronger) {
        p->kind = ev->kind;
        p->reason = ev->reason;
        p->initiator = ev->vm;
    }
    if (fresh) {
        act(p, POWER_ACT_HOLD_RESTARTS, POWER_NOBODY);
        p->phase = POWER_PREPARE;
    }
    if (stronger && old != POWER_STOP) {
        begin_prepares(p);
    }
    reply->txn = p->txn;
    p->emergency = p->emergency || ev->emergency;
    p->no_abort = p->no_abort || ev->emergency || srst;
    note(p, ev->vm, event, old, p->phase,
         AUDIT_DETAIL_REQUEST(ev->kind, ev->emergency, srst, ev->reason));
    if (ev->vm < p->count) {
        uint64_t left = p->nodes[ev->vm].below & ~vms_in(p, DOWN);
        p->nodes[ev->vm].asked = !srst;
        if (srst && left != 0) {
            note(p, ev->vm, AUDIT_SRST_ORDER, POWER_VM_OFF, POWER_VM_OFF, left);
        }
    }
    if (p->emergency && p->phase == POWER_PREPARE) {
        begin_stops(p, AUDIT_EMERGENCY);
    }
    advance(p);
}

/* --- Events --- */

static enum err check_kind(enum power_kind kind)
{
    if ((uint32_t)kind >= POWER_KIND_COUNT) {
        return ERR_INVALID;
    }
    return kind == POWER_SUSPEND ? ERR_NOT_SUPPORTED : ERR_OK;
}

static enum err on_request(struct power *p, const struct power_event *ev, struct power_reply *reply)
{
    enum err err = check_kind(ev->kind);
    if (err != ERR_OK) {
        return err;
    }
    if (ev->vm < p->count) {
        uint32_t need = POWER_MAY(ev->kind) | (ev->emergency ? POWER_MAY_EMERGENCY : 0u);
        if ((need & ~(uint32_t)p->config[ev->vm].may_initiate) != 0) {
            return ERR_DENIED;
        }
        if (is(&p->nodes[ev->vm], DOWN | S(FORCING))) {
            return ERR_STATE;
        }
    }
    if (p->phase == POWER_COMMIT) {
        return ERR_STATE;
    }
    /* Weaker; but a cold reset does what a warm one was asked for. */
    if (in_transition(p) && ev->kind > p->kind && !ev->emergency &&
        !(ev->kind == POWER_RESET_WARM && p->kind == POWER_RESET_COLD)) {
        return ERR_BUSY;
    }
    take_request(p, ev, false, reply);
    return ERR_OK;
}

static bool may_cancel(const struct power *p, uint32_t by)
{
    if (by == POWER_BY_CONSOLE || by == p->initiator) {
        return true;
    }
    return by < p->count && p->initiator < p->count &&
           (p->nodes[p->initiator].above & bit(by)) != 0;
}

static enum err on_cancel(struct power *p, const struct power_event *ev)
{
    if (p->phase == POWER_RUN || (ev->txn != 0 && ev->txn != p->txn)) {
        return ERR_NOT_FOUND;
    }
    if (p->phase != POWER_PREPARE || p->no_abort || !may_cancel(p, ev->vm)) {
        return ERR_DENIED;
    }
    note(p, ev->vm, AUDIT_CANCEL, p->phase, p->phase, 0);
    abort_transition(p, ev->vm);
    return ERR_OK;
}

static void on_acked(struct power *p, uint32_t vm, uint32_t more_us)
{
    enter(p, vm, POWER_VM_PREPARING, AUDIT_ACK);
    arm(p, vm, p->now_us + p->config[vm].prepare_us + more_us);
}

static enum err on_postpone(struct power *p, const struct power_event *ev,
                            struct power_reply *reply)
{
    struct power_node *n = &p->nodes[ev->vm];
    uint32_t grant_us = ev->us > POWER_POSTPONE_MIN_US ? ev->us : POWER_POSTPONE_MIN_US;
    if (ev->us == 0) {
        return ERR_INVALID;
    }
    if (grant_us > p->config[ev->vm].postpone_quantum_us) {
        grant_us = p->config[ev->vm].postpone_quantum_us;
    }
    if (grant_us > n->postpone_left_us) {
        grant_us = n->postpone_left_us;
    }
    if (grant_us == 0) {
        return ERR_DENIED;
    }
    n->postpone_left_us -= grant_us;
    reply->us = grant_us;
    if (n->state == POWER_VM_NOTIFIED) {
        on_acked(p, ev->vm, grant_us);
    } else {
        arm(p, ev->vm, n->timer_at_us + grant_us);
    }
    note(p, ev->vm, AUDIT_POSTPONE, n->state, n->state, grant_us);
    return ERR_OK;
}

/* ACK, READY, VETO, POSTPONE. */
static enum err on_answer(struct power *p, const struct power_event *ev, struct power_reply *reply)
{
    struct power_node *n = &p->nodes[ev->vm];
    if (!in_transition(p) || ev->txn != p->txn) {
        return ERR_NOT_FOUND;
    }
    if (ev->type == POWER_EV_ACK || ev->type == POWER_EV_READY) {
        bool ready = ev->type == POWER_EV_READY;
        if (!is(n, ASKED_PREPARE | AWAITS_STOP | TOLD_STOP)) {
            return ERR_STATE;
        }
        if (ready && is(n, ASKED_PREPARE | S(UNRESPONSIVE))) {
            disarm(p, ev->vm);
            enter(p, ev->vm, POWER_VM_READY, AUDIT_READY);
            advance(p);
        } else if (n->state == POWER_VM_NOTIFIED) {
            on_acked(p, ev->vm, 0);
        }
        return ERR_OK;
    }
    if (!is(n, ASKED_PREPARE)) {
        return ERR_STATE;
    }
    if (ev->type == POWER_EV_POSTPONE) {
        return on_postpone(p, ev, reply);
    }
    if (!p->config[ev->vm].may_veto || p->no_abort) {
        return ERR_DENIED;
    }
    note(p, ev->vm, AUDIT_VETO, n->state, POWER_VM_UP, 0);
    abort_transition(p, ev->vm);
    return ERR_OK;
}

static enum err on_listener(struct power *p, const struct power_event *ev)
{
    struct power_node *n = &p->nodes[ev->vm];
    if (is(n, DOWN | S(FORCING))) {
        return ERR_STATE;
    }
    n->listener = ev->on;
    if (!ev->on && is(n, ASKED_PREPARE)) {
        disarm(p, ev->vm);
        enter(p, ev->vm, POWER_VM_READY, AUDIT_NO_LISTENER);
        advance(p);
    }
    return ERR_OK;
}

/* The VM runs no more, and whatever it had registered is gone with it. */
static void take_down(struct power *p, uint32_t vm, enum audit_event event)
{
    struct power_node *n = &p->nodes[vm];
    bool forced = n->state == POWER_VM_FORCING;
    disarm(p, vm);
    n->listener = false;
    n->paused = false;
    n->told = false;
    n->asked = false;
    if (is(n, S(OFF) | S(FORCED))) {
        return;
    }
    if (p->phase == POWER_RUN) {
        n->state = POWER_VM_OFF;
    } else {
        enter(p, vm, forced ? POWER_VM_FORCED : POWER_VM_OFF,
              forced && event == AUDIT_STOPPED ? AUDIT_FORCED : event);
    }
}

static enum err on_down(struct power *p, const struct power_event *ev, struct power_reply *reply)
{
    bool srst = ev->type == POWER_EV_VM_SRST;
    if (srst && (check_kind(ev->kind) != ERR_OK || is(&p->nodes[ev->vm], DOWN))) {
        return ERR_INVALID;
    }
    take_down(p, ev->vm, ev->type == POWER_EV_VM_CRASHED ? AUDIT_CRASHED : AUDIT_STOPPED);
    /* Once STOP has begun, an SRST is just a stop. */
    if (srst && (p->phase == POWER_RUN || p->phase == POWER_PREPARE)) {
        take_request(p, ev, true, reply);
    } else if (in_transition(p)) {
        advance(p);
    }
    return ERR_OK;
}

/* LOADING, STARTED, PAUSED: only in RUN. */
static enum err on_lifecycle(struct power *p, const struct power_event *ev)
{
    struct power_node *n = &p->nodes[ev->vm];
    if (p->phase != POWER_RUN) {
        return ERR_BUSY;
    }
    if (ev->type == POWER_EV_VM_PAUSED) {
        if (n->state != POWER_VM_UP) {
            return ERR_STATE;
        }
        n->paused = true;
    } else if (ev->type == POWER_EV_VM_LOADING) {
        if (n->state != POWER_VM_OFF) {
            return ERR_STATE;
        }
        n->state = POWER_VM_LOADING;
    } else {
        if (n->state == POWER_VM_UP) {
            return ERR_STATE;
        }
        n->state = POWER_VM_UP;
    }
    return ERR_OK;
}

static void on_timer(struct power *p, const struct power_event *ev)
{
    uint32_t vm = ev->vm;
    struct power_node *n = &p->nodes[vm];
    if (n->timer_at_us == POWER_NEVER || p->now_us < n->timer_at_us) {
        return;
    }
    n->timer_at_us = POWER_NEVER;
    if (is(n, ASKED_PREPARE)) {
        if (p->config[vm].on_timeout == POWER_ON_TIMEOUT_ABORT && !p->no_abort) {
            note(p, vm, AUDIT_TIMEOUT, n->state, POWER_VM_UP, 0);
            abort_transition(p, vm);
            return;
        }
        enter(p, vm, POWER_VM_UNRESPONSIVE, AUDIT_TIMEOUT);
    } else if (n->state == POWER_VM_STOPPING) {
        uint32_t rest_us = p->config[vm].stop_us / 2;
        if (n->listener) {
            note(p, vm, AUDIT_STOP_REPEATED, n->state, n->state, 0);
            notify(p, vm, POWER_NOTICE_STOP, p->initiator, p->now_us + rest_us);
        }
        press_key(p, vm, rest_us);
    } else if (n->state == POWER_VM_KEYED) {
        force(p, vm);
    } else {
        take_down(p, vm, AUDIT_FREEZE_LATE);
    }
    advance(p);
}

static enum err dispatch(struct power *p, const struct power_event *ev, struct power_reply *reply)
{
    switch (ev->type) {
    case POWER_EV_REQUEST:
        return on_request(p, ev, reply);
    case POWER_EV_CANCEL:
        return on_cancel(p, ev);
    case POWER_EV_ACK:
    case POWER_EV_READY:
    case POWER_EV_VETO:
    case POWER_EV_POSTPONE:
        return on_answer(p, ev, reply);
    case POWER_EV_LISTENER:
        return on_listener(p, ev);
    case POWER_EV_VM_STOPPED:
    case POWER_EV_VM_CRASHED:
    case POWER_EV_VM_SRST:
        return on_down(p, ev, reply);
    case POWER_EV_VM_RESUMED:
        p->nodes[ev->vm].paused = false;
        return ERR_OK;
    case POWER_EV_VM_LOADING:
    case POWER_EV_VM_STARTED:
    case POWER_EV_VM_PAUSED:
        return on_lifecycle(p, ev);
    case POWER_EV_TIMER:
        on_timer(p, ev);
        return ERR_OK;
    }
    return ERR_INVALID;
}

enum err power_handle(struct power *p, const struct power_event *ev, struct power_reply *reply)
{
    bool may_be_other = ev->type == POWER_EV_REQUEST || ev->type == POWER_EV_CANCEL;
    bool other = ev->vm == POWER_BY_CONSOLE || ev->vm == POWER_BY_PLATFORM;
    *reply = (struct power_reply){.outcome = POWER_NOTHING};
    if (ev->vm >= p->count && !(may_be_other && other)) {
        return ERR_INVALID;
    }
    p->now_us = ev->now_us;
    enum err err = dispatch(p, ev, reply);
    if (err != ERR_OK && ev->vm < p->count && ev->type <= POWER_EV_LISTENER &&
        p->nodes[ev->vm].refused != UINT32_MAX) {
        p->nodes[ev->vm].refused++;
    }
    return err;
}
