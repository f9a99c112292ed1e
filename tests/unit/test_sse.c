/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_dbcn.c sbi/ext_sse.c sbi/ext_fwft.c sbi/legacy.c
 *       sbi/ext_susp.c sbi/ext_pmu.c sbi/ext_sta.c sbi/ext_dbtr.c
 *       core/vcpu.c core/sse.c core/hart.c
 *       core/memmap.c core/guest_copy.c core/steal.c core/pmu.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c tests/unit/sbi_env.c */
/* Software events: states, priorities, attributes, and which vCPU takes one when. [SBI 3.0 §17] */
#include "tests/unit/sbi_env.h"

#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LOCAL  SBI_SSE_LOCAL_SOFTWARE
#define GLOBAL SBI_SSE_GLOBAL_SOFTWARE
#define DOUBLE SBI_SSE_LOCAL_DOUBLE_TRAP
#define PC     0xffffffff80001000ull /* of local handlers; + 0x1000: of the global one */
#define ARG    0x77ull
#define BUFFER (ENV_RAM + 0x100)

/* Status words: SBI's bits. */
#define UNUSED     8u
#define REGISTERED 9u
#define ENABLED    10u
#define RUNNING    11u
#define PENDING    4u

static int setup(void **state)
{
    (void)state;
    env_init();
    for (uint32_t i = 1; i < ENV_VCPUS; i++) {
        fake_vcpu_state(env_vcpu(i), VCPU_STARTED);
    }
    for (uint32_t i = 0; i < ENV_VCPUS; i++) {
        fake_vcpu(env_vcpu(i))->pc = 0x1000 * (i + 1);
    }
    return 0;
}

static int setup_double(void **state)
{
    (void)setup(state);
    fake.features.offered = 1u << SBI_FWFT_DOUBLE_TRAP;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    env_end();
    return 0;
}

/* vCPU i calls, and its hart comes by. What an error leaves in a1 is checked too. */
static int64_t call(uint32_t i, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                    uint64_t a4)
{
    uint64_t a[8] = {a0, a1, a2, a3, a4, ENV_SENTINEL, fid, SBI_EXT_SSE};
    struct vcpu *v = env_vcpu(i);

    fake_become(v->hart);
    sbi_call(v, a);
    assert_true(vcpu_prepare(v));
    assert_int_equal(a[1], 0);
    assert_true(a[2] == a2 && a[3] == a3 && a[4] == a4 && a[5] == ENV_SENTINEL);
    return (int64_t)a[0];
}

static bool comes_by(uint32_t i)
{
    fake_become(env_vcpu(i)->hart);
    return vcpu_prepare(env_vcpu(i));
}

static uint64_t *buffer(void)
{
    return fake_gpa(env.a, BUFFER, 80);
}

static int64_t read_attrs(uint32_t i, uint64_t id, uint64_t base, uint64_t count)
{
    return call(i, SBI_SSE_READ_ATTRS, id, base, count, BUFFER, 0);
}

static uint64_t attr(uint32_t i, uint64_t id, uint64_t which)
{
    assert_int_equal(read_attrs(i, id, which, 1), 0);
    return buffer()[0];
}

static int64_t write_attr(uint32_t i, uint64_t id, uint64_t which, uint64_t value)
{
    buffer()[0] = value;
    return call(i, SBI_SSE_WRITE_ATTRS, id, which, 1, BUFFER, 0);
}

static int64_t one(uint32_t i, uint64_t fid, uint64_t id)
{
    return call(i, fid, id, PC + (id == GLOBAL ? 0x1000 : 0), ARG + i, 0, 0);
}

static int64_t inject(uint32_t i, uint64_t id, uint64_t hart)
{
    return call(i, SBI_SSE_INJECT, id, hart, 0, 0, 0);
}

static int64_t unmask(uint32_t i)
{
    return call(i, SBI_SSE_HART_UNMASK, 0, 0, 0, 0, 0);
}

static int64_t mask(uint32_t i)
{
    return call(i, SBI_SSE_HART_MASK, 0, 0, 0, 0, 0);
}

static void enable(uint32_t i, uint64_t id)
{
    assert_int_equal(one(i, SBI_SSE_REGISTER, id), 0);
    assert_int_equal(one(i, SBI_SSE_ENABLE, id), 0);
}

/* The handler's end: what is in a0 and a1 then stays there. */
static void complete(uint32_t i)
{
    uint64_t a[8] = {0xaaa, 0xbbb, 2, 3, 4, 5, SBI_SSE_COMPLETE, SBI_EXT_SSE};
    uint32_t ends = fake_vcpu(env_vcpu(i))->event_ends;

    fake_become(env_vcpu(i)->hart);
    sbi_call(env_vcpu(i), a);
    assert_int_equal(a[0], 0xaaa);
    assert_int_equal(a[1], 0xbbb);
    assert_int_equal(fake_vcpu(env_vcpu(i))->event_ends, ends + 1);
    assert_true(vcpu_prepare(env_vcpu(i)));
}

