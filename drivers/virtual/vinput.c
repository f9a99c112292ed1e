/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio input device [virtio 1.2 §5.8] with the key KEY_POWER and nothing else. A press is four
 * events: down, SYN, up, SYN. They wait until the driver has buffers for them: none is dropped
 * while the VM lives. A press while one is being told begins it anew.
 *
 * The lock is the transport's. A press comes with the coordinator's lock held, which is above it;
 * nothing here calls back upwards.
 */
#include "drivers/virtual/vinput.h"

#include "core/log.h"
#include "core/vm.h"
#include "drivers/virtual/virtio_mmio.h"

#include <stddef.h>
#include <string.h>

#define DEVICE_INPUT 18u

#define EVENTQ  0u
#define STATUSQ 1u

/* struct virtio_input_config, whose select and subsel are the driver's. */
struct answer {
    uint8_t size;
    uint8_t reserved[5];
    char data[16];
};

#define SELECT_NAME   0x01u
#define SELECT_EVENTS 0x11u

#define EV_SYN    0u /* numbers of Linux' input layer */
#define EV_KEY    1u
#define KEY_POWER 116u

static const struct answer nothing;
static const struct answer name = {15, {0}, "Curia power key"};
static const struct answer keys = {
    KEY_POWER / 8u + 1u, {0}, {[KEY_POWER / 8u] = 1u << KEY_POWER % 8u}};

struct input_event {
    uint16_t type, code;
    uint32_t value;
};

static const struct input_event press[] = {
    {EV_KEY, KEY_POWER, 1},
    {EV_SYN, 0, 0},
    {EV_KEY, KEY_POWER, 0},
    {EV_SYN, 0, 0},
};

#define EVENTS ARRAY_SIZE(press)

struct vinput {
    struct virtio_mmio virtio;           /* first */
    size_t left GUARDED_BY(virtio.lock); /* events of a press that are still to be told */
};

static struct vinput *vinput_of(struct virtio_mmio *v)
{
    return container_of(v, struct vinput, virtio);
}

/* The status queue carries lamps to be lit: there are none, so buffers go back as they came. */
static void vinput_serve(struct virtio_mmio *v) REQUIRES(v->lock)
{
    struct vinput *k = vinput_of(v);
    struct vring *events = &v->driver.queues[EVENTQ];

    if (events->ready == 0 && k->left != 0) { /* a driver that begins anew hears all of it */
        k->left = EVENTS;
    }
    while (k->left != 0 && virtio_mmio_use(v, events, &press[EVENTS - k->left], sizeof(press[0]))) {
        k->left--;
    }
    /* What other vCPUs add meanwhile is not waited for: they will notify, too. */
    for (uint32_t n = 0; n < VRING_SIZE_MAX; n++) {
        if (!virtio_mmio_use(v, &v->driver.queues[STATUSQ], press, 0)) {
            break;
        }
    }
}

static void vinput_written(struct virtio_mmio *v, uint64_t offset, uint8_t value) REQUIRES(v->lock)
{
    uint8_t *c = v->space.config;
    const struct answer *answer = &nothing;
    uint32_t select;

    if (offset < VIRTIO_CONFIG || offset > VIRTIO_CONFIG + 1u) {
        vinput_serve(v);
        return;
    }
    c[offset - VIRTIO_CONFIG] = value;
    select = c[0] | (uint32_t)c[1] << 8;
    if (select == SELECT_NAME) {
        answer = &name;
    }
    if (select == (SELECT_EVENTS | EV_KEY << 8)) {
        answer = &keys;
    }
    memcpy(&c[2], answer, sizeof(*answer));
}

static void vinput_press(struct vdev *vdev)
{
    struct virtio_mmio *v = container_of(vdev, struct virtio_mmio, place.vdev);
    struct vinput *k = vinput_of(v);

    spin_lock(&v->lock);
    k->left = EVENTS;
    vinput_serve(v);
    spin_unlock(&v->lock);
}

static void vinput_reset(struct vdev *vdev)
{
    struct virtio_mmio *v = container_of(vdev, struct virtio_mmio, place.vdev);
    struct vinput *k = vinput_of(v);

    spin_lock(&v->lock);
    if (k->left != 0) {
        log_warn("%s: nobody took the press of its power key", v->place.chip->vm->config->name);
    }
    k->left = 0;
    memset(v->space.config, 0, sizeof(v->space.config));
    virtio_mmio_reset(v);
    spin_unlock(&v->lock);
}

static const struct virtio_model vinput_model = {
    .type = VIRTIO_TYPE(sizeof(struct vinput), vinput_reset, vinput_press),
    .device_id = DEVICE_INPUT,
    .written = vinput_written,
};

struct vdev *vinput_create(struct vm *vm, const struct vdev_config *config, const char **why)
{
    return vdev_make(&vinput_model.type, vm, config, why);
}
