/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/timer.c core/hart.c tests/unit/fake_arch.c tests/unit/fake_memory.c
   tests/unit/fake_setup.c tests/unit/fake_core.c libfdt */
/*
 * Deadlines: none fires too early or is missed by rounding, whatever the timebase; a timer fires on
 * the hart it was last armed on, once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/timer.h"
#include "tests/unit/fake_arch.h"

static uint32_t fired;
static struct hart *fired_on;

static void fire(struct timer *t)
{
    (void)t;
    fired++;
    fired_on = arch_hart_self();
}

static int setup(void **state)
{
    (void)state;
    fake_init(2);
    fired = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static void test_rounding(void **state)
{
    static const uint64_t hz[] = {32768, 1000000, 10000000, 24000000, 33333333, 62500000};
    static const uint64_t us[] = {1, 7, 999, 30517, 999999, 1000001, 123456789, 86400000001};

    (void)state;
    for (size_t h = 0; h < ARRAY_SIZE(hz); h++) {
        machine.timebase_hz = hz[h];
        for (size_t i = 0; i < ARRAY_SIZE(us); i++) {
            uint64_t ticks = us_to_ticks(us[i]);

            assert_true(ticks_to_us(ticks) >= us[i]);
            assert_true(ticks_to_us(ticks - 1) < us[i]);
        }
    }
}

static void test_uptime(void **state)
{
    (void)state;
    machine.boot_ticks = 500;
    fake.now = 500 + FAKE_TIMEBASE_HZ;
    assert_int_equal(uptime_us(), 1000000);
    machine.timebase_hz = 0;
    assert_int_equal(uptime_us(), 0);
}

static void test_moves_between_harts(void **state)
{
    struct timer t = {0}, later = {0};

    (void)state;
    timer_arm(&later, machine.harts[0], 900, fire);
    timer_arm(&t, machine.harts[0], 100, fire);
    assert_int_equal(fake_hart(0)->timer, 100);
    timer_arm(&t, machine.harts[1], 200, fire);
    assert_int_not_equal(machine.harts[1]->work & HART_WORK_TIMER, 0);
    fake.now = 300;
    timer_run(machine.harts[0]);
    assert_int_equal(fired, 0);
    assert_int_equal(fake_hart(0)->timer, 900);
    fake_become(machine.harts[1]);
    timer_run(machine.harts[1]);
    assert_int_equal(fired, 1);
    assert_ptr_equal(fired_on, machine.harts[1]);
    assert_true(fake_hart(1)->timer == UINT64_MAX);
    timer_cancel(&later);
    fake.now = 1000;
    fake_become(machine.harts[0]);
    timer_run(machine.harts[0]);
    timer_run(machine.harts[0]);
    assert_int_equal(fired, 1);
}

static uint32_t order[4], ran;
static struct timer timers[4];

static void note(struct timer *t)
{
    order[ran++] = (uint32_t)(t - timers);
}

/* Armed in any order they fire by deadline, those of the same one as they were armed. */
static void test_order(void **state)
{
    static const uint64_t at[4] = {100, 300, 200, 200};
    static const uint32_t expected[4] = {0, 2, 3, 1};
    struct hart *h = machine.harts[0];

    (void)state;
    ran = 0;
    for (uint32_t i = 0; i < 4; i++) {
        timers[i] = (struct timer){0};
        timer_arm(&timers[i], h, at[i], note);
        assert_true(fake_hart(0)->timer == 100);
    }
    fake.now = 99;
    fake_hart(0)->timer = UINT64_MAX; /* an interrupt that comes early ends it as others do */
    timer_run(h);
    assert_int_equal(ran, 0);
    assert_true(fake_hart(0)->timer == 100);
    fake.now = 100;
    timer_run(h);
    assert_int_equal(ran, 1);
    assert_true(fake_hart(0)->timer == 200);
    fake.now = 300;
    timer_run(h);
    assert_int_equal(ran, 4);
    assert_memory_equal(order, expected, sizeof(order));
    assert_true(fake_hart(0)->timer == UINT64_MAX);
}

/* Only the one that is cancelled goes; to cancel it again, or one that has fired, is nothing. */
static void test_cancel(void **state)
{
    struct hart *h = machine.harts[0];

    (void)state;
    ran = 0;
    for (uint32_t i = 0; i < 3; i++) {
        timers[i] = (struct timer){0};
        timer_arm(&timers[i], h, 100 + i, note);
    }
    timer_cancel(&timers[1]);
    timer_cancel(&timers[1]);
    fake.now = 100;
    timer_run(h);
    timer_cancel(&timers[0]);
    fake.now = 500;
    timer_run(h);
    assert_int_equal(ran, 2);
    assert_int_equal(order[0], 0);
    assert_int_equal(order[1], 2);
}

/* Another hart is told of a new first deadline, and of no other. */
static void test_other_hart_is_told_once(void **state)
{
    static struct timer first, later;
    struct hart *h = machine.harts[1];

    (void)state;
    atomic_store(&h->mode, HART_IDLE);
    timer_arm(&first, h, 100, fire);
    assert_int_equal(fake_hart(1)->kicks, 1);
    timer_arm(&later, h, 200, fire);
    assert_int_equal(fake_hart(1)->kicks, 1);
    timer_cancel(&later);
    timer_cancel(&first);
    assert_int_equal(fake_hart(0)->kicks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rounding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uptime, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moves_between_harts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_hart_is_told_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
