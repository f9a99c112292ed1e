/* SPDX-License-Identifier: BSD-2-Clause */
/* What board.c and board_walk.c share while they read the host's FDT; nobody else includes it. */
#ifndef CORE_BOARD_WALK_H
#define CORE_BOARD_WALK_H

#include "core/board.h"
#include "core/fdt.h"

#include <stdbool.h>
#include <stdint.h>

#define WALK_DEPTH 8u /* nodes further down are on buses that the harts do not address */

enum prop {
    P_ADDRESS_CELLS,
    P_SIZE_CELLS,
    P_BOOTARGS,
    P_COMPATIBLE,
    P_DEVICE_TYPE,
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
    BUS_SKIPPED, /* disabled, or nothing in it is a device */
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

struct walk {
    struct board *board;
    const char *why;
    uint32_t device_capacity, hart_capacity;
    uint32_t depth;   /* of the open node; the root is 1 */
    bool props_open;  /* its properties are still coming */
    int node;
    const char *name;
    int reserved; /* offset of /reserved-memory, negative: none */
    struct value stdout_path;
    struct frame frames[WALK_DEPTH + 1u]; /* by depth */
    struct value props[PROP_COUNT];
};

/* Goes through every tag once and fills the board's tables; w->why says what is wrong. */
void board_walk(struct walk *w);

/* Range index of a node's reg, within the bus at depth; false: there is no such, or no address. */
bool board_walk_reg(const struct walk *w, const struct value *reg, uint32_t bus, uint32_t index,
                    struct board_reg *out);

#endif
