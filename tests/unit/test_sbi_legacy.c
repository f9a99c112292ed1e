/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_susp.c sbi/ext_dbcn.c sbi/legacy.c core/vcpu.c
 *       core/hart.c core/memmap.c core/guest_copy.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c tests/unit/sbi_env.c sbi/ext_sse.c sbi/ext_fwft.c core/sse.c
 *       sbi/ext_pmu.c core/pmu.c sbi/ext_sta.c sbi/ext_dbtr.c core/steal.c */
/* The legacy calls: a0 alone is the answer, masks lie in guest memory. [SBI 3.0 §5] */
#include "tests/unit/sbi_env.h"

#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MASK (ENV_RAM + 64)

static int setup(void **state)
{
    (void)state;
    env_init();
    fake_vcpu_state(env_vcpu(1), VCPU_STARTED);
    fake_vcpu_state(env_vcpu(2), VCPU_SUSPENDED);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    env_end();
    return 0;
}

static int64_t legacy(uint64_t eid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    struct sbi_ret r = env_call(eid, ENV_SENTINEL, a0, a1, a2, ENV_SENTINEL, 4);

    assert_int_equal(r.value, a1);
    return r.error;
}

static uint64_t mask(uint64_t harts)
{
    memcpy(fake_gpa(env.a, MASK, 8), &harts, 8);
    return MASK;
}

static bool soft_line(uint32_t i)
{
    return (atomic_load(&env_vcpu(i)->irq_lines) & 1u << VCPU_IRQ_SOFT) != 0;
}

static void timer_and_console(void **state)
{
    (void)state;
    assert_int_equal(legacy(SBI_EXT_LEGACY_SET_TIMER, 77, 1, 2), 0);
    assert_int_equal(fake_vcpu(env_vcpu(0))->timer, 77);

    assert_int_equal(legacy(SBI_EXT_LEGACY_PUTCHAR, 'x', 1, 2), 0);
    assert_int_equal(legacy(SBI_EXT_LEGACY_PUTCHAR, 0x180, 1, 2), 0);
    env.out_bounded = true;
    env.out_room = 0;
    assert_int_equal(legacy(SBI_EXT_LEGACY_PUTCHAR, 'y', 1, 2), 'y');
    assert_int_equal(fake_vcpu(env_vcpu(0))->calls_again, 1);
    env.out_bounded = false;
    assert_memory_equal(env.out, "x\x80", 2);

    assert_int_equal(legacy(SBI_EXT_LEGACY_GETCHAR, 0, 1, 2), -1);
    env.in = "q\xff";
    env.in_len = 2;
    assert_int_equal(legacy(SBI_EXT_LEGACY_GETCHAR, 0, 1, 2), 'q');
    assert_int_equal(legacy(SBI_EXT_LEGACY_GETCHAR, 0, 1, 2), 0xff);
    assert_int_equal(legacy(SBI_EXT_LEGACY_GETCHAR, 0, 1, 2), -1);
}

static void shutdown_and_reserved(void **state)
{
    (void)state;
    for (uint64_t eid = 9; eid < SBI_EXT_BASE; eid++) {
        assert_int_equal(legacy(eid, mask(1), 1, 2), SBI_ERR_NOT_SUPPORTED);
    }
    assert_int_equal(env.srsts, 0);
    (void)legacy(SBI_EXT_LEGACY_SHUTDOWN, 1, 1, 2);
    assert_int_equal(env.srsts, 1);
    assert_false(env.srst_reset || env.srst_warm || env.srst_failure);
}

static void send_ipi(void **state)
{
    (void)state;
    assert_int_equal(legacy(SBI_EXT_LEGACY_SEND_IPI, mask(0x5), 1, 2), 0);
    assert_true(fake_vcpu(env_vcpu(0))->soft_pending && soft_line(2));
    assert_false(soft_line(1));
    assert_int_equal(legacy(SBI_EXT_LEGACY_SEND_IPI, 0, 1, 2), 0); /* no mask: all */
    assert_true(soft_line(1));
    assert_int_equal(legacy(SBI_EXT_LEGACY_SEND_IPI, mask(0), 1, 2), 0);
}

