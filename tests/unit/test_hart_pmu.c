/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/pmu.c */
/*
 * The harts' own counters, on two harts and a firmware that behave: CSR accesses and SBI calls come
 * here. The firmware does as OpenSBI: it takes the last counter that is free, sets OF when one is
 * configured, clears it at a start unless LCOFI is pending, and falls back on cycle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/hart.h"

#define ARCH_RISCV_CSR_H
static uint64_t *csr_of(uint32_t csr);
static uint64_t csr_read(uint32_t csr);
#define csr_write(csr, v) (*csr_of(csr) = (v))
#define csr_set(csr, v)   (*csr_of(csr) |= (v))
#define csr_clear(csr, v) (*csr_of(csr) &= ~(uint64_t)(v))

static struct rv_hart *rv_hart_self(void);

#include "arch/riscv/pmu.c" /* NOLINT: for its CSRs and calls */

#include <string.h>

#define FIRST  3u  /* hpmcounter3 has this number */
#define HPMS   6u  /* counters */
#define NUM    12u /* with cycle, time, instret, and three of the firmware's own */
#define RAW    SBI_PMU_EVENT(2, 0)
#define NO_EV  99u /* no counter counts this one */
#define BIT(n) (1ull << (n))

struct counter {
    bool configured, running, of;
    uint64_t event, data, flags, value;
};

static struct {
    struct rv_hart rv;
    struct counter c[NUM];
    uint64_t sip, hvip, hcounteren;
    bool broken; /* no counter is ever found */
} harts[2], *now;

static struct rv_vcpu vcpus[2];
static uint32_t calls;

struct rv_features rv_features;

static struct rv_hart *rv_hart_self(void)
{
    return &now->rv;
}

static uint64_t *csr_of(uint32_t csr)
{
    switch (csr) {
    case CSR_SIP:
        return &now->sip;
    case CSR_HVIP:
        return &now->hvip;
    default:
        assert_int_equal(csr, CSR_HCOUNTEREN);
        return &now->hcounteren;
    }
}

static uint64_t csr_read(uint32_t csr)
{
    uint64_t ovf = 0;

    if (csr != CSR_SCOUNTOVF) {
        return *csr_of(csr);
    }
    for (uint32_t i = 0; i < HPMS; i++) {
        ovf |= now->c[FIRST + i].of ? BIT(FIRST + i) : 0;
    }
    return ovf;
}

struct rv_hpm rv_hpm_read(uint64_t n)
{
    assert_true(n < RV_HPM_READABLE);
    return n < HPMS ? (struct rv_hpm){now->c[FIRST + n].value, 1} : (struct rv_hpm){0, 0};
}

/* ---- the firmware ---------------------------------------------------------------------------- */

static struct fw_ret answer(int64_t error, uint64_t value)
{
    return (struct fw_ret){error, value};
}

static struct fw_ret do_config(uint64_t base, uint64_t set, uint64_t flags, uint64_t event,
                               uint64_t data)
{
    uint64_t found = event == 1 ? 0 : NUM;

    assert_int_equal(
        flags & (SBI_PMU_CFG_SKIP_MATCH | SBI_PMU_CFG_CLEAR_VALUE | SBI_PMU_CFG_AUTO_START), 0);
    for (uint64_t i = FIRST; i < FIRST + HPMS && event != NO_EV && !now->broken; i++) {
        if ((set << base >> i & 1) != 0 && !now->c[i].configured) {
            found = i;
        }
    }
    if (found == NUM) {
        return answer(SBI_ERR_NOT_SUPPORTED, 0);
    }
    now->c[found] = (struct counter){true, false, true, event, data, flags, now->c[found].value};
    return answer(SBI_SUCCESS, found);
}

