/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPC with the neighbour, which echoes messages and doorbells on "echo"; and PWR and VMM as an
 * unprivileged VM meets them. docs/abi.md
 */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/lib/irq.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/power.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stddef.h>
#include <string.h>

#define ERR(name) ((uint64_t)(int64_t)SBI_##name)

static struct mailbox_memory memory;
static struct mailbox mailbox;
static volatile uint64_t arrived;
static char out[CURIA_IPC_MESSAGE_MAX], in[CURIA_IPC_MESSAGE_MAX];

static void on_mail(void *unused)
{
    (void)unused;
    arrived++;
}

static uint64_t ipc(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return (uint64_t)sbi_call(CURIA_EXT_IPC, fid, a0, a1, a2, a3).error;
}

static void test_mailbox_errors(uint32_t end)
{
    uint64_t at = (uint64_t)(uintptr_t)&memory;

    (void)tap_eq(ipc(CURIA_IPC_MAILBOX_SET, 99, at, 0, 16384), ERR(ERR_INVALID_PARAM),
                 "IPC: no such end");
    (void)tap_eq(ipc(CURIA_IPC_MAILBOX_SET, end, at + 8, 0, 16384), ERR(ERR_INVALID_PARAM),
                 "IPC: a mailbox off its page");
    (void)tap_eq(ipc(CURIA_IPC_MAILBOX_SET, end, at, 0, 12288), ERR(ERR_INVALID_PARAM),
                 "IPC: a ring that is no power of two");
    (void)tap_eq(ipc(CURIA_IPC_MAILBOX_SET, end, NOWHERE, 0, 16384), ERR(ERR_INVALID_ADDRESS),
                 "IPC: a mailbox nowhere");
    (void)tap_eq(ipc(CURIA_IPC_MAILBOX_SET, end, at, 1, 16384), ERR(ERR_INVALID_ADDRESS),
                 "IPC: the high half of its address");
    (void)tap_eq(ipc(CURIA_IPC_MAILBOX_CLEAR, end, 0, 0, 0), ERR(ERR_INVALID_STATE),
                 "IPC: no mailbox to close");
    (void)tap_eq(ipc(CURIA_IPC_SEND, 99, at, 0, 8), ERR(ERR_INVALID_PARAM), "IPC: send to no end");
    (void)tap_eq(ipc(CURIA_IPC_SEND, end, at, 0, 0), ERR(ERR_INVALID_PARAM), "IPC: send nothing");
    (void)tap_eq(ipc(CURIA_IPC_SEND, end, at, 0, 4097), ERR(ERR_INVALID_PARAM),
                 "IPC: send too much");
    (void)tap_eq(ipc(CURIA_IPC_SEND, end, NOWHERE, 0, 8), ERR(ERR_INVALID_ADDRESS),
                 "IPC: send from nowhere");
    (void)tap_eq(ipc(CURIA_IPC_SEND, end, UINT64_MAX - 4, 0, 8), ERR(ERR_INVALID_ADDRESS),
                 "IPC: send from the end of all");
    (void)tap_eq(ipc(99, 0, 0, 0, 0), ERR(ERR_NOT_SUPPORTED), "IPC: unknown function");
}

static bool wait_peer(void)
{
    for (uint32_t i = 0; i < 20000; i++) {
        if ((mailbox_peer_state(&mailbox) & CURIA_PEER_UP) != 0) {
            return true;
        }
        pause_us(1000);
    }
    return false;
}

static uint32_t receive(void)
{
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t len = mailbox_receive(&mailbox, in, sizeof(in));

        if (len != 0) {
            return len;
        }
        pause_us(1000);
    }
    return 0;
}

static void test_echo(void)
{
    static const uint32_t sizes[] = {1, 7, 8, 9, 64, 1000, 4095, 4096, 4096, 4096, 4096, 3, 4096};
    uint32_t bad = 0;

    for (uint32_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (uint32_t j = 0; j < sizes[i]; j++) {
            out[j] = (char)(i * 31 + j * 7 + j / 256);
        }
        memset(in, 0, sizeof(in));
        if (mailbox_send(&mailbox, out, sizes[i]) != 0 || receive() != sizes[i] ||
            memcmp(in, out, sizes[i]) != 0) {
            bad++;
        }
    }
    (void)tap_eq(bad, 0, "IPC: messages of 1 to 4096 bytes come back as they went");
    (void)tap_eq(mailbox.damaged, 0, "IPC: none damaged");
    (void)tap_ok((mailbox_take_events(&mailbox) & CURIA_MAILBOX_EV_MESSAGE) != 0, "IPC: event bit");
}

