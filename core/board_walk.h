/* SPDX-License-Identifier: BSD-2-Clause */
/* What board.c and board_walk.c share while they read the host's FDT; nobody else includes it. */
#ifndef CORE_BOARD_WALK_H
#define CORE_BOARD_WALK_H

#include "core/board.h"
#include "core/fdt.h"

#include <stdbool.h>
#include <stdint.h>

#define WALK_DEPTH 8u /* nodes further down are on buses that the harts do not address */

enum {
    P_ADDRESS_CELLS,
    P_SIZE_CELLS,
    P_BOOTARGS,
    P_COMPATIBLE,
    P_DEVICE_TYPE,
    P_INTERRUPT_CELLS,
    P_INTERRUPT_CONTROLLER,
    P_INTERRUPT_PARENT,
    P_INTERRUPTS,
    P_INTERRUPTS_EXTENDED,
    P_INITRD_END,
    P_INITRD_START,
    P_LINUX_PHANDLE,
    P_MMU_TYPE,
    P_MODEL,
    P_PHANDLE,
    P_RANGES,
    P_REG,
    P_RNG_SEED,
    P_CBOM_SIZE,
    P_CBOZ_SIZE,
    P_ISA,
    P_ISA_EXTENSIONS,
    P_STATUS,
    P_STDOUT_PATH,
    P_TIMEBASE,
    PROP_COUNT
};

enum bus_kind {
    BUS_PLAIN,
    BUS_CPUS,
    BUS_CPU,
    BUS_RESERVED, /* /reserved-memory */
    BUS_SKIPPED,  /* disabled, or nothing in it is a device */
};

/* A node that is open; its children's registers go up through it. */
struct frame {
    enum bus_kind kind;
    uint32_t address_cells, size_cells;
    uint32_t interrupt_parent;
    int ranges_len; /* bytes; negative: no ranges, children cannot be addressed */
    const fdt32_t *ranges;
};

struct value {
    const void *data; /* NULL: the node does not have it */
    int len;
};

/* Property names are known by their place among the strings, once they were looked at. */
#define NAME_CACHE 64u

struct known_name {
    uint32_t nameoff;
    uint32_t prop_plus_1; /* 0: this entry is free */
};

struct walk {
    struct board *board;
    const char *why;
    uint32_t device_capacity, hart_capacity;
    uint32_t depth;  /* of the open node; the root is 1 */
    bool props_open; /* its properties are still coming */
    int node;
    const char *name;
    uint32_t reserved_count; /* /reserved-memory: taken out when all RAM is known */
    struct board_reg reserved[RAM_RANGES];
    struct value stdout_path;
    struct known_name names[NAME_CACHE];
    struct frame frames[WALK_DEPTH + 1u]; /* by depth */
    struct value props[PROP_COUNT];
};

/* Goes through every tag once and fills the board's tables; w->why says what is wrong. */
void board_walk(struct walk *w);

#endif
