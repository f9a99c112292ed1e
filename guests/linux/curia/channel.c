// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channel ends as character devices: one read, one message; one write, one message.
 *
 * The mailbox (sbi/abi.h, struct curia_mailbox) is shared with Curia from registration on. head,
 * want and the peer's state are Curia's and only read here; tail is ours, kept in rx_tail as well and
 * never read back. Readers take turns under rx_lock, writers under tx_lock; the interrupt handler
 * takes no lock: it counts what happened and wakes.
 */
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/of_irq.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <asm/sbi.h>

#include "curia.h"

#define RING_BYTES    65536u
#define MAILBOX_BYTES (PAGE_SIZE + RING_BYTES)
#define RECORD_HEADER 8u

/* How CURIA_IPC_SEND says that the ring is full: it would have had to wait. */
#define SEND_FULL (-12)
/* And that the peer has no mailbox. */
#define SEND_NO_PEER (-10)

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

struct channel_file {
    struct channel *ch;
    u32 peer_seen; /* the peer_seq that this program knows of */
};

static LIST_HEAD(channels); /* changed in probe only */

static u32 peer_state(const struct channel *ch)
{
    return READ_ONCE(ch->mailbox->peer_state);
}

/* ---- receiving -------------------------------------------------------------------------------- */

/* Pairs with Curia's release of head: what lies before it is whole. */
static u32 rx_bytes(const struct channel *ch)
{
    return virt_load_acquire(&ch->mailbox->head) - READ_ONCE(ch->rx_tail);
}

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
static int rx_copy(const struct channel *ch, char __user *buf, u32 len)
{
    u32 at = (ch->rx_tail + RECORD_HEADER) & (RING_BYTES - 1);
    u32 first = min(len, RING_BYTES - at);

    if (copy_to_user(buf, ch->ring + at, first) != 0 ||
        copy_to_user(buf + first, ch->ring, len - first) != 0) {
        return -EFAULT;
    }
    return 0;
}

/* One message, if there is one: its length. -EAGAIN: there is none. With rx_lock held. */
static ssize_t rx_take(struct channel *ch, char __user *buf, size_t size)
{
    u32 bytes = rx_bytes(ch);
    u32 len;
    u32 record;
    int bad;

    if (bytes == 0) {
        return -EAGAIN;
    }
    len = READ_ONCE(*(u32 *)(ch->ring + (ch->rx_tail & (RING_BYTES - 1))));
    record = RECORD_HEADER + ALIGN(len, 8);
    if (len == 0 || len > CURIA_IPC_MESSAGE_MAX || bytes > RING_BYTES || record > bytes) {
        ch->damaged++;
        dev_err_ratelimited(ch->dev, "%s: no record at %u: emptied\n", ch->label, ch->rx_tail);
        rx_advance(ch, bytes);
        return -EIO;
    }
    if (len > size) {
        return -EMSGSIZE;
    }
    bad = rx_copy(ch, buf, len);
    if (bad != 0) {
        return bad;
    }
    rx_advance(ch, record);
    ch->received++;
    return len;
}

static ssize_t channel_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
    struct channel *ch = ((struct channel_file *)file->private_data)->ch;
    ssize_t n;

    for (;;) {
        if (mutex_lock_interruptible(&ch->rx_lock) != 0) {
            return -ERESTARTSYS;
        }
        n = rx_take(ch, buf, size);
        mutex_unlock(&ch->rx_lock);
        if (n != -EAGAIN || (file->f_flags & O_NONBLOCK) != 0) {
            return n;
        }
        if (wait_event_interruptible(ch->rx_wait, rx_bytes(ch) != 0) != 0) {
            return -ERESTARTSYS;
        }
    }
}

/* ---- sending ---------------------------------------------------------------------------------- */

static bool tx_full(const struct channel *ch)
{
    return READ_ONCE(ch->full) && READ_ONCE(ch->full_at) == READ_ONCE(ch->room_seq);
}

