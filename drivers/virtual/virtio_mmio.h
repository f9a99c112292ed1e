/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio-mmio transport [virtio 1.2 §4.2, device version 2]: registers, negotiation, interrupt
 * and queues, for the device models that are built on it. VIRTIO_F_VERSION_1 is all it offers.
 */
#ifndef DRIVERS_VIRTUAL_VIRTIO_MMIO_H
#define DRIVERS_VIRTUAL_VIRTIO_MMIO_H

#include "core/spinlock.h"
#include "drivers/virtual/place.h"
#include "drivers/virtual/vring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIRTIO_QUEUES      2u
#define VIRTIO_CONFIG      0x100u /* where the device's own configuration begins */
#define VIRTIO_CONFIG_SIZE 0x100u

struct vm;
struct virtio_mmio;

/* What a device model adds. */
struct virtio_model {
    struct vdev_type type; /* VIRTIO_TYPE */
    uint32_t device_id;

    /*
     * The driver wrote at offset. In the configuration that means what the model lets it mean; a
     * register was served, and now buffers may have come, or the device be live: does what waits,
     * as far as it can. v->lock held.
     */
    void (*written)(struct virtio_mmio *v, uint64_t offset, uint8_t value);
};

/* Embedded first in the model's own structure. */
struct virtio_mmio {
    struct vdev_place place; /* first */

    struct spinlock lock;
    struct {
        uint32_t reg[VIRTIO_CONFIG / 4u]; /* as the driver reads them, those that it can read */
        uint8_t config[VIRTIO_CONFIG_SIZE];
    } space GUARDED_BY(lock);
    struct {
        uint32_t features[3];                   /* words 0 and 1; the last stands for all others */
        uint32_t *feature;                      /* the one that is selected */
        struct vring queues[VIRTIO_QUEUES + 1]; /* the last stands for all there are not */
        struct vring *queue;                    /* the one that is selected */
    } driver GUARDED_BY(lock);                  /* what it has set up */
};

/* As after power-on, but for the configuration. */
void virtio_mmio_reset(struct virtio_mmio *v) REQUIRES(v->lock);

/* For VIRTIO_TYPE, which makes the type of a model out of its structure and two operations. */
enum err virtio_mmio_fdt_node(const struct vdev *vdev, void *fdt);
enum err virtio_mmio_read(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset, uint32_t width,
                          uint64_t *value);
enum err virtio_mmio_write(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset, uint32_t width,
                           uint64_t value);

#define VIRTIO_TYPE(structure_bytes, reset_op, press_power_op)                                     \
    {                                                                                              \
        .vdev = {(reset_op), virtio_mmio_fdt_node, (press_power_op)},                              \
        .mmio = {virtio_mmio_read, virtio_mmio_write}, .bytes = (structure_bytes),                 \
        .register_size = VIRTIO_CONFIG + VIRTIO_CONFIG_SIZE, .name = "virtio",                     \
        .compatible = "virtio,mmio",                                                               \
    }

/*
 * Fills one buffer of a queue with len bytes, gives it back to the driver and interrupts
 * it. False: there is none, or the device is not live. A queue that is not as it must be stops the
 * device until its driver resets it.
 */
bool virtio_mmio_use(struct virtio_mmio *v, struct vring *q, const void *data, size_t len)
    REQUIRES(v->lock);

#endif
