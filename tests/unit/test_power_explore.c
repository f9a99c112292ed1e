/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Explores the power coordinator exhaustively: breadth first over every state that three VMs can
 * reach, for several rank graphs, under every event in every state. A state is packed into one
 * word, with time abstracted to "a timer is armed", so that the whole space fits a hash table and a
 * state is unpacked from its word to take the next event. Beside the coordinator's own state the
 * word holds the truth that the checks need: which VMs really run, and what each has been told.
 *
 * Checked at every edge: no COMMIT and no SLEEP with a VM running; PREPARE and RESUME only below
 * ready VMs, STOP, key, force and freeze only above stopped ones; after STOP no way back, but from
 * a SUSPEND; abort told to all who got PREPARE; who sleeps in RUN has done so by itself; nobody
 * runs in SLEEP; rights; an error changes nothing; a timer for each wait; the waits still possible
 * for a VM never grow but by a stronger request. Checked on the whole: from every state, time-outs
 * alone lead to RUN, COMMIT or SLEEP, in a bounded number of steps, and from SLEEP a key does to
 * RUN.
 */
/* LINK: core/power.c core/power_steps.c core/power_graph.c core/audit.c */
#include "tests/unit/power_states.h"

/* --- Checks of each action, at the moment it is emitted --- */

/* Down, or asleep where that will do. */
static bool all_down(uint64_t mask)
{
    bool asleep_too = w->p.kind == POWER_SUSPEND || w->p.emergency;
    for (uint32_t v = 0; v < VMS; v++) {
        if (((mask >> v) & 1) != 0 && w->vm[v].runs != DOWN &&
            !(asleep_too && w->vm[v].runs == ASLEEP)) {
            return false;
        }
    }
    return true;
}

static void check_stop_turn(uint32_t v, bool force)
{
    check(v, w->p.phase == POWER_STOP);
    check(v, w->vm[v].runs == RUNS || (force && w->vm[v].runs == ASLEEP));
    check(v, all_down(setup->below[v]));
    for (uint32_t o = 0; o < VMS; o++) {
        check(o, !is_not_ready(w->nodes[o].state));
    }
    w->vm[v].got_stop = w->p.kind != POWER_SUSPEND;
}

/* The turn of v to be told something down the ranks, in PREPARE or RESUME. */
static void check_down_turn(uint32_t v)
{
    for (uint32_t s = 0; s < VMS; s++) {
        check(s, ((setup->above[v] >> s) & 1) == 0 || !is_not_ready(w->nodes[s].state));
    }
}

static void on_woken(uint32_t v)
{
    struct vm_truth *t = &w->vm[v];
    bool held = w->nodes[v].state == POWER_VM_WAITING && w->p.halted;
    check(v, t->runs == ASLEEP || (t->runs == FREEZING && w->nodes[v].state == POWER_VM_FORCING));
    check(v, w->p.phase != POWER_COMMIT && w->p.phase != POWER_SLEEP);
    check(v, w->p.phase != POWER_STOP || w->p.kind != POWER_SUSPEND || t->runs == FREEZING);
    if (held || w->nodes[v].state == POWER_VM_RESUMING) {
        check_down_turn(v);
    }
    t->runs = RUNS;
    t->own = false;
}

static void on_notify(const struct power_action *a)
{
    uint32_t v = a->vm;
    check(v, a->txn == w->p.txn && a->kind == w->p.kind);
    switch (a->notice) {
    case POWER_NOTICE_PREPARE:
        check(v, w->p.phase == POWER_PREPARE && !w->p.emergency);
        check(v, w->vm[v].runs == RUNS && w->nodes[v].listener && !w->nodes[v].paused);
        check(v, a->at == w->p.now_us + ACK_US);
        check_down_turn(v);
        w->vm[v].got_prepare = true;
        break;
    case POWER_NOTICE_STOP:
        check_stop_turn(v, false);
        check(v, w->nodes[v].listener && !w->nodes[v].paused);
        break;
    case POWER_NOTICE_ABORT:
        check(v, w->p.phase == POWER_PREPARE ||
                     (w->p.phase == POWER_STOP && w->p.kind == POWER_SUSPEND));
        check(v, w->nodes[v].listener && w->vm[v].runs == RUNS);
        w->vm[v].got_prepare = false;
        break;
    case POWER_NOTICE_RESUME:
        check(v, w->p.phase == POWER_RESUME && w->nodes[v].listener && w->vm[v].runs != DOWN);
        check(v, a->at == w->p.now_us + ACK_US && a->reason == w->p.wake_reason);
        check_down_turn(v);
        w->vm[v].got_prepare = false;
        break;
    }
}

