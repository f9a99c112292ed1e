/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SRST: the guest shuts its system down or resets it; whether that is this VM or the machine, the
 * manifest says (core/lifecycle.c). Both parameters are 32 bits wide. [SBI 3.0 §10]
 */
#include "core/lifecycle.h"
#include "sbi/sbi.h"

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    uint32_t type = (uint32_t)a[0];
    uint32_t reason = (uint32_t)a[1];

    if (fid != SBI_SRST_RESET) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    /* Types and reasons of vendor, platform and implementation: there are none. */
    if (type > SBI_SRST_TYPE_WARM || reason > SBI_SRST_REASON_FAILURE) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    lifecycle_srst(v, type != SBI_SRST_TYPE_SHUTDOWN, type == SBI_SRST_TYPE_WARM,
                   reason == SBI_SRST_REASON_FAILURE);
    return sbi_ok(0);
}

const struct sbi_ext sbi_ext_srst = {SBI_EXT_SRST, handle, NULL};
