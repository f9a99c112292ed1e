/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the hart's ISA a guest is offered, and the CSR bits that let it through: both in one
 * place, so that a guest is told no more, and no less, than works.
 */
#ifndef ARCH_RISCV_ISA_H
#define ARCH_RISCV_ISA_H

#include "arch/riscv/hart.h"

#include <stdint.h>

/*
 * Takes what the FDT says of its board into hart->isa, for the FDTs of guests. At boot. before: a
 * hart that has been read, or NULL; most harts are like it, and looking for each name takes long.
 */
void rv_isa_read(struct rv_hart *hart, const struct rv_hart *before);

/* Bits RV_FEATURE(): what a vCPU may switch by FWFT. Pure. */
uint8_t rv_isa_features(const struct rv_features *features);

/* henvcfg for a vCPU that has these of them on; 0 on a hart without it. Pure. */
uint64_t rv_isa_henvcfg(const struct rv_features *features, uint8_t on);

/*
 * May this VM use vector registers of vlenb bytes: has each hart of its affinity, and of its vCPUs
 * made so far, such? Not with 0. Harts are online.
 */
bool rv_isa_vectors(const struct vm *vm, uint32_t vlenb);

#endif
