/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry to the handler of a software event in VS-mode, and the way back. [SBI 3.0 §17.5, §17.6]
 * A guest has neither H nor Zicfilp: of the interrupted flags, SPP, SPIE and SDT count.
 *
 * Pure functions on data, as inject.h's.
 */
#ifndef ARCH_RISCV_EVENT_H
#define ARCH_RISCV_EVENT_H

#include "arch/riscv/inject.h"

#include <stdint.h>

/* As SBI's INTERRUPTED_ attributes have it. */
struct rv_interrupted {
    uint64_t sepc;
    uint64_t flags;
    uint64_t a6, a7;
};

#define RV_FLAG_SPP  1u
#define RV_FLAG_SPIE 2u
#define RV_FLAG_SDT  0x20u

/*
 * A trap to pc that leaves vscause and vstval alone. What vsepc, vsstatus.SPP, SPIE and SDT were
 * before goes to *was; a6 and a7 are the caller's. double_trap as in rv_inject_exception(), but the
 * entry never is one: that is what the event is for.
 */
void rv_event_enter(struct rv_vs_state *vs, struct rv_hs_return *ret, uint64_t pc, bool double_trap,
                    struct rv_interrupted *was);

/* As SRET, but vsepc, SPP, SPIE and SDT are then what *was says. */
void rv_event_leave(struct rv_vs_state *vs, struct rv_hs_return *ret, bool double_trap,
                    const struct rv_interrupted *was);

#endif
