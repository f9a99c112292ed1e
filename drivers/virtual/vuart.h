/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual UART, an ns16550a: the VM's end of its console. */
#ifndef DRIVERS_VIRTUAL_VUART_H
#define DRIVERS_VIRTUAL_VUART_H

#include "core/manifest.h"

struct vdev;
struct vm;

/* For struct vdev_model: see core/vdev.h. vm->console and vm->irqchip exist. */
struct vdev *vuart_create(struct vm *vm, const struct vdev_config *config, const char **why);

#endif
