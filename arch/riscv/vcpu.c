/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's state: its reset, and its way onto the hart and off it. Everything that a guest can
 * change is either in struct rv_vcpu or written by write_csrs(); what is the same for all guests
 * (delegation, henvcfg ...) is written there too, so that nothing depends on who ran before. Own
 * hart; no lock.
 */
#include "arch/riscv/vcpu.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/dbtr.h"
#include "arch/riscv/fp.h"
#include "arch/riscv/fw_sbi.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/imsic_guest.h"
#include "arch/riscv/isa.h"
#include "arch/riscv/pmu.h"
#include "arch/riscv/tlb.h"
#include "arch/riscv/vec.h"
#include "core/pagepool.h"

#include <string.h>

/* What a guest's own kernel would get if there were no hypervisor. */
#define HEDELEG_GUEST                                                                              \
    (HEDELEG_INSN_MISALIGNED | HEDELEG_INSN_ACCESS | HEDELEG_ILLEGAL_INSN | HEDELEG_BREAKPOINT |   \
     HEDELEG_LOAD_MISALIGNED | HEDELEG_LOAD_ACCESS | HEDELEG_STORE_MISALIGNED |                    \
     HEDELEG_STORE_ACCESS | HEDELEG_ECALL_U | HEDELEG_INSN_PAGE_FAULT | HEDELEG_LOAD_PAGE_FAULT |  \
     HEDELEG_STORE_PAGE_FAULT | HEDELEG_SOFTWARE_CHECK | HEDELEG_HARDWARE_ERROR)

/*
 * Memory for the vectors of all vCPUs of the VM, when the last of them is made and shows whether
 * the VM has any. False: there is no memory.
 */
static bool add_vectors(struct rv_vcpu *last)
{
    const struct vm *vm = last->core.vm;
    uint32_t others = last->core.index;
    size_t bytes = rv_vec_bytes(last->hart->vlenb);
    char *at;

    if (others + 1 < vm->config->vcpu_count || !rv_isa_vectors(vm, last->hart->vlenb)) {
        return true;
    }
    at = pool_alloc((others + 1) * bytes, _Alignof(struct rv_vec));
    if (at == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < others; i++) {
        rv_vcpu_of(vm->vcpus[i])->vec = (struct rv_vec *)(void *)(at + i * bytes);
    }
    last->vec = (struct rv_vec *)(void *)(at + others * bytes);
    return true;
}

struct vcpu *arch_vcpu_create(struct vm *vm, uint32_t index, struct hart *hart)
{
    struct rv_vcpu *v = pool_alloc(sizeof(*v), _Alignof(struct rv_vcpu));

    if (v == NULL) {
        return NULL;
    }
    v->hart = rv_hart_of(hart);
    v->csrs.vstimecmp = UINT64_MAX;
    v->core.timer_detour = (uint8_t)(rv_features.sstc ? 0 : VCPU_TIMER_SOFT);
    v->core.vm = vm;
    v->core.index = index;
    atomic_init(&v->core.hart, hart);
    return add_vectors(v) ? &v->core : NULL;
}

/* ---- CSRs ----------------------------------------------------------------------------------- */

/* With Smstateen, AIA state is there only for a VM that has an interrupt file of its own. */
static uint64_t hstateen0_for(const struct rv_vcpu *v)
{
    uint64_t bits = HSTATEEN0_ENVCFG;

    if (v->core.vm->has_imsic) {
        bits |= HSTATEEN0_IMSIC | HSTATEEN0_AIA | HSTATEEN0_CSRIND;
    }
    return bits & rv_features.hstateen0_bits;
}

static bool has_ssp(void)
{
    return (rv_features.fw_features & RV_FEATURE(SBI_FWFT_SHADOW_STACK)) != 0;
}

/*
 * What no guest is offered, yet reaches on a hart without Smstateen to close it. Not kept for the
 * guest; nobody shall find what an earlier one, or an earlier life, has left there.
 */
