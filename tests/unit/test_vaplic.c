/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual APLIC: each register's rules [AIA 1.0 4.5], when pending bits change [4.7], delivery,
 * host sources, FDT nodes.
 */
/* LINK: drivers/virtual/vaplic.c drivers/virtual/vimsic.c
 *       drivers/virtual/irqchip_fdt.c core/virq.c core/mmio_bus.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c tests/unit/fake_irqchip.c libfdt */
#include "tests/unit/vaplic_rig.h"

#include <libfdt.h>

static void test_claims(void **state)
{
    (void)state;
    assert_int_equal(virq_claim(chip, EDGE, IRQ_EDGE_RISING), ERR_EXISTS);
    assert_int_equal(virq_claim(chip, 0, IRQ_EDGE_RISING), ERR_RANGE);
    assert_int_equal(virq_claim(chip, SOURCES + 1, IRQ_EDGE_RISING), ERR_RANGE);
    assert_int_equal(virq_claim(chip, NOBODY, (enum irq_trigger)3), ERR_INVALID);
    assert_int_equal(virq_claim_host(chip, NOBODY, FAKE_HOST_SOURCES, IRQ_LEVEL_HIGH), ERR_RANGE);
    fake_host[3].refused = true;
    assert_int_equal(virq_claim_host(chip, NOBODY, 3, IRQ_LEVEL_HIGH), ERR_NOT_SUPPORTED);
    fake_irqchip_install(false); /* cannot route to guests */
    assert_int_equal(virq_claim_host(chip, NOBODY, 3, IRQ_LEVEL_HIGH), ERR_NOT_SUPPORTED);
    assert_int_equal(virq_claim(chip, NOBODY, IRQ_LEVEL_HIGH), ERR_OK); /* not left half claimed */
}

static void test_widths(void **state)
{
    uint64_t value;

    (void)state;
    for (uint32_t width = 1; width <= 8; width *= 2) {
        enum err want = width == 4 ? ERR_OK : ERR_FAULT;

        assert_int_equal(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_APLIC_BASE), width, &value),
                         want);
        assert_int_equal(mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(VDEV_APLIC_BASE), width, 0),
                         want);
    }
    assert_int_equal(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_APLIC_BASE + 2), 4, &value),
                     ERR_FAULT);
    assert_int_equal(
        mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_APLIC_BASE + 0x4000), 4, &value),
        ERR_NOT_FOUND);
}

static void test_nobody(void **state)
{
    (void)state;
    wr(SRC(NOBODY), 4);
    wr(TARGET(NOBODY), TO(1, 5));
    wr(SETIE + NUM, NOBODY);
    wr(SETIP + NUM, NOBODY);
    assert_int_equal(rd(SRC(NOBODY)), 0);
    assert_int_equal(rd(TARGET(NOBODY)), 0);
    wr(SETIE, UINT32_MAX);
    wr(SETIP, UINT32_MAX);
    wr(SETIP + 31 * 4, UINT32_MAX);
    assert_int_equal(rd(SETIE), 0); /* inactive sources: read-only zero */
    assert_int_equal(rd(SETIP), 0);
    assert_int_equal(rd(SETIP + 31 * 4), 0);
    assert_int_equal(rd(SRC(1023)), 0);
    wr(SRC(1023), 4);
    wr(TARGET(1023), 4);
    wr(SETIP + NUM, 0);
    wr(SETIP + NUM, UINT32_MAX);
    for (uint32_t offset = 0x1bc0; offset < 0x1bd0; offset += 4) { /* m/smsiaddrcfg[h] */
        wr(offset, UINT32_MAX);
        assert_int_equal(rd(offset), 0);
    }
}

static void test_domaincfg(void **state)
{
    (void)state;
    assert_int_equal(rd(DOMAINCFG), 0x80000004);
    wr(DOMAINCFG, UINT32_MAX);
    assert_int_equal(rd(DOMAINCFG), 0x80000104);
    wr(DOMAINCFG, 0);
    assert_int_equal(rd(DOMAINCFG), 0x80000004);
}

