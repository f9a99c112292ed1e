/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest's hart interrupts it with, its timer among it; and how a vCPU that waits is told of
 * it while another one is on its hart. Own hart; no lock.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/imsic_guest.h"
#include "arch/riscv/vcpu.h"

/* The guest's interrupt lines as hvip has them; VCPU_IRQ_SOFT is taken as an edge, see below. */
#define LINE(irq) (1u << (irq))

/*
 * VSSIP belongs to the guest once it is set: it clears it with its sip.SSIP. So VCPU_IRQ_SOFT is an
 * edge, handed over once; the other two are levels that the guest cannot change.
 */
void arch_vcpu_sync_irqs(struct vcpu *vcpu)
{
    uint32_t lines = atomic_load_explicit(&vcpu->irq_lines, memory_order_acquire);
    uint64_t set = 0;

    if ((lines & LINE(VCPU_IRQ_SOFT)) != 0) {
        atomic_fetch_and_explicit(&vcpu->irq_lines, ~LINE(VCPU_IRQ_SOFT), memory_order_acquire);
        set |= HVIP_VSSIP;
    }
    if ((lines & LINE(VCPU_IRQ_TIMER)) != 0) {
        set |= HVIP_VSTIP;
    }
    if ((lines & LINE(VCPU_IRQ_EXT)) != 0) {
        set |= HVIP_VSEIP;
        if (rv_vcpu_of(vcpu)->file != NULL) {
            rv_imsic_show(true);
        }
    }
    csr_clear(CSR_HVIP, HVIP_VSTIP | HVIP_VSEIP);
    csr_set(CSR_HVIP, set);
}

bool arch_vcpu_clear_soft(struct vcpu *vcpu)
{
    uint32_t soft = LINE(VCPU_IRQ_SOFT);
    bool was =
        (atomic_fetch_and_explicit(&vcpu->irq_lines, ~soft, memory_order_acquire) & soft) != 0;

    return (csr_read_clear(CSR_HVIP, HVIP_VSSIP) & HVIP_VSSIP) != 0 || was;
}

/*
 * vsip shows vstimecmp's and the guest file's interrupts as well, whether Curia raised them or not.
 */
bool arch_vcpu_irq_pending(const struct vcpu *vcpu)
{
    (void)vcpu;
    return (csr_read(CSR_VSIP) & csr_read(CSR_VSIE)) != 0;
}

static void timer_due(struct timer *t)
{
    vcpu_irq_set(&container_of(t, struct rv_vcpu, timer)->core, VCPU_IRQ_TIMER, true);
}

/* Apart, so that the usual case below is a few instructions without a stack frame. */
static __attribute__((noinline)) void set_timer_slow(struct rv_vcpu *v, uint64_t deadline)
{
    if ((v->core.timer_detour & VCPU_TIMER_COUNTED) != 0) {
        pmu_count(&v->core, PMU_SET_TIMER, 1);
    }
    if (rv_features.sstc) {
        csr_write(CSR_VSTIMECMP, deadline);
        return;
    }
    timer_cancel(&v->timer);
    atomic_fetch_and_explicit(&v->core.irq_lines, ~LINE(VCPU_IRQ_TIMER), memory_order_relaxed);
    csr_clear(CSR_HVIP, HVIP_VSTIP);
    if (deadline != UINT64_MAX) {
        timer_arm(&v->timer, vcpu_hart(&v->core), deadline, timer_due);
    }
}

void arch_vcpu_set_timer(struct vcpu *vcpu, uint64_t deadline)
{
    if (vcpu->timer_detour == 0) {
        csr_write(CSR_VSTIMECMP, deadline);
    } else {
        set_timer_slow(rv_vcpu_of(vcpu), deadline);
    }
}

/*
 * Of a vCPU that is on no hart, or on this one. One that has its timer interrupt disabled waits for
 * none.
 */
uint64_t arch_vcpu_timer(const struct vcpu *vcpu)
{
    const struct rv_vcpu *v = rv_vcpu_of(vcpu);
    bool here = rv_hart_self()->resident == v && vcpu_loaded(vcpu);
    uint64_t sie = here ? csr_read(CSR_VSIE) : v->csrs.vsie;

    if ((sie & SIE_STIE) == 0) {
        return UINT64_MAX;
    }
    if (!rv_features.sstc) {
        return v->timer.hart != NULL ? v->timer.deadline : UINT64_MAX;
    }
    return here ? csr_read(CSR_VSTIMECMP) : v->csrs.vstimecmp;
}

/* ---- not on the hart ------------------------------------------------------------------------ */

static void watched_due(struct timer *t)
{
    vcpu_request(&container_of(t, struct rv_vcpu, timer)->core, VCPU_REQ_IRQ);
}

/*
 * hgeie's interrupt is a level, a deadline that has passed fires at once, an overflow that was
 * found on the way off the hart (rv_pmu_put()) is in vsip, and what was pending in a file that went
 * to memory (rv_imsic_put()) on its line; who adds to that from then on makes the request itself.
 * So what came since the guest's last instruction is not lost. Without Sstc the timer is armed
 * anyway, for its line.
 */
void arch_vcpu_watch(struct vcpu *vcpu)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);
    const struct rv_guest_csrs *c = &v->csrs;

    if (rv_features.sstc && (c->vsie & SIE_STIE) != 0 && c->vstimecmp != UINT64_MAX) {
        timer_arm(&v->timer, vcpu_hart(vcpu), c->vstimecmp, watched_due);
    }
    if (v->vgein != 0 && (c->vsie & SIE_SEIE) != 0) {
        v->hart->watched |= 1ull << v->vgein;
        csr_set(CSR_HGEIE, 1ull << v->vgein);
        /* Asked as well: QEMU 10 can lose the SGEI of an MSI that comes while hgeie is written. */
        if ((csr_read(CSR_HGEIP) >> v->vgein & 1) != 0) {
            vcpu_request(vcpu, VCPU_REQ_IRQ);
        }
    }
    if (v->file != NULL && (c->vsie & SIE_SEIE) != 0 &&
        (atomic_load_explicit(&vcpu->irq_lines, memory_order_relaxed) & LINE(VCPU_IRQ_EXT)) != 0) {
        vcpu_request(vcpu, VCPU_REQ_IRQ);
    }
    if ((c->vsip & c->vsie) != 0) {
        vcpu_request(vcpu, VCPU_REQ_IRQ);
    }
}

void rv_vcpu_unwatch(struct rv_vcpu *v)
{
    uint64_t file = v->hart->watched & 1ull << v->vgein;

    if (rv_features.sstc) {
        timer_cancel(&v->timer);
    }
    if (file != 0) {
        v->hart->watched &= ~file;
        csr_clear(CSR_HGEIE, file);
    }
}

/*
 * Timers of this hart run on this hart, and not now, so none of them is about to call. Without Sstc
 * one that has fired and is armed again raises a line that is up until the guest sets it anew.
 */
void arch_vcpu_move(struct vcpu *vcpu, struct hart *to)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);

    rv_vcpu_unwatch(v);
    if (!rv_features.sstc && v->timer.hart != NULL) {
        timer_arm(&v->timer, to, v->timer.deadline, timer_due);
    }
    v->hart = rv_hart_of(to);
}

void rv_watched_files(struct rv_hart *hart, uint64_t files)
{
    hart->watched &= ~files;
    csr_clear(CSR_HGEIE, files);
    for (struct vcpu *v = hart->core.vcpus; v != NULL; v = v->hart_next) {
        if ((files >> rv_vcpu_of(v)->vgein & 1) != 0) {
            vcpu_request(v, VCPU_REQ_IRQ);
        }
    }
}
