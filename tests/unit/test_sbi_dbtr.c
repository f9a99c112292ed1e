/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_dbcn.c sbi/ext_sse.c sbi/ext_fwft.c sbi/legacy.c
 *       sbi/ext_susp.c sbi/ext_pmu.c sbi/ext_sta.c sbi/ext_dbtr.c core/vcpu.c core/sse.c
 *       core/hart.c core/memmap.c core/guest_copy.c core/steal.c core/pmu.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c tests/unit/sbi_env.c */
/* Debug triggers: each function, each error, what the hart is given, and whose they are.
 * [SBI 3.0, Debug Triggers Extension] */
#include "core/vm.h"
#include "tests/unit/sbi_env.h"

#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define COUNT   4u
#define SHMEM   (ENV_RAM + 0x100)
#define MC6     SBI_DBTR_MCONTROL6
#define EXEC    (MC6 | SBI_DBTR_EXECUTE)
#define TYPE(n) ((uint64_t)(n) << SBI_DBTR_TYPE_SHIFT)
#define PC      0xffffffff80001234ull
#define NEVER   0x5a5a5a5a5a5a5a5aull /* what a call is not to touch */

struct entry {
    uint64_t word, tdata1, tdata2, tdata3;
};

static struct entry *entry(uint32_t k)
{
    return fake_gpa(env.a, SHMEM + k * sizeof(struct entry), sizeof(struct entry));
}

static void put(uint32_t k, uint64_t word, uint64_t tdata1, uint64_t tdata2)
{
    *entry(k) = (struct entry){word, tdata1, tdata2, 0};
}

static struct sbi_ret call(uint64_t fid, uint64_t a0, uint64_t a1)
{
    return env_call(SBI_EXT_DBTR, fid, a0, a1, 0, 0, 0);
}

/* An error, with the value that comes with it. */
static void fails(uint64_t fid, uint64_t a0, uint64_t a1, int64_t error, uint64_t value)
{
    struct dbtr before = env_vcpu(0)->dbtr;
    struct sbi_ret r = call(fid, a0, a1);

    assert_int_equal(r.error, error);
    assert_int_equal(r.value, value);
    assert_memory_equal(&before, &env_vcpu(0)->dbtr, sizeof(before));
}

static void works(uint64_t fid, uint64_t a0, uint64_t a1)
{
    struct sbi_ret r = call(fid, a0, a1);

    assert_int_equal(r.error, SBI_SUCCESS);
    assert_int_equal(r.value, 0);
}

/* The triggers in the hart of vCPU 0. */
static const struct dbtr *in_hart(void)
{
    return &fake_vcpu(env_vcpu(0))->triggers;
}

static int setup(void **state)
{
    (void)env_setup(state);
    fake.dbtr.count = COUNT;
    works(SBI_DBTR_SET_SHMEM, SHMEM, 0);
    memset(entry(0), 0x5a, COUNT * sizeof(struct entry));
    return 0;
}

static int setup_bare(void **state)
{
    (void)env_setup(state);
    fake.dbtr.count = COUNT;
    return 0;
}

static void presence(void **state)
{
    (void)state;
    assert_true(sbi_offers(env_vcpu(0), SBI_EXT_DBTR));
    for (uint64_t fid = 8; fid < 20; fid++) {
        fails(fid, 0, 0, SBI_ERR_NOT_SUPPORTED, 0);
    }
    fake.dbtr.count = 0;
    assert_false(sbi_offers(env_vcpu(0), SBI_EXT_DBTR));
    for (uint64_t fid = 0; fid < 9; fid++) {
        fails(fid, 0, 0, SBI_ERR_NOT_SUPPORTED, 0);
    }
}

