/* SPDX-License-Identifier: BSD-2-Clause */
/* Base, TIME, IPI, RFENCE, SRST, DBCN, legacy: values and errors. [SBI 3.0 §3 to §12] */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/lib/sbi_call.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <string.h>

#define UNKNOWN_EID 0x0a00beef
#define BAD_FID     99

static uint64_t error(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                      uint64_t a3)
{
    return (uint64_t)sbi_call(eid, fid, a0, a1, a2, a3).error;
}

#define ERR(name) ((uint64_t)(int64_t)SBI_##name)

static void test_base(void)
{
    static const struct {
        uint64_t eid;
        const char *name;
    } exts[] = {
        {SBI_EXT_BASE, "Base"},     {SBI_EXT_TIME, "TIME"}, {SBI_EXT_IPI, "IPI"},
        {SBI_EXT_RFENCE, "RFENCE"}, {SBI_EXT_HSM, "HSM"},   {SBI_EXT_SRST, "SRST"},
        {SBI_EXT_DBCN, "DBCN"},     {SBI_EXT_STA, "STA"},
    };
    struct sbi_result r = sbi_call(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 0, 0, 0, 0);

    (void)tap_ok(r.error == 0 && (r.value & ~0x7fffffffull) == 0, "spec version %lu.%lu",
                 (unsigned long)(r.value >> 24), (unsigned long)(r.value & 0xffffff));
    if (board.curia) {
        (void)tap_eq(r.value, SBI_SPEC_VERSION, "the version is 3.0");
        r = sbi_call(SBI_EXT_BASE, SBI_BASE_GET_IMPL_ID, 0, 0, 0, 0);
        (void)tap_eq(r.value, CURIA_IMPL_ID, "the implementation is Curia");
    }
    for (uint32_t i = 0; i < sizeof(exts) / sizeof(exts[0]); i++) {
        if (exts[i].eid == SBI_EXT_STA && !board.curia) {
            continue; /* firmware steals no time */
        }
        (void)tap_ok(sbi_probe(exts[i].eid), "%s is there", exts[i].name);
        if (exts[i].eid != SBI_EXT_BASE) {
            (void)tap_eq(error(exts[i].eid, BAD_FID, 0, 0, 0, 0), ERR(ERR_NOT_SUPPORTED),
                         "%s: unknown function", exts[i].name);
        }
    }
    (void)tap_ok(!sbi_probe(UNKNOWN_EID), "an unknown extension is not there");
    (void)tap_eq(error(UNKNOWN_EID, 0, 0, 0, 0, 0), ERR(ERR_NOT_SUPPORTED), "a call of it");
    for (uint64_t fid = SBI_BASE_GET_IMPL_VERSION; fid <= SBI_BASE_GET_MIMPID; fid++) {
        r = sbi_call(SBI_EXT_BASE, fid, SBI_EXT_BASE, 0, 0, 0);
        (void)tap_eq((uint64_t)r.error, 0, "Base function %lu", (unsigned long)fid);
    }
}

