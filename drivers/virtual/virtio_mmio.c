/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of virtio-mmio [virtio 1.2 §4.2.2] and the states of a device [§2.1, §3.1].
 *
 * lock guards all that the guest can change; below it is the interrupt controller's. Rings and
 * buffers are the guest's RAM and guarded by nothing: see vring.h.
 */
#include "drivers/virtual/virtio_mmio.h"

#include "core/virq.h"
#include "core/vm.h"
#include "drivers/virtual/fdt_put.h"

#include <stddef.h>
#include <string.h>

#define REG_MAGIC           0x000u
#define REG_VERSION         0x004u
#define REG_DEVICE_ID       0x008u
#define REG_VENDOR_ID       0x00cu
#define REG_DEVICE_FEATURES 0x010u
#define REG_DEVICE_SEL      0x014u
#define REG_DRIVER_FEATURES 0x020u
#define REG_DRIVER_SEL      0x024u
#define REG_QUEUE_SEL       0x030u
#define REG_QUEUE_SIZE_MAX  0x034u
#define REG_QUEUE_SIZE      0x038u
#define REG_QUEUE_READY     0x044u
#define REG_INTERRUPTS      0x060u
#define REG_INTERRUPT_ACK   0x064u
#define REG_STATUS          0x070u
#define REG_QUEUE_DESC      0x080u /* low, high; so are the two areas that follow at 16 bytes */
#define REG_QUEUE_END       0x0b0u
#define REG_SHM             0x0b0u /* length and base of a region, low and high */

#define MAGIC     0x74726976u
#define VERSION   2u
#define VENDOR_ID 0x49525543u /* "CURI" */
#define WORDS     2u          /* of features that there are */
#define VERSION_1 1u          /* VIRTIO_F_VERSION_1, bit 32: the first of word 1 */

#define STATUS_DRIVER_OK   0x04u
#define STATUS_FEATURES_OK 0x08u
#define STATUS_NEEDS_RESET 0x40u
#define STATUS_FAILED      0x80u
#define STATUS_DRIVERS     0x8fu /* those that the driver sets */

#define INTERRUPT_USED   1u
#define INTERRUPT_CONFIG 2u

_Static_assert(sizeof(((struct vring *)0)->area) == REG_QUEUE_END - REG_QUEUE_DESC, "see vring.h");

static const struct virtio_model *model_of(const struct virtio_mmio *v)
{
    return container_of(v->place.vdev.ops, const struct virtio_model, type.vdev);
}

static uint32_t *reg(struct virtio_mmio *v, uint64_t offset) REQUIRES(v->lock)
{
    return &v->space.reg[offset / 4u];
}

static void set_interrupts(struct virtio_mmio *v, uint32_t interrupts) REQUIRES(v->lock)
{
    *reg(v, REG_INTERRUPTS) = interrupts;
    v->place.chip->ops->set_level(v->place.chip, v->place.source, interrupts != 0);
}

void virtio_mmio_reset(struct virtio_mmio *v)
{
    static const uint32_t power_on[VIRTIO_CONFIG / 4u] = {
        [REG_MAGIC / 4u] = MAGIC,         [REG_VERSION / 4u] = VERSION,
        [REG_VENDOR_ID / 4u] = VENDOR_ID, [REG_QUEUE_SIZE_MAX / 4u] = VRING_SIZE_MAX,
        [REG_SHM / 4u] = UINT32_MAX, /* there is no region, which has no length and no base */
        [REG_SHM / 4u + 1u] = UINT32_MAX, [REG_SHM / 4u + 2u] = UINT32_MAX,
        [REG_SHM / 4u + 3u] = UINT32_MAX,
    };

    memcpy(v->space.reg, power_on, sizeof(power_on));
    *reg(v, REG_DEVICE_ID) = model_of(v)->device_id;
    memset(&v->driver, 0, sizeof(v->driver));
    v->driver.feature = v->driver.features;
    v->driver.queue = v->driver.queues;
    set_interrupts(v, 0);
}

