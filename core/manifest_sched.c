/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs that share a hart: whether what each is promised makes sense, and whether the hart can keep
 * all of it. With periods of 100 us to 4 s, budgets within them and turns of 100 us or more, what
 * one vCPU adds to a sum is below 10^11 ns or 10^7 ppm, and there are at most 2^12: 64 bits hold
 * all sums, and what is multiplied by 10^6.
 */
#include "core/manifest_sched.h"

#include "core/manifest_reader.h"

#include <inttypes.h>

#define NS_PER_US UINT64_C(1000)
#define PPM       UINT64_C(1000000)

#define PERCENT_FMT  "%u.%02u"
#define PERCENT(ppm) (uint32_t)((ppm) / 10000u), (uint32_t)((ppm) / 100u % 100u)

static uint64_t div_up(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

static struct vcpu_sched_config *sched_of(const struct manifest *m, const struct sched_seat *s)
{
    return &m->vms[s->vm].sched[s->vcpu];
}

static uint64_t hart_of(const struct manifest *m, const struct sched_seat *s)
{
    return m->vms[s->vm].harts[s->vcpu];
}

static bool is_same(const struct sched_seat *a, const struct sched_seat *b)
{
    return a->vm == b->vm && a->vcpu == b->vcpu;
}

static bool may_come(const struct vm_config *vm, uint64_t hart)
{
    for (uint32_t i = 0; i < vm->affinity_count; i++) {
        if (vm->harts[vm->vcpu_count + i] == hart) {
            return true;
        }
    }
    return false;
}

bool manifest_seat_find(const struct manifest *m, uint64_t hart, struct sched_seat *seat)
{
    for (; seat->vm < m->vm_count; seat->vm++, seat->vcpu = 0) {
        bool any = may_come(&m->vms[seat->vm], hart);

        for (; seat->vcpu < m->vms[seat->vm].vcpu_count; seat->vcpu++) {
            if (any || hart_of(m, seat) == hart) {
                return true;
            }
        }
    }
    return false;
}

/* ---- the analysis ---------------------------------------------------------------------------- */

/* In a period: the budget, a switch to it and one away for each turn, and its coming back. */
static uint64_t cost_ns(const struct vcpu_sched_config *c)
{
    uint64_t turns = c->slice_us == 0 ? 1 : div_up(c->budget_us, c->slice_us);

    return c->budget_us * NS_PER_US + turns * 2 * SCHED_SWITCH_NS + SCHED_REPLENISH_NS;
}

uint64_t manifest_share_ppm(const struct vcpu_sched_config *c)
{
    return c->budget_us == 0 ? 0 : div_up(cost_ns(c) * PPM, c->period_us * NS_PER_US);
}

/* Of all on hart up to last; NULL: of all. */
static uint64_t sum_ppm(const struct manifest *m, uint64_t hart, const struct sched_seat *last)
{
    uint64_t sum = 0;

    for (struct sched_seat s = {0, 0}; manifest_seat_find(m, hart, &s); s.vcpu++) {
        sum += manifest_share_ppm(sched_of(m, &s));
        if (last != NULL && is_same(&s, last)) {
            break;
        }
    }
    return sum;
}

/* What the others on its hart and Curia can do in a time of ns that the one at seat then lacks. */
static uint64_t others_ns(const struct manifest *m, const struct sched_seat *seat, uint64_t ns)
{
    uint64_t sum = SCHED_SECTION_NS + div_up(ns * SCHED_RESERVE_PPM, PPM);

    for (struct sched_seat s = {0, 0}; manifest_seat_find(m, hart_of(m, seat), &s); s.vcpu++) {
        const struct vcpu_sched_config *c = sched_of(m, &s);

        if (c->budget_us != 0 && c->priority >= sched_of(m, seat)->priority && !is_same(&s, seat)) {
            /* Its budget may end while Curia works for it: a debt, that it pays later. */
            sum += div_up(ns, c->period_us * NS_PER_US) * cost_ns(c) + SCHED_SECTION_NS;
        }
    }
    return sum;
}

/*
 * The least fixed point of R = C + others(R), from below: others() never falls as R grows, so each
 * step but the last is at least 1 ns, and in fact one more budget of somebody.
 */
uint64_t manifest_response_ns(const struct manifest *m, const struct sched_seat *seat)
{
    const struct vcpu_sched_config *c = sched_of(m, seat);
    uint64_t last = 0;
    uint64_t next = cost_ns(c);

    while (next > last && next <= c->period_us * NS_PER_US) {
        last = next;
        next = cost_ns(c) + others_ns(m, seat, last);
    }
    return next;
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void check_together(struct manifest_reader *r, int node)
{
    static const char *const of_budget[] = {"period-us", "budget-hard", "deadline-us"};
    bool budget = fdt_getprop(r->blob, node, "budget-us", NULL) != NULL;

    for (size_t i = 0; !budget && i < ARRAY_SIZE(of_budget); i++) {
        if (fdt_getprop(r->blob, node, of_budget[i], NULL) != NULL) {
            manifest_fault(r, node, of_budget[i], "is that of a budget: say budget-us, too");
        }
    }
}

/* What depends on a budget that is 0 is 0, too, from here on. */
static void check_values(struct manifest_reader *r, const struct sched_seat *seat)
{
    struct vcpu_sched_config *c = sched_of(r->m, seat);
    int node = r->m->vms[seat->vm].node;

    if (c->budget_us == 0) {
        c->hard = false;
        c->period_us = 0;
        c->deadline_us = 0;
    } else if (r->m->vms[seat->vm].affinity_count != 0) {
        manifest_fault(r, node, "affinity",
                       "lets vCPU %u run on several harts, but its budget-us is a promise of one: "
                       "leave one of them out",
                       seat->vcpu);
    } else if (c->budget_us > c->period_us) {
        manifest_fault(r, node, "budget-us",
                       "of vCPU %u is %" PRIu64 ", its period-us %" PRIu64
                       ": there must be a period, not shorter than the budget",
                       seat->vcpu, c->budget_us, c->period_us);
    } else if (c->deadline_us != 0 &&
               (c->deadline_us < c->budget_us || c->deadline_us > c->period_us)) {
        manifest_fault(r, node, "deadline-us",
                       "of vCPU %u is %" PRIu64 ": must be from its budget-us, %" PRIu64
                       ", to its period-us, %" PRIu64,
                       seat->vcpu, c->deadline_us, c->budget_us, c->period_us);
    }
}

/* Told where the sum first exceeds what can be given, if it does. */
static bool is_overcommitted(struct manifest_reader *r, const struct sched_seat *seat)
{
    uint64_t hart = hart_of(r->m, seat);
    uint64_t all = sum_ppm(r->m, hart, NULL);
    uint64_t upto = sum_ppm(r->m, hart, seat);

    if (upto > SCHED_CAPACITY_PPM &&
        upto - manifest_share_ppm(sched_of(r->m, seat)) <= SCHED_CAPACITY_PPM) {
        manifest_fault(r, r->m->vms[seat->vm].node, "budget-us",
                       "hart %" PRIu64
                       " is over-committed: budgets with their switches take " PERCENT_FMT
                       " %% of it, but " PERCENT_FMT
                       " %% can be given: lower a budget, raise a period, or use another hart",
                       hart, PERCENT(all), PERCENT(SCHED_CAPACITY_PPM));
    }
    return all > SCHED_CAPACITY_PPM;
}

/* Told once a hart, where the one comes that is too many. */
static void check_count(struct manifest_reader *r, const struct sched_seat *seat, uint64_t hart)
{
    struct sched_seat s = {0, 0};
    uint32_t count = 0;

    for (; manifest_seat_find(r->m, hart, &s) && !is_same(&s, seat); s.vcpu++) {
        count++;
    }
    if (count == SCHED_PER_HART) {
        manifest_fault(r, r->m->vms[seat->vm].node,
                       hart_of(r->m, seat) == hart ? "harts" : "affinity",
                       "vCPU %u is one too many on hart %" PRIu64 ": there may be %u", seat->vcpu,
                       hart, SCHED_PER_HART);
    }
}

static void check_counts(struct manifest_reader *r, const struct sched_seat *seat)
{
    const struct vm_config *vm = &r->m->vms[seat->vm];

    check_count(r, seat, vm->harts[seat->vcpu]);
    for (uint32_t i = vm->vcpu_count; i < vm->vcpu_count + vm->affinity_count; i++) {
        if (vm->harts[i] != vm->harts[seat->vcpu]) {
            check_count(r, seat, vm->harts[i]);
        }
    }
}

/* Somebody more urgent who may run for ever. */
static bool is_void(struct manifest_reader *r, const struct sched_seat *seat)
{
    const struct manifest *m = r->m;
    uint32_t priority = sched_of(m, seat)->priority;
    uint64_t hart = hart_of(m, seat);

    for (struct sched_seat s = {0, 0}; manifest_seat_find(m, hart, &s); s.vcpu++) {
        const struct vcpu_sched_config *c = sched_of(m, &s);

        if (c->budget_us == 0 && c->priority > priority) {
            manifest_fault(r, m->vms[seat->vm].node, "budget-us",
                           "guarantees nothing to vCPU %u: on hart %" PRIu64
                           ", vCPU %u of VM %s has "
                           "priority %u and no budget; give that one a budget, or this one a "
                           "priority of at least %u",
                           seat->vcpu, hart, s.vcpu, m->vms[s.vm].name, c->priority, c->priority);
            return true;
        }
    }
    return false;
}

static void check_response(struct manifest_reader *r, const struct sched_seat *seat)
{
    const struct vcpu_sched_config *c = sched_of(r->m, seat);
    uint64_t limit_us = c->deadline_us != 0 ? c->deadline_us : c->period_us;
    uint64_t response_us = div_up(manifest_response_ns(r->m, seat), NS_PER_US);

    if (response_us > limit_us) {
        manifest_fault(
            r, r->m->vms[seat->vm].node, c->deadline_us != 0 ? "deadline-us" : "period-us",
            "vCPU %u on hart %" PRIu64 " can wait %" PRIu64 " us or more for its budget, "
            "above this %" PRIu64 ": raise its priority, or lower the budgets of others "
            "that have as much or more",
            seat->vcpu, hart_of(r->m, seat), response_us, limit_us);
    }
}

void manifest_check_sched(struct manifest_reader *r)
{
    const struct manifest *m = r->m;
    uint32_t before = r->findings;

    for (uint32_t v = 0; v < m->vm_count; v++) {
        check_together(r, m->vms[v].node);
        for (struct sched_seat s = {v, 0}; s.vcpu < m->vms[v].vcpu_count; s.vcpu++) {
            check_counts(r, &s);
            check_values(r, &s);
        }
    }
    if (r->findings != before) {
        return;
    }
    for (uint32_t v = 0; v < m->vm_count; v++) {
        for (struct sched_seat s = {v, 0}; s.vcpu < m->vms[v].vcpu_count; s.vcpu++) {
            if (sched_of(m, &s)->budget_us != 0 && !is_overcommitted(r, &s) && !is_void(r, &s)) {
                check_response(r, &s);
            }
        }
    }
}