static int64_t fw_set(struct counter *c, uint64_t fid, uint64_t flags, uint64_t value)
{
    if (!c->configured) {
        return SBI_ERR_INVALID_PARAM;
    }
    if (fid == SBI_PMU_COUNTER_STOP) {
        c->running = false;
        if ((flags & SBI_PMU_STOP_RESET) != 0) {
            *c = (struct counter){.value = c->value};
        }
        return SBI_SUCCESS;
    }
    assert_false(c->running);
    c->running = true;
    c->of = c->of && (now->sip & SIP_LCOFIP) != 0;
    c->value = (flags & SBI_PMU_START_SET_INIT_VALUE) != 0 ? value : c->value;
    return SBI_SUCCESS;
}

struct fw_ret fw_call5(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                       uint64_t a3, uint64_t a4)
{
    int64_t error = SBI_SUCCESS;

    assert_int_equal(eid, SBI_EXT_PMU);
    calls++;
    switch (fid) {
    case SBI_PMU_NUM_COUNTERS:
        return answer(SBI_SUCCESS, NUM);
    case SBI_PMU_COUNTER_GET_INFO:
        return a0 == 1 ? answer(SBI_ERR_INVALID_PARAM, 0)
                       : answer(SBI_SUCCESS, a0 < FIRST + HPMS ? CSR_CYCLE + a0 : BIT(63));
    case SBI_PMU_CONFIG_MATCHING:
        return do_config(a0, a1, a2, a3, a4);
    default:
        assert_true(fid == SBI_PMU_COUNTER_START || fid == SBI_PMU_COUNTER_STOP);
        for (uint64_t i = a0; a1 != 0; i++, a1 >>= 1) {
            if ((a1 & 1) != 0) {
                assert_true(i < NUM);
                error = fw_set(&now->c[i], fid, a2, a3);
            }
        }
        return answer(error, 0);
    }
}

struct fw_ret fw_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return fw_call5(eid, fid, a0, a1, a2, 0, 0);
}

/* ---- a hart and its vCPUs -------------------------------------------------------------------- */

static int setup(void **state)
{
    (void)state;
    memset(harts, 0, sizeof(harts));
    memset(vcpus, 0, sizeof(vcpus));
    memset(&counters, 0, sizeof(counters));
    rv_features = (struct rv_features){.sscofpmf = true, .lcofi = true, .lcofi_hvien = SIE_LCOFIE};
    now = &harts[0];
    calls = 0;
    rv_pmu_init();
    return 0;
}

/* As arch_vcpu_load() and arch_vcpu_put(). */
static void load(struct rv_vcpu *v)
{
    rv_pmu_load(v);
    now->hcounteren = COUNTERS_GUEST | v->csrs.counters;
    now->hvip = v->csrs.vsip;
    now->rv.resident = v;
    v->core.loaded = true;
}

static void put(struct rv_vcpu *v)
{
    rv_pmu_put(v);
    v->csrs.vsip = now->hvip;
    now->hvip = 0;
    v->core.loaded = false;
}

static uint64_t config(struct rv_vcpu *v, uint64_t set, uint64_t flags, uint64_t event,
                       uint64_t data)
{
    uint64_t i;

    assert_int_equal(arch_pmu_config(&v->core, set, flags, event, data, &i), ERR_OK);
    v->core.pmu.configured |= BIT(PMU_COUNTERS + i);
    v->core.pmu.started |= (flags & SBI_PMU_CFG_AUTO_START) != 0 ? BIT(PMU_COUNTERS + i) : 0;
    return i;
}

static struct counter *counter(uint64_t i)
{
    return &now->c[FIRST + i];
}

/* What a hart does when counter i overflows. */
static void overflow(uint64_t i)
{
    if (!counter(i)->of) {
        counter(i)->of = true;
        now->sip |= SIP_LCOFIP;
    }
}

static bool firmware_is_empty(void)
{
    bool empty = true;

    for (uint32_t i = FIRST; i < NUM; i++) {
        empty = empty && !now->c[i].configured && !now->c[i].running && !now->c[i].of;
    }
    return empty;
}

/* ---- which there are ------------------------------------------------------------------------- */

