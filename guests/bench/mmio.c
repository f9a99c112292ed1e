/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One access to a register of each device that Curia emulates, and the first one to a page of RAM.
 * What changes a device's state is undone outside the window. Of the interrupt controller: of a
 * source of a virtual device (the UART), and of the line of a device that is passed through (the
 * RTC). Natively these are the board's own.
 */
#include "guests/bench/bench.h"
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/irq_regs.h"
#include "guests/lib/mmio.h"

#define UART_THR 0u
#define UART_LSR 5u
#define UART_SCR 7u

#define KEY_QUEUE_SEL 0x030u
#define KEY_STATUS    0x070u
#define KEY_CONFIG    0x100u

#define EDGE1  4u
#define LEVEL1 6u
#define ID     5u /* no handler has it, nor is it enabled */

#define PAGE      0x1000u
#define UNTOUCHED 0x500000u /* offset in RAM: behind this guest, before its FDT */

#define BENCH_UNDO(name, access, undo)                                                             \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        BENCH_BEGIN(name);                                                                         \
        access;                                                                                    \
        BENCH_END(name);                                                                           \
        undo;                                                                                      \
    }

static void bench_memory(void)
{
    const struct board_range *ram = &board.memory[0];
    volatile uint64_t *at = (volatile uint64_t *)(uintptr_t)(ram->start + UNTOUCHED);

    if (UNTOUCHED + (BENCH_ROUNDS + 1) * PAGE > ram->size) {
        guest_panic("bench: first_touch: not enough RAM\n");
    }
    BENCH_UNDO(first_touch, *at = 1, at += PAGE / sizeof(*at));
}

static void bench_uart(void)
{
    uint64_t uart = board.uart.start;

    BENCH(mmio_read_uart_lsr, (void)mmio_read8(uart + UART_LSR));
    BENCH(mmio_read_uart_scr, (void)mmio_read8(uart + UART_SCR));
    BENCH(mmio_write_uart_scr, mmio_write8(uart + UART_SCR, 1));
    BENCH(mmio_write_uart_thr, mmio_write8(uart + UART_THR, 'x'));
    mmio_write8(uart + UART_THR, '\n');
    for (uint32_t round = 0; round < BENCH_ROUNDS; round++) {
        mmio_write8(uart + UART_THR, 'x');
        BENCH_BEGIN(mmio_write_uart_newline);
        mmio_write8(uart + UART_THR, '\n');
        BENCH_END(mmio_write_uart_newline);
    }
}

/* The virtio transport's registers; no driver has set it up. */
static void bench_key(void)
{
    uint64_t key = board.key.start;

    BENCH(mmio_read_key_status, (void)mmio_read32(key + KEY_STATUS));
    BENCH(mmio_read_key_config, (void)mmio_read8(key + KEY_CONFIG));
    BENCH(mmio_write_key_queue_sel, mmio_write32(key + KEY_QUEUE_SEL, 1));
}

static void bench_plic(void)
{
    uint32_t self = hart_self()->index;
    uint64_t priority = plic_priority(board.uart_irq.source);
    uint64_t line_priority = plic_priority(board.rtc_irq.source);
    uint64_t enable = plic_enables(self, board.uart_irq.source);
    uint64_t threshold = plic_threshold(self);
    uint32_t bit = 1u << board.uart_irq.source % 32;
    uint32_t line_bit = 1u << board.rtc_irq.source % 32;

    BENCH(mmio_read_plic_priority, (void)mmio_read32(priority));
    BENCH_UNDO(mmio_write_plic_priority, mmio_write32(priority, 1), mmio_write32(priority, 0));
    BENCH_UNDO(mmio_write_plic_enable, mmio_write32(enable, bit), mmio_write32(enable, 0));
    BENCH_UNDO(mmio_write_plic_threshold, mmio_write32(threshold, 1), mmio_write32(threshold, 0));
    if (board.rtc_irq.source / 32 != board.uart_irq.source / 32) {
        guest_panic("bench: the enable bits of UART and RTC are not in one word\n");
    }
    BENCH_UNDO(mmio_write_plic_line_priority, mmio_write32(line_priority, 1),
               mmio_write32(line_priority, 0));
    BENCH_UNDO(mmio_write_plic_line_enable, mmio_write32(enable, line_bit),
               mmio_write32(enable, 0));
}

static void bench_aplic(void)
{
    uint64_t aplic = board.aplic.start;
    uint32_t source = board.uart_irq.source;
    uint32_t line = board.rtc_irq.source;
    uint64_t sourcecfg = aplic_sourcecfg(source);
    uint64_t line_sourcecfg = aplic_sourcecfg(line);
    uint64_t target = aplic_target(source);
    uint64_t setie = aplic + APLIC_SETIE + source / 32 * 4;

    BENCH_UNDO(mmio_write_aplic_sourcecfg, mmio_write32(sourcecfg, EDGE1),
               mmio_write32(sourcecfg, 0));
    mmio_write32(sourcecfg, EDGE1);
    BENCH(mmio_read_aplic_sourcecfg, (void)mmio_read32(sourcecfg));
    BENCH_UNDO(mmio_write_aplic_target, mmio_write32(target, ID), mmio_write32(target, 0));
    BENCH_UNDO(mmio_write_aplic_setie, mmio_write32(setie, 1u << source % 32),
               mmio_write32(aplic + APLIC_CLRIENUM, source));
    BENCH_UNDO(mmio_write_aplic_setienum, mmio_write32(aplic + APLIC_SETIENUM, source),
               mmio_write32(aplic + APLIC_CLRIENUM, source));
    mmio_write32(sourcecfg, 0);
    BENCH_UNDO(mmio_write_aplic_line_sourcecfg, mmio_write32(line_sourcecfg, LEVEL1),
               mmio_write32(line_sourcecfg, 0));
    mmio_write32(line_sourcecfg, LEVEL1);
    BENCH_UNDO(mmio_write_aplic_line_setienum, mmio_write32(aplic + APLIC_SETIENUM, line),
               mmio_write32(aplic + APLIC_CLRIENUM, line));
    mmio_write32(line_sourcecfg, 0);
}

void bench_mmio(void)
{
    bench_empty();
    bench_memory();
    if (board.uart.size == 0 || board.key.size == 0 || board.rtc_irq.source == 0) {
        guest_panic("bench: mmio: a device is missing\n");
    }
    bench_uart();
    bench_key();
    if (board.imsic_ids != 0) {
        bench_aplic();
    } else if (board.plic.size != 0) {
        bench_plic();
    }
}
