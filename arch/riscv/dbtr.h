/* SPDX-License-Identifier: BSD-2-Clause */
/* The harts' debug triggers. The port's half is in core/arch.h. */
#ifndef ARCH_RISCV_DBTR_H
#define ARCH_RISCV_DBTR_H

#include "arch/riscv/hart.h"
#include "core/vcpu.h"

/* Finds how many guests can be given: rv_features.triggers. Boot hart, before other harts run. */
void rv_dbtr_init(void);

/* Own hart: takes all off that are set. Costs a look when there are none. */
void rv_dbtr_clear(void);

static inline void rv_dbtr_put(void)
{
    if (rv_hart_self()->triggers != 0) {
        rv_dbtr_clear();
    }
}

/* Own hart: sets the vCPU's, none being set. One that the firmware refuses is unmapped. */
static inline void rv_dbtr_load(struct vcpu *v)
{
    if (v->dbtr.mapped != 0) {
        (void)!arch_dbtr_sync(v);
    }
}

#endif
