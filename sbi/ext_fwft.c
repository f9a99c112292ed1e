/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FWFT: of its features, PTE_AD_HW_UPDATING, where the harts have Svadu; elsewhere it is not there.
 * A suspend keeps its value; a start of the vCPU resets that and the lock (core/vcpu.c).
 * [SBI 3.0 §18]
 */
#include "core/vcpu.h"
#include "sbi/sbi.h"

static struct sbi_ret set(struct vcpu *v, uint64_t value, uint64_t flags)
{
    if (flags > SBI_FWFT_LOCK) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    if (v->ad_locked) {
        return sbi_err(SBI_ERR_DENIED_LOCKED);
    }
    if (value > 1) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    arch_vcpu_ad_updates(v, value != 0);
    v->ad_updates = value != 0;
    v->ad_locked = flags != 0;
    return sbi_ok(0);
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    uint32_t id = (uint32_t)a[0];

    if (fid > SBI_FWFT_GET) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    if (id > SBI_FWFT_POINTER_MASKING_PMLEN) { /* reserved, or a platform's own */
        return sbi_err(SBI_ERR_DENIED);
    }
    if (id != SBI_FWFT_PTE_AD_HW_UPDATING) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    return fid == SBI_FWFT_GET ? sbi_ok(v->ad_updates ? 1 : 0) : set(v, a[1], a[2]);
}

static bool probe(const struct vcpu *v)
{
    (void)v;
    return arch_has_ad_updates();
}

const struct sbi_ext sbi_ext_fwft = {SBI_EXT_FWFT, handle, probe};
