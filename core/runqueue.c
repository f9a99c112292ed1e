/* SPDX-License-Identifier: BSD-2-Clause */
/* A hart's run queue; the rules are in runqueue.h. */
#include "core/runqueue.h"

#include <stddef.h>
#include <string.h>

/*
 * Levels: [0, FOREGROUND) background, one a priority; from there on two a priority, the upper one
 * for those with a budget.
 */
#define FOREGROUND SCHED_PRIORITIES
#define NO_LIST    SCHED_LEVELS

_Static_assert(SCHED_PER_HART <= 16, "slots_used has a bit for each");

/* The highest bit of x, which is not 0. There is no instruction for it in the base ISA. */
static uint32_t highest(uint64_t x)
{
    uint32_t bit = 0;

    for (uint32_t step = 32; step != 0; step /= 2) {
        if ((x >> step) != 0) {
            x >>= step;
            bit += step;
        }
    }
    return bit;
}

static bool on_budget(const struct sched_entity *e)
{
    return e->level >= FOREGROUND && e->budget.total != 0;
}

static uint32_t foreground_level(const struct sched_entity *e)
{
    return FOREGROUND + 2u * e->priority + (e->budget.total != 0 ? 1 : 0);
}

static bool alone(const struct sched_entity *e)
{
    return e->next == e;
}

/* --- the lists ------------------------------------------------------------------------------- */

static uint64_t *word_of(struct runqueue *rq, uint32_t level)
{
    return level >= FOREGROUND ? &rq->foreground : &rq->background;
}

static uint64_t bit_of(uint32_t level)
{
    return 1ull << (level >= FOREGROUND ? level - FOREGROUND : level);
}

/* The list becomes one of e alone. */
static void open_list(struct runqueue *rq, struct sched_entity *e, uint32_t level)
{
    uint32_t slot = highest((uint16_t)~rq->slots_used);

    rq->slots_used |= (uint16_t)(1u << slot);
    rq->slot[level] = (uint8_t)slot;
    *word_of(rq, level) |= bit_of(level);
    e->next = e;
    e->prev = e;
}

static void list_append(struct runqueue *rq, struct sched_entity *e, uint32_t level)
{
    if ((*word_of(rq, level) & bit_of(level)) == 0) {
        open_list(rq, e, level);
    } else {
        struct sched_entity *tail = rq->tail[rq->slot[level]];

        e->prev = tail;
        e->next = tail->next;
        tail->next->prev = e;
        tail->next = e;
    }
    rq->tail[rq->slot[level]] = e;
    e->level = (uint8_t)level;
    e->slice_left = e->slice;
}

static void list_remove(struct runqueue *rq, struct sched_entity *e)
{
    uint32_t level = e->level;

    if (level == NO_LIST) {
        return;
    }
    if (alone(e)) {
        *word_of(rq, level) &= ~bit_of(level);
        rq->slots_used &= (uint16_t) ~(1u << rq->slot[level]);
    } else {
        e->prev->next = e->next;
        e->next->prev = e->prev;
        if (rq->tail[rq->slot[level]] == e) {
            rq->tail[rq->slot[level]] = e->prev;
        }
    }
    e->level = NO_LIST;
}

/* To the end, with a new slice. */
static void list_requeue(struct runqueue *rq, struct sched_entity *e)
{
    uint32_t level = e->level;

    list_remove(rq, e);
    list_append(rq, e, level);
}

/* --- out of budget: not the common path; as many steps as others of this hart wait ------------ */

static void wait_insert(struct runqueue *rq, struct sched_entity *e)
{
    struct sched_entity **at = &rq->waiting;

    while (*at != NULL && budget_due(&(*at)->budget) <= budget_due(&e->budget)) {
        at = &(*at)->later;
    }
    e->later = *at;
    *at = e;
}

static void wait_remove(struct runqueue *rq, const struct sched_entity *e)
{
    struct sched_entity **at = &rq->waiting;

    while (*at != NULL && *at != e) {
        at = &(*at)->later;
    }
    if (*at != NULL) {
        *at = e->later;
    }
}

/* --- time ------------------------------------------------------------------------------------ */

/* From `from` on, which is not before what is accounted for, e is in state. */
static void enter(struct sched_entity *e, enum sched_state state, uint64_t from)
{
    if (from > e->since) {
        e->since = from;
    }
    if (e->state != state) {
        tally_end(&e->time[e->state], e->since);
        tally_begin(&e->time[state], e->since);
        e->state = (uint8_t)state;
    }
}

/* e, which stands nowhere, wants to run. */
static void place(struct runqueue *rq, struct sched_entity *e, uint64_t now)
{
    if (e->budget.total == 0 || budget_due(&e->budget) <= now) {
        enter(e, SCHED_READY, now);
        list_append(rq, e, foreground_level(e));
        return;
    }
    wait_insert(rq, e);
    enter(e, e->hard ? SCHED_THROTTLED : SCHED_READY, now);
    if (!e->hard) {
        list_append(rq, e, e->priority);
    }
}

