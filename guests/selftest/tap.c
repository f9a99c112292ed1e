/* SPDX-License-Identifier: BSD-2-Clause */
/* TAP, see tap.h. */
#include "guests/selftest/tap.h"

#include "guests/lib/console.h"

#include <stdarg.h>
#include <stdio.h>

#define NAME_MAX_BYTES 160

static uint32_t count, failed;

static bool report(bool ok, const char *name, va_list args)
{
    char text[NAME_MAX_BYTES];

    (void)vsnprintf(text, sizeof(text), name, args);
    count++;
    failed += ok ? 0 : 1;
    con_printf("%sok %u - %s\n", ok ? "" : "not ", (unsigned)count, text);
    return ok;
}

bool tap_ok(bool ok, const char *name, ...)
{
    va_list args;

    va_start(args, name);
    (void)report(ok, name, args);
    va_end(args);
    return ok;
}

bool tap_eq(uint64_t got, uint64_t want, const char *name, ...)
{
    va_list args;

    va_start(args, name);
    if (!report(got == want, name, args)) {
        con_printf("#   got %lx, want %lx\n", (unsigned long)got, (unsigned long)want);
    }
    va_end(args);
    return got == want;
}

void tap_skip(const char *name, const char *why)
{
    count++;
    con_printf("ok %u - %s # SKIP %s\n", (unsigned)count, name, why);
}

uint32_t tap_done(void)
{
    con_printf("1..%u\n# failed %u of %u\n# done\n", (unsigned)count, (unsigned)failed,
               (unsigned)count);
    return failed;
}
