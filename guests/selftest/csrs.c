/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every CSR number, by all ways to access it. What H and the machine level add is an illegal
 * instruction for the guest, with its bits in stval; reads of others either work or are illegal.
 */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#define CSR_COUNT 4096u
#define WAYS      6u

/* csrrw, csrrs, csrrc with a1, then their immediate forms with 0 or 31. */
static uint32_t insn_of(uint32_t csr, uint32_t way)
{
    static const uint32_t funct3[WAYS] = {1, 2, 3, 5, 6, 7};

    return csr << 20 | 11u << 15 | funct3[way] << 12 | 10u << 7 | 0x73u;
}

static bool is_illegal(const struct exec *e, uint32_t insn)
{
    return e->trapped && e->trap.scause == EXC_ILLEGAL && e->trap.stval == insn &&
           e->trap.sepc == e->pc && (e->trap.sstatus & SSTATUS_SPP) != 0;
}

/* Levels 2 (H, VS) and 3 (M): bits 9:8 of the number. */
static void test_level(uint32_t level, const char *name)
{
    uint32_t bad = 0;
    uint32_t first = 0;

    for (uint32_t csr = 0; csr < CSR_COUNT; csr++) {
        for (uint32_t way = 0; way < WAYS && (csr >> 8 & 3) == level; way++) {
            uint32_t insn = insn_of(csr, way);
            struct exec e = exec_one(insn, 0, 0);

            if (!is_illegal(&e, insn)) {
                first = bad == 0 ? csr : first;
                bad++;
            }
        }
    }
    (void)tap_ok(bad == 0, "%s: every CSR is illegal (%u are not, first %x)", name, (unsigned)bad,
                 (unsigned)first);
}

static void test_reads(void)
{
    uint32_t readable = 0;
    uint32_t bad = 0;

    for (uint32_t csr = 0; csr < CSR_COUNT; csr++) {
        struct exec e;

        if ((csr >> 8 & 3) >= 2 || csr == CSR_SIREG) {
            continue; /* sireg's depends on siselect */
        }
        e = exec_one(INSN_CSRR(csr), 0, 0);
        readable += e.trapped ? 0 : 1;
        bad += e.trapped && !is_illegal(&e, INSN_CSRR(csr)) ? 1 : 0;
    }
    (void)tap_ok(bad == 0 && readable >= 12, "S and U: %u CSRs can be read, others are illegal",
                 (unsigned)readable);
}

/* Written, read back, restored. */
static void test_keeps(uint32_t csr, uint64_t value, uint64_t want, const char *name)
{
    struct exec e = exec_one(INSN_CSRRW(csr), 0, value);
    uint64_t old = e.a0;

    if (!tap_ok(!e.trapped, "%s can be written", name)) {
        return;
    }
    e = exec_one(INSN_CSRRW(csr), 0, old);
    (void)tap_eq(e.a0, want, "%s keeps its value", name);
}

static void test_imsic(void)
{
    if (board.imsic_ids == 0) {
        struct exec e = exec_one(INSN_CSRR(CSR_STOPEI), 0, 0);

        if (board.curia) {
            (void)tap_ok(is_illegal(&e, INSN_CSRR(CSR_STOPEI)),
                         "stopei is illegal without an IMSIC");
        }
        return;
    }
    csr_write(CSR_SISELECT, 0x70);
    (void)tap_eq(exec_one(INSN_CSRR(CSR_SIREG), 0, 0).a0, 1, "sireg: eidelivery");
    csr_write(CSR_SISELECT, 0x30);
    (void)tap_ok(!exec_one(INSN_CSRR(CSR_SIREG), 0, 0).trapped, "sireg: iprio0");
    csr_write(CSR_SISELECT, 0x71);

    struct exec e = exec_one(INSN_CSRR(CSR_SIREG), 0, 0);

    (void)tap_ok(is_illegal(&e, INSN_CSRR(CSR_SIREG)), "sireg: a reserved one is illegal");
    csr_write(CSR_SISELECT, 0x81);
    e = exec_one(INSN_CSRR(CSR_SIREG), 0, 0);
    (void)tap_ok(is_illegal(&e, INSN_CSRR(CSR_SIREG)), "sireg: odd ones are illegal on RV64");
}

void test_csrs(void)
{
    test_keeps(CSR_SEPC, 0x8000123456789abcull, 0x8000123456789abcull, "sepc");
    test_keeps(CSR_SCAUSE, 0x8000000000000005ull, 0x8000000000000005ull, "scause");
    test_keeps(CSR_STVAL, 0xfedcba9876543210ull, 0xfedcba9876543210ull, "stval");
    test_keeps(CSR_SIE, ~0ull,
               1u << IRQ_S_SOFT | 1u << IRQ_S_TIMER | 1u << IRQ_S_EXT |
                   (isa_offers("sscofpmf") ? 1u << IRQ_S_LCOFI : 0),
               "sie");
    test_reads();
    test_level(3, "machine level");
    if (board.curia) {
        test_level(2, "H");
    } else {
        tap_skip("H: every CSR is illegal",
                 "the machine has H, or its firmware emulates htimedelta");
    }
    test_imsic();
}
