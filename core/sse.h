/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Software events of a VM: which of them a vCPU takes next, and when: each vCPU's local ones, and
 * the VM's global one, which any vCPU takes. The guest may raise all by itself; its hart raises the
 * double trap. [SBI 3.0 §17]
 *
 * vm->sse.lock guards all of a VM's events. Who makes one due publishes VCPU_REQ_SSE; the vCPU's
 * hart looks again, under the lock, before it enters the guest. So it is neither lost nor taken
 * twice, and what a request finds no longer due is left alone.
 */
#ifndef CORE_SSE_H
#define CORE_SSE_H

#include "core/arch.h"
#include "core/spinlock.h"

#include <stdbool.h>
#include <stdint.h>

enum sse_state {
    SSE_UNUSED,
    SSE_REGISTERED,
    SSE_ENABLED,
    SSE_RUNNING,
};

/* A vCPU's own events, in the order of their ids; the global one's is higher. */
enum sse_local { SSE_DOUBLE_TRAP, SSE_SOFTWARE, SSE_LOCALS };

#define SSE_STATE   3u        /* bits of SSE_STATUS: enum sse_state ... */
#define SSE_PENDING (1u << 2) /* ... and whether it was raised since it last ran */
#define SSE_ONESHOT 1u        /* bit of SSE_CONFIG */

/* What there is to know of an event; the numbers are those of the guest's attributes. */
#define SSE_STATUS      0u
#define SSE_PRIORITY    1u /* the lowest goes first; of equals, the lowest id */
#define SSE_CONFIG      2u
#define SSE_HART        3u /* vCPU that a global event prefers, or that a local one is of */
#define SSE_ENTRY_PC    4u
#define SSE_ENTRY_ARG   5u
#define SSE_INTERRUPTED 6u /* to the end: what arch_vcpu_event_enter() keeps */
#define SSE_ATTRS       (SSE_INTERRUPTED + ARCH_EVENT_WORDS)

struct sse_event {
    uint64_t attr[SSE_ATTRS];
    bool named;        /* the guest has written SSE_HART */
    struct vcpu *vcpu; /* which is to take it, or runs it; a local one's own */
};

struct sse_vcpu {
    struct sse_event local[SSE_LOCALS]; /* vm->sse.lock */
    bool unmasked;                      /* vm->sse.lock: it takes events; never while STOPPED */
};

struct sse_vm {
    struct spinlock lock;
    struct sse_event global GUARDED_BY(lock);
};

/* All events and masks as at power-on. No vCPU runs. */
void sse_reset_vm(struct vm *vm);

/* v's own, for its next life. By who starts it, before it does. */
void sse_reset(struct vcpu *v);

/* Own hart: v stops. A global event that it runs is as if complete; what waits finds another. */
void sse_leave(struct vcpu *v);

/*
 * Own hart: is an event due that v would take now? If so, and enter, it enters the handler (v is
 * loaded then).
 */
bool sse_take(struct vcpu *v, bool enter);

/*
 * Own hart, v loaded and STARTED: its hart raises this event, without which v cannot go on where it
 * is. False: v does not take it, or another first, before its next instruction.
 */
bool sse_raise(struct vcpu *v, enum sse_local which) MUST_CHECK;

/* ---- calls of the guest, with vm->sse.lock held ---------------------------------------------- */

/* Is e in RUNNING state on v? */
bool sse_runs(const struct vcpu *v, const struct sse_event *e);

/* Something has changed for v's events or the VM's: whoever may have one due now looks again. */
void sse_changed(struct vcpu *v);

/* Own hart: goes on with what the event interrupted that runs last. False: none runs. */
bool sse_complete(struct vcpu *v);

#endif
