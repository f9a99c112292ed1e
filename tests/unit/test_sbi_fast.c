/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_susp.c sbi/ext_dbcn.c sbi/legacy.c core/vcpu.c
 *       core/hart.c core/memmap.c core/guest_copy.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c tests/unit/sbi_env.c sbi/ext_sse.c sbi/ext_fwft.c core/sse.c
 *       sbi/ext_pmu.c core/pmu.c sbi/ext_sta.c sbi/ext_dbtr.c core/steal.c */
/*
 * The fast and the general path agree: each call is made on either, from the same state, and both
 * must leave the same registers and the same world behind. Where the fast path declines, it has
 * done nothing at all.
 */
#include "tests/unit/sbi_env.h"

#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct vcpu_world {
    uint32_t state, lines, requests, softs, fences, queued, set_timers;
    bool soft_pending;
    uint64_t timer;
    struct fence last, first_queued;
    uint32_t kicks;
};

/* Everything that a call could change, padding zeroed. */
struct world {
    uint64_t a[8];
    struct vcpu_world vcpu[ENV_VCPUS];
    uint64_t out_len, notify_end, notify_bits, read, written;
    uint32_t srsts, notifies, own_calls, left;
};

static void fence_copy(struct fence *to, const struct fence *from)
{
    to->kind = from->kind;
    to->start = from->start;
    to->size = from->size;
    to->asid = from->asid;
}

static void look(struct world *w, const uint64_t a[8])
{
    memset(w, 0, sizeof(*w));
    memcpy(w->a, a, sizeof(w->a));
    for (uint32_t i = 0; i < ENV_VCPUS; i++) {
        struct vcpu *v = env_vcpu(i);
        struct fake_vcpu *f = fake_vcpu(v);
        struct vcpu_world *o = &w->vcpu[i];

        o->state = atomic_load(&v->state);
        o->lines = atomic_load(&v->irq_lines);
        o->requests = atomic_load(&v->requests);
        o->softs = f->softs;
        o->soft_pending = f->soft_pending;
        o->fences = f->fence_total;
        o->queued = v->fence_count;
        o->set_timers = f->set_timers;
        o->timer = f->timer;
        o->kicks = atomic_load(&fake_hart(i)->kicks);
        if (f->fence_total > 0) {
            fence_copy(&o->last, &f->fences_seen[f->fence_total - 1]);
        }
        if (v->fence_count > 0) {
            fence_copy(&o->first_queued, &v->fences[0]);
        }
    }
    w->out_len = env.out_len;
    w->notify_end = env.notify_end;
    w->notify_bits = env.notify_bits;
    w->read = fake.bytes_read;
    w->written = fake.bytes_written;
    w->srsts = env.srsts;
    w->notifies = env.notifies;
    w->own_calls = env.own_calls;
    w->left = env.left;
}

/* vCPU caller calls; 1 runs on another hart, 2 sleeps, 3 is stopped. */
static void begin(uint32_t caller, enum hart_mode mode)
{
    env_init();
    fake_vcpu_state(env_vcpu(1), VCPU_STARTED);
    fake_vcpu_state(env_vcpu(2), VCPU_SUSPENDED);
    for (uint32_t i = 0; i < ENV_VCPUS; i++) {
        atomic_store(&env_vcpu(i)->hart->mode, HART_IDLE);
    }
    atomic_store(&env_vcpu(caller)->hart->mode, mode);
    fake_become(env_vcpu(caller)->hart);
    env.notify_result = ERR_STATE;
}

static bool compare(uint32_t caller, const uint64_t call[8])
{
    struct world before, fast, general;
    uint64_t a[8];
    bool took;

    begin(caller, HART_GUEST);
    memcpy(a, call, sizeof(a));
    look(&before, a);
    took = sbi_fast(env_vcpu(caller), a);
    look(&fast, a);
    env_end();

    if (!took) {
        assert_memory_equal(&before, &fast, sizeof(before));
        return false;
    }
    begin(caller, HART_HYP);
    memcpy(a, call, sizeof(a));
    sbi_call(env_vcpu(caller), a);
    look(&general, a);
    env_end();
    assert_memory_equal(&fast, &general, sizeof(fast));
    return true;
}

static const uint64_t eids[] = {
    SBI_EXT_BASE,
    SBI_EXT_TIME,
    SBI_EXT_IPI,
    SBI_EXT_RFENCE,
    SBI_EXT_HSM,
    SBI_EXT_SRST,
    SBI_EXT_DBCN,
    CURIA_EXT_IPC,
    CURIA_EXT_PWR,
    CURIA_EXT_VMM,
    SBI_EXT_SUSP,
    0x504D55,
    SBI_EXT_SSE,
    SBI_EXT_FWFT,
    0x535441,
    SBI_EXT_DBTR,
    0x11,
    UINT64_MAX,
    SBI_EXT_TIME | 1ull << 32,
};

