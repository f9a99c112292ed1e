/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offsets of members for assembler. Compiled, never linked: the Makefile makes
 * build/gen/asm_offsets.h of the lines that this leaves in the assembly.
 */
#include "arch/riscv/hart.h"
#include "arch/riscv/trap.h"
#include "arch/riscv/vcpu.h"
#include "arch/riscv/vec.h"

#include <stddef.h>

#define DEFINE(name, value)        __asm__ volatile("\n->" #name " %0" : : "i"(value))
#define OFFSET(name, type, member) DEFINE(name, offsetof(struct type, member))

void asm_offsets(void);

void asm_offsets(void)
{
    _Static_assert(offsetof(struct rv_vcpu, core) == 0, "trap.S takes one for the other");

    OFFSET(RV_VCPU_X, rv_vcpu, frame.x);
    OFFSET(RV_VCPU_HART, rv_vcpu, hart);
    OFFSET(RV_VCPU_SEPC, rv_vcpu, trap.sepc);
    OFFSET(RV_VCPU_SSTATUS, rv_vcpu, trap.sstatus);
    OFFSET(RV_VCPU_HSTATUS, rv_vcpu, trap.hstatus);
    OFFSET(RV_VCPU_ECALL_FAST, rv_vcpu, core.exits[EXIT_ECALL_FAST]);
    OFFSET(RV_HART_RESIDENT, rv_hart, resident);
    DEFINE(RV_FAST_DECLINED, RV_FAST_DECLINED);
    DEFINE(RV_FAST_DONE, RV_FAST_DONE);
    OFFSET(RV_FP_F, rv_fp, f);
    OFFSET(RV_FP_FCSR, rv_fp, fcsr);
    OFFSET(RV_VEC_VSTART, rv_vec, vstart);
    OFFSET(RV_VEC_VCSR, rv_vec, vcsr);
    OFFSET(RV_VEC_VL, rv_vec, vl);
    OFFSET(RV_VEC_VTYPE, rv_vec, vtype);
    DEFINE(RV_VEC_SIZE, sizeof(struct rv_vec));
}
