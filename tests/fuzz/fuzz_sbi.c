/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_susp.c sbi/ext_dbcn.c sbi/legacy.c core/vcpu.c
 *       core/hart.c core/memmap.c core/guest_copy.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c tests/unit/sbi_env.c sbi/ext_sse.c sbi/ext_fwft.c core/sse.c
 *       sbi/ext_pmu.c core/pmu.c sbi/ext_sta.c sbi/ext_dbtr.c core/steal.c */
/*
 * libFuzzer target for SBI dispatch: a run of calls with any registers, by any vCPU that runs, on
 * the path that a trap would take. Checked after each: registers that a call must keep are kept,
 * legacy calls keep a1, an error comes with a1 = 0, a fast path that declines has touched no
 * register, nothing is written outside the caller's RAM, and that only by calls that write.
 *
 * Input: steps. First byte: bits 1:0 vCPU; bits 7:2 0: its hart comes by; 1: an interrupt for it;
 * else a call. A call: EID, FID, a0 to a5, each a byte that picks a known value or, if it is 255,
 * eight bytes.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/sbi_env.h"

#include <string.h>

struct input {
    const uint8_t *data;
    size_t size;
};

static uint8_t byte(struct input *in)
{
    if (in->size == 0) {
        return 0;
    }
    in->size--;
    return *in->data++;
}

static uint64_t value(struct input *in, const uint64_t *known, size_t count)
{
    uint8_t pick = byte(in);
    uint64_t v = 0;

    if (pick != 255) {
        return known[pick % count];
    }
    for (uint32_t i = 0; i < 8; i++) {
        v |= (uint64_t)byte(in) << 8 * i;
    }
    return v;
}

/* clang-format off */
static const uint64_t eids[] = {
    SBI_EXT_BASE,  SBI_EXT_TIME,  SBI_EXT_IPI,  SBI_EXT_RFENCE, SBI_EXT_HSM, SBI_EXT_SRST,
    SBI_EXT_DBCN,  CURIA_EXT_IPC, CURIA_EXT_PWR, CURIA_EXT_VMM, SBI_EXT_SUSP, SBI_EXT_PMU,
    0,             1,             2,            3,              4,           5,
    6,             7,             8,            9,              15,          SBI_EXT_SSE,
    SBI_EXT_FWFT,  SBI_EXT_STA,   SBI_EXT_DBTR,
};

static const uint64_t words[] = {
    0,           1,           2,          3,           4,          5,
    6,           7,           8,           15,         16,          63,         64,
    255,         4095,        4096,       0xffff,      0x10000,    ENV_RAM,
    ENV_RAM + 1, ENV_RAM2 - 1, ENV_RAM2,  ENV_RAM_END - 1, ENV_RAM_END, ENV_SHARED,
    FAKE_HPA_BASE, 0x80000000, 0xffffffff, 1ull << 63, UINT64_MAX - 1, UINT64_MAX,
    ENV_RAM_BYTES, SBI_EXT_BASE, SBI_SSE_LOCAL_SOFTWARE, SBI_SSE_GLOBAL_SOFTWARE, 8, 9, 10,
    SBI_PMU_EVENT(SBI_PMU_TYPE_FW, SBI_PMU_FW_SET_TIMER),
    SBI_DBTR_MCONTROL6 | SBI_DBTR_S | SBI_DBTR_U | SBI_DBTR_EXECUTE, SBI_DBTR_MCONTROL6,
};
/* clang-format on */

static bool filled(const struct vm *vm, uint64_t at, uint64_t len, uint8_t with)
{
    const uint8_t *mem = fake_gpa(vm, at, len);

    return mem[0] == with && memcmp(mem, mem + 1, len - 1) == 0;
}

/* Triggers in the memory that v has set for them. */
static void put_triggers(const struct vcpu *v, struct input *in)
{
    for (uint64_t i = 0; v->dbtr.has_shmem && i < 4 * arch_dbtr_triggers(); i++) {
        uint64_t *word = fake_gpa(v->vm, v->dbtr.shmem.v + 8 * i, 8);

        *word = value(in, words, ARRAY_SIZE(words));
    }
}

