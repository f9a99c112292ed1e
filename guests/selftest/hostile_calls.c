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

struct sbi_result hostile_complete(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
                                   uint64_t a5);

struct one_call {
    uint64_t eid, fid, a[6];
    struct sbi_result r;
};

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
        SBI_EXT_SSE,
        SBI_EXT_SSE,
        SBI_EXT_FWFT,
        0x504D55,
        0x535441,
        SBI_EXT_DBTR,
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

#define FIDS (CURIA_VMM_TRACE_READ + 1) /* no extension has more */

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
    return (eid == CURIA_EXT_VMM && fid >= CURIA_VMM_TRACE_INFO && fid <= CURIA_VMM_TRACE_READ) ||
           (eid == CURIA_EXT_VMM && fid >= CURIA_VMM_START && fid <= CURIA_VMM_RESUME &&
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

/*
 * Debug triggers that look as if they were meant, where the call finds them; they match where this
 * guest never is.
 */
static void put_triggers(void)
{
    static uint64_t words[8 * 4];

    for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i += 4) {
        uint64_t bits = hostile_random();

        words[i] = bits >> 8 & 3;
        words[i + 1] = SBI_DBTR_MCONTROL6 | (bits & 0x1f) | ((bits & 0x300) == 0 ? bits : 0);
        words[i + 2] = NOWHERE + (bits >> 32);
    }
    (void)sbi_call(SBI_EXT_DBTR, SBI_DBTR_SET_SHMEM, (uint64_t)(uintptr_t)words, 0, 0, 0);
}

/* ---- calls whose arguments are hardly ever right by chance ------------------------------------
 */

static void aim_ipc(uint64_t a[6])
{
    uint64_t bits = hostile_random();

    spoil_mailbox();
    a[0] = bits % 3;
    a[2] = (bits >> 8 & 3) != 0 ? 0 : a[2];
    a[3] = (bits >> 10 & 3) != 0 ? (bits >> 12) % 4100 : a[3];
}

/* One that comes back, one that traps, or nowhere: what else is the guest's own is no code. */
static uint64_t any_handler(uint64_t at)
{
    uint64_t r = hostile_random() & 7;

    if (r == 0 && !hostile_is_own(at)) {
        return at;
    }
    return (uint64_t)(uintptr_t)(r == 1 ? hostile_event_bad : hostile_event);
}

/* More of what makes one run than of what ends it. */
static uint64_t sse_function(uint64_t bits)
{
    static const uint8_t often[] = {SBI_SSE_REGISTER, SBI_SSE_ENABLE,      SBI_SSE_ENABLE,
                                    SBI_SSE_INJECT,   SBI_SSE_HART_UNMASK, SBI_SSE_COMPLETE};

    return often[bits % sizeof(often)];
}

static void aim_sse(struct one_call *c)
{
    static const uint32_t ids[] = {
        SBI_SSE_LOCAL_SOFTWARE,  SBI_SSE_GLOBAL_SOFTWARE,   SBI_SSE_LOCAL_SOFTWARE,
        SBI_SSE_GLOBAL_SOFTWARE, SBI_SSE_LOCAL_SOFTWARE,    SBI_SSE_GLOBAL_SOFTWARE,
        SBI_SSE_LOCAL_HIGH_RAS,  SBI_SSE_LOCAL_DOUBLE_TRAP, SBI_SSE_GLOBAL_HIGH_RAS,
        SBI_SSE_LOCAL_PMU,       SBI_SSE_LOCAL_LOW_RAS,     SBI_SSE_GLOBAL_LOW_RAS,
    };
    uint64_t bits = hostile_random();
    uint64_t *a = c->a;

    c->fid = (bits >> 40 & 1) != 0 ? sse_function(bits >> 41) : c->fid;
    if ((bits & 7) != 0) {
        a[0] = ids[(bits >> 3) % (sizeof(ids) / sizeof(ids[0]))];
    }
    if (c->fid == SBI_SSE_REGISTER) {
        a[1] = any_handler(a[1]);
    } else if (c->fid == SBI_SSE_INJECT && (bits >> 8 & 3) != 0) {
        a[1] = guest_harts[bits >> 10 & 1].id;
    } else if (c->fid <= SBI_SSE_WRITE_ATTRS && (bits >> 8 & 3) != 0) {
        a[1] = (bits >> 10) % 12;
        a[2] = (bits >> 14) % 4;
        a[3] = area + ((bits >> 20) % 0x20000) * 8;
        a[4] = 0;
        if ((bits >> 18 & 3) != 0) { /* an area of zeros is a poor choice of values */
            *(uint64_t *)(uintptr_t)a[3] = any_value();
        }
    }
}

static void aim_fwft(uint64_t a[6])
{
    uint64_t bits = hostile_random();

    if ((bits & 7) != 0) {
        a[0] = (bits >> 3) % (SBI_FWFT_POINTER_MASKING_PMLEN + 2u);
        a[1] = (bits >> 8 & 3) != 0 ? bits >> 10 & 1 : a[1];
        a[2] = (bits >> 12 & 15) != 0 ? 0 : a[2];
    }
}

static void aim_dbtr(uint64_t a[6])
{
    if ((a[5] & 1) != 0) {
        put_triggers();
        a[0] &= 7;
    }
}

static void aim(struct one_call *c)
{
    switch (c->eid) {
    case SBI_EXT_DBTR:
        aim_dbtr(c->a);
        break;
    case CURIA_EXT_IPC:
        aim_ipc(c->a);
        break;
    case SBI_EXT_SSE:
        aim_sse(c);
        break;
    case SBI_EXT_FWFT:
        aim_fwft(c->a);
        break;
    default:
        break;
    }
}

/* No event comes after this. Two may run, one in the other. */
static void end_events(void)
{
    static const uint32_t ids[] = {SBI_SSE_LOCAL_SOFTWARE, SBI_SSE_GLOBAL_SOFTWARE};

    (void)sbi_call(SBI_EXT_SSE, SBI_SSE_HART_MASK, 0, 0, 0, 0);
    (void)hostile_complete(0, 0, 0, 0, 0, 0);
    (void)hostile_complete(0, 0, 0, 0, 0, 0);
    for (uint32_t i = 0; i < 2; i++) {
        (void)sbi_call(SBI_EXT_SSE, SBI_SSE_DISABLE, ids[i], 0, 0, 0);
        (void)sbi_call(SBI_EXT_SSE, SBI_SSE_UNREGISTER, ids[i], 0, 0, 0);
    }
    con_printf("hostile: %lu events\n", (unsigned long)hostile_events);
}

/* Legacy calls read a mask in virtual memory: one that is not there is a trap. */
static void make(void *arg)
{
    struct one_call *c = arg;
    const uint64_t *a = c->a;

    if (c->eid == SBI_EXT_SSE && c->fid == SBI_SSE_COMPLETE) {
        c->r = hostile_complete(a[0], a[1], a[2], a[3], a[4], a[5]);
    } else {
        c->r = sbi_call6(c->eid, c->fid, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
}

void hostile_calls(uint64_t n, struct hostile_counts *counts)
{
    uint64_t bytes;

    area = (uint64_t)(uintptr_t)free_ram(&bytes);
    own_vm = sbi_call(CURIA_EXT_VMM, CURIA_VMM_SELF, 0, 0, 0, 0).value;
    for (uint64_t i = 0; i < n;) {
        struct one_call c = {.eid = any_eid(), .fid = hostile_random() % FIDS};
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
        aim(&c);
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
    end_events();
    timer_set(UINT64_MAX);
}
