/* SPDX-License-Identifier: BSD-2-Clause */
/* Base: what this SBI is and offers. [SBI 3.0 §4] */
#include "sbi/sbi.h"

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    switch (fid) {
    case SBI_BASE_GET_SPEC_VERSION:
        return sbi_ok(SBI_SPEC_VERSION);
    case SBI_BASE_GET_IMPL_ID:
        return sbi_ok(CURIA_IMPL_ID);
    case SBI_BASE_GET_IMPL_VERSION:
        return sbi_ok(CURIA_IMPL_VERSION);
    case SBI_BASE_PROBE_EXTENSION:
        return sbi_ok(sbi_offers(v, a[0]) ? 1 : 0);
    case SBI_BASE_GET_MVENDORID:
        return sbi_ok(arch_machine_ids().vendor);
    case SBI_BASE_GET_MARCHID:
        return sbi_ok(arch_machine_ids().arch);
    case SBI_BASE_GET_MIMPID:
        return sbi_ok(arch_machine_ids().impl);
    default:
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
}

const struct sbi_ext sbi_ext_base = {SBI_EXT_BASE, handle, NULL};
