/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest-physical map of one VM: a sorted array, searched by halves. Regions are disjoint whole
 * pages. Written while the VM is built, read without a lock afterwards.
 */
#include "core/memmap.h"

#include "core/pagepool.h"

#include <string.h>

enum err memmap_init(struct memmap *map, uint32_t capacity)
{
    *map = (struct memmap){.capacity = capacity};
    map->regions = pool_alloc(capacity * sizeof(map->regions[0]), _Alignof(struct region));
    return map->regions == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* How many regions start at or below addr. */
static uint32_t regions_up_to(const struct memmap *map, uint64_t addr)
{
    uint32_t low = 0;
    uint32_t high = map->count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (map->regions[mid].gpa.v <= addr) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

enum err memmap_add(struct memmap *map, const struct region *region)
{
    uint32_t at;

    if (!range_valid(region->gpa.v, region->size) || !range_valid(region->hpa.v, region->size) ||
        !is_aligned(region->gpa.v | region->hpa.v | region->size, PAGE_SIZE)) {
        return ERR_INVALID;
    }
    at = regions_up_to(map, region->gpa.v + (region->size - 1));
    if (at > 0 && range_overlaps(region->gpa.v, region->size, map->regions[at - 1].gpa.v,
                                 map->regions[at - 1].size)) {
        return ERR_EXISTS;
    }
    if (map->count == map->capacity) {
        return ERR_NO_MEMORY;
    }
    memmove(&map->regions[at + 1], &map->regions[at], (map->count - at) * sizeof(map->regions[0]));
    map->regions[at] = *region;
    map->count++;
    return ERR_OK;
}

const struct region *memmap_find(const struct memmap *map, gpa_t addr)
{
    uint32_t n = regions_up_to(map, addr.v);
    const struct region *r = n > 0 ? &map->regions[n - 1] : NULL;

    return r != NULL && addr.v - r->gpa.v < r->size ? r : NULL;
}

enum err memmap_ram(const struct memmap *map, gpa_t addr, uint64_t len, hpa_t *out, uint64_t *chunk)
{
    const struct region *r = memmap_find(map, addr);
    uint64_t offset;

    if (r == NULL || r->kind != REGION_RAM) {
        return ERR_FAULT;
    }
    offset = addr.v - r->gpa.v;
    *out = hpa_add(r->hpa, offset);
    *chunk = len < r->size - offset ? len : r->size - offset;
    return ERR_OK;
}

bool memmap_is_ram(const struct memmap *map, gpa_t addr, uint64_t len)
{
    hpa_t ignored;
    uint64_t chunk;

    if (!range_valid(addr.v, len)) {
        return false;
    }
    while (len > 0) {
        if (memmap_ram(map, addr, len, &ignored, &chunk) != ERR_OK) {
            return false;
        }
        addr = gpa_add(addr, chunk);
        len -= chunk;
    }
    return true;
}
