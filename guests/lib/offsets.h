/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets in struct guest_hart for start.S; hart.c asserts them. */
#ifndef GUESTS_LIB_OFFSETS_H
#define GUESTS_LIB_OFFSETS_H

#define HART_SEPC      256
#define HART_SSTATUS   264
#define HART_SCAUSE    272
#define HART_STVAL     280
#define HART_STACK_TOP 288
#define HART_TRAP_TOP  296
#define HART_CATCHING  304
#define HART_CATCH     312 /* ra, sp, s0 to s11, sstatus */
#define HART_SLEEP_SP  432

#endif
