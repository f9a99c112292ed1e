/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/budget.c tests/unit/sched_ref.c */
/*
 * Budgets: each rule of core/budget.h by itself, then at random against a reference that knows
 * single ticks only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/addr.h"
#include "core/budget.h"
#include "tests/unit/sched_ref.h"

static struct budget b;

struct chunk {
    uint64_t time, amount;
};

static void expect(const struct chunk *chunks, uint32_t count)
{
    assert_int_equal(b.count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(b.time[i], chunks[i].time);
        assert_int_equal(b.amount[i], chunks[i].amount);
    }
}

#define EXPECT(...)                                                                                \
    do {                                                                                           \
        const struct chunk chunks[] = {__VA_ARGS__};                                               \
        expect(chunks, ARRAY_SIZE(chunks));                                                        \
    } while (0)

static void new_budget(uint64_t total, uint64_t period, uint64_t least)
{
    memset(&b, 0xa5, sizeof(b));
    budget_init(&b, total, period, least);
}

/* Used in one go, it is back a period after it began. */
static void test_once(void **state)
{
    (void)state;
    new_budget(4, 10, 0);
    EXPECT({0, 4});
    budget_not_before(&b, 100);
    EXPECT({100, 4});
    budget_use(&b, 100, 4);
    EXPECT({110, 4});
    assert_int_equal(budget_due(&b), 110);
    assert_int_equal(budget_left(&b), 4);
}

/* Used in pieces, each piece is back a period after it began; one after the other is one piece. */
static void test_pieces(void **state)
{
    (void)state;
    new_budget(4, 10, 0);
    budget_use(&b, 0, 1);
    EXPECT({1, 3}, {10, 1});
    budget_use(&b, 1, 1);
    EXPECT({2, 2}, {10, 2});
    budget_not_before(&b, 5);
    budget_use(&b, 5, 2);
    EXPECT({10, 2}, {15, 2});
    budget_use(&b, 10, 2);
    EXPECT({15, 2}, {20, 2});
}

/* What comes back while the rest is delayed lines up behind it: no two ticks at once. */
static void test_lines_up(void **state)
{
    (void)state;
    new_budget(5, 10, 0);
    budget_use(&b, 0, 2);
    EXPECT({2, 3}, {10, 2});
    budget_not_before(&b, 8);
    EXPECT({8, 5});
    new_budget(5, 10, 0);
    budget_use(&b, 0, 2);
    budget_not_before(&b, 7);
    EXPECT({7, 5}); /* [7, 10) meets [10, 12) */
    new_budget(5, 10, 0);
    budget_use(&b, 0, 2);
    budget_not_before(&b, 6);
    EXPECT({6, 3}, {10, 2});
    budget_not_before(&b, 6);
    EXPECT({6, 3}, {10, 2});
    budget_not_before(&b, 0);
    EXPECT({6, 3}, {10, 2});
    budget_not_before(&b, 50);
    EXPECT({50, 5});
}

/* Kept from its hart, not by its own doing: no less for it, as far as it can be made up. */
static void test_late(void **state)
{
    (void)state;
    new_budget(4, 10, 0);
    budget_use(&b, 6, 4); /* the latest moment at which all of it fits into [0, 10) */
    EXPECT({10, 4});
    new_budget(4, 10, 0);
    budget_use(&b, 7, 4);
    EXPECT({11, 4});
    new_budget(4, 10, 0);
    budget_use(&b, 1000, 1);
    EXPECT({995, 3}, {1004, 1});
    budget_use(&b, 1001, 3);
    EXPECT({1004, 4});
    /* In two parts, and both are late. */
    new_budget(4, 10, 0);
    budget_use(&b, 0, 2);
    budget_use(&b, 14, 4);
    EXPECT({18, 4}); /* not before 8 and 9, so they meet 10 and 11 */
}

/* The earlier one goes to meet the later one, where there is no room for it. */
static void test_full(void **state)
{
    (void)state;
    new_budget(100, 1000, 0);
    for (uint32_t i = 0; i < 7; i++) {
        budget_not_before(&b, 10 * i);
        budget_use(&b, 10 * i, 1);
    }
    assert_int_equal(b.count, BUDGET_CHUNKS);
    assert_int_equal(b.time[7], 1060);
    budget_not_before(&b, 70);
    budget_use(&b, 70, 2);
    assert_int_equal(b.count, BUDGET_CHUNKS);
    assert_int_equal(b.time[0], 72);
    assert_int_equal(b.amount[0], 91);
    assert_int_equal(b.time[6], 1050);
    assert_int_equal(b.time[7], 1069);
    assert_int_equal(b.amount[7], 3);
}

