/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_dbcn.c sbi/ext_pmu.c sbi/legacy.c sbi/ext_susp.c
 *       sbi/ext_sse.c sbi/ext_fwft.c sbi/ext_sta.c sbi/ext_dbtr.c
 *       core/vcpu.c core/hart.c core/memmap.c
 *       core/guest_copy.c core/pmu.c core/sse.c core/steal.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c tests/unit/sbi_env.c */
/* PMU: counters, what they count, and every error of the text. [SBI 3.0 §11] */
#include "tests/unit/sbi_env.h"

#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HART   PMU_COUNTERS /* the first of the hart's own */
#define ALL_FW ((1ull << PMU_COUNTERS) - 1)

#define FW(code)  SBI_PMU_EVENT(SBI_PMU_TYPE_FW, code)
#define HW(code)  SBI_PMU_EVENT(0, code)
#define RAW       SBI_PMU_EVENT(2, 0)
#define SNAPSHOT  ENV_RAM2
#define SNAP_WORD ((uint64_t *)fake_gpa(env.a, SNAPSHOT, 0x1000))

static int setup(void **state)
{
    (void)env_setup(state);
    fake_vcpu_state(env_vcpu(1), VCPU_STARTED);
    return 0;
}

static int setup_with_hart(void **state)
{
    (void)setup(state);
    fake.pmu.count = FAKE_COUNTERS;
    return 0;
}

static struct sbi_ret pmu(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                          uint64_t a4)
{
    return env_call(SBI_EXT_PMU, fid, a0, a1, a2, a3, a4);
}

static uint64_t config(uint64_t base, uint64_t mask, uint64_t flags, uint64_t event)
{
    struct sbi_ret r = pmu(SBI_PMU_CONFIG_MATCHING, base, mask, flags, event, 0);

    assert_int_equal(r.error, SBI_SUCCESS);
    return r.value;
}

static uint64_t fw_read(uint64_t i)
{
    struct sbi_ret r = pmu(SBI_PMU_COUNTER_FW_READ, i, 0, 0, 0, 0);

    assert_int_equal(r.error, SBI_SUCCESS);
    return r.value;
}

/* A counter of that event that runs from 0. */
static uint64_t count(uint64_t code)
{
    return config(0, ALL_FW, SBI_PMU_CFG_CLEAR_VALUE | SBI_PMU_CFG_AUTO_START, FW(code));
}

static struct sbi_ret start(uint64_t base, uint64_t mask, uint64_t flags, uint64_t value)
{
    return pmu(SBI_PMU_COUNTER_START, base, mask, flags, value, 0);
}

static struct sbi_ret stop(uint64_t base, uint64_t mask, uint64_t flags)
{
    return pmu(SBI_PMU_COUNTER_STOP, base, mask, flags, 0, 0);
}

static void set_timer(uint64_t deadline)
{
    expect_err(env_call(SBI_EXT_TIME, 0, deadline, 0, 0, 0, 0), 0);
}

/* vCPU i calls, as 0 does. */
static void become(uint32_t i)
{
    fake_become(env_vcpu(i)->hart);
}

static struct sbi_ret call_by(uint32_t i, uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1,
                              uint64_t a2)
{
    uint64_t a[8] = {a0, a1, a2, 0, 0, 0, fid, eid};

    become(i);
    sbi_call(env_vcpu(i), a);
    become(0);
    return (struct sbi_ret){(int64_t)a[0], a[1]};
}

/* ---- which counters there are ---------------------------------------------------------------- */

