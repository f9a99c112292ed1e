/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: arch/riscv/insn.c arch/riscv/insn_sys.c arch/riscv/inject.c */
/*
 * Tests of arch/riscv/insn.c: against words an assembler made, against a reference decoder written
 * another way (each compressed form expanded to its 32-bit equivalent), over all 16-bit words, and
 * over the transformed form of every load and store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/insn.h"

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* xorshift64*, fixed seed: runs repeat. */
static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint64_t random_u64(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

static uint32_t random_u32(void)
{
    return (uint32_t)(random_u64() >> 32);
}

static void assert_same(const struct rv_mmio_insn *a, const struct rv_mmio_insn *b)
{
    assert_int_equal(a->write, b->write);
    assert_int_equal(a->sign_extend, b->sign_extend);
    assert_int_equal(a->width_bytes, b->width_bytes);
    assert_int_equal(a->reg, b->reg);
    assert_int_equal(a->insn_bytes, b->insn_bytes);
    assert_int_equal(a->addr_offset, b->addr_offset);
    assert_int_equal(a->base_reg, b->base_reg);
    assert_int_equal(a->base_offset, b->base_offset);
}

/* A result no decoder writes, to see that a refusal leaves it alone. */
static struct rv_mmio_insn untouched(void)
{
    struct rv_mmio_insn insn = {.width_bytes = 0x55, .reg = 0xaa, .base_offset = 0x1234};

    return insn;
}

static void assert_untouched(const struct rv_mmio_insn *insn)
{
    struct rv_mmio_insn expected = untouched();

    assert_same(insn, &expected);
}

/* --- The reference decoder --- */

static uint32_t i_type(uint32_t funct3, uint32_t rd, uint32_t rs1, uint32_t imm)
{
    return imm << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x03;
}

static uint32_t s_type(uint32_t funct3, uint32_t rs2, uint32_t rs1, uint32_t imm)
{
    return (imm >> 5) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 31) << 7 | 0x23;
}

/* The 32-bit equivalent of a compressed integer load or store of RV64 with Zcb, else 0. */
static uint32_t reference_expand(uint16_t h)
{
    uint32_t x = h;
    uint32_t reg_low = 8 + ((x >> 2) & 7);
    uint32_t base = 8 + ((x >> 7) & 7);
    uint32_t rd = (x >> 7) & 31;
    uint32_t rs2 = (x >> 2) & 31;
    uint32_t word_imm = ((x >> 10) & 7) * 8 + ((x >> 6) & 1) * 4 + ((x >> 5) & 1) * 64;
    uint32_t double_imm = ((x >> 10) & 7) * 8 + ((x >> 5) & 3) * 64;
    uint32_t byte_imm = ((x >> 6) & 1) + ((x >> 5) & 1) * 2;
    uint32_t half_imm = ((x >> 5) & 1) * 2;

    switch (x & 3) {
    case 0:
        switch (x >> 13) {
        case 2:
            return i_type(2, reg_low, base, word_imm);
        case 3:
            return i_type(3, reg_low, base, double_imm);
        case 6:
            return s_type(2, reg_low, base, word_imm);
        case 7:
            return s_type(3, reg_low, base, double_imm);
        case 4:
            switch ((x >> 10) & 7) {
            case 0:
                return i_type(4, reg_low, base, byte_imm);
            case 1:
                return i_type((x & 0x40) != 0 ? 1 : 5, reg_low, base, half_imm);
            case 2:
                return s_type(0, reg_low, base, byte_imm);
            case 3:
                return (x & 0x40) != 0 ? 0 : s_type(1, reg_low, base, half_imm);
            default:
                return 0;
            }
        default:
            return 0;
        }
    case 2:
        switch (x >> 13) {
        case 2:
            return rd == 0
                       ? 0
                       : i_type(2, rd, 2,
                                ((x >> 12) & 1) * 32 + ((x >> 4) & 7) * 4 + ((x >> 2) & 3) * 64);
        case 3:
            return rd == 0
                       ? 0
                       : i_type(3, rd, 2,
                                ((x >> 12) & 1) * 32 + ((x >> 5) & 3) * 8 + ((x >> 2) & 7) * 64);
        case 6:
            return s_type(2, rs2, 2, ((x >> 9) & 15) * 4 + ((x >> 7) & 3) * 64);
        case 7:
            return s_type(3, rs2, 2, ((x >> 10) & 7) * 8 + ((x >> 7) & 7) * 64);
        default:
            return 0;
        }
    default:
        return 0;
    }
}

