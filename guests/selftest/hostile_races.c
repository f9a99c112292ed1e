/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two harts of the guest against Curia: while one makes accesses and calls, the other changes what
 * those go by: page tables, the instruction itself, buffers, the mailbox. An access is then decoded
 * and carried out from what is no longer there; it must still be one that the guest may make.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/sbi_call.h"
#include "guests/selftest/hostile.h"
#include "guests/selftest/selftest.h"

#include <stdatomic.h>
#include <stddef.h>

#define PATTERN     0x5ac1a55acafe0fffull /* what all of our own page holds */
#define TABLE_WORDS 512u
#define RET_RET     0x80828082u
#define LEAKS_SHOWN 8u

/* Of PAGING_VA(): what each page of the racing part may lead to. */
enum {
    VA_FOREIGN = 16, /* our own page, or what is not ours: never a device of ours */
    VA_DEVICE,       /* our own page, or a device of ours */
};

/*
 * What a word of the code changes into. Never from one length to another: that would run the second
 * half of a word as an instruction, by which the guest loses itself and nothing else.
 */
static const uint32_t words[] = {
    INSN_LB,     INSN_LH, INSN_LW, INSN_LD, INSN_LBU, INSN_LHU,
    INSN_LWU,    INSN_SB, INSN_SH, INSN_SW, INSN_SD,  0x00b5352fu, /* amoadd.d a0, a1, (a0) */
    0x1005352fu,                                                   /* lr.d a0, (a0) */
    0x00053507u,                                                   /* fld fa0, (a0) */
    0x6000a573u,                                                   /* csrrs a0, hstatus, x1 */
    0xffffffffu,
};

static const uint16_t halves[] = {
    0x4108, /* c.lw a0, 0(a0) */
    0xc10c, /* c.sw a1, 0(a0) */
    0x6108, /* c.ld a0, 0(a0) */
    0xe10c, /* c.sd a1, 0(a0) */
    0x2108, /* c.fld fa0, 0(a0) */
    0x0000,
};

static struct {
    _Atomic bool stop;
    uint64_t device, page, table; /* our own RAM, but for the device */
    struct {
        uint32_t word, ret;
        uint16_t half, half_ret;
    } volatile *code;
    struct mailbox_memory *mailbox;
    uint64_t state; /* of the racing hart's pseudo-random numbers */
} race;

static uint64_t next(void)
{
    race.state ^= race.state << 13;
    race.state ^= race.state >> 7;
    race.state ^= race.state << 17;
    return race.state;
}

/* ---- the hart that changes what the other goes by -------------------------------------------- */

static void change_tables(void)
{
    static const uint32_t flags[] = {
        PTE_V | PTE_R | PTE_W | PTE_X | PTE_AD, PTE_V | PTE_R | PTE_AD, PTE_V | PTE_R | PTE_W,
        PTE_V | PTE_R | PTE_W | PTE_U | PTE_AD, PTE_V | PTE_W | PTE_AD, 0,
    };
    uint64_t r = next();
    uint32_t f = flags[r % (sizeof(flags) / sizeof(flags[0]))];
    uint64_t foreign = r >> 16 & 0x00fffffffffff000ull;

    paging_set(VA_FOREIGN, (r & 0x100) != 0 || hostile_is_own(foreign) ? race.page : foreign, f);
    paging_set(VA_DEVICE, (r & 0x200) != 0 ? race.page : race.device, f);
    ((volatile uint64_t *)(uintptr_t)race.table)[r % TABLE_WORDS] = next();
}

static void change_code(void)
{
    race.code->word = words[next() % (sizeof(words) / sizeof(words[0]))];
    race.code->half = halves[next() % (sizeof(halves) / sizeof(halves[0]))];
}

static void change_mailbox(void)
{
    volatile uint64_t *word = (volatile uint64_t *)(uintptr_t)&race.mailbox->header;

    word[next() % (sizeof(race.mailbox->header) / 8)] = next();
}

/* Calls that the other hart makes too, at the same time. */
static void call_too(void)
{
    uint64_t r = next();

    switch (r & 7) {
    case 0:
        (void)sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, UINT64_MAX, UINT64_MAX, r, r >> 7);
        break;
    case 1:
        (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, guest_harts[0].id, 0, 0);
        break;
    case 2:
        (void)sbi_call(SBI_EXT_HSM, SBI_HSM_START, guest_harts[0].id, r, r, 0);
        break;
    case 3:
        (void)sbi_call(CURIA_EXT_IPC, CURIA_IPC_MAILBOX_CLEAR, 0, 0, 0, 0);
        break;
    default:
        break;
    }
}

static void change_on_and_on(void *unused)
{
    (void)unused;
    while (!atomic_load_explicit(&race.stop, memory_order_relaxed)) {
        change_tables();
        change_code();
        change_mailbox();
        call_too();
    }
}

