/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM with a virtual PLIC and some sources of each kind, for the tests of that chip. */
#ifndef TESTS_UNIT_VPLIC_RIG_H
#define TESTS_UNIT_VPLIC_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/vplic.h"
#include "tests/unit/fake_arch.h"
#include "tests/unit/fake_irqchip.h"

#define SOURCES 1023u
#define VCPUS   3u

/* Claimed sources. */
#define LEVEL    3u
#define EDGE     64u
#define EDGE_TOP 1023u
#define LEVEL_HI 700u
#define HOST     11u /* level, of host source 21 */
#define NOBODY   12u

/* ctx: a vCPU, whose supervisor mode is context 2 * ctx + 1. */
#define PENDING             0x1000u
#define ENABLE(ctx)         (0x2080u + (ctx)*0x100u)
#define THRESHOLD(ctx)      (0x201000u + (ctx)*0x2000u)
#define CLAIM(ctx)          (THRESHOLD(ctx) + 4u)
#define MACHINE_ENABLE(ctx) (0x2000u + (ctx)*0x100u)
#define MACHINE_CLAIM(ctx)  (0x200004u + (ctx)*0x2000u)

static struct vm *vm;
static struct virqchip *chip;

static inline uint32_t rd(uint32_t offset)
{
    uint64_t value = ~0ull;

    assert_int_equal(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_PLIC_BASE + offset), 4, &value),
                     ERR_OK);
    assert_true(value <= UINT32_MAX);
    return (uint32_t)value;
}

static inline void wr(uint32_t offset, uint32_t value)
{
    assert_int_equal(mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(VDEV_PLIC_BASE + offset), 4,
                                    0xdead00000000ull | value),
                     ERR_OK);
}

static inline bool eip(uint32_t ctx)
{
    return (atomic_load(&vm->vcpus[ctx]->irq_lines) & 1u << VCPU_IRQ_EXT) != 0;
}

static inline void enable(uint32_t ctx, uint32_t source, bool on)
{
    uint32_t reg = ENABLE(ctx) + source / 32 * 4;
    uint32_t bit = 1u << source % 32;

    wr(reg, on ? rd(reg) | bit : rd(reg) & ~bit);
}

static inline bool pending(uint32_t source)
{
    return (rd(PENDING + source / 32 * 4) >> source % 32 & 1u) != 0;
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static inline void arm(uint32_t ctx, uint32_t source, uint32_t priority)
{
    wr(source * 4, priority);
    enable(ctx, source, true);
}

#endif