/* So much is written by a call a that ended with this error. */
static uint64_t dbtr_writes(const uint64_t a[8], uint64_t error)
{
    uint64_t read = a[6] == SBI_DBTR_READ ? 32 * a[1] : 0;

    return error != 0 ? 0 : read + (a[6] == SBI_DBTR_INSTALL ? 8 * a[0] : 0);
}

static void call(struct vcpu *v, struct input *in)
{
    uint64_t a[8], before[8];
    uint64_t written = fake.bytes_written;

    a[7] = value(in, eids, ARRAY_SIZE(eids));
    a[6] = value(in, words, 9);
    for (uint32_t i = 0; i < 6; i++) {
        a[i] = value(in, words, ARRAY_SIZE(words));
    }
    if (a[7] == SBI_EXT_DBTR && (a[6] == SBI_DBTR_INSTALL || a[6] == SBI_DBTR_UPDATE)) {
        put_triggers(v, in);
    }
    memcpy(before, a, sizeof(a));

    if (!sbi_fast(v, a)) {
        MUST(memcmp(before, a, sizeof(a)) == 0);
        sbi_call(v, a);
    }
    MUST(memcmp(before + 2, a + 2, sizeof(a) - 2 * sizeof(a[0])) == 0);
    if (a[7] < SBI_EXT_BASE) {
        MUST(a[1] == before[1]);
    } else if (a[7] == SBI_EXT_SSE && a[6] == SBI_SSE_COMPLETE) {
        MUST((a[0] | a[1]) == 0 || memcmp(before, a, 2 * sizeof(a[0])) == 0);
    } else {
        MUST((int64_t)a[0] <= 0 && (int64_t)a[0] >= SBI_ERR_DENIED_LOCKED);
        MUST(a[0] == 0 || a[1] == 0 || (a[7] == SBI_EXT_DBTR && a[1] < before[0]));
    }
    if (a[7] == SBI_EXT_STA) {
        bool cleared = a[0] == 0 && (before[0] & before[1]) != UINT64_MAX;

        MUST(fake.bytes_written - written == (cleared ? STEAL_BYTES : 0));
    } else if (a[7] == SBI_EXT_DBCN && a[6] == SBI_DBCN_READ) {
        MUST(fake.bytes_written - written == (a[0] == 0 ? a[1] : 0));
    } else if (a[7] == SBI_EXT_SSE && a[6] == SBI_SSE_READ_ATTRS) {
        MUST(fake.bytes_written - written == (a[0] == 0 ? (uint32_t)a[2] * 8 : 0));
    } else if (a[7] == SBI_EXT_DBTR) {
        MUST(fake.bytes_written - written == dbtr_writes(before, a[0]));
    } else if (a[7] == SBI_EXT_PMU) {
        /* A snapshot, and the output words of events. */
        MUST(a[6] == SBI_PMU_COUNTER_STOP || a[6] == SBI_PMU_EVENT_GET_INFO ||
             fake.bytes_written == written);
        MUST(fake.bytes_written - written <= 1024);
    } else {
        MUST(fake.bytes_written == written);
    }
    MUST(filled(env.b, ENV_RAM, ENV_RAM_BYTES, 0xa5));
    MUST(filled(env.a, ENV_SHARED, ENV_SHARED_BYTES, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    static const char typed[] = "typed into the console, once for each run of the target\n";

    env_init();
    fake.dbtr.count = 4;
    env.in = typed;
    env.in_len = sizeof(typed) - 1;
    for (uint32_t steps = 0; in.size > 0 && steps < 64; steps++) {
        uint8_t step = byte(&in);
        struct vcpu *v = env_vcpu(step % ENV_VCPUS);

        fake_become(v->hart);
        atomic_store(&v->hart->mode, HART_HYP);
        if (step / ENV_VCPUS == 1) {
            vcpu_irq_set(v, VCPU_IRQ_EXT, !(atomic_load(&v->irq_lines) >> VCPU_IRQ_EXT & 1));
        } else if (vcpu_prepare(v) && step / ENV_VCPUS != 0) {
            call(v, &in);
        }
        atomic_store(&v->hart->mode, HART_IDLE);
    }
    env_end();
    return 0;
}