/* ---- the hart that attacks ------------------------------------------------------------------- */

static void take(struct hostile_counts *c, const struct exec *e)
{
    c->tried++;
    c->trapped += e->trapped ? 1 : 0;
}

/* What answers and is not our own page is somebody else's. */
static void load_foreign(struct hostile_counts *c)
{
    struct exec e = {.code = {INSN_LD}, .a0 = PAGING_VA(VA_FOREIGN) + (hostile_random() & 0xff8)};

    exec_run(&e);
    take(c, &e);
    if (!e.trapped && e.a0 != PATTERN && c->leaked++ < LEAKS_SHOWN) {
        con_printf("hostile: LEAK: racing load: %lx\n", (unsigned long)e.a0);
    }
}

static void access_device(struct hostile_counts *c)
{
    struct exec e;

    fence_local();
    e = exec_one(INSN_LWU, PAGING_VA(VA_DEVICE) + 4, 0);
    take(c, &e);
    e = exec_one(INSN_LBU, PAGING_VA_TABLE + (hostile_random() & 0x3fffffff), 0);
    take(c, &e);
}

/* The word is another one when it is decoded. 4 is a register of each device that is harmless. */
static void run_changing_code(struct hostile_counts *c)
{
    uint64_t word = (uint64_t)(uintptr_t)&race.code->word;
    uint64_t half = (uint64_t)(uintptr_t)&race.code->half;
    struct exec e;

    __asm__ volatile("fence.i" : : : "memory");
    e = exec_at(word, race.device + 4, 0);
    take(c, &e);
    e = exec_at(half, race.device + 4, 0);
    take(c, &e);
    e = exec_at(word, PAGING_VA(VA_DEVICE) + 4, 0);
    take(c, &e);
}

static void legacy_ipi(void *unused)
{
    (void)unused;
    (void)sbi_call6(SBI_EXT_LEGACY_SEND_IPI, 0, PAGING_VA(VA_FOREIGN), 0, 0, 0, 0, 0);
}

static void call(struct hostile_counts *c)
{
    uint64_t header = (uint64_t)(uintptr_t)race.mailbox;
    struct exec e = {0};

    e.trapped = trap_catch(&e.trap, false, legacy_ipi, NULL);
    take(c, &e);
    (void)sbi_call(CURIA_EXT_IPC, CURIA_IPC_MAILBOX_SET, 0, header, 0, MAILBOX_RING_BYTES);
    (void)sbi_call(CURIA_EXT_IPC, CURIA_IPC_SEND, 0, header, 0, sizeof(race.mailbox->header));
    (void)sbi_call(CURIA_EXT_IPC, CURIA_IPC_MAILBOX_ROOM, 0, 0, 0, 0);
    c->tried += 3;
}

/* The words of our own page are read by the other's tables only; a racing store may change them. */
static void mend_page(void)
{
    for (uint32_t i = 0; i < 512; i++) {
        ((volatile uint64_t *)(uintptr_t)race.page)[i] = PATTERN;
    }
}

void hostile_races(uint64_t n, struct hostile_counts *counts)
{
    uint64_t bytes;
    uint64_t area = (uint64_t)(uintptr_t)free_ram(&bytes);

    if (board.hart_count < 2) {
        return;
    }
    race.device = board.aplic.size != 0 ? board.aplic.start : board.plic.start;
    race.page = area;
    race.table = area + 0x1000;
    race.code = (void *)(uintptr_t)(area + 0x2000);
    race.mailbox = (struct mailbox_memory *)(uintptr_t)(area + 0x3000);
    race.state = hostile_random();
    race.mailbox->header.magic = CURIA_MAILBOX_MAGIC;
    race.mailbox->header.ring_bytes = MAILBOX_RING_BYTES;
    race.code->word = INSN_LW;
    race.code->ret = RET_RET;
    race.code->half = halves[0];
    race.code->half_ret = (uint16_t)RET_RET;
    mend_page();
    paging_set_table(race.table);
    paging_on();
    if (!job_start(1, change_on_and_on, NULL)) {
        guest_panic("hostile: the racing hart does not start\n");
    }
    for (uint64_t i = 0; i < n; i++) {
        fence_local();
        load_foreign(counts);
        access_device(counts);
        mend_page();
        run_changing_code(counts);
        mend_page();
        call(counts);
    }
    atomic_store(&race.stop, true);
    if (!job_stop(1)) {
        guest_panic("hostile: the racing hart does not stop\n");
    }
    paging_off();
    (void)sbi_call(CURIA_EXT_IPC, CURIA_IPC_MAILBOX_CLEAR, 0, 0, 0, 0);
}
