/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage-2 page tables, see gstage.h. A map is prepared (checked, and every table it needs
 * allocated) before its first entry is written, so that the writing cannot fail.
 */
#include "arch/riscv/gstage.h"

#include "arch/riscv/csr_bits.h"

#include <stdatomic.h>
#include <string.h>

#define PTE_V         0x01ull
#define PTE_R         0x02ull
#define PTE_W         0x04ull
#define PTE_X         0x08ull
#define PTE_U         0x10ull /* stage 2 is walked as if by U-mode [Priv, H "Guest-Page Faults"] */
#define PTE_A         0x40ull /* set here, so that no hart ever has to */
#define PTE_D         0x80ull
#define PTE_PPN_SHIFT 10u
#define PTE_PPN       (((1ull << 44) - 1) << PTE_PPN_SHIFT)

#define TABLE_ENTRIES  512u
#define ROOT_ENTRIES   2048u
#define LEAF_LEVEL_MAX 2u /* 1 GiB */
#define HPA_BITS       56u

static unsigned int level_shift(uint32_t level)
{
    return PAGE_SHIFT + 9u * level;
}

static uint64_t level_size(uint32_t level)
{
    return 1ull << level_shift(level);
}

/* Addresses that levels levels translate: the root is four times as wide as a table. */
static uint64_t reach(uint32_t levels)
{
    return 4ull << level_shift(levels);
}

static bool is_leaf(uint64_t pte)
{
    return (pte & (PTE_R | PTE_W | PTE_X)) != 0;
}

static hpa_t pte_hpa(uint64_t pte)
{
    return hpa(((pte & PTE_PPN) >> PTE_PPN_SHIFT) << PAGE_SHIFT);
}

static uint64_t pte_make(hpa_t target, uint64_t bits)
{
    return ((target.v >> PAGE_SHIFT) << PTE_PPN_SHIFT) | bits | PTE_V;
}

/*
 * An entry is written whole, and after the table it points to: a hart that walks sees the old or
 * the new state, never a table with rubbish in it.
 */
static void pte_set(uint64_t *entry, uint64_t pte)
{
    atomic_thread_fence(memory_order_release);
    *(volatile uint64_t *)entry = pte;
}

/* The entry of table (the root if level is the highest) for addr. */
static uint64_t *entry_at(const struct gstage *gs, uint64_t *table, uint32_t level, uint64_t addr)
{
    uint32_t count = level == gs->levels - 1 ? ROOT_ENTRIES : TABLE_ENTRIES;

    return &table[(addr >> level_shift(level)) & (count - 1)];
}

/* Walks from the root towards level to; stops at an entry that is no table. *level: where it is. */
static uint64_t *walk(const struct gstage *gs, uint64_t addr, uint32_t to, uint32_t *level)
{
    uint64_t *table = gs->root;
    uint32_t at = gs->levels - 1;

    for (;;) {
        uint64_t *entry = entry_at(gs, table, at, addr);

        if (at == to || (*entry & PTE_V) == 0 || is_leaf(*entry)) {
            *level = at;
            return entry;
        }
        table = gs->mem->from_hpa(pte_hpa(*entry));
        at--;
    }
}

/* The highest level at which a leaf can begin here. */
static uint32_t leaf_level(uint64_t gpa_at, uint64_t hpa_at, uint64_t left)
{
    uint32_t level = LEAF_LEVEL_MAX;

    while (level > 0 &&
           (!is_aligned(gpa_at | hpa_at, level_size(level)) || left < level_size(level))) {
        level--;
    }
    return level;
}

/*
 * The level of the leaf to put at gpa_at, and the entry that the walk ends at: that of the leaf, or
 * a higher one that is empty. A table that is in the way of a large leaf is used, as it holds or
 * held smaller ones.
 */
static uint64_t *place(const struct gstage *gs, uint64_t gpa_at, uint64_t hpa_at, uint64_t left,
                       uint32_t *leaf, uint32_t *found)
{
    uint32_t level = leaf_level(gpa_at, hpa_at, left);

    for (;;) {
        uint64_t *entry = walk(gs, gpa_at, level, found);

        if ((*entry & PTE_V) == 0 || is_leaf(*entry)) {
            *leaf = level;
            return entry;
        }
        level--;
    }
}

/* Puts at least count tables into gs->spare. On failure what was allocated stays there. */
static enum err prepare_tables(struct gstage *gs, uint32_t count)
{
    while (gs->spare_count < count) {
        uint64_t *table = gs->mem->alloc(PAGE_SIZE, PAGE_SIZE);

        if (table == NULL) {
            return ERR_NO_MEMORY;
        }
        *table = (uint64_t)(uintptr_t)gs->spare;
        gs->spare = table;
        gs->spare_count++;
    }
    return ERR_OK;
}

static uint64_t *take_table(struct gstage *gs)
{
    uint64_t *table = gs->spare;

    gs->spare = (uint64_t *)(uintptr_t)*table;
    gs->spare_count--;
    *table = 0;
    return table;
}

/* First pass of a map: is the range free, and how many tables will it take? */
static enum err map_check(const struct gstage *gs, uint64_t gpa_at, uint64_t hpa_at, uint64_t size,
                          uint32_t *tables)
{
    uint64_t counted_to[4] = {0}; /* by level: the end of the last missing table that was counted */
    uint64_t left = size;

    *tables = 0;
    while (left != 0) {
        uint32_t leaf, found;
        const uint64_t *entry = place(gs, gpa_at, hpa_at, left, &leaf, &found);

        if ((*entry & PTE_V) != 0) {
            return ERR_EXISTS;
        }
        for (uint32_t level = leaf; level < found; level++) {
            uint64_t covers = level_size(level + 1);

            if (gpa_at >= counted_to[level]) {
                counted_to[level] = align_down(gpa_at, covers) + covers;
                *tables += 1;
            }
        }
        gpa_at += level_size(leaf);
        hpa_at += level_size(leaf);
        left -= level_size(leaf);
    }
    return ERR_OK;
}

