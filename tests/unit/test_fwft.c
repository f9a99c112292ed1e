/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_dbcn.c sbi/ext_sse.c sbi/ext_fwft.c sbi/legacy.c
 *       sbi/ext_susp.c sbi/ext_pmu.c sbi/ext_sta.c sbi/ext_dbtr.c
 *       core/vcpu.c core/sse.c core/hart.c
 *       core/memmap.c core/guest_copy.c core/steal.c core/pmu.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c tests/unit/sbi_env.c */
/* Firmware features: which there are, what they may be, locks and resets. [SBI 3.0 §18] */
#include "tests/unit/sbi_env.h"

#include <stdarg.h>

#include <cmocka.h>

#define AD SBI_FWFT_PTE_AD_HW_UPDATING

static int64_t set(uint64_t id, uint64_t value, uint64_t flags)
{
    struct sbi_ret r = env_call(SBI_EXT_FWFT, SBI_FWFT_SET, id, value, flags, 0, 0);

    assert_int_equal(r.value, 0);
    return r.error;
}

static struct sbi_ret get(uint64_t id)
{
    return env_call(SBI_EXT_FWFT, SBI_FWFT_GET, id, 9, 9, 9, 9);
}

static void is(uint64_t id, uint64_t value)
{
    struct sbi_ret r = get(id);

    assert_int_equal(r.error, 0);
    assert_int_equal(r.value, value);
}

static void ids(void **state)
{
    static const struct {
        uint64_t id;
        int64_t error;
    } table[] = {
        {SBI_FWFT_MISALIGNED_EXC_DELEG, SBI_ERR_NOT_SUPPORTED},
        {SBI_FWFT_LANDING_PAD, SBI_ERR_NOT_SUPPORTED},
        {SBI_FWFT_SHADOW_STACK, SBI_ERR_NOT_SUPPORTED},
        {SBI_FWFT_DOUBLE_TRAP, SBI_ERR_NOT_SUPPORTED},
        {SBI_FWFT_POINTER_MASKING_PMLEN, SBI_ERR_NOT_SUPPORTED},
        {6, SBI_ERR_DENIED},
        {0x3fffffff, SBI_ERR_DENIED},
        {0x40000000, SBI_ERR_DENIED},
        {0x7fffffff, SBI_ERR_DENIED},
        {0x80000000, SBI_ERR_DENIED},
        {0xbfffffff, SBI_ERR_DENIED},
        {0xc0000000, SBI_ERR_DENIED},
        {0xffffffff, SBI_ERR_DENIED},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        assert_int_equal(set(table[i].id, 1, 0), table[i].error);
        assert_int_equal(get(table[i].id).error, table[i].error);
        assert_int_equal(get(table[i].id).value, 0);
    }
    for (uint64_t fid = 2; fid < 9; fid++) {
        assert_int_equal(env_call(SBI_EXT_FWFT, fid, AD, 0, 0, 0, 0).error, SBI_ERR_NOT_SUPPORTED);
    }
    /* 32 bits wide. */
    assert_int_equal(set((1ull << 32) + AD, 1, 0), 0);
    is(AD, 1);
    is((7ull << 32) + AD, 1);
}

static void presence(void **state)
{
    (void)state;
    assert_true(sbi_offers(env_vcpu(0), SBI_EXT_FWFT));
    fake.no_ad_updates = true;
    assert_false(sbi_offers(env_vcpu(0), SBI_EXT_FWFT));
    assert_int_equal(set(AD, 1, 0), SBI_ERR_NOT_SUPPORTED);
    assert_int_equal(get(AD).error, SBI_ERR_NOT_SUPPORTED);
}

static void values(void **state)
{
    struct fake_vcpu *f = fake_vcpu(env_vcpu(0));

    (void)state;
    is(AD, 0);
    assert_int_equal(set(AD, 1, 0), 0);
    is(AD, 1);
    assert_true(f->ad_updates);
    assert_int_equal(set(AD, 1, 0), 0);
    assert_int_equal(set(AD, 2, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(AD, 1ull << 32, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(AD, 0, 2), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(AD, 0, 1ull << 32), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(AD, 0, UINT64_MAX), SBI_ERR_INVALID_PARAM);
    is(AD, 1);
    assert_int_equal(f->ad_sets, 2);
    assert_int_equal(set(AD, 0, 0), 0);
    is(AD, 0);
    assert_false(f->ad_updates);
}

static void locks(void **state)
{
    uint32_t sets;

    (void)state;
    assert_int_equal(set(AD, 2, SBI_FWFT_LOCK), SBI_ERR_INVALID_PARAM); /* and locks nothing */
    assert_int_equal(set(AD, 1, SBI_FWFT_LOCK), 0);
    sets = fake_vcpu(env_vcpu(0))->ad_sets;
    for (uint64_t value = 0; value < 2; value++) {
        assert_int_equal(set(AD, value, 0), SBI_ERR_DENIED_LOCKED);
        assert_int_equal(set(AD, value, SBI_FWFT_LOCK), SBI_ERR_DENIED_LOCKED);
    }
    assert_int_equal(fake_vcpu(env_vcpu(0))->ad_sets, sets);
    is(AD, 1);
}

/* Kept by a suspend; a start begins anew. */
static void lives(void **state)
{
    struct vcpu *v = env_vcpu(0);

    (void)state;
    assert_int_equal(set(AD, 1, SBI_FWFT_LOCK), 0);
    vcpu_suspend_self(v, true, gpa(ENV_RAM), 0);
    vcpu_request(v, VCPU_REQ_WAKE);
    assert_true(vcpu_prepare(v));
    assert_int_equal(fake_vcpu(v)->resumes, 1);
    is(AD, 1);
    assert_int_equal(set(AD, 0, 0), SBI_ERR_DENIED_LOCKED);

    vcpu_stop_self(v);
    assert_int_equal(vcpu_start(v, gpa(ENV_RAM), 0), ERR_OK);
    assert_true(vcpu_prepare(v));
    is(AD, 0);
    assert_int_equal(set(AD, 1, 0), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids, env_setup, env_teardown),
        cmocka_unit_test_setup_teardown(presence, env_setup, env_teardown),
        cmocka_unit_test_setup_teardown(values, env_setup, env_teardown),
        cmocka_unit_test_setup_teardown(locks, env_setup, env_teardown),
        cmocka_unit_test_setup_teardown(lives, env_setup, env_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
