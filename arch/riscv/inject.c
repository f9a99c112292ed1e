/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Injection of exceptions into VS-mode, see inject.h.
 */
#include "arch/riscv/inject.h"

#include "arch/riscv/csr_bits.h"

/* vsstatus after a trap from the mode in sstatus [Priv, H "Trap Entry"]. */
static uint64_t vsstatus_after_trap(uint64_t vsstatus, uint64_t sstatus, bool double_trap)
{
    uint64_t after = vsstatus & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE | SSTATUS_SPELP);

    after |= sstatus & (SSTATUS_SPP | SSTATUS_SPELP);
    if ((vsstatus & SSTATUS_SIE) != 0) {
        after |= SSTATUS_SPIE;
    }
    if (double_trap) {
        after |= SSTATUS_SDT;
    }
    return after;
}

enum rv_inject_result rv_inject_exception(struct rv_vs_state *vs, struct rv_hs_return *ret,
                                          struct rv_exception exc, bool double_trap)
{
    if (double_trap && (vs->vsstatus & SSTATUS_SDT) != 0) {
        return RV_INJECT_DOUBLE_TRAP;
    }
    vs->vsstatus = vsstatus_after_trap(vs->vsstatus, ret->sstatus, double_trap);
    vs->vsepc = ret->sepc;
    vs->vscause = exc.cause;
    vs->vstval = exc.tval;

    ret->sepc = vs->vstvec & STVEC_BASE;
    ret->sstatus = (ret->sstatus | SSTATUS_SPP) & ~SSTATUS_SPELP;
    ret->hstatus |= HSTATUS_SPVP;
    return RV_INJECT_OK;
}

bool rv_exception_for_guest(uint64_t scause, uint64_t stval, struct rv_exception *out)
{
    uint64_t cause;

    switch (scause) {
    case CAUSE_INSN_GUEST_PAGE_FAULT:
        cause = CAUSE_INSN_ACCESS;
        break;
    case CAUSE_LOAD_GUEST_PAGE_FAULT:
        cause = CAUSE_LOAD_ACCESS;
        break;
    case CAUSE_STORE_GUEST_PAGE_FAULT:
        cause = CAUSE_STORE_ACCESS;
        break;
    case CAUSE_VIRTUAL_INSN:
        cause = CAUSE_ILLEGAL_INSN;
        break;
    case CAUSE_ECALL_VS:
        cause = CAUSE_ECALL_S;
        break;
    case CAUSE_INSN_MISALIGNED:
    case CAUSE_INSN_ACCESS:
    case CAUSE_ILLEGAL_INSN:
    case CAUSE_BREAKPOINT:
    case CAUSE_LOAD_MISALIGNED:
    case CAUSE_LOAD_ACCESS:
    case CAUSE_STORE_MISALIGNED:
    case CAUSE_STORE_ACCESS:
    case CAUSE_ECALL_U:
    case CAUSE_INSN_PAGE_FAULT:
    case CAUSE_LOAD_PAGE_FAULT:
    case CAUSE_STORE_PAGE_FAULT:
    case CAUSE_SOFTWARE_CHECK:
    case CAUSE_HARDWARE_ERROR:
        cause = scause;
        break;
    default:
        return false;
    }
    *out = (struct rv_exception){.cause = cause, .tval = stval};
    return true;
}

struct rv_exception rv_exception_illegal(uint32_t insn, unsigned int insn_bytes)
{
    uint64_t tval = insn_bytes < 4 ? insn & 0xffffu : insn;

    return (struct rv_exception){.cause = CAUSE_ILLEGAL_INSN, .tval = tval};
}
