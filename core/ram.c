/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free RAM as sorted, disjoint ranges of whole pages: what is added is rounded inwards, what is
 * reserved outwards. No lock: the boot hart alone calls, before any guest runs.
 */
#include "core/ram.h"

#include <string.h>

/* The last page of the address space is never used, so that no end wraps to 0. */
#define RAM_END (UINT64_MAX & ~(uint64_t)(PAGE_SIZE - 1))

/* [*start, *end) of the pages wholly inside (or, outwards, touched by) the range; false: none. */
static bool page_bounds(uint64_t start, uint64_t size, bool outwards, uint64_t *bound,
                        uint64_t *end)
{
    uint64_t last;

    if (size == 0) {
        return false;
    }
    last = size - 1 > UINT64_MAX - start ? UINT64_MAX : start + (size - 1);
    if (outwards) {
        *bound = align_down(start, PAGE_SIZE);
        *end = last >= RAM_END ? RAM_END : align_down(last, PAGE_SIZE) + PAGE_SIZE;
    } else {
        *bound = start > RAM_END ? RAM_END : align_up(start, PAGE_SIZE);
        *end = last >= RAM_END ? RAM_END : align_down(last + 1, PAGE_SIZE);
    }
    return *bound < *end;
}

static void range_delete(struct ram *ram, uint32_t i)
{
    ram->count--;
    memmove(&ram->free[i], &ram->free[i + 1], (ram->count - i) * sizeof(ram->free[0]));
}

static enum err range_insert(struct ram *ram, uint32_t i, uint64_t start, uint64_t end)
{
    if (ram->count == RAM_RANGES) {
        return ERR_NO_MEMORY;
    }
    memmove(&ram->free[i + 1], &ram->free[i], (ram->count - i) * sizeof(ram->free[0]));
    ram->count++;
    ram->free[i] = (struct ram_range){start, end - start};
    return ERR_OK;
}

enum err ram_add(struct ram *ram, uint64_t start, uint64_t size)
{
    uint64_t end;
    uint32_t i = 0;

    if (!page_bounds(start, size, false, &start, &end)) {
        return ERR_OK;
    }
    while (i < ram->count && ram->free[i].start + ram->free[i].size < start) {
        i++;
    }
    while (i < ram->count && ram->free[i].start <= end) {
        uint64_t old_end = ram->free[i].start + ram->free[i].size;

        start = ram->free[i].start < start ? ram->free[i].start : start;
        end = old_end > end ? old_end : end;
        range_delete(ram, i);
    }
    return range_insert(ram, i, start, end);
}

enum err ram_reserve(struct ram *ram, uint64_t start, uint64_t size)
{
    uint64_t end;
    uint32_t i = 0;

    if (!page_bounds(start, size, true, &start, &end)) {
        return ERR_OK;
    }
    while (i < ram->count) {
        struct ram_range *r = &ram->free[i];
        uint64_t r_end = r->start + r->size;

        if (r_end <= start || r->start >= end) {
            i++;
        } else if (r->start < start && r_end > end) {
            enum err err = range_insert(ram, i + 1, end, r_end);

            if (err == ERR_OK) {
                r->size = start - r->start;
            }
            return err;
        } else if (r->start < start) {
            r->size = start - r->start;
            i++;
        } else if (r_end > end) {
            r->start = end;
            r->size = r_end - end;
            i++;
        } else {
            range_delete(ram, i);
        }
    }
    return ERR_OK;
}

enum err ram_alloc(struct ram *ram, uint64_t size, uint64_t align, hpa_t *out)
{
    if (size == 0 || !is_aligned(size, PAGE_SIZE)) {
        return ERR_INVALID;
    }
    for (uint32_t i = ram->count; i-- > 0;) {
        const struct ram_range *r = &ram->free[i];
        uint64_t at;

        if (r->size < size) {
            continue;
        }
        at = align_down(r->start + (r->size - size), align);
        if (at >= r->start && ram_reserve(ram, at, size) == ERR_OK) {
            *out = hpa(at);
            return ERR_OK;
        }
    }
    return ERR_NO_MEMORY;
}

enum err ram_alloc_guest(struct ram *ram, uint64_t guest_start, uint64_t size, bool huge,
                         hpa_t *out)
{
    if (huge && size >= GIB && is_aligned(guest_start, GIB) &&
        ram_alloc(ram, size, GIB, out) == ERR_OK) {
        return ERR_OK;
    }
    return ram_alloc(ram, size, ram_guest_align(size), out);
}

enum err ram_alloc_at(struct ram *ram, hpa_t start, uint64_t size)
{
    for (uint32_t i = 0; i < ram->count; i++) {
        if (range_within(start.v, size, ram->free[i].start, ram->free[i].size)) {
            return ram_reserve(ram, start.v, size);
        }
    }
    return ERR_NOT_FOUND;
}

uint64_t ram_free_bytes(const struct ram *ram)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < ram->count; i++) {
        bytes += ram->free[i].size;
    }
    return bytes;
}