static void found(void **state)
{
    (void)state;
    assert_int_equal(arch_pmu_counters(), HPMS);
    assert_int_equal(arch_pmu_info(2), CSR_HPMCOUNTER3 + 2);

    memset(&counters, 0, sizeof(counters));
    rv_features.sscofpmf = false;
    calls = 0;
    rv_pmu_init();
    assert_int_equal(arch_pmu_counters(), 0);
    rv_pmu_reset();
    rv_pmu_put(&vcpus[0]);
    rv_pmu_load(&vcpus[0]);
    assert_int_equal(calls, 0);
}

static void configured(void **state)
{
    const uint64_t none = SBI_PMU_CFG_SET_MINH | SBI_PMU_CFG_SET_SINH | SBI_PMU_CFG_SET_UINH;
    struct rv_vcpu *v = &vcpus[0];
    uint64_t i;

    (void)state;
    load(v);
    counter(5)->value = 0xbad; /* of somebody else */
    assert_int_equal(config(v, 0x3f, SBI_PMU_CFG_SET_UINH, RAW, 77), 5);
    assert_int_equal(counter(5)->event, RAW);
    assert_int_equal(counter(5)->data, 77);
    assert_int_equal(counter(5)->flags, none | SBI_PMU_CFG_SET_VUINH);
    assert_int_equal(counter(5)->value, 0);
    assert_false(counter(5)->running);
    assert_false(counter(5)->of);
    assert_int_equal(now->hcounteren, 7 | BIT(8));

    assert_int_equal(config(v, 0x1f, SBI_PMU_CFG_AUTO_START | SBI_PMU_CFG_SET_SINH, 1, 0), 4);
    assert_int_equal(counter(4)->flags, none | SBI_PMU_CFG_SET_VSINH);
    assert_true(counter(4)->running);
    assert_int_equal(now->hcounteren, 7 | BIT(8) | BIT(7));

    /* None, or one that guests do not get. */
    assert_int_equal(arch_pmu_config(&v->core, 1, 0, NO_EV, 0, &i), ERR_NOT_SUPPORTED);
    assert_false(arch_pmu_can_count(1, NO_EV, 0));
    assert_true(arch_pmu_can_count(1, RAW, 0));
    assert_false(counter(0)->configured);
    now->broken = true;
    assert_int_equal(arch_pmu_config(&v->core, 1, 0, 1, 0, &i), ERR_NOT_SUPPORTED);
    assert_int_equal(now->c[0].flags, 0); /* cycle is everybody's, and runs on */
    now->c[0].flags = 1;
    assert_false(arch_pmu_can_count(1, 1, 0));
    assert_int_equal(now->c[0].flags, 0);
    assert_int_equal(now->hcounteren, 7 | BIT(8) | BIT(7));
    now->broken = false;

    counter(4)->value = 0x1234;
    assert_int_equal(arch_pmu_read(4), 0x1234);
    arch_pmu_stop(4, false);
    assert_false(counter(4)->running);
    arch_pmu_start(4, NULL);
    assert_int_equal(arch_pmu_read(4), 0x1234);
    arch_pmu_stop(4, false);
    arch_pmu_start(4, &(uint64_t){9});
    assert_int_equal(arch_pmu_read(4), 9);
    arch_pmu_stop(4, true);
    assert_false(counter(4)->configured);
    assert_int_equal(now->hcounteren, 7 | BIT(8));

    rv_pmu_reset();
    assert_true(firmware_is_empty());
}

/* ---- put and load ---------------------------------------------------------------------------- */

