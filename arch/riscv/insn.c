/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding of loads and stores, see insn.h; insn_sys.c has the system instructions.
 *
 * What a load or store does stands once, in ls_table, indexed by the direction bit and funct3 of
 * the base encoding. The compressed forms are a second table that says where their fields lie and
 * which entry of ls_table they expand to, as [Unpriv, "Zca"] and "Zcb" define them.
 *
 * [Unpriv] is The RISC-V Instruction Set Manual Volume I, [Priv] Volume II.
 */
#include "arch/riscv/insn.h"

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/insn_fields.h"

#include <stddef.h>

#define OPCODE_LOAD     0x03u
#define OPCODE_LOAD_FP  0x07u /* vector loads too */
#define OPCODE_MISC_MEM 0x0fu
#define OPCODE_STORE_FP 0x27u /* vector stores too */
#define OPCODE_AMO      0x2fu

/* Set in the opcode of a store, 0x23, else the same as OPCODE_LOAD. */
#define OPCODE_BIT_STORE 0x20u

#define FUNCT3_CBO   2u /* of OPCODE_MISC_MEM: cache-block operations */
#define FUNCT3_HYPER 4u /* of OPCODE_SYSTEM: hlv, hlvx, hsv */

#define REG_SP              2u
#define REG_COMPRESSED_BASE 8u /* three-bit fields name x8 to x15 */

struct ls_kind {
    uint8_t width_bytes; /* 0: no such instruction */
    bool sign_extend;
};

/* Index into ls_table of a base load or store. */
#define LS_STORE 8u
#define LS_LB    0u
#define LS_LH    1u
#define LS_LW    2u
#define LS_LD    3u
#define LS_LBU   4u
#define LS_LHU   5u
#define LS_LWU   6u
#define LS_SB    (LS_STORE | 0u)
#define LS_SH    (LS_STORE | 1u)
#define LS_SW    (LS_STORE | 2u)
#define LS_SD    (LS_STORE | 3u)
#define LS_COUNT 16u

/* [Unpriv, "RV32/64G Instruction Set Listings"] */
static const struct ls_kind ls_table[LS_COUNT] = {
    [LS_LB] = {.width_bytes = 1, .sign_extend = true},
    [LS_LH] = {.width_bytes = 2, .sign_extend = true},
    [LS_LW] = {.width_bytes = 4, .sign_extend = true},
    [LS_LD] = {.width_bytes = 8},
    [LS_LBU] = {.width_bytes = 1},
    [LS_LHU] = {.width_bytes = 2},
    [LS_LWU] = {.width_bytes = 4},
    [LS_SB] = {.width_bytes = 1},
    [LS_SH] = {.width_bytes = 2},
    [LS_SW] = {.width_bytes = 4},
    [LS_SD] = {.width_bytes = 8},
};

/* Index of a 32-bit instruction in ls_table, or LS_COUNT if it is no integer load or store. */
static uint32_t ls_find(uint32_t insn)
{
    uint32_t opcode = opcode_of(insn);
    uint32_t index = funct3_of(insn) | ((opcode & OPCODE_BIT_STORE) != 0 ? LS_STORE : 0u);

    if ((opcode & ~OPCODE_BIT_STORE) != OPCODE_LOAD || ls_table[index].width_bytes == 0) {
        return LS_COUNT;
    }
    return index;
}

/* Fills *out from ls_table; the address fields become 0. */
static void ls_fill(struct rv_mmio_insn *out, uint32_t index, uint8_t reg, uint8_t insn_bytes)
{
    out->write = (index & LS_STORE) != 0;
    out->sign_extend = ls_table[index].sign_extend;
    out->width_bytes = ls_table[index].width_bytes;
    out->reg = reg;
    out->insn_bytes = insn_bytes;
    out->addr_offset = 0;
    out->base_reg = 0;
    out->base_offset = 0;
}

static uint8_t ls_reg(uint32_t index, uint32_t insn)
{
    return (index & LS_STORE) != 0 ? rs2_of(insn) : rd_of(insn);
}

/* Sign-extended offset of a base load (I-type) or store (S-type). */
static int16_t ls_offset(uint32_t index, uint32_t insn)
{
    uint32_t offset =
        (index & LS_STORE) != 0 ? (bits(insn, 25, 7) << 5) | bits(insn, 7, 5) : bits(insn, 20, 12);

    return (int16_t)((int32_t)(offset ^ 0x800u) - 0x800);
}