/* Second pass: cannot fail. */
static void map_commit(struct gstage *gs, uint64_t gpa_at, uint64_t hpa_at, uint64_t size,
                       uint64_t bits)
{
    uint64_t left = size;

    while (left != 0) {
        uint32_t leaf, found;
        uint64_t *entry = place(gs, gpa_at, hpa_at, left, &leaf, &found);

        while (found != leaf) {
            uint64_t *table = take_table(gs);

            pte_set(entry, pte_make(gs->mem->to_hpa(table), 0));
            found--;
            entry = entry_at(gs, table, found, gpa_at);
        }
        pte_set(entry, pte_make(hpa(hpa_at), bits));
        gpa_at += level_size(leaf);
        hpa_at += level_size(leaf);
        left -= level_size(leaf);
    }
}

/*
 * Sv39x4 to Sv48x4: the quarters of the old root are tables of the level that is now below the
 * root, and its first four entries point to them; nothing that was mapped moves.
 */
static enum err grow(struct gstage *gs)
{
    uint64_t *root = gs->mem->alloc(GSTAGE_ROOT_SIZE, GSTAGE_ROOT_SIZE);

    if (root == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < ROOT_ENTRIES / TABLE_ENTRIES; i++) {
        root[i] = pte_make(gs->mem->to_hpa(gs->root + i * TABLE_ENTRIES), 0);
    }
    gs->root = root;
    gs->levels++;
    return ERR_OK;
}

static uint64_t attr_bits(enum map_attr attr)
{
    switch (attr) {
    case MAP_RAM:
        return PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D;
    case MAP_RO:
        return PTE_R | PTE_U | PTE_A | PTE_D;
    case MAP_RW:
    case MAP_DEVICE: /* I/O by the PMAs; PBMT of stage 2 would not make it more so */
        return PTE_R | PTE_W | PTE_U | PTE_A | PTE_D;
    }
    return 0;
}

enum err gstage_init(struct gstage *gs, const struct gstage_mem *mem, uint32_t max_levels)
{
    *gs = (struct gstage){.mem = mem, .levels = 3, .max_levels = max_levels};
    gs->root = mem->alloc(GSTAGE_ROOT_SIZE, GSTAGE_ROOT_SIZE);
    return gs->root == NULL ? ERR_NO_MEMORY : ERR_OK;
}

enum err gstage_map(struct gstage *gs, gpa_t gpa_start, hpa_t hpa_start, uint64_t size,
                    enum map_attr attr)
{
    uint32_t tables;
    enum err e;

    if (!range_valid(gpa_start.v, size) || !range_valid(hpa_start.v, size) ||
        !is_aligned(gpa_start.v | hpa_start.v | size, PAGE_SIZE)) {
        return ERR_INVALID;
    }
    if (!range_within(gpa_start.v, size, 0, reach(gs->max_levels)) ||
        !range_within(hpa_start.v, size, 0, 1ull << HPA_BITS)) {
        return ERR_RANGE;
    }
    while (!range_within(gpa_start.v, size, 0, reach(gs->levels))) {
        e = grow(gs);
        if (e != ERR_OK) {
            return e;
        }
    }
    e = map_check(gs, gpa_start.v, hpa_start.v, size, &tables);
    if (e == ERR_OK) {
        e = prepare_tables(gs, tables);
    }
    if (e == ERR_OK) {
        map_commit(gs, gpa_start.v, hpa_start.v, size, attr_bits(attr));
    }
    return e;
}

enum err gstage_unmap(struct gstage *gs, gpa_t start, uint64_t size)
{
    uint64_t end = start.v + size;

    if (!range_valid(start.v, size) || !is_aligned(start.v | size, PAGE_SIZE) ||
        !range_within(start.v, size, 0, reach(gs->max_levels))) {
        return ERR_INVALID;
    }
    for (int pass = 0; pass < 2; pass++) {
        uint64_t at = start.v;

        while (at < end && at < reach(gs->levels)) {
            uint32_t level;
            uint64_t *entry = walk(gs, at, 0, &level);
            uint64_t page = align_down(at, level_size(level));

            if ((*entry & PTE_V) != 0) {
                if (page != at || level_size(level) > end - at) {
                    return ERR_INVALID; /* only in the first pass */
                }
                if (pass == 1) {
                    pte_set(entry, 0);
                }
            }
            at = page + level_size(level);
        }
    }
    return ERR_OK;
}

enum err gstage_find(const struct gstage *gs, gpa_t addr, struct gstage_page *out)
{
    uint32_t level;
    const uint64_t *entry;

    if (addr.v >= reach(gs->levels)) {
        return ERR_NOT_FOUND;
    }
    entry = walk(gs, addr.v, 0, &level);
    if ((*entry & PTE_V) == 0) {
        return ERR_NOT_FOUND;
    }
    *out = (struct gstage_page){
        .hpa = hpa_add(pte_hpa(*entry), addr.v & (level_size(level) - 1)),
        .pte = *entry,
        .size = level_size(level),
    };
    return ERR_OK;
}

uint64_t gstage_hgatp(const struct gstage *gs)
{
    uint64_t mode = gs->levels == 3 ? HGATP_MODE_SV39X4 : HGATP_MODE_SV48X4;

    return (mode << HGATP_MODE_SHIFT) | (gs->mem->to_hpa(gs->root).v >> PAGE_SHIFT);
}
