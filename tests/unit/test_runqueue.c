/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/runqueue.c core/budget.c */
/* A hart's run queue: each rule of core/runqueue.h by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/addr.h"
#include "core/runqueue.h"

#define NEVER UINT64_MAX

static struct runqueue rq;
static struct sched_entity e[SCHED_PER_HART];
static const uint64_t at0 = 1000; /* when things begin */

static int setup(void **state)
{
    (void)state;
    memset(&rq, 0xa5, sizeof(rq));
    rq_init(&rq);
    return 0;
}

static void entity(uint32_t i, struct sched_params p)
{
    memset(&e[i], 0xa5, sizeof(e[i]));
    rq_entity_init(&e[i], &p);
}

/* entities 0 .. count - 1, alike */
static void entities(uint32_t count, struct sched_params p)
{
    for (uint32_t i = 0; i < count; i++) {
        entity(i, p);
    }
}

static void wake(uint32_t i, uint64_t now)
{
    rq_wake(&rq, &e[i], at0 + now);
}

static void block(uint32_t i, uint64_t now)
{
    rq_block(&rq, &e[i], at0 + now);
}

static void yield(uint32_t i, uint64_t now)
{
    rq_yield(&rq, &e[i], at0 + now);
}

#define NONE 99u

/* At now, e[i] is picked, until then or something happens. */
static void picks(uint64_t now, uint32_t i, uint64_t until)
{
    struct sched_entity *picked = rq_pick(&rq, at0 + now);

    assert_int_equal(picked == NULL ? NONE : (uint32_t)(picked - e), i);
    assert_int_equal(rq_next(&rq), until == NEVER ? NEVER : at0 + until);
}

static void totals(uint32_t i, uint64_t now, uint64_t run, uint64_t ready, uint64_t throttled)
{
    assert_int_equal(rq_total(&e[i], SCHED_RUNNING, at0 + now), run);
    assert_int_equal(rq_total(&e[i], SCHED_READY, at0 + now), ready);
    assert_int_equal(rq_total(&e[i], SCHED_THROTTLED, at0 + now), throttled);
    assert_int_equal(rq_total(&e[i], SCHED_BLOCKED, at0 + now),
                     at0 + now - run - ready - throttled);
}

/* Who is alone costs no tick, with a slice or without. */
static void test_alone(void **state)
{
    (void)state;
    entity(0, (struct sched_params){.priority = 3, .slice = 10});
    picks(0, NONE, NEVER);
    wake(0, 0);
    picks(0, 0, NEVER);
    wake(0, 5);
    picks(50, 0, NEVER);
    block(0, 60);
    assert_null(rq.current);
    block(0, 61);
    picks(61, NONE, NEVER);
    yield(0, 62);
    picks(63, NONE, NEVER);
    wake(0, 70);
    picks(72, 0, NEVER);
    totals(0, 80, 68, 2, 0);
    assert_int_equal(e[0].switches, 1);
}

/* The higher one at once; the other goes on where it was, with what its slice had left. */
static void test_priority(void **state)
{
    (void)state;
    entities(3, (struct sched_params){.priority = 7, .slice = 10});
    entity(2, (struct sched_params){.priority = 8});
    wake(0, 0);
    wake(1, 0);
    picks(0, 0, 10);
    wake(2, 4);
    picks(4, 2, NEVER);
    block(2, 9);
    picks(9, 0, 15);
    picks(12, 0, 15);
    picks(15, 1, 25);
    totals(0, 15, 10, 5, 0);
    totals(1, 15, 0, 15, 0);
    assert_int_equal(e[0].switches, 2);
    assert_int_equal(e[1].switches, 1);
}

static void test_extremes(void **state)
{
    (void)state;
    entity(0, (struct sched_params){.priority = 0});
    entity(1, (struct sched_params){.priority = 31});
    entity(2, (struct sched_params){.priority = UINT32_MAX, .slice = UINT64_MAX});
    assert_int_equal(e[2].priority, 31);
    assert_int_equal(e[2].slice, UINT32_MAX);
    wake(0, 0);
    picks(0, 0, NEVER);
    wake(1, 1);
    picks(1, 1, NEVER);
    wake(2, 2);
    picks(2, 1, NEVER);
    block(1, 3);
    picks(3, 2, NEVER);
    block(2, 4);
    picks(4, 0, NEVER);
}

