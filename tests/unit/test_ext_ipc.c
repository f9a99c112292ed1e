/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/ext_ipc.c core/ipc.c core/channel.c core/shmem.c core/virq.c core/memmap.c
 *       core/guest_copy.c core/ram.c tests/unit/ipc_env.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c libfdt */
/* IPC as guests call it: every error of docs/abi.md in its order, a1 defined, fast as general. */
#include "tests/unit/ipc_env.h"

#include "sbi/sbi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING   8192u
#define POISON 0xdeadbeefcafef00dull

/* What sbi.c names and these tests do not call. */
static struct sbi_ret nothing(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    (void)v;
    (void)fid;
    (void)a;
    abort();
}

const struct sbi_ext sbi_ext_base = {SBI_EXT_BASE, nothing, NULL};
const struct sbi_ext sbi_ext_time = {SBI_EXT_TIME, nothing, NULL};
const struct sbi_ext sbi_ext_ipi = {SBI_EXT_IPI, nothing, NULL};
const struct sbi_ext sbi_ext_rfence = {SBI_EXT_RFENCE, nothing, NULL};
const struct sbi_ext sbi_ext_hsm = {SBI_EXT_HSM, nothing, NULL};
const struct sbi_ext sbi_ext_srst = {SBI_EXT_SRST, nothing, NULL};
const struct sbi_ext sbi_ext_susp = {SBI_EXT_SUSP, nothing, NULL};
const struct sbi_ext sbi_ext_dbcn = {SBI_EXT_DBCN, nothing, NULL};
const struct sbi_ext sbi_ext_sse = {SBI_EXT_SSE, nothing, NULL};
const struct sbi_ext sbi_ext_fwft = {SBI_EXT_FWFT, nothing, NULL};
const struct sbi_ext sbi_ext_pmu = {SBI_EXT_PMU, nothing, NULL};
const struct sbi_ext sbi_ext_sta = {SBI_EXT_STA, nothing, NULL};
const struct sbi_ext sbi_ext_dbtr = {SBI_EXT_DBTR, nothing, NULL};
const struct sbi_ext sbi_ext_pwr = {CURIA_EXT_PWR, nothing, NULL};
const struct sbi_ext sbi_ext_vmm = {CURIA_EXT_VMM, nothing, NULL};

void sbi_legacy(struct vcpu *v, uint64_t a[8])
{
    (void)v;
    (void)a;
    abort();
}

bool sbi_legacy_offers(uint64_t eid)
{
    (void)eid;
    return false;
}

bool sbi_rfence_fast(struct vcpu *v, uint64_t a[8])
{
    (void)v;
    (void)a;
    abort();
}

bool sbi_ipi_fast(struct vcpu *v, uint64_t a[8])
{
    (void)v;
    (void)a;
    abort();
}

static int setup(void **state)
{
    (void)state;
    env_begin();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    env_end();
    return 0;
}

static struct sbi_ret call(uint32_t vm, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                           uint64_t a3)
{
    uint64_t a[8] = {a0, a1, a2, a3, POISON, POISON, fid, CURIA_EXT_IPC};
    struct vcpu *v = env.vm[vm]->vcpus[0];

    fake_become(v->hart);
    sbi_call(v, a);
    assert_true(a[2] == a2 && a[3] == a3 && a[4] == POISON && a[5] == POISON);
    return (struct sbi_ret){(int64_t)a[0], a[1]};
}

static void fails(int64_t error, struct sbi_ret r)
{
    assert_int_equal(r.error, error);
    assert_int_equal(r.value, 0);
}

#define UP 0x100000000ull /* nothing may look at the lower half alone */

static void test_count(void **state)
{
    struct sbi_ret r = call(B, CURIA_IPC_COUNT, POISON, POISON, POISON, POISON);

    (void)state;
    assert_int_equal(r.error, SBI_SUCCESS);
    assert_int_equal(r.value, 2);
    fails(SBI_ERR_NOT_SUPPORTED, call(B, 6, 0, 0, 0, 0));
    fails(SBI_ERR_NOT_SUPPORTED, call(B, UP, 0, 0, 0, 0));
    assert_true(sbi_offers(env.vm[B]->vcpus[0], CURIA_EXT_IPC));
}

static void test_mailbox(void **state)
{
    struct guest_box box;

    (void)state;
    box_prepare(&box, B, 0, ENV_MBOX, RING);
    fails(SBI_ERR_INVALID_PARAM, call(B, CURIA_IPC_MAILBOX_SET, 2, ENV_MBOX, 1, RING));
    fails(SBI_ERR_INVALID_PARAM, call(B, CURIA_IPC_MAILBOX_SET, UP, ENV_MBOX, 0, RING));
    fails(SBI_ERR_INVALID_ADDRESS, call(B, CURIA_IPC_MAILBOX_SET, 0, ENV_MBOX, 1, RING));
    fails(SBI_ERR_INVALID_PARAM, call(B, CURIA_IPC_MAILBOX_SET, 0, ENV_MBOX + 4, 0, RING));
    fails(SBI_ERR_INVALID_PARAM, call(B, CURIA_IPC_MAILBOX_SET, 0, ENV_MBOX, 0, RING + UP));
    fails(SBI_ERR_INVALID_PARAM, call(B, CURIA_IPC_MAILBOX_SET, 0, ENV_MBOX, 0, 4096));
    fails(SBI_ERR_INVALID_ADDRESS, call(B, CURIA_IPC_MAILBOX_SET, 0, 0x1000, 0, RING));
    fails(SBI_ERR_INVALID_PARAM, call(B, CURIA_IPC_MAILBOX_SET, 0, ENV_MBOX, 0, 2 * RING));
    fake.share_budget = 0;
    fails(SBI_ERR_FAILED, call(B, CURIA_IPC_MAILBOX_SET, 0, ENV_MBOX, 0, RING));
    fake.share_budget = 4;
    fails(SBI_ERR_INVALID_STATE, call(B, CURIA_IPC_MAILBOX_CLEAR, 0, 0, 0, 0));
    fails(SBI_ERR_INVALID_STATE, call(B, CURIA_IPC_MAILBOX_ROOM, 0, 0, 0, 0));
    fails(SBI_SUCCESS, call(B, CURIA_IPC_MAILBOX_SET, 0, ENV_MBOX, 0, RING));
    fails(SBI_ERR_ALREADY_AVAILABLE, call(B, CURIA_IPC_MAILBOX_SET, 0, ENV_MBOX, 0, RING));
    fails(SBI_SUCCESS, call(B, CURIA_IPC_MAILBOX_ROOM, 0, POISON, POISON, POISON));
    fails(SBI_ERR_INVALID_PARAM, call(B, CURIA_IPC_MAILBOX_ROOM, UP, 0, 0, 0));
    fails(SBI_ERR_INVALID_PARAM, call(B, CURIA_IPC_MAILBOX_CLEAR, UP, 0, 0, 0));
    fails(SBI_SUCCESS, call(B, CURIA_IPC_MAILBOX_CLEAR, 0, 0, 0, 0));
}

