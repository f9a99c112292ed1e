/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest of `make bench`. It does each operation BENCH_ROUNDS times between two marker
 * instructions that have no effect; whoever runs it under a counter (tests/bench) learns what lies
 * between them. It runs natively too: what the machine then lacks is left out.
 *
 * Modes by bootargs: bench (default), peer: the other end of channel "bench", boot: ends at once;
 * switch and switch-peer: two that take turns on one hart; wake, ringer and idle: one that is
 * woken, one that rings, one that waits for ever; harts: what its harts do to each other;
 * mmio: registers of devices, and memory; vms and life: one that starts, one that is started; rt,
 * hammer, bells and victim: a real-time one and its neighbours;
 * sources, pending and pending-peer: growth.c, which has more bootargs for any mode; spin: never
 * waits.
 *
 * Interrupts are off but where an operation takes one: so it is taken at the same instruction each
 * time.
 */
#include "guests/bench/bench.h"
#include "guests/bench/channel.h"

#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/irq.h"
#include "guests/lib/irq_regs.h"
#include "guests/lib/mmio.h"
#include "guests/lib/rtc.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"

#include <libfdt.h>
#include <string.h>

#define EID_UNKNOWN 0x0a7fffff /* firmware space, nobody's */
#define FAR_US      3600000000u

static volatile uint64_t taken;

static uint64_t irqs_of_self(void)
{
    const struct guest_hart *h = hart_self();

    return h->irqs[0] + h->irqs[1] + h->irqs[2] + taken;
}

/* An operation that brought no interrupt where it should have measures something else. */
static void check_irqs(const char *row, uint64_t before, uint64_t each)
{
    if (irqs_of_self() - before != each * BENCH_ROUNDS) {
        guest_panic("bench: %s: %lu interrupts in %u rounds\n", row,
                    (unsigned long)(irqs_of_self() - before), BENCH_ROUNDS);
    }
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void bench_calls(void)
{
    uint64_t far = time_now() + ticks_of_us(FAR_US);
    uint64_t self = hart_self()->id;

    bench_empty();
    BENCH(sbi_get_spec_version, sbi_call(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 0, 0, 0, 0));
    BENCH(sbi_set_timer, sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, far, 0, 0, 0));
    BENCH(sbi_unknown, sbi_call(EID_UNKNOWN, 0, 0, 0, 0, 0));
    BENCH(rfence_i_self, sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 1, self, 0, 0));
}

/* ---- interrupts to itself -------------------------------------------------------------------- */

static void on_irq(void *unused)
{
    (void)unused;
}

void bench_listen(struct guest_hart *self, void (*on_timer)(struct guest_hart *self))
{
    (void)irq_init();
    self->on_timer = on_timer;
    timer_set(UINT64_MAX);
    csr_set(CSR_SIE, 1u << IRQ_S_SOFT | 1u << IRQ_S_TIMER);
}

static void bench_irqs(void)
{
    struct guest_hart *h = hart_self();
    uint64_t before = irqs_of_self();

    csr_set(CSR_SIE, 1u << IRQ_S_SOFT);
    BENCH(ipi_self, sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, h->id, 0, 0); take_irqs());
    check_irqs("ipi_self", before, 1);
    csr_clear(CSR_SIE, 1u << IRQ_S_SOFT);

    if (board.sstc) {
        before = irqs_of_self();
        h->on_timer = timer_off;
        timer_set(UINT64_MAX);
        timer_enable();
        BENCH(timer_irq, timer_set(time_now()); wait_for_irq(); take_irqs());
        check_irqs("timer_irq", before, 1);
        csr_clear(CSR_SIE, 1u << IRQ_S_TIMER);
    }

    if (board.imsic_ids != 0) {
        uint32_t id = irq_attach_msi(on_irq, NULL);

        (void)irq_init(); /* enables the identity */
        before = irqs_of_self();
        BENCH(msi_self, irq_send_msi(h->index, id); wait_for_irq(); take_irqs());
        check_irqs("msi_self", before, 1);
    }
}

/* ---- a wired device: the board's RTC --------------------------------------------------------- */

