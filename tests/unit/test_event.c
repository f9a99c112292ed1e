/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: arch/riscv/event.c */
/* Entry to an event's handler and the way back, bit by bit. [SBI 3.0 §17.5, §17.6] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/event.h"

#define OURS (SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)

/* All values of the bits that take part, with all others 0 and 1. */
static void there_and_back(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 64; i++) {
        uint64_t spp = (i & 1) != 0 ? SSTATUS_SPP : 0;
        uint64_t spie = (i & 2) != 0 ? SSTATUS_SPIE : 0;
        uint64_t sie = (i & 4) != 0 ? SSTATUS_SIE : 0;
        uint64_t mode = (i & 8) != 0 ? SSTATUS_SPP : 0;
        uint64_t spvp = mode != 0 ? HSTATUS_SPVP : 0;
        uint64_t others = (i & 16) != 0 ? ~OURS : 0;
        uint64_t hs_others = (i & 32) != 0 ? ~SSTATUS_SPP : 0;
        struct rv_vs_state vs = {others | spp | spie | sie, 0x1234, 5, 6, 0x80200000};
        struct rv_hs_return ret = {0x80400002, hs_others | mode, HSTATUS_SPV | HSTATUS_VTW | spvp};
        struct rv_interrupted was = {.a6 = 66, .a7 = 77};

        rv_event_enter(&vs, &ret, 0xffffffff80000002, false, &was);
        assert_int_equal(vs.vsstatus, others | mode | (sie != 0 ? SSTATUS_SPIE : 0));
        assert_int_equal(vs.vsepc, 0x80400002);
        assert_true(vs.vscause == 5 && vs.vstval == 6 && vs.vstvec == 0x80200000);
        assert_int_equal(ret.sepc, 0xffffffff80000002);
        assert_int_equal(ret.sstatus, hs_others | SSTATUS_SPP);
        assert_int_equal(ret.hstatus, HSTATUS_SPV | HSTATUS_VTW | HSTATUS_SPVP);
        assert_int_equal(was.sepc, 0x1234);
        assert_int_equal(was.flags, (spp != 0 ? 1 : 0) | (spie != 0 ? 2 : 0));
        assert_true(was.a6 == 66 && was.a7 == 77);

        rv_event_leave(&vs, &ret, false, &was);
        assert_int_equal(vs.vsstatus, others | spp | spie | sie);
        assert_int_equal(vs.vsepc, 0x1234);
        assert_true(vs.vscause == 5 && vs.vstval == 6);
        assert_int_equal(ret.sepc, 0x80400002);
        assert_int_equal(ret.sstatus, hs_others | mode);
        assert_int_equal(ret.hstatus, HSTATUS_SPV | HSTATUS_VTW | spvp);
    }
}

/* The handler changes where it goes on, and what is found there. */
static void elsewhere(void **state)
{
    struct rv_vs_state vs = {.vsstatus = SSTATUS_SPIE, .vsepc = 0x2000};
    struct rv_hs_return ret = {0x3000, SSTATUS_SPP, HSTATUS_SPV | HSTATUS_SPVP};
    const struct rv_interrupted was = {.sepc = 0x1000, .flags = 0x3f};

    (void)state;
    rv_event_leave(&vs, &ret, false, &was);
    assert_int_equal(ret.sepc, 0x2000);
    assert_int_equal(ret.sstatus, 0);
    assert_int_equal(ret.hstatus, HSTATUS_SPV);
    assert_int_equal(vs.vsepc, 0x1000);
    /* Flags of what a guest has not do nothing. */
    assert_int_equal(vs.vsstatus, SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP);
}

/* With henvcfg.DTE, SDT is set on the way in, and on the way out what it was, or what the handler
 * has written. */
static void disable_trap(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < 4; i++) {
        uint64_t sdt = (i & 1) != 0 ? SSTATUS_SDT : 0;
        uint64_t after = (i & 2) != 0 ? SSTATUS_SDT : 0;
        struct rv_vs_state vs = {.vsstatus = SSTATUS_SUM | sdt, .vsepc = 0x2000};
        struct rv_hs_return ret = {0x3000, SSTATUS_SPP, HSTATUS_SPV | HSTATUS_SPVP};
        struct rv_interrupted was = {0};

        rv_event_enter(&vs, &ret, 0x1000, true, &was);
        assert_int_equal(vs.vsstatus, SSTATUS_SUM | SSTATUS_SPP | SSTATUS_SDT);
        assert_int_equal(was.flags, sdt != 0 ? 0x20 : 0);
        assert_int_equal(ret.sstatus, SSTATUS_SPP); /* and not Curia's own */
        was.flags = after != 0 ? 0x20 : 0;
        if ((i & 1) != 0) {
            vs.vsstatus &= ~SSTATUS_SDT; /* the handler may trap again */
        }
        rv_event_leave(&vs, &ret, true, &was);
        assert_int_equal(vs.vsstatus, SSTATUS_SUM | after);
        assert_int_equal(ret.sstatus, SSTATUS_SPP);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(elsewhere),
        cmocka_unit_test(disable_trap),
    };

    return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
