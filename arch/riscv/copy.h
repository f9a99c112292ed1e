/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wide copies and clears between any two alignments. Pure; the host tests them.
 *
 * Where both sides are aligned alike, the ends are moved in naturally aligned pieces that are not
 * torn, the rest by 64 bytes a turn. Where they are not, the destination is written in aligned
 * words made of two aligned words of the source; no byte outside the aligned words that hold the
 * source is read. Ranges do not overlap.
 */
#ifndef ARCH_RISCV_COPY_H
#define ARCH_RISCV_COPY_H

#include <stddef.h>

void copy_wide(void *dst, const void *src, size_t len);
void zero_wide(void *dst, size_t len);

#endif
