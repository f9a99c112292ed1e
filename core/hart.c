/* SPDX-License-Identifier: BSD-2-Clause */
/* Waking a hart: the poster's half of the kick protocol of core/hart.h. No lock. */
#include "core/hart.h"

#include "core/arch.h"

void hart_kick(struct hart *hart)
{
    /* (b), pairs with (e) in sched_next() */
    atomic_thread_fence(memory_order_seq_cst);

    if (atomic_load_explicit(&hart->mode, memory_order_relaxed) != HART_HYP) {
        arch_hart_kick(hart);
    }
}

void hart_post(struct hart *hart, uint32_t work)
{
    atomic_fetch_or_explicit(&hart->work, work, memory_order_release);
    hart_kick(hart);
}