/* clang-format off */
static const uint64_t values[] = {
    0, 1, 2, 3, 4, 8, 15, 16, 63, 64, 0xffff, 0x10000, ENV_RAM, SBI_EXT_TIME, UINT64_MAX - 1,
    UINT64_MAX,
};
/* clang-format on */

static void agree_on_the_grid(void **state)
{
    uint32_t taken = 0;

    (void)state;
    for (size_t e = 0; e < ARRAY_SIZE(eids); e++) {
        for (uint64_t fid = 0; fid < 9; fid++) {
            for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                for (size_t j = 0; j < ARRAY_SIZE(values); j++) {
                    uint64_t call[8] = {values[i],
                                        values[j],
                                        values[(i + j) % ARRAY_SIZE(values)],
                                        values[(i * 3 + j) % ARRAY_SIZE(values)],
                                        values[(i + j * 5) % ARRAY_SIZE(values)],
                                        ENV_SENTINEL,
                                        fid,
                                        eids[e]};

                    taken += compare((uint32_t)(i % 2), call) ? 1 : 0;
                }
            }
        }
    }
    assert_true(taken > 10000);
}

static uint64_t random64(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void agree_at_random(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15;

    (void)state;
    for (uint32_t n = 0; n < 20000; n++) {
        uint64_t call[8];

        for (uint32_t i = 0; i < 6; i++) {
            uint64_t r = random64(&seed);

            call[i] = (r & 3) == 0 ? r : values[(r >> 8) % ARRAY_SIZE(values)];
        }
        call[6] = random64(&seed) % 9;
        call[7] = eids[random64(&seed) % ARRAY_SIZE(eids)];
        (void)compare((uint32_t)(n % 2), call);
    }
}

/* What the fast path is for, it does take; and what may block, never. */
static void takes_what_it_should(void **state)
{
    static const struct {
        uint64_t eid, fid, a0, a1;
        bool fast;
    } table[] = {
        {SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 0, 0, true},
        {SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, SBI_EXT_HSM, 0, true},
        {SBI_EXT_BASE, 77, 0, 0, true},
        {SBI_EXT_TIME, 0, 5, 0, true},
        {SBI_EXT_TIME, 1, 5, 0, true},
        {SBI_EXT_IPI, 0, 1, 0, true},
        {SBI_EXT_IPI, 0, 0, UINT64_MAX, true},
        {SBI_EXT_IPI, 0, 1, 64, true},
        {SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 1, 0, true},
        {SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 1, 0, true},
        {SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 3, 0, false},
        {SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 0, UINT64_MAX, false},
        {SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 1, 1, false},
        {SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 1, 9, true},
        {SBI_EXT_RFENCE, SBI_RFENCE_HFENCE_GVMA, 3, 0, true},
        {CURIA_EXT_IPC, CURIA_IPC_NOTIFY, 1, 2, true},
        {CURIA_EXT_IPC, CURIA_IPC_SEND, 1, 2, false},
        {CURIA_EXT_PWR, 0, 0, 0, false},
        {CURIA_EXT_VMM, 0, 0, 0, false},
        {SBI_EXT_HSM, SBI_HSM_GET_STATUS, 0, 0, false},
        {SBI_EXT_SRST, 0, 0, 0, false},
        {SBI_EXT_SSE, SBI_SSE_HART_MASK, 0, 0, false},
        {SBI_EXT_FWFT, SBI_FWFT_GET, 4, 0, false},
        {SBI_EXT_DBCN, SBI_DBCN_WRITE_BYTE, 0, 0, false},
        {SBI_EXT_PMU, SBI_PMU_COUNTER_FW_READ, 0, 0, false},
        {SBI_EXT_DBTR, SBI_DBTR_NUM_TRIGGERS, 0, 0, false},
        {0x11, 0, 0, 0, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        uint64_t call[8] = {table[i].a0, table[i].a1, 0, 0, 0, 0, table[i].fid, table[i].eid};

        assert_int_equal(compare(0, call), table[i].fast);
    }
    for (uint64_t eid = 0; eid < SBI_EXT_BASE; eid++) {
        uint64_t call[8] = {'c', ENV_SENTINEL, 0, 0, 0, 0, 0, eid};

        assert_false(compare(0, call));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(agree_on_the_grid),
        cmocka_unit_test(agree_at_random),
        cmocka_unit_test(takes_what_it_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
