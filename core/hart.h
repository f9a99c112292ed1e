/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the policy knows of a hart. The port embeds this in its own per-hart structure.
 *
 * Kick protocol, the one place where it is argued:
 *
 *   poster:  (a) publish the work (hart->work or vcpu->requests)   (b) seq_cst fence
 *            (c) read mode; if it is not HART_HYP: arch_hart_kick()
 *   hart:    (d) mode = HART_GUEST or HART_IDLE   (e) seq_cst fence
 *            (f) read work and requests; if any: mode = HART_HYP and handle it
 *            (g) enter the guest, or wait
 *
 * Fences (b) and (e) pair: either (c) sees the mode of (d), and a kick is sent, or (f) sees the
 * work of (a). A kick that arrives between (f) and (g) stays pending, since interrupts are off in
 * HS-mode, and ends the guest entry or the wait at once. The fast trap path never changes mode: a
 * kick for it is pending when the guest goes on.
 *
 * A hart of one vCPU looks at that one's requests in (f). One with a run queue does not know whom
 * to look at: there (a) is hart_post_vcpu(), which puts the vCPU on the list `posted` and then sets
 * HART_WORK_VCPUS. A vCPU is on the list once, by its flag `posted`:
 *
 *   poster:  or into requests, then swap(v->posted, 1); the one who swaps out 0 pushes v
 *   hart:    take the list, read v's link, swap(v->posted, 0), then swap(v->requests, 0)
 *
 * Both swaps of the flag are acq_rel: a poster who finds it set comes before the hart's swap, which
 * so sees his request; one who comes after it pushes v again.
 *
 * Where a vCPU may run on several harts, all of which have a queue, v->hart changes. It is changed
 * by the hart that it names alone, when that one has taken v from its list and its requests, and v
 * is off the hart and out of its run queue:
 *
 *   mover:   v->hart = target (release), then a poster's (a) to (c) for target
 *   poster:  reads v->hart once, and that hart is the one that it posts to and kicks
 *   hart:    after swap(v->posted, 0) it reads v->hart (acquire); if that is not itself, it is a
 *            poster, for that one, and no more
 *
 * Who reads itself there is v's hart, since nobody else changes that, and by the acquire has all
 * that the hart before kept of v. No request is lost, nor is a move: after either v is on a list,
 * or in the hands of one who is about to put it there, or to read v->hart. All of these go on by
 * themselves; a list does by (a) to (g), as it is the hart of the list that is kicked. A mover who
 * finds the flag set comes before the swap of who takes v, who so reads the new hart, or a later
 * one. Nor can a request be led round for ever: v moves only when it was taken from a list, and is
 * on one list at a time. So a post that is handed on finds v where it was said to be, unless
 * another one was quicker there, between the swap and the new post; and that one has taken the
 * request.
 */
#ifndef CORE_HART_H
#define CORE_HART_H

#include "core/manifest.h"
#include "core/spinlock.h"
#include "core/tally.h"
#include "core/timer.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct console;
struct runqueue;
struct trace_ring;
struct vcpu;

enum hart_mode {
    HART_HYP,   /* in the hypervisor, will look at work before it leaves */
    HART_GUEST, /* in a guest, or about to enter it, or in the fast trap path */
    HART_IDLE,  /* waiting, or about to */
};

/* Bits of hart->work. */
#define HART_WORK_TIMER   (1u << 0) /* a timer of this hart may be due, or was armed elsewhere */
#define HART_WORK_COMMIT  (1u << 1) /* the machine goes down: park, or carry it out */
#define HART_WORK_CONSOLE (1u << 2) /* it left console output behind: its turn to send that */
#define HART_WORK_VCPUS   (1u << 3) /* posted is not empty */
#define HART_WORK_TRACE   (1u << 4) /* what is traced has changed */

struct hart {
    uint32_t index;        /* 0 .. machine.hart_count - 1 */
    uint32_t seats;        /* vCPUs that may run here; fixed at boot */
    uint64_t id;           /* as the firmware knows it; neither dense nor from 0 */
    _Atomic uint32_t mode; /* enum hart_mode */
    _Atomic uint32_t work; /* HART_WORK_*: set by anyone, cleared by the hart */

    uint32_t trace_mask;      /* own hart: TRACE_*, classes that are on */
    struct trace_ring *trace; /* written by the own hart; NULL: none, and trace_mask is 0 */

    /* Own hart: the vCPU whose turn it is, or was last, if it has not moved away; the only one that
     * may be loaded. */
    struct vcpu *vcpu;
    struct vcpu *vcpus; /* all that have it in `harts`, by hart_next; fixed at boot */

    /* NULL: one vCPU at most has it all, and none of this is used. Fixed at boot. */
    struct runqueue *rq;         /* own hart */
    struct timer slice;          /* own hart: when rq has to be looked at again */
    struct vcpu *_Atomic posted; /* by posted_next: they have requests; pushed by anyone */

    /* Of consoles' output that it has left behind: core/terminal.h. */
    struct {
        struct console *_Atomic told; /* that it is this one's turn; NULL: it has looked since */
        _Atomic uint64_t rests_until; /* ticks; written by the own hart */
        struct timer timer;           /* own hart: it has rested */
    } console;

    struct timer_queue timers;
    struct tally idle;  /* own hart: in wait() of sched.c, or stopped to sleep; read by any */
    struct tally guest; /* likewise: from sched_next() to sched_exited() */
};

/* May several vCPUs run there, or has its one a budget? Constant after boot. */
static inline bool hart_has_queue(const struct hart *hart)
{
    return hart->rq != NULL;
}

/* Publishes work bits on hart and kicks it if it would not see them by itself. Any hart. */
void hart_post(struct hart *hart, uint32_t work);

/*
 * Step (a) for a vCPU of a hart with a run queue, after its requests: hart_kick() has to follow,
 * for this hart. Any hart, any lock.
 */
void hart_post_vcpu(struct hart *hart, struct vcpu *v);

/* Step (b) and (c): call after work for hart was published some other way. Any hart. */
void hart_kick(struct hart *hart);

/*
 * The same for several, where machine_kicks_together() says so: (a) for each of them, its hart
 * added here, then hart_kick_all().
 */
struct hart_kicks {
    uint32_t count;
    struct hart *harts[MANIFEST_VCPUS];
};
void hart_kick_all(struct hart_kicks *kicks);

/* kicks NULL: hart_kick(). */
static inline void hart_kick_or_add(struct hart_kicks *kicks, struct hart *hart)
{
    if (kicks != NULL) {
        kicks->harts[kicks->count++] = hart;
    } else {
        hart_kick(hart);
    }
}

#endif
