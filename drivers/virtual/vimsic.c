/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page of an interrupt file [AIA 3.5]: a store of an identity to its first word makes that
 * pending. It reads as zero, and the word for big-endian stores, which a file need not have, does
 * nothing. No state, no lock: the files are the port's.
 */
#include "drivers/virtual/vimsic.h"

#include "core/machine.h"
#include "core/mmio_bus.h"
#include "core/pagepool.h"
#include "core/vdev.h"
#include "core/vm.h"

#include <stdalign.h>
#include <stddef.h>

#define SETEIPNUM_LE 0u

static enum err vimsic_read(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset,
                            uint32_t width, uint64_t *value)
{
    (void)dev;
    (void)vcpu;
    *value = 0;
    return width == 4 && (offset & 3u) == 0 ? ERR_OK : ERR_FAULT;
}

static enum err vimsic_write(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset,
                             uint32_t width, uint64_t value)
{
    (void)dev;
    if (width != 4 || (offset & 3u) != 0) {
        return ERR_FAULT;
    }
    if (offset % PAGE_SIZE == SETEIPNUM_LE && value <= machine.irqchip.guest_ids) {
        arch_vcpu_msi(vcpu->vm->vcpus[offset / PAGE_SIZE], (uint32_t)value);
    }
    return ERR_OK;
}

static const struct mmio_ops vimsic_ops = {vimsic_read, vimsic_write};

enum err vimsic_create(struct vm *vm)
{
    struct mmio_dev *dev;

    if (vm->config->memory_files == 0) {
        return ERR_OK;
    }
    dev = pool_alloc(sizeof(*dev), alignof(struct mmio_dev));
    if (dev == NULL) {
        return ERR_NO_MEMORY;
    }
    *dev =
        (struct mmio_dev){gpa(VDEV_IMSIC_BASE), (uint64_t)vm->vcpu_count * PAGE_SIZE, &vimsic_ops};
    return mmio_bus_add(&vm->bus, dev);
}
