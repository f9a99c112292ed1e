/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual PLIC: each register's rules [PLIC 1.0.0], edge and level gateways, host sources, and
 * random operations against a model that scans all sources each time.
 */
/* LINK: drivers/virtual/vplic.c drivers/virtual/irqchip_fdt.c core/virq.c core/mmio_bus.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c tests/unit/fake_irqchip.c libfdt */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/vplic.h"
#include "tests/unit/fake_arch.h"
#include "tests/unit/fake_irqchip.h"

#include <libfdt.h>

#define SOURCES 1023u
#define VCPUS   3u

/* Claimed sources. */
#define LEVEL    3u
#define EDGE     64u
#define EDGE_TOP 1023u
#define LEVEL_HI 700u
#define HOST     11u /* level, of host source 21 */
#define NOBODY   12u

#define PENDING        0x1000u
#define ENABLE(ctx)    (0x2000u + (ctx) * 0x80u)
#define THRESHOLD(ctx) (0x200000u + (ctx) * 0x1000u)
#define CLAIM(ctx)     (THRESHOLD(ctx) + 4u)

static struct vm *vm;
static struct virqchip *chip;

static uint32_t rd(uint32_t offset)
{
    uint64_t value = ~0ull;

    assert_int_equal(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_PLIC_BASE + offset), 4, &value),
                     ERR_OK);
    assert_true(value <= UINT32_MAX);
    return (uint32_t)value;
}

static void wr(uint32_t offset, uint32_t value)
{
    assert_int_equal(mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(VDEV_PLIC_BASE + offset), 4,
                                    0xdead00000000ull | value),
                     ERR_OK);
}

static bool eip(uint32_t ctx)
{
    return (atomic_load(&vm->vcpus[ctx]->irq_lines) & 1u << VCPU_IRQ_EXT) != 0;
}

static void enable(uint32_t ctx, uint32_t source, bool on)
{
    uint32_t reg = ENABLE(ctx) + source / 32 * 4;
    uint32_t bit = 1u << source % 32;

    wr(reg, on ? rd(reg) | bit : rd(reg) & ~bit);
}

static bool pending(uint32_t source)
{
    return (rd(PENDING + source / 32 * 4) >> source % 32 & 1u) != 0;
}

static int setup(void **state)
{
    (void)state;
    fake_init(VCPUS);
    fake_irqchip_install(false);
    vm = fake_vm_add("v", VCPUS, 0, 0, 0);
    assert_int_equal(mmio_bus_init(&vm->bus, 2), ERR_OK);
    chip = vplic_create(vm, SOURCES);
    assert_non_null(chip);
    assert_int_equal(virq_claim(chip, LEVEL, IRQ_LEVEL_HIGH), ERR_OK);
    assert_int_equal(virq_claim(chip, EDGE, IRQ_EDGE_RISING), ERR_OK);
    assert_int_equal(virq_claim(chip, EDGE_TOP, IRQ_EDGE_RISING), ERR_OK);
    assert_int_equal(virq_claim(chip, LEVEL_HI, IRQ_LEVEL_HIGH), ERR_OK);
    assert_int_equal(virq_claim_host(chip, HOST, 21, IRQ_LEVEL_HIGH), ERR_OK);
    chip->ops->reset(chip);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static void arm(uint32_t ctx, uint32_t source, uint32_t priority)
{
    wr(source * 4, priority);
    enable(ctx, source, true);
}

static void test_widths(void **state)
{
    uint64_t value;
    gpa_t base = gpa(VDEV_PLIC_BASE);

    (void)state;
    for (uint32_t width = 1; width <= 8; width *= 2) {
        enum err want = width == 4 ? ERR_OK : ERR_FAULT;

        assert_int_equal(mmio_bus_read(&vm->bus, vm->vcpus[0], base, width, &value), want);
        assert_int_equal(mmio_bus_write(&vm->bus, vm->vcpus[0], base, width, 0), want);
    }
    assert_int_equal(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa_add(base, 2), 4, &value), ERR_FAULT);
    assert_int_equal(
        mmio_bus_read(&vm->bus, vm->vcpus[0], gpa_add(base, THRESHOLD(VCPUS)), 4, &value),
        ERR_NOT_FOUND);
}

