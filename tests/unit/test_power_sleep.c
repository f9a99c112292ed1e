/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Suspends under the power coordinator, one rule a test, told as test_power.c does: "stop:1" and
 * so on, and in addition "freeze:1", "wake:1" (it runs again), "up:1" (it is told RESUME), "awake"
 * (the machine shall not sleep any more).
 */
/* LINK: core/power.c core/power_steps.c core/power_graph.c core/audit.c */
#include "tests/unit/power_rig.h"

#define MAY_SLEEP POWER_MAY(POWER_SUSPEND)

static int setup_sleep(void **state)
{
    int result = setup(state);

    r.config[CONTROL].may_initiate |= MAY_SLEEP;
    return result;
}

static void sleep_all(void)
{
    ask(POWER_SUSPEND);
    prepare_all();
    ok("stop:1", VM_SUSPENDED, ADAS);
    ok("stop:0", VM_SUSPENDED, COCKPIT);
    ok("commit:0", VM_SUSPENDED, CONTROL);
    expect_states(POWER_SLEEP, POWER_VM_SUSPENDED, POWER_VM_SUSPENDED, POWER_VM_SUSPENDED);
}

/* The rest of a resume in which all listen, once control has been told. */
static void all_up(void)
{
    ok("up:1 wake:1", ACK, CONTROL);
    ok("up:2 wake:2", ACK, COCKPIT);
    ok("release", ACK, ADAS);
    expect_states(POWER_RUN, POWER_VM_UP, POWER_VM_UP, POWER_VM_UP);
}

static void test_down_and_up_in_order(void **state)
{
    (void)state;
    sleep_all();
    assert_true(r.last.kind == POWER_SUSPEND && r.last.vm == CONTROL && r.last.txn == 1);
    assert_true(audited(AUDIT_SUSPENDED) && audited(AUDIT_COMMIT) && audited(AUDIT_SLEEP));
    ok("awake up:0 wake:0", WAKE, POWER_BY_CONSOLE);
    assert_true(audited(AUDIT_WAKE) && audited(AUDIT_RESUME) && !audited(AUDIT_ABORT));
    expect_states(POWER_RESUME, POWER_VM_RESUMING, POWER_VM_WAITING, POWER_VM_WAITING);
    assert_true(r.nodes[CONTROL].timer_at_us == r.now_us + ACK_US);
    ok("up:1 wake:1", ACK, CONTROL);
    ok("", ACK, CONTROL); /* a duplicate */
    ok("up:2 wake:2", READY, COCKPIT);
    ok("release", ACK, ADAS);
    assert_true(audited(AUDIT_RESUMED));
    expect_states(POWER_RUN, POWER_VM_UP, POWER_VM_UP, POWER_VM_UP);
    ask(POWER_OFF);
    assert_int_equal(r.reply.txn, 2);
}

static void expect_reason(uint32_t reason)
{
    sleep_all();
    ok("awake up:0 wake:0", WAKE, (uint8_t)reason);
    assert_int_equal(r.p.wake_reason, reason);
    all_up();
}

static void test_who_woke(void **state)
{
    (void)state;
    expect_reason(ADAS); /* whose interrupt it was: it has to wait for its turn */
    expect_reason(CONTROL);
    expect_reason(POWER_BY_CONSOLE);
    expect_reason(POWER_BY_PLATFORM);
}

static void test_notice_of_resume(void **state)
{
    (void)state;
    sleep_all();
    ok("awake up:0 wake:0", WAKE, ADAS);
    ok("up:1 wake:1", ACK, CONTROL);
    ok("", WAKE, ADAS); /* not yet */
    ok("", WAKE, CONTROL);
    ok("up:2 wake:2", ACK, COCKPIT);
}

static void test_ack_of_resume_does_not_come(void **state)
{
    (void)state;
    sleep_all();
    ok("awake up:0 wake:0", WAKE, ADAS);
    expect_timeout(CONTROL, "up:1 wake:1");
    assert_true(audited(AUDIT_TIMEOUT));
    assert_int_equal(r.nodes[CONTROL].state, POWER_VM_UP);
    ok("up:2 wake:2", LISTENER, COCKPIT, .on = false); /* nobody there any more to say it */
    refused(STATE, POSTPONE, ADAS, .us = 1000);
    refused(STATE, VETO, ADAS);
    expect_timeout(ADAS, "release");
    refused(NOT_FOUND, ACK, ADAS);
}

