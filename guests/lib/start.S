/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a guest begins, on its first hart and on those that it starts, and where its traps enter.
 * The image carries the RISC-V boot header, so that a loader knows where it belongs and how much
 * memory it claims, bss included. tp and sscratch always hold the hart's struct guest_hart; the
 * offsets are those of guests/lib/offsets.h.
 */
#include "guests/lib/offsets.h"

    .section .head, "ax"
    .globl _start
_start:
    j       1f
    .balign 8
    .dword  _text_offset
    .dword  _image_size
    .dword  0                       /* little endian */
    .word   2                       /* header version 0.2 */
    .word   0
    .dword  0
    .dword  0x5643534952            /* "RISCV" */
    .word   0x05435352              /* "RSC\x05" */
    .word   0
1:
    csrw    sie, zero
    csrw    satp, zero
    mv      s0, a0
    mv      s1, a1

    la      t0, _bss_start
    la      t1, _bss_end
2:  bgeu    t0, t1, 3f
    sd      zero, 0(t0)
    addi    t0, t0, 8
    j       2b

3:  fence.i
    la      tp, guest_harts
    la      sp, guest_boot_stack_top
    mv      a0, s0
    mv      a1, s1
    call    guest_boot
4:  wfi
    j       4b

/* Harts that guest_hart_start() starts: a1 is their struct guest_hart. */
    .text
    .globl guest_hart_entry
guest_hart_entry:
    csrw    sie, zero
    csrw    satp, zero
    mv      tp, a1
    ld      sp, HART_STACK_TOP(tp)
    mv      a0, tp
    call    guest_hart_boot
5:  wfi
    j       5b

/* int64_t guest_sleep_raw(void (*entry)(void)): SUSP, from which it comes back through entry. */
    .globl guest_sleep_raw
guest_sleep_raw:
    addi    sp, sp, -112
    sd      ra, 0(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd      s\n, (8 + 8 * \n)(sp)
    .endr
    sd      sp, HART_SLEEP_SP(tp)
    mv      a1, a0
    mv      a2, tp
    li      a0, 0                   /* suspend to RAM */
    li      a7, 0x53555350          /* SUSP */
    li      a6, 0
    ecall
    j       6f
    .balign 4
    .globl guest_wake_entry
guest_wake_entry:
    csrw    sie, zero
    csrw    satp, zero
    mv      tp, a1
    ld      sp, HART_SLEEP_SP(tp)
    li      a0, 0
6:  ld      ra, 0(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld      s\n, (8 + 8 * \n)(sp)
    .endr
    addi    sp, sp, 112
    ret

/* ---- traps ---------------------------------------------------------------------------------- */

    .macro each_register op
    .irp n, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, \
            25, 26, 27, 28, 29, 30, 31
    \op     x\n, (8 * \n)(tp)
    .endr
    .endm

/* From S-mode or U-mode. Never nested: the handler runs with interrupts off and must not trap. */
    .balign 4
    .globl guest_trap_entry
guest_trap_entry:
    csrrw   tp, sscratch, tp
    each_register sd
    csrrw   t0, sscratch, tp
    sd      t0, (8 * 4)(tp)
    csrr    t0, sepc
    csrr    t1, sstatus
    csrr    t2, scause
    csrr    t3, stval
    sd      t0, HART_SEPC(tp)
    sd      t1, HART_SSTATUS(tp)
    sd      t2, HART_SCAUSE(tp)
    sd      t3, HART_STVAL(tp)
    ld      sp, HART_TRAP_TOP(tp)
    mv      a0, tp
    call    guest_trap
    ld      t0, HART_SEPC(tp)
    ld      t1, HART_SSTATUS(tp)
    csrw    sepc, t0
    csrw    sstatus, t1
    each_register ld
    ld      tp, (8 * 4)(tp)
    sret

/*
 * bool trap_catch_raw(void (*f)(void *), void *arg): see trap.h. A trap in f ends in a return of 1
 * from here, made by guest_trap() out of what is saved.
 */
    .globl trap_catch_raw
trap_catch_raw:
    sd      ra, (HART_CATCH + 0)(tp)
    sd      sp, (HART_CATCH + 8)(tp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd      s\n, (HART_CATCH + 16 + 8 * \n)(tp)
    .endr
    csrr    t0, sstatus
    sd      t0, (HART_CATCH + 112)(tp)
    li      t0, 1
    sd      t0, HART_CATCHING(tp)
    mv      t1, a0
    mv      a0, a1
    jalr    t1
    sd      zero, HART_CATCHING(tp)
    ld      ra, (HART_CATCH + 0)(tp)
    li      a0, 0
    ret

    .section .bss.boot_stack, "aw", @nobits
    .balign 16
    .space  8192
guest_boot_stack_top:
