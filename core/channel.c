/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Channel ends: mailboxes, messages, doorbells. A mailbox lies in its owner's RAM; nothing read
 * there is trusted: the position to write at is Curia's own, the owner's tail only says how much
 * room it claims, and a tail that cannot be is no room at all, to the owner's harm alone.
 *
 * An end's lock serialises senders, and opening and closing with them. Two things are read or
 * changed without it: the header's words, by atomics, since the guest does not lock either; and
 * whether the mailbox is open, by channel_raise() in channel.h.
 */
#include "core/channel.h"

#include "core/arch.h"
#include "core/memmap.h"
#include "core/trace.h"

#define RECORD_HEADER 8u /* u32 length, u32 zero; records are padded to as much */

/* Right behind the header's page. */
#define RING_OFFSET ((uint64_t)PAGE_SIZE)

/* The same where there is no budget. */
static __attribute__((noinline)) bool channel_event(struct channel_end *end, uint32_t events)
{
    return channel_raise(end, events, 0);
}

/* ---- opening and closing --------------------------------------------------------------------- */

/*
 * What the peer is now. The state of a VM and its mailbox changes first and channel_tell() follows,
 * so the last to take the lock writes the newest.
 */
static void show_peer(struct channel_end *end) REQUIRES(end->lock)
{
    struct mailbox *m = channel_header(end);
    const struct channel_end *peer = end->peer;
    const struct ipc_vm *pv = peer->vm->ipc;
    uint32_t state = 0;

    if ((atomic_load_explicit(&peer->gate, memory_order_acquire) & GATE_OPEN) != 0) {
        state |= MAILBOX_PEER_UP;
    }
    if (atomic_load_explicit(&pv->running, memory_order_acquire)) {
        state |= MAILBOX_PEER_RUNNING;
    }
    atomic_store_explicit(&m->peer_generation,
                          atomic_load_explicit(&pv->generation, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(&m->peer_state, state, memory_order_release);
}

void channel_tell(struct channel_end *end)
{
    spin_lock(&end->lock);
    if (end->phase == MAILBOX_OPEN) {
        show_peer(end);
    }
    spin_unlock(&end->lock);
    (void)channel_event(end, MAILBOX_EV_PEER);
}

/* From one phase to another; false: it is not in the first. */
static bool change_phase(struct channel_end *end, enum mailbox_phase from, enum mailbox_phase to)
{
    bool changes;

    spin_lock(&end->lock);
    changes = end->phase == from;
    if (changes) {
        end->phase = to;
    }
    spin_unlock(&end->lock);
    return changes;
}

/* The phase is CHANGING, and the caller's. */
static void open_mailbox(struct channel_end *end, struct mailbox *m, gpa_t header,
                         uint32_t ring_bytes)
{
    spin_lock(&end->lock);
    end->ring = gpa_add(header, RING_OFFSET);
    end->ring_bytes = ring_bytes;
    end->head = 0;
    end->refused = false;
    end->header = m;
    arch_share_sync();
    atomic_store_explicit(&m->head, 0, memory_order_relaxed);
    atomic_store_explicit(&m->tail, 0, memory_order_relaxed);
    atomic_store_explicit(&m->want, 0, memory_order_relaxed);
    atomic_store_explicit(&m->events, 0, memory_order_relaxed);
    atomic_store_explicit(&m->doorbell, 0, memory_order_relaxed);
    show_peer(end);
    end->phase = MAILBOX_OPEN;
    /* release pairs with the acquire at (a); those who turn back may be counted there */
    (void)atomic_fetch_or_explicit(&end->gate, GATE_OPEN, memory_order_release);
    spin_unlock(&end->lock);
}

static enum err check_mailbox(const struct vm *vm, gpa_t header, uint64_t ring_bytes)
{
    struct {
        uint32_t magic, ring_bytes;
    } seen;
    enum err e;

    if (!is_aligned(header.v, PAGE_SIZE) || ring_bytes < IPC_RING_MIN ||
        ring_bytes > IPC_RING_MAX || (ring_bytes & (ring_bytes - 1)) != 0) {
        return ERR_INVALID;
    }
    if (!memmap_is_ram(&vm->map, header, RING_OFFSET + ring_bytes)) {
        return ERR_FAULT;
    }
    e = guest_read(vm, &seen, header, sizeof(seen));
    if (e != ERR_OK) {
        return e;
    }
    return seen.magic == MAILBOX_MAGIC && seen.ring_bytes == ring_bytes ? ERR_OK : ERR_INVALID;
}

enum err ipc_mailbox_set(struct vm *vm, uint64_t index, gpa_t header, uint64_t ring_bytes)
{
    struct channel_end *end = ipc_end(vm, index);
    struct mailbox *m;
    uint64_t chunk;
    hpa_t page;
    enum err e;

    if (end == NULL) {
        return ERR_NOT_FOUND;
    }
    e = check_mailbox(vm, header, ring_bytes);
    if (e == ERR_OK) {
        e = memmap_ram(&vm->map, header, PAGE_SIZE, &page, &chunk);
    }
    if (e != ERR_OK) {
        return e;
    }

    /*
     * CHANGING keeps siblings out without the lock, which must not be held while the port maps; so
     * that no VM ever takes more of the port's mappings than it has ends.
     */
    if (!change_phase(end, MAILBOX_CLOSED, MAILBOX_CHANGING)) {
        return ERR_EXISTS;
    }
    m = arch_share_map(page);
    if (m == NULL) {
        (void)change_phase(end, MAILBOX_CHANGING, MAILBOX_CLOSED);
        return ERR_NO_MEMORY;
    }
    open_mailbox(end, m, header, (uint32_t)ring_bytes);
    channel_tell(end->peer);
    return ERR_OK;
}

bool channel_close(struct channel_end *end)
{
    uint32_t unread;

    if (!change_phase(end, MAILBOX_OPEN, MAILBOX_CHANGING)) {
        return false;
    }
    /* Senders, who hold the lock, are through: they look at the phase. */
    (void)atomic_fetch_and_explicit(&end->gate, ~GATE_OPEN, memory_order_relaxed); /* (d) */
    while (atomic_load_explicit(&end->gate, memory_order_acquire) != 0) {          /* (e) */
        arch_relax();
    }

    spin_lock(&end->lock);
    unread = end->head - atomic_load_explicit(&channel_header(end)->tail, memory_order_relaxed);
    end->stats.lost_bytes += unread < end->ring_bytes ? unread : end->ring_bytes;
    spin_unlock(&end->lock);

    arch_share_unmap(end->header); /* (f) */
    (void)change_phase(end, MAILBOX_CHANGING, MAILBOX_CLOSED);
    return true;
}

enum err ipc_mailbox_clear(struct vm *vm, uint64_t index)
{
    struct channel_end *end = ipc_end(vm, index);

    if (end == NULL) {
        return ERR_NOT_FOUND;
    }
    if (!channel_close(end)) {
        return ERR_STATE;
    }
    channel_tell(end->peer);
    return ERR_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Bytes free in the ring, as its owner says; *bad: what it says cannot be. One read of tail. */
static uint32_t ring_room(const struct channel_end *end, bool *bad) REQUIRES(end->lock)
{
    /* seq_cst for (c) below; as an acquire it pairs with the owner's release: it has read what is
     * about to be overwritten */
    const struct mailbox *m = channel_header(end);
    uint32_t used = end->head - atomic_load_explicit(&m->tail, memory_order_seq_cst);

    *bad = used > end->ring_bytes;
    return *bad ? 0 : end->ring_bytes - used;
}

/*
 * Is there room for so many bytes? If not, the owner is asked to call CURIA_IPC_MAILBOX_ROOM:
 *
 *   sender:  (a) want = ROOM   (c) tail read again; still no room: refused
 *   reader:  (d) tail moved    (e) full fence           (f) want read; set: it calls
 *
 * (a) and (c) are seq_cst, so that (c) cannot go before (a), as (f) cannot before (d).
 * Either (c) sees the room of (d), or (f) sees (a). If (c) does, want stays set all the same: a
 * sibling refused earlier may be waiting for it, and one call too many does no harm.
 */
static bool ring_has_room(struct channel_end *end, uint32_t need) REQUIRES(end->lock)
{
    bool bad;

    if (ring_room(end, &bad) >= need) {
        return true;
    }
    end->refused = true;
    (void)atomic_exchange_explicit(&channel_header(end)->want, MAILBOX_WANT_ROOM,
                                   memory_order_seq_cst); /* (a) */
    if (ring_room(end, &bad) >= need) {                   /* (c) */
        return true;
    }
    end->stats.bad_tails += bad ? 1 : 0;
    return false;
}

/* Writes the record behind head; it is no message until head moves. */
static enum err ring_fill(const struct channel_end *end, const struct vm *from, gpa_t buf,
                          uint32_t len) REQUIRES(end->lock)
{
    const uint32_t record[2] = {len, 0};
    uint32_t mask = end->ring_bytes - 1;
    uint32_t at = end->head & mask;
    enum err e = guest_write(end->vm, gpa_add(end->ring, at), record, sizeof(record));
    uint32_t first;

    at = (at + RECORD_HEADER) & mask;
    first = end->ring_bytes - at < len ? end->ring_bytes - at : len;
    if (e == ERR_OK) {
        e = guest_copy(end->vm, gpa_add(end->ring, at), from, buf, first);
    }
    if (e == ERR_OK && first < len) {
        e = guest_copy(end->vm, end->ring, from, gpa_add(buf, first), len - first);
    }
    return e;
}

static enum err ring_put(struct channel_end *end, const struct vm *from, gpa_t buf, uint32_t len)
{
    uint32_t need = RECORD_HEADER + (uint32_t)align_up(len, RECORD_HEADER);
    enum err e = ERR_STATE;

    spin_lock(&end->lock);
    if (end->phase == MAILBOX_OPEN) {
        e = ring_has_room(end, need) ? ring_fill(end, from, buf, len) : ERR_BUSY;
    }
    if (e == ERR_OK) {
        end->head += need;
        end->stats.received++;
        /* release pairs with the owner's acquire of head: the record is there before it counts */
        atomic_store_explicit(&channel_header(end)->head, end->head, memory_order_release);
    }
    spin_unlock(&end->lock);
    return e;
}

void channel_trace(const struct channel_end *end, uint32_t event, enum err e, uint32_t more)
{
    struct hart *self = arch_hart_self();
    const struct vcpu *v = self->vcpu;
    enum trace_sent sent = e == ERR_OK     ? TRACE_SENT
                           : e == ERR_BUSY ? TRACE_SENT_REFUSED
                                           : TRACE_SENT_NOBODY;
    uint64_t channel = (uint64_t)(end->channel - machine.manifest.channels);

    trace_put(self, TRACE_WHAT(event, sent, v->vm->index, v->index), more,
              channel << 8 | end->peer->vm->index);
}

static void count_send(struct channel_end *end, enum err e)
{
    spin_lock(&end->lock);
    end->stats.sent += e == ERR_OK ? 1 : 0;
    end->stats.refused += e == ERR_BUSY ? 1 : 0;
    end->stats.unreachable += e == ERR_STATE ? 1 : 0;
    spin_unlock(&end->lock);
}

enum err ipc_send(struct vm *vm, uint64_t index, gpa_t buf, uint64_t len)
{
    struct channel_end *end = ipc_end(vm, index);
    enum err e;

    if (end == NULL) {
        return ERR_NOT_FOUND;
    }
    if (!end->send || !end->peer->receive) {
        return ERR_DENIED;
    }
    if (len == 0 || len > IPC_MESSAGE_MAX) {
        return ERR_INVALID;
    }
    if (!memmap_is_ram(&vm->map, buf, len)) {
        return ERR_FAULT;
    }

    e = ring_put(end->peer, vm, buf, (uint32_t)len);
    count_send(end, e);
    if (trace_on(arch_hart_self(), TRACE_IPC)) {
        channel_trace(end, TRACE_EV_SEND, e, (uint32_t)len);
    }
    if (e == ERR_OK) {
        (void)channel_event(end->peer, MAILBOX_EV_MESSAGE);
    }
    return e;
}

enum err ipc_mailbox_room(struct vm *vm, uint64_t index)
{
    struct channel_end *end = ipc_end(vm, index);
    bool refused = false;
    bool open;

    if (end == NULL) {
        return ERR_NOT_FOUND;
    }
    spin_lock(&end->lock);
    open = end->phase == MAILBOX_OPEN;
    if (open) {
        refused = end->refused;
        end->refused = false;
        atomic_store_explicit(&channel_header(end)->want, 0, memory_order_relaxed);
    }
    spin_unlock(&end->lock);

    if (refused) {
        (void)channel_event(end->peer, MAILBOX_EV_ROOM);
    }
    return open ? ERR_OK : ERR_STATE;
}

/* ---- doorbell -------------------------------------------------------------------------------- */

enum err ipc_notify(struct vm *vm, uint64_t index, uint64_t bits)
{
    return channel_notify(vm, index, bits);
}