static void in_handler(uint32_t i, uint64_t id)
{
    struct fake_vcpu *f = fake_vcpu(env_vcpu(i));

    assert_int_equal(f->pc, PC + (id == GLOBAL ? 0x1000 : 0));
    assert_int_equal(f->context[2], i);
    assert_int_equal(attr(i, id, SBI_SSE_ATTR_STATUS) & ~PENDING, RUNNING);
}

static void in_program(uint32_t i)
{
    assert_int_equal(fake_vcpu(env_vcpu(i))->pc, 0x1000 * (i + 1));
}

/* ---- arguments ------------------------------------------------------------------------------- */

static void ids(void **state)
{
    static const struct {
        uint64_t id;
        int64_t error;
    } table[] = {
        {0, SBI_ERR_NOT_SUPPORTED},          {1, SBI_ERR_NOT_SUPPORTED},
        {2, SBI_ERR_INVALID_PARAM},          {0x3fff, SBI_ERR_INVALID_PARAM},
        {0x4000, SBI_ERR_INVALID_PARAM},     {0x8000, SBI_ERR_NOT_SUPPORTED},
        {0x8001, SBI_ERR_INVALID_PARAM},     {0xc000, SBI_ERR_INVALID_PARAM},
        {0x10000, SBI_ERR_NOT_SUPPORTED},    {0x18000, SBI_ERR_INVALID_PARAM},
        {0x100000, SBI_ERR_NOT_SUPPORTED},   {0x108000, SBI_ERR_NOT_SUPPORTED},
        {0xffff0001, SBI_ERR_INVALID_PARAM}, {0xffff4000, SBI_ERR_INVALID_PARAM},
        {0xffff8001, SBI_ERR_INVALID_PARAM}, {0xffffffff, SBI_ERR_INVALID_PARAM},
    };
    static const uint64_t fids[] = {SBI_SSE_READ_ATTRS, SBI_SSE_WRITE_ATTRS, SBI_SSE_REGISTER,
                                    SBI_SSE_UNREGISTER, SBI_SSE_ENABLE,      SBI_SSE_DISABLE,
                                    SBI_SSE_INJECT};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        for (size_t f = 0; f < ARRAY_SIZE(fids); f++) {
            assert_int_equal(call(0, fids[f], table[i].id, 0, 1, BUFFER, 0), table[i].error);
        }
    }
    for (uint64_t fid = SBI_SSE_HART_MASK + 1; fid < 16; fid++) {
        assert_int_equal(call(0, fid, LOCAL, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    }
    assert_int_equal(call(0, UINT64_MAX, LOCAL, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    assert_true(sbi_offers(env_vcpu(0), SBI_EXT_SSE));
}

/* Ids, base and count are 32 bits wide, whatever the registers hold. */
static void high_halves(void **state)
{
    uint64_t high = 5ull << 32;

    (void)state;
    assert_int_equal(one(0, SBI_SSE_REGISTER, high + LOCAL), 0);
    assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_STATUS), REGISTERED);
    buffer()[0] = 6;
    assert_int_equal(call(0, SBI_SSE_WRITE_ATTRS, high + LOCAL, high + 1, high + 1, BUFFER, 0), 0);
    assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_PRIORITY), 6);
    assert_int_equal(call(0, SBI_SSE_READ_ATTRS, LOCAL, 0, high, BUFFER, 0), SBI_ERR_INVALID_PARAM);
}

static void reset_values(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(read_attrs(i, LOCAL, 0, 10), 0);
        assert_int_equal(buffer()[SBI_SSE_ATTR_STATUS], UNUSED);
        assert_int_equal(buffer()[SBI_SSE_ATTR_PREFERRED_HART], i);
        buffer()[SBI_SSE_ATTR_STATUS] = 0;
        buffer()[SBI_SSE_ATTR_PREFERRED_HART] = 0;
        for (uint32_t n = 0; n < 10; n++) {
            assert_int_equal(buffer()[n], 0);
        }
        assert_int_equal(mask(i), SBI_ERR_ALREADY_STOPPED);
    }
    assert_int_equal(attr(1, GLOBAL, SBI_SSE_ATTR_STATUS), UNUSED);
    assert_int_equal(attr(1, GLOBAL, SBI_SSE_ATTR_PREFERRED_HART), 0);
}

