/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the VMs of "interference" share: the real-time one says what its neighbours are to do, and
 * they do it until it says something else.
 */
#ifndef GUESTS_BENCH_HAMMER_H
#define GUESTS_BENCH_HAMMER_H

#include <stdatomic.h>
#include <stdint.h>

/* In the order in which it is done. tests/bench/interference.py reads the names from here. */
/* clang-format off */
#define HAMMERS(hammer)                                                                           \
    hammer(idle)    /* all wait */                                                                \
    hammer(spin)    /* no hypervisor: a loop */                                                   \
    hammer(ecall)   /* calls: null, unknown, refused */                                           \
    hammer(fence)   /* remote fences among their own vCPUs */                                     \
    hammer(ipi)     /* IPIs among their own vCPUs */                                              \
    hammer(mmio)    /* registers of their interrupt controller */                                 \
    hammer(message) /* messages and doorbells to a third VM */                                    \
    hammer(flood)   /* messages and doorbells to the real-time VM, which takes them */            \
    hammer(deaf)    /* the same, and it does not listen */                                        \
    hammer(look)    /* VMM calls that ask about the real-time VM */                               \
    hammer(restart) /* a VM is restarted, by VMM calls and by itself */                           \
    hammer(console) /* lines on the console */                                                     \
    hammer(blank)   /* as many empty ones as a call takes */
/* clang-format on */

enum hammer {
#define HAMMER_ENUM(name) HAMMER_##name,
    HAMMERS(HAMMER_ENUM) HAMMER_COUNT
};

#define HAMMER_HARTS 2u

/* The shared region; zero at boot. */
struct stage {
    _Atomic uint32_t hammer;                /* written by the real-time VM */
    _Atomic uint32_t hammers[HAMMER_HARTS]; /* what each does, and 1 */
    _Atomic uint32_t wanted;                /* bells that are asked for */
    _Atomic uint64_t rung_at;               /* the last one; ticks */
};

/* Panics where there is none. */
struct stage *stage_find(void);

#endif
