/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions that belong to the guest, with all that a handler reads: scause, stval, sepc, SPP,
 * SPIE. */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stddef.h>

#define EBREAK   0x00100073u
#define C_EBREAK 0x9002u
#define C_NOP    0x0001u
#define ECALL    0x00000073u
#define WFI      0x10500073u
#define SRET     0x10200073u
#define SFENCE   0x12000073u
#define LR_W     0x1005252fu
#define AMOADD_W 0x00b5252fu
#define NOP      0x00000013u
#define CBO_ZERO 0x0045200fu

static void expect(const struct exec *e, uint64_t cause, uint64_t stval, bool user,
                   const char *name)
{
    bool ok = e->trapped && e->trap.scause == cause && e->trap.sepc == e->pc &&
              (e->trap.stval == stval || (cause == EXC_BREAKPOINT && e->trap.stval == 0)) &&
              ((e->trap.sstatus & SSTATUS_SPP) == 0) == user &&
              (e->trap.sstatus & SSTATUS_SIE) == 0;

    if (!tap_ok(ok, "%s", name)) {
        (void)tap_ok(
            false, "trapped %d, cause %lx (%lx), epc %lx (%lx), tval %lx (%lx), sstatus %lx",
            e->trapped, (unsigned long)e->trap.scause, (unsigned long)cause,
            (unsigned long)e->trap.sepc, (unsigned long)e->pc, (unsigned long)e->trap.stval,
            (unsigned long)stval, (unsigned long)e->trap.sstatus);
    }
}

static void expect_illegal(uint32_t insn, const char *name)
{
    struct exec e = exec_one(insn, 0, 0);

    expect(&e, EXC_ILLEGAL, insn, false, name);
}

static void test_breakpoints(void)
{
    struct exec e = exec_one(EBREAK, 0, 0);

    expect(&e, EXC_BREAKPOINT, e.pc, false, "ebreak");
    e = exec_one(C_EBREAK, 0, 0);
    expect(&e, EXC_BREAKPOINT, e.pc, false, "c.ebreak");
    e = (struct exec){.code = {C_NOP, C_EBREAK}};
    exec_run(&e);
    e.pc += 2;
    expect(&e, EXC_BREAKPOINT, e.pc, false, "c.ebreak at an odd parcel");
}

/* SPIE is SIE before; both ways, for one that is delegated and for ones that Curia may inject. */
static void test_spie(void)
{
    static const struct {
        uint32_t insn;
        uint64_t a0;
        const char *name;
    } cases[] = {
        {EBREAK, 0, "ebreak"},
        {0xffffffffu, 0, "illegal instruction"},
        {INSN_CSRR(0x600), 0, "hstatus"},
        {INSN_LD, NOWHERE, "load nowhere"},
    };

    csr_write(CSR_SIE, 0);
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (uint32_t on = 0; on < 2; on++) {
            struct exec e;

            if (on != 0) {
                irqs_on();
            }
            e = exec_one(cases[i].insn, cases[i].a0, 0);
            (void)irqs_off();
            if (!e.trapped) {
                continue; /* native, with H */
            }
            (void)tap_ok((e.trap.sstatus & SSTATUS_SIE) == 0 &&
                             ((e.trap.sstatus & SSTATUS_SPIE) != 0) == (on != 0),
                         "%s: SPIE is SIE before (%u)", cases[i].name, (unsigned)on);
        }
    }
}