static void test_bell(void)
{
    uint64_t bits = 0;

    (void)mailbox_take_bell(&mailbox);
    (void)tap_eq((uint64_t)mailbox_notify(&mailbox, 0x8000000000000001ull), 0, "IPC: doorbell");
    for (uint32_t i = 0; i < 20000 && bits != 0x8000000000000001ull; i++) {
        bits |= mailbox_take_bell(&mailbox);
        pause_us(1000);
    }
    (void)tap_eq(bits, 0x8000000000000001ull, "IPC: its bits come back");
    (void)tap_eq(ipc(CURIA_IPC_NOTIFY, 99, 1, 0, 0), ERR(ERR_INVALID_PARAM), "IPC: notify no end");
}

/* A wrong tail in the own header harms the owner alone, and only while it is wrong. */
static void test_wrong_tail(void)
{
    mailbox.memory->header.tail = mailbox.tail + 12345;
    (void)mailbox_send(&mailbox, out, 64);
    pause_us(200000);
    mailbox.memory->header.tail = mailbox.tail;
    while (mailbox_receive(&mailbox, in, sizeof(in)) != 0) {
    }
    pause_us(50000);
    while (mailbox_receive(&mailbox, in, sizeof(in)) != 0) {
    }
    (void)tap_ok(mailbox_send(&mailbox, out, 64) == 0 && receive() == 64,
                 "IPC: works again after a wrong tail");
}

static void test_region(const struct board_region *r)
{
    volatile uint64_t *word = (volatile uint64_t *)r->range.start;
    struct exec e = exec_one(INSN_SD, r->range.start + r->range.size - 8, 42);

    (void)tap_ok(!exec_one(INSN_LD, r->range.start, 0).trapped, "region %s: read", r->label);
    if (r->read_only) {
        (void)tap_ok(e.trapped && e.trap.scause == EXC_STORE_ACCESS, "region %s: read-only",
                     r->label);
        return;
    }
    (void)tap_ok(!e.trapped, "region %s: written", r->label);
    /* The neighbour answers a number in word 0 with its complement in word 1. */
    word[0] = 0x123456;
    (void)tap_ok(wait_for(&word[1], ~0x123456ull), "region %s: the neighbour sees it", r->label);
}

void test_peers(void)
{
    const struct board_channel *channel = board_channel("echo");

    if (channel == NULL) {
        tap_skip("IPC", "no channel \"echo\"");
        return;
    }
    memory.header.magic = CURIA_MAILBOX_MAGIC;
    memory.header.ring_bytes = MAILBOX_RING_BYTES;
    test_mailbox_errors(channel->end);
    (void)irq_init();
    (void)tap_ok(irq_attach(channel->irq, hart_self()->index, on_mail, NULL), "IPC: its interrupt");
    (void)tap_eq((uint64_t)mailbox_open(&mailbox, channel, &memory), 0, "IPC: mailbox");
    (void)tap_eq(ipc(CURIA_IPC_MAILBOX_SET, channel->end, (uint64_t)(uintptr_t)&memory, 0,
                     MAILBOX_RING_BYTES),
                 ERR(ERR_ALREADY_AVAILABLE), "IPC: only one");
    if (tap_ok(wait_peer(), "IPC: the neighbour is there")) {
        irqs_on();
        test_echo();
        (void)tap_ok(arrived > 0, "IPC: interrupts came (%lu)", (unsigned long)arrived);
        test_bell();
        test_wrong_tail();
        (void)irqs_off();
    }
    (void)tap_eq((uint64_t)mailbox_close(&mailbox), 0, "IPC: mailbox closed");
    irq_detach(channel->irq);
    for (uint32_t i = 0; i < board.region_count; i++) {
        test_region(&board.regions[i]);
    }
    csr_write(CSR_SIE, 0);
}

/* ---- PWR and VMM without rights ----------------------------------------------------------------
 */

static uint64_t pwr(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return (uint64_t)sbi_call(CURIA_EXT_PWR, fid, a0, a1, a2, a3).error;
}

static uint64_t vmm(uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
    return (uint64_t)sbi_call(CURIA_EXT_VMM, fid, a0, a1, a2, a3).error;
}

