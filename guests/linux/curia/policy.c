// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/curia/power: one program at a time decides how this VM answers a PREPARE. It reads a line
 * for each event and writes "ready", "veto" or "postpone MS". If it goes away owing an answer, the
 * answer is READY. `lock` guards the queue; it is taken inside power.lock, never around it.
 */
#include <linux/fs.h>
#include <linux/kfifo.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "curia.h"

#define LINE_MAX 64

static struct {
    struct miscdevice misc;
    wait_queue_head_t wait;
    struct mutex lock;
    bool open;
    bool leaving; /* still open, and told nothing more */
    DECLARE_KFIFO(events, struct curia_power_event, 8);
} policy = {
    .wait = __WAIT_QUEUE_HEAD_INITIALIZER(policy.wait),
    .lock = __MUTEX_INITIALIZER(policy.lock),
};

bool curia_policy_tell(const struct curia_power_event *event)
{
    bool there;

    mutex_lock(&policy.lock);
    there = policy.open && !policy.leaving;
    if (there) {
        if (kfifo_is_full(&policy.events)) {
            kfifo_skip(&policy.events); /* the newest is what counts */
        }
        kfifo_put(&policy.events, *event);
        wake_up_interruptible(&policy.wait);
    }
    mutex_unlock(&policy.lock);
    return there;
}

static int format(const struct curia_power_event *ev, char *line)
{
    static const char *const types[] = {
        [CURIA_PWR_EV_PREPARE] = "prepare", [CURIA_PWR_EV_STOP] = "stop",
        [CURIA_PWR_EV_ABORT] = "abort",     [CURIA_PWR_EV_SHUTDOWN] = "shutdown",
        [CURIA_PWR_EV_RESTART] = "restart", [CURIA_PWR_EV_RESUME] = "resume",
    };
    static const char *const kinds[] = {
        [CURIA_PWR_KIND_OFF] = "off",
        [CURIA_PWR_KIND_RESET_COLD] = "cold-reset",
        [CURIA_PWR_KIND_RESET_WARM] = "warm-reset",
        [CURIA_PWR_KIND_SUSPEND] = "suspend",
    };
    const char *type = ev->type < ARRAY_SIZE(types) ? types[ev->type] : NULL;
    const char *kind = ev->kind < ARRAY_SIZE(kinds) ? kinds[ev->kind] : NULL;

    return scnprintf(line, LINE_MAX, "%s %s txn %u reason %u\n", type != NULL ? type : "?",
                     kind != NULL ? kind : "?", ev->txn, ev->reason);
}

/* -EAGAIN: no event. */
static ssize_t take_line(char __user *buf, size_t size)
{
    struct curia_power_event ev;
    char line[LINE_MAX];
    ssize_t n;

    mutex_lock(&policy.lock);
    if (!kfifo_peek(&policy.events, &ev)) {
        n = -EAGAIN;
    } else {
        n = format(&ev, line);
        if (n > size) {
            n = -EMSGSIZE;
        } else if (copy_to_user(buf, line, n) != 0) {
            n = -EFAULT;
        } else {
            kfifo_skip(&policy.events);
        }
    }
    mutex_unlock(&policy.lock);
    return n;
}

static ssize_t policy_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
    for (;;) {
        ssize_t n = take_line(buf, size);

        if (n != -EAGAIN || (file->f_flags & O_NONBLOCK) != 0) {
            return n;
        }
        if (wait_event_interruptible(policy.wait, !kfifo_is_empty(&policy.events)) != 0) {
            return -ERESTARTSYS;
        }
    }
}

static int parse(char *text, unsigned long *answer, unsigned long *argument)
{
    static const char postpone[] = "postpone ";
    unsigned int ms;

    *argument = 0;
    if (strcmp(text, "ready") == 0) {
        *answer = CURIA_PWR_ANSWER_READY;
        return 0;
    }
    if (strcmp(text, "veto") == 0) {
        *answer = CURIA_PWR_ANSWER_VETO;
        return 0;
    }
    if (strncmp(text, postpone, sizeof(postpone) - 1) != 0 ||
        kstrtouint(text + sizeof(postpone) - 1, 10, &ms) != 0) {
        return -EINVAL;
    }
    *answer = CURIA_PWR_ANSWER_POSTPONE;
    *argument = ms * 1000ul;
    return 0;
}

/* ENOENT: nothing is asked; EACCES: no right to; EBUSY: too late. */
static ssize_t policy_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
    char text[LINE_MAX];
    unsigned long answer;
    unsigned long argument;
    unsigned long granted_us;
    int bad;

    if (size >= sizeof(text)) {
        return -EINVAL;
    }
    if (copy_from_user(text, buf, size) != 0) {
        return -EFAULT;
    }
    text[size] = '\0';
    bad = parse(strim(text), &answer, &argument);
    if (bad == 0) {
        bad = curia_power_answer(answer, argument, &granted_us);
    }
    return bad != 0 ? bad : (ssize_t)size;
}

static __poll_t policy_poll(struct file *file, poll_table *table)
{
    poll_wait(file, &policy.wait, table);
    return EPOLLOUT | EPOLLWRNORM | (kfifo_is_empty(&policy.events) ? 0 : EPOLLIN | EPOLLRDNORM);
}

static int policy_open(struct inode *inode, struct file *file)
{
    bool taken;

    mutex_lock(&policy.lock);
    taken = policy.open;
    if (!taken) {
        policy.open = true;
        kfifo_reset(&policy.events);
    }
    mutex_unlock(&policy.lock);
    return taken ? -EBUSY : stream_open(inode, file);
}

/* The next program comes in behind the answer, which must not be taken for its own. */
static int policy_release(struct inode *inode, struct file *file)
{
    unsigned long granted_us;

    mutex_lock(&policy.lock);
    policy.leaving = true;
    mutex_unlock(&policy.lock);
    curia_power_answer(CURIA_PWR_ANSWER_READY, 0, &granted_us);
    mutex_lock(&policy.lock);
    policy.leaving = false;
    policy.open = false;
    mutex_unlock(&policy.lock);
    return 0;
}

static const struct file_operations policy_fops = {
    .owner = THIS_MODULE,
    .open = policy_open,
    .release = policy_release,
    .read = policy_read,
    .write = policy_write,
    .poll = policy_poll,
};

int curia_policy_init(struct device *dev)
{
    INIT_KFIFO(policy.events);
    return curia_misc_register(dev, &policy.misc, "power", &policy_fops);
}
