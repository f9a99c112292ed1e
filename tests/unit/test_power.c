/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of the power coordinator, one test each. A test reads as a story: an event, and after
 * it the actions that it must cause, as words ("prepare:0 stop:1 ..."), timers and audit apart.
 */
/* LINK: core/power.c core/power_steps.c core/power_graph.c core/audit.c */
#include "tests/unit/power_rig.h"

/* --- The ranks --- */

static void test_command_flows_down_completion_up(void **state)
{
    (void)state;
    ask(POWER_OFF);
    assert_int_equal(r.reply.txn, 1);
    assert_true(r.last.at == r.now_us + ACK_US && r.last.kind == POWER_OFF && r.last.reason == 7);
    expect_states(POWER_PREPARE, POWER_VM_NOTIFIED, POWER_VM_WAITING, POWER_VM_WAITING);
    ok("", ACK, CONTROL);
    assert_true(r.nodes[CONTROL].timer_at_us == r.now_us + PREPARE_US);
    ok("prepare:1", READY, CONTROL);
    ok("prepare:2", READY, COCKPIT); /* READY implies ACK */
    answer(ADAS, "stop:2");
    assert_true(r.last.at == r.now_us + STOP_US);
    expect_states(POWER_STOP, POWER_VM_READY, POWER_VM_READY, POWER_VM_STOPPING);
    ok("", ACK, ADAS); /* an acknowledgement is not a stop */
    ok("stop:1", VM_STOPPED, ADAS);
    ok("stop:0", VM_STOPPED, COCKPIT);
    ok("commit", VM_STOPPED, CONTROL);
    assert_true(r.last.kind == POWER_OFF && r.last.reason == 7 && r.last.txn == 1);
    assert_true(audited(AUDIT_STOPPED) && audited(AUDIT_COMMIT));
    expect_states(POWER_COMMIT, POWER_VM_OFF, POWER_VM_OFF, POWER_VM_OFF);
}

static void test_nothing_after_commit(void **state)
{
    (void)state;
    ask(POWER_OFF);
    prepare_all();
    ok("stop:1", VM_STOPPED, ADAS);
    ok("stop:0", VM_STOPPED, COCKPIT);
    ok("commit", VM_STOPPED, CONTROL);
    refused(STATE, REQUEST, CONTROL, .kind = POWER_OFF);
    refused(STATE, REQUEST, POWER_BY_CONSOLE, .kind = POWER_OFF, .emergency = true);
    refused(DENIED, CANCEL, POWER_BY_CONSOLE);
    refused(NOT_FOUND, READY, ADAS);
    refused(BUSY, VM_STARTED, ADAS);
    refused(BUSY, VM_LOADING, ADAS);
    ok("", TIMER, ADAS);
    ok("", VM_STOPPED, ADAS);
}

static void test_stopped_vm_does_not_break_the_chain(void **state)
{
    (void)state;
    ok("", VM_CRASHED, COCKPIT);
    ask(POWER_OFF);
    expect_states(POWER_PREPARE, POWER_VM_NOTIFIED, POWER_VM_OFF, POWER_VM_WAITING);
    answer(CONTROL, "prepare:2"); /* not before: control ranks above adas across cockpit */
    answer(ADAS, "stop:2");
    ok("stop:0", VM_STOPPED, ADAS);
    ok("commit", VM_STOPPED, CONTROL);
}

static void test_nobody_up_commits_at_once(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < VMS; v++) {
        ok("", VM_STOPPED, v);
    }
    ok("hold commit", REQUEST, POWER_BY_CONSOLE, .kind = POWER_RESET_WARM);
}

static void test_initiator_of_low_rank(void **state)
{
    (void)state;
    r.config[ADAS].may_initiate = POWER_MAY(POWER_OFF);
    ok("hold prepare:0", REQUEST, ADAS, .kind = POWER_OFF);
    assert_true(r.last.by == ADAS);
    ok("abort:0 abort:2 release", CANCEL, CONTROL); /* adas, too: it asked */
}

/* --- Who has nobody listening --- */

static void test_no_listener_is_ready_at_once_and_keyed_at_its_turn(void **state)
{
    (void)state;
    ok("", LISTENER, COCKPIT, .on = false);
    ask(POWER_OFF);
    answer(CONTROL, "prepare:2");
    answer(ADAS, "stop:2");
    ok("key:1", VM_STOPPED, ADAS);
    assert_true(r.nodes[COCKPIT].timer_at_us == r.now_us + STOP_US);
    expect_timeout(COCKPIT, "force:1");
    ok("stop:0", VM_STOPPED, COCKPIT);
    assert_true(audited(AUDIT_FORCED));
    assert_int_equal(r.nodes[COCKPIT].state, POWER_VM_FORCED);
    ok("commit", VM_STOPPED, CONTROL);
}