static void test_masks(void)
{
    uint64_t self = hart_self()->id;
    uint64_t beyond = 0;

    for (uint32_t i = 0; i < board.hart_count; i++) {
        beyond = board.harts[i].id >= beyond ? board.harts[i].id + 1 : beyond;
    }
    (void)tap_eq(error(SBI_EXT_IPI, 0, 1, beyond, 0, 0), ERR(ERR_INVALID_PARAM),
                 "IPI: no such hart");
    (void)tap_eq(error(SBI_EXT_IPI, 0, 1, 0x123456789abcdefull, 0, 0), ERR(ERR_INVALID_PARAM),
                 "IPI: base far out");
    (void)tap_eq(error(SBI_EXT_IPI, 0, 0, 0, 0, 0), 0, "IPI: empty mask");
    (void)tap_eq(error(SBI_EXT_RFENCE, 0, 1, beyond, 0, 0), ERR(ERR_INVALID_PARAM),
                 "fence.i: no such hart");
    (void)tap_eq(error(SBI_EXT_RFENCE, 0, 1, self, 0, 0), 0, "fence.i: self");
    (void)tap_eq(error(SBI_EXT_RFENCE, 0, 0, UINT64_MAX, 0, 0), 0, "fence.i: all");
    (void)tap_eq(error(SBI_EXT_RFENCE, 1, 1, self, 0, 0), 0, "sfence.vma: all addresses");
    (void)tap_eq(error(SBI_EXT_RFENCE, 1, 1, self, 0x1000, 0x2000), 0, "sfence.vma: a range");
    (void)tap_eq((uint64_t)sbi_call6(SBI_EXT_RFENCE, 2, 1, self, 0, UINT64_MAX, 1, 0).error, 0,
                 "sfence.vma: an ASID");
    if (!board.curia) {
        return;
    }
    (void)tap_eq(error(SBI_EXT_RFENCE, 1, 1, self, UINT64_MAX - 4095, 0x2000),
                 ERR(ERR_INVALID_ADDRESS), "sfence.vma: a range past the end");
    for (uint64_t fid = SBI_RFENCE_HFENCE_GVMA_VMID; fid <= SBI_RFENCE_HFENCE_VVMA; fid++) {
        (void)tap_eq(error(SBI_EXT_RFENCE, fid, 1, self, 0, 0), ERR(ERR_NOT_SUPPORTED),
                     "RFENCE function %lu: needs H", (unsigned long)fid);
    }
}

static void test_self_ipi(void)
{
    struct guest_hart *h = hart_self();

    for (uint32_t round = 0; round < 2; round++) {
        uint64_t before = h->irqs[0];

        csr_set(CSR_SIE, 1u << IRQ_S_SOFT);
        (void)tap_eq(
            error(SBI_EXT_IPI, 0, round == 0 ? 1 : 0, round == 0 ? h->id : UINT64_MAX, 0, 0), 0,
            "IPI to %s", round == 0 ? "self" : "all");
        irqs_on();
        (void)tap_ok(wait_for(&h->irqs[0], before + 1), "it arrives");
        (void)irqs_off();
        (void)tap_eq(csr_read(CSR_SIP) & (1u << IRQ_S_SOFT), 0, "once, and can be cleared");
    }
    csr_clear(CSR_SIE, 1u << IRQ_S_SOFT);
}

static void test_console(void)
{
    static const char text[] = "# written by DBCN\n";
    uint64_t at = (uint64_t)(uintptr_t)text;
    struct sbi_result r = sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE, sizeof(text) - 1, at, 0, 0);
    char c[16];

    (void)tap_ok(r.error == 0 && r.value == sizeof(text) - 1, "DBCN: write");
    r = sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE, 0, at, 0, 0);
    (void)tap_ok(r.error == 0 && r.value == 0, "DBCN: write nothing");
    r = sbi_call(SBI_EXT_DBCN, SBI_DBCN_READ, sizeof(c), (uint64_t)(uintptr_t)c, 0, 0);
    (void)tap_ok(r.error == 0 && r.value <= sizeof(c), "DBCN: read");
    (void)sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE_BYTE, '#', 0, 0, 0);
    r = sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE_BYTE, '\n', 0, 0, 0);
    (void)tap_eq((uint64_t)r.error, 0, "DBCN: write a byte");
    if (board.curia) {
        (void)tap_eq(error(SBI_EXT_DBCN, SBI_DBCN_WRITE, 16, NOWHERE, 0, 0), ERR(ERR_INVALID_PARAM),
                     "DBCN: write from nowhere");
        (void)tap_eq(error(SBI_EXT_DBCN, SBI_DBCN_READ, 16, NOWHERE, 0, 0), ERR(ERR_INVALID_PARAM),
                     "DBCN: read to nowhere");
        (void)tap_eq(error(SBI_EXT_DBCN, SBI_DBCN_WRITE, 16, at, 1, 0), ERR(ERR_INVALID_PARAM),
                     "DBCN: the high half of an address");
        (void)tap_eq(error(SBI_EXT_DBCN, SBI_DBCN_WRITE, UINT64_MAX, at, 0, 0),
                     ERR(ERR_INVALID_PARAM), "DBCN: more than there is");
    }
}

static uint64_t set_steal(const void *at, uint64_t hi, uint64_t flags)
{
    return error(SBI_EXT_STA, SBI_STA_SET_SHMEM, (uint64_t)(uintptr_t)at, hi, flags, 0);
}

