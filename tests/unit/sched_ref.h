/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduling rules of docs/scheduling.md once more, by definition: tick by tick, each tick of a
 * budget by itself, everything found by looking at all there is. Shares no code with core/.
 */
#ifndef TESTS_UNIT_SCHED_REF_H
#define TESTS_UNIT_SCHED_REF_H

#include <stdbool.h>
#include <stdint.h>

#define REF_BUDGET_MAX 64u
#define REF_MEMBERS    8u
#define REF_NOBODY     REF_MEMBERS

/* When each tick of a budget is released: ascending, no two alike. */
struct ref_budget {
    uint32_t total, period, least, chunks_max;
    uint64_t at[REF_BUDGET_MAX];
    uint64_t latest; /* by how much a used tick was later than its release, at most */
    bool joined;     /* chunks were joined, ever */
};

void ref_budget_init(struct ref_budget *b, uint32_t total, uint32_t period, uint32_t least);
void ref_budget_not_before(struct ref_budget *b, uint64_t time);
void ref_budget_use(struct ref_budget *b, uint64_t now); /* the tick [now, now + 1) */

struct ref_member {
    uint32_t priority, slice;
    bool hard;
    struct ref_budget budget; /* total 0: none */

    bool wants;
    bool foreground; /* or without a budget */
    uint64_t place;  /* the lowest of its class is the first */
    uint64_t waits;  /* not in the foreground: order in which they began to wait for budget */
    uint32_t left;   /* of its slice */
    uint64_t run, ready, throttled, blocked, switches;
};

struct ref {
    uint32_t count;
    struct ref_member m[REF_MEMBERS];
    uint64_t places;  /* given out */
    uint32_t running; /* who has the tick that begins now */
    uint32_t last;    /* who ran last */
};

void ref_init(struct ref *r);

/* The tick that ends now has been used by who was running; then, what is released now. */
void ref_tick(struct ref *r, uint64_t now);

void ref_wake(struct ref *r, uint32_t i, uint64_t now);
void ref_block(struct ref *r, uint32_t i);
void ref_yield(struct ref *r, uint32_t i);

/* Who gets the next tick, or REF_NOBODY. */
uint32_t ref_pick(struct ref *r);

bool ref_throttled(const struct ref_member *m);

#endif