static void test_sourcecfg(void **state)
{
    static const uint32_t legal[8] = {0, 1, 0, 0, 4, 5, 6, 7};

    (void)state;
    for (uint32_t mode = 0; mode < 8; mode++) {
        wr(SRC(EDGE), mode | 0xfffff800);
        assert_int_equal(rd(SRC(EDGE)), legal[mode]);
    }
    wr(SRC(EDGE), 4 | 0x400); /* D: there is no child */
    assert_int_equal(rd(SRC(EDGE)), 0);

    wr(SRC(EDGE), 4);
    wr(TARGET(EDGE), UINT32_MAX);
    wr(SETIE + NUM, EDGE);
    wr(SETIP + NUM, EDGE);
    assert_int_equal(rd(TARGET(EDGE)), 0xfffc00ff); /* EIID: eight bits for 255 identities */
    assert_int_equal(bit_of(SETIE, EDGE), 1);
    assert_int_equal(bit_of(SETIP, EDGE), 1);
    wr(SRC(EDGE), 5); /* another active mode keeps them */
    assert_int_equal(bit_of(SETIE, EDGE), 1);
    assert_int_equal(bit_of(SETIP, EDGE), 1);
    wr(SRC(EDGE), 0); /* inactive loses them */
    wr(SRC(EDGE), 4);
    assert_int_equal(rd(TARGET(EDGE)), 0);
    assert_int_equal(bit_of(SETIE, EDGE), 0);
    assert_int_equal(bit_of(SETIP, EDGE), 0);
}

static void test_enable_forms(void **state)
{
    (void)state;
    wr(SRC(EDGE), 4);
    wr(SRC(EDGE_LO), 5);
    wr(SETIE, UINT32_MAX);
    wr(SETIE + 4, UINT32_MAX);
    assert_int_equal(rd(SETIE), 1u << EDGE);
    assert_int_equal(rd(SETIE + 4), 1u << (EDGE_LO - 32));
    assert_int_equal(rd(CLRIE), 0);
    assert_int_equal(rd(SETIE + NUM), 0);
    wr(CLRIE + NUM, EDGE_LO);
    assert_int_equal(rd(SETIE + 4), 0);
    wr(CLRIE, 1u << EDGE);
    assert_int_equal(rd(SETIE), 0);
    wr(SETIP, 1u << EDGE);
    assert_int_equal(rd(SETIP), 1u << EDGE);
    wr(CLRIP, 1u << EDGE);
    assert_int_equal(rd(SETIP), 0);
    wr(SETIPNUM_BE, __builtin_bswap32(EDGE));
    assert_int_equal(rd(SETIP), 1u << EDGE);
    wr(CLRIP + NUM, EDGE);
    assert_int_equal(rd(SETIP), 0);
    assert_int_equal(rd(SETIPNUM_LE), 0);
    assert_int_equal(rd(SETIPNUM_BE), 0);
}

static void test_edge(void **state)
{
    (void)state;
    arm(EDGE, 4, 1, 17);
    chip->ops->pulse(chip, EDGE);
    chip->ops->pulse(chip, EDGE);
    assert_int_equal(msis(1), 2);
    assert_true(fake_msi_take(vm->vcpus[1], 17));
    assert_int_equal(bit_of(SETIP, EDGE), 0); /* cleared as it is sent */

    wr(CLRIE + NUM, EDGE); /* kept while disabled */
    chip->ops->pulse(chip, EDGE);
    chip->ops->pulse(chip, EDGE);
    assert_int_equal(bit_of(SETIP, EDGE), 1);
    assert_int_equal(msis(1), 2);
    wr(SETIE + NUM, EDGE);
    assert_int_equal(msis(1), 3);

    wr(DOMAINCFG, 0); /* and while the domain is off */
    chip->ops->pulse(chip, EDGE);
    wr(TARGET(EDGE), TO(2, 18));
    assert_int_equal(msis(1), 3);
    wr(DOMAINCFG, 0x100);
    assert_true(fake_msi_take(vm->vcpus[2], 18));

    wr(TARGET(EDGE), TO(VCPUS, 18)); /* a hart that is not there */
    chip->ops->pulse(chip, EDGE);
    wr(TARGET(EDGE), TO(1, 0)); /* an identity that is not there */
    chip->ops->pulse(chip, EDGE);
    assert_int_equal(msis(0) + msis(1) + msis(2), 4);
    wr(SETIPNUM_LE, EDGE);
    wr(TARGET(EDGE), TO(0, 2));
    wr(SETIPNUM_LE, EDGE);
    assert_true(fake_msi_take(vm->vcpus[0], 2));
}

