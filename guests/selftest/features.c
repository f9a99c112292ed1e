/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FWFT's features [SBI 3.0 §18], as far as they are there: values, and what they do to this hart.
 * Which ones a machine has is the tests' to say (tests/qemu), not the guest's.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/sbi_call.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#define DELEG  SBI_FWFT_MISALIGNED_EXC_DELEG
#define SHADOW SBI_FWFT_SHADOW_STACK
#define AD     SBI_FWFT_PTE_AD_HW_UPDATING
#define COUNT  (SBI_FWFT_POINTER_MASKING_PMLEN + 1u)

#define LR_W      0x1005252fu /* lr.w a0, (a0) */
#define SET_SSP   0x01151073u /* csrw ssp, a0 */
#define SSPUSH    0xce104073u /* sspush ra */
#define SSPOPCHK  0xcdc0c073u /* sspopchk ra */
#define SSP_FAULT 3u          /* stval of a software check */

static struct sbi_result get(uint32_t id)
{
    return sbi_call(SBI_EXT_FWFT, SBI_FWFT_GET, id, 0, 0, 0);
}

static int64_t set(uint32_t id, uint64_t value, uint64_t flags)
{
    return sbi_call(SBI_EXT_FWFT, SBI_FWFT_SET, id, value, flags, 0).error;
}

int64_t feature_set(uint32_t id, uint64_t value)
{
    return set(id, value, 0);
}

static bool switched(uint32_t id, uint64_t value)
{
    return set(id, value, 0) == 0 && get(id).error == 0 && get(id).value == value;
}

/* ---- A and D bits ------------------------------------------------------------------------------
 */

/* On a page without A and D: does the access set them, or fault? Twice, so that what the hart has
 * cached of the first time does not decide. */
static bool updates(bool want, uint64_t value)
{
    static _Alignas(4096) volatile uint64_t page[512];
    uint64_t pa = (uint64_t)(uintptr_t)page;
    struct exec e, f;

    paging_set(7, pa, PTE_V | PTE_R | PTE_W);
    fence_local();
    if (!switched(AD, value)) {
        return false;
    }
    e = exec_one(INSN_LD, PAGING_VA(7), 0);
    f = exec_one(INSN_SD, PAGING_VA(7), 0);
    return want ? !e.trapped && !f.trapped
                : e.trapped && e.trap.scause == EXC_LOAD_PAGE && f.trapped &&
                      f.trap.scause == EXC_STORE_PAGE;
}

static void test_ad(void)
{
    paging_on();
    (void)tap_ok(updates(false, 0), "FWFT: A and D bits fault");
    (void)tap_ok(updates(true, 1), "FWFT: A and D bits are set");
    (void)tap_ok(updates(false, 0), "FWFT: A and D bits fault again");
    paging_off();
}

/* ---- misaligned accesses -----------------------------------------------------------------------
 */

/* Firmware does not emulate this one, and gives the exception back: either way it ends up here. */
static bool is_misaligned(uint64_t value)
{
    static uint64_t word;
    uint64_t at = (uint64_t)(uintptr_t)&word + 2;
    struct exec e;

    if (!switched(DELEG, value)) {
        return false;
    }
    e = exec_one(LR_W, at, 0);
    return e.trapped &&
           (e.trap.scause == EXC_LOAD_MISALIGNED || e.trap.scause == EXC_LOAD_ACCESS) &&
           e.trap.stval == at && e.trap.sepc == e.pc;
}

static void test_misaligned(void)
{
    uint64_t was = get(DELEG).value;

    (void)tap_ok(is_misaligned(1), "FWFT: misaligned, delegated");
    (void)tap_ok(is_misaligned(0), "FWFT: misaligned, not delegated");
    (void)tap_ok(switched(DELEG, was), "FWFT: misaligned, as before");
}

/* ---- shadow stacks -----------------------------------------------------------------------------
 */

static struct exec on_stack(uint64_t top, uint32_t first, uint32_t second)
{
    struct exec e = {.code = {SET_SSP, first, second, INSN_CSRR(CSR_SSP)}, .a0 = top};

    exec_run(&e);
    return e;
}

static bool trapped_by(struct exec e, uint64_t cause, uint64_t stval)
{
    return e.trapped && e.trap.scause == cause && e.trap.stval == stval;
}

