/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_susp.c sbi/ext_dbcn.c sbi/legacy.c core/vcpu.c
 *       core/runqueue.c core/budget.c core/hart.c core/sched.c core/timer.c
 *       core/memmap.c core/guest_copy.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c tests/unit/sbi_env.c sbi/ext_sse.c
 *       sbi/ext_fwft.c core/sse.c sbi/ext_pmu.c core/pmu.c sbi/ext_sta.c sbi/ext_dbtr.c
 *       core/steal.c */
/* TSAN */
/*
 * Harts as threads, each with a guest that calls SBI: no IPI and no wake-up is lost, a remote fence
 * has happened wherever its caller may rely on it, and nobody waits for ever, whoever fences whom.
 */
#include "core/power_commit.h"
#include "core/sched.h"
#include "tests/unit/sbi_env.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ROUNDS 1000u

static pthread_barrier_t barrier;
static _Atomic uint32_t finished;

/* What was sent to each vCPU, and what of it its guest had heard of when it last looked. */
static _Atomic uint32_t sent[ENV_VCPUS];
static uint32_t heard[ENV_VCPUS];

/* A page table of one entry, what each vCPU has cached of it, and what must no longer be cached. */
static _Atomic uint32_t entry, oldest;
static uint32_t cached[ENV_VCPUS];

/* Not reached: no work but timers is posted. */
_Noreturn void power_commit_hart(void)
{
    abort();
}

/*
 * Hands the processor on, where another hart could do harm: after requests were taken and before
 * the mode says so, and in the middle of the guest. Two processors alone would rarely meet there.
 */
static void elsewhere(uint32_t chance)
{
    static _Thread_local uint32_t seed = 1;

    seed = seed * 1103515245 + 12345;
    if ((seed >> 16) % chance == 0) {
        (void)sched_yield();
    }
}

static void on_fence(struct vcpu *v)
{
    cached[v->index] = atomic_load(&entry);
    elsewhere(4);
}

static void on_wait(struct hart *hart)
{
    while (!atomic_load(&fake_hart(hart->index)->kicked)) {
        (void)sched_yield();
    }
}

static void setup(void)
{
    env_init();
    fake.on_fence = on_fence;
    fake.on_wait = on_wait;
    atomic_store(&finished, 0);
    atomic_store(&entry, 0);
    atomic_store(&oldest, 0);
    for (uint32_t i = 0; i < ENV_VCPUS; i++) {
        fake_vcpu_state(env_vcpu(i), VCPU_STARTED);
        timer_queue_init(&env_vcpu(i)->hart->timers);
        atomic_store(&sent[i], 0);
        heard[i] = 0;
        cached[i] = 0;
    }
}

/* The guest executes: nothing stale may be in use, and interrupts are taken. */
static void guest_step(struct vcpu *v)
{
    struct fake_vcpu *f = fake_vcpu(v);

    elsewhere(8);
    if ((int32_t)(cached[v->index] - atomic_load(&oldest)) < 0) {
        abort();
    }
    if (f->soft_pending) {
        f->soft_pending = false;
        heard[v->index] = atomic_load(&sent[v->index]);
    }
}

/* An exit that a kick causes, if there is one; then back into the guest. */
static void kicked_out(struct vcpu *v)
{
    if (atomic_exchange(&fake_hart(v->hart->index)->kicked, false)) {
        sched_exited(v->hart);
        (void)sched_next(v->hart);
    }
}

/* In the guest before and after. Returns what the guest gets in a0. */
static int64_t guest_call(struct vcpu *v, uint64_t eid, uint64_t fid, uint64_t mask)
{
    uint64_t a[8] = {mask, 0, 0x1000, 0x2000, 0, 0, fid, eid};

    if (!sbi_fast(v, a)) {
        sched_exited(v->hart);
        sbi_call(v, a);
        (void)sched_next(v->hart);
    }
    return (int64_t)a[0];
}