/* No key in a suspend: that would mean off. */
static void test_who_does_not_sleep_is_frozen(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    prepare_all();
    assert_true(r.nodes[ADAS].timer_at_us == r.now_us + STOP_US);
    expect_timeout(ADAS, "freeze:2");
    ok("stop:1", VM_FROZEN, ADAS);
    assert_true(audited(AUDIT_FORCED));
    assert_int_equal(r.nodes[ADAS].state, POWER_VM_FORCED);
    ok("", VM_FROZEN, ADAS);
    expect_timeout(COCKPIT, "freeze:1");
    expect_timeout(COCKPIT, "stop:0");
    assert_true(audited(AUDIT_FREEZE_LATE));
    ok("commit:0", VM_SUSPENDED, CONTROL);
    ok("", WAKE, ADAS); /* one that is frozen wakes nobody */
    ok("awake up:0 wake:0", WAKE, CONTROL);
    all_up();
}

/* Its hart was so long about it that it was taken as frozen: it sleeps, and wakes by itself. */
static void test_falls_asleep_after_it_was_taken_as_frozen(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    prepare_all();
    expect_timeout(ADAS, "freeze:2");
    expect_timeout(ADAS, "stop:1");
    assert_int_equal(r.nodes[ADAS].state, POWER_VM_FORCED);
    ok("stop:0", VM_SUSPENDED, COCKPIT);
    ok("commit:0", VM_SUSPENDED, CONTROL);
    ok("", VM_SUSPENDED, ADAS);
    assert_int_equal(r.nodes[ADAS].state, POWER_VM_SUSPENDED);
    ok("awake up:0 wake:0", WAKE, ADAS);
    all_up();
}

static void test_without_listener_is_frozen_at_its_turn(void **state)
{
    (void)state;
    ok("", LISTENER, COCKPIT, .on = false);
    ok("", VM_PAUSED, COCKPIT);
    ask(POWER_SUSPEND);
    answer(CONTROL, "prepare:2");
    answer(ADAS, "stop:2");
    ok("freeze:1", VM_SUSPENDED, ADAS); /* a paused one as it is */
    ok("stop:0", VM_FROZEN, COCKPIT);
    ok("commit:0", VM_SUSPENDED, CONTROL);
    ok("awake up:0 wake:0", WAKE, CONTROL);
    ok("wake:1 up:2 wake:2", ACK, CONTROL);
    ok("release", ACK, ADAS);
    ok("", VM_PAUSED, COCKPIT); /* it was not, any more */
}

static void test_unresponsive_is_frozen(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    answer(CONTROL, "prepare:1");
    expect_timeout(COCKPIT, "prepare:2");
    answer(ADAS, "stop:2");
    ok("freeze:1", VM_SUSPENDED, ADAS);
    ok("stop:0", VM_SUSPENDED, COCKPIT); /* it sleeps first */
    ok("", VM_FROZEN, COCKPIT);
    assert_int_equal(r.nodes[COCKPIT].state, POWER_VM_SUSPENDED);
}

static void test_off_is_as_good_as_asleep(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    prepare_all();
    ok("stop:1", VM_STOPPED, ADAS);
    ok("stop:0", VM_SRST, COCKPIT, .kind = POWER_OFF); /* at its turn: just a stop */
    ok("commit", VM_CRASHED, CONTROL);
    assert_int_equal(r.last.vm, POWER_NOBODY);
    expect_states(POWER_SLEEP, POWER_VM_OFF, POWER_VM_OFF, POWER_VM_OFF);
    refused(BUSY, VM_LOADING, ADAS);
    ok("awake release", WAKE, POWER_BY_CONSOLE);
    ok("", VM_LOADING, ADAS);
}

/* --- Called off --- */

static void test_wakeup_before_commit(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    prepare_all();
    ok("stop:1", VM_SUSPENDED, ADAS);
    /* control was not told STOP: it goes on; cockpit was, and is awake */
    ok("abort:0 up:1", WAKE, ADAS);
    assert_true(audited(AUDIT_WAKE) && audited(AUDIT_ABORT));
    assert_int_equal(r.p.wake_reason, ADAS | POWER_WAKE_EARLY);
    expect_states(POWER_RESUME, POWER_VM_UP, POWER_VM_RESUMING, POWER_VM_WAITING);
    ok("up:2 wake:2", ACK, COCKPIT);
    ok("wake:2", VM_SUSPENDED, ADAS); /* it had not heard yet */
    ok("release", ACK, ADAS);
    expect_states(POWER_RUN, POWER_VM_UP, POWER_VM_UP, POWER_VM_UP);
}