static void test_power(void)
{
    struct power_event event = power_next();

    (void)tap_eq(event.type, 0, "PWR: no event");
    for (uint64_t kind = CURIA_PWR_KIND_OFF; kind <= CURIA_PWR_KIND_RESET_WARM; kind++) {
        (void)tap_eq(pwr(CURIA_PWR_REQUEST, kind, 0, 0, 0), ERR(ERR_DENIED),
                     "PWR: request of kind %lu", (unsigned long)kind);
        (void)tap_eq(pwr(CURIA_PWR_REQUEST, kind, 0, CURIA_PWR_FLAG_EMERGENCY, 0), ERR(ERR_DENIED),
                     "PWR: emergency of kind %lu", (unsigned long)kind);
    }
    (void)tap_eq(pwr(CURIA_PWR_REQUEST, 77, 0, 0, 0), ERR(ERR_INVALID_PARAM), "PWR: no such kind");
    (void)tap_eq(pwr(CURIA_PWR_REQUEST, 0, 0x10000, 0, 0), ERR(ERR_INVALID_PARAM), "PWR: reason");
    (void)tap_eq(pwr(CURIA_PWR_REQUEST, 0, 0, 0x80, 0), ERR(ERR_INVALID_PARAM), "PWR: flags");
    (void)tap_eq(pwr(CURIA_PWR_LISTEN, 2, 0, 0, 0), ERR(ERR_INVALID_PARAM), "PWR: listen 2");
    (void)tap_ok(pwr(CURIA_PWR_ANSWER, 12345, CURIA_PWR_ANSWER_READY, 0, 0) != 0,
                 "PWR: an answer to nothing");
    (void)tap_eq(pwr(CURIA_PWR_ANSWER, 1, 77, 0, 0), ERR(ERR_INVALID_PARAM), "PWR: no such answer");
    (void)tap_ok(pwr(CURIA_PWR_CANCEL, 12345, 0, 0, 0) != 0, "PWR: cancel of nothing");
    (void)tap_eq(pwr(CURIA_PWR_AUDIT, 0, (uint64_t)(uintptr_t)in, 0, 1), ERR(ERR_DENIED),
                 "PWR: audit");
    (void)tap_eq(pwr(CURIA_PWR_TIME_LEFT, 0, 0, 0, 0), 0, "PWR: time left");
    (void)tap_eq(pwr(99, 0, 0, 0, 0), ERR(ERR_NOT_SUPPORTED), "PWR: unknown function");
}

void test_privileges(void)
{
    struct sbi_result self = sbi_call(CURIA_EXT_VMM, CURIA_VMM_SELF, 0, 0, 0, 0);
    struct sbi_result count = sbi_call(CURIA_EXT_VMM, CURIA_VMM_COUNT, 0, 0, 0, 0);
    struct curia_vm_info info;
    uint64_t at = (uint64_t)(uintptr_t)&info;

    if (!board.curia) {
        tap_skip("IPC, PWR, VMM", "no Curia");
        return;
    }
    test_power();
    (void)tap_ok(self.error == 0 && count.error == 0 && self.value < count.value,
                 "VMM: self and count");
    (void)tap_ok(vmm(CURIA_VMM_INFO, self.value, at, 0, sizeof(info)) == 0 &&
                     info.size == sizeof(info) && info.index == self.value &&
                     strcmp(info.name, board.vm_name) == 0 && info.state == CURIA_VM_RUNNING &&
                     info.vcpus == board.hart_count,
                 "VMM: info of self");
    (void)tap_eq(vmm(CURIA_VMM_INFO, self.value, NOWHERE, 0, sizeof(info)),
                 ERR(ERR_INVALID_ADDRESS), "VMM: info to nowhere");
    (void)tap_eq(vmm(CURIA_VMM_INFO, count.value, at, 0, sizeof(info)), ERR(ERR_INVALID_PARAM),
                 "VMM: info of no VM");
    for (uint64_t vm = 0; vm < count.value; vm++) {
        if (vm != self.value) {
            (void)tap_eq(vmm(CURIA_VMM_INFO, vm, at, 0, sizeof(info)), ERR(ERR_DENIED),
                         "VMM: info");
            (void)tap_eq(vmm(CURIA_VMM_START, vm, 0, 0, 0), ERR(ERR_DENIED), "VMM: start");
            (void)tap_eq(vmm(CURIA_VMM_STOP, vm, CURIA_VMM_FORCE, 0, 0), ERR(ERR_DENIED),
                         "VMM: stop");
            (void)tap_eq(vmm(CURIA_VMM_RESTART, vm, 0, 0, 0), ERR(ERR_DENIED), "VMM: restart");
        }
    }
    (void)tap_eq(vmm(99, 0, 0, 0, 0), ERR(ERR_NOT_SUPPORTED), "VMM: unknown function");
}
