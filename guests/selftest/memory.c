/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses outside the guest's map, without translation: access faults 1, 5 and 7, told exactly,
 * as where a machine has nothing.
 */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#define CODE_AMO 0x00b5252fu /* amoadd.w a0, a1, (a0) */
#define CODE_LR  0x1005252fu
#define CODE_CLD 0x6108u

static bool is_fault(const struct exec *e, uint64_t cause, uint64_t pc, uint64_t stval)
{
    return e->trapped && e->trap.scause == cause && e->trap.sepc == pc && e->trap.stval == stval &&
           (e->trap.sstatus & SSTATUS_SPP) != 0;
}

static void probe(uint64_t at, const char *name)
{
    struct exec l = exec_one(INSN_LD, at, 0);
    struct exec b = exec_one(INSN_LB, at + 1, 0);
    struct exec s = exec_one(INSN_SD, at, 0x55aa55aa55aa55aaull);
    struct exec a = exec_one(CODE_AMO, at, 1);
    struct exec r = exec_one(CODE_LR, at, 0);
    struct exec c = exec_one(CODE_CLD, at, 0);
    struct exec x = exec_at(at, 0, 0);
    bool ok = tap_ok(
        is_fault(&l, EXC_LOAD_ACCESS, l.pc, at) && is_fault(&b, EXC_LOAD_ACCESS, b.pc, at + 1) &&
            is_fault(&s, EXC_STORE_ACCESS, s.pc, at) && is_fault(&a, EXC_STORE_ACCESS, a.pc, at) &&
            is_fault(&r, EXC_LOAD_ACCESS, r.pc, at) && is_fault(&c, EXC_LOAD_ACCESS, c.pc, at) &&
            is_fault(&x, EXC_INSN_ACCESS, at, at),
        "%lx (%s): access faults", (unsigned long)at, name);

    if (!ok) {
        (void)tap_ok(false, "load %d %lx %lx, store %d %lx %lx, jump %d %lx %lx", l.trapped,
                     (unsigned long)l.trap.scause, (unsigned long)l.trap.stval, s.trapped,
                     (unsigned long)s.trap.scause, (unsigned long)s.trap.stval, x.trapped,
                     (unsigned long)x.trap.scause, (unsigned long)x.trap.stval);
    }
}

static void probe_outside(void)
{
    const struct board_range *ram = &board.memory[0];
    uint64_t end = ram->start + ram->size;

    probe(0, "zero");
    probe(ram->start - 4096, "below RAM");
    probe(end, "above RAM");
    probe(end + 0x200000, "above RAM");
    probe(0x40000000, "between devices and RAM");
    probe(0xfffff000, "the end of 4 GiB");
    /* Where the host has RAM: the hypervisor and neighbours are somewhere in there. */
    for (uint64_t at = end & ~0x7ffffffull; at < 0x100000000ull; at += 0x8000000) {
        if (at >= end) {
            probe(at, "host RAM");
        }
    }
}

void test_memory(void)
{
    const struct board_range *ram = &board.memory[0];
    volatile uint64_t *last = (volatile uint64_t *)(ram->start + ram->size - 8);

    uint64_t old = *last;

    *last = ~old;
    (void)tap_eq(*last, ~old, "the last word of RAM is there");
    *last = old; /* the FDT may be there */
    probe(NOWHERE, "nowhere");
    probe(1ull << 38, "2^38");
    probe(1ull << 39, "2^39");
    probe(1ull << 41, "2^41");
    probe(1ull << 50, "2^50");
    probe(1ull << 55, "2^55");
    if (board.curia) {
        probe(1ull << 56, "2^56");
        probe(1ull << 60, "2^60");
        probe(0xfffffffffffff000ull, "the last page");
        probe_outside();
    } else {
        tap_skip("addresses outside the VM", "the machine's own map");
    }

    /* A load across the end of RAM: the fault's address is in the part that is not there. */
    struct exec e = exec_one(INSN_LD, ram->start + ram->size - 4, 0);

    (void)tap_ok(e.trapped &&
                     (e.trap.scause == EXC_LOAD_ACCESS || e.trap.scause == EXC_LOAD_MISALIGNED),
                 "a load across the end of RAM (%lx, %lx)", (unsigned long)e.trap.scause,
                 (unsigned long)e.trap.stval);
}
