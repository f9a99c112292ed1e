/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hart does next. A hart that one vCPU has for itself runs that; where several share one,
 * the run queue says whose turn it is.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/err.h"

#include <stdint.h>

struct hart;
struct vcpu;
struct vcpu_sched_config;

/*
 * At boot, before the VM starts: v, which is on no hart yet, runs on v->hart, with others that were
 * added there, and may come to the harts of its VM's affinity. ERR_NO_MEMORY; also if one of them
 * has SCHED_PER_HART already.
 */
enum err sched_add(struct vcpu *v, const struct vcpu_sched_config *config) MUST_CHECK;

/*
 * v shall run on the hart of this id, from when its own hart next looks; of two such calls the
 * later one holds. ERR_INVALID: it may not run there. Any hart, no lock held.
 */
enum err sched_move(struct vcpu *v, uint64_t hart_id) MUST_CHECK;

/*
 * Own hart, no lock held, after every general exit and at boot: handles work until a vCPU may run,
 * waiting if there is none. On return hart->mode is HART_GUEST, and the port enters that vCPU.
 */
struct vcpu *sched_next(struct hart *hart);

/* Own hart: the guest was left on the general path; mode becomes HART_HYP. */
void sched_exited(struct hart *hart);

/* Own hart, a shared one, v runs: its equals go first. */
void sched_give_way(struct vcpu *v);

#endif
