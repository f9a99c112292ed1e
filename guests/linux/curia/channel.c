// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channel ends as character devices: one read, one message; one write, one message. By iterators,
 * so that this holds of readv() and writev(), too.
 */
#include <linux/fs.h>
#include <linux/of_irq.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "channel.h"

struct channel_file {
    struct channel *ch;
    u32 peer_seen; /* the peer_seq that this program knows of */
};

static ssize_t channel_read(struct kiocb *io, struct iov_iter *to)
{
    const struct channel_file *f = io->ki_filp->private_data;
    struct channel *ch = f->ch;
    ssize_t n;

    for (;;) {
        if (mutex_lock_interruptible(&ch->rx_lock) != 0) {
            return -ERESTARTSYS;
        }
        n = mailbox_take(ch, to);
        mutex_unlock(&ch->rx_lock);
        if (n != -EAGAIN || (io->ki_filp->f_flags & O_NONBLOCK) != 0) {
            return n;
        }
        if (wait_event_interruptible(ch->rx_wait, channel_waiting(ch) != 0) != 0) {
            return -ERESTARTSYS;
        }
    }
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Waits for room with tx_lock held: messages of several writers keep their order. */
static int tx_send_wait(struct channel *ch, size_t size, bool nonblock)
{
    for (;;) {
        int bad = mailbox_send(ch, size);

        if (bad != -EAGAIN || nonblock) {
            return bad;
        }
        if (wait_event_interruptible(ch->tx_wait, !channel_full(ch)) != 0) {
            return -ERESTARTSYS;
        }
    }
}

static ssize_t channel_write(struct kiocb *io, struct iov_iter *from)
{
    const struct channel_file *f = io->ki_filp->private_data;
    struct channel *ch = f->ch;
    bool nonblock = (io->ki_filp->f_flags & O_NONBLOCK) != 0;
    size_t size = iov_iter_count(from);
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
    bad = copy_from_iter_full(ch->tx_page, size, from) ? tx_send_wait(ch, size, nonblock) : -EFAULT;
    mutex_unlock(&ch->tx_lock);
    return bad != 0 ? bad : (ssize_t)size;
}

/* ---- the rest of the file -------------------------------------------------------------------- */

static __poll_t channel_poll(struct file *file, poll_table *table)
{
    const struct channel_file *f = file->private_data;
    struct channel *ch = f->ch;
    __poll_t mask = 0;

    poll_wait(file, &ch->rx_wait, table);
    poll_wait(file, &ch->tx_wait, table);
    if (channel_waiting(ch) != 0) {
        mask |= EPOLLIN | EPOLLRDNORM;
    }
    if ((channel_peer_state(ch) & CURIA_PEER_UP) != 0 && !channel_full(ch)) {
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
        .ring_bytes = CHANNEL_RING_BYTES,
        .received = READ_ONCE(ch->received),
        .sent = READ_ONCE(ch->sent),
        .refused = READ_ONCE(ch->refused),
        .damaged = READ_ONCE(ch->damaged),
    };

    strscpy_pad(info.label, ch->label);
    strscpy_pad(info.peer, ch->peer);
    f->peer_seen = READ_ONCE(ch->peer_seq); /* before the state that it stands for is read */
    virt_rmb();
    info.peer_state = channel_peer_state(ch);
    info.peer_generation = READ_ONCE(ch->mailbox->peer_generation);
    return copy_to_user(arg, &info, sizeof(info)) != 0 ? -EFAULT : 0;
}

static long ring_bell(struct channel *ch, const u64 __user *arg)
{
    u64 bits;

    if (copy_from_user(&bits, arg, sizeof(bits)) != 0) {
        return -EFAULT;
    }
    return bits == 0 ? -EINVAL : mailbox_ring(ch, bits);
}

static long take_bell(struct channel *ch, u64 __user *arg)
{
    u64 bits = mailbox_take_bell(ch);

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
    .read_iter = channel_read,
    .write_iter = channel_write,
    .poll = channel_poll,
    .unlocked_ioctl = channel_ioctl,
};

/* ---- coming and going ------------------------------------------------------------------------ */

static int read_node(struct channel *ch, struct device_node *node)
{
    const char *label;
    const char *peer;

    if (of_property_read_u32(node, "reg", &ch->end) != 0 ||
        of_property_read_string(node, "label", &label) != 0 ||
        of_property_read_string(node, "peer", &peer) != 0 || strscpy(ch->label, label) < 0 ||
        strscpy(ch->peer, peer) < 0) {
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
    bad = mailbox_open(ch, (unsigned int)irq, name);
    return bad != 0 ? bad : curia_misc_register(dev, &ch->misc, name, &channel_fops);
}