static void test_registers(void **state)
{
    (void)state;
    wr(LEVEL * 4, 0xff);
    assert_int_equal(rd(LEVEL * 4), 7);
    wr(NOBODY * 4, 7);
    assert_int_equal(rd(NOBODY * 4), 0);
    wr(0, 7);
    assert_int_equal(rd(0), 0);
    for (uint32_t w = 0; w < 32; w++) {
        wr(ENABLE(1) + w * 4, UINT32_MAX);
    }
    assert_int_equal(rd(ENABLE(1)), 1u << LEVEL | 1u << HOST); /* those that exist */
    assert_int_equal(rd(ENABLE(1) + 8), 1u);
    assert_int_equal(rd(ENABLE(1) + 124), 1u << 31);
    assert_int_equal(rd(ENABLE(0)), 0);
    wr(ENABLE(VCPUS), UINT32_MAX); /* no such context */
    assert_int_equal(rd(ENABLE(VCPUS)), 0);
    wr(PENDING, UINT32_MAX);
    assert_int_equal(rd(PENDING), 0);
    wr(THRESHOLD(2), 0xd);
    assert_int_equal(rd(THRESHOLD(2)), 5);
    assert_int_equal(rd(THRESHOLD(2) + 8), 0);
    wr(THRESHOLD(2) + 8, 1);
    assert_int_equal(rd(CLAIM(2)), 0);
    wr(CLAIM(2), 0);
    wr(CLAIM(2), UINT32_MAX);
    wr(CLAIM(2), NOBODY);
}

static void test_level(void **state)
{
    (void)state;
    arm(1, LEVEL, 1);
    chip->ops->set_level(chip, LEVEL, true);
    assert_true(pending(LEVEL));
    assert_true(eip(1));
    assert_false(eip(0));
    assert_int_equal(rd(CLAIM(1)), LEVEL);
    assert_false(pending(LEVEL));
    assert_false(eip(1));
    assert_int_equal(rd(CLAIM(1)), 0); /* closed until completion */
    wr(CLAIM(1), LEVEL); /* still up: again */
    assert_true(eip(1));
    assert_int_equal(rd(CLAIM(1)), LEVEL);
    chip->ops->set_level(chip, LEVEL, false);
    wr(CLAIM(1), LEVEL);
    assert_false(eip(1));
    assert_false(pending(LEVEL));
    chip->ops->set_level(chip, LEVEL, true);
    chip->ops->set_level(chip, LEVEL, false);
    assert_true(pending(LEVEL)); /* a request is not taken back */
}

static void test_edge(void **state)
{
    (void)state;
    arm(0, EDGE, 3);
    chip->ops->pulse(chip, EDGE);
    chip->ops->pulse(chip, EDGE); /* one request */
    assert_int_equal(rd(CLAIM(0)), EDGE);
    wr(CLAIM(0), EDGE);
    assert_int_equal(rd(CLAIM(0)), 0);
    chip->ops->pulse(chip, EDGE);
    assert_int_equal(rd(CLAIM(0)), EDGE);
    chip->ops->pulse(chip, EDGE); /* between claim and completion: latched */
    chip->ops->pulse(chip, EDGE);
    assert_false(eip(0));
    wr(CLAIM(0), EDGE);
    assert_true(eip(0));
    assert_int_equal(rd(CLAIM(0)), EDGE);
    wr(CLAIM(0), EDGE);
    assert_int_equal(rd(CLAIM(0)), 0);
}

static void test_completion(void **state)
{
    (void)state;
    arm(0, EDGE, 3);
    arm(1, EDGE, 3);
    chip->ops->pulse(chip, EDGE);
    assert_true(eip(0) && eip(1));
    assert_int_equal(rd(CLAIM(1)), EDGE);
    assert_false(eip(0) || eip(1));
    assert_int_equal(rd(CLAIM(0)), 0);
    chip->ops->pulse(chip, EDGE);
    wr(CLAIM(2), EDGE); /* not enabled there: ignored */
    assert_false(eip(0));
    enable(1, EDGE, false);
    wr(CLAIM(1), EDGE); /* nor here any more */
    assert_false(eip(0));
    wr(CLAIM(0), EDGE); /* any context that has it enabled */
    assert_true(eip(0));
    wr(CLAIM(0), EDGE); /* pending, not in service: ignored */
    assert_int_equal(rd(CLAIM(0)), EDGE);
}

static void test_priorities(void **state)
{
    (void)state;
    arm(0, LEVEL, 2);
    arm(0, EDGE, 5);
    arm(0, EDGE_TOP, 5);
    arm(0, LEVEL_HI, 0); /* never interrupts */
    chip->ops->set_level(chip, LEVEL, true);
    chip->ops->set_level(chip, LEVEL_HI, true);
    chip->ops->pulse(chip, EDGE_TOP);
    chip->ops->pulse(chip, EDGE);
    wr(THRESHOLD(0), 5);
    assert_false(eip(0));
    wr(THRESHOLD(0), 4);
    assert_true(eip(0));
    assert_int_equal(rd(CLAIM(0)), EDGE); /* the lowest number among equals */
    assert_int_equal(rd(CLAIM(0)), EDGE_TOP);
    assert_false(eip(0));
    assert_int_equal(rd(CLAIM(0)), LEVEL); /* a claim does not ask for the threshold */
    assert_int_equal(rd(CLAIM(0)), 0);
    assert_true(pending(LEVEL_HI));
    wr(LEVEL_HI * 4, 7); /* pending sources move with their priority */
    assert_true(eip(0));
    wr(LEVEL_HI * 4, 1);
    assert_false(eip(0));
    wr(THRESHOLD(0), 0);
    assert_true(eip(0));
    enable(0, LEVEL_HI, false);
    assert_false(eip(0));
}

