/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The general path of a guest's exit: the CSRs are read once into v->trap, the cause is handled,
 * and sched_next() says who runs next. Whatever a guest does ends in one of three ways: it goes on,
 * it gets an exception, or its VM is stopped with the fault recorded.
 */
#include "arch/riscv/trap.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/guest_mem.h"
#include "arch/riscv/imsic_guest.h"
#include "arch/riscv/insn.h"
#include "arch/riscv/pmu.h"
#include "arch/riscv/tlb.h"
#include "core/lifecycle.h"
#include "core/sched.h"
#include "core/sse.h"
#include "sbi/sbi.h"

static void snapshot(struct rv_trap *t)
{
    t->sepc = csr_read(CSR_SEPC);
    t->sstatus = csr_read(CSR_SSTATUS);
    t->hstatus = csr_read(CSR_HSTATUS);
    t->scause = csr_read(CSR_SCAUSE);
    t->stval = csr_read(CSR_STVAL);
    t->htval = csr_read(CSR_HTVAL);
    t->htinst = csr_read(CSR_HTINST);
}

static void count(struct rv_vcpu *v, enum exit_cause cause)
{
    v->core.exits[cause]++;
}

static void crash(struct rv_vcpu *v, const char *what)
{
    const struct vm_fault fault = {
        .pc = v->trap.sepc,
        .cause = v->trap.scause,
        .addr = v->trap.stval,
    };

    lifecycle_crash(v->core.vm, STOP_CRASH, &fault, what);
}

/*
 * The guest has trapped where it could not bear it, and cannot go on there. What is left is the
 * event for that, or else the VM's end.
 */
static void double_trap(struct rv_vcpu *v)
{
    if (!sse_raise(&v->core, SSE_DOUBLE_TRAP)) {
        v->trap.scause = CAUSE_DOUBLE_TRAP;
        crash(v, "double trap");
    }
}

void rv_inject(struct rv_vcpu *v, struct rv_exception exc)
{
    struct rv_vs_state vs = {
        .vsstatus = csr_read(CSR_VSSTATUS),
        .vstvec = csr_read(CSR_VSTVEC),
    };
    struct rv_hs_return ret = {v->trap.sepc, v->trap.sstatus, v->trap.hstatus};

    rv_pmu_exception(&v->core, exc.cause);
    if (rv_inject_exception(&vs, &ret, exc, rv_vcpu_double_trap(&v->core)) != RV_INJECT_OK) {
        double_trap(v);
        return;
    }
    csr_write(CSR_VSSTATUS, vs.vsstatus);
    csr_write(CSR_VSEPC, vs.vsepc);
    csr_write(CSR_VSCAUSE, vs.vscause);
    csr_write(CSR_VSTVAL, vs.vstval);
    v->trap.sepc = ret.sepc;
    v->trap.sstatus = ret.sstatus;
    v->trap.hstatus = ret.hstatus;
}

void rv_reflect(struct rv_vcpu *v)
{
    struct rv_exception exc;

    if (rv_exception_for_guest(v->trap.scause, v->trap.stval, &exc)) {
        rv_inject(v, exc);
    } else {
        crash(v, "unexpected trap");
    }
}

void rv_skip(struct rv_vcpu *v, unsigned int insn_bytes)
{
    v->trap.sepc += insn_bytes;
}

#define ECALL_BYTES 4u

void arch_vcpu_call_again(struct vcpu *vcpu)
{
    rv_vcpu_of(vcpu)->trap.sepc -= ECALL_BYTES; /* handle() has skipped it */
}

enum err arch_vcpu_call_read(struct vcpu *vcpu, gva_t addr, uint64_t *word)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);
    uint64_t cause = rv_hlv_d(addr.v, word);

    if (cause == 0) {
        return ERR_OK;
    }
    v->trap.scause = cause;
    v->trap.stval = csr_read(CSR_STVAL);
    arch_vcpu_call_again(vcpu);
    rv_reflect(v);
    return ERR_FAULT;
}

/*
 * The iprio registers of a guest with an interrupt file: all read-only zero, as a hart may have
 * them [AIA ch. 6]. Reached through sireg, whose access traps for these selectors only; there are
 * no odd-numbered ones on RV64.
 */
static bool is_iprio(const struct rv_vcpu *v, uint32_t csr)
{
    uint64_t select;

    if (csr != CSR_SIREG || !v->core.vm->has_imsic) {
        return false;
    }
    select = csr_read(CSR_VSISELECT);
    return select >= ISELECT_IPRIO0 && select <= ISELECT_IPRIO15 && (select & 1) == 0;
}

/*
 * A CSR that a guest has, and its hart does not let it read: scountovf, on harts whose firmware has
 * delegated counters to HS-mode [Priv, "Smcdeleg"]; read only by its number.
 */