static void on_emit(void *ctx, const struct power_action *a)
{
    (void)ctx;
    actions[action_count++] = *a;
    uint32_t v = a->vm;
    check(v, action_count <= MAX_ACTIONS);
    for (uint32_t i = 0; i + 1 < action_count; i++) {
        check(v, actions[i].type != POWER_ACT_COMMIT || w->p.kind == POWER_SUSPEND);
    }
    switch (a->type) {
    case POWER_ACT_NOTIFY:
        on_notify(a);
        break;
    case POWER_ACT_PRESS_KEY:
        check_stop_turn(v, false);
        check(v, !w->nodes[v].paused);
        break;
    case POWER_ACT_FORCE:
        check_stop_turn(v, true);
        check(v, w->p.kind != POWER_SUSPEND);
        w->vm[v].runs = STOPPING;
        break;
    case POWER_ACT_FREEZE:
        check_stop_turn(v, false);
        check(v, w->p.kind == POWER_SUSPEND);
        w->vm[v].runs = FREEZING;
        break;
    case POWER_ACT_WAKE:
        on_woken(v);
        break;
    case POWER_ACT_END_SLEEP:
        check(0, old_phase == POWER_SLEEP);
        break;
    case POWER_ACT_RESUME_PAUSED:
        check(v, w->vm[v].runs == RUNS && w->p.phase != POWER_RUN);
        break;
    case POWER_ACT_HOLD_RESTARTS:
        check(v, !w->held);
        w->held = true;
        break;
    case POWER_ACT_RELEASE_RESTARTS:
        check(v, w->held && w->p.phase == POWER_RUN);
        w->held = false;
        break;
    case POWER_ACT_CANCEL_RESTART:
        check(v, w->vm[v].runs == DOWN && w->p.phase == POWER_STOP);
        break;
    case POWER_ACT_COMMIT:
        check(0, all_down(~UINT64_C(0)));
        check(0, a->kind == w->p.kind);
        check(0, w->p.phase == (a->kind == POWER_SUSPEND ? POWER_SLEEP : POWER_COMMIT));
        check(0, a->vm == POWER_NOBODY || w->nodes[a->vm].state == POWER_VM_SUSPENDED);
        break;
    case POWER_ACT_ARM_TIMER:
        check(v, a->at > w->p.now_us && a->at == w->nodes[v].timer_at_us);
        break;
    case POWER_ACT_CANCEL_TIMER:
    case POWER_ACT_AUDIT:
        break;
    }
}

/* --- Checks of each edge --- */

/* Waits that may still be armed for a VM in this state; the one running does not count. */
static uint64_t waits_left_us(const struct world *s, uint32_t v)
{
    const struct power_node *n = &s->nodes[v];
    uint64_t stop_us = (uint64_t)STOP_US + POWER_FREEZE_US;
    switch (n->state) {
    case POWER_VM_WAITING:
        return s->p.phase == POWER_RESUME ? ACK_US
                                          : (uint64_t)ACK_US + PREPARE_US + BUDGET_US + stop_us;
    case POWER_VM_NOTIFIED:
        return (uint64_t)PREPARE_US + n->postpone_left_us + stop_us;
    case POWER_VM_PREPARING:
        return n->postpone_left_us + stop_us;
    case POWER_VM_READY:
    case POWER_VM_UNRESPONSIVE:
        return stop_us;
    case POWER_VM_STOPPING:
        return (s->p.kind == POWER_SUSPEND ? 0 : STOP_US / 2) + (uint64_t)POWER_FREEZE_US;
    case POWER_VM_KEYED:
        return POWER_FREEZE_US;
    case POWER_VM_OFF:
    case POWER_VM_LOADING:
    case POWER_VM_UP:
    case POWER_VM_FORCING:
    case POWER_VM_FORCED:
    case POWER_VM_SUSPENDED:
    case POWER_VM_RESUMING:
        return 0;
    }
    return 0;
}

/* now_us of the event: timers not touched by it still end at NOW + 1. */
static void check_waits(const struct world *from, const struct world *to)
{
    for (uint32_t v = 0; v < VMS; v++) {
        const struct power_node *o = &from->nodes[v], *n = &to->nodes[v];
        uint64_t armed_us = 0;
        check(v, (n->timer_at_us != POWER_NEVER) == is_timed(n->state));
        if (n->timer_at_us != POWER_NEVER && n->timer_at_us != o->timer_at_us) {
            bool more = o->state == n->state && o->timer_at_us != POWER_NEVER;
            armed_us = n->timer_at_us - (more ? o->timer_at_us : to->p.now_us);
        }
        bool asked_anew = to->p.txn != from->p.txn;
        bool resumes = to->p.phase != from->p.phase && from->p.phase != POWER_RUN &&
                       (to->p.phase == POWER_RESUME || to->p.phase == POWER_RUN);
        if (resumes) {
            check(v, armed_us + waits_left_us(to, v) <= ACK_US);
        } else if (!asked_anew) {
            check(v, armed_us + waits_left_us(to, v) <= waits_left_us(from, v));
        } else {
            check(v, armed_us + waits_left_us(to, v) <=
                         (uint64_t)ACK_US + PREPARE_US + BUDGET_US + STOP_US + POWER_FREEZE_US);
        }
    }
}

