/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fences for guests' translations. All of them act on the hart that calls; what other harts have to
 * forget is posted (rv_vm.fences, vcpu->fences) and carried out there before the next guest
 * instruction.
 */
#ifndef ARCH_RISCV_TLB_H
#define ARCH_RISCV_TLB_H

#include "arch/riscv/vcpu.h"
#include "core/arch.h"

#include <stdint.h>

/* The VMID its VM runs under; shared with another VM only if rv_vmids_shared(). */
uint64_t rv_vm_vmid(const struct rv_vm *vm);

/*
 * Has the machine fewer VMIDs than VMs? Then a hart forgets all when it goes from one to another.
 */
bool rv_vmids_shared(void);

/* Own hart, hgatp holds the VM: forgets the VM's guest-virtual translations, and with stage2 the
 * guest-physical ones too. */
void rv_tlb_flush(const struct rv_vm *vm, bool stage2);

/* rv_tlb_catch_up() in the case that there is something; fences: the VM's count as it was read. */
void rv_tlb_carry_out(struct rv_vcpu *v, uint32_t fences);

/* Own hart, hgatp holds v's VM: carries out what rv_tlb_post() asked for since the last time. */
static inline void rv_tlb_catch_up(struct rv_vcpu *v)
{
    /* acquire pairs with the add in rv_tlb_post(): the new tables are walked from here on */
    uint32_t fences = atomic_load_explicit(&rv_vm_of(v->core.vm)->fences, memory_order_acquire);

    if (atomic_load_explicit(&v->fences_done, memory_order_relaxed) != fences) {
        rv_tlb_carry_out(v, fences);
    }
}

/*
 * Any hart: all translations of vm are stale from now on. On return no hart will use one in a
 * guest; a hart that never ran the VM, or runs another, is not disturbed.
 */
void rv_tlb_post(struct rv_vm *vm);

#endif
