/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FDT nodes of the virtual interrupt controllers; operations of struct virqchip_ops, see there.
 * Bindings: riscv,imsics, riscv,aplic, sifive,plic-1.0.0.
 */
#ifndef DRIVERS_VIRTUAL_IRQCHIP_FDT_H
#define DRIVERS_VIRTUAL_IRQCHIP_FDT_H

#include "core/err.h"

#include <stdint.h>

struct virqchip;

#define VAPLIC_SIZE 0x4000u

#define VPLIC_CONTEXT     0x200000u
#define VPLIC_VCPU_SHIFT  13u /* two contexts of 4 KiB */
#define VPLIC_SIZE(vcpus) (VPLIC_CONTEXT + ((uint64_t)(vcpus) << VPLIC_VCPU_SHIFT))

enum err vaplic_fdt_node(struct virqchip *chip, void *fdt);
enum err vaplic_fdt_interrupts(struct virqchip *chip, void *fdt, uint32_t source);
enum err vplic_fdt_node(struct virqchip *chip, void *fdt);
enum err vplic_fdt_interrupts(struct virqchip *chip, void *fdt, uint32_t source);

#endif
