/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers of the Goldfish RTC (board.rtc). Times are in nanoseconds; the low half is read first,
 * and written last, which arms the alarm. */
#ifndef GUESTS_LIB_RTC_H
#define GUESTS_LIB_RTC_H

#include "guests/lib/board.h"
#include "guests/lib/mmio.h"

#include <stdint.h>

#define RTC_TIME_LOW        0x00u
#define RTC_TIME_HIGH       0x04u
#define RTC_ALARM_LOW       0x08u
#define RTC_ALARM_HIGH      0x0cu
#define RTC_IRQ_ENABLED     0x10u
#define RTC_CLEAR_INTERRUPT 0x1cu

/* The alarm, in place of any before. */
static inline void rtc_alarm_in(uint64_t ns)
{
    uint64_t at = mmio_read32(board.rtc.start + RTC_TIME_LOW);

    at |= (uint64_t)mmio_read32(board.rtc.start + RTC_TIME_HIGH) << 32;
    at += ns;
    mmio_write32(board.rtc.start + RTC_ALARM_HIGH, (uint32_t)(at >> 32));
    mmio_write32(board.rtc.start + RTC_ALARM_LOW, (uint32_t)at);
}

#endif