static void test_all_deaf(void **state)
{
    (void)state;
    for (uint32_t v = 0; v < VMS; v++) {
        ok("", LISTENER, v, .on = false);
    }
    ok("hold key:2", REQUEST, POWER_BY_PLATFORM, .kind = POWER_RESET_COLD);
    ok("key:1", VM_STOPPED, ADAS);
}

static void test_restart_drops_the_listener(void **state)
{
    (void)state;
    ok("", VM_STOPPED, CONTROL);
    ok("", VM_LOADING, CONTROL);
    ok("", VM_STARTED, CONTROL);
    ok("hold prepare:1", REQUEST, CONTROL, .kind = POWER_OFF);
}

static void test_listener_lost_while_asked(void **state)
{
    (void)state;
    ask(POWER_OFF);
    ok("prepare:1", LISTENER, CONTROL, .on = false);
    assert_true(audited(AUDIT_NO_LISTENER));
    ok("", LISTENER, CONTROL, .on = true);
    ok("abort:0 abort:1 release", VETO, COCKPIT);
}

/* --- Time-outs --- */

static void test_unresponsive_is_forced_without_a_second_wait(void **state)
{
    (void)state;
    ask(POWER_OFF);
    answer(CONTROL, "prepare:1");
    expect_timeout(COCKPIT, "prepare:2"); /* no ACK */
    assert_true(audited(AUDIT_TIMEOUT));
    assert_int_equal(r.nodes[COCKPIT].state, POWER_VM_UNRESPONSIVE);
    answer(ADAS, "stop:2");
    ok("force:1", VM_STOPPED, ADAS);
    assert_int_equal(r.nodes[COCKPIT].state, POWER_VM_FORCING);
    ok("stop:0", VM_STOPPED, COCKPIT);
    ok("commit", VM_STOPPED, CONTROL);
}

static void test_acked_but_never_ready(void **state)
{
    (void)state;
    ask(POWER_OFF);
    r.now_us += ACK_US / 2;
    ok("", ACK, CONTROL);
    r.now_us += ACK_US;
    ok("", ACK, CONTROL); /* a duplicate does not buy time */
    assert_true(r.nodes[CONTROL].timer_at_us == r.now_us - ACK_US + PREPARE_US);
    expect_timeout(CONTROL, "prepare:1");
    assert_int_equal(r.nodes[CONTROL].state, POWER_VM_UNRESPONSIVE);
}

static void test_late_ready_before_its_turn_is_taken(void **state)
{
    (void)state;
    ask(POWER_OFF);
    expect_timeout(CONTROL, "prepare:1");
    refused(STATE, VETO, CONTROL);
    refused(STATE, POSTPONE, CONTROL, .us = 1);
    ok("", READY, CONTROL);
    assert_int_equal(r.nodes[CONTROL].state, POWER_VM_READY);
}

static void test_timeout_may_abort(void **state)
{
    (void)state;
    r.config[ADAS].on_timeout = POWER_ON_TIMEOUT_ABORT;
    ask(POWER_OFF);
    answer(CONTROL, "prepare:1");
    answer(COCKPIT, "prepare:2");
    expect_timeout(ADAS, "abort:0 abort:1 abort:2 release");
    assert_true(audited(AUDIT_TIMEOUT) && audited(AUDIT_ABORT));
    assert_true(r.last_audit.event == AUDIT_ABORT && r.last_audit.vm == POWER_NOBODY);
    expect_states(POWER_RUN, POWER_VM_UP, POWER_VM_UP, POWER_VM_UP);
}

static void test_hung_at_stop(void **state)
{
    (void)state;
    ask(POWER_OFF);
    prepare_all();
    expect_timeout(ADAS, "stop:2 key:2"); /* the event again, and the key */
    assert_true(audited(AUDIT_STOP_REPEATED) && audited(AUDIT_KEY_PRESSED));
    expect_timeout(ADAS, "force:2");
    expect_timeout(ADAS, "stop:1"); /* not even the freeze is seen */
    assert_true(audited(AUDIT_FREEZE_LATE));
    ok("", VM_STOPPED, ADAS);
    assert_int_equal(r.nodes[ADAS].state, POWER_VM_FORCED);
    ok("stop:0", VM_CRASHED, COCKPIT);
    expect_timeout(CONTROL, "stop:0 key:0");
    ok("commit", VM_STOPPED, CONTROL);
}

