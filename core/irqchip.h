/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's own interrupt controller, as core and the device models use it. A driver fills the
 * operations (drivers/plic.c, drivers/aplic.c); platforms/ wires it to what the FDT says.
 */
#ifndef CORE_IRQCHIP_H
#define CORE_IRQCHIP_H

#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct hart;
struct vcpu;
struct host_irq;

enum irq_trigger {
    IRQ_EDGE_RISING = 1, /* numbers of the FDT binding */
    IRQ_EDGE_FALLING = 2,
    IRQ_LEVEL_HIGH = 4,
    IRQ_LEVEL_LOW = 8,
};

static inline bool irq_is_level(enum irq_trigger t)
{
    return t == IRQ_LEVEL_HIGH || t == IRQ_LEVEL_LOW;
}

/*
 * One wired interrupt source. handler runs on irq->hart with no lock held; a level source stays
 * masked from then on until irqchip complete() is called for it (any hart).
 */
struct host_irq {
    uint32_t source; /* the controller's number, from 1 */
    enum irq_trigger trigger;
    struct hart *hart;
    void (*handler)(struct host_irq *irq);

    uint32_t relay;   /* the driver's: how it is known on hart when it is for a guest; 0: not yet */
    uint32_t home;    /* the driver's, from wake_on() to wake_off(): where it goes ... */
    uint16_t wake_id; /* ... and how it is known meanwhile */
    uint8_t sleep;    /* core/power_commit.c's */
};

struct irqchip_ops {
    /* Own hart, as it comes up: takes what belongs to this hart in hand, for firmware that starts a
     * hart may have reset it after attach(). NULL: nothing to do. */
    void (*hart_init)(struct hart *hart);

    /* Own hart: an external interrupt is pending; claims and dispatches all there are. NULL where
     * wired interrupts reach the hypervisor as MSIs. */
    void (*handle)(struct hart *hart);

    /* To the hypervisor, on irq->hart; left disabled. ERR_NOT_SUPPORTED, as in route_guest(): the
     * source is not ours, or cannot be triggered so. */
    enum err (*attach)(struct host_irq *irq);
    void (*enable)(struct host_irq *irq);
    void (*disable)(struct host_irq *irq);
    bool (*enabled)(const struct host_irq *irq);
    void (*complete)(struct host_irq *irq);

    /*
     * Sends the source, as MSI eiid, straight into the interrupt file of vcpu (eiid 0 goes
     * nowhere); vcpu NULL: no more, what is pending is forgotten. Enabled and disabled as before;
     * while disabled it becomes pending. To a vCPU whose file is in memory it goes by way of
     * irq->hart, where irq->handler runs for each MSI; the first such call is made at boot.
     * ERR_NO_MEMORY. NULL where the machine cannot.
     */
    enum err (*route_guest)(struct host_irq *irq, struct vcpu *vcpu, uint32_t eiid);

    /* For a routed source: as if software set it pending; a level source sends its MSI again if it
     * is still asserted. The others likewise read and clear its state. NULL with the above. */
    void (*retrigger)(struct host_irq *irq);
    void (*clear)(struct host_irq *irq);
    bool (*pending)(const struct host_irq *irq);
    bool (*asserted)(const struct host_irq *irq); /* the rectified input */

    /*
     * Around a sleep of the machine, on the one hart that does not stop, of a source that is
     * attached or routed. On: it goes to that hart instead of where it went, as number n, from 0,
     * of those that do; nobody handles it there. It is disabled meanwhile. ERR_NOT_SUPPORTED,
     * ERR_NO_MEMORY: it cannot. Off: it goes where it went; what has come meanwhile does, too, now
     * or when it is enabled. Has anything come?
     */
    enum err (*wake_on)(struct host_irq *irq, const struct hart *hart, uint32_t n);
    bool (*wake_off)(struct host_irq *irq, const struct hart *hart);
};

struct irqchip {
    const struct irqchip_ops *ops; /* NULL: the machine has none that Curia knows */
    uint32_t phandle;              /* its node in the host's FDT: board_irq.parent of its sources */
    uint32_t source_count;         /* highest source number */
    uint32_t guest_files;          /* IMSIC guest files a hart; 0: none */
    uint32_t guest_ids;            /* highest interrupt identity of a guest file; 0: no IMSIC */
};

#endif
