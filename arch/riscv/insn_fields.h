/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of 32-bit instructions, for those who decode them [Unpriv, "Instruction Formats"].
 */
#ifndef ARCH_RISCV_INSN_FIELDS_H
#define ARCH_RISCV_INSN_FIELDS_H

#include <stdint.h>

#define OPCODE_SYSTEM  0x73u
#define INSN_WFI       0x10500073u
#define INSN_WFI_BYTES 4u

/* Bits [low, low + count) of x. */
static inline uint32_t bits(uint32_t x, unsigned int low, unsigned int count)
{
    return (x >> low) & ((1u << count) - 1u);
}

static inline uint32_t opcode_of(uint32_t insn)
{
    return bits(insn, 0, 7);
}

static inline uint32_t funct3_of(uint32_t insn)
{
    return bits(insn, 12, 3);
}

static inline uint8_t rd_of(uint32_t insn)
{
    return (uint8_t)bits(insn, 7, 5);
}

static inline uint8_t rs1_of(uint32_t insn)
{
    return (uint8_t)bits(insn, 15, 5);
}

static inline uint8_t rs2_of(uint32_t insn)
{
    return (uint8_t)bits(insn, 20, 5);
}

#endif