static void on_rtc(void *unused)
{
    (void)unused;
    taken++;
    mmio_write32(board.rtc.start + RTC_CLEAR_INTERRUPT, 1);
}

/* An alarm in the past goes off at once. */
static void ring_rtc(void)
{
    mmio_write32(board.rtc.start + RTC_ALARM_HIGH, 0);
    mmio_write32(board.rtc.start + RTC_ALARM_LOW, 1);
    wait_for_irq();
    take_irqs();
}

static void attach_rtc(uint32_t type)
{
    struct board_irq irq = {board.rtc_irq.source, type};

    if (!irq_attach(irq, hart_self()->index, on_rtc, NULL)) {
        guest_panic("bench: source %u of the RTC cannot be attached\n", (unsigned)irq.source);
    }
}

static void bench_wired(void)
{
    uint64_t before;

    if (board.rtc.size == 0 || board.rtc_irq.source == 0 ||
        (board.imsic_ids == 0 && board.plic.size == 0)) {
        return;
    }
    mmio_write32(board.rtc.start + RTC_CLEAR_INTERRUPT, 1);
    attach_rtc(4);
    mmio_write32(board.rtc.start + RTC_IRQ_ENABLED, 1);
    before = taken;
    BENCH(wired_irq_level, ring_rtc());
    if (taken - before != BENCH_ROUNDS) {
        guest_panic("bench: wired_irq_level: %lu interrupts\n", (unsigned long)(taken - before));
    }
    irq_detach(board.rtc_irq);
    if (board.imsic_ids != 0) {
        attach_rtc(1);
        before = taken;
        BENCH(wired_irq_edge, ring_rtc());
        if (taken - before != BENCH_ROUNDS) {
            guest_panic("bench: wired_irq_edge: %lu interrupts\n", (unsigned long)(taken - before));
        }
        irq_detach(board.rtc_irq);
    }
    mmio_write32(board.rtc.start + RTC_IRQ_ENABLED, 0);
}

/* ---- all ------------------------------------------------------------------------------------- */

static void bench_all(void)
{
    bench_calls();
    bench_irqs();
    if (board.imsic_ids != 0) {
        BENCH(irqchip_read, mmio_read32(aplic_sourcecfg(1)));
    } else if (board.plic.size != 0) {
        BENCH(irqchip_read, mmio_read32(plic_priority(1)));
    }
    bench_wired();
    bench_channel();
}

static void bench_harts(void)
{
    if (board.hart_count < 2) {
        return;
    }
    bench_empty();
    bench_hsm();
    bench_targets();
}

static void nothing(void)
{
}

/* The first is what is done when no mode is told. irqs: its controller is set up first. */
static const struct {
    const char *name;
    void (*run)(void);
    bool irqs;
} modes[] = {
    {"bench", bench_all, true},
    {"peer", peer_run, true},
    {"boot", nothing, false},
    {"switch", bench_switches, true},
    {"switch-peer", switch_peer_run, true},
    {"wake", bench_wakes, true},
    {"harts", bench_harts, true},
    {"mmio", bench_mmio, true},
    {"vms", bench_vms, false},
    {"life", life_run, false},
    {"ringer", ringer_run, true},
    {"idle", idle_run, true},
    {"rt", rt_run, true},
    {"hammer", hammer_run, true},
    {"bells", bells_run, true},
    {"victim", victim_run, true},
    {"sources", bench_sources, true},
    {"pending", bench_pending, true},
    {"pending-peer", pending_peer_run, true},
    {"spin", spin_run, true},
};

void guest_main(void)
{
    char mode[16] = "bench";
    uint32_t i = 0;

    (void)board_arg("mode", mode, sizeof(mode));
    while (i < sizeof(modes) / sizeof(modes[0]) - 1 && strcmp(mode, modes[i].name) != 0) {
        i++;
    }
    if (modes[i].irqs && !irq_init() && board.curia) {
        guest_panic("bench: no interrupt controller that is known\n");
    }
    steps_find();
    growth_prepare();
    modes[i].run();
    con_printf("bench: done\n");
    sbi_system_reset(SBI_SRST_TYPE_SHUTDOWN, SBI_SRST_REASON_NONE);
    guest_panic("bench: shutdown came back\n");
}