static bool has_action(enum power_action_type type, uint32_t vm, enum power_notice notice)
{
    for (uint32_t i = 0; i < action_count; i++) {
        if (actions[i].type == type && actions[i].vm == vm && actions[i].notice == notice) {
            return true;
        }
    }
    return false;
}

/* Each change of a VM's state has a cause. */
static void check_causes(const struct world *from, const struct world *to,
                         const struct power_event *ev)
{
    for (uint32_t v = 0; v < VMS; v++) {
        enum power_vm_state o = from->nodes[v].state, n = to->nodes[v].state;
        bool own = ev->vm == v;
        enum truth t = to->vm[v].runs;
        bool asleep = to->nodes[v].asleep;
        check(v, (t == DOWN) == (is_down(n) && !asleep));
        check(v, n != POWER_VM_FORCING || ((t == STOPPING || t == FREEZING) && !asleep));
        check(v, t != STOPPING || n == POWER_VM_FORCING);
        check(v, t != FREEZING || n == POWER_VM_FORCING);
        check(v, (t == ASLEEP) == asleep);
        check(v, n != POWER_VM_SUSPENDED || asleep);
        check(v, t != DOWN || (!to->nodes[v].listener && !to->nodes[v].paused));
        check(v, t != RUNS || (to->p.phase != POWER_COMMIT && to->p.phase != POWER_SLEEP));
        check(v, t != ASLEEP || to->p.phase != POWER_RUN || to->vm[v].own);
        check(v, !is_in(n, POWER_VM_NOTIFIED, POWER_VM_PREPARING) || to->nodes[v].listener);
        if (n == o) {
            continue;
        }
        if (is_in(o, POWER_VM_UP, POWER_VM_PREPARING) &&
            (n == POWER_VM_READY || is_in(n, POWER_VM_STOPPING, POWER_VM_KEYED))) {
            check(v, (own && ev->type == POWER_EV_READY && ev->txn == TXN) ||
                         !to->nodes[v].listener || to->p.emergency);
        }
        if (n == POWER_VM_UNRESPONSIVE) {
            check(v, own && ev->type == POWER_EV_TIMER &&
                         is_in(o, POWER_VM_NOTIFIED, POWER_VM_PREPARING));
            check(v, setup->config[v].on_timeout == POWER_ON_TIMEOUT_FORCE || to->p.no_abort);
        }
        if (n == POWER_VM_FORCING) {
            /* By a time-out of the last wait; without one only if UNRESPONSIVE. */
            check(v,
                  o == POWER_VM_UNRESPONSIVE ||
                      (to->p.kind == POWER_SUSPEND &&
                       (!to->nodes[v].listener || (own && ev->type == POWER_EV_TIMER))) ||
                      (own && ev->type == POWER_EV_TIMER &&
                       (o == POWER_VM_KEYED || is_in(o, POWER_VM_NOTIFIED, POWER_VM_PREPARING))));
        }
        if (o == POWER_VM_UNRESPONSIVE && !is_down(n) && n != POWER_VM_UP) {
            check(v, n == POWER_VM_FORCING || ev->type == POWER_EV_READY ||
                         n == POWER_VM_SUSPENDED || to->p.phase == POWER_RESUME ||
                         (to->p.txn != from->p.txn && !to->p.emergency));
        }
        if (n == POWER_VM_FORCED) {
            check(v, o == POWER_VM_FORCING);
        }
        if (n == POWER_VM_RESUMING) {
            check(v, to->p.phase == POWER_RESUME && to->nodes[v].listener && t == RUNS);
        }
    }
}

