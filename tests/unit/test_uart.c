/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/timer.c core/hart.c */
/*
 * The 16550 driver on registers that are plain memory: placement (reg-shift, reg-io-width,
 * reg-offset), refusal of what makes no sense, bounded waits. The port and the board are stand-ins
 * of this file, because registers must be where the test can see them; and so are the accesses,
 * because a read can be the point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/arch.h"
#include "core/log.h"
#include "core/machine.h"

#include <string.h>

#define CORE_IO_H
static uint32_t io_read32(const volatile void *base, uint64_t offset);
static uint8_t io_read8(const volatile void *base, uint64_t offset);
static void io_write32(volatile void *base, uint64_t offset, uint32_t value);
static void io_write8(volatile void *base, uint64_t offset, uint8_t value);

#include "drivers/uart_ns16550.c" /* NOLINT: for its accesses */

#define LSR_READY 0x61 /* transmitter empty, a character received */

struct machine machine;

static _Alignas(8) uint8_t regs[256];
static uint64_t now;
static struct {
    uint32_t shift, width, offset;
} props;
static const char *compatible;
static bool irq_enabled, irq_completed, polled;
static struct host_irq *attached;

static uint32_t rbr_reads, overruns;

static uint8_t io_read8(const volatile void *base, uint64_t offset)
{
    rbr_reads += offset == 0 ? 1 : 0;
    return ((const volatile uint8_t *)base)[offset];
}

static void io_write8(volatile void *base, uint64_t offset, uint8_t value)
{
    ((volatile uint8_t *)base)[offset] = value;
}

static uint32_t io_read32(const volatile void *base, uint64_t offset)
{
    return ((const volatile uint32_t *)base)[offset / 4];
}

static void io_write32(volatile void *base, uint64_t offset, uint32_t value)
{
    ((volatile uint32_t *)base)[offset / 4] = value;
}

void *arch_map_device(hpa_t base, uint64_t size)
{
    assert_int_equal(base.v, 0x10000000);
    assert_true(size <= sizeof(regs));
    return regs;
}

uint64_t arch_now(void)
{
    return now++;
}

void arch_relax(void)
{
}

struct hart *arch_hart_self(void)
{
    return NULL;
}

void arch_hart_kick(struct hart *hart)
{
    (void)hart;
}

void arch_harts_kick(struct hart *const harts[], uint32_t count)
{
    (void)harts;
    (void)count;
}

void arch_hart_timer(uint64_t deadline)
{
    (void)deadline;
}

void console_poll(void)
{
    polled = true;
}

