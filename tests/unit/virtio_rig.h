/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for the virtual power key, for tests and the fuzz target: a VM with some RAM, a stand-in
 * for its interrupt controller, registers by name, and rings in that RAM.
 */
#ifndef TESTS_UNIT_VIRTIO_RIG_H
#define TESTS_UNIT_VIRTIO_RIG_H

#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/vinput.h"
#include "tests/unit/fake_arch.h"

#include <libfdt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RIG_BASE   0x10001000ull
#define RIG_SOURCE 11u
#define RIG_RAM    0x80000000ull
#define RIG_BYTES  0x10000ull

/* Areas of queue q. */
#define RIG_DESC(q)   (RIG_RAM + 0x1000u + (q)*0x4000u)
#define RIG_DRIVER(q) (RIG_RAM + 0x2000u + (q)*0x4000u)
#define RIG_DEVICE(q) (RIG_RAM + 0x3000u + (q)*0x4000u)
#define RIG_BUFFERS   (RIG_RAM + 0xa000u)

enum {
    R_MAGIC = 0x00,
    R_VERSION = 0x04,
    R_DEVICE = 0x08,
    R_VENDOR = 0x0c,
    R_FEATURES = 0x10,
    R_FEATURES_SEL = 0x14,
    R_ACCEPT = 0x20,
    R_ACCEPT_SEL = 0x24,
    R_QUEUE = 0x30,
    R_SIZE_MAX = 0x34,
    R_SIZE = 0x38,
    R_READY = 0x44,
    R_NOTIFY = 0x50,
    R_INTERRUPT = 0x60,
    R_ACK = 0x64,
    R_STATUS = 0x70,
    R_DESC = 0x80,
    R_DRIVER = 0x90,
    R_DEVICE_AREA = 0xa0,
    R_SHM = 0xac,
    R_GENERATION = 0xfc,
    R_CONFIG = 0x100,
};

struct rig_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

struct rig_ring {
    uint16_t flags, idx;
    uint16_t ring[];
};

struct rig_used {
    uint16_t flags, idx;
    struct {
        uint32_t id, len;
    } ring[];
};

static struct {
    struct vm *vm;
    struct vdev *key;
    struct virqchip chip;
    bool line;
} rig;

static void rig_set_level(struct virqchip *chip, uint32_t source, bool level)
{
    if (chip != &rig.chip || source != RIG_SOURCE) {
        abort();
    }
    rig.line = level;
}

static enum err rig_claim(struct virqchip *chip, uint32_t source)
{
    (void)chip;
    (void)source;
    return ERR_OK;
}

static enum err rig_fdt_interrupts(struct virqchip *chip, void *fdt, uint32_t source)
{
    (void)chip;
    return fdt_property_u32(fdt, "interrupts", source) == 0 ? ERR_OK : ERR_RANGE;
}

static const struct virqchip_ops rig_chip_ops = {
    .set_level = rig_set_level,
    .claim = rig_claim,
    .fdt_interrupts = rig_fdt_interrupts,
};

/* The device is there, reset. */
static void rig_init(void)
{
    static const struct vdev_config config = {
        .kind = VDEV_POWER_KEY, .gpa = RIG_BASE, .irq = RIG_SOURCE};
    const char *why = NULL;

    fake_init(1);
    memset(&rig, 0, sizeof(rig));
    rig.vm = fake_vm_add("v", 1, 0, RIG_RAM, RIG_BYTES);
    rig.vm->irqchip = &rig.chip;
    if (mmio_bus_init(&rig.vm->bus, 2) != ERR_OK ||
        virqchip_init(&rig.chip, &rig_chip_ops, rig.vm, 16) != ERR_OK) {
        abort();
    }
    rig.key = vinput_create(rig.vm, &config, &why);
    if (rig.key == NULL) {
        abort();
    }
    rig.line = true;
    rig.key->ops->reset(rig.key);
    memset(fake_gpa(rig.vm, RIG_RAM, RIG_BYTES), 0, RIG_BYTES);
}

static inline enum err rig_read(uint64_t offset, uint32_t width, uint64_t *value)
{
    return mmio_bus_read(&rig.vm->bus, rig.vm->vcpus[0], gpa(RIG_BASE + offset), width, value);
}

static inline enum err rig_write(uint64_t offset, uint32_t width, uint64_t value)
{
    return mmio_bus_write(&rig.vm->bus, rig.vm->vcpus[0], gpa(RIG_BASE + offset), width, value);
}

static inline uint32_t rd(uint64_t reg)
{
    uint64_t value = ~0ull;

    if (rig_read(reg, 4, &value) != ERR_OK || value > UINT32_MAX) {
        abort();
    }
    return (uint32_t)value;
}

static inline void wr(uint64_t reg, uint32_t value)
{
    if (rig_write(reg, 4, 0xabcdef0100000000ull | value) != ERR_OK) {
        abort();
    }
}

static inline void wr64(uint64_t reg, uint64_t value)
{
    wr(reg, (uint32_t)value);
    wr(reg + 4, (uint32_t)(value >> 32));
}

static inline void rig_queue(uint32_t q, uint32_t size)
{
    wr(R_QUEUE, q);
    wr(R_SIZE, size);
    wr64(R_DESC, RIG_DESC(q));
    wr64(R_DRIVER, RIG_DRIVER(q));
    wr64(R_DEVICE_AREA, RIG_DEVICE(q));
    wr(R_READY, 1);
}

/* Negotiated up to FEATURES_OK. */
static inline void rig_features(void)
{
    wr(R_STATUS, 0);
    wr(R_STATUS, 1);
    wr(R_STATUS, 3);
    wr(R_ACCEPT_SEL, 0);
    wr(R_ACCEPT, 0);
    wr(R_ACCEPT_SEL, 1);
    wr(R_ACCEPT, 1);
    wr(R_STATUS, 11);
}

/* As Linux does it: live, with two queues of size. */
static inline void rig_live(uint32_t size)
{
    rig_features();
    rig_queue(0, size);
    rig_queue(1, size);
    wr(R_STATUS, 15);
}

static inline struct rig_desc *rig_desc(uint32_t q)
{
    return fake_gpa(rig.vm, RIG_DESC(q), 16 * sizeof(struct rig_desc));
}

static inline struct rig_ring *rig_avail(uint32_t q)
{
    return fake_gpa(rig.vm, RIG_DRIVER(q), 64);
}

static inline struct rig_used *rig_used(uint32_t q)
{
    return fake_gpa(rig.vm, RIG_DEVICE(q), 256);
}

/* Makes the chain that begins at head available. */
static inline void rig_offer(uint32_t q, uint32_t size, uint32_t head)
{
    struct rig_ring *a = rig_avail(q);

    a->ring[a->idx % size] = (uint16_t)head;
    a->idx++;
}

/* Buffer n of the event queue: one writable descriptor of len bytes. */
static inline void *rig_buffer(uint32_t n, uint32_t len)
{
    uint64_t at = RIG_BUFFERS + n * 0x40u;

    rig_desc(0)[n] = (struct rig_desc){at, len, 2, 0};
    return memset(fake_gpa(rig.vm, at, 0x40), 0x77, 0x40);
}

static inline void rig_press(void)
{
    rig.key->ops->press_power(rig.key);
}

#endif
