/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Remote fences by what they do: another hart sees a changed PTE and changed code without a fence
 * of its own. [SBI 3.0 §8]
 */
#include "guests/lib/board.h"
#include "guests/lib/sbi_call.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stddef.h>

#define FLAGS      (PTE_V | PTE_R | PTE_W | PTE_AD)
#define RET        0x8082u
#define C_LI_A0(n) (0x4501u | (uint32_t)(n) << 2) /* c.li a0, n */

static _Alignas(4096) volatile uint64_t pages[2][512];
static _Alignas(4096) volatile uint16_t code[2048];
static volatile uint64_t step, ack, got;

/* The other hart: reports what it reads through the page at each step, translation always on. */
static void reader(void *unused)
{
    volatile uint64_t *va = (volatile uint64_t *)PAGING_VA(0);

    (void)unused;
    paging_on();
    for (uint64_t seen = 0; seen != 3;) {
        if (step == seen) {
            continue;
        }
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        seen = step;
        got = *va;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        ack = seen;
    }
    paging_off();
}

static void caller(void *unused)
{
    uint64_t (*f)(void) = (uint64_t(*)(void))(uintptr_t)code;

    (void)unused;
    for (uint64_t seen = 0; seen != 3;) {
        if (step == seen) {
            continue;
        }
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        seen = step;
        got = f();
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        ack = seen;
    }
}

static uint64_t take_step(uint64_t n)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    step = n;
    return wait_for(&ack, n) ? got : UINT64_MAX;
}

static int64_t rfence(uint64_t fid, uint32_t other, uint64_t start, uint64_t size)
{
    return sbi_call6(SBI_EXT_RFENCE, fid, 1, guest_harts[other].id, start, size, 0, 0).error;
}

static void test_pte(uint32_t other)
{
    pages[0][0] = 100;
    pages[1][0] = 101;
    step = ack = 0;
    paging_set(0, (uint64_t)(uintptr_t)pages[0], FLAGS);
    (void)job_start(other, reader, NULL);
    (void)tap_eq(take_step(1), 100, "hart %u reads through a page", (unsigned)other);
    paging_set(0, (uint64_t)(uintptr_t)pages[1], FLAGS);
    (void)tap_eq((uint64_t)rfence(SBI_RFENCE_SFENCE_VMA, other, PAGING_VA(0), 4096), 0,
                 "remote sfence.vma of the page");
    (void)tap_eq(take_step(2), 101, "it reads through the new PTE");
    paging_set(0, (uint64_t)(uintptr_t)pages[0], FLAGS);
    (void)tap_eq((uint64_t)rfence(SBI_RFENCE_SFENCE_VMA_ASID, other, 0, UINT64_MAX), 0,
                 "remote sfence.vma by ASID");
    (void)tap_eq(take_step(3), 100, "it reads through the new PTE");
    (void)tap_ok(job_wait(other), "it is done");
}

static void set_code(uint32_t value)
{
    code[0] = (uint16_t)C_LI_A0(value);
    code[1] = RET;
}

static void test_code(uint32_t other)
{
    set_code(1);
    step = ack = 0;
    (void)rfence(SBI_RFENCE_FENCE_I, other, 0, 0);
    (void)job_start(other, caller, NULL);
    for (uint64_t i = 1; i <= 3; i++) {
        (void)tap_eq(take_step(i), i, "hart %u runs version %lu of the code", (unsigned)other,
                     (unsigned long)i);
        if (i < 3) {
            set_code((uint32_t)i + 1);
            (void)tap_eq((uint64_t)rfence(SBI_RFENCE_FENCE_I, other, 0, 0), 0, "remote fence.i");
        }
    }
    (void)tap_ok(job_wait(other), "it is done");
}

/* Many, from both sides at once: nobody waits for ever. */
static void many(void *arg)
{
    uint64_t *errors = arg;

    for (uint32_t i = 0; i < 500; i++) {
        *errors += sbi_call6(SBI_EXT_RFENCE, i % 2, 0, UINT64_MAX, 0, UINT64_MAX, 0, 0).error != 0;
    }
}

void test_fences(void)
{
    static uint64_t errors[2];
    uint32_t other = hart_self()->index == 0 ? 1 : 0;

    if (board.hart_count < 2) {
        tap_skip("remote fences", "one hart");
        return;
    }
    test_pte(other);
    test_code(other);
    (void)job_start(other, many, &errors[1]);
    many(&errors[0]);
    (void)tap_ok(job_wait(other), "fences of two harts at each other");
    (void)tap_eq(errors[0] + errors[1], 0, "without an error");
    (void)tap_ok(job_stop(other), "hart %u stops", (unsigned)other);
}
