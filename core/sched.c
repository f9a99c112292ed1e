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
 *
 * A vCPU moves to another hart of its affinity when it is asked to, and when it wakes up behind
 * others while such a hart has nothing to do: once a wake-up, and never back by itself. That hart
 * may have something to do when it arrives; then it takes turns there.
 */
#include "core/sched.h"

#include "core/arch.h"
#include "core/console.h"
#include "core/hart.h"
#include "core/manifest.h"
#include "core/pagepool.h"
#include "core/power_commit.h"
#include "core/runqueue.h"
#include "core/trace.h"
#include "core/vcpu.h"
#include "core/vm.h"

#include <stdalign.h>
#include <stddef.h>

/* ---- a shared hart --------------------------------------------------------------------------- */

/* Harts where v may run, its home first: the i-th; NULL: there are no more. */
static struct hart *allowed(const struct vcpu *v, uint32_t i)
{
    if (i == 0) {
        return v->home;
    }
    return v->vm->affinity != NULL && i <= v->vm->config->affinity_count ? v->vm->affinity[i - 1]
                                                                         : NULL;
}

/* As it seems from here: others may be on their way to it. */
static struct hart *idle_hart(const struct vcpu *v)
{
    struct hart *h;

    for (uint32_t i = 0; (h = allowed(v, i)) != NULL; i++) {
        if (atomic_load_explicit(&h->mode, memory_order_relaxed) == HART_IDLE &&
            atomic_load_explicit(&h->work, memory_order_relaxed) == 0) {
            break;
        }
    }
    return h;
}

/* Its requests were taken. wants: it should get a turn. NULL: here. */
static struct hart *elsewhere(struct hart *hart, struct vcpu *v, bool wants, uint64_t now)
{
    struct hart *to = atomic_load_explicit(&v->move_to, memory_order_relaxed);
    bool wakes = wants && !v->arrived && v->sched.state == SCHED_BLOCKED;

    v->arrived = false;
    if (to != NULL) {
        to = atomic_exchange_explicit(&v->move_to, NULL, memory_order_relaxed);
    }
    if (to == NULL && wakes && rq_is_behind(hart->rq, &v->sched, now)) {
        to = idle_hart(v);
    }
    return to != hart ? to : NULL;
}

/*
 * v's requests were taken. Nothing watches for it on the way. Where it arrives it has a turn,
 * whatever it does, and sees what is pending; unless it is stopped or paused, when nobody watches
 * for it in any case.
 */
static void move(struct hart *hart, struct vcpu *v, struct hart *to, uint64_t now)
{
    rq_leave(hart->rq, &v->sched, now);
    (void)vcpu_take_off(v, true);
    if (hart->vcpu == v) {
        hart->vcpu = NULL;
    }
    arch_vcpu_move(v, to);
    v->arrived = true;
    atomic_fetch_add_explicit(&v->moves, 1, memory_order_relaxed);
    /* release: pairs with the acquire in take_posted(), whose hart has v from then on */
    atomic_store_explicit(&v->hart, to, memory_order_release);
    hart_post_vcpu(to, v);
    hart_kick(to);
}

static void attend(struct hart *hart, struct vcpu *v, uint64_t now)
{
    bool wants = vcpu_attend(v);
    struct hart *to = v->vm->affinity != NULL ? elsewhere(hart, v, wants, now) : NULL;

    if (wants) {
        rq_wake(hart->rq, &v->sched, now);
    } else {
        rq_block(hart->rq, &v->sched, now);
    }
    if (to != NULL) {
        move(hart, v, to, now);
    }
}