static void test_key_before_commit_is_a_key(void **state)
{
    (void)state;
    ok("", WAKE, POWER_BY_CONSOLE);
    ask(POWER_SUSPEND);
    ok("", WAKE, POWER_BY_CONSOLE);
    ok("", WAKE, CONTROL); /* that is awake */
    prepare_all();
    ok("", WAKE, POWER_BY_CONSOLE);
}

static void test_veto_after_stop(void **state)
{
    (void)state;
    r.config[ADAS].may_veto = false;
    ask(POWER_SUSPEND);
    prepare_all();
    refused(STATE, VETO, CONTROL);
    refused(STATE, POSTPONE, ADAS, .us = 1000);
    ok("abort:0 abort:1 up:2", VETO, ADAS);
    assert_true(audited(AUDIT_VETO) && audited(AUDIT_ABORT));
    ok("release", ACK, ADAS);
    refused(NOT_FOUND, VETO, ADAS);
}

static void test_veto_after_stop_of_off(void **state)
{
    (void)state;
    ask(POWER_OFF);
    prepare_all();
    refused(STATE, VETO, ADAS);
}

static void test_freeze_is_undone(void **state)
{
    (void)state;
    ok("", LISTENER, ADAS, .on = false);
    ok("", LISTENER, COCKPIT, .on = false);
    ok("", VM_SUSPENDED, CONTROL);
    ok("hold freeze:2", REQUEST, POWER_BY_CONSOLE, .kind = POWER_SUSPEND);
    ok("wake:2 up:0 wake:0", WAKE, CONTROL);
    expect_states(POWER_RESUME, POWER_VM_RESUMING, POWER_VM_UP, POWER_VM_WAITING);
    ok("", VM_FROZEN, ADAS); /* late */
    ok("release", ACK, CONTROL);
}

static void test_cancel(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    ok("abort:0 release", CANCEL, CONTROL);
    ask(POWER_SUSPEND);
    prepare_all();
    refused(DENIED, CANCEL, CONTROL);
    ok("stop:1", VM_SUSPENDED, ADAS);
    ok("stop:0", VM_SUSPENDED, COCKPIT);
    ok("commit:0", VM_SUSPENDED, CONTROL);
    refused(DENIED, CANCEL, POWER_BY_CONSOLE);
    ok("awake up:0 wake:0", WAKE, POWER_BY_CONSOLE);
    refused(DENIED, CANCEL, POWER_BY_CONSOLE);
}

/* --- By itself --- */

static void test_sleeps_by_itself(void **state)
{
    (void)state;
    ok("", VM_SUSPENDED, COCKPIT);
    expect_states(POWER_RUN, POWER_VM_UP, POWER_VM_SUSPENDED, POWER_VM_UP);
    ok("wake:1", WAKE, COCKPIT);
    ok("", WAKE, COCKPIT);
    expect_states(POWER_RUN, POWER_VM_UP, POWER_VM_UP, POWER_VM_UP);
    ok("", VM_SUSPENDED, COCKPIT);
    ok("", VM_STOPPED, COCKPIT);
    ok("", WAKE, COCKPIT);
    assert_int_equal(r.nodes[COCKPIT].state, POWER_VM_OFF);
}

/* It counts as stopped for a suspend, and stays asleep when that is called off in time. */
static void test_own_sleep_and_suspend(void **state)
{
    (void)state;
    ok("", VM_SUSPENDED, COCKPIT);
    ask(POWER_SUSPEND);
    answer(CONTROL, "prepare:2");
    ok("abort:0 abort:2 release", VETO, ADAS);
    expect_states(POWER_RUN, POWER_VM_UP, POWER_VM_SUSPENDED, POWER_VM_UP);
    ask(POWER_SUSPEND);
    ok("abort:0 release wake:1", WAKE, COCKPIT);
    expect_states(POWER_RUN, POWER_VM_UP, POWER_VM_UP, POWER_VM_UP);
}

/* Whoever falls asleep in the course of it is woken when it is called off. */
static void test_early_sleep_and_abort(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    answer(CONTROL, "prepare:1");
    ok("", VM_SUSPENDED, CONTROL); /* all its own doing: it was not told to */
    ok("abort:1 up:0 wake:0", CANCEL, POWER_BY_CONSOLE);
}