static void check_phases(const struct world *from, const struct world *to,
                         const struct power_event *ev)
{
    enum power_phase was = from->p.phase, is = to->p.phase;
    check(0, to->held == (is != POWER_RUN));
    check(0, !from->p.no_abort || to->p.no_abort);
    check(0, !to->p.emergency || to->p.no_abort);
    check(0, is != POWER_RUN || !to->p.no_abort);
    check(0, was != POWER_COMMIT || is == POWER_COMMIT);
    check(0, was != POWER_STOP || is == POWER_STOP || is == POWER_COMMIT ||
                 from->p.kind == POWER_SUSPEND);
    check(0, (is != POWER_SLEEP && is != POWER_RESUME) || to->p.kind == POWER_SUSPEND);
    check(0, is != POWER_SLEEP || was == POWER_SLEEP || was <= POWER_STOP);
    check(0, was != POWER_SLEEP || is == POWER_SLEEP ||
                 has_action(POWER_ACT_END_SLEEP, POWER_NOBODY, 0));
    check(0, was != POWER_SLEEP || is == POWER_SLEEP || ev->type == POWER_EV_WAKE ||
                 ev->type == POWER_EV_REQUEST);
    check(0, is != POWER_RUN || !to->p.halted);
    if (is == POWER_RESUME && was != POWER_RESUME) {
        check(0, from->p.halted && !from->p.no_abort);
        check(0, ev->type != POWER_EV_WAKE ||
                     to->p.wake_reason == (ev->vm | (was == POWER_SLEEP ? 0 : POWER_WAKE_EARLY)));
    }
    if ((was == POWER_PREPARE || was == POWER_STOP) && (is == POWER_RUN || is == POWER_RESUME)) {
        check(0, !from->p.no_abort && !from->p.emergency);
        for (uint32_t v = 0; v < VMS; v++) {
            check(v, !to->vm[v].got_stop);
            check(v, !to->vm[v].got_prepare || to->nodes[v].state == POWER_VM_WAITING);
            check(v, !(from->vm[v].got_prepare || from->nodes[v].asked) ||
                         !from->nodes[v].listener || to->nodes[v].state == POWER_VM_WAITING ||
                         has_action(POWER_ACT_NOTIFY, v, POWER_NOTICE_ABORT) ||
                         has_action(POWER_ACT_NOTIFY, v, POWER_NOTICE_RESUME));
            check(v, is_down(to->nodes[v].state) || to->nodes[v].state == POWER_VM_UP ||
                         to->nodes[v].state == POWER_VM_SUSPENDED ||
                         (is == POWER_RESUME && (to->nodes[v].state == POWER_VM_WAITING ||
                                                 to->nodes[v].state == POWER_VM_RESUMING)));
        }
        check(0, ev->type == POWER_EV_CANCEL || ev->type == POWER_EV_VETO ||
                     (ev->type == POWER_EV_WAKE && from->p.kind == POWER_SUSPEND) ||
                     (ev->type == POWER_EV_TIMER &&
                      setup->config[ev->vm].on_timeout == POWER_ON_TIMEOUT_ABORT));
    }
    if (is == POWER_RUN || is == POWER_PREPARE || is == POWER_SLEEP || is == POWER_RESUME) {
        for (uint32_t v = 0; v < VMS; v++) {
            check(v, !to->vm[v].got_stop);
        }
    }
    if (is == POWER_STOP || is == POWER_COMMIT || is == POWER_SLEEP) {
        for (uint32_t v = 0; v < VMS; v++) {
            check(v, !is_not_ready(to->nodes[v].state));
            check(v, to->nodes[v].state != POWER_VM_LOADING);
        }
    }
    if (is == POWER_COMMIT && was != POWER_COMMIT) {
        check(0, actions[action_count - 1].type == POWER_ACT_COMMIT);
    }
}

/* A request, a cancel, a veto went through: it had to be one that may. */
static void check_rights(const struct world *from, const struct world *to,
                         const struct power_event *ev, const struct power_reply *reply)
{
    bool by_vm = ev->vm < VMS;
    const struct power_vm_config *c = by_vm ? &setup->config[ev->vm] : NULL;
    bool requested = ev->type == POWER_EV_REQUEST ||
                     (ev->type == POWER_EV_VM_SRST && reply->outcome != POWER_NOTHING);
    if (requested) {
        check(ev->vm, ev->kind != POWER_SUSPEND || !ev->emergency);
        check(ev->vm, ev->type != POWER_EV_VM_SRST || from->p.phase <= POWER_PREPARE ||
                          (from->p.kind == POWER_SUSPEND && from->p.phase != POWER_COMMIT));
        check(ev->vm, from->p.phase != POWER_COMMIT && reply->txn != 0 && reply->outcome != 0);
        check(ev->vm, reply->txn == TXN || reply->txn == TXN + 1);
        if (by_vm && ev->type == POWER_EV_REQUEST) {
            check(ev->vm, (c->may_initiate & POWER_MAY(ev->kind)) != 0);
            check(ev->vm, !ev->emergency || (c->may_initiate & POWER_MAY_EMERGENCY) != 0);
            check(ev->vm, from->vm[ev->vm].runs == RUNS);
        }
        bool running = from->p.phase != POWER_RUN;
        bool stronger = running && ev->kind < from->p.kind;
        check(ev->vm, reply->outcome == (!running   ? POWER_ACCEPTED
                                         : stronger ? POWER_REPLACED
                                                    : POWER_JOINED));
        if (to->p.phase != POWER_RUN) {
            check(ev->vm, to->p.kind == (!running || stronger ? ev->kind : from->p.kind));
            check(ev->vm, !ev->emergency || (to->p.no_abort && to->p.phase >= POWER_STOP));
            check(ev->vm, ev->type != POWER_EV_VM_SRST || to->p.no_abort);
        }
    } else {
        check(ev->vm, to->p.txn == from->p.txn);
        check(ev->vm, to->p.kind == from->p.kind || to->p.halted || from->p.halted);
    }
    if (ev->type == POWER_EV_CANCEL) {
        check(ev->vm,
              from->p.phase == POWER_PREPARE && (to->p.phase == POWER_RUN || from->p.halted));
        uint32_t by = from->p.initiator;
        check(ev->vm, ev->vm == POWER_BY_CONSOLE || ev->vm == by ||
                          (by < VMS && by_vm && ((setup->above[by] >> ev->vm) & 1) != 0));
    }
    if (ev->type == POWER_EV_VETO) {
        enum power_vm_state o = from->nodes[ev->vm].state;
        check(ev->vm, !from->p.no_abort && (to->p.phase == POWER_RUN || from->p.halted));
        check(ev->vm, (c->may_veto && is_in(o, POWER_VM_NOTIFIED, POWER_VM_PREPARING)) ||
                          (from->p.kind == POWER_SUSPEND && o == POWER_VM_STOPPING));
    }
    if (ev->type == POWER_EV_POSTPONE) {
        check(ev->vm, reply->us != 0 && reply->us <= QUANTUM_US);
        check(ev->vm, reply->us == from->nodes[ev->vm].postpone_left_us -
                                       to->nodes[ev->vm].postpone_left_us);
    }
}

