/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A counter by its number: a jump into a table of reads. mcounteren, the firmware's, may forbid it;
 * as in guest_mem.S, stvec points at the recovery meanwhile, and what such a trap overwrites is
 * written at guest entry.
 */
#include "arch/riscv/csr_bits.h"

    .section .text.rv_hpm_read, "ax", @progbits
    .globl  rv_hpm_read
    .type   rv_hpm_read, @function
rv_hpm_read:
    lla     t0, .Ltrapped
    li      a1, 1
    li      t2, SSTATUS_SDT /* as the guest's own trap may have left it */
    csrc    CSR_SSTATUS, t2
    csrrw   t0, CSR_STVEC, t0
    lla     t1, .Ltable
    slli    a0, a0, 1 /* 6 bytes each */
    add     t1, t1, a0
    slli    a0, a0, 1
    add     t1, t1, a0
    jr      t1
.Ltable:
    .set    csr, CSR_HPMCOUNTER3
    .rept   16 /* RV_HPM_READABLE */
    csrr    a0, csr
    c.j     .Lread
    .set    csr, csr + 1
    .endr
    .balign 4
.Ltrapped:
    li      a0, 0
    li      a1, 0
.Lread:
    csrw    CSR_STVEC, t0
    ret
    .size   rv_hpm_read, . - rv_hpm_read
