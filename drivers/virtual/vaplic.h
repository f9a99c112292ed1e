/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual APLIC: the interrupt controller of a VM whose vCPUs own interrupt files. */
#ifndef DRIVERS_VIRTUAL_VAPLIC_H
#define DRIVERS_VIRTUAL_VAPLIC_H

#include "core/virq.h"

#include <stdint.h>

/*
 * Makes the chip at VDEV_APLIC_BASE and puts it on vm->bus; for struct irqchip_model. vm's vCPUs
 * exist and own their files. At boot. NULL: no memory, or no room on the bus.
 */
struct virqchip *vaplic_create(struct vm *vm, uint32_t source_count);

#endif
