/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU budgets; the rules are in budget.h. */
#include "core/budget.h"

#include <string.h>

/* More whole budgets than that at once are not paid back; so no time overflows. */
#define DEBT_MAX (1ull << 20)

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void budget_init(struct budget *b, uint64_t total, uint64_t period, uint64_t least)
{
    b->period = least_of(period, BUDGET_PERIOD_MAX);
    b->total = (uint32_t)least_of(least_of(total, b->period), BUDGET_TICKS_MAX);
    b->least = (uint32_t)least_of(least, UINT32_MAX);
    b->time[0] = 0;
    b->amount[0] = b->total;
    b->count = 1;
}

/* Drops the chunks [from, from + gone). */
static void drop(struct budget *b, uint32_t from, uint32_t gone)
{
    uint32_t rest = b->count - from - gone;

    memmove(&b->time[from], &b->time[from + gone], rest * sizeof(b->time[0]));
    memmove(&b->amount[from], &b->amount[from + gone], rest * sizeof(b->amount[0]));
    b->count -= gone;
}

void budget_not_before(struct budget *b, uint64_t time)
{
    uint64_t amount = 0;
    uint32_t joined = 0;

    if (b->time[0] >= time) {
        return;
    }
    while (joined < b->count && b->time[joined] <= time + amount) {
        amount += b->amount[joined];
        joined++;
    }
    b->time[0] = time;
    b->amount[0] = (uint32_t)amount; /* at most total */
    drop(b, 1, joined - 1);
}

/*
 * amount ticks come back at time, behind all chunks. The first chunk is where they were taken from;
 * it is still there, if only as an empty one, and stays where it is.
 */
static void give_back(struct budget *b, uint64_t time, uint32_t amount)
{
    uint32_t last = b->count - 1;
    bool touches = b->time[last] + b->amount[last] == time;

    if (!touches && last > 0 && (b->count == BUDGET_CHUNKS || b->amount[last] < b->least)) {
        b->time[last] = time - b->amount[last];
        touches = true;
    }
    if (touches) {
        b->amount[last] += amount;
    } else {
        b->time[b->count] = time;
        b->amount[b->count] = amount;
        b->count++;
    }
}

/* Whole budgets that were used at once: everything returns that many periods later. */
static uint64_t use_all(struct budget *b, uint64_t used)
{
    uint64_t times = least_of(used / b->total, DEBT_MAX);

    for (uint32_t i = 0; i < b->count; i++) {
        b->time[i] += times * b->period;
    }
    return used % b->total;
}

void budget_use(struct budget *b, uint64_t start, uint64_t used)
{
    uint64_t late = b->period - b->total;

    if (start > late) {
        budget_not_before(b, start - late);
    }
    if (used >= b->total) {
        used = use_all(b, used);
    }
    /* Less than total is used, so each chunk comes once at most. */
    while (used != 0) {
        uint32_t amount = (uint32_t)least_of(used, b->amount[0]);
        uint64_t time = b->time[0];

        b->time[0] += amount;
        b->amount[0] -= amount;
        give_back(b, time + b->period, amount);
        if (b->amount[0] == 0) {
            drop(b, 0, 1);
        }
        used -= amount;
    }
}
