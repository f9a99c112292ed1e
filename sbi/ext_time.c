/* SPDX-License-Identifier: BSD-2-Clause */
/* TIME: the guest's next timer event, for guests that do not use Sstc. [SBI 3.0 §6] */
#include "sbi/sbi.h"

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    if (fid != SBI_TIME_SET_TIMER) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    arch_vcpu_set_timer(v, a[0]);
    return sbi_ok(0);
}

const struct sbi_ext sbi_ext_time = {SBI_EXT_TIME, handle, NULL};
