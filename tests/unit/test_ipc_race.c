/* SPDX-License-Identifier: BSD-2-Clause */
/* TSAN */
/* LINK: core/ipc.c core/channel.c core/shmem.c core/virq.c core/memmap.c core/guest_copy.c
 *       core/ram.c tests/unit/ipc_env.c tests/unit/fake_arch.c tests/unit/fake_core.c libfdt */
/*
 * Harts at it at once: messages in order and whole through a ring that is always full, no wake-up
 * lost; and senders and ringers against an owner that closes its mailbox, stops and starts anew:
 * once it is closed, nobody writes there.
 */
#include "tests/unit/ipc_env.h"

#include "core/ipc.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING     8192u
#define MESSAGES 1000u
#define LIVES    40u
#define PATIENCE 20000000u /* looks at an event that should have come */

static _Atomic bool over;

static void as_hart(uint32_t vm)
{
    fake_become(env.vm[vm]->vcpus[0]->hart);
}

/* ---- a ring that is always full -------------------------------------------------------------- */

static uint32_t length_of(uint32_t n)
{
    return 4 + n * 2654435761u % (IPC_MESSAGE_MAX - 3);
}

static void *sender(void *arg)
{
    struct guest_box *own = arg;
    uint8_t data[IPC_MESSAGE_MAX];

    as_hart(A);
    for (uint32_t n = 0; n < MESSAGES; n++) {
        memset(data, (int)(n & 0xff), sizeof(data));
        memcpy(data, &n, sizeof(n));
        while (env_send(A, 0, data, length_of(n)) == ERR_BUSY) {
            uint32_t looks = 0;

            while ((box_events(own) & MAILBOX_EV_ROOM) == 0) {
                if (++looks > PATIENCE) {
                    abort(); /* nobody tells of room */
                }
                (void)sched_yield();
            }
        }
    }
    return NULL;
}

