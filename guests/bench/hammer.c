/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The neighbours of "interference": "hammer" does what the real-time VM has said, on two vCPUs;
 * "ringer" rings when it is asked to, and takes messages; "victim" is restarted. Each looks at the
 * shared stage, and none waits for another.
 */
#include "guests/bench/hammer.h"

#include "guests/bench/bench.h"
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/irq.h"
#include "guests/lib/irq_regs.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/mmio.h"
#include "guests/lib/timer.h"

#include <stddef.h>
#include <string.h>

#define IDLE_US     500u
#define RINGER_US   100u
#define LOAD_US     1000u /* as long a restart is left alone */
#define EID_UNKNOWN 0x0a7fffff
#define NOT_RAM     0x1000u
#define PAGES       0x10000u
#define BURST       8u

static struct stage *stage;

struct stage *stage_find(void)
{
    if (board.region_count == 0) {
        guest_panic("bench: no region to share\n");
    }
    return (struct stage *)(uintptr_t)board.regions[0].range.start;
}

static void sleep_us(uint64_t us)
{
    timer_set(time_now() + ticks_of_us(us));
    wait_for_irq();
    take_irqs();
}

/* ---- what is hammered ------------------------------------------------------------------------ */

static char message[CURIA_IPC_MESSAGE_MAX];
static struct curia_hart_info answer[HAMMER_HARTS]; /* room for the first bytes of any */

static void do_idle(uint32_t unused)
{
    (void)unused;
    sleep_us(IDLE_US);
}

static void do_spin(uint32_t unused)
{
    (void)unused;
    pause_us(1);
}

static void do_ecall(uint32_t unused)
{
    (void)unused;
    (void)sbi_call(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 0, 0, 0, 0);
    (void)sbi_call(EID_UNKNOWN, 0, 0, 0, 0, 0);
    (void)sbi_call(SBI_EXT_HSM, SBI_HSM_START, 77, 0, 0, 0);
    (void)sbi_call(SBI_EXT_HSM, SBI_HSM_START, hart_self()->id, 0, 0, 0);
    (void)sbi_call(CURIA_EXT_IPC, CURIA_IPC_SEND, 0, NOT_RAM, 0, sizeof(message));
    (void)sbi_call(CURIA_EXT_IPC, CURIA_IPC_MAILBOX_SET, 0, NOT_RAM, 0, 0);
    (void)sbi_call(CURIA_EXT_VMM, CURIA_VMM_START, 0, 0, 0, 0);
    (void)sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE, 1, NOT_RAM, 0, 0);
}

static void do_fence(uint32_t unused)
{
    (void)unused;
    (void)sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 0, UINT64_MAX, 0, PAGES);
    (void)sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_FENCE_I, 0, UINT64_MAX, 0, 0);
}

static void do_ipi(uint32_t unused)
{
    (void)unused;
    (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 0, UINT64_MAX, 0, 0);
    take_irqs();
}

static void do_mmio(uint32_t unused)
{
    bool aia = board.imsic_ids != 0;
    uint64_t chip = aia ? board.aplic.start : board.plic.start;
    uint64_t all = aia ? chip : plic_enables(0, 0); /* the domain, or enables of the first 32 */

    (void)unused;
    mmio_write32(chip + 4, mmio_read32(chip + 4)); /* of source 1 */
    mmio_write32(all, mmio_read32(all));
}

static void send_to(const char *channel, uint32_t bytes)
{
    struct mailbox from = {.end = board_channel(channel)->end};

    /* Refused where it is full, or not there yet. */
    (void)mailbox_send(&from, message, bytes);
    (void)mailbox_notify(&from, 1);
}

static void do_message(uint32_t unused)
{
    (void)unused;
    send_to("third", sizeof(message));
}

static void do_flood(uint32_t unused)
{
    (void)unused;
    send_to("flood", 64);
}

