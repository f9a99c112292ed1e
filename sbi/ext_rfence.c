/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFENCE: fences on vCPUs of the VM. One that names the caller alone is done on the fast path;
 * others wait for their targets and so need the general one. The HFENCE functions are for guests
 * with H, which Curia's have not. [SBI 3.0 §8]
 */
#include "core/addr.h"
#include "core/vm.h"
#include "sbi/sbi.h"

#define ASID_MAX 0xffffu /* no RV64 hart has wider ones [Priv 20240411, satp] */

/* Is the range all, part, or nothing of the address space; or no range? */
static enum err range_check(struct fence *f)
{
    if ((f->start == 0 && f->size == 0) || f->size == UINT64_MAX) {
        f->start = 0;
        f->size = UINT64_MAX;
        return ERR_OK;
    }
    return f->size == 0 || range_valid(f->start, f->size) ? ERR_OK : ERR_FAULT;
}

/* Checks a call and tells what it asks for: value is the vCPUs to fence, 0 with any error. */
static struct sbi_ret decode(const struct vcpu *v, uint64_t fid, const uint64_t a[6],
                             struct fence *fence)
{
    struct sbi_ret targets = sbi_hart_mask(v, a[0], a[1]);

    switch (fid) {
    case SBI_RFENCE_FENCE_I:
        *fence = (struct fence){FENCE_I, 0, UINT64_MAX, 0};
        return targets;
    case SBI_RFENCE_SFENCE_VMA:
        *fence = (struct fence){FENCE_VMA, a[2], a[3], 0};
        break;
    case SBI_RFENCE_SFENCE_VMA_ASID:
        *fence = (struct fence){FENCE_VMA_ASID, a[2], a[3], a[4]};
        if (a[4] > ASID_MAX) {
            return sbi_err(SBI_ERR_INVALID_PARAM);
        }
        break;
    default:
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
    if (targets.error != SBI_SUCCESS) {
        return targets;
    }
    if (range_check(fence) != ERR_OK) {
        return sbi_err(SBI_ERR_INVALID_ADDRESS);
    }
    return fence->size == 0 ? sbi_ok(0) : targets;
}

static __attribute__((noinline)) bool decode_fast(struct vcpu *v, uint64_t a[8])
{
    struct fence fence;
    struct sbi_ret r = decode(v, a[6], a, &fence);

    if ((r.value & ~(1ull << v->index)) != 0) {
        return false;
    }
    if (r.value != 0) {
        arch_vcpu_fence(v, &fence);
    }
    return sbi_answer(a, sbi_err(r.error));
}

bool sbi_rfence_fast(struct vcpu *v, uint64_t a[8])
{
    static const struct fence fence_i = {FENCE_I, 0, UINT64_MAX, 0};

    if (a[6] != SBI_RFENCE_FENCE_I || !sbi_mask_is_self(v, a[0], a[1])) {
        return decode_fast(v, a);
    }
    arch_vcpu_fence(v, &fence_i);
    return sbi_answer(a, sbi_ok(0));
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    struct fence fence;
    struct sbi_ret r = decode(v, fid, a, &fence);

    if (r.value != 0) {
        if (atomic_load_explicit(&v->vm->pmu_counting, memory_order_relaxed)) {
            pmu_sent(v, PMU_FENCE_I_SENT + 2 * fence.kind, r.value & ~(1ull << v->index));
        }
        vcpu_fence(v->vm, r.value, &fence);
    }
    return sbi_err(r.error);
}

_Static_assert(PMU_FENCE_ASID_SENT == PMU_FENCE_I_SENT + 2 * FENCE_VMA_ASID, "counted by kind");

const struct sbi_ext sbi_ext_rfence = {SBI_EXT_RFENCE, handle, NULL};
