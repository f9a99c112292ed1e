/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What device models with one range of registers and one level source share: their making, and the
 * head of their node in the guest's FDT.
 */
#ifndef DRIVERS_VIRTUAL_PLACE_H
#define DRIVERS_VIRTUAL_PLACE_H

#include "core/mmio_bus.h"
#include "core/vdev.h"

#include <stdint.h>

struct vdev_type {
    struct vdev_ops vdev; /* first: leads from a device to its type */
    struct mmio_ops mmio;
    uint32_t bytes;         /* of the model's structure */
    uint32_t register_size; /* bytes */
    const char *name;       /* of its node, without the address */
    const char *compatible;
};

/* Embedded first in the model's own structure. Constant after boot. */
struct vdev_place {
    struct vdev vdev; /* first */
    struct mmio_dev dev;
    struct virqchip *chip;
    uint32_t source;
};

/* For vdev_model.create(): the model's structure, zeroed, in its place. NULL: *why. */
void *vdev_make(const struct vdev_type *type, struct vm *vm, const struct vdev_config *config,
                const char **why);

/* Opens the node and writes compatible, reg and interrupts. 0, or an error for fdt_put_result(). */
int vdev_begin_node(const struct vdev *vdev, void *fdt);

#endif
