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
    row(linux_console)                                                                            \
    row(message_send_8)                                                                           \
    row(message_send_1024)                                                                        \
    row(message_send_4096)                                                                        \
    row(message_receive_8)                                                                        \
    row(message_receive_1024)                                                                     \
    row(message_receive_4096)                                                                     \
    row(message_trip_8)                                                                           \
    row(message_trip_64)                                                                          \
    row(message_trip_1024)                                                                        \
    row(message_trip_4096)                                                                        \
    row(shmem_trip)                                                                               \
    row(hsm_start)                                                                                \
    row(hsm_stop)                                                                                 \
    row(hsm_status)                                                                               \
    row(hsm_suspend)                                                                              \
    row(ipi_send_1)                                                                               \
    row(ipi_send_3)                                                                               \
    row(ipi_send_7)                                                                               \
    row(ipi_all_1)                                                                                \
    row(ipi_all_3)                                                                                \
    row(ipi_all_7)                                                                                \
    row(msi_send_1)                                                                               \
    row(msi_send_3)                                                                               \
    row(msi_send_7)                                                                               \
    row(msi_all_1)                                                                                \
    row(msi_all_3)                                                                                \
    row(msi_all_7)                                                                                \
    row(rfence_i_send_1)                                                                          \
    row(rfence_i_send_3)                                                                          \
    row(rfence_i_send_7)                                                                          \
    row(rfence_i_all_1)                                                                           \
    row(rfence_i_all_3)                                                                           \
    row(rfence_i_all_7)                                                                           \
    row(rfence_page_send_1)                                                                       \
    row(rfence_page_send_3)                                                                       \
    row(rfence_page_send_7)                                                                       \
    row(rfence_page_all_1)                                                                        \
    row(rfence_page_all_3)                                                                        \
    row(rfence_page_all_7)                                                                        \
    row(first_touch)                                                                              \
    row(mmio_read_uart_lsr)                                                                       \
    row(mmio_read_uart_scr)                                                                       \
    row(mmio_write_uart_scr)                                                                      \
    row(mmio_write_uart_thr)                                                                      \
    row(mmio_write_uart_newline)                                                                  \
    row(mmio_read_key_status)                                                                     \
    row(mmio_read_key_config)                                                                     \
    row(mmio_write_key_queue_sel)                                                                 \
    row(mmio_read_plic_priority)                                                                  \
    row(mmio_write_plic_priority)                                                                 \
    row(mmio_write_plic_enable)                                                                   \
    row(mmio_write_plic_threshold)                                                                \
    row(mmio_write_plic_line_priority)                                                            \
    row(mmio_write_plic_line_enable)                                                              \
    row(mmio_read_aplic_sourcecfg)                                                                \
    row(mmio_write_aplic_sourcecfg)                                                               \
    row(mmio_write_aplic_setie)                                                                   \
    row(mmio_write_aplic_setienum)                                                                \
    row(mmio_write_aplic_target)                                                                  \
    row(mmio_write_aplic_line_sourcecfg)                                                          \
    row(mmio_write_aplic_line_setienum)                                                           \
    row(vmm_info)                                                                                 \
    row(vm_start)                                                                                 \
    row(vm_stop)                                                                                  \
    row(vm_restart) \
    row(rt_timer)                                                                                 \
    row(rt_wired)                                                                                 \
    row(rt_doorbell)                                                                              \
    row(rt_heartbeat)                                                                             \
    row(rt_print) \
    row(source_read)                                                                              \
    row(source_write)                                                                             \
    row(source_enable)                                                                            \
    row(uart_irq)                                                                                 \
    row(irq_claim)                                                                                \
    row(irq_complete)
/* clang-format on */

enum bench_row {
    BENCH_NONE,
#define BENCH_ENUM(name) ROW_##name,
    BENCH_ROWS(BENCH_ENUM)
};

#define BENCH_ROUNDS    64
#define BENCH_RT_ROUNDS 64 /* of each rt_ row, for each way of hammering */

#endif