/* A hart of its own is never withheld: so nothing is stolen, whatever it does. moved=1: it is moved
 * to others all the time, and what that takes is. */
static void test_steal(void)
{
    static struct {
        uint8_t before;
        struct steal_time time;
        uint8_t behind;
    } it;
    const void *none = (const void *)UINTPTR_MAX;
    const uint8_t *bytes = (const uint8_t *)&it.time;
    uint32_t dirty = 0;

    if (!board.curia) {
        return;
    }
    memset(&it, 0x5a, sizeof(it));
    (void)tap_eq(set_steal(&it.time, 0, 1), ERR(ERR_INVALID_PARAM), "STA: flags");
    (void)tap_eq(set_steal(&it.time.steal, 0, 0), ERR(ERR_INVALID_PARAM), "STA: alignment");
    (void)tap_eq(set_steal(&it.time, 1, 0), ERR(ERR_INVALID_ADDRESS), "STA: the high half");
    (void)tap_eq(set_steal((const void *)NOWHERE, 0, 0), ERR(ERR_INVALID_ADDRESS), "STA: nowhere");
    (void)tap_eq(set_steal((const void *)(uintptr_t)board.uart.start, 0, 0),
                 ERR(ERR_INVALID_ADDRESS), "STA: in a device");
    (void)tap_eq(it.time.sequence, 0x5a5a5a5a, "STA: what is refused is not written");
    (void)tap_eq(set_steal(&it.time, 0, 0), 0, "STA: set");
    pause_us(2000);
    for (uint32_t i = 0; i < sizeof(it.time); i++) {
        dirty += bytes[i] != 0;
    }
    dirty = board_arg_number("moved", 0) != 0 ? 0 : dirty;
    (void)tap_ok(dirty == 0 && it.before == 0x5a && it.behind == 0x5a,
                 "STA: it is cleared, and nothing beside it (%u)", (unsigned)dirty);
    (void)tap_eq(set_steal(none, UINT64_MAX, 0), 0, "STA: ended");
    (void)tap_eq(set_steal(none, UINT64_MAX, 0), 0, "STA: ended again");
}

static void test_legacy(void)
{
    /* A whole line, or the next one would not be TAP. */
    struct sbi_result r = sbi_call(SBI_EXT_LEGACY_PUTCHAR, 0, '\n', 0x5a5a, 0, 0);

    (void)tap_ok(r.error == 0 && r.value == 0x5a5a, "legacy: putchar keeps a1");
    r = sbi_call(SBI_EXT_LEGACY_PUTCHAR, 0, '\n', 0, 0, 0);
    (void)tap_eq((uint64_t)r.error, 0, "legacy: putchar");
    r = sbi_call(SBI_EXT_LEGACY_GETCHAR, 0, 0, 0x5a5a, 0, 0);
    (void)tap_ok(r.error >= -1 && r.error < 256 && r.value == 0x5a5a, "legacy: getchar keeps a1");
}

#define LI_A7(n) (0x00000893u | (uint32_t)(n) << 20)
#define ECALL    0x00000073u

static void legacy_faults(uint64_t eid, uint64_t mask, uint64_t cause, const char *name)
{
    struct exec e = {.code = {LI_A7(eid), ECALL}, .a0 = mask};

    exec_run(&e);
    (void)tap_ok(e.trapped && e.trap.scause == cause && e.trap.stval == mask &&
                     e.trap.sepc == e.pc + 4 && (e.trap.sstatus & SSTATUS_SPP) != 0,
                 "legacy: call %u, mask %s: cause %lu at the ecall", (unsigned)eid, name,
                 (unsigned long)e.trap.scause);
}