static void numbers(void **state)
{
    static const struct {
        uint64_t tdata1, count;
    } rows[] = {
        {0, COUNT},
        {MC6, COUNT},
        {EXEC | SBI_DBTR_S | SBI_DBTR_U | SBI_DBTR_SIZE(3), COUNT},
        {TYPE(2), 0},
        {TYPE(3), 0},
        {TYPE(15), 0},
        {1, 0},
        {MC6 | SBI_DBTR_M, 0},
        {MC6 | SBI_DBTR_VS, 0},
        {MC6 | SBI_DBTR_CHAIN, 0},
        {UINT64_MAX, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct sbi_ret r = call(SBI_DBTR_NUM_TRIGGERS, rows[i].tdata1, 99);

        assert_int_equal(r.error, SBI_SUCCESS);
        assert_int_equal(r.value, rows[i].count);
    }
}

static void shared_memory(void **state)
{
    static const struct {
        uint64_t low, high, flags;
        int64_t error;
    } rows[] = {
        {SHMEM, 0, 0, SBI_SUCCESS},
        {SHMEM + 8, 0, 0, SBI_SUCCESS},
        {ENV_RAM_END - 32 * COUNT, 0, 0, SBI_SUCCESS},
        {ENV_RAM2 - 40, 0, 0, SBI_SUCCESS}, /* across a joint */
        {UINT64_MAX, UINT64_MAX, 0, SBI_SUCCESS},
        {SHMEM, 0, 1, SBI_ERR_INVALID_PARAM},
        {SHMEM, 0, 1ull << 63, SBI_ERR_INVALID_PARAM},
        {UINT64_MAX, UINT64_MAX, 1, SBI_ERR_INVALID_PARAM},
        {SHMEM + 4, 0, 0, SBI_ERR_INVALID_PARAM},
        {SHMEM + 1, 0, 0, SBI_ERR_INVALID_PARAM},
        {UINT64_MAX, 0, 0, SBI_ERR_INVALID_PARAM},
        {UINT64_MAX, 1, 0, SBI_ERR_INVALID_PARAM},
        {SHMEM, 1, 0, SBI_ERR_INVALID_ADDRESS},
        {SHMEM, UINT64_MAX, 0, SBI_ERR_INVALID_ADDRESS},
        {0, 0, 0, SBI_ERR_INVALID_ADDRESS},
        {ENV_RAM - 8, 0, 0, SBI_ERR_INVALID_ADDRESS},
        {ENV_RAM_END - 32 * COUNT + 8, 0, 0, SBI_ERR_INVALID_ADDRESS},
        {ENV_SHARED, 0, 0, SBI_ERR_INVALID_ADDRESS},
        {UINT64_MAX - 7, 0, 0, SBI_ERR_INVALID_ADDRESS},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct dbtr before = env_vcpu(0)->dbtr;
        struct sbi_ret r = env_call(SBI_EXT_DBTR, SBI_DBTR_SET_SHMEM, rows[i].low, rows[i].high,
                                    rows[i].flags, 9, 9);

        assert_int_equal(r.error, rows[i].error);
        assert_int_equal(r.value, 0);
        if (r.error != 0) {
            assert_memory_equal(&before, &env_vcpu(0)->dbtr, sizeof(before));
        }
    }
}

/* Without it, or when it is taken back: told before anything else. */
static void no_shared_memory(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 2; round++) {
        fails(SBI_DBTR_READ, 0, 1, SBI_ERR_NO_SHMEM, 0);
        fails(SBI_DBTR_READ, 99, 1, SBI_ERR_NO_SHMEM, 0);
        fails(SBI_DBTR_INSTALL, 1, 0, SBI_ERR_NO_SHMEM, 0);
        fails(SBI_DBTR_INSTALL, 99, 0, SBI_ERR_NO_SHMEM, 0);
        fails(SBI_DBTR_UPDATE, 1, 0, SBI_ERR_NO_SHMEM, 0);
        works(SBI_DBTR_SET_SHMEM, SHMEM, 0);
        works(SBI_DBTR_READ, 0, 1);
        works(SBI_DBTR_SET_SHMEM, UINT64_MAX, UINT64_MAX);
    }
}

