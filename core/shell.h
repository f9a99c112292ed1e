/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own small shell: what a line typed to it does. Its terminal is
 * core/console.c's. */
#ifndef CORE_SHELL_H
#define CORE_SHELL_H

#include <stddef.h>
#include <stdint.h>

/* What may be completed at line[word], see core/line_edit.h. Any hart, no lock. */
const char *shell_offer(const char *line, size_t word, uint32_t n, size_t *len);

/* Carries out one line (which it takes apart in place). Any hart, no lock held. */
void shell_run(char *line);

#endif
