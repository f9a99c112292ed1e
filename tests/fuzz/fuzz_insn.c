/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: arch/riscv/insn.c arch/riscv/insn_sys.c arch/riscv/inject.c */
/*
 * libFuzzer target for the instruction decoders and the injection that follows them.
 *
 * Input: an instruction word (4 bytes), htinst (8), a register value (8), an address (8), flags
 * (1).
 */
#include <string.h>

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/inject.h"
#include "arch/riscv/insn.h"
#include "tests/fuzz/fuzz.h"

struct input {
    uint32_t word;
    uint64_t htinst;
    uint64_t value;
    uint64_t address;
    uint8_t flags;
};

#define INPUT_BYTES 29u

static struct input parse(const uint8_t *data)
{
    struct input in = {0};

    memcpy(&in.word, data, 4);
    memcpy(&in.htinst, data + 4, 8);
    memcpy(&in.value, data + 12, 8);
    memcpy(&in.address, data + 20, 8);
    in.flags = data[28];
    return in;
}

static void check_mmio(const struct rv_mmio_insn *insn, uint64_t value)
{
    uint64_t loaded = rv_insn_load_extend(insn, value);
    uint64_t stored = rv_insn_store_value(insn, value);

    MUST(insn->width_bytes == 1 || insn->width_bytes == 2 || insn->width_bytes == 4 ||
         insn->width_bytes == 8);
    MUST(insn->insn_bytes == 2 || insn->insn_bytes == 4);
    MUST(insn->reg < 32 && insn->base_reg < 32);
    MUST(insn->addr_offset < insn->width_bytes);
    MUST(insn->base_offset >= -2048 && insn->base_offset <= 2047);
    MUST(!(insn->write && insn->sign_extend));

    MUST(memcmp(&stored, &value, insn->width_bytes) == 0);
    MUST(memcmp(&loaded, &value, insn->width_bytes) == 0);
    if (insn->width_bytes < 8) {
        unsigned int width_bits = 8u * insn->width_bytes;
        uint64_t high = loaded >> width_bits;
        bool negative = insn->sign_extend && ((value >> (width_bits - 1)) & 1) != 0;

        MUST(stored >> width_bits == 0);
        MUST(high == (negative ? UINT64_MAX >> width_bits : 0));
    }
    MUST(rv_insn_load_extend(insn, loaded) == loaded);
}

/* What htinst would hold, built from the decoded form. */
static uint64_t transformed(const struct rv_mmio_insn *insn)
{
    uint32_t size_bits = insn->width_bytes == 8 ? 3u : insn->width_bytes / 2u;
    uint32_t funct3 =
        size_bits | (!insn->write && !insn->sign_extend && insn->width_bytes < 8 ? 4u : 0u);
    uint32_t low = insn->insn_bytes == 2 ? 1u : 3u;

    return (uint64_t)((uint32_t)insn->addr_offset << 15 | funct3 << 12 |
                      (insn->write ? (uint32_t)insn->reg << 20 | 0x20u : (uint32_t)insn->reg << 7) |
                      low);
}

static void check_round_trip(struct rv_mmio_insn insn)
{
    struct rv_mmio_insn again;

    MUST(rv_mmio_decode_htinst(transformed(&insn), &again) == RV_MMIO_OK);
    MUST(again.write == insn.write && again.sign_extend == insn.sign_extend &&
         again.width_bytes == insn.width_bytes && again.reg == insn.reg &&
         again.insn_bytes == insn.insn_bytes && again.addr_offset == insn.addr_offset);
}

static void fuzz_insn(const struct input *in)
{
    struct rv_mmio_insn insn;
    enum rv_mmio_result result = rv_mmio_decode_insn(in->word, &insn);

    MUST(result == RV_MMIO_OK || result == RV_MMIO_REFUSED);
    if (result != RV_MMIO_OK) {
        return;
    }
    MUST(insn.addr_offset == 0);
    MUST(insn.insn_bytes == rv_insn_bytes((uint16_t)in->word));
    if (!rv_mmio_locate(&insn, in->value, in->address)) {
        MUST(insn.addr_offset == 0);
    }
    check_mmio(&insn, in->value);
    check_round_trip(insn);
}

static void fuzz_htinst(const struct input *in)
{
    struct rv_mmio_insn insn;

    if (rv_mmio_decode_htinst(in->htinst, &insn) == RV_MMIO_OK) {
        MUST(insn.base_reg == 0 && insn.base_offset == 0);
        MUST(in->htinst >> 32 == 0 && (in->htinst & 1) != 0);
        check_mmio(&insn, in->value);
        check_round_trip(insn);
    }
}

static void fuzz_system(const struct input *in)
{
    struct rv_sys_insn insn = rv_sys_decode(in->word);
    bool from_vs = (in->flags & 1) != 0;

    MUST(insn.rd < 32 && insn.rs1 < 32 && insn.rs2 < 32 && insn.csr < 4096);
    MUST(insn.insn_bytes == rv_insn_bytes((uint16_t)in->word));
    if (insn.kind != RV_SYS_OTHER) {
        MUST((in->word & 0x7f) == 0x73 && insn.insn_bytes == 4);
    }
    if (rv_virt_decide(&insn, from_vs) == RV_VIRT_CSR) {
        MUST(insn.kind == RV_SYS_CSR && (insn.csr & 0x200) == 0);
        MUST(from_vs || (insn.csr & 0x300) == 0);
        MUST(!insn.csr_writes || (insn.csr & 0xc00) != 0xc00);
    }
    (void)rv_sys_csr_value(&insn, in->address, in->value);
}

static void fuzz_inject(const struct input *in)
{
    struct rv_vs_state vs = {.vsstatus = in->value, .vstvec = in->address};
    struct rv_hs_return ret = {.sepc = in->htinst, .sstatus = in->word, .hstatus = HSTATUS_SPV};
    bool double_trap = (in->flags & 2) != 0;
    struct rv_exception exc;

    if (!rv_exception_for_guest(in->flags >> 2, in->address, &exc)) {
        return;
    }
    if (rv_inject_exception(&vs, &ret, exc, double_trap) == RV_INJECT_DOUBLE_TRAP) {
        MUST(double_trap && (in->value & SSTATUS_SDT) != 0);
        MUST(vs.vsstatus == in->value && ret.sepc == in->htinst && ret.sstatus == in->word);
        return;
    }
    MUST((vs.vsstatus & SSTATUS_SIE) == 0);
    MUST(vs.vsepc == in->htinst && vs.vscause == exc.cause && vs.vstval == exc.tval);
    MUST((ret.sepc & 3) == 0 && (ret.sstatus & SSTATUS_SPP) != 0);
    MUST((vs.vsstatus & SSTATUS_SPP) == (in->word & SSTATUS_SPP));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in;

    if (size < INPUT_BYTES) {
        return 0;
    }
    in = parse(data);
    fuzz_insn(&in);
    fuzz_htinst(&in);
    fuzz_system(&in);
    fuzz_inject(&in);
    return 0;
}
