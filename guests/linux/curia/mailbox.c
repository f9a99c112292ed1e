// SPDX-License-Identifier: GPL-2.0-only
/* The mailbox of a channel end, in the order that sbi/abi.h asks for. What holds: see channel.h. */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/uio.h>

#include <asm/sbi.h>

#include "channel.h"

#define MAILBOX_BYTES (PAGE_SIZE + CHANNEL_RING_BYTES)
#define RECORD_HEADER 8u

/* How CURIA_IPC_SEND says that the ring is full: it would have had to wait. */
#define SEND_FULL (-12)
/* And that the peer has no mailbox. */
#define SEND_NO_PEER (-10)

static LIST_HEAD(channels); /* changed in probe and remove only */

/* ---- receiving ------------------------------------------------------------------------------- */

static void rx_advance(struct channel *ch, u32 bytes)
{
    WRITE_ONCE(ch->rx_tail, ch->rx_tail + bytes);
    virt_store_release(&ch->mailbox->tail, ch->rx_tail);
    /*
     * Pairs with the fence of a refused sender's hart, which sets want and then reads tail again:
     * either it sees the room, or we see that it wants some.
     */
    virt_mb();
    if ((READ_ONCE(ch->mailbox->want) & CURIA_MAILBOX_WANT_ROOM) != 0) {
        curia_ipc(CURIA_IPC_MAILBOX_ROOM, ch->end, 0, 0, 0);
    }
}

/* The message at the tail, which may go round the end of the ring. Bytes not copied: -EFAULT. */
static int rx_copy(const struct channel *ch, struct iov_iter *to, u32 len)
{
    u32 at = (ch->rx_tail + RECORD_HEADER) & (CHANNEL_RING_BYTES - 1);
    u32 first = min(len, CHANNEL_RING_BYTES - at);

    if (copy_to_iter(ch->ring + at, first, to) != first ||
        copy_to_iter(ch->ring, len - first, to) != len - first) {
        return -EFAULT;
    }
    return 0;
}

ssize_t mailbox_take(struct channel *ch, struct iov_iter *to)
{
    u32 bytes = channel_waiting(ch);
    u32 len;
    u32 record;
    int bad;

    if (bytes == 0) {
        return -EAGAIN;
    }
    len = READ_ONCE(*(u32 *)(ch->ring + (ch->rx_tail & (CHANNEL_RING_BYTES - 1))));
    record = RECORD_HEADER + ALIGN(len, 8);
    if (len == 0 || len > CURIA_IPC_MESSAGE_MAX || bytes > CHANNEL_RING_BYTES || record > bytes) {
        ch->damaged++;
        dev_err_ratelimited(ch->dev, "%s: no record at %u: emptied\n", ch->label, ch->rx_tail);
        rx_advance(ch, bytes);
        return -EIO;
    }
    if (len > iov_iter_count(to)) {
        return -EMSGSIZE;
    }
    bad = rx_copy(ch, to, len);
    if (bad != 0) {
        return bad;
    }
    rx_advance(ch, record);
    ch->received++;
    return len;
}

/* ---- sending -------------------------------------------------------------------------------- */

int mailbox_send(struct channel *ch, size_t size)
{
    u32 seq = READ_ONCE(ch->room_seq); /* before the send, so that no change after it is missed */
    struct curia_ret r = curia_ipc(CURIA_IPC_SEND, ch->end, virt_to_phys(ch->tx_page), 0, size);

    switch (r.error) {
    case SBI_SUCCESS:
        WRITE_ONCE(ch->full, false);
        ch->sent++;
        return 0;
    case SEND_FULL:
        ch->refused++;
        WRITE_ONCE(ch->full_at, seq);
        WRITE_ONCE(ch->full, true);
        return -EAGAIN;
    case SEND_NO_PEER:
        return -ENOTCONN;
    default:
        return curia_errno(r.error);
    }
}

int mailbox_ring(const struct channel *ch, u64 bits)
{
    struct curia_ret r = curia_ipc(CURIA_IPC_NOTIFY, ch->end, bits, 0, 0);

    return r.error == SEND_NO_PEER ? -ENOTCONN : curia_errno(r.error);
}

u64 mailbox_take_bell(struct channel *ch)
{
    return xchg(&ch->mailbox->doorbell, 0); /* amoswap: nothing rung meanwhile is lost */
}

/* ---- the interrupt --------------------------------------------------------------------------- */

static irqreturn_t channel_irq(int irq, void *data)
{
    struct channel *ch = data;
    u32 events = xchg(&ch->mailbox->events, 0);

    if (events == 0) {
        return IRQ_NONE;
    }
    if ((events & (CURIA_MAILBOX_EV_ROOM | CURIA_MAILBOX_EV_PEER)) != 0) {
        WRITE_ONCE(ch->room_seq, ch->room_seq + 1);
    }
    if ((events & CURIA_MAILBOX_EV_PEER) != 0) {
        WRITE_ONCE(ch->peer_seq, ch->peer_seq + 1);
    }
    wake_up_interruptible_all(&ch->rx_wait);
    wake_up_interruptible_all(&ch->tx_wait);
    return IRQ_HANDLED;
}

/* ---- coming and going ----------------------------------------------------------------------- */

static void mailbox_clear(void *data)
{
    struct channel *ch = data;

    curia_ipc(CURIA_IPC_MAILBOX_CLEAR, ch->end, 0, 0, 0);
    list_del(&ch->list);
}

static void mailbox_free(void *data)
{
    free_pages_exact(data, MAILBOX_BYTES);
}

static int mailbox_set(struct channel *ch)
{
    struct curia_ret r =
        curia_ipc(CURIA_IPC_MAILBOX_SET, ch->end, virt_to_phys(ch->mailbox), 0, CHANNEL_RING_BYTES);

    if (r.error != SBI_SUCCESS) {
        dev_err(ch->dev, "%s: Curia refuses the mailbox: SBI error %ld\n", ch->label, r.error);
        return curia_errno(r.error);
    }
    list_add_tail(&ch->list, &channels);
    return devm_add_action_or_reset(ch->dev, mailbox_clear, ch);
}

static int mailbox_make(struct channel *ch)
{
    ch->mailbox = alloc_pages_exact(MAILBOX_BYTES, GFP_KERNEL | __GFP_ZERO);
    if (ch->mailbox == NULL) {
        return -ENOMEM;
    }
    ch->ring = (u8 *)ch->mailbox + PAGE_SIZE;
    ch->mailbox->magic = CURIA_MAILBOX_MAGIC;
    ch->mailbox->ring_bytes = CHANNEL_RING_BYTES;
    ch->tx_page = (void *)devm_get_free_pages(ch->dev, GFP_KERNEL, 0);
    if (ch->tx_page == NULL) {
        mailbox_free(ch->mailbox);
        return -ENOMEM;
    }
    return devm_add_action_or_reset(ch->dev, mailbox_free, ch->mailbox);
}

int mailbox_open(struct channel *ch, unsigned int irq, const char *name)
{
    int bad = mailbox_make(ch);

    /* First the handler, then the mailbox that interrupts; the memory goes last of all. */
    if (bad == 0) {
        bad = devm_request_irq(ch->dev, irq, channel_irq, 0, name, ch);
    }
    return bad != 0 ? bad : mailbox_set(ch);
}

void curia_channels_quiesce(void)
{
    struct channel *ch;

    list_for_each_entry(ch, &channels, list)
    {
        curia_ipc(CURIA_IPC_MAILBOX_CLEAR, ch->end, 0, 0, 0);
    }
}
