/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: arch/riscv/inject.c arch/riscv/insn.c arch/riscv/insn_sys.c */
/*
 * Tests of arch/riscv/inject.c: the state after an injection, bit by bit, and which exception a
 * guest gets for which trap.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/inject.h"

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Bits of vsstatus that a trap decides. */
#define TRAP_BITS (SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE | SSTATUS_SPELP)

static void test_every_mode(void **state)
{
    const struct rv_exception exc = {.cause = CAUSE_LOAD_ACCESS, .tval = 0xffffffff80001234};

    (void)state;
    /* All combinations of the previous mode, SIE, and what SPP, SPIE and the rest held before. */
    for (unsigned int i = 0; i < 64; i++) {
        uint64_t spp = (i & 1) != 0 ? SSTATUS_SPP : 0;
        uint64_t sie = (i & 2) != 0 ? SSTATUS_SIE : 0;
        uint64_t old = ((i & 4) != 0 ? SSTATUS_SPP : 0) | ((i & 8) != 0 ? SSTATUS_SPIE : 0);
        uint64_t others = (i & 16) != 0 ? ~(TRAP_BITS | SSTATUS_SDT) : 0;
        uint64_t hs_others = (i & 32) != 0 ? ~(SSTATUS_SPP | SSTATUS_SPELP) : 0;
        struct rv_vs_state vs = {.vsstatus = others | old | sie,
                                 .vsepc = 1,
                                 .vscause = 2,
                                 .vstval = 3,
                                 .vstvec = 0xffffffff80200000};
        struct rv_hs_return ret = {
            .sepc = 0x80400002, .sstatus = hs_others | spp, .hstatus = HSTATUS_SPV | HSTATUS_VTW};

        assert_int_equal(rv_inject_exception(&vs, &ret, exc, false), RV_INJECT_OK);
        assert_int_equal(vs.vsstatus, others | spp | (sie != 0 ? SSTATUS_SPIE : 0));
        assert_int_equal(vs.vsepc, 0x80400002);
        assert_int_equal(vs.vscause, CAUSE_LOAD_ACCESS);
        assert_int_equal(vs.vstval, 0xffffffff80001234);
        assert_int_equal(vs.vstvec, 0xffffffff80200000);
        assert_int_equal(ret.sepc, 0xffffffff80200000);
        assert_int_equal(ret.sstatus, hs_others | SSTATUS_SPP);
        assert_int_equal(ret.hstatus, HSTATUS_SPV | HSTATUS_VTW | HSTATUS_SPVP);
    }
}

static void test_vectored_uses_base(void **state)
{
    struct rv_vs_state vs = {.vstvec = 0x80200000 | STVEC_MODE_VECTORED};
    struct rv_hs_return ret = {.sepc = 0x1000};
    const struct rv_exception exc = {.cause = CAUSE_STORE_ACCESS};

    (void)state;
    assert_int_equal(rv_inject_exception(&vs, &ret, exc, false), RV_INJECT_OK);
    assert_int_equal(ret.sepc, 0x80200000);
    assert_int_equal(vs.vstvec, 0x80200000 | STVEC_MODE_VECTORED);
}

/* A second exception before the handler's first instruction: the handler itself is interrupted. */
static void test_nested(void **state)
{
    struct rv_vs_state vs = {.vsstatus = SSTATUS_SIE, .vstvec = 0x80200000};
    struct rv_hs_return ret = {.sepc = 0x1000};

    (void)state;
    assert_int_equal(rv_inject_exception(
                         &vs, &ret, (struct rv_exception){CAUSE_ILLEGAL_INSN, 0x30200073}, false),
                     RV_INJECT_OK);
    assert_int_equal(vs.vsstatus, SSTATUS_SPIE);
    assert_int_equal(
        rv_inject_exception(&vs, &ret, (struct rv_exception){CAUSE_INSN_ACCESS, 0x80200000}, false),
        RV_INJECT_OK);
    assert_int_equal(vs.vsstatus, SSTATUS_SPP);
    assert_int_equal(vs.vsepc, 0x80200000);
    assert_int_equal(vs.vscause, CAUSE_INSN_ACCESS);
    assert_int_equal(ret.sepc, 0x80200000);
}

