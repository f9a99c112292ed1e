/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's vector registers. Curia itself never uses them: they stay in the hart on every exit,
 * and change places when a vCPU is put or loaded. Of any VLEN, ELEN and Zve*; which VM has any is
 * rv_isa_vectors()' to say.
 */
#ifndef ARCH_RISCV_VEC_H
#define ARCH_RISCV_VEC_H

#include <stddef.h>
#include <stdint.h>

#define RV_VTYPE_VILL (1ull << 63)

/* In memory; v0 to v31 follow, each of the hart's vlenb bytes. */
struct rv_vec {
    uint64_t vstart, vcsr, vl, vtype;
};

static inline size_t rv_vec_bytes(uint32_t vlenb)
{
    return sizeof(struct rv_vec) + 32 * (size_t)vlenb;
}

/* Own hart, one with vectors; sstatus.VS is off afterwards. Saving leaves vstart as 0. */
void rv_vec_save(struct rv_vec *vec);
void rv_vec_restore(const struct rv_vec *vec);

#endif
