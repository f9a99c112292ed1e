/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hart does next. A hart that one vCPU has for itself runs that; where several share one,
 * the run queue says whose turn it is.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include "core/err.h"

struct hart;
struct vcpu;
struct vcpu_sched_config;

/*
 * At boot, before the VM starts: v, which is on no hart yet, runs on v->hart, with others that were
 * added there. ERR_NO_MEMORY; also if it has SCHED_PER_HART already.
 */
enum err sched_add(struct vcpu *v, const struct vcpu_sched_config *config) MUST_CHECK;

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
