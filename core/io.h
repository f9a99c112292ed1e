/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device registers. Accesses to one device are kept in order by the volatile and by the I/O region;
 * order between memory and a device is made with arch_io_fence().
 */
#ifndef CORE_IO_H
#define CORE_IO_H

#include <stdint.h>

static inline uint32_t io_read32(const volatile void *base, uint64_t offset)
{
    return *(const volatile uint32_t *)((const volatile char *)base + offset);
}

static inline void io_write32(volatile void *base, uint64_t offset, uint32_t value)
{
    *(volatile uint32_t *)((volatile char *)base + offset) = value;
}

static inline uint8_t io_read8(const volatile void *base, uint64_t offset)
{
    return *((const volatile uint8_t *)base + offset);
}

static inline void io_write8(volatile void *base, uint64_t offset, uint8_t value)
{
    *((volatile uint8_t *)base + offset) = value;
}

#endif
