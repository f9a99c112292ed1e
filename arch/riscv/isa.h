/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the hart's ISA a guest is offered, and the CSR bits that let it through: both in one
 * place, so that a guest is told no more, and no less, than works.
 */
#ifndef ARCH_RISCV_ISA_H
#define ARCH_RISCV_ISA_H

#include "arch/riscv/hart.h"

#include <stdint.h>

/* henvcfg for guests, less rv_isa_switches(); 0 on a hart without it. Pure. */
uint64_t rv_isa_henvcfg(const struct rv_features *features);

/* Bits of henvcfg that a guest may set by FWFT, 0 at the start of each vCPU. Pure. */
uint64_t rv_isa_switches(const struct rv_features *features);

/* May this VM use vector registers: has each of its harts such, of one length? Harts are online. */
bool rv_isa_vectors(const struct vm *vm);

#endif