static bool reference_decode(uint32_t word, struct rv_mmio_insn *out)
{
    struct rv_mmio_insn r = {.insn_bytes = 4};
    uint32_t expanded = word;
    int32_t offset;

    if ((word & 3) != 3) {
        expanded = reference_expand((uint16_t)word);
        if (expanded == 0) {
            return false;
        }
        r.insn_bytes = 2;
    }
    r.base_reg = (uint8_t)((expanded >> 15) & 31);
    if ((expanded & 0x7f) == 0x03) {
        switch ((expanded >> 12) & 7) {
        case 0:
            r.width_bytes = 1;
            r.sign_extend = true;
            break;
        case 1:
            r.width_bytes = 2;
            r.sign_extend = true;
            break;
        case 2:
            r.width_bytes = 4;
            r.sign_extend = true;
            break;
        case 3:
            r.width_bytes = 8;
            break;
        case 4:
            r.width_bytes = 1;
            break;
        case 5:
            r.width_bytes = 2;
            break;
        case 6:
            r.width_bytes = 4;
            break;
        default:
            return false;
        }
        r.reg = (uint8_t)((expanded >> 7) & 31);
        offset = (int32_t)(expanded >> 20);
    } else if ((expanded & 0x7f) == 0x23) {
        if (((expanded >> 12) & 7) > 3) {
            return false;
        }
        r.write = true;
        r.width_bytes = (uint8_t)(1u << ((expanded >> 12) & 3));
        r.reg = (uint8_t)((expanded >> 20) & 31);
        offset = (int32_t)((expanded >> 25) * 32 + ((expanded >> 7) & 31));
    } else {
        return false;
    }
    r.base_offset = (int16_t)(offset >= 2048 ? offset - 4096 : offset);
    *out = r;
    return true;
}

/* The transformed form of a base load or store [Priv, H]. */
static uint32_t transform(uint32_t expanded, bool compressed, uint32_t addr_offset)
{
    bool store = (expanded & 0x20) != 0;
    uint32_t word = (expanded & (store ? 0x01f0707fu : 0x00007fffu)) | addr_offset << 15;

    return compressed ? word & ~2u : word;
}

/* --- Loads and stores --- */

struct golden {
    uint32_t word;
    struct rv_mmio_insn insn;
};

#define LOAD(width, sign, rd, base, offset, bytes)                                                 \
    {                                                                                              \
        .sign_extend = (sign), .width_bytes = (width), .reg = (rd), .insn_bytes = (bytes),         \
        .base_reg = (base), .base_offset = (offset)                                                \
    }
#define STORE(width, rs2, base, offset, bytes)                                                     \
    {                                                                                              \
        .write = true, .width_bytes = (width), .reg = (rs2), .insn_bytes = (bytes),                \
        .base_reg = (base), .base_offset = (offset)                                                \
    }

