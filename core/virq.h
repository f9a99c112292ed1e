/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controller a VM sees. Sources are numbered from 1; each is either raised by a
 * device model (set_level), pulsed by Curia's own events (pulse), or stands for a host source that
 * is passed through. Implemented by drivers/virtual/vaplic.c and vplic.c.
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
    /* Everything to its reset state, lines forgotten (the devices are reset next and tell them);
     * passed-through sources disabled at the host. No vCPU runs. */
    void (*reset)(struct virqchip *chip);

    /* The wire of a level source. Any hart, a device's lock may be held. */
    void (*set_level)(struct virqchip *chip, uint32_t source, bool level);

    /* One edge, of a claimed source. Any hart, a device's or a channel's lock may be held; takes no
     * lock itself if the chip delivers by MSI (it is on the doorbell's path). */
    void (*pulse)(struct virqchip *chip, uint32_t source);

    /* A host source that is on its way to the VM's chip has come by Curia: it goes on. On its hart;
     * no lock held. NULL: what comes by Curia is a wire, or an edge. */
    void (*relay)(struct virqchip *chip, uint32_t source);

    /* Takes over a source just claimed (chip->lines[source] is filled): readies its host source. */
    enum err (*claim)(struct virqchip *chip, uint32_t source);

    /* Writes the controller's node(s) under the open node of fdt; phandle is the chip's. */
    enum err (*fdt_node)(struct virqchip *chip, void *fdt);

    /* Writes interrupt-parent and interrupts of one source into the open node of fdt. */
    enum err (*fdt_interrupts)(struct virqchip *chip, void *fdt, uint32_t source);
};

#define VIRQ_PHANDLE     1u /* of the VM's wired interrupt controller, in its FDT */
#define VIRQ_MSI_PHANDLE 2u /* of its interrupt files, where vm->has_imsic */

/* A host source that stands behind a source of a VM; made by virq_claim_host(). */
struct virq_host {
    struct host_irq irq;
    struct virqchip *chip;
    uint32_t source;
};

struct virq_line {
    uint32_t trigger;       /* enum irq_trigger; 0: not claimed, so there is no such source */
    struct virq_host *host; /* NULL: driven by Curia */
};

struct virqchip {
    const struct virqchip_ops *ops;
    struct vm *vm;
    uint32_t source_count;
    struct virq_line *lines; /* by source, 0 unused; constant after boot */
};

/* Fills chip; for the constructors of chips. ERR_NO_MEMORY. */
enum err virqchip_init(struct virqchip *chip, const struct virqchip_ops *ops, struct vm *vm,
                       uint32_t source_count) MUST_CHECK;

/* Has source been claimed? False beyond source_count. */
static inline bool virq_claimed(const struct virqchip *chip, uint32_t source)
{
    return source <= chip->source_count && chip->lines[source].trigger != 0;
}

/*
 * Declares what drives source: at boot, before the VM's first reset; Curia (virq_claim) or the
 * host's source host_source, which the chip's model attaches, and then completes or routes (on the
 * hart of vCPU 0 until the guest says otherwise). ERR_EXISTS: taken; ERR_RANGE: 0 or beyond
 * source_count; ERR_INVALID: no such trigger; ERR_NO_MEMORY; ERR_NOT_SUPPORTED: the machine cannot.
 */
enum err virq_claim(struct virqchip *chip, uint32_t source, enum irq_trigger trigger) MUST_CHECK;
enum err virq_claim_host(struct virqchip *chip, uint32_t source, uint32_t host_source,
                         enum irq_trigger trigger) MUST_CHECK;

/*
 * For claim() of chips that deliver by MSI: can the machine send the host source behind source to
 * each of the VM's vCPUs? It goes nowhere as yet. Errors: those of route_guest().
 */
enum err virq_host_routes(struct virqchip *chip, uint32_t source) MUST_CHECK;

#endif
