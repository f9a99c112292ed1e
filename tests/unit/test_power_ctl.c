/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/lifecycle.c core/pause.c core/watchdog.c core/vcpu.c core/sched.c core/hart.c
 *       core/timer.c core/power_ctl.c core/power_commit.c core/power.c core/power_steps.c
 *       core/power_graph.c core/audit.c core/vm_names.c
 *       tests/unit/life_env.c tests/unit/fake_arch.c tests/unit/fake_core.c libfdt */
/* The coordinator carried out: what the guests are told, who is stopped when, and the commit. */
#include "tests/unit/life_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* While the hart that commits waits, the others take their turn. */
static void park_others(void)
{
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        if ((atomic_load(&machine.harts[i]->work) & HART_WORK_COMMIT) != 0) {
            fake_hart(i)->parked = true;
        }
    }
}

static int setup(void **state)
{
    (void)state;
    life_init();
    fake.on_relax = park_others;
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        life_up(i);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    life_end();
    return 0;
}

static uint32_t request(uint32_t vm, enum power_kind kind)
{
    uint32_t txn = 0;

    assert_int_equal(power_ctl_request(life.vm[vm], kind, 0, false, &txn), ERR_OK);
    assert_int_not_equal(txn, 0);
    return txn;
}

static void listen_all(void)
{
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        assert_int_equal(power_ctl_listen(life.vm[i], true), ERR_OK);
    }
}

static void expect_notice(uint32_t vm, enum power_notice type, uint32_t txn)
{
    struct power_notice_seen n = power_ctl_next_event(life.vm[vm]);

    assert_int_equal(n.type, type);
    assert_int_equal(n.txn, txn);
}

static void answer(uint32_t vm, uint32_t txn, enum power_event_type what)
{
    uint32_t granted;

    assert_int_equal(power_ctl_answer(life.vm[vm], txn, what, 0, &granted), ERR_OK);
}

static void srst(uint32_t vm, bool reset)
{
    lifecycle_srst(life.vm[vm]->vcpus[0], reset, false, false);
    (void)life_step(vm, 0);
}

static uint32_t count_audit(enum audit_event event, struct audit_record *last)
{
    struct audit_record r;
    uint64_t seq = 0;
    uint64_t lost = 0;
    uint32_t n = 0;

    while (power_ctl_audit_read(&seq, &r, &lost) == ERR_OK) {
        if (r.event == AUDIT_BOOT) {
            n = 0; /* the ring outlives a boot, and here a test */
        }
        if (r.event == event) {
            n++;
            *last = r;
        }
    }
    return n;
}

static void test_in_order(void **state)
{
    uint32_t txn;

    (void)state;
    listen_all();
    txn = request(0, POWER_OFF);
    assert_int_equal(power_ctl_status(life.vm[0]).phase, POWER_PREPARE);
    assert_true(power_ctl_status(life.vm[0]).time_left_us > 0);
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        expect_notice(i, POWER_NOTICE_PREPARE, txn);
        for (uint32_t below = i + 1; below < LIFE_VMS; below++) {
            assert_int_equal(life.pulses[below], 0);
        }
        answer(i, txn, POWER_EV_ACK);
        answer(i, txn, POWER_EV_READY);
    }
    for (uint32_t i = LIFE_VMS; i-- > 0;) {
        assert_int_equal(fake.resets, 0);
        expect_notice(i, POWER_NOTICE_STOP, txn);
        srst(i, false);
        assert_int_equal(vm_state(life.vm[i]), VM_OFF);
    }
    assert_int_equal(power_ctl_status(life.vm[0]).phase, POWER_COMMIT);
    assert_int_equal(lifecycle_start(life.vm[0]), ERR_STATE);
    assert_int_equal(fake.resets, 1);
    assert_int_equal(fake.reset_kind, ARCH_RESET_OFF);
    for (uint32_t i = 1; i < machine.hart_count; i++) {
        assert_int_equal(life_step(i / LIFE_VCPUS, i % LIFE_VCPUS), LIFE_PARKED);
    }
    assert_false(fake.reset_failed);
}

/* Nobody listens and nobody stops: each is frozen at its turn, the last pc recorded. */
static void test_force(void **state)
{
    struct audit_record r;

    (void)state;
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        fake_vcpu(life.vm[i]->vcpus[0])->pc = 0x1000 + i;
    }
    (void)request(0, POWER_RESET_WARM);
    life_pass_us(19000);
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
    life_pass_us(2000);
    assert_int_equal(vm_state(life.vm[2]), VM_OFF);
    assert_int_equal(life.vm[2]->stop_reason, STOP_FORCED);
    assert_int_equal(vm_state(life.vm[1]), VM_RUNNING);
    assert_int_equal(count_audit(AUDIT_FROZEN_AT, &r), 1);
    assert_int_equal(r.vm, 2);
    assert_int_equal(r.detail, 0x1002);
    life_pass_us(21000);
    assert_int_equal(vm_state(life.vm[1]), VM_OFF);
    assert_int_equal(vm_state(life.vm[0]), VM_RUNNING);
    life_pass_us(21000);
    assert_int_equal(fake.resets, 1);
    assert_int_equal(fake.reset_kind, ARCH_RESET_WARM);
}

/* A reboot that a transition catches is given up, and made up for when the transition ends. */
static void test_restart_waits(void **state)
{
    uint32_t txn;

    (void)state;
    listen_all();
    txn = request(0, POWER_OFF);
    srst(2, true);
    life_settle();
    assert_int_equal(vm_state(life.vm[2]), VM_OFF);
    assert_int_equal(lifecycle_start(life.vm[2]), ERR_STATE);
    assert_int_equal(power_ctl_cancel(life.vm[2], txn), ERR_DENIED);
    assert_int_equal(power_ctl_cancel(life.vm[0], txn), ERR_OK);
    life_settle();
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
    assert_int_equal(life.vm[2]->generation, 2);
    expect_notice(0, POWER_NOTICE_ABORT, txn);
}

static uint32_t during_load;

static void ask_off(struct vm *vm)
{
    (void)vm;
    (void)!power_ctl_request(life.vm[0], POWER_OFF, 0, false, &during_load);
}

/* The transition begins while a VM is being loaded: it does not enter its guest. */
static void test_gate(void **state)
{
    (void)state;
    listen_all();
    assert_int_equal(lifecycle_stop(life.vm[2], STOP_ASKED, false), ERR_OK);
    life_settle();
    life.on_load = ask_off;
    assert_int_equal(lifecycle_start(life.vm[2]), ERR_OK);
    assert_int_equal(life_step(2, 0), LIFE_IDLE);
    life.on_load = NULL;
    assert_int_not_equal(during_load, 0);
    assert_int_equal(vm_state(life.vm[2]), VM_OFF);
    assert_int_equal(life.ipc_started[2], 1); /* of the first life */
    assert_int_equal(power_ctl_cancel(life.vm[0], during_load), ERR_OK);
    life_settle();
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
}

static void test_platform_srst(void **state)
{
    (void)state;
    listen_all();
    life.config[0]->srst = SRST_PLATFORM;
    lifecycle_srst(life.vm[0]->vcpus[0], false, false, true);
    life_settle();
    assert_int_equal(vm_state(life.vm[0]), VM_CRASHED); /* "system failure" */
    assert_int_equal(power_ctl_status(life.vm[1]).phase, POWER_PREPARE);
    assert_int_equal(power_ctl_cancel(NULL, 0), ERR_DENIED);
    life_pass_us(200000);
    assert_int_equal(fake.resets, 1);
    assert_int_equal(fake.reset_kind, ARCH_RESET_OFF);
    assert_true(fake.reset_failed);
}

/* A crash whose policy is to escalate takes the rest down at once, without PREPARE. */
static void test_escalate(void **state)
{
    const struct vm_fault fault = {1, 2, 3};

    (void)state;
    listen_all();
    life.config[2]->crash = CRASH_ESCALATE;
    lifecycle_crash(life.vm[2], STOP_CRASH, &fault, "test");
    life_settle();
    assert_int_equal(power_ctl_status(life.vm[1]).phase, POWER_STOP);
    assert_int_equal(power_ctl_next_event(life.vm[1]).type, POWER_NOTICE_STOP);
    assert_int_equal(power_ctl_next_event(life.vm[0]).type, 0); /* not its turn */
}

/* What was not taken before a restart is not told to the new life. */
static void test_notices_end_with_the_vm(void **state)
{
    (void)state;
    listen_all();
    assert_int_equal(power_ctl_ask_stop(life.vm[2], true), ERR_OK);
    srst(2, true);
    life_settle();
    assert_int_equal(life.vm[2]->generation, 2);
    assert_int_equal(power_ctl_next_event(life.vm[2]).type, 0);
    assert_int_equal(power_ctl_ask_stop(life.vm[2], true), ERR_NOT_SUPPORTED); /* listens no more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_force, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restart_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_gate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_platform_srst, setup, teardown),
        cmocka_unit_test_setup_teardown(test_escalate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notices_end_with_the_vm, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
