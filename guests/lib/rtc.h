/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers of the Goldfish RTC (board.rtc). Times are in nanoseconds; the low half is read first,
 * and written last, which arms the alarm. */
#ifndef GUESTS_LIB_RTC_H
#define GUESTS_LIB_RTC_H

#define RTC_TIME_LOW        0x00u
#define RTC_TIME_HIGH       0x04u
#define RTC_ALARM_LOW       0x08u
#define RTC_ALARM_HIGH      0x0cu
#define RTC_IRQ_ENABLED     0x10u
#define RTC_CLEAR_INTERRUPT 0x1cu

#endif