static void two_share_a_hart(void **state)
{
    struct rv_vcpu *a = &vcpus[0], *b = &vcpus[1];
    struct counter was[2];

    (void)state;
    load(a);
    assert_int_equal(config(a, 0x3f, SBI_PMU_CFG_AUTO_START, RAW, 5), 5);
    assert_int_equal(config(a, 0x3f, SBI_PMU_CFG_SET_UINH, RAW, 6), 4);
    counter(5)->value = 555;
    counter(4)->value = 444;
    memcpy(was, counter(4), sizeof(was));
    put(a);
    assert_true(firmware_is_empty());

    load(b);
    assert_int_equal(now->hcounteren, 7);
    assert_int_equal(config(b, 0x3f, SBI_PMU_CFG_AUTO_START, 1, 0), 5);
    assert_int_equal(counter(5)->value, 0);
    counter(5)->value = 1;
    put(b);
    assert_true(firmware_is_empty());

    /* On another hart, too. */
    now = &harts[1];
    load(a);
    assert_memory_equal(counter(4), was, sizeof(was));
    assert_int_equal(now->hcounteren, 7 | BIT(8) | BIT(7));
    put(a);
    now = &harts[0];
    load(a);
    assert_memory_equal(counter(4), was, sizeof(was));
    put(a);
    load(b);
    assert_int_equal(counter(5)->value, 1);
    assert_true(counter(5)->running);
    assert_false(counter(4)->configured);
}

/* Nothing is done for who has none configured. */
static void for_nothing(void **state)
{
    (void)state;
    load(&vcpus[0]);
    (void)config(&vcpus[0], 1, 0, RAW, 0);
    arch_pmu_stop(0, true);
    calls = 0;
    put(&vcpus[0]);
    load(&vcpus[0]);
    assert_int_equal(calls, 0);
}

static void a_hart_that_lacks_it(void **state)
{
    struct rv_vcpu *v = &vcpus[0];

    (void)state;
    load(v);
    (void)config(v, 1, SBI_PMU_CFG_AUTO_START, 1, 0);
    put(v);
    now = &harts[1];
    now->broken = true; /* answers cycle */
    load(v);
    assert_int_equal(now->hcounteren, 7);
    assert_int_equal(v->core.pmu.configured, 0);
    assert_int_equal(v->core.pmu.started, 0);
}

/* ---- overflow -------------------------------------------------------------------------------- */

static void passed_on(void **state)
{
    struct rv_vcpu *v = &vcpus[0];

    (void)state;
    now->sip = SIP_LCOFIP; /* nobody is there */
    rv_pmu_overflow();
    assert_int_equal(now->sip | now->hvip, 0);
    load(v);
    now->sip = SIP_LCOFIP; /* or nobody who counts */
    rv_pmu_overflow();
    assert_int_equal(now->sip | now->hvip, 0);

    (void)config(v, 2, SBI_PMU_CFG_AUTO_START, RAW, 0);
    now->sip = SIP_SSIP;
    overflow(1);
    rv_pmu_overflow();
    assert_int_equal(now->sip, SIP_SSIP);
    assert_int_equal(now->hvip, HVIP_LCOFIP);
    assert_int_equal(arch_pmu_overflows(), 2);
    rv_features.lcofi = false;
    assert_int_equal(arch_pmu_overflows(), 0);
    rv_features.lcofi = true;

    now->hvip = 0;
    v->core.loaded = false;
    now->sip = SIP_LCOFIP;
    rv_pmu_overflow();
    assert_int_equal(now->sip | now->hvip, 0);
}

/* Between the overflow and the look at sip the vCPU is put: it is this vCPU's all the same. */
static void put_in_between(void **state)
{
    struct rv_vcpu *a = &vcpus[0], *b = &vcpus[1];

    (void)state;
    load(a);
    (void)config(a, 1, SBI_PMU_CFG_AUTO_START, RAW, 0);
    (void)config(a, 2, SBI_PMU_CFG_AUTO_START, RAW, 0);
    overflow(1);
    put(a);
    assert_int_equal(now->sip, 0);
    load(b);
    (void)config(b, 3, SBI_PMU_CFG_AUTO_START, RAW, 0);
    assert_int_equal(now->hvip, 0);
    assert_int_equal(arch_pmu_overflows(), 0);
    put(b);

    /* It still knows which one, which overflows no second time; the other may. */
    load(a);
    assert_int_equal(now->hvip, HVIP_LCOFIP);
    assert_int_equal(now->sip, 0);
    assert_int_equal(arch_pmu_overflows(), 2);
    overflow(1);
    assert_int_equal(now->sip, 0);
    overflow(0);
    assert_int_equal(now->sip, SIP_LCOFIP);
}

