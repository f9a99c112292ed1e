/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's console: SBI DBCN, or the legacy call where there is no DBCN. */
#ifndef GUESTS_LIB_CONSOLE_H
#define GUESTS_LIB_CONSOLE_H

/* One line or part of one, at most 255 bytes; lines of several harts do not mix. Not in a trap. */
void con_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says why and shuts down with reason "system failure". For what should not be; any context. */
_Noreturn void guest_panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