static void test_longest_time_is_the_checked_total(void **state)
{
    (void)state;
    struct power_config_error e;
    uint64_t start_us = r.now_us;
    assert_int_equal(power_check_config(r.config, VMS, POWER_NEVER, &e), ERR_OK);
    ask(POWER_OFF);
    for (uint32_t v = 0; v < VMS; v++) {
        r.now_us = r.nodes[v].timer_at_us;
        ok("", ACK, v);
        ok("", POSTPONE, v, .us = QUANTUM_US);
        ok("", POSTPONE, v, .us = QUANTUM_US);
        r.now_us = r.nodes[v].timer_at_us;
        ok(v == ADAS ? "stop:2" : v == COCKPIT ? "prepare:2" : "prepare:1", READY, v);
    }
    for (uint32_t v = VMS; v-- > 0;) {
        char did[32];
        snprintf(did, sizeof(did), "stop:%u key:%u", v, v);
        expect_timeout(v, did);
        snprintf(did, sizeof(did), "force:%u", v);
        expect_timeout(v, did);
        snprintf(did, sizeof(did), "stop:%u", v - 1);
        expect_timeout(v, v == 0 ? "commit" : did);
    }
    assert_true(r.now_us - start_us == e.total_us);
}

/* --- Veto, postpone --- */

static void test_veto(void **state)
{
    (void)state;
    ask(POWER_OFF);
    refused(DENIED, VETO, CONTROL); /* has no right */
    refused(STATE, VETO, ADAS);     /* not asked yet */
    answer(CONTROL, "prepare:1");
    ok("abort:0 abort:1 release", VETO, COCKPIT);
    assert_true(r.last.type == POWER_ACT_RELEASE_RESTARTS && audited(AUDIT_VETO));
    expect_states(POWER_RUN, POWER_VM_UP, POWER_VM_UP, POWER_VM_UP);
    refused(NOT_FOUND, VETO, COCKPIT);
    assert_int_equal(r.nodes[COCKPIT].refused, 1);
    ask(POWER_OFF);
    assert_int_equal(r.reply.txn, 2);
}

static void test_no_veto_after_ready_nor_in_stop(void **state)
{
    (void)state;
    ask(POWER_OFF);
    answer(CONTROL, "prepare:1");
    answer(COCKPIT, "prepare:2");
    refused(STATE, VETO, COCKPIT);
    answer(ADAS, "stop:2");
    refused(STATE, VETO, ADAS);
    refused(STATE, POSTPONE, ADAS, .us = 1);
}

static void test_postpone(void **state)
{
    (void)state;
    ask(POWER_OFF);
    refused(INVALID, POSTPONE, CONTROL, .us = 0);
    ok("", POSTPONE, CONTROL, .us = 1000000000); /* clipped to the quantum; implies ACK */
    assert_int_equal(r.reply.us, QUANTUM_US);
    assert_true(r.nodes[CONTROL].timer_at_us == r.now_us + PREPARE_US + QUANTUM_US);
    ok("", POSTPONE, CONTROL, .us = 1); /* no crumbs */
    assert_int_equal(r.reply.us, POWER_POSTPONE_MIN_US);
    ok("", POSTPONE, CONTROL, .us = QUANTUM_US); /* what the budget has left */
    assert_int_equal(r.reply.us, BUDGET_US - QUANTUM_US - POWER_POSTPONE_MIN_US);
    assert_true(r.nodes[CONTROL].timer_at_us == r.now_us + PREPARE_US + BUDGET_US);
    refused(DENIED, POSTPONE, CONTROL, .us = 1);
    assert_true(r.nodes[CONTROL].timer_at_us == r.now_us + PREPARE_US + BUDGET_US);
    expect_timeout(CONTROL, "prepare:1");
}

static void test_postpone_budget_is_per_transition(void **state)
{
    (void)state;
    ask(POWER_OFF);
    ok("", POSTPONE, CONTROL, .us = QUANTUM_US);
    ok("abort:0 release", CANCEL, CONTROL);
    ask(POWER_OFF);
    ok("", POSTPONE, CONTROL, .us = QUANTUM_US);
    assert_int_equal(r.reply.us, QUANTUM_US);
}

