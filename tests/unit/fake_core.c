/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Weak stand-ins for services of core/ that nearly everything calls (log, panic, the pool), so that
 * a test links only the modules that it is about. A test that links the real module gets that one.
 */
#include "core/console.h"
#include "core/log.h"
#include "core/pagepool.h"
#include "core/power_ctl.h"
#include "core/shell.h"
#include "tests/unit/fake_arch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEAK __attribute__((weak))

/* Kept reachable, so that what lives as long as the program is not taken for a leak. */
static void *pool_objects[65536];
static uint32_t pool_count;
static size_t pool_bytes;

WEAK void log_line(enum log_level level, const char *fmt, ...)
{
    (void)level;
    (void)fmt;
}

static void say(const char *what, const char *fmt, va_list args)
{
    fprintf(stderr, "%s: ", what);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

WEAK _Noreturn void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say("panic", fmt, args);
    va_end(args);
    fake_throw(FAKE_PANIC);
}

WEAK bool panicked(void)
{
    return false;
}

WEAK _Noreturn void boot_fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say("boot_fail", fmt, args);
    va_end(args);
    fake_throw(FAKE_PANIC);
}

WEAK void console_work(void)
{
}

WEAK void power_ctl_wake(uint32_t who)
{
    (void)who;
}

WEAK void pool_init(void *base, size_t size)
{
    (void)base;
    (void)size;
}

WEAK void *pool_alloc(size_t size, size_t align)
{
    size_t rounded = (size + align - 1) & ~(align - 1);
    void *p = pool_count < ARRAY_SIZE(pool_objects) && rounded != 0
                  ? aligned_alloc(align < sizeof(void *) ? sizeof(void *) : align,
                                  (rounded + 7) & ~(size_t)7)
                  : NULL;

    if (p != NULL) {
        memset(p, 0, size);
        pool_objects[pool_count++] = p;
        pool_bytes += rounded;
    }
    return p;
}

WEAK size_t pool_used(void)
{
    return pool_bytes;
}

WEAK const char *shell_offer(const char *line, size_t word, uint32_t n, size_t *len)
{
    (void)line;
    (void)word;
    (void)n;
    (void)len;
    return NULL;
}
