/* SPDX-License-Identifier: BSD-2-Clause */
/* The hostile guest's software events. a6 and a7 are a handler's own; it leaves all else alone. */

    .text
    .balign 4
    .globl hostile_event
hostile_event:
    la      a7, hostile_events
    ld      a6, 0(a7)
    addi    a6, a6, 1
    sd      a6, 0(a7)
    li      a7, 0x535345            /* SSE, complete */
    li      a6, 6
    ecall
1:  j       1b

/* A handler that traps at once, and so never ends. */
    .globl hostile_event_bad
hostile_event_bad:
    unimp

/*
 * struct sbi_result hostile_complete(a0 .. a5): where it ends an event whose handler trapped, sepc
 * and sstatus are those of a trap since: it goes on here instead of there, interrupts off.
 */
    .globl hostile_complete
hostile_complete:
    la      a6, 1f
    csrw    sepc, a6
    li      a6, 0x100               /* SPP */
    csrs    sstatus, a6
    csrci   sstatus, 0x2            /* SIE */
    li      a6, 0x20                /* SPIE */
    csrc    sstatus, a6
    li      a7, 0x535345
    li      a6, 6
    ecall
1:  ret

    .bss
    .balign 8
    .globl hostile_events
hostile_events:
    .zero   8
