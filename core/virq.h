/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controller a VM sees. Sources are numbered from 1; each is either raised by a device
 * model (set_level), pulsed by Curia's own events (pulse), or stands for a host source that is passed
 * through. Implemented by drivers/virtual/vaplic.c and vplic.c.
 */
#ifndef CORE_VIRQ_H
#define CORE_VIRQ_H

#include "core/err.h"
#include "core/irqchip.h"

#include <stdbool.h>
#include <stdint.h>

struct vm;
struct virqchip;

struct virqchip_ops {
    /* Everything to its reset state; passed-through sources disabled at the host. No vCPU runs. */
    void (*reset)(struct virqchip *chip);

    /* The wire of a level source. Any hart, a device's lock may be held. */
    void (*set_level)(struct virqchip *chip, uint32_t source, bool level);

    /* One edge. Any hart, a device's or a channel's lock may be held; takes no lock itself if the
     * chip delivers by MSI (it is on the doorbell's path). */
    void (*pulse)(struct virqchip *chip, uint32_t source);

    /* Writes the controller's node(s) under the open node of fdt; phandle is the chip's. */
    enum err (*fdt_node)(struct virqchip *chip, void *fdt);

    /* Writes interrupt-parent and interrupts of one source into the open node of fdt. */
    enum err (*fdt_interrupts)(struct virqchip *chip, void *fdt, uint32_t source);
};

#define VIRQ_PHANDLE 1u /* of the VM's wired interrupt controller, in its FDT */

struct virqchip {
    const struct virqchip_ops *ops;
    struct vm *vm;
    uint32_t source_count;
};

/*
 * Declares what drives source: at boot, before the VM's first reset. host is NULL for one that Curia
 * raises; for a passed-through source it is embedded by the chip's model, which attaches it (and
 * then completes or routes it). ERR_EXISTS: taken; ERR_RANGE: beyond source_count.
 */
enum err virq_claim(struct virqchip *chip, uint32_t source, enum irq_trigger trigger) MUST_CHECK;
enum err virq_claim_host(struct virqchip *chip, uint32_t source, uint32_t host_source,
                         enum irq_trigger trigger) MUST_CHECK;

#endif