/* Charges e, which ran, for the time since it was charged last, if there is any. */
static void charge(struct runqueue *rq, struct sched_entity *e, uint64_t now)
{
    uint64_t start = e->since;
    uint64_t used = now - start;

    if (now <= start) {
        return;
    }
    enter(e, SCHED_RUNNING, now);
    if (on_budget(e)) {
        budget_use(&e->budget, start, used);
        if (budget_due(&e->budget) > now) {
            list_remove(rq, e);
            place(rq, e, now);
            return;
        }
    }
    if (alone(e) || e->slice == 0) {
        e->slice_left = e->slice;
    } else if (used < e->slice_left) {
        e->slice_left -= (uint32_t)used;
    } else {
        list_requeue(rq, e);
    }
}

/* Brings the queue up to now. */
static void advance(struct runqueue *rq, uint64_t now)
{
    struct sched_entity *e = rq->current;

    if (e != NULL && e->state == SCHED_RUNNING) {
        charge(rq, e, now);
    }
    while ((e = rq->waiting) != NULL && budget_due(&e->budget) <= now) {
        rq->waiting = e->later;
        list_remove(rq, e);
        enter(e, SCHED_READY, budget_due(&e->budget));
        list_append(rq, e, foreground_level(e));
    }
}

/* --- the interface --------------------------------------------------------------------------- */

void rq_init(struct runqueue *rq)
{
    memset(rq, 0, sizeof(*rq));
}

void rq_entity_init(struct sched_entity *e, const struct sched_params *p)
{
    memset(e, 0, sizeof(*e));
    e->priority = (uint8_t)(p->priority < SCHED_PRIORITIES ? p->priority : SCHED_PRIORITIES - 1);
    e->hard = p->hard;
    e->slice = (uint32_t)(p->slice < UINT32_MAX ? p->slice : UINT32_MAX);
    e->level = NO_LIST;
    tally_begin(&e->time[SCHED_BLOCKED], 0);
    budget_init(&e->budget, p->budget, p->period, p->least);
}

void rq_wake(struct runqueue *rq, struct sched_entity *e, uint64_t now)
{
    advance(rq, now);
    if (e->state == SCHED_BLOCKED || (e->state == SCHED_READY && e->level == NO_LIST)) {
        budget_not_before(&e->budget, now);
        place(rq, e, now);
    }
}

static void take_out(struct runqueue *rq, struct sched_entity *e, enum sched_state state,
                     uint64_t now)
{
    list_remove(rq, e);
    enter(e, state, now);
    if (rq->current == e) {
        rq->current = NULL;
    }
}

void rq_block(struct runqueue *rq, struct sched_entity *e, uint64_t now)
{
    advance(rq, now);
    wait_remove(rq, e);
    take_out(rq, e, SCHED_BLOCKED, now);
}

void rq_leave(struct runqueue *rq, struct sched_entity *e, uint64_t now)
{
    advance(rq, now);
    take_out(rq, e, e->state == SCHED_BLOCKED ? SCHED_BLOCKED : SCHED_READY, now);
}

void rq_yield(struct runqueue *rq, struct sched_entity *e, uint64_t now)
{
    advance(rq, now);
    if (e->level != NO_LIST) {
        list_requeue(rq, e);
    }
}

bool rq_is_behind(struct runqueue *rq, const struct sched_entity *e, uint64_t now)
{
    advance(rq, now);
    return rq->foreground != 0 && FOREGROUND + highest(rq->foreground) >= foreground_level(e);
}

struct sched_entity *rq_pick(struct runqueue *rq, uint64_t now)
{
    struct sched_entity *before = rq->current;
    struct sched_entity *e = NULL;

    advance(rq, now);
    if (rq->foreground != 0) {
        e = rq->tail[rq->slot[FOREGROUND + highest(rq->foreground)]]->next;
    } else if (rq->background != 0) {
        e = rq->tail[rq->slot[highest(rq->background)]]->next;
    }
    rq->current = e;
    if (e == NULL) {
        return NULL;
    }
    if (before != NULL && before != e && before->state == SCHED_RUNNING) {
        enter(before, SCHED_READY, now);
    }
    enter(e, SCHED_RUNNING, now);
    if (rq->last != e) {
        rq->last = e;
        atomic_fetch_add_explicit(&e->switches, 1, memory_order_relaxed);
    }
    return e;
}

uint64_t rq_next(const struct runqueue *rq)
{
    const struct sched_entity *e = rq->current;
    uint32_t level = e != NULL ? e->level : 0;
    uint64_t next = UINT64_MAX;

    if (e != NULL && on_budget(e)) {
        next = e->since + budget_left(&e->budget);
    }
    if (e != NULL && !alone(e) && e->slice != 0 && e->since + e->slice_left < next) {
        next = e->since + e->slice_left;
    }
    /* Who would come behind the running one can wait. */
    for (const struct sched_entity *w = rq->waiting; w != NULL; w = w->later) {
        if (foreground_level(w) >= level) {
            return budget_due(&w->budget) < next ? budget_due(&w->budget) : next;
        }
    }
    return next;
}

uint64_t rq_total(const struct sched_entity *e, enum sched_state state, uint64_t now)
{
    return tally_at(atomic_load_explicit(&e->time[state].word, memory_order_relaxed),
                    now > e->since ? now : e->since);
}
