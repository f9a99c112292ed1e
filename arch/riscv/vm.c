/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port's side of a VM: its stage 2. Changed at boot, or while no vCPU of the VM runs (core sees
 * to that), so without a lock.
 */
#include "arch/riscv/hart.h"
#include "arch/riscv/layout.h"
#include "arch/riscv/mmu.h"
#include "arch/riscv/tlb.h"
#include "arch/riscv/vcpu.h"
#include "core/log.h"
#include "core/pagepool.h"

/* Tables come from the arena, which is mapped at one distance from its physical place. */
static void *from_hpa(hpa_t table)
{
    return (void *)(RV_IMAGE_VA + (table.v - mmu_image_base().v));
}

static const struct gstage_mem table_mem = {
    .alloc = pool_alloc,
    .to_hpa = mmu_phys,
    .from_hpa = from_hpa,
};

struct vm *arch_vm_create(void)
{
    struct rv_vm *vm = pool_alloc(sizeof(*vm), _Alignof(struct rv_vm));

    if (vm == NULL || gstage_init(&vm->stage2, &table_mem, rv_features.sv48x4 ? 4 : 3) != ERR_OK) {
        return NULL;
    }
    return &vm->core;
}

enum err arch_vm_map(struct vm *vm, gpa_t at, hpa_t to, uint64_t size, enum map_attr attr)
{
    return gstage_map(&rv_vm_of(vm)->stage2, at, to, size, attr);
}

void arch_vm_unmap(struct vm *vm, gpa_t at, uint64_t size)
{
    if (gstage_unmap(&rv_vm_of(vm)->stage2, at, size) != ERR_OK) {
        panic("unmap of half a page at %#llx + %#llx", (unsigned long long)at.v,
              (unsigned long long)size);
    }
    rv_tlb_post(rv_vm_of(vm));
}

/*
 * The VM starts anew: whatever its harts still hold is of an earlier life. Not one of them is in
 * the guest, so each forgets at its own first entry.
 */
void arch_vm_flush(struct vm *vm)
{
    rv_tlb_post(rv_vm_of(vm));
}
