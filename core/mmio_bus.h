/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Emulated devices of one VM by guest-physical address. Filled when the VM is built; looked up by
 * its harts without a lock. A device guards its own state.
 */
#ifndef CORE_MMIO_BUS_H
#define CORE_MMIO_BUS_H

#include "core/addr.h"
#include "core/err.h"

#include <stdint.h>

struct vcpu;
struct mmio_dev;

/*
 * offset is from the device's base, offset + width within its size; width is 1, 2, 4 or 8 bytes and
 * may be misaligned. An error is an access fault in the guest (a width or place that the device
 * does not have), but for ERR_BUSY: not now, the guest makes the access once more when it next
 * runs. Values are the low width bytes, little endian, the rest is ignored.
 */
struct mmio_ops {
    enum err (*read)(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset, uint32_t width,
                     uint64_t *value);
    enum err (*write)(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset, uint32_t width,
                      uint64_t value);
};

struct mmio_dev {
    gpa_t base;
    uint64_t size;
    const struct mmio_ops *ops;
};

struct mmio_bus {
    uint32_t count;
    uint32_t capacity;
    struct mmio_dev **devs; /* sorted by base, disjoint */
};

/* Storage for capacity devices from the pool. */
enum err mmio_bus_init(struct mmio_bus *bus, uint32_t capacity) MUST_CHECK;

/* ERR_EXISTS: overlaps another; ERR_NO_MEMORY: full. At boot only. */
enum err mmio_bus_add(struct mmio_bus *bus, struct mmio_dev *dev) MUST_CHECK;

/* ERR_NOT_FOUND: no device holds all of [addr, addr + width). */
enum err mmio_bus_read(const struct mmio_bus *bus, struct vcpu *vcpu, gpa_t addr, uint32_t width,
                       uint64_t *value) MUST_CHECK;
enum err mmio_bus_write(const struct mmio_bus *bus, struct vcpu *vcpu, gpa_t addr, uint32_t width,
                        uint64_t value) MUST_CHECK;

#endif
