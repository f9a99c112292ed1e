/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power coordinator's events; core/power.h has the contract, docs/power.md the picture,
 * core/power_steps.c what follows from them. Each handler first decides; from its first change on
 * it cannot fail.
 */
#include "core/power_steps.h"

/* A request that has been found allowed, in any phase but COMMIT. */
static void take_request(struct power *p, const struct power_event *ev, bool srst,
                         struct power_reply *reply)
{
    enum power_phase old = p->phase;
    bool fresh = old == POWER_RUN;
    bool stronger = fresh || ev->kind < p->kind;
    /* Who was told to sleep can still be asked: no STOP of this kind has gone out. */
    bool ask = stronger && (old != POWER_STOP || p->kind == POWER_SUSPEND);
    enum audit_event event = fresh ? AUDIT_REQUEST : stronger ? AUDIT_REPLACE : AUDIT_JOIN;
    /* Not for the record: a VM that asks on and on would wash out what else is in it. */
    bool repeated = event == AUDIT_JOIN && ev->vm < p->count && p->nodes[ev->vm].asked &&
                    (!ev->emergency || p->emergency);

    reply->outcome = fresh ? POWER_ACCEPTED : stronger ? POWER_REPLACED : POWER_JOINED;
    if (stronger) {
        p->kind = ev->kind;
        p->reason = ev->reason;
        p->initiator = ev->vm;
    }
    p->emergency = p->emergency || ev->emergency;
    p->no_abort = p->no_abort || ev->emergency || srst;
    if (fresh) {
        power_act(p, POWER_ACT_HOLD_RESTARTS, POWER_NOBODY);
    }
    if (ask) {
        power_begin_prepares(p);
    }
    reply->txn = p->txn;
    if (!repeated) {
        power_note(p, ev->vm, event, old, p->phase,
                   AUDIT_DETAIL_REQUEST(ev->kind, ev->emergency, srst, ev->reason));
    }
    if (ev->vm < p->count) {
        uint64_t left = p->nodes[ev->vm].below & ~power_vms_in(p, DOWN);
        p->nodes[ev->vm].asked = !srst;
        if (srst && left != 0) {
            power_note(p, ev->vm, AUDIT_SRST_ORDER, POWER_VM_OFF, POWER_VM_OFF, left);
        }
    }
    if (p->emergency) {
        power_let_sleep(p);
    }
    if (p->emergency && p->phase == POWER_PREPARE) {
        power_begin_stops(p, AUDIT_EMERGENCY);
    }
    power_advance(p);
}

static enum err check_kind(enum power_kind kind, bool emergency)
{
    if ((uint32_t)kind >= POWER_KIND_COUNT) {
        return ERR_INVALID;
    }
    return kind == POWER_SUSPEND && emergency ? ERR_NOT_SUPPORTED : ERR_OK;
}

static enum err on_request(struct power *p, const struct power_event *ev, struct power_reply *reply)
{
    enum err err = check_kind(ev->kind, ev->emergency);
    if (err != ERR_OK) {
        return err;
    }
    if (ev->vm < p->count) {
        uint32_t need = POWER_MAY(ev->kind) | (ev->emergency ? POWER_MAY_EMERGENCY : 0u);
        if ((need & ~(uint32_t)p->config[ev->vm].may_initiate) != 0) {
            return ERR_DENIED;
        }
        if (power_is(&p->nodes[ev->vm], DOWN | S(FORCING))) {
            return ERR_STATE;
        }
    }
    if (p->phase == POWER_COMMIT) {
        return ERR_STATE;
    }
    /* Weaker; but a cold reset does what a warm one was asked for. */
    if (power_in_transition(p) && ev->kind > p->kind && !ev->emergency &&
        !(ev->kind == POWER_RESET_WARM && p->kind == POWER_RESET_COLD)) {
        return ERR_BUSY;
    }
    if (p->phase == POWER_RESUME && ev->kind == POWER_SUSPEND) {
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
           (p->nodes[p->initiator].above & power_bit(by)) != 0;
}

static enum err on_cancel(struct power *p, const struct power_event *ev)
{
    if (p->phase == POWER_RUN || (ev->txn != 0 && ev->txn != p->txn)) {
        return ERR_NOT_FOUND;
    }
    if (p->phase != POWER_PREPARE || p->no_abort || !may_cancel(p, ev->vm)) {
        return ERR_DENIED;
    }
    power_note(p, ev->vm, AUDIT_CANCEL, p->phase, p->phase, 0);
    power_abort(p, ev->vm);
    return ERR_OK;
}

static void on_acked(struct power *p, uint32_t vm, uint32_t more_us)
{
    power_enter(p, vm, POWER_VM_PREPARING, AUDIT_ACK);
    power_arm(p, vm, p->now_us + p->config[vm].prepare_us + more_us);
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
        power_arm(p, ev->vm, n->timer_at_us + grant_us);
    }
    power_note(p, ev->vm, AUDIT_POSTPONE, n->state, n->state, grant_us);
    return ERR_OK;
}

