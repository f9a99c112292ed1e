/* SPDX-License-Identifier: BSD-2-Clause */
/* Results in the Test Anything Protocol, the plan last. Boot hart only. */
#ifndef GUESTS_SELFTEST_TAP_H
#define GUESTS_SELFTEST_TAP_H

#include <stdbool.h>
#include <stdint.h>

/* One test; returns ok. */
bool tap_ok(bool ok, const char *name, ...) __attribute__((format(printf, 2, 3)));

/* One test: got == want, else both are shown. */
bool tap_eq(uint64_t got, uint64_t want, const char *name, ...)
    __attribute__((format(printf, 3, 4)));

void tap_skip(const char *name, const char *why);

/* Prints the plan and "# done"; the number of tests that failed. */
uint32_t tap_done(void);

#endif
