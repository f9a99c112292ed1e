/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Curia's own lines: level, time since boot, text. Each is put together on the caller's stack and
 * handed to the console whole. No lock of its own.
 */
#include "core/log.h"

#include "core/console.h"
#include "core/timer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *level_word(enum log_level level)
{
    switch (level) {
    case LOG_ERROR:
        return "error: ";
    case LOG_WARN:
        return "warning: ";
    case LOG_INFO:
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
