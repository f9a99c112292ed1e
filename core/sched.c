/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hart's loop: work, then the vCPU, else wait. Holds the hart's half of the kick protocol that
 * core/hart.h argues. No lock is held on entry or on return.
 */
#include "core/sched.h"

#include "core/arch.h"
#include "core/console.h"
#include "core/hart.h"
#include "core/power_commit.h"
#include "core/vcpu.h"

#include <stddef.h>

static void hart_work(struct hart *hart)
{
    /* acquire pairs with the release in hart_post() */
    uint32_t work = atomic_exchange_explicit(&hart->work, 0, memory_order_acquire);

    if ((work & HART_WORK_COMMIT) != 0) {
        power_commit_hart();
    }
    if ((work & HART_WORK_TIMER) != 0) {
        timer_run(hart);
    }
    if ((work & HART_WORK_CONSOLE) != 0) {
        console_work();
    }
}

static bool has_work(struct hart *hart)
{
    if (atomic_load_explicit(&hart->work, memory_order_relaxed) != 0) {
        return true;
    }
    return hart->vcpu != NULL &&
           atomic_load_explicit(&hart->vcpu->requests, memory_order_relaxed) != 0;
}

/* Steps (d) to (f). False: there is work, and the mode is HART_HYP again. */
static bool leave_hyp(struct hart *hart, enum hart_mode mode)
{
    atomic_store_explicit(&hart->mode, mode, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);

    if (has_work(hart)) {
        atomic_store_explicit(&hart->mode, HART_HYP, memory_order_relaxed);
        return false;
    }
    return true;
}

struct vcpu *sched_next(struct hart *hart)
{
    for (;;) {
        struct vcpu *v = hart->vcpu;

        if (atomic_load_explicit(&hart->work, memory_order_relaxed) != 0) {
            hart_work(hart);
        }
        if (v != NULL && vcpu_prepare(v)) {
            if (leave_hyp(hart, HART_GUEST)) {
                return v;
            }
        } else if (leave_hyp(hart, HART_IDLE)) {
            arch_hart_wait(hart);
            atomic_store_explicit(&hart->mode, HART_HYP, memory_order_relaxed);
        }
    }
}

void sched_exited(struct hart *hart)
{
    atomic_store_explicit(&hart->mode, HART_HYP, memory_order_release);
}
