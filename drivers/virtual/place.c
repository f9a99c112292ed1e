/* SPDX-License-Identifier: BSD-2-Clause */
/* See place.h. At boot, and constants after it: no lock. */
#include "drivers/virtual/place.h"

#include "core/pagepool.h"
#include "core/vm.h"
#include "drivers/virtual/fdt_put.h"

#include <stdalign.h>
#include <stddef.h>

void *vdev_make(const struct vdev_type *type, struct vm *vm, const struct vdev_config *config,
                const char **why)
{
    struct vdev_place *p = pool_alloc(type->bytes, alignof(uint64_t));

    if (p == NULL) {
        *why = POOL_USED_UP;
        return NULL;
    }
    p->vdev.ops = &type->vdev;
    p->dev = (struct mmio_dev){gpa(config->gpa), type->register_size, &type->mmio};
    p->chip = vm->irqchip;
    p->source = config->irq;
    *why = "a device's interrupt is taken or out of range, or its registers overlap another's";
    if (virq_claim(p->chip, p->source, IRQ_LEVEL_HIGH) != ERR_OK ||
        mmio_bus_add(&vm->bus, &p->dev) != ERR_OK) {
        return NULL;
    }
    return p;
}

int vdev_begin_node(const struct vdev *vdev, void *fdt)
{
    const struct vdev_place *p = container_of(vdev, const struct vdev_place, vdev);
    const struct vdev_type *type = container_of(vdev->ops, const struct vdev_type, vdev);
    int err = fdt_put_begin(fdt, type->name, p->dev.base.v);

    err |= fdt_put_string(fdt, "compatible", type->compatible);
    err |= fdt_put_reg(fdt, p->dev.base.v, p->dev.size);
    return err | (p->chip->ops->fdt_interrupts(p->chip, fdt, p->source) != ERR_OK);
}
