/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moves the vector registers to and from a struct rv_vec, see vec.h. Whole-register loads and
 * stores do not look at vtype and vl, even if vill is set, but do begin at vstart [V, "Vector
 * Load/Store Whole Register Instructions"].
 */
#include "arch/riscv/csr_bits.h"
#include "asm_offsets.h"

    .option arch, +v

/* a0 = the struct rv_vec; vstart is 0. Changes a0 and t5. */
.macro vec_each insn
    csrr    t5, CSR_VLENB
    slli    t5, t5, 3
    addi    a0, a0, RV_VEC_SIZE
    .irp n, 0, 8, 16, 24
    \insn   v\n, (a0)
    add     a0, a0, t5
    .endr
.endm

    .section .text.rv_vec, "ax", @progbits

    .globl  rv_vec_save
    .type   rv_vec_save, @function
rv_vec_save:
    li      t0, SSTATUS_VS
    csrs    CSR_SSTATUS, t0
    csrrw   t1, CSR_VSTART, zero
    csrr    t2, CSR_VCSR
    csrr    t3, CSR_VL
    csrr    t4, CSR_VTYPE
    sd      t1, RV_VEC_VSTART(a0)
    sd      t2, RV_VEC_VCSR(a0)
    sd      t3, RV_VEC_VL(a0)
    sd      t4, RV_VEC_VTYPE(a0)
    vec_each vs8r.v
    csrc    CSR_SSTATUS, t0
    ret
    .size   rv_vec_save, . - rv_vec_save

    /*
     * vsetvl gives back any vl that there can be, since none is above VLMAX, and a vtype that is
     * vill as just that; it clears vstart, which therefore comes last.
     */
    .globl  rv_vec_restore
    .type   rv_vec_restore, @function
rv_vec_restore:
    li      t0, SSTATUS_VS
    csrs    CSR_SSTATUS, t0
    csrw    CSR_VSTART, zero
    ld      t1, RV_VEC_VSTART(a0)
    ld      t2, RV_VEC_VCSR(a0)
    ld      t3, RV_VEC_VL(a0)
    ld      t4, RV_VEC_VTYPE(a0)
    vec_each vl8re8.v
    vsetvl  zero, t3, t4
    csrw    CSR_VCSR, t2
    csrw    CSR_VSTART, t1
    csrc    CSR_SSTATUS, t0
    ret
    .size   rv_vec_restore, . - rv_vec_restore
