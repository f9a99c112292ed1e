/* SPDX-License-Identifier: BSD-2-Clause */
/* The harts' event counters, and what exceptions count as. The port's half is in core/arch.h. */
#ifndef ARCH_RISCV_PMU_H
#define ARCH_RISCV_PMU_H

#include "core/vcpu.h"

#include <stdint.h>

struct rv_vcpu;

/* Finds the counters that guests can be given. Boot hart, once rv_features has the rest. */
void rv_pmu_init(void);

/* Own hart: stops all of them, and has the firmware forget them, and any overflow. */
void rv_pmu_reset(void);

/* Own hart: the counters of v that are configured, before its CSRs, leave the hart and come. */
void rv_pmu_put(struct rv_vcpu *v);
void rv_pmu_load(struct rv_vcpu *v);

/* Own hart: its LCOFI is pending, and is passed on to the vCPU that is loaded. */
void rv_pmu_overflow(void);

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