/* Words as GNU as 2.40 makes them, but for Zcb, which it does not know: those by hand. */
static const struct golden goldens[] = {
    {0xfff10083, LOAD(1, true, 1, 2, -1, 4)},      /* lb x1,-1(x2) */
    {0x7fff4f83, LOAD(1, false, 31, 30, 2047, 4)}, /* lbu x31,2047(x30) */
    {0x80031283, LOAD(2, true, 5, 6, -2048, 4)},   /* lh x5,-2048(x6) */
    {0x00205003, LOAD(2, false, 0, 0, 2, 4)},      /* lhu x0,2(x0) */
    {0xffcfa883, LOAD(4, true, 17, 31, -4, 4)},    /* lw x17,-4(x31) */
    {0x0404e403, LOAD(4, false, 8, 9, 64, 4)},     /* lwu x8,64(x9) */
    {0x0085b503, LOAD(8, false, 10, 11, 8, 4)},    /* ld x10,8(x11) */
    {0xfe110fa3, STORE(1, 1, 2, -1, 4)},           /* sb x1,-1(x2) */
    {0x7fff1fa3, STORE(2, 31, 30, 2047, 4)},       /* sh x31,2047(x30) */
    {0x80532023, STORE(4, 5, 6, -2048, 4)},        /* sw x5,-2048(x6) */
    {0x00083fa3, STORE(8, 0, 16, 31, 4)},          /* sd x0,31(x16) */
    {0xffd7b023, STORE(8, 29, 15, -32, 4)},        /* sd x29,-32(x15) */
    {0x5fe0, LOAD(4, true, 8, 15, 124, 2)},        /* c.lw x8,124(x15) */
    {0x405c, LOAD(4, true, 15, 8, 4, 2)},          /* c.lw x15,4(x8) */
    {0x7f64, LOAD(8, false, 9, 14, 248, 2)},       /* c.ld x9,248(x14) */
    {0xc2a8, STORE(4, 10, 13, 64, 2)},             /* c.sw x10,64(x13) */
    {0xe26c, STORE(8, 11, 12, 192, 2)},            /* c.sd x11,192(x12) */
    {0x50fe, LOAD(4, true, 1, 2, 252, 2)},         /* c.lwsp x1,252(x2) */
    {0x4f92, LOAD(4, true, 31, 2, 4, 2)},          /* c.lwsp x31,4(x2) */
    {0x70fe, LOAD(8, false, 1, 2, 504, 2)},        /* c.ldsp x1,504(x2) */
    {0x6822, LOAD(8, false, 16, 2, 8, 2)},         /* c.ldsp x16,8(x2) */
    {0xdf82, STORE(4, 0, 2, 252, 2)},              /* c.swsp x0,252(x2) */
    {0xc0fe, STORE(4, 31, 2, 64, 2)},              /* c.swsp x31,64(x2) */
    {0xff82, STORE(8, 0, 2, 504, 2)},              /* c.sdsp x0,504(x2) */
    {0xe0c6, STORE(8, 17, 2, 64, 2)},              /* c.sdsp x17,64(x2) */
    {0x8144, LOAD(1, false, 9, 10, 1, 2)},         /* c.lbu x9,1(x10) */
    {0x8124, LOAD(1, false, 9, 10, 2, 2)},         /* c.lbu x9,2(x10) */
    {0x8524, LOAD(2, false, 9, 10, 2, 2)},         /* c.lhu x9,2(x10) */
    {0x8564, LOAD(2, true, 9, 10, 2, 2)},          /* c.lh x9,2(x10) */
    {0x8944, STORE(1, 9, 10, 1, 2)},               /* c.sb x9,1(x10) */
    {0x8d24, STORE(2, 9, 10, 2, 2)},               /* c.sh x9,2(x10) */
};

static void test_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(goldens); i++) {
        struct rv_mmio_insn insn = untouched();
        struct rv_mmio_insn reference = untouched();

        assert_int_equal(rv_mmio_decode_insn(goldens[i].word, &insn), RV_MMIO_OK);
        assert_same(&insn, &goldens[i].insn);
        assert_true(reference_decode(goldens[i].word, &reference));
        assert_same(&reference, &goldens[i].insn);
    }
}

static void test_refused(void **state)
{
    static const uint32_t words[] = {
        0x00012087, /* flw f1,0(x2) */
        0x00113027, /* fsd f1,0(x2) */
        0x02007007, /* vle64.v v0,(x0) */
        0x100120af, /* lr.w x1,(x2) */
        0x1821b0af, /* sc.d x1,x2,(x3) */
        0x0021a0af, /* amoadd.w x1,x2,(x3) */
        0x680140f3, /* hlv.w x1,(x2) */
        0x6e114073, /* hsv.d x1,(x2) */
        0x0040200f, /* cbo.zero (x0) */
        0x003100b3, /* add x1,x2,x3 */
        0x00007003, /* load with funct3 7 */
        0x00004023, /* store with funct3 4 */
        0x00000073, /* ecall */
        0x00000000, /* illegal */
        0xffffffff, /* illegal, longer than 192 bits */
        0x0000001f, /* of 48 bits */
        0x00002080, /* c.fld f8,0(x9) */
        0x0000a080, /* c.fsd f8,0(x9) */
        0x00002082, /* c.fldsp f1,0(x2) */
        0x0000a006, /* c.fsdsp f1,0(x2) */
        0x00004002, /* c.lwsp to x0: reserved */
        0x00006002, /* c.ldsp to x0: reserved */
        0x00008c40, /* c.sh with bit 6: reserved */
        0x00009000, /* Zcb quadrant, nothing there */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(words); i++) {
        struct rv_mmio_insn insn = untouched();

        assert_int_equal(rv_mmio_decode_insn(words[i], &insn), RV_MMIO_REFUSED);
        assert_untouched(&insn);
    }
}