static void test_falling_edge(void **state)
{
    (void)state;
    assert_int_equal(bit_of(CLRIP, EDGE_LO), 0);
    arm(EDGE_LO, 5, 0, 3);
    assert_int_equal(bit_of(CLRIP, EDGE_LO), 0); /* the wire rests high */
    chip->ops->pulse(chip, EDGE_LO);
    assert_int_equal(msis(0), 1);
    chip->ops->set_level(chip, EDGE_LO, true);
    assert_int_equal(bit_of(CLRIP, EDGE_LO), 1);
    assert_int_equal(msis(0), 2);
    chip->ops->set_level(chip, EDGE_LO, false);
    assert_int_equal(msis(0), 2);
}

static void level_rules(uint32_t source, uint32_t mode)
{
    arm(source, mode, 2, 9);
    assert_int_equal(bit_of(CLRIP, source), 0);
    wr(SETIPNUM_LE, source); /* not while low */
    assert_int_equal(msis(2), 0);
    chip->ops->set_level(chip, source, true);
    assert_int_equal(msis(2), 1);
    assert_int_equal(bit_of(CLRIP, source), 1);
    assert_int_equal(bit_of(SETIP, source), 0);
    chip->ops->set_level(chip, source, true); /* no transition */
    assert_int_equal(msis(2), 1);
    wr(SETIPNUM_LE, source); /* the handler's end: still asserted */
    assert_int_equal(msis(2), 2);
    chip->ops->set_level(chip, source, false);
    wr(SETIPNUM_LE, source);
    assert_int_equal(msis(2), 2);

    wr(CLRIE + NUM, source); /* pending follows the wire down */
    chip->ops->set_level(chip, source, true);
    assert_int_equal(bit_of(SETIP, source), 1);
    wr(CLRIP + NUM, source);
    assert_int_equal(bit_of(SETIP, source), 0);
    wr(SETIP + NUM, source);
    assert_int_equal(bit_of(SETIP, source), 1);
    chip->ops->set_level(chip, source, false);
    assert_int_equal(bit_of(SETIP, source), 0);
    chip->ops->set_level(chip, source, true);
    wr(SRC(source), 0);
    wr(SRC(source), mode); /* asserted under the new mode */
    assert_int_equal(bit_of(SETIP, source), 1);
    wr(SRC(source), mode ^ 1u); /* not asserted under the opposite one */
    assert_int_equal(bit_of(SETIP, source), 0);
}

static void test_level(void **state)
{
    (void)state;
    level_rules(LEVEL, 6);
}

static void test_level_low(void **state)
{
    (void)state;
    level_rules(LEVEL_LO, 7);
}

static void test_detached(void **state)
{
    (void)state;
    arm(LEVEL, 1, 0, 4);
    chip->ops->set_level(chip, LEVEL, true);
    chip->ops->pulse(chip, LEVEL);
    assert_int_equal(msis(0), 0);
    assert_int_equal(bit_of(CLRIP, LEVEL), 0);
    wr(SETIPNUM_LE, LEVEL);
    assert_int_equal(msis(0), 1);
}