static void test_off_wakes_who_sleeps(void **state)
{
    (void)state;
    ok("", VM_SUSPENDED, COCKPIT);
    ok("", VM_SUSPENDED, ADAS);
    ask(POWER_OFF);
    ok("wake:2", WAKE, ADAS); /* by itself, as without the transition */
    answer(CONTROL, "wake:1 prepare:1");
    answer(COCKPIT, "prepare:2");
    ok("wake:2", VM_SUSPENDED, ADAS); /* not now: it is asked */
    ok("stop:2", READY, ADAS);
    ok("stop:1", VM_STOPPED, ADAS);
    ok("wake:1", VM_SUSPENDED, COCKPIT);
    ok("stop:0", VM_STOPPED, COCKPIT);
    ok("commit", VM_STOPPED, CONTROL);
    assert_int_equal(r.p.phase, POWER_COMMIT);
}

static void test_off_and_a_sleeper_that_does_not_listen(void **state)
{
    (void)state;
    ok("", LISTENER, ADAS, .on = false);
    ok("", VM_SUSPENDED, ADAS);
    ask(POWER_OFF);
    answer(CONTROL, "prepare:1");
    answer(COCKPIT, "wake:2 key:2");
}

static void test_off_forces_a_sleeper(void **state)
{
    (void)state;
    ask(POWER_OFF);
    answer(CONTROL, "prepare:1");
    expect_timeout(COCKPIT, "prepare:2");
    ok("", VM_SUSPENDED, COCKPIT);
    answer(ADAS, "stop:2");
    ok("force:1", VM_STOPPED, ADAS);
    ok("stop:0", VM_STOPPED, COCKPIT);
}

/* Falling asleep in an OFF that is then called off: woken, as nobody told it to sleep for good. */
static void test_sleep_in_off_that_is_called_off(void **state)
{
    (void)state;
    ask(POWER_OFF);
    ok("", VM_SUSPENDED, ADAS);
    ok("", WAKE, ADAS); /* its turn will come */
    ok("abort:0 up:2 wake:2", CANCEL, CONTROL);
    ok("release", ACK, ADAS);
}

/* --- Something stronger --- */

static void test_off_replaces_suspend_in_stop(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    prepare_all();
    ok("stop:1", VM_SUSPENDED, ADAS);
    ok("prepare:0", REQUEST, POWER_BY_CONSOLE, .kind = POWER_OFF);
    assert_int_equal(r.reply.outcome, POWER_REPLACED);
    assert_int_equal(r.reply.txn, 2);
    expect_states(POWER_PREPARE, POWER_VM_NOTIFIED, POWER_VM_WAITING, POWER_VM_WAITING);
    ok("", WAKE, ADAS);
    answer(CONTROL, "prepare:1");
    answer(COCKPIT, "wake:2 prepare:2");
    answer(ADAS, "stop:2");
    ok("stop:1", VM_STOPPED, ADAS);
    ok("stop:0", VM_STOPPED, COCKPIT);
    ok("commit", VM_STOPPED, CONTROL);
}

static void test_off_in_sleep_and_its_veto(void **state)
{
    (void)state;
    sleep_all();
    ok("awake wake:0 prepare:0", REQUEST, POWER_BY_PLATFORM, .kind = POWER_RESET_WARM);
    answer(CONTROL, "wake:1 prepare:1");
    ok("abort:0 abort:1 up:2 wake:2", VETO, COCKPIT); /* nobody is left asleep */
    assert_int_equal(r.p.kind, POWER_SUSPEND);
    ok("release", ACK, ADAS);
}

static void test_off_in_resume(void **state)
{
    (void)state;
    sleep_all();
    ok("awake up:0 wake:0", WAKE, CONTROL);
    refused(BUSY, REQUEST, CONTROL, .kind = POWER_SUSPEND);
    ok("up:1 wake:1", ACK, CONTROL);
    ok("prepare:0", REQUEST, CONTROL, .kind = POWER_OFF);
    answer(CONTROL, "prepare:1");
    answer(COCKPIT, "wake:2 prepare:2");
}

static void test_emergency_leaves_sleepers_asleep(void **state)
{
    (void)state;
    sleep_all();
    ok("awake up:0 wake:0", WAKE, CONTROL);
    ok("stop:0", REQUEST, POWER_BY_PLATFORM, .kind = POWER_OFF, .emergency = true);
    expect_states(POWER_STOP, POWER_VM_STOPPING, POWER_VM_SUSPENDED, POWER_VM_SUSPENDED);
    ok("", WAKE, ADAS); /* no more */
    ok("commit", VM_SUSPENDED, CONTROL);
    ok("", WAKE, ADAS);
    ok("", VM_SUSPENDED, ADAS);
    assert_int_equal(r.p.phase, POWER_COMMIT);
}

static void test_emergency_in_sleep(void **state)
{
    (void)state;
    sleep_all();
    ok("awake commit", REQUEST, POWER_BY_PLATFORM, .kind = POWER_OFF, .emergency = true);
}

