/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is measured between two markers, in the order of the markers' numbers: row i begins with
 * marker 2i and ends with 2i + 1, from i = 1. tests/bench/bench.py reads the names from here.
 */
#ifndef GUESTS_BENCH_ROWS_H
#define GUESTS_BENCH_ROWS_H

/* clang-format off */
#define BENCH_ROWS(row)                                                                           \
    row(empty)                                                                                    \
    row(sbi_get_spec_version)                                                                     \
    row(sbi_set_timer)                                                                            \
    row(sbi_unknown)                                                                              \
    row(ipi_self)                                                                                 \
    row(msi_self)                                                                                 \
    row(rfence_i_self)                                                                            \
    row(irqchip_read)                                                                             \
    row(wired_irq_level)                                                                          \
    row(wired_irq_edge)                                                                           \
    row(timer_irq)                                                                                \
    row(doorbell_send)                                                                            \
    row(doorbell_receive)                                                                         \
    row(message_send)                                                                             \
    row(message_receive)                                                                          \
    row(context_switch)                                                                           \
    row(context_switch_fp)                                                                        \
    row(context_switch_v)                                                                         \
    row(slice_end)                                                                                \
    row(ipi_send)                                                                                 \
    row(wake_shared_ipi)                                                                          \
    row(wake_shared_doorbell)                                                                     \
    row(wake_shared_timer)                                                                        \
    row(wake_own_ipi)                                                                             \
    row(wake_own_doorbell)                                                                        \
    row(wake_own_timer)                                                                           \
    /* tests/bench/items.c: once each */                                                          \
    row(linux_init)                                                                               \
    row(linux_alu)                                                                                \
    row(linux_walk)                                                                               \
    row(linux_getpid)                                                                             \
    row(linux_fork)                                                                               \
    row(linux_pipe)                                                                               \
    row(linux_touch)                                                                              \
    row(linux_hash)                                                                               \
    row(linux_idle)                                                                               \
    row(linux_console)
/* clang-format on */

enum bench_row {
    BENCH_NONE,
#define BENCH_ENUM(name) ROW_##name,
    BENCH_ROWS(BENCH_ENUM)
};

#define BENCH_ROUNDS 64

#endif
