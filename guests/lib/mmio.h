/* SPDX-License-Identifier: BSD-2-Clause */
/* Device registers, ordered against everything before and after. */
#ifndef GUESTS_LIB_MMIO_H
#define GUESTS_LIB_MMIO_H

#include <stdint.h>

static inline uint32_t mmio_read32(uint64_t at)
{
    uint32_t value;

    __asm__ volatile("fence iorw, iorw\n\tlwu %0, 0(%1)\n\tfence iorw, iorw"
                     : "=r"(value)
                     : "r"(at)
                     : "memory");
    return value;
}

static inline void mmio_write32(uint64_t at, uint32_t value)
{
    __asm__ volatile("fence iorw, iorw\n\tsw %0, 0(%1)\n\tfence iorw, iorw"
                     :
                     : "r"(value), "r"(at)
                     : "memory");
}

static inline uint8_t mmio_read8(uint64_t at)
{
    uint64_t value;

    __asm__ volatile("fence iorw, iorw\n\tlbu %0, 0(%1)\n\tfence iorw, iorw"
                     : "=r"(value)
                     : "r"(at)
                     : "memory");
    return (uint8_t)value;
}

static inline void mmio_write8(uint64_t at, uint8_t value)
{
    __asm__ volatile("fence iorw, iorw\n\tsb %0, 0(%1)\n\tfence iorw, iorw"
                     :
                     : "r"(value), "r"(at)
                     : "memory");
}

#endif
