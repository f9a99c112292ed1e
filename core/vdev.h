/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How core makes the device models of a VM without knowing them: platform_init() enters const
 * tables of models (drivers/virtual/) into struct machine; core picks from them by kind, makes each
 * device at boot, resets it at every start of the VM and has it write its own node of the guest's
 * FDT.
 */
#ifndef CORE_VDEV_H
#define CORE_VDEV_H

#include "core/addr.h"
#include "core/err.h"
#include "core/machine.h"
#include "core/manifest.h"
#include "core/virq.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where every VM finds its interrupt controller, whatever the machine. */
#define VDEV_PLIC_BASE  0x0c000000ull /* 64 MiB */
#define VDEV_APLIC_BASE 0x0d000000ull /* 32 KiB */
#define VDEV_IMSIC_BASE 0x28000000ull /* interrupt file of vCPU i: base + i * PAGE_SIZE */
#define VDEV_SOURCES    1023u         /* wired sources that a VM can have: 1 .. 1023 */

struct vm;
struct vdev;

struct vdev_ops {
    /* To its power-on state, its interrupt line announced anew. No vCPU of the VM runs; after the
     * irqchip was reset, which forgets all lines. */
    void (*reset)(struct vdev *dev);

    /* Writes the device's node under the open node of fdt (soc: 2 address cells, 2 size cells). */
    enum err (*fdt_node)(const struct vdev *dev, void *fdt);

    /* NULL: it has no power key. Presses it, which the guest hears now, later or never. Any hart;
     * the coordinator's lock is held, and no other. */
    void (*press_power)(struct vdev *dev);
};

/* Embedded first in the model's own structure. */
struct vdev {
    const struct vdev_ops *ops;
    struct vdev *next;
};

struct vdev_model {
    enum vdev_kind kind;

    /*
     * Makes the device config describes: storage from the pool, its registers on vm->bus, its
     * source claimed at vm->irqchip (exists already). At boot. On error *why names the cause.
     */
    struct vdev *(*create)(struct vm *vm, const struct vdev_config *config, const char **why);
};

struct irqchip_model {
    enum irqchip_kind kind; /* IRQCHIP_AIA or IRQCHIP_PLIC */

    /*
     * The vCPUs must have interrupt files. Core sees to that before create(): for each vCPU
     * arch_vcpu_msi_page(), and a REGION_MSI / MAP_DEVICE page at VDEV_IMSIC_BASE + index *
     * PAGE_SIZE, or, as the manifest's memory_files has it, arch_vcpu_file(); and vm->has_imsic.
     * Where a hart has no file left, IRQCHIP_BEST falls back to the PLIC.
     */
    bool needs_files;

    /* Makes the VM's chip at its fixed address, sources 1 .. source_count, none claimed. The vCPUs
     * exist. At boot; NULL: no memory, or no room on the bus. */
    struct virqchip *(*create)(struct vm *vm, uint32_t source_count);
};

/* NULL: no such model. */
static inline const struct vdev_model *vdev_model_find(enum vdev_kind kind)
{
    for (uint32_t i = 0; i < machine.vdev_model_count; i++) {
        if (machine.vdev_models[i].kind == kind) {
            return &machine.vdev_models[i];
        }
    }
    return NULL;
}

/* NULL: no such model. kind is not IRQCHIP_BEST. */
static inline const struct irqchip_model *irqchip_model_find(enum irqchip_kind kind)
{
    for (uint32_t i = 0; i < machine.irqchip_model_count; i++) {
        if (machine.irqchip_models[i].kind == kind) {
            return &machine.irqchip_models[i];
        }
    }
    return NULL;
}

/*
 * Presses the power key of the VM whose list this is; false: it has none. The coordinator's lock is
 * held: a VM's devices are reset for its next life after the coordinator, under that lock, was told
 * that it has stopped, so that a press is never of the next life.
 */
static inline bool vdev_press_power(struct vdev *first)
{
    bool pressed = false;

    for (struct vdev *dev = first; dev != NULL; dev = dev->next) {
        if (dev->ops->press_power != NULL) {
            dev->ops->press_power(dev);
            pressed = true;
        }
    }
    return pressed;
}

#endif
