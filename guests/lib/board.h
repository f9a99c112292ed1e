/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest's FDT says, read once at the start and constant from then on.
 */
#ifndef GUESTS_LIB_BOARD_H
#define GUESTS_LIB_BOARD_H

#include "guests/lib/hart.h"

#define BOARD_CHANNELS 64u
#define BOARD_NAME_MAX 32u
#define BOARD_MEMORIES 4u
#define BOARD_REGIONS  4u

struct board_range {
    uint64_t start, size; /* size 0: not there */
};

struct board_irq {
    uint32_t source; /* 0: none */
    uint32_t type;   /* as Linux has it: 1 rising, 2 falling, 4 high, 8 low; 0: not told */
};

struct board_hart_info {
    uint64_t id;
    uint32_t intc;  /* phandle of its interrupt controller */
    uint64_t imsic; /* address of its interrupt file; 0: none */
    uint32_t plic_context;
};

struct board_channel {
    char label[BOARD_NAME_MAX];
    char peer[BOARD_NAME_MAX];
    uint32_t end;
    bool send, receive;
    struct board_irq irq;
};

struct board_region {
    char label[BOARD_NAME_MAX];
    struct board_range range;
    bool read_only;
};

struct board {
    const void *fdt;
    uint32_t hart_count; /* those that GUEST_HARTS has room for */
    uint32_t boot_index;
    struct board_hart_info harts[GUEST_HARTS];
    uint32_t timebase_hz;
    bool sstc;
    uint32_t memory_count;
    struct board_range memory[BOARD_MEMORIES];
    struct board_range aplic, plic, uart, key, rtc;
    uint32_t imsic_ids; /* identities of an interrupt file; 0: no AIA */
    uint32_t sources;
    struct board_irq uart_irq, key_irq, rtc_irq;
    const char *bootargs; /* "" when there are none */
    bool curia;           /* /curia is there */
    const char *vm_name;
    struct board_irq power_irq;
    uint32_t channel_count;
    struct board_channel channels[BOARD_CHANNELS];
    uint32_t region_count;
    struct board_region regions[BOARD_REGIONS];
};

extern struct board board;

/* Fills in board; panics when the FDT is none. Called before guest_main(). */
void board_read(const void *fdt, uint64_t boot_hart);

/* NULL: no end of that label. */
const struct board_channel *board_channel(const char *label);

/* The value of "key=value" in bootargs into value[size]; false: not there. */
bool board_arg(const char *key, char *value, uint32_t size);
uint64_t board_arg_number(const char *key, uint64_t fallback);

#endif