static void test_late_and_duplicate_answers(void **state)
{
    (void)state;
    refused(NOT_FOUND, ACK, CONTROL);
    ask(POWER_OFF);
    ok("abort:0 release", CANCEL, CONTROL);
    ask(POWER_OFF);
    refused_txn(NOT_FOUND, READY, CONTROL, 1);
    refused_txn(NOT_FOUND, VETO, CONTROL, 1);
    refused_txn(NOT_FOUND, ACK, CONTROL, 3);
    refused(STATE, READY, COCKPIT);
    answer(CONTROL, "prepare:1");
    ok("", READY, CONTROL);
    ok("", ACK, CONTROL);
}

/* --- Requests, joins, replacement --- */

static void test_rights_to_request(void **state)
{
    (void)state;
    refused(DENIED, REQUEST, COCKPIT, .kind = POWER_OFF);
    refused(DENIED, REQUEST, CONTROL, .kind = POWER_OFF, .emergency = true);
    refused(DENIED, REQUEST, CONTROL, .kind = POWER_SUSPEND);
    refused(NOT_SUPPORTED, REQUEST, POWER_BY_CONSOLE, .kind = POWER_SUSPEND, .emergency = true);
    refused(INVALID, REQUEST, CONTROL, .kind = (enum power_kind)4);
    refused(INVALID, REQUEST, VMS, .kind = POWER_OFF);
    refused(INVALID, REQUEST, POWER_NOBODY, .kind = POWER_OFF);
    refused(INVALID, READY, POWER_BY_CONSOLE);
    expect((struct power_event){.type = (enum power_event_type)99}, ERR_INVALID, "");
    ok("", VM_STOPPED, CONTROL);
    refused(STATE, REQUEST, CONTROL, .kind = POWER_OFF);
}

static void test_same_kind_joins(void **state)
{
    (void)state;
    r.config[ADAS].may_initiate = POWER_MAY(POWER_OFF);
    ask(POWER_OFF);
    ok("", REQUEST, ADAS, .kind = POWER_OFF);
    assert_true(r.reply.outcome == POWER_JOINED && r.reply.txn == 1);
    refused(DENIED, CANCEL, ADAS); /* joining gives no right over the initiator's */
    ok("abort:0 abort:2 release", CANCEL, CONTROL); /* all who asked are told */
}

/* A VM that asks for the same on and on does not wash the audit out; what is new is recorded. */
static void test_repeated_request_is_no_record(void **state)
{
    (void)state;
    r.config[CONTROL].may_initiate = ALL_KINDS | POWER_MAY_EMERGENCY;
    r.config[COCKPIT].may_initiate = ALL_KINDS;
    ask(POWER_OFF);
    ok("", REQUEST, CONTROL, .kind = POWER_OFF);
    assert_true(r.reply.outcome == POWER_JOINED && r.reply.txn == r.p.txn);
    assert_int_equal(r.audit_count, 0);
    ok("", REQUEST, COCKPIT, .kind = POWER_OFF);
    assert_true(audited(AUDIT_JOIN));
    ok("", REQUEST, COCKPIT, .kind = POWER_OFF);
    assert_int_equal(r.audit_count, 0);
    ok("", REQUEST, POWER_BY_CONSOLE, .kind = POWER_OFF);
    assert_true(audited(AUDIT_JOIN));
    ok("stop:2", REQUEST, CONTROL, .kind = POWER_OFF, .emergency = true);
    assert_true(audited(AUDIT_JOIN) && audited(AUDIT_EMERGENCY));
    ok("", REQUEST, CONTROL, .kind = POWER_OFF, .emergency = true);
    assert_int_equal(r.audit_count, 0);
}

static void test_stronger_replaces_weaker(void **state)
{
    (void)state;
    ask(POWER_RESET_WARM);
    answer(CONTROL, "prepare:1");
    ok("prepare:0", REQUEST, CONTROL, .kind = POWER_RESET_COLD);
    assert_true(r.reply.outcome == POWER_REPLACED && r.reply.txn == 2);
    refused_txn(NOT_FOUND, READY, COCKPIT, 1);
    ok("", REQUEST, CONTROL, .kind = POWER_RESET_WARM); /* a cold reset will do */
    assert_int_equal(r.reply.outcome, POWER_JOINED);
    ok("prepare:0", REQUEST, POWER_BY_CONSOLE, .kind = POWER_OFF);
    assert_true(r.reply.outcome == POWER_REPLACED && r.reply.txn == 3);
    refused(BUSY, REQUEST, CONTROL, .kind = POWER_RESET_COLD);
    refused(DENIED, CANCEL, CONTROL);                        /* it is the console's now */
    ok("abort:0 abort:1 release", CANCEL, POWER_BY_CONSOLE); /* cockpit had been told, too */
}

