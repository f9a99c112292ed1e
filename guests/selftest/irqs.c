/* SPDX-License-Identifier: BSD-2-Clause */
/* External interrupts: MSIs between harts, wired ones by the UART (level) and by software (edge).
 */
#include "guests/lib/irq.h"
#include "guests/lib/irq_regs.h"

#include "guests/lib/csr.h"
#include "guests/lib/mmio.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stddef.h>

#define UART_IER 1u
#define UART_IIR 2u

static volatile uint64_t taken[GUEST_HARTS];
static volatile uint64_t uart_irqs, uart_iir, edge_irqs, listening;

static void on_msi(void *unused)
{
    (void)unused;
    taken[hart_self()->index]++;
}

static void on_uart(void *unused)
{
    (void)unused;
    uart_iir = mmio_read8(board.uart.start + UART_IIR);
    uart_irqs++;
    mmio_write8(board.uart.start + UART_IER, 0);
}

static void on_edge(void *unused)
{
    (void)unused;
    edge_irqs++;
}

static void listen_for_msi(void *arg)
{
    uint64_t want = *(const uint64_t *)arg;
    uint32_t self = hart_self()->index;

    (void)irq_init();
    listening = 1;
    while (taken[self] < want) {
        irqs_wait();
    }
}

static void test_msi(void)
{
    uint32_t self = hart_self()->index;
    uint32_t id = irq_attach_msi(on_msi, NULL);
    static uint64_t want = 5;

    (void)tap_ok(id != 0, "an identity for MSIs");
    irq_send_msi(self, id);
    (void)tap_ok((csr_read(CSR_SIP) & (1u << IRQ_S_EXT)) != 0, "an MSI to self is pending");
    (void)tap_eq(csr_read(CSR_STOPEI) >> 16, id, "stopei tells its identity");
    irqs_on();
    (void)tap_ok(wait_for(&taken[self], 1), "it arrives");
    (void)irqs_off();
    (void)tap_eq(csr_read(CSR_STOPEI), 0, "stopei is empty");
    irq_send_msi(self, 0);
    irq_send_msi(self, 0x7ff + 1);
    pause_us(100);
    (void)tap_eq(csr_read(CSR_STOPEI), 0, "MSIs of no identity are ignored");
    for (uint32_t other = 0; other < board.hart_count; other++) {
        if (other == self) {
            continue;
        }
        listening = 0;
        (void)job_start(other, listen_for_msi, &want);
        (void)wait_for(&listening, 1);
        for (uint64_t i = 1; i <= want; i++) {
            irq_send_msi(other, id);
            (void)wait_for(&taken[other], i);
        }
        (void)tap_eq(taken[other], want, "MSIs to hart %u arrive", (unsigned)other);
        (void)job_wait(other);
        (void)job_stop(other);
    }
}

static void test_uart(uint32_t hart_index)
{
    uint64_t before = uart_irqs;

    mmio_write8(board.uart.start + UART_IER, 0);
    if (!tap_ok(irq_attach(board.uart_irq, hart_index, on_uart, NULL), "UART: source %u",
                (unsigned)board.uart_irq.source)) {
        return;
    }
    for (uint64_t round = 1; round <= 3; round++) {
        mmio_write8(board.uart.start + UART_IER, 2);
        irqs_on();
        (void)tap_ok(wait_for(&uart_irqs, before + round), "UART: transmitter empty arrives");
        (void)irqs_off();
    }
    (void)tap_eq(uart_iir & 0xf, 2, "UART: IIR says so");
    pause_us(2000);
    irqs_on();
    pause_us(100);
    (void)irqs_off();
    (void)tap_eq(uart_irqs, before + 3, "UART: once each");
    irq_detach(board.uart_irq);
    mmio_write8(board.uart.start + UART_IER, 2);
    irqs_on();
    pause_us(1000);
    (void)irqs_off();
    mmio_write8(board.uart.start + UART_IER, 0);
    (void)tap_eq(uart_irqs, before + 3, "UART: not when it is disabled");
}

/* The source of power events is an edge: software may make one. */
static void test_edge(void)
{
    if (!board.curia || board.imsic_ids == 0) {
        tap_skip("an edge by setipnum", "needs Curia's edge source on an APLIC");
        return;
    }
    (void)tap_eq(mmio_read32(board.aplic.start + APLIC_DOMAINCFG) & 0xff000104u, 0x80000104u,
                 "APLIC: domaincfg");
    (void)tap_ok(irq_attach(board.power_irq, hart_self()->index, on_edge, NULL),
                 "APLIC: edge source");
    mmio_write32(board.aplic.start + APLIC_SETIPNUM, board.power_irq.source);
    irqs_on();
    (void)tap_ok(wait_for(&edge_irqs, 1), "APLIC: setipnum makes it arrive");
    pause_us(500);
    (void)irqs_off();
    (void)tap_eq(edge_irqs, 1, "APLIC: once");
    mmio_write32(board.aplic.start + APLIC_SETIPNUM, 0);
    mmio_write32(board.aplic.start + APLIC_SETIPNUM, 1023);
    mmio_write32(board.aplic.start + APLIC_SETIPNUM, UINT32_MAX);
    irq_detach(board.power_irq);
}

void test_irqs(void)
{
    if (!irq_init()) {
        tap_skip("external interrupts", "no controller that is known");
        return;
    }
    if (board.imsic_ids != 0) {
        test_msi();
    }
    if (board.uart.size != 0) {
        test_uart(hart_self()->index);
    }
    test_edge();
    csr_clear(CSR_SIE, 1u << IRQ_S_EXT);
}
