/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FWFT: the features that the harts and their firmware let a vCPU switch; without any it is not
 * there. All are local and off or on. A suspend keeps their values; a start of the vCPU resets
 * these and the locks (core/vcpu.c). [SBI 3.0 §18]
 */
#include "core/vcpu.h"
#include "sbi/sbi.h"

static struct sbi_ret set(struct vcpu *v, uint8_t feature, uint64_t value, uint64_t flags)
{
    if (flags > SBI_FWFT_LOCK) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    if ((v->features_locked & feature) != 0) {
        return sbi_err(SBI_ERR_DENIED_LOCKED);
    }
    if (value > 1) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    v->features = (uint8_t)(value != 0 ? v->features | feature : v->features & ~feature);
    v->features_locked |= flags != 0 ? feature : 0;
    arch_vcpu_sync_features(v);
    return sbi_ok(0);
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    uint32_t id = (uint32_t)a[0];
    uint8_t feature;

    if (fid > SBI_FWFT_GET) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    if (id > SBI_FWFT_POINTER_MASKING_PMLEN) { /* reserved, or a platform's own */
        return sbi_err(SBI_ERR_DENIED);
    }
    feature = (uint8_t)(1u << id);
    if ((arch_features().offered & feature) == 0) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    return fid == SBI_FWFT_GET ? sbi_ok((v->features & feature) != 0 ? 1 : 0)
                               : set(v, feature, a[1], a[2]);
}

static bool probe(const struct vcpu *v)
{
    (void)v;
    return arch_features().offered != 0;
}

const struct sbi_ext sbi_ext_fwft = {SBI_EXT_FWFT, handle, probe};
