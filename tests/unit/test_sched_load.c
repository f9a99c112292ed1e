/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/sched.c core/runqueue.c core/budget.c core/vcpu.c core/hart.c core/timer.c core/sse.c
 *       core/steal.c core/pmu.c core/memmap.c core/guest_copy.c core/trace.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c */
/* Loads of VMs on a hart that vCPUs share: in parts, by turns, with a budget, stopped any time. */
#include "tests/unit/sched_rig.h"

static void load(struct vcpu *v, uint32_t count)
{
    parts_left = count - 1;
    vm_set_state(v->vm, VM_LOADING);
    vcpu_request(v, VCPU_REQ_LOAD);
}

static uint32_t ring_at;

static void ring_urgent(void)
{
    if (parts == ring_at) {
        vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
    }
}

/* The interrupts that come during a part are served behind it, and so is whom they wake. */
static void a_load_is_one_part_late(void **state)
{
    (void)state;
    start(urgent);
    assert_ptr_equal(next(), urgent);
    vcpu_wait(urgent);
    load(hog, 100);
    ring_at = 7;
    fake.on_poll = ring_urgent;
    assert_ptr_equal(next(), urgent);
    assert_int_equal(parts, 7);
    assert_true(wants(hog));

    /* It is not asked for again: it goes on when it may. */
    run(50 * SLICE);
    assert_ptr_equal(next(), urgent);
    assert_int_equal(parts, 7);
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, false);
    vcpu_wait(urgent);
    ring_at = 99;
    assert_ptr_equal(next(), urgent);
    assert_int_equal(parts, 99);
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, false);
    vcpu_wait(urgent);
    start(other);
    assert_ptr_equal(next(), other);
    assert_int_equal(parts, 100);
    assert_int_equal(loads, 1);
    assert_false(wants(hog));
    assert_int_equal(hog->deferred, 0);
    assert_int_equal(left, 0);
}

static void wake_urgent(struct timer *unused)
{
    (void)unused;
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
}

static void timer_fires(void)
{
    if (parts == 7) {
        atomic_fetch_add(&fake.now, SLICE / 2);
        hart_post(machine.harts[0], HART_WORK_TIMER);
    }
}

/* A timer, too, is late by no more than the part in which it fires, not by the next as well. */
static void a_load_delays_a_timer_by_a_part(void **state)
{
    static struct timer alarm;

    (void)state;
    start(urgent);
    assert_ptr_equal(next(), urgent);
    vcpu_wait(urgent);
    load(hog, 100);
    timer_arm(&alarm, machine.harts[0], atomic_load(&fake.now) + SLICE / 2, wake_urgent);
    fake.on_poll = timer_fires;
    assert_ptr_equal(next(), urgent);
    assert_int_equal(parts, 7);
}

/* With an equal it takes turns as a guest would, each for a slice. */
static void a_load_has_slices(void **state)
{
    (void)state;
    start(other);
    assert_ptr_equal(next(), other);
    part_ticks = SLICE / 4;
    load(hog, 10);
    run(SLICE / 2);
    assert_ptr_equal(next(), other);
    assert_int_equal(parts, 0);
    for (uint32_t turn = 1; turn <= 2; turn++) {
        run(SLICE);
        assert_ptr_equal(next(), other);
        assert_int_equal(parts, 4 * turn);
    }
    assert_false(other->steal.withheld);
    run(SLICE);
    assert_ptr_equal(next(), other);
    assert_int_equal(loads, 1);
    run(SLICE);
    assert_ptr_equal(next(), other);
    assert_true(rq_total(&hog->sched, SCHED_RUNNING, atomic_load(&fake.now)) == 10 * part_ticks);
}

/* A budget bounds it. */
static void a_load_has_a_budget(void **state)
{
    (void)state;
    start(hog);
    assert_ptr_equal(next(), hog);
    part_ticks = BUDGET / 10;
    load(poor, 15);
    assert_ptr_equal(next(), hog);
    assert_int_equal(parts, 10);
    run(PERIOD - BUDGET);
    assert_ptr_equal(next(), hog);
    assert_int_equal(parts, 15);
    assert_int_equal(loads, 1);
}

/* The hart waits: all else is done. */
static void start_other(struct hart *hart)
{
    (void)hart;
    fake.on_wait = NULL;
    start(other);
}

/* Two at once on one hart, and a more urgent one: all come to their end, and the hart rests. */
static void two_loads(void **state)
{
    (void)state;
    part_ticks = SLICE / 2;
    load(hog, 1);
    load(poor, 1);
    load(urgent, 8);
    fake.on_wait = start_other;
    assert_ptr_equal(next(), other);
    assert_int_equal(loads, 3);
    assert_int_equal(parts, 3 + 7);
    assert_int_equal(fake_hart(0)->waits, 1);
}

static void stop_hog(void)
{
    if (parts == 3 && left == 0) {
        stop(hog);
    }
}

/* The stop of a VM ends its load, be it its turn or not, and gives its share back once. */
static void a_stop_ends_a_load(void **state)
{
    (void)state;
    /* In its turn. */
    load(hog, 100);
    fake.on_poll = stop_hog;
    fake.on_wait = start_other;
    assert_ptr_equal(next(), other);
    assert_int_equal(parts, 3);
    assert_int_equal(left, 1);
    assert_int_equal(hog->deferred, 0);
    assert_false(wants(hog));

    /* When it has begun, and others have the hart. */
    fake.on_poll = ring_urgent;
    ring_at = 5;
    start(urgent);
    assert_ptr_equal(next(), urgent);
    vcpu_wait(urgent);
    vcpu_wait(other);
    load(hog, 100);
    assert_ptr_equal(next(), urgent);
    assert_int_equal(parts, 5);
    stop(hog);
    assert_ptr_equal(next(), urgent);
    assert_int_equal(left, 2);
    assert_int_equal(hog->deferred, 0);
    assert_false(wants(hog));

    /* Before it has begun, its turn being far; then at once again. */
    load(hog, 100);
    assert_ptr_equal(next(), urgent);
    stop(hog);
    assert_ptr_equal(next(), urgent);
    assert_int_equal(left, 3);
    load(hog, 100);
    stop(hog);
    assert_ptr_equal(next(), urgent);
    assert_int_equal(left, 4);

    /* A stop that is seen when the VM is loaded again is not for now. */
    vcpu_request(hog, VCPU_REQ_STOP);
    load(hog, 2);
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, false);
    vcpu_wait(urgent);
    vcpu_stop_self(other);
    fake.on_wait = start_other;
    assert_ptr_equal(next(), other);
    assert_int_equal(left, 5); /* the one that stopped itself */
    assert_int_equal(loads, 1);
    assert_int_equal(parts, 5 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_load_is_one_part_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_load_delays_a_timer_by_a_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_load_has_slices, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_load_has_a_budget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_loads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_ends_a_load, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
