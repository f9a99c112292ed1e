/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores to devices, of each form that RV64 has; others are access faults. The UART's
 * scratch register takes bytes, the interrupt controller's registers words.
 */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/lib/mmio.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#define UART_SCR 7u

#define INSN_FLW       0x00052507u
#define INSN_FLD       0x00053507u
#define INSN_FSW       0x00a52027u
#define INSN_FSD       0x00a53027u
#define INSN_LR_W      0x1005252fu
#define INSN_LR_D      0x1005352fu
#define INSN_AMOADD_W  0x00b5252fu
#define INSN_AMOSWAP_D 0x08b5352fu
#define INSN_AMOOR_W   0x40b5252fu
#define INSN_C_LW      0x4108u
#define INSN_C_LD      0x6108u
#define INSN_C_SW      0xc10cu
#define INSN_C_SD      0xe10cu
#define INSN_C_FLD     0x2108u
#define INSN_C_FSD     0xa108u
#define INSN_C_LWSP    0x4502u
#define INSN_C_LDSP    0x6502u
#define INSN_C_SWSP    0xc02eu
#define INSN_C_LBU     0x8108u

static uint64_t load(uint32_t insn, uint64_t at)
{
    struct exec e = exec_one(insn, at, 0);

    return e.trapped ? 0xdead000000000000ull | e.trap.scause : e.a0;
}

static void store(uint32_t insn, uint64_t at, uint64_t value)
{
    (void)tap_ok(!exec_one(insn, at, value).trapped, "a store to a device (%x)", (unsigned)insn);
}

static void test_bytes(void)
{
    uint64_t scr = board.uart.start + UART_SCR;

    store(INSN_SB, scr, 0x1ffffff5a);
    (void)tap_eq(load(INSN_LB, scr), 0x5a, "lb");
    (void)tap_eq(load(INSN_LBU, scr), 0x5a, "lbu");
    store(INSN_SB, scr, 0x80);
    (void)tap_eq(load(INSN_LB, scr), (uint64_t)-128, "lb extends the sign");
    (void)tap_eq(load(INSN_LBU, scr), 0x80, "lbu does not");
    /* Offsets in the instruction, both ways. */
    (void)tap_eq(load(INSN_LBU | UART_SCR << 20, scr - UART_SCR), 0x80, "lbu with an offset");
    (void)tap_eq(load(INSN_LBU | 0xfffu << 20, scr + 1), 0x80, "lbu with a negative offset");

    struct exec e = exec_one(INSN_C_LBU, scr, 0); /* Zcb */

    if (!e.trapped || e.trap.scause != EXC_ILLEGAL) {
        (void)tap_eq(e.a0, 0x80, "c.lbu");
    }
}

/* Every register that may hold a value, as destination and as source. */
static void test_registers(void)
{
    static const uint8_t regs[] = {5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31};
    uint64_t scr = board.uart.start + UART_SCR;
    uint32_t bad = 0;

    for (uint32_t i = 0; i < sizeof(regs); i++) {
        uint32_t r = regs[i];
        struct exec e = {
            .code = {0x00058013u | r << 7,   /* mv r, a1 */
                     0x00050023u | r << 20,  /* sb r, 0(a0) */
                     0x00054003u | r << 7,   /* lbu r, 0(a0) */
                     0x00000513u | r << 15}, /* mv a0, r */
            .a0 = scr,
            .a1 = 0xa0u + r,
        };

        exec_run(&e);
        bad += e.trapped || e.a0 != 0xa0u + r ? 1 : 0;
    }
    (void)tap_eq(bad, 0, "every register as source and destination");

    struct exec lbu = exec_one(0x00054003, scr, 0); /* lbu zero, 0(a0) */
    struct exec sb;

    (void)tap_ok(!lbu.trapped && lbu.a0 == scr, "a load into zero");
    sb = exec_one(0x00050023, scr, 0); /* sb zero, 0(a0) */
    (void)tap_ok(!sb.trapped && load(INSN_LBU, scr) == 0, "a store of zero");
}

/* A word register that keeps what is written, whose value has bit 31 set where one has. */
static uint64_t word_register(uint32_t *value)
{
    if (board.imsic_ids != 0) {
        *value = 0x80000104;
        return board.aplic.start; /* domaincfg */
    }
    *value = 1;
    return board.plic.start + 4ull * board.uart_irq.source; /* its priority */
}

