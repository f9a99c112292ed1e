/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads through the guest's translation, see guest_mem.h. No lock. */
#include "arch/riscv/guest_mem.h"

#include "arch/riscv/insn.h"
#include "arch/riscv/insn_fields.h"
#include "core/arch.h"

enum err rv_guest_fetch(gva_t pc, uint32_t *insn, unsigned int *bytes)
{
    uint16_t low, high = 0;

    if (rv_hlvx_hu(pc.v, &low) != 0) {
        return ERR_FAULT;
    }
    *bytes = rv_insn_bytes(low);
    if (*bytes != 2 && rv_hlvx_hu(pc.v + 2, &high) != 0) {
        return ERR_FAULT;
    }
    *insn = ((uint32_t)high << 16) | low;
    return ERR_OK;
}

/* The exit was an interrupt of Curia's right behind a WFI, which that has ended. */
bool arch_vcpu_waits(const struct vcpu *vcpu)
{
    uint32_t insn;
    unsigned int bytes;

    return rv_guest_fetch(gva(arch_vcpu_pc(vcpu) - INSN_WFI_BYTES), &insn, &bytes) == ERR_OK &&
           insn == INSN_WFI;
}
