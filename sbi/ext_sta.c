/* SPDX-License-Identifier: BSD-2-Clause */
/* STA: where the calling vCPU's steal time is told (core/steal.h). [SBI 3.0 §16] */
#include "core/steal.h"
#include "sbi/sbi.h"

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    int64_t error;
    bool on;

    if (fid != SBI_STA_SET_SHMEM) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    error = sbi_shmem(v, a, STEAL_BYTES, STEAL_BYTES, &on);
    if (error != SBI_SUCCESS) {
        return sbi_err(error);
    }
    if (!on) {
        steal_forget(v);
        return sbi_ok(0);
    }
    return sbi_from(steal_tell(v, gpa(a[0])));
}

const struct sbi_ext sbi_ext_sta = {SBI_EXT_STA, handle, NULL};
