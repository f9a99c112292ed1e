/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's view of its steal time, see steal.h. No lock. */
#include "core/steal.h"

#include "core/machine.h"
#include "core/memmap.h"
#include "core/vcpu.h"

#include <stdatomic.h>
#include <stddef.h>

/* The structure as the guest reads it; the rest of it stays 0 [SBI 3.0 §16, table "STA shared
 * memory structure"]. */
struct told {
    uint32_t sequence; /* odd: being written */
    uint32_t flags;    /* 0 */
    struct stolen {
        uint64_t ns;
        uint64_t preempted; /* a byte, and padding */
    } stolen;
};

_Static_assert(offsetof(struct told, stolen) == 8 && sizeof(struct told) == 24, "as in the table");

/* RAM of a VM stays where it is: what was checked once can be written ever after. */
static void put_sequence(struct vcpu *v)
{
    v->steal.sequence++;
    (void)!guest_write(v->vm, v->steal.at, &v->steal.sequence, sizeof(v->steal.sequence));
}

/*
 * Siblings read it while it is written. Each release fence pairs with a read fence of the reader
 * between sequence and the rest: who sees any of the new values sees the odd number before it or
 * another one after it.
 */
static void put(struct vcpu *v, bool preempted)
{
    const struct stolen stolen = {
        .ns = ticks_to_ns(v->steal.ticks),
        .preempted = preempted,
    };

    put_sequence(v);
    atomic_thread_fence(memory_order_release);
    (void)!guest_write(v->vm, gpa_add(v->steal.at, offsetof(struct told, stolen)), &stolen,
                       sizeof(stolen));
    atomic_thread_fence(memory_order_release);
    put_sequence(v);
}

enum err steal_tell(struct vcpu *v, gpa_t at)
{
    static const uint64_t zeroes[STEAL_BYTES / sizeof(uint64_t)];
    enum err e = guest_write(v->vm, at, zeroes, sizeof(zeroes));

    if (e == ERR_OK) {
        v->steal = (struct steal){.at = at, .on = true};
    }
    return e;
}

void steal_forget(struct vcpu *v)
{
    v->steal.on = false;
    v->steal.withheld = false;
}

void steal_begin(struct vcpu *v)
{
    if (v->steal.on && !v->steal.withheld) {
        v->steal.withheld = true;
        v->steal.since = arch_now();
        put(v, true);
    }
}

void steal_end(struct vcpu *v)
{
    v->steal.withheld = false;
    v->steal.ticks += arch_now() - v->steal.since;
    put(v, false);
}