/* What the lifecycle does with the answer. */
static void apply_facts(const struct power_event *ev)
{
    struct vm_truth *t = &w->vm[ev->vm < VMS ? ev->vm : 0];
    switch (ev->type) {
    case POWER_EV_VM_STOPPED:
    case POWER_EV_VM_CRASHED:
    case POWER_EV_VM_SRST:
        t->runs = DOWN;
        t->own = false;
        t->got_prepare = false;
        break;
    case POWER_EV_VM_SUSPENDED:
        t->runs = ASLEEP;
        t->own = w->p.phase == POWER_RUN ||
                 (w->p.phase == POWER_RESUME && w->nodes[ev->vm].state == POWER_VM_UP);
        break;
    case POWER_EV_VM_FROZEN:
        t->runs = ASLEEP;
        break;
    case POWER_EV_TIMER: /* of a freeze: the harts are taken as parked */
        if (t->runs == STOPPING) {
            t->runs = DOWN;
        } else if (t->runs == FREEZING && w->nodes[ev->vm].state == POWER_VM_FORCING) {
            t->runs = w->p.kind == POWER_SUSPEND ? ASLEEP : DOWN;
        }
        break;
    case POWER_EV_WAKE:
    case POWER_EV_SLEEP_REFUSED:
    case POWER_EV_VM_STARTED:
    case POWER_EV_REQUEST:
    case POWER_EV_CANCEL:
    case POWER_EV_ACK:
    case POWER_EV_READY:
    case POWER_EV_VETO:
    case POWER_EV_POSTPONE:
    case POWER_EV_VM_RESUMED:
    case POWER_EV_VM_LOADING:
    case POWER_EV_VM_PAUSED:
        break;
    case POWER_EV_LISTENER: /* nobody left there to be told of an ABORT */
        t->got_prepare = t->got_prepare && ev->on;
        break;
    }
}

/* What no later check asks for is forgotten: the fewer states. */
static void forget(struct world *s)
{
    for (uint32_t v = 0; v < VMS; v++) {
        s->vm[v].got_prepare = s->vm[v].got_prepare && s->p.phase == POWER_PREPARE;
        s->vm[v].got_stop = s->vm[v].got_stop && s->p.phase != POWER_COMMIT;
    }
}

static struct world old; /* the state being expanded */

/* Takes one event in the state `from`, unpacked in old; returns where it leads. */
static uint32_t step(uint32_t from, const struct power_event *event)
{
    static struct world new;
    struct power_event ev = *event;
    struct power_reply reply;

    current_event = &ev;
    old_phase = old.p.phase;
    new = old;
    new.p.nodes = new.nodes;
    ev.now_us = ev.type == POWER_EV_TIMER ? NOW + 1 : NOW;
    action_count = 0;
    w = &new;
    edges++;

    /* Facts are facts before the coordinator hears of them. */
    apply_facts(&ev);
    enum err err = power_handle(&new.p, &ev, &reply);
    if (err != ERR_OK) {
        check(ev.vm, action_count == 0);
        check(ev.vm, ev.type < POWER_EV_VM_STOPPED || ev.type > POWER_EV_VM_RESUMED);
        memcpy(new.vm, old.vm, sizeof(new.vm));
        check(ev.vm, pack(&new) == current_key);
        check(ev.vm, new.p.txn == old.p.txn &&reply.txn == 0 && reply.outcome == POWER_NOTHING);
        for (uint32_t v = 0; v < VMS; v++) {
            check(v, new.nodes[v].timer_at_us == old.nodes[v].timer_at_us);
        }
        return from;
    }
    if (ev.type == POWER_EV_VM_STARTED) {
        check(ev.vm, old.p.phase == POWER_RUN && old.vm[ev.vm].runs == DOWN);
        new.vm[ev.vm].runs = RUNS;
    }
    check_waits(&old, &new);
    check_causes(&old, &new, &ev);
    check_phases(&old, &new, &ev);
    check_rights(&old, &new, &ev, &reply);
    forget(&new);
    return find_or_add(pack(&new));
}

