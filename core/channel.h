/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of IPC: channel ends and shared regions as core/ipc.c, core/channel.c and core/shmem.c
 * hold them. Others use core/ipc.h.
 */
#ifndef CORE_CHANNEL_H
#define CORE_CHANNEL_H

#include "core/addr.h"
#include "core/err.h"
#include "core/ipc.h"
#include "core/machine.h"
#include "core/manifest.h"
#include "core/spinlock.h"
#include "core/virq.h"
#include "core/vm.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The header of a mailbox, in its owner's RAM: the layout of struct curia_mailbox (sbi/abi.h),
 * which sbi/ext_ipc.c holds against this one. Hostile: the owner may write any of it at any time.
 */
struct mailbox {
    _Atomic uint32_t magic;
    _Atomic uint32_t ring_bytes;
    _Atomic uint32_t head;
    _Atomic uint32_t want;
    _Atomic uint32_t peer_state;
    _Atomic uint32_t peer_generation;
    _Atomic uint32_t events;
    uint32_t reserved0;
    _Atomic uint64_t doorbell;
    uint64_t reserved1[3];
    _Atomic uint32_t tail;
};

#define MAILBOX_MAGIC     0x4d425831u
#define MAILBOX_WANT_ROOM 1u

#define MAILBOX_PEER_UP      1u
#define MAILBOX_PEER_RUNNING 2u

#define MAILBOX_EV_MESSAGE 1u
#define MAILBOX_EV_ROOM    2u
#define MAILBOX_EV_PEER    4u
#define MAILBOX_EV_BELL    8u

enum mailbox_phase {
    MAILBOX_CLOSED,
    MAILBOX_CHANGING, /* its page is being mapped or unmapped, by whoever brought it here */
    MAILBOX_OPEN,
};

struct channel_end {
    /* The doorbell's path: no lock; see channel_raise(). */
    _Atomic uint32_t gate; /* GATE_OPEN, and how many are inside; first: it costs least there */

    /* Constant after boot. */
    uint32_t irq; /* source of vm's irqchip */
    struct virqchip *chip;
    struct channel_end *bell; /* the peer, if this end may send; else NULL */
    struct channel_end *peer;
    struct vm *vm;
    const struct channel_config *channel;
    bool send, receive;

    struct mailbox *header; /* see channel_header() */
    _Atomic uint64_t bells; /* notifications that came in */

    struct spinlock lock;
    enum mailbox_phase phase GUARDED_BY(lock);
    gpa_t ring GUARDED_BY(lock);
    uint32_t ring_bytes GUARDED_BY(lock);
    uint32_t head GUARDED_BY(lock); /* Curia's own; the one in the header is a copy for the owner */
    bool refused GUARDED_BY(lock);  /* the peer was refused and waits for EV_ROOM */
    struct ipc_stats stats GUARDED_BY(lock); /* but bells, which is above */
};

#define GATE_OPEN 0x80000000u

/* A VM's ends, and what its peers are told about it. */
struct ipc_vm {
    _Atomic uint32_t generation;
    _Atomic uint32_t running; /* 0 or 1: an 8-bit exchange would be a call */
    uint32_t entered;         /* of the manifest's regions, those looked at by the load */
    uint32_t end_count;
    struct channel_end *ends[]; /* by index */
};

struct shmem {
    const struct shmem_config *config;
    hpa_t hpa;

    struct spinlock lock;
    uint32_t users GUARDED_BY(lock); /* VMs that run, or are about to */
    uint64_t clean GUARDED_BY(lock); /* so many bytes were zeroed since there was one */
};

struct ipc {
    struct channel_end *ends; /* two a channel */
    struct shmem *shmems;
};

/* NULL: no such end. */
static inline struct channel_end *ipc_end(const struct vm *vm, uint64_t index)
{
    return index < vm->ipc->end_count ? vm->ipc->ends[index] : NULL;
}

