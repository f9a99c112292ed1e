/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who runs on a hart: 32 fixed priorities, preemptive, round robin among equals, budgets. Policy
 * only, and pure: time is told, in ticks that never go back, and nothing here waits, allocates or
 * locks. Everything is the own hart's. The rules as a user reads them are in docs/scheduling.md.
 *
 * Who wants to run stands at the end of a list, one of these in descending order:
 *   - foreground, by priority; at the same priority those with budget left, then those without a
 *     budget;
 *   - background, by priority: those that are out of a soft budget.
 * The first of the first list runs, and stays where it is: so who is preempted keeps its place and
 * the rest of its slice. A slice is used up only while there are equals, members of the same list;
 * then it goes to the end, with a new slice. Who is out of a hard budget stands in no list:
 * throttled. Who is out of any budget waits for its next chunk, and goes to the end of its
 * foreground list when it is due. What is used in the background is not charged.
 *
 * After rq_wake(), rq_block(), rq_yield(), and at rq_next(), rq_pick() says who runs from then on.
 * At one moment comes first what the running one has used up, then chunks that are due, in order,
 * then what the call is about.
 *
 * An entity without a budget that has left one queue may wake up, or be blocked, in another one.
 * Its times go on, those on the way included.
 */
#ifndef CORE_RUNQUEUE_H
#define CORE_RUNQUEUE_H

#include "core/budget.h"
#include "core/tally.h"

#include <stdbool.h>
#include <stdint.h>

#define SCHED_PRIORITIES 32u                     /* 31 is the most urgent */
#define SCHED_LEVELS     (3u * SCHED_PRIORITIES) /* lists: what struct sched_entity calls a level */
#define SCHED_PER_HART   16u                     /* entities of one run queue, at most */

struct sched_params {
    uint32_t priority; /* [0, SCHED_PRIORITIES); more is brought below */
    bool hard;         /* out of budget: throttled; else in the background */
    uint64_t slice;    /* ticks; 0: none, runs until it blocks or yields */
    uint64_t budget;   /* ticks in each period; 0: no budget, neither guarantee nor cap */
    uint64_t period;
    uint64_t least; /* ticks: returning chunks of the budget that are smaller are joined */
};

/* What of an entity's time is counted. */
enum sched_state {
    SCHED_BLOCKED,   /* does not want to run */
    SCHED_READY,     /* wants to, another one runs */
    SCHED_RUNNING,   /* was picked */
    SCHED_THROTTLED, /* wants to, is out of its hard budget */
    SCHED_STATES
};

struct sched_entity {
    struct sched_entity *next, *prev; /* in its list, a ring */
    struct sched_entity *later;       /* in runqueue.waiting */
    uint64_t since;                   /* the state is accounted for until then */
    struct tally time[SCHED_STATES];  /* in each state; read by any hart */
    _Atomic uint64_t switches;        /* times it was picked after another one ran; likewise */
    uint32_t slice, slice_left;
    uint8_t priority;
    uint8_t level; /* of the list it stands in; SCHED_LEVELS: in none */
    uint8_t state; /* enum sched_state */
    bool hard;
    struct budget budget;
};

/* Lists are few at a time, levels are many: a list's last member is tail[slot[level]]. */
struct runqueue {
    uint64_t foreground, background; /* bit of each list that is not empty */
    struct sched_entity *current;    /* who was picked last, if it has not blocked since */
    struct sched_entity *last;       /* who ran last */
    struct sched_entity *waiting;    /* out of budget, by the time of the next chunk */
    struct sched_entity *tail[SCHED_PER_HART];
    uint8_t slot[SCHED_LEVELS];
    uint16_t slots_used; /* bit of each tail[] in use */
};

void rq_init(struct runqueue *rq);

/* e is blocked, with its whole budget and no time counted. */
void rq_entity_init(struct sched_entity *e, const struct sched_params *p);

/* e wants to run, if it did not yet. At most SCHED_PER_HART at a time do. */
void rq_wake(struct runqueue *rq, struct sched_entity *e, uint64_t now);

/* e does not want to run any more, whatever it did. */
void rq_block(struct runqueue *rq, struct sched_entity *e, uint64_t now);

/* e, which has no budget, is of this queue no more; if it wanted to run, it is ready until it comes
 * to another. */
void rq_leave(struct runqueue *rq, struct sched_entity *e, uint64_t now);

/* e goes to the end of its list, with a new slice, if it stands in one. */
void rq_yield(struct runqueue *rq, struct sched_entity *e, uint64_t now);

/* Would e, which is blocked and has no budget, find others before it if it woke up now? */
bool rq_is_behind(struct runqueue *rq, const struct sched_entity *e, uint64_t now);

/* Who runs from now on; NULL: nobody is ready, though some may be throttled. */
struct sched_entity *rq_pick(struct runqueue *rq, uint64_t now);

/*
 * After rq_pick(): when it has to be called again if nothing else happens; UINT64_MAX: never.
 * Later is borne: what is used meanwhile is charged to who ran.
 */
uint64_t rq_next(const struct runqueue *rq);

/*
 * The time e has spent in state until now. Who is throttled behind one of a higher priority is
 * found to be ready again, from the right time on, at the next of the calls above.
 */
uint64_t rq_total(const struct sched_entity *e, enum sched_state state, uint64_t now);

#endif
