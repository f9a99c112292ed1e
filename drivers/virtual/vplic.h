/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual PLIC: the interrupt controller of a VM without interrupt files. */
#ifndef DRIVERS_VIRTUAL_VPLIC_H
#define DRIVERS_VIRTUAL_VPLIC_H

#include "core/virq.h"

#include <stdint.h>

/*
 * Makes the chip at VDEV_PLIC_BASE and puts it on vm->bus; for struct irqchip_model. vm's vCPUs
 * exist. At boot. NULL: no memory, or no room on the bus.
 */
struct virqchip *vplic_create(struct vm *vm, uint32_t source_count);

#endif