/* --- Every event in every state --- */

static bool may_happen(const struct world *s, uint32_t vm, enum power_event_type type)
{
    enum truth t = s->vm[vm].runs;
    if (type == POWER_EV_VM_SUSPENDED) { /* one that is being frozen may, and late, too */
        return (t == RUNS && (setup->sleeps || s->p.kind == POWER_SUSPEND)) ||
               (t == FREEZING && s->nodes[vm].state == POWER_VM_FORCING) ||
               (t == ASLEEP && s->nodes[vm].state == POWER_VM_FORCED);
    }
    return type != POWER_EV_VM_FROZEN || t == FREEZING;
}

static void step_vm(uint32_t from, uint32_t vm)
{
    static const enum power_event_type answers[] = {POWER_EV_ACK, POWER_EV_READY, POWER_EV_VETO,
                                                    POWER_EV_POSTPONE};
    static const enum power_event_type facts[] = {
        POWER_EV_VM_STOPPED,   POWER_EV_VM_CRASHED, POWER_EV_VM_RESUMED,
        POWER_EV_VM_LOADING,   POWER_EV_VM_STARTED, POWER_EV_VM_PAUSED,
        POWER_EV_VM_SUSPENDED, POWER_EV_VM_FROZEN,  POWER_EV_WAKE};
    struct power_event ev = {.vm = (uint8_t)vm, .us = QUANTUM_US + 1};

    bool calls = old.vm[vm].runs != ASLEEP;

    for (uint32_t i = 0; calls && i < sizeof(answers) / sizeof(answers[0]); i++) {
        ev.type = answers[i];
        ev.txn = TXN;
        (void)step(from, &ev);
        ev.txn = TXN - 1;
        uint32_t to = step(from, &ev);
        check(vm, to == from); /* late answers are harmless */
    }
    for (uint32_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        ev.type = facts[i];
        if (!may_happen(&old, vm, ev.type) ||
            (ev.type == POWER_EV_VM_STARTED && old.vm[vm].runs != DOWN) ||
            (ev.type == POWER_EV_VM_PAUSED && !setup->pauses)) {
            continue; /* the lifecycle would not */
        }
        (void)step(from, &ev);
    }
    ev.type = POWER_EV_LISTENER;
    for (uint32_t on = 0; calls && on < 2; on++) {
        ev.on = on != 0;
        (void)step(from, &ev);
    }
    ev.type = POWER_EV_TIMER;
    uint32_t to = step(from, &ev);
    states[from].next[vm] = to == from ? 0 : to + 1;
}

static void step_all(uint32_t from)
{
    current_key = states[from].key;
    unpack(current_key, &old, on_emit);
    for (uint32_t v = 0; v < VMS; v++) {
        step_vm(from, v);
    }
    for (uint32_t i = 0; i < setup->who_count; i++) {
        struct power_event ev = {.vm = setup->who[i], .txn = TXN, .type = POWER_EV_CANCEL};
        bool runs = ev.vm < VMS && old.vm[ev.vm].runs != DOWN;
        if (ev.vm < VMS && old.vm[ev.vm].runs == ASLEEP) {
            continue;
        }
        (void)step(from, &ev);
        if (ev.vm >= VMS) {
            ev.type = POWER_EV_WAKE;
            uint32_t to = step(from, &ev);
            check(0, to != from || old.p.phase != POWER_SLEEP);
        }
        for (uint32_t k = 0; k < setup->kind_count; k++) {
            ev.kind = setup->kinds[k];
            ev.type = POWER_EV_REQUEST;
            ev.emergency = false;
            (void)step(from, &ev);
            ev.emergency = true;
            (void)step(from, &ev);
            ev.type = POWER_EV_VM_SRST;
            ev.emergency = false;
            if (runs && ev.kind != POWER_SUSPEND) {
                (void)step(from, &ev);
            }
        }
    }
}

/* --- Ends: the graph of time-outs has no cycle, and its leaves are RUN and COMMIT --- */

static uint32_t longest_way(uint32_t from)
{
    struct state *s = &states[from];
    if (s->steps == UINT32_MAX) {
        current_key = s->key;
        current_event = NULL;
        w = NULL;
        complain("time-outs alone go round", 0);
    }
    if (s->steps == 0) {
        uint32_t longest = 0;
        bool leaf = true;
        s->steps = UINT32_MAX; /* on the way */
        for (uint32_t v = 0; v < VMS; v++) {
            if (s->next[v] != 0) {
                uint32_t way = longest_way(s->next[v] - 1);
                longest = way > longest ? way : longest;
                leaf = false;
            }
        }
        s->steps = longest + 1;
        if (leaf) {
            struct world at;
            unpack(s->key, &at, on_emit);
            current_key = s->key;
            current_event = NULL;
            w = &at;
            check(0, at.p.phase == POWER_RUN || at.p.phase == POWER_COMMIT ||
                         at.p.phase == POWER_SLEEP);
        }
    }
    return s->steps;
}