/* Sends tx_page. -EAGAIN: full, and room_seq will change when it is worth trying again. */
static int tx_send(struct channel *ch, size_t size)
{
    u32 seq = READ_ONCE(ch->room_seq); /* before the send, so that no change after it is missed */
    struct curia_ret r =
        curia_ipc(CURIA_IPC_SEND, ch->end, virt_to_phys(ch->tx_page), 0, size);

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

/* Waits for room with tx_lock held: messages of several writers keep their order. */
static int tx_send_wait(struct channel *ch, size_t size, bool nonblock)
{
    for (;;) {
        int bad = tx_send(ch, size);

        if (bad != -EAGAIN || nonblock) {
            return bad;
        }
        if (wait_event_interruptible(ch->tx_wait, !tx_full(ch)) != 0) {
            return -ERESTARTSYS;
        }
    }
}

static ssize_t channel_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
    struct channel *ch = ((struct channel_file *)file->private_data)->ch;
    bool nonblock = (file->f_flags & O_NONBLOCK) != 0;
    int bad;

    if (size == 0) {
        return -EINVAL;
    }
    if (size > CURIA_IPC_MESSAGE_MAX) {
        return -EMSGSIZE;
    }
    if (nonblock) {
        if (!mutex_trylock(&ch->tx_lock)) {
            return -EAGAIN;
        }
    } else if (mutex_lock_interruptible(&ch->tx_lock) != 0) {
        return -ERESTARTSYS;
    }
    bad = copy_from_user(ch->tx_page, buf, size) != 0 ? -EFAULT
                                                      : tx_send_wait(ch, size, nonblock);
    mutex_unlock(&ch->tx_lock);
    return bad != 0 ? bad : (ssize_t)size;
}

/* ---- the rest of the file --------------------------------------------------------------------- */

static __poll_t channel_poll(struct file *file, poll_table *table)
{
    const struct channel_file *f = file->private_data;
    struct channel *ch = f->ch;
    __poll_t mask = 0;

    poll_wait(file, &ch->rx_wait, table);
    poll_wait(file, &ch->tx_wait, table);
    if (rx_bytes(ch) != 0) {
        mask |= EPOLLIN | EPOLLRDNORM;
    }
    if ((peer_state(ch) & CURIA_PEER_UP) != 0 && !tx_full(ch)) {
        mask |= EPOLLOUT | EPOLLWRNORM;
    }
    if (READ_ONCE(ch->mailbox->doorbell) != 0 || f->peer_seen != READ_ONCE(ch->peer_seq)) {
        mask |= EPOLLPRI;
    }
    return mask;
}

static long get_info(struct channel_file *f, void __user *arg)
{
    struct channel *ch = f->ch;
    struct curia_channel_info info = {
        .end = ch->end,
        .ring_bytes = RING_BYTES,
        .received = READ_ONCE(ch->received),
        .sent = READ_ONCE(ch->sent),
        .refused = READ_ONCE(ch->refused),
        .damaged = READ_ONCE(ch->damaged),
    };

    strscpy_pad(info.label, ch->label);
    strscpy_pad(info.peer, ch->peer);
    f->peer_seen = READ_ONCE(ch->peer_seq); /* before the state that it stands for is read */
    virt_rmb();
    info.peer_state = peer_state(ch);
    info.peer_generation = READ_ONCE(ch->mailbox->peer_generation);
    return copy_to_user(arg, &info, sizeof(info)) != 0 ? -EFAULT : 0;
}

static long ring_bell(struct channel *ch, const u64 __user *arg)
{
    struct curia_ret r;
    u64 bits;

    if (copy_from_user(&bits, arg, sizeof(bits)) != 0) {
        return -EFAULT;
    }
    if (bits == 0) {
        return -EINVAL;
    }
    r = curia_ipc(CURIA_IPC_NOTIFY, ch->end, bits, 0, 0);
    return r.error == SEND_NO_PEER ? -ENOTCONN : curia_errno(r.error);
}

static long take_bell(struct channel *ch, u64 __user *arg)
{
    u64 bits = xchg(&ch->mailbox->doorbell, 0); /* amoswap: nothing rung meanwhile is lost */

    return copy_to_user(arg, &bits, sizeof(bits)) != 0 ? -EFAULT : 0;
}

static long channel_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    struct channel_file *f = file->private_data;

    switch (cmd) {
    case CURIA_CHANNEL_INFO:
        return get_info(f, (void __user *)arg);
    case CURIA_CHANNEL_RING:
        return ring_bell(f->ch, (const u64 __user *)arg);
    case CURIA_CHANNEL_TAKE:
        return take_bell(f->ch, (u64 __user *)arg);
    default:
        return -ENOTTY;
    }
}