static void test_words(void)
{
    uint32_t value;
    uint64_t at = word_register(&value);
    int32_t sign = (int32_t)value;
    struct exec e = {.code = {INSN_C_LWSP}, .a0 = at, .on_sp = true};

    store(INSN_SW, at, value);
    (void)tap_eq(load(INSN_LW, at), (uint64_t)(int64_t)sign, "lw extends the sign");
    (void)tap_eq(load(INSN_LWU, at), value, "lwu does not");
    (void)tap_eq(load(INSN_C_LW, at), (uint64_t)(int64_t)sign, "c.lw");
    store(INSN_C_SW, at, value);
    exec_run(&e);
    (void)tap_ok(!e.trapped && e.a0 == (uint64_t)(int64_t)sign, "c.lwsp");
    e = (struct exec){.code = {INSN_C_SWSP}, .a0 = at, .a1 = value, .on_sp = true};
    exec_run(&e);
    (void)tap_ok(!e.trapped && load(INSN_LWU, at) == value, "c.swsp");
    if (board.curia) {
        (void)tap_eq(load(INSN_LD, at) >> 48, 0xdead, "ld of a word register is refused");
        (void)tap_eq(load(INSN_C_LD, at) >> 48, 0xdead, "c.ld too");
        (void)tap_eq(load(INSN_LH, at) >> 48, 0xdead, "lh too");
        (void)tap_eq(load(INSN_LW, at + 2) >> 48, 0xdead, "and a misaligned lw");
    }
}

static void expect_fault(uint32_t insn, uint64_t at, uint64_t cause, const char *name)
{
    struct exec e = exec_one(insn, at, 1);

    (void)tap_ok(e.trapped && e.trap.scause == cause && e.trap.stval == at && e.trap.sepc == e.pc,
                 "%s to a device: access fault (%d %lx %lx)", name, e.trapped,
                 (unsigned long)e.trap.scause, (unsigned long)e.trap.stval);
}

static void test_refused(void)
{
    uint32_t value;
    uint64_t at = word_register(&value);
    struct exec e;

    if (!board.curia) {
        tap_skip("FP, AMO and LR/SC to a device", "QEMU's own devices take them");
        return;
    }
    csr_set(CSR_SSTATUS, SSTATUS_FS);
    expect_fault(INSN_FLW, at, EXC_LOAD_ACCESS, "flw");
    expect_fault(INSN_FLD, at, EXC_LOAD_ACCESS, "fld");
    expect_fault(INSN_FSW, at, EXC_STORE_ACCESS, "fsw");
    expect_fault(INSN_FSD, at, EXC_STORE_ACCESS, "fsd");
    expect_fault(INSN_C_FLD, at, EXC_LOAD_ACCESS, "c.fld");
    expect_fault(INSN_C_FSD, at, EXC_STORE_ACCESS, "c.fsd");
    expect_fault(INSN_LR_W, at, EXC_LOAD_ACCESS, "lr.w");
    expect_fault(INSN_LR_D, at, EXC_LOAD_ACCESS, "lr.d");
    expect_fault(INSN_AMOADD_W, at, EXC_STORE_ACCESS, "amoadd.w");
    expect_fault(INSN_AMOSWAP_D, at, EXC_STORE_ACCESS, "amoswap.d");
    expect_fault(INSN_AMOOR_W, at, EXC_STORE_ACCESS, "amoor.w");
    e = exec_at(at, 0, 0);
    (void)tap_ok(e.trapped && e.trap.scause == EXC_INSN_ACCESS && e.trap.stval == at &&
                     e.trap.sepc == at,
                 "running a device: access fault");
}

/* With translation on the instruction is fetched and the address translated. */
static void test_translated(void)
{
    uint64_t scr = board.uart.start + UART_SCR;
    uint64_t va = PAGING_VA(9) + (scr & 0xfff);

    paging_set(9, scr & ~0xfffull, PTE_V | PTE_R | PTE_W | PTE_AD);
    paging_on();
    store(INSN_SB, va, 0xc3);
    (void)tap_eq(load(INSN_LBU, va), 0xc3, "a device through the guest's own translation");
    paging_off();
    (void)tap_eq(load(INSN_LBU, scr), 0xc3, "and without");
}

void test_mmio(void)
{
    if (board.uart.size == 0) {
        tap_skip("device accesses", "no UART");
        return;
    }
    test_bytes();
    test_registers();
    test_words();
    test_refused();
    test_translated();
}
