/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's guest-physical map as the policy sees it: which guest address is what. Fixed when the VM
 * is built; read by all its harts without a lock. Stage 2 holds the same, in the hardware's form.
 */
#ifndef CORE_MEMMAP_H
#define CORE_MEMMAP_H

#include "core/addr.h"
#include "core/arch.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum region_kind {
    REGION_RAM,    /* the VM's own RAM */
    REGION_SHARED, /* a shared region of the manifest */
    REGION_DEVICE, /* a passed-through device's registers */
    REGION_MSI,    /* an interrupt file */
};

struct region {
    gpa_t gpa;
    uint64_t size;
    hpa_t hpa;
    enum region_kind kind;
    enum map_attr attr;
};

struct memmap {
    uint32_t count;
    uint32_t capacity;
    struct region *regions; /* sorted by gpa, disjoint */
};

/* Storage for capacity regions from the pool. */
enum err memmap_init(struct memmap *map, uint32_t capacity) MUST_CHECK;

/* ERR_INVALID: not page aligned or wrapping; ERR_EXISTS: overlaps; ERR_NO_MEMORY: full. */
enum err memmap_add(struct memmap *map, const struct region *region) MUST_CHECK;

/* The region that holds this address, or NULL. O(log n). */
const struct region *memmap_find(const struct memmap *map, gpa_t addr);

/*
 * The VM's own RAM at addr: its host address, and in *chunk how many of len bytes lie contiguously
 * there (at least 1). ERR_FAULT: addr is not RAM. A buffer that a guest names is walked with this.
 */
enum err memmap_ram(const struct memmap *map, gpa_t addr, uint64_t len, hpa_t *out,
                    uint64_t *chunk) MUST_CHECK;

/* Is all of [addr, addr + len) the VM's own RAM? False for len 0 and for wrapping ranges. */
bool memmap_is_ram(const struct memmap *map, gpa_t addr, uint64_t len);

struct vm;

/*
 * Copies between the VM's RAM and the hypervisor. Checked first, then done: ERR_FAULT copies
 * nothing. Any hart.
 */
enum err guest_read(const struct vm *vm, void *dst, gpa_t src, uint64_t len) MUST_CHECK;
enum err guest_write(const struct vm *vm, gpa_t dst, const void *src, uint64_t len) MUST_CHECK;

/* From one VM's RAM to another's (or the same), each byte moved once. ERR_FAULT copies nothing. */
enum err guest_copy(const struct vm *to, gpa_t dst, const struct vm *from, gpa_t src,
                    uint64_t len) MUST_CHECK;

#endif
