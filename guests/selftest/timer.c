/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer by Sstc and by SBI, and one time for all harts. [SBI 3.0 §6; Sstc; Priv, time] */
#include "guests/lib/timer.h"

#include "guests/lib/board.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stddef.h>

static volatile uint64_t fired_at;
static bool by_sbi;

static void set(uint64_t at)
{
    if (by_sbi) {
        (void)sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, at, 0, 0, 0);
    } else {
        timer_set(at);
    }
}

static void on_timer(struct guest_hart *self)
{
    (void)self;
    fired_at = time_now();
    set(UINT64_MAX);
}

static bool stip(void)
{
    return (csr_read(CSR_SIP) & (1u << IRQ_S_TIMER)) != 0;
}

static void test_one(uint64_t delay_us, bool wfi, const char *name)
{
    uint64_t due = time_now() + ticks_of_us(delay_us);

    fired_at = 0;
    set(due);
    timer_enable();
    while (fired_at == 0 && time_now() < due + ticks_of_us(20000000)) {
        if (wfi) {
            irqs_wait();
        } else {
            irqs_on();
        }
    }
    (void)irqs_off();
    (void)tap_ok(fired_at >= due, "%s: fires at its time (%lu us late)", name,
                 (unsigned long)us_of_ticks(fired_at - due));
    (void)tap_ok(!stip(), "%s: no longer pending", name);
}

static void test_pending(const char *name)
{
    csr_clear(CSR_SIE, 1u << IRQ_S_TIMER);
    set(0);
    pause_us(100);
    (void)tap_ok(stip(), "%s: a time in the past is pending at once", name);
    __asm__ volatile("csrs sie, %0\n\twfi\n\tcsrc sie, %0" : : "r"(1ul << IRQ_S_TIMER) : "memory");
    (void)tap_ok(stip(), "%s: WFI with it pending comes back, interrupts off", name);
    set(UINT64_MAX);
    pause_us(100);
    (void)tap_ok(!stip(), "%s: taken back", name);
}

static void test_way(const char *name)
{
    hart_self()->on_timer = on_timer;
    test_one(2000, false, name);
    test_one(5000, true, name);
    test_pending(name);
}

/* ---- one time ----------------------------------------------------------------------------------
 */

static volatile uint64_t turn, last, backwards;

static void play(uint64_t parity)
{
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t now;

        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != 2 * i + parity) {
        }
        now = time_now();
        backwards += now < last;
        last = now;
        __atomic_store_n(&turn, 2 * i + parity + 1, __ATOMIC_RELEASE);
    }
}

static void play_second(void *unused)
{
    (void)unused;
    play(1);
}

void test_timer(void)
{
    uint64_t before = time_now();
    uint32_t other = hart_self()->index == 0 ? 1 : 0;

    pause_us(1000);
    (void)tap_ok(time_now() > before, "time goes on");
    if (board.sstc) {
        by_sbi = false;
        test_way("Sstc");
    }
    by_sbi = true;
    test_way("SBI TIME");
    csr_clear(CSR_SIE, 1u << IRQ_S_TIMER);
    hart_self()->on_timer = NULL;
    if (board.hart_count < 2) {
        tap_skip("time of several harts", "one hart");
        return;
    }
    (void)job_start(other, play_second, NULL);
    play(0);
    (void)job_wait(other);
    (void)tap_eq(backwards, 0, "time never goes back from hart to hart");
    (void)job_stop(other);
}
