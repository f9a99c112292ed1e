/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the host's FDT says, walked once into tables (searches in the blob cost half a million
 * instructions each). Strings and property data point into the blob, which stays mapped read-only.
 */
#ifndef CORE_BOARD_H
#define CORE_BOARD_H

#include "core/err.h"
#include "core/ram.h"

#include <stdbool.h>
#include <stdint.h>

#define BOARD_DEVICE_REGS 4u
#define BOARD_DEVICE_IRQS 8u

struct board_hart {
    uint64_t id;
    int node;        /* offset in the blob */
    const char *isa; /* riscv,isa-extensions is a string list; riscv,isa one string */
    uint32_t isa_len;
    bool isa_is_list;
    const char *mmu; /* mmu-type or NULL */
    uint32_t intc_phandle;
    uint32_t cboz_block, cbom_block; /* bytes, 0: none */
};

struct board_irq {
    uint32_t parent; /* phandle of the controller */
    uint32_t source;
    uint32_t trigger; /* enum irq_trigger; level high where the controller has one cell */
};

struct board_reg {
    uint64_t start, size;
};

/* Any node that has a compatible and a reg. */
struct board_device {
    const char *path_tail; /* node name */
    int node;
    const char *compatible; /* string list */
    uint32_t compatible_len;
    uint32_t phandle;
    uint32_t interrupt_cells; /* of an interrupt controller; 0: it is none */
    uint32_t reg_count, irq_count;
    bool more; /* it has more of either than is kept here */
    struct board_reg regs[BOARD_DEVICE_REGS];
    struct board_irq
        irqs[BOARD_DEVICE_IRQS]; /* interrupts or interrupts-extended (not cpu intcs) */
};

struct board {
    const void *fdt;
    uint32_t fdt_size;
    const char *model;
    uint64_t timebase_hz;
    uint32_t hart_count;
    struct board_hart *harts;
    uint32_t device_count;
    struct board_device *devices;
    uint32_t guest_files; /* IMSIC guest files a hart, at most; core/init.c knows what there is */
    bool imsic;           /* has it an IMSIC? likewise */
    struct ram ram;       /* memory nodes less reserved-memory and /memreserve/ */
    struct board_reg bundle; /* /chosen linux,initrd-start .. end; size 0: none */
    const char *bootargs;    /* /chosen bootargs or NULL */
    const void *rng_seed;    /* /chosen rng-seed, or NULL */
    uint32_t rng_seed_len;
    const struct board_device *stdout_dev; /* /chosen stdout-path, NULL: none or unknown */
};

/*
 * Reads fdt (checked here, in full, once). Storage from the pool. On error *why says what is wrong
 * and how to mend it.
 */
enum err board_read(struct board *board, const void *fdt, const char **why) MUST_CHECK;

/* First device compatible with name, after prev (NULL: from the start). NULL: none. */
const struct board_device *board_find(const struct board *board, const char *compatible,
                                      const struct board_device *prev);

/* By full path ("/soc/rtc@101000") or alias. NULL: none. Walks the blob; not for hot paths. */
const struct board_device *board_by_path(const struct board *board, const char *path);

bool board_is(const struct board_device *dev, const char *compatible);

/* A big-endian u32 property of a device's node, or fallback where it has none. */
uint32_t board_u32(const struct board *board, const struct board_device *dev, const char *name,
                   uint32_t fallback);

/*
 * Several of those, each into what is named with it, which keeps its value where there is none: in
 * one pass over the node's properties, as the search for one is a pass.
 */
struct board_cell {
    const char *name;
    uint32_t *value;
};
void board_cells(const struct board *board, const struct board_device *dev,
                 const struct board_cell *cells, uint32_t count);

#endif
