/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The arena, handed out from its start. What is below `rest` belongs to whoever asked; nothing
 * comes back. A large alignment leaves a gap (a stage 2's root: 16 KiB): the largest one is kept,
 * and what is small goes there first. The boot hart's until the other harts start; constant after
 * that.
 */
#include "core/pagepool.h"

#include <stdbool.h>
#include <string.h>

struct span {
    uintptr_t next;
    uintptr_t end;
};

static struct {
    uintptr_t base;
    struct span rest;
    struct span gap;
} pool;

void pool_init(void *base, size_t size)
{
    pool.base = (uintptr_t)base;
    pool.rest = (struct span){pool.base, pool.base + size};
    pool.gap = (struct span){0, 0};
}

static bool take(struct span *s, size_t size, size_t align, uintptr_t *at)
{
    *at = (s->next + (align - 1)) & ~(uintptr_t)(align - 1);
    if (*at < s->next || *at > s->end || size > s->end - *at) {
        return false;
    }
    s->next = *at + size;
    return true;
}

void *pool_alloc(size_t size, size_t align)
{
    uintptr_t at;
    bool found = size != 0 && take(&pool.gap, size, align, &at);

    if (!found) {
        uintptr_t from = pool.rest.next;

        found = take(&pool.rest, size, align, &at);
        if (found && at - from > pool.gap.end - pool.gap.next) {
            pool.gap = (struct span){from, at};
        }
    }
    return found ? memset((void *)at, 0, size) : NULL;
}

void pool_trim(const void *end)
{
    struct span *last = (uintptr_t)end <= pool.gap.end ? &pool.gap : &pool.rest;

    last->next = (uintptr_t)end;
}

size_t pool_used(void)
{
    return pool.rest.next - pool.base;
}
