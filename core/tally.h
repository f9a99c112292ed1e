/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long something has gone on altogether that comes and goes, in ticks. One hart keeps it, any
 * hart reads it, without a lock or a fence, since all of it is one word:
 *
 *   over:      total << 1
 *   going on:  (total - begin) << 1 | 1, to which a reader adds the time that it is
 *
 * All zero: it has never been.
 */
#ifndef CORE_TALLY_H
#define CORE_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

struct tally {
    _Atomic uint64_t word;
    _Atomic uint64_t told; /* the most that any reader was told of it: core/usage.c */
};

/* Whose it is, in turns. */
static inline void tally_begin(struct tally *t, uint64_t now)
{
    uint64_t word = atomic_load_explicit(&t->word, memory_order_relaxed);

    atomic_store_explicit(&t->word, word - (now << 1) + 1, memory_order_relaxed);
}

static inline void tally_end(struct tally *t, uint64_t now)
{
    uint64_t word = atomic_load_explicit(&t->word, memory_order_relaxed);

    atomic_store_explicit(&t->word, word + (now << 1) - 1, memory_order_relaxed);
}

/* What word says at a time that is not before its begin; 0 should a clock be so far behind. */
static inline uint64_t tally_at(uint64_t word, uint64_t now)
{
    uint64_t total = (word & 1) != 0 ? (word + (now << 1)) >> 1 : word >> 1;

    return total >> 62 == 0 ? total : 0;
}

#endif