static void installs(void **state)
{
    uint64_t written = fake.bytes_written;

    (void)state;
    works(SBI_DBTR_INSTALL, 0, 0);
    put(0, NEVER, EXEC | SBI_DBTR_S, PC);
    put(1, NEVER, MC6 | SBI_DBTR_STORE | SBI_DBTR_U | SBI_DBTR_SIZE(5), 8);
    put(2, NEVER, MC6, UINT64_MAX);
    works(SBI_DBTR_INSTALL, 3, 0);
    assert_int_equal(fake.bytes_written - written, 3 * 8);
    for (uint32_t k = 0; k < 3; k++) {
        assert_int_equal(entry(k)->word, k);
    }
    assert_int_equal(entry(3)->word, NEVER);
    assert_int_equal(entry(0)->tdata1, EXEC | SBI_DBTR_S);
    /* The third names no mode: there, and never hit. */
    assert_int_equal(in_hart()->mapped, 3);
    assert_int_equal(in_hart()->tdata1[0], EXEC | SBI_DBTR_S);
    assert_int_equal(in_hart()->tdata2[0], PC);
    assert_int_equal(in_hart()->tdata2[1], 8);
    assert_int_equal(env_vcpu(0)->dbtr.mapped, 7);

    /* The lowest free number is the next. */
    works(SBI_DBTR_UNINSTALL, 1, 1);
    put(0, NEVER, EXEC | SBI_DBTR_U, 16);
    put(1, NEVER, EXEC | SBI_DBTR_U, 24);
    works(SBI_DBTR_INSTALL, 2, 0);
    assert_int_equal(entry(0)->word, 1);
    assert_int_equal(entry(1)->word, 3);
    assert_int_equal(in_hart()->tdata2[1], 16);
    assert_int_equal(in_hart()->mapped, 0xb);

    /* None is left: the one that would have needed it. */
    fails(SBI_DBTR_INSTALL, 1, 0, SBI_ERR_FAILED, 0);
    works(SBI_DBTR_UNINSTALL, 2, 1);
    fails(SBI_DBTR_INSTALL, 2, 0, SBI_ERR_FAILED, 1);
    assert_int_equal(in_hart()->mapped, 0xb);
}