/* In turn; a slice is whole when its turn comes, and is only used up while there are others. */
static void test_slice(void **state)
{
    (void)state;
    entities(3, (struct sched_params){.priority = 7, .slice = 10});
    wake(0, 0);
    picks(0, 0, NEVER);
    wake(1, 7);
    picks(7, 0, 17);
    picks(17, 1, 27);
    wake(2, 20);
    picks(20, 1, 27);
    picks(27, 0, 37);
    block(0, 30);
    picks(30, 2, 40);
    wake(0, 31);
    picks(31, 2, 40);
    picks(45, 1, 55); /* late */
    picks(55, 0, 65);
    block(1, 56);
    picks(56, 0, 65);
    block(2, 58);
    picks(58, 0, NEVER);
    wake(1, 64);
    picks(64, 0, 74);
}

/* Without a slice: in turn when they let go. */
static void test_no_slice(void **state)
{
    (void)state;
    entities(3, (struct sched_params){.priority = 7});
    wake(0, 0);
    wake(1, 0);
    wake(2, 0);
    picks(0, 0, NEVER);
    yield(0, 10);
    picks(10, 1, NEVER);
    yield(2, 11); /* not even running: behind 0 */
    picks(11, 1, NEVER);
    block(1, 12);
    picks(12, 0, NEVER);
    yield(0, 13);
    picks(13, 2, NEVER);
}

static void test_yield_slice(void **state)
{
    (void)state;
    entities(2, (struct sched_params){.priority = 7, .slice = 10});
    wake(0, 0);
    wake(1, 0);
    picks(0, 0, 10);
    yield(0, 8);
    picks(8, 1, 18);
    yield(1, 9);
    picks(9, 0, 19);
}

/* Out of a hard budget: not even on an idle hart. */
static void test_hard(void **state)
{
    (void)state;
    entity(0, (struct sched_params){.priority = 7, .hard = true, .budget = 3, .period = 10});
    entity(1, (struct sched_params){.priority = 1});
    wake(0, 0);
    picks(0, 0, 3);
    picks(3, NONE, 10);
    wake(0, 4);
    wake(1, 5);
    picks(5, 1, 10);
    picks(10, 0, 13);
    block(1, 11);
    picks(13, NONE, 20);
    yield(0, 14);
    block(0, 15);
    picks(15, NONE, NEVER);
    wake(0, 17);
    picks(17, NONE, 20);
    picks(20, 0, 23);
    totals(0, 20, 6, 0, 12);
    assert_int_equal(e[0].switches, 2); /* nobody ran between the second time and the third */
}

/* Out of a soft budget: behind everyone else, by priority, in turn; what it uses there is free. */
static void test_soft(void **state)
{
    (void)state;
    entities(3, (struct sched_params){.priority = 7, .slice = 2, .budget = 3, .period = 20});
    entity(2, (struct sched_params){.priority = 6, .budget = 1, .period = 20});
    entity(3, (struct sched_params){.priority = 0});
    wake(0, 0);
    picks(0, 0, 3);
    picks(3, 0, 20); /* in the background, and alone */
    wake(3, 5);
    picks(5, 3, 20);
    wake(1, 6);
    wake(2, 6);
    picks(6, 1, 9);
    picks(9, 2, 10);
    picks(10, 3, 20);
    block(3, 11);
    picks(11, 0, 13);
    picks(13, 1, 15);
    picks(15, 0, 17);
    picks(17, 1, 19);
    picks(19, 0, 20);
    picks(20, 0, 23);
    picks(23, 1, 25);
    picks(25, 0, 26);
    picks(26, 1, 29);
    picks(29, 2, 30);
    totals(0, 26, 3 + 2 + 2 + 2 + 1 + 3 + 1, 12, 0);
}

/* At the same priority, budget comes first; it does not at a lower one. */
static void test_guarantee(void **state)
{
    (void)state;
    entity(0, (struct sched_params){.priority = 7, .slice = 1});
    entity(1, (struct sched_params){.priority = 7, .budget = 3, .period = 10});
    entity(2, (struct sched_params){.priority = 6, .budget = 9, .period = 10});
    entity(3, (struct sched_params){.priority = 7, .slice = 1});
    wake(2, 0);
    wake(0, 0);
    wake(1, 0);
    wake(3, 0);
    picks(0, 1, 3);
    picks(3, 0, 4);
    picks(4, 3, 5);
    block(3, 4);
    picks(4, 0, 10);
    picks(10, 1, 13);
}

/* Budget that comes back to one of the running one's equals starts its slice. */
static void test_equal_returns(void **state)
{
    (void)state;
    entity(0, (struct sched_params){.priority = 7, .hard = true, .budget = 5, .period = 30});
    entity(1, (struct sched_params){.priority = 7, .slice = 4, .budget = 25, .period = 30});
    wake(0, 0);
    picks(0, 0, 5);
    picks(5, NONE, 30);
    wake(1, 20);
    picks(20, 1, 30);
    picks(30, 1, 34);
    picks(34, 0, 39);
}

