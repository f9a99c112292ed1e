/* SPDX-License-Identifier: BSD-2-Clause */
/* Waking a hart: the poster's half of the kick protocol of core/hart.h. No lock. */
#include "core/hart.h"

#include "core/arch.h"
#include "core/vcpu.h"

void hart_kick(struct hart *hart)
{
    /* (b), pairs with (e) in sched_next() */
    atomic_thread_fence(memory_order_seq_cst);

    if (atomic_load_explicit(&hart->mode, memory_order_relaxed) != HART_HYP) {
        arch_hart_kick(hart);
    }
}

void hart_kick_all(struct hart_kicks *kicks)
{
    uint32_t count = 0;

    if (kicks->count == 0) {
        return;
    }
    /* (b), for all of them */
    atomic_thread_fence(memory_order_seq_cst);

    for (uint32_t i = 0; i < kicks->count; i++) {
        struct hart *hart = kicks->harts[i];

        if (atomic_load_explicit(&hart->mode, memory_order_relaxed) != HART_HYP) {
            kicks->harts[count++] = hart;
        }
    }
    if (count != 0) {
        arch_harts_kick(kicks->harts, count);
    }
}

void hart_post_vcpu(struct hart *hart, struct vcpu *v)
{
    if (atomic_exchange_explicit(&v->posted, 1, memory_order_acq_rel) != 0) {
        return;
    }
    v->posted_next = atomic_load_explicit(&hart->posted, memory_order_relaxed);
    /* release: the link is there before v is; pairs with the acquire of who takes the list */
    while (!atomic_compare_exchange_weak_explicit(&hart->posted, &v->posted_next, v,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    /* release pairs with the acquire of who takes the work */
    atomic_fetch_or_explicit(&hart->work, HART_WORK_VCPUS, memory_order_release);
}

void hart_post(struct hart *hart, uint32_t work)
{
    atomic_fetch_or_explicit(&hart->work, work, memory_order_release);
    hart_kick(hart);
}