static void test_genmsi(void **state)
{
    (void)state;
    wr(GENMSI, TO(2, 33) | 0x1000 | 0x800); /* the domain is off: sent all the same */
    assert_true(fake_msi_take(vm->vcpus[2], 33));
    assert_int_equal(rd(GENMSI), TO(2, 33)); /* not busy */
    wr(GENMSI, TO(2, 0x500 | 34));           /* EIID has no such bits [4.5.16] */
    assert_true(fake_msi_take(vm->vcpus[2], 34));
    assert_int_equal(rd(GENMSI), TO(2, 34));
    wr(GENMSI, TO(1000, 33));
    wr(GENMSI, TO(1, 0));
    assert_int_equal(msis(0) + msis(1) + msis(2), 2);
}

/* What is pending survives a change of mode, but to inactive, wherever it is kept [4.5.2]. */
static void test_host_keeps_pending(void **state)
{
    struct fake_host_source *h = &fake_host[22];

    (void)state;
    wr(SRC(HOST_EDGE), 4);
    h->pending = true;
    wr(SRC(HOST_EDGE), 1);
    assert_int_equal(bit_of(SETIP, HOST_EDGE), 1);
    assert_false(h->pending);
    wr(SRC(HOST_EDGE), 4);
    assert_int_equal(h->retriggers, 1);
    h->pending = true;
    wr(SRC(HOST_EDGE), 0);
    wr(SRC(HOST_EDGE), 1);
    assert_int_equal(bit_of(SETIP, HOST_EDGE), 0);

    arm(HOST_EDGE, 4, 1, 44);
    wr(CLRIE + NUM, HOST_EDGE);
    h->pending = true;
    wr(SETIE + NUM, HOST_EDGE);
    wr(TARGET(HOST_EDGE), TO(2, 44));
    assert_int_equal(h->retriggers, 1); /* stays where it is */
    assert_int_equal(msis(1) + msis(2), 0);
}

static void test_host(void **state)
{
    struct fake_host_source *h = &fake_host[21];

    (void)state;
    assert_null(h->vcpu);
    assert_false(h->enabled);
    wr(DOMAINCFG, 0x100);
    wr(SRC(HOST), 7);
    assert_int_equal(h->irq->trigger, IRQ_LEVEL_LOW);
    wr(SRC(HOST), 6);
    assert_int_equal(h->irq->trigger, IRQ_LEVEL_HIGH);
    assert_non_null(h->vcpu); /* active, so that an edge before it is enabled is kept */
    assert_false(h->enabled);
    wr(SETIE + NUM, HOST);
    assert_false(h->enabled); /* no identity yet */
    wr(TARGET(HOST), TO(1, 44));
    assert_ptr_equal(h->vcpu, vm->vcpus[1]);
    assert_int_equal(h->eiid, 44);
    assert_true(h->enabled);
    assert_int_equal(rd(TARGET(HOST)), TO(1, 44));

    wr(SETIPNUM_LE, HOST); /* completion: the host's chip knows whether it is still asserted */
    assert_int_equal(h->retriggers, 1);
    assert_int_equal(msis(1), 0);
    h->pending = true;
    h->asserted = true;
    assert_int_equal(bit_of(SETIP, HOST), 1);
    assert_int_equal(bit_of(CLRIP, HOST), 1);
    wr(CLRIP + NUM, HOST);
    assert_int_equal(h->clears, 1);
    assert_int_equal(bit_of(SETIP, HOST), 0);

    wr(CLRIE + NUM, HOST);
    assert_false(h->enabled);
    wr(SETIE, 1u << HOST);
    assert_true(h->enabled);
    wr(DOMAINCFG, 0);
    assert_false(h->enabled);
    wr(DOMAINCFG, 0x100);
    assert_true(h->enabled);
    wr(TARGET(HOST), TO(VCPUS, 44)); /* nobody's */
    assert_false(h->enabled);
    wr(TARGET(HOST), TO(2, 45));
    assert_ptr_equal(h->vcpu, vm->vcpus[2]);
    wr(SRC(HOST), 1); /* detached: software's alone, and our own business */
    assert_null(h->vcpu);
    wr(SETIPNUM_LE, HOST);
    assert_true(fake_msi_take(vm->vcpus[2], 45));
    wr(SRC(HOST), 6);
    assert_true(h->enabled);
    chip->ops->reset(chip);
    assert_null(h->vcpu);
    assert_false(h->enabled);
    assert_int_equal(rd(SRC(HOST)), 0);
}

