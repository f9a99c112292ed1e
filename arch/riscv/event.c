/* SPDX-License-Identifier: BSD-2-Clause */
/* Software events in VS-mode, see event.h. */
#include "arch/riscv/event.h"

#include "arch/riscv/csr_bits.h"

#define TRAP_BITS (SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)

static uint64_t bit_if(bool on, uint64_t bit)
{
    return on ? bit : 0;
}

void rv_event_enter(struct rv_vs_state *vs, struct rv_hs_return *ret, uint64_t pc, bool double_trap,
                    struct rv_interrupted *was)
{
    uint64_t old = vs->vsstatus;

    was->sepc = vs->vsepc;
    was->flags = bit_if((old & SSTATUS_SPP) != 0, RV_FLAG_SPP) |
                 bit_if((old & SSTATUS_SPIE) != 0, RV_FLAG_SPIE) |
                 bit_if(double_trap && (old & SSTATUS_SDT) != 0, RV_FLAG_SDT);

    vs->vsepc = ret->sepc;
    vs->vsstatus = (old & ~TRAP_BITS) | (ret->sstatus & SSTATUS_SPP) |
                   bit_if((old & SSTATUS_SIE) != 0, SSTATUS_SPIE) |
                   bit_if(double_trap, SSTATUS_SDT);
    ret->sepc = pc;
    ret->sstatus |= SSTATUS_SPP;
    ret->hstatus |= HSTATUS_SPVP;
}

void rv_event_leave(struct rv_vs_state *vs, struct rv_hs_return *ret, bool double_trap,
                    const struct rv_interrupted *was)
{
    uint64_t old = vs->vsstatus;

    ret->sepc = vs->vsepc;
    ret->sstatus = (ret->sstatus & ~SSTATUS_SPP) | (old & SSTATUS_SPP);
    ret->hstatus = (ret->hstatus & ~HSTATUS_SPVP) | bit_if((old & SSTATUS_SPP) != 0, HSTATUS_SPVP);

    vs->vsepc = was->sepc;
    if (double_trap) {
        old &= ~SSTATUS_SDT;
        old |= bit_if((was->flags & RV_FLAG_SDT) != 0, SSTATUS_SDT);
    }
    vs->vsstatus = (old & ~TRAP_BITS) | bit_if((old & SSTATUS_SPIE) != 0, SSTATUS_SIE) |
                   bit_if((was->flags & RV_FLAG_SPIE) != 0, SSTATUS_SPIE) |
                   bit_if((was->flags & RV_FLAG_SPP) != 0, SSTATUS_SPP);
}
