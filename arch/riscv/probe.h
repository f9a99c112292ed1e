/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that may trap because the hart lacks them, tried with stvec turned to the
 * instruction after. The trap itself is then a jump: HS-mode runs with interrupts off, and what the
 * trap writes (sepc, scause, stval, sstatus.SPP, hstatus) holds nothing between traps.
 */
#ifndef ARCH_RISCV_PROBE_H
#define ARCH_RISCV_PROBE_H

#include "arch/riscv/csr.h"

#include <stdbool.h>
#include <stdint.h>

/* Evaluates to true if insn (assembler text that may use %2, a register) did not trap. */
#define RV_PROBE(insn, arg)                                                                        \
    __extension__({                                                                                \
        uint64_t probe_vec_, probe_ok_;                                                            \
        __asm__ volatile("lla %0, 1f\n\t"                                                          \
                         "csrrw %0, 0x105, %0\n\t"                                                 \
                         "li %1, 0\n\t" insn "\n\t"                                                \
                         "li %1, 1\n\t"                                                            \
                         ".balign 4\n"                                                             \
                         "1:\n\t"                                                                  \
                         "csrw 0x105, %0"                                                          \
                         : "=&r"(probe_vec_), "=&r"(probe_ok_)                                     \
                         : "r"(arg)                                                                \
                         : "memory", "t0");                                                        \
        probe_ok_ != 0;                                                                            \
    })

/* Does reading the CSR work? csr is a CSR_ name. */
#define rv_csr_exists(csr) RV_PROBE("csrr t0, " RV_STRING(csr), 0ul)
#define RV_STRING(x)       RV_STRING_(x)
#define RV_STRING_(x)      #x

/* cbo.zero of the block that holds p [Priv, Zicboz]: MISC-MEM, funct3 2, function 4. */
#define RV_CBO_ZERO ".insn i 0x0f, 2, x0, %2, 4"

static inline void rv_cbo_zero(void *p)
{
    __asm__ volatile(".insn i 0x0f, 2, x0, %0, 4" ::"r"(p) : "memory");
}

#endif
