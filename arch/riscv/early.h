/* SPDX-License-Identifier: BSD-2-Clause */
/* What boot.S, the linker script and the C of the boot share. */
#ifndef ARCH_RISCV_EARLY_H
#define ARCH_RISCV_EARLY_H

#include "arch/riscv/hart.h"
#include "arch/riscv/layout.h"

#include <stdint.h>

/* link.ld */
extern char rv_image_start[], rv_text_end[], rv_rodata_end[], rv_bss_start[], rv_boot_stack[],
    rv_bss_end[], rv_image_end[];

/* early.c: the root, and the level-1 table of RV_LOCAL_VA. */
extern uint64_t rv_root_table[PTES_PER_TABLE];
extern uint64_t rv_local_table[PTES_PER_TABLE];
extern uint64_t rv_satp;

/* Builds the first tables; returns the value for satp. Boot hart, translation off. */
uint64_t rv_early_map(void);

/* boot.S: where harts that the firmware starts begin; a1 = the struct rv_hart. */
void rv_hart_entry(void);

/*
 * boot.S: the SBI call (eid, fid)(a0, a1, a2) that stops this hart. 0: it was started again at
 * rv_wake_entry, a1 = its struct rv_hart; all but the registers that a C call keeps, and stvec, is
 * as the firmware left it. SBI's error: it was not stopped.
 */
int64_t rv_sleep(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t eid, uint64_t fid);
void rv_wake_entry(void);

/* The boot hart's structure, so that tp is right from the first C function on. */
extern struct rv_hart rv_boot_hart;

/* C entries of boot.S, translation on, own stack. */
_Noreturn void rv_main(uint64_t hart_id, uint64_t fdt);
_Noreturn void rv_hart_main(struct rv_hart *hart);
_Noreturn void rv_hyp_trap_report(struct rv_hart *hart);

/* Stores all harts wait for until the machine is built: see rv_hart_main(). hart.c */
void rv_harts_go(void);

/* Starts every hart but the boot one and waits for it; boot_fail() if one does not come. hart.c */
void rv_harts_start(void);

#endif
