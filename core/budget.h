/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A CPU budget: a sporadic server. `total` ticks in each period, kept as chunks: tick i of a chunk
 * is released at the chunk's time + i, and may be used from then on.
 *
 * The rules, all of them about single ticks:
 *   - a tick that was released at r and is used returns at r + period;
 *   - who wakes up has nothing that was released before it woke (budget_not_before());
 *   - who wants to run and is kept from it by others makes up for a delay of period - total. One
 *     whose budget can be granted at all (docs/scheduling.md) is never later than that; another
 *     one's ticks are released later, so that it never has many periods to catch up on;
 *   - chunks are joined where there is no room for one more, or one is very small: always by moving
 *     the earlier one, so that its end meets the begin of the later one.
 * Hence there are always exactly `total` ticks, no two with the same release, all within a period:
 * nothing returns too early, joining never makes more of it, and what is not used is not saved up.
 *
 * No lock, no clock: the caller's.
 */
#ifndef CORE_BUDGET_H
#define CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#define BUDGET_CHUNKS     8u
#define BUDGET_TICKS_MAX  UINT32_MAX   /* a budget, in ticks: 4 s of the fastest timebase (1 GHz) */
#define BUDGET_PERIOD_MAX (1ull << 40) /* a period, in ticks */

struct budget {
    uint64_t period;
    uint64_t time[BUDGET_CHUNKS]; /* of each chunk; ascending, no two touch */
    uint32_t amount[BUDGET_CHUNKS];
    uint32_t total; /* 0: there is no budget, and nothing else here means anything */
    uint32_t least; /* a chunk smaller than that is joined with the one after it */
    uint32_t count; /* chunks, [1, BUDGET_CHUNKS] */
};

/*
 * total is brought below period, and both below the limits above; a period of 0 is no budget. All
 * of it can be used at once.
 */
void budget_init(struct budget *b, uint64_t total, uint64_t period, uint64_t least);

/* Ticks that were released earlier count as released from `time` on, one after the other. */
void budget_not_before(struct budget *b, uint64_t time);

/* The ticks [start, start + used), at least one, were used. More than there was is a debt. */
void budget_use(struct budget *b, uint64_t start, uint64_t used);

/* When the first chunk can be used: not after now, there is budget. */
static inline uint64_t budget_due(const struct budget *b)
{
    return b->time[0];
}

/* For how long, at least, that goes once it is due. */
static inline uint64_t budget_left(const struct budget *b)
{
    return b->amount[0];
}

#endif