/* What a trigger may be. */
static const struct {
    uint64_t tdata1, tdata3;
    int64_t error;
} configs[] = {
    {MC6, 0, SBI_SUCCESS},
    {EXEC | SBI_DBTR_LOAD | SBI_DBTR_STORE | SBI_DBTR_S | SBI_DBTR_U, 0, SBI_SUCCESS},
    {EXEC | SBI_DBTR_SIZE(1), 0, SBI_SUCCESS},
    {EXEC | SBI_DBTR_SIZE(2), 0, SBI_SUCCESS},
    {EXEC | SBI_DBTR_SIZE(3), 0, SBI_SUCCESS},
    {EXEC | SBI_DBTR_SIZE(4), 0, SBI_ERR_NOT_SUPPORTED},
    {EXEC | SBI_DBTR_SIZE(5), 0, SBI_SUCCESS},
    {EXEC | SBI_DBTR_SIZE(6), 0, SBI_ERR_NOT_SUPPORTED},
    {EXEC | SBI_DBTR_SIZE(7), 0, SBI_ERR_NOT_SUPPORTED},
    {EXEC | SBI_DBTR_VS, 0, SBI_ERR_NOT_SUPPORTED},
    {EXEC | SBI_DBTR_VU, 0, SBI_ERR_NOT_SUPPORTED},
    {EXEC | SBI_DBTR_M, 0, SBI_ERR_INVALID_PARAM},
    {EXEC | SBI_DBTR_DMODE, 0, SBI_ERR_INVALID_PARAM},
    {EXEC | SBI_DBTR_CHAIN, 0, SBI_ERR_INVALID_PARAM},
    {EXEC | 1ull << 5, 0, SBI_ERR_NOT_SUPPORTED},  /* uncertainen */
    {EXEC | 1ull << 7, 0, SBI_ERR_NOT_SUPPORTED},  /* match: napot */
    {EXEC | 8ull << 7, 0, SBI_ERR_NOT_SUPPORTED},  /* match: not equal */
    {EXEC | 1ull << 12, 0, SBI_ERR_NOT_SUPPORTED}, /* action: debug mode */
    {EXEC | 8ull << 12, 0, SBI_ERR_NOT_SUPPORTED}, /* action: external */
    {EXEC | 1ull << 19, 0, SBI_ERR_INVALID_PARAM}, /* 0 */
    {EXEC | 1ull << 20, 0, SBI_ERR_INVALID_PARAM}, /* 0 */
    {EXEC | 1ull << 21, 0, SBI_ERR_NOT_SUPPORTED}, /* select: data */
    {EXEC | 1ull << 22, 0, SBI_ERR_NOT_SUPPORTED}, /* hit0 */
    {EXEC | 1ull << 25, 0, SBI_ERR_NOT_SUPPORTED}, /* hit1 */
    {EXEC | 1ull << 26, 0, SBI_ERR_NOT_SUPPORTED}, /* uncertain */
    {EXEC | 1ull << 27, 0, SBI_ERR_INVALID_PARAM}, /* 0 */
    {EXEC | 1ull << 58, 0, SBI_ERR_INVALID_PARAM}, /* 0 */
    {EXEC, 1, SBI_ERR_NOT_SUPPORTED},              /* textra: sselect */
    {EXEC, 1ull << 63, SBI_ERR_NOT_SUPPORTED},     /* textra: mhvalue */
    {0, 0, SBI_ERR_INVALID_PARAM},
    {TYPE(1), 0, SBI_ERR_FAILED},
    {TYPE(2) | 0x14, 0, SBI_ERR_FAILED},
    {TYPE(3), 0, SBI_ERR_FAILED},
    {TYPE(4), 0, SBI_ERR_FAILED},
    {TYPE(5), 0, SBI_ERR_FAILED},
    {TYPE(7), 0, SBI_ERR_FAILED},
    {TYPE(2) | SBI_DBTR_DMODE, 0, SBI_ERR_INVALID_PARAM},
    {TYPE(8), 0, SBI_ERR_INVALID_PARAM},
    {TYPE(11), 0, SBI_ERR_INVALID_PARAM},
    {TYPE(12), 0, SBI_ERR_FAILED},
    {TYPE(14), 0, SBI_ERR_FAILED},
    {TYPE(15), 0, SBI_ERR_INVALID_PARAM},
    {UINT64_MAX, UINT64_MAX, SBI_ERR_INVALID_PARAM},
};

static void configurations(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(configs); i++) {
        bool good = configs[i].error == SBI_SUCCESS;

        put(0, NEVER, EXEC | SBI_DBTR_S, PC);
        put(1, NEVER, configs[i].tdata1, PC);
        entry(1)->tdata3 = configs[i].tdata3;
        if (!good) {
            /* All or nothing, and nothing is written. */
            fails(SBI_DBTR_INSTALL, 2, 0, configs[i].error, 1);
            assert_int_equal(entry(0)->word, NEVER);
            assert_int_equal(in_hart()->mapped, 0);
        } else {
            works(SBI_DBTR_INSTALL, 2, 0);
            works(SBI_DBTR_UNINSTALL, 0, 3);
        }

        /* An update of the same. */
        works(SBI_DBTR_INSTALL, 1, 0);
        put(0, 0, configs[i].tdata1, 4);
        entry(0)->tdata3 = configs[i].tdata3;
        if (!good) {
            fails(SBI_DBTR_UPDATE, 1, 0, configs[i].error, 0);
            assert_int_equal(in_hart()->tdata2[0], PC);
        } else {
            works(SBI_DBTR_UPDATE, 1, 0);
            assert_int_equal(env_vcpu(0)->dbtr.tdata1[0], configs[i].tdata1);
        }
        works(SBI_DBTR_UNINSTALL, 0, 1);
    }
    /* No chain: only the last would be wrong by itself. */
    put(0, NEVER, EXEC | SBI_DBTR_CHAIN, PC);
    put(1, NEVER, EXEC, PC);
    fails(SBI_DBTR_INSTALL, 2, 0, SBI_ERR_NOT_SUPPORTED, 0);
}

