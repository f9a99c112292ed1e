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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rounding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uptime, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moves_between_harts, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
