// SPDX-License-Identifier: GPL-2.0-only
/* Curia's extensions as calls, and their errors as those of Linux. */
#include <asm/sbi.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/kernel.h>

#include "curia.h"

/* SBI 3.0 has errors that this kernel's header does not name yet. */
#define ERR_INVALID_STATE (-10)
#define ERR_BAD_RANGE     (-11)
#define ERR_TIMEOUT       (-12)
#define ERR_IO            (-13)
#define ERR_DENIED_LOCKED (-14)

int curia_detect(void)
{
    struct sbiret id;

    if (sbi_spec_is_0_1()) {
        return -ENODEV;
    }
    id = sbi_ecall(SBI_EXT_BASE, SBI_EXT_BASE_GET_IMP_ID, 0, 0, 0, 0, 0, 0);
    if (id.error != SBI_SUCCESS || id.value != CURIA_IMPL_ID) {
        return -ENODEV;
    }
    if (sbi_probe_extension(CURIA_EXT_IPC) <= 0 || sbi_probe_extension(CURIA_EXT_PWR) <= 0 ||
        sbi_probe_extension(CURIA_EXT_VMM) <= 0) {
        return -ENODEV;
    }
    return 0;
}
EXPORT_SYMBOL_GPL(curia_detect);

static struct curia_ret call(int ext, int fid, unsigned long a0, unsigned long a1, unsigned long a2,
                             unsigned long a3)
{
    struct sbiret r = sbi_ecall(ext, fid, a0, a1, a2, a3, 0, 0);

    return (struct curia_ret){.error = r.error, .value = (unsigned long)r.value};
}

struct curia_ret curia_ipc(int fid, unsigned long a0, unsigned long a1, unsigned long a2,
                           unsigned long a3)
{
    return call(CURIA_EXT_IPC, fid, a0, a1, a2, a3);
}

struct curia_ret curia_pwr(int fid, unsigned long a0, unsigned long a1, unsigned long a2,
                           unsigned long a3)
{
    return call(CURIA_EXT_PWR, fid, a0, a1, a2, a3);
}

struct curia_ret curia_vmm(int fid, unsigned long a0, unsigned long a1, unsigned long a2,
                           unsigned long a3)
{
    return call(CURIA_EXT_VMM, fid, a0, a1, a2, a3);
}

EXPORT_SYMBOL_GPL(curia_vmm);

struct curia_ret curia_vmm_of(int fid, unsigned long which, unsigned long part,
                              unsigned long buffer, unsigned long bytes)
{
    struct sbiret r = sbi_ecall(CURIA_EXT_VMM, fid, which, part, buffer, 0, bytes, 0);

    return (struct curia_ret){.error = r.error, .value = (unsigned long)r.value};
}

int curia_errno(long error)
{
    switch (error) {
    case SBI_SUCCESS:
        return 0;
    case SBI_ERR_NOT_SUPPORTED:
        return -EOPNOTSUPP;
    case SBI_ERR_INVALID_PARAM:
        return -EINVAL;
    case SBI_ERR_DENIED:
    case ERR_DENIED_LOCKED:
        return -EACCES;
    case SBI_ERR_INVALID_ADDRESS:
        return -EFAULT;
    case SBI_ERR_ALREADY_AVAILABLE:
    case SBI_ERR_ALREADY_STARTED:
        return -EEXIST;
    case SBI_ERR_ALREADY_STOPPED:
        return -ESRCH;
    case ERR_INVALID_STATE:
        return -EBUSY;
    case ERR_BAD_RANGE:
        return -ERANGE;
    case ERR_TIMEOUT:
        return -EAGAIN;
    case ERR_IO:
    default:
        return -EIO;
    }
}
EXPORT_SYMBOL_GPL(curia_errno);
