// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/curia/ctl: what curiactl asks. Whether this VM may is Curia's to say (EACCES); here only
 * arguments are copied in and out. `page` is what Curia reads from and writes to, under `lock`.
 */
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

#include <asm/sbi.h>

#include "curia.h"

static struct {
    struct miscdevice misc;
    struct mutex lock;
    void *page;
} ctl = {.lock = __MUTEX_INITIALIZER(ctl.lock)};

static_assert(CURIA_PWR_AUDIT_MAX * sizeof(struct curia_audit_record) <= PAGE_SIZE);

static long get_count(void __user *arg)
{
    struct curia_ret count = curia_vmm(CURIA_VMM_COUNT, 0, 0, 0, 0);
    struct curia_ret self = curia_vmm(CURIA_VMM_SELF, 0, 0, 0, 0);
    struct curia_ctl_count out = {.count = (u32)count.value, .self = (u32)self.value};

    if (count.error != SBI_SUCCESS || self.error != SBI_SUCCESS) {
        return curia_errno(count.error != SBI_SUCCESS ? count.error : self.error);
    }
    return copy_to_user(arg, &out, sizeof(out)) != 0 ? -EFAULT : 0;
}

/* What is asked for begins with two words: which VM or hart; which vCPU, where fid wants one. */
static long get_info(int fid, const u32 __user *which, void __user *info, size_t bytes)
{
    struct curia_ret r;
    u32 word[2];
    long bad;

    if (copy_from_user(word, which, sizeof(word)) != 0) {
        return -EFAULT;
    }
    mutex_lock(&ctl.lock);
    memset(ctl.page, 0, bytes);
    r = fid == CURIA_VMM_VCPU ? curia_vmm_of(fid, word[0], word[1], virt_to_phys(ctl.page), bytes)
                              : curia_vmm(fid, word[0], virt_to_phys(ctl.page), 0, bytes);
    bad = curia_errno(r.error);
    if (bad == 0 && copy_to_user(info, ctl.page, bytes) != 0) {
        bad = -EFAULT;
    }
    mutex_unlock(&ctl.lock);
    return bad;
}

static long get_vm_info(struct curia_ctl_vm_info __user *arg)
{
    return get_info(CURIA_VMM_INFO, &arg->vm, &arg->info, sizeof(arg->info));
}

static long get_vcpu_info(struct curia_ctl_vcpu_info __user *arg)
{
    return get_info(CURIA_VMM_VCPU, &arg->vm, &arg->info, sizeof(arg->info));
}

static long get_hart_info(struct curia_ctl_hart_info __user *arg)
{
    return get_info(CURIA_VMM_HART, &arg->index, &arg->info, sizeof(arg->info));
}

static long vm_op(const void __user *arg)
{
    static const int fids[] = {
        [CURIA_CTL_OP_START] = CURIA_VMM_START,     [CURIA_CTL_OP_STOP] = CURIA_VMM_STOP,
        [CURIA_CTL_OP_RESTART] = CURIA_VMM_RESTART, [CURIA_CTL_OP_PAUSE] = CURIA_VMM_PAUSE,
        [CURIA_CTL_OP_RESUME] = CURIA_VMM_RESUME,
    };
    struct curia_ctl_vm_op op;

    if (copy_from_user(&op, arg, sizeof(op)) != 0) {
        return -EFAULT;
    }
    if (op.op >= ARRAY_SIZE(fids) || op.reserved != 0) {
        return -EINVAL;
    }
    return curia_errno(curia_vmm(fids[op.op], op.vm, op.flags, 0, 0).error);
}

static long power_request(struct curia_ctl_request __user *arg)
{
    struct curia_ctl_request req;
    struct curia_ret r;

    if (copy_from_user(&req, arg, sizeof(req)) != 0) {
        return -EFAULT;
    }
    r = curia_pwr(CURIA_PWR_REQUEST, req.kind, req.reason, req.flags, 0);
    if (r.error != SBI_SUCCESS) {
        return curia_errno(r.error);
    }
    return put_user((u32)r.value, &arg->txn);
}

static long power_cancel(const u32 __user *arg)
{
    u32 txn;

    if (get_user(txn, arg) != 0) {
        return -EFAULT;
    }
    return curia_errno(curia_pwr(CURIA_PWR_CANCEL, txn, 0, 0, 0).error);
}

static long power_status(void __user *arg)
{
    struct curia_ret status = curia_pwr(CURIA_PWR_STATUS, 0, 0, 0, 0);
    struct curia_ret left = curia_pwr(CURIA_PWR_TIME_LEFT, 0, 0, 0, 0);
    struct curia_ctl_status out = {.status = status.value, .time_left_us = left.value};

    if (status.error != SBI_SUCCESS || left.error != SBI_SUCCESS) {
        return curia_errno(status.error != SBI_SUCCESS ? status.error : left.error);
    }
    return copy_to_user(arg, &out, sizeof(out)) != 0 ? -EFAULT : 0;
}