static void test_illegal(void)
{
    /* A 16-bit instruction of zeroes; exec's code ends at a 0, so it stands in a page of its own.
     */
    static _Alignas(4096) const uint16_t zeroes[2] = {0, 0};
    struct exec e = exec_at((uint64_t)(uintptr_t)zeroes, 0, 0);

    expect(&e, EXC_ILLEGAL, 0, false, "illegal: zeroes");
    expect_illegal(0xffffffffu, "illegal: all ones");
    expect_illegal(0x7b200073, "illegal: dret");
    expect_illegal(0x0004, "illegal: a reserved compressed one"); /* c.addi4spn of 0 */
    expect_illegal(0x0000007b, "illegal: custom-3");
    expect_illegal(INSN_CSRRW(0xc01), "illegal: a write of time");
    e = exec_one(0x30200073, 0, 0);
    e.trap.stval = 0; /* QEMU 10.0 gives the bits of another one */
    expect(&e, EXC_ILLEGAL, 0, false, "illegal: mret");
    e = exec_one(0xb0002573, 0, 0); /* csrr a0, mcycle */
    expect(&e, EXC_ILLEGAL, 0xb0002573, false, "illegal: mcycle");
}

static void test_misaligned(void)
{
    static uint64_t word[2];
    uint64_t at = (uint64_t)(uintptr_t)word + 2;
    struct exec e = exec_one(LR_W, at, 0);

    (void)tap_ok(e.trapped &&
                     (e.trap.scause == EXC_LOAD_MISALIGNED || e.trap.scause == EXC_LOAD_ACCESS) &&
                     e.trap.stval == at && e.trap.sepc == e.pc,
                 "lr.w, misaligned");
    e = exec_one(AMOADD_W, at, 1);
    /* Done with Zama16b; a load's cause comes from QEMU with one hart. */
    (void)tap_ok(!e.trapped ||
                     ((e.trap.scause == EXC_STORE_MISALIGNED || e.trap.scause == EXC_STORE_ACCESS ||
                       e.trap.scause == EXC_LOAD_MISALIGNED) &&
                      e.trap.stval == at && e.trap.sepc == e.pc),
                 "amoadd.w, misaligned (%d %lx %lx)", e.trapped, (unsigned long)e.trap.scause,
                 (unsigned long)e.trap.stval);
    word[0] = 0x1122334455667788ull;
    e = exec_one(INSN_LW, at - 1, 0);
    (void)tap_ok(!e.trapped && (uint32_t)e.a0 == 0x44556677, "lw, misaligned, is done");
}

static void test_hypervisor_insns(void)
{
    static const struct {
        uint32_t insn;
        const char *name;
    } insns[] = {
        {0x22000073, "hfence.vvma"}, {0x62000073, "hfence.gvma"}, {0x60054573, "hlv.b"},
        {0x60154573, "hlv.bu"},      {0x64054573, "hlv.h"},       {0x68054573, "hlv.w"},
        {0x6c054573, "hlv.d"},       {0x64354573, "hlvx.hu"},     {0x68354573, "hlvx.wu"},
        {0x62b54073, "hsv.b"},       {0x6ab54073, "hsv.w"},       {0x6eb54073, "hsv.d"},
    };

    if (!exec_one(INSN_CSRR(0x600), 0, 0).trapped) {
        tap_skip("hypervisor instructions", "this machine has H");
        return;
    }
    for (uint32_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
        expect_illegal(insns[i].insn, insns[i].name);
    }
}

void test_traps(void)
{
    test_breakpoints();
    test_spie();
    test_illegal();
    test_misaligned();
    test_hypervisor_insns();

    struct exec e = exec_one(SFENCE, 0, 0);

    (void)tap_ok(!e.trapped, "sfence.vma is the guest's");
    csr_set(CSR_SIP, 1u << IRQ_S_SOFT);
    csr_write(CSR_SIE, 1u << IRQ_S_SOFT);
    e = exec_one(WFI, 0, 0);
    (void)tap_ok(!e.trapped, "wfi with an interrupt pending goes on");
    csr_write(CSR_SIE, 0);
    csr_clear(CSR_SIP, 1u << IRQ_S_SOFT);
    (void)tap_eq(csr_read(CSR_SIP) & (1u << IRQ_S_SOFT), 0,
                 "sip.SSIP is set and cleared by software");
}

/* ---- from user mode ----------------------------------------------------------------------------
 */

