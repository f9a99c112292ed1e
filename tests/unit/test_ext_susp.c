/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_susp.c sbi/ext_dbcn.c sbi/legacy.c sbi/ext_sse.c
 *       sbi/ext_fwft.c sbi/ext_pmu.c sbi/ext_sta.c sbi/ext_dbtr.c
 *       core/vcpu.c core/hart.c core/memmap.c
 *       core/guest_copy.c core/sse.c core/steal.c core/pmu.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c tests/unit/sbi_env.c */
/* SUSP as guests call it: its errors, in their order. What it does: test_sleep.c. [SBI 3.0 §13] */
#include "tests/unit/sbi_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOWHERE 0x10000000ull

static void refused(int64_t error, uint64_t fid, uint64_t type, uint64_t addr)
{
    uint32_t before = env.suspends;
    struct sbi_ret r = env_call(SBI_EXT_SUSP, fid, type, addr, 7, 0, 0);

    assert_int_equal(r.error, error);
    assert_int_equal(r.value, 0);
    assert_int_equal(env.suspends, before);
}

static void test_is_there(void **state)
{
    struct sbi_ret r = env_call(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_SUSP, 0, 0, 0, 0);

    (void)state;
    assert_int_equal(r.error, SBI_SUCCESS);
    assert_int_equal(r.value, 1);
}

static void test_functions(void **state)
{
    (void)state;
    refused(SBI_ERR_NOT_SUPPORTED, 1, SBI_SUSP_SLEEP_TO_RAM, ENV_RAM);
    refused(SBI_ERR_NOT_SUPPORTED, 1ull << 32, SBI_SUSP_SLEEP_TO_RAM, ENV_RAM);
}

/* "Reserved, or platform-specific and unimplemented"; before the address. */
static void test_types(void **state)
{
    (void)state;
    refused(SBI_ERR_INVALID_PARAM, SBI_SUSP_SUSPEND, 1, ENV_RAM);
    refused(SBI_ERR_INVALID_PARAM, SBI_SUSP_SUSPEND, 0x7fffffff, ENV_RAM);
    refused(SBI_ERR_INVALID_PARAM, SBI_SUSP_SUSPEND, SBI_SUSP_SLEEP_PLATFORM, NOWHERE);
    refused(SBI_ERR_INVALID_PARAM, SBI_SUSP_SUSPEND, UINT64_MAX, ENV_RAM);
}

static void test_addresses(void **state)
{
    (void)state;
    refused(SBI_ERR_INVALID_ADDRESS, SBI_SUSP_SUSPEND, 0, NOWHERE);
    refused(SBI_ERR_INVALID_ADDRESS, SBI_SUSP_SUSPEND, 0, ENV_RAM + 1);
    refused(SBI_ERR_INVALID_ADDRESS, SBI_SUSP_SUSPEND, 0, ENV_SHARED);
    refused(SBI_ERR_INVALID_ADDRESS, SBI_SUSP_SUSPEND, 0, UINT64_MAX - 1);
}

/* The type is 32 bits wide. */
static void test_sleeps(void **state)
{
    struct sbi_ret r =
        env_call(SBI_EXT_SUSP, SBI_SUSP_SUSPEND, 1ull << 32, ENV_RAM + 2, UINT64_MAX, 0, 0);

    (void)state;
    assert_int_equal(r.error, SBI_SUCCESS);
    assert_int_equal(env.suspends, 1);
    assert_ptr_equal(env.suspend_caller, env_vcpu(0));
    assert_int_equal(env.suspend_pc.v, ENV_RAM + 2);
    assert_int_equal(env.suspend_opaque, UINT64_MAX);
}

static void test_criteria(void **state)
{
    struct sbi_ret r;

    (void)state;
    env.suspend_result = ERR_DENIED;
    r = env_call(SBI_EXT_SUSP, SBI_SUSP_SUSPEND, 0, ENV_RAM, 0, 0, 0);
    assert_int_equal(r.error, SBI_ERR_DENIED);
    assert_int_equal(r.value, 0);

    env.suspend_result = ERR_STATE;
    r = env_call(SBI_EXT_SUSP, SBI_SUSP_SUSPEND, 0, ENV_RAM, 0, 0, 0);
    assert_int_equal(r.error, SBI_ERR_FAILED);
    assert_int_equal(r.value, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, env_setup, env_teardown)
    const struct CMUnitTest tests[] = {
        T(test_is_there),  T(test_functions), T(test_types),
        T(test_addresses), T(test_sleeps),    T(test_criteria),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
