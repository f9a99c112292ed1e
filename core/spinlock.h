/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ticket lock. Fair, so a hart that hammers a lock cannot keep another out; the wait is bounded
 * by the number of harts times the longest section. Never held across a guest entry or a wait.
 *
 * Curia runs with interrupts off in HS-mode (they are taken at exits and while waiting), so a lock
 * needs no interrupt masking.
 */
#ifndef CORE_SPINLOCK_H
#define CORE_SPINLOCK_H

#include "core/arch.h"
#include "core/locks.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct CAPABILITY("spinlock") spinlock {
    _Atomic uint32_t next;  /* the ticket handed out next */
    _Atomic uint32_t owner; /* the ticket being served */
};

#define SPINLOCK_INIT                                                                              \
    {                                                                                              \
        0, 0                                                                                       \
    }

static inline void spinlock_init(struct spinlock *l)
{
    atomic_init(&l->next, 0);
    atomic_init(&l->owner, 0);
}

/* The acquire load of owner pairs with the release store in spin_unlock(). */
static inline void spin_lock(struct spinlock *l) ACQUIRES(l) NO_TSA
{
    uint32_t ticket = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed);

    while (atomic_load_explicit(&l->owner, memory_order_acquire) != ticket) {
        arch_relax();
    }
}

/* For work that may as well come later. False: it is held, or others wait for it. */
static inline bool spin_trylock(struct spinlock *l) TRY_ACQUIRES(true, l) NO_TSA
{
    /* acquire as in spin_lock(): a ticket that is served and not handed out is free */
    uint32_t ticket = atomic_load_explicit(&l->owner, memory_order_acquire);

    return atomic_compare_exchange_strong_explicit(&l->next, &ticket, ticket + 1,
                                                   memory_order_acquire, memory_order_relaxed);
}

static inline void spin_unlock(struct spinlock *l) RELEASES(l) NO_TSA
{
    uint32_t owner = atomic_load_explicit(&l->owner, memory_order_relaxed);

    atomic_store_explicit(&l->owner, owner + 1, memory_order_release);
}

#endif