/* At most CURIA_PWR_AUDIT_MAX a call: the caller comes back for the rest. */
static long read_audit(struct curia_ctl_audit __user *arg)
{
    struct curia_ctl_audit in;
    struct curia_ret r;
    long bad;
    u32 count;

    if (copy_from_user(&in, arg, sizeof(in)) != 0) {
        return -EFAULT;
    }
    if (in.count == 0 || in.reserved != 0) {
        return -EINVAL;
    }
    count = min(in.count, (u32)CURIA_PWR_AUDIT_MAX);

    mutex_lock(&ctl.lock);
    r = curia_pwr(CURIA_PWR_AUDIT, in.seq, virt_to_phys(ctl.page), 0, count);
    bad = curia_errno(r.error);
    if (bad == 0) {
        count = min(count, (u32)r.value);
        if (copy_to_user(u64_to_user_ptr(in.records), ctl.page,
                         count * sizeof(struct curia_audit_record)) != 0 ||
            put_user(count, &arg->count) != 0) {
            bad = -EFAULT;
        }
    }
    mutex_unlock(&ctl.lock);
    return bad;
}

/* What Curia has written to ctl.page, to the caller's buffer. */
static long give_page(struct curia_ret r, u64 buffer, u32 room, u32 __user *bytes)
{
    u32 written = min(room, (u32)r.value);

    if (r.error != SBI_SUCCESS) {
        return curia_errno(r.error);
    }
    return copy_to_user(u64_to_user_ptr(buffer), ctl.page, written) != 0 ? -EFAULT
                                                                         : put_user(written, bytes);
}

static long trace_read(unsigned int cmd, struct curia_ctl_trace __user *arg)
{
    unsigned long page = virt_to_phys(ctl.page);
    struct curia_ctl_trace in;
    long bad;
    u32 room;

    if (copy_from_user(&in, arg, sizeof(in)) != 0) {
        return -EFAULT;
    }
    room = min(in.bytes, (u32)PAGE_SIZE);
    mutex_lock(&ctl.lock);
    bad = give_page(cmd == CURIA_CTL_TRACE_INFO
                        ? curia_vmm(CURIA_VMM_TRACE_INFO, page, 0, room, 0)
                        : curia_vmm_of(CURIA_VMM_TRACE_READ, in.hart, in.number, page, room),
                    in.buffer, room, &arg->bytes);
    mutex_unlock(&ctl.lock);
    return bad;
}

static long trace_set(u32 __user *arg)
{
    struct curia_ret r;
    u32 classes;

    if (get_user(classes, arg) != 0) {
        return -EFAULT;
    }
    r = curia_vmm(CURIA_VMM_TRACE_SET, classes, 0, 0, 0);
    return r.error != SBI_SUCCESS ? curia_errno(r.error) : put_user((u32)r.value, arg);
}

static long set_ignore(const u32 __user *arg)
{
    u32 on;

    if (get_user(on, arg) != 0) {
        return -EFAULT;
    }
    if (on > 1) {
        return -EINVAL;
    }
    curia_power_set_ignore(on != 0);
    return 0;
}

static long power_wake(struct curia_ctl_wake __user *arg)
{
    struct curia_ctl_wake wake;

    curia_sleep_woken(&wake);
    return copy_to_user(arg, &wake, sizeof(wake)) != 0 ? -EFAULT : 0;
}

static long ctl_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
    void __user *user = (void __user *)arg;

    switch (cmd) {
    case CURIA_CTL_COUNT:
        return get_count(user);
    case CURIA_CTL_VM_INFO:
        return get_vm_info(user);
    case CURIA_CTL_VCPU_INFO:
        return get_vcpu_info(user);
    case CURIA_CTL_HART_INFO:
        return get_hart_info(user);
    case CURIA_CTL_VM_OP:
        return vm_op(user);
    case CURIA_CTL_REQUEST:
        return power_request(user);
    case CURIA_CTL_CANCEL:
        return power_cancel(user);
    case CURIA_CTL_STATUS:
        return power_status(user);
    case CURIA_CTL_AUDIT:
        return read_audit(user);
    case CURIA_CTL_IGNORE:
        return set_ignore(user);
    case CURIA_CTL_IGNORED:
        return put_user((u32)curia_power_ignored(), (u32 __user *)user);
    case CURIA_CTL_TRACE_INFO:
    case CURIA_CTL_TRACE_READ:
        return trace_read(cmd, user);
    case CURIA_CTL_TRACE_SET:
        return trace_set(user);
    case CURIA_CTL_WAKE:
        return power_wake(user);
    default:
        return -ENOTTY;
    }
}

static const struct file_operations ctl_fops = {
    .owner = THIS_MODULE,
    .unlocked_ioctl = ctl_ioctl,
};

int curia_ctl_init(struct device *dev)
{
    ctl.page = (void *)devm_get_free_pages(dev, GFP_KERNEL, 0);
    if (ctl.page == NULL) {
        return -ENOMEM;
    }
    return curia_misc_register(dev, &ctl.misc, "ctl", &ctl_fops);
}
