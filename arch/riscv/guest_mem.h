/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading memory with the guest's own translation and rights. Own hart, vCPU loaded, and the CSRs
 * as its last trap left them (hstatus.SPVP says in which of the guest's modes). Any fault on the
 * way is recovered and told.
 */
#ifndef ARCH_RISCV_GUEST_MEM_H
#define ARCH_RISCV_GUEST_MEM_H

#include "core/addr.h"
#include "core/err.h"

#include <stdint.h>

/*
 * The instruction at pc: 16 or 32 bits, *bytes says which (longer formats read as 32). Needs
 * execute rights, as fetching does. ERR_FAULT: it cannot be fetched now.
 */
enum err rv_guest_fetch(gva_t pc, uint32_t *insn, unsigned int *bytes) MUST_CHECK;

/*
 * guest_mem.S: one access; 0 or the cause of the exception that it met, whose address is in stval
 * still; *out written on 0 only.
 */
uint64_t rv_hlvx_hu(uint64_t va, uint16_t *out);
uint64_t rv_hlv_d(uint64_t va, uint64_t *out);

#endif
