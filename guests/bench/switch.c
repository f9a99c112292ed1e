/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switches from one VM to another on one hart. A window begins in the VM that is left and ends in
 * the one that is entered. By turns: the other one's bell is rung, which makes it ready, and this
 * one waits. By slices: neither waits, and the one that finds that the other has been on, is.
 */
#include "guests/bench/bench.h"
#include "guests/bench/channel.h"
#include "guests/lib/console.h"

#define LEFT  0u
#define RIGHT 1u

static uint32_t awaited;

/* Written anew: what is in the registers is now to be saved. */
static void dirty_none(void)
{
}

static void dirty_fp(void)
{
    csr_set(CSR_SSTATUS, SSTATUS_FS);
    __asm__ volatile(".option push\n\t.option arch, +d\n\tfmv.d.x f0, zero\n\t.option pop" ::
                         : "memory");
}

#define INSN_VSETVLI 0x0c8072d7u /* vsetvli t0, zero, e16, m1, ta, ma */
#define INSN_VMV     0x5e003057u /* vmv.v.i v0, 0 */

static void dirty_v(void)
{
    __asm__ volatile(".word %0\n\t.word %1" : : "i"(INSN_VSETVLI), "i"(INSN_VMV) : "t0", "memory");
}

static bool has_vectors(void)
{
    csr_set(CSR_SSTATUS, SSTATUS_VS);
    return (csr_read(CSR_SSTATUS) & SSTATUS_VS) != 0;
}

/* The end of the other one's window, and what has brought it. */
static void come_back(void)
{
    take_irqs();
    if (arrivals != ++awaited) {
        guest_panic("bench: switch: bell %u at round %u\n", (unsigned)arrivals, (unsigned)awaited);
    }
}

/* Both VMs' loops; they differ by who waits first. */
#define BENCH_TURNS(name, first, dirty)                                                            \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        if (first) {                                                                               \
            dirty();                                                                               \
            channel_ring();                                                                        \
            BENCH_BEGIN(name);                                                                     \
        }                                                                                          \
        wait_for_irq();                                                                            \
        BENCH_END(name);                                                                           \
        come_back();                                                                               \
        if (!(first)) {                                                                            \
            dirty();                                                                               \
            channel_ring();                                                                        \
            BENCH_BEGIN(name);                                                                     \
        }                                                                                          \
    }

static void turns(uint32_t self)
{
    BENCH_TURNS(context_switch, self == LEFT, dirty_none);
    BENCH_TURNS(context_switch_fp, self == LEFT, dirty_fp);
    if (has_vectors()) {
        BENCH_TURNS(context_switch_v, self == LEFT, dirty_v);
    }
}

static void slices(uint32_t self)
{
    for (uint32_t round = 0; round < BENCH_ROUNDS; round++) {
        if (self == LEFT) {
            atomic_store(&steps->turn, RIGHT);
            BENCH_BEGIN(slice_end);
        }
        while (atomic_load(&steps->turn) != self) {
            relax();
        }
        BENCH_END(slice_end);
        if (self == RIGHT) {
            atomic_store(&steps->turn, LEFT);
            BENCH_BEGIN(slice_end);
        }
    }
}

/* The peer waits in its last turn until it is rung. */
static void run(uint32_t self)
{
    turns(self);
    if (self == LEFT) {
        channel_ring();
    } else {
        wait_for_irq();
        come_back();
    }
    slices(self);
}

void bench_switches(void)
{
    if (!channel_open(channel_on_bell, true)) {
        guest_panic("bench: no channel to take turns by\n");
    }
    bench_empty();
    run(LEFT);
}

void switch_peer_run(void)
{
    if (!channel_open(channel_on_bell, false)) {
        guest_panic("bench: no channel to take turns by\n");
    }
    run(RIGHT);
    idle_run();
}
