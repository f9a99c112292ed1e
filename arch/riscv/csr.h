/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to CSRs by number, for RV64. Not for the host.
 *
 * The CSR must be a constant expression (a CSR_ name of csr_bits.h), because it is part of the
 * instruction. Each macro evaluates its value once. A "memory" clobber keeps the compiler from
 * moving loads and stores across a change of translation, privilege or interrupt state; it is no
 * fence. None of these recovers from a trap: a CSR that may not exist is probed by hart.c.
 */
#ifndef ARCH_RISCV_CSR_H
#define ARCH_RISCV_CSR_H

#include <stdint.h>

#include "arch/riscv/csr_bits.h"

/* The value of the CSR. */
#define csr_read(csr)                                                                              \
    __extension__({                                                                                \
        uint64_t csr_old_;                                                                         \
        __asm__ volatile("csrr %0, %1" : "=r"(csr_old_) : "i"(csr) : "memory");                    \
        csr_old_;                                                                                  \
    })

/* Writes the CSR. */
#define csr_write(csr, value)                                                                      \
    do {                                                                                           \
        uint64_t csr_new_ = (uint64_t)(value);                                                     \
        __asm__ volatile("csrw %0, %1" : : "i"(csr), "rK"(csr_new_) : "memory");                   \
    } while (0)

/* Writes the CSR, returns what it held. */
#define csr_swap(csr, value)                                                                       \
    __extension__({                                                                                \
        uint64_t csr_new_ = (uint64_t)(value);                                                     \
        uint64_t csr_old_;                                                                         \
        __asm__ volatile("csrrw %0, %1, %2"                                                        \
                         : "=r"(csr_old_)                                                          \
                         : "i"(csr), "rK"(csr_new_)                                                \
                         : "memory");                                                              \
        csr_old_;                                                                                  \
    })

/* Sets the bits of mask. */
#define csr_set(csr, mask)                                                                         \
    do {                                                                                           \
        uint64_t csr_mask_ = (uint64_t)(mask);                                                     \
        __asm__ volatile("csrs %0, %1" : : "i"(csr), "rK"(csr_mask_) : "memory");                  \
    } while (0)

/* Clears the bits of mask. */
#define csr_clear(csr, mask)                                                                       \
    do {                                                                                           \
        uint64_t csr_mask_ = (uint64_t)(mask);                                                     \
        __asm__ volatile("csrc %0, %1" : : "i"(csr), "rK"(csr_mask_) : "memory");                  \
    } while (0)

/* Sets the bits of mask, returns what the CSR held. */
#define csr_read_set(csr, mask)                                                                    \
    __extension__({                                                                                \
        uint64_t csr_mask_ = (uint64_t)(mask);                                                     \
        uint64_t csr_old_;                                                                         \
        __asm__ volatile("csrrs %0, %1, %2"                                                        \
                         : "=r"(csr_old_)                                                          \
                         : "i"(csr), "rK"(csr_mask_)                                               \
                         : "memory");                                                              \
        csr_old_;                                                                                  \
    })

/* Clears the bits of mask, returns what the CSR held. */
#define csr_read_clear(csr, mask)                                                                  \
    __extension__({                                                                                \
        uint64_t csr_mask_ = (uint64_t)(mask);                                                     \
        uint64_t csr_old_;                                                                         \
        __asm__ volatile("csrrc %0, %1, %2"                                                        \
                         : "=r"(csr_old_)                                                          \
                         : "i"(csr), "rK"(csr_mask_)                                               \
                         : "memory");                                                              \
        csr_old_;                                                                                  \
    })

#endif
