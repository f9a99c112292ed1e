/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/runqueue.c core/budget.c tests/unit/sched_ref.c */
/*
 * Thousands of random sets of vCPUs on one hart, against a simulated clock. Three schedules are
 * made side by side: one by the reference; one by a run queue that is asked at every tick; one by a
 * run queue that is asked only when it wants to be, or something happens. They have to be the same.
 * Then the schedule itself is looked at, for what the rules promise whoever makes it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/runqueue.h"
#include "tests/unit/sched_ref.h"

#define TICKS 1000u

/* --- a set, and what its members do ---------------------------------------------------------- */

struct member {
    struct sched_params p;
    uint32_t work, sleep; /* ticks, at most, of each; work 0: wants to run all the time */
    uint32_t whims;       /* of 1000 ticks: how often it yields, or is stopped from outside */
};

struct set {
    uint32_t count;
    struct member m[REF_MEMBERS];
};

static uint64_t seed;

static uint32_t dice(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 11) % below);
}

static uint32_t between(uint32_t low, uint32_t high)
{
    return low + dice(high - low + 1);
}

static struct set set;

/* --- three schedules ------------------------------------------------------------------------- */

struct queue {
    struct runqueue rq;
    struct sched_entity e[REF_MEMBERS];
    uint32_t picked;
};

static struct queue always, sparing;
static struct ref ref;

/* What happened: the tick [t, t + 1) of each member, and how much was charged before t. */
static uint8_t ran[TICKS];
static bool wanted[REF_MEMBERS][TICKS], in_front[REF_MEMBERS][TICKS], fresh[REF_MEMBERS][TICKS];
static uint32_t charged[REF_MEMBERS][TICKS + 1];

/* How long each still works or sleeps. */
static uint32_t still[REF_MEMBERS];

static void queue_init(struct queue *q)
{
    memset(q, 0xa5, sizeof(*q));
    rq_init(&q->rq);
    q->picked = REF_NOBODY;
    for (uint32_t i = 0; i < set.count; i++) {
        rq_entity_init(&q->e[i], &set.m[i].p);
    }
}

static void simulation_init(void)
{
    queue_init(&always);
    queue_init(&sparing);
    ref_init(&ref);
    ref.count = set.count;
    for (uint32_t i = 0; i < set.count; i++) {
        const struct sched_params *p = &set.m[i].p;

        ref.m[i].priority = p->priority;
        ref.m[i].slice = (uint32_t)p->slice;
        ref.m[i].hard = p->hard;
        ref_budget_init(&ref.m[i].budget, (uint32_t)p->budget, (uint32_t)p->period,
                        (uint32_t)p->least);
        still[i] = set.m[i].work == 0 ? 0 : dice(set.m[i].sleep + 1);
    }
}

static void wake(uint32_t i, uint64_t now)
{
    ref_wake(&ref, i, now);
    rq_wake(&always.rq, &always.e[i], now);
    rq_wake(&sparing.rq, &sparing.e[i], now);
}

static void block(uint32_t i, uint64_t now)
{
    ref_block(&ref, i);
    rq_block(&always.rq, &always.e[i], now);
    rq_block(&sparing.rq, &sparing.e[i], now);
}

static void yield(uint32_t i, uint64_t now)
{
    ref_yield(&ref, i);
    rq_yield(&always.rq, &always.e[i], now);
    rq_yield(&sparing.rq, &sparing.e[i], now);
}

/* What member i does at now; true: something. */
static bool act(uint32_t i, uint64_t now)
{
    const struct member *m = &set.m[i];
    const struct ref_member *r = &ref.m[i];

    fresh[i][now] = false;
    if (!r->wants) {
        if (still[i] != 0) {
            still[i]--;
            return false;
        }
        still[i] = m->work == 0 ? 0 : between(1, m->work);
        fresh[i][now] = true;
        wake(i, now);
        return true;
    }
    if (m->work != 0 && ref.running == i && --still[i] == 0) {
        still[i] = dice(m->sleep + 1);
        block(i, now);
        return true;
    }
    if (dice(1000) < m->whims) {
        fresh[i][now] = true;
        if (dice(2) == 0) {
            yield(i, now);
        } else {
            still[i] = dice(m->sleep + 1);
            block(i, now);
        }
        return true;
    }
    return false;
}

static uint32_t pick(struct queue *q, uint64_t now)
{
    const struct sched_entity *e = rq_pick(&q->rq, now);

    assert_true(rq_next(&q->rq) > now);
    q->picked = e == NULL ? REF_NOBODY : (uint32_t)(e - q->e);
    return q->picked;
}

