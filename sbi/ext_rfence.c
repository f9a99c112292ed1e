/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFENCE: fences on vCPUs of the VM. One that names the caller alone is done on the fast path; others
 * wait for their targets and so need the general one. The HFENCE functions are for guests with H,
 * which Curia's have not. [SBI 3.0 §8]
 */
#include "core/addr.h"
#include "core/vm.h"
#include "sbi/sbi.h"

#define ASID_MAX 0xffffu /* no RV64 hart has wider ones [Priv 20240411, satp] */

/* Checks a call and tells what it asks for. *targets 0: nothing to do. */
static struct sbi_ret decode(const struct vcpu *v, uint64_t fid, const uint64_t a[6],
                             struct fence *fence, uint64_t *targets)
{
    *targets = 0;
    *fence = (struct fence){FENCE_I, 0, UINT64_MAX, 0};
    switch (fid) {
    case SBI_RFENCE_FENCE_I:
        return sbi_hart_mask(v, a[0], a[1], targets);
    case SBI_RFENCE_SFENCE_VMA:
        *fence = (struct fence){FENCE_VMA, a[2], a[3], 0};
        break;
    case SBI_RFENCE_SFENCE_VMA_ASID:
        if (a[4] > ASID_MAX) {
            return sbi_err(SBI_ERR_INVALID_PARAM);
        }
        *fence = (struct fence){FENCE_VMA_ASID, a[2], a[3], a[4]};
        break;
    default:
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }

    struct sbi_ret r = sbi_hart_mask(v, a[0], a[1], targets);

    if (r.error != SBI_SUCCESS) {
        return r;
    }
    if ((fence->start == 0 && fence->size == 0) || fence->size == UINT64_MAX) {
        fence->start = 0;
        fence->size = UINT64_MAX;
        return r;
    }
    if (fence->size == 0) {
        *targets = 0;
        return r;
    }
    if (!range_valid(fence->start, fence->size)) {
        *targets = 0;
        return sbi_err(SBI_ERR_INVALID_ADDRESS);
    }
    return r;
}

bool sbi_rfence_fast(struct vcpu *v, uint64_t a[8])
{
    struct fence fence;
    uint64_t targets;
    struct sbi_ret r = decode(v, a[6], a, &fence, &targets);

    if ((targets & ~(1ull << v->index)) != 0) {
        return false;
    }
    if (targets != 0) {
        arch_vcpu_fence(v, &fence);
    }
    a[0] = (uint64_t)r.error;
    a[1] = r.value;
    return true;
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    struct fence fence;
    uint64_t targets;
    struct sbi_ret r = decode(v, fid, a, &fence, &targets);

    if (targets != 0) {
        vcpu_fence(v->vm, targets, &fence);
    }
    return r;
}

const struct sbi_ext sbi_ext_rfence = {SBI_EXT_RFENCE, handle, NULL};
