/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's RAM as free ranges: what the FDT's memory nodes say, less what is reserved there,
 * less firmware, image, arena, bundle and FDT. Guest RAM and shared regions come from here, at boot
 * only, from the top down and aligned so that the largest pages fit.
 */
#ifndef CORE_RAM_H
#define CORE_RAM_H

#include "core/addr.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define RAM_RANGES 64u

struct ram_range {
    uint64_t start, size;
};

struct ram {
    uint32_t count;
    struct ram_range free[RAM_RANGES]; /* sorted, disjoint, not touching */
};

/* ERR_NO_MEMORY: more ranges than RAM_RANGES. */
enum err ram_add(struct ram *ram, uint64_t start, uint64_t size) MUST_CHECK;

/* Takes [start, start + size) out, wherever it overlaps. */
enum err ram_reserve(struct ram *ram, uint64_t start, uint64_t size) MUST_CHECK;

/* size is page aligned, align a power of two >= PAGE_SIZE. ERR_NO_MEMORY. */
enum err ram_alloc(struct ram *ram, uint64_t size, uint64_t align, hpa_t *out) MUST_CHECK;

/* Alignment of a guest's RAM of that size: so that 2 MiB pages can map it. */
static inline uint64_t ram_guest_align(uint64_t size)
{
    return size >= 2 * MIB ? 2 * MIB : PAGE_SIZE;
}

/*
 * For a guest that sees it at guest_start: aligned so that 2 MiB pages can map it, and, if huge and
 * there is such a place, 1 GiB pages. ERR_NO_MEMORY.
 */
enum err ram_alloc_guest(struct ram *ram, uint64_t guest_start, uint64_t size, bool huge,
                         hpa_t *out) MUST_CHECK;

/* Takes exactly this range; ERR_NOT_FOUND if any of it is not free (identity mapping). */
enum err ram_alloc_at(struct ram *ram, hpa_t start, uint64_t size) MUST_CHECK;

uint64_t ram_free_bytes(const struct ram *ram);

#endif
