/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Curia's own lines: level, time since boot, text. Each is put together on the caller's stack and
 * handed to the console whole. No lock of its own.
 */
#include "core/log.h"

#include "core/arch.h"
#include "core/console.h"
#include "core/machine.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static _Atomic uint64_t boot_ticks; /* when the first line was written; 0: none yet */

/* Microseconds since the first line; 0 as long as the timebase is not known. */
static uint64_t uptime_us(void)
{
    uint64_t hz = machine.timebase_hz;
    uint64_t now = arch_now();
    uint64_t unset = 0;

    if (hz == 0) {
        return 0;
    }
    if (!atomic_compare_exchange_strong_explicit(&boot_ticks, &unset, now, memory_order_relaxed,
                                                 memory_order_relaxed)) {
        now -= unset;
        return now / hz * 1000000u + now % hz * 1000000u / hz;
    }
    return 0;
}

static const char *level_word(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return "error: ";
    case LOG_WARN:
        return "warning: ";
    case LOG_INFO:
    case LOG_DEBUG:
        return "";
    }
    return "";
}

void log_line(enum log_level level, const char *fmt, ...)
{
    static const char cut[] = " ...";
    char line[CONSOLE_LOG_MAX];
    uint64_t us = uptime_us();
    va_list args;
    int head, body;
    size_t len;

    if (level == LOG_DEBUG) {
        return;
    }
    head = snprintf(line, sizeof(line), "[%3u.%06u] %s", (unsigned int)(us / 1000000u),
                    (unsigned int)(us % 1000000u), level_word(level));
    va_start(args, fmt);
    body = vsnprintf(&line[head], sizeof(line) - (size_t)head, fmt, args);
    va_end(args);

    len = (size_t)head + (body > 0 ? (size_t)body : 0);
    if (len >= sizeof(line)) {
        len = sizeof(line) - 1;
        memcpy(&line[len - (sizeof(cut) - 1)], cut, sizeof(cut) - 1);
    }
    console_log(line, len);
}
