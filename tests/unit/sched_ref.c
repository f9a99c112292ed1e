/* SPDX-License-Identifier: BSD-2-Clause */
/* The scheduling rules by definition, see sched_ref.h. */
#include "tests/unit/sched_ref.h"

#include <string.h>

/* --- budgets, a tick at a time --------------------------------------------------------------- */

void ref_budget_init(struct ref_budget *b, uint32_t total, uint32_t period, uint32_t least)
{
    memset(b, 0, sizeof(*b));
    b->total = total;
    b->period = period;
    b->least = least;
    b->chunks_max = 8;
    for (uint32_t i = 0; i < total; i++) {
        b->at[i] = i;
    }
}

void ref_budget_not_before(struct ref_budget *b, uint64_t time)
{
    for (uint32_t i = 0; i < b->total; i++) {
        if (b->at[i] < time + i) {
            b->at[i] = time + i;
        }
    }
}

void ref_budget_use(struct ref_budget *b, uint64_t now)
{
    uint64_t late = b->period - b->total;
    uint64_t back;
    uint32_t chunks = 1, last_chunk = 0;

    if (now > late) {
        ref_budget_not_before(b, now - late);
    }
    if (now > b->at[0] && now - b->at[0] > b->latest) {
        b->latest = now - b->at[0];
    }
    back = b->at[0] + b->period;
    for (uint32_t i = 1; i < b->total; i++) {
        if (b->at[i] != b->at[i - 1] + 1) {
            chunks++;
            last_chunk = i;
        }
    }
    if (chunks > 1 && back != b->at[b->total - 1] + 1 &&
        (chunks == b->chunks_max || b->total - last_chunk < b->least)) {
        b->joined = true;
        for (uint32_t i = last_chunk; i < b->total; i++) {
            b->at[i] = back - (b->total - i);
        }
    }
    for (uint32_t i = 1; i < b->total; i++) {
        b->at[i - 1] = b->at[i];
    }
    b->at[b->total - 1] = back;
}

/* --- the queue ------------------------------------------------------------------------------- */

void ref_init(struct ref *r)
{
    memset(r, 0, sizeof(*r));
    r->running = REF_NOBODY;
    r->last = REF_NOBODY;
}

bool ref_throttled(const struct ref_member *m)
{
    return m->wants && !m->foreground && m->hard;
}

static bool in_a_list(const struct ref_member *m)
{
    return m->wants && !ref_throttled(m);
}

/* Foreground before background, then priority, then budget. */
static uint32_t class_of(const struct ref_member *m)
{
    return (m->foreground ? 1000 : 0) + 10 * m->priority + (m->budget.total != 0 ? 1 : 0);
}

static void to_the_end(struct ref *r, struct ref_member *m)
{
    m->place = ++r->places;
    m->left = m->slice;
}

/* Out of budget. */
static void to_wait(struct ref *r, struct ref_member *m)
{
    m->foreground = false;
    m->waits = ++r->places;
    to_the_end(r, m);
}

static bool has_equals(const struct ref *r, const struct ref_member *m)
{
    for (uint32_t i = 0; i < r->count; i++) {
        if (&r->m[i] != m && in_a_list(&r->m[i]) && class_of(&r->m[i]) == class_of(m)) {
            return true;
        }
    }
    return false;
}

static bool released(const struct ref_member *m, uint64_t now)
{
    return m->budget.total == 0 || m->budget.at[0] <= now;
}

static void used_tick(struct ref *r, struct ref_member *m, uint64_t now)
{
    if (m->budget.total != 0 && m->foreground) {
        ref_budget_use(&m->budget, now - 1);
        if (!released(m, now)) {
            to_wait(r, m);
            return;
        }
    }
    if (m->slice == 0 || !has_equals(r, m)) {
        m->left = m->slice;
    } else if (--m->left == 0) {
        to_the_end(r, m);
    }
}

void ref_tick(struct ref *r, uint64_t now)
{
    for (uint32_t i = 0; i < r->count; i++) {
        struct ref_member *m = &r->m[i];

        m->run += r->running == i;
        m->throttled += ref_throttled(m);
        m->ready += in_a_list(m) && r->running != i;
        m->blocked += !m->wants;
    }
    if (r->running != REF_NOBODY) {
        used_tick(r, &r->m[r->running], now);
    }
    /* Of those that are released at once, who has waited longer comes first. */
    for (;;) {
        struct ref_member *first = NULL;

        for (uint32_t i = 0; i < r->count; i++) {
            struct ref_member *m = &r->m[i];

            if (m->wants && !m->foreground && released(m, now) &&
                (first == NULL || m->waits < first->waits)) {
                first = m;
            }
        }
        if (first == NULL) {
            return;
        }
        first->foreground = true;
        to_the_end(r, first);
    }
}

void ref_wake(struct ref *r, uint32_t i, uint64_t now)
{
    struct ref_member *m = &r->m[i];

    if (!m->wants) {
        m->wants = true;
        ref_budget_not_before(&m->budget, now);
        m->foreground = true;
        if (released(m, now)) {
            to_the_end(r, m);
        } else {
            to_wait(r, m);
        }
    }
}

void ref_block(struct ref *r, uint32_t i)
{
    r->m[i].wants = false;
}

void ref_yield(struct ref *r, uint32_t i)
{
    if (in_a_list(&r->m[i])) {
        to_the_end(r, &r->m[i]);
    }
}

uint32_t ref_pick(struct ref *r)
{
    uint32_t best = REF_NOBODY;

    for (uint32_t i = 0; i < r->count; i++) {
        const struct ref_member *m = &r->m[i], *b = &r->m[best % REF_MEMBERS];

        if (in_a_list(m) && (best == REF_NOBODY || class_of(m) > class_of(b) ||
                             (class_of(m) == class_of(b) && m->place < b->place))) {
            best = i;
        }
    }
    r->running = best;
    if (best != REF_NOBODY && best != r->last) {
        r->last = best;
        r->m[best].switches++;
    }
    return best;
}
