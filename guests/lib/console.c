/* SPDX-License-Identifier: BSD-2-Clause */
/* The console, see console.h. Lock: one spin lock around what is sent. */
#include "guests/lib/console.h"

#include "guests/lib/csr.h"
#include "guests/lib/sbi_call.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#define LINE_MAX 256

static atomic_flag busy = ATOMIC_FLAG_INIT;

static void send(const char *text, uint64_t len)
{
    while (len > 0) {
        struct sbi_result r =
            sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE, len, (uint64_t)(uintptr_t)text, 0, 0);

        if (r.error != SBI_SUCCESS || r.value > len) {
            break;
        }
        text += r.value;
        len -= r.value;
    }
    for (; len > 0; len--) {
        (void)sbi_call(SBI_EXT_LEGACY_PUTCHAR, 0, (uint8_t)*text++, 0, 0, 0);
    }
}

static void send_formatted(const char *format, va_list args)
{
    char line[LINE_MAX];
    int len = vsnprintf(line, sizeof(line), format, args);

    if (len > 0) {
        send(line, (uint64_t)len < sizeof(line) ? (uint64_t)len : sizeof(line) - 1);
    }
}

void con_printf(const char *format, ...)
{
    va_list args;
    uint64_t sie = csr_read(CSR_SSTATUS) & SSTATUS_SIE;

    csr_clear(CSR_SSTATUS, SSTATUS_SIE);
    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
    }
    va_start(args, format);
    send_formatted(format, args);
    va_end(args);
    atomic_flag_clear_explicit(&busy, memory_order_release);
    csr_set(CSR_SSTATUS, sie);
}

void guest_panic(const char *format, ...)
{
    va_list args;

    csr_clear(CSR_SSTATUS, SSTATUS_SIE);
    va_start(args, format);
    send_formatted(format, args);
    va_end(args);
    send("\n", 1);
    sbi_system_reset(SBI_SRST_TYPE_SHUTDOWN, SBI_SRST_REASON_FAILURE);
    for (;;) {
        __asm__ volatile("wfi");
    }
}

_Noreturn void __stack_chk_fail(void);
extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard = 0x00c5a35b1e9f4d27;

void __stack_chk_fail(void)
{
    guest_panic("panic: stack smashed");
}
