/* SPDX-License-Identifier: BSD-2-Clause */
/* The MMIO bus: which device answers, and that nothing answers across a border. */
/* LINK: core/mmio_bus.c tests/unit/fake_arch.c tests/unit/fake_core.c libfdt */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/mmio_bus.h"

#define DEVICES 5u

struct probe {
    struct mmio_dev dev;
    uint64_t offset, value;
    uint32_t width;
};

static enum err probe_read(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset, uint32_t width,
                           uint64_t *value)
{
    (void)vcpu;
    assert_true(offset + width <= dev->size);
    *value = dev->base.v + offset;
    return width == 8 ? ERR_FAULT : ERR_OK;
}

static enum err probe_write(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset,
                            uint32_t width, uint64_t value)
{
    struct probe *p = container_of(dev, struct probe, dev);

    (void)vcpu;
    p->offset = offset;
    p->width = width;
    p->value = value;
    return ERR_OK;
}

static const struct mmio_ops ops = {probe_read, probe_write};

static struct probe probes[DEVICES + 1];

static enum err add(struct mmio_bus *bus, uint32_t i, uint64_t base, uint64_t size)
{
    probes[i] = (struct probe){.dev = {gpa(base), size, &ops}};
    return mmio_bus_add(bus, &probes[i].dev);
}

static void test_bus(void **state)
{
    struct mmio_bus bus;
    uint64_t value = 0;

    (void)state;
    assert_int_equal(mmio_bus_init(&bus, DEVICES), ERR_OK);
    assert_int_equal(mmio_bus_read(&bus, NULL, gpa(0x1000), 4, &value), ERR_NOT_FOUND);
    assert_int_equal(add(&bus, 0, 0x3000, 0x1000), ERR_OK);
    assert_int_equal(add(&bus, 1, 0x1000, 0x10), ERR_OK);
    assert_int_equal(add(&bus, 2, 0xfffffffffffff000ull, 0x1000), ERR_OK);
    assert_int_equal(add(&bus, 3, 0x4000, 8), ERR_OK); /* right behind another */
    assert_int_equal(add(&bus, 4, 0x3fff, 1), ERR_EXISTS);
    assert_int_equal(add(&bus, 4, 0x2000, 0x1001), ERR_EXISTS);
    assert_int_equal(add(&bus, 4, 0x5000, 0), ERR_INVALID);
    assert_int_equal(add(&bus, 4, 0xfffffffffffff800ull, 0x1000), ERR_INVALID);
    assert_int_equal(add(&bus, 4, 0, 8), ERR_OK);
    assert_int_equal(add(&bus, 5, 0x9000, 8), ERR_NO_MEMORY);
    for (uint32_t i = 1; i < bus.count; i++) {
        assert_true(bus.devs[i - 1]->base.v < bus.devs[i]->base.v);
    }

    assert_int_equal(mmio_bus_read(&bus, NULL, gpa(0x100c), 4, &value), ERR_OK);
    assert_int_equal(value, 0x100c);
    assert_int_equal(mmio_bus_read(&bus, NULL, gpa(0x100d), 4, &value), ERR_NOT_FOUND);
    assert_int_equal(mmio_bus_read(&bus, NULL, gpa(0x0fff), 1, &value), ERR_NOT_FOUND);
    assert_int_equal(mmio_bus_read(&bus, NULL, gpa(0x1010), 1, &value), ERR_NOT_FOUND);
    assert_int_equal(mmio_bus_read(&bus, NULL, gpa(0x3ffe), 4, &value), ERR_NOT_FOUND);
    assert_int_equal(mmio_bus_read(&bus, NULL, gpa(0x3000), 8, &value), ERR_FAULT);
    assert_int_equal(mmio_bus_read(&bus, NULL, gpa(UINT64_MAX), 1, &value), ERR_OK);
    assert_int_equal(mmio_bus_read(&bus, NULL, gpa(UINT64_MAX), 2, &value), ERR_NOT_FOUND);
    assert_int_equal(mmio_bus_write(&bus, NULL, gpa(0x4004), 4, 77), ERR_OK);
    assert_int_equal(probes[3].offset, 4);
    assert_int_equal(probes[3].width, 4);
    assert_int_equal(probes[3].value, 77);
    assert_int_equal(mmio_bus_write(&bus, NULL, gpa(0x4005), 4, 77), ERR_NOT_FOUND);
}

/* Devices side by side: each has its own first and last byte, wherever the search comes from. */
static void test_neighbours(void **state)
{
    struct mmio_bus bus;
    uint64_t value = 0;

    (void)state;
    assert_int_equal(mmio_bus_init(&bus, DEVICES), ERR_OK);
    for (uint32_t i = 0; i < DEVICES; i++) {
        assert_int_equal(add(&bus, i, 0x1000 + 0x100 * i, 0x100), ERR_OK);
    }
    for (uint32_t i = 0; i < DEVICES; i++) {
        for (uint64_t offset = 0; offset < 0x100; offset += 0xff) {
            value = 0;
            assert_int_equal(mmio_bus_read(&bus, NULL, gpa(0x1000 + 0x100 * i + offset), 1, &value),
                             ERR_OK);
            assert_int_equal(value, 0x1000 + 0x100 * i + offset);
        }
    }
    assert_int_equal(mmio_bus_read(&bus, NULL, gpa(0x1000 + 0x100 * DEVICES), 1, &value),
                     ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bus),
                                       cmocka_unit_test(test_neighbours)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
