/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests of what others trace: rings on all harts, and their records one after the other. */
#ifndef TESTS_UNIT_TRACE_RIG_H
#define TESTS_UNIT_TRACE_RIG_H

#include "core/trace.h"
#include "core/virq.h"
#include "tests/unit/fake_arch.h"

#define RIG_KIB 4u

static uint64_t rig_seen[8]; /* of each hart */

/* VMs that have no irqchip are given one that does nothing. */
static inline void rig_trace(uint32_t mask)
{
    static const struct virqchip_ops none;
    static struct virqchip chip = {.ops = &none};

    for (uint32_t i = 0; i < machine.vm_count; i++) {
        if (machine.vms[i]->irqchip == NULL) {
            machine.vms[i]->irqchip = &chip;
        }
    }
    machine.manifest.trace_kib = RIG_KIB;
    if (trace_build() != ERR_OK) {
        fake_wrong("no trace");
    }
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        machine.harts[i]->trace_mask = mask;
        (void)atomic_fetch_and(&machine.harts[i]->work, ~HART_WORK_TRACE);
        rig_seen[i] = 0;
    }
}

/* The next record of a hart; event TRACE_EV_NONE: there is none yet. */
static inline struct trace_record rig_next(uint32_t hart)
{
    struct trace_record r = {0};

    uint32_t n = trace_read(machine.harts[hart], &rig_seen[hart], &r, 1);

    rig_seen[hart] += n;
    return r;
}

#endif
