/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Admission: whether the budgets that a manifest gives the vCPUs of a hart can be kept, by the
 * analysis of fixed priorities with sporadic servers. docs/scheduling.md has the formulas.
 */
#ifndef CORE_MANIFEST_SCHED_H
#define CORE_MANIFEST_SCHED_H

#include "core/manifest.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What Curia itself takes of a hart: the one place that says so. Upper bounds for harts of 1 GHz,
 * set but for the section, which was measured: docs/scheduling.md tells what each covers.
 */
#define SCHED_SWITCH_NS    UINT64_C(20000)  /* from one vCPU to another */
#define SCHED_REPLENISH_NS UINT64_C(5000)   /* a budget's end, and its return: timer and queue */
#define SCHED_SECTION_NS   UINT64_C(250000) /* longest without a look at who should run */
#define SCHED_RESERVE_PPM  UINT64_C(20000)  /* host interrupts, kicks and timers of others */

#define SCHED_CAPACITY_PPM (1000000u - SCHED_RESERVE_PPM)

struct sched_seat {
    uint32_t vm, vcpu;
};

/*
 * The first vCPU on hart, or that may come there by its VM's affinity (which those with a budget
 * have not), in the manifest's order, that is seat or comes after it: into seat.
 * False: there is none. Begin with {0, 0}; to go on, add 1 to seat->vcpu.
 */
bool manifest_seat_find(const struct manifest *m, uint64_t hart, struct sched_seat *seat);

/* Of its hart: budget and switches in a period, rounded up. 0: no budget. */
uint64_t manifest_share_ppm(const struct vcpu_sched_config *c);

/*
 * The longest that the vCPU at seat, which has a budget, waits for all of it once it wants it;
 * above its period: a lower bound of that.
 */
uint64_t manifest_response_ns(const struct manifest *m, const struct sched_seat *seat);

#endif