static void ranges(void **state)
{
    static const struct {
        uint64_t base, count;
        int64_t read, write;
    } table[] = {
        {0, 0, SBI_ERR_INVALID_PARAM, SBI_ERR_INVALID_PARAM},
        {99, 0, SBI_ERR_INVALID_PARAM, SBI_ERR_INVALID_PARAM},
        {10, 1, SBI_ERR_BAD_RANGE, SBI_ERR_BAD_RANGE},
        {9, 2, SBI_ERR_BAD_RANGE, SBI_ERR_BAD_RANGE},
        {0, 11, SBI_ERR_BAD_RANGE, SBI_ERR_BAD_RANGE},
        {1, UINT32_MAX, SBI_ERR_BAD_RANGE, SBI_ERR_BAD_RANGE},
        {UINT32_MAX, 1, SBI_ERR_BAD_RANGE, SBI_ERR_BAD_RANGE},
        {UINT32_MAX, UINT32_MAX, SBI_ERR_BAD_RANGE, SBI_ERR_BAD_RANGE},
        {0, 10, 0, SBI_ERR_DENIED},
        {9, 1, 0, SBI_ERR_INVALID_STATE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        assert_int_equal(read_attrs(0, LOCAL, table[i].base, table[i].count), table[i].read);
        assert_int_equal(
            call(0, SBI_SSE_WRITE_ATTRS, LOCAL, table[i].base, table[i].count, BUFFER, 0),
            table[i].write);
    }
}

/* RAM of the VM, all of it, aligned; nothing is written otherwise. */
static void addresses(void **state)
{
    static const struct {
        uint64_t lo, hi, count;
        int64_t error;
    } table[] = {
        {BUFFER + 1, 0, 1, SBI_ERR_INVALID_ADDRESS},
        {BUFFER + 4, 0, 1, SBI_ERR_INVALID_ADDRESS},
        {BUFFER, 1, 1, SBI_ERR_INVALID_ADDRESS},
        {0x10000000, 0, 1, SBI_ERR_INVALID_ADDRESS},
        {ENV_SHARED, 0, 1, SBI_ERR_INVALID_ADDRESS},
        {ENV_RAM - 8, 0, 2, SBI_ERR_INVALID_ADDRESS},
        {ENV_RAM_END - 8, 0, 2, SBI_ERR_INVALID_ADDRESS},
        {UINT64_MAX - 7, 0, 2, SBI_ERR_INVALID_ADDRESS},
        {ENV_RAM_END - 8, 0, 1, 0},
        {ENV_RAM2 - 8, 0, 2, 0},
    };

    (void)state;
    *(uint64_t *)fake_gpa(env.a, ENV_RAM_END - 8, 8) = 0;
    *(uint64_t *)fake_gpa(env.a, ENV_RAM2 - 8, 8) = 0;
    *(uint64_t *)fake_gpa(env.a, ENV_RAM2, 8) = 0;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        uint64_t before = fake.bytes_written;

        assert_int_equal(
            call(0, SBI_SSE_WRITE_ATTRS, LOCAL, 1, table[i].count, table[i].lo, table[i].hi),
            table[i].error);
        assert_int_equal(
            call(0, SBI_SSE_READ_ATTRS, LOCAL, 1, table[i].count, table[i].lo, table[i].hi),
            table[i].error);
        assert_int_equal(fake.bytes_written - before, table[i].error == 0 ? table[i].count * 8 : 0);
    }
}

static void legal_values(void **state)
{
    static const struct {
        uint64_t id, which, value;
        int64_t error;
    } table[] = {
        {LOCAL, SBI_SSE_ATTR_STATUS, 0, SBI_ERR_DENIED},
        {LOCAL, SBI_SSE_ATTR_ENTRY_PC, 0, SBI_ERR_DENIED},
        {LOCAL, SBI_SSE_ATTR_ENTRY_ARG, 0, SBI_ERR_DENIED},
        {LOCAL, SBI_SSE_ATTR_PRIORITY, UINT32_MAX, 0},
        {LOCAL, SBI_SSE_ATTR_PRIORITY, 1ull << 32, SBI_ERR_INVALID_PARAM},
        {LOCAL, SBI_SSE_ATTR_CONFIG, 1, 0},
        {LOCAL, SBI_SSE_ATTR_CONFIG, 2, SBI_ERR_INVALID_PARAM},
        {LOCAL, SBI_SSE_ATTR_CONFIG, ~1ull, SBI_ERR_INVALID_PARAM},
        {LOCAL, SBI_SSE_ATTR_PREFERRED_HART, 0, SBI_ERR_DENIED},
        {GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, ENV_VCPUS - 1, 0},
        {GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, ENV_VCPUS, SBI_ERR_INVALID_PARAM},
        {GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, UINT64_MAX, SBI_ERR_INVALID_PARAM},
        {LOCAL, SBI_SSE_ATTR_SEPC, 1, SBI_ERR_INVALID_STATE},
        {LOCAL, SBI_SSE_ATTR_FLAGS, 1, SBI_ERR_INVALID_STATE},
        {LOCAL, SBI_SSE_ATTR_A6, 1, SBI_ERR_INVALID_STATE},
        {GLOBAL, SBI_SSE_ATTR_A7, 1, SBI_ERR_INVALID_STATE},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        uint64_t before = attr(0, table[i].id, table[i].which);

        assert_int_equal(write_attr(0, table[i].id, table[i].which, table[i].value),
                         table[i].error);
        assert_int_equal(attr(0, table[i].id, table[i].which),
                         table[i].error == 0 ? table[i].value : before);
    }
    /* Enabled, an event keeps its priority, configuration and hart. */
    enable(0, GLOBAL);
    assert_int_equal(write_attr(0, GLOBAL, SBI_SSE_ATTR_PRIORITY, 0), SBI_ERR_INVALID_STATE);
    assert_int_equal(write_attr(0, GLOBAL, SBI_SSE_ATTR_CONFIG, 0), SBI_ERR_INVALID_STATE);
    assert_int_equal(write_attr(0, GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, 0), SBI_ERR_INVALID_STATE);
}