static void test_host(void **state)
{
    struct fake_host_source *h = &fake_host[21];

    (void)state;
    assert_true(h->attached);
    assert_false(h->enabled);
    arm(0, HOST, 1);
    assert_true(h->enabled);
    enable(1, HOST, true);
    enable(0, HOST, false);
    assert_true(h->enabled); /* one still has it on */
    h->irq->handler(h->irq);
    assert_true(eip(1));
    assert_int_equal(rd(CLAIM(1)), HOST);
    assert_int_equal(h->completes, 0);
    wr(CLAIM(1), HOST);
    assert_int_equal(h->completes, 1);
    assert_false(eip(1)); /* the host tells if it still stands */
    h->irq->handler(h->irq);
    assert_true(eip(1));
    enable(1, HOST, false);
    assert_false(h->enabled);
    chip->ops->reset(chip); /* unfinished: finished here, or it would be masked for ever */
    assert_int_equal(h->completes, 2);
    assert_false(pending(HOST));
    chip->ops->reset(chip);
    assert_int_equal(h->completes, 2);
}

static void test_reset(void **state)
{
    (void)state;
    arm(0, EDGE, 3);
    arm(1, EDGE_TOP, 4);
    wr(THRESHOLD(1), 2);
    chip->ops->pulse(chip, EDGE);
    chip->ops->pulse(chip, EDGE_TOP);
    assert_int_equal(rd(CLAIM(0)), EDGE);
    chip->ops->reset(chip);
    assert_false(eip(0) || eip(1));
    assert_int_equal(rd(EDGE * 4), 0);
    assert_int_equal(rd(THRESHOLD(1)), 0);
    for (uint32_t w = 0; w < 32; w++) {
        assert_int_equal(rd(PENDING + w * 4), 0);
        assert_int_equal(rd(ENABLE(0) + w * 4), 0);
        assert_int_equal(rd(ENABLE(1) + w * 4), 0);
    }
    arm(0, EDGE, 1);
    chip->ops->pulse(chip, EDGE); /* not left in service */
    assert_int_equal(rd(CLAIM(0)), EDGE);
}

static void test_fdt(void **state)
{
    char fdt[2048];
    int len;
    const fdt32_t *cells;

    (void)state;
    assert_int_equal(fdt_create(fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    assert_int_equal(fdt_begin_node(fdt, ""), 0);
    assert_int_equal(chip->ops->fdt_node(chip, fdt), ERR_OK);
    assert_int_equal(fdt_begin_node(fdt, "dev"), 0);
    assert_int_equal(chip->ops->fdt_interrupts(chip, fdt, EDGE), ERR_OK);
    assert_int_equal(fdt_end_node(fdt), 0);
    assert_int_equal(fdt_end_node(fdt), 0);
    assert_int_equal(fdt_finish(fdt), 0);
    len = fdt_path_offset(fdt, "/interrupt-controller@c000000");
    assert_true(len > 0);
    assert_int_equal(fdt_node_check_compatible(fdt, len, "sifive,plic-1.0.0"), 0);
    assert_int_equal(fdt_get_phandle(fdt, len), VIRQ_PHANDLE);
    cells = fdt_getprop(fdt, len, "interrupts-extended", &len);
    assert_int_equal(len, VCPUS * 8);
    assert_int_equal(fdt32_to_cpu(cells[3]), 9);
    cells = fdt_getprop(fdt, fdt_path_offset(fdt, "/dev"), "interrupts", &len);
    assert_int_equal(len, 4);
    assert_int_equal(fdt32_to_cpu(cells[0]), EDGE);
}

/* ---- against a model --------------------------------------------------------------------------- */

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
            assert_int_equal(virq_claim(chip, used[i],
                                        model.edge[used[i]] ? IRQ_EDGE_RISING : IRQ_LEVEL_HIGH),
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
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_widths),     T(test_registers), T(test_level), T(test_edge), T(test_completion),
        T(test_priorities), T(test_host),      T(test_reset), T(test_fdt),  T(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
