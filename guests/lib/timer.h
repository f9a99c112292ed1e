/* SPDX-License-Identifier: BSD-2-Clause */
/* The hart's timer: Sstc where the FDT tells of it, else SBI TIME. Ticks of the timebase. */
#ifndef GUESTS_LIB_TIMER_H
#define GUESTS_LIB_TIMER_H

#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/lib/hart.h"
#include "guests/lib/sbi_call.h"

/* The next timer interrupt of this hart at that time, in place of any before; UINT64_MAX: none. */
static inline void timer_set(uint64_t at)
{
    if (board.sstc) {
        csr_write(CSR_STIMECMP, at);
    } else {
        (void)sbi_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, at, 0, 0, 0);
    }
}

/* A handler: none from now on. */
static inline void timer_off(struct guest_hart *unused)
{
    (void)unused;
    timer_set(UINT64_MAX);
}

static inline void timer_enable(void)
{
    csr_set(CSR_SIE, 1u << IRQ_S_TIMER);
}

static inline uint64_t ticks_of_us(uint64_t us)
{
    return us * board.timebase_hz / 1000000u;
}

/* For intervals below half an hour at 10 MHz. */
static inline uint64_t us_of_ticks(uint64_t ticks)
{
    return ticks / board.timebase_hz * 1000000u +
           ticks % board.timebase_hz * 1000000u / board.timebase_hz;
}

static inline uint64_t ns_of_ticks(uint64_t ticks)
{
    return ticks / board.timebase_hz * 1000000000u +
           ticks % board.timebase_hz * 1000000000u / board.timebase_hz;
}

/* Waits that long, with interrupts as they are. */
static inline void pause_us(uint64_t us)
{
    uint64_t end = time_now() + ticks_of_us(us);

    while (time_now() < end) {
    }
}

#endif