static void record(uint64_t now)
{
    ran[now] = (uint8_t)ref.running;
    for (uint32_t i = 0; i < set.count; i++) {
        bool used = ref.running == i && ref.m[i].budget.total != 0 && ref.m[i].foreground;

        wanted[i][now] = ref.m[i].wants;
        in_front[i][now] = ref.m[i].wants && ref.m[i].foreground;
        charged[i][now + 1] = charged[i][now] + used;
    }
}

static void simulate(void)
{
    simulation_init();
    for (uint64_t now = 0; now < TICKS; now++) {
        bool something = false;

        if (now != 0) {
            ref_tick(&ref, now);
        }
        for (uint32_t i = 0; i < set.count; i++) {
            something = act(i, now) || something;
        }
        ref_pick(&ref);
        assert_int_equal(pick(&always, now), ref.running);
        if (something || now == 0 || now >= rq_next(&sparing.rq)) {
            pick(&sparing, now);
        }
        assert_int_equal(sparing.picked, ref.running);
        record(now);
    }
    ref_tick(&ref, TICKS);
    ref_pick(&ref);
    pick(&always, TICKS);
    pick(&sparing, TICKS);
}

/* --- what is promised, of the schedule that was recorded ------------------------------------- */

static uint32_t charged_in(uint32_t i, uint64_t from, uint64_t to)
{
    return charged[i][to] - charged[i][from];
}

/*
 * Whatever else: who has used less than its budget within the last period has some left. Not where
 * chunks were joined, which may take it later.
 */
static bool must_be_in_front(uint32_t i, uint64_t t)
{
    const struct sched_params *p = &set.m[i].p;

    return wanted[i][t] &&
           (p->budget == 0 || (!ref.m[i].budget.joined &&
                               charged_in(i, t < p->period ? 0 : t - p->period, t) < p->budget));
}

/* Work conserving; a hard cap; priority; budget before none, the foreground before the rest. */
static void check_order(void)
{
    for (uint64_t t = 0; t < TICKS; t++) {
        const struct sched_params *x = ran[t] == REF_NOBODY ? NULL : &set.m[ran[t]].p;

        assert_true(x == NULL || x->budget == 0 || !x->hard || in_front[ran[t]][t]);
        for (uint32_t i = 0; i < set.count; i++) {
            const struct sched_params *p = &set.m[i].p;

            if (x == NULL) {
                assert_true(!wanted[i][t] || (p->budget != 0 && p->hard));
            } else if (in_front[i][t]) {
                assert_true(in_front[ran[t]][t]);
                assert_true(x->priority > p->priority ||
                            (x->priority == p->priority && (x->budget != 0 || p->budget == 0)));
            } else if (wanted[i][t] && !p->hard && !in_front[ran[t]][t]) {
                assert_true(x->priority >= p->priority);
            }
            assert_true(in_front[i][t] || !must_be_in_front(i, t));
        }
    }
}

/* Ticks that are released within any `length` ticks, at most. */
static uint64_t released_in(const struct sched_params *p, uint64_t length)
{
    uint64_t rest = length % p->period;

    return length / p->period * p->budget + (rest < p->budget ? rest : p->budget);
}

/* Windows of many lengths, if not of all. */
static uint64_t longer(uint64_t length)
{
    return length + 1 + dice(1 + (uint32_t)length / 4);
}

/*
 * The cap: within any window, no more than is released within one that is longer by how late it
 * ever was, which is never more than period - budget. Who never had to wait: its budget a period.
 */
static void check_cap(uint32_t i)
{
    const struct sched_params *p = &set.m[i].p;
    uint64_t late = ref.m[i].budget.latest;

    assert_true(late <= p->period - p->budget);
    for (uint64_t length = 1; length <= 3 * p->period && length <= TICKS; length = longer(length)) {
        uint64_t most = released_in(p, length + late);

        for (uint64_t t = 0; t + length <= TICKS; t++) {
            assert_true(charged_in(i, t, t + length) <= most);
        }
    }
}

/* The response time of i's whole budget, by docs/scheduling.md; 0: there is none. */
static uint64_t response(uint32_t i)
{
    const struct sched_params *p = &set.m[i].p;
    uint64_t r = 0, next = p->budget;

    while (next != r) {
        r = next;
        if (r > p->period) {
            return 0;
        }
        next = p->budget;
        for (uint32_t j = 0; j < set.count; j++) {
            const struct sched_params *o = &set.m[j].p;

            if (j == i || o->priority < p->priority) {
                continue;
            }
            if (o->budget != 0) {
                next += (r + o->period - 1) / o->period * o->budget;
            } else if (o->priority > p->priority) {
                return 0;
            }
        }
    }
    return r;
}

static uint32_t admitted, awoken;