void console_overrun(void)
{
    overruns++;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

bool board_is(const struct board_device *dev, const char *name)
{
    (void)dev;
    return strcmp(name, compatible) == 0;
}

uint32_t board_u32(const struct board *board, const struct board_device *dev, const char *name,
                   uint32_t fallback)
{
    (void)board;
    (void)dev;
    if (strcmp(name, "reg-shift") == 0) {
        return props.shift;
    }
    if (strcmp(name, "reg-io-width") == 0) {
        return props.width != 0 ? props.width : fallback;
    }
    return props.offset;
}

static enum err attach(struct host_irq *irq)
{
    attached = irq;
    return ERR_OK;
}

static void enable(struct host_irq *irq)
{
    assert_ptr_equal(irq, attached);
    irq_enabled = true;
}

static void complete(struct host_irq *irq)
{
    assert_ptr_equal(irq, attached);
    irq_completed = true;
}

static const struct irqchip_ops chip = {.attach = attach, .enable = enable, .complete = complete};

static const struct uart_ops *open_uart(uint64_t size)
{
    static struct board board;
    struct board_device dev = {
        .path_tail = "serial@10000000",
        .reg_count = 1,
        .irq_count = 1,
        .regs = {{0x10000000, size}},
        .irqs = {{.parent = 7, .source = 10, .trigger = IRQ_LEVEL_HIGH}},
    };

    return uart_ns16550_open(&board, &dev);
}

static int setup(void **state)
{
    (void)state;
    memset(regs, 0, sizeof(regs));
    memset(&props, 0, sizeof(props));
    memset(&machine, 0, sizeof(machine));
    machine.timebase_hz = 1000000;
    compatible = "ns16550a";
    attached = NULL;
    irq_enabled = irq_completed = polled = false;
    overruns = 0;
    return 0;
}

static void test_bytes(void **state)
{
    const struct uart_ops *ops;

    (void)state;
    regs[5] = LSR_READY;
    regs[3] = 0x83; /* DLAB left on */
    ops = open_uart(256);
    assert_non_null(ops);
    assert_int_equal(regs[3], 0x03);
    assert_int_equal(regs[1], 0);
    ops->put('x');
    assert_int_equal(regs[0], 'x');
    regs[0] = 0xe4;
    assert_int_equal(ops->get(), 0xe4);
    assert_int_equal(overruns, 0);
    regs[5] = 0x63;
    assert_int_equal(ops->get(), 0xe4);
    assert_int_equal(overruns, 1);
    ops->flush(); /* whoever reads it there has seen it for all */
    assert_int_equal(overruns, 2);
    regs[5] = 0x60;
    assert_int_equal(ops->get(), -1);
    assert_null(ops->take_rx_irq);
    ops->hold_rx(true);
    assert_int_equal(regs[4], 0x09);
    assert_int_equal(regs[1], 0);
    ops->hold_rx(false);
    assert_int_equal(regs[4], 0x0b);
    assert_int_equal(regs[1], 0);
}

static void test_words_shift_and_offset(void **state)
{
    const struct uart_ops *ops;

    (void)state;
    props.shift = 2;
    props.width = 4;
    props.offset = 0x40;
    compatible = "snps,dw-apb-uart";
    regs[0x40 + 5 * 4] = LSR_READY;
    ops = open_uart(0x100);
    assert_non_null(ops);
    ops->put('y');
    assert_int_equal(regs[0x40], 'y');
    assert_int_equal(regs[0x40 + 4 * 4], 0x0b);
}

static void test_refused(void **state)
{
    (void)state;
    regs[5] = LSR_READY;
    compatible = "arm,pl011";
    assert_null(open_uart(256));
    compatible = "ns16550a";
    props.width = 2;
    assert_null(open_uart(256));
    props.width = 4; /* with reg-shift 0 */
    assert_null(open_uart(256));
    props.width = 1;
    props.shift = 31;
    assert_null(open_uart(256));
    props.shift = 0;
    assert_null(open_uart(7));
    props.offset = 0xfffffff0;
    assert_null(open_uart(256));
}

static void test_dead_transmitter_is_bounded(void **state)
{
    const struct uart_ops *ops;

    (void)state;
    ops = open_uart(256);
    assert_non_null(ops);
    now = 0;
    ops->put('a');
    ops->put('b');
    ops->flush();
    assert_in_range(now, 20000, 100000); /* us: 20 ms a wait */
}

static void test_interrupt(void **state)
{
    struct hart hart = {0};
    struct hart *harts[] = {&hart};
    const struct uart_ops *ops;

    (void)state;
    regs[5] = LSR_READY;
    machine.irqchip.ops = &chip;
    machine.hart_count = 1;
    machine.harts = harts;
    machine.irqchip.phandle = 6; /* the FDT's second controller, say: not the one it goes to */
    ops = open_uart(256);
    assert_non_null(ops);
    assert_null(attached);
    assert_null(ops->take_rx_irq);
    assert_null(ops->rx_irq);
    machine.irqchip.phandle = 7;
    ops = open_uart(256);
    assert_non_null(ops);
    assert_null(attached); /* it may still be a VM's */
    assert_null(ops->rx_irq);
    assert_true(ops->take_rx_irq());
    assert_int_equal(attached->source, 10);
    assert_ptr_equal(ops->rx_irq, attached);
    assert_ptr_equal(attached->hart, &hart);
    assert_true(irq_enabled);
    assert_int_equal(regs[1], 1);
    attached->handler(attached);
    assert_true(polled && irq_completed);
    ops->hold_rx(true);
    assert_int_equal(regs[1], 0);
    assert_int_equal(regs[4], 0x09); /* RTS off */
    ops->hold_rx(false);
    assert_int_equal(regs[1], 1);

    /* DesignWare's time-out with nothing there: over only once RBR is read. */
    rbr_reads = 0;
    regs[2] = 0xcc;
    attached->handler(attached);
    assert_int_equal(rbr_reads, 0); /* something is */
    regs[5] = 0x60;
    attached->handler(attached);
    assert_int_equal(rbr_reads, 1);
    regs[2] = 0xc1;
    attached->handler(attached);
    assert_int_equal(rbr_reads, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_bytes, setup),
        cmocka_unit_test_setup(test_words_shift_and_offset, setup),
        cmocka_unit_test_setup(test_refused, setup),
        cmocka_unit_test_setup(test_dead_transmitter_is_bounded, setup),
        cmocka_unit_test_setup(test_interrupt, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
