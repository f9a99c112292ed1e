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

#define AD    SBI_FWFT_PTE_AD_HW_UPDATING
#define DELEG SBI_FWFT_MISALIGNED_EXC_DELEG
#define ALL   0x3fu

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

/* Reserved ids and a platform's own are denied; the defined ones are there or not supported. */
static void ids(void **state)
{
    static const uint64_t denied[] = {6,          0x3fffffff, 0x40000000, 0x7fffffff,
                                      0x80000000, 0xbfffffff, 0xc0000000, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(denied); i++) {
        assert_int_equal(set(denied[i], 1, 0), SBI_ERR_DENIED);
        assert_int_equal(get(denied[i]).error, SBI_ERR_DENIED);
        assert_int_equal(get(denied[i]).value, 0);
    }
    for (uint64_t offered = 0; offered < 6; offered++) {
        fake.features.offered = (uint8_t)(1u << offered);
        for (uint64_t id = 0; id < 6; id++) {
            int64_t error = id == offered ? 0 : SBI_ERR_NOT_SUPPORTED;

            assert_int_equal(set(id, 1, 0), error);
            assert_int_equal(get(id).error, error);
            assert_int_equal(get(id).value, error == 0 ? 1 : 0);
        }
        assert_int_equal(set(offered, 0, 0), 0);
    }
    for (uint64_t fid = 2; fid < 9; fid++) {
        assert_int_equal(env_call(SBI_EXT_FWFT, fid, 5, 0, 0, 0, 0).error, SBI_ERR_NOT_SUPPORTED);
    }
    /* 32 bits wide. */
    assert_int_equal(set((1ull << 32) + 5, 1, 0), 0);
    is(5, 1);
    is((7ull << 32) + 5, 1);
}

static void presence(void **state)
{
    (void)state;
    assert_true(sbi_offers(env_vcpu(0), SBI_EXT_FWFT));
    fake.features.offered = 0;
    assert_false(sbi_offers(env_vcpu(0), SBI_EXT_FWFT));
    assert_int_equal(set(AD, 1, 0), SBI_ERR_NOT_SUPPORTED);
    assert_int_equal(get(AD).error, SBI_ERR_NOT_SUPPORTED);
    fake.features.offered = 1u << DELEG;
    assert_true(sbi_offers(env_vcpu(0), SBI_EXT_FWFT));
}

static void values(void **state)
{
    struct fake_vcpu *f = fake_vcpu(env_vcpu(0));

    (void)state;
    is(AD, 0);
    assert_int_equal(set(AD, 1, 0), 0);
    is(AD, 1);
    assert_int_equal(f->features, 1u << AD);
    assert_int_equal(set(AD, 1, 0), 0);
    assert_int_equal(set(AD, 2, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(AD, 1ull << 32, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(AD, 0, 2), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(AD, 0, 1ull << 32), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set(AD, 0, UINT64_MAX), SBI_ERR_INVALID_PARAM);
    is(AD, 1);
    assert_int_equal(f->feature_syncs, 2);
    assert_int_equal(set(AD, 0, 0), 0);
    is(AD, 0);
    assert_int_equal(f->features, 0);
}

/* Each has a value and a lock of its own. */
static void apart(void **state)
{
    struct fake_vcpu *f = fake_vcpu(env_vcpu(0));

    (void)state;
    fake.features.offered = ALL;
    for (uint64_t id = 0; id < 6; id++) {
        is(id, 0);
        assert_int_equal(set(id, 1, 0), 0);
        assert_int_equal(f->features, (2u << id) - 1);
    }
    for (uint64_t id = 0; id < 6; id += 2) {
        assert_int_equal(set(id, 0, SBI_FWFT_LOCK), 0);
    }
    for (uint64_t id = 0; id < 6; id++) {
        is(id, id & 1);
        assert_int_equal(set(id, 0, 0), (id & 1) != 0 ? 0 : SBI_ERR_DENIED_LOCKED);
    }
    assert_int_equal(f->features, 0);
    assert_int_equal(env_vcpu(1)->features_locked, 0);
}

static void locks(void **state)
{
    uint32_t syncs;

    (void)state;
    assert_int_equal(set(AD, 2, SBI_FWFT_LOCK), SBI_ERR_INVALID_PARAM); /* and locks nothing */
    assert_int_equal(set(AD, 1, SBI_FWFT_LOCK), 0);
    syncs = fake_vcpu(env_vcpu(0))->feature_syncs;
    for (uint64_t value = 0; value < 2; value++) {
        assert_int_equal(set(AD, value, 0), SBI_ERR_DENIED_LOCKED);
        assert_int_equal(set(AD, value, SBI_FWFT_LOCK), SBI_ERR_DENIED_LOCKED);
    }
    assert_int_equal(fake_vcpu(env_vcpu(0))->feature_syncs, syncs);
    is(AD, 1);
}

/* Kept by a suspend; a start begins anew, with what the machine has then. */
static void lives(void **state)
{
    struct vcpu *v = env_vcpu(0);

    (void)state;
    fake.features = (struct arch_features){ALL, 1u << DELEG};
    assert_int_equal(set(AD, 1, SBI_FWFT_LOCK), 0);
    vcpu_suspend_self(v, true, gpa(ENV_RAM), 0);
    vcpu_request(v, VCPU_REQ_WAKE);
    assert_true(vcpu_prepare(v));
    assert_int_equal(fake_vcpu(v)->resumes, 1);
    is(AD, 1);
    is(DELEG, 0);
    assert_int_equal(set(AD, 0, 0), SBI_ERR_DENIED_LOCKED);

    vcpu_stop_self(v);
    assert_int_equal(vcpu_start(v, gpa(ENV_RAM), 0), ERR_OK);
    assert_true(vcpu_prepare(v));
    is(AD, 0);
    is(DELEG, 1);
    assert_int_equal(fake_vcpu(v)->features, 1u << DELEG);
    assert_int_equal(set(AD, 1, 0), 0);
}

/* Off the hart and back: the hart has what the vCPU has. */
static void reloads(void **state)
{
    struct vcpu *v = env_vcpu(0);

    (void)state;
    fake.features.offered = ALL;
    assert_int_equal(set(DELEG, 1, 0), 0);
    arch_vcpu_put(v);
    fake_vcpu(v)->features = 0;
    arch_vcpu_load(v);
    assert_int_equal(fake_vcpu(v)->features, 1u << DELEG);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids, env_setup, env_teardown),
        cmocka_unit_test_setup_teardown(presence, env_setup, env_teardown),
        cmocka_unit_test_setup_teardown(values, env_setup, env_teardown),
        cmocka_unit_test_setup_teardown(apart, env_setup, env_teardown),
        cmocka_unit_test_setup_teardown(locks, env_setup, env_teardown),
        cmocka_unit_test_setup_teardown(lives, env_setup, env_teardown),
        cmocka_unit_test_setup_teardown(reloads, env_setup, env_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
