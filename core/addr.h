/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of different meaning have different types, so that swapped arguments do not compile.
 * Ranges are [start, start + size); every check here is safe against wrap-around.
 */
#ifndef CORE_ADDR_H
#define CORE_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_SHIFT 12u
#define PAGE_SIZE  4096u
#define KIB        1024ull
#define MIB        (1024ull * KIB)
#define GIB        (1024ull * MIB)

typedef struct {
    uint64_t v;
} gpa_t; /* guest physical */

typedef struct {
    uint64_t v;
} gva_t; /* guest virtual */

typedef struct {
    uint64_t v;
} hpa_t; /* host physical */

static inline gpa_t gpa(uint64_t v)
{
    return (gpa_t){v};
}

static inline gva_t gva(uint64_t v)
{
    return (gva_t){v};
}

static inline hpa_t hpa(uint64_t v)
{
    return (hpa_t){v};
}

static inline gpa_t gpa_add(gpa_t a, uint64_t n)
{
    return (gpa_t){a.v + n};
}

static inline hpa_t hpa_add(hpa_t a, uint64_t n)
{
    return (hpa_t){a.v + n};
}

/* A range that neither is empty nor runs past the end of the address space. */
static inline bool range_valid(uint64_t start, uint64_t size)
{
    return size != 0 && size - 1 <= UINT64_MAX - start;
}

/* [start, start + size) lies within [outer, outer + outer_size); false for an empty or wrapping
 * one. */
static inline bool range_within(uint64_t start, uint64_t size, uint64_t outer, uint64_t outer_size)
{
    return range_valid(start, size) && start >= outer && start - outer < outer_size &&
           size <= outer_size - (start - outer);
}

/* Both ranges must be valid. */
static inline bool range_overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a <= b + (b_size - 1) && b <= a + (a_size - 1);
}

/* align is a power of two; align_up() wraps to 0 past the end. */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
    return v & ~(align - 1);
}

static inline uint64_t align_up(uint64_t v, uint64_t align)
{
    return (v + align - 1) & ~(align - 1);
}

static inline bool is_aligned(uint64_t v, uint64_t align)
{
    return (v & (align - 1)) == 0;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
