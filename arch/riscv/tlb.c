/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fences, see tlb.h. Where each stands, and why (QEMU forgives a missing one, so this is all there
 * is to go by):
 *
 * at every vCPU load      HFENCE.VVMA for the VM: an ASID means something on its own hart only, a
 *                         sibling may have run here since, and vcpu_fence() skips a vCPU that is
 *                         not loaded because of this one. FENCE.I: the same for instructions, and
 *                         for code that another hart put into the VM's RAM.
 * at a load elsewhere     HFENCE.GVMA too: fences_done says what the last hart has forgotten, not
 * than the last time      what this one has.
 * rv_tlb_post()           stage 2 lost a mapping (arch_vm_unmap()), or the VM starts anew:
 *                         HFENCE.GVMA and HFENCE.VVMA, by each hart of the VM, at its next entry.
 * arch_vm_map()           none: a hart may have cached that an entry was not valid [Priv,
 *                         "sfence.vma"], but a map comes before the VM's first load, or is followed
 *                         by a post.
 * hgatp to another VMID   none: that is what VMIDs are for. With VMIDs shared: all of it.
 * hgatp to Bare at put    none: nothing is translated through it until the next load; vsatp is Bare
 *                         before, and until hgatp is the next VM's.
 *
 * HFENCE.GVMA does not reach guest-virtual entries, which cache the product of both stages;
 * HFENCE.VVMA has to follow it [Priv, H "Memory-Management Fences"].
 */
#include "arch/riscv/tlb.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/vcpu.h"
#include "core/machine.h"

#define FENCE_PAGES_MAX 64u /* beyond: one fence of everything is cheaper */

/* hfence.gvma x0, vmid */
static inline void hfence_gvma_vmid(uint64_t vmid)
{
    __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, %0" : : "r"(vmid) : "memory");
}

/* hfence.gvma x0, x0 */
static inline void hfence_gvma_all(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" : : : "memory");
}

/* hfence.vvma x0, x0: all of the VMID in hgatp. */
static inline void hfence_vvma_all(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, x0" : : : "memory");
}

static inline void hfence_vvma_asid(uint64_t asid)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, x0, %0" : : "r"(asid) : "memory");
}

static inline void hfence_vvma_page(uint64_t va)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, x0" : : "r"(va) : "memory");
}

static inline void hfence_vvma_page_asid(uint64_t va, uint64_t asid)
{
    __asm__ volatile(".insn r 0x73, 0, 0x11, x0, %0, %1" : : "r"(va), "r"(asid) : "memory");
}

/* Svinval's hinval.vvma, between sfence.w.inval and sfence.inval.ir. */
static inline void hinval_vvma_page(uint64_t va)
{
    __asm__ volatile(".insn r 0x73, 0, 0x13, x0, %0, x0" : : "r"(va) : "memory");
}

static inline void hinval_vvma_page_asid(uint64_t va, uint64_t asid)
{
    __asm__ volatile(".insn r 0x73, 0, 0x13, x0, %0, %1" : : "r"(va), "r"(asid) : "memory");
}

static inline void sfence_w_inval(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x0c, x0, x0, x0" : : : "memory");
}

static inline void sfence_inval_ir(void)
{
    __asm__ volatile(".insn r 0x73, 0, 0x0c, x0, x0, x1" : : : "memory");
}

uint64_t rv_vm_vmid(const struct rv_vm *vm)
{
    /* 0 is left to harts that run no guest, as long as there are enough. */
    return (vm->core.index + 1ull) & ((1ull << rv_features.vmid_bits) - 1);
}

bool rv_vmids_shared(void)
{
    return machine.vm_count >= 1ull << rv_features.vmid_bits;
}

void rv_tlb_flush(const struct rv_vm *vm, bool stage2)
{
    if (stage2 && rv_vmids_shared()) {
        hfence_gvma_all();
    } else if (stage2) {
        hfence_gvma_vmid(rv_vm_vmid(vm));
    }
    hfence_vvma_all();
}

void rv_tlb_carry_out(struct rv_vcpu *v, uint32_t fences)
{
    rv_tlb_flush(rv_vm_of(v->core.vm), true);
    atomic_store_explicit(&v->fences_done, fences, memory_order_release);
}

/*
 * A hart enters the guest through rv_tlb_catch_up(), after mode became HART_GUEST and a full fence
 * (core/sched.c (d), (e)). That pairs with the add here: either it sees the new count there, or it
 * is seen loaded and in the guest here, kicked, and waited for. A hart that is in another vCPU's
 * guest has left this one before: the mode that says so comes after `loaded` (unload() in
 * core/vcpu.c; the acquire here).
 */
void rv_tlb_post(struct rv_vm *vm)
{
    uint32_t fences = atomic_fetch_add_explicit(&vm->fences, 1, memory_order_seq_cst) + 1;

    atomic_thread_fence(memory_order_seq_cst);
    for (uint32_t i = 0; i < vm->core.vcpu_count; i++) {
        struct vcpu *v = vm->core.vcpus[i];
        struct hart *kicked = NULL;
        struct hart *hart;

        while ((hart = vcpu_hart(v)) != arch_hart_self() &&
               (int32_t)(atomic_load_explicit(&rv_vcpu_of(v)->fences_done, memory_order_acquire) -
                         fences) < 0 &&
               atomic_load_explicit(&hart->mode, memory_order_acquire) == HART_GUEST &&
               vcpu_loaded(v)) {
            if (hart != kicked) {
                hart_kick(hart); /* it catches up before it goes on */
                kicked = hart;
            }
            arch_relax();
        }
    }
}

static void fence_pages(const struct fence *f, uint64_t first, uint64_t pages)
{
    bool inval = rv_features.svinval && pages > 1;

    if (inval) {
        sfence_w_inval();
    }
    for (uint64_t va = first; pages-- > 0; va += PAGE_SIZE) {
        if (f->kind == FENCE_VMA_ASID) {
            if (inval) {
                hinval_vvma_page_asid(va, f->asid);
            } else {
                hfence_vvma_page_asid(va, f->asid);
            }
        } else if (inval) {
            hinval_vvma_page(va);
        } else {
            hfence_vvma_page(va);
        }
    }
    if (inval) {
        sfence_inval_ir();
    }
}

void arch_vcpu_fence(struct vcpu *vcpu, const struct fence *f)
{
    uint64_t first = align_down(f->start, PAGE_SIZE);
    bool all = (f->start == 0 && f->size == 0) || f->size > FENCE_PAGES_MAX * PAGE_SIZE;
    uint64_t pages = all ? 0 : (f->start - first + f->size + PAGE_SIZE - 1) / PAGE_SIZE;

    (void)vcpu; /* hgatp holds its VM's VMID */
    switch (f->kind) {
    case FENCE_I:
        __asm__ volatile("fence.i" : : : "memory");
        break;
    case FENCE_VMA:
        if (all) {
            hfence_vvma_all();
        } else {
            fence_pages(f, first, pages);
        }
        break;
    case FENCE_VMA_ASID:
        if (all) {
            hfence_vvma_asid(f->asid);
        } else {
            fence_pages(f, first, pages);
        }
        break;
    }
}
