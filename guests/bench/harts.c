/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPIs and remote fences to 1, 3 and 7 harts of this guest, which run meanwhile. Each is measured
 * twice: what the caller spends (..._send), and, for the sum over all harts, until every target has
 * said in memory that it has been through (..._all). Targets are started when they are needed:
 * those that run for nothing would take the host's time.
 */
#include "guests/bench/bench.h"
#include "guests/bench/channel.h"
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/irq.h"
#include "guests/lib/sbi_call.h"

#include <stddef.h>

#define TARGETS_MAX (GUEST_HARTS - 1)

/* Of one hart, in a cache line of its own. */
struct target {
    _Alignas(64) _Atomic uint32_t beats; /* counts for ever, in the guest */
    _Atomic uint32_t irqs;               /* IPIs and MSIs taken */
};

static struct target targets[GUEST_HARTS]; /* by the hart's index */
static uint64_t mask;                      /* ids of those that run */
static uint32_t indices[TARGETS_MAX], count, msi;
static _Alignas(4096) char page[4096];

/* ---- a target -------------------------------------------------------------------------------- */

static void on_soft(struct guest_hart *self)
{
    atomic_fetch_add(&targets[self->index].irqs, 1);
}

static void on_msi(void *unused)
{
    (void)unused;
    on_soft(hart_self());
}

static void run(struct guest_hart *self)
{
    (void)irq_init();
    self->on_soft = on_soft;
    csr_set(CSR_SIE, 1u << IRQ_S_SOFT);
    irqs_on();
    for (;;) {
        atomic_fetch_add(&targets[self->index].beats, 1);
        relax();
    }
}

/* A beat from now on: it is in the guest, and done with what came before. */
static void until_beat(uint32_t index)
{
    uint32_t now = atomic_load(&targets[index].beats);

    while (atomic_load(&targets[index].beats) == now) {
        relax();
    }
}

static void start_up_to(uint32_t wanted)
{
    for (; count < wanted; count++) {
        uint32_t index = (hart_self()->index + 1 + count) % board.hart_count;

        if (guest_hart_start(index, run) != SBI_SUCCESS) {
            guest_panic("bench: hart %u does not start\n", (unsigned)index);
        }
        indices[count] = index;
        mask |= 1ull << guest_harts[index].id;
        until_beat(index);
    }
}

/* ---- the caller ------------------------------------------------------------------------------ */

static uint32_t sent; /* of IPIs and MSIs, to each target */
static uint32_t at_start[GUEST_HARTS];

static void send_ipi(void)
{
    (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, mask, 0, 0, 0);
}

static void send_msi(void)
{
    for (uint32_t i = 0; i < count; i++) {
        irq_send_msi(indices[i], msi);
    }
}

static void until_taken(void)
{
    sent++;
    for (uint32_t i = 0; i < count; i++) {
        until(&targets[indices[i]].irqs, at_start[indices[i]] + sent);
    }
}

static void fence_i(void)
{
    (void)sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, mask, 0, 0, 0);
}

static void fence_page(void)
{
    (void)sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, mask, 0, (uint64_t)(uintptr_t)page,
                   sizeof(page));
}

/* The call has waited until each was out of the guest, or further: a beat is behind the fence. */
static void until_fenced(void)
{
    for (uint32_t i = 0; i < count; i++) {
        until_beat(indices[i]);
    }
}

#define BENCH_TWICE(what, n, call, settle)                                                         \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        BENCH_BEGIN(what##_send_##n);                                                              \
        call;                                                                                      \
        BENCH_END(what##_send_##n);                                                                \
        settle;                                                                                    \
    }                                                                                              \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        BENCH_BEGIN(what##_all_##n);                                                               \
        call;                                                                                      \
        settle;                                                                                    \
        BENCH_END(what##_all_##n);                                                                 \
    }

static void begin_counting(void)
{
    sent = 0;
    for (uint32_t i = 0; i < count; i++) {
        at_start[indices[i]] = atomic_load(&targets[indices[i]].irqs);
    }
}

#define BENCH_TARGETS(n)                                                                           \
    start_up_to(n);                                                                                \
    begin_counting();                                                                              \
    BENCH_TWICE(ipi, n, send_ipi(), until_taken());                                                \
    if (msi != 0) {                                                                                \
        BENCH_TWICE(msi, n, send_msi(), until_taken());                                            \
    }                                                                                              \
    BENCH_TWICE(rfence_i, n, fence_i(), until_fenced());                                           \
    BENCH_TWICE(rfence_page, n, fence_page(), until_fenced())

void bench_targets(void)
{
    if (board.hart_count < GUEST_HARTS) {
        return;
    }
    msi = irq_attach_msi(on_msi, NULL);
    BENCH_TARGETS(1);
    BENCH_TARGETS(3);
    BENCH_TARGETS(7);
}
