/* SPDX-License-Identifier: BSD-2-Clause */
/* The vector registers as a whole, for vector.c. sstatus.VS is on. */

    .option arch, +v

    .text

/* void vector_load(const void *from): v0 to v31; then vl, vtype, vcsr and vstart are not 0. */
    .globl vector_load
vector_load:
    csrw    vstart, zero
    csrr    t0, vlenb
    slli    t0, t0, 3
    vl8re8.v v0, (a0)
    add     a0, a0, t0
    vl8re8.v v8, (a0)
    add     a0, a0, t0
    vl8re8.v v16, (a0)
    add     a0, a0, t0
    vl8re8.v v24, (a0)
    vsetivli zero, 3, e16, m1, ta, ma
    li      t0, 5
    csrw    vcsr, t0
    li      t0, 1
    csrw    vstart, t0
    ret

/* void vector_store(void *to, uint64_t csrs[4]): v0 to v31; vl, vtype, vcsr, vstart. */
    .globl vector_store
vector_store:
    csrr    t0, vl
    sd      t0, 0(a1)
    csrr    t0, vtype
    sd      t0, 8(a1)
    csrr    t0, vcsr
    sd      t0, 16(a1)
    csrr    t0, vstart
    sd      t0, 24(a1)
    csrw    vstart, zero
    csrr    t0, vlenb
    slli    t0, t0, 3
    vs8r.v  v0, (a0)
    add     a0, a0, t0
    vs8r.v  v8, (a0)
    add     a0, a0, t0
    vs8r.v  v16, (a0)
    add     a0, a0, t0
    vs8r.v  v24, (a0)
    ret