/* A page that is written and not read is a shadow stack, or reserved. */
static void test_shadow_stack(void)
{
    static _Alignas(4096) volatile uint64_t page[512];
    uint64_t top = PAGING_VA(8), last = top - 8;
    struct exec e;

    paging_on();
    paging_set(7, (uint64_t)(uintptr_t)page, PTE_V | PTE_W | PTE_AD);
    fence_local();
    (void)tap_ok(trapped_by(exec_one(INSN_CSRR(CSR_SSP), 0, 0), EXC_ILLEGAL, INSN_CSRR(CSR_SSP)) &&
                     trapped_by(exec_one(INSN_LD, last, 0), EXC_LOAD_PAGE, last) &&
                     !exec_one(SSPUSH, 0, 0).trapped,
                 "FWFT: no shadow stacks");
    (void)tap_ok(switched(SHADOW, 1), "FWFT: shadow stacks");
    e = on_stack(top, SSPUSH, SSPOPCHK);
    (void)tap_ok(!e.trapped && e.a0 == top && page[511] != 0, "what is pushed is popped");
    e = on_stack(top, SSPUSH, SSPUSH);
    (void)tap_ok(!e.trapped && e.a0 == top - 16 && page[510] == page[511], "ssp moves");
    page[511] ^= 2;
    e = on_stack(last, SSPOPCHK, SSPOPCHK);
    (void)tap_ok(trapped_by(e, EXC_SOFTWARE_CHECK, SSP_FAULT), "another address is found out");
    (void)tap_ok(trapped_by(exec_one(INSN_SD, last, 0), EXC_STORE_ACCESS, last) &&
                     !exec_one(INSN_LD, last, 0).trapped,
                 "a store does not reach the shadow stack");
    paging_off();

    e = (struct exec){.code = {INSN_CSRR(CSR_SSP)}};
    exec_user(&e);
    (void)tap_ok(trapped_by(e, EXC_ILLEGAL, INSN_CSRR(CSR_SSP)), "U: ssp, closed");
    csr_write(CSR_SENVCFG, SENVCFG_SSE);
    exec_user(&e);
    (void)tap_ok(e.trap.scause == EXC_BREAKPOINT && e.a0 == csr_read(CSR_SSP), "U: ssp, open");
    csr_write(CSR_SENVCFG, 0);
    csr_write(CSR_SSP, 0);
    (void)tap_ok(switched(SHADOW, 0) && exec_one(INSN_CSRR(CSR_SSP), 0, 0).trapped,
                 "FWFT: no shadow stacks again");
}

/*
 * tests/qemu looks at the hart while this waits: in the VM's first life the feature is on if the
 * bootarg says so, in the next one as each life begins.
 */
void role_features(void)
{
    struct sbi_result before = get(DELEG);
    bool on = board_arg_number("delegate", 0) != 0 && vm_generation() == 1;

    if (on && set(DELEG, 1, SBI_FWFT_LOCK) != 0) {
        guest_panic("panic: MISALIGNED_EXC_DELEG cannot be set");
    }
    con_printf("features: %lu, delegated %ld %lu, now %lu\n", (unsigned long)vm_generation(),
               (long)before.error, (unsigned long)before.value, (unsigned long)get(DELEG).value);
    for (;;) {
        __asm__ volatile("wfi" : : : "memory");
    }
}

/* ---- all ---------------------------------------------------------------------------------------
 */

void features_leave(void)
{
    for (uint32_t id = 0; id < COUNT; id++) {
        (void)set(id, 1, SBI_FWFT_LOCK);
    }
    if (get(SHADOW).error == 0) {
        csr_write(CSR_SSP, 0x5a5a5a58);
    }
}

/* It is looked at with the feature on, and off again then. */
static bool ssp_is_fresh(void)
{
    return get(SHADOW).error != 0 ||
           (switched(SHADOW, 1) && csr_read(CSR_SSP) == 0 && switched(SHADOW, 0));
}

/* Unlocked: the value that it has is accepted. The delegation's first value is the machine's. */
bool features_are_fresh(void)
{
    bool fresh = true;

    for (uint32_t id = 0; id < COUNT; id++) {
        struct sbi_result r = get(id);

        fresh = fresh && (r.error != 0 || ((r.value == 0 || id == DELEG) && switched(id, r.value)));
    }
    return fresh && ssp_is_fresh();
}

void test_features(void)
{
    if (!board.curia || !sbi_probe(SBI_EXT_FWFT)) {
        return; /* what the FDT then says of A and D bits, isa.c checks */
    }
    for (uint32_t id = 0; id < COUNT; id++) {
        struct sbi_result r = get(id);

        if (r.error == 0) {
            (void)tap_ok(set(id, r.value ^ 1, 2) == SBI_ERR_INVALID_PARAM &&
                             set(id, 2, 0) == SBI_ERR_INVALID_PARAM && get(id).value == r.value,
                         "FWFT: feature %u refuses other flags and values", (unsigned)id);
        } else {
            (void)tap_ok(r.error == SBI_ERR_NOT_SUPPORTED && set(id, 0, 0) == SBI_ERR_NOT_SUPPORTED,
                         "FWFT: feature %u is not there", (unsigned)id);
        }
    }
    (void)tap_ok(isa_offers("svadu") == (get(AD).error == 0) &&
                     isa_offers("zicfiss") == (get(SHADOW).error == 0) &&
                     isa_offers("ssdbltrp") == (get(SBI_FWFT_DOUBLE_TRAP).error == 0),
                 "FWFT: the FDT tells of the same features");
    if (get(AD).error == 0) {
        test_ad();
    }
    if (get(DELEG).error == 0) {
        test_misaligned();
    }
    if (get(SHADOW).error == 0) {
        test_shadow_stack();
    }
}
