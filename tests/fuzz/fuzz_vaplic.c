/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual APLIC under any sequence of register accesses and device events. Each operation takes
 * eight bytes of input. After each, what the rules promise of every state is checked.
 */
/* LINK: drivers/virtual/vaplic.c drivers/virtual/vimsic.c
 *       drivers/virtual/irqchip_fdt.c core/virq.c core/mmio_bus.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c tests/unit/fake_irqchip.c libfdt */
#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/vaplic.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_arch.h"
#include "tests/unit/fake_irqchip.h"

#include <string.h>

#define SOURCES 70u
#define VCPUS   2u
static struct vm *vm;
static struct virqchip *chip;

static void setup(void)
{
    fake_init(VCPUS);
    fake_irqchip_install(true);
    vm = fake_vm_add("v", VCPUS, 0, 0, 0);
    MUST(mmio_bus_init(&vm->bus, 1) == ERR_OK);
    chip = vaplic_create(vm, SOURCES);
    MUST(chip != NULL);
    MUST(virq_claim(chip, 1, IRQ_EDGE_RISING) == ERR_OK);
    MUST(virq_claim(chip, 2, IRQ_LEVEL_HIGH) == ERR_OK);
    MUST(virq_claim(chip, 33, IRQ_LEVEL_LOW) == ERR_OK);
    MUST(virq_claim(chip, SOURCES, IRQ_EDGE_FALLING) == ERR_OK);
    MUST(virq_claim_host(chip, 3, 7, IRQ_LEVEL_HIGH) == ERR_OK);
}

static uint32_t rd(uint32_t offset)
{
    uint64_t value = 0;

    MUST(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_APLIC_BASE + offset), 4, &value) == ERR_OK);
    MUST(value <= UINT32_MAX);
    return (uint32_t)value;
}

static uint32_t bit_of(uint32_t bitmap, uint32_t source)
{
    return rd(bitmap + source / 32 * 4) >> source % 32 & 1;
}

static void check(void)
{
    bool on = (rd(0) & 0x100) != 0;

    for (uint32_t s = 1; s <= SOURCES; s++) {
        uint32_t mode = rd(s * 4);
        uint32_t ip = bit_of(0x1c00, s), in = bit_of(0x1d00, s), ie = bit_of(0x1e00, s);

        if (s == 3) {
            MUST(!fake_host[7].enabled || (mode >= 4 && ie != 0 && on));
            MUST(!fake_host[7].enabled || fake_host[7].vcpu != NULL);
            continue;
        }
        MUST(!(ip != 0 && ie != 0 && on)); /* never left undelivered */
        MUST(mode != 0 || (ip == 0 && ie == 0 && in == 0 && rd(0x3000 + s * 4) == 0));
        MUST(mode < 6 || ip == 0 || in != 0); /* a level is pending only while high */
        MUST(virq_claimed(chip, s) || mode == 0);
    }
}

static void step(const uint8_t *op)
{
    static const uint32_t claimed[] = {1, 2, 33, SOURCES};
    uint32_t source = claimed[op[1] % 4];
    uint32_t offset = (uint32_t)op[1] | (uint32_t)op[2] << 8;
    uint32_t value;
    uint64_t any;

    memcpy(&value, op + 4, 4);
    switch (op[0] % 8) {
    case 0:
        chip->ops->set_level(chip, source, (op[2] & 1) != 0);
        break;
    case 1:
        chip->ops->pulse(chip, source);
        break;
    case 2:
        if (op[1] == 0) {
            chip->ops->reset(chip);
        }
        break;
    case 3:
        (void)mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_APLIC_BASE + offset), 1u << op[3] % 4,
                            &any);
        break;
    case 4:
        (void)mmio_bus_write(&vm->bus, vm->vcpus[1], gpa(VDEV_APLIC_BASE + offset), 1u << op[3] % 4,
                             value);
        break;
    default: /* aligned, mostly at registers that do something */
        offset = (op[0] & 8) != 0 ? 0x1c00u + op[1] % 16u * 0x40u + (op[2] % 16u) * 4u
                                  : (op[0] & 16 ? 0x3000u : 0u) + op[1] % (SOURCES + 2u) * 4u;
        (void)mmio_bus_write(&vm->bus, vm->vcpus[1], gpa(VDEV_APLIC_BASE + offset), 4, value);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (chip == NULL) {
        setup();
    }
    chip->ops->reset(chip);
    check();
    for (size_t i = 0; i + 8 <= size && i < 4096; i += 8) {
        step(data + i);
        check();
    }
    return 0;
}
