/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's 16550 UART. Transmission is polled and bounded: a transmitter that never empties
 * loses characters, not the machine. Received characters are taken by interrupt where the machine's
 * irqchip is known, else by the console's timer.
 *
 * One device. put and flush are called by whoever has the terminal's screen, get by the one hart
 * that polls, perhaps at the same moment: it only reads.
 */
#include "drivers/uart.h"

#include "core/arch.h"
#include "core/io.h"
#include "core/irqchip.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/timer.h"

#include <stddef.h>

/* Register numbers and bits of the 16550 [TI PC16550D data sheet]. */
#define UART_RBR 0u /* read */
#define UART_THR 0u /* write */
#define UART_IER 1u
#define UART_IIR 2u /* read */
#define UART_FCR 2u /* write */
#define UART_LCR 3u
#define UART_MCR 4u
#define UART_LSR 5u

#define IER_RX   0x01u
#define FCR_ON   0x01u
#define IIR_ID   0x0fu
#define IIR_LATE 0x0cu /* received, but not enough and no more came: the time-out */
#define IIR_FIFO 0xc0u /* both: there is a FIFO, and it is on */
#define LCR_DLAB 0x80u
#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT2 0x08u /* lets the interrupt out on PCs */
#define LSR_RX   0x01u
#define LSR_OE   0x02u /* cleared when it is read */
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u

#define FIFO_BYTES 16u
#define WAIT_US    20000u /* 16 characters at 9600 baud take 17 ms */

static struct {
    volatile char *regs;
    uint32_t shift;
    uint32_t width;  /* 1 or 4 */
    uint32_t fifo;   /* characters it takes when THRE says empty */
    uint32_t credit; /* characters that surely still fit */
    struct host_irq irq;
    struct uart_ops ops;
} uart;

static uint8_t reg_read(uint32_t reg)
{
    uint64_t offset = (uint64_t)reg << uart.shift;

    return uart.width == 4 ? (uint8_t)io_read32(uart.regs, offset) : io_read8(uart.regs, offset);
}

static void reg_write(uint32_t reg, uint8_t value)
{
    uint64_t offset = (uint64_t)reg << uart.shift;

    if (uart.width == 4) {
        io_write32(uart.regs, offset, value);
    } else {
        io_write8(uart.regs, offset, value);
    }
}

static uint8_t status(void)
{
    uint8_t lsr = reg_read(UART_LSR);

    if ((lsr & LSR_OE) != 0) {
        console_overrun();
    }
    return lsr;
}

/* Until all bits are set in LSR, or WAIT_US are over. */
static void wait_lsr(uint8_t bits)
{
    uint64_t limit = 0;

    while ((status() & bits) != bits) {
        uint64_t now = arch_now();

        if (limit == 0) {
            limit = now + us_to_ticks(WAIT_US);
        } else if (now >= limit) {
            return;
        }
        arch_relax();
    }
}

static void ns16550_put(char c)
{
    if (uart.credit == 0) {
        wait_lsr(LSR_THRE);
        uart.credit = uart.fifo;
    }
    reg_write(UART_THR, (uint8_t)c);
    uart.credit--;
}

static int ns16550_get(void)
{
    return (status() & LSR_RX) != 0 ? reg_read(UART_RBR) : -1;
}

static void ns16550_flush(void)
{
    wait_lsr(LSR_THRE | LSR_TEMT);
}

/* DesignWare's may tell of a time-out with nothing there, again and again until RBR is read. */
static void rx_handler(struct host_irq *irq)
{
    if ((reg_read(UART_IIR) & IIR_ID) == IIR_LATE && (status() & LSR_RX) == 0) {
        (void)reg_read(UART_RBR);
    }
    console_poll();
    machine.irqchip.ops->complete(irq);
}

/* Of a full FIFO the sender is told by RTS, if it looks; QEMU sees for itself. */
static void ns16550_hold_rx(bool hold)
{
    reg_write(UART_MCR, hold ? MCR_DTR | MCR_OUT2 : MCR_DTR | MCR_RTS | MCR_OUT2);
    if (uart.ops.rx_irq != NULL) {
        reg_write(UART_IER, hold ? 0 : (uint8_t)IER_RX);
    }
}

/* Of an interrupt that is another controller's than Curia's nothing can be heard. */
static bool find_irq(const struct board_device *dev)
{
    if (machine.irqchip.ops == NULL || dev->irq_count == 0 || machine.hart_count == 0 ||
        dev->irqs[0].parent != machine.irqchip.phandle) {
        return false;
    }
    uart.irq.source = dev->irqs[0].source;
    uart.irq.trigger = (enum irq_trigger)dev->irqs[0].trigger;
    uart.irq.hart = machine.harts[0];
    uart.irq.handler = rx_handler;
    return true;
}

static bool ns16550_take_rx_irq(void)
{
    if (machine.irqchip.ops->attach(&uart.irq) != ERR_OK) {
        return false;
    }
    uart.ops.rx_irq = &uart.irq;
    machine.irqchip.ops->enable(&uart.irq);
    reg_write(UART_IER, IER_RX);
    return true;
}

static bool known(const struct board_device *dev)
{
    static const char *const names[] = {"ns16550a",         "ns16550",           "ns8250",
                                        "snps,dw-apb-uart", "intel,xscale-uart", "mrvl,mmp-uart"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (board_is(dev, names[i])) {
            return true;
        }
    }
    return false;
}

const struct uart_ops *uart_ns16550_open(const struct board *board, const struct board_device *dev)
{
    uint32_t offset;

    if (!known(dev) || dev->reg_count == 0) {
        return NULL;
    }
    uart.shift = board_u32(board, dev, "reg-shift", 0);
    uart.width = board_u32(board, dev, "reg-io-width", 1);
    offset = board_u32(board, dev, "reg-offset", 0);
    if ((uart.width != 1 && uart.width != 4) || uart.shift > 4 ||
        (uart.width == 4 && (uart.shift < 2 || offset % 4 != 0)) ||
        dev->regs[0].size < offset + (8ull << uart.shift)) {
        log_warn("%s: reg-shift, reg-io-width or reg makes no sense: left alone", dev->path_tail);
        return NULL;
    }
    uart.regs = arch_map_device(hpa(dev->regs[0].start), dev->regs[0].size);
    if (uart.regs == NULL) {
        return NULL;
    }
    uart.regs += offset;

    /* DesignWare's refuses writes to LCR while busy, so only when it must be. */
    ns16550_flush();
    if ((reg_read(UART_LCR) & LCR_DLAB) != 0) {
        reg_write(UART_LCR, reg_read(UART_LCR) & (uint8_t)~LCR_DLAB);
    }
    reg_write(UART_IER, 0);
    reg_write(UART_FCR, FCR_ON);
    uart.fifo = (reg_read(UART_IIR) & IIR_FIFO) == IIR_FIFO ? FIFO_BYTES : 1;
    reg_write(UART_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);

    uart.ops = (struct uart_ops){
        .put = ns16550_put,
        .get = ns16550_get,
        .flush = ns16550_flush,
        .hold_rx = ns16550_hold_rx,
    };
    if (find_irq(dev)) {
        uart.ops.take_rx_irq = ns16550_take_rx_irq;
    }
    return &uart.ops;
}
