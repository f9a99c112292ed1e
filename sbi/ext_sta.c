/* SPDX-License-Identifier: BSD-2-Clause */
/* STA: where the calling vCPU's steal time is told (core/steal.h). [SBI 3.0 §16] */
#include "core/steal.h"
#include "sbi/sbi.h"

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    if (fid != SBI_STA_SET_SHMEM) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    if (a[2] != 0) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    if ((a[0] & a[1]) == UINT64_MAX) {
        steal_forget(v);
        return sbi_ok(0);
    }
    if (!is_aligned(a[0], STEAL_BYTES)) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    return sbi_from(a[1] != 0 ? ERR_FAULT : steal_tell(v, gpa(a[0])));
}

const struct sbi_ext sbi_ext_sta = {SBI_EXT_STA, handle, NULL};