static void test_stronger_while_stopping(void **state)
{
    (void)state;
    ask(POWER_RESET_WARM);
    prepare_all();
    ok("", REQUEST, CONTROL, .kind = POWER_OFF);
    assert_true(r.reply.outcome == POWER_REPLACED && r.reply.txn == 1);
    ok("stop:1", VM_STOPPED, ADAS);
    assert_int_equal(r.last.kind, POWER_OFF);
    ok("stop:0", VM_STOPPED, COCKPIT);
    ok("commit", VM_STOPPED, CONTROL);
    assert_int_equal(r.last.kind, POWER_OFF);
}

static void test_txn_is_never_zero(void **state)
{
    (void)state;
    r.p.txn = UINT32_MAX;
    ask(POWER_OFF);
    assert_int_equal(r.reply.txn, 1);
}

/* --- Cancel --- */

static void test_cancel_rights(void **state)
{
    (void)state;
    r.config[ADAS].may_initiate = POWER_MAY(POWER_OFF);
    refused(NOT_FOUND, CANCEL, CONTROL);
    ok("hold prepare:0", REQUEST, ADAS, .kind = POWER_OFF);
    refused_txn(NOT_FOUND, CANCEL, CONTROL, 99);
    refused(DENIED, CANCEL, POWER_BY_PLATFORM);
    expect(EV(CANCEL, CONTROL, 0, ), ERR_OK, "abort:0 abort:2 release"); /* a superior's superior */
    ok("hold prepare:0", REQUEST, ADAS, .kind = POWER_OFF);
    ok("abort:0 abort:2 release", CANCEL, COCKPIT);
    ok("hold prepare:0", REQUEST, ADAS, .kind = POWER_OFF);
    ok("abort:0 abort:2 release", CANCEL, ADAS);
    ok("hold prepare:0", REQUEST, ADAS, .kind = POWER_OFF);
    ok("abort:0 abort:2 release", CANCEL, POWER_BY_CONSOLE);
    ask(POWER_OFF);
    refused(DENIED, CANCEL, ADAS); /* no superior of control */
    ok("abort:0 release", CANCEL, CONTROL);
    ok("hold prepare:0", REQUEST, POWER_BY_PLATFORM, .kind = POWER_OFF);
    refused(DENIED, CANCEL, CONTROL);
    ok("abort:0 release", CANCEL, POWER_BY_PLATFORM);
}

static void test_no_cancel_once_stop_is_out(void **state)
{
    (void)state;
    ask(POWER_OFF);
    prepare_all();
    refused(DENIED, CANCEL, CONTROL);
    refused(DENIED, CANCEL, POWER_BY_CONSOLE);
}

/* --- Emergency and SRST --- */

static void test_emergency_skips_prepare(void **state)
{
    (void)state;
    r.config[CONTROL].may_initiate |= POWER_MAY_EMERGENCY;
    ok("hold stop:2", REQUEST, CONTROL, .kind = POWER_OFF, .emergency = true);
    assert_int_equal(r.reply.outcome, POWER_ACCEPTED);
    refused(DENIED, CANCEL, CONTROL);
    refused(STATE, VETO, ADAS);
    ok("stop:1", VM_STOPPED, ADAS);
}

static void test_emergency_upgrades(void **state)
{
    (void)state;
    ask(POWER_OFF);
    expect_timeout(CONTROL, "prepare:1");
    ok("stop:2", REQUEST, POWER_BY_PLATFORM, .kind = POWER_RESET_WARM, .emergency = true);
    assert_true(r.reply.outcome == POWER_JOINED && r.reply.txn == 1);
    assert_true(audited(AUDIT_EMERGENCY) && r.p.kind == POWER_OFF);
    refused(STATE, VETO, COCKPIT);
    ok("", READY, COCKPIT);
    ok("stop:1", VM_STOPPED, ADAS);
    ok("force:0", VM_STOPPED, COCKPIT); /* still unresponsive */
}

static void test_stronger_emergency_in_prepare(void **state)
{
    (void)state;
    ask(POWER_RESET_WARM);
    ok("stop:2", REQUEST, POWER_BY_PLATFORM, .kind = POWER_OFF, .emergency = true);
    assert_true(r.reply.outcome == POWER_REPLACED && r.reply.txn == 2);
}

