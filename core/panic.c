/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two ways to give up: panic(), for a fault of Curia's own, and boot_fail(), for a machine or a
 * bundle that cannot be used. Neither is within a guest's reach. No lock: the flag is atomic.
 */
#include "core/arch.h"
#include "core/console.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/trace.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#define TEXT_MAX 192u

/* Records that each hart's trace ends with. */

static struct {
    _Atomic uint32_t entered;
    _Atomic uint32_t told;
} state;

void panic_enter(void)
{
    atomic_store_explicit(&state.entered, 1, memory_order_release);
}

bool panicked(void)
{
    return atomic_load_explicit(&state.entered, memory_order_acquire) != 0;
}

static void say(const char *text)
{
    log_error("%s", text);
}

void panic(const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list args;

    panic_enter();
    if (atomic_exchange_explicit(&state.told, 1, memory_order_relaxed) == 0) {
        va_start(args, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        log_error("panic: %s", text);
        log_error("every hart is stopped; power the machine off and on");

        for (uint32_t i = 0; i < machine.hart_count; i++) {
            if (machine.harts[i] != arch_hart_self()) {
                arch_hart_kick(machine.harts[i]);
            }
        }
        trace_dump(say, TRACE_LAST);
    }
    arch_hart_park();
}

void boot_fail(const char *fmt, ...)
{
    char text[TEXT_MAX * 2];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    log_error("cannot start: %s", text);
    log_error("halted");
    console_flush();
    arch_hart_park();
}