static void clear_unoffered(void)
{
    if (rv_features.jvt) {
        csr_write(CSR_JVT, 0);
    }
    if (rv_features.ctr) {
        csr_write(CSR_VSCTRCTL, 0);
        csr_write(CSR_SCTRSTATUS, 0);
        __asm__ volatile(".insn r 0x73, 0, 0x08, x0, x0, x4" ::: "memory"); /* sctrclr */
    }
}

/* Delegation is the firmware's, and costs a call only where this hart has the other value. */
void rv_vcpu_features(const struct vcpu *vcpu)
{
    struct rv_hart *hart = rv_hart_self();
    bool delegated = (vcpu->features & RV_FEATURE(SBI_FWFT_MISALIGNED_EXC_DELEG)) != 0;

    if (rv_features.henvcfg) {
        csr_write(CSR_HENVCFG, rv_isa_henvcfg(&rv_features, vcpu->features));
    }
    if (delegated != hart->misaligned) {
        (void)fw_feature_set(SBI_FWFT_MISALIGNED_EXC_DELEG, delegated ? 1 : 0);
        hart->misaligned = delegated;
    }
}

/*
 * Memory -> hart; hgatp is the VM's from here on. vsatp holds 0, or is this VM's own, until it is
 * written last: it is active in HS-mode too, and what a hart translates ahead through one guest's
 * tables must not be kept under the VMID of another [Priv, H "Memory-Management Fences", note].
 */
static void write_csrs(const struct rv_vcpu *v)
{
    const struct rv_guest_csrs *c = &v->csrs;
    const struct rv_vm *vm = rv_vm_of(v->core.vm);

    csr_write(CSR_HGATP, gstage_hgatp(&vm->stage2) | (rv_vm_vmid(vm) << HGATP_VMID_SHIFT));
    csr_write(CSR_HSTATUS, v->trap.hstatus);
    csr_write(CSR_HEDELEG, HEDELEG_GUEST);
    csr_write(CSR_HIDELEG, HIDELEG_MASK | rv_features.lcofi_hideleg);
    csr_write(CSR_HCOUNTEREN, COUNTERS_GUEST | c->counters);
    csr_write(CSR_HTIMEDELTA, 0); /* guest time is host time: peers can compare time stamps */
    rv_vcpu_features(&v->core);
    if (rv_features.henvcfg) {
        csr_write(CSR_SENVCFG, c->senvcfg);
    }
    if (rv_features.smstateen) {
        csr_write(CSR_HSTATEEN0, hstateen0_for(v));
    }
    if (rv_features.sstc) {
        csr_write(CSR_VSTIMECMP, c->vstimecmp);
    }
    if (rv_features.aia) {
        csr_write(CSR_VSISELECT, c->vsiselect);
    }
    if (has_ssp()) {
        csr_write(CSR_SSP, c->ssp);
    }
    clear_unoffered();
    csr_write(CSR_HVIP, 0);
    csr_set(CSR_VSIP, c->vsip);
    csr_write(CSR_SCOUNTEREN, c->scounteren);
    csr_write(CSR_VSSTATUS, c->vsstatus);
    csr_write(CSR_VSIE, c->vsie);
    csr_write(CSR_VSTVEC, c->vstvec);
    csr_write(CSR_VSSCRATCH, c->vsscratch);
    csr_write(CSR_VSEPC, c->vsepc);
    csr_write(CSR_VSCAUSE, c->vscause);
    csr_write(CSR_VSTVAL, c->vstval);
    csr_write(CSR_VSATP, c->vsatp);
}

