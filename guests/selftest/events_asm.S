/* SPDX-License-Identifier: BSD-2-Clause */
/* Software events: the entry of a handler, and a call that shows what one leaves of registers. */

    .macro others op
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 20, 21, 22, 23, 24, 25, \
            26, 27, 28, 29, 30, 31
    \op     x\n, (8 * \n)(sp)
    .endr
    .endm

/* a7 = struct handler: its first word keeps sp, the second is the stack's top; a6 = hart id. */
    .text
    .balign 4
    .globl event_entry
event_entry:
    sd      sp, 0(a7)
    ld      sp, 8(a7)
    addi    sp, sp, -256
    others  sd
    sd      a7, 0(sp)
    mv      a0, a7
    mv      a1, a6
    call    event_handler
    ld      a7, 0(sp)
    others  ld
    ld      sp, 0(a7)
    li      a7, 0x535345            /* SSE, complete */
    li      a6, 6
    ecall
1:  j       1b

/*
 * void event_probe(uint64_t x[32], event, hart): SSE inject with 0x1000 + n in the registers that
 * the call has no use for; then all of them to x. x1 is x.
 */
    .globl event_probe
event_probe:
    addi    sp, sp, -112
    sd      ra, 104(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd      s\n, (8 * \n)(sp)
    .endr
    mv      ra, a0
    mv      a0, a1
    mv      a1, a2
    .irp n, 5, 6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    li      x\n, 0x1000 + \n
    .endr
    li      a7, 0x535345
    li      a6, 7
    ecall
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, \
            25, 26, 27, 28, 29, 30, 31
    sd      x\n, (8 * \n)(ra)
    .endr
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld      s\n, (8 * \n)(sp)
    .endr
    ld      ra, 104(sp)
    addi    sp, sp, 112
    ret