/* The first wrong attribute decides, and then none is written. */
static void all_or_nothing(void **state)
{
    (void)state;
    buffer()[0] = 7;
    buffer()[1] = 2;
    buffer()[2] = 0;
    assert_int_equal(call(0, SBI_SSE_WRITE_ATTRS, LOCAL, 1, 3, BUFFER, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_PRIORITY), 0);
    buffer()[0] = 7;
    buffer()[1] = 1;
    buffer()[2] = 3;
    assert_int_equal(call(0, SBI_SSE_WRITE_ATTRS, GLOBAL, 1, 3, BUFFER, 0), 0);
    assert_int_equal(read_attrs(1, GLOBAL, 1, 3), 0);
    assert_true(buffer()[0] == 7 && buffer()[1] == 1 && buffer()[2] == 3);
}

/* ---- states ---------------------------------------------------------------------------------- */

static void states(void **state)
{
    static const struct {
        uint64_t fid;
        int64_t error[3]; /* in UNUSED, REGISTERED, ENABLED */
    } table[] = {
        {SBI_SSE_REGISTER, {0, SBI_ERR_INVALID_STATE, SBI_ERR_INVALID_STATE}},
        {SBI_SSE_UNREGISTER, {SBI_ERR_INVALID_STATE, 0, SBI_ERR_INVALID_STATE}},
        {SBI_SSE_ENABLE, {SBI_ERR_INVALID_STATE, 0, SBI_ERR_INVALID_STATE}},
        {SBI_SSE_DISABLE, {SBI_ERR_INVALID_STATE, SBI_ERR_INVALID_STATE, 0}},
    };

    (void)state;
    for (uint32_t s = 0; s < 3; s++) {
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
            (void)teardown(state);
            (void)setup(state);
            if (s > 0) {
                assert_int_equal(one(0, SBI_SSE_REGISTER, LOCAL), 0);
            }
            if (s > 1) {
                assert_int_equal(one(0, SBI_SSE_ENABLE, LOCAL), 0);
            }
            assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_STATUS), UNUSED + s);
            assert_int_equal(one(0, table[i].fid, LOCAL), table[i].error[s]);
        }
    }
    assert_int_equal(call(1, SBI_SSE_REGISTER, LOCAL, 1, 0, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(attr(1, LOCAL, SBI_SSE_ATTR_STATUS), UNUSED);
    assert_int_equal(call(1, SBI_SSE_REGISTER, LOCAL, PC + 2, 99, 0, 0), 0);
    assert_int_equal(attr(1, LOCAL, SBI_SSE_ATTR_ENTRY_PC), PC + 2);
    assert_int_equal(attr(1, LOCAL, SBI_SSE_ATTR_ENTRY_ARG), 99);
    /* Local: this vCPU's alone. Global: everybody's. */
    assert_int_equal(attr(2, LOCAL, SBI_SSE_ATTR_STATUS), UNUSED);
    assert_int_equal(one(2, SBI_SSE_REGISTER, GLOBAL), 0);
    assert_int_equal(one(3, SBI_SSE_REGISTER, GLOBAL), SBI_ERR_INVALID_STATE);
    assert_int_equal(one(3, SBI_SSE_ENABLE, GLOBAL), 0);
    assert_int_equal(attr(1, GLOBAL, SBI_SSE_ATTR_STATUS), ENABLED);
}

static void masks(void **state)
{
    (void)state;
    assert_int_equal(mask(0), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(unmask(0), 0);
    assert_int_equal(unmask(0), SBI_ERR_ALREADY_STARTED);
    assert_int_equal(unmask(1), 0);
    assert_int_equal(mask(0), 0);
    assert_int_equal(mask(0), SBI_ERR_ALREADY_STOPPED);
}

/* An event runs once all of it holds: raised, enabled, unmasked; in whichever order. */
static void any_order(void **state)
{
    (void)state;
    for (uint32_t order = 0; order < 6; order++) {
        (void)teardown(state);
        (void)setup(state);
        assert_int_equal(one(0, SBI_SSE_REGISTER, LOCAL), 0);
        for (uint32_t n = 0; n < 3; n++) {
            static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                                 {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

            in_program(0);
            switch (orders[order][n]) {
            case 0:
                assert_int_equal(inject(0, LOCAL, 0), 0);
                break;
            case 1:
                assert_int_equal(one(0, SBI_SSE_ENABLE, LOCAL), 0);
                break;
            default:
                assert_int_equal(unmask(0), 0);
                break;
            }
        }
        in_handler(0, LOCAL);
        assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_STATUS), RUNNING);
        complete(0);
        in_program(0);
        assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_STATUS), ENABLED);
    }
}