static void send(struct vcpu *v, uint64_t mask)
{
    for (uint32_t i = 0; i < ENV_VCPUS; i++) {
        if ((mask >> i & 1) != 0) {
            atomic_fetch_add(&sent[i], 1);
        }
    }
    if (guest_call(v, SBI_EXT_IPI, SBI_IPI_SEND_IPI, mask) != 0) {
        abort();
    }
}

/* Changes the entry, fences everybody, and only then relies on it. */
static void remap(struct vcpu *v)
{
    uint32_t mine = atomic_fetch_add(&entry, 1) + 1;
    uint32_t old = atomic_load(&oldest);

    if (guest_call(v, SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, (1u << ENV_VCPUS) - 1) != 0) {
        abort();
    }
    while ((int32_t)(mine - old) > 0 && !atomic_compare_exchange_weak(&oldest, &old, mine)) {
    }
}

static void *storm(void *arg)
{
    struct vcpu *v = arg;
    uint32_t seed = 12345 + v->index * 7919;

    fake_become(v->hart);
    atomic_store(&v->hart->mode, HART_HYP);
    (void)pthread_barrier_wait(&barrier);
    (void)sched_next(v->hart);
    for (uint32_t n = 0; n < ROUNDS; n++) {
        seed = seed * 1103515245 + 12345;
        guest_step(v);
        if ((seed >> 16 & 3) == 0) {
            remap(v);
        } else {
            send(v, seed >> 20 & 15);
        }
        guest_step(v);
        kicked_out(v);
    }
    atomic_fetch_add(&finished, 1);
    while (atomic_load(&finished) < ENV_VCPUS) {
        guest_step(v);
        kicked_out(v);
    }
    kicked_out(v);
    guest_step(v);
    return NULL;
}

static void run(void *(*body)(void *), uint32_t threads)
{
    pthread_t t[ENV_VCPUS];

    (void)pthread_barrier_init(&barrier, NULL, threads);
    for (uint32_t i = 0; i < threads; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, body, env_vcpu(i)), 0);
    }
    for (uint32_t i = 0; i < threads; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
    }
    (void)pthread_barrier_destroy(&barrier);
}

static void nothing_lost_in_a_storm(void **state)
{
    (void)state;
    setup();
    run(storm, ENV_VCPUS);
    for (uint32_t i = 0; i < ENV_VCPUS; i++) {
        assert_int_equal(heard[i], atomic_load(&sent[i]));
        assert_true(atomic_load(&sent[i]) > 0);
        assert_int_equal(atomic_load(&env_vcpu(i)->fence_done),
                         atomic_load(&env_vcpu(i)->fence_posted));
    }
    env_end();
}

/* Each sleeps until the other's IPI and answers it: one wake-up lost, and both sleep for ever. */
static void *ping_pong(void *arg)
{
    struct vcpu *v = arg;
    struct fake_vcpu *f = fake_vcpu(v);

    fake_become(v->hart);
    atomic_store(&v->hart->mode, HART_HYP);
    (void)pthread_barrier_wait(&barrier);
    (void)sched_next(v->hart);
    for (uint32_t n = 0; n < ROUNDS; n++) {
        if (v->index == 0) {
            send(v, 2);
        }
        while (!f->soft_pending) {
            if (guest_call(v, SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE) != 0) {
                abort();
            }
        }
        f->soft_pending = false;
        if (v->index == 1) {
            send(v, 1);
        }
    }
    return NULL;
}

static void no_wake_up_lost(void **state)
{
    (void)state;
    setup();
    run(ping_pong, 2);
    assert_int_equal(atomic_load(&sent[0]), ROUNDS);
    assert_int_equal(atomic_load(&sent[1]), ROUNDS);
    env_end();
}

/* ---- software events ------------------------------------------------------------------------- */

static void guest_sse(struct vcpu *v, uint64_t fid, uint64_t a0, uint64_t a1)
{
    uint64_t a[8] = {a0, a1, 0, 0, 0, 0, fid, SBI_EXT_SSE};

    sched_exited(v->hart);
    sbi_call(v, a);
    (void)sched_next(v->hart);
    if ((int64_t)a[0] != 0) {
        abort();
    }
}

