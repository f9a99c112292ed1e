/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM with a virtual APLIC and some sources of each kind, for the tests of that chip. */
#ifndef TESTS_UNIT_VAPLIC_RIG_H
#define TESTS_UNIT_VAPLIC_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/vaplic.h"
#include "tests/unit/fake_arch.h"
#include "tests/unit/fake_irqchip.h"

#define SOURCES 96u
#define VCPUS   3u

/* Claimed sources. */
#define EDGE      5u
#define LEVEL     6u
#define LEVEL_LO  7u
#define EDGE_LO   40u
#define HOST      11u /* level, of host source 21 */
#define HOST_EDGE 12u
#define NOBODY    9u

#define DOMAINCFG      0x0u
#define SRC(n)         ((n)*4u)
#define SETIP          0x1c00u
#define CLRIP          0x1d00u
#define SETIE          0x1e00u
#define CLRIE          0x1f00u
#define NUM            0xdcu
#define SETIPNUM_LE    0x2000u
#define SETIPNUM_BE    0x2004u
#define GENMSI         0x3000u
#define TARGET(n)      (0x3000u + (n)*4u)
#define TO(vcpu, eiid) ((uint32_t)(vcpu) << 18 | (eiid))

static struct vm *vm;
static struct virqchip *chip;

static inline uint32_t rd(uint32_t offset)
{
    uint64_t value = ~0ull;

    assert_int_equal(
        mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_APLIC_BASE + offset), 4, &value), ERR_OK);
    assert_true(value <= UINT32_MAX);
    return (uint32_t)value;
}

static inline void wr(uint32_t offset, uint32_t value)
{
    /* The upper half is none of the device's business. */
    assert_int_equal(mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(VDEV_APLIC_BASE + offset), 4,
                                    0xdead00000000ull | value),
                     ERR_OK);
}

static inline uint32_t bit_of(uint32_t bitmap, uint32_t source)
{
    return rd(bitmap + source / 32 * 4) >> (source % 32) & 1u;
}

static inline uint32_t msis(uint32_t vcpu)
{
    return atomic_load(&fake_vcpu(vm->vcpus[vcpu])->msi_total);
}

/* vCPU 2's interrupt file is in memory. */
static inline int setup(void **state)
{
    (void)state;
    fake_init(VCPUS);
    fake_irqchip_install(true);
    vm = fake_vm_add("v", VCPUS, 0, 0, 0);
    ((struct vm_config *)(uintptr_t)vm->config)->memory_files = 1u << 2;
    assert_int_equal(mmio_bus_init(&vm->bus, 2), ERR_OK);
    chip = vaplic_create(vm, SOURCES);
    assert_non_null(chip);
    assert_int_equal(virq_claim(chip, EDGE, IRQ_EDGE_RISING), ERR_OK);
    assert_int_equal(virq_claim(chip, LEVEL, IRQ_LEVEL_HIGH), ERR_OK);
    assert_int_equal(virq_claim(chip, LEVEL_LO, IRQ_LEVEL_LOW), ERR_OK);
    assert_int_equal(virq_claim(chip, EDGE_LO, IRQ_EDGE_FALLING), ERR_OK);
    assert_int_equal(virq_claim_host(chip, HOST, 21, IRQ_LEVEL_HIGH), ERR_OK);
    assert_int_equal(virq_claim_host(chip, HOST_EDGE, 22, IRQ_EDGE_RISING), ERR_OK);
    chip->ops->reset(chip);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

/* A source configured, targeted and enabled; the domain on. */
static inline void arm(uint32_t source, uint32_t mode, uint32_t vcpu, uint32_t eiid)
{
    wr(DOMAINCFG, 0x100);
    wr(SRC(source), mode);
    wr(TARGET(source), TO(vcpu, eiid));
    wr(SETIE + NUM, source);
}

#endif
