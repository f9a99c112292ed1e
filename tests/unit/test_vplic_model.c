/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual PLIC against a model that scans all sources each time, under random operations. */
/* LINK: drivers/virtual/vplic.c drivers/virtual/irqchip_fdt.c core/virq.c core/mmio_bus.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c tests/unit/fake_irqchip.c libfdt */
#include "tests/unit/vplic_rig.h"

#include <stdlib.h>
#include <string.h>

static struct {
    bool exists[SOURCES + 1], edge[SOURCES + 1];
    bool ip[SOURCES + 1], service[SOURCES + 1], line[SOURCES + 1], latch[SOURCES + 1];
    bool en[VCPUS][SOURCES + 1];
    uint32_t prio[SOURCES + 1], threshold[VCPUS];
} model;

static uint32_t model_best(uint32_t ctx, uint32_t floor)
{
    uint32_t best = 0;

    for (uint32_t s = 1; s <= SOURCES; s++) {
        if (model.ip[s] && model.en[ctx][s] && model.prio[s] > floor &&
            (best == 0 || model.prio[s] > model.prio[best])) {
            best = s;
        }
    }
    return best;
}

static void model_gate(uint32_t s)
{
    if (!model.service[s] && !model.ip[s] && (model.line[s] || model.latch[s])) {
        model.ip[s] = true;
        model.latch[s] = false;
    }
}

static void random_step(uint32_t s)
{
    uint32_t ctx = (uint32_t)rand() % VCPUS;
    uint32_t value = (uint32_t)rand();

    switch ((uint32_t)rand() % 7) {
    case 0:
        wr(s * 4, value);
        model.prio[s] = model.exists[s] ? value % 8 : 0;
        break;
    case 1:
        enable(ctx, s, (value & 1) != 0);
        model.en[ctx][s] = (value & 1) != 0 && model.exists[s];
        break;
    case 2:
        wr(THRESHOLD(ctx), value);
        model.threshold[ctx] = value % 8;
        break;
    case 3:
    case 4:
        if (!model.exists[s]) {
            break;
        }
        if (model.edge[s]) {
            chip->ops->pulse(chip, s);
            model.latch[s] = !model.ip[s];
        } else {
            chip->ops->set_level(chip, s, (value & 1) != 0);
            model.line[s] = (value & 1) != 0;
        }
        model_gate(s);
        break;
    case 5: {
        uint32_t best = model_best(ctx, 0);

        assert_int_equal(rd(CLAIM(ctx)), best);
        model.ip[best] = false;
        model.service[best] = best != 0;
        break;
    }
    default:
        wr(CLAIM(ctx), s);
        if (model.en[ctx][s] && model.service[s]) {
            model.service[s] = false;
            model_gate(s);
        }
        break;
    }
}

static void test_random(void **state)
{
    uint32_t used[24];

    (void)state;
    memset(&model, 0, sizeof(model));
    srand(2);
    for (uint32_t i = 0; i < ARRAY_SIZE(used); i++) {
        used[i] = i < 8 ? i + 14 : 1 + (uint32_t)rand() % SOURCES;
        model.edge[used[i]] = (i & 1) != 0;
        if (!virq_claimed(chip, used[i]) && i % 8 != 7) {
            assert_int_equal(
                virq_claim(chip, used[i], model.edge[used[i]] ? IRQ_EDGE_RISING : IRQ_LEVEL_HIGH),
                ERR_OK);
        }
        model.exists[used[i]] = virq_claimed(chip, used[i]);
    }
    for (uint32_t n = 0; n < 100000; n++) {
        uint32_t s = used[(uint32_t)rand() % ARRAY_SIZE(used)];

        random_step(s);
        assert_int_equal(pending(s), model.ip[s]);
        assert_int_equal(rd(s * 4), model.prio[s]);
        for (uint32_t ctx = 0; ctx < VCPUS; ctx++) {
            assert_int_equal(eip(ctx), model_best(ctx, model.threshold[ctx]) != 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
