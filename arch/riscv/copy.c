/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wide copies and clears (see copy.h). The accesses of the ends are volatile, so that the compiler
 * neither merges nor splits them. No lock.
 */
#include "arch/riscv/copy.h"

#include <stdint.h>

/* One access of the widest natural width that fits; returns it. */
static size_t piece(uintptr_t d, uintptr_t s, size_t len)
{
    uintptr_t align = d | s;

    if ((align & 7) == 0 && len >= 8) {
        *(volatile uint64_t *)d = *(const volatile uint64_t *)s;
        return 8;
    }
    if ((align & 3) == 0 && len >= 4) {
        *(volatile uint32_t *)d = *(const volatile uint32_t *)s;
        return 4;
    }
    if ((align & 1) == 0 && len >= 2) {
        *(volatile uint16_t *)d = *(const volatile uint16_t *)s;
        return 2;
    }
    *(volatile uint8_t *)d = *(const volatile uint8_t *)s;
    return 1;
}

static size_t zero_piece(uintptr_t d, size_t len)
{
    if ((d & 7) == 0 && len >= 8) {
        *(volatile uint64_t *)d = 0;
        return 8;
    }
    if ((d & 3) == 0 && len >= 4) {
        *(volatile uint32_t *)d = 0;
        return 4;
    }
    if ((d & 1) == 0 && len >= 2) {
        *(volatile uint16_t *)d = 0;
        return 2;
    }
    *(volatile uint8_t *)d = 0;
    return 1;
}

/* d is aligned to 8, s is not; whole words of [d, d + len). Returns the bytes done. */
static size_t shifted(uintptr_t d, uintptr_t s, size_t len)
{
    const uint64_t *from = (const uint64_t *)(s & ~(uintptr_t)7);
    uint64_t *to = (uint64_t *)d;
    unsigned int right = (unsigned int)(s & 7) * 8;
    unsigned int left = 64 - right;
    size_t words = len / 8;
    uint64_t low = words != 0 ? from[0] : 0;

    for (size_t i = 0; i < words; i++) {
        uint64_t high = from[i + 1];

        to[i] = low >> right | high << left;
        low = high;
    }
    return words * 8;
}

void copy_wide(void *dst, const void *src, size_t len)
{
    uintptr_t d = (uintptr_t)dst;
    uintptr_t s = (uintptr_t)src;

    while (len != 0) {
        size_t done;

        if ((d & 7) != 0 || len < 8) {
            done = piece(d, s, len);
        } else if ((s & 7) != 0) {
            /* Whole even where s and d share an alignment of 4: the words are the destination's. */
            done = shifted(d, s, len);
        } else if (len >= 64) {
            done = 0;
            for (; len - done >= 64; done += 64) {
                const uint64_t *from = (const uint64_t *)(s + done);
                uint64_t *to = (uint64_t *)(d + done);
                uint64_t a = from[0], b = from[1], c = from[2], e = from[3];
                uint64_t f = from[4], g = from[5], h = from[6], i = from[7];

                to[0] = a;
                to[1] = b;
                to[2] = c;
                to[3] = e;
                to[4] = f;
                to[5] = g;
                to[6] = h;
                to[7] = i;
            }
        } else {
            done = piece(d, s, len);
        }
        d += done;
        s += done;
        len -= done;
    }
}

void zero_wide(void *dst, size_t len)
{
    uintptr_t d = (uintptr_t)dst;

    while (len != 0) {
        size_t done = 0;

        if ((d & 7) == 0 && len >= 64) {
            for (; len - done >= 64; done += 64) {
                volatile uint64_t *to = (volatile uint64_t *)(d + done);

                to[0] = 0;
                to[1] = 0;
                to[2] = 0;
                to[3] = 0;
                to[4] = 0;
                to[5] = 0;
                to[6] = 0;
                to[7] = 0;
            }
        } else {
            done = zero_piece(d, len);
        }
        d += done;
        len -= done;
    }
}
