/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: tests/unit/fake_arch.c tests/unit/fake_core.c */
/*
 * The APLIC driver on registers that behave: its accesses come here instead of to memory, so that
 * sources can be read-only zero (not delegated to this domain) and claimi has its side effect.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CORE_IO_H
static uint32_t io_read32(const volatile void *base, uint64_t offset);
static void io_write32(volatile void *base, uint64_t offset, uint32_t value);

#include "drivers/aplic.c" /* NOLINT: for its accesses */
#include "tests/unit/fake_arch.h"

#include <string.h>

#define BASE    0x0d000000ull
#define SIZE    0x8000ull
#define SOURCES 40u
#define THEIRS  7u /* not delegated */
#define MSI_ID  5u

/* By hart; the second cannot be interrupted. */
static const uint32_t idcs[] = {9, APLIC_NO_IDC, 2};

static uint32_t regs[SIZE / 4u];
static bool ie[SOURCES + 1], wire[SOURCES + 1]; /* rectified; levels */
static bool late[SOURCES + 1];                  /* still pending, though the level is over */
static uint32_t setips[SOURCES + 1];

static uint32_t io_read32(const volatile void *base, uint64_t offset)
{
    (void)base;
    if (offset >= IDC(0) && offset % 32u == IDC_CLAIMI) {
        for (uint32_t n = 1; n <= SOURCES; n++) {
            if ((wire[n] || late[n]) && ie[n] &&
                regs[TARGET(n) / 4u] >> 18 == (offset - IDC(0)) / 32u) {
                late[n] = false;
                return n << 16 | 1u;
            }
        }
        return 0;
    }
    if (offset == IN_CLRIP(33)) {
        return (uint32_t)wire[33] << 1;
    }
    if (offset == SETIP(33)) {
        return (uint32_t)(wire[33] || late[33]) << 1 | (uint32_t)late[34] << 2;
    }
    if (offset == SETIE(33)) {
        return (uint32_t)ie[33] << 1 | (uint32_t)ie[34] << 2;
    }
    return regs[offset / 4u];
}

static void io_write32(volatile void *base, uint64_t offset, uint32_t value)
{
    (void)base;
    if (offset == SETIENUM || offset == CLRIENUM) {
        ie[value] = offset == SETIENUM && regs[SOURCECFG(value) / 4u] != 0;
    } else if (offset == SETIPNUM_LE) {
        setips[value]++;
    } else if (offset != SOURCECFG(THEIRS)) {
        regs[offset / 4u] = value;
    }
}

static struct host_irq *fired;
static uint32_t times;

static void handler(struct host_irq *irq)
{
    fired = irq;
    times++;
}

static struct host_irq irq_of(uint32_t source, uint32_t hart)
{
    return (struct host_irq){.source = source,
                             .trigger = IRQ_LEVEL_HIGH,
                             .hart = machine.harts[hart],
                             .handler = handler};
}

static enum err msi_attach(struct host_irq *irq, uint32_t *eiid)
{
    (void)irq;
    *eiid = MSI_ID;
    return ERR_OK;
}

static uint32_t msi_hart_index(const struct hart *hart)
{
    return hart->index + 4u;
}

#define FILE_IN_MEMORY 7u /* vCPU of that index */

static uint32_t msi_guest_index(const struct vcpu *vcpu)
{
    return vcpu->index != FILE_IN_MEMORY ? vcpu->index + 1u : 0;
}

/* The file has two to spare. */
static uint32_t msi_wake_id(const struct hart *hart, uint32_t n)
{
    return n < 2 ? 60u + hart->index - n : 0;
}

static uint32_t came; /* the identity that has */

static bool msi_take(uint32_t eiid)
{
    bool was = eiid == came;

    came = was ? 0 : came;
    return was;
}

static const struct aplic_msi_ops msi_ops = {msi_attach, msi_hart_index, msi_guest_index,
                                             msi_wake_id, msi_take};

