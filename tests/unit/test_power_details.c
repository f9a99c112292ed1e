/* SPDX-License-Identifier: BSD-2-Clause */
/* What the rules of test_power.c leave open: who joins, what is audited, counted, told and kept. */
/* LINK: core/power.c core/power_steps.c core/power_graph.c core/audit.c */
#include "tests/unit/power_rig.h"

/* A request that joins what a VM's SRST began does not bring back the ways out of it. */
static void test_join_does_not_make_an_srst_abortable(void **state)
{
    (void)state;
    ok("hold prepare:1", VM_SRST, CONTROL, .kind = POWER_OFF);
    ok("", REQUEST, POWER_BY_CONSOLE, .kind = POWER_OFF);
    assert_int_equal(r.reply.outcome, POWER_JOINED);
    refused(DENIED, CANCEL, POWER_BY_CONSOLE);
    refused(DENIED, VETO, COCKPIT);
}

/* Only the warm reset is served by the cold one: any other weaker request is refused. */
static void test_weaker_is_refused(void **state)
{
    (void)state;
    ask(POWER_OFF);
    refused(BUSY, REQUEST, POWER_BY_CONSOLE, .kind = POWER_RESET_WARM);
    refused(BUSY, REQUEST, POWER_BY_CONSOLE, .kind = POWER_RESET_COLD);
    assert_int_equal(r.reply.outcome, POWER_NOTHING);
    assert_int_equal(r.reply.txn, 0);
}

/* A right to one kind needs no right to another. */
static void test_right_to_one_kind(void **state)
{
    (void)state;
    r.config[ADAS].may_initiate = POWER_MAY(POWER_RESET_WARM);
    refused(DENIED, REQUEST, ADAS, .kind = POWER_RESET_COLD);
    ok("hold prepare:0", REQUEST, ADAS, .kind = POWER_RESET_WARM);
}

static void test_requests_are_audited(void **state)
{
    (void)state;
    ask(POWER_RESET_WARM);
    assert_true(audited(AUDIT_REQUEST));
    assert_false(audited(AUDIT_SRST_ORDER)); /* no SRST */
    ok("", REQUEST, POWER_BY_CONSOLE, .kind = POWER_RESET_WARM);
    assert_true(audited(AUDIT_JOIN));
    assert_int_equal(r.last_audit.vm, POWER_BY_CONSOLE);
    ok("prepare:0", REQUEST, POWER_BY_CONSOLE, .kind = POWER_RESET_COLD, .reason = 9);
    assert_true(audited(AUDIT_REPLACE));
    ok("abort:0 release", CANCEL, POWER_BY_CONSOLE);
    assert_true(audited(AUDIT_CANCEL) && audited(AUDIT_ABORT));
}

/* A record carries the states before and after, and what is particular to the event. */
static void test_audit_carries_states_and_detail(void **state)
{
    (void)state;
    ask(POWER_OFF);
    ok("", ACK, CONTROL);
    assert_int_equal(r.last_audit.event, AUDIT_ACK);
    assert_int_equal(r.last_audit.old_state, POWER_VM_NOTIFIED);
    assert_int_equal(r.last_audit.new_state, POWER_VM_PREPARING);
    ok("", POSTPONE, CONTROL, .us = 1);
    assert_int_equal(r.last_audit.event, AUDIT_POSTPONE);
    assert_int_equal(r.last_audit.detail, POWER_POSTPONE_MIN_US);
    ok("", VM_STOPPED, ADAS);
    assert_int_equal(r.last_audit.event, AUDIT_STOPPED);
    assert_int_equal(r.last_audit.detail, 0);
}

/* Outside a transition VMs come and go without the audit's room. */
static void test_stops_in_run_are_not_audited(void **state)
{
    (void)state;
    ok("", VM_STOPPED, ADAS);
    assert_int_equal(r.audit_count, 0);
    ok("", VM_CRASHED, COCKPIT);
    assert_int_equal(r.audit_count, 0);
}

/* A second emergency, or one that comes late, does not begin STOP again. */
static void test_emergency_in_stop_begins_nothing(void **state)
{
    (void)state;
    ask(POWER_OFF);
    prepare_all();
    ok("", REQUEST, POWER_BY_PLATFORM, .kind = POWER_OFF, .emergency = true);
    assert_false(audited(AUDIT_EMERGENCY));
}