static void take_posted(struct hart *hart)
{
    struct vcpu *v = atomic_exchange_explicit(&hart->posted, NULL, memory_order_acquire);
    uint64_t now = arch_now();

    while (v != NULL) {
        struct vcpu *next = v->posted_next;
        struct hart *where;

        (void)atomic_exchange_explicit(&v->posted, 0, memory_order_acq_rel);
        /* acquire: pairs with the release in move() */
        where = atomic_load_explicit(&v->hart, memory_order_acquire);
        if (where == hart) {
            attend(hart, v, now);
        } else {
            hart_post_vcpu(where, v);
            hart_kick(where);
        }
        v = next;
    }
}

enum err sched_move(struct vcpu *v, uint64_t hart_id)
{
    struct hart *to;
    struct hart *hart = vcpu_hart(v);

    for (uint32_t i = 0; (to = allowed(v, i)) != NULL && to->id != hart_id; i++) {
    }
    if (to == NULL) {
        return ERR_INVALID;
    }
    if (v->vm->affinity != NULL) {
        atomic_store_explicit(&v->move_to, to, memory_order_relaxed); /* before the swap in post */
        hart_post_vcpu(hart, v);
        hart_kick(hart);
    }
    return ERR_OK;
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

static void put_off(struct vcpu *v, bool wants_still)
{
    if (vcpu_take_off(v, wants_still)) {
        arch_vcpu_watch(v);
    }
}

/* Why v, who had the hart and may be gone (NULL), runs no longer; next: who does, or NULL. */
static enum trace_left why_left(const struct vcpu *v, const struct vcpu *next)
{
    if (v == NULL) {
        return TRACE_LEFT_BLOCKED;
    }
    if (v->sched.state == SCHED_THROTTLED) {
        return TRACE_LEFT_THROTTLED;
    }
    if (!wants(v) || next == NULL) {
        return TRACE_LEFT_BLOCKED;
    }
    return next->sched.priority > v->sched.priority ? TRACE_LEFT_PREEMPTED : TRACE_LEFT_SLICE;
}

static __attribute__((noinline)) void trace_switch(struct hart *hart, const struct vcpu *last,
                                                   const struct vcpu *v)
{
    uint32_t from =
        last != NULL ? last->vm->index << 8 | last->index : TRACE_NONE << 8 | TRACE_NONE;

    trace_put(hart, TRACE_WHAT(TRACE_EV_SWITCH, why_left(last, v), v->vm->index, v->index), from,
              0);
}

/*
 * Whose turn it is, which is the hart's vCPU from now on. This, hart_work() and wait() are apart so
 * that one alone on its hart has few registers to save in sched_next().
 */
static __attribute__((noinline)) struct vcpu *pick(struct hart *hart)
{
    struct sched_entity *e = rq_pick(hart->rq, arch_now());
    struct vcpu *v = e != NULL ? container_of(e, struct vcpu, sched) : NULL;
    struct vcpu *last = hart->vcpu;

    set_slice(hart);
    if (v != NULL && v != last) {
        if (last != NULL) {
            put_off(last, wants(last));
        }
        hart->vcpu = v;
        if (trace_on(hart, TRACE_SWITCH)) {
            trace_switch(hart, last, v);
        }
    } else if (v == NULL && last != NULL && wants(last)) {
        /* Its budget is used up: interrupts that it cannot take yet must not end every wait. */
        put_off(last, true);
    }
    return v;
}

/* The hart's vCPU, waiting, may have been given an interrupt. Its turn will tell. */
static void waited(struct hart *hart)
{
    if (hart->vcpu != NULL && vcpu_loaded(hart->vcpu)) {
        rq_wake(hart->rq, &hart->vcpu->sched, arch_now());
    }
}

void sched_give_way(struct vcpu *v)
{
    rq_yield(vcpu_hart(v)->rq, &v->sched, arch_now());
}

/* Pieces of a budget that are smaller cost more by their return than they are worth. */
#define LEAST_US 10u

/* One more may run on hart. shared: it needs a queue, though it may be the only one. */
static enum err take_seat(struct hart *hart, bool shared)
{
    if (hart->seats == SCHED_PER_HART) {
        return ERR_NO_MEMORY;
    }
    if (hart->rq == NULL && (hart->seats != 0 || shared)) {
        hart->rq = pool_alloc(sizeof(*hart->rq), alignof(struct runqueue));
        if (hart->rq == NULL) {
            return ERR_NO_MEMORY;
        }
        rq_init(hart->rq);
    }
    hart->seats++;
    return ERR_OK;
}

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
    struct hart *home = vcpu_hart(v);
    struct hart *hart;
    enum err e = ERR_OK;