/* A thread becomes v's hart. */
static void enter_guest(struct vcpu *v)
{
    fake_become(v->hart);
    atomic_store(&v->hart->mode, HART_HYP);
    (void)sched_next(v->hart);
}

/*
 * Each sleeps until the other's event; the handler runs as soon as the hart goes on, and ends with
 * an event for the other. One that is lost, and both sleep for ever.
 */
static void *event_ping_pong(void *arg)
{
    struct vcpu *v = arg;
    struct fake_vcpu *f = fake_vcpu(v);
    uint32_t handled = 0;

    enter_guest(v);
    guest_sse(v, SBI_SSE_REGISTER, SBI_SSE_LOCAL_SOFTWARE, 0x1000);
    guest_sse(v, SBI_SSE_ENABLE, SBI_SSE_LOCAL_SOFTWARE, 0);
    guest_sse(v, SBI_SSE_HART_UNMASK, 0, 0);
    (void)pthread_barrier_wait(&barrier);
    if (v->index == 0) {
        guest_sse(v, SBI_SSE_INJECT, SBI_SSE_LOCAL_SOFTWARE, 1);
    }
    while (handled < ROUNDS) {
        elsewhere(4);
        kicked_out(v);
        while (f->events == handled) {
            if (guest_call(v, SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE) != 0) {
                abort();
            }
        }
        handled++;
        guest_sse(v, SBI_SSE_COMPLETE, 0, 0);
        if (v->index == 1 || handled < ROUNDS) {
            guest_sse(v, SBI_SSE_INJECT, SBI_SSE_LOCAL_SOFTWARE, 1 - v->index);
        }
    }
    return NULL;
}

static void no_event_lost(void **state)
{
    (void)state;
    setup();
    run(event_ping_pong, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(fake_vcpu(env_vcpu(i))->events, ROUNDS);
        assert_int_equal(fake_vcpu(env_vcpu(i))->event_ends, ROUNDS);
    }
    env_end();
}

static uint32_t taken_by(uint32_t i)
{
    return fake_vcpu(env_vcpu(i))->events;
}

/* The global event, raised by vCPU 0, is taken by others that mask and unmask all the time: each
 * time once. */
static void *event_hunters(void *arg)
{
    struct vcpu *v = arg;
    struct fake_vcpu *f = fake_vcpu(v);
    uint32_t handled = 0;

    enter_guest(v);
    (void)pthread_barrier_wait(&barrier);
    if (v->index == 0) {
        guest_sse(v, SBI_SSE_REGISTER, SBI_SSE_GLOBAL_SOFTWARE, 0x1000);
        guest_sse(v, SBI_SSE_ENABLE, SBI_SSE_GLOBAL_SOFTWARE, 0);
        for (uint32_t n = 0; n < ROUNDS; n++) {
            guest_sse(v, SBI_SSE_INJECT, SBI_SSE_GLOBAL_SOFTWARE, 0);
            while (atomic_load(&finished) <= n) {
                (void)sched_yield();
            }
        }
        return NULL;
    }
    while (atomic_load(&finished) < ROUNDS) {
        guest_sse(v, SBI_SSE_HART_UNMASK, 0, 0);
        elsewhere(2);
        kicked_out(v);
        if (f->events != handled) {
            handled++;
            guest_sse(v, SBI_SSE_COMPLETE, 0, 0);
            atomic_fetch_add(&finished, 1);
        }
        guest_sse(v, SBI_SSE_HART_MASK, 0, 0);
        if (f->events != handled) {
            abort(); /* it did not take one while it was masked */
        }
    }
    return NULL;
}

static void taken_once(void **state)
{
    (void)state;
    setup();
    run(event_hunters, ENV_VCPUS);
    assert_int_equal(taken_by(0), 0);
    assert_int_equal(taken_by(1) + taken_by(2) + taken_by(3), ROUNDS);
    env_end();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_lost_in_a_storm),
        cmocka_unit_test(no_wake_up_lost),
        cmocka_unit_test(no_event_lost),
        cmocka_unit_test(taken_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
