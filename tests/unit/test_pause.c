/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/lifecycle.c core/pause.c core/watchdog.c core/vcpu.c core/sched.c core/hart.c
 *       core/runqueue.c core/budget.c
 *       core/timer.c core/power_ctl.c core/power_commit.c core/power.c core/power_steps.c
 *       core/power_graph.c core/audit.c core/vm_names.c core/sse.c core/steal.c core/memmap.c
 *       core/guest_copy.c core/pmu.c tests/unit/life_env.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c libfdt */
/* VMs that are paused, and VMs that are watched, and what comes in between. */
#include "core/watchdog.h"
#include "tests/unit/life_env.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- pause ----------------------------------------------------------------------------------- */

static void pause_it(struct vm *vm)
{
    assert_int_equal(lifecycle_pause(vm), ERR_OK);
    life_settle();
}

static void resume_it(struct vm *vm)
{
    assert_int_equal(lifecycle_resume(vm), ERR_OK);
    life_settle();
}

static void test_pause(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    assert_int_equal(lifecycle_pause(vm), ERR_STATE);
    assert_int_equal(lifecycle_resume(vm), ERR_STATE);
    life_up(0);
    assert_int_equal(lifecycle_resume(vm), ERR_STATE);
    pause_it(vm);
    assert_int_equal(vm_state(vm), VM_PAUSED);
    assert_int_equal(lifecycle_pause(vm), ERR_STATE);
    assert_false(fake_vcpu(vm->vcpus[0])->resident);

    /* Whatever comes for it, it stays out of its guest; and the hart sleeps. */
    vcpu_irq_set(vm->vcpus[0], VCPU_IRQ_EXT, true);
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_int_equal(atomic_load(&vm->vcpus[0]->requests), 0);

    assert_int_equal(lifecycle_resume(vm), ERR_OK);
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(fake_vcpu(vm->vcpus[0])->resets, 1); /* as it was, not anew */
    assert_int_equal(vm->generation, 1);
}

/* A sibling's start that was under way is not lost, nor carried out too early. */
static void test_pause_meets_hart_start(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life_up(0);
    assert_int_equal(vcpu_start(vm->vcpus[1], gpa(0x80001000), 7), ERR_OK);
    pause_it(vm);
    assert_int_equal(life_step(0, 1), LIFE_IDLE);
    resume_it(vm);
    assert_int_equal(life_step(0, 1), LIFE_GUEST);
    assert_int_equal(fake_vcpu(vm->vcpus[1])->reset_opaque, 7);
}

/* What would end a suspend is not lost in a pause, nor does it end the pause. */
static void test_pause_meets_suspend(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life_up(0);
    for (uint32_t by_ipi = 0; by_ipi < 2; by_ipi++) {
        fake_become(vm->vcpus[0]->hart);
        vcpu_suspend_self(vm->vcpus[0], false, gpa(0), 0);
        pause_it(vm);
        if (by_ipi != 0) {
            fake_vcpu(vm->vcpus[0])->irq_enabled = 0;
            vcpu_request(vm->vcpus[0], VCPU_REQ_WAKE);
        } else {
            vcpu_irq_set(vm->vcpus[0], VCPU_IRQ_EXT, true);
        }
        assert_int_equal(life_step(0, 0), LIFE_IDLE);
        assert_false(fake_vcpu(vm->vcpus[0])->resident);
        assert_int_equal(lifecycle_resume(vm), ERR_OK);
        assert_int_equal(life_step(0, 0), LIFE_GUEST);
        vcpu_irq_set(vm->vcpus[0], VCPU_IRQ_EXT, false);
        assert_int_equal(life_step(0, 0), LIFE_GUEST);
    }
}

static void test_paused_vm_stops(void **state)
{
    struct vm *vm = life.vm[2];

    (void)state;
    life_up(2);
    pause_it(vm);
    assert_int_equal(lifecycle_stop(vm, STOP_ASKED, true), ERR_OK);
    life_settle();
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(vm->generation, 2);

    /* Gracefully: it has to hear of it. */
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    pause_it(vm);
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_OK);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(power_ctl_next_event(vm).type, POWER_ASK_SHUTDOWN);
    assert_int_equal(lifecycle_pause(vm), ERR_STATE); /* not while it is asked to stop */
}

/* A transition wakes it for its turn, and none is paused while one runs. */
static void test_pause_meets_transition(void **state)
{
    uint32_t txn;

    (void)state;
    life_up(0);
    life_up(2);
    assert_int_equal(power_ctl_listen(life.vm[2], true), ERR_OK);
    pause_it(life.vm[2]);
    assert_int_equal(power_ctl_request(NULL, POWER_OFF, 0, false, &txn), ERR_OK);
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
    assert_int_equal(power_ctl_next_event(life.vm[2]).type, POWER_NOTICE_PREPARE);
    assert_int_equal(lifecycle_pause(life.vm[2]), ERR_STATE);
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
    assert_int_equal(power_ctl_cancel(NULL, txn), ERR_OK);
    pause_it(life.vm[2]);
}

