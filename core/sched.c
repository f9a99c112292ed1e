/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hart's loop: work, then a vCPU, else wait. Holds the hart's half of the kick protocol that
 * core/hart.h argues. No lock is held on entry or on return.
 *
 * On a hart that several vCPUs share, or that has a budget to keep, core/runqueue.h says whose turn
 * it is. A vCPU is in the run queue from when it is posted (what it is asked may let it run) until
 * vcpu_prepare() says, in its turn, that it cannot. It stays on the hart, loaded, until another one
 * has its turn, so that its interrupts end the hart's wait as they do where it is alone. The load
 * of its VM is of its turn too, and has parts: after each the hart's work is done and the queue is
 * asked again.
 */
#include "core/sched.h"

#include "core/arch.h"
#include "core/console.h"
#include "core/hart.h"
#include "core/manifest.h"
#include "core/pagepool.h"
#include "core/power_commit.h"
#include "core/runqueue.h"
#include "core/vcpu.h"

#include <stdalign.h>
#include <stddef.h>

/* ---- a shared hart --------------------------------------------------------------------------- */

static void take_posted(struct hart *hart)
{
    struct vcpu *v = atomic_exchange_explicit(&hart->posted, NULL, memory_order_acquire);
    uint64_t now = arch_now();

    while (v != NULL) {
        struct vcpu *next = v->posted_next;

        (void)atomic_exchange_explicit(&v->posted, 0, memory_order_acq_rel);
        if (vcpu_attend(v)) {
            rq_wake(hart->rq, &v->sched, now);
        } else {
            rq_block(hart->rq, &v->sched, now);
        }
        v = next;
    }
}

/* That it fires is all there is to it: the loop looks at the run queue. */
static void slice_over(struct timer *t)
{
    (void)t;
}

static void set_slice(struct hart *hart)
{
    uint64_t at = rq_next(hart->rq);

    if (at == UINT64_MAX) {
        timer_cancel(&hart->slice);
    } else if (hart->slice.hart == NULL || hart->slice.deadline != at) {
        timer_arm(&hart->slice, hart, at, slice_over);
    }
}

static bool wants(const struct vcpu *v)
{
    return v->sched.state != SCHED_BLOCKED;
}

/* Whose turn it is, which is the hart's vCPU from now on. */
static struct vcpu *pick(struct hart *hart)
{
    struct sched_entity *e = rq_pick(hart->rq, arch_now());
    struct vcpu *v = e != NULL ? container_of(e, struct vcpu, sched) : NULL;
    struct vcpu *last = hart->vcpu;

    set_slice(hart);
    if (v != NULL && v != last) {
        vcpu_put_off(last, wants(last));
        hart->vcpu = v;
    } else if (v == NULL && wants(last)) {
        /* Its budget is used up: interrupts that it cannot take yet must not end every wait. */
        vcpu_put_off(last, true);
    }
    return v;
}

/* The hart's vCPU, waiting, may have been given an interrupt. Its turn will tell. */
static void waited(struct hart *hart)
{
    if (vcpu_loaded(hart->vcpu)) {
        rq_wake(hart->rq, &hart->vcpu->sched, arch_now());
    }
}

void sched_give_way(struct vcpu *v)
{
    rq_yield(v->hart->rq, &v->sched, arch_now());
}

/* Pieces of a budget that are smaller cost more by their return than they are worth. */
#define LEAST_US 10u

enum err sched_add(struct vcpu *v, const struct vcpu_sched_config *config)
{
    const struct sched_params params = {
        .priority = config->priority,
        .hard = config->hard,
        .slice = us_to_ticks(config->slice_us),
        .budget = us_to_ticks(config->budget_us),
        .period = us_to_ticks(config->period_us),
        .least = us_to_ticks(LEAST_US),
    };
    struct hart *hart = v->hart;
    uint32_t others = 0;

    rq_entity_init(&v->sched, &params);
    for (const struct vcpu *other = hart->vcpus; other != NULL; other = other->hart_next) {
        others++;
    }
    if (others >= SCHED_PER_HART) {
        return ERR_NO_MEMORY;
    }
    v->hart_next = hart->vcpus;
    hart->vcpus = v;
    if (hart->vcpu == NULL) {
        hart->vcpu = v;
    }
    if (hart->rq == NULL && (hart->vcpu != v || config->budget_us != 0)) {
        hart->rq = pool_alloc(sizeof(*hart->rq), alignof(struct runqueue));
        if (hart->rq == NULL) {
            return ERR_NO_MEMORY;
        }
        rq_init(hart->rq);
    }
    return ERR_OK;
}

/* ---- any hart -------------------------------------------------------------------------------- */

static void hart_work(struct hart *hart)
{
    /* acquire pairs with the release in hart_post() and hart_post_vcpu() */
    uint32_t work = atomic_exchange_explicit(&hart->work, 0, memory_order_acquire);

    if ((work & HART_WORK_COMMIT) != 0) {
        tally_begin(&hart->idle, arch_now());
        power_commit_hart();
        tally_end(&hart->idle, arch_now());
    }
    if ((work & HART_WORK_TIMER) != 0) {
        timer_run(hart);
    }
    if ((work & HART_WORK_CONSOLE) != 0) {
        console_work();
    }
    if ((work & HART_WORK_VCPUS) != 0) {
        take_posted(hart);
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

static void wait(struct hart *hart)
{
    if (leave_hyp(hart, HART_IDLE)) {
        tally_begin(&hart->idle, arch_now());
        arch_hart_wait(hart);
        tally_end(&hart->idle, arch_now());
        atomic_store_explicit(&hart->mode, HART_HYP, memory_order_relaxed);
        if (hart_has_queue(hart)) {
            waited(hart);
        }
    }
}

struct vcpu *sched_next(struct hart *hart)
{
    for (;;) {
        struct vcpu *v;

        if (atomic_load_explicit(&hart->work, memory_order_relaxed) != 0) {
            hart_work(hart);
        }
        v = hart_has_queue(hart) ? pick(hart) : hart->vcpu;
        if (v != NULL && vcpu_prepare(v)) {
            if (leave_hyp(hart, HART_GUEST)) {
                return v;
            }
        } else if (v != NULL && v->deferred != 0) {
            arch_hart_poll();
        } else if (v != NULL && hart_has_queue(hart)) {
            rq_block(hart->rq, &v->sched, arch_now());
        } else {
            wait(hart);
        }
    }
}

void sched_exited(struct hart *hart)
{
    atomic_store_explicit(&hart->mode, HART_HYP, memory_order_release);
}
