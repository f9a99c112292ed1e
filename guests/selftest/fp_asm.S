/* SPDX-License-Identifier: BSD-2-Clause */
/* The FP registers as a whole, for fp.c. sstatus.FS is on. */

    .option arch, +d

    .text

.macro fp_each insn
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    \insn   f\n, (8 * \n)(a0)
    .endr
    .irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \insn   f\n, (8 * \n)(a0)
    .endr
.endm

/* void fp_load(const uint64_t from[32]); void fp_store(uint64_t to[32]) */
    .globl fp_load
fp_load:
    fp_each fld
    ret

    .globl fp_store
fp_store:
    fp_each fsd
    ret
