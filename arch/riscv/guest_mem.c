/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads through the guest's translation, see guest_mem.h. No lock. */
#include "arch/riscv/guest_mem.h"

#include "arch/riscv/insn.h"
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

/* By bytes: the callers read a word at most, and a page boundary may lie anywhere. */
enum err arch_guest_read_va(struct vcpu *vcpu, void *dst, gva_t src, size_t len)
{
    uint8_t *out = dst;

    (void)vcpu; /* its CSRs are the hart's */
    for (size_t i = 0; i < len; i++) {
        if (rv_hlv_bu(src.v + i, &out[i]) != 0) {
            return ERR_FAULT;
        }
    }
    return ERR_OK;
}
