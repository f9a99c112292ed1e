/* SPDX-License-Identifier: BSD-2-Clause */
/* Ways into the code that exec.c wrote: a0 and a1 are its registers, a2 where it is. */

    .text
    .globl exec_call
exec_call:
    jr      a2

/* With sp = a0, which may be a device: traps do not use it. */
    .globl exec_call_sp
exec_call_sp:
    mv      t0, sp
    mv      t1, ra
    mv      sp, a0
    jalr    a2
    mv      sp, t0
    mv      ra, t1
    ret

/* Comes back by a trap only. */
    .globl exec_enter_user
exec_enter_user:
    li      t0, 1 << 8          /* SPP */
    csrc    sstatus, t0
    csrw    sepc, a2
    sret

/* For random words: every register is a0, then on to a1 by t0. Comes back by a trap only. */
    .globl exec_word
exec_word:
    mv      t0, a1
    .irp n, 1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, \
            26, 27, 28, 29, 30, 31
    mv      x\n, a0
    .endr
    jr      t0
