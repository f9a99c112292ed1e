/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypervisor's own small shell: what a line typed to it does. Its terminal is
 * core/console.c's. */
#ifndef CORE_SHELL_H
#define CORE_SHELL_H

/* Carries out one line (which it takes apart in place). Any hart, no lock held. */
void shell_run(char *line);

#endif
