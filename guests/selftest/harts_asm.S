/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entries for HSM start and resume that save what they find in the structure at a1 (struct
 * entry_seen, a1 last) and stop the hart. hart_soft_entry waits for an IPI before.
 */

    .text
    .balign 4
    .globl hart_probe_entry
    .globl hart_resume_entry
    .globl hart_soft_entry
hart_soft_entry:
    csrr    t0, sip
    andi    t0, t0, 2               /* SSIP */
    beqz    t0, hart_soft_entry
    csrc    sip, t0
hart_probe_entry:
hart_resume_entry:
    sd      a0, 0(a1)
    csrr    t0, satp
    csrr    t1, sie
    csrr    t2, sstatus
    sd      t0, 16(a1)
    sd      t1, 24(a1)
    sd      t2, 32(a1)
    csrw    sie, zero
    fence   rw, rw
    sd      a1, 8(a1)
    fence   rw, rw
    li      a7, 0x48534D            /* HSM, stop */
    li      a6, 1
    ecall
1:  wfi
    j       1b

/* Resume by SUSP: saves what it finds in susp_seen and goes on as guest_sleep() does. */
    .balign 4
    .globl susp_probe_entry
susp_probe_entry:
    la      t3, susp_seen
    csrr    t0, satp
    csrr    t2, sstatus
    sd      a0, 0(t3)
    sd      a1, 8(t3)
    sd      t0, 16(t3)
    sd      t2, 24(t3)
    j       guest_wake_entry
