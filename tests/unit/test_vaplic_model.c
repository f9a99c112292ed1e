/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual APLIC against a model that states the rules one by one, under random operations; and
 * against itself on two harts: no edge is lost.
 */
/* LINK: drivers/virtual/vaplic.c drivers/virtual/vimsic.c
 *       drivers/virtual/irqchip_fdt.c core/virq.c core/mmio_bus.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c tests/unit/fake_irqchip.c libfdt */
/* TSAN */
#include "tests/unit/vaplic_rig.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct model {
    uint32_t mode, target;
    bool ie, ip, wire, rest;
    uint32_t sent;
};

static struct model model[SOURCES + 1];
static bool model_domain;

static bool model_rect(const struct model *m)
{
    switch (m->mode) {
    case 4:
    case 6:
        return m->wire;
    case 5:
    case 7:
        return !m->wire;
    default:
        return false;
    }
}

static void model_settle(struct model *m)
{
    if (m->mode == 0) {
        m->ie = false;
        m->ip = false;
        m->target = 0;
    }
    if (m->mode >= 6 && !model_rect(m)) {
        m->ip = false;
    }
    if (m->ip && m->ie && model_domain) {
        m->ip = false;
        m->sent++;
    }
}

static void model_wire(struct model *m, bool wire)
{
    bool before = model_rect(m);

    m->wire = wire;
    m->ip = m->ip || (!before && model_rect(m));
    model_settle(m);
}

static void model_step(uint32_t source, uint32_t op, uint32_t value)
{
    struct model *m = &model[source];

    switch (op) {
    case 0:
        wr(SRC(source), value & 7);
        m->mode = (value & 7) == 2 || (value & 7) == 3 ? 0 : value & 7;
        m->ip = m->ip || (m->mode >= 6 && model_rect(m));
        break;
    case 1:
        wr(TARGET(source), TO(source % VCPUS, source));
        m->target = m->mode != 0 ? TO(source % VCPUS, source) : 0;
        break;
    case 2:
        wr((value & 1) != 0 ? SETIE + NUM : CLRIE + NUM, source);
        m->ie = (value & 1) != 0;
        break;
    case 3:
        wr(SETIPNUM_LE, source);
        m->ip = m->ip || (m->mode != 0 && (m->mode < 6 || model_rect(m)));
        break;
    case 4:
        wr(CLRIP + source / 32 * 4, 1u << source % 32);
        m->ip = false;
        break;
    case 5:
        chip->ops->set_level(chip, source, (value & 1) != 0);
        model_wire(m, ((value & 1) != 0) != m->rest);
        break;
    case 6:
        if (m->wire == m->rest) { /* a pulse of an asserted wire has no meaning */
            chip->ops->pulse(chip, source);
            model_wire(m, !m->rest);
            model_wire(m, m->rest);
        }
        break;
    default:
        model_domain = (value & 3) != 0;
        wr(DOMAINCFG, model_domain ? 0x100 : 0);
        for (uint32_t i = 1; i <= SOURCES; i++) {
            model_settle(&model[i]);
        }
        break;
    }
    model_settle(m);
}

static void test_random(void **state)
{
    static const uint32_t sources[] = {EDGE, LEVEL, LEVEL_LO, EDGE_LO};

    (void)state;
    memset(model, 0, sizeof(model));
    model_domain = false;
    model[LEVEL_LO].wire = model[LEVEL_LO].rest = true;
    model[EDGE_LO].wire = model[EDGE_LO].rest = true;
    srand(1);
    for (uint32_t n = 0; n < 200000; n++) {
        uint32_t source = sources[(uint32_t)rand() % 4];
        const struct model *m = &model[source];
        uint32_t sent = 0;

        model_step(source, (uint32_t)rand() % 40 == 0 ? 7 : (uint32_t)rand() % 7, (uint32_t)rand());
        assert_int_equal(bit_of(SETIP, source), m->ip);
        assert_int_equal(bit_of(CLRIP, source), model_rect(m));
        assert_int_equal(bit_of(SETIE, source), m->ie);
        assert_int_equal(rd(TARGET(source)), m->target);
        for (uint32_t i = 0; i < 4; i++) {
            sent += model[sources[i]].target != 0 ? model[sources[i]].sent : 0;
        }
        /* Messages sent without a target go nowhere: forget them on both sides. */
        for (uint32_t i = 0; i < 4; i++) {
            model[sources[i]].sent = 0;
        }
        assert_int_equal(msis(0) + msis(1) + msis(2), sent);
        for (uint32_t i = 0; i < VCPUS; i++) {
            atomic_store(&fake_vcpu(vm->vcpus[i])->msi_total, 0);
        }
    }
}

/* ---- no edge is lost between harts ----------------------------------------------------------- */

#define ROUNDS 20000u

static _Atomic uint32_t round_begun, round_done;

static void *pulser(void *arg)
{
    (void)arg;
    for (uint32_t n = 1; n <= ROUNDS; n++) {
        while (atomic_load(&round_begun) != n) {
        }
        chip->ops->pulse(chip, EDGE);
        atomic_store(&round_done, n);
    }
    return NULL;
}

static void test_race(void **state)
{
    pthread_t thread;

    (void)state;
    arm(EDGE, 4, 1, 17);
    atomic_store(&round_begun, 0);
    atomic_store(&round_done, 0);
    assert_int_equal(pthread_create(&thread, NULL, pulser, NULL), 0);
    for (uint32_t n = 1; n <= ROUNDS; n++) {
        atomic_store(&round_begun, n);
        wr(CLRIE + NUM, EDGE);
        wr(SETIE + NUM, EDGE);
        while (atomic_load(&round_done) != n) {
        }
        assert_true(fake_msi_take(vm->vcpus[1], 17));
        assert_int_equal(bit_of(SETIP, EDGE), 0);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_random), T(test_race)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