/* Where the registers of a compressed load or store are. */
enum c_format {
    C_REG,      /* CL, CS: data in 4:2, base in 9:7, three bits each */
    C_SP_LOAD,  /* CI: data in 11:7, not x0; base sp */
    C_SP_STORE, /* CSS: data in 6:2; base sp */
};

/* Bits [from, from + count) of a compressed instruction are bits to and up of its offset. */
struct c_piece {
    uint8_t from;
    uint8_t count;
    uint8_t to;
};

struct c_form {
    enum c_format format;
    uint16_t mask;
    uint16_t match;
    uint8_t ls_index;
    struct c_piece offset[3];
};

static const struct c_form c_forms[] = {
    {C_REG, 0xe003, 0x4000, LS_LW, {{10, 3, 3}, {6, 1, 2}, {5, 1, 6}}},     /* c.lw */
    {C_REG, 0xe003, 0x6000, LS_LD, {{10, 3, 3}, {5, 2, 6}}},                /* c.ld */
    {C_REG, 0xe003, 0xc000, LS_SW, {{10, 3, 3}, {6, 1, 2}, {5, 1, 6}}},     /* c.sw */
    {C_REG, 0xe003, 0xe000, LS_SD, {{10, 3, 3}, {5, 2, 6}}},                /* c.sd */
    {C_SP_LOAD, 0xe003, 0x4002, LS_LW, {{12, 1, 5}, {4, 3, 2}, {2, 2, 6}}}, /* c.lwsp */
    {C_SP_LOAD, 0xe003, 0x6002, LS_LD, {{12, 1, 5}, {5, 2, 3}, {2, 3, 6}}}, /* c.ldsp */
    {C_SP_STORE, 0xe003, 0xc002, LS_SW, {{9, 4, 2}, {7, 2, 6}}},            /* c.swsp */
    {C_SP_STORE, 0xe003, 0xe002, LS_SD, {{10, 3, 3}, {7, 3, 6}}},           /* c.sdsp */
    {C_REG, 0xfc03, 0x8000, LS_LBU, {{6, 1, 0}, {5, 1, 1}}},                /* Zcb c.lbu */
    {C_REG, 0xfc43, 0x8400, LS_LHU, {{5, 1, 1}}},                           /* Zcb c.lhu */
    {C_REG, 0xfc43, 0x8440, LS_LH, {{5, 1, 1}}},                            /* Zcb c.lh */
    {C_REG, 0xfc03, 0x8800, LS_SB, {{6, 1, 0}, {5, 1, 1}}},                 /* Zcb c.sb */
    {C_REG, 0xfc43, 0x8c00, LS_SH, {{5, 1, 1}}},                            /* Zcb c.sh */
};

static const struct c_form *c_find(uint32_t insn)
{
    for (size_t i = 0; i < sizeof(c_forms) / sizeof(c_forms[0]); i++) {
        if ((insn & c_forms[i].mask) == c_forms[i].match) {
            return &c_forms[i];
        }
    }
    return NULL;
}

static int16_t c_offset(const struct c_form *form, uint32_t insn)
{
    uint32_t offset = 0;

    for (size_t i = 0; i < sizeof(form->offset) / sizeof(form->offset[0]); i++) {
        offset |= bits(insn, form->offset[i].from, form->offset[i].count) << form->offset[i].to;
    }
    return (int16_t)offset;
}

static uint8_t c_reg(enum c_format format, uint32_t insn)
{
    uint32_t reg = 0;

    switch (format) {
    case C_REG:
        reg = REG_COMPRESSED_BASE + bits(insn, 2, 3);
        break;
    case C_SP_LOAD:
        reg = bits(insn, 7, 5);
        break;
    case C_SP_STORE:
        reg = bits(insn, 2, 5);
        break;
    }
    return (uint8_t)reg;
}

static enum rv_mmio_result decode_compressed(uint32_t insn, struct rv_mmio_insn *out)
{
    const struct c_form *form = c_find(insn);
    uint8_t reg;

