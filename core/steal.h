/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steal time: for how long a vCPU that wanted to run was kept from it, told to the guest in 64
 * bytes of its own RAM. Whoever takes a vCPU off its hart and whoever puts it back says so here.
 * Own hart's, all of it; no lock. [SBI 3.0 §16]
 */
#ifndef CORE_STEAL_H
#define CORE_STEAL_H

#include "core/addr.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct vcpu;

#define STEAL_BYTES 64u /* and their alignment */

/* Of one vCPU. All zero: its guest wants to know nothing. Forgotten when the vCPU stops. */
struct steal {
    gpa_t at;
    uint64_t ticks;    /* stolen since at was named */
    uint64_t since;    /* withheld: from then on */
    uint32_t sequence; /* as the guest sees it; what it writes there itself is never read */
    bool on;
    bool withheld;
};

/*
 * From now on v's steal time is told at `at` (STEAL_BYTES, so aligned), in place of where it was
 * told before; it begins at 0. ERR_FAULT: not all of that is RAM, and nothing changes.
 */
enum err steal_tell(struct vcpu *v, gpa_t at) MUST_CHECK;

/* It is told no more. */
void steal_forget(struct vcpu *v);

/*
 * v wants to run and does not until steal_end(). Nothing is written in between, nor while v does
 * not want to run. A second call changes nothing.
 */
void steal_begin(struct vcpu *v);

/* v runs again. Only after steal_begin(): v->steal.withheld says so. */
void steal_end(struct vcpu *v);

#endif