static bool read_for_guest(const struct rv_vcpu *v, uint32_t csr, uint64_t *value)
{
    bool overflows = csr == CSR_SCOUNTOVF && rv_features.lcofi;

    *value = overflows ? csr_read(CSR_SCOUNTOVF) & v->csrs.counters : 0;
    return overflows || is_iprio(v, csr);
}

/* Illegal (2) and virtual (22) instructions. Hardware may or may not give the bits in stval. */
static void exit_insn(struct rv_vcpu *v)
{
    const struct rv_trap *t = &v->trap;
    uint32_t insn = (uint32_t)t->stval;
    unsigned int bytes = rv_insn_bytes((uint16_t)t->stval);
    struct rv_sys_insn sys;
    uint64_t value;

    if (t->stval == 0 && rv_guest_fetch(gva(t->sepc), &insn, &bytes) != ERR_OK) {
        return; /* not there any more: the guest finds out by itself at sepc */
    }
    sys = rv_sys_decode(insn);
    if (t->scause == CAUSE_VIRTUAL_INSN) {
        switch (rv_virt_decide(&sys, (t->sstatus & SSTATUS_SPP) != 0)) {
        case RV_VIRT_YIELD: /* VTW is on where harts are shared */
            count(v, EXIT_WFI);
            rv_skip(v, bytes);
            if (sys.kind == RV_SYS_WFI) {
                vcpu_wait(&v->core);
            } else if (hart_has_queue(vcpu_hart(&v->core))) {
                sched_give_way(&v->core);
            }
            return;
        case RV_VIRT_CSR:
            if (rv_imsic_csr(v, &sys)) {
                rv_skip(v, bytes);
                return;
            }
            if (read_for_guest(v, sys.csr, &value)) {
                if (sys.rd != 0) {
                    v->frame.x[sys.rd] = value;
                }
                rv_skip(v, bytes);
                return;
            }
            break;
        case RV_VIRT_ILLEGAL:
            break;
        }
    }
    rv_inject(v, rv_exception_illegal(insn, bytes));
}

/* Apart, so that the other needs no stack frame. */
static __attribute__((noinline)) void take_fences(struct vcpu *v)
{
    vcpu_do_fences(v);
    arch_vcpu_sync_irqs(v);
}

void rv_take_fast_requests(struct rv_vcpu *v)
{
    /* acquire pairs with the release in post() of vcpu.c; later ones come with a kick */
    uint32_t requests =
        atomic_fetch_and_explicit(&v->core.requests, ~RV_FAST_REQUESTS, memory_order_acquire);

    if ((requests & VCPU_REQ_FENCE) != 0) {
        take_fences(&v->core);
    } else {
        arch_vcpu_sync_irqs(&v->core);
    }
}

enum rv_fast rv_irq_fast(struct rv_vcpu *v, uint64_t scause)
{
    atomic_store_explicit(&v->hart->core.mode, HART_HYP, memory_order_release);
    switch (scause & SCAUSE_CODE) {
    case IRQ_SSI:
        count(v, EXIT_IRQ_IPI);
        break;
    case IRQ_STI:
        count(v, EXIT_IRQ_TIMER);
        break;
    default:
        count(v, EXIT_IRQ_EXT);
        break;
    }
    rv_handle_irqs(v->hart);
    return rv_go_on(v);
}

/* An exception. */
static void handle(struct rv_vcpu *v)
{
    switch (v->trap.scause) {
    case CAUSE_ECALL_VS:
        count(v, EXIT_ECALL);
        rv_skip(v, ECALL_BYTES); /* first: some calls set where it goes on */
        sbi_call(&v->core, &v->frame.x[RV_REG_A0]);
        break;
    case CAUSE_INSN_GUEST_PAGE_FAULT:
    case CAUSE_LOAD_GUEST_PAGE_FAULT:
    case CAUSE_STORE_GUEST_PAGE_FAULT:
        rv_exit_page_fault(v);
        break;
    case CAUSE_ILLEGAL_INSN:
    case CAUSE_VIRTUAL_INSN:
        count(v, EXIT_INSN);
        exit_insn(v);
        break;
    case CAUSE_DOUBLE_TRAP: /* medeleg cannot delegate it: by way of the firmware */
        count(v, EXIT_OTHER);
        double_trap(v);
        break;
    default: /* what hedeleg of this hart cannot delegate */
        count(v, EXIT_OTHER);
        rv_reflect(v);
        break;
    }
}

static struct rv_vcpu *next(struct rv_hart *hart)
{
    struct rv_vcpu *v = rv_vcpu_of(sched_next(&hart->core));

    rv_tlb_catch_up(v);
    return v;
}

struct rv_vcpu *rv_exit(struct rv_hart *hart, struct rv_vcpu *v, enum rv_fast handled)
{
    snapshot(&v->trap);
    sched_exited(&hart->core);
    if (handled == RV_FAST_DECLINED) {
        handle(v);
    }
    return next(hart);
}

struct rv_vcpu *rv_first(struct rv_hart *hart)
{
    return next(hart);
}