    if (form == NULL) {
        return RV_MMIO_REFUSED;
    }
    reg = c_reg(form->format, insn);
    if (form->format == C_SP_LOAD && reg == 0) {
        return RV_MMIO_REFUSED; /* reserved */
    }
    ls_fill(out, form->ls_index, reg, 2);
    out->base_reg =
        (uint8_t)(form->format == C_REG ? REG_COMPRESSED_BASE + bits(insn, 7, 3) : REG_SP);
    out->base_offset = c_offset(form, insn);
    return RV_MMIO_OK;
}

enum rv_mmio_result rv_mmio_decode_insn(uint32_t insn, struct rv_mmio_insn *out)
{
    uint32_t index;

    if ((insn & 3u) != 3u) {
        return decode_compressed(insn, out);
    }
    index = ls_find(insn);
    if (index == LS_COUNT) {
        return RV_MMIO_REFUSED;
    }
    ls_fill(out, index, ls_reg(index, insn), 4);
    out->base_reg = rs1_of(insn);
    out->base_offset = ls_offset(index, insn);
    return RV_MMIO_OK;
}

/* A transformed instruction that is a memory access, yet no integer load or store. */
static bool is_other_access(uint32_t insn)
{
    uint32_t opcode = opcode_of(insn);

    return opcode == OPCODE_LOAD_FP || opcode == OPCODE_STORE_FP || opcode == OPCODE_AMO ||
           (opcode == OPCODE_MISC_MEM && funct3_of(insn) == FUNCT3_CBO) ||
           (opcode == OPCODE_SYSTEM && funct3_of(insn) == FUNCT3_HYPER);
}

static enum rv_mmio_result decode_pseudo(uint64_t htinst)
{
    if (htinst == HTINST_PSEUDO_READ64 || htinst == HTINST_PSEUDO_READ32) {
        return RV_MMIO_WALK_READ;
    }
    if (htinst == HTINST_PSEUDO_WRITE64 || htinst == HTINST_PSEUDO_WRITE32) {
        return RV_MMIO_WALK_WRITE;
    }
    return RV_MMIO_UNKNOWN;
}

enum rv_mmio_result rv_mmio_decode_htinst(uint64_t htinst, struct rv_mmio_insn *out)
{
    uint32_t insn = (uint32_t)htinst | 2u;
    uint8_t addr_offset = rs1_of(insn);
    uint32_t index;

    if ((htinst & 1u) == 0) {
        return decode_pseudo(htinst);
    }
    if ((htinst >> 32) != 0) {
        return RV_MMIO_UNKNOWN;
    }
    index = ls_find(insn);
    if (index == LS_COUNT) {
        return is_other_access(insn) ? RV_MMIO_REFUSED : RV_MMIO_UNKNOWN;
    }
    if (addr_offset >= ls_table[index].width_bytes) {
        return RV_MMIO_UNKNOWN;
    }
    ls_fill(out, index, ls_reg(index, insn), (htinst & 2u) != 0 ? 4 : 2);
    out->addr_offset = addr_offset;
    return RV_MMIO_OK;
}

bool rv_mmio_locate(struct rv_mmio_insn *insn, uint64_t base_value, uint64_t fault_address)
{
    uint64_t address = base_value + (uint64_t)(int64_t)insn->base_offset;
    uint64_t distance = (fault_address - address) & 0xfffu;

    if (distance >= insn->width_bytes) {
        return false;
    }
    insn->addr_offset = (uint8_t)distance;
    return true;
}

/* All ones in the low width_bytes, 1 to 8. */
static uint64_t width_mask(const struct rv_mmio_insn *insn)
{
    return UINT64_MAX >> (64u - 8u * insn->width_bytes);
}

uint64_t rv_insn_load_extend(const struct rv_mmio_insn *insn, uint64_t value)
{
    uint64_t mask = width_mask(insn);
    uint64_t sign = insn->sign_extend ? mask ^ (mask >> 1) : 0;

    return ((value & mask) ^ sign) - sign;
}

uint64_t rv_insn_store_value(const struct rv_mmio_insn *insn, uint64_t reg_value)
{
    return reg_value & width_mask(insn);
}

unsigned int rv_insn_bytes(uint16_t first_halfword)
{
    if ((first_halfword & 0x3u) != 0x3u) {
        return 2;
    }
    return (first_halfword & 0x1fu) == 0x1fu ? 0 : 4;
}
