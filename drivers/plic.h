/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's PLIC, in the register layout of SiFive's [PLIC 1.0.0]. */
#ifndef DRIVERS_PLIC_H
#define DRIVERS_PLIC_H

#include "core/addr.h"
#include "core/err.h"
#include "core/irqchip.h"

#include <stdint.h>

#define PLIC_NO_CONTEXT UINT32_MAX

struct plic_config {
    hpa_t base;
    uint64_t size;
    uint32_t source_count;   /* riscv,ndev */
    const uint32_t *context; /* by hart index: of its supervisor mode, or PLIC_NO_CONTEXT; kept */
};

/*
 * Maps the chip, masks all its sources and fills ops and source_count of chip. Boot hart, once,
 * before the other harts run. ERR_NO_MEMORY; ERR_RANGE: the registers do not fit into size.
 */
enum err plic_init(const struct plic_config *config, struct irqchip *chip) MUST_CHECK;

#endif