/* Budget that comes back to a lower one does not disturb the running one; nothing is forgotten. */
static void test_lower_waits(void **state)
{
    (void)state;
    entity(0, (struct sched_params){.priority = 5, .hard = true, .budget = 2, .period = 10});
    entity(1, (struct sched_params){.priority = 6, .hard = true, .budget = 2, .period = 10});
    entity(2, (struct sched_params){.priority = 9});
    wake(0, 0);
    picks(0, 0, 2);
    picks(2, NONE, 10);
    wake(2, 5);
    picks(5, 2, NEVER);
    wake(1, 6);
    picks(6, 2, NEVER);
    totals(0, 12, 2, 0, 10); /* nobody looked yet */
    block(2, 25);
    picks(25, 1, 27);
    totals(0, 25, 2, 15, 8);
    /* It ran at 25 what it could have at 6, but 8 late is all that counts: back at 27 already. */
    picks(27, 1, 29);
    picks(29, 0, 31);
    picks(31, 0, 33);
    picks(33, NONE, 37);
    picks(37, 1, 39);
    picks(39, NONE, 41);
    picks(41, 0, 43);
}

/* What came late, through a higher one, comes back as if it had not. */
static void test_preempted_budget(void **state)
{
    (void)state;
    entity(0, (struct sched_params){.priority = 5, .hard = true, .budget = 4, .period = 10});
    entity(1, (struct sched_params){.priority = 9});
    wake(0, 0);
    wake(1, 0);
    picks(0, 1, NEVER);
    block(1, 3);
    picks(3, 0, 7);
    wake(1, 5);
    picks(5, 1, NEVER);
    block(1, 8);
    picks(8, 0, 10);
    picks(10, 0, 14);
    picks(14, NONE, 20);
}

/* Waiting behind an equal does not add up: each gets its share for ever, if both fit. */
static void test_shares(void **state)
{
    uint64_t now = 0;

    (void)state;
    entity(0, (struct sched_params){.priority = 5, .hard = true, .budget = 2, .period = 5});
    entity(1, (struct sched_params){.priority = 5, .hard = true, .budget = 3, .period = 7});
    wake(0, 0);
    wake(1, 0);
    while (now < 3500) {
        rq_pick(&rq, at0 + now);
        now = rq_next(&rq) - at0;
    }
    assert_int_equal(now, 3500);
    rq_pick(&rq, at0 + now);
    assert_int_equal(rq_total(&e[0], SCHED_RUNNING, at0 + now), 3500 / 5 * 2);
    assert_int_equal(rq_total(&e[1], SCHED_RUNNING, at0 + now), 3500 / 7 * 3);
}

/* One that slept has not saved anything up. */
static void test_sleep(void **state)
{
    (void)state;
    entity(0, (struct sched_params){.priority = 5, .hard = true, .budget = 4, .period = 10});
    wake(0, 0);
    picks(0, 0, 4);
    block(0, 1);
    wake(0, 100);
    picks(100, 0, 104);
    picks(104, NONE, 110);
    block(0, 105);
    wake(0, 109);
    picks(109, NONE, 110);
    picks(110, 0, 114);
}

/* Small pieces are joined: who lets go after each tick has its budget later, not in crumbs. */
static void test_crumbs(void **state)
{
    (void)state;
    entity(0, (struct sched_params){
                  .priority = 5, .hard = true, .budget = 6, .period = 100, .least = 3});
    for (uint64_t t = 0; t < 12; t += 2) {
        wake(0, t);
        picks(t, 0, t + (t == 0 ? 6 : 6 - t / 2));
        block(0, t + 1);
    }
    wake(0, 50);
    picks(50, NONE, 102);
    picks(102, 0, 105);
    picks(105, NONE, 108);
    picks(108, 0, 111);
    picks(111, NONE, 202);
}

/* As many as a hart may have, each in a list of its own, then all in one. */
static void test_many(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < SCHED_PER_HART; i++) {
            entity(i, (struct sched_params){.priority = round == 0 ? 2 * i : 4,
                                            .budget = i % 2 == 0 ? 0 : 3,
                                            .period = 1000});
            wake(i, 0);
        }
        for (uint32_t k = 0; k < SCHED_PER_HART; k++) {
            uint32_t i = SCHED_PER_HART - 1 - k;

            if (round == 1) {
                i = k < SCHED_PER_HART / 2 ? 2 * k + 1 : 2 * (k - SCHED_PER_HART / 2);
            }
            picks(0, i, i % 2 == 0 ? NEVER : 3);
            block(i, 0);
        }
        picks(0, NONE, NEVER);
        assert_int_equal(rq.slots_used, 0);
    }
}

