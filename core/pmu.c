/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See pmu.h. What a vCPU receives is left with it by its senders and counted when it next looks,
 * so that receiving costs nothing, and only it touches its counters.
 */
#include "core/pmu.h"

#include "core/vm.h"

void pmu_count(struct vcpu *v, enum pmu_event event, uint64_t n)
{
    struct pmu *p = &v->pmu;

    uint64_t left = p->started & ((1u << PMU_COUNTERS) - 1u);

    for (uint32_t i = 0; left != 0; i++, left >>= 1) {
        if ((left & 1u) != 0 && p->event[i] == event) {
            p->value[i] += n;
        }
    }
}

void pmu_sent(struct vcpu *v, enum pmu_event event, uint64_t targets)
{
    for (uint32_t i = 0; i < v->vm->vcpu_count; i++) {
        if ((targets >> i & 1) != 0) {
            pmu_count(v, event, 1);
            /* relaxed: what it tells of goes out by a release, and is taken by an acquire */
            atomic_fetch_add_explicit(&v->vm->vcpus[i]->pmu.received[(event - PMU_IPI_SENT) / 2u],
                                      1, memory_order_relaxed);
        }
    }
}

void pmu_collect(struct vcpu *v)
{
    for (uint32_t i = 0; i < PMU_PAIRS; i++) {
        if (atomic_load_explicit(&v->pmu.received[i], memory_order_relaxed) != 0) {
            pmu_count(v, (enum pmu_event)(PMU_IPI_RECEIVED + 2u * i),
                      atomic_exchange_explicit(&v->pmu.received[i], 0, memory_order_relaxed));
        }
    }
}

void pmu_update(struct vcpu *v)
{
    v->timer_detour &= (uint8_t)~VCPU_TIMER_COUNTED;
    if ((v->pmu.started & ((1u << PMU_COUNTERS) - 1)) != 0) {
        v->timer_detour |= VCPU_TIMER_COUNTED;
        atomic_store_explicit(&v->vm->pmu_counting, true, memory_order_relaxed);
    }
}
