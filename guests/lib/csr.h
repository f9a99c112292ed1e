/* SPDX-License-Identifier: BSD-2-Clause */
/* CSRs of supervisor mode, by number, for guests. [Priv 20240411; AIA 1.0] */
#ifndef GUESTS_LIB_CSR_H
#define GUESTS_LIB_CSR_H

#include <stdint.h>

#define CSR_FCSR       0x003
#define CSR_JVT        0x017
#define CSR_TIME       0xc01
#define CSR_VLENB      0xc22
#define CSR_SSTATUS    0x100
#define CSR_SIE        0x104
#define CSR_STVEC      0x105
#define CSR_SCOUNTEREN 0x106
#define CSR_SENVCFG    0x10a
#define CSR_SSCRATCH   0x140
#define CSR_SEPC       0x141
#define CSR_SCAUSE     0x142
#define CSR_STVAL      0x143
#define CSR_SIP        0x144
#define CSR_STIMECMP   0x14d
#define CSR_SCTRCTL    0x14e
#define CSR_SCTRSTATUS 0x14f
#define CSR_SISELECT   0x150
#define CSR_SIREG      0x151
#define CSR_STOPEI     0x15c
#define CSR_SATP       0x180

#define SSTATUS_SIE      (1ull << 1)
#define SSTATUS_SPIE     (1ull << 5)
#define SSTATUS_SPP      (1ull << 8)
#define SSTATUS_FS       (3ull << 13)
#define SSTATUS_FS_CLEAN (2ull << 13)
#define SSTATUS_VS       (3ull << 9)
#define SSTATUS_SUM      (1ull << 18)
#define SSTATUS_MXR      (1ull << 19)

#define SENVCFG_CBZE (1ull << 7)

/* Interrupts, in sie, sip and (with the top bit) scause. */
#define IRQ_S_SOFT  1u
#define IRQ_S_TIMER 5u
#define IRQ_S_EXT   9u
#define SCAUSE_IRQ  (1ull << 63)

/* Exceptions. */
#define EXC_INSN_MISALIGNED  0u
#define EXC_INSN_ACCESS      1u
#define EXC_ILLEGAL          2u
#define EXC_BREAKPOINT       3u
#define EXC_LOAD_MISALIGNED  4u
#define EXC_LOAD_ACCESS      5u
#define EXC_STORE_MISALIGNED 6u
#define EXC_STORE_ACCESS     7u
#define EXC_ECALL_U          8u
#define EXC_INSN_PAGE        12u
#define EXC_LOAD_PAGE        13u
#define EXC_STORE_PAGE       15u

/* csr is a constant expression: it is part of the instruction. */
#define csr_read(csr)                                                                              \
    __extension__({                                                                                \
        uint64_t csr_value_;                                                                       \
        __asm__ volatile("csrr %0, %1" : "=r"(csr_value_) : "i"(csr) : "memory");                  \
        csr_value_;                                                                                \
    })
#define csr_write(csr, value)                                                                      \
    do {                                                                                           \
        uint64_t csr_value_ = (value);                                                             \
        __asm__ volatile("csrw %0, %1" : : "i"(csr), "rK"(csr_value_) : "memory");                 \
    } while (0)
#define csr_set(csr, mask)                                                                         \
    do {                                                                                           \
        uint64_t csr_value_ = (mask);                                                              \
        __asm__ volatile("csrs %0, %1" : : "i"(csr), "rK"(csr_value_) : "memory");                 \
    } while (0)
#define csr_clear(csr, mask)                                                                       \
    do {                                                                                           \
        uint64_t csr_value_ = (mask);                                                              \
        __asm__ volatile("csrc %0, %1" : : "i"(csr), "rK"(csr_value_) : "memory");                 \
    } while (0)

static inline uint64_t time_now(void)
{
    return csr_read(CSR_TIME);
}

#endif
