/* SPDX-License-Identifier: BSD-2-Clause */
/* What libfdt leaves to its users: numbers of one or two cells, strings that end in time. */
#ifndef CORE_FDT_H
#define CORE_FDT_H

#include <libfdt.h>

#include <stdbool.h>
#include <stdint.h>

/* A big-endian number of cells (0, 1 or 2) at data; 0 cells read as 0. Any alignment. */
uint64_t fdt_cells(const void *data, uint32_t cells);

/* A property that holds one string: the string, or NULL if there is none or it does not end. */
const char *fdt_string_value(const void *data, int len);

/* A property of a node as that, or NULL. */
const char *fdt_prop_string(const void *fdt, int node, const char *name);

/* A property of a node that is one cell, or fallback. */
uint32_t fdt_prop_u32(const void *fdt, int node, const char *name, uint32_t fallback);

#endif
