/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the device model that answers at a guest address. The table is sorted and constant once the
 * VM runs: no lock.
 */
#include "core/mmio_bus.h"

#include "core/pagepool.h"

#include <stdalign.h>
#include <stddef.h>

enum err mmio_bus_init(struct mmio_bus *bus, uint32_t capacity)
{
    bus->count = 0;
    bus->capacity = capacity;
    bus->devs = pool_alloc(capacity * sizeof(struct mmio_dev *), alignof(struct mmio_dev *));
    return bus->devs != NULL || capacity == 0 ? ERR_OK : ERR_NO_MEMORY;
}

enum err mmio_bus_add(struct mmio_bus *bus, struct mmio_dev *dev)
{
    uint32_t at = bus->count;

    if (!range_valid(dev->base.v, dev->size)) {
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < bus->count; i++) {
        if (range_overlaps(bus->devs[i]->base.v, bus->devs[i]->size, dev->base.v, dev->size)) {
            return ERR_EXISTS;
        }
    }
    if (bus->count == bus->capacity) {
        return ERR_NO_MEMORY;
    }
    for (; at > 0 && bus->devs[at - 1]->base.v > dev->base.v; at--) {
        bus->devs[at] = bus->devs[at - 1];
    }
    bus->devs[at] = dev;
    bus->count++;
    return ERR_OK;
}

static struct mmio_dev *mmio_bus_find(const struct mmio_bus *bus, uint64_t addr, uint32_t width)
{
    uint32_t low = 0;
    uint32_t high = bus->count;

    while (low < high) {
        uint32_t mid = (low + high) / 2;
        struct mmio_dev *dev = bus->devs[mid];

        if (addr < dev->base.v) {
            high = mid;
        } else if (addr - dev->base.v >= dev->size) {
            low = mid + 1;
        } else {
            return width <= dev->size - (addr - dev->base.v) ? dev : NULL;
        }
    }
    return NULL;
}

enum err mmio_bus_read(const struct mmio_bus *bus, struct vcpu *vcpu, gpa_t addr, uint32_t width,
                       uint64_t *value)
{
    struct mmio_dev *dev = mmio_bus_find(bus, addr.v, width);

    if (dev == NULL) {
        return ERR_NOT_FOUND;
    }
    return dev->ops->read(dev, vcpu, addr.v - dev->base.v, width, value);
}

enum err mmio_bus_write(const struct mmio_bus *bus, struct vcpu *vcpu, gpa_t addr, uint32_t width,
                        uint64_t value)
{
    struct mmio_dev *dev = mmio_bus_find(bus, addr.v, width);

    if (dev == NULL) {
        return ERR_NOT_FOUND;
    }
    return dev->ops->write(dev, vcpu, addr.v - dev->base.v, width, value);
}
