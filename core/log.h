/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Curia's own lines on the machine's console. The format is picolibc's (integers and strings only).
 * A line is written whole; what finds no room is counted and told later.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
};

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)

/*
 * The hypervisor itself is wrong (never a guest's doing), or the machine cannot be used: prints,
 * and stops every hart for good.
 */
_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * From now on the machine is panicking: lines are written without the console's lock, which the
 * hart that failed may hold, and other harts park at their next interrupt. panic() begins with
 * this; for what reports before it.
 */
void panic_enter(void);
bool panicked(void);

/* Ends the boot with a message that says what is wrong and how to mend it, then halts. */
_Noreturn void boot_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
