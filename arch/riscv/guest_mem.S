/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single reads through the guest's translation. stvec points at the recovery for as long as the one
 * instruction that may trap; it can be reached from nowhere else, since interrupts are off.
 * Whatever the cause (QEMU raises 12 where HLVX finds no execute right), it is the answer. sepc,
 * sstatus and hstatus.SPV are overwritten by such a trap; guest entry writes them all.
 */
#include "arch/riscv/csr_bits.h"

/* a0 = guest virtual address, a1 = where the result goes; funct7 and rs2 of the load, its store */
.macro guest_read name, funct7, rs2, store
    .section .text.\name, "ax", @progbits
    .globl  \name
    .type   \name, @function
\name:
    lla     t0, 1f
    /* Set by the guest's own trap; left so, one of ours would be a double trap. */
    li      t2, SSTATUS_SDT
    csrc    CSR_SSTATUS, t2
    csrrw   t0, CSR_STVEC, t0
    .insn   r 0x73, 0x4, \funct7, t1, a0, \rs2
    csrw    CSR_STVEC, t0
    \store  t1, (a1)
    li      a0, 0
    ret
    .balign 4
1:
    csrw    CSR_STVEC, t0
    csrr    a0, CSR_SCAUSE
    ret
    .size   \name, . - \name
.endm

guest_read rv_hlvx_hu, 0x32, x3, sh /* hlvx.hu */
guest_read rv_hlv_d, 0x36, x0, sd   /* hlv.d */