static void counters_without_sscofpmf(void **state)
{
    (void)state;
    expect_ret(pmu(SBI_PMU_NUM_COUNTERS, 1, 2, 3, 4, 5), 0, PMU_COUNTERS);
    for (uint64_t i = 0; i < PMU_COUNTERS; i++) {
        struct sbi_ret r = pmu(SBI_PMU_COUNTER_GET_INFO, i, 0, 0, 0, 0);

        assert_int_equal(r.error, 0);
        assert_int_equal(r.value >> 63, 1);
        assert_int_equal(r.value >> 12 & 0x3f, 63); /* Linux wants it, the text does not */
    }
    expect_err(pmu(SBI_PMU_COUNTER_GET_INFO, PMU_COUNTERS, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    expect_err(pmu(SBI_PMU_COUNTER_GET_INFO, UINT64_MAX, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    expect_err(pmu(SBI_PMU_COUNTER_GET_INFO, 1ull << 32, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, ALL_FW, 0, HW(1), 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(pmu(9, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(pmu(UINT64_MAX, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    assert_int_equal(fake.pmu.calls, 0);
}

static void counters_of_the_hart(void **state)
{
    (void)state;
    expect_ret(pmu(SBI_PMU_NUM_COUNTERS, 0, 0, 0, 0, 0), 0, PMU_COUNTERS + FAKE_COUNTERS);
    expect_ret(pmu(SBI_PMU_COUNTER_GET_INFO, HART + 1, 0, 0, 0, 0), 0, 0x3fc04);
    expect_err(pmu(SBI_PMU_COUNTER_GET_INFO, HART + FAKE_COUNTERS, 0, 0, 0, 0),
               SBI_ERR_INVALID_PARAM);
    expect_err(pmu(SBI_PMU_COUNTER_FW_READ, HART, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    expect_err(pmu(SBI_PMU_COUNTER_FW_READ, UINT64_MAX, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    expect_err(pmu(SBI_PMU_COUNTER_FW_READ_HI, HART, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    expect_err(pmu(SBI_PMU_COUNTER_FW_READ_HI, 0, 0, 0, 0, 0), 0);
}

/* Every call that takes a set refuses one with anything wrong in it, and changes nothing. */
static void bad_sets(void **state)
{
    static const struct {
        uint64_t base, mask;
    } bad[] = {
        {0, 0},
        {3, 0},
        {0, 1ull << (PMU_COUNTERS + FAKE_COUNTERS)},
        {1, 1ull << (PMU_COUNTERS + FAKE_COUNTERS - 1)},
        {PMU_COUNTERS + FAKE_COUNTERS, 1},
        {0, UINT64_MAX},
        {63, 1},
        {63, 3},
        {64, 1},
        {UINT64_MAX, 1},
        {UINT64_MAX, 2},
        {1ull << 32, 1},
    };

    (void)state;
    (void)count(SBI_PMU_FW_SET_TIMER);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t base = bad[i].base, mask = bad[i].mask;

        expect_err(pmu(SBI_PMU_CONFIG_MATCHING, base, mask, 4, FW(6), 0), SBI_ERR_INVALID_PARAM);
        expect_err(start(base, mask, 0, 0), SBI_ERR_INVALID_PARAM);
        expect_err(stop(base, mask, SBI_PMU_STOP_RESET), SBI_ERR_INVALID_PARAM);
    }
    assert_int_equal(env_vcpu(0)->pmu.configured, 1);
    assert_int_equal(env_vcpu(0)->pmu.started, 1);
    assert_int_equal(fake.pmu.calls, 0);
}

static void bad_flags(void **state)
{
    (void)state;
    (void)count(SBI_PMU_FW_SET_TIMER);
    for (uint64_t bit = 8; bit < 64; bit++) {
        expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, 2, 1ull << bit, FW(5), 0),
                   SBI_ERR_INVALID_PARAM);
    }
    for (uint64_t bit = 2; bit < 64; bit++) {
        expect_err(start(0, 1, 1ull << bit, 0), SBI_ERR_INVALID_PARAM);
        expect_err(stop(0, 1, 1ull << bit), SBI_ERR_INVALID_PARAM);
    }
    expect_err(start(0, 1, SBI_PMU_START_SET_INIT_VALUE | SBI_PMU_START_INIT_SNAPSHOT, 0),
               SBI_ERR_INVALID_PARAM);
    assert_int_equal(env_vcpu(0)->pmu.started, 1);
}

/* ---- Curia's own ----------------------------------------------------------------------------- */

static void which_events(void **state)
{
    (void)state;
    for (uint64_t code = 0; code < 300; code++) {
        bool there = code >= SBI_PMU_FW_ACCESS_LOAD && code <= SBI_PMU_FW_SFENCE_VMA_ASID_RECEIVED;

        expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, 1, 0, FW(code), 0),
                   there ? SBI_SUCCESS : SBI_ERR_NOT_SUPPORTED);
        expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, 1, SBI_PMU_CFG_SKIP_MATCH, FW(code), 1),
                   SBI_ERR_NOT_SUPPORTED);
        if (there) {
            expect_err(stop(0, 1, SBI_PMU_STOP_RESET), SBI_ERR_ALREADY_STOPPED);
        }
    }
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, 1, 0, FW(65535), 7), SBI_ERR_NOT_SUPPORTED);
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, 1, 0, FW(5) | 1ull << 20, 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, 1, 0, FW(5) | 1ull << 32, 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, 1, 0, 4ull << 16, 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, 1, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
}

static void a_counter_s_life(void **state)
{
    (void)state;
    set_timer(1);
    assert_int_equal(config(2, 3, 0, FW(SBI_PMU_FW_SET_TIMER)), 2);
    set_timer(2);
    assert_int_equal(fw_read(2), 0);
    expect_err(start(1, 2, 0, 77), 0);
    set_timer(3);
    set_timer(4);
    assert_int_equal(fw_read(2), 2);
    expect_err(start(2, 1, SBI_PMU_START_SET_INIT_VALUE, 9), SBI_ERR_ALREADY_STARTED);
    assert_int_equal(fw_read(2), 2);
    expect_err(stop(2, 1, 0), 0);
    set_timer(5);
    assert_int_equal(fw_read(2), 2);
    expect_err(stop(2, 1, 0), SBI_ERR_ALREADY_STOPPED);
    expect_err(start(2, 1, SBI_PMU_START_SET_INIT_VALUE, UINT64_MAX), 0);
    set_timer(6);
    set_timer(7);
    assert_int_equal(fw_read(2), 1); /* it wraps at 64 bits */

    /* Reset: to be configured anew; the value is what it was, unless it is to be cleared. */
    expect_err(stop(2, 1, SBI_PMU_STOP_RESET), 0);
    expect_err(start(2, 1, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(fw_read(2), 1);
    assert_int_equal(config(2, 1, SBI_PMU_CFG_AUTO_START, FW(SBI_PMU_FW_SET_TIMER)), 2);
    set_timer(8);
    assert_int_equal(fw_read(2), 2);
    expect_err(stop(2, 1, SBI_PMU_STOP_RESET), 0);
    assert_int_equal(
        config(2, 1, SBI_PMU_CFG_AUTO_START | SBI_PMU_CFG_CLEAR_VALUE, FW(SBI_PMU_FW_SET_TIMER)),
        2);
    assert_int_equal(fw_read(2), 0);
    assert_int_equal(fake_vcpu(env_vcpu(0))->set_timers, 8);
    assert_int_equal(fake_vcpu(env_vcpu(0))->timer, 8);
}

/* The flag that makes the fast path go a longer way is there while, and only while, one runs. */
static void the_detour(void **state)
{
    struct vcpu *v = env_vcpu(0);

    (void)state;
    v->timer_detour = VCPU_TIMER_SOFT;
    assert_int_equal(config(0, 1, 0, FW(SBI_PMU_FW_SET_TIMER)), 0);
    assert_int_equal(v->timer_detour, VCPU_TIMER_SOFT);
    assert_false(atomic_load(&env.a->pmu_counting));
    expect_err(start(0, 1, 0, 0), 0);
    assert_int_equal(v->timer_detour, VCPU_TIMER_SOFT | VCPU_TIMER_COUNTED);
    assert_true(atomic_load(&env.a->pmu_counting));
    expect_err(stop(0, 1, 0), 0);
    assert_int_equal(v->timer_detour, VCPU_TIMER_SOFT);
}

static void matching(void **state)
{
    (void)state;
    /* The lowest free one; one that is configured is taken, whether it runs or not. */
    for (uint64_t i = 0; i < PMU_COUNTERS; i++) {
        assert_int_equal(
            config(0, ALL_FW, i % 2 == 0 ? SBI_PMU_CFG_AUTO_START : 0, FW(SBI_PMU_FW_SET_TIMER)),
            i);
    }
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, ALL_FW, 0, FW(5), 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(stop(4, 3, SBI_PMU_STOP_RESET), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(config(5, 3, 0, FW(6)), 5);
    assert_int_equal(config(0, ALL_FW, 0, FW(6)), 4);

    /* Skipping the match takes the first of the set, as it is. */
    set_timer(1);
    assert_int_equal(config(2, 6, SBI_PMU_CFG_SKIP_MATCH, FW(SBI_PMU_FW_SET_TIMER)), 3);
    assert_int_equal(
        config(2, 7, SBI_PMU_CFG_SKIP_MATCH | SBI_PMU_CFG_CLEAR_VALUE, FW(SBI_PMU_FW_SET_TIMER)),
        2);
    set_timer(2);
    assert_int_equal(fw_read(0), 2);
    assert_int_equal(fw_read(2), 1);
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, 0, 1, SBI_PMU_CFG_SKIP_MATCH, HW(1), 0),
               SBI_ERR_NOT_SUPPORTED);
    assert_int_equal(env_vcpu(0)->pmu.configured, ALL_FW);
}

/* Some of the set are in the state already: the others follow, and the answer says so. */
static void sets(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(config(0, ALL_FW, 0, FW(SBI_PMU_FW_SET_TIMER)), i);
    }
    expect_err(start(1, 1, 0, 0), 0);
    expect_err(start(0, 7, SBI_PMU_START_SET_INIT_VALUE, 5), SBI_ERR_ALREADY_STARTED);
    set_timer(1);
    assert_int_equal(fw_read(0), 6);
    assert_int_equal(fw_read(1), 1);
    assert_int_equal(fw_read(2), 6);
    assert_int_equal(fw_read(3), 0);
    expect_err(stop(0, 15, 0), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(env_vcpu(0)->pmu.started, 0);

    /* One is not configured: none is started. */
    expect_err(start(0, 0x1f, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(env_vcpu(0)->pmu.started, 0);
}

static void ipis(void **state)
{
    uint64_t sent = count(SBI_PMU_FW_IPI_SENT), got = count(SBI_PMU_FW_IPI_RECEIVED);

    (void)state;
    /* Not to oneself; once for each other, whatever becomes of it. */
    expect_err(env_call(SBI_EXT_IPI, 0, 1, 0, 0, 0, 0), 0);
    assert_int_equal(fw_read(sent), 0);
    expect_err(env_call(SBI_EXT_IPI, 0, 0, UINT64_MAX, 0, 0, 0), 0);
    assert_int_equal(fw_read(sent), 3);
    expect_err(env_call(SBI_EXT_IPI, 0, 3, 0, 0, 0, 0), 0);
    expect_err(env_call(SBI_EXT_IPI, 0, 0x10, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(fw_read(sent), 4);
    assert_int_equal(fw_read(got), 0);

    for (uint32_t i = 0; i < 3; i++) {
        expect_err(call_by(1, SBI_EXT_IPI, 0, 1, 0, 0), 0);
    }
    assert_int_equal(fw_read(got), 3);
    assert_int_equal(fw_read(sent), 4);

    /* The fast path, in the guest. */
    atomic_store(&env_vcpu(0)->hart->mode, HART_GUEST);
    uint64_t a[8] = {2, 0, 0, 0, 0, 0, 0, SBI_EXT_IPI};
    assert_true(sbi_fast(env_vcpu(0), a));
    assert_int_equal(fw_read(sent), 5);

    /* What came before a counter ran is not its. */
    expect_err(stop(got, 1, 0), 0);
    expect_err(call_by(1, SBI_EXT_IPI, 0, 1, 0, 0), 0);
    expect_err(start(got, 1, 0, 0), 0);
    assert_int_equal(fw_read(got), 3);
}

static void fences(void **state)
{
    static const struct {
        uint64_t fid, sent;
    } kinds[] = {
        {SBI_RFENCE_FENCE_I, SBI_PMU_FW_FENCE_I_SENT},
        {SBI_RFENCE_SFENCE_VMA, SBI_PMU_FW_SFENCE_VMA_SENT},
        {SBI_RFENCE_SFENCE_VMA_ASID, SBI_PMU_FW_SFENCE_VMA_ASID_SENT},
    };
    uint64_t sent[3], got[3];

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        sent[i] = count(kinds[i].sent);
        got[i] = count(kinds[i].sent + 1);
    }
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t n = 0; n <= i; n++) {
            expect_err(env_call(SBI_EXT_RFENCE, kinds[i].fid, 3, 0, 0, 0, 0), 0);
            expect_err(call_by(1, SBI_EXT_RFENCE, kinds[i].fid, 7, 0, 0), 0);
            expect_err(call_by(1, SBI_EXT_RFENCE, kinds[i].fid, 1, 0, 0), 0);
        }
        expect_err(env_call(SBI_EXT_RFENCE, kinds[i].fid, 1, 0, 0, 0, 0), 0);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(fw_read(sent[i]), i + 1);
        assert_int_equal(fw_read(got[i]), 2 * (i + 1));
    }
    expect_err(env_call(SBI_EXT_RFENCE, SBI_RFENCE_HFENCE_VVMA, 3, 0, 0, 0, 0),
               SBI_ERR_NOT_SUPPORTED);
    expect_err(env_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 3, 0, UINT64_MAX - 1, 4, 0),
               SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(fw_read(sent[1]), 2);
}

/* A vCPU that starts anew has none of what it had; the other keeps what is its. */
static void forgotten_at_a_start(void **state)
{
    struct vcpu *v = env_vcpu(1);

    (void)state;
    assert_int_equal(count(SBI_PMU_FW_SET_TIMER), 0);
    assert_int_equal(call_by(1, SBI_EXT_PMU, SBI_PMU_SNAPSHOT_SET_SHMEM, SNAPSHOT, 0, 0).error, 0);
    v->pmu.configured = v->pmu.started = 1;
    v->pmu.event[0] = PMU_SET_TIMER;
    become(1);
    pmu_update(v);
    become(0);
    expect_err(call_by(1, SBI_EXT_TIME, 0, 5, 0, 0), 0);
    assert_int_equal(v->pmu.value[0], 1);
    expect_err(call_by(1, SBI_EXT_HSM, SBI_HSM_STOP, 0, 0, 0), 0);
    assert_int_equal(v->pmu.value[0], 1);

    expect_err(env_call(SBI_EXT_HSM, SBI_HSM_START, 1, ENV_RAM, 0, 0, 0), 0);
    expect_err(env_call(SBI_EXT_IPI, 0, 2, 0, 0, 0, 0), 0);
    become(1);
    assert_true(vcpu_prepare(v));
    become(0);
    assert_int_equal(v->pmu.configured | v->pmu.started | v->pmu.value[0], 0);
    assert_false(v->pmu.has_snapshot);
    assert_int_equal(v->timer_detour, 0);
    assert_int_equal(env_vcpu(0)->pmu.started, 1);
    assert_int_equal(fake.pmu.resets, 1);
    expect_err(call_by(1, SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, 0, 1, SBI_PMU_STOP_TAKE_SNAPSHOT),
               SBI_ERR_NO_SHMEM);
}

/* ---- the hart's ------------------------------------------------------------------------------ */

static void hart_counters(void **state)
{
    struct fake_pmu *p = &fake.pmu;

    (void)state;
    p->value[0] = 100;
    assert_int_equal(config(0, UINT64_MAX >> 44, SBI_PMU_CFG_SET_UINH, HW(1)), HART);
    assert_int_equal(p->flags[0], SBI_PMU_CFG_SET_UINH);
    assert_int_equal(p->running, 0);
    expect_err(start(HART, 1, 0, 0), 0);
    assert_int_equal(p->running, 1);
    assert_int_equal(p->value[0], 100);
    expect_err(start(HART, 1, 0, 0), SBI_ERR_ALREADY_STARTED);
    assert_int_equal(config(HART, 15, SBI_PMU_CFG_AUTO_START | SBI_PMU_CFG_CLEAR_VALUE, HW(1)),
                     HART + 1);
    assert_int_equal(p->running, 3);
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, HART, 15, 0, HW(1), 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, HART, 15, 0, HW(2), 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, HART, 15, 0, 4ull << 16, 0), SBI_ERR_NOT_SUPPORTED);
    expect_err(pmu(SBI_PMU_CONFIG_MATCHING, HART, 15, 0, FW(5), 0), SBI_ERR_NOT_SUPPORTED);
    expect_ret(pmu(SBI_PMU_CONFIG_MATCHING, HART, 15, 0, RAW, 0xabc), 0, HART + 2);
    assert_int_equal(p->data[2], 0xabc);
    expect_err(start(HART + 2, 1, SBI_PMU_START_SET_INIT_VALUE, 7), 0);
    assert_int_equal(p->value[2], 7);

    /* None of these makes set_timer a longer way. */
    assert_int_equal(env_vcpu(0)->timer_detour, 0);

    /* Skipping the match: it is given back first. */
    expect_ret(pmu(SBI_PMU_CONFIG_MATCHING, HART + 2, 3, SBI_PMU_CFG_SKIP_MATCH, RAW, 5), 0,
               HART + 2);
    assert_int_equal(p->data[2], 5);
    assert_int_equal(p->running, 3);
    expect_err(start(HART + 2, 1, 0, 0), 0);

    expect_err(stop(HART, 15, SBI_PMU_STOP_RESET), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(p->running | p->configured, 0);
    assert_int_equal(env_vcpu(0)->pmu.configured, 0);
    expect_err(start(HART, 1, 0, 0), SBI_ERR_INVALID_PARAM);
}

static void both_kinds_in_a_set(void **state)
{
    (void)state;
    assert_int_equal(config(PMU_COUNTERS - 1, 3, 0, FW(5)), PMU_COUNTERS - 1);
    assert_int_equal(config(PMU_COUNTERS - 1, 3, 0, HW(1)), HART);
    expect_err(start(PMU_COUNTERS - 1, 3, SBI_PMU_START_SET_INIT_VALUE, 40), 0);
    set_timer(1);
    assert_int_equal(fw_read(PMU_COUNTERS - 1), 41);
    assert_int_equal(fake.pmu.value[0], 40);
    expect_err(stop(PMU_COUNTERS - 1, 3, 0), 0);
    assert_int_equal(fake.pmu.running, 0);
    assert_int_equal(fake.pmu.configured, 1);
}

/* ---- shared memory --------------------------------------------------------------------------- */

static struct sbi_ret shmem(uint64_t lo, uint64_t hi, uint64_t flags)
{
    return pmu(SBI_PMU_SNAPSHOT_SET_SHMEM, lo, hi, flags, 0, 0);
}

static void snapshot_errors(void **state)
{
    (void)state;
    (void)count(5);
    expect_err(stop(0, 1, SBI_PMU_STOP_TAKE_SNAPSHOT), SBI_ERR_NO_SHMEM);
    expect_err(start(0, 1, SBI_PMU_START_INIT_SNAPSHOT, 0), SBI_ERR_NO_SHMEM);
    assert_int_equal(env_vcpu(0)->pmu.started, 1);

    expect_err(shmem(SNAPSHOT, 0, 1), SBI_ERR_INVALID_PARAM);
    expect_err(shmem(SNAPSHOT + 8, 0, 0), SBI_ERR_INVALID_PARAM);
    expect_err(shmem(UINT64_MAX, UINT64_MAX, 1), SBI_ERR_INVALID_PARAM);
    expect_err(shmem(SNAPSHOT, 1, 0), SBI_ERR_INVALID_ADDRESS);
    expect_err(shmem(SNAPSHOT, UINT64_MAX, 0), SBI_ERR_INVALID_ADDRESS);
    expect_err(shmem(UINT64_MAX, 0, 0), SBI_ERR_INVALID_PARAM);
    expect_err(shmem(UINT64_MAX & ~0xfffull, UINT64_MAX, 0), SBI_ERR_INVALID_ADDRESS);
    expect_err(shmem(ENV_RAM_END, 0, 0), SBI_ERR_INVALID_ADDRESS);
    expect_err(shmem(ENV_SHARED, 0, 0), SBI_ERR_INVALID_ADDRESS);
    expect_err(shmem(0, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_false(env_vcpu(0)->pmu.has_snapshot);

    expect_err(shmem(SNAPSHOT, 0, 0), 0);
    expect_err(shmem(0, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_true(env_vcpu(0)->pmu.has_snapshot);
    expect_err(shmem(UINT64_MAX, UINT64_MAX, 0), 0);
    expect_err(stop(0, 1, SBI_PMU_STOP_TAKE_SNAPSHOT), SBI_ERR_NO_SHMEM);
    assert_int_equal(fake.bytes_written, 0);
}

static void snapshots(void **state)
{
    uint64_t *word = SNAP_WORD;

    (void)state;
    expect_err(shmem(SNAPSHOT, 0, 0), 0);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(config(0, ALL_FW, 0, FW(5)), i);
    }
    assert_int_equal(config(HART, 15, 0, HW(1)), HART);
    word[0] = UINT64_MAX;
    word[1] = 11;
    word[2] = 22;
    word[3] = 33;
    word[HART] = 44;

    /* Relative to the base. */
    expect_err(start(1, 3 | 1ull << (HART - 1), SBI_PMU_START_INIT_SNAPSHOT, 99), 0);
    set_timer(1);
    assert_int_equal(fw_read(0), 0);
    assert_int_equal(fw_read(1), 12);
    assert_int_equal(fw_read(2), 23);
    assert_int_equal(fake.pmu.value[0], 44);
    assert_int_equal(word[0], UINT64_MAX);
    assert_int_equal(fake.bytes_written, 0);

    fake.pmu.value[0] = 444;
    expect_err(stop(1, 1 | 1ull << (HART - 1), SBI_PMU_STOP_TAKE_SNAPSHOT | SBI_PMU_STOP_RESET), 0);
    assert_int_equal(word[0], 0);
    assert_int_equal(word[1], 12);
    assert_int_equal(word[2], 22);
    assert_int_equal(word[HART], 444);
    assert_int_equal(fake.bytes_written, 24);

    /* Those of the hart that are not configured hold what is nobody's business. */
    fake.pmu.value[1] = 0xbad;
    word[2] = 5;
    expect_err(stop(HART, 3, SBI_PMU_STOP_TAKE_SNAPSHOT), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(word[1], 0);
    assert_int_equal(word[2], 0);
}

/* Word 0 tells of those of the set, by their place in it. Curia's own never overflow. */
static void snapshots_of_overflows(void **state)
{
    uint64_t *word = SNAP_WORD;

    (void)state;
    expect_err(shmem(SNAPSHOT, 0, 0), 0);
    assert_int_equal(config(0, ALL_FW, 0, FW(5)), 0);
    for (uint64_t i = 0; i < 3; i++) {
        expect_ret(pmu(SBI_PMU_CONFIG_MATCHING, HART, 15, SBI_PMU_CFG_AUTO_START, RAW, 0), 0,
                   HART + i);
    }
    fake.pmu.overflows = 0xd; /* the last is not configured */
    word[0] = UINT64_MAX;
    expect_err(stop(HART, 2, SBI_PMU_STOP_TAKE_SNAPSHOT), 0);
    assert_int_equal(word[0], 0);
    expect_err(stop(HART, 1, SBI_PMU_STOP_TAKE_SNAPSHOT), 0);
    assert_int_equal(word[0], 1);
    expect_err(stop(HART - 1, 0x1f, SBI_PMU_STOP_TAKE_SNAPSHOT), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(word[0], 5 << 1);
    expect_err(stop(0, 1 | 1ull << HART, SBI_PMU_STOP_TAKE_SNAPSHOT), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(word[0], 1ull << HART);
    expect_err(stop(0, 1, SBI_PMU_STOP_TAKE_SNAPSHOT), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(word[0], 0);
}

struct entry {
    uint32_t event, output;
    uint64_t data;
};

static struct sbi_ret info(uint64_t lo, uint64_t hi, uint64_t n, uint64_t flags)
{
    return pmu(SBI_PMU_EVENT_GET_INFO, lo, hi, n, flags, 0);
}

static void event_info(void **state)
{
    /* clang-format off */
    static const struct entry want[] = {
        {FW(0), 0, 0}, {FW(1), 0, 0}, {FW(2), 1, 0}, {FW(13), 1, 0}, {FW(14), 0, 0},
        {FW(5), 0, 1}, {FW(65535), 0, 3}, {HW(1), 1, 5}, {HW(2), 0, 0}, {RAW, 1, 77},
        {4 << 16, 0, 0}, {0, 0, 0}, {0xfffff, 0, 0},
    };
    /* clang-format on */
    struct entry *e = fake_gpa(env.a, ENV_RAM + 16, sizeof(want));

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        e[i] = (struct entry){want[i].event, 0xdead, want[i].data};
    }
    expect_err(info(ENV_RAM + 16, 0, ARRAY_SIZE(want), 0), 0);
    assert_memory_equal(e, want, sizeof(want));
    assert_int_equal(fake.pmu.configured, 0);
    assert_int_equal(env_vcpu(0)->pmu.configured, 0);
    assert_int_equal(fake.bytes_written, 4 * ARRAY_SIZE(want));

    /* With all of the hart's taken, it cannot be told. */
    expect_ret(pmu(SBI_PMU_CONFIG_MATCHING, HART, 15, 0, RAW, 0), 0, HART);
    for (uint64_t i = 1; i < FAKE_COUNTERS; i++) {
        expect_ret(pmu(SBI_PMU_CONFIG_MATCHING, HART, 15, 0, RAW, 0), 0, HART + i);
    }
    e[0].event = (uint32_t)HW(1);
    expect_err(info(ENV_RAM + 16, 0, 1, 0), SBI_ERR_FAILED);
    e[0].event = (uint32_t)FW(5);
    expect_err(info(ENV_RAM + 16, 0, 1, 0), 0);
}

static void event_info_errors(void **state)
{
    struct entry *e = fake_gpa(env.a, ENV_RAM, sizeof(*e));

    (void)state;
    e->event = 1u << 20;
    expect_err(info(ENV_RAM, 0, 1, 0), SBI_ERR_INVALID_PARAM);
    e->event = (uint32_t)HW(1);
    expect_err(info(ENV_RAM, 0, 1, 1), SBI_ERR_INVALID_PARAM);
    expect_err(info(ENV_RAM + 8, 0, 1, 0), SBI_ERR_INVALID_PARAM);
    expect_err(info(ENV_RAM, 1, 1, 0), SBI_ERR_INVALID_ADDRESS);
    expect_err(info(0, 0, 1, 0), SBI_ERR_INVALID_ADDRESS);
    expect_err(info(ENV_RAM_END - 16, 0, 2, 0), SBI_ERR_INVALID_ADDRESS);
    expect_err(info(ENV_RAM, 0, 1ull << 60, 0), SBI_ERR_FAILED);
    expect_err(info(ENV_RAM, 0, (1ull << 60) + 1, 0), SBI_ERR_FAILED);
    expect_err(info(ENV_RAM, 0, UINT64_MAX, 0), SBI_ERR_FAILED);
    expect_err(info(UINT64_MAX & ~0xfull, 0, 2, 0), SBI_ERR_INVALID_ADDRESS);
    expect_err(info(ENV_SHARED, 0, 1, 0), SBI_ERR_INVALID_ADDRESS);
    expect_err(info(ENV_RAM, 0, 65, 0), SBI_ERR_FAILED);
    expect_err(info(ENV_RAM, 0, 0, 0), 0);
    assert_int_equal(fake.bytes_written, 0);
    expect_err(info(ENV_RAM, 0, 1, 0), 0); /* no hart counters here: known to be none */
    assert_int_equal(e->output, 0);
}

int main(void)
{
#define TEST(f)      cmocka_unit_test_setup_teardown(f, setup, env_teardown)
#define WITH_HART(f) cmocka_unit_test_setup_teardown(f, setup_with_hart, env_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(counters_without_sscofpmf),
        WITH_HART(counters_of_the_hart),
        WITH_HART(bad_sets),
        TEST(bad_flags),
        TEST(which_events),
        TEST(a_counter_s_life),
        TEST(the_detour),
        TEST(matching),
        TEST(sets),
        TEST(ipis),
        TEST(fences),
        TEST(forgotten_at_a_start),
        WITH_HART(hart_counters),
        WITH_HART(both_kinds_in_a_set),
        TEST(snapshot_errors),
        WITH_HART(snapshots),
        WITH_HART(snapshots_of_overflows),
        WITH_HART(event_info),
        TEST(event_info_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
