/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FWFT: what a guest switches for each of its vCPUs. Offered where the harts let a guest have at
 * least one of the two. The port keeps the values, through suspends; a start of the vCPU resets
 * them and their locks (core/vcpu.c). [SBI 3.0 §18]
 */
#include "core/vcpu.h"
#include "sbi/sbi.h"

static struct sbi_ret set(struct vcpu *v, enum vcpu_feature feature, uint64_t value, uint64_t flags)
{
    uint32_t lock = (uint32_t)flags << feature;
    enum err e;

    if (flags > SBI_FWFT_LOCK) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    if ((v->features_locked >> feature & 1) != 0) {
        return sbi_err(SBI_ERR_DENIED_LOCKED);
    }
    e = arch_vcpu_feature_set(v, feature, value);
    if (e == ERR_OK) {
        v->features[feature] = (uint32_t)value;
        v->features_locked |= lock;
    }
    return sbi_from(e);
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    uint32_t id = (uint32_t)a[0];
    enum vcpu_feature feature =
        id == SBI_FWFT_PTE_AD_HW_UPDATING ? VCPU_PTE_AD_UPDATE : VCPU_POINTER_MASK;

    if (fid > SBI_FWFT_GET) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    if (id > SBI_FWFT_POINTER_MASKING_PMLEN) { /* reserved, or a platform's own */
        return sbi_err(SBI_ERR_DENIED);
    }
    if (id < SBI_FWFT_PTE_AD_HW_UPDATING || !arch_has_feature(feature)) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    return fid == SBI_FWFT_GET ? sbi_ok(v->features[feature]) : set(v, feature, a[1], a[2]);
}

static bool probe(const struct vcpu *v)
{
    (void)v;
    return arch_has_feature(VCPU_PTE_AD_UPDATE) || arch_has_feature(VCPU_POINTER_MASK);
}

const struct sbi_ext sbi_ext_fwft = {SBI_EXT_FWFT, handle, probe};
