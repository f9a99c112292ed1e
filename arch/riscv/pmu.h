/* SPDX-License-Identifier: BSD-2-Clause */
/* The harts' event counters, and what exceptions count as. The port's half is in core/arch.h. */
#ifndef ARCH_RISCV_PMU_H
#define ARCH_RISCV_PMU_H

#include "core/vcpu.h"

#include <stdint.h>

/* Finds the counters that guests can be given. Boot hart, once rv_features has the rest. */
void rv_pmu_init(void);

/* Own hart: stops all of them, and forgets what they counted. */
void rv_pmu_reset(void);

/* Own hart, after a sleep: v's guest finds that it has configured none of them. */
void rv_pmu_lost(struct vcpu *v);

/* Own hart: the guest is given this exception by Curia. */
void rv_pmu_exception(struct vcpu *v, uint64_t cause);

/* pmu_read.S: hpmcounter3 and so on, by n from 0 to RV_HPM_READABLE - 1. */
#define RV_HPM_READABLE 16
struct rv_hpm {
    uint64_t value;
    uint64_t readable; /* 0: the firmware keeps it to itself */
};
struct rv_hpm rv_hpm_read(uint64_t n);

#endif