/* For who is inside the gate, or has the lock of an end whose phase is OPEN: its mailbox'
 * header. */
static inline struct mailbox *channel_header(const struct channel_end *end)
{
    arch_share_sync();
    return end->header;
}

/*
 * Or-s bell into the doorbell word of end's mailbox and events into its events, and interrupts its
 * owner. False: it has no mailbox. No lock is taken, none of this file's is held. Inlined into the
 * doorbell, which has a budget of instructions.
 *
 * Another hart may close the mailbox at any moment, and unmap its page. Against that, gate holds in
 * one word whether the mailbox is open and how many are inside:
 *
 *   here:            (a) gate++; was it OPEN?  (b) yes: use the header   (c) gate--
 *   channel_close(): (d) clear OPEN            (e) wait until gate is 0  (f) unmap the page
 *
 * (a) and (d) are read-modify-writes of one word, so one is first: (d), and (a) sees no OPEN; or
 * (a), and (e) waits for its (c). Acquire at (a) pairs with the release that opened; release at (c)
 * with acquire at (e), so (b) is over before (f). The wait is short: no hart is interrupted between
 * (a) and (c), and who comes after (d) turns back at the first look, so that no crowd of ringers
 * can hold the count up. Once (e) is through, no interrupt from here is under way to the owner
 * either.
 */
static inline bool channel_raise(struct channel_end *end, uint32_t events, uint64_t bell)
{
    bool open;

    if ((atomic_load_explicit(&end->gate, memory_order_relaxed) & GATE_OPEN) == 0) {
        return false;
    }
    open = (atomic_fetch_add_explicit(&end->gate, 1, memory_order_acquire) & GATE_OPEN) != 0;
    if (open) {
        struct mailbox *m = channel_header(end);

        if (bell != 0) {
            (void)atomic_fetch_add_explicit(&end->bells, 1, memory_order_relaxed);
            (void)atomic_fetch_or_explicit(&m->doorbell, bell, memory_order_relaxed);
        }
        /* release: what the event is about (head, doorbell) is there when its bit is seen; pulse()
         * in turn orders the bit before the interrupt */
        (void)atomic_fetch_or_explicit(&m->events, events, memory_order_release);
        end->chip->ops->pulse(end->chip, end->irq);
    }
    (void)atomic_fetch_sub_explicit(&end->gate, 1, memory_order_release); /* (c) */
    return open;
}

/* ipc_notify(), inlined where it is called on the fast path. */
static inline enum err channel_notify(const struct vm *vm, uint64_t index, uint64_t bits)
{
    const struct ipc_vm *iv = vm->ipc;
    struct channel_end *peer;

    if (index >= iv->end_count) {
        return ERR_NOT_FOUND;
    }
    peer = iv->ends[index]->bell;
    if (peer == NULL) {
        return ERR_DENIED;
    }
    if (bits == 0) {
        return ERR_INVALID;
    }
    return channel_raise(peer, MAILBOX_EV_BELL, bits) ? ERR_OK : ERR_STATE;
}

/*
 * TRACE_IPC is on: this hart's vCPU has sent through end, or rung its peer (TRACE_EV_SEND,
 * TRACE_EV_BELL), with the result e.
 */
void channel_trace(const struct channel_end *end, uint32_t event, enum err e, uint32_t more);

/* Closes the end's mailbox, whatever it holds. False: it was not open. No lock held. */
bool channel_close(struct channel_end *end);

/* Shows end's owner, if it has a mailbox, what its peer's state is now. No lock held. */
void channel_tell(struct channel_end *end);

/* Regions: made at boot (shmem.c); VMs enter as they are loaded, and leave as they stop. */
enum err shmem_build(struct shmem *s, const struct shmem_config *config,
                     const char **why) MUST_CHECK;
bool shmem_enter(struct shmem *s); /* false: call again */
void shmem_leave(struct shmem *s);

#endif
