/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: drivers/plic.c tests/unit/fake_arch.c tests/unit/fake_core.c */
/*
 * The PLIC driver on registers that are plain memory: what is written where, and that a source
 * which was attached before its hart was started outlives what firmware does to that hart's context
 * then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/plic.h"
#include "tests/unit/fake_arch.h"

#include <string.h>

#define BASE    0x0c000000ull
#define SIZE    0x600000ull
#define SOURCES 95u

#define PRIORITY(source)      (0x0u + (source)*4u)
#define PENDING(word)         (0x1000u + (word)*4u)
#define ENABLE(context, word) (0x2000u + (context)*0x80u + (word)*4u)
#define THRESHOLD(context)    (0x200000u + (context)*0x1000u)
#define CLAIM(context)        (THRESHOLD(context) + 4u)

/* By hart; the second has no supervisor context. */
static const uint32_t contexts[] = {5, PLIC_NO_CONTEXT, 1};

static const struct plic_config config = {
    .base = {BASE}, .size = SIZE, .source_count = SOURCES, .context = contexts};

static uint32_t *reg(uint64_t offset)
{
    return fake_phys(BASE + offset, 4);
}

static void handler(struct host_irq *irq)
{
    (void)irq;
}

static struct host_irq irq_of(uint32_t source, uint32_t hart)
{
    return (struct host_irq){.source = source,
                             .trigger = IRQ_LEVEL_HIGH,
                             .hart = machine.harts[hart],
                             .handler = handler};
}

static int setup(void **state)
{
    (void)state;
    fake_init(3);
    memset(fake_phys_add(BASE, SIZE), 0xff, SIZE); /* reset leaves everything undefined */
    assert_int_equal(plic_init(&config, &machine.irqchip), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static void harts_up(void)
{
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        fake_become(machine.harts[i]);
        machine.irqchip.ops->hart_init(machine.harts[i]);
    }
    fake_become(machine.harts[0]);
}

static void test_clears_what_an_earlier_boot_left(void **state)
{
    (void)state;
    harts_up();
    for (uint32_t source = 1; source <= SOURCES; source++) {
        assert_int_equal(*reg(PRIORITY(source)), 0);
    }
    for (uint32_t word = 0; word <= SOURCES / 32u; word++) {
        assert_int_equal(*reg(ENABLE(5, word)), 0);
        assert_int_equal(*reg(ENABLE(1, word)), 0);
    }
    assert_int_equal(*reg(THRESHOLD(5)), 0);
    assert_int_equal(*reg(THRESHOLD(1)), 0);
    assert_int_equal(*reg(ENABLE(0, 0)), UINT32_MAX); /* another's */
}

/* OpenSBI's warm start of a hart: enables off, threshold at its highest, in that hart's
 * contexts. */
static void test_outlives_the_start_of_its_hart(void **state)
{
    struct host_irq uart = irq_of(10, 2), rtc = irq_of(11, 2), far = irq_of(SOURCES, 2);
    struct host_irq other = irq_of(12, 0);

    (void)state;
    assert_int_equal(machine.irqchip.ops->attach(&uart), ERR_OK);
    assert_int_equal(machine.irqchip.ops->attach(&far), ERR_OK);
    assert_int_equal(machine.irqchip.ops->attach(&other), ERR_OK);
    machine.irqchip.ops->enable(&uart);
    for (uint32_t word = 0; word < 32; word++) {
        *reg(ENABLE(1, word)) = 0;
    }
    *reg(THRESHOLD(1)) = 7;
    harts_up();
    assert_int_equal(*reg(ENABLE(1, 0)), 1u << 10);
    assert_int_equal(*reg(ENABLE(1, 2)), 1u << 31);
    assert_int_equal(*reg(ENABLE(5, 0)), 1u << 12);
    assert_int_equal(*reg(THRESHOLD(1)), 0);
    assert_int_equal(*reg(PRIORITY(10)), 1);
    assert_int_equal(*reg(PRIORITY(11)), 0);

    assert_int_equal(machine.irqchip.ops->attach(&rtc), ERR_OK);
    assert_int_equal(*reg(ENABLE(1, 0)), 1u << 10 | 1u << 11);
    assert_int_equal(*reg(CLAIM(1)), 11);
}

/* Another hart's context listens, too, until the sleep is over or that hart is back from it. */
static void test_wakes_another(void **state)
{
    const struct irqchip_ops *ops = machine.irqchip.ops;
    struct host_irq uart = irq_of(10, 0), own = irq_of(11, 2), far = irq_of(SOURCES, 0);

    (void)state;
    harts_up();
    assert_int_equal(ops->attach(&uart), ERR_OK);
    assert_int_equal(ops->attach(&own), ERR_OK);
    assert_int_equal(ops->attach(&far), ERR_OK);
    assert_false(ops->enabled(&uart));
    ops->enable(&uart);
    assert_true(ops->enabled(&uart));
    *reg(PENDING(0)) = 1u << 9;
    *reg(PENDING(2)) = 0;

    assert_int_equal(ops->wake_on(&uart, machine.harts[1], 0), ERR_NOT_SUPPORTED);
    assert_int_equal(ops->wake_on(&uart, machine.harts[2], 0), ERR_OK);
    assert_int_equal(ops->wake_on(&own, machine.harts[2], 1), ERR_OK);
    assert_int_equal(ops->wake_on(&far, machine.harts[2], 2), ERR_OK);
    assert_int_equal(*reg(ENABLE(1, 0)), 1u << 10 | 1u << 11);
    assert_int_equal(*reg(ENABLE(1, 2)), 1u << 31);
    assert_int_equal(*reg(ENABLE(5, 0)), 1u << 10);
    *reg(PENDING(0)) = 1u << 10;
    assert_true(ops->wake_off(&uart, machine.harts[2]));
    assert_false(ops->wake_off(&own, machine.harts[2]));
    assert_false(ops->wake_off(&far, machine.harts[2]));
    assert_int_equal(*reg(ENABLE(1, 0)), 1u << 11);
    assert_int_equal(*reg(ENABLE(1, 2)), 0);
    assert_int_equal(*reg(ENABLE(5, 0)), 1u << 10);
}

static void test_refuses(void **state)
{
    struct host_irq none = irq_of(0, 0), high = irq_of(SOURCES + 1, 0), nowhere = irq_of(1, 1);
    struct host_irq first = irq_of(2, 0), second = irq_of(2, 2);

    (void)state;
    assert_int_equal(machine.irqchip.ops->attach(&none), ERR_RANGE);
    assert_int_equal(machine.irqchip.ops->attach(&high), ERR_RANGE);
    assert_int_equal(machine.irqchip.ops->attach(&nowhere), ERR_NOT_SUPPORTED);
    assert_int_equal(machine.irqchip.ops->attach(&first), ERR_OK);
    assert_int_equal(machine.irqchip.ops->attach(&second), ERR_EXISTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_clears_what_an_earlier_boot_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outlives_the_start_of_its_hart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wakes_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
