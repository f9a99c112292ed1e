/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vring.h. Fields are little endian, as the hart is. Addresses are checked by guest_read() and
 * guest_write() alone: one that wraps around is RAM of the same VM or none.
 */
#include "drivers/virtual/vring.h"

#include "core/memmap.h"

#include <stdatomic.h>
#include <stddef.h>

#define DESC_F_NEXT     1u
#define DESC_F_WRITE    2u
#define DESC_F_INDIRECT 4u

#define AVAIL_F_NO_INTERRUPT 1u

struct vring_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

_Static_assert(sizeof(struct vring_desc) == 16, "[virtio 1.2 §2.7.5]");

/* Of either ring: le16 flags, le16 idx, then the entries. */
#define RING_IDX   2u
#define RING_ENTRY 4u

static bool read_avail(const struct vm *vm, const struct vring *q, uint64_t offset, uint16_t *value)
{
    return guest_read(vm, value, gpa(q->area.driver + offset), sizeof(*value)) == ERR_OK;
}

/*
 * Scatters data over the writable descriptors of the chain that begins at i: the driver frames its
 * buffers as it likes [§2.7.4]. A chain is not longer than the ring [§2.7.5.3.1], so no loop is
 * gone round in.
 */
static bool fill_chain(const struct vm *vm, const struct vring *q, size_t i, const char *data,
                       size_t len)
{
    for (uint32_t left = q->size; left != 0 && i < q->size; left--) {
        struct vring_desc d;
        size_t part = 0;

        if (guest_read(vm, &d, gpa(q->area.desc + i * sizeof(d)), sizeof(d)) != ERR_OK ||
            (d.flags & DESC_F_INDIRECT) != 0) {
            break;
        }
        if ((d.flags & DESC_F_WRITE) != 0) {
            part = d.len < len ? d.len : len;
        }
        if (guest_write(vm, gpa(d.addr), data, part) != ERR_OK) {
            break;
        }
        data += part;
        len -= part;
        if (len == 0) {
            return true;
        }
        i = (d.flags & DESC_F_NEXT) != 0 ? d.next : SIZE_MAX;
    }
    return false;
}

enum err vring_use(const struct vm *vm, struct vring *q, const void *data, size_t len)
{
    uint16_t next = q->next;
    uint32_t slot = next & (q->size - 1u);
    uint32_t entry[2] = {0, (uint32_t)len};
    uint32_t head;
    uint16_t idx, id;

    if (!read_avail(vm, q, RING_IDX, &idx)) {
        return ERR_FAULT;
    }
    if (idx == next) {
        return ERR_NOT_FOUND;
    }
    /* Pairs with the driver's barrier between entry and idx [§2.7.13.3.1]. */
    atomic_thread_fence(memory_order_acquire);
    if ((uint16_t)(idx - next) > q->size ||
        !read_avail(vm, q, RING_ENTRY + slot * sizeof(id), &id) ||
        !fill_chain(vm, q, id, data, len)) {
        return ERR_FAULT;
    }
    entry[0] = id;
    if (guest_write(vm, gpa(q->area.device + RING_ENTRY + slot * sizeof(entry)), entry,
                    sizeof(entry)) != ERR_OK) {
        return ERR_FAULT;
    }
    /* The buffer and its entry before idx: pairs with the driver's barrier after it has read idx
     * [§2.7.14]. */
    atomic_thread_fence(memory_order_release);
    head = (uint32_t)(next + 1u) << 16; /* and flags 0: tell of every buffer */
    if (guest_write(vm, gpa(q->area.device), &head, sizeof(head)) != ERR_OK) {
        return ERR_FAULT;
    }
    q->next = (uint16_t)(next + 1u);
    return ERR_OK;
}

bool vring_wants_interrupt(const struct vm *vm, const struct vring *q)
{
    uint16_t flags;

    /* idx is written before flags are read: pairs with the driver's barrier after it has cleared
     * flags, before it looks at idx once more; one of both sees the other [§2.7.7]. */
    atomic_thread_fence(memory_order_seq_cst);
    return !read_avail(vm, q, 0, &flags) || (flags & AVAIL_F_NO_INTERRUPT) == 0;
}
