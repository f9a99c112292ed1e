/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SUSP: the guest's system sleeps: the non-retentive suspend of its last hart, with the VM's state
 * SUSPENDED (core/pause.c). The type is 32 bits wide; none is there but suspend to RAM. [SBI 3.0
 * §13]
 */
#include "core/lifecycle.h"
#include "sbi/sbi.h"

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    enum err e;

    if (fid != SBI_SUSP_SUSPEND) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    if ((uint32_t)a[0] != SBI_SUSP_SLEEP_TO_RAM) { /* reserved, or the platform's own: none */
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    if (!sbi_runs_from(v->vm, a[1])) {
        return sbi_err(SBI_ERR_INVALID_ADDRESS);
    }
    e = lifecycle_suspend(v, gpa(a[1]), a[2]);
    /* Paused or stopped in this moment: no error of system_suspend() but this. */
    return e == ERR_STATE ? sbi_err(SBI_ERR_FAILED) : sbi_from(e);
}

const struct sbi_ext sbi_ext_susp = {SBI_EXT_SUSP, handle, NULL};