static void test_double_trap(void **state)
{
    struct rv_vs_state vs = {.vsstatus = SSTATUS_SIE, .vstvec = 0x80200000};
    struct rv_hs_return ret = {.sepc = 0x1000, .sstatus = SSTATUS_SPP, .hstatus = HSTATUS_SPV};
    const struct rv_exception exc = {.cause = CAUSE_LOAD_ACCESS, .tval = 7};
    const struct rv_exception second = {.cause = CAUSE_STORE_ACCESS, .tval = 8};

    (void)state;
    assert_int_equal(rv_inject_exception(&vs, &ret, exc, true), RV_INJECT_OK);
    assert_int_equal(vs.vsstatus, SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SDT);

    assert_int_equal(rv_inject_exception(&vs, &ret, second, true), RV_INJECT_DOUBLE_TRAP);
    assert_int_equal(vs.vsstatus, SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SDT);
    assert_int_equal(vs.vsepc, 0x1000);
    assert_int_equal(vs.vscause, CAUSE_LOAD_ACCESS);
    assert_int_equal(vs.vstval, 7);
    assert_int_equal(ret.sepc, 0x80200000);
    assert_int_equal(ret.sstatus, SSTATUS_SPP);
    assert_int_equal(ret.hstatus, HSTATUS_SPV | HSTATUS_SPVP);

    vs.vsstatus &= ~SSTATUS_SDT;
    assert_int_equal(rv_inject_exception(&vs, &ret, second, true), RV_INJECT_OK);
    assert_int_equal(vs.vscause, CAUSE_STORE_ACCESS);
}

/* Zicfilp: the landing pad the trap from V=1 parked in sstatus goes where VS's trap would park it.
 */
static void test_landing_pad(void **state)
{
    struct rv_vs_state vs = {.vstvec = 0x80200000};
    struct rv_hs_return ret = {.sepc = 0x1000, .sstatus = SSTATUS_SPELP};
    const struct rv_exception exc = {.cause = CAUSE_ILLEGAL_INSN};

    (void)state;
    assert_int_equal(rv_inject_exception(&vs, &ret, exc, false), RV_INJECT_OK);
    assert_int_equal(vs.vsstatus, SSTATUS_SPELP);
    assert_int_equal(ret.sstatus, SSTATUS_SPP);

    assert_int_equal(rv_inject_exception(&vs, &ret, exc, false), RV_INJECT_OK);
    assert_int_equal(vs.vsstatus, SSTATUS_SPP);
}

static void test_causes(void **state)
{
    /* The guest's cause for each of HS's, or -1. */
    static const int guest_cause[] = {
        0,  1,  2,  3,  4, 5, 6, 7, 8,  -1, 9,  -1, 12, 13, -1, 15,
        -1, -1, 18, 19, 1, 5, 2, 7, -1, -1, -1, -1, -1, -1, -1, -1,
    };
    const uint64_t stval = 0x3fffffff40001001;

    (void)state;
    for (size_t i = 0; i < 4096; i++) {
        int expected = i < ARRAY_COUNT(guest_cause) ? guest_cause[i] : -1;
        struct rv_exception exc = {.cause = 0x55, .tval = 0xaa};

        if (expected < 0) {
            assert_false(rv_exception_for_guest(i, stval, &exc));
            assert_int_equal(exc.cause, 0x55);
            assert_int_equal(exc.tval, 0xaa);
        } else {
            assert_true(rv_exception_for_guest(i, stval, &exc));
            assert_int_equal(exc.cause, (unsigned int)expected);
            assert_int_equal(exc.tval, stval);
        }
        assert_false(rv_exception_for_guest(SCAUSE_INTERRUPT | i, stval, &exc));
        assert_false(rv_exception_for_guest((uint64_t)i << 32 | UINT64_C(1) << 63, stval, &exc));
    }
}

static void test_illegal(void **state)
{
    struct rv_exception exc = rv_exception_illegal(0x600140f3, 4);

    (void)state;
    assert_int_equal(exc.cause, CAUSE_ILLEGAL_INSN);
    assert_int_equal(exc.tval, 0x600140f3);

    exc = rv_exception_illegal(0xffff6002, 2);
    assert_int_equal(exc.cause, CAUSE_ILLEGAL_INSN);
    assert_int_equal(exc.tval, 0x6002);

    exc = rv_exception_illegal(0xffffffff, 4);
    assert_int_equal(exc.tval, 0xffffffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_mode),  cmocka_unit_test(test_vectored_uses_base),
        cmocka_unit_test(test_nested),      cmocka_unit_test(test_double_trap),
        cmocka_unit_test(test_landing_pad), cmocka_unit_test(test_causes),
        cmocka_unit_test(test_illegal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
