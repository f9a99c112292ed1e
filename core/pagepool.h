/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own memory: one arena, mapped read-write, handed out at boot and never given
 * back. All of Curia's objects are made while the machine is built (their number is what manifest
 * and FDT say), so nothing can run out later.
 */
#ifndef CORE_PAGEPOOL_H
#define CORE_PAGEPOOL_H

#include "core/addr.h"

#include <stddef.h>
#include <stdint.h>

/* The port gives [base, base + size) to the pool; zeroed or not. Once, at boot. */
void pool_init(void *base, size_t size);

/* Zeroed memory, aligned to align (a power of two), also for size 0; NULL: the arena is used up.
 * Boot hart, while the machine is built. */
void *pool_alloc(size_t size, size_t align);

/*
 * Gives back the end of the last allocation, from end on: for tables whose size is known only when
 * they are filled. Boot hart, before anything else has allocated.
 */
void pool_trim(const void *end);

/* Why what needed the arena cannot be. */
#define POOL_USED_UP "the arena is used up: the machine has too little RAM behind the image"

/* Bytes handed out, and what alignment has cost. */
size_t pool_used(void);

#endif
