/* SPDX-License-Identifier: BSD-2-Clause */
/* System suspend of this VM alone. [SBI 3.0, System Suspend Extension] */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/lib/irq.h"
#include "guests/lib/mmio.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stddef.h>

#define ERR(name) ((uint64_t)(int64_t)SBI_##name)
#define SLEEP_US  20000u
#define UART_IER  1u

/* Written by susp_probe_entry in harts_asm.S. */
struct susp_seen {
    uint64_t a0, a1, satp, sstatus;
};
extern struct susp_seen susp_seen;
void susp_probe_entry(void);

struct susp_seen susp_seen;
static volatile uint64_t flag;

static uint64_t error_of(uint64_t type, uint64_t resume)
{
    return (uint64_t)sbi_call(SBI_EXT_SUSP, SBI_SUSP_SUSPEND, type, resume, 0, 0).error;
}

static void test_errors(void)
{
    uint64_t entry = (uint64_t)(uintptr_t)susp_probe_entry;

    (void)tap_eq(error_of(1, entry), ERR(ERR_INVALID_PARAM), "SUSP: a reserved type");
    (void)tap_eq(error_of(SBI_SUSP_SLEEP_PLATFORM - 1, entry), ERR(ERR_INVALID_PARAM),
                 "SUSP: the last reserved type");
    (void)tap_eq(error_of(SBI_SUSP_SLEEP_PLATFORM, entry), ERR(ERR_INVALID_PARAM),
                 "SUSP: a type of the platform that it does not have");
    if (board.curia) {
        (void)tap_eq(error_of(SBI_SUSP_SLEEP_TO_RAM, NOWHERE), ERR(ERR_INVALID_ADDRESS),
                     "SUSP: resume nowhere");
        (void)tap_eq(error_of(SBI_SUSP_SLEEP_TO_RAM, 0x10000000), ERR(ERR_INVALID_ADDRESS),
                     "SUSP: resume in a device");
    }
    (void)tap_eq((uint64_t)sbi_call(SBI_EXT_SUSP, 1, 0, entry, 0, 0).error, ERR(ERR_NOT_SUPPORTED),
                 "SUSP: no such function");
}

/* Sleeps until the timer; every register that a call keeps has to be what it was. */
static void test_timer_wakes(void)
{
    uint64_t due;
    bool on;

    susp_seen = (struct susp_seen){.satp = 1, .sstatus = SSTATUS_SIE};
    hart_self()->on_timer = NULL;
    due = time_now() + ticks_of_us(SLEEP_US);
    timer_set(due);
    csr_set(CSR_SIE, 1u << IRQ_S_TIMER);
    (void)tap_eq((uint64_t)guest_sleep_at(susp_probe_entry), 0, "SUSP: it sleeps");
    (void)tap_ok(time_now() >= due, "SUSP: its timer wakes it, not earlier");
    (void)tap_eq(susp_seen.a0, hart_self()->id, "SUSP: a0 is the hart's id");
    (void)tap_eq(susp_seen.a1, (uint64_t)(uintptr_t)hart_self(), "SUSP: a1 is the opaque value");
    on = (susp_seen.sstatus & SSTATUS_SIE) != 0;
    (void)tap_ok(susp_seen.satp == 0 && !on, "SUSP: satp and SIE are clear");
    (void)tap_ok((csr_read(CSR_SIP) & 1u << IRQ_S_TIMER) != 0, "SUSP: what woke it is pending");
    (void)tap_eq((uint64_t)guest_sleep(), 0, "SUSP: what is pending already ends it at once");
    timer_set(UINT64_MAX);
    csr_clear(CSR_SIE, 1u << IRQ_S_TIMER);
}

/* Pending and not enabled does not wake: the timer does, in its time. */
static void test_disabled(void)
{
    uint64_t due = time_now() + ticks_of_us(SLEEP_US);

    if (!board.sstc) {
        tap_skip("SUSP: a soft interrupt that is disabled", "the timer call takes time's place");
        return;
    }
    csr_write(CSR_SIE, 1u << IRQ_S_TIMER);
    csr_set(CSR_SIP, 1u << IRQ_S_SOFT);
    timer_set(due);
    (void)guest_sleep();
    (void)tap_ok(time_now() >= due, "SUSP: a soft interrupt that is disabled does not wake it");
    timer_set(UINT64_MAX);
    csr_clear(CSR_SIP, 1u << IRQ_S_SOFT);
    csr_clear(CSR_SIE, 1u << IRQ_S_TIMER);
}

static volatile uint64_t uart_irqs;

static void on_uart(void *unused)
{
    (void)unused;
    uart_irqs++;
    mmio_write8(board.uart.start + UART_IER, 0);
}

/* A wired source through the interrupt controller, whose state has to survive the sleep. */
static void test_wired(void)
{
    if (!irq_init() || board.uart.size == 0 ||
        !irq_attach(board.uart_irq, hart_self()->index, on_uart, NULL)) {
        return;
    }
    mmio_write8(board.uart.start + UART_IER, 2); /* the transmitter is empty */
    (void)tap_eq((uint64_t)guest_sleep(), 0, "SUSP: a wired interrupt wakes it");
    irqs_on();
    (void)tap_ok(wait_for(&uart_irqs, 1), "SUSP: and is taken after that");
    (void)irqs_off();
    irq_detach(board.uart_irq);
    csr_clear(CSR_SIE, 1u << IRQ_S_EXT);
}

static void set_flag(void *unused)
{
    (void)unused;
    flag++;
}

static void test_siblings(uint32_t other)
{
    uint64_t entry = (uint64_t)(uintptr_t)susp_probe_entry;

    flag = 0;
    (void)job_start(other, set_flag, NULL);
    (void)wait_for(&flag, 1);
    (void)tap_eq(error_of(SBI_SUSP_SLEEP_TO_RAM, entry), ERR(ERR_DENIED),
                 "SUSP: not while another hart is started");
    (void)tap_ok(job_stop(other), "SUSP: the other hart stops");
    test_timer_wakes();
    (void)tap_eq(sbi_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, guest_harts[other].id, 0, 0, 0).value,
                 SBI_HSM_STATE_STOPPED, "SUSP: the other hart is still stopped");
    (void)job_start(other, set_flag, NULL);
    (void)tap_ok(wait_for(&flag, 2), "SUSP: and starts again");
    (void)job_wait(other);
    (void)job_stop(other);
}

void test_susp(void)
{
    if (!sbi_probe(SBI_EXT_SUSP)) {
        tap_skip("SUSP", "not offered");
        return;
    }
    test_errors();
    test_timer_wakes();
    test_disabled();
    test_wired();
    if (board.hart_count > 1) {
        test_siblings(hart_self()->index == 0 ? 1 : 0);
    }
}