/* READY of a VM that has been told STOP changes nothing; nor does a listener that goes then. */
static void test_ready_and_listener_once_stop_is_out(void **state)
{
    (void)state;
    ask(POWER_OFF);
    prepare_all();
    ok("", READY, ADAS);
    expect_states(POWER_STOP, POWER_VM_READY, POWER_VM_READY, POWER_VM_STOPPING);
    ok("", LISTENER, ADAS, .on = false);
    expect_states(POWER_STOP, POWER_VM_READY, POWER_VM_READY, POWER_VM_STOPPING);
    expect_timeout(ADAS, "key:2"); /* nobody is there to be told again */
    assert_false(audited(AUDIT_STOP_REPEATED));
}

/* To register anew while asked is no answer; nor is to leave before one is asked. */
static void test_listener_is_no_answer(void **state)
{
    (void)state;
    ask(POWER_OFF);
    ok("", LISTENER, CONTROL, .on = true);
    ok("", LISTENER, ADAS, .on = false);
    expect_states(POWER_PREPARE, POWER_VM_NOTIFIED, POWER_VM_WAITING, POWER_VM_WAITING);
}

/* An abort is told to those who heard of this transition and still listen, and to no one else. */
static void test_abort_tells_who_was_told(void **state)
{
    (void)state;
    ask(POWER_OFF);
    answer(CONTROL, "prepare:1");
    answer(COCKPIT, "prepare:2");
    ok("", LISTENER, COCKPIT, .on = false);
    ok("abort:0 abort:2 release", CANCEL, CONTROL);
    ask(POWER_OFF);
    ok("abort:0 release", CANCEL, CONTROL);
}

/* A VM is resumed once; and one that stopped while it was paused is not paused in its next life. */
static void test_pause_ends(void **state)
{
    (void)state;
    ok("", VM_PAUSED, CONTROL);
    ok("", VM_PAUSED, ADAS);
    ok("", VM_STOPPED, ADAS);
    ok("", VM_LOADING, ADAS);
    ok("", VM_STARTED, ADAS);
    ok("", LISTENER, ADAS, .on = true);
    ok("hold resume:0 prepare:0", REQUEST, CONTROL, .kind = POWER_OFF);
    prepare_all();
    ok("stop:1", VM_STOPPED, ADAS);
    ok("stop:0", VM_STOPPED, COCKPIT);
}

/* What a VM asks in vain is counted, its comings and goings are not; the count does not wrap. */
static void test_refusals_are_counted(void **state)
{
    (void)state;
    refused(NOT_FOUND, READY, ADAS);
    ok("", VM_STOPPED, ADAS);
    refused(STATE, LISTENER, ADAS, .on = true);
    refused(STATE, VM_PAUSED, ADAS);
    assert_int_equal(r.nodes[ADAS].refused, 2);
    r.nodes[ADAS].refused = UINT32_MAX;
    refused(NOT_FOUND, READY, ADAS);
    assert_int_equal(r.nodes[ADAS].refused, UINT32_MAX);
}

/* Nobody is stopped while another still prepares, however low its rank. */
static void test_no_stop_before_all_are_ready(void **state)
{
    (void)state;
    r.config[ADAS].superiors = UINT64_C(1) << CONTROL; /* beside cockpit */
    assert_int_equal(power_init(&r.p, r.config, r.nodes, VMS, on_emit, &r), ERR_OK);
    for (uint32_t v = 0; v < VMS; v++) {
        ok("", VM_LOADING, v);
        ok("", VM_STARTED, v);
        ok("", LISTENER, v, .on = true);
    }
    ask(POWER_OFF);
    answer(CONTROL, "prepare:1 prepare:2");
    answer(ADAS, "");
    expect_states(POWER_PREPARE, POWER_VM_READY, POWER_VM_NOTIFIED, POWER_VM_READY);
    answer(COCKPIT, "stop:1 stop:2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(test_##name, setup)
        TEST(join_does_not_make_an_srst_abortable),
        TEST(weaker_is_refused),
        TEST(right_to_one_kind),
        TEST(requests_are_audited),
        TEST(audit_carries_states_and_detail),
        TEST(stops_in_run_are_not_audited),
        TEST(emergency_in_stop_begins_nothing),
        TEST(ready_and_listener_once_stop_is_out),
        TEST(listener_is_no_answer),
        TEST(abort_tells_who_was_told),
        TEST(pause_ends),
        TEST(refusals_are_counted),
        TEST(no_stop_before_all_are_ready),
    };
    return cmocka_run_group_tests_name("power details", tests, NULL, NULL);
}
