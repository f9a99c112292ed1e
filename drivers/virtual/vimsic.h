/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages of interrupt files that are in memory: where a VM's harts send each other MSIs. */
#ifndef DRIVERS_VIRTUAL_VIMSIC_H
#define DRIVERS_VIRTUAL_VIMSIC_H

#include "core/err.h"

struct vm;

/*
 * Makes them, at VDEV_IMSIC_BASE, if any of the VM's vCPUs has its file in memory; the pages of
 * the others are mapped, and are not reached here. At boot. ERR_NO_MEMORY; ERR_EXISTS: a device
 * lies there.
 */
enum err vimsic_create(struct vm *vm) MUST_CHECK;

#endif