/* Raised again while it runs: it runs again afterwards, once. */
static void again(void **state)
{
    (void)state;
    enable(0, LOCAL);
    (void)unmask(0);
    (void)inject(0, LOCAL, 0);
    (void)inject(0, LOCAL, 0);
    (void)inject(0, LOCAL, 0);
    assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_STATUS), RUNNING | PENDING);
    assert_int_equal(fake_vcpu(env_vcpu(0))->events, 1);
    assert_int_equal(one(0, SBI_SSE_DISABLE, LOCAL), SBI_ERR_INVALID_STATE);
    complete(0);
    assert_int_equal(fake_vcpu(env_vcpu(0))->events, 2);
    in_handler(0, LOCAL);
    complete(0);
    in_program(0);
    /* No event runs: nothing happens, and that is a success. */
    assert_int_equal(call(0, SBI_SSE_COMPLETE, 9, 9, 9, 9, 9), 0);
    in_program(0);
}

static void one_shot(void **state)
{
    (void)state;
    (void)write_attr(0, LOCAL, SBI_SSE_ATTR_CONFIG, 1);
    enable(0, LOCAL);
    (void)unmask(0);
    (void)inject(0, LOCAL, 0);
    (void)inject(0, LOCAL, 0);
    complete(0);
    in_program(0);
    assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_STATUS), REGISTERED | PENDING);
    assert_int_equal(one(0, SBI_SSE_ENABLE, LOCAL), 0);
    in_handler(0, LOCAL);
}

/* The handler may say where to go on, while it runs, and nobody else may. */
static void interrupted(void **state)
{
    struct fake_vcpu *f = fake_vcpu(env_vcpu(0));

    (void)state;
    for (uint32_t i = 0; i < ARCH_EVENT_WORDS; i++) {
        f->context[i] = 100 + i;
    }
    enable(0, GLOBAL);
    (void)unmask(0);
    (void)inject(0, GLOBAL, 0);
    in_handler(0, GLOBAL);
    assert_int_equal(f->context[0], 0x1000);
    assert_int_equal(f->context[3], ARG);
    assert_int_equal(read_attrs(1, GLOBAL, SBI_SSE_ATTR_SEPC, 4), 0);
    for (uint32_t i = 0; i < ARCH_EVENT_WORDS; i++) {
        assert_int_equal(buffer()[i], 100 + i);
    }
    for (uint64_t flag = 1; flag <= 32; flag <<= 1) {
        assert_int_equal(write_attr(0, GLOBAL, SBI_SSE_ATTR_FLAGS, flag), 0);
        assert_int_equal(attr(0, GLOBAL, SBI_SSE_ATTR_FLAGS), flag);
    }
    assert_int_equal(write_attr(0, GLOBAL, SBI_SSE_ATTR_FLAGS, 64), SBI_ERR_INVALID_PARAM);
    assert_int_equal(write_attr(0, GLOBAL, SBI_SSE_ATTR_FLAGS, 1ull << 32), SBI_ERR_INVALID_PARAM);
    assert_int_equal(write_attr(0, GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, 0), SBI_ERR_INVALID_STATE);
    assert_int_equal(write_attr(0, GLOBAL, SBI_SSE_ATTR_PRIORITY, 0), SBI_ERR_INVALID_STATE);
    assert_int_equal(write_attr(1, GLOBAL, SBI_SSE_ATTR_SEPC, 0), SBI_ERR_INVALID_STATE);
    for (uint32_t i = 0; i < ARCH_EVENT_WORDS; i++) {
        buffer()[i] = 4 + i;
    }
    assert_int_equal(call(0, SBI_SSE_WRITE_ATTRS, GLOBAL, SBI_SSE_ATTR_SEPC, 4, BUFFER, 0), 0);
    complete(0);
    in_program(0);
    for (uint32_t i = 0; i < ARCH_EVENT_WORDS; i++) {
        assert_int_equal(f->context[i], 4 + i);
    }
}

/* ---- priorities ------------------------------------------------------------------------------ */

/* Two events, the one with the lower id first, their priorities, and which then goes first. */
struct pair {
    uint64_t id[2], priority[2];
    uint32_t first;
};