static int setup(const struct aplic_msi_ops *msi)
{
    const struct aplic_config config = {
        .base = {BASE}, .size = SIZE, .source_count = SOURCES, .msi = msi, .idc = idcs};

    fake_init(3);
    (void)fake_phys_add(BASE, SIZE);
    memset(regs, 0xff, sizeof(regs));
    regs[THEIRS] = 0;
    memset(ie, 0, sizeof(ie));
    memset(wire, 0, sizeof(wire));
    memset(late, 0, sizeof(late));
    memset(setips, 0, sizeof(setips));
    memset(&aplic, 0, sizeof(aplic));
    fired = NULL;
    times = came = 0;
    assert_int_equal(aplic_init(&config, &machine.irqchip), ERR_OK);
    return 0;
}

static int setup_direct(void **state)
{
    (void)state;
    return setup(NULL);
}

static int setup_msi(void **state)
{
    (void)state;
    return setup(&msi_ops);
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static void test_direct(void **state)
{
    const struct irqchip_ops *ops = machine.irqchip.ops;
    struct host_irq irq = irq_of(33, 0), edge = irq_of(34, 2);

    (void)state;
    edge.trigger = IRQ_EDGE_RISING;
    assert_int_equal(regs[DOMAINCFG], DOMAINCFG_IE);
    assert_int_equal(regs[(IDC(9) + IDC_IDELIVERY) / 4u], 1);
    assert_int_equal(regs[(IDC(2) + IDC_ITHRESHOLD) / 4u], 0);
    assert_int_equal(regs[SOURCECFG(33) / 4u], 0);
    assert_int_equal(ops->attach(&irq), ERR_OK);
    assert_int_equal(ops->attach(&edge), ERR_OK);
    assert_int_equal(regs[SOURCECFG(33) / 4u], 6);
    assert_int_equal(regs[TARGET(33) / 4u], 9u << 18 | 1u);
    wire[33] = true;
    ops->handle(machine.harts[0]);
    assert_int_equal(times, 0); /* attached is not enabled */
    ops->enable(&irq);
    ops->handle(machine.harts[2]);
    ops->handle(machine.harts[1]);
    assert_int_equal(times, 0); /* another's */
    ops->handle(machine.harts[0]);
    assert_ptr_equal(fired, &irq);
    assert_int_equal(times, 1); /* silent until it is completed */
    ops->disable(&irq);
    ops->enable(&irq);
    assert_false(ie[33]);
    ops->complete(&irq);
    assert_true(ie[33]);
    ops->handle(machine.harts[0]);
    assert_int_equal(times, 2);
    wire[33] = false; /* the guest has seen to it; QEMU's pending bit outlives that */
    late[33] = true;
    ops->complete(&irq);
    ops->handle(machine.harts[0]);
    assert_int_equal(times, 2);
    assert_true(ie[33]);
    wire[33] = true;
    ops->handle(machine.harts[0]);
    assert_int_equal(times, 3);
    ops->disable(&irq);
    ops->complete(&irq);
    assert_false(ie[33]);
}

static void test_msi(void **state)
{
    const struct irqchip_ops *ops = machine.irqchip.ops;
    struct host_irq irq = irq_of(33, 2);
    struct vcpu vcpu = {.hart = machine.harts[1], .index = 2};

    (void)state;
    assert_int_equal(regs[DOMAINCFG], DOMAINCFG_IE | DOMAINCFG_DM);
    assert_int_equal(ops->attach(&irq), ERR_OK);
    assert_int_equal(regs[TARGET(33) / 4u], 6u << 18 | MSI_ID);
    assert_int_equal(setips[33], 1); /* asserted before it was a level */
    ops->enable(&irq);
    assert_true(ie[33]);
    ops->complete(&irq);
    assert_int_equal(setips[33], 2);

    irq = irq_of(34, 2);
    assert_int_equal(ops->route_guest(&irq, &vcpu, 0x123), ERR_OK);
    assert_int_equal(regs[TARGET(34) / 4u], 5u << 18 | 3u << 12 | 0x123u);
    assert_false(ie[34]);
    ops->enable(&irq);
    assert_int_equal(ops->route_guest(&irq, &vcpu, 0x124), ERR_OK);
    assert_true(ie[34]);
    irq.trigger = IRQ_EDGE_FALLING;
    assert_int_equal(ops->route_guest(&irq, &vcpu, 0x124), ERR_OK);
    assert_false(ie[34]); /* not while the mode changes */
    assert_int_equal(setips[34], 1);
    assert_int_equal(ops->route_guest(&irq, NULL, 0), ERR_OK);
    assert_int_equal(regs[SOURCECFG(34) / 4u], 0);
}

/* For one whose file is not in its hart: to Curia's own, and by one identity for ever. */
static void test_relay(void **state)
{
    const struct irqchip_ops *ops = machine.irqchip.ops;
    struct host_irq irq = irq_of(33, 2);
    struct vcpu there = {.hart = machine.harts[1], .index = 2};
    struct vcpu away = {.hart = machine.harts[1], .index = FILE_IN_MEMORY};

    (void)state;
    assert_int_equal(ops->route_guest(&irq, &away, 0), ERR_OK);
    assert_int_equal(regs[TARGET(33) / 4u], 6u << 18); /* nowhere, as yet */
    assert_int_equal(irq.relay, MSI_ID);
    assert_int_equal(ops->route_guest(&irq, &away, 0x123), ERR_OK);
    assert_int_equal(regs[TARGET(33) / 4u], 6u << 18 | MSI_ID);
    assert_int_equal(ops->route_guest(&irq, &there, 0x123), ERR_OK);
    assert_int_equal(regs[TARGET(33) / 4u], 5u << 18 | 3u << 12 | 0x123u);
    irq.relay = 99;
    assert_int_equal(ops->route_guest(&irq, &away, 0x124), ERR_OK);
    assert_int_equal(regs[TARGET(33) / 4u], 6u << 18 | 99u);
}

/* To another hart, and back with what has come meanwhile, which nobody has claimed. */
static void test_direct_wakes(void **state)
{
    const struct irqchip_ops *ops = machine.irqchip.ops;
    struct host_irq level = irq_of(33, 0), edge = irq_of(34, 0);

    (void)state;
    edge.trigger = IRQ_EDGE_RISING;
    assert_int_equal(ops->attach(&level), ERR_OK);
    assert_int_equal(ops->attach(&edge), ERR_OK);
    ops->enable(&level);
    assert_true(ops->enabled(&level));
    assert_false(ops->enabled(&edge));

    assert_int_equal(ops->wake_on(&level, machine.harts[1], 0), ERR_NOT_SUPPORTED);
    assert_int_equal(regs[TARGET(33) / 4u], 9u << 18 | 1u);
    assert_int_equal(ops->wake_on(&level, machine.harts[2], 0), ERR_OK);
    assert_int_equal(ops->wake_on(&edge, machine.harts[2], 1), ERR_OK);
    assert_int_equal(regs[TARGET(33) / 4u], 2u << 18 | 1u);
    assert_true(ie[33]); /* nobody's business here */
    assert_false(ie[34]);
    assert_false(ops->wake_off(&edge, machine.harts[2]));
    wire[33] = true;
    assert_true(ops->wake_off(&level, machine.harts[2]));
    assert_int_equal(regs[TARGET(33) / 4u], 9u << 18 | 1u);
    assert_int_equal(regs[TARGET(34) / 4u], 9u << 18 | 1u);
    ops->handle(machine.harts[0]);
    assert_ptr_equal(fired, &level);
    assert_int_equal(times, 1);

    wire[33] = false;
    late[33] = late[34] = true;
    assert_int_equal(ops->wake_on(&level, machine.harts[2], 0), ERR_OK);
    assert_int_equal(ops->wake_on(&edge, machine.harts[2], 1), ERR_OK);
    assert_false(ops->wake_off(&level, machine.harts[2])); /* it is over */
    assert_true(ops->wake_off(&edge, machine.harts[2]));
}

/* Sent to the other hart's file, it is sent once more afterwards; an edge that has not come is
 * not. */
static void test_msi_wakes(void **state)
{
    const struct irqchip_ops *ops = machine.irqchip.ops;
    struct host_irq level = irq_of(33, 2), edge = irq_of(34, 2), third = irq_of(35, 2);
    struct vcpu vcpu = {.hart = machine.harts[1], .index = 2};

    (void)state;
    edge.trigger = IRQ_EDGE_RISING;
    assert_int_equal(ops->attach(&level), ERR_OK);
    assert_int_equal(ops->route_guest(&edge, &vcpu, 0x123), ERR_OK);
    assert_int_equal(ops->attach(&third), ERR_OK);
    ops->enable(&edge);
    assert_true(ops->enabled(&edge));
    assert_false(ops->enabled(&level));
    setips[33] = 0;

    assert_int_equal(ops->wake_on(&level, machine.harts[0], 0), ERR_OK);
    assert_int_equal(ops->wake_on(&edge, machine.harts[0], 1), ERR_OK);
    assert_int_equal(ops->wake_on(&third, machine.harts[0], 2), ERR_NO_MEMORY);
    assert_int_equal(regs[TARGET(33) / 4u], 4u << 18 | 60u);
    assert_int_equal(regs[TARGET(34) / 4u], 4u << 18 | 59u);
    assert_int_equal(regs[TARGET(35) / 4u], 6u << 18 | MSI_ID);
    assert_int_equal(setips[33] + setips[34], 0); /* one that waits for completion stays silent */
    came = 59;
    assert_false(ops->wake_off(&level, machine.harts[0]));
    assert_true(ops->wake_off(&edge, machine.harts[0]));
    assert_int_equal(came, 0);
    assert_int_equal(regs[TARGET(33) / 4u], 6u << 18 | MSI_ID);
    assert_int_equal(regs[TARGET(34) / 4u], 5u << 18 | 3u << 12 | 0x123u);
    assert_int_equal(setips[33], 1);
    assert_int_equal(setips[34], 1);

    assert_int_equal(ops->wake_on(&edge, machine.harts[0], 0), ERR_OK);
    assert_false(ops->wake_off(&edge, machine.harts[0]));
    assert_int_equal(setips[34], 1);
}

static void test_refuses(void **state)
{
    const struct irqchip_ops *ops = machine.irqchip.ops;
    struct host_irq none = irq_of(0, 0), high = irq_of(SOURCES + 1, 0), theirs = irq_of(THEIRS, 0);
    struct vcpu vcpu = {.hart = machine.harts[0]};

    (void)state;
    assert_int_equal(ops->attach(&none), ERR_RANGE);
    assert_int_equal(ops->attach(&high), ERR_RANGE);
    assert_int_equal(ops->attach(&theirs), ERR_NOT_SUPPORTED);
    if (ops->route_guest != NULL) {
        assert_int_equal(ops->route_guest(&high, &vcpu, 1), ERR_RANGE);
        assert_int_equal(ops->route_guest(&theirs, &vcpu, 1), ERR_NOT_SUPPORTED);
    } else {
        struct host_irq nowhere = irq_of(1, 1), first = irq_of(2, 0), second = irq_of(2, 2);

        assert_int_equal(ops->attach(&nowhere), ERR_NOT_SUPPORTED);
        assert_int_equal(ops->attach(&first), ERR_OK);
        assert_int_equal(ops->attach(&second), ERR_EXISTS);
    }
}

int main(void)
{
#define T(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_direct, setup_direct),       T(test_msi, setup_msi),
        T(test_direct_wakes, setup_direct), T(test_msi_wakes, setup_msi),
        T(test_refuses, setup_direct),      T(test_refuses, setup_msi),
        T(test_relay, setup_msi),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