static void test_emergency_waits_for_a_freeze(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    prepare_all();
    expect_timeout(ADAS, "freeze:2");
    ok("", REQUEST, POWER_BY_PLATFORM, .kind = POWER_OFF, .emergency = true);
    ok("stop:1", VM_FROZEN, ADAS);
    ok("stop:0", VM_STOPPED, COCKPIT);
    ok("commit", VM_STOPPED, CONTROL);
}

static void test_srst_out_of_turn(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    prepare_all();
    ok("prepare:1", VM_SRST, CONTROL, .kind = POWER_OFF);
    assert_int_equal(r.reply.outcome, POWER_REPLACED);
    answer(COCKPIT, "prepare:2");
    refused(DENIED, VETO, ADAS);
}

/* --- Stops and crashes on the way --- */

static void test_stops_in_sleep_and_resume(void **state)
{
    (void)state;
    sleep_all();
    ok("", VM_CRASHED, ADAS);
    assert_true(audited(AUDIT_CRASHED));
    ok("awake up:0 wake:0", WAKE, CONTROL);
    ok("up:1 wake:1", VM_CRASHED, CONTROL);
    ok("release", VM_STOPPED, COCKPIT);
    expect_states(POWER_RUN, POWER_VM_OFF, POWER_VM_OFF, POWER_VM_OFF);
}

static void test_frozen_that_is_stopped(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    prepare_all();
    expect_timeout(ADAS, "freeze:2");
    ok("stop:1", VM_STOPPED, ADAS);
    assert_int_equal(r.nodes[ADAS].state, POWER_VM_OFF);
    expect_timeout(COCKPIT, "freeze:1");
    ok("stop:0", VM_FROZEN, COCKPIT);
    ok("", VM_STOPPED, COCKPIT);
    assert_int_equal(r.nodes[COCKPIT].state, POWER_VM_OFF);
}

static void test_sleeper_in_resume(void **state)
{
    (void)state;
    sleep_all();
    ok("awake up:0 wake:0", WAKE, CONTROL);
    ok("up:1 wake:1", ACK, CONTROL);
    ok("", VM_SUSPENDED, CONTROL); /* up and asleep again: that is its own affair */
    ok("wake:0", WAKE, CONTROL);
    ok("", VM_SUSPENDED, CONTROL);
    ok("up:2 wake:2", ACK, COCKPIT);
    ok("release", ACK, ADAS);
    expect_states(POWER_RUN, POWER_VM_SUSPENDED, POWER_VM_UP, POWER_VM_UP);
}

static void test_awake_and_told_sleeps_late(void **state)
{
    (void)state;
    ask(POWER_SUSPEND);
    prepare_all();
    ok("stop:1", VM_SUSPENDED, ADAS);
    ok("stop:0", VM_SUSPENDED, COCKPIT);
    ok("up:0", VETO, CONTROL);
    ok("wake:0", VM_SUSPENDED, CONTROL);
    all_up();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup_sleep)
    const struct CMUnitTest tests[] = {
        T(test_down_and_up_in_order),
        T(test_who_woke),
        T(test_notice_of_resume),
        T(test_ack_of_resume_does_not_come),
        T(test_who_does_not_sleep_is_frozen),
        T(test_falls_asleep_after_it_was_taken_as_frozen),
        T(test_without_listener_is_frozen_at_its_turn),
        T(test_unresponsive_is_frozen),
        T(test_off_is_as_good_as_asleep),
        T(test_wakeup_before_commit),
        T(test_key_before_commit_is_a_key),
        T(test_veto_after_stop),
        T(test_veto_after_stop_of_off),
        T(test_freeze_is_undone),
        T(test_cancel),
        T(test_sleeps_by_itself),
        T(test_own_sleep_and_suspend),
        T(test_early_sleep_and_abort),
        T(test_off_wakes_who_sleeps),
        T(test_off_and_a_sleeper_that_does_not_listen),
        T(test_off_forces_a_sleeper),
        T(test_sleep_in_off_that_is_called_off),
        T(test_off_replaces_suspend_in_stop),
        T(test_off_in_sleep_and_its_veto),
        T(test_off_in_resume),
        T(test_emergency_leaves_sleepers_asleep),
        T(test_emergency_in_sleep),
        T(test_emergency_waits_for_a_freeze),
        T(test_srst_out_of_turn),
        T(test_stops_in_sleep_and_resume),
        T(test_frozen_that_is_stopped),
        T(test_sleeper_in_resume),
        T(test_awake_and_told_sleeps_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
