/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual power key: a virtio input device with one key, pressed by the power coordinator. */
#ifndef DRIVERS_VIRTUAL_VINPUT_H
#define DRIVERS_VIRTUAL_VINPUT_H

#include "core/manifest.h"

struct vdev;
struct vm;

/* For struct vdev_model: see core/vdev.h. vm->irqchip exists. */
struct vdev *vinput_create(struct vm *vm, const struct vdev_config *config, const char **why);

#endif