/* One decode against the reference; returns whether it is a load or store. */
static bool check_insn(uint32_t word)
{
    struct rv_mmio_insn insn = untouched();
    struct rv_mmio_insn expected = untouched();
    bool valid = reference_decode(word, &expected);

    assert_int_equal(rv_mmio_decode_insn(word, &insn), valid ? RV_MMIO_OK : RV_MMIO_REFUSED);
    assert_same(&insn, &expected);
    return valid;
}

static void test_all_compressed(void **state)
{
    unsigned int count = 0;

    (void)state;
    for (uint32_t half = 0; half <= 0xffff; half++) {
        if ((half & 3) == 3) {
            continue;
        }
        if (check_insn(half)) {
            count++;
        }
        check_insn(half | random_u32() << 16);
    }
    /*
     * Four register forms of 11 free bits; loads and stores by sp of 11, without rd = x0 (6 bits
     * free) in the two loads; Zcb: lbu and sb of 8, lhu, lh and sh of 7.
     */
    assert_int_equal(count, 4 * 2048 + 4 * 2048 - 2 * 64 + 2 * 256 + 3 * 128);
}

static void test_all_base_forms(void **state)
{
    (void)state;
    for (uint32_t opcode = 0; opcode < 128; opcode++) {
        for (uint32_t funct3 = 0; funct3 < 8; funct3++) {
            for (unsigned int i = 0; i < 256; i++) {
                check_insn((random_u32() & ~0x707fu) | funct3 << 12 | opcode);
            }
        }
    }
    for (uint32_t funct3 = 0; funct3 < 8; funct3++) {
        for (uint32_t reg = 0; reg < 32; reg++) {
            for (uint32_t imm = 0; imm < 4096; imm += 31) {
                check_insn(i_type(funct3, reg, 31 - reg, imm));
                check_insn(s_type(funct3, reg, 31 - reg, imm));
            }
        }
    }
}

static void test_random_words(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 2000000; i++) {
        check_insn(random_u32());
    }
}

/* --- htinst --- */

/* A transformed form, with every address offset, tells the same as the instruction itself. */
static void check_transformed(uint32_t word)
{
    bool compressed = (word & 3) != 3;
    uint32_t expanded = compressed ? reference_expand((uint16_t)word) : word;
    struct rv_mmio_insn expected = untouched();

    assert_int_equal(rv_mmio_decode_insn(word, &expected), RV_MMIO_OK);
    expected.base_reg = 0;
    expected.base_offset = 0;
    for (uint32_t offset = 0; offset < 32; offset++) {
        struct rv_mmio_insn insn = untouched();
        uint64_t htinst = transform(expanded, compressed, offset);

        if (offset < expected.width_bytes) {
            expected.addr_offset = (uint8_t)offset;
            assert_int_equal(rv_mmio_decode_htinst(htinst, &insn), RV_MMIO_OK);
            assert_same(&insn, &expected);
        } else {
            assert_int_equal(rv_mmio_decode_htinst(htinst, &insn), RV_MMIO_UNKNOWN);
            assert_untouched(&insn);
        }
        insn = untouched();
        htinst |= UINT64_C(1) << (32 + offset);
        assert_int_equal(rv_mmio_decode_htinst(htinst, &insn), RV_MMIO_UNKNOWN);
        assert_untouched(&insn);
    }
}

static void test_transformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(goldens); i++) {
        check_transformed(goldens[i].word);
    }
    for (uint32_t half = 0; half <= 0xffff; half++) {
        if (reference_expand((uint16_t)half) != 0 && (half & 3) != 3) {
            check_transformed(half);
        }
    }
    for (uint32_t reg = 0; reg < 32; reg++) {
        for (uint32_t funct3 = 0; funct3 < 7; funct3++) {
            check_transformed(i_type(funct3, reg, random_u32() & 31, random_u32() & 0xfff));
            if (funct3 < 4) {
                check_transformed(s_type(funct3, reg, random_u32() & 31, random_u32() & 0xfff));
            }
        }
    }
}