    rq_entity_init(&v->sched, &params);
    v->home = home;
    for (uint32_t i = 0; e == ERR_OK && (hart = allowed(v, i)) != NULL; i++) {
        if (i == 0 || hart != home) {
            e = take_seat(hart, config->budget_us != 0 || v->vm->affinity != NULL);
        }
    }
    v->hart_next = home->vcpus;
    home->vcpus = v;
    if (home->vcpu == NULL) {
        home->vcpu = v;
    }
    return e;
}

/* ---- any hart -------------------------------------------------------------------------------- */

/* From here on until it goes on the hart does nothing. */
static __attribute__((noinline)) void trace_rest(struct hart *hart, enum trace_event event,
                                                 uint32_t detail)
{
    const struct vcpu *v = hart->vcpu;

    trace_put(hart,
              TRACE_WHAT(event, detail, v != NULL ? v->vm->index : TRACE_NONE,
                         v != NULL ? v->index : TRACE_NONE),
              0, 0);
}

static void rest_begin(struct hart *hart, enum trace_left why)
{
    if (trace_on(hart, TRACE_SWITCH)) {
        trace_rest(hart, TRACE_EV_WAIT, why);
    }
    tally_begin(&hart->idle, arch_now());
}

static void rest_end(struct hart *hart)
{
    tally_end(&hart->idle, arch_now());
    if (trace_on(hart, TRACE_SWITCH)) {
        trace_rest(hart, TRACE_EV_AWAKE, 0);
    }
}

static __attribute__((noinline)) void hart_work(struct hart *hart)
{
    /* acquire pairs with the release in hart_post() and hart_post_vcpu() */
    uint32_t work = atomic_exchange_explicit(&hart->work, 0, memory_order_acquire);

    if ((work & HART_WORK_COMMIT) != 0) {
        rest_begin(hart, TRACE_LEFT_DOWN);
        power_commit_hart();
        rest_end(hart);
    }
    if ((work & HART_WORK_TIMER) != 0) {
        timer_run(hart);
        /* Whom it has posted is taken below: who is picked next may load, for all of a part. */
        work |= atomic_fetch_and_explicit(&hart->work, ~(uint32_t)HART_WORK_VCPUS,
                                          memory_order_acquire) &
                HART_WORK_VCPUS;
    }
    if ((work & HART_WORK_CONSOLE) != 0) {
        console_work();
    }
    if ((work & HART_WORK_VCPUS) != 0) {
        take_posted(hart);
    }
    if ((work & HART_WORK_TRACE) != 0) {
        trace_hart(hart);
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

/*
 * Steps (d) to (f). False: there is work, and the mode is HART_HYP again. Others may see to it that
 * there always is some: so interrupts are looked for, which tell of who should run instead.
 */
static bool leave_hyp(struct hart *hart, enum hart_mode mode)
{
    atomic_store_explicit(&hart->mode, mode, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);

    if (has_work(hart)) {
        atomic_store_explicit(&hart->mode, HART_HYP, memory_order_relaxed);
        arch_hart_poll();
        return false;
    }
    return true;
}

static __attribute__((noinline)) void wait(struct hart *hart)
{
    if (leave_hyp(hart, HART_IDLE)) {
        rest_begin(hart, why_left(hart->vcpu, NULL));
        arch_hart_wait(hart);
        rest_end(hart);
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
                tally_begin(&hart->guest, arch_now());
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
    tally_end(&hart->guest, arch_now());
}
