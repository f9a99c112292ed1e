/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the arrows meet: what the FDT names is wired to drivers, and the device models that VMs may
 * have are entered for core to pick from. No lock: the boot hart alone.
 */
#include "platforms/platform.h"

#include "core/machine.h"
#include "core/vdev.h"
#include "drivers/virtual/vaplic.h"
#include "drivers/virtual/vplic.h"
#include "drivers/virtual/vuart.h"

static const struct irqchip_model irqchip_models[] = {
    {.kind = IRQCHIP_AIA, .needs_files = true, .create = vaplic_create},
    {.kind = IRQCHIP_PLIC, .needs_files = false, .create = vplic_create},
};

static const struct vdev_model vdev_models[] = {
    {.kind = VDEV_UART, .create = vuart_create},
};

enum err platform_init(const char **why)
{
    machine.irqchip_models = irqchip_models;
    machine.irqchip_model_count = ARRAY_SIZE(irqchip_models);
    machine.vdev_models = vdev_models;
    machine.vdev_model_count = ARRAY_SIZE(vdev_models);
    return platform_find_irqchip(why);
}