static void test_pseudo_and_unknown(void **state)
{
    static const struct {
        uint64_t htinst;
        enum rv_mmio_result result;
    } cases[] = {
        {0, RV_MMIO_UNKNOWN},
        {0x2000, RV_MMIO_WALK_READ},
        {0x2020, RV_MMIO_WALK_WRITE},
        {0x3000, RV_MMIO_WALK_READ},
        {0x3020, RV_MMIO_WALK_WRITE},
        {0x100003000, RV_MMIO_UNKNOWN},
        {0x8000000000003020, RV_MMIO_UNKNOWN},
        {0x3002, RV_MMIO_UNKNOWN}, /* bits 1:0 of 10 mean nothing yet */
        {0x3022, RV_MMIO_UNKNOWN},
        {0x1000, RV_MMIO_UNKNOWN},
        {0x3040, RV_MMIO_UNKNOWN},
        {0x7003, RV_MMIO_UNKNOWN}, /* load with funct3 7 */
        {0x4023, RV_MMIO_UNKNOWN}, /* store with funct3 4 */
        {0x3b, RV_MMIO_UNKNOWN},   /* addw */
        {0x73, RV_MMIO_UNKNOWN},   /* ecall */
        {0x100f, RV_MMIO_UNKNOWN}, /* fence.i */
        {0xffffffff, RV_MMIO_UNKNOWN},
        {UINT64_MAX, RV_MMIO_UNKNOWN},
        {0x00002087, RV_MMIO_REFUSED}, /* flw f1 */
        {0x00103027, RV_MMIO_REFUSED}, /* fsd f1 */
        {0x00003085, RV_MMIO_REFUSED}, /* c.fld, transformed */
        {0x100020af, RV_MMIO_REFUSED}, /* lr.w x1 */
        {0x0020a0af, RV_MMIO_REFUSED}, /* amoadd.w, Addr. Offset 1 */
        {0x680040f3, RV_MMIO_REFUSED}, /* hlv.w x1 */
        {0x0040200f, RV_MMIO_REFUSED}, /* cbo.zero */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct rv_mmio_insn insn = untouched();

        assert_int_equal(rv_mmio_decode_htinst(cases[i].htinst, &insn), cases[i].result);
        assert_untouched(&insn);
    }
}

/* --- Values and addresses --- */

static void test_values(void **state)
{
    static const struct {
        uint8_t width;
        bool sign;
        uint64_t in;
        uint64_t out;
    } loads[] = {
        {1, true, 0x7f, 0x7f},
        {1, true, 0x80, 0xffffffffffffff80},
        {1, true, 0xffffffffffffff01, 0x01},
        {1, false, 0xffffffffffffff80, 0x80},
        {1, false, 0xffffffffffffff81, 0x81},
        {1, false, 0x0100, 0},
        {2, true, 0x8000, 0xffffffffffff8000},
        {2, true, 0x12347fff, 0x7fff},
        {2, false, 0xffff8000, 0x8000},
        {4, true, 0x80000000, 0xffffffff80000000},
        {4, true, 0xabcdef017fffffff, 0x7fffffff},
        {4, false, 0xffffffff80000000, 0x80000000},
        {4, false, 0xffffffff00000001, 0x00000001},
        {8, false, 0xfedcba9876543210, 0xfedcba9876543210},
        {8, false, 0x8000000000000001, 0x8000000000000001},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(loads); i++) {
        struct rv_mmio_insn insn = {.width_bytes = loads[i].width, .sign_extend = loads[i].sign};

        assert_int_equal(rv_insn_load_extend(&insn, loads[i].in), loads[i].out);
    }
    for (unsigned int width = 1; width <= 8; width *= 2) {
        struct rv_mmio_insn insn = {.width_bytes = (uint8_t)width, .write = true};
        uint64_t value = 0xfedcba9876543210;
        uint64_t expected = 0;

        memcpy(&expected, &value, width); /* little endian, as the guest is */
        assert_int_equal(rv_insn_store_value(&insn, value), expected);
    }
}