static void test_fdt(void **state)
{
    char fdt[2048];
    int node;

    (void)state;
    assert_int_equal(fdt_create(fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    assert_int_equal(fdt_begin_node(fdt, ""), 0);
    assert_int_equal(chip->ops->fdt_node(chip, fdt), ERR_OK);
    assert_int_equal(fdt_begin_node(fdt, "dev"), 0);
    assert_int_equal(chip->ops->fdt_interrupts(chip, fdt, LEVEL_LO), ERR_OK);
    assert_int_equal(fdt_end_node(fdt), 0);
    assert_int_equal(fdt_end_node(fdt), 0);
    assert_int_equal(fdt_finish(fdt), 0);

    node = fdt_path_offset(fdt, "/interrupt-controller@28000000");
    assert_true(node > 0);
    assert_int_equal(fdt_node_check_compatible(fdt, node, "riscv,imsics"), 0);
    const fdt32_t *cells = fdt_getprop(fdt, node, "interrupts-extended", &node);
    assert_int_equal(node, VCPUS * 8);
    for (uint32_t i = 0; i < VCPUS; i++) {
        assert_int_equal(fdt32_to_cpu(cells[i * 2]), arch_fdt_cpu_intc(i));
        assert_int_equal(fdt32_to_cpu(cells[i * 2 + 1]), 9);
    }
    node = fdt_path_offset(fdt, "/interrupt-controller@d000000");
    assert_int_equal(fdt_node_check_compatible(fdt, node, "riscv,aplic"), 0);
    assert_int_equal(fdt_get_phandle(fdt, node), VIRQ_PHANDLE);
    cells = fdt_getprop(fdt, fdt_path_offset(fdt, "/dev"), "interrupts", &node);
    assert_int_equal(node, 8);
    assert_int_equal(fdt32_to_cpu(cells[0]), LEVEL_LO);
    assert_int_equal(fdt32_to_cpu(cells[1]), 8);

    assert_int_equal(fdt_create(fdt, 256), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    assert_int_equal(fdt_begin_node(fdt, ""), 0);
    assert_int_equal(chip->ops->fdt_node(chip, fdt), ERR_RANGE);
}

/* A word of a bitmap is for the sources whose bits are set, and for no other below them. */
static void test_bitmap_bits(void **state)
{
    (void)state;
    arm(EDGE, 4, 0, 1);
    arm(LEVEL, 6, 0, 2);
    arm(LEVEL_LO, 7, 0, 3);
    wr(CLRIE, UINT32_MAX);
    assert_int_equal(rd(SETIE), 0);
    wr(SETIE, 1u << LEVEL_LO);
    assert_int_equal(rd(SETIE), 1u << LEVEL_LO);
    wr(SETIE, UINT32_MAX);
    assert_int_equal(rd(SETIE), 1u << EDGE | 1u << LEVEL | 1u << LEVEL_LO);
    wr(CLRIE, 1u << LEVEL);
    assert_int_equal(rd(SETIE), 1u << EDGE | 1u << LEVEL_LO);
}

/* A reset is of every source, the last one included. */
static void test_reset_of_the_last(void **state)
{
    (void)state;
    assert_int_equal(virq_claim(chip, SOURCES, IRQ_EDGE_RISING), ERR_OK);
    chip->ops->reset(chip);
    arm(SOURCES, 4, 1, 9);
    wr(DOMAINCFG, 0);
    chip->ops->pulse(chip, SOURCES);
    assert_int_equal(bit_of(SETIP, SOURCES), 1);
    chip->ops->reset(chip);
    assert_int_equal(bit_of(SETIP, SOURCES), 0);
    assert_int_equal(bit_of(SETIE, SOURCES), 0);
    assert_int_equal(rd(SRC(SOURCES)), 0);
}

/* A host source that comes by Curia, as one for a file in memory does, goes where it is to go. */
static void test_relay(void **state)
{
    struct host_irq *level = &chip->lines[HOST].host->irq;
    struct host_irq *edge = &chip->lines[HOST_EDGE].host->irq;

    (void)state;
    arm(HOST, 6, 2, 77);
    arm(HOST_EDGE, 4, 2, 78);
    level->handler(level);
    assert_int_equal(msis(2), 1);
    assert_true(fake_msi_take(vm->vcpus[2], 77));
    level->handler(level); /* one for each: the host's chip sends none that is not due */
    edge->handler(edge);
    assert_true(fake_msi_take(vm->vcpus[2], 77) && fake_msi_take(vm->vcpus[2], 78));
    wr(TARGET(HOST), TO(1, 5)); /* one that was on its way goes to where it belongs now */
    level->handler(level);
    assert_int_equal(msis(1), 1);
    wr(TARGET(HOST), TO(1, 0));
    level->handler(level);
    assert_int_equal(msis(0) + msis(1) + msis(2), 4);
}

/* The pages of files, as siblings write to them. */
static void test_files(void **state)
{
    const struct mmio_bus *bus = &vm->bus;
    struct vcpu *me = vm->vcpus[0];
    uint64_t page = VDEV_IMSIC_BASE + 2ull * PAGE_SIZE, value = 1;

    (void)state;
    assert_int_equal(mmio_bus_write(bus, me, gpa(page), 4, 200), ERR_OK);
    assert_int_equal(msis(2), 1);
    assert_true(fake_msi_take(vm->vcpus[2], 200));
    assert_int_equal(mmio_bus_write(bus, me, gpa(page), 4, 0), ERR_OK);
    assert_int_equal(mmio_bus_write(bus, me, gpa(page), 4, 256), ERR_OK);
    assert_int_equal(mmio_bus_write(bus, me, gpa(page), 4, UINT32_MAX), ERR_OK);
    assert_int_equal(mmio_bus_write(bus, me, gpa(page + 4), 4, 200), ERR_OK);
    assert_int_equal(mmio_bus_write(bus, me, gpa(page + 0xffc), 4, 7), ERR_OK);
    assert_int_equal(msis(2), 1);
    assert_int_equal(mmio_bus_read(bus, me, gpa(page), 4, &value), ERR_OK);
    assert_int_equal(value, 0);
    for (uint32_t width = 1; width <= 8; width *= 2) {
        enum err want = width == 4 ? ERR_OK : ERR_FAULT;

        assert_int_equal(mmio_bus_write(bus, me, gpa(page), width, 0), want);
        assert_int_equal(mmio_bus_read(bus, me, gpa(page), width, &value), want);
    }
    assert_int_equal(mmio_bus_write(bus, me, gpa(page + 2), 4, 9), ERR_FAULT);
    assert_int_equal(mmio_bus_write(bus, me, gpa(page + PAGE_SIZE), 4, 9), ERR_NOT_FOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_claims),
        T(test_widths),
        T(test_nobody),
        T(test_domaincfg),
        T(test_sourcecfg),
        T(test_edge),
        T(test_enable_forms),
        T(test_level),
        T(test_falling_edge),
        T(test_genmsi),
        T(test_level_low),
        T(test_host),
        T(test_detached),
        T(test_fdt),
        T(test_host_keeps_pending),
        T(test_bitmap_bits),
        T(test_reset_of_the_last),
        T(test_relay),
        T(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
