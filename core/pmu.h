/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Curia counts of what it does for a vCPU, and which counters that vCPU has set up: SBI's
 * firmware counters. The hart's own counters are the port's (arch_pmu_*); only their state is kept
 * here. All is the vCPU's own hart's but received[]. [SBI 3.0 §11]
 *
 * Nothing is counted by who has no counter running: an exception looks at started, set_timer at
 * timer_detour (core/vcpu.h), IPIs and fences to others at vm->pmu_counting.
 */
#ifndef CORE_PMU_H
#define CORE_PMU_H

#include "core/addr.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PMU_COUNTERS 16u /* of Curia's own, a vCPU */

/* In the order of SBI's firmware events, from SBI_PMU_FW_ACCESS_LOAD on. */
enum pmu_event {
    PMU_ACCESS_LOAD, /* access faults and illegal instructions that Curia gave the guest */
    PMU_ACCESS_STORE,
    PMU_ILLEGAL_INSN,
    PMU_SET_TIMER,
    PMU_IPI_SENT, /* these by pairs: sent to another vCPU, received from one */
    PMU_IPI_RECEIVED,
    PMU_FENCE_I_SENT,
    PMU_FENCE_I_RECEIVED,
    PMU_FENCE_VMA_SENT,
    PMU_FENCE_VMA_RECEIVED,
    PMU_FENCE_ASID_SENT,
    PMU_FENCE_ASID_RECEIVED,
    PMU_EVENTS
};

#define PMU_PAIRS ((PMU_EVENTS - PMU_IPI_SENT) / 2u)

struct pmu {
    uint64_t value[PMU_COUNTERS];
    uint8_t event[PMU_COUNTERS]; /* enum pmu_event, of those configured */

    /* Bit i: counter i as the guest numbers them, PMU_COUNTERS of Curia's, then the hart's. */
    uint64_t configured, started;

    gpa_t snapshot; /* a page of the VM's RAM, if has_snapshot */
    bool has_snapshot;

    /* By pair: what siblings have sent since the last pmu_collect(). Any hart. */
    _Atomic uint64_t received[PMU_PAIRS];
};

struct vcpu;

/* Counts n such events of v. Own hart. */
void pmu_count(struct vcpu *v, enum pmu_event event, uint64_t n);

/*
 * v sends an IPI, or a fence, to the vCPUs of its VM in targets, itself not among them. Before it
 * does, so that a target which was reached finds itself counted. v's own hart.
 */
void pmu_sent(struct vcpu *v, enum pmu_event event, uint64_t targets);

/* Counts what v has received meanwhile. Own hart, before its counters are read or changed. */
void pmu_collect(struct vcpu *v);

/* started has changed. Own hart. */
void pmu_update(struct vcpu *v);

#endif