static void test_locate(void **state)
{
    struct rv_mmio_insn insn = untouched();

    (void)state;
    assert_int_equal(rv_mmio_decode_insn(0xffcfa883, &insn), RV_MMIO_OK); /* lw x17,-4(x31) */
    assert_true(rv_mmio_locate(&insn, 0x10001004, 0x10001000));
    assert_int_equal(insn.addr_offset, 0);
    assert_true(rv_mmio_locate(&insn, 0x10001002, 0x10001000)); /* began at 0x10000ffe */
    assert_int_equal(insn.addr_offset, 2);
    assert_true(rv_mmio_locate(&insn, 0x10001001, 0x10001000));
    assert_int_equal(insn.addr_offset, 3);

    assert_false(rv_mmio_locate(&insn, 0x10001000, 0x10001000));
    assert_false(rv_mmio_locate(&insn, 0x10001005, 0x10001000));
    assert_false(rv_mmio_locate(&insn, 0x10001800, 0x10001000));
    assert_int_equal(insn.addr_offset, 3);

    /* A masked pointer, and an address that wraps. */
    assert_true(rv_mmio_locate(&insn, 0xab00000010001004, 0x10001000));
    assert_int_equal(insn.addr_offset, 0);
    assert_true(rv_mmio_locate(&insn, 0, 0xfffffffffffffffc));
    assert_int_equal(insn.addr_offset, 0);
    assert_true(rv_mmio_locate(&insn, 2, 0));
    assert_int_equal(insn.addr_offset, 2);
}

static void test_insn_bytes(void **state)
{
    (void)state;
    for (uint32_t half = 0; half <= 0xffff; half++) {
        unsigned int expected = (half & 3) != 3 ? 2 : ((half >> 2) & 7) != 7 ? 4 : 0;

        assert_int_equal(rv_insn_bytes((uint16_t)half), expected);
    }
}

/* --- System instructions --- */