/* Masks lie in the caller's virtual memory, under its rights; what they meet there is its own. */
static void test_legacy_masks(void)
{
    static _Alignas(4096) uint64_t mask[512];
    struct sbi_result r;

    mask[1] = 1ull << hart_self()->id;
    paging_set(0, (uint64_t)(uintptr_t)mask, PTE_V | PTE_R | PTE_AD);
    paging_set(1, (uint64_t)(uintptr_t)mask, PTE_V | PTE_R | PTE_U | PTE_AD);
    paging_set(2, 0, 0);
    paging_set(3, NOWHERE, PTE_V | PTE_R | PTE_AD);
    paging_on();
    r = sbi_call(SBI_EXT_LEGACY_SEND_IPI, 0, PAGING_VA(0) + 8, 0x5a5a, 0, 0);
    (void)tap_ok(r.error == 0 && r.value == 0x5a5a, "legacy: send_ipi keeps a1");
    (void)tap_ok((csr_read(CSR_SIP) & 1u << IRQ_S_SOFT) != 0, "it arrives");
    r = sbi_call(SBI_EXT_LEGACY_CLEAR_IPI, 0, 0, 0x5a5a, 0, 0);
    (void)tap_ok(r.value == 0x5a5a && (csr_read(CSR_SIP) & 1u << IRQ_S_SOFT) == 0,
                 "legacy: clear_ipi takes it back");
    for (uint64_t eid = SBI_EXT_LEGACY_REMOTE_FENCE_I; eid <= SBI_EXT_LEGACY_REMOTE_SFENCE_ASID;
         eid++) {
        r = sbi_call(eid, 0, PAGING_VA(0) + 8, 0, 0, 0);
        (void)tap_eq((uint64_t)r.error, 0, "legacy: fence %lu", (unsigned long)eid);
    }
    for (uint64_t eid = SBI_EXT_LEGACY_SEND_IPI; eid <= SBI_EXT_LEGACY_REMOTE_FENCE_I; eid++) {
        legacy_faults(eid, PAGING_VA(1) + 8, EXC_LOAD_PAGE, "in a user page");
        legacy_faults(eid, PAGING_VA(2) + 16, EXC_LOAD_PAGE, "not mapped");
        legacy_faults(eid, PAGING_VA(3), EXC_LOAD_ACCESS, "nowhere");
    }
    paging_off();
    legacy_faults(SBI_EXT_LEGACY_SEND_IPI, NOWHERE, EXC_LOAD_ACCESS, "nowhere, untranslated");
    (void)tap_eq(csr_read(CSR_SIP) & 1u << IRQ_S_SOFT, 0, "legacy: no IPI by those");
}

static void test_srst(void)
{
    if (!board.curia) {
        tap_skip("SRST: errors", "Curia's choice");
        return;
    }
    (void)tap_eq(error(SBI_EXT_SRST, 0, 3, 0, 0, 0), ERR(ERR_INVALID_PARAM), "SRST: reserved type");
    (void)tap_eq(error(SBI_EXT_SRST, 0, 0, 7, 0, 0), ERR(ERR_INVALID_PARAM),
                 "SRST: reserved reason");
    (void)tap_eq(error(SBI_EXT_SRST, 0, 0xf0000000u, 0, 0, 0), ERR(ERR_INVALID_PARAM),
                 "SRST: a vendor's type");
}

/* The call with all registers known before and compared after: SBI changes a0 and a1 only. */
static void test_registers(void)
{
    register uint64_t s2 __asm__("s2") = 0x1111;
    register uint64_t t3 __asm__("t3") = 0x2222;
    register uint64_t t6 __asm__("t6") = 0x3333;
    register uint64_t a0 __asm__("a0") = 0;
    register uint64_t a1 __asm__("a1") = 0x4444;
    register uint64_t a2 __asm__("a2") = 0x5555;
    register uint64_t a6 __asm__("a6") = SBI_BASE_GET_SPEC_VERSION;
    register uint64_t a7 __asm__("a7") = SBI_EXT_BASE;
    bool kept;

    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1), "+r"(s2), "+r"(t3), "+r"(t6), "+r"(a2), "+r"(a6),
                       "+r"(a7)
                     :
                     : "memory");
    kept = s2 == 0x1111 && t3 == 0x2222 && t6 == 0x3333 && a2 == 0x5555 &&
           a6 == SBI_BASE_GET_SPEC_VERSION && a7 == SBI_EXT_BASE;
    (void)tap_ok(kept, "a call keeps the other registers");
}

void test_sbi(void)
{
    test_base();
    test_registers();
    test_masks();
    test_self_ipi();
    test_console();
    test_steal();
    test_legacy();
    test_legacy_masks();
    test_srst();
}
