/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arena, handed out from its start. What is below `next` belongs to whoever asked; nothing
 * comes back. No lock: one compare-and-swap moves `next`.
 */
#include "core/pagepool.h"

#include <stdatomic.h>
#include <string.h>

static struct {
    uintptr_t base;
    uintptr_t end;
    _Atomic uintptr_t next;
} pool;

void pool_init(void *base, size_t size)
{
    pool.base = (uintptr_t)base;
    pool.end = pool.base + size;
    atomic_init(&pool.next, pool.base);
}

void *pool_alloc(size_t size, size_t align)
{
    uintptr_t next = atomic_load_explicit(&pool.next, memory_order_relaxed);
    uintptr_t at;

    do {
        at = (next + (align - 1)) & ~(uintptr_t)(align - 1);
        if (at < next || at > pool.end || size > pool.end - at) {
            return NULL;
        }
    } while (!atomic_compare_exchange_weak_explicit(&pool.next, &next, at + size,
                                                    memory_order_relaxed, memory_order_relaxed));
    return memset((void *)at, 0, size);
}

void pool_trim(const void *end)
{
    atomic_store_explicit(&pool.next, (uintptr_t)end, memory_order_relaxed);
}

size_t pool_used(void)
{
    return atomic_load_explicit(&pool.next, memory_order_relaxed) - pool.base;
}