static void test_order_and_room(void **state)
{
    struct guest_box a, b;
    uint8_t got[IPC_MESSAGE_MAX];
    pthread_t thread;

    (void)state;
    env_begin();
    box_open(&a, A, 0, RING);
    box_open(&b, B, 0, RING);
    (void)box_events(&a);
    as_hart(B);
    assert_int_equal(pthread_create(&thread, NULL, sender, &a), 0);
    for (uint32_t n = 0; n < MESSAGES; n++) {
        uint32_t len, number;

        while ((len = box_read(&b, got)) == 0) {
            (void)sched_yield();
        }
        memcpy(&number, got, sizeof(number));
        assert_int_equal(number, n);
        assert_int_equal(len, length_of(n));
        for (uint32_t i = 4; i < len; i++) {
            assert_int_equal(got[i], n & 0xff);
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    env_end();
}

/* ---- room that comes just when the sender looks ---------------------------------------------- */

#define ROUNDS 20000u

static void *big_sender(void *arg)
{
    struct guest_box *own = arg;

    as_hart(A);
    for (uint32_t n = 0; n < ROUNDS; n++) {
        while (ipc_send(env.vm[A], 0, gpa(ENV_BUF), IPC_MESSAGE_MAX) == ERR_BUSY) {
            uint32_t looks = 0;

            while ((box_events(own) & MAILBOX_EV_ROOM) == 0) {
                if (++looks > PATIENCE) {
                    abort();
                }
                if (looks > 1000) {
                    (void)sched_yield();
                }
            }
        }
    }
    return NULL;
}

/* One message fits, so a wake-up that is lost is not made up for by the next one. */
static void test_room_is_not_missed(void **state)
{
    struct guest_box a, b;
    pthread_t thread;

    (void)state;
    env_begin();
    box_open(&a, A, 0, RING);
    box_open(&b, B, 0, RING);
    (void)box_events(&a);
    as_hart(B);
    assert_int_equal(pthread_create(&thread, NULL, big_sender, &a), 0);
    for (uint32_t n = 0; n < ROUNDS; n++) {
        uint32_t looks = 0;

        while (atomic_load_explicit(&b.header->head, memory_order_acquire) == b.tail) {
            if (++looks > 1000) {
                (void)sched_yield();
            }
        }
        b.tail += 8 + IPC_MESSAGE_MAX;
        (void)atomic_exchange(&b.header->tail, b.tail);
        if ((atomic_load(&b.header->want) & MAILBOX_WANT_ROOM) != 0) {
            assert_int_equal(ipc_mailbox_room(env.vm[B], 0), ERR_OK);
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    env_end();
}

/* ---- a ringer in the middle of it ------------------------------------------------------------ */

static _Atomic bool inside, closed;
static pthread_t closer_thread;

static void *closer(void *arg)
{
    (void)arg;
    as_hart(B);
    if (ipc_mailbox_clear(env.vm[B], 0) != ERR_OK) {
        abort();
    }
    atomic_store(&closed, true);
    return NULL;
}

static void in_pulse(void)
{
    env.on_pulse = NULL;
    atomic_store(&inside, true);
    if (pthread_create(&closer_thread, NULL, closer, NULL) != 0) {
        abort();
    }
    for (uint32_t i = 0; i < 2000; i++) {
        (void)sched_yield();
        assert_false(atomic_load(&closed)); /* the page would be gone under us */
    }
}

static void test_close_waits(void **state)
{
    struct guest_box b;

    (void)state;
    env_begin();
    as_hart(A);
    box_open(&b, B, 0, RING);
    env.on_pulse = in_pulse;
    assert_int_equal(ipc_notify(env.vm[A], 0, 1), ERR_OK);
    assert_true(atomic_load(&inside));
    assert_int_equal(pthread_join(closer_thread, NULL), 0);
    assert_int_equal(ipc_notify(env.vm[A], 0, 1), ERR_STATE);
    assert_int_equal(fake.shares, 0);
    env_end();
}

/* ---- against an owner that comes and goes ---------------------------------------------------- */

static void *ringer(void *arg)
{
    (void)arg;
    as_hart(A);
    while (!atomic_load(&over)) {
        enum err e = ipc_notify(env.vm[A], 0, 1);

        if (e != ERR_OK && e != ERR_STATE) {
            abort();
        }
        (void)sched_yield(); /* a host's thread that spins keeps the one it waits for away */
    }
    return NULL;
}

static void *talker(void *arg)
{
    uint8_t data[200];

    (void)arg;
    as_hart(A);
    memset(data, 1, sizeof(data));
    memcpy(fake_gpa(env.vm[A], ENV_BUF, sizeof(data)), data, sizeof(data));
    while (!atomic_load(&over)) {
        enum err e = ipc_send(env.vm[A], 0, gpa(ENV_BUF), sizeof(data));

        if (e != ERR_OK && e != ERR_STATE && e != ERR_BUSY) {
            abort();
        }
        (void)sched_yield(); /* a host's thread that spins keeps the one it waits for away */
    }
    return NULL;
}

/* b's other hart, which takes the same mailbox for its own. */
static void *rival(void *arg)
{
    (void)arg;
    as_hart(C);
    while (!atomic_load(&over)) {
        enum err e = ipc_mailbox_room(env.vm[B], 0);
        struct ipc_stats stats;

        if ((e != ERR_OK && e != ERR_STATE) || ipc_end_stats(env.vm[B], 0, &stats) == NULL) {
            abort();
        }
        (void)sched_yield(); /* a host's thread that spins keeps the one it waits for away */
    }
    return NULL;
}

static void closed_page_stays(struct guest_box *b)
{
    /* What is not under way any more cannot write, and needs no atomics to be overwritten. */
    memset(fake_gpa(env.vm[B], b->base, PAGE_SIZE), 0xee, PAGE_SIZE);
    memset(fake_gpa(env.vm[B], b->base + PAGE_SIZE, RING), 0xee, RING);
    (void)env_pulses(B, 0);
    for (uint32_t i = 0; i < 20; i++) {
        (void)sched_yield();
    }
    assert_int_equal(env_pulses(B, 0), 0);
    for (uint32_t i = 0; i < PAGE_SIZE + RING; i++) {
        assert_int_equal(*(uint8_t *)fake_gpa(env.vm[B], b->base + i, 1), 0xee);
    }
}

static void test_comes_and_goes(void **state)
{
    void *(*const roles[])(void *) = {ringer, talker, rival};
    pthread_t threads[ARRAY_SIZE(roles)];
    struct guest_box b;
    uint8_t got[IPC_MESSAGE_MAX];
    uint32_t received = 0;

    (void)state;
    env_begin();
    as_hart(B);
    atomic_store(&over, false);
    for (uint32_t i = 0; i < ARRAY_SIZE(roles); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, roles[i], NULL), 0);
    }
    for (uint32_t life = 0; life < LIVES; life++) {
        box_open(&b, B, 0, RING);
        /* in some lives until something came, in the others no matter what is under way */
        for (uint32_t i = 0; i < (life % 4 == 0 ? PATIENCE : 20); i++) {
            if (box_read(&b, got) != 0) {
                received++;
                break;
            }
            (void)sched_yield();
        }
        if (life % 2 == 0) {
            assert_int_equal(ipc_mailbox_clear(env.vm[B], 0), ERR_OK);
            closed_page_stays(&b);
        } else {
            ipc_vm_stopped(env.vm[B]);
            closed_page_stays(&b);
            env_start(B);
        }
    }
    atomic_store(&over, true);
    for (uint32_t i = 0; i < ARRAY_SIZE(roles); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_true(received >= LIVES / 4);
    env_end();
}

/* ---- two VMs start at once ------------------------------------------------------------------- */

static void *starter(void *arg)
{
    volatile uint8_t *map;

    (void)arg;
    as_hart(B);
    env_start(B);
    map = fake_gpa(env.vm[B], ENV_MAP_B, ENV_MAP_SIZE);
    for (uint32_t i = 0; i < ENV_MAP_SIZE; i++) {
        if (map[i] != 0) {
            abort(); /* runs, and sees what is not zeroed yet */
        }
    }
    return NULL;
}

static void test_region_zeroed_once(void **state)
{
    (void)state;
    env_begin();
    as_hart(A);
    for (uint32_t n = 0; n < 40; n++) {
        pthread_t thread;

        ipc_vm_stopped(env.vm[A]);
        ipc_vm_stopped(env.vm[B]);
        memset(fake_gpa(env.vm[A], ENV_MAP_A, ENV_MAP_SIZE), 0x77, ENV_MAP_SIZE);
        assert_int_equal(pthread_create(&thread, NULL, starter, NULL), 0);
        env_start(A);
        assert_int_equal(*(uint8_t *)fake_gpa(env.vm[A], ENV_MAP_A + ENV_MAP_SIZE - 1, 1), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    env_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_room),     cmocka_unit_test(test_room_is_not_missed),
        cmocka_unit_test(test_close_waits),        cmocka_unit_test(test_comes_and_goes),
        cmocka_unit_test(test_region_zeroed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
