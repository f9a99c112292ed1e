/* SPDX-License-Identifier: BSD-2-Clause */
/* Moves the FP registers to and from a struct rv_fp, see fp.h. */
#include "arch/riscv/csr_bits.h"
#include "asm_offsets.h"

    .option arch, +d

.macro fp_each insn
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \insn   f\n, (RV_FP_F + 8 * \n)(a0)
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \insn   f\n, (RV_FP_F + 8 * \n)(a0)
    .endr
.endm

    .section .text.rv_fp, "ax", @progbits

    .globl  rv_fp_save
    .type   rv_fp_save, @function
rv_fp_save:
    li      t0, SSTATUS_FS
    csrs    CSR_SSTATUS, t0
    fp_each fsd
    csrr    t1, CSR_FCSR
    sd      t1, RV_FP_FCSR(a0)
    csrc    CSR_SSTATUS, t0
    ret
    .size   rv_fp_save, . - rv_fp_save

    .globl  rv_fp_restore
    .type   rv_fp_restore, @function
rv_fp_restore:
    li      t0, SSTATUS_FS
    csrs    CSR_SSTATUS, t0
    fp_each fld
    ld      t1, RV_FP_FCSR(a0)
    csrw    CSR_FCSR, t1
    csrc    CSR_SSTATUS, t0
    ret
    .size   rv_fp_restore, . - rv_fp_restore
