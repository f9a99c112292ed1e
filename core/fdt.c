/* SPDX-License-Identifier: BSD-2-Clause */
/* Small readers over libfdt, which has checked that the data lies within the blob. */
#include "core/fdt.h"

#include <stddef.h>
#include <string.h>

uint64_t fdt_cells(const void *data, uint32_t cells)
{
    const fdt32_t *cell = data;
    uint64_t value = 0;

    for (uint32_t i = 0; i < cells; i++) {
        value = (value << 32) | fdt32_ld(&cell[i]);
    }
    return value;
}

const char *fdt_string_value(const void *data, int len)
{
    const char *s = data;

    return s != NULL && len > 0 && memchr(s, '\0', (size_t)len) == s + len - 1 ? s : NULL;
}

const char *fdt_prop_string(const void *fdt, int node, const char *name)
{
    int len;
    const void *data = fdt_getprop(fdt, node, name, &len);

    return fdt_string_value(data, len);
}

uint32_t fdt_prop_u32(const void *fdt, int node, const char *name, uint32_t fallback)
{
    int len;
    const void *data = fdt_getprop(fdt, node, name, &len);

    return data != NULL && len == 4 ? (uint32_t)fdt_cells(data, 1) : fallback;
}
