/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of sources, 0 to 1023: a bitmap and a summary of it, so that looking for the first member
 * of two sets touches only words where both have some. No lock of its own.
 */
#ifndef DRIVERS_VIRTUAL_SOURCE_SET_H
#define DRIVERS_VIRTUAL_SOURCE_SET_H

#include <stdbool.h>
#include <stdint.h>

struct source_set {
    uint32_t summary; /* bit w: word[w] is not zero */
    uint64_t *word;   /* bit s % 64 of word s / 64: source s */
};

static inline void set_put(struct source_set *set, uint32_t source, bool in)
{
    uint32_t word = source / 64u;
    uint64_t bit = 1ull << (source % 64u);

    set->word[word] = in ? set->word[word] | bit : set->word[word] & ~bit;
    set->summary = set->word[word] != 0 ? set->summary | 1u << word : set->summary & ~(1u << word);
}

static inline bool set_has(const struct source_set *set, uint32_t source)
{
    return (set->word[source / 64u] >> (source % 64u) & 1u) != 0;
}

/* The lowest source in both sets; 0: none. */
static inline uint32_t set_first_common(const struct source_set *a, const struct source_set *b)
{
    for (uint32_t words = a->summary & b->summary; words != 0; words &= words - 1u) {
        uint32_t word = (uint32_t)__builtin_ctz(words);
        uint64_t both = a->word[word] & b->word[word];

        if (both != 0) {
            return word * 64u + (uint32_t)__builtin_ctzll(both);
        }
    }
    return 0;
}

#endif