static void test_send(void **state)
{
    struct guest_box box;
    uint8_t got[IPC_MESSAGE_MAX];

    (void)state;
    fails(SBI_ERR_INVALID_STATE, call(A, CURIA_IPC_SEND, 0, ENV_BUF, 0, 8));
    box_open(&box, B, 0, RING);
    fails(SBI_ERR_INVALID_PARAM, call(A, CURIA_IPC_SEND, 1, ENV_BUF, 1, 8));
    fails(SBI_ERR_INVALID_PARAM, call(A, CURIA_IPC_SEND, UP, ENV_BUF, 0, 8));
    fails(SBI_ERR_INVALID_ADDRESS, call(A, CURIA_IPC_SEND, 0, ENV_BUF, 1, 8));
    fails(SBI_ERR_DENIED, call(C, CURIA_IPC_SEND, 0, ENV_BUF, 0, 0));
    fails(SBI_ERR_INVALID_PARAM, call(A, CURIA_IPC_SEND, 0, 0, 0, 0));
    fails(SBI_ERR_INVALID_PARAM, call(A, CURIA_IPC_SEND, 0, 0, 0, 4097));
    fails(SBI_ERR_INVALID_PARAM, call(A, CURIA_IPC_SEND, 0, ENV_BUF, 0, UP + 8));
    fails(SBI_ERR_INVALID_ADDRESS, call(A, CURIA_IPC_SEND, 0, 0, 0, 8));
    fails(SBI_ERR_INVALID_ADDRESS, call(A, CURIA_IPC_SEND, 0, UINT64_MAX, 0, 2));
    fails(SBI_SUCCESS, call(A, CURIA_IPC_SEND, 0, ENV_BUF, 0, 4096));
    assert_int_equal(box_read(&box, got), 4096);
    fails(SBI_SUCCESS, call(A, CURIA_IPC_SEND, 0, ENV_BUF, 0, 4096));
    fails(SBI_ERR_TIMEOUT, call(A, CURIA_IPC_SEND, 0, ENV_BUF, 0, 4096));
    fails(SBI_SUCCESS, call(A, CURIA_IPC_SEND, 0, ENV_BUF, 0, 4072));
}

/* By the general path, by the dispatcher's fast one, and by its part here. */
static void notify(int64_t error, uint32_t vm, uint64_t end, uint64_t bits)
{
    bool (*const fast[])(struct vcpu *, uint64_t *) = {sbi_fast, sbi_ipc_fast};

    fails(error, call(vm, CURIA_IPC_NOTIFY, end, bits, 0, 0));
    for (uint32_t i = 0; i < ARRAY_SIZE(fast); i++) {
        uint64_t a[8] = {end, bits, 1, 2, 3, 4, CURIA_IPC_NOTIFY, CURIA_EXT_IPC};

        assert_true(fast[i](env.vm[vm]->vcpus[0], a));
        assert_int_equal((int64_t)a[0], error);
        assert_int_equal(a[1], 0);
        assert_int_equal(a[2] + a[3] + a[4] + a[5], 10);
    }
}

static void test_notify(void **state)
{
    struct guest_box box;
    uint64_t other[8] = {0, 0, 0, 0, 0, 0, CURIA_IPC_COUNT, CURIA_EXT_IPC};

    (void)state;
    notify(SBI_ERR_INVALID_STATE, A, 0, 1);
    box_open(&box, B, 0, RING);
    notify(SBI_ERR_INVALID_PARAM, A, 1, 1);
    notify(SBI_ERR_INVALID_PARAM, A, UP, 1);
    notify(SBI_ERR_DENIED, C, 0, 0);
    notify(SBI_ERR_INVALID_PARAM, A, 0, 0);
    (void)env_pulses(B, 0);
    notify(SBI_SUCCESS, A, 0, UP);
    assert_int_equal(env_pulses(B, 0), 3);
    assert_true(atomic_load(&box.header->doorbell) == UP);
    /* untouched, for the general path */
    assert_false(sbi_fast(env.vm[A]->vcpus[0], other));
    assert_false(sbi_ipc_fast(env.vm[A]->vcpus[0], other));
    assert_int_equal(other[6], CURIA_IPC_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mailbox, setup, teardown),
        cmocka_unit_test_setup_teardown(test_send, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notify, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
