/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_dbcn.c sbi/ext_sta.c sbi/ext_dbtr.c
 *       sbi/legacy.c sbi/ext_susp.c
 *       sbi/ext_sse.c sbi/ext_fwft.c sbi/ext_pmu.c core/vcpu.c core/steal.c core/hart.c
 *       core/memmap.c core/guest_copy.c core/sse.c core/pmu.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c tests/unit/sbi_env.c */
/* STA: where it may be told, what is told, and when nothing is written. [SBI 3.0 §16] */
#include "core/machine.h"
#include "core/steal.h"
#include "core/vm.h"
#include "tests/unit/sbi_env.h"

#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define AT     (ENV_RAM + 0x140)
#define OTHER  (ENV_RAM2 + ENV_RAM2_BYTES - STEAL_BYTES) /* the last that there is */
#define TICK   (1000000000u / FAKE_TIMEBASE_HZ)          /* ns */
#define MARKED 0xa5u                                     /* what RAM is full of */

struct sta {
    uint32_t sequence, flags;
    uint64_t steal;
    uint8_t preempted;
    uint8_t pad[47];
};

_Static_assert(sizeof(struct sta) == STEAL_BYTES, "[SBI 3.0 §16]");

static const struct sta *told(uint64_t at)
{
    return fake_gpa(env.a, at, sizeof(struct sta));
}

static int64_t set_shmem(uint64_t lo, uint64_t hi, uint64_t flags)
{
    struct sbi_ret r = env_call(SBI_EXT_STA, SBI_STA_SET_SHMEM, lo, hi, flags, 3, 4);

    assert_int_equal(r.value, 0);
    return r.error;
}

static void expect_told(uint64_t at, uint32_t sequence, uint64_t ticks, bool preempted)
{
    static const uint8_t zeroes[47];
    const struct sta *s = told(at);

    assert_int_equal(s->sequence, sequence);
    assert_int_equal(s->flags, 0);
    assert_int_equal(s->steal, ticks * TICK);
    assert_int_equal(s->preempted, preempted);
    assert_memory_equal(s->pad, zeroes, sizeof(zeroes));
}

static void pass(uint64_t ticks)
{
    atomic_fetch_add(&fake.now, ticks);
}

/* vCPU 0's hart looks at its vCPU. */
static bool comes_by(void)
{
    return vcpu_prepare(env_vcpu(0));
}

static void vm_is(enum vm_state state)
{
    spin_lock(&env.a->lock);
    vm_set_state(env.a, state);
    spin_unlock(&env.a->lock);
}

