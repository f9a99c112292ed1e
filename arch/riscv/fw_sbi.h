/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client of the machine's firmware: SBI calls that Curia makes. Numbers as in sbi/abi.h. Any
 * hart, any lock; hart ids are the firmware's.
 */
#ifndef ARCH_RISCV_FW_SBI_H
#define ARCH_RISCV_FW_SBI_H

#include "sbi/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fw_ret {
    int64_t error; /* SBI_SUCCESS or SBI_ERR_* */
    uint64_t value;
};

/* One SBI call; arguments beyond the last given are 0. [SBI 3.0 §3] */
struct fw_ret fw_call5(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                       uint64_t a3, uint64_t a4);
struct fw_ret fw_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2);

/* bits 30:24 major, 23:0 minor. [SBI 3.0 §4.1] */
uint64_t fw_spec_version(void);
bool fw_has(uint64_t eid);

/* mvendorid, marchid, mimpid by SBI_BASE_GET_*. */
uint64_t fw_base(uint64_t fid);

struct fw_ret fw_hart_start(uint64_t hart_id, uint64_t pc_phys, uint64_t opaque);
void fw_hart_stop(void);                        /* returns only if it failed */
struct fw_ret fw_hart_status(uint64_t hart_id); /* SBI_HSM_STATE_* */

/*
 * This hart's value of a feature, SBI_FWFT_*; never locked: the next vCPU may want another. False:
 * the firmware has it not, or not this value.
 */
bool fw_feature_set(uint32_t feature, uint64_t value);
struct fw_ret fw_feature_get(uint32_t feature);

/* To hart base + i for each bit i of harts; base is a hart, too [SBI 3.0 §3.1, §7.1]. False: one of
 * them is none that can be interrupted, and nobody may have been. */
bool fw_send_ipi(uint64_t harts, uint64_t base);
void fw_set_timer(uint64_t deadline);

/* Returns only if it failed. */
struct fw_ret fw_reset(uint32_t type, uint32_t reason);

/* A byte to, and from (-1: none), the firmware's console: DBCN, else the legacy calls. */
void fw_console_init(void);
void fw_putc(char c);
int fw_getc(void);

#endif
