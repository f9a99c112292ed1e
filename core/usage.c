/* SPDX-License-Identifier: BSD-2-Clause */
/* What vCPUs and harts have used, see usage.h. Each word for itself: no lock, all relaxed. */
#include "core/usage.h"

#include "core/machine.h"
#include "core/vcpu.h"

/*
 * A hart looks at its clock, decides, and then writes, maybe for a time that is over already: when
 * a budget was due. Who reads in between is told of a stretch as if it went on, and so too much for
 * a moment. Nobody is told less later on: it stays at that until it has been caught up with.
 */
static uint64_t no_less(struct tally *t, uint64_t ticks)
{
    uint64_t told = atomic_load_explicit(&t->told, memory_order_relaxed);

    while (told < ticks &&
           !atomic_compare_exchange_weak_explicit(&t->told, &told, ticks, memory_order_relaxed,
                                                  memory_order_relaxed)) {
    }
    return told < ticks ? ticks : told;
}

/*
 * A word that is the same before and after the clock is read is one of that time. Each other round
 * is due to the hart, which has begun or ended something.
 */
static uint64_t ask(struct tally *t, uint64_t *now)
{
    uint64_t word;

    do {
        word = atomic_load_explicit(&t->word, memory_order_relaxed);
        *now = arch_now();
    } while (atomic_load_explicit(&t->word, memory_order_relaxed) != word);
    return no_less(t, tally_at(word, *now));
}

/* Two words of one time, likewise. Whatever a hart does not do for a guest or wait is Curia's. */
void usage_of_hart(struct hart *hart, struct hart_usage *u)
{
    uint64_t idle, guest, now;

    do {
        idle = atomic_load_explicit(&hart->idle.word, memory_order_relaxed);
        guest = atomic_load_explicit(&hart->guest.word, memory_order_relaxed);
        now = arch_now();
    } while (atomic_load_explicit(&hart->idle.word, memory_order_relaxed) != idle ||
             atomic_load_explicit(&hart->guest.word, memory_order_relaxed) != guest);
    u->time = now - machine.boot_ticks;
    u->idle = no_less(&hart->idle, tally_at(idle, now));
    guest = tally_at(guest, now) + u->idle;
    u->hyp = no_less(&hart->guest, u->time > guest ? u->time - guest : 0);
}

void usage_of(struct vcpu *v, struct usage *u)
{
    struct tally *time = v->sched.time;
    struct hart_usage h;
    uint64_t now;

    if (hart_has_queue(vcpu_hart(v))) {
        u->run = ask(&time[SCHED_RUNNING], &now);
    } else {
        usage_of_hart(vcpu_hart(v), &h);
        u->run = no_less(&time[SCHED_RUNNING], h.time > h.idle ? h.time - h.idle : 0);
    }
    u->ready = ask(&time[SCHED_READY], &now);
    u->throttled = ask(&time[SCHED_THROTTLED], &now);
    u->switches = atomic_load_explicit(&v->sched.switches, memory_order_relaxed);
}
