/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a guest and back. While a guest runs, sscratch points to its struct rv_vcpu; in HS-mode it is
 * 0, tp is the hart, interrupts are off. The hypervisor's stack is empty whenever a guest runs, and
 * holds nothing across a change of vCPU.
 *
 * An SBI call first meets sbi_fast(), with only the caller-saved registers saved. If that declines,
 * it has done nothing and has kept the callee-saved ones, so they are saved then, and the general
 * path begins. sepc, sstatus and hstatus stay in their CSRs on the fast path, and come from
 * v->trap on the general one.
 */
#include "arch/riscv/csr_bits.h"
#include "arch/riscv/hart.h"
#include "asm_offsets.h"

#define X(n) (RV_VCPU_X + 8 * (n))

/* ra, sp, tp, t0 to t5, a0 to a7; t6 is \base or saved on its own */
.macro caller_saved insn, base
    \insn   x1, X(1)(\base)
    \insn   x2, X(2)(\base)
    \insn   x4, X(4)(\base)
    .irp n, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30
    \insn   x\n, X(\n)(\base)
    .endr
.endm

/* gp, s0 to s11 */
.macro callee_saved insn, base
    .irp n, 3, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
    \insn   x\n, X(\n)(\base)
    .endr
.endm

    .section .text.rv_trap, "ax", @progbits

    .balign 4
    .type   rv_trap_vector, @function
rv_trap_vector:
    csrrw   t6, CSR_SSCRATCH, t6
    beqz    t6, .Lhyp
    caller_saved sd, t6
    csrrw   t0, CSR_SSCRATCH, zero
    sd      t0, X(31)(t6)
    csrr    t0, CSR_SCAUSE
    ld      tp, RV_VCPU_HART(t6)
    ld      sp, RV_HART_STACK_TOP(tp)
    addi    t0, t0, -CAUSE_ECALL_VS
    bnez    t0, .Lgeneral

    addi    a0, t6, RV_VCPU_CORE
    addi    a1, t6, X(10)
    call    sbi_fast
    ld      t6, RV_HART_RESIDENT(tp)
    beqz    a0, .Lgeneral

    ld      t0, RV_VCPU_ECALL_FAST(t6)
    csrr    t1, CSR_SEPC
    addi    t0, t0, 1
    addi    t1, t1, 4
    sd      t0, RV_VCPU_ECALL_FAST(t6)
    csrw    CSR_SEPC, t1
    csrw    CSR_SSCRATCH, t6
    caller_saved ld, t6
    ld      t6, X(31)(t6)
    sret

.Lgeneral:
    callee_saved sd, t6
    mv      a0, tp
    mv      a1, t6
    call    rv_exit

    /* a0 = the vCPU to enter */
.Lenter:
    mv      t6, a0
    ld      t0, RV_VCPU_SEPC(t6)
    ld      t1, RV_VCPU_SSTATUS(t6)
    ld      t2, RV_VCPU_HSTATUS(t6)
    csrw    CSR_SEPC, t0
    csrw    CSR_SSTATUS, t1
    csrw    CSR_HSTATUS, t2
    csrw    CSR_SSCRATCH, t6
    callee_saved ld, t6
    caller_saved ld, t6
    ld      t6, X(31)(t6)
    sret

    /* A trap of the hypervisor itself: to rv_hyp_trap with everything as it was. */
.Lhyp:
    csrrw   t6, CSR_SSCRATCH, t6
    j       rv_hyp_trap
    .size   rv_trap_vector, . - rv_trap_vector

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