/* Who has used nothing for a period has all of its budget within r from when it wakes up. */
static void check_response(uint32_t i, uint64_t r)
{
    const struct sched_params *p = &set.m[i].p;

    for (uint64_t t = p->period; t + r <= TICKS; t++) {
        bool all = !wanted[i][t - 1] && charged_in(i, t - p->period, t) == 0;

        for (uint64_t k = 0; all && k < r; k++) {
            all = wanted[i][t + k];
        }
        if (all) {
            awoken++;
            assert_true(charged_in(i, t, t + r) >= p->budget);
        }
    }
}

/*
 * The guarantee, and no starvation: who always wants to run and is admitted gets its budget in each
 * of its periods; and within any window what a period's worth of lateness leaves of it.
 */
static void check_guarantee(uint32_t i)
{
    const struct sched_params *p = &set.m[i].p;
    uint64_t r = response(i);

    if (r == 0) {
        return;
    }
    assert_true(ref.m[i].budget.latest <= r - p->budget);
    check_response(i, r);
    if (set.m[i].work != 0 || set.m[i].whims != 0) {
        return;
    }
    admitted++;
    for (uint64_t t = 0; t + p->period <= TICKS; t += p->period) {
        assert_int_equal(charged_in(i, t, t + p->period), p->budget);
    }
    for (uint64_t length = r - p->budget; length <= 3 * p->period; length = longer(length)) {
        uint64_t on_time = length - (r - p->budget), rest = on_time % p->period;
        uint64_t fewest = on_time / p->period * p->budget;

        if (rest > p->period - p->budget) {
            fewest += rest - (p->period - p->budget);
        }
        for (uint64_t t = 0; t + length <= TICKS; t++) {
            assert_true(charged_in(i, t, t + length) >= fewest);
        }
    }
}

/*
 * Slices, among equals without a budget: while y waits, x gets one slice at most. And nobody waits
 * for more than everyone's slice where there is nothing but equals.
 */
static void check_slices(uint32_t x, uint32_t y)
{
    const struct sched_params *p = &set.m[x].p, *q = &set.m[y].p;
    uint64_t run = 0;

    if (x == y || p->budget != 0 || q->budget != 0 || p->priority != q->priority || p->slice == 0) {
        return;
    }
    for (uint64_t t = 0; t < TICKS; t++) {
        if (!wanted[y][t] || ran[t] == y || fresh[y][t]) {
            run = 0;
        }
        run += ran[t] == x;
        assert_true(run <= p->slice);
    }
}

static void check_turns(uint32_t i)
{
    uint64_t most = 0, waits = 0;

    for (uint32_t j = 0; j < set.count; j++) {
        const struct sched_params *p = &set.m[j].p;

        if (j == i) {
            continue;
        }
        if (p->budget != 0 || p->priority > set.m[i].p.priority ||
            (p->priority == set.m[i].p.priority && p->slice == 0)) {
            return;
        }
        most += p->priority == set.m[i].p.priority ? p->slice : 0;
    }
    for (uint64_t t = 0; t < TICKS && set.m[i].p.budget == 0; t++) {
        waits = !wanted[i][t] || ran[t] == i || fresh[i][t] ? 0 : waits + 1;
        assert_true(waits <= most);
    }
}

static void check_totals(const struct queue *q, uint32_t i)
{
    const struct ref_member *m = &ref.m[i];
    const struct sched_entity *e = &q->e[i];

    assert_int_equal(rq_total(e, SCHED_RUNNING, TICKS), m->run);
    assert_int_equal(rq_total(e, SCHED_READY, TICKS), m->ready);
    assert_int_equal(rq_total(e, SCHED_THROTTLED, TICKS), m->throttled);
    assert_int_equal(rq_total(e, SCHED_BLOCKED, TICKS), m->blocked);
    assert_int_equal(e->switches, m->switches);
}

static void check_all(void)
{
    check_order();
    for (uint32_t i = 0; i < set.count; i++) {
        if (set.m[i].p.budget != 0) {
            check_cap(i);
            check_guarantee(i);
        }
        for (uint32_t j = 0; j < set.count; j++) {
            check_slices(i, j);
        }
        check_turns(i);
        check_totals(&always, i);
        check_totals(&sparing, i);
    }
}

/* --- the sets -------------------------------------------------------------------------------- */

/* All of it, few priorities, so that there are equals. */
static void any_set(void)
{
    uint32_t priorities = between(1, 4);

    set.count = between(1, 6);
    for (uint32_t i = 0; i < set.count; i++) {
        struct member *m = &set.m[i];
        uint32_t period = between(1, 60), budget = dice(2) == 0 ? 0 : between(1, period);

        *m = (struct member){
            .p = {.priority = dice(priorities) * 31 / 3,
                  .hard = dice(2) == 0,
                  .slice = dice(3) == 0 ? 0 : between(1, 12),
                  .budget = dice(2) == 0 ? budget : (budget + 3) / 4,
                  .period = period,
                  .least = dice(2) == 0 ? 0 : between(1, 8)},
            .work = dice(3) == 0 ? 0 : between(1, 30),
            .sleep = between(0, 60),
            .whims = dice(3) == 0 ? between(1, 100) : 0,
        };
    }
}

