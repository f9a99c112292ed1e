/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a guest and back. While a guest runs, sscratch points to its struct rv_vcpu; in HS-mode it
 * is 0 and tp is the hart, interrupts are off. The hypervisor's stack is empty whenever a guest
 * runs, and holds nothing across a change of vCPU.
 *
 * An SBI call first meets sbi_fast(), a load's or store's guest-page fault rv_mmio_fast(), an
 * interrupt rv_irq_fast(), with only the caller-saved registers saved (and the others too, if it is
 * one of them that the access names). If it declines, it has done nothing and has kept the
 * callee-saved ones, so they are saved then, and the general path begins. sepc, sstatus and hstatus
 * stay in their CSRs on the fast path, and come from v->trap on the general one.
 */
#include "arch/riscv/csr_bits.h"
#include "arch/riscv/hart.h"
#include "asm_offsets.h"

#define X(n) (RV_VCPU_X + 8 * (n))

/* ra, sp, tp, t0 to t6, a1 to a7; a0 is the base, or saved on its own */
.macro caller_saved insn
    .irp n, 1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31
    \insn   x\n, X(\n)(a0)
    .endr
.endm

/* Those and x0, as bits of a word, extended with its sign as lui does. */
#define CALLER_SAVED (0xf003fcf7 - 0x100000000)

/* gp, s0 to s11 */
.macro callee_saved insn
    .irp n, 3, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    \insn   x\n, X(\n)(a0)
    .endr
.endm

    .section .text.rv_trap, "ax", @progbits

    .balign 4
    .globl  rv_trap_vector
    .type   rv_trap_vector, @function
rv_trap_vector:
    csrrw   a0, CSR_SSCRATCH, a0
    beqz    a0, .Lhyp
    caller_saved sd
    csrrw   t0, CSR_SSCRATCH, zero
    sd      t0, X(10)(a0)
    csrr    t0, CSR_SCAUSE
    ld      tp, RV_VCPU_HART(a0)
    ld      sp, RV_HART_STACK_TOP(tp)
    addi    t0, t0, -CAUSE_ECALL_VS
    bnez    t0, .Lno_ecall

    addi    a1, a0, X(10)
    call    sbi_fast
    beqz    a0, .Ldeclined

    ld      a0, RV_HART_RESIDENT(tp)
    ld      t0, RV_VCPU_ECALL_FAST(a0)
    csrr    t1, CSR_SEPC
    addi    t0, t0, 1
    addi    t1, t1, 4
    sd      t0, RV_VCPU_ECALL_FAST(a0)
    csrw    CSR_SEPC, t1
.Lback:
    csrw    CSR_SSCRATCH, a0
    caller_saved ld
    ld      a0, X(10)(a0)
    sret

    /* an interrupt, or causes 21 and 23 */
.Lno_ecall:
    addi    t0, t0, CAUSE_ECALL_VS
    bltz    t0, .Lirq
    addi    t0, t0, -CAUSE_LOAD_GUEST_PAGE_FAULT
    andi    t0, t0, ~(CAUSE_LOAD_GUEST_PAGE_FAULT ^ CAUSE_STORE_GUEST_PAGE_FAULT)
    li      a2, RV_FAST_DECLINED
    bnez    t0, .Lgeneral

    /* a2 = rs2 of a store, rd of a load; if htinst is neither, rv_mmio_fast() finds out */
    csrr    a1, CSR_HTINST
    andi    t0, a1, 0x20
    srli    a2, a1, 7
    beqz    t0, 1f
    srli    a2, a1, 20
1:  li      t0, CALLER_SAVED
    andi    a2, a2, 31
    srlw    t0, t0, a2
    andi    t0, t0, 1
    beqz    t0, .Lmmio_callee_saved
    call    rv_mmio_fast
.Lanswered:
    mv      a2, a0
    ld      a0, RV_HART_RESIDENT(tp)
    addi    t0, a2, -RV_FAST_DONE
    beqz    t0, .Lback
    j       .Lgeneral

.Lirq:
    csrr    a1, CSR_SCAUSE
    call    rv_irq_fast
    j       .Lanswered

.Lmmio_callee_saved:
    callee_saved sd
    call    rv_mmio_fast
    mv      a2, a0
    ld      a0, RV_HART_RESIDENT(tp)
    addi    t0, a2, -RV_FAST_DONE
    bnez    t0, .Lgeneral_saved
    callee_saved ld
    j       .Lback

.Ldeclined:
    ld      a0, RV_HART_RESIDENT(tp)
    li      a2, RV_FAST_DECLINED
    /* a0 = the vCPU, a2 = what a fast handler said */
.Lgeneral:
    callee_saved sd
.Lgeneral_saved:
    mv      a1, a0
    mv      a0, tp
    call    rv_exit

    /* a0 = the vCPU to enter */
.Lenter:
    ld      t0, RV_VCPU_SEPC(a0)
    ld      t1, RV_VCPU_SSTATUS(a0)
    ld      t2, RV_VCPU_HSTATUS(a0)
    csrw    CSR_SEPC, t0
    csrw    CSR_SSTATUS, t1
    csrw    CSR_HSTATUS, t2
    csrw    CSR_SSCRATCH, a0
    callee_saved ld
    caller_saved ld
    ld      a0, X(10)(a0)
    sret

    /* A trap of the hypervisor itself: to rv_hyp_trap with everything as it was. */
.Lhyp:
    csrrw   a0, CSR_SSCRATCH, a0
    j       rv_hyp_trap
    .size   rv_trap_vector, . - rv_trap_vector

    /* While traps are traced, and so no path is short: rv_exit_traced() does what is above. */
    .balign 4
    .globl  rv_trap_vector_traced
    .type   rv_trap_vector_traced, @function
rv_trap_vector_traced:
    csrrw   a0, CSR_SSCRATCH, a0
    beqz    a0, .Lhyp
    caller_saved sd
    callee_saved sd
    csrrw   t0, CSR_SSCRATCH, zero
    sd      t0, X(10)(a0)
    mv      a1, a0
    ld      tp, RV_VCPU_HART(a0)
    mv      a0, tp
    ld      sp, RV_HART_STACK_TOP(tp)
    call    rv_exit_traced
    j       .Lenter
    .size   rv_trap_vector_traced, . - rv_trap_vector_traced

    .globl  rv_run
    .type   rv_run, @function
rv_run:
    mv      tp, a0
    ld      sp, RV_HART_STACK_TOP(tp)
    csrw    CSR_SSCRATCH, zero
    lla     t0, rv_trap_vector
    csrw    CSR_STVEC, t0
    call    rv_first
    j       .Lenter
    .size   rv_run, . - rv_run
