/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hart does next. In this landing a hart belongs to one vCPU; a run queue takes the place of
 * hart->vcpu later, nothing else changes.
 */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

struct hart;
struct vcpu;

/*
 * Own hart, no lock held, after every general exit and at boot: handles work until a vCPU may run,
 * waiting if there is none. On return hart->mode is HART_GUEST, and the port enters that vCPU.
 */
struct vcpu *sched_next(struct hart *hart);

/* Own hart: the guest was left on the general path; mode becomes HART_HYP. */
void sched_exited(struct hart *hart);

#endif
