/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ISA that the FDT offers: every name of it is in the table below, and what it promises is
 * tried with one instruction at least. What is not offered and has instructions of its own is
 * illegal.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <libfdt.h>
#include <string.h>

/* rd and rs1 are a0 (fa0, v0 or v2), rs2 is a1 (fa0, v0). */
#define R(op, f3, f7)      ((uint32_t)(f7) << 25 | 11u << 20 | 0x50500u | (f3) << 12 | (op))
#define UNARY(op, f3, top) ((uint32_t)(top) << 20 | 0x50500u | (f3) << 12 | (op))
#define FP(f7)             ((uint32_t)(f7) << 25 | 10u << 20 | 0x57553u)
#define CBO(n)             ((uint32_t)(n) << 20 | 0x5200fu)
#define SET(vtype)         ((uint32_t)(vtype) << 20 | 0x072d7u) /* vsetvli t0, zero, vtype */
#define V(op, f3, f6, vs1) ((uint32_t)(f6) << 26 | 1u << 25 | (vs1) << 15 | (f3) << 12 | (op))
#define TO_V               0x5e054057u /* vmv.v.x v0, a0 */
#define FROM_V             0x42002557u /* vmv.x.s a0, v0 */
#define FMV_W_X            0xf0050553u
#define FMV_X_W            0xe0050553u
#define FMV_D_X            0xf2050553u
#define FMV_X_D            0xe2050553u
#define FMV_H_X            0xf4050553u
#define FMV_X_H            0xe4050553u
#define E8                 0xc0u
#define E16                0xc8u
#define E32                0xd0u
#define E32M2              0xd1u
#define E64                0xd8u
#define OPV                0x57u
#define OPVE               0x77u
#define AES                V(OPVE, 2, 0x28, 2)
#define SM4                V(OPVE, 2, 0x28, 16)
#define ONE_F              0x3f800000u
#define ONE_D              0x3ff0000000000000u
#define MARK               0x1122334455667788u

enum how {
    PLAIN,      /* a0, a1 in, a0 out */
    ON_MEMORY,  /* a0 is the address of MARK */
    RUNS,       /* whatever comes out */
    OWN = 0x10, /* and its first instruction is this extension's alone: illegal where it is not */
};