static void explore(const struct setup *what)
{
    uint32_t longest = 0, commits = 0;
    struct world start = {.p = {.initiator = POWER_NOBODY}};

    setup = what;
    states = calloc(STATES_MAX, sizeof(*states));
    table = calloc(1u << TABLE_BITS, sizeof(*table));
    assert_non_null(states);
    assert_non_null(table);
    state_count = 0;
    edges = 0;
    for (uint32_t v = 0; v < VMS; v++) {
        start.nodes[v].state = POWER_VM_UP;
        start.nodes[v].listener = true;
        start.vm[v].runs = RUNS;
    }
    struct world made;
    assert_int_equal(power_init(&made.p, setup->config, made.nodes, VMS, on_emit, NULL), ERR_OK);
    for (uint32_t v = 0; v < VMS; v++) {
        assert_true(made.nodes[v].above == setup->above[v]);
        assert_true(made.nodes[v].below == setup->below[v]);
    }
    (void)find_or_add(pack(&start));
    for (uint32_t i = 0; i < state_count; i++) {
        step_all(i);
    }
    for (uint32_t i = 0; i < state_count; i++) {
        uint32_t way = longest_way(i);
        longest = way > longest ? way : longest;
        struct world at;
        unpack(states[i].key, &at, on_emit);
        commits += at.p.phase == POWER_COMMIT;
    }
    printf("explored %-24s %7u states, %9llu edges, %u commits, longest way by time-outs %u\n",
           what->name, state_count, (unsigned long long)edges, commits, longest - 1);
    assert_true(commits > 0 && longest > 3);
    free(states);
    free(table);
}

/* --- The graphs --- */

#define VM(up, kinds, veto, timeout)                                                               \
    {                                                                                              \
        .superiors = (up), .ack_us = ACK_US, .prepare_us = PREPARE_US, .stop_us = STOP_US,         \
        .postpone_quantum_us = QUANTUM_US, .postpone_budget_us = BUDGET_US,                        \
        .may_initiate = (kinds), .may_veto = (veto), .on_timeout = POWER_ON_TIMEOUT_##timeout      \
    }
#define ALL_KINDS                                                                                  \
    (POWER_MAY(POWER_OFF) | POWER_MAY(POWER_RESET_COLD) | POWER_MAY(POWER_RESET_WARM) |            \
     POWER_MAY(POWER_SUSPEND))

#define SLEEP_OFF (POWER_MAY(POWER_OFF) | POWER_MAY(POWER_SUSPEND))

#define EVERYTHING                                                                                 \
    .who = {0, 1, 2, POWER_BY_CONSOLE, POWER_BY_PLATFORM}, .who_count = 5,                         \
    .kinds = {POWER_OFF, POWER_RESET_COLD, POWER_RESET_WARM}, .kind_count = 3, .pauses = true
#define LEAN                                                                                       \
    .who = {2, POWER_BY_CONSOLE}, .who_count = 2, .kinds = {POWER_OFF, POWER_SUSPEND},             \
    .kind_count = 2

/* control <- cockpit <- adas, as in the demo. */
static const struct setup chain = {
    .name = "chain",
    .config = {VM(0, ALL_KINDS, false, FORCE), VM(1, 0, true, FORCE),
               VM(2, POWER_MAY(POWER_OFF), true, ABORT)},
    .above = {0, 1, 3},
    .below = {6, 4, 0},
    EVERYTHING,
};

/* One superior of two. */
static const struct setup fan = {
    .name = "fan",
    .config = {VM(0, 0, false, ABORT), VM(1, 0, true, FORCE),
               VM(1, ALL_KINDS | POWER_MAY_EMERGENCY, false, ABORT)},
    .above = {0, 1, 1},
    .below = {6, 0, 0},
    LEAN,
};

/* Two superiors of one. */
static const struct setup funnel = {
    .name = "funnel",
    .config = {VM(0, 0, true, FORCE), VM(0, 0, false, ABORT), VM(3, ALL_KINDS, true, FORCE)},
    .above = {0, 0, 3},
    .below = {4, 4, 0},
    LEAN,
};

/* The last named is first in rank, and its shortcut to the last in rank is redundant. */
static const struct setup triangle = {
    .name = "triangle, reversed",
    .config = {VM(6, 0, true, ABORT), VM(4, 0, false, FORCE), VM(0, ALL_KINDS, true, FORCE)},
    .above = {6, 4, 0},
    .below = {0, 1, 3},
    LEAN,
};

/* The same ranks with suspends, each VM sleeping and waking by itself as it likes. */
static const struct setup sleepers = {
    .name = "sleepers",
    .config = {VM(0, SLEEP_OFF, false, FORCE), VM(1, 0, true, FORCE),
               VM(2, SLEEP_OFF, false, ABORT)},
    .above = {0, 1, 3},
    .below = {6, 4, 0},
    .who = {0, POWER_BY_CONSOLE},
    .who_count = 2,
    .kinds = {POWER_SUSPEND, POWER_OFF},
    .kind_count = 2,
    .sleeps = true,
};

