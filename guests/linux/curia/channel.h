/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One end of a channel: its mailbox (mailbox.c) and the device that programs see (channel.c).
 *
 * The mailbox (sbi/abi.h, struct curia_mailbox) is shared with Curia from registration on. head,
 * want and the peer's state are Curia's and only read here; tail is ours, kept in rx_tail as well
 * and never read back. Readers take turns under rx_lock, writers under tx_lock; the interrupt
 * handler takes no lock: it counts what happened and wakes.
 */
#ifndef CURIA_KO_CHANNEL_H
#define CURIA_KO_CHANNEL_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "curia.h"

struct iov_iter;

#define CHANNEL_RING_BYTES 65536u

struct channel {
    struct list_head list;
    struct device *dev;
    struct miscdevice misc;
    u32 end;
    char label[CURIA_LABEL_MAX];
    char peer[CURIA_LABEL_MAX];
    struct curia_mailbox *mailbox;
    u8 *ring;

    struct mutex rx_lock;
    u32 rx_tail; /* written under rx_lock, poll reads it without */
    u64 received;
    u64 damaged;

    struct mutex tx_lock;
    void *tx_page; /* a message on its way: Curia reads it from here */
    u64 sent;
    u64 refused;
    u32 full_at; /* room_seq when the last send was refused */
    bool full;   /* and none got through since */

    u32 room_seq; /* one more whenever a refused sender should try again */
    u32 peer_seq; /* one more at each change of the peer */
    wait_queue_head_t rx_wait;
    wait_queue_head_t tx_wait;
};

static inline u32 channel_peer_state(const struct channel *ch)
{
    return READ_ONCE(ch->mailbox->peer_state);
}

/* Bytes of messages that wait. Pairs with Curia's release of head: what lies before it is whole. */
static inline u32 channel_waiting(const struct channel *ch)
{
    return virt_load_acquire(&ch->mailbox->head) - READ_ONCE(ch->rx_tail);
}

/* The last send was refused, and nothing has happened since that would make another one pass. */
static inline bool channel_full(const struct channel *ch)
{
    return READ_ONCE(ch->full) && READ_ONCE(ch->full_at) == READ_ONCE(ch->room_seq);
}

/*
 * Takes one message to where `to` says: its length. With rx_lock held. -EAGAIN: there is none;
 * -EMSGSIZE: it does not fit, and stays; -EIO: the ring was damaged, and is empty now.
 */
ssize_t mailbox_take(struct channel *ch, struct iov_iter *to);

/*
 * Sends tx_page. With tx_lock held. -EAGAIN: full, until channel_full() says no more; -ENOTCONN:
 * the peer is not up.
 */
int mailbox_send(struct channel *ch, size_t size);

/* Or-s bits into the peer's doorbell word; takes one's own. */
int mailbox_ring(const struct channel *ch, u64 bits);
u64 mailbox_take_bell(struct channel *ch);

/* Memory, interrupt handler and registration, all of which go with ch->dev. From probe. */
int mailbox_open(struct channel *ch, unsigned int irq, const char *name);

#endif
