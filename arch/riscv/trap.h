/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens between a guest's trap and its next entry. Own hart, no lock held, the vCPU loaded.
 * Handlers compute on v->trap, the snapshot; they move nothing but through the functions here.
 */
#ifndef ARCH_RISCV_TRAP_H
#define ARCH_RISCV_TRAP_H

#include "arch/riscv/hart.h"
#include "arch/riscv/inject.h"
#include "arch/riscv/vcpu.h"

/* What a fast handler says to trap.S. */
enum rv_fast {
    RV_FAST_DECLINED, /* nothing was done */
    RV_FAST_HANDLED,  /* it is done, but there is work before a guest may be entered */
    RV_FAST_DONE,     /* the guest goes on */
};

/*
 * From trap.S, on the general path, with the guest's integer registers in v->frame: handles the
 * exit unless that is done, and returns the vCPU to enter, which may be another.
 */
struct rv_vcpu *rv_exit(struct rv_hart *hart, struct rv_vcpu *v, enum rv_fast handled);

/* From trap.S: the first vCPU that this hart enters. */
struct rv_vcpu *rv_first(struct rv_hart *hart);

/* The guest takes exc, at the instruction that trapped, as on a hart of its own. */
void rv_inject(struct rv_vcpu *v, struct rv_exception exc);

/* The same for the trap itself: what the guest would have had for it. */
void rv_reflect(struct rv_vcpu *v);

/* The instruction that trapped is done. */
void rv_skip(struct rv_vcpu *v, unsigned int insn_bytes);

/*
 * exit_mmio.c, from trap.S: a guest-page fault of a load or store with only the caller-saved
 * registers in v->frame. Serves a device access that needs no other register and no instruction
 * fetch.
 */
enum rv_fast rv_mmio_fast(struct rv_vcpu *v);

/* exit_mmio.c: a guest-page fault on a load, a store or an instruction fetch. */
void rv_exit_page_fault(struct rv_vcpu *v);

#endif
