/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a split virtqueue [virtio 1.2 §2.7] in a VM's RAM, whose every word is
 * hostile input: read once, through the VM's map, in bounded steps. Indirect descriptors and event
 * indices are not offered.
 *
 * A buffer is used before the next one is taken, so one counter serves both rings. The caller holds
 * the lock of the device that the ring belongs to.
 */
#ifndef DRIVERS_VIRTUAL_VRING_H
#define DRIVERS_VIRTUAL_VRING_H

#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;

#define VRING_SIZE_MAX 16u /* bounds what one write of the guest can make its hart do */

/* All zero: not there. */
struct vring {
    struct {
        uint64_t desc, gap1;
        uint64_t driver, gap2; /* the available ring */
        uint64_t device, gap3; /* the used ring */
    } area;        /* where it lies, as the driver wrote it: anything. As the registers lie, too. */
    uint32_t size; /* up to VRING_SIZE_MAX; a power of two from a driver in its right mind */
    uint32_t ready; /* 0: the driver has not enabled it, or no more */
    uint16_t next;  /* buffers used so far, modulo 2^16 */
};

/*
 * Fills the next buffer with len bytes and gives it back to the driver; len 0: just gives it back
 * (data is not NULL then, either).
 * ERR_NOT_FOUND: the driver has none available. ERR_FAULT: ring or buffer is no RAM, or not as it
 * must be (an index beyond the size, a chain that loops or is too short); the ring is as it was,
 * but a part of the buffer may be written.
 */
enum err vring_use(const struct vm *vm, struct vring *q, const void *data, size_t len) MUST_CHECK;

/* After a buffer was used: does the driver want to hear of it? */
bool vring_wants_interrupt(const struct vm *vm, const struct vring *q);

#endif