/* Raised together, then one in the other. */
static void goes_first(const struct pair *p)
{
    uint64_t first = p->id[p->first], second = p->id[1 - p->first];

    for (uint32_t i = 0; i < 2; i++) {
        (void)write_attr(0, p->id[i], SBI_SSE_ATTR_PRIORITY, p->priority[i]);
        enable(0, p->id[i]);
        (void)inject(0, p->id[i], 0);
    }
    (void)unmask(0);
    in_handler(0, first);
    assert_int_equal(attr(0, second, SBI_SSE_ATTR_STATUS), ENABLED | PENDING);
    complete(0);
    in_handler(0, second);

    /* It is interrupted by the one that goes first, and goes on when that is complete. */
    (void)inject(0, first, 0);
    in_handler(0, first);
    assert_int_equal(attr(0, second, SBI_SSE_ATTR_STATUS), RUNNING);
    (void)inject(0, second, 0);
    in_handler(0, first);
    complete(0);
    in_handler(0, second);
    complete(0);
    in_handler(0, second);
    complete(0);
    in_program(0);
}

static void priorities(void **state)
{
    static const struct pair table[] = {
        {{LOCAL, GLOBAL}, {0, 0}, 0},          {{LOCAL, GLOBAL}, {7, 7}, 0},
        {{LOCAL, GLOBAL}, {1, 2}, 0},          {{LOCAL, GLOBAL}, {2, 1}, 1},
        {{LOCAL, GLOBAL}, {UINT32_MAX, 0}, 1}, {{LOCAL, GLOBAL}, {0, UINT32_MAX}, 0},
        {{DOUBLE, LOCAL}, {0, 0}, 0},          {{DOUBLE, LOCAL}, {2, 1}, 1},
        {{DOUBLE, GLOBAL}, {7, 7}, 0},         {{DOUBLE, GLOBAL}, {1, 0}, 1},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        (void)teardown(state);
        (void)setup_double(state);
        goes_first(&table[i]);
    }
}

/* ---- double traps ---------------------------------------------------------------------------- */

static bool raise_double(uint32_t i)
{
    fake_become(env_vcpu(i)->hart);
    return sse_raise(env_vcpu(i), SSE_DOUBLE_TRAP);
}

/* There where the feature is, on each vCPU by itself, and to be injected as the others are. */
static void double_trap(void **state)
{
    (void)state;
    enable(0, DOUBLE);
    assert_int_equal(attr(0, DOUBLE, SBI_SSE_ATTR_STATUS), ENABLED);
    assert_int_equal(attr(1, DOUBLE, SBI_SSE_ATTR_STATUS), UNUSED);
    assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_STATUS), UNUSED);
    assert_int_equal(attr(1, DOUBLE, SBI_SSE_ATTR_PREFERRED_HART), 1);
    assert_int_equal(write_attr(0, DOUBLE, SBI_SSE_ATTR_PREFERRED_HART, 0), SBI_ERR_DENIED);
    (void)unmask(0);
    assert_int_equal(inject(1, DOUBLE, 0), 0);
    assert_int_equal(inject(1, DOUBLE, ENV_VCPUS), SBI_ERR_INVALID_PARAM);
    assert_true(comes_by(0));
    in_handler(0, DOUBLE);
    assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_STATUS), UNUSED);
    complete(0);
    in_program(0);

    assert_true(raise_double(0));
    in_program(0); /* until its hart looks */
    assert_true(comes_by(0));
    in_handler(0, DOUBLE);
    assert_false(raise_double(0)); /* in its own handler */
    fake.features.offered = 0;
    assert_int_equal(read_attrs(0, DOUBLE, 0, 1), SBI_ERR_NOT_SUPPORTED);
}

/* What is not taken at once is the guest's end, and so must be told. */
static void not_taken(void **state)
{
    (void)state;
    (void)unmask(0);
    assert_false(raise_double(0)); /* unused */
    assert_int_equal(one(0, SBI_SSE_REGISTER, DOUBLE), 0);
    assert_false(raise_double(0)); /* registered */
    (void)mask(0);
    assert_int_equal(one(0, SBI_SSE_ENABLE, DOUBLE), 0);
    assert_false(raise_double(0)); /* masked */
    in_program(0);
    (void)unmask(0);
    in_handler(0, DOUBLE);
}

/* With others: it interrupts those below it, and waits for those above it. */
static void among_others(void **state)
{
    for (uint32_t above = 0; above < 2; above++) {
        (void)teardown(state);
        (void)setup_double(state);
        (void)write_attr(0, DOUBLE, SBI_SSE_ATTR_PRIORITY, 5);
        (void)write_attr(0, LOCAL, SBI_SSE_ATTR_PRIORITY, above != 0 ? 4 : 5);
        enable(0, DOUBLE);
        enable(0, LOCAL);
        (void)unmask(0);
        (void)inject(0, LOCAL, 0);
        in_handler(0, LOCAL);
        assert_int_equal(raise_double(0), above == 0); /* trapped in that handler */
    }
    complete(0);
    in_handler(0, DOUBLE);
    complete(0);

    /* Both at once: the higher one's handler runs, and then, before anything else, this one's. */
    (void)mask(0);
    (void)inject(0, LOCAL, 0);
    env_vcpu(0)->sse.unmasked = true;
    assert_true(raise_double(0));
    assert_true(comes_by(0));
    in_handler(0, LOCAL);
    complete(0);
    in_handler(0, DOUBLE);
    complete(0);
    in_program(0);
}

