/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of sources, 0 to 1023: a bitmap and a summary of it, so that looking for the first member
 * of two sets touches only words where both have some. No lock of its own.
 */
#ifndef DRIVERS_VIRTUAL_SOURCE_SET_H
#define DRIVERS_VIRTUAL_SOURCE_SET_H

#include "core/pagepool.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct source_set {
    uint32_t summary; /* bit w: word[w] is not zero */
    uint64_t *word;   /* bit s % 64 of word s / 64: source s */
};

/* Storage for an empty set of words * 64 sources, at boot. False: no memory. */
static inline bool set_alloc(struct source_set *set, uint32_t words)
{
    set->word = pool_alloc(words * sizeof(uint64_t), alignof(uint64_t));
    return set->word != NULL;
}

static inline void set_clear(struct source_set *set, uint32_t words)
{
    set->summary = 0;
    memset(set->word, 0, words * sizeof(uint64_t));
}

static inline void set_put(struct source_set *set, uint32_t source, bool in)
{
    uint32_t word = source / 64u;
    uint64_t bit = 1ull << (source % 64u);

    if (in) {
        set->word[word] |= bit;
        set->summary |= 1u << word;
    } else {
        set->word[word] &= ~bit;
        if (set->word[word] == 0) {
            set->summary &= ~(1u << word);
        }
    }
}

static inline bool set_has(const struct source_set *set, uint32_t source)
{
    return (set->word[source / 64u] >> (source % 64u) & 1u) != 0;
}

/*
 * The number of the lowest bit that is set; bits is not 0. Eight instructions, where a hart without
 * Zbb takes forty in the compiler's library: the multiplication moves six bits that are different
 * for each place to the top.
 */
static inline uint32_t first_bit(uint64_t bits)
{
    static const uint8_t place[64] = {
        0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38, 29, 17, 4,  62, 55, 59, 36, 53, 51,
        43, 22, 45, 39, 33, 30, 24, 18, 12, 5,  63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21,
        44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6,
    };

    return place[(bits & (~bits + 1u)) * 0x03f79d71b4cb0a89ull >> 58];
}

/* The lowest source in both sets; 0: none. */
static inline uint32_t set_first_common(const struct source_set *a, const struct source_set *b)
{
    for (uint32_t words = a->summary & b->summary; words != 0; words &= words - 1u) {
        uint32_t word = first_bit(words);
        uint64_t both = a->word[word] & b->word[word];

        if (both != 0) {
            return word * 64u + first_bit(both);
        }
    }
    return 0;
}

#endif
