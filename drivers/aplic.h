/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A supervisor-level interrupt domain of the machine's APLIC [AIA 1.0 ch. 4], in MSI delivery mode
 * where harts have IMSICs, in direct mode otherwise.
 */
#ifndef DRIVERS_APLIC_H
#define DRIVERS_APLIC_H

#include "core/addr.h"
#include "core/err.h"
#include "core/irqchip.h"

#include <stdbool.h>
#include <stdint.h>

#define APLIC_NO_IDC UINT32_MAX

struct hart;
struct vcpu;

/* What MSIs need to know of the IMSICs, which are the port's. */
struct aplic_msi_ops {
    /* An identity of irq->hart's own file whose arrival runs irq->handler. */
    enum err (*attach)(struct host_irq *irq, uint32_t *eiid);
    uint32_t (*hart_index)(const struct hart *hart);
    uint32_t (*guest_index)(const struct vcpu *vcpu); /* 0: it has no file */

    /* Identity n, from 0, of hart's own file whose arrival runs nothing; 0: there is none. */
    uint32_t (*wake_id)(const struct hart *hart, uint32_t n);
    bool (*take)(uint32_t eiid); /* own hart: forgets it. Had it come? */
};

struct aplic_config {
    hpa_t base;
    uint64_t size;
    uint32_t source_count;           /* riscv,num-sources */
    const struct aplic_msi_ops *msi; /* NULL: direct mode; kept */
    const uint32_t *idc; /* direct mode, by hart index: its IDC, or APLIC_NO_IDC; kept */
};

/*
 * Maps the domain, makes all its sources inactive and fills ops and source_count of chip. Boot
 * hart, once, before the other harts run. ERR_NO_MEMORY; ERR_RANGE: the registers do not fit into
 * size; ERR_NOT_SUPPORTED: the domain has not this delivery mode.
 */
enum err aplic_init(const struct aplic_config *config, struct irqchip *chip) MUST_CHECK;

#endif