static void started_again(void **state)
{
    struct rv_vcpu *v = &vcpus[0];

    (void)state;
    load(v);
    (void)config(v, 1, SBI_PMU_CFG_AUTO_START, RAW, 0);
    overflow(0);
    arch_pmu_stop(0, false);
    arch_pmu_start(0, NULL); /* the hart's has not been looked at */
    assert_int_equal(now->sip, 0);
    assert_int_equal(now->hvip, HVIP_LCOFIP);
    assert_int_equal(arch_pmu_overflows(), 1);
    arch_pmu_stop(0, false);
    arch_pmu_start(0, NULL); /* the guest has not */
    assert_int_equal(now->sip, 0);
    assert_int_equal(now->hvip, HVIP_LCOFIP);
    assert_int_equal(arch_pmu_overflows(), 1);
    now->hvip = 0;
    arch_pmu_stop(0, false);
    arch_pmu_start(0, NULL);
    assert_int_equal(arch_pmu_overflows(), 0);
    assert_int_equal(now->sip | now->hvip, 0);
    overflow(0);
    rv_pmu_reset();
    assert_int_equal(now->sip, 0);
    assert_true(firmware_is_empty());
}

/* The guest's own: Curia leaves it where it is; it is vsip's then, saved with that. */
static void delegated(void **state)
{
    struct rv_vcpu *v = &vcpus[0];

    (void)state;
    rv_features.lcofi_hvien = 0;
    rv_features.lcofi_hideleg = HIDELEG_LCOFI;
    load(v);
    (void)config(v, 1, SBI_PMU_CFG_AUTO_START, RAW, 0);
    overflow(0);
    rv_pmu_overflow();
    assert_int_equal(now->sip, SIP_LCOFIP);
    arch_pmu_stop(0, false);
    arch_pmu_start(0, NULL);
    assert_int_equal(now->sip, SIP_LCOFIP);
    assert_int_equal(arch_pmu_overflows(), 1);
    put(v);
    assert_int_equal(now->sip, SIP_LCOFIP);
    now->sip = 0;
    load(v);
    assert_int_equal(arch_pmu_overflows(), 1);
    now->hvip = HVIP_LCOFIP; /* means nothing here */
    arch_pmu_stop(0, false);
    arch_pmu_start(0, NULL);
    assert_int_equal(arch_pmu_overflows(), 0);
    assert_int_equal(now->sip, 0);
}

/* ---- exceptions as events of Curia's own ----------------------------------------------------- */

static void exceptions(void **state)
{
    static const struct {
        uint64_t cause;
        enum pmu_event event;
    } rows[] = {{CAUSE_ILLEGAL_INSN, PMU_ILLEGAL_INSN},
                {CAUSE_LOAD_ACCESS, PMU_ACCESS_LOAD},
                {CAUSE_STORE_ACCESS, PMU_ACCESS_STORE}};
    struct pmu *p = &vcpus[0].core.pmu;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        p->event[i] = (uint8_t)rows[i].event;
        p->started |= BIT(i);
    }
    rv_pmu_exception(&vcpus[0].core, CAUSE_BREAKPOINT);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(p->value[i], 0);
        rv_pmu_exception(&vcpus[0].core, rows[i].cause);
        assert_int_equal(p->value[i], 1);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, setup)
    static const struct CMUnitTest tests[] = {
        TEST(found),          TEST(configured),           TEST(two_share_a_hart),
        TEST(for_nothing),    TEST(a_hart_that_lacks_it), TEST(passed_on),
        TEST(put_in_between), TEST(started_again),        TEST(delegated),
        TEST(exceptions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