/* Live: between DRIVER_OK and the reset, unless something went wrong. */
bool virtio_mmio_use(struct virtio_mmio *v, struct vring *q, const void *data, size_t len)
{
    uint32_t *status = reg(v, REG_STATUS);
    uint32_t event = 0;
    enum err e;

    if ((*status & (STATUS_FEATURES_OK | STATUS_DRIVER_OK | STATUS_NEEDS_RESET | STATUS_FAILED)) !=
            (STATUS_FEATURES_OK | STATUS_DRIVER_OK) ||
        q->ready == 0) {
        return false;
    }
    e = vring_use(v->place.chip->vm, q, data, len);
    if (e == ERR_FAULT) { /* [§2.1.2] */
        *status |= STATUS_NEEDS_RESET;
        event = INTERRUPT_CONFIG;
    } else if (e == ERR_OK && vring_wants_interrupt(v->place.chip->vm, q)) {
        event = INTERRUPT_USED;
    }
    set_interrupts(v, *reg(v, REG_INTERRUPTS) | event);
    return e == ERR_OK;
}

/* Bits are only ever added; FEATURES_OK stays away if the features are not acceptable [§3.1.1]. */
static void write_status(struct virtio_mmio *v, uint32_t value) REQUIRES(v->lock)
{
    if (value == 0) {
        virtio_mmio_reset(v);
        return;
    }
    if (v->driver.features[0] != 0 || v->driver.features[1] != VERSION_1) {
        value &= ~STATUS_FEATURES_OK;
    }
    *reg(v, REG_STATUS) |= value & STATUS_DRIVERS;
}

/* A driver that changes a queue which is ready, or features later, finds them changed. */
static void write_reg(struct virtio_mmio *v, uint64_t offset, uint32_t value) REQUIRES(v->lock)
{
    struct vring *q = v->driver.queue;

    switch (offset) {
    case REG_DEVICE_SEL:
        *reg(v, REG_DEVICE_FEATURES) = value == 1u ? VERSION_1 : 0;
        break;
    case REG_DRIVER_FEATURES:
        *v->driver.feature = value;
        break;
    case REG_DRIVER_SEL:
        v->driver.feature = &v->driver.features[value < WORDS ? value : WORDS];
        break;
    case REG_QUEUE_SEL:
        q = &v->driver.queues[value < VIRTIO_QUEUES ? value : VIRTIO_QUEUES];
        v->driver.queue = q;
        *reg(v, REG_QUEUE_SIZE_MAX) = value < VIRTIO_QUEUES ? VRING_SIZE_MAX : 0;
        *reg(v, REG_QUEUE_READY) = q->ready;
        break;
    case REG_QUEUE_SIZE:
        q->size = value <= VRING_SIZE_MAX ? value : 0;
        break;
    case REG_QUEUE_READY:
        q->ready = value & 1u;
        q->next = 0;
        *reg(v, REG_QUEUE_READY) = q->ready;
        break;
    case REG_INTERRUPT_ACK:
        set_interrupts(v, *reg(v, REG_INTERRUPTS) & ~value);
        break;
    case REG_STATUS:
        write_status(v, value);
        break;
    default: /* QueueNotify too: the model looks at its queues after each write */
        if (offset >= REG_QUEUE_DESC && offset < REG_QUEUE_END) {
            void *area = &q->area;

            ((uint32_t *)area)[(offset - REG_QUEUE_DESC) / 4u] = value;
        }
        break;
    }
}

/* Registers are words; the configuration has fields of any width. */
static bool is_wrong(uint64_t offset, uint32_t width)
{
    return offset < VIRTIO_CONFIG && (width != 4 || !is_aligned(offset, 4));
}

enum err virtio_mmio_read(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset, uint32_t width,
                          uint64_t *value)
{
    struct virtio_mmio *v = container_of(dev, struct virtio_mmio, place.dev);

    (void)vcpu;
    if (is_wrong(offset, width)) {
        return ERR_FAULT;
    }
    *value = 0;
    spin_lock(&v->lock);
    memcpy(value, (const char *)&v->space + offset, width);
    spin_unlock(&v->lock);
    return ERR_OK;
}

enum err virtio_mmio_write(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset, uint32_t width,
                           uint64_t value)
{
    struct virtio_mmio *v = container_of(dev, struct virtio_mmio, place.dev);

    (void)vcpu;
    if (is_wrong(offset, width)) {
        return ERR_FAULT;
    }
    spin_lock(&v->lock);
    write_reg(v, offset, (uint32_t)value);
    model_of(v)->written(v, offset, (uint8_t)value);
    spin_unlock(&v->lock);
    return ERR_OK;
}

enum err virtio_mmio_fdt_node(const struct vdev *vdev, void *fdt)
{
    int err = vdev_begin_node(vdev, fdt);

    return fdt_put_result(err | fdt_end_node(fdt));
}
