/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: arch/riscv/imsic_file.c */
/* An interrupt file in memory: what it says of what it holds [AIA 1.0 ch. 3]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "arch/riscv/imsic_file.h"

#define DELIVERY  0x70u
#define THRESHOLD 0x72u
#define EIP(n)    (0x80u + 2u * (n))
#define EIE(n)    (0xc0u + 2u * (n))

static struct rv_imsic_file f;
static uint32_t ids;

static int setup(void **state)
{
    (void)state;
    f = (struct rv_imsic_file){0};
    ids = 255;
    return 0;
}

static void wr(uint64_t select, uint64_t value)
{
    *rv_imsic_file_reg(&f, select) = rv_imsic_file_legal(select, value, ids);
}

static uint64_t rd(uint64_t select)
{
    return *rv_imsic_file_reg(&f, select);
}

static void who_is_named(void **state)
{
    (void)state;
    rv_imsic_file_set(&f, 70, ids);
    assert_int_equal(rv_imsic_file_top(&f), 0); /* pending, not enabled */
    wr(EIE(1), 1ull << 6 | 1ull << 7);
    assert_int_equal(rv_imsic_file_top(&f), 70);
    rv_imsic_file_set(&f, 71, ids);
    rv_imsic_file_set(&f, 255, ids);
    wr(EIE(3), UINT64_MAX);
    assert_int_equal(rv_imsic_file_top(&f), 70); /* the lowest number is the most urgent */
    wr(EIP(1), 0);
    assert_int_equal(rv_imsic_file_top(&f), 255);
}

static void threshold(void **state)
{
    (void)state;
    wr(EIE(0), UINT64_MAX);
    rv_imsic_file_set(&f, 9, ids);
    for (uint32_t t = 0; t < 20; t++) {
        wr(THRESHOLD, t);
        assert_int_equal(rv_imsic_file_top(&f), t == 0 || t > 9 ? 9 : 0);
    }
    wr(THRESHOLD, 0x1ff);
    assert_int_equal(rd(THRESHOLD), 0xff); /* as many bits as the highest identity has */
    ids = 2047;
    wr(THRESHOLD, UINT64_MAX);
    assert_int_equal(rd(THRESHOLD), 0x7ff);
}

static void delivery(void **state)
{
    (void)state;
    wr(EIE(0), 2);
    rv_imsic_file_set(&f, 1, ids);
    assert_false(rv_imsic_file_interrupts(&f));
    assert_int_equal(rv_imsic_file_top(&f), 1); /* stopei shows it all the same [AIA 3.10] */
    wr(DELIVERY, 1);
    assert_true(rv_imsic_file_interrupts(&f));
    wr(DELIVERY, 0x40000000); /* of a PLIC or APLIC: guest files have none of that */
    assert_int_equal(rd(DELIVERY), 0);
    assert_false(rv_imsic_file_interrupts(&f));
    wr(DELIVERY, 1);
    wr(EIE(0), 0);
    assert_false(rv_imsic_file_interrupts(&f));
}

static void which_registers(void **state)
{
    (void)state;
    for (uint64_t select = 0; select < 0x400; select++) {
        bool is = select == DELIVERY || select == THRESHOLD ||
                  (select >= 0x80 && select < 0x100 && select % 2 == 0);

        assert_int_equal(rv_imsic_file_reg(&f, select) != NULL, is);
    }
    assert_null(rv_imsic_file_reg(&f, UINT64_MAX));
    assert_ptr_equal(rv_imsic_file_reg(&f, 0xbe), &f.eip[31]);
    assert_ptr_equal(rv_imsic_file_reg(&f, 0xfe), &f.eie[31]);
}

/* Identity 0, and those beyond the highest, are not there. */
static void which_identities(void **state)
{
    static const uint32_t highest[] = {63, 127, 255, 2047};

    (void)state;
    for (size_t i = 0; i < sizeof(highest) / sizeof(highest[0]); i++) {
        setup(NULL);
        ids = highest[i];
        for (uint32_t id = 0; id < 4096; id++) {
            rv_imsic_file_set(&f, id, ids);
        }
        rv_imsic_file_set(&f, UINT32_MAX, ids);
        for (uint32_t n = 0; n < RV_IMSIC_WORDS; n++) {
            uint64_t there = n > ids / 64 ? 0 : n == 0 ? ~1ull : UINT64_MAX;

            assert_int_equal(rd(EIP(n)), there);
            wr(EIP(n), UINT64_MAX);
            wr(EIE(n), UINT64_MAX);
            assert_int_equal(rd(EIP(n)), there);
            assert_int_equal(rd(EIE(n)), there);
        }
    }
}

/* Against a list of who is pending and enabled. */
static void at_random(void **state)
{
    static bool pending[256], enabled[256];

    (void)state;
    srandom(1);
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t id = 1u + (uint32_t)random() % 255u, want = 0;
        uint32_t limit = (uint32_t)random() % 4 == 0 ? (uint32_t)random() % 256u : 0;

        wr(THRESHOLD, limit);
        if (random() % 2 != 0) {
            rv_imsic_file_set(&f, id, ids);
            pending[id] = true;
        } else {
            wr(EIE(id / 64), rd(EIE(id / 64)) ^ 1ull << id % 64);
            enabled[id] = !enabled[id];
        }
        for (uint32_t n = 255; n != 0; n--) {
            want = pending[n] && enabled[n] && (limit == 0 || n < limit) ? n : want;
        }
        assert_int_equal(rv_imsic_file_top(&f), want);
        if (want != 0 && random() % 4 != 0) {
            wr(EIP(want / 64), rd(EIP(want / 64)) & ~(1ull << want % 64));
            pending[want] = false;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_is_named, setup),
        cmocka_unit_test_setup(threshold, setup),
        cmocka_unit_test_setup(delivery, setup),
        cmocka_unit_test_setup(which_registers, setup),
        cmocka_unit_test_setup(which_identities, setup),
        cmocka_unit_test_setup(at_random, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
