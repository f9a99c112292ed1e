/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest's FDT says of its interrupt controllers. Reads constants of the chip: no lock. */
#include "drivers/virtual/irqchip_fdt.h"

#include "core/machine.h"
#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/fdt_put.h"

#include <stddef.h>

/* The properties of every wired controller and the end of its node. */
static int irqchip_put_common(void *fdt, uint32_t cells, uint32_t phandle)
{
    int err = fdt_property(fdt, "interrupt-controller", NULL, 0);

    err |= fdt_property_u32(fdt, "#interrupt-cells", cells);
    err |= fdt_property_u32(fdt, "#address-cells", 0);
    err |= fdt_property_u32(fdt, "phandle", phandle);
    err |= fdt_end_node(fdt);
    return err;
}

enum err vaplic_fdt_node(struct virqchip *chip, void *fdt)
{
    uint32_t count = chip->vm->vcpu_count;
    int err = fdt_put_begin(fdt, "interrupt-controller", VDEV_IMSIC_BASE);

    err |= fdt_put_string(fdt, "compatible", "riscv,imsics");
    err |= fdt_put_reg(fdt, VDEV_IMSIC_BASE, (uint64_t)count * PAGE_SIZE);
    err |= fdt_put_cpu_irqs(fdt, count, 1);
    err |= fdt_property(fdt, "msi-controller", NULL, 0);
    err |= fdt_property_u32(fdt, "#msi-cells", 0);
    err |= fdt_property_u32(fdt, "riscv,num-ids", machine.irqchip.guest_ids);
    err |= irqchip_put_common(fdt, 0, VIRQ_MSI_PHANDLE);

    err |= fdt_put_begin(fdt, "interrupt-controller", VDEV_APLIC_BASE);
    err |= fdt_put_string(fdt, "compatible", "riscv,aplic");
    err |= fdt_put_reg(fdt, VDEV_APLIC_BASE, VAPLIC_SIZE);
    err |= fdt_property_u32(fdt, "msi-parent", VIRQ_MSI_PHANDLE);
    err |= fdt_property_u32(fdt, "riscv,num-sources", chip->source_count);
    err |= irqchip_put_common(fdt, 2, VIRQ_PHANDLE);
    return fdt_put_result(err);
}

enum err vaplic_fdt_interrupts(struct virqchip *chip, void *fdt, uint32_t source)
{
    fdt32_t cells[2] = {cpu_to_fdt32(source), cpu_to_fdt32(chip->lines[source].trigger)};
    int err = fdt_property_u32(fdt, "interrupt-parent", VIRQ_PHANDLE);

    err |= fdt_property(fdt, "interrupts", cells, (int)sizeof(cells));
    return fdt_put_result(err);
}

enum err vplic_fdt_node(struct virqchip *chip, void *fdt)
{
    static const char compatible[] = "sifive,plic-1.0.0\0riscv,plic0";
    uint32_t count = chip->vm->vcpu_count;
    int err = fdt_put_begin(fdt, "interrupt-controller", VDEV_PLIC_BASE);

    err |= fdt_property(fdt, "compatible", compatible, (int)sizeof(compatible));
    err |= fdt_put_reg(fdt, VDEV_PLIC_BASE, VPLIC_SIZE(count));
    err |= fdt_put_cpu_irqs(fdt, count, 2);
    err |= fdt_property_u32(fdt, "riscv,ndev", chip->source_count);
    err |= irqchip_put_common(fdt, 1, VIRQ_PHANDLE);
    return fdt_put_result(err);
}

enum err vplic_fdt_interrupts(struct virqchip *chip, void *fdt, uint32_t source)
{
    int err = fdt_property_u32(fdt, "interrupt-parent", VIRQ_PHANDLE);

    (void)chip;
    err |= fdt_property_u32(fdt, "interrupts", source);
    return fdt_put_result(err);
}