/* ---- several vCPUs --------------------------------------------------------------------------- */

static void to_another(void **state)
{
    (void)state;
    enable(2, LOCAL);
    (void)unmask(2);
    atomic_store(&env_vcpu(2)->hart->mode, HART_GUEST);
    assert_int_equal(inject(0, LOCAL, 2), 0);
    assert_int_equal(fake_hart(2)->kicks, 1);
    assert_int_equal(fake_hart(1)->kicks, 0);
    in_program(0);
    in_program(2);
    assert_true(comes_by(2));
    in_handler(2, LOCAL);
    complete(2);
    in_program(2);
    assert_int_equal(attr(0, LOCAL, SBI_SSE_ATTR_STATUS), UNUSED);
    assert_int_equal(inject(0, LOCAL, ENV_VCPUS), SBI_ERR_INVALID_PARAM);
    assert_int_equal(inject(0, LOCAL, UINT64_MAX), SBI_ERR_INVALID_PARAM);
    assert_int_equal(inject(0, LOCAL, 2 + (1ull << 32)), SBI_ERR_INVALID_PARAM);
    /* The hart means nothing for a global one. */
    assert_int_equal(inject(0, GLOBAL, UINT64_MAX), 0);
}

/*
 * A vCPU that was named takes it, and it waits for that one to unmask; it is the first that takes
 * events if none was named, or that one has stopped.
 */
static void preferred(void **state)
{
    (void)state;
    (void)write_attr(0, GLOBAL, SBI_SSE_ATTR_PREFERRED_HART, 3);
    enable(0, GLOBAL);
    (void)unmask(1);
    (void)unmask(3);
    (void)inject(0, GLOBAL, 0);
    assert_true(comes_by(1));
    in_program(1);
    assert_true(comes_by(3));
    in_handler(3, GLOBAL);
    complete(3);

    (void)mask(3);
    (void)inject(0, GLOBAL, 0);
    assert_true(comes_by(3));
    in_program(3);
    assert_true(comes_by(1));
    in_program(1);
    fake_become(env_vcpu(3)->hart);
    vcpu_stop_self(env_vcpu(3));
    assert_true(comes_by(1));
    in_handler(1, GLOBAL);
    complete(1);

    fake_vcpu_state(env_vcpu(3), VCPU_STARTED);
    (void)inject(0, GLOBAL, 0);
    assert_true(comes_by(1));
    in_program(1);
    (void)unmask(3);
    in_handler(3, GLOBAL);
    complete(3);
}

static void unnamed(void **state)
{
    (void)state;
    enable(0, GLOBAL);
    (void)unmask(1);
    (void)inject(0, GLOBAL, 0);
    assert_true(comes_by(1));
    in_handler(1, GLOBAL);
    complete(1);

    /* Nobody takes events: it waits, for whoever is the first. */
    (void)mask(1);
    (void)inject(0, GLOBAL, 0);
    for (uint32_t i = 0; i < ENV_VCPUS; i++) {
        assert_true(comes_by(i));
        in_program(i);
    }
    (void)unmask(2);
    in_handler(2, GLOBAL);
    complete(2);
    in_program(2);
}

/* One that was to take it masks before it came by, or stops: another does. */
static void handed_on(void **state)
{
    (void)state;
    enable(0, GLOBAL);
    (void)unmask(1);
    (void)unmask(2);
    (void)inject(0, GLOBAL, 0);
    fake_become(env_vcpu(1)->hart);
    sbi_call(env_vcpu(1), (uint64_t[8]){0, 0, 0, 0, 0, 0, SBI_SSE_HART_MASK, SBI_EXT_SSE});
    assert_true(comes_by(1));
    in_program(1);
    assert_true(comes_by(2));
    in_handler(2, GLOBAL);

    /* It stops within the handler: as if complete, so that the event is not lost for all. */
    (void)unmask(3);
    (void)inject(0, GLOBAL, 0);
    fake_become(env_vcpu(2)->hart);
    vcpu_stop_self(env_vcpu(2));
    assert_true(comes_by(3));
    in_handler(3, GLOBAL);
    fake_become(env_vcpu(3)->hart);
    vcpu_stop_self(env_vcpu(3));
    assert_int_equal(attr(0, GLOBAL, SBI_SSE_ATTR_STATUS), ENABLED);
}

/* ---- starts and suspends --------------------------------------------------------------------- */

static int64_t start(uint32_t i)
{
    return env_call(SBI_EXT_HSM, SBI_HSM_START, i, ENV_RAM, 0, 0, 0).error;
}

