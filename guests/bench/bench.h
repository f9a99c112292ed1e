/* SPDX-License-Identifier: BSD-2-Clause */
/* Markers, and the parts of the measuring guest. One hart at a time; no locks. */
#ifndef GUESTS_BENCH_BENCH_H
#define GUESTS_BENCH_BENCH_H

#include "guests/bench/rows.h"
#include "guests/lib/csr.h"
#include "guests/lib/hart.h"

#include <stdint.h>

/* Has no effect, and is found by the counter. n, 2 to 2047, is part of the instruction. */
#define MARK(n) __asm__ volatile("slti x0, x0, %0" : : "i"(n) : "memory")

#define BENCH_BEGIN(name) MARK(2 * ROW_##name)
#define BENCH_END(name)   MARK(2 * ROW_##name + 1)

#define BENCH(name, ...)                                                                           \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        BENCH_BEGIN(name);                                                                         \
        __VA_ARGS__;                                                                               \
        BENCH_END(name);                                                                           \
    }

/* What a window costs itself. On each machine once, on the hart that begins. */
static inline void bench_empty(void)
{
    BENCH(empty, (void)0);
}

/* What is pending is taken at the second instruction. */
static inline void take_irqs(void)
{
    csr_set(CSR_SSTATUS, SSTATUS_SIE);
    __asm__ volatile("nop" : : : "memory");
    csr_clear(CSR_SSTATUS, SSTATUS_SIE);
}

/* This hart is to be told of IPIs, its timer and external interrupts; no timer is set yet. */
void bench_listen(struct guest_hart *self, void (*on_timer)(struct guest_hart *self));

/* Until one is pending, taken or not. */
static inline void wait_for_irq(void)
{
    __asm__ volatile("wfi" : : : "memory");
}

/* In a loop that waits for another hart. Zihintpause, which is a fence of nothing elsewhere; the
 * counter then lets the host run others. */
static inline void relax(void)
{
    __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" : : : "memory");
}

/* The rows that need another VM: this end, and the other, which runs until it is stopped. */
void bench_channel(void);
_Noreturn void peer_run(void);

/* Those of them that go there and back, with the channel open. */
void trips_to_peer(void);
void trips_of_peer(void);

/* Registers of each emulated device, and RAM that nobody has touched. */
void bench_mmio(void);

/* A second hart's start, stop and suspend; IPIs and fences to seven others. */
void bench_hsm(void);
void bench_targets(void);

/* Switches between two VMs on one hart: both are needed. */
void bench_switches(void);
_Noreturn void switch_peer_run(void);

/* Wake-ups of a second and a third hart of this guest, by the first one, by a VM that rings, and by
 * a timer. */
void bench_wakes(void);
_Noreturn void ringer_run(void);

/* A VM that another one starts, and that one. */
_Noreturn void life_run(void);
void bench_vms(void);

/* What is around the rows, by the bootargs; rows of sources, of pending ones, and who makes them
 * so. */
void growth_prepare(void);
void bench_sources(void);
void bench_pending(void);
_Noreturn void pending_peer_run(void);

/* Never waits. */
_Noreturn void spin_run(void);

/* Waits until it is stopped. */
_Noreturn void idle_run(void);

/* A real-time VM, and its neighbours: two that hammer and ring, one that is restarted. */
void rt_run(void);
_Noreturn void hammer_run(void);
_Noreturn void bells_run(void);
_Noreturn void victim_run(void);

#endif
