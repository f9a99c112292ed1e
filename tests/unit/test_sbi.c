/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_susp.c sbi/ext_dbcn.c sbi/legacy.c core/vcpu.c
 *       core/hart.c core/memmap.c core/guest_copy.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c tests/unit/sbi_env.c sbi/ext_sse.c sbi/ext_fwft.c core/sse.c
 *       sbi/ext_pmu.c core/pmu.c sbi/ext_sta.c sbi/ext_dbtr.c core/steal.c */
/* Dispatch, errors, hart masks, Base, TIME, SRST and DBCN. [SBI 3.0] */
#include "tests/unit/sbi_env.h"

#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void err_space_is_total(void **state)
{
    static const struct {
        enum err e;
        int64_t sbi;
    } table[] = {
        {ERR_OK, 0},        {ERR_FAILED, -1}, {ERR_NOT_SUPPORTED, -2}, {ERR_INVALID, -3},
        {ERR_DENIED, -4},   {ERR_FAULT, -5},  {ERR_EXISTS, -6},        {ERR_NOT_FOUND, -3},
        {ERR_STATE, -10},   {ERR_RANGE, -11}, {ERR_NO_MEMORY, -1},     {ERR_BUSY, -12},
        {ERR_TIMEOUT, -12}, {ERR_IO, -13},
    };

    (void)state;
    assert_int_equal(ARRAY_SIZE(table), ERR_IO + 1);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        expect_err(sbi_from(table[i].e), table[i].sbi);
    }
}

static void unknown_extensions(void **state)
{
    static const uint64_t eids[] = {0x11,
                                    0x504D56,
                                    0x08000000,
                                    0x09000000,
                                    0x0A435552,
                                    UINT64_MAX,
                                    SBI_EXT_BASE | 1ull << 32,
                                    SBI_EXT_TIME | 1ull << 63};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(eids); i++) {
        expect_err(env_call(eids[i], 0, 1, 2, 3, 4, 5), SBI_ERR_NOT_SUPPORTED);
        expect_ret(env_call(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, eids[i], 0, 0, 0, 0), 0, 0);
    }
}

