/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memset and memcpy in place of picolibc's, which go byte by byte: clearing what the arena hands
 * out would be most of the boot. The byte loops are volatile, or the compiler would see a memset in
 * them and call it. Not for the host.
 */
#include "arch/riscv/copy.h"

#include <stdint.h>
#include <string.h>

#define WIDE_FROM 16u /* below, a byte loop is shorter */

void *memset(void *dst, int c, size_t len)
{
    volatile unsigned char *d = dst;

    if (c == 0 && len >= WIDE_FROM) {
        zero_wide(dst, len);
        return dst;
    }
    for (size_t i = 0; i < len; i++) {
        d[i] = (unsigned char)c;
    }
    return dst;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
    volatile unsigned char *d = dst;
    const unsigned char *s = src;

    if (len >= WIDE_FROM) {
        copy_wide(dst, src, len);
        return dst;
    }
    for (size_t i = 0; i < len; i++) {
        d[i] = s[i];
    }
    return dst;
}
