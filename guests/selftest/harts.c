/* SPDX-License-Identifier: BSD-2-Clause */
/* HSM with several harts, IPIs between them. [SBI 3.0 §9, §7] */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/lib/sbi_call.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stddef.h>

#define ERR(name) ((uint64_t)(int64_t)SBI_##name)

/* What a hart found at its entry, written by hart_probe in harts_asm.S. */
struct entry_seen {
    uint64_t a0, a1, satp, sie, sstatus;
};
void hart_probe_entry(void);
void hart_resume_entry(void);
void hart_soft_entry(void);

static struct entry_seen seen;
static volatile uint64_t flag;

static uint64_t status(uint32_t index)
{
    struct sbi_result r = sbi_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, guest_harts[index].id, 0, 0, 0);

    return r.error == 0 ? r.value : UINT64_MAX;
}

static bool wait_status(uint32_t index, uint64_t want)
{
    for (uint32_t i = 0; i < 2000; i++) {
        if (status(index) == want) {
            return true;
        }
        pause_us(1000);
    }
    return false;
}

static uint64_t start_error(uint64_t hart, uint64_t addr)
{
    return (uint64_t)sbi_call(SBI_EXT_HSM, SBI_HSM_START, hart, addr, 0, 0).error;
}

static void test_errors(void)
{
    uint64_t entry = (uint64_t)(uintptr_t)hart_probe_entry;
    uint64_t self = hart_self()->id;

    (void)tap_eq(status(hart_self()->index), SBI_HSM_STATE_STARTED, "HSM: this hart is started");
    (void)tap_eq((uint64_t)sbi_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, 4711, 0, 0, 0).error,
                 ERR(ERR_INVALID_PARAM), "HSM: status of no hart");
    (void)tap_eq(start_error(4711, entry), ERR(ERR_INVALID_PARAM), "HSM: start of no hart");
    (void)tap_eq(start_error(UINT64_MAX, entry), ERR(ERR_INVALID_PARAM), "HSM: start of hart -1");
    (void)tap_eq(start_error(self, entry), ERR(ERR_ALREADY_AVAILABLE), "HSM: start of self");
    (void)tap_eq((uint64_t)sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, 1, 0, 0, 0).error,
                 ERR(ERR_INVALID_PARAM), "HSM: suspend of a reserved type");
    if (board.curia) {
        (void)tap_eq((uint64_t)sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_NON_RETENTIVE,
                                        NOWHERE, 0, 0)
                         .error,
                     ERR(ERR_INVALID_ADDRESS), "HSM: suspend with resume nowhere");
    }
}

static void test_start(uint32_t other)
{
    uint64_t id = guest_harts[other].id;

    (void)tap_eq(status(other), SBI_HSM_STATE_STOPPED, "HSM: hart %lu is stopped",
                 (unsigned long)id);
    if (board.curia) {
        (void)tap_eq(start_error(id, NOWHERE), ERR(ERR_INVALID_ADDRESS), "HSM: start nowhere");
        (void)tap_eq(start_error(id, 0x10000000), ERR(ERR_INVALID_ADDRESS),
                     "HSM: start in a device");
    }
    for (uint32_t round = 0; round < 3; round++) {
        seen = (struct entry_seen){0};
        seen.satp = 1;
        (void)tap_eq((uint64_t)sbi_call(SBI_EXT_HSM, SBI_HSM_START, id,
                                        (uint64_t)(uintptr_t)hart_probe_entry,
                                        (uint64_t)(uintptr_t)&seen, 0)
                         .error,
                     0, "HSM: start %u", (unsigned)round);
        (void)tap_ok(wait_for(&seen.a1, (uint64_t)(uintptr_t)&seen),
                     "it runs, a1 is the opaque value");
        (void)tap_eq(seen.a0, id, "a0 is its id");
        (void)tap_ok(seen.satp == 0 && (seen.sstatus & SSTATUS_SIE) == 0, "satp and SIE are clear");
        (void)tap_ok(wait_status(other, SBI_HSM_STATE_STOPPED), "it stops itself");
    }
}

/* ---- jobs of the other hart -------------------------------------------------------------------
 */

static void wait_for_soft(void *unused)
{
    struct guest_hart *h = hart_self();
    uint64_t before = h->irqs[0];

    (void)unused;
    csr_set(CSR_SIE, 1u << IRQ_S_SOFT);
    flag = 1;
    while (h->irqs[0] == before) {
        irqs_wait();
    }
    csr_clear(CSR_SIE, 1u << IRQ_S_SOFT);
    flag = 2;
}

static void suspend_retentive(void *unused)
{
    (void)unused;
    csr_set(CSR_SIE, 1u << IRQ_S_SOFT);
    flag = 1;
    flag = sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0, 0, 0).error == 0
               ? 2
               : 3;
    csr_clear(CSR_SIP, 1u << IRQ_S_SOFT);
    csr_clear(CSR_SIE, 1u << IRQ_S_SOFT);
}

