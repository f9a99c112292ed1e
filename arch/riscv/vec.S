/* SPDX-License-Identifier: BSD-2-Clause */
/* Clears the vector registers, see vec.h. */
#include "arch/riscv/csr_bits.h"

    .option arch, +v

    .section .text.rv_vec, "ax", @progbits

    .globl  rv_vec_clear
    .type   rv_vec_clear, @function
rv_vec_clear:
    li      t0, SSTATUS_VS
    csrs    CSR_SSTATUS, t0
    csrw    CSR_VSTART, zero
    vsetvli t1, zero, e8, m8, ta, ma
    vmv.v.i v0, 0
    vmv.v.i v8, 0
    vmv.v.i v16, 0
    vmv.v.i v24, 0
    csrw    CSR_VCSR, zero
    /* vill alone, and so vl = 0: as after a reset [V, "State of Vector Extension at Reset"] */
    li      t1, 1
    slli    t1, t1, 63
    vsetvl  zero, t1, t1
    csrc    CSR_SSTATUS, t0
    ret
    .size   rv_vec_clear, . - rv_vec_clear
