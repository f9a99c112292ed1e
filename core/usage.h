/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who has used the harts: times since the boot, in ticks, as any hart may ask for them, with what
 * just goes on. They are kept in core/sched.c and core/runqueue.c, never begin anew, and who asks
 * again is told no less.
 */
#ifndef CORE_USAGE_H
#define CORE_USAGE_H

#include <stdint.h>

struct hart;
struct vcpu;

struct usage {
    uint64_t run;       /* it had the hart; what Curia did there for it is in it */
    uint64_t ready;     /* it wanted to, and another one had it */
    uint64_t throttled; /* it wanted to, and was out of a hard budget */
    uint64_t switches;  /* times it came after another one */
};

/*
 * Where one vCPU has the hart to itself nobody takes turns: it runs whenever the hart does not
 * wait, from the boot on, and is never ready, throttled or switched to.
 */
void usage_of(struct vcpu *v, struct usage *u);

struct hart_usage {
    uint64_t time; /* since the boot */
    uint64_t idle; /* of that, it waited, or slept in the firmware */
    uint64_t hyp;  /* of that, it was in Curia otherwise, the boot included */
};

/*
 * The rest is its guests', with what is done for them without leaving the short trap path: calls
 * and accesses that cannot block, interrupts after which the guest goes on.
 */
void usage_of_hart(struct hart *hart, struct hart_usage *u);

#endif