/* With nothing enabled: an IPI ends it all the same, an old one that is left pending does not. */
static void suspend_deaf(void *unused)
{
    (void)unused;
    csr_write(CSR_SIE, 0);
    for (uint32_t round = 1; round <= 2; round++) {
        (void)sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0, 0, 0);
        flag = round;
    }
    csr_clear(CSR_SIP, 1u << IRQ_S_SOFT);
}

static void suspend_non_retentive(void *unused)
{
    (void)unused;
    csr_set(CSR_SIE, 1u << IRQ_S_SOFT);
    seen = (struct entry_seen){0};
    /* hart_resume_entry saves what it finds in *a1 and stops the hart. */
    flag = 1;
    (void)sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_NON_RETENTIVE,
                   (uint64_t)(uintptr_t)hart_resume_entry, (uint64_t)(uintptr_t)&seen, 0);
    flag = 3;
}

static void send_ipi(uint32_t other)
{
    (void)sbi_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, 1, guest_harts[other].id, 0, 0);
}

static void test_ipi(uint32_t other)
{
    for (uint32_t round = 0; round < 3; round++) {
        flag = 0;
        (void)job_start(other, wait_for_soft, NULL);
        (void)wait_for(&flag, 1);
        pause_us(round * 2000);
        send_ipi(other);
        (void)tap_ok(wait_for(&flag, 2), "IPI wakes hart %lu",
                     (unsigned long)guest_harts[other].id);
    }
    (void)job_wait(other);
    (void)tap_eq(start_error(guest_harts[other].id, (uint64_t)(uintptr_t)hart_probe_entry),
                 ERR(ERR_ALREADY_AVAILABLE), "HSM: start of a started hart");
}

/* Sent as soon as the start has succeeded, however far it is: OpenSBI may lose it. */
static void test_ipi_at_start(uint32_t other)
{
    for (uint32_t round = 0; round < 200; round++) {
        seen = (struct entry_seen){0};
        (void)sbi_call(SBI_EXT_HSM, SBI_HSM_START, guest_harts[other].id,
                       (uint64_t)(uintptr_t)hart_soft_entry, (uint64_t)(uintptr_t)&seen, 0);
        send_ipi(other);
        if (!wait_for(&seen.a1, (uint64_t)(uintptr_t)&seen)) {
            break;
        }
        (void)wait_status(other, SBI_HSM_STATE_STOPPED);
    }
    (void)tap_eq(seen.a1, (uint64_t)(uintptr_t)&seen, "IPIs right after hart starts arrive");
}

static void test_suspend(uint32_t other)
{
    flag = 0;
    (void)job_start(other, suspend_retentive, NULL);
    (void)wait_for(&flag, 1);
    (void)tap_ok(wait_status(other, SBI_HSM_STATE_SUSPENDED), "HSM: retentive suspend");
    send_ipi(other);
    (void)tap_ok(wait_for(&flag, 2), "an IPI ends it, the call comes back with success");
    (void)tap_ok(wait_status(other, SBI_HSM_STATE_STARTED), "and the hart is started");

    flag = 0;
    (void)job_start(other, suspend_deaf, NULL);
    for (uint64_t round = 1; round <= 2; round++) {
        (void)tap_ok(wait_status(other, SBI_HSM_STATE_SUSPENDED) && flag == round - 1,
                     "HSM: suspend with no interrupt enabled");
        send_ipi(other);
        (void)tap_ok(wait_for(&flag, round), "an IPI ends it");
    }
    (void)job_wait(other);
    (void)tap_ok(job_stop(other), "HSM: it stops itself");

    flag = 0;
    (void)job_start(other, suspend_non_retentive, NULL);
    (void)wait_for(&flag, 1);
    (void)tap_ok(wait_status(other, SBI_HSM_STATE_SUSPENDED), "HSM: non-retentive suspend");
    send_ipi(other);
    (void)tap_ok(wait_for(&seen.a1, (uint64_t)(uintptr_t)&seen), "it resumes where it was told");
    (void)tap_eq(seen.a0, guest_harts[other].id, "a0 is its id");
    (void)tap_ok(seen.satp == 0 && (seen.sstatus & SSTATUS_SIE) == 0, "satp and SIE are clear");
    (void)tap_eq(flag, 1, "the call did not come back");
    (void)tap_ok(wait_status(other, SBI_HSM_STATE_STOPPED), "it stops itself");
    job_forget(other);
}

void test_harts(void)
{
    test_errors();
    for (uint32_t i = 0; i < board.hart_count; i++) {
        if (i != hart_self()->index) {
            test_start(i);
            test_ipi(i);
            (void)job_stop(i);
        }
    }
    if (board.hart_count > 1) {
        if (board.curia) {
            test_ipi_at_start(hart_self()->index == 0 ? 1 : 0);
        }
        test_suspend(hart_self()->index == 0 ? 1 : 0);
    } else {
        tap_skip("HSM and IPI between harts", "one hart");
    }
}
