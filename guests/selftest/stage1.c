/* SPDX-License-Identifier: BSD-2-Clause */
/* With the guest's own translation: page faults are the guest's, and told exactly; what its tables
 * point to must be its own. [Priv 20240411, Sv39] */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#define RW  (PTE_V | PTE_R | PTE_W | PTE_AD)
#define RWX (RW | PTE_X)

#define PAGE 4096u

static _Alignas(PAGE) volatile uint64_t page[512];

static void expect(struct exec e, uint64_t cause, uint64_t pc, uint64_t stval, const char *name)
{
    if (!tap_ok(e.trapped && e.trap.scause == cause && e.trap.sepc == pc && e.trap.stval == stval &&
                    (e.trap.sstatus & SSTATUS_SPP) != 0,
                "translated: %s", name)) {
        (void)tap_ok(false, "trapped %d, cause %lx, epc %lx (%lx), tval %lx (%lx)", e.trapped,
                     (unsigned long)e.trap.scause, (unsigned long)e.trap.sepc, (unsigned long)pc,
                     (unsigned long)e.trap.stval, (unsigned long)stval);
    }
}

static void expect_load(uint64_t va, uint64_t cause, const char *name)
{
    struct exec e = exec_one(INSN_LD, va, 0);

    expect(e, cause, e.pc, va, name);
}

static void expect_store(uint64_t va, uint64_t cause, const char *name)
{
    struct exec e = exec_one(INSN_SW, va, 0);

    expect(e, cause, e.pc, va, name);
}

static void expect_jump(uint64_t va, uint64_t cause, const char *name)
{
    expect(exec_at(va, 0, 0), cause, va, va, name);
}

static void test_page_faults(void)
{
    uint64_t pa = (uint64_t)(uintptr_t)page;

    expect_load(PAGING_VA(1), EXC_LOAD_PAGE, "load, not valid");
    expect_store(PAGING_VA(1), EXC_STORE_PAGE, "store, not valid");
    expect_jump(PAGING_VA(1), EXC_INSN_PAGE, "jump, not valid");
    expect_load(PAGING_VA(1) + 0x7f8, EXC_LOAD_PAGE, "load, with an offset");

    paging_set(2, pa, PTE_V | PTE_R | PTE_AD);
    fence_local();
    (void)tap_eq(exec_one(INSN_LD, PAGING_VA(2), 0).a0, page[0], "translated: read-only is read");
    expect_store(PAGING_VA(2), EXC_STORE_PAGE, "store, read-only");
    expect_jump(PAGING_VA(2), EXC_INSN_PAGE, "jump, not executable");

    paging_set(3, pa, RWX | PTE_U);
    fence_local();
    expect_load(PAGING_VA(3), EXC_LOAD_PAGE, "load, a user page");
    expect_jump(PAGING_VA(3), EXC_INSN_PAGE, "jump, a user page");
    csr_set(CSR_SSTATUS, SSTATUS_SUM);
    (void)tap_eq(exec_one(INSN_LD, PAGING_VA(3), 0).a0, page[0], "translated: SUM lets it");
    csr_clear(CSR_SSTATUS, SSTATUS_SUM);

    paging_set(4, pa, PTE_V | PTE_X | PTE_AD);
    fence_local();
    expect_load(PAGING_VA(4), EXC_LOAD_PAGE, "load, execute-only");
    csr_set(CSR_SSTATUS, SSTATUS_MXR);
    (void)tap_eq(exec_one(INSN_LD, PAGING_VA(4), 0).a0, page[0], "translated: MXR lets it");
    csr_clear(CSR_SSTATUS, SSTATUS_MXR);

    paging_set(5, pa, PTE_V | PTE_W | PTE_AD);
    fence_local();
    expect_load(PAGING_VA(5), EXC_LOAD_PAGE, "load, a reserved PTE");
    expect_load(1ull << 40, EXC_LOAD_PAGE, "load, a non-canonical address");
    expect_store(1ull << 63, EXC_STORE_PAGE, "store, a non-canonical address");
}

static void test_outside(void)
{
    uint64_t va = PAGING_VA_TABLE;

    paging_set(6, NOWHERE, RWX);
    fence_local();
    expect_load(PAGING_VA(6) + 8, EXC_LOAD_ACCESS, "load of a page that is nowhere");
    expect_store(PAGING_VA(6) + 8, EXC_STORE_ACCESS, "store to it");
    expect_jump(PAGING_VA(6) + 8, EXC_INSN_ACCESS, "jump to it");
    paging_set(6, 1ull << 55, RWX);
    fence_local();
    expect_load(PAGING_VA(6) + 8, EXC_LOAD_ACCESS, "load of a page at 2^55");

    if (!board.curia) {
        tap_skip("translated: page tables that are nowhere", "QEMU calls that a page fault");
        return;
    }
    paging_set_table(NOWHERE);
    fence_local();
    expect_load(va + 16, EXC_LOAD_ACCESS, "load, its page table is nowhere");
    expect_store(va + 16, EXC_STORE_ACCESS, "store, its page table is nowhere");
    expect_jump(va + 16, EXC_INSN_ACCESS, "jump, its page table is nowhere");
    paging_set_table(1ull << 55);
    fence_local();
    expect_load(va + 16, EXC_LOAD_ACCESS, "load, its page table is at 2^55");
}

/*
 * What straddles two pages, the second of which is not there: the fault's address is where that one
 * begins, sepc and the cause are those of the whole [Priv, "stval"].
 */
static __attribute__((noinline)) void test_straddling(void)
{
    static _Alignas(PAGE) volatile uint16_t code[PAGE / 2];
    uint64_t pc = PAGING_VA(8) - 2;
    uint64_t at = PAGING_VA(8) - 4;

    code[PAGE / 2 - 1] = 0x0513; /* the first half of li a0, n */
    __asm__ volatile("fence.i" : : : "memory");
    paging_set(7, (uint64_t)(uintptr_t)code, RWX);
    paging_set(8, NOWHERE, RWX);
    fence_local();
    expect(exec_at(pc, 0, 0), EXC_INSN_ACCESS, pc, PAGING_VA(8),
           "jump, its second half is nowhere");

    struct exec l = exec_one(INSN_LD, at, 0);
    struct exec s = exec_one(INSN_SD, at, 0);

    if (l.trap.scause != EXC_LOAD_MISALIGNED) {
        expect(l, EXC_LOAD_ACCESS, l.pc, PAGING_VA(8), "load, its second half is nowhere");
        expect(s, EXC_STORE_ACCESS, s.pc, PAGING_VA(8), "store, its second half is nowhere");
    }
    paging_set(8, 0, 0);
    fence_local();
    expect(exec_at(pc, 0, 0), EXC_INSN_PAGE, pc, PAGING_VA(8),
           "jump, its second half is not valid");
}

void test_stage1(void)
{
    uint64_t pa = (uint64_t)(uintptr_t)page;

    page[0] = 0x1122334455667788ull;
    paging_set(0, pa, RW);
    paging_on();
    (void)tap_eq(exec_one(INSN_LD, PAGING_VA(0), 0).a0, page[0], "translated: a page is read");
    (void)tap_ok(!exec_one(INSN_SD, PAGING_VA(0) + 8, 77).trapped && page[1] == 77,
                 "translated: and written");
    test_page_faults();
    test_outside();
    test_straddling();
    paging_off();
}