static void test_srst_of_the_platform(void **state)
{
    (void)state;
    r.config[ADAS].on_timeout = POWER_ON_TIMEOUT_ABORT;
    ok("hold prepare:1", VM_SRST, CONTROL, .kind = POWER_OFF);
    assert_int_equal(r.reply.outcome, POWER_ACCEPTED);
    assert_true(audited(AUDIT_SRST_ORDER));
    refused(DENIED, VETO, COCKPIT);
    refused(DENIED, CANCEL, POWER_BY_CONSOLE);
    answer(COCKPIT, "prepare:2");
    expect_timeout(ADAS, "force:2"); /* action abort, but this cannot be aborted */
    ok("stop:1", VM_STOPPED, ADAS);
    ok("commit", VM_STOPPED, COCKPIT);
}

static void test_srst_of_the_lowest_is_no_order_exception(void **state)
{
    (void)state;
    ok("hold prepare:0", VM_SRST, ADAS, .kind = POWER_RESET_COLD);
    assert_false(audited(AUDIT_SRST_ORDER));
}

static void test_srst_joins_in_prepare(void **state)
{
    (void)state;
    ask(POWER_OFF);
    answer(CONTROL, "prepare:1");
    ok("", VM_SRST, CONTROL,
       .kind = POWER_RESET_WARM); /* weaker: nobody is left to hear a refusal */
    assert_true(r.reply.outcome == POWER_JOINED && r.p.kind == POWER_OFF);
    refused(DENIED, VETO, COCKPIT); /* control is down: no way back */
    answer(COCKPIT, "prepare:2");
}

static void test_srst_at_its_own_turn_is_just_a_stop(void **state)
{
    (void)state;
    ask(POWER_RESET_WARM);
    prepare_all();
    ok("stop:1", VM_STOPPED, ADAS);
    ok("stop:0", VM_STOPPED, COCKPIT);
    ok("commit", VM_SRST, CONTROL,
       .kind = POWER_OFF); /* its Linux halts, the platform still resets */
    assert_int_equal(r.last.kind, POWER_RESET_WARM);
    refused(INVALID, VM_SRST, CONTROL, .kind = POWER_OFF);
}

/* --- Crashes, restarts, pauses --- */

static void test_transition_survives_its_initiator(void **state)
{
    (void)state;
    ask(POWER_OFF);
    ok("prepare:1", VM_CRASHED, CONTROL);
    answer(COCKPIT, "prepare:2");
    answer(ADAS, "stop:2");
    ok("stop:1", VM_STOPPED, ADAS);
    ok("commit", VM_STOPPED, COCKPIT);
}

static void test_dead_initiator_does_not_keep_the_console_from_cancelling(void **state)
{
    (void)state;
    ask(POWER_OFF);
    ok("prepare:1", VM_CRASHED, CONTROL);
    ok("abort:1 release", CANCEL, POWER_BY_CONSOLE);
    expect_states(POWER_RUN, POWER_VM_OFF, POWER_VM_UP, POWER_VM_UP);
}

static void test_stop_before_its_turn_counts(void **state)
{
    (void)state;
    ask(POWER_OFF);
    ok("", VM_STOPPED, COCKPIT); /* waiting */
    answer(CONTROL, "prepare:2");
    ok("", VM_STOPPED, CONTROL);    /* ready */
    ok("commit", VM_STOPPED, ADAS); /* preparing: the last one */
}

static void test_crash_counts_as_stopped_at_its_turn(void **state)
{
    (void)state;
    ask(POWER_OFF);
    prepare_all();
    ok("stop:1", VM_CRASHED, ADAS);
    assert_true(audited(AUDIT_CRASHED));
    expect_timeout(COCKPIT, "stop:1 key:1");
    expect_timeout(COCKPIT, "force:1");
    ok("stop:0", VM_CRASHED, COCKPIT);
    assert_true(audited(AUDIT_CRASHED) && r.nodes[COCKPIT].state == POWER_VM_FORCED);
}

static void test_restarts_are_held(void **state)
{
    (void)state;
    ok("", VM_STOPPED, COCKPIT);
    ok("", VM_LOADING, COCKPIT);
    refused(STATE, VM_LOADING, COCKPIT);
    ask(POWER_OFF);
    refused(BUSY, VM_STARTED, COCKPIT); /* at the gate */
    assert_int_equal(r.nodes[COCKPIT].state, POWER_VM_LOADING);
    ok("", VM_STOPPED, ADAS);
    refused(BUSY, VM_LOADING, ADAS);
    ok("abort:0 release", CANCEL, CONTROL);
    ok("", VM_STARTED, COCKPIT); /* through */
    ok("", VM_LOADING, ADAS);
    refused(STATE, VM_STARTED, COCKPIT);
}