static void unknown_functions(void **state)
{
    static const uint64_t eids[] = {SBI_EXT_BASE, SBI_EXT_TIME, SBI_EXT_IPI, SBI_EXT_RFENCE,
                                    SBI_EXT_HSM,  SBI_EXT_SRST, SBI_EXT_DBCN};
    static const uint64_t fids[] = {7, 8, 64, 1ull << 32, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(eids); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(fids); j++) {
            expect_err(env_call(eids[i], fids[j], 0, UINT64_MAX, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
        }
    }
    expect_err(env_call(SBI_EXT_TIME, 1, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(env_call(SBI_EXT_IPI, 1, 1, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(env_call(SBI_EXT_HSM, 4, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(env_call(SBI_EXT_SRST, 1, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(env_call(SBI_EXT_DBCN, 3, 1, ENV_RAM, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    assert_int_equal(env.srsts, 0);
    assert_int_equal(env.out_len, 0);
}

static void base(void **state)
{
    (void)state;
    expect_ret(env_call(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 0, 0, 0, 0, 0), 0, 3u << 24);
    expect_ret(env_call(SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID, 0, 0, 0, 0, 0), 0, 0x435552);
    expect_ret(env_call(SBI_EXT_BASE, SBI_BASE_GET_IMPL_VERSION, 0, 0, 0, 0, 0), 0,
               CURIA_IMPL_VERSION);
    expect_ret(env_call(SBI_EXT_BASE, SBI_BASE_GET_MVENDORID, 0, 0, 0, 0, 0), 0, fake.ids.vendor);
    expect_ret(env_call(SBI_EXT_BASE, SBI_BASE_GET_MARCHID, 0, 0, 0, 0, 0), 0, fake.ids.arch);
    expect_ret(env_call(SBI_EXT_BASE, SBI_BASE_GET_MIMPID, 0, 0, 0, 0, 0), 0, fake.ids.impl);
}

static uint64_t probe(uint64_t eid)
{
    struct sbi_ret r = env_call(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, eid, 0, 0, 0, 0);

    assert_int_equal(r.error, 0);
    return r.value;
}

static void base_probe(void **state)
{
    /* clang-format off */
    static const uint64_t there[] = {
        SBI_EXT_BASE, SBI_EXT_TIME,  SBI_EXT_IPI,   SBI_EXT_RFENCE, SBI_EXT_HSM,   SBI_EXT_SRST,
        SBI_EXT_DBCN, CURIA_EXT_IPC, CURIA_EXT_PWR, CURIA_EXT_VMM,  SBI_EXT_PMU};
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(there); i++) {
        assert_int_equal(probe(there[i]), 1);
    }
    for (uint64_t eid = 0; eid < SBI_EXT_BASE; eid++) {
        assert_int_equal(probe(eid), eid <= SBI_EXT_LEGACY_SHUTDOWN ? 1 : 0);
    }

    /* One that says by itself that it is not there is neither probed nor served. */
    env.own_absent = true;
    assert_int_equal(probe(CURIA_EXT_VMM), 0);
    expect_err(env_call(CURIA_EXT_VMM, 0, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    assert_int_equal(env.own_calls, 0);
    env.own_absent = false;
    expect_ret(env_call(CURIA_EXT_VMM, 1, 5, 0, 0, 0, 0), 0, 6);
}

/* Against the text, bit by bit. */
static void hart_masks(void **state)
{
    /* clang-format off */
    static const uint64_t masks[] = {0,          1,       2,          3,          6,
                                     8,          15,      16,         31,         0x10001,
                                     1ull << 63, 9,       UINT64_MAX, 1ull << 60, 3ull << 62};
    static const uint64_t bases[] = {0,  1,  2,          3,          4,          5,
                                     60, 62, 63,         64,         65,         1ull << 32,
                                     UINT64_MAX - 1, UINT64_MAX - 3, UINT64_MAX - 63};
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(bases); j++) {
            uint64_t want = 0;
            bool valid = true;

            for (uint32_t bit = 0; bit < 64; bit++) {
                if ((masks[i] >> bit & 1) == 0) {
                    continue;
                }
                if (bases[j] > UINT64_MAX - bit || bases[j] + bit >= ENV_VCPUS) {
                    valid = false;
                } else {
                    want |= 1ull << (bases[j] + bit);
                }
            }
            expect_ret(sbi_hart_mask(env_vcpu(0), masks[i], bases[j]),
                       valid ? 0 : SBI_ERR_INVALID_PARAM, valid ? want : 0);

            for (uint32_t k = 0; k < ENV_VCPUS; k++) {
                assert_int_equal(sbi_mask_is_self(env_vcpu(k), masks[i], bases[j]),
                                 valid && want == 1ull << k);
            }
        }
        expect_ret(sbi_hart_mask(env_vcpu(0), masks[i], UINT64_MAX), 0, 15);
    }

    env.a->vcpu_count = 64;
    expect_ret(sbi_hart_mask(env_vcpu(0), 0, UINT64_MAX), 0, UINT64_MAX);
    expect_ret(sbi_hart_mask(env_vcpu(0), UINT64_MAX, 0), 0, UINT64_MAX);
    expect_ret(sbi_hart_mask(env_vcpu(0), 1, 63), 0, 1ull << 63);
    expect_err(sbi_hart_mask(env_vcpu(0), 2, 63), SBI_ERR_INVALID_PARAM);
}

static void set_timer(void **state)
{
    (void)state;
    expect_ret(env_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, 12345, 0, 0, 0, 0), 0, 0);
    assert_int_equal(fake_vcpu(env_vcpu(0))->timer, 12345);
    expect_ret(env_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, UINT64_MAX, 0, 0, 0, 0), 0, 0);
    assert_int_equal(fake_vcpu(env_vcpu(0))->timer, UINT64_MAX);
    assert_int_equal(fake_vcpu(env_vcpu(0))->set_timers, 2);
}

static void srst(void **state)
{
    static const uint64_t bad_types[] = {3, 0xEFFFFFFF, 0xF0000000, 0xFFFFFFFF};
    static const uint64_t bad_reasons[] = {2,          0xDFFFFFFF, 0xE0000000,
                                           0xEFFFFFFF, 0xF0000000, 0xFFFFFFFF};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_types); i++) {
        expect_err(env_call(SBI_EXT_SRST, 0, bad_types[i], 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad_reasons); i++) {
        expect_err(env_call(SBI_EXT_SRST, 0, 0, bad_reasons[i], 0, 0, 0), SBI_ERR_INVALID_PARAM);
    }
    assert_int_equal(env.srsts, 0);

    for (uint32_t type = 0; type <= SBI_SRST_TYPE_WARM; type++) {
        for (uint32_t reason = 0; reason <= SBI_SRST_REASON_FAILURE; reason++) {
            /* Both are 32 bits wide: what stands above them is nobody's. */
            (void)env_call(SBI_EXT_SRST, 0, type | 7ull << 32, reason | 1ull << 63, 0, 0, 0);
            assert_int_equal(env.srsts, type * 2 + reason + 1);
            assert_ptr_equal(env.srst_caller, env_vcpu(0));
            assert_int_equal(env.srst_reset, type != SBI_SRST_TYPE_SHUTDOWN);
            assert_int_equal(env.srst_warm, type == SBI_SRST_TYPE_WARM);
            assert_int_equal(env.srst_failure, reason == SBI_SRST_REASON_FAILURE);
        }
    }
}

static struct sbi_ret dbcn(uint64_t fid, uint64_t len, uint64_t lo, uint64_t hi)
{
    return env_call(SBI_EXT_DBCN, fid, len, lo, hi, 0, 0);
}

static void dbcn_write(void **state)
{
    char *end1 = fake_gpa(env.a, ENV_RAM2 - 4, 4);
    char *start2 = fake_gpa(env.a, ENV_RAM2, 6);

    (void)state;
    /* Over two regions whose memory lies apart. */
    memcpy(end1, "ab\0c", 4);
    memcpy(start2, "defghi", 6);
    expect_ret(dbcn(SBI_DBCN_WRITE, 10, ENV_RAM2 - 4, 0), 0, 10);
    assert_int_equal(env.out_len, 10);
    assert_memory_equal(env.out, "ab\0cdefghi", 10);

    /* Partial: at most 64 bytes a call; and no more work than that for any length. */
    expect_ret(dbcn(SBI_DBCN_WRITE, ENV_RAM_END - ENV_RAM, ENV_RAM, 0), 0, 64);
    assert_int_equal(env.out_len, 10 + 64);
    env.out_bounded = true;
    env.out_room = 5;
    expect_ret(dbcn(SBI_DBCN_WRITE, 64, ENV_RAM, 0), 0, 5);
    env.out_bounded = false;
    expect_ret(dbcn(SBI_DBCN_WRITE, 0, 0xdead, 0), 0, 0);
    expect_ret(dbcn(SBI_DBCN_WRITE, 1, ENV_RAM_END - 1, 0), 0, 1);
}

/* The guest makes the call again, as it was. */
static void dbcn_waits(void **state)
{
    uint32_t before = fake_vcpu(env_vcpu(0))->calls_again;

    (void)state;
    env.out_bounded = true;
    env.out_room = 0;
    expect_ret(dbcn(SBI_DBCN_WRITE, 64, ENV_RAM, 0), 64, ENV_RAM);
    expect_ret(dbcn(SBI_DBCN_WRITE_BYTE, 'x', 77, 0), 'x', 77);
    assert_int_equal(fake_vcpu(env_vcpu(0))->calls_again, before + 2);
    expect_ret(dbcn(SBI_DBCN_WRITE, 0, ENV_RAM, 0), 0, 0);
    env.out_room = 1;
    expect_ret(dbcn(SBI_DBCN_WRITE, 64, ENV_RAM, 0), 0, 1);
    expect_ret(dbcn(SBI_DBCN_WRITE_BYTE, 'x', 77, 0), 0, 0);
    assert_int_equal(fake_vcpu(env_vcpu(0))->calls_again, before + 2);
    env.out_bounded = false;
}

static void dbcn_refuses(void **state)
{
    static const struct {
        uint64_t len, lo, hi;
    } bad[] = {
        {1, ENV_RAM - 1, 0},
        {2, ENV_RAM - 1, 0},
        {1, ENV_RAM_END, 0},
        {2, ENV_RAM_END - 1, 0},
        {ENV_RAM_END - ENV_RAM + 1, ENV_RAM, 0},
        {1, ENV_SHARED, 0},
        {1, ENV_RAM, 1},
        {1, ENV_RAM, UINT64_MAX},
        {UINT64_MAX, ENV_RAM, 0},
        {UINT64_MAX - ENV_RAM + 1, ENV_RAM, 0},
        {UINT64_MAX - ENV_RAM + 2, ENV_RAM, 0},
        {1ull << 63, ENV_RAM, 0},
        {2, UINT64_MAX, 0},
        {1, 0, 0},
        {16, FAKE_HPA_BASE, 0},
    };

    (void)state;
    env.in = "input";
    env.in_len = 5;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        expect_err(dbcn(SBI_DBCN_WRITE, bad[i].len, bad[i].lo, bad[i].hi), SBI_ERR_INVALID_PARAM);
        expect_err(dbcn(SBI_DBCN_READ, bad[i].len, bad[i].lo, bad[i].hi), SBI_ERR_INVALID_PARAM);
    }
    assert_int_equal(env.out_len, 0);
    assert_int_equal(env.in_len, 5);
    assert_int_equal(fake.bytes_read + fake.bytes_written, 0);
}

static void dbcn_read(void **state)
{
    static char input[5000];

    (void)state;
    expect_ret(dbcn(SBI_DBCN_READ, 16, ENV_RAM, 0), 0, 0);
    assert_int_equal(*(uint8_t *)fake_gpa(env.a, ENV_RAM, 1), 0xa5);

    env.in = "hello";
    env.in_len = 5;
    expect_ret(dbcn(SBI_DBCN_READ, 3, ENV_RAM2 - 2, 0), 0, 3);
    assert_memory_equal(fake_gpa(env.a, ENV_RAM2 - 2, 2), "he", 2);
    assert_memory_equal(fake_gpa(env.a, ENV_RAM2, 2), "l\x5a", 2);
    expect_ret(dbcn(SBI_DBCN_READ, 100, ENV_RAM, 0), 0, 2);
    assert_memory_equal(fake_gpa(env.a, ENV_RAM, 3), "lo\xa5", 3);

    for (size_t i = 0; i < sizeof(input); i++) {
        input[i] = (char)i;
    }
    env.in = input;
    env.in_len = sizeof(input);
    expect_ret(dbcn(SBI_DBCN_READ, 8192, ENV_RAM, 0), 0, 4096);
    assert_memory_equal(fake_gpa(env.a, ENV_RAM, 4096), input, 4096);
    assert_int_equal(*(uint8_t *)fake_gpa(env.a, ENV_RAM + 4096, 1), 0xa5);
    expect_ret(dbcn(SBI_DBCN_READ, 8192, ENV_RAM, 0), 0, sizeof(input) - 4096);
}

static void dbcn_write_byte(void **state)
{
    (void)state;
    expect_ret(env_call(SBI_EXT_DBCN, SBI_DBCN_WRITE_BYTE, 0xffffff41, UINT64_MAX, 1, 2, 3), 0, 0);
    expect_ret(env_call(SBI_EXT_DBCN, SBI_DBCN_WRITE_BYTE, 0xff, 0, 0, 0, 0), 0, 0);
    assert_int_equal(env.out_len, 2);
    assert_memory_equal(env.out, "A\xff", 2);
}

/* Lengths that are no multiple of a chunk: what was asked for moves, and not a byte beside it. */
static void dbcn_exact(void **state)
{
    static const uint64_t lens[] = {1, 255, 256, 257, 300, 511, 512, 513, 4095, 4096};
    static char input[5000];

    (void)state;
    for (size_t i = 0; i < sizeof(input); i++) {
        input[i] = (char)(i * 13 + (i >> 8));
    }
    for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
        uint64_t len = lens[i];
        char *ram = fake_gpa(env.a, ENV_RAM2, len + 1);

        env.in = input;
        env.in_len = sizeof(input);
        memset(ram, 0x77, len + 1);
        expect_ret(dbcn(SBI_DBCN_READ, len, ENV_RAM2, 0), 0, len);
        assert_memory_equal(ram, input, len);
        assert_int_equal(ram[len], 0x77);
        assert_int_equal(env.in_len, sizeof(input) - len);

        env.out_len = 0;
        memset(env.out, 0, sizeof(env.out));
        len = len < 64 ? len : 64;
        expect_ret(dbcn(SBI_DBCN_WRITE, lens[i], ENV_RAM2, 0), 0, len);
        assert_int_equal(env.out_len, len);
        assert_memory_equal(env.out, input, len);
    }
}

#define test(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        test(err_space_is_total), test(unknown_extensions),
        test(unknown_functions),  test(base),
        test(base_probe),         test(hart_masks),
        test(set_timer),          test(srst),
        test(dbcn_write),         test(dbcn_waits),
        test(dbcn_refuses),       test(dbcn_read),
        test(dbcn_write_byte),    test(dbcn_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
