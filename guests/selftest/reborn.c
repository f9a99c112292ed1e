/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The reborn: looks at each start for anything of the life before, tells the counter which life
 * this is, leaves all the residue it can on all its harts, and resets itself, cold and warm in
 * turn, until it has lived `starts` times. A message lost, doubled or late is seen by the counter,
 * which meanwhile counts what a neighbour echoes to it.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/irq.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/mmio.h"
#include "guests/lib/power.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"

#include <stddef.h>
#include <string.h>

#define UART_IER   1u
#define UART_SCR   7u
#define TICK_US    10000u    /* the counter looks at least so often */
#define SILENCE_US 60000000u /* longer than an echo takes on any machine */

static struct mailbox_memory memory[2];
static struct mailbox boxes[2];

/* ---- the reborn ---------------------------------------------------------------------------------
 */

static uint64_t selected(uint64_t select)
{
    csr_write(CSR_SISELECT, select);
    return csr_read(CSR_SIREG);
}

/* How much of the VM, this hart apart, is not as at a first start. */
static uint64_t look_around(const struct board_channel *out)
{
    uint64_t bytes;
    const volatile uint64_t *ram = (const volatile uint64_t *)(uintptr_t)free_ram(&bytes);
    uint64_t bad = csr_read(CSR_SIP) != 0;

    for (uint64_t i = 0; i < bytes / 8; i++) {
        bad += ram[i] != 0;
    }
    bad += mmio_read8(board.uart.start + UART_SCR) != 0;
    bad += mmio_read8(board.uart.start + UART_IER) != 0;
    if (board.imsic_ids != 0) {
        bad += selected(0x70) != 0;
        for (uint64_t i = 0; i <= board.imsic_ids / 64; i++) {
            bad += selected(0x80 + 2 * i) != 0;
            bad += selected(0xc0 + 2 * i) != 0;
        }
    }
    bad += sbi_call(CURIA_EXT_IPC, CURIA_IPC_MAILBOX_CLEAR, out->end, 0, 0, 0).error !=
           SBI_ERR_INVALID_STATE;
    bad += power_next().type != 0;
    for (uint32_t i = 0; i < board.hart_count; i++) {
        if (i != hart_self()->index) {
            bad += sbi_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, guest_harts[i].id, 0, 0, 0).value !=
                   SBI_HSM_STATE_STOPPED;
            bad += !job_start(i, residue_look_at_hart, &bad) || !job_wait(i);
            bad += !job_start(i, residue_dirty_hart, NULL) || !job_wait(i);
        }
    }
    return bad;
}

/* The counter may not be there yet, or have no room. */
static void tell(const struct board_channel *out, uint64_t life)
{
    int64_t e = mailbox_open(&boxes[0], out, &memory[0]);

    while (e == SBI_SUCCESS) {
        e = mailbox_send(&boxes[0], &life, sizeof(life));
        if (e == SBI_SUCCESS) {
            return;
        }
        e = e == SBI_ERR_TIMEOUT || e == SBI_ERR_INVALID_STATE ? SBI_SUCCESS : e;
        pause_us(100);
    }
    con_printf("reborn: BAD, IPC error %ld\n", (long)e);
}

void role_reborn(void)
{
    const struct board_channel *out = board_channel("lives");
    uint64_t starts = board_arg_number("starts", 10);
    uint64_t life = vm_generation();
    uint64_t bad = 0;

    residue_look_at_hart(&bad);
    if (bad != 0 || (bad = look_around(out)) != 0) {
        con_printf("reborn: BAD, life %lu: %lu things of before\n", (unsigned long)life,
                   (unsigned long)bad);
    }
    tell(out, life);
    if (life >= starts) {
        con_printf("reborn: %lu lives\n", (unsigned long)life);
        sbi_system_reset(SBI_SRST_TYPE_SHUTDOWN, SBI_SRST_REASON_NONE);
    }
    residue_scatter();
    sbi_system_reset(life % 2 == 0 ? SBI_SRST_TYPE_COLD : SBI_SRST_TYPE_WARM, SBI_SRST_REASON_NONE);
    guest_panic("panic: SRST came back");
}

/* ---- the counter --------------------------------------------------------------------------------
 */

static struct {
    uint64_t lives; /* the last that it was told of */
    uint64_t sent, echoed, since;
    uint64_t bad;
} me;

static void count_lives(void)
{
    uint64_t life;

    while (mailbox_receive(&boxes[0], &life, sizeof(life)) != 0) {
        me.bad += life != me.lives + 1;
        me.lives = life;
    }
}

/* One message on its way at a time, of any length. */
static void count_echoes(void)
{
    static uint64_t out[64], in[64];
    uint32_t bytes = 8 * (uint32_t)(1 + me.sent % 64);

    if (me.sent == me.echoed) {
        bytes = 8 * (uint32_t)(1 + (me.sent + 1) % 64);
        for (uint32_t i = 0; i < bytes / 8; i++) {
            out[i] = (me.sent + 1) << 8 | i;
        }
        if (mailbox_send(&boxes[1], out, bytes) != SBI_SUCCESS) {
            return;
        }
        me.sent++;
        me.since = time_now();
    }

    uint32_t len = mailbox_receive(&boxes[1], in, sizeof(in));

    if (len != 0) {
        me.bad += len != bytes || memcmp(in, out, len) != 0;
        me.echoed++;
    } else if (time_now() - me.since > ticks_of_us(SILENCE_US)) {
        me.bad++;
        me.echoed++;
    }
}

static void tell_counts(const char *what)
{
    con_printf("counter: %s%s, %lu lives, %lu echoes\n", what, me.bad == 0 ? "ok" : "BAD",
               (unsigned long)me.lives, (unsigned long)me.echoed);
}

static void obey(void)
{
    struct power_event event = power_next();

    if (event.type == CURIA_PWR_EV_PREPARE) {
        (void)power_answer(event.txn, CURIA_PWR_ANSWER_READY, 0);
    } else if (event.type == CURIA_PWR_EV_STOP) {
        tell_counts("verdict ");
        sbi_system_reset(SBI_SRST_TYPE_SHUTDOWN, SBI_SRST_REASON_NONE);
    }
}

static void on_irq(void *unused)
{
    (void)unused;
}

static void on_timer(struct guest_hart *self)
{
    (void)self;
    timer_set(time_now() + ticks_of_us(TICK_US));
}

static void start_counting(void)
{
    static const char *const labels[2] = {"lives", "talk"};
    bool ok = irq_init();

    for (uint32_t i = 0; i < 2; i++) {
        const struct board_channel *channel = board_channel(labels[i]);

        ok = ok && mailbox_open(&boxes[i], channel, &memory[i]) == SBI_SUCCESS &&
             irq_attach(channel->irq, hart_self()->index, on_irq, NULL);
    }
    if (!ok) {
        con_printf("counter: BAD channels\n");
    }
    (void)power_listen(true);
    hart_self()->on_timer = on_timer;
    timer_set(time_now());
    timer_enable();
}

void role_counter(void)
{
    uint64_t report_at = time_now();

    start_counting();
    for (;;) {
        count_lives();
        count_echoes();
        obey();
        if (time_now() >= report_at) {
            report_at = time_now() + board.timebase_hz;
            tell_counts("");
        }
        (void)irqs_off();
        irqs_wait();
        irqs_on();
    }
}
