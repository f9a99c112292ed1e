/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the registers of this guest's APLIC and PLIC are [AIA 1.0 ch. 4; PLIC 1.0]. */
#ifndef GUESTS_LIB_IRQ_REGS_H
#define GUESTS_LIB_IRQ_REGS_H

#include "guests/lib/board.h"

#include <stdint.h>

/* Of an APLIC, from its start. */
#define APLIC_DOMAINCFG 0x0000u
#define APLIC_SETIE     0x1e00u
#define APLIC_SETIENUM  0x1edcu
#define APLIC_CLRIENUM  0x1fdcu
#define APLIC_SETIPNUM  0x2000u /* little endian */

static inline uint64_t aplic_sourcecfg(uint32_t source)
{
    return board.aplic.start + 4ull * source;
}

static inline uint64_t aplic_target(uint32_t source)
{
    return board.aplic.start + 0x3000u + 4ull * source;
}

static inline uint64_t plic_priority(uint32_t source)
{
    return board.plic.start + 4ull * source;
}

/* The word of a hart's enables that source is in, as bit source % 32. */
static inline uint64_t plic_enables(uint32_t hart_index, uint32_t source)
{
    return board.plic.start + 0x2000u + 0x80ull * board.harts[hart_index].plic_context +
           source / 32u * 4ull;
}

static inline uint64_t plic_threshold(uint32_t hart_index)
{
    return board.plic.start + 0x200000u + 0x1000ull * board.harts[hart_index].plic_context;
}

/* Claims as it is read, completes as it is written. */
static inline uint64_t plic_claim(uint32_t hart_index)
{
    return plic_threshold(hart_index) + 4u;
}

#endif