static void test_loading_counts_as_stopped_and_is_cancelled(void **state)
{
    (void)state;
    ok("", VM_STOPPED, COCKPIT);
    ok("", VM_LOADING, COCKPIT);
    ask(POWER_OFF);
    answer(CONTROL, "prepare:2");
    answer(ADAS, "norestart:1 stop:2");
    assert_int_equal(r.nodes[COCKPIT].state, POWER_VM_OFF);
    refused(BUSY, VM_STARTED, COCKPIT);
    ok("stop:0", VM_STOPPED, ADAS);
}

static void test_failed_load(void **state)
{
    (void)state;
    ok("", VM_STOPPED, COCKPIT);
    ok("", VM_LOADING, COCKPIT);
    ok("", VM_CRASHED, COCKPIT);
    assert_int_equal(r.nodes[COCKPIT].state, POWER_VM_OFF);
    refused(STATE, VM_PAUSED, COCKPIT);
    refused(STATE, LISTENER, COCKPIT, .on = true);
}

static void test_paused_vm_is_resumed_for_its_turn(void **state)
{
    (void)state;
    ok("", VM_PAUSED, COCKPIT);
    ok("", VM_PAUSED, ADAS);
    ok("", LISTENER, ADAS, .on = false);
    ask(POWER_OFF);
    refused(BUSY, VM_PAUSED, CONTROL);
    answer(CONTROL, "resume:1 prepare:1");
    assert_true(audited(AUDIT_PAUSED_RESUMED));
    answer(COCKPIT, "resume:2 key:2"); /* deaf: not before STOP */
}

static void test_resumed_by_hand(void **state)
{
    (void)state;
    ok("", VM_PAUSED, COCKPIT);
    ok("", VM_RESUMED, COCKPIT);
    ask(POWER_OFF);
    answer(CONTROL, "prepare:1");
}

/* --- The manifest's side --- */

static void expect_fault(enum power_config_fault fault, uint32_t vm, uint32_t other,
                         uint64_t deadline_us)
{
    struct power_config_error e;
    assert_int_equal(power_check_config(r.config, VMS, deadline_us, &e),
                     fault == POWER_CONFIG_OK ? ERR_OK : ERR_INVALID);
    assert_int_equal(e.fault, fault);
    assert_int_equal(e.vm, vm);
    assert_int_equal(e.other, other);
}

static void test_config(void **state)
{
    (void)state;
    struct power_config_error e;
    expect_fault(POWER_CONFIG_OK, 0, 0, POWER_NEVER);
    r.config[1].superiors = 8;
    expect_fault(POWER_CONFIG_UNKNOWN, 1, 3, POWER_NEVER);
    r.config[1].superiors = 1;
    r.config[2].prepare_us = 0;
    expect_fault(POWER_CONFIG_WAIT, 2, 2, POWER_NEVER);
    r.config[2].prepare_us = 1;
    r.config[2].postpone_quantum_us = BUDGET_US + 1;
    expect_fault(POWER_CONFIG_POSTPONE, 2, 2, POWER_NEVER);
    r.config[2].postpone_quantum_us = 0;
    expect_fault(POWER_CONFIG_POSTPONE, 2, 2, POWER_NEVER);
    r.config[2].postpone_budget_us = 0;
    expect_fault(POWER_CONFIG_OK, 0, 0, POWER_NEVER);
    r.config[0].may_initiate = 0x80;
    expect_fault(POWER_CONFIG_KIND, 0, 0, POWER_NEVER);
    assert_int_equal(power_init(&r.p, r.config, r.nodes, VMS, on_emit, &r), ERR_INVALID);
    assert_int_equal(power_check_config(r.config, 65, POWER_NEVER, &e), ERR_INVALID);
    assert_int_equal(e.fault, POWER_CONFIG_COUNT);
    assert_int_equal(power_check_config(r.config, 0, 0, &e), ERR_OK);
}

