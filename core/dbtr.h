/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The debug triggers that a vCPU has set up. They are in its hart while it is loaded, and only then
 * (arch_dbtr_sync()), or they would match in other guests; here for as long as the vCPU lives. Own
 * hart; forgotten at each start, before the load. [SBI 3.0, Debug Triggers Extension]
 */
#ifndef CORE_DBTR_H
#define CORE_DBTR_H

#include "core/addr.h"

#include <stdbool.h>
#include <stdint.h>

#define DBTR_TRIGGERS 8u /* a vCPU's, at most */

struct dbtr {
    /*
     * Of those mapped. tdata1 and tdata2 are as SBI has them, with no mode in tdata1 while the
     * trigger is disabled; modes are those that it has when it is enabled, as SBI's state has them.
     */
    uint64_t tdata1[DBTR_TRIGGERS], tdata2[DBTR_TRIGGERS];
    uint8_t modes[DBTR_TRIGGERS];
    uint8_t mapped; /* bit i: trigger i */

    bool has_shmem;
    gpa_t shmem; /* in the VM's RAM, if has_shmem */
};

#endif
