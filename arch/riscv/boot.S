/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions of the boot hart and of every other one, and the trap vector for traps
 * that HS-mode itself causes.
 *
 * Position independent until translation is on: symbols are reached relative to the pc, and the
 * virtual addresses come as constants. No identity mapping is needed: the fetch after the write of
 * satp faults, and stvec holds the virtual address of what comes next.
 */
#include "arch/riscv/csr_bits.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/layout.h"

    .option norelax

    .section .head, "ax"
    .globl _start
_start:
    /* The boot image header of Linux (Documentation/arch/riscv/boot-image-header). */
    .option push
    .option norvc
    j       boot
    nop
    .option pop
    .dword  0x200000     /* text_offset: load there from a 2 MiB boundary */
    .dword  RV_FOOTPRINT /* image_size: free memory wanted from the load address on */
    .dword  0            /* flags: little endian */
    .word   2            /* version 0.2 */
    .word   0
    .dword  0
    .ascii  "RISCV\0\0\0"
    .ascii  "RSC\x05"
    .word   0

    /* a0 = hart id, a1 = physical address of the FDT, satp = 0, interrupts off [SBI 3.0 §9.1] */
boot:
    csrw    CSR_SIE, zero
    mv      s0, a0
    mv      s1, a1

    /* Any load address will do that is a multiple of 4 KiB. */
    lla     t0, _start
    slli    t0, t0, 52
    bnez    t0, dead

    lla     t0, rv_bss_start
    lla     t1, rv_boot_stack
1:  sd      zero, 0(t0)
    sd      zero, 8(t0)
    sd      zero, 16(t0)
    sd      zero, 24(t0)
    sd      zero, 32(t0)
    sd      zero, 40(t0)
    sd      zero, 48(t0)
    sd      zero, 56(t0)
    addi    t0, t0, 64
    bltu    t0, t1, 1b

    /* The guard of the stack protector, before any C: differs from boot to boot. */
    csrr    t0, CSR_TIME
    li      t1, 0x9e3779b97f4a7c15
    mul     t0, t0, t1
    xor     t0, t0, s1
    andi    t0, t0, ~0xff /* a string that overruns ends there */
    lla     t1, __stack_chk_guard
    sd      t0, 0(t1)

    lla     sp, rv_bss_end
    call    rv_early_map /* a0 = satp */

    ld      t1, virt_boot
    j       translate

    /* Other harts: a0 = hart id, a1 = virtual address of the struct rv_hart. */
    .globl rv_hart_entry
    .balign 4
rv_hart_entry:
    csrw    CSR_SIE, zero
    mv      s1, a1
    lla     t0, rv_satp
    ld      a0, 0(t0)
    ld      t1, virt_hart
    j       translate

    /* Harts that rv_sleep() stopped: likewise. */
    .globl rv_wake_entry
    .balign 4
rv_wake_entry:
    csrw    CSR_SIE, zero
    mv      s1, a1
    lla     t0, rv_satp
    ld      a0, 0(t0)
    ld      t1, virt_wake

translate:
    csrw    CSR_STVEC, t1
    sfence.vma
    csrw    CSR_SATP, a0

    /* Not reached: the fetch faults. Or a start that failed. */
    .balign 4
dead:
    wfi
    j       dead

    .balign 8
virt_boot:
    .dword  boot_translated
virt_hart:
    .dword  hart_translated
virt_wake:
    .dword  wake_translated
virt_boot_stack:
    .dword  RV_STACK_TOP(0)

    .text
    .balign 4
boot_translated:
    sfence.vma
    lla     tp, rv_boot_hart
    ld      sp, virt_boot_stack
    sd      sp, RV_HART_STACK_TOP(tp)
    lla     t0, rv_hyp_trap
    csrw    CSR_STVEC, t0
    mv      a0, s0
    mv      a1, s1
    call    rv_main

    .balign 4
hart_translated:
    sfence.vma
    mv      tp, s1
    ld      sp, RV_HART_STACK_TOP(tp)
    lla     t0, rv_hyp_trap
    csrw    CSR_STVEC, t0
    mv      a0, tp
    call    rv_hart_main

    /*
     * int64_t rv_sleep(a0, a1, a2, eid, fid): an SBI call from which the hart comes back by
     * rv_wake_entry, with 0, or at once, with an error. It keeps what a C call keeps, and stvec.
     */
    .globl rv_sleep
    .balign 4
rv_sleep:
    addi    sp, sp, -112
    csrr    t0, CSR_STVEC
    sd      t0, 0(sp)
    sd      ra, 8(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd      s\n, (16 + 8 * \n)(sp)
    .endr
    sd      sp, RV_HART_SLEEP_SP(tp)
    mv      a7, a3
    mv      a6, a4
    fence   rw, rw /* before whatever the firmware does with the hart */
    ecall
    j       1f

    .balign 4
wake_translated:
    sfence.vma
    mv      tp, s1
    ld      sp, RV_HART_SLEEP_SP(tp)
    csrw    CSR_SSCRATCH, zero
    li      a0, 0
1:  ld      t0, 0(sp)
    csrw    CSR_STVEC, t0
    ld      ra, 8(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld      s\n, (16 + 8 * \n)(sp)
    .endr
    addi    sp, sp, 112
    ret

    /*
     * Keeps sp, ra, t0 and t1 in the hart's structure, then reports on the one emergency stack,
     * because the trap may have been the stack's own guard page. A second trap, here or there, ends
     * in `halt`; so do harts that come while another reports.
     */
    .globl rv_hyp_trap
    .balign 4
rv_hyp_trap:
    csrw    CSR_SSCRATCH, t0
    lla     t0, halt
    csrw    CSR_STVEC, t0
    csrr    t0, CSR_SSCRATCH
    sd      sp, RV_HART_TRAP_REGS + 0(tp)
    sd      ra, RV_HART_TRAP_REGS + 8(tp)
    sd      t0, RV_HART_TRAP_REGS + 16(tp)
    sd      t1, RV_HART_TRAP_REGS + 24(tp)
    lla     t0, emergency_taken
    li      t1, 1
    amoswap.w t1, t1, (t0)
    bnez    t1, halt
    lla     sp, emergency_stack_top
    mv      a0, tp
    call    rv_hyp_trap_report

    .balign 4
halt:
    csrw    CSR_SIE, zero
    wfi
    j       halt

    .section .bss.emergency, "aw", @nobits
    .balign 16
    .skip   2048
emergency_stack_top:
emergency_taken:
    .skip   16