/* While it is being resumed, its lock held. */
static void transition_begins(struct hart *hart)
{
    uint32_t txn;

    (void)hart;
    fake.on_kick = NULL;
    assert_int_equal(power_ctl_request(NULL, POWER_OFF, 0, false, &txn), ERR_OK);
}

/*
 * The coordinator does not hear of a resume when it is over: that could be after the next pause,
 * which it would then not know of. So a transition that begins here resumes nobody any more (it
 * would want the VM's lock).
 */
static void test_resume_is_told_first(void **state)
{
    (void)state;
    life_up(2);
    assert_int_equal(power_ctl_listen(life.vm[2], true), ERR_OK);
    pause_it(life.vm[2]);
    fake.on_kick = transition_begins;
    assert_int_equal(lifecycle_resume(life.vm[2]), ERR_OK);
    assert_null(fake.on_kick);
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
    assert_int_equal(power_ctl_next_event(life.vm[2]).type, POWER_NOTICE_PREPARE);
}

/* ---- watchdog -------------------------------------------------------------------------------- */

static void beat(struct vm *vm, uint64_t us, uint64_t granted)
{
    uint64_t granted_us = 0;

    assert_int_equal(watchdog_beat(vm, us, &granted_us), ERR_OK);
    assert_int_equal(granted_us, granted);
}

static void test_watchdog(void **state)
{
    struct vm *vm = life.vm[1];
    uint64_t granted;

    (void)state;
    life_up(1);
    life_pass_us(10000000); /* nobody asked for one */
    assert_int_equal(vm_state(vm), VM_RUNNING);
    beat(vm, UINT64_MAX, WATCHDOG_MAX_US);
    beat(vm, 5000, 5000);
    life_pass_us(4000);
    beat(vm, 5000, 5000);
    life_pass_us(4000);
    beat(vm, 0, 0);
    life_pass_us(100000);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    beat(vm, 5000, 5000);
    life_pass_us(4900);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    life_pass_us(200);
    assert_int_equal(vm_state(vm), VM_CRASHED);
    assert_int_equal(vm->stop_reason, STOP_WATCHDOG);
    life_pass_us(1000); /* by its crash policy */
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(vm->generation, 2);
    life_pass_us(1000000); /* of the life before */
    assert_int_equal(vm->generation, 2);

    /* The manifest's: from the start on, and not to be got rid of. */
    life.config[2]->watchdog_us = 3000;
    life_up(2);
    assert_int_equal(watchdog_beat(life.vm[2], 0, &granted), ERR_DENIED);
    life_pass_us(2000);
    beat(life.vm[2], 10000, 3000);
    life_pass_us(2000);
    beat(life.vm[2], 1000, 1000);
    life_pass_us(900);
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
    life_pass_us(200);
    assert_int_equal(vm_state(life.vm[2]), VM_CRASHED);
}

static void test_watchdog_rests_in_a_pause(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life_up(1);
    beat(vm, 5000, 5000);
    life_pass_us(3000);
    pause_it(vm);
    life_pass_us(100000);
    assert_int_equal(vm_state(vm), VM_PAUSED);
    resume_it(vm);
    life_pass_us(1900);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    life_pass_us(200);
    assert_int_equal(vm->stop_reason, STOP_WATCHDOG);
}

/* One that was on its way when the pause came counts, a first and a last one too. */
static void test_watchdog_hears_in_a_pause(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life_up(1);
    pause_it(vm);
    beat(vm, 5000, 5000);
    life_pass_us(100000);
    resume_it(vm);
    life_pass_us(4900);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    pause_it(vm);
    beat(vm, 5000, 5000);
    resume_it(vm);
    life_pass_us(4900);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    pause_it(vm);
    beat(vm, 0, 0);
    resume_it(vm);
    life_pass_us(100000);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    pause_it(vm);
    beat(vm, 5000, 5000);
    resume_it(vm);
    life_pass_us(5100);
    assert_int_equal(vm->stop_reason, STOP_WATCHDOG);
}

/* Told to stop, it has the time for that, with heartbeats or without. */
static void test_watchdog_is_over_at_stop(void **state)
{
    struct vm *vm = life.vm[2];
    uint32_t txn;

    (void)state;
    life.config[2]->watchdog_us = 3000;
    life_up(2);
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_OK);
    beat(vm, 1000, 1000);
    life_pass_us(19000);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    life_pass_us(2000);
    assert_int_equal(vm->stop_reason, STOP_FORCED);

    life_up(2);
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    assert_int_equal(power_ctl_request(NULL, POWER_OFF, 0, true, &txn), ERR_OK);
    assert_int_equal(power_ctl_next_event(vm).type, POWER_NOTICE_STOP);
    life_pass_us(9000);
    assert_int_equal(vm_state(vm), VM_RUNNING);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pause, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_pause_meets_hart_start, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_pause_meets_suspend, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_paused_vm_stops, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_pause_meets_transition, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_resume_is_told_first, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_watchdog, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_watchdog_rests_in_a_pause, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_watchdog_hears_in_a_pause, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_watchdog_is_over_at_stop, life_setup, life_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
