/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of the shell: what core/shell.c and its longer commands share. */
#ifndef CORE_SHELL_CMD_H
#define CORE_SHELL_CMD_H

struct vm;

/* A line of the shell's; one that is too long is cut. */
void shell_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* `stat`: of one VM; NULL: of all, and of the harts. */
void shell_stat(struct vm *vm);

#endif