static void expect_user(uint32_t insn, uint64_t a0, uint64_t cause, uint64_t stval,
                        const char *name)
{
    struct exec e = {.code = {insn}, .a0 = a0};

    exec_user(&e);
    expect(&e, cause, stval, true, name);
}

/* What S-mode has not opened for U-mode is illegal there, and works as soon as it is open. */
static void test_opened(void)
{
    static _Alignas(64) uint64_t block[512];
    uint64_t at = (uint64_t)(uintptr_t)block;
    uint64_t counters = csr_read(CSR_SCOUNTEREN);
    struct exec e = {.code = {INSN_CSRR(CSR_TIME)}};

    csr_write(CSR_SCOUNTEREN, 0);
    expect_user(INSN_CSRR(CSR_TIME), 0, EXC_ILLEGAL, INSN_CSRR(CSR_TIME), "U: time, closed");
    expect_user(INSN_CSRR(0xc03), 0, EXC_ILLEGAL, INSN_CSRR(0xc03), "U: hpmcounter3, closed");
    csr_write(CSR_SCOUNTEREN, 7);
    exec_user(&e);
    (void)tap_ok(e.trap.scause == EXC_BREAKPOINT && e.a0 != 0, "U: time, open");
    csr_write(CSR_SCOUNTEREN, counters);

    if (exec_one(CBO_ZERO, at, 0).trapped) {
        tap_skip("U: cbo.zero", "no Zicboz");
        return;
    }
    csr_write(CSR_SENVCFG, 0);
    expect_user(CBO_ZERO, at, EXC_ILLEGAL, CBO_ZERO, "U: cbo.zero, closed");
    csr_write(CSR_SENVCFG, SENVCFG_CBZE);
    block[0] = 1;
    e = (struct exec){.code = {CBO_ZERO}, .a0 = at};
    exec_user(&e);
    (void)tap_ok(e.trap.scause == EXC_BREAKPOINT && block[0] == 0, "U: cbo.zero, open");
    csr_write(CSR_SENVCFG, 0);
}

void test_user(void)
{
    struct exec e = {.code = {NOP}};

    test_opened();

    exec_user(&e);
    e.pc += 4;
    expect(&e, EXC_BREAKPOINT, e.pc, true, "U: ebreak");
    expect_user(ECALL, 0, EXC_ECALL_U, 0, "U: ecall");
    expect_user(WFI, 0, EXC_ILLEGAL, WFI, "U: wfi");
    expect_user(SRET, 0, EXC_ILLEGAL, SRET, "U: sret");
    expect_user(SFENCE, 0, EXC_ILLEGAL, SFENCE, "U: sfence.vma");
    expect_user(INSN_CSRR(CSR_SSTATUS), 0, EXC_ILLEGAL, INSN_CSRR(CSR_SSTATUS), "U: sstatus");
    expect_user(INSN_CSRR(0x600), 0, EXC_ILLEGAL, INSN_CSRR(0x600), "U: hstatus");
    expect_user(0x22000073, 0, EXC_ILLEGAL, 0x22000073, "U: hfence.vvma");
    expect_user(0xffffffffu, 0, EXC_ILLEGAL, 0xffffffffu, "U: illegal");
    expect_user(INSN_LD, NOWHERE, EXC_LOAD_ACCESS, NOWHERE, "U: load nowhere");
    expect_user(INSN_SD, NOWHERE, EXC_STORE_ACCESS, NOWHERE, "U: store nowhere");
    if (board.curia) {
        uint64_t scr = board.uart.start + 7;

        e = (struct exec){.code = {INSN_SB, INSN_LBU}, .a0 = scr, .a1 = 0x77};
        exec_user(&e);
        e.pc += 8;
        expect(&e, EXC_BREAKPOINT, e.pc, true, "U: a device is reached");
        (void)tap_eq(e.a0, 0x77, "U: with its value");
    }
}
