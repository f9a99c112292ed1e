/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one root structure. Filled while the machine is built, by the boot hart; constant after that
 * but for what carries its own lock.
 */
#ifndef CORE_MACHINE_H
#define CORE_MACHINE_H

#include "core/board.h"
#include "core/bundle.h"
#include "core/hart.h"
#include "core/irqchip.h"
#include "core/manifest.h"

#include <stdint.h>

struct vm;
struct ipc;
struct vdev_model;
struct irqchip_model;

struct machine {
    struct board board;
    struct bundle bundle;
    struct manifest manifest;
    struct irqchip irqchip;
    const struct irqchip_model *irqchip_models; /* core/vdev.h; entered by platform_init() */
    const struct vdev_model *vdev_models;
    uint32_t irqchip_model_count, vdev_model_count;
    uint64_t timebase_hz;
    uint64_t boot_ticks; /* when the boot hart came: 0 of all times that are shown */
    uint32_t hart_count;
    struct hart **harts; /* by index; the port fills them */
    bool kicks_together; /* a kick of several harts is one message, and dear; the port says so */
    uint32_t vm_count;
    struct vm **vms; /* by index, as in the manifest */
    struct ipc *ipc;
};

extern struct machine machine;

/* Are kicks for these (bit i: the i-th) gathered for hart_kick_all()? */
static inline bool machine_kicks_together(uint64_t targets)
{
    return machine.kicks_together && (targets & (targets - 1)) != 0;
}

static inline uint64_t ticks_to_ns(uint64_t ticks)
{
    uint64_t hz = machine.timebase_hz;

    return ticks / hz * 1000000000u + ticks % hz * 1000000000u / hz;
}

/*
 * Finds the interrupt controller and the device models and enters them above. Boot hart; board and
 * harts exist, devices can be mapped; before the other harts start and before machine_build().
 * Implemented by platforms/. On error *why says what is wrong and how to mend it.
 */
enum err platform_init(const char **why) MUST_CHECK;

/*
 * Builds everything the manifest says: VMs, vCPUs, devices, channels; then starts the VMs whose
 * manifest says so. Boot hart; harts exist, board and arena are there. Ends in boot_fail() with
 * every finding told if it cannot.
 */
void machine_build(void);

#endif