static const struct row {
    const char *name;
    uint32_t how;
    uint32_t code[EXEC_MAX];
    uint64_t a0, a1, want;
} rows[] = {
    {"i", RUNS, {0x13}, 0, 0, 0},
    {"m", PLAIN, {R(0x33, 0, 1)}, 6, 7, 42},
    {"zmmul", PLAIN, {R(0x33, 0, 1)}, 6, 7, 42},
    {"a", ON_MEMORY, {R(0x2f, 3, 0)}, 0, 1, MARK},
    {"zaamo", ON_MEMORY, {R(0x2f, 3, 0)}, 0, 1, MARK},
    {"zalrsc", ON_MEMORY, {UNARY(0x2f, 3, 0x100)}, 0, 0, MARK},
    {"ziccrse", ON_MEMORY, {UNARY(0x2f, 3, 0x100)}, 0, 0, MARK},
    {"za64rs", ON_MEMORY, {UNARY(0x2f, 3, 0x100)}, 0, 0, MARK},
    {"ziccamoa", ON_MEMORY, {R(0x2f, 3, 0x50)}, 0, 1, MARK},
    {"zabha", ON_MEMORY | OWN, {R(0x2f, 0, 0)}, 0, 1, (uint64_t)(int8_t)0x88},
    {"zacas", ON_MEMORY | OWN, {R(0x2f, 3, 0x14)}, 0, 1, MARK},
    {"zama16b", RUNS, {0x13}, 0, 0, 0},
    {"zic64b", RUNS, {0x13}, 0, 0, 0},
    {"ziccif", RUNS, {0x13}, 0, 0, 0},
    {"zicclsm", ON_MEMORY, {UNARY(0x03, 5, 1)}, 0, 0, 0x6677},
    {"f", PLAIN, {FMV_W_X, FP(0), FMV_X_W}, ONE_F, 0, 0x40000000},
    {"d", PLAIN, {FMV_D_X, FP(1), FMV_X_D}, ONE_D, 0, 0x4000000000000000},
    {"c", PLAIN, {0x0505}, 41, 0, 42}, /* c.addi a0, 1 */
    {"zca", PLAIN, {0x0505}, 41, 0, 42},
    {"zcb", PLAIN | OWN, {0x9d61}, 0x1234, 0, 0x34},   /* c.zext.b a0 */
    {"zcd", ON_MEMORY, {0x2108, FMV_X_D}, 0, 0, MARK}, /* c.fld fa0, 0(a0) */
    {"zcmop", PLAIN | OWN, {0x6081}, 5, 0, 5},
    {"b", PLAIN, {R(0x33, 2, 0x10)}, 3, 4, 10}, /* sh1add */
    {"zba", PLAIN | OWN, {R(0x33, 2, 0x10)}, 3, 4, 10},
    {"zbb", PLAIN, {R(0x33, 7, 0x20)}, 0xff, 0x0f, 0xf0},                   /* andn */
    {"zbc", PLAIN | OWN, {R(0x33, 2, 0x05)}, 1ull << 63, 2, 2},             /* clmulr */
    {"zbkb", PLAIN, {R(0x33, 4, 0x04)}, 1, 2, 0x200000001},                 /* pack */
    {"zbkc", PLAIN, {R(0x33, 1, 0x05)}, 3, 3, 5},                           /* clmul */
    {"zbkx", PLAIN | OWN, {R(0x33, 4, 0x14)}, MARK, 0, 0x8888888888888888}, /* xperm8 */
    {"zbs", PLAIN | OWN, {R(0x33, 1, 0x14)}, 0, 4, 16},                     /* bset */
    {"zkn", RUNS, {R(0x33, 0, 0x19)}, 1, 2, 0},
    {"zknd", RUNS | OWN, {R(0x33, 0, 0x1d)}, 1, 2, 0},               /* aes64ds */
    {"zkne", RUNS | OWN, {R(0x33, 0, 0x19)}, 1, 2, 0},               /* aes64es */
    {"zknh", PLAIN | OWN, {UNARY(0x13, 1, 0x102)}, 1, 0, 0x2004000}, /* sha256sig0 */
    {"zks", PLAIN, {UNARY(0x13, 1, 0x108)}, 1, 0, 0x20201},
    {"zksed", RUNS | OWN, {R(0x33, 0, 0x18)}, 1, 2, 0},            /* sm4ed */
    {"zksh", PLAIN | OWN, {UNARY(0x13, 1, 0x108)}, 1, 0, 0x20201}, /* sm3p0 */
    {"zkt", RUNS, {0x13}, 0, 0, 0},
    {"ztso", RUNS, {0x13}, 0, 0, 0},
    {"zicbom", ON_MEMORY | OWN, {CBO(1), CBO(2), CBO(0), INSN_LD}, 0, 0, MARK},
    {"zicboz", ON_MEMORY | OWN, {CBO(4), INSN_LD}, 0, 0, 0},
    {"zicbop", RUNS, {0x00156013}, 0, 0, 0}, /* prefetch.r (a0) */
    {"zicntr", RUNS, {INSN_CSRR(0xc00), INSN_CSRR(0xc01), INSN_CSRR(0xc02)}, 0, 0, 0},
    {"zihpm", RUNS, {INSN_CSRR(0xc03)}, 0, 0, 0},
    {"zicond", PLAIN | OWN, {R(0x33, 5, 0x07)}, 5, 0, 0}, /* czero.eqz */
    {"zicsr", RUNS, {INSN_CSRR(CSR_SCAUSE)}, 0, 0, 0},
    {"zifencei", RUNS, {0x0000100f}, 0, 0, 0},
    {"zihintntl", RUNS, {0x00200033}, 0, 0, 0},
    {"zihintpause", RUNS, {0x0100000f}, 0, 0, 0},
    {"zimop", PLAIN | OWN, {0x81c54573}, 7, 0, 0},                        /* mop.r.0 a0, a0 */
    {"zawrs", RUNS | OWN, {0x01d00073}, 0, 0, 0},                         /* wrs.sto */
    {"zfa", PLAIN | OWN, {0xf2180553, FMV_X_D}, 0, 0, ONE_D},             /* fli.d fa0, 1.0 */
    {"zfbfmin", PLAIN, {FMV_W_X, 0x44857553, FMV_X_H}, ONE_F, 0, 0x3f80}, /* fcvt.bf16.s */
    {"zfh", PLAIN, {FMV_H_X, FP(2), FMV_X_H}, 0x3c00, 0, 0x4000},
    {"zfhmin", PLAIN, {FMV_H_X, 0x40250553, FMV_X_W}, 0x3c00, 0, ONE_F}, /* fcvt.s.h */
    {"v", PLAIN, {SET(E64), TO_V, V(OPV, 0, 0, 0), FROM_V}, 21, 0, 42},  /* vadd.vv */
    {"zve32x", PLAIN | OWN, {SET(E32), TO_V, V(OPV, 0, 0, 0), FROM_V}, 21, 0, 42},
    {"zve64x", PLAIN, {SET(E64), TO_V, V(OPV, 0, 0, 0), FROM_V}, 21, 0, 42},
    {"zve32f", PLAIN, {SET(E32), TO_V, V(OPV, 1, 0, 0), FROM_V}, ONE_F, 0, 0x40000000},
    {"zve64f", PLAIN, {SET(E32), TO_V, V(OPV, 1, 0, 0), FROM_V}, ONE_F, 0, 0x40000000},
    {"zve64d", PLAIN, {SET(E64), TO_V, V(OPV, 1, 0, 0), FROM_V}, ONE_D, 0, 0x4000000000000000},
    {"zvfh", PLAIN, {SET(E16), TO_V, V(OPV, 1, 0, 0), FROM_V}, 0x3c00, 0, 0x4000},
    {"zvfhmin", RUNS, {SET(E16), V(OPV, 1, 0x12, 12) | 2 << 7}, 0, 0, 0}, /* vfwcvt.f.f.v v2, v0 */
    {"zvfbfmin", RUNS, {SET(E16), V(OPV, 1, 0x12, 13) | 2 << 7}, 0, 0, 0},
    {"zvfbfwma", RUNS, {SET(E16), V(OPV, 1, 0x3b, 0) | 2 << 7}, 0, 0, 0},
    {"zvbb", PLAIN, {SET(E32), TO_V, V(OPV, 2, 0x12, 12), FROM_V}, 1, 0, 31}, /* vclz.v */
    {"zvkb", PLAIN, {SET(E32), TO_V, V(OPV, 2, 0x12, 9), FROM_V}, 0x11223344, 0, 0x44332211},
    {"zvbc", PLAIN, {SET(E64), TO_V, V(OPV, 2, 0x0c, 0), FROM_V}, 3, 0, 5}, /* vclmul.vv */
    {"zvkg", RUNS, {SET(E32), V(OPVE, 2, 0x28, 17)}, 0, 0, 0},              /* vgmul.vv */
    {"zvkn", RUNS, {SET(E32), AES}, 0, 0, 0},
    {"zvknc", RUNS, {SET(E32), AES}, 0, 0, 0},
    {"zvkng", RUNS, {SET(E32), AES}, 0, 0, 0},
    {"zvkned", RUNS, {SET(E32), AES}, 0, 0, 0}, /* vaesem.vv */
    {"zvknha",
     RUNS,
     {SET(E32), V(OPVE, 2, 0x2d, 2) | 1 << 20},
     0,
     0,
     0}, /* vsha2ms.vv v0, v1, v2 */
    {"zvknhb", RUNS, {SET(E32), V(OPVE, 2, 0x2d, 2) | 1 << 20}, 0, 0, 0},
    {"zvks", RUNS, {SET(E32), SM4}, 0, 0, 0},
    {"zvksc", RUNS, {SET(E32), SM4}, 0, 0, 0},
    {"zvksg", RUNS, {SET(E32), SM4}, 0, 0, 0},
    {"zvksed", RUNS, {SET(E32), SM4}, 0, 0, 0}, /* vsm4r.vv */
    {"zvksh",
     RUNS,
     {SET(E32M2), V(OPVE, 2, 0x20, 4) | 2 << 20},
     0,
     0,
     0}, /* vsm3me.vv v0, v2, v4 */
    {"zvkt", RUNS, {SET(E32)}, 0, 0, 0},
    {"ssaia", RUNS, {INSN_CSRR(0xdb0)}, 0, 0, 0},    /* stopi */
    {"sscofpmf", RUNS, {INSN_CSRR(0xda0)}, 0, 0, 0}, /* scountovf */
    {"sstc", RUNS | OWN, {INSN_CSRR(CSR_STIMECMP)}, 0, 0, 0},
    {"svinval", RUNS | OWN, {0x18000073, 0x16000073, 0x18100073}, 0, 0, 0},
    {"svvptc", RUNS, {0x13}, 0, 0, 0},
    /* Tried apart. */
    {"ssnpm", RUNS, {0x13}, 0, 0, 0},
    {"supm", RUNS, {0x13}, 0, 0, 0},
    {"sdtrig", RUNS, {0x13}, 0, 0, 0},
    {"zicfiss", RUNS, {0x13}, 0, 0, 0},  /* features.c, with it switched on */
    {"ssdbltrp", RUNS, {0x13}, 0, 0, 0}, /* events.c, likewise */
    {"svade", RUNS, {0x13}, 0, 0, 0},
    {"svadu", RUNS, {0x13}, 0, 0, 0},
    {"svnapot", RUNS, {0x13}, 0, 0, 0},
    {"svpbmt", RUNS, {0x13}, 0, 0, 0},
};