/* Hart -> memory. */
static void read_csrs(struct rv_guest_csrs *c)
{
    c->vsatp = csr_read(CSR_VSATP);
    c->vstval = csr_read(CSR_VSTVAL);
    c->vscause = csr_read(CSR_VSCAUSE);
    c->vsepc = csr_read(CSR_VSEPC);
    c->vsscratch = csr_read(CSR_VSSCRATCH);
    c->vstvec = csr_read(CSR_VSTVEC);
    c->vsie = csr_read(CSR_VSIE);
    c->vsstatus = csr_read(CSR_VSSTATUS);
    c->scounteren = csr_read(CSR_SCOUNTEREN);
    c->vsip = csr_read(CSR_VSIP) & (SIP_SSIP | SIP_LCOFIP);
    if (rv_features.aia) {
        c->vsiselect = csr_read(CSR_VSISELECT);
    }
    if (rv_features.sstc) {
        c->vstimecmp = csr_read(CSR_VSTIMECMP);
    }
    if (rv_features.henvcfg) {
        c->senvcfg = csr_read(CSR_SENVCFG);
    }
    if (has_ssp()) {
        c->ssp = csr_read(CSR_SSP);
    }
}

/* ---- reset ---------------------------------------------------------------------------------- */

/* Where and how it enters the guest next: supervisor mode at pc, nothing enabled. */
static void set_entry(struct rv_vcpu *v, gpa_t pc, uint64_t opaque)
{
    v->frame.x[RV_REG_A0] = v->core.index;
    v->frame.x[RV_REG_A1] = opaque;
    v->trap.sepc = pc.v;
    v->trap.sstatus = SSTATUS_UXL_64 | SSTATUS_SPP |
                      (rv_features.d ? SSTATUS_FS_CLEAN : SSTATUS_FS_OFF) |
                      (v->vec != NULL ? SSTATUS_VS_CLEAN : SSTATUS_VS_OFF);
    v->trap.hstatus = HSTATUS_VSXL_64 | HSTATUS_SPV | HSTATUS_SPVP |
                      (hart_has_queue(vcpu_hart(&v->core)) ? HSTATUS_VTW : 0) |
                      ((uint64_t)v->vgein << HSTATUS_VGEIN_SHIFT);
}

/*
 * Memory -> hart. What another left in registers that this guest lacks it cannot read: they are Off
 * in its sstatus, by which they trap whatever its vsstatus says [Priv, H "vsstatus"].
 */
static void restore_registers(const struct rv_vcpu *v)
{
    if (rv_features.d) {
        rv_fp_restore(&v->fp);
    }
    if (v->vec != NULL) {
        rv_vec_restore(v->vec);
    }
}

/* As after a reset: vill, and nothing else [V, "State of Vector Extension at Reset"]. */
static void reset_vectors(struct rv_vcpu *v)
{
    if (v->vec != NULL) {
        memset(v->vec, 0, rv_vec_bytes(v->hart->vlenb));
        v->vec->vtype = RV_VTYPE_VILL;
    }
}

void arch_vcpu_reset(struct vcpu *vcpu, gpa_t pc, uint64_t opaque)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);

    memset(&v->frame, 0, sizeof(v->frame));
    memset(&v->trap, 0, sizeof(v->trap));
    memset(&v->fp, 0, sizeof(v->fp));
    reset_vectors(v);
    v->csrs = (struct rv_guest_csrs){
        .vsstatus = SSTATUS_UXL_64,
        .vstimecmp = UINT64_MAX,
        .scounteren = COUNTERS_GUEST,
    };
    rv_pmu_reset();
    timer_cancel(&v->timer);
    /* The external line is the interrupt controller's; IPIs are told apart by vcpu_start(). */
    atomic_fetch_and_explicit(&vcpu->irq_lines, ~(1u << VCPU_IRQ_TIMER), memory_order_relaxed);
    rv_imsic_reset(v);
    set_entry(v, pc, opaque);
    if (vcpu_loaded(vcpu)) {
        write_csrs(v);
        restore_registers(v);
    }
}

void arch_vcpu_resume(struct vcpu *vcpu, gpa_t pc, uint64_t opaque)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);
    uint64_t kept = SSTATUS_FS | SSTATUS_VS; /* their registers may still be in the hart only */
    uint64_t sstatus = v->trap.sstatus & kept;

    set_entry(v, pc, opaque);
    v->trap.sstatus = (v->trap.sstatus & ~kept) | sstatus;
    csr_write(CSR_VSATP, 0);
    csr_clear(CSR_VSSTATUS, SSTATUS_SIE);
}

