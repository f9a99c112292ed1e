/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System instructions: which one trapped, what a CSR access reads and writes, and what the guest
 * gets for it, see insn.h.
 *
 * [Unpriv] is The RISC-V Instruction Set Manual Volume I, [Priv] Volume II.
 */
#include "arch/riscv/insn.h"

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/insn_fields.h"

#include <stddef.h>

#define FUNCT3_CSR_OP  3u
#define FUNCT3_CSR_IMM 4u

struct sys_form {
    uint32_t mask;
    uint32_t match;
    enum rv_sys_kind kind;
};

/* What is fixed: all bits; funct7, funct3, rd, opcode; or funct7, rs2, funct3, opcode. */
#define SYS_ALL       0xffffffffu
#define SYS_FUNCT7_RD 0xfe007fffu
#define SYS_FUNCT12   0xfff0707fu

/* [Priv, "RISC-V Privileged Instruction Set Listings"]; [Unpriv, "Zawrs"] */
static const struct sys_form sys_forms[] = {
    {SYS_ALL, INSN_WFI, RV_SYS_WFI},
    {SYS_ALL, 0x00d00073, RV_SYS_WRS_NTO},
    {SYS_ALL, 0x10200073, RV_SYS_SRET},
    {SYS_FUNCT7_RD, 0x12000073, RV_SYS_FENCE}, /* sfence.vma */
    {SYS_FUNCT7_RD, 0x16000073, RV_SYS_FENCE}, /* sinval.vma */
    {SYS_ALL, 0x18000073, RV_SYS_FENCE},       /* sfence.w.inval */
    {SYS_ALL, 0x18100073, RV_SYS_FENCE},       /* sfence.inval.ir */
    {SYS_FUNCT7_RD, 0x22000073, RV_SYS_HYPER}, /* hfence.vvma */
    {SYS_FUNCT7_RD, 0x62000073, RV_SYS_HYPER}, /* hfence.gvma */
    {SYS_FUNCT7_RD, 0x26000073, RV_SYS_HYPER}, /* hinval.vvma */
    {SYS_FUNCT7_RD, 0x66000073, RV_SYS_HYPER}, /* hinval.gvma */
    {SYS_FUNCT12, 0x60004073, RV_SYS_HYPER},   /* hlv.b */
    {SYS_FUNCT12, 0x60104073, RV_SYS_HYPER},   /* hlv.bu */
    {SYS_FUNCT12, 0x64004073, RV_SYS_HYPER},   /* hlv.h */
    {SYS_FUNCT12, 0x64104073, RV_SYS_HYPER},   /* hlv.hu */
    {SYS_FUNCT12, 0x64304073, RV_SYS_HYPER},   /* hlvx.hu */
    {SYS_FUNCT12, 0x68004073, RV_SYS_HYPER},   /* hlv.w */
    {SYS_FUNCT12, 0x68104073, RV_SYS_HYPER},   /* hlv.wu */
    {SYS_FUNCT12, 0x68304073, RV_SYS_HYPER},   /* hlvx.wu */
    {SYS_FUNCT12, 0x6c004073, RV_SYS_HYPER},   /* hlv.d */
    {SYS_FUNCT7_RD, 0x62004073, RV_SYS_HYPER}, /* hsv.b */
    {SYS_FUNCT7_RD, 0x66004073, RV_SYS_HYPER}, /* hsv.h */
    {SYS_FUNCT7_RD, 0x6a004073, RV_SYS_HYPER}, /* hsv.w */
    {SYS_FUNCT7_RD, 0x6e004073, RV_SYS_HYPER}, /* hsv.d */
};

static bool is_csr_insn(uint32_t insn)
{
    return opcode_of(insn) == OPCODE_SYSTEM && (funct3_of(insn) & FUNCT3_CSR_OP) != 0;
}

static enum rv_sys_kind sys_kind(uint32_t insn)
{
    if (is_csr_insn(insn)) {
        return RV_SYS_CSR;
    }
    for (size_t i = 0; i < sizeof(sys_forms) / sizeof(sys_forms[0]); i++) {
        if ((insn & sys_forms[i].mask) == sys_forms[i].match) {
            return sys_forms[i].kind;
        }
    }
    return RV_SYS_OTHER;
}

static void decode_csr(uint32_t insn, struct rv_sys_insn *out)
{
    uint32_t funct3 = funct3_of(insn);

    out->csr = (uint16_t)bits(insn, 20, CSR_NUM_BITS);
    out->csr_imm = (funct3 & FUNCT3_CSR_IMM) != 0;
    switch (funct3 & FUNCT3_CSR_OP) {
    case 1:
        out->csr_op = RV_CSR_WRITE;
        break;
    case 2:
        out->csr_op = RV_CSR_SET;
        break;
    default:
        out->csr_op = RV_CSR_CLEAR;
        break;
    }
    out->csr_reads = out->csr_op != RV_CSR_WRITE || out->rd != 0;
    out->csr_writes = out->csr_op == RV_CSR_WRITE || out->rs1 != 0;
}

struct rv_sys_insn rv_sys_decode(uint32_t insn)
{
    struct rv_sys_insn out = {
        .kind = sys_kind(insn),
        .insn_bytes = (uint8_t)rv_insn_bytes((uint16_t)(insn & 0xffffu)),
    };

    if (out.kind == RV_SYS_OTHER) {
        return out;
    }
    out.rd = rd_of(insn);
    out.rs1 = rs1_of(insn);
    out.rs2 = rs2_of(insn);
    if (out.kind == RV_SYS_CSR) {
        decode_csr(insn, &out);
    }
    return out;
}

uint64_t rv_sys_csr_value(const struct rv_sys_insn *insn, uint64_t old, uint64_t rs1_value)
{
    uint64_t operand = insn->csr_imm ? insn->rs1 : rs1_value;
    uint64_t value = operand;

    switch (insn->csr_op) {
    case RV_CSR_WRITE:
        break;
    case RV_CSR_SET:
        value = old | operand;
        break;
    case RV_CSR_CLEAR:
        value = old & ~operand;
        break;
    }
    return value;
}

/* Whether the guest's mode may access this CSR so, by its number alone. */
static bool csr_in_reach(const struct rv_sys_insn *insn, bool from_vs)
{
    unsigned int level = (insn->csr & CSR_NUM_LEVEL_MASK) >> CSR_NUM_LEVEL_SHIFT;
    unsigned int guest_level = from_vs ? CSR_NUM_LEVEL_S : CSR_NUM_LEVEL_U;
    bool read_only = (insn->csr & CSR_NUM_RO_MASK) == CSR_NUM_RO_MASK;

    return level <= guest_level && !(read_only && insn->csr_writes);
}

enum rv_virt_action rv_virt_decide(const struct rv_sys_insn *insn, bool from_vs)
{
    enum rv_virt_action action = RV_VIRT_ILLEGAL;

    switch (insn->kind) {
    case RV_SYS_WFI:
        /* VTW holds in VS only; in VU, as in U, WFI is illegal. */
        action = from_vs ? RV_VIRT_YIELD : RV_VIRT_ILLEGAL;
        break;
    case RV_SYS_WRS_NTO:
        /* VTW holds in VS and VU, and with TW clear it is legal in U. */
        action = RV_VIRT_YIELD;
        break;
    case RV_SYS_CSR:
        action = csr_in_reach(insn, from_vs) ? RV_VIRT_CSR : RV_VIRT_ILLEGAL;
        break;
    case RV_SYS_SRET:
    case RV_SYS_FENCE:
    case RV_SYS_HYPER:
    case RV_SYS_OTHER:
        break;
    }
    return action;
}