static int channel_open(struct inode *inode, struct file *file)
{
    struct channel *ch = container_of(file->private_data, struct channel, misc);
    struct channel_file *f = kzalloc(sizeof(*f), GFP_KERNEL);

    if (f == NULL) {
        return -ENOMEM;
    }
    f->ch = ch;
    f->peer_seen = READ_ONCE(ch->peer_seq);
    file->private_data = f;
    return stream_open(inode, file);
}

static int channel_release(struct inode *inode, struct file *file)
{
    kfree(file->private_data);
    return 0;
}

static const struct file_operations channel_fops = {
    .owner = THIS_MODULE,
    .open = channel_open,
    .release = channel_release,
    .read = channel_read,
    .write = channel_write,
    .poll = channel_poll,
    .unlocked_ioctl = channel_ioctl,
};

/* ---- the interrupt ---------------------------------------------------------------------------- */

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

/* ---- coming and going ------------------------------------------------------------------------- */

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
    struct curia_ret r = curia_ipc(CURIA_IPC_MAILBOX_SET, ch->end, virt_to_phys(ch->mailbox), 0,
                                   RING_BYTES);

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
    ch->mailbox->ring_bytes = RING_BYTES;
    ch->tx_page = (void *)devm_get_free_pages(ch->dev, GFP_KERNEL, 0);
    if (ch->tx_page == NULL) {
        mailbox_free(ch->mailbox);
        return -ENOMEM;
    }
    return devm_add_action_or_reset(ch->dev, mailbox_free, ch->mailbox);
}

static int read_node(struct channel *ch, struct device_node *node)
{
    const char *label;
    const char *peer;

    if (of_property_read_u32(node, "reg", &ch->end) != 0 ||
        of_property_read_string(node, "label", &label) != 0 ||
        of_property_read_string(node, "peer", &peer) != 0 ||
        strscpy(ch->label, label) < 0 || strscpy(ch->peer, peer) < 0) {
        dev_err(ch->dev, "%pOF: reg, label or peer is missing or too long\n", node);
        return -EINVAL;
    }
    return 0;
}

/* The names of the other files are not a channel's to take. */
static const char *device_name(const struct channel *ch)
{
    bool taken = strcmp(ch->label, "ctl") == 0 || strcmp(ch->label, "power") == 0 ||
                 strncmp(ch->label, "region-", 7) == 0;

    return taken ? devm_kasprintf(ch->dev, GFP_KERNEL, "channel-%s", ch->label) : ch->label;
}

int curia_channel_add(struct device *dev, struct device_node *node)
{
    struct channel *ch = devm_kzalloc(dev, sizeof(*ch), GFP_KERNEL);
    const char *name;
    int irq;
    int bad;

    if (ch == NULL) {
        return -ENOMEM;
    }
    ch->dev = dev;
    mutex_init(&ch->rx_lock);
    mutex_init(&ch->tx_lock);
    init_waitqueue_head(&ch->rx_wait);
    init_waitqueue_head(&ch->tx_wait);
    bad = read_node(ch, node);
    if (bad != 0) {
        return bad;
    }
    name = device_name(ch);
    irq = of_irq_get(node, 0);
    if (name == NULL || irq <= 0) {
        return name == NULL ? -ENOMEM : irq == 0 ? -ENXIO : irq;
    }
    bad = mailbox_make(ch);
    if (bad != 0) {
        return bad;
    }
    /* First the handler, then the mailbox that interrupts; the memory goes last of all. */
    bad = devm_request_irq(dev, (unsigned int)irq, channel_irq, 0, name, ch);
    if (bad == 0) {
        bad = mailbox_set(ch);
    }
    return bad != 0 ? bad : curia_misc_register(dev, &ch->misc, name, &channel_fops);
}

void curia_channels_quiesce(void)
{
    struct channel *ch;

    list_for_each_entry(ch, &channels, list) {
        curia_ipc(CURIA_IPC_MAILBOX_CLEAR, ch->end, 0, 0, 0);
    }
}