/* ---- load and put --------------------------------------------------------------------------- */

/*
 * A reservation outlives traps: one of whoever ran here before, which this hart's own stores need
 * not end, would let this guest's SC succeed on what has changed since its LR. An SC to any other
 * word ends it [Unpriv, "Zalrsc"].
 */
static void end_reservation(void)
{
    uint32_t scratch;

    __asm__ volatile("sc.w zero, zero, %0" : "=A"(scratch)::"memory");
}

void arch_vcpu_load(struct vcpu *vcpu)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);
    struct rv_hart *hart = rv_hart_self();

    rv_vcpu_unwatch(v);
    rv_pmu_load(v);
    rv_imsic_load(v);
    write_csrs(v);
    restore_registers(v);
    rv_tlb_flush(rv_vm_of(vcpu->vm), v->last_hart != hart || rv_vmids_shared());
    __asm__ volatile("fence.i" : : : "memory");
    end_reservation();
    rv_dbtr_load(vcpu);
    v->hart = hart;
    v->last_hart = hart;
    hart->resident = v;
}

/*
 * Has the guest written registers of this field of sstatus since they were last moved? HS level's
 * word tells of every write, whatever the guest does to its own [Priv, H "vsstatus"]; but not on
 * QEMU 10 of one to fcsr, vcsr or vstart, which are therefore always saved.
 */
static bool is_dirty(const struct rv_vcpu *v, uint64_t field)
{
    return (v->trap.sstatus & field) == field;
}

/* Hart -> memory. */
static void save_registers(struct rv_vcpu *v)
{
    csr_set(CSR_SSTATUS, SSTATUS_FS | SSTATUS_VS);
    if (rv_features.d) {
        v->fp.fcsr = csr_read(CSR_FCSR);
    }
    if (v->vec != NULL) {
        v->vec->vcsr = csr_read(CSR_VCSR);
        v->vec->vstart = csr_read(CSR_VSTART);
    }
    csr_clear(CSR_SSTATUS, SSTATUS_FS | SSTATUS_VS);
    if (rv_features.d && is_dirty(v, SSTATUS_FS)) {
        rv_fp_save(&v->fp);
        v->trap.sstatus = (v->trap.sstatus & ~SSTATUS_FS) | SSTATUS_FS_CLEAN;
    }
    if (v->vec != NULL && is_dirty(v, SSTATUS_VS)) {
        rv_vec_save(v->vec);
        v->trap.sstatus = (v->trap.sstatus & ~SSTATUS_VS) | SSTATUS_VS_CLEAN;
    }
}

/*
 * What stays in the hart is harmless: vsatp, then hgatp is Bare, so nothing is translated ahead
 * through the VM's tables (in this order, as Bare hgatp would let the guest's tables lead to any
 * physical address); no timer or interrupt of the guest can wake the hart; and the next load writes
 * every CSR, FP and vector register again.
 */
void arch_vcpu_put(struct vcpu *vcpu)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);

    rv_dbtr_put();
    rv_pmu_put(v);
    read_csrs(&v->csrs);
    rv_imsic_put(v);
    save_registers(v);
    csr_write(CSR_VSIE, 0);
    csr_write(CSR_HVIP, 0);
    csr_write(CSR_VSIP, 0);
    if (rv_features.sstc) {
        csr_write(CSR_VSTIMECMP, UINT64_MAX);
    }
    csr_write(CSR_VSATP, 0);
    csr_write(CSR_HGATP, 0);
    csr_clear(CSR_HSTATUS, HSTATUS_VGEIN);
    v->hart->resident = NULL; /* it may be loaded elsewhere next */
}

uint64_t arch_vcpu_pc(const struct vcpu *vcpu)
{
    return rv_vcpu_of(vcpu)->trap.sepc;
}
