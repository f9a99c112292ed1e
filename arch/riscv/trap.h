/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens between a guest's trap and its next entry. Own hart, no lock held, the vCPU loaded.
 * Handlers compute on v->trap, the snapshot; they move nothing but through the functions here.
 */
#ifndef ARCH_RISCV_TRAP_H
#define ARCH_RISCV_TRAP_H

#include "arch/riscv/hart.h"
#include "arch/riscv/inject.h"
#include "arch/riscv/tlb.h"
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

/*
 * traced.c, from trap.S's other vector, with all of the guest's integer registers in v->frame: the
 * whole exit, by the fast handler if that serves it, with what the trace wants of it.
 */
struct rv_vcpu *rv_exit_traced(struct rv_hart *hart, struct rv_vcpu *v);

/* trap.S: the two. Not to be called. */
void rv_trap_vector(void);
void rv_trap_vector_traced(void);

/* From trap.S: the first vCPU that this hart enters. */
struct rv_vcpu *rv_first(struct rv_hart *hart);

/* The guest takes exc, at the instruction that trapped, as on a hart of its own. */
void rv_inject(struct rv_vcpu *v, struct rv_exception exc);

/* The same for the trap itself: what the guest would have had for it. */
void rv_reflect(struct rv_vcpu *v);

/* The instruction that trapped is done. */
void rv_skip(struct rv_vcpu *v, unsigned int insn_bytes);

/*
 * Interrupt lines that have changed, mostly by what was just done, and fences are no work that
 * needs the general path. The function takes and does both; rv_go_on() calls it.
 */
#define RV_FAST_REQUESTS (VCPU_REQ_IRQ | VCPU_REQ_FENCE)
void rv_take_fast_requests(struct rv_vcpu *v);

/*
 * How a fast handler ends that has made the mode HART_HYP: steps (d) to (f) of core/hart.h, and
 * what a guest entry has to catch up with.
 */
static inline enum rv_fast rv_go_on(struct rv_vcpu *v)
{
    struct hart *hart = &v->hart->core;
    uint32_t requests;

    atomic_store_explicit(&hart->mode, HART_GUEST, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    requests = atomic_load_explicit(&v->core.requests, memory_order_relaxed);

    if ((atomic_load_explicit(&hart->work, memory_order_relaxed) |
         (requests & ~RV_FAST_REQUESTS)) != 0) {
        atomic_store_explicit(&hart->mode, HART_HYP, memory_order_relaxed);
        return RV_FAST_HANDLED;
    }
    if (requests != 0) {
        rv_take_fast_requests(v);
    }
    rv_tlb_catch_up(v);
    return RV_FAST_DONE;
}

/*
 * trap.c, from trap.S: an interrupt of the hypervisor's while the guest ran, with only the
 * caller-saved registers in v->frame. Never declines.
 */
enum rv_fast rv_irq_fast(struct rv_vcpu *v, uint64_t scause);

/*
 * exit_mmio.c, from trap.S: a guest-page fault of a load or store, with htinst and the register
 * that it names, which is in v->frame if it is one; of the others only the caller-saved are. Serves
 * a device access that needs no instruction fetch.
 */
enum rv_fast rv_mmio_fast(struct rv_vcpu *v, uint64_t htinst, uint64_t reg);

/* exit_mmio.c: a guest-page fault on a load, a store or an instruction fetch. */
void rv_exit_page_fault(struct rv_vcpu *v);

#endif
