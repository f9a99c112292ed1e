/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual PLIC under any sequence of register accesses and device events, eight bytes of input
 * each. After each, every context's line must be what a plain scan of the registers says.
 */
/* LINK: drivers/virtual/vplic.c drivers/virtual/irqchip_fdt.c core/virq.c core/mmio_bus.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c tests/unit/fake_irqchip.c libfdt */
#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/vplic.h"
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
    fake_irqchip_install(false);
    vm = fake_vm_add("v", VCPUS, 0, 0, 0);
    MUST(mmio_bus_init(&vm->bus, 1) == ERR_OK);
    chip = vplic_create(vm, SOURCES);
    MUST(chip != NULL);
    MUST(virq_claim(chip, 1, IRQ_EDGE_RISING) == ERR_OK);
    MUST(virq_claim(chip, 2, IRQ_LEVEL_HIGH) == ERR_OK);
    MUST(virq_claim(chip, 64, IRQ_LEVEL_HIGH) == ERR_OK);
    MUST(virq_claim(chip, SOURCES, IRQ_EDGE_RISING) == ERR_OK);
    MUST(virq_claim_host(chip, 3, 7, IRQ_LEVEL_HIGH) == ERR_OK);
}

static uint32_t rd(uint32_t offset)
{
    uint64_t value = 0;

    MUST(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_PLIC_BASE + offset), 4, &value) == ERR_OK);
    MUST(value <= UINT32_MAX);
    return (uint32_t)value;
}

static bool bit_of(uint32_t bitmap, uint32_t source)
{
    return (rd(bitmap + source / 32 * 4) >> source % 32 & 1) != 0;
}

static void check(void)
{
    bool enabled3 = false;

    for (uint32_t ctx = 0; ctx < VCPUS; ctx++) {
        uint32_t threshold = rd(0x201000 + ctx * 0x2000);
        bool raised = false;

        for (uint32_t s = 1; s <= SOURCES; s++) {
            bool enabled = bit_of(0x2080 + ctx * 0x100, s);

            MUST(virq_claimed(chip, s) || (!enabled && !bit_of(0x1000, s) && rd(s * 4) == 0));
            raised = raised || (enabled && bit_of(0x1000, s) && rd(s * 4) > threshold);
            enabled3 = enabled3 || (s == 3 && enabled);
        }
        MUST(raised == ((atomic_load(&vm->vcpus[ctx]->irq_lines) & 1u << VCPU_IRQ_EXT) != 0));
    }
    MUST(fake_host[7].enabled == enabled3);
}

static void step(const uint8_t *op)
{
    static const uint32_t claimed[] = {1, 2, 64, SOURCES};
    static const uint32_t areas[] = {0,        0x2080,   0x2180,   0x201000,
                                     0x203000, 0x201000, 0x203000, 0x1000};
    uint32_t source = claimed[op[1] % 4];
    uint32_t reg = op[3] % 8 >= 3 ? op[1] % 3u : op[1] % (SOURCES + 2u);
    uint32_t offset = areas[op[3] % 8] + reg * 4u;
    uint32_t value;
    uint64_t any;

    memcpy(&value, op + 4, 4);
    switch (op[0] % 8) {
    case 0:
        chip->ops->set_level(chip, claimed[1 + op[1] % 2], (op[2] & 1) != 0);
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
        if (fake_host[7].enabled) {
            fake_host[7].irq->handler(fake_host[7].irq);
        }
        break;
    case 4: /* anywhere, any width */
        (void)mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_PLIC_BASE + (value & 0x3ffffff)),
                            1u << op[3] % 4, &any);
        (void)mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(VDEV_PLIC_BASE + (value & 0x3ffffff)),
                             1u << op[3] % 4, value);
        break;
    case 5:
        (void)mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(VDEV_PLIC_BASE + offset), 4, &any);
        break;
    default:
        (void)mmio_bus_write(&vm->bus, vm->vcpus[1], gpa(VDEV_PLIC_BASE + offset), 4,
                             (op[0] & 8) != 0 ? value % (SOURCES + 2u) : value);
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
    for (size_t i = 0; i + 8 <= size && i < 1024; i += 8) {
        step(data + i);
        check();
    }
    return 0;
}