/* As the text has it, whose ranges never reach the last trigger. */
static void ranges(void **state)
{
    static const uint64_t counts[] = {COUNT, COUNT + 1, 1ull << 59, 1ull << 63, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        fails(SBI_DBTR_INSTALL, counts[i], 0, SBI_ERR_BAD_RANGE, 0);
        fails(SBI_DBTR_UPDATE, counts[i], 0, SBI_ERR_BAD_RANGE, 0);
        fails(SBI_DBTR_READ, 0, counts[i], SBI_ERR_BAD_RANGE, 0);
        fails(SBI_DBTR_READ, 2, counts[i], SBI_ERR_BAD_RANGE, 0);
        fails(SBI_DBTR_READ, counts[i], 0, SBI_ERR_BAD_RANGE, 0);
    }
    fails(SBI_DBTR_READ, 1, COUNT - 1, SBI_ERR_BAD_RANGE, 0);
    fails(SBI_DBTR_READ, 2, UINT64_MAX - 1, SBI_ERR_BAD_RANGE, 0);
    works(SBI_DBTR_READ, 1, COUNT - 2);
    works(SBI_DBTR_READ, COUNT - 1, 0);
}

static void reads(void **state)
{
    uint64_t written;

    (void)state;
    put(0, NEVER, EXEC | SBI_DBTR_S, PC);
    put(1, NEVER, MC6 | SBI_DBTR_LOAD | SBI_DBTR_U | SBI_DBTR_S, 32);
    put(2, NEVER, MC6 | SBI_DBTR_LOAD | SBI_DBTR_U, 64);
    works(SBI_DBTR_INSTALL, 3, 0);
    works(SBI_DBTR_UNINSTALL, 0, 1);
    memset(entry(0), 0x5a, COUNT * sizeof(struct entry));
    written = fake.bytes_written;
    works(SBI_DBTR_READ, 0, 3);
    assert_int_equal(fake.bytes_written - written, 3 * sizeof(struct entry));
    assert_memory_equal(entry(0), &((struct entry){0}), sizeof(struct entry));
    assert_int_equal(entry(1)->word, SBI_DBTR_STATE_MAPPED | SBI_DBTR_STATE_S | SBI_DBTR_STATE_U);
    assert_int_equal(entry(1)->tdata1, MC6 | SBI_DBTR_LOAD | SBI_DBTR_U | SBI_DBTR_S);
    assert_int_equal(entry(1)->tdata2, 32);
    assert_int_equal(entry(1)->tdata3, 0);
    assert_int_equal(entry(2)->word, SBI_DBTR_STATE_MAPPED | SBI_DBTR_STATE_U);
    assert_int_equal(entry(3)->word, NEVER);
    works(SBI_DBTR_READ, 2, 1);
    assert_int_equal(entry(0)->tdata2, 64);
}