/* ACK, READY, VETO, POSTPONE. */
static enum err on_answer(struct power *p, const struct power_event *ev, struct power_reply *reply)
{
    struct power_node *n = &p->nodes[ev->vm];
    if (!power_in_transition(p) || ev->txn != p->txn) {
        return ERR_NOT_FOUND;
    }
    if (ev->type == POWER_EV_ACK || ev->type == POWER_EV_READY) {
        bool ready = ev->type == POWER_EV_READY;
        if (!power_is(n, ASKED_PREPARE | AWAITS_STOP | TOLD_STOP | S(RESUMING) | S(UP))) {
            return ERR_STATE;
        }
        if (ready && power_is(n, ASKED_PREPARE | S(UNRESPONSIVE))) {
            power_disarm(p, ev->vm);
            power_enter(p, ev->vm, POWER_VM_READY, AUDIT_READY);
            power_advance(p);
        } else if (n->state == POWER_VM_NOTIFIED) {
            on_acked(p, ev->vm, 0);
        } else if (n->state == POWER_VM_RESUMING) {
            power_disarm(p, ev->vm);
            power_enter(p, ev->vm, POWER_VM_UP, AUDIT_ACK);
            power_advance(p);
        }
        return ERR_OK;
    }
    if (ev->type == POWER_EV_VETO && p->kind == POWER_SUSPEND && power_is(n, TOLD_STOP)) {
        power_note(p, ev->vm, AUDIT_VETO, n->state, POWER_VM_UP, 0);
        power_abort(p, ev->vm);
        return ERR_OK;
    }
    if (!power_is(n, ASKED_PREPARE)) {
        return ERR_STATE;
    }
    if (ev->type == POWER_EV_POSTPONE) {
        return on_postpone(p, ev, reply);
    }
    if (!p->config[ev->vm].may_veto || p->no_abort) {
        return ERR_DENIED;
    }
    power_note(p, ev->vm, AUDIT_VETO, n->state, POWER_VM_UP, 0);
    power_abort(p, ev->vm);
    return ERR_OK;
}

static enum err on_listener(struct power *p, const struct power_event *ev)
{
    struct power_node *n = &p->nodes[ev->vm];
    if (power_is(n, DOWN | S(FORCING))) {
        return ERR_STATE;
    }
    n->listener = ev->on;
    if (!ev->on && power_is(n, ASKED_PREPARE | S(RESUMING))) {
        power_disarm(p, ev->vm);
        power_enter(p, ev->vm, n->state == POWER_VM_RESUMING ? POWER_VM_UP : POWER_VM_READY,
                    AUDIT_NO_LISTENER);
        power_advance(p);
    }
    return ERR_OK;
}

/* The VM runs no more, and whatever it had registered is gone with it. */
static void take_down(struct power *p, uint32_t vm, enum audit_event event)
{
    struct power_node *n = &p->nodes[vm];
    bool forced = n->state == POWER_VM_FORCING && p->kind != POWER_SUSPEND;
    bool was_down = power_is(n, S(OFF) | S(FORCED)) && !n->asleep;
    power_disarm(p, vm);
    n->listener = false;
    n->paused = false;
    n->told = false;
    n->asked = false;
    n->asleep = false;
    if (was_down) {
        return;
    }
    if (p->phase == POWER_RUN) {
        n->state = POWER_VM_OFF;
    } else {
        power_enter(p, vm, forced ? POWER_VM_FORCED : POWER_VM_OFF,
                    forced && event == AUDIT_STOPPED ? AUDIT_FORCED : event);
    }
}

static enum err on_down(struct power *p, const struct power_event *ev, struct power_reply *reply)
{
    bool srst = ev->type == POWER_EV_VM_SRST;
    const struct power_node *n = &p->nodes[ev->vm];
    if (srst && ((uint32_t)ev->kind >= POWER_SUSPEND || power_is(n, DOWN))) {
        return ERR_INVALID;
    }
    /* Once STOP has begun, an SRST is just a stop; in a SUSPEND, at the VM's own turn. */
    bool just = p->phase == POWER_COMMIT ||
                (p->phase == POWER_STOP && (p->kind != POWER_SUSPEND || power_is(n, TOLD_STOP)));
    take_down(p, ev->vm, ev->type == POWER_EV_VM_CRASHED ? AUDIT_CRASHED : AUDIT_STOPPED);
    if (srst && !just) {
        take_request(p, ev, true, reply);
    } else if (power_in_transition(p)) {
        power_advance(p);
    }
    return ERR_OK;
}

/*
 * What it was told or asked meanwhile it has not heard: it is woken at once, but where to sleep is
 * what is wanted of it, or is good enough (EMERGENCY). One that was taken as frozen, since it took
 * so long about it, is asleep after all: it may wake.
 */