/* Blocked, it is of no queue: in another one its times go on, and in this one nothing is left. */
static void test_two_queues(void **state)
{
    struct runqueue other;

    (void)state;
    rq_init(&other);
    entities(3, (struct sched_params){.priority = 7, .slice = 10});
    wake(0, 0);
    wake(1, 0);
    picks(0, 0, 10);
    picks(4, 0, 10);
    block(0, 5);
    picks(5, 1, NEVER);

    /* On its way nothing has run; a clock that is behind takes nothing back. */
    rq_wake(&other, &e[2], at0);
    assert_ptr_equal(rq_pick(&other, at0), &e[2]);
    rq_wake(&other, &e[0], at0 + 4);
    totals(0, 5, 5, 0, 0);
    assert_ptr_equal(rq_pick(&other, at0 + 14), &e[0]);
    block(1, 30);
    picks(30, NONE, NEVER);
    totals(0, 30, 21, 9, 0);
    assert_ptr_equal(rq_pick(&other, at0 + 30), &e[2]);
    rq_block(&other, &e[0], at0 + 32);

    /* And back, where it was the last but one. */
    wake(0, 40);
    picks(41, 0, NEVER);
    totals(0, 50, 30, 12, 0);
    assert_int_equal(e[0].switches, 3);
}

/* On its way it is ready, if it was not blocked. */
static void test_on_the_way(void **state)
{
    struct runqueue other;

    (void)state;
    rq_init(&other);
    entities(2, (struct sched_params){.priority = 7, .slice = 10});
    wake(0, 0);
    wake(1, 0);
    picks(0, 0, 10);
    rq_leave(&rq, &e[0], at0 + 6);
    picks(6, 1, NEVER);
    rq_leave(&rq, &e[1], at0 + 8);
    picks(8, NONE, NEVER);
    assert_int_equal(rq.slots_used, 0);
    totals(0, 20, 6, 14, 0);
    rq_wake(&other, &e[0], at0 + 20);
    assert_ptr_equal(rq_pick(&other, at0 + 21), &e[0]);
    totals(0, 30, 15, 15, 0);

    /* It may have lost its will, or not had it. */
    rq_block(&other, &e[1], at0 + 30);
    totals(1, 40, 2, 28, 0);
    rq_leave(&other, &e[1], at0 + 40);
    wake(1, 50);
    picks(50, 1, NEVER);
    totals(1, 60, 12, 28, 0);
}

/* Who would be before one that wakes up. */
static void test_behind(void **state)
{
    (void)state;
    entities(4, (struct sched_params){.priority = 7, .slice = 10});
    entity(1, (struct sched_params){.priority = 6});
    entity(2, (struct sched_params){.priority = 7, .budget = 20, .period = 100, .least = 1});
    assert_false(rq_is_behind(&rq, &e[0], at0));
    wake(1, 0);
    picks(0, 1, NEVER);
    assert_false(rq_is_behind(&rq, &e[0], at0 + 1)); /* it makes room */
    wake(3, 1);
    assert_true(rq_is_behind(&rq, &e[0], at0 + 1)); /* an equal, that was not picked yet */
    block(3, 2);
    assert_false(rq_is_behind(&rq, &e[0], at0 + 2));
    wake(2, 2);
    picks(2, 2, 22);
    assert_true(rq_is_behind(&rq, &e[0], at0 + 21));
    assert_false(rq_is_behind(&rq, &e[0], at0 + 22)); /* out of its budget, behind all */
    picks(22, 1, 102);
    assert_true(rq_is_behind(&rq, &e[0], at0 + 102)); /* it is back */
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_queues),    TEST(test_on_the_way),  TEST(test_behind),
        TEST(test_alone),         TEST(test_priority),    TEST(test_extremes),
        TEST(test_slice),         TEST(test_no_slice),    TEST(test_yield_slice),
        TEST(test_hard),          TEST(test_soft),        TEST(test_guarantee),
        TEST(test_equal_returns), TEST(test_lower_waits), TEST(test_preempted_budget),
        TEST(test_sleep),         TEST(test_crumbs),      TEST(test_many),
        TEST(test_shares),
    };

    return cmocka_run_group_tests_name("runqueue", tests, NULL, NULL);
}