static void clear_ipi(void **state)
{
    struct vcpu *self = env_vcpu(0);

    (void)state;
    assert_int_equal(legacy(SBI_EXT_LEGACY_CLEAR_IPI, 5, 1, 2), 0);
    assert_int_equal(legacy(SBI_EXT_LEGACY_SEND_IPI, mask(1), 1, 2), 0);
    assert_true(legacy(SBI_EXT_LEGACY_CLEAR_IPI, 5, 1, 2) > 0);
    assert_false(fake_vcpu(self)->soft_pending);

    /* One that has not reached its hart yet was pending too. */
    vcpu_irq_set(self, VCPU_IRQ_SOFT, true);
    assert_true(legacy(SBI_EXT_LEGACY_CLEAR_IPI, 5, 1, 2) > 0);
    assert_true(vcpu_prepare(self));
    assert_false(fake_vcpu(self)->soft_pending);
    assert_int_equal(legacy(SBI_EXT_LEGACY_CLEAR_IPI, 5, 1, 2), 0);
}

static void fences(void **state)
{
    struct fake_vcpu *f = fake_vcpu(env_vcpu(0));

    (void)state;
    assert_int_equal(legacy(SBI_EXT_LEGACY_REMOTE_FENCE_I, mask(1), 1, 2), 0);
    assert_int_equal(f->fences_seen[0].kind, FENCE_I);
    assert_int_equal(legacy(SBI_EXT_LEGACY_REMOTE_SFENCE, mask(1), 0x1000, 0x2000), 0);
    assert_int_equal(f->fences_seen[1].kind, FENCE_VMA);
    assert_int_equal(f->fences_seen[1].start, 0x1000);
    assert_int_equal(f->fences_seen[1].size, 0x2000);

    /* a3 (here no ASID that a hart has) is not looked at: all ASIDs. */
    assert_int_equal(legacy(SBI_EXT_LEGACY_REMOTE_SFENCE_ASID, mask(1), 0, 0), 0);
    assert_int_equal(f->fences_seen[2].kind, FENCE_VMA);
    assert_int_equal(f->fences_seen[2].size, UINT64_MAX);
    assert_int_equal(f->fence_total, 3);

    assert_int_equal(legacy(SBI_EXT_LEGACY_REMOTE_FENCE_I, 0, 1, 2), 0);
    assert_int_equal(f->fence_total, 4);
    spin_lock(&env_vcpu(1)->fence_lock);
    assert_int_equal(env_vcpu(1)->fence_count, 1);
    spin_unlock(&env_vcpu(1)->fence_lock);
}

static void refused(void **state)
{
    (void)state;
    for (uint64_t eid = SBI_EXT_LEGACY_SEND_IPI; eid <= SBI_EXT_LEGACY_REMOTE_SFENCE_ASID; eid++) {
        assert_int_equal(legacy(eid, mask(0x11), 0, 0), SBI_ERR_INVALID_PARAM);
        assert_int_equal(legacy(eid, mask(1ull << 63), 0, 0), SBI_ERR_INVALID_PARAM);
    }
    assert_int_equal(legacy(SBI_EXT_LEGACY_REMOTE_SFENCE, mask(1), UINT64_MAX, 2),
                     SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(fake_vcpu(env_vcpu(0))->fence_total, 0);
    assert_false(fake_vcpu(env_vcpu(0))->soft_pending);
}

/* The fault is the guest's, and the only answer: no register changes. */
static void mask_faults(void **state)
{
    static const uint64_t bad[] = {1, ENV_RAM - 8, ENV_RAM - 1, ENV_RAM_END - 7, UINT64_MAX};
    uint32_t faults = 0;

    (void)state;
    for (uint64_t eid = SBI_EXT_LEGACY_SEND_IPI; eid <= SBI_EXT_LEGACY_REMOTE_SFENCE_ASID; eid++) {
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
            assert_int_equal(legacy(eid, bad[i], 0, 0), (int64_t)bad[i]);
            assert_int_equal(fake_vcpu(env_vcpu(0))->call_faults, ++faults);
        }
    }
    assert_int_equal(fake_vcpu(env_vcpu(0))->fence_total, 0);
    assert_false(soft_line(1) || fake_vcpu(env_vcpu(0))->soft_pending);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        test(timer_and_console),
        test(shutdown_and_reserved),
        test(send_ipi),
        test(clear_ipi),
        test(fences),
        test(refused),
        test(mask_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
