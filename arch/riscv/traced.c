/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exits of guests while they are traced: the same handlers as trap.S calls, each with a record
 * before and after. Own hart; no lock.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/trap.h"
#include "core/channel.h"
#include "core/trace.h"
#include "sbi/sbi.h"

#define ECALL_BYTES 4u

/* hvip's bits as 1 << enum vcpu_irq. */
static uint32_t lines(void)
{
    uint64_t hvip = csr_read(CSR_HVIP);

    return ((hvip & HVIP_VSSIP) != 0 ? 1u << VCPU_IRQ_SOFT : 0) |
           ((hvip & HVIP_VSTIP) != 0 ? 1u << VCPU_IRQ_TIMER : 0) |
           ((hvip & HVIP_VSEIP) != 0 ? 1u << VCPU_IRQ_EXT : 0);
}

static uint32_t what(const struct vcpu *v, enum trace_event event, uint32_t detail)
{
    return TRACE_WHAT(event, detail, v->vm->index, v->index);
}

/* By its cause: what was called (EID above FID), touched, or tried. */
static uint64_t about(const struct rv_vcpu *v, uint64_t scause)
{
    const uint64_t *a = &v->frame.x[RV_REG_A0];

    switch (scause) {
    case CAUSE_ECALL_VS:
        return a[7] << 32 | (uint32_t)a[6];
    case CAUSE_INSN_GUEST_PAGE_FAULT:
    case CAUSE_LOAD_GUEST_PAGE_FAULT:
    case CAUSE_STORE_GUEST_PAGE_FAULT:
        return csr_read(CSR_HTVAL) << 2 | (csr_read(CSR_STVAL) & 3);
    default:
        return csr_read(CSR_STVAL);
    }
}

static void exited(const struct rv_vcpu *v, uint64_t scause)
{
    if (trace_on(&v->hart->core, TRACE_EXIT)) {
        uint32_t irq = (int64_t)scause < 0 ? 0x80u : 0;

        trace_put(&v->hart->core, what(&v->core, TRACE_EV_EXIT, irq | (scause & 0x7f)), 0,
                  about(v, scause));
    }
}

static enum rv_fast ecall(struct rv_vcpu *v)
{
    uint64_t *a = &v->frame.x[RV_REG_A0];
    uint64_t end = a[0], bits = a[1];
    bool bell = a[7] == CURIA_EXT_IPC && a[6] == CURIA_IPC_NOTIFY;

    if (!sbi_fast(&v->core, a)) {
        return RV_FAST_DECLINED;
    }
    /* Other errors are the caller's, which has rung nobody. */
    bell = bell && (a[0] == SBI_SUCCESS || (int64_t)a[0] == SBI_ERR_INVALID_STATE);
    if (bell && trace_on(&v->hart->core, TRACE_IPC)) {
        channel_trace(v->core.vm->ipc->ends[end], TRACE_EV_BELL,
                      a[0] == SBI_SUCCESS ? ERR_OK : ERR_STATE, (uint32_t)bits);
    }
    v->core.exits[EXIT_ECALL_FAST]++;
    csr_write(CSR_SEPC, csr_read(CSR_SEPC) + ECALL_BYTES);
    return RV_FAST_DONE;
}

static enum rv_fast fast(struct rv_vcpu *v, uint64_t scause)
{
    uint64_t htinst;

    if ((int64_t)scause < 0) {
        return rv_irq_fast(v, scause);
    }
    switch (scause) {
    case CAUSE_ECALL_VS:
        return ecall(v);
    case CAUSE_LOAD_GUEST_PAGE_FAULT:
    case CAUSE_STORE_GUEST_PAGE_FAULT:
        htinst = csr_read(CSR_HTINST);
        return rv_mmio_fast(v, htinst, ((htinst & 0x20) != 0 ? htinst >> 20 : htinst >> 7) & 31);
    default:
        return RV_FAST_DECLINED;
    }
}

struct rv_vcpu *rv_exit_traced(struct rv_hart *hart, struct rv_vcpu *v)
{
    uint64_t scause = csr_read(CSR_SCAUSE);
    uint32_t before = lines();
    enum rv_fast handled;

    exited(v, scause);
    handled = fast(v, scause);
    if (handled == RV_FAST_DONE) {
        v->trap.sepc = csr_read(CSR_SEPC);
        v->trap.sstatus = csr_read(CSR_SSTATUS);
        v->trap.hstatus = csr_read(CSR_HSTATUS);
    } else {
        struct rv_vcpu *last = v;

        v = rv_exit(hart, v, handled);
        before = v == last ? before : 0;
    }
    before = lines() & ~before;
    if (before != 0 && trace_on(&hart->core, TRACE_INJECT)) {
        trace_put(&hart->core, what(&v->core, TRACE_EV_LINES, before), 0, 0);
    }
    if (trace_on(&hart->core, TRACE_EXIT)) {
        trace_put(&hart->core, what(&v->core, TRACE_EV_ENTRY, 0), 0, v->trap.sepc);
    }
    return v;
}

void arch_hart_trace(bool traps)
{
    csr_write(CSR_STVEC, traps ? (uint64_t)rv_trap_vector_traced : (uint64_t)rv_trap_vector);
}
