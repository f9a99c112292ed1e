/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage-2 page tables [Priv, H "Two-Stage Address Translation"]: Sv39x4, growing to Sv48x4 when an
 * address asks for it and the hart has it. Pure: tables are memory that the caller's functions give
 * and translate, so that it runs on the host too. Fences and hgatp are the caller's.
 *
 * No lock: the caller sees to it that one hart at a time changes a stage 2. A walker may read it
 * meanwhile.
 */
#ifndef ARCH_RISCV_GSTAGE_H
#define ARCH_RISCV_GSTAGE_H

#include "core/addr.h"
#include "core/arch.h"
#include "core/err.h"

#include <stddef.h>
#include <stdint.h>

#define GSTAGE_ROOT_SIZE 16384u

/* Where tables come from. */
struct gstage_mem {
    void *(*alloc)(size_t size, size_t align); /* zeroed; NULL: none left */
    hpa_t (*to_hpa)(const void *table);
    void *(*from_hpa)(hpa_t table);
};

struct gstage {
    const struct gstage_mem *mem;
    uint64_t *root;      /* GSTAGE_ROOT_SIZE bytes, so aligned */
    uint32_t levels;     /* 3: Sv39x4, 41 bits of address; 4: Sv48x4, 50 bits */
    uint32_t max_levels; /* what every hart of the machine can do */
    uint32_t spare_count;
    uint64_t *spare; /* tables allocated for a map that then failed; linked by their first word */
};

/* An empty Sv39x4 stage 2. max_levels: 3 or 4. ERR_NO_MEMORY. */
enum err gstage_init(struct gstage *gs, const struct gstage_mem *mem,
                     uint32_t max_levels) MUST_CHECK;

/*
 * Maps [gpa, gpa + size) to [hpa, hpa + size) with the largest of 1 GiB, 2 MiB and 4 KiB pages that
 * alignment and length allow at each place. All or nothing: ERR_INVALID (not page aligned, empty,
 * wrapping), ERR_RANGE (beyond what the harts can translate), ERR_EXISTS (part of it is mapped),
 * ERR_NO_MEMORY. levels may have grown afterwards.
 */
enum err gstage_map(struct gstage *gs, gpa_t gpa, hpa_t hpa, uint64_t size,
                    enum map_attr attr) MUST_CHECK;

/*
 * Unmaps what is mapped in [gpa, gpa + size). A page is never split: ERR_INVALID, with nothing
 * changed, if one reaches out of the range; so unmap what was mapped. Tables stay for later maps.
 */
enum err gstage_unmap(struct gstage *gs, gpa_t gpa, uint64_t size) MUST_CHECK;

/* Where the page that holds addr leads. */
struct gstage_page {
    hpa_t hpa;     /* of addr itself */
    uint64_t pte;  /* the leaf */
    uint64_t size; /* of the page */
};

/* ERR_NOT_FOUND: not mapped. */
enum err gstage_find(const struct gstage *gs, gpa_t addr, struct gstage_page *out) MUST_CHECK;

/* For hgatp, the VMID left 0. */
uint64_t gstage_hgatp(const struct gstage *gs);

#endif
