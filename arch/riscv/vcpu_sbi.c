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

    rv_event_enter(&r.vs, &r.ret, pc, &was);
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

    rv_event_leave(&r.vs, &r.ret, &was);
    give(v, &r, was.a6, was.a7);
}

/* ---- features ------------------------------------------------------------------------------- */

/* The field of henvcfg, 0 if the harts have none. */
static uint64_t field_of(enum vcpu_feature feature)
{
    return rv_isa_switches(&rv_features) &
           (feature == VCPU_PTE_AD_UPDATE ? HENVCFG_ADUE : HENVCFG_PMM);
}

bool arch_has_feature(enum vcpu_feature feature)
{
    return field_of(feature) != 0;
}

enum err arch_vcpu_feature_set(struct vcpu *vcpu, enum vcpu_feature feature, uint64_t value)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);
    uint64_t field = field_of(feature);
    uint64_t bits;

    if (value == 0) {
        bits = 0;
    } else if (feature == VCPU_PTE_AD_UPDATE && value == 1) {
        bits = HENVCFG_ADUE;
    } else if (feature == VCPU_POINTER_MASK && (value == 7 || value == 16)) {
        bits = value == 7 ? HENVCFG_PMM_PMLEN7 : HENVCFG_PMM_PMLEN16;
    } else {
        return ERR_INVALID;
    }
    csr_clear(CSR_HENVCFG, field);
    csr_set(CSR_HENVCFG, bits);
    if ((csr_read(CSR_HENVCFG) & field) != bits) { /* WARL: not on this hart */
        csr_write(CSR_HENVCFG, rv_isa_henvcfg(&rv_features) | v->csrs.switches);
        return ERR_INVALID;
    }
    v->csrs.switches = (v->csrs.switches & ~field) | bits;
    /* What is cached was translated under the old rules. */
    arch_vcpu_fence(vcpu, &(struct fence){FENCE_VMA, 0, UINT64_MAX, 0});
    return ERR_OK;
}