static void updates(void **state)
{
    uint64_t written;

    (void)state;
    put(0, NEVER, EXEC | SBI_DBTR_S, PC);
    put(1, NEVER, EXEC | SBI_DBTR_S, PC + 2);
    works(SBI_DBTR_INSTALL, 2, 0);

    put(0, 1, MC6 | SBI_DBTR_STORE | SBI_DBTR_U, 128);
    written = fake.bytes_written;
    works(SBI_DBTR_UPDATE, 1, 0);
    assert_int_equal(fake.bytes_written, written);
    assert_int_equal(in_hart()->tdata1[0], EXEC | SBI_DBTR_S);
    assert_int_equal(in_hart()->tdata1[1], MC6 | SBI_DBTR_STORE | SBI_DBTR_U);
    assert_int_equal(in_hart()->tdata2[1], 128);

    /* In the order of the array; one that is disabled is as the update says. */
    works(SBI_DBTR_DISABLE, 0, 3);
    put(0, 0, EXEC | SBI_DBTR_S, 1);
    put(1, 0, EXEC | SBI_DBTR_U, 2);
    works(SBI_DBTR_UPDATE, 2, 0);
    assert_int_equal(in_hart()->mapped, 1);
    assert_int_equal(in_hart()->tdata1[0], EXEC | SBI_DBTR_U);
    works(SBI_DBTR_UPDATE, 0, 0);

    put(1, COUNT, 0, 0);
    fails(SBI_DBTR_UPDATE, 2, 0, SBI_ERR_INVALID_PARAM, 1);
    put(1, UINT64_MAX, EXEC, 0);
    fails(SBI_DBTR_UPDATE, 2, 0, SBI_ERR_INVALID_PARAM, 1);
    put(1, (1ull << 32) + 1, EXEC, 0);
    fails(SBI_DBTR_UPDATE, 2, 0, SBI_ERR_INVALID_PARAM, 1);
    put(1, 2, UINT64_MAX, 0); /* not mapped, before what it says is looked at */
    fails(SBI_DBTR_UPDATE, 2, 0, SBI_ERR_FAILED, 1);
    put(0, 3, EXEC, 0);
    fails(SBI_DBTR_UPDATE, 2, 0, SBI_ERR_FAILED, 0);
}

static void enables(void **state)
{
    (void)state;
    put(0, NEVER, EXEC | SBI_DBTR_S | SBI_DBTR_U, PC);
    put(1, NEVER, EXEC | SBI_DBTR_U, PC);
    put(2, NEVER, EXEC, PC);
    works(SBI_DBTR_INSTALL, 3, 0);
    works(SBI_DBTR_DISABLE, 0, 7);
    works(SBI_DBTR_DISABLE, 1, 1);
    assert_int_equal(in_hart()->mapped, 0);
    works(SBI_DBTR_READ, 0, 3);
    assert_int_equal(entry(0)->word, SBI_DBTR_STATE_MAPPED | SBI_DBTR_STATE_S | SBI_DBTR_STATE_U);
    assert_int_equal(entry(0)->tdata1, EXEC);
    works(SBI_DBTR_ENABLE, 1, 3);
    assert_int_equal(in_hart()->mapped, 2);
    assert_int_equal(in_hart()->tdata1[1], EXEC | SBI_DBTR_U);
    works(SBI_DBTR_ENABLE, 0, 5);
    works(SBI_DBTR_ENABLE, 0, 1);
    assert_int_equal(in_hart()->mapped, 3);
    assert_int_equal(in_hart()->tdata1[0], EXEC | SBI_DBTR_S | SBI_DBTR_U);
    works(SBI_DBTR_UNINSTALL, 0, 7);
    assert_int_equal(in_hart()->mapped, 0);
    assert_int_equal(env_vcpu(0)->dbtr.mapped, 0);
}

/* All of the set, or none of it. */
static void sets(void **state)
{
    static const struct {
        uint64_t base, mask;
    } bad[] = {
        {0, 4},
        {0, 7},
        {2, 1},
        {COUNT, 1},
        {8, 1},
        {64, 1},
        {UINT64_MAX, 1},
        {UINT64_MAX, 2},
        {1, 1ull << 63},
        {0, UINT64_MAX},
        {1, UINT64_MAX},
        {0, 1 | 1ull << 32},
        {UINT64_MAX - 1, 12},
    };

    (void)state;
    put(0, NEVER, EXEC | SBI_DBTR_S, PC);
    put(1, NEVER, EXEC | SBI_DBTR_S, PC);
    works(SBI_DBTR_INSTALL, 2, 0);
    for (uint64_t fid = SBI_DBTR_UNINSTALL; fid <= SBI_DBTR_DISABLE; fid++) {
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
            fails(fid, bad[i].base, bad[i].mask, SBI_ERR_INVALID_PARAM, 0);
        }
        works(fid, 0, 0);
        works(fid, UINT64_MAX, 0);
    }
    assert_int_equal(in_hart()->mapped, 3);
}