static void next_life(void **state)
{
    (void)state;
    (void)write_attr(1, LOCAL, SBI_SSE_ATTR_PRIORITY, 5);
    (void)write_attr(1, LOCAL, SBI_SSE_ATTR_CONFIG, 1);
    enable(1, LOCAL);
    (void)unmask(1);
    (void)inject(1, LOCAL, 1);
    in_handler(1, LOCAL);
    (void)inject(1, LOCAL, 1);
    vcpu_stop_self(env_vcpu(1));

    assert_int_equal(inject(0, LOCAL, 1), 0); /* to nobody */
    fake_become(env_vcpu(0)->hart);
    assert_int_equal(start(1), 0);
    assert_true(comes_by(1));
    assert_int_equal(read_attrs(1, LOCAL, 0, 10), 0);
    assert_int_equal(buffer()[SBI_SSE_ATTR_STATUS], UNUSED);
    assert_int_equal(buffer()[SBI_SSE_ATTR_PREFERRED_HART], 1);
    for (uint32_t i = 1; i < 10; i++) {
        assert_true(i == SBI_SSE_ATTR_PREFERRED_HART || buffer()[i] == 0);
    }
    assert_int_equal(mask(1), SBI_ERR_ALREADY_STOPPED);
    assert_int_equal(call(1, SBI_SSE_COMPLETE, 0, 0, 0, 0, 0), 0);
    assert_int_equal(fake_vcpu(env_vcpu(1))->event_ends, 0);

    /* One raised since the start has succeeded is of the new life. */
    vcpu_stop_self(env_vcpu(1));
    fake_become(env_vcpu(0)->hart);
    assert_int_equal(start(1), 0);
    assert_int_equal(inject(0, LOCAL, 1), 0);
    assert_true(comes_by(1));
    assert_int_equal(attr(1, LOCAL, SBI_SSE_ATTR_STATUS), UNUSED | PENDING);
}

static void suspend(uint32_t i, bool nonretentive)
{
    fake_become(env_vcpu(i)->hart);
    vcpu_suspend_self(env_vcpu(i), nonretentive, gpa(ENV_RAM), 7);
    assert_false(comes_by(i));
}

static void wakes(void **state)
{
    struct fake_vcpu *f = fake_vcpu(env_vcpu(1));

    (void)state;
    enable(1, LOCAL);
    suspend(1, false);
    (void)inject(0, LOCAL, 1); /* masked: it does not */
    assert_false(comes_by(1));
    atomic_store(&env_vcpu(1)->state, VCPU_STARTED);
    (void)unmask(1);
    complete(1);

    suspend(1, false);
    (void)inject(0, LOCAL, 1);
    assert_true(comes_by(1));
    assert_int_equal(f->resumes, 0);
    in_handler(1, LOCAL);
    complete(1);
    in_program(1);

    /* Non-retentive: it resumes, and the event comes before the first instruction there. */
    suspend(1, true);
    (void)inject(0, LOCAL, 1);
    assert_true(comes_by(1));
    assert_int_equal(f->resumes, 1);
    in_handler(1, LOCAL);
    assert_int_equal(f->context[0], ENV_RAM);
    complete(1);
    assert_int_equal(f->pc, ENV_RAM);
}

/* A paused VM's vCPU takes it when the VM goes on; meanwhile it is not resident. */
static void paused(void **state)
{
    (void)state;
    enable(1, LOCAL);
    (void)unmask(1);
    (void)inject(0, LOCAL, 1);
    atomic_store(&env.a->state_seen, VM_PAUSED);
    assert_false(comes_by(1));
    assert_false(vcpu_loaded(env_vcpu(1)));
    atomic_store(&env.a->state_seen, VM_RUNNING);
    assert_true(comes_by(1));
    in_handler(1, LOCAL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids, setup, teardown),
        cmocka_unit_test_setup_teardown(high_halves, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_values, setup, teardown),
        cmocka_unit_test_setup_teardown(ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(legal_values, setup, teardown),
        cmocka_unit_test_setup_teardown(all_or_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(states, setup, teardown),
        cmocka_unit_test_setup_teardown(masks, setup, teardown),
        cmocka_unit_test_setup_teardown(any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(again, setup, teardown),
        cmocka_unit_test_setup_teardown(one_shot, setup, teardown),
        cmocka_unit_test_setup_teardown(interrupted, setup, teardown),
        cmocka_unit_test_setup_teardown(priorities, setup, teardown),
        cmocka_unit_test_setup_teardown(double_trap, setup_double, teardown),
        cmocka_unit_test_setup_teardown(not_taken, setup_double, teardown),
        cmocka_unit_test_setup_teardown(among_others, setup_double, teardown),
        cmocka_unit_test_setup_teardown(to_another, setup, teardown),
        cmocka_unit_test_setup_teardown(preferred, setup, teardown),
        cmocka_unit_test_setup_teardown(unnamed, setup, teardown),
        cmocka_unit_test_setup_teardown(handed_on, setup, teardown),
        cmocka_unit_test_setup_teardown(next_life, setup, teardown),
        cmocka_unit_test_setup_teardown(wakes, setup, teardown),
        cmocka_unit_test_setup_teardown(paused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