/* So does one that is very small, but not the one that is being used. */
static void test_least(void **state)
{
    (void)state;
    new_budget(20, 100, 3);
    budget_use(&b, 0, 2);
    EXPECT({2, 18}, {100, 2});
    budget_not_before(&b, 10);
    budget_use(&b, 10, 1);
    EXPECT({11, 17}, {108, 3});
    budget_not_before(&b, 20);
    budget_use(&b, 20, 1);
    EXPECT({21, 16}, {108, 3}, {120, 1});
    budget_use(&b, 21, 15);
    EXPECT({36, 1}, {108, 3}, {120, 16});

    new_budget(2, 100, 3);
    budget_use(&b, 0, 1);
    EXPECT({1, 1}, {100, 1});
    budget_use(&b, 1, 1);
    EXPECT({100, 2});
}

/* Used beyond its end: a debt, whole periods of it at once. */
static void test_debt(void **state)
{
    (void)state;
    new_budget(4, 10, 0);
    budget_use(&b, 0, 2);
    budget_use(&b, 4, 5); /* 2 and 3, 10 and 11, and 12 */
    EXPECT({13, 1}, {20, 3});
    new_budget(4, 10, 0);
    budget_use(&b, 0, 4000000);
    EXPECT({10000000, 4});
    new_budget(1, BUDGET_PERIOD_MAX, 0);
    budget_use(&b, UINT64_MAX / 4, UINT64_MAX / 4);
    assert_true(budget_due(&b) > UINT64_MAX / 4);
    assert_true(budget_due(&b) < UINT64_MAX / 4 * 3);
}

/* All of the time is budget: never out of it, never in pieces. */
static void test_whole(void **state)
{
    (void)state;
    new_budget(10, 10, 0);
    for (uint64_t t = 0; t < 100; t += 3) {
        budget_use(&b, t, 3);
        EXPECT({t + 3, 10});
    }
    budget_use(&b, 200, 12);
    EXPECT({212, 10});
}

static void test_limits(void **state)
{
    (void)state;
    new_budget(20, 10, 0);
    assert_int_equal(b.total, 10);
    new_budget(5, 0, 0);
    assert_int_equal(b.total, 0);
    new_budget(0, 10, 0);
    assert_int_equal(b.total, 0);
    new_budget(UINT64_MAX, UINT64_MAX, UINT64_MAX);
    assert_int_equal(b.total, BUDGET_TICKS_MAX);
    assert_int_equal(b.period, BUDGET_PERIOD_MAX);
    assert_int_equal(b.least, UINT32_MAX);
}

/* The chunks are the reference's ticks. */
static void expect_ticks(const struct ref_budget *r)
{
    uint32_t tick = 0;

    for (uint32_t i = 0; i < b.count; i++) {
        assert_true(b.amount[i] != 0);
        assert_true(i == 0 || b.time[i] > b.time[i - 1] + b.amount[i - 1]);
        for (uint32_t k = 0; k < b.amount[i]; k++) {
            assert_true(tick < r->total);
            assert_int_equal(b.time[i] + k, r->at[tick]);
            tick++;
        }
    }
    assert_int_equal(tick, r->total);
    assert_true(r->at[tick - 1] - r->at[0] < r->period);
}

/* One server that is used, early, late or not at all, in pieces of any size. */
static void random_use(uint32_t total, uint32_t period, uint32_t least, uint32_t most)
{
    struct ref_budget r;
    uint64_t now = 0;

    new_budget(total, period, least);
    ref_budget_init(&r, total, period, least);
    for (uint32_t step = 0; step < 200; step++) {
        uint32_t used = (uint32_t)rand() % (most + 1);

        now += (uint32_t)rand() % (rand() % 8 == 0 ? 2 * period : 3);
        if (rand() % 2 == 0) {
            budget_not_before(&b, now);
            ref_budget_not_before(&r, now);
        }
        if (rand() % 2 == 0 && budget_due(&b) > now) {
            now = budget_due(&b);
        }
        if (used != 0) {
            budget_use(&b, now, used);
        }
        for (uint32_t k = 0; k < used; k++) {
            ref_budget_use(&r, now + k);
        }
        now += used;
        expect_ticks(&r);
    }
}

static void test_random(void **state)
{
    (void)state;
    srand(1);
    for (uint32_t i = 0; i < 2000; i++) {
        uint32_t period = 1 + (uint32_t)rand() % 200;
        uint32_t total = 1 + (uint32_t)rand() % (period < REF_BUDGET_MAX ? period : REF_BUDGET_MAX);

        random_use(total, period, (uint32_t)rand() % 6, total - 1);
        /* Debts of several budgets at once, where nothing needs to be joined. */
        if (total < BUDGET_CHUNKS) {
            random_use(total, period, 0, 4 * total);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),     cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_lines_up), cmocka_unit_test(test_late),
        cmocka_unit_test(test_full),     cmocka_unit_test(test_least),
        cmocka_unit_test(test_debt),     cmocka_unit_test(test_whole),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