static const char *list(int *len)
{
    const char *s = fdt_getprop(board.fdt, fdt_path_offset(board.fdt, "/cpus/cpu@0"),
                                "riscv,isa-extensions", len);

    *len = s == NULL ? 0 : *len;
    return s;
}

bool isa_offers(const char *name)
{
    int len;
    const char *s = list(&len);

    for (int i = 0; i < len; i += (int)strlen(&s[i]) + 1) {
        if (strcmp(&s[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static const struct row *row_of(const char *name)
{
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static struct exec try(const struct row *row)
{
    static _Alignas(64) uint64_t memory[8];
    struct exec e = {.a0 = row->a0, .a1 = row->a1};

    memcpy(e.code, row->code, sizeof(e.code));
    if ((row->how & ~(uint32_t)OWN) == ON_MEMORY) {
        memory[0] = MARK;
        e.a0 = (uint64_t)(uintptr_t)memory;
    }
    csr_set(CSR_SSTATUS, SSTATUS_FS | SSTATUS_VS);
    exec_run(&e);
    return e;
}

/* zvl32b to zvl65536b: so long are the registers. */
static bool vectors_are(const char *name)
{
    uint64_t want = 0;

    csr_set(CSR_SSTATUS, SSTATUS_VS);
    for (const char *s = name + 3; *s >= '0' && *s <= '9'; s++) {
        want = 10 * want + (uint64_t)(*s - '0');
    }
    return strncmp(name, "zvl", 3) == 0 && exec_one(INSN_CSRR(CSR_VLENB), 0, 0).a0 * 8 >= want;
}

static bool works(const char *name)
{
    const struct row *row = row_of(name);
    struct exec e;

    if (row == NULL) {
        return vectors_are(name);
    }
    e = try(row);
    return !e.trapped && ((row->how & ~(uint32_t)OWN) == RUNS || e.a0 == row->want);
}

static void test_offered(void)
{
    int len;
    const char *s = list(&len);
    uint32_t bad = 0;

    for (int i = 0; i < len; i += (int)strlen(&s[i]) + 1) {
        if (!works(&s[i])) {
            bad++;
            con_printf("# the FDT offers %s, which does not work\n", &s[i]);
        }
    }
    (void)tap_ok(len > 0 && bad == 0, "ISA: all that is offered works");
}

static void test_not_offered(void)
{
    uint32_t bad = 0;

    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct exec e;

        if ((rows[i].how & OWN) == 0 || isa_offers(rows[i].name)) {
            continue;
        }
        e = try(&rows[i]);
        if (!e.trapped || e.trap.scause != EXC_ILLEGAL || e.trap.sepc != e.pc) {
            bad++;
            con_printf("# the FDT does not offer %s, which works\n", rows[i].name);
        }
    }
    (void)tap_ok(bad == 0, "ISA: what is not offered is illegal");
}

/* The machine's own, or state that nobody keeps for a guest. */
static void test_withheld(void)
{
    static const struct {
        const char *name;
        uint32_t insn;
    } withheld[] = {
        {"seed (Zkr)", INSN_CSRRW(0x015)},           {"ssp (Zicfiss)", INSN_CSRR(0x011)},
        {"sstateen0 (Ssstateen)", INSN_CSRR(0x10c)}, {"scontext (Sdtrig)", INSN_CSRR(0x5a8)},
        {"srmcfg (Ssqosid)", INSN_CSRR(0x181)},
    };

    for (uint32_t i = 0; i < sizeof(withheld) / sizeof(withheld[0]); i++) {
        struct exec e = exec_one(withheld[i].insn, 0, 0);

        (void)tap_ok(e.trapped && e.trap.scause == EXC_ILLEGAL, "ISA: %s is illegal",
                     withheld[i].name);
    }
}

/* ---- what is seen in translation ---------------------------------------------------------------
 */

#define PTE_RESERVED_RW (PTE_V | PTE_R | PTE_W)
#define PTE_PBMT_NC     (1ull << 61)
#define PTE_N           (1ull << 63)
#define NAPOT_BYTES     0x10000u

static _Alignas(NAPOT_BYTES) uint64_t napot[NAPOT_BYTES / 8];

static bool loads(uint32_t page, uint64_t pte)
{
    struct exec e;

    paging_set_pte(page, pte);
    paging_on();
    e = exec_one(INSN_LD, PAGING_VA(page), 0);
    paging_off();
    return !e.trapped && e.a0 == MARK;
}

static void test_ptes(void)
{
    const uint64_t at = (uint64_t)(uintptr_t)napot;
    const uint64_t ppn = at >> 12 << 10;
    bool loaded;

    for (uint32_t i = 0; i < NAPOT_BYTES; i += 0x1000) {
        napot[i / 8] = MARK;
    }
    (void)tap_eq(loads(0, ppn | PTE_RESERVED_RW | PTE_AD | PTE_PBMT_NC), isa_offers("svpbmt"),
                 "ISA: PBMT in a PTE");
    /* Page 3 of 16: the table's other 15 entries are not there. */
    (void)tap_eq(loads(3, ppn | 8u << 10 | PTE_RESERVED_RW | PTE_AD | PTE_N), isa_offers("svnapot"),
                 "ISA: a NAPOT PTE");
    loaded = loads(1, ppn | PTE_RESERVED_RW);
    if (isa_offers("svadu") || isa_offers("svade")) {
        /* Both: it is off until it is asked for [Linux, riscv/extensions.yaml, svadu]. */
        (void)tap_eq(loaded, isa_offers("svadu") && !isa_offers("svade"),
                     "ISA: A set by hardware, or a fault");
    }
}

/* In U-mode, by the guest's own senvcfg: the upper 7 or 16 bits are no part of an address. */
static void test_pointer_masking(void)
{
    struct exec e = {.code = {INSN_LD}, .a0 = (uint64_t)(uintptr_t)napot | 0x55ull << 57};
    bool masked;

    if (!isa_offers("sstc") && !isa_offers("ssnpm")) {
        return; /* may be too old for senvcfg */
    }
    napot[0] = MARK;
    csr_write(CSR_SENVCFG, 2ull << 32);
    exec_user(&e);
    masked = e.trap.scause == EXC_BREAKPOINT && e.a0 == MARK;
    csr_write(CSR_SENVCFG, 0);
    (void)tap_eq(masked, isa_offers("ssnpm"), "ISA: a masked pointer");
}

void test_isa(void)
{
    if (!board.curia) {
        return; /* its firmware says what is there for itself, too */
    }
    test_offered();
    test_not_offered();
    vector_off();
    csr_clear(CSR_SSTATUS, SSTATUS_FS);
    test_withheld();
    test_ptes();
    test_pointer_masking();
}