static void test_cycles(void **state)
{
    (void)state;
    r.config[2].superiors = 4; /* its own superior */
    expect_fault(POWER_CONFIG_CYCLE, 2, 2, POWER_NEVER);
    r.config[1].superiors = 4;
    r.config[2].superiors = 2;
    r.config[0].superiors = 2; /* behind the cycle, not on it */
    struct power_config_error e;
    assert_int_equal(power_check_config(r.config, VMS, POWER_NEVER, &e), ERR_INVALID);
    assert_true(e.fault == POWER_CONFIG_CYCLE && e.vm + e.other == 3 && e.vm != 0 && e.other != 0);
    assert_int_equal(power_init(&r.p, r.config, r.nodes, VMS, on_emit, &r), ERR_INVALID);
}

static void test_deadline(void **state)
{
    (void)state;
    const uint64_t down = ACK_US + PREPARE_US + BUDGET_US, up = STOP_US + POWER_FREEZE_US;
    expect_fault(POWER_CONFIG_OK, 0, 0, 3 * down + 3 * up);
    expect_fault(POWER_CONFIG_DEADLINE, ADAS, CONTROL, 3 * down + 3 * up - 1);
    r.config[1].superiors = 0; /* control alone beside cockpit <- adas: waits run side by side */
    expect_fault(POWER_CONFIG_OK, 0, 0, 2 * down + 2 * up);
    expect_fault(POWER_CONFIG_DEADLINE, ADAS, COCKPIT, 2 * down + 2 * up - 1);
}

/* 64 VMs in a chain with the longest waits there are. */
static void test_largest(void **state)
{
    (void)state;
    static struct power_vm_config config[POWER_VM_MAX];
    static struct power_node nodes[POWER_VM_MAX];
    struct power p;
    struct power_config_error e;
    for (uint32_t v = 0; v < POWER_VM_MAX; v++) {
        config[v] = r.config[0];
        config[v].superiors = v == 0 ? 0 : UINT64_C(1) << (v - 1);
        config[v].ack_us = config[v].prepare_us = config[v].stop_us = UINT32_MAX;
        config[v].postpone_budget_us = UINT32_MAX;
    }
    assert_int_equal(power_check_config(config, POWER_VM_MAX, POWER_NEVER, &e), ERR_OK);
    assert_true(e.total_us == 64 * (4 * (uint64_t)UINT32_MAX + POWER_FREEZE_US));
    assert_int_equal(power_init(&p, config, nodes, POWER_VM_MAX, on_emit, &r), ERR_OK);
    assert_true(nodes[0].below == ~UINT64_C(1) && nodes[63].above == ~UINT64_C(0) >> 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(test_##name, setup)
        TEST(command_flows_down_completion_up),
        TEST(nothing_after_commit),
        TEST(stopped_vm_does_not_break_the_chain),
        TEST(nobody_up_commits_at_once),
        TEST(initiator_of_low_rank),
        TEST(no_listener_is_ready_at_once_and_keyed_at_its_turn),
        TEST(all_deaf),
        TEST(restart_drops_the_listener),
        TEST(listener_lost_while_asked),
        TEST(unresponsive_is_forced_without_a_second_wait),
        TEST(acked_but_never_ready),
        TEST(late_ready_before_its_turn_is_taken),
        TEST(timeout_may_abort),
        TEST(hung_at_stop),
        TEST(longest_time_is_the_checked_total),
        TEST(veto),
        TEST(no_veto_after_ready_nor_in_stop),
        TEST(postpone),
        TEST(postpone_budget_is_per_transition),
        TEST(late_and_duplicate_answers),
        TEST(rights_to_request),
        TEST(same_kind_joins),
        TEST(repeated_request_is_no_record),
        TEST(stronger_replaces_weaker),
        TEST(stronger_while_stopping),
        TEST(txn_is_never_zero),
        TEST(cancel_rights),
        TEST(no_cancel_once_stop_is_out),
        TEST(emergency_skips_prepare),
        TEST(emergency_upgrades),
        TEST(stronger_emergency_in_prepare),
        TEST(srst_of_the_platform),
        TEST(srst_of_the_lowest_is_no_order_exception),
        TEST(srst_joins_in_prepare),
        TEST(srst_at_its_own_turn_is_just_a_stop),
        TEST(transition_survives_its_initiator),
        TEST(dead_initiator_does_not_keep_the_console_from_cancelling),
        TEST(stop_before_its_turn_counts),
        TEST(crash_counts_as_stopped_at_its_turn),
        TEST(restarts_are_held),
        TEST(loading_counts_as_stopped_and_is_cancelled),
        TEST(failed_load),
        TEST(paused_vm_is_resumed_for_its_turn),
        TEST(resumed_by_hand),
        TEST(config),
        TEST(cycles),
        TEST(deadline),
        TEST(largest),
    };
    return cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