static void do_look(uint32_t index)
{
    uint64_t at = (uint64_t)(uintptr_t)&answer[index];

    (void)sbi_call(CURIA_EXT_VMM, CURIA_VMM_INFO, 0, at, 0, sizeof(answer[0]));
    (void)sbi_call6(CURIA_EXT_VMM, CURIA_VMM_VCPU, 0, 0, at, 0, sizeof(answer[0]), 0);
    (void)sbi_call(CURIA_EXT_VMM, CURIA_VMM_HART, 0, at, 0, sizeof(answer[0]));
}

/* By one; the other asks how it goes. */
static void do_restart(uint32_t index)
{
    static uint64_t victim;

    if (index != 0) {
        (void)sbi_call(CURIA_EXT_VMM, CURIA_VMM_INFO, victim, (uint64_t)(uintptr_t)&answer[index],
                       0, sizeof(answer[0]));
        return;
    }
    victim = sbi_call(CURIA_EXT_VMM, CURIA_VMM_COUNT, 0, 0, 0, 0).value - 1; /* the last one */
    (void)sbi_call(CURIA_EXT_VMM, CURIA_VMM_START, victim, 0, 0, 0);
    sleep_us(LOAD_US);
    (void)sbi_call(CURIA_EXT_VMM, CURIA_VMM_RESTART, victim, CURIA_VMM_FORCE, 0, 0);
    sleep_us(LOAD_US);
}

static void do_console(uint32_t unused)
{
    static const char line[] = "................................................................\n";

    (void)unused;
    (void)sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE, sizeof(line) - 1, (uint64_t)(uintptr_t)line, 0, 0);
}

static char blank_lines[CURIA_IPC_MESSAGE_MAX];

static void do_blank(uint32_t unused)
{
    (void)unused;
    (void)sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE, sizeof(blank_lines),
                   (uint64_t)(uintptr_t)blank_lines, 0, 0);
}

#define do_deaf do_flood

static void hammer(struct guest_hart *self)
{
    static void (*const ops[])(uint32_t index) = {
#define HAMMER_OP(name) do_##name,
        HAMMERS(HAMMER_OP)};
    uint32_t index = self->index;

    bench_listen(self, timer_off);
    for (;;) {
        uint32_t what = atomic_load(&stage->hammer);

        for (uint32_t i = 0; i < BURST && what == atomic_load(&stage->hammer); i++) {
            ops[what](index);
        }
        atomic_store(&stage->hammers[index], what + 1);
    }
}

void hammer_run(void)
{
    stage = stage_find();
    memset(blank_lines, '\n', sizeof(blank_lines));
    if (guest_hart_start(1, hammer) != SBI_SUCCESS) {
        guest_panic("bench: the second hart does not start\n");
    }
    hammer(hart_self());
    guest_panic("bench: a hammer has come to its end\n");
}

/* ---- the others ------------------------------------------------------------------------------ */

static struct mailbox_memory memory;
static struct mailbox third;

static void on_third(void *unused)
{
    (void)unused;
    (void)mailbox_take_events(&third);
    while (mailbox_receive(&third, message, sizeof(message)) != 0) {
    }
}

void bells_run(void)
{
    const struct board_channel *channel = board_channel("third");
    struct mailbox bell = {.end = board_channel("bell")->end};
    uint32_t rung = 0;

    stage = stage_find();
    bench_listen(hart_self(), timer_off);
    if (!irq_attach(channel->irq, hart_self()->index, on_third, NULL) ||
        mailbox_open(&third, channel, &memory) != SBI_SUCCESS) {
        guest_panic("bench: the third end cannot be opened\n");
    }
    for (;;) {
        if (atomic_load(&stage->wanted) != rung) {
            atomic_store(&stage->rung_at, time_now());
            rung += mailbox_notify(&bell, 1) == SBI_SUCCESS ? 1 : 0;
        }
        sleep_us(RINGER_US);
    }
}

void victim_run(void)
{
    stage = stage_find();
    bench_listen(hart_self(), timer_off);
    for (;;) {
        sleep_us(IDLE_US);
        if (atomic_load(&stage->hammer) == HAMMER_restart) {
            sbi_system_reset(SBI_SRST_TYPE_COLD, SBI_SRST_REASON_NONE);
        }
    }
}