static void test_system_golden(void **state)
{
    static const struct {
        uint32_t word;
        enum rv_sys_kind kind;
        uint8_t rd, rs1, rs2;
    } cases[] = {
        {0x10500073, RV_SYS_WFI, 0, 0, 5},
        {0x00d00073, RV_SYS_WRS_NTO, 0, 0, 13},
        {0x10200073, RV_SYS_SRET, 0, 0, 2},
        {0x12208073, RV_SYS_FENCE, 0, 1, 2},   /* sfence.vma x1,x2 */
        {0x16418073, RV_SYS_FENCE, 0, 3, 4},   /* sinval.vma x3,x4 */
        {0x18000073, RV_SYS_FENCE, 0, 0, 0},   /* sfence.w.inval */
        {0x18100073, RV_SYS_FENCE, 0, 0, 1},   /* sfence.inval.ir */
        {0x22208073, RV_SYS_HYPER, 0, 1, 2},   /* hfence.vvma x1,x2 */
        {0x62418073, RV_SYS_HYPER, 0, 3, 4},   /* hfence.gvma x3,x4 */
        {0x26628073, RV_SYS_HYPER, 0, 5, 6},   /* hinval.vvma x5,x6 */
        {0x66838073, RV_SYS_HYPER, 0, 7, 8},   /* hinval.gvma x7,x8 */
        {0x600140f3, RV_SYS_HYPER, 1, 2, 0},   /* hlv.b x1,(x2) */
        {0x601140f3, RV_SYS_HYPER, 1, 2, 1},   /* hlv.bu */
        {0x640140f3, RV_SYS_HYPER, 1, 2, 0},   /* hlv.h */
        {0x641140f3, RV_SYS_HYPER, 1, 2, 1},   /* hlv.hu */
        {0x643140f3, RV_SYS_HYPER, 1, 2, 3},   /* hlvx.hu */
        {0x680140f3, RV_SYS_HYPER, 1, 2, 0},   /* hlv.w */
        {0x681140f3, RV_SYS_HYPER, 1, 2, 1},   /* hlv.wu */
        {0x683140f3, RV_SYS_HYPER, 1, 2, 3},   /* hlvx.wu */
        {0x6c0140f3, RV_SYS_HYPER, 1, 2, 0},   /* hlv.d */
        {0x62114073, RV_SYS_HYPER, 0, 2, 1},   /* hsv.b x1,(x2) */
        {0x66114073, RV_SYS_HYPER, 0, 2, 1},   /* hsv.h */
        {0x6a114073, RV_SYS_HYPER, 0, 2, 1},   /* hsv.w */
        {0x6fff4073, RV_SYS_HYPER, 0, 30, 31}, /* hsv.d x31,(x30) */
        {0x01d00073, RV_SYS_OTHER, 0, 0, 0},   /* wrs.sto */
        {0x30200073, RV_SYS_OTHER, 0, 0, 0},   /* mret */
        {0x00000073, RV_SYS_OTHER, 0, 0, 0},   /* ecall */
        {0x00100073, RV_SYS_OTHER, 0, 0, 0},   /* ebreak */
        {0x105000f3, RV_SYS_OTHER, 0, 0, 0},   /* wfi with an rd: reserved */
        {0x10508073, RV_SYS_OTHER, 0, 0, 0},   /* wfi with an rs1: reserved */
        {0x122080f3, RV_SYS_OTHER, 0, 0, 0},   /* sfence.vma with an rd: reserved */
        {0x602140f3, RV_SYS_OTHER, 0, 0, 0},   /* hlvx.b does not exist */
        {0x6c1140f3, RV_SYS_OTHER, 0, 0, 0},   /* nor does hlv.du */
        {0x81c04073, RV_SYS_OTHER, 0, 0, 0},   /* mop.r.0 */
        {0x00000013, RV_SYS_OTHER, 0, 0, 0},   /* nop */
        {0xffffffff, RV_SYS_OTHER, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct rv_sys_insn insn = rv_sys_decode(cases[i].word);

        assert_int_equal(insn.kind, cases[i].kind);
        assert_int_equal(insn.rd, cases[i].rd);
        assert_int_equal(insn.rs1, cases[i].rs1);
        assert_int_equal(insn.rs2, cases[i].rs2);
        assert_int_equal(insn.insn_bytes, cases[i].word == 0xffffffff ? 0 : 4);
        assert_int_equal(insn.csr, 0);
        assert_false(insn.csr_imm || insn.csr_reads || insn.csr_writes);
    }
    assert_int_equal(rv_sys_decode(0x9002).insn_bytes, 2); /* c.ebreak */
    assert_int_equal(rv_sys_decode(0x9002).kind, RV_SYS_OTHER);
}

/* Every funct12 and funct3 of SYSTEM: what is no CSR instruction is one of a counted few. */
static void test_system_exhaustive(void **state)
{
    static const uint32_t regs[] = {0, 1, 31};
    unsigned int hyper_count = 0;
    unsigned int fence_count = 0;

    (void)state;
    for (uint32_t rest = 0; rest < 0x8000; rest++) {
        for (unsigned int i = 0; i < 9; i++) {
            uint32_t funct12 = rest >> 3;
            uint32_t funct3 = rest & 7;
            uint32_t rd = regs[i / 3];
            uint32_t rs1 = regs[i % 3];
            struct rv_sys_insn insn =
                rv_sys_decode(funct12 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x73);

            if (funct3 == 0 || funct3 == 4) {
                assert_int_not_equal(insn.kind, RV_SYS_CSR);
                hyper_count += insn.kind == RV_SYS_HYPER;
                fence_count += insn.kind == RV_SYS_FENCE;
                continue;
            }
            assert_int_equal(insn.kind, RV_SYS_CSR);
            assert_int_equal(insn.csr, funct12);
            assert_int_equal(insn.rd, rd);
            assert_int_equal(insn.rs1, rs1);
            assert_int_equal(insn.csr_imm, funct3 > 4);
            assert_int_equal(insn.csr_op, funct3 % 4 - 1);
            assert_int_equal(insn.csr_reads, funct3 % 4 != 1 || rd != 0);
            assert_int_equal(insn.csr_writes, funct3 % 4 == 1 || rs1 != 0);
        }
    }
    /* hlv, hlvx: 9 of rd and rs1 each; hsv and fences: 32 of rs2, 3 of rs1; bare fences: 1. */
    assert_int_equal(hyper_count, 9 * 9 + 4 * 32 * 3 + 4 * 32 * 3);
    assert_int_equal(fence_count, 2 * 32 * 3 + 2);
}

static void test_csr_value(void **state)
{
    static const struct {
        uint32_t word;
        uint64_t value;
    } cases[] = {
        {0x600110f3, 0x00ff}, /* csrrw x1,hstatus,x2 */
        {0x100122f3, 0x0fff}, /* csrrs x5,sstatus,x2 */
        {0x15c13073, 0x0f00}, /* csrrc x0,stopei,x2 */
        {0x14dfd073, 31},     /* csrrwi x0,stimecmp,31 */
        {0x100162f3, 0x0ff2}, /* csrrsi x5,sstatus,2 */
        {0x104873f3, 0x0fe0}, /* csrrci x7,sie,16 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct rv_sys_insn insn = rv_sys_decode(cases[i].word);

        assert_int_equal(insn.kind, RV_SYS_CSR);
        assert_true(insn.csr_writes);
        assert_int_equal(rv_sys_csr_value(&insn, 0x0ff0, 0x00ff), cases[i].value);
    }
}

static void test_virt_decide(void **state)
{
    static const struct {
        uint32_t word;
        enum rv_virt_action vs;
        enum rv_virt_action vu;
    } cases[] = {
        {0x10500073, RV_VIRT_YIELD, RV_VIRT_ILLEGAL},   /* wfi */
        {0x00d00073, RV_VIRT_YIELD, RV_VIRT_YIELD},     /* wrs.nto */
        {0x10200073, RV_VIRT_ILLEGAL, RV_VIRT_ILLEGAL}, /* sret */
        {0x12000073, RV_VIRT_ILLEGAL, RV_VIRT_ILLEGAL}, /* sfence.vma */
        {0x22000073, RV_VIRT_ILLEGAL, RV_VIRT_ILLEGAL}, /* hfence.vvma */
        {0x600140f3, RV_VIRT_ILLEGAL, RV_VIRT_ILLEGAL}, /* hlv.b */
        {0x0040200f, RV_VIRT_ILLEGAL, RV_VIRT_ILLEGAL}, /* cbo.zero */
        {0xc01021f3, RV_VIRT_CSR, RV_VIRT_CSR},         /* csrr x3,time */
        {0xc01110f3, RV_VIRT_ILLEGAL, RV_VIRT_ILLEGAL}, /* csrrw x1,time,x2 */
        {0x14dfd073, RV_VIRT_CSR, RV_VIRT_ILLEGAL},     /* csrwi stimecmp,31 */
        {0x15c02073, RV_VIRT_CSR, RV_VIRT_ILLEGAL},     /* csrr x0,stopei */
        {0xdb0020f3, RV_VIRT_CSR, RV_VIRT_ILLEGAL},     /* csrr x1,stopi */
        {0xdb0110f3, RV_VIRT_ILLEGAL, RV_VIRT_ILLEGAL}, /* csrrw x1,stopi,x2 */
        {0x600110f3, RV_VIRT_ILLEGAL, RV_VIRT_ILLEGAL}, /* csrrw x1,hstatus,x2 */
        {0x200020f3, RV_VIRT_ILLEGAL, RV_VIRT_ILLEGAL}, /* csrr x1,vsstatus */
        {0x300020f3, RV_VIRT_ILLEGAL, RV_VIRT_ILLEGAL}, /* csrr x1,mstatus */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct rv_sys_insn insn = rv_sys_decode(cases[i].word);

        assert_int_equal(rv_virt_decide(&insn, true), cases[i].vs);
        assert_int_equal(rv_virt_decide(&insn, false), cases[i].vu);
    }
    /* No H, VS or M CSR, by any instruction. */
    for (uint32_t csr = 0; csr < 4096; csr++) {
        for (uint32_t funct3 = 1; funct3 < 8; funct3++) {
            struct rv_sys_insn insn = rv_sys_decode(csr << 20 | funct3 << 12 | 0x73);

            if ((csr & 0x200) != 0) {
                assert_int_equal(rv_virt_decide(&insn, true), RV_VIRT_ILLEGAL);
            }
            if ((csr & 0x300) != 0) {
                assert_int_equal(rv_virt_decide(&insn, false), RV_VIRT_ILLEGAL);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_all_compressed),
        cmocka_unit_test(test_all_base_forms),
        cmocka_unit_test(test_random_words),
        cmocka_unit_test(test_transformed),
        cmocka_unit_test(test_pseudo_and_unknown),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_locate),
        cmocka_unit_test(test_insn_bytes),
        cmocka_unit_test(test_system_golden),
        cmocka_unit_test(test_system_exhaustive),
        cmocka_unit_test(test_csr_value),
        cmocka_unit_test(test_virt_decide),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
