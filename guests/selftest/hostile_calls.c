/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SBI calls with any arguments, but for those that end this VM, put it to sleep, start or stop its
 * harts or fill the console. Memory of its own that calls write is in an area that nothing else
 * uses.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"
#include "guests/selftest/hostile.h"
#include "guests/selftest/selftest.h"

#include <stddef.h>

static struct mailbox_memory memory;
static uint64_t own_vm, area;

static uint64_t any_value(void)
{
    static const uint64_t edges[] = {
        0,
        1,
        2,
        7,
        8,
        63,
        64,
        4095,
        4096,
        4097,
        16384,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000ull,
        0x7fffffffffffffffull,
        0x8000000000000000ull,
        UINT64_MAX,
        UINT64_MAX - 1,
        0x80000000ull,
        0x90000000ull,
        0xfffff000ull,
        0x10000000ull,
        0x28000000ull,
    };
    uint64_t r = hostile_random();

    switch (r & 7) {
    case 0:
        return hostile_random();
    case 1:
        return hostile_random() & 0xff;
    case 2:
        return area + (r >> 8) % 0x100000;
    case 3:
        return area + ((r >> 8) % 0x100) * 0x1000;
    case 4:
        return board.memory[0].start + board.memory[0].size - (r >> 8) % 16;
    default:
        return edges[(r >> 8) % (sizeof(edges) / sizeof(edges[0]))];
    }
}

static uint64_t any_eid(void)
{
    static const uint64_t eids[] = {
        SBI_EXT_BASE,
        SBI_EXT_TIME,
        SBI_EXT_IPI,
        SBI_EXT_RFENCE,
        SBI_EXT_HSM,
        SBI_EXT_SRST,
        SBI_EXT_DBCN,
        SBI_EXT_SUSP,
        CURIA_EXT_IPC,
        CURIA_EXT_IPC,
        CURIA_EXT_PWR,
        CURIA_EXT_VMM,
        0x504D55,
        0x535441,
        0x535345,
        0x46574654,
        0x4E41434C,
        0x4D505859,
        0,
        2,
        3,
        4,
        5,
        6,
        7,
    };
    uint64_t r = hostile_random();

    return (r & 15) == 0 ? r >> 4 : eids[(r >> 4) % (sizeof(eids) / sizeof(eids[0]))];
}

/* Would it be the end of this run, or of the reader's patience? */
static bool is_left_out(uint64_t eid, uint64_t fid, const uint64_t a[6])
{
    switch (eid) {
    case SBI_EXT_LEGACY_PUTCHAR:
    case SBI_EXT_LEGACY_SHUTDOWN:
        return true;
    case SBI_EXT_HSM: /* its second hart is the races' to start */
        return fid == SBI_HSM_STOP || fid == SBI_HSM_SUSPEND ||
               (fid == SBI_HSM_START && a[0] < board.hart_count);
    case SBI_EXT_SUSP: /* nothing would wake it */
        return fid == SBI_SUSP_SUSPEND && (uint32_t)a[0] == SBI_SUSP_SLEEP_TO_RAM;
    case SBI_EXT_SRST:
        return fid == SBI_SRST_RESET && (uint32_t)a[0] <= SBI_SRST_TYPE_WARM &&
               (uint32_t)a[1] <= SBI_SRST_REASON_FAILURE;
    case SBI_EXT_DBCN:
        return fid == SBI_DBCN_WRITE_BYTE ||
               (fid == SBI_DBCN_WRITE && a[0] > 1 && a[0] < (1u << 24));
    case CURIA_EXT_VMM:
        return fid == CURIA_VMM_HEARTBEAT ||
               (fid >= CURIA_VMM_STOP && fid <= CURIA_VMM_RESUME && a[0] == own_vm);
    default:
        return false;
    }
}

/* What no such VM may do. */
static bool is_forbidden(uint64_t eid, uint64_t fid, const uint64_t a[6])
{
    return (eid == CURIA_EXT_VMM && fid >= CURIA_VMM_START && fid <= CURIA_VMM_RESUME &&
            a[0] != own_vm) ||
           (eid == CURIA_EXT_PWR && (fid == CURIA_PWR_REQUEST || fid == CURIA_PWR_AUDIT));
}

/* The mailbox is shared with Curia: all that is in it may be a lie. */
static void spoil_mailbox(void)
{
    uint64_t *word = (uint64_t *)(uintptr_t)&memory.header;

    word[hostile_random() % (sizeof(memory.header) / 8)] = hostile_random();
    if ((hostile_random() & 3) == 0) {
        struct mailbox box = {0};

        if (board.channel_count > 0) {
            (void)sbi_call(CURIA_EXT_IPC, CURIA_IPC_MAILBOX_CLEAR, board.channels[0].end, 0, 0, 0);
            (void)mailbox_open(&box, &board.channels[0], &memory);
        }
    }
}

/* Legacy calls read a mask in virtual memory: one that is not there is a trap. */
struct one_call {
    uint64_t eid, fid, a[6];
    struct sbi_result r;
};

static void make(void *arg)
{
    struct one_call *c = arg;

    c->r = sbi_call6(c->eid, c->fid, c->a[0], c->a[1], c->a[2], c->a[3], c->a[4], c->a[5]);
}

void hostile_calls(uint64_t n, struct hostile_counts *counts)
{
    uint64_t bytes;

    area = (uint64_t)(uintptr_t)free_ram(&bytes);
    own_vm = sbi_call(CURIA_EXT_VMM, CURIA_VMM_SELF, 0, 0, 0, 0).value;
    for (uint64_t i = 0; i < n;) {
        struct one_call c = {.eid = any_eid(), .fid = hostile_random() % 10};
        uint64_t *a = c.a;
        struct trap_info trap;
        bool failed;

        for (uint32_t j = 0; j < 6; j++) {
            a[j] = any_value();
        }
        if ((hostile_random() & 63) == 0) {
            c.fid = hostile_random();
        }
        if (is_left_out(c.eid, c.fid, a)) {
            continue;
        }
        if (c.eid == CURIA_EXT_IPC) {
            uint64_t bits = hostile_random();

            spoil_mailbox();
            a[0] = bits % 3;
            a[2] = (bits >> 8 & 3) != 0 ? 0 : a[2];
            a[3] = (bits >> 10 & 3) != 0 ? (bits >> 12) % 4100 : a[3];
        }
        failed = trap_catch(&trap, false, make, &c) || c.r.error < 0;
        i++;
        counts->tried++;
        counts->trapped += failed ? 1 : 0;
        if (!failed && c.r.error == 0 && is_forbidden(c.eid, c.fid, a)) {
            counts->leaked++;
            con_printf("hostile: LEAK: call %lx %lx of %lx\n", (unsigned long)c.eid,
                       (unsigned long)c.fid, (unsigned long)a[0]);
        }
    }
    timer_set(UINT64_MAX);
}