/* Only slices. */
static void equal_set(void)
{
    any_set();
    for (uint32_t i = 0; i < set.count; i++) {
        set.m[i].p.priority = dice(8) == 0 ? 6 : 7;
        set.m[i].p.slice = between(1, 10);
        set.m[i].p.budget = 0;
    }
}

/* Budgets that mostly fit, and members that use all of them. */
static void admitted_set(void)
{
    uint32_t left = between(60, 100); /* % */

    any_set();
    for (uint32_t i = 0; i < set.count; i++) {
        struct member *m = &set.m[i];
        uint32_t share = i + 1 == set.count ? left : dice(left + 1);

        left -= share;
        m->p.period = between(4, 63);
        m->p.budget = (m->p.period * share + 50) / 100;
        m->p.least = 0;
        if (dice(3) != 0) {
            m->work = 0;
            m->whims = 0;
        }
    }
}

/* Budgets that are used in crumbs, so that there are more than there is room for. */
static void crumbs_set(void)
{
    any_set();
    for (uint32_t i = 0; i < set.count; i++) {
        struct member *m = &set.m[i];

        m->p.period = between(40, 200);
        m->p.budget = between(8, 40);
        m->p.least = dice(2) == 0 ? 0 : between(1, 6);
        m->work = between(1, 5);
        m->sleep = between(1, 12);
    }
}

static void run_sets(void (*make)(void), uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        seed = 0x9e3779b97f4a7c15ull * (i + 1);
        make();
        simulate();
        check_all();
    }
}

static void test_any(void **state)
{
    (void)state;
    run_sets(any_set, 2000);
}

static void test_equals(void **state)
{
    (void)state;
    run_sets(equal_set, 500);
}

static void test_admitted(void **state)
{
    (void)state;
    admitted = 0;
    awoken = 0;
    run_sets(admitted_set, 2000);
    assert_true(admitted > 1000);
    assert_true(awoken > 1000);
}

static void test_crumbs(void **state)
{
    (void)state;
    run_sets(crumbs_set, 500);
}

/* --- a hart that comes late ------------------------------------------------------------------ */

static void check_sane(const struct queue *q, uint64_t now)
{
    uint32_t lists = (uint32_t)__builtin_popcountll(q->rq.foreground) +
                     (uint32_t)__builtin_popcountll(q->rq.background);

    assert_int_equal(__builtin_popcount(q->rq.slots_used), lists);
    for (uint32_t i = 0; i < set.count; i++) {
        const struct sched_entity *e = &q->e[i];
        uint64_t total = 0, budget = 0;

        for (uint32_t s = 0; s < SCHED_STATES; s++) {
            total += rq_total(e, (enum sched_state)s, now);
        }
        assert_int_equal(total, now);
        assert_int_equal(e->state == SCHED_RUNNING, q->picked == i);
        for (uint32_t k = 0; k < e->budget.count; k++) {
            budget += e->budget.amount[k];
        }
        assert_int_equal(budget, e->budget.total);
    }
}

/* Sound, whatever it is asked and when; and what a hard budget is exceeded by is paid back. */
static void late_hart(void)
{
    uint64_t longest = 0;

    queue_init(&sparing);
    for (uint64_t now = 0, step; now < 5 * TICKS; now += step) {
        struct sched_entity *e = &sparing.e[dice(set.count)];

        switch (dice(5)) {
        case 0:
            rq_block(&sparing.rq, e, now);
            break;
        case 1:
            rq_yield(&sparing.rq, e, now);
            break;
        default:
            rq_wake(&sparing.rq, e, now);
            break;
        }
        pick(&sparing, now);
        check_sane(&sparing, now);
        for (uint32_t i = 0; i < set.count; i++) {
            const struct sched_params *p = &set.m[i].p;

            if (p->hard && p->budget != 0) {
                assert_true(rq_total(&sparing.e[i], SCHED_RUNNING, now) <=
                            released_in(p, now + p->period - p->budget) + longest);
            }
        }
        step = dice(4) == 0 ? dice(100) : dice(4);
        longest = step > longest ? step : longest;
    }
}

static void test_late(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 500; i++) {
        seed = 0xd1342543de82ef95ull * (i + 1);
        any_set();
        late_hart();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any),      cmocka_unit_test(test_equals),
        cmocka_unit_test(test_admitted), cmocka_unit_test(test_crumbs),
        cmocka_unit_test(test_late),
    };

    return cmocka_run_group_tests_name("runqueue_sim", tests, NULL, NULL);
}