/* A hart that refuses one: the entry that it is of is told, and all is as before. */
static void refused(void **state)
{
    (void)state;
    put(0, NEVER, EXEC | SBI_DBTR_S, PC);
    works(SBI_DBTR_INSTALL, 1, 0);
    put(0, NEVER, EXEC | SBI_DBTR_S, PC + 2);
    put(1, NEVER, EXEC | SBI_DBTR_S, PC + 4);
    for (uint32_t i = 1; i < 3; i++) {
        fake.dbtr.refused = 1u << i;
        fails(SBI_DBTR_INSTALL, 2, 0, SBI_ERR_FAILED, i - 1);
        assert_int_equal(entry(0)->word, NEVER);
        assert_int_equal(in_hart()->mapped, 1);
    }
}

static void vm_is(enum vm_state state)
{
    spin_lock(&env.a->lock);
    vm_set_state(env.a, state);
    spin_unlock(&env.a->lock);
}

/* Kept by a suspend, and while it is off its hart; a start begins with none. */
static void lives(void **state)
{
    struct vcpu *v = env_vcpu(0);

    (void)state;
    put(0, NEVER, EXEC | SBI_DBTR_S, PC);
    works(SBI_DBTR_INSTALL, 1, 0);
    vcpu_suspend_self(v, true, gpa(ENV_RAM), 0);
    vcpu_request(v, VCPU_REQ_WAKE);
    assert_true(vcpu_prepare(v));
    assert_int_equal(fake_vcpu(v)->resumes, 1);
    assert_int_equal(in_hart()->mapped, 1);

    vm_is(VM_PAUSED);
    assert_false(vcpu_prepare(v));
    assert_int_equal(in_hart()->mapped, 0);
    vm_is(VM_RUNNING);
    assert_true(vcpu_prepare(v));
    assert_int_equal(in_hart()->mapped, 1);
    works(SBI_DBTR_READ, 0, 1);

    vcpu_stop_self(v);
    assert_int_equal(in_hart()->mapped, 0);
    assert_int_equal(vcpu_start(v, gpa(ENV_RAM), 0), ERR_OK);
    assert_true(vcpu_prepare(v));
    assert_int_equal(in_hart()->mapped, 0);
    fails(SBI_DBTR_READ, 0, 1, SBI_ERR_NO_SHMEM, 0);
    fails(SBI_DBTR_ENABLE, 0, 1, SBI_ERR_INVALID_PARAM, 0);
}

/* Each vCPU has its own. */
static void neighbours(void **state)
{
    struct vcpu *other = env_vcpu(1);
    uint64_t a[8] = {0, 1, 0, 0, 0, 0, SBI_DBTR_ENABLE, SBI_EXT_DBTR};

    (void)state;
    put(0, NEVER, EXEC | SBI_DBTR_S, PC);
    works(SBI_DBTR_INSTALL, 1, 0);
    fake_become(other->hart);
    fake_vcpu_state(other, VCPU_STARTED);
    sbi_call(other, a);
    assert_int_equal(a[0], SBI_ERR_INVALID_PARAM);
    assert_int_equal(a[1], 0);
    assert_int_equal(fake_vcpu(other)->triggers.mapped, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, env_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(presence),
        TEST(numbers),
        TEST(shared_memory),
        cmocka_unit_test_setup_teardown(no_shared_memory, setup_bare, env_teardown),
        TEST(installs),
        TEST(configurations),
        TEST(ranges),
        TEST(reads),
        TEST(updates),
        TEST(enables),
        TEST(sets),
        TEST(refused),
        TEST(lives),
        TEST(neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
