/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hostile guest: tries all memory that is not its own, every CSR, its devices in every wrong
 * way, random instructions and random calls. What it may damage is itself alone; that nobody else
 * noticed is for the others to say. It counts what it got at, which must be nothing.
 */
#include "guests/selftest/hostile.h"

#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"

#include <stddef.h>

#define LEAKS_SHOWN 8u

static const uint32_t loads[] = {INSN_LB, INSN_LH, INSN_LW, INSN_LD, INSN_LBU, INSN_LHU, INSN_LWU};
static const uint32_t stores[] = {INSN_SB, INSN_SH, INSN_SW, INSN_SD};

uint64_t hostile_random(void)
{
    static uint64_t state;

    if (state == 0) {
        uint64_t seed = board_arg_number("seed", 1);

        seed = seed != 0 ? seed : time_now(); /* another one at each start */
        con_printf("hostile: seed=%lu\n", (unsigned long)seed);
        state = seed * 0x9e3779b97f4a7c15ull | 1;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* ---- memory ------------------------------------------------------------------------------------
 */

static bool in(uint64_t at, struct board_range range)
{
    return range.size != 0 && at >= range.start && at - range.start < range.size;
}

bool hostile_is_own(uint64_t at)
{
    bool own = in(at, board.uart) || in(at, board.aplic) || in(at, board.plic);

    for (uint32_t i = 0; i < board.memory_count; i++) {
        own = own || in(at, board.memory[i]);
    }
    for (uint32_t i = 0; i < board.region_count; i++) {
        own = own || in(at, board.regions[i].range);
    }
    for (uint32_t i = 0; i < board.hart_count; i++) {
        own = own || in(at, (struct board_range){board.harts[i].imsic, 4096});
    }
    return own;
}

static void count(struct hostile_counts *c, const struct exec *e, uint64_t at, const char *what)
{
    c->tried++;
    if (e->trapped) {
        c->trapped++;
        return;
    }
    if (c->leaked++ < LEAKS_SHOWN) {
        con_printf("hostile: LEAK: %s at %lx: %lx\n", what, (unsigned long)at,
                   (unsigned long)e->a0);
    }
}

static void try_address(struct hostile_counts *c, uint64_t at)
{
    struct exec e;

    if (hostile_is_own(at)) {
        return;
    }
    e = exec_one(INSN_LD, at, 0);
    count(c, &e, at, "load");
    e = exec_one(INSN_SD, at, 0x6861636b6861636bull);
    count(c, &e, at, "store");
    e = exec_at(at, 0, 0);
    count(c, &e, at, "jump");
}

static void scan(struct hostile_counts *c, uint64_t start, uint64_t end, uint64_t step)
{
    for (uint64_t at = start; at < end; at += step) {
        try_address(c, at);
    }
}

static void scan_all(struct hostile_counts *c)
{
    scan(c, 0, 1ull << 32, 0x100000);
    scan(c, 0x80000000ull, 0x480000000ull, 0x200000);
    scan(c, 0, 1ull << 41, 1ull << 30);
    scan(c, 0, 1ull << 56, 1ull << 45);
    for (uint32_t bit = 12; bit < 64; bit++) {
        try_address(c, 1ull << bit);
        try_address(c, 0ull - (1ull << bit));
        try_address(c, (1ull << bit) + 0x80200000ull);
    }
}

/* The same through translation: the tables may say what they like. */
static void scan_translated(struct hostile_counts *c)
{
    paging_on();
    for (uint64_t pa = 0; pa < 0x100000000ull; pa += 0x800000) {
        if (hostile_is_own(pa)) {
            continue;
        }

        struct exec e;

        paging_set(1, pa, PTE_V | PTE_R | PTE_W | PTE_X | PTE_AD);
        fence_local();
        e = exec_one(INSN_LD, PAGING_VA(1), 0);
        count(c, &e, pa, "translated load");
        e = exec_one(INSN_SD, PAGING_VA(1), 0);
        count(c, &e, pa, "translated store");
        paging_set_table(pa);
        fence_local();
        e = exec_one(INSN_LD, PAGING_VA_TABLE, 0);
        count(c, &e, pa, "page table");
    }
    paging_off();
}

/* ---- CSRs --------------------------------------------------------------------------------------
 */

/* Those without which not even a trap could be taken any more. */
static bool is_vital(uint32_t csr)
{
    return csr == CSR_STVEC || csr == CSR_SSCRATCH || csr == CSR_SATP;
}

static void try_csrs(struct hostile_counts *c)
{
    static const uint32_t funct3[] = {1, 2, 3};
    uint64_t sstatus = csr_read(CSR_SSTATUS);

    for (uint32_t csr = 0; csr < 4096; csr++) {
        for (uint32_t i = 0; i < 3 && !is_vital(csr); i++) {
            uint32_t insn = csr << 20 | 11u << 15 | funct3[i] << 12 | 10u << 7 | 0x73u;
            struct exec e = exec_one(insn, 0, hostile_random());

            csr_write(CSR_SIE, 0);
            csr_write(CSR_SSTATUS, sstatus);
            c->tried++;
            c->trapped += e.trapped ? 1 : 0;
            if (!e.trapped && (csr >> 8 & 3) >= 2) {
                con_printf("hostile: LEAK: CSR %x\n", (unsigned)csr);
                c->leaked++;
            }
        }
    }
    csr_write(CSR_SCOUNTEREN, 7);
    timer_set(UINT64_MAX);
}

/* ---- devices -----------------------------------------------------------------------------------
 */

static void try_register(struct hostile_counts *c, uint64_t at, bool write)
{
    for (uint32_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        c->tried++;
        c->trapped += exec_one(loads[i], at, 0).trapped ? 1 : 0;
    }
    for (uint32_t i = 0; write && i < sizeof(stores) / sizeof(stores[0]); i++) {
        c->tried++;
        c->trapped += exec_one(stores[i], at, hostile_random()).trapped ? 1 : 0;
    }
}

static void try_devices(struct hostile_counts *c)
{
    for (uint64_t at = 0; at < 0x8000 && board.aplic.size != 0; at += at % 0x200 < 16 ? 1 : 4) {
        try_register(c, board.aplic.start + at, true);
    }
    for (uint64_t i = 0; i < 0x2000 && board.plic.size != 0; i++) {
        uint64_t at = i < 0x1000 ? i * 2 : hostile_random() % board.plic.size;

        try_register(c, board.plic.start + at, true);
    }
    for (uint64_t at = 0; at < board.uart.size; at++) {
        try_register(c, board.uart.start + at, at != 0 && at < 8); /* 0 would only be noise */
    }
    for (uint64_t at = 0; at < 4096 && board.imsic_ids != 0; at += at < 16 ? 1 : 4) {
        try_register(c, board.harts[hart_self()->index].imsic + at, true);
    }
}

/* ---- all ----------------------------------------------------------------------------------------
 */

static void print(const char *what, const struct hostile_counts *c)
{
    con_printf("hostile: %s: tried %lu, trapped %lu, leaked %lu\n", what, (unsigned long)c->tried,
               (unsigned long)c->trapped, (unsigned long)c->leaked);
}

void role_hostile(void)
{
    struct hostile_counts memory = {0}, csrs = {0}, devices = {0}, words = {0}, calls = {0};
    struct hostile_counts races = {0};
    uint64_t leaked;

    csr_write(CSR_SIE, 0);
    con_printf("hostile: ready\n");
    scan_all(&memory);
    scan_translated(&memory);
    print("memory", &memory);
    try_csrs(&csrs);
    print("CSRs", &csrs);
    try_devices(&devices);
    print("devices", &devices);
    hostile_words(board_arg_number("words", 20000), &words);
    print("words", &words);
    hostile_calls(board_arg_number("calls", 20000), &calls);
    print("calls", &calls);
    hostile_races(board_arg_number("races", 1500), &races);
    print("races", &races);
    leaked =
        memory.leaked + csrs.leaked + devices.leaked + words.leaked + calls.leaked + races.leaked;
    con_printf("hostile done, %lu leaks\n", (unsigned long)leaked);
    pause_us(board_arg_number("linger-ms", 3000) * 1000); /* others shall live on beside it */
    sbi_system_reset(SBI_SRST_TYPE_SHUTDOWN, SBI_SRST_REASON_NONE);
    guest_panic("panic: SRST came back");
}