static const struct setup independent = {
    .name = "independent",
    .config = {VM(0, 0, true, FORCE), VM(0, 0, false, ABORT), VM(0, ALL_KINDS, false, FORCE)},
    .above = {0, 0, 0},
    .below = {0, 0, 0},
    LEAN,
};

/* --- Time: no run takes longer than power_check_config() says --- */

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 16) % limit);
}

static enum err hand_in(enum power_event_type type, uint32_t vm, uint64_t now_us)
{
    struct power_event ev = {.type = type,
                             .vm = (uint8_t)vm,
                             .now_us = now_us,
                             .txn = w->p.txn,
                             .us = 1 + random_below(2 * QUANTUM_US),
                             .on = random_below(4) != 0,
                             .kind = POWER_OFF};
    struct power_reply reply;
    action_count = 0;
    current_event = &ev;
    apply_facts(&ev);
    enum err err = power_handle(&w->p, &ev, &reply);
    current_event = NULL;
    return err;
}

/* Guests that do whatever they may, mostly as late as they may. Returns how long it took. */
static uint64_t walk(uint64_t total_us)
{
    static const enum power_event_type guest[] = {
        POWER_EV_ACK,      POWER_EV_READY,      POWER_EV_POSTPONE,   POWER_EV_POSTPONE,
        POWER_EV_LISTENER, POWER_EV_VM_STOPPED, POWER_EV_VM_CRASHED, POWER_EV_VETO};
    static struct world s;
    uint64_t start_us = 1 + random_below(1000), now_us = start_us;
    uint32_t events = 1 + random_below(sizeof(guest) / sizeof(guest[0]));
    memset(&s, 0, sizeof(s));
    w = &s;
    old_phase = POWER_RUN;
    assert_int_equal(power_init(&s.p, setup->config, s.nodes, VMS, on_emit, NULL), ERR_OK);
    for (uint32_t v = 0; v < VMS; v++) {
        assert_int_equal(hand_in(POWER_EV_VM_STARTED, v, now_us), ERR_OK);
        assert_int_equal(hand_in(POWER_EV_LISTENER, v, now_us), ERR_OK);
        s.vm[v].runs = RUNS;
    }
    assert_int_equal(hand_in(POWER_EV_REQUEST, POWER_BY_CONSOLE, now_us), ERR_OK);
    while (s.p.phase == POWER_PREPARE || s.p.phase == POWER_STOP) {
        uint32_t first = VMS;
        for (uint32_t v = 0; v < VMS; v++) {
            uint64_t at_us = s.nodes[v].timer_at_us;
            if (at_us != POWER_NEVER && (first == VMS || at_us < s.nodes[first].timer_at_us)) {
                first = v;
            }
        }
        check(0, first < VMS);
        uint64_t left_us = s.nodes[first].timer_at_us - now_us;
        now_us += random_below(4) != 0 ? left_us : random_below((uint32_t)left_us + 1);
        if (random_below(2) == 0) {
            (void)hand_in(POWER_EV_TIMER, first, now_us);
        } else if (now_us <= s.nodes[first].timer_at_us) {
            uint32_t v = random_below(4) != 0 ? first : random_below(VMS);
            (void)hand_in(guest[random_below(events)], v, now_us);
        }
        check(0, now_us - start_us <= total_us);
    }
    return now_us - start_us;
}

static void test_time(void **state)
{
    (void)state;
    static const struct setup *const all[] = {&chain, &fan, &funnel, &triangle, &independent};
    for (uint32_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct power_config_error e;
        uint64_t longest_us = 0;
        setup = all[i];
        assert_int_equal(power_check_config(setup->config, VMS, POWER_NEVER, &e), ERR_OK);
        for (uint32_t n = 0; n < 20000; n++) {
            uint64_t took_us = walk(e.total_us);
            longest_us = took_us > longest_us ? took_us : longest_us;
        }
        printf("walked   %-20s 20000 times, longest %llu of %llu us\n", setup->name,
               (unsigned long long)longest_us, (unsigned long long)e.total_us);
        assert_true(longest_us > e.total_us / 2);
    }
}

static void test_chain(void **state)
{
    (void)state;
    explore(&chain);
}

static void test_fan(void **state)
{
    (void)state;
    explore(&fan);
}

static void test_funnel(void **state)
{
    (void)state;
    explore(&funnel);
}

static void test_triangle(void **state)
{
    (void)state;
    explore(&triangle);
}

static void test_sleepers(void **state)
{
    (void)state;
    explore(&sleepers);
}

static void test_independent(void **state)
{
    (void)state;
    explore(&independent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),       cmocka_unit_test(test_fan),
        cmocka_unit_test(test_funnel),      cmocka_unit_test(test_triangle),
        cmocka_unit_test(test_independent), cmocka_unit_test(test_sleepers),
        cmocka_unit_test(test_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