static void on_suspended(struct power *p, uint32_t vm)
{
    struct power_node *n = &p->nodes[vm];
    bool wanted = p->kind == POWER_SUSPEND || p->emergency;

    if (n->state == POWER_VM_FORCED && n->asleep && p->kind == POWER_SUSPEND) {
        power_enter(p, vm, POWER_VM_SUSPENDED, AUDIT_SUSPENDED);
    }
    if (power_is(n, DOWN) || p->phase == POWER_COMMIT) {
        return; /* told late, of one that is being stopped */
    }
    n->asleep = true;
    if (p->phase == POWER_RUN || (p->phase == POWER_RESUME && n->state == POWER_VM_UP)) {
        n->state = POWER_VM_SUSPENDED;
        return;
    }
    p->halted = true;
    if (p->phase != POWER_RESUME && wanted) {
        power_disarm(p, vm);
        power_enter(p, vm, POWER_VM_SUSPENDED, AUDIT_SUSPENDED);
        power_advance(p);
    } else if (!power_is(n, S(WAITING) | AWAITS_STOP)) {
        power_wake(p, vm);
    }
}

static void frozen(struct power *p, uint32_t vm, enum audit_event event)
{
    p->nodes[vm].asleep = true;
    power_disarm(p, vm);
    power_enter(p, vm, POWER_VM_FORCED, event);
    power_advance(p);
}

/*
 * A VM that may not run yet stays as it is, its interrupt pending: who is WAITING since the machine
 * slept is woken at its turn, and nobody is left WAITING (power_abort()). Who counts as stopped in
 * an EMERGENCY does not run again.
 */
static void on_wake(struct power *p, uint32_t vm)
{
    struct power_node *n = vm < p->count ? &p->nodes[vm] : NULL;
    bool own = n != NULL && n->asleep && n->state != POWER_VM_FORCED;
    bool early = p->kind == POWER_SUSPEND && (p->phase == POWER_PREPARE || p->phase == POWER_STOP);

    if ((own && early) || (p->phase == POWER_SLEEP && (own || n == NULL))) {
        power_note(p, vm, AUDIT_WAKE, p->phase, p->phase, 0);
        power_abort(p, vm);
    }
    if (!own || p->phase == POWER_COMMIT || (n->state == POWER_VM_WAITING && p->halted)) {
        return;
    }
    if (n->state == POWER_VM_SUSPENDED && p->phase != POWER_STOP) {
        n->state = POWER_VM_UP;
    }
    if (n->state != POWER_VM_SUSPENDED) {
        power_wake(p, vm);
    }
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
    if (power_is(n, ASKED_PREPARE)) {
        if (p->config[vm].on_timeout == POWER_ON_TIMEOUT_ABORT && !p->no_abort) {
            power_note(p, vm, AUDIT_TIMEOUT, n->state, POWER_VM_UP, 0);
            power_abort(p, vm);
            return;
        }
        power_enter(p, vm, POWER_VM_UNRESPONSIVE, AUDIT_TIMEOUT);
    } else if (n->state == POWER_VM_RESUMING) {
        power_enter(p, vm, POWER_VM_UP, AUDIT_TIMEOUT);
    } else if (n->state == POWER_VM_STOPPING && p->kind != POWER_SUSPEND) {
        uint32_t rest_us = p->config[vm].stop_us / 2;
        if (n->listener) {
            power_note(p, vm, AUDIT_STOP_REPEATED, n->state, n->state, 0);
            power_notify(p, vm, POWER_NOTICE_STOP, p->initiator, p->now_us + rest_us);
        }
        power_press_key(p, vm, rest_us);
    } else if (power_is(n, TOLD_STOP)) {
        power_force(p, vm);
    } else if (p->kind == POWER_SUSPEND) {
        frozen(p, vm, AUDIT_FREEZE_LATE);
    } else {
        take_down(p, vm, AUDIT_FREEZE_LATE);
    }
    power_advance(p);
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
    case POWER_EV_VM_SUSPENDED:
        on_suspended(p, ev->vm);
        return ERR_OK;
    case POWER_EV_VM_FROZEN:
        if (p->nodes[ev->vm].state == POWER_VM_FORCING) {
            frozen(p, ev->vm, AUDIT_FORCED);
        }
        return ERR_OK;
    case POWER_EV_WAKE:
        on_wake(p, ev->vm);
        return ERR_OK;
    case POWER_EV_SLEEP_REFUSED:
        power_note(p, POWER_NOBODY, AUDIT_SLEEP_REFUSED, p->phase, p->phase, 0);
        return ERR_OK;
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
    bool may_be_other = ev->type == POWER_EV_REQUEST || ev->type == POWER_EV_CANCEL ||
                        ev->type == POWER_EV_WAKE || ev->type == POWER_EV_SLEEP_REFUSED;
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
