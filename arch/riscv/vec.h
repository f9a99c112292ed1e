/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's vector registers. Curia itself never uses them, and a hart runs one vCPU for good: so
 * they stay where they are, on every exit and while the vCPU is off its hart (paused), and are
 * cleared when a life of it begins. Who gives a hart another vCPU, or takes the power from one
 * whose vCPU lives on, must save them first.
 */
#ifndef ARCH_RISCV_VEC_H
#define ARCH_RISCV_VEC_H

/*
 * v0 to v31, vcsr, vstart, vl and vtype as after a reset. Own hart, one with vectors; sstatus.VS is
 * off afterwards.
 */
void rv_vec_clear(void);

#endif
