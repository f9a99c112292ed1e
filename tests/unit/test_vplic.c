/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual PLIC: each register's rules [PLIC 1.0.0], edge and level gateways, host sources, FDT
 * node.
 */
/* LINK: drivers/virtual/vplic.c drivers/virtual/irqchip_fdt.c core/virq.c core/mmio_bus.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c tests/unit/fake_irqchip.c libfdt */
#include "tests/unit/vplic_rig.h"

#include <libfdt.h>

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
    wr(MACHINE_ENABLE(1), UINT32_MAX); /* nobody's */
    assert_int_equal(rd(MACHINE_ENABLE(1)), 0);
    wr(MACHINE_CLAIM(1) - 4, 7);
    assert_int_equal(rd(MACHINE_CLAIM(1) - 4), 0);
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
    assert_int_equal(rd(MACHINE_CLAIM(1)), 0);
    assert_int_equal(rd(CLAIM(1)), LEVEL);
    wr(MACHINE_CLAIM(1), LEVEL); /* does not complete it */
    assert_false(eip(1));
    assert_false(pending(LEVEL));
    assert_false(eip(1));
    assert_int_equal(rd(CLAIM(1)), 0); /* closed until completion */
    wr(CLAIM(1), LEVEL);               /* still up: again */
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

static uint32_t claimed;

static void claim_at_kick(struct hart *hart)
{
    (void)hart;
    fake_on_kick = NULL; /* the claim takes the line back, which is a kick too */
    claimed = rd(CLAIM(1));
}

/* The hart that is kicked claims at once: it must not meet the lock of who kicked it. */
static void test_kick(void **state)
{
    (void)state;
    arm(1, EDGE, 1);
    claimed = 0;
    fake_on_kick = claim_at_kick;
    chip->ops->pulse(chip, EDGE);
    assert_int_equal(claimed, EDGE);
    assert_false(eip(1));
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
    assert_int_equal(len, VCPUS * 16);
    assert_int_equal(fdt32_to_cpu(cells[4]), arch_fdt_cpu_intc(1));
    assert_int_equal(fdt32_to_cpu(cells[5]), UINT32_MAX);
    assert_int_equal(fdt32_to_cpu(cells[6]), arch_fdt_cpu_intc(1));
    assert_int_equal(fdt32_to_cpu(cells[7]), 9);
    cells = fdt_getprop(fdt, fdt_path_offset(fdt, "/dev"), "interrupts", &len);
    assert_int_equal(len, 4);
    assert_int_equal(fdt32_to_cpu(cells[0]), EDGE);
}

/* Who has a source keeps it, and a host source that there is not is nobody's. */
static void test_claims_refused(void **state)
{
    const struct irqchip none = {0};

    (void)state;
    assert_int_equal(virq_claim(chip, LEVEL, IRQ_LEVEL_HIGH), ERR_EXISTS);
    assert_int_equal(virq_claim(chip, HOST, IRQ_LEVEL_HIGH), ERR_EXISTS);
    assert_int_equal(virq_claim_host(chip, LEVEL, 22, IRQ_LEVEL_HIGH), ERR_EXISTS);
    assert_int_equal(virq_claim_host(chip, 0, 22, IRQ_LEVEL_HIGH), ERR_RANGE);
    assert_int_equal(virq_claim_host(chip, SOURCES + 1, 22, IRQ_LEVEL_HIGH), ERR_RANGE);
    assert_int_equal(virq_claim_host(chip, NOBODY, 0, IRQ_LEVEL_HIGH), ERR_RANGE);
    assert_int_equal(virq_claim_host(chip, NOBODY, FAKE_HOST_SOURCES, IRQ_LEVEL_HIGH), ERR_RANGE);
    machine.irqchip = none;
    assert_int_equal(virq_claim_host(chip, NOBODY, 22, IRQ_LEVEL_HIGH), ERR_NOT_SUPPORTED);
    fake_irqchip_install(false);
    assert_false(virq_claimed(chip, NOBODY));
    assert_int_equal(virq_claim_host(chip, NOBODY, FAKE_HOST_SOURCES - 1, IRQ_EDGE_RISING), ERR_OK);
}

/* An edge of the host is an edge of the VM: it is pending once, and the line does not stay up. */
static void test_host_edge(void **state)
{
    struct host_irq *irq;

    (void)state;
    assert_int_equal(virq_claim_host(chip, NOBODY, 22, IRQ_EDGE_RISING), ERR_OK);
    chip->ops->reset(chip);
    arm(0, NOBODY, 1);
    irq = fake_host[22].irq;
    assert_non_null(irq);
    irq->handler(irq);
    assert_true(pending(NOBODY));
    assert_int_equal(rd(CLAIM(0)), NOBODY);
    wr(CLAIM(0), NOBODY);
    assert_false(pending(NOBODY));
    assert_int_equal(rd(CLAIM(0)), 0);
}

/* What is no register of this VM's chip holds nothing and takes nothing. */
static void test_no_register(void **state)
{
    struct virqchip *small;
    gpa_t at = gpa(VDEV_PLIC_BASE + LEVEL * 4 + 2);

    (void)state;
    assert_int_equal(mmio_bus_write(&vm->bus, vm->vcpus[0], at, 4, 0xffffffff), ERR_FAULT);
    assert_int_equal(rd(LEVEL * 4), 0);
    wr(NOBODY * 4, 7);
    assert_int_equal(rd(NOBODY * 4), 0);
    wr(ENABLE(VCPUS), UINT32_MAX);
    assert_int_equal(rd(ENABLE(VCPUS)), 0);

    vm = fake_vm_add("small", 1, 0, 0, 0);
    assert_int_equal(mmio_bus_init(&vm->bus, 2), ERR_OK);
    small = vplic_create(vm, 31);
    assert_non_null(small);
    assert_int_equal(virq_claim(small, 31, IRQ_EDGE_RISING), ERR_OK);
    small->ops->reset(small);
    wr(ENABLE(0), UINT32_MAX);
    assert_int_equal(rd(ENABLE(0)), 1u << 31);
    for (uint32_t word = 1; word < 32; word++) {
        wr(ENABLE(0) + word * 4, UINT32_MAX);
        assert_int_equal(rd(ENABLE(0) + word * 4), 0);
        assert_int_equal(rd(PENDING + word * 4), 0);
    }
    wr(32 * 4, 7);
    assert_int_equal(rd(32 * 4), 0);
    wr(CLAIM(0), 32);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_widths),      T(test_registers),  T(test_level),          T(test_edge),
        T(test_kick),        T(test_completion), T(test_priorities),     T(test_host),
        T(test_reset),       T(test_fdt),        T(test_claims_refused), T(test_host_edge),
        T(test_no_register),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
