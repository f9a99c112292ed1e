/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest does to its vCPU's registers by SBI's SSE and FWFT. Own hart, vCPU loaded, no lock
 * but its events'.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/event.h"
#include "arch/riscv/isa.h"
#include "arch/riscv/vcpu.h"

/* ---- software events ------------------------------------------------------------------------ */

#define REG_A6 16u
#define REG_A7 17u

_Static_assert(sizeof(struct rv_interrupted) == ARCH_EVENT_WORDS * sizeof(uint64_t), "its shape");

/* What an event's entry and end read and write. */
struct regs {
    struct rv_vs_state vs;
    struct rv_hs_return ret;
};

static struct regs take(const struct rv_vcpu *v)
{
    return (struct regs){
        .vs = {.vsstatus = csr_read(CSR_VSSTATUS), .vsepc = csr_read(CSR_VSEPC)},
        .ret = {v->trap.sepc, v->trap.sstatus, v->trap.hstatus},
    };
}

static void give(struct rv_vcpu *v, const struct regs *r, uint64_t a6, uint64_t a7)
{
    csr_write(CSR_VSSTATUS, r->vs.vsstatus);
    csr_write(CSR_VSEPC, r->vs.vsepc);
    v->trap.sepc = r->ret.sepc;
    v->trap.sstatus = r->ret.sstatus;
    v->trap.hstatus = r->ret.hstatus;
    v->frame.x[REG_A6] = a6;
    v->frame.x[REG_A7] = a7;
}

void arch_vcpu_event_enter(struct vcpu *vcpu, uint64_t pc, uint64_t arg,
                           uint64_t kept[ARCH_EVENT_WORDS])
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);
    struct regs r = take(v);
    struct rv_interrupted was = {.a6 = v->frame.x[REG_A6], .a7 = v->frame.x[REG_A7]};

    rv_event_enter(&r.vs, &r.ret, pc, rv_vcpu_double_trap(vcpu), &was);
    give(v, &r, vcpu->index, arg);
    kept[0] = was.sepc;
    kept[1] = was.flags;
    kept[2] = was.a6;
    kept[3] = was.a7;
}

void arch_vcpu_event_leave(struct vcpu *vcpu, const uint64_t kept[ARCH_EVENT_WORDS])
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);
    struct regs r = take(v);
    const struct rv_interrupted was = {kept[0], kept[1], kept[2], kept[3]};

    rv_event_leave(&r.vs, &r.ret, rv_vcpu_double_trap(vcpu), &was);
    give(v, &r, was.a6, was.a7);
}

/* ---- features ------------------------------------------------------------------------------- */

struct arch_features arch_features(void)
{
    return (struct arch_features){rv_isa_features(&rv_features), rv_features.fw_at_start};
}

void arch_vcpu_sync_features(struct vcpu *vcpu)
{
    rv_vcpu_features(vcpu);
    /* What is cached was translated under the old rules. */
    arch_vcpu_fence(vcpu, &(struct fence){FENCE_VMA, 0, UINT64_MAX, 0});
}