static void arguments(void **state)
{
    (void)state;
    assert_int_equal(
        env_call(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_STA, 0, 0, 0, 0).value, 1);
    assert_int_equal(env_call(SBI_EXT_STA, 1, AT, 0, 0, 0, 0).error, SBI_ERR_NOT_SUPPORTED);

    assert_int_equal(set_shmem(AT, 0, 1), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set_shmem(AT, 0, 1ull << 63), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set_shmem(UINT64_MAX, UINT64_MAX, 1), SBI_ERR_INVALID_PARAM);
    for (uint64_t bit = 1; bit < STEAL_BYTES; bit <<= 1) {
        assert_int_equal(set_shmem(AT | bit, 0, 0), SBI_ERR_INVALID_PARAM);
    }
    assert_int_equal(set_shmem(UINT64_MAX, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(set_shmem(AT, 1, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(set_shmem(AT, UINT64_MAX, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(set_shmem(0, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(set_shmem(0, UINT64_MAX, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(set_shmem(ENV_SHARED, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(set_shmem(ENV_RAM - STEAL_BYTES, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(set_shmem(-(uint64_t)STEAL_BYTES, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(fake.bytes_written, 0);
    assert_false(env_vcpu(0)->steal.on);
}

/* What is taken is cleared, all of it and nothing beside; what is refused keeps the old one. */
static void registers(void **state)
{
    const uint8_t *ram = fake_gpa(env.a, AT - 1, STEAL_BYTES + 2);

    (void)state;
    assert_int_equal(set_shmem(AT, 0, 0), 0);
    expect_told(AT, 0, 0, false);
    assert_int_equal(ram[0], MARKED);
    assert_int_equal(ram[STEAL_BYTES + 1], MARKED);
    assert_int_equal(set_shmem(ENV_SHARED, 0, 0), SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(set_shmem(OTHER | 8, 0, 0), SBI_ERR_INVALID_PARAM);
    steal_begin(env_vcpu(0));
    expect_told(AT, 2, 0, true);
    steal_end(env_vcpu(0));
    expect_told(AT, 4, 0, false);

    assert_int_equal(set_shmem(OTHER, 0, 0), 0);
    steal_begin(env_vcpu(0));
    pass(5);
    steal_end(env_vcpu(0));
    expect_told(OTHER, 4, 5, false);
    expect_told(AT, 4, 0, false);

    assert_int_equal(set_shmem(UINT64_MAX, UINT64_MAX, 0), 0);
    steal_begin(env_vcpu(0));
    assert_false(env_vcpu(0)->steal.withheld);
    expect_told(OTHER, 4, 5, false);
    assert_int_equal(set_shmem(UINT64_MAX, UINT64_MAX, 0), 0);
}

/* What the guest itself writes there is not believed. */
static void guest_writes(void **state)
{
    struct sta *s = fake_gpa(env.a, AT, sizeof(*s));

    (void)state;
    assert_int_equal(set_shmem(AT, 0, 0), 0);
    memset(s, 0xff, sizeof(*s));
    steal_begin(env_vcpu(0));
    pass(7);
    steal_end(env_vcpu(0));
    assert_int_equal(s->sequence, 4);
    assert_int_equal(s->steal, 7 * TICK);
    assert_int_equal(s->preempted, 0);
}

/* A pause steals from a vCPU that runs, once, however often its hart comes by meanwhile. */
static void pause_steals(void **state)
{
    struct vcpu *v = env_vcpu(0);

    (void)state;
    assert_int_equal(set_shmem(AT, 0, 0), 0);
    for (uint32_t round = 1; round <= 3; round++) {
        assert_true(comes_by());
        vm_is(VM_PAUSED);
        assert_false(comes_by());
        assert_false(vcpu_loaded(v));
        expect_told(AT, 4 * round - 2, (round - 1) * 1000, true);
        for (uint32_t i = 0; i < 3; i++) {
            uint64_t written = fake.bytes_written;

            pass(250);
            vcpu_irq_set(v, VCPU_IRQ_EXT, i % 2 == 0);
            assert_false(comes_by());
            assert_int_equal(fake.bytes_written, written);
        }
        pass(250);
        vm_is(VM_RUNNING);
        assert_true(comes_by());
        expect_told(AT, 4 * round, round * 1000, false);
        pass(100);
    }
}

/* Idle: in a WFI, suspended. Then nothing is stolen, nor written. */
static void idle_is_not_stolen(void **state)
{
    struct vcpu *v = env_vcpu(0);

    (void)state;
    assert_int_equal(set_shmem(AT, 0, 0), 0);
    fake_vcpu(v)->waits = true;
    vm_is(VM_PAUSED);
    assert_false(comes_by());
    pass(1000);
    vm_is(VM_RUNNING);
    assert_true(comes_by());
    expect_told(AT, 0, 0, false);
    fake_vcpu(v)->waits = false;

    vcpu_suspend_self(v, false, gpa(0), 0);
    vm_is(VM_PAUSED);
    assert_false(comes_by());
    pass(1000);
    expect_told(AT, 0, 0, false);

    /* What wakes it makes it want to run: from then on. */
    vcpu_request(v, VCPU_REQ_WAKE);
    assert_false(comes_by());
    expect_told(AT, 2, 0, true);
    pass(30);
    vm_is(VM_RUNNING);
    assert_true(comes_by());
    expect_told(AT, 4, 30, false);
}

/* Each vCPU has its own; one that nobody asked for costs nothing. */
static void one_each(void **state)
{
    (void)state;
    assert_int_equal(set_shmem(AT, 0, 0), 0);
    fake_vcpu_state(env_vcpu(1), VCPU_STARTED);
    steal_begin(env_vcpu(1));
    assert_false(env_vcpu(1)->steal.withheld);
    expect_told(AT, 0, 0, false);
    assert_int_equal(steal_tell(env_vcpu(1), gpa(OTHER)), ERR_OK);
    steal_begin(env_vcpu(1));
    expect_told(OTHER, 2, 0, true);
    expect_told(AT, 0, 0, false);
}

/* A hart that is started anew has told nobody where to write. */
static void ends_at_start(void **state)
{
    struct vcpu *v = env_vcpu(0);
    uint64_t written;

    (void)state;
    assert_int_equal(set_shmem(AT, 0, 0), 0);
    vm_is(VM_PAUSED);
    assert_false(comes_by());
    vm_is(VM_RUNNING);
    fake_vcpu_state(env_vcpu(1), VCPU_STARTED);
    vcpu_stop_self(v);
    written = fake.bytes_written;
    pass(99);
    assert_int_equal(vcpu_start(v, gpa(ENV_RAM), 0), ERR_OK);
    assert_true(comes_by());
    assert_false(v->steal.on);
    assert_false(v->steal.withheld);
    vm_is(VM_PAUSED);
    assert_false(comes_by());
    vm_is(VM_RUNNING);
    assert_true(comes_by());
    assert_int_equal(fake.bytes_written, written);
}

/* A VM that is stopped while it is paused: its RAM may be the next life's already. */
static void ends_at_stop(void **state)
{
    struct vcpu *v = env_vcpu(0);
    uint64_t written;

    (void)state;
    assert_int_equal(set_shmem(AT, 0, 0), 0);
    vm_is(VM_PAUSED);
    assert_false(comes_by());
    assert_true(v->steal.withheld);
    written = fake.bytes_written;
    vm_is(VM_STOPPING);
    vcpu_request(v, VCPU_REQ_STOP);
    assert_false(comes_by());
    assert_int_equal(fake.bytes_written, written);
    assert_false(v->steal.withheld);
    assert_false(comes_by());
    assert_int_equal(fake.bytes_written, written);
}

/* Ticks that do not divide a nanosecond, and years of them. */
static void nanoseconds(void **state)
{
    (void)state;
    machine.timebase_hz = 3000000;
    assert_int_equal(set_shmem(AT, 0, 0), 0);
    steal_begin(env_vcpu(0));
    pass(2);
    steal_end(env_vcpu(0));
    assert_int_equal(told(AT)->steal, 666);
    steal_begin(env_vcpu(0));
    pass(1);
    steal_end(env_vcpu(0));
    assert_int_equal(told(AT)->steal, 1000); /* nothing is lost by rounding */
    steal_begin(env_vcpu(0));
    pass(3000000ull * 86400 * 3650);
    steal_end(env_vcpu(0));
    assert_int_equal(told(AT)->steal, 86400ull * 3650 * 1000000000 + 1000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(arguments),     TEST(registers),          TEST(guest_writes),
        TEST(pause_steals),  TEST(idle_is_not_stolen), TEST(one_each),
        TEST(ends_at_start), TEST(ends_at_stop),       TEST(nanoseconds),
    };

    return cmocka_run_group_tests_name("steal", tests, NULL, NULL);
}
