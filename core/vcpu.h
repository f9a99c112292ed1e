/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU: what the policy knows of it. The port embeds this in its own structure, which holds the
 * registers.
 */
#ifndef CORE_VCPU_H
#define CORE_VCPU_H

#include "core/addr.h"
#include "core/arch.h"
#include "core/dbtr.h"
#include "core/hart.h"
#include "core/pmu.h"
#include "core/runqueue.h"
#include "core/spinlock.h"
#include "core/sse.h"
#include "core/steal.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * HSM states, from the guest's side [SBI 3.0 §9]. Changed with compare-and-swap: START_PENDING is
 * entered by any sibling that wins STOPPED -> START_PENDING; everything else is done by the vCPU's
 * own hart.
 */
enum vcpu_state {
    VCPU_STOPPED,
    VCPU_START_PENDING,
    VCPU_STARTED,
    VCPU_SUSPENDED,
};

/* Bits of vcpu->requests: set by anyone (vcpu_request()), taken by the vCPU's hart. */
#define VCPU_REQ_START (1u << 0) /* state is START_PENDING: reset to start_pc and run */
#define VCPU_REQ_STOP  (1u << 1) /* the VM is being stopped: leave the guest for good */
#define VCPU_REQ_LOAD  (1u << 2) /* the VM is LOADING and this is its vCPU 0: load it */
#define VCPU_REQ_IRQ   (1u << 3) /* irq_lines changed */
#define VCPU_REQ_FENCE (1u << 4) /* fences[] is not empty */
#define VCPU_REQ_WAKE  (1u << 5) /* an IPI, or the VM's wake-up, ends its SUSPENDED */
#define VCPU_REQ_STATE (1u << 6) /* the VM was paused, or goes on */
#define VCPU_REQ_SSE   (1u << 7) /* a software event may be due */

#define VCPU_FENCES 4u

/* Bits of vcpu->timer_detour. */
#define VCPU_TIMER_SOFT    1u /* the port's: the hart has no timer for guests */
#define VCPU_TIMER_COUNTED 2u /* one of the vCPU's event counters runs */

/* Exits are counted by cause, by their own hart only; others read them relaxed. */
enum exit_cause {
    EXIT_ECALL_FAST, /* SBI calls served on the fast path */
    EXIT_ECALL,      /* SBI calls on the general path */
    EXIT_MMIO,       /* emulated device accesses */
    EXIT_PAGE_FAULT, /* accesses outside the VM's map */
    EXIT_INSN,       /* illegal and virtual instructions */
    EXIT_WFI,
    EXIT_IRQ_TIMER, /* the hypervisor's interrupts while the guest ran */
    EXIT_IRQ_IPI,
    EXIT_IRQ_EXT,
    EXIT_OTHER, /* exceptions given back to the guest */
    EXIT_CAUSES
};

struct vcpu {
    struct vm *vm;
    uint32_t index; /* and hart id, as the guest knows it */

    /* Where it runs; vcpu_hart(). That hart alone changes it: core/hart.h, core/sched.c. */
    struct hart *_Atomic hart;

    _Atomic uint32_t state;     /* enum vcpu_state */
    _Atomic uint32_t requests;  /* VCPU_REQ_* */
    _Atomic uint32_t irq_lines; /* 1 << enum vcpu_irq: level of each line; any hart */
    _Atomic bool loaded;        /* written by the own hart: resident; vcpu_loaded() */
    bool resume_nonretentive;   /* own hart: SUSPENDED and will restart at start_pc */
    bool waits;                 /* own hart, shared: STARTED and in a WFI */
    uint8_t timer_detour;       /* own hart: why arch_vcpu_set_timer() is no single write */

    /* Written by the starter before START_PENDING is published, or by the own hart at suspend. */
    gpa_t start_pc;
    uint64_t start_opaque;

    /* Own hart, until the next start: FWFT's features that are on, or locked; bit i: number i. */
    uint8_t features, features_locked;
    struct sse_vcpu sse;

    struct spinlock fence_lock;
    uint32_t fence_count GUARDED_BY(fence_lock);
    struct fence fences[VCPU_FENCES] GUARDED_BY(fence_lock);
    _Atomic uint32_t fence_posted; /* requests made and ... */
    _Atomic uint32_t fence_done;   /* ... carried out, both free-running */

    struct steal steal; /* own hart */

    /* Of who shares its hart; of deferred, all use VCPU_REQ_LOAD. */
    struct vcpu *hart_next;    /* the next one of home; fixed at boot */
    struct sched_entity sched; /* own hart */
    uint32_t deferred;         /* own hart: requests taken that wait for its turn, or go on in it */
    _Atomic uint32_t posted;   /* a flag; core/hart.h */
    struct vcpu *posted_next;

    /* Of one whose VM has an affinity. */
    struct hart *home;            /* its own of `harts`; of all; fixed at boot */
    struct hart *_Atomic move_to; /* it is asked to move there: sched_move() */
    _Atomic uint32_t moves;       /* counted by its hart */
    bool arrived;                 /* own hart: it has come by a move, and was not seen here yet */

    uint64_t exits[EXIT_CAUSES];

    struct dbtr dbtr; /* own hart */

    struct pmu pmu; /* forgotten at each start but for what it has received, which pmu.h explains */
};

/* Its own hart may rely on it; to others, of one that moves, it may have been. */
static inline struct hart *vcpu_hart(const struct vcpu *v)
{
    return atomic_load_explicit(&v->hart, memory_order_relaxed);
}

/* Is it on its hart? Own hart; a reader on another hart argues what a stale answer does. */
static inline bool vcpu_loaded(const struct vcpu *v)
{
    return atomic_load_explicit(&v->loaded, memory_order_relaxed);
}

/* Publishes request bits and kicks the vCPU's hart if it needs that. Any hart, any lock. */
void vcpu_request(struct vcpu *v, uint32_t requests);

/* Sets or clears an interrupt line of the vCPU. Any hart. */
void vcpu_irq_set(struct vcpu *v, enum vcpu_irq irq, bool level);

/*
 * The same without the kick: returns the hart to which the caller owes hart_kick(), or NULL. For
 * who holds a lock that the kicked hart will want, and kicks when it is dropped. Any hart.
 */
struct hart *vcpu_irq_post(struct vcpu *v, enum vcpu_irq irq, bool level) MUST_CHECK;

/*
 * STOPPED -> START_PENDING: the vCPU starts at pc with opaque in a1. ERR_EXISTS: it is not stopped;
 * ERR_STATE: its VM is off or stopping. Any hart. [SBI 3.0 §9.1]
 */
enum err vcpu_start(struct vcpu *v, gpa_t pc, uint64_t opaque) MUST_CHECK;

/* Own hart: the guest stopped this vCPU (HSM stop, SRST). It does not run again by itself. */
void vcpu_stop_self(struct vcpu *v);

/*
 * Own hart: SUSPENDED until an interrupt that the guest enabled is pending, VCPU_REQ_WAKE comes, or
 * a software event is due; then it continues, or, if nonretentive, restarts at pc with opaque in
 * a1. [SBI 3.0 §9.4]
 */
void vcpu_suspend_self(struct vcpu *v, bool nonretentive, gpa_t pc, uint64_t opaque);

/*
 * Carries fence out on every vCPU of vm in targets (bit i = vCPU i; vm->vcpu_count <= 64) and
 * returns when each has done so or is sure to before it runs another guest instruction. Own hart of
 * a vCPU of that VM, on the general path only (mode HART_HYP): two that fence each other would
 * otherwise wait for ever.
 */
void vcpu_fence(struct vm *vm, uint64_t targets, const struct fence *fence);

/* Own hart, which has taken VCPU_REQ_FENCE (acquire): carries out what v was asked for. */
void vcpu_do_fences(struct vcpu *v);

/*
 * Own hart, its turn: handles the vCPU's requests. True: it may run now (loaded, lines in sync).
 * Else, with requests deferred, it goes on with its turn at the next call: a load has parts. Called
 * by sched.c.
 */
bool vcpu_prepare(struct vcpu *v);

/* ---- of who shares its hart; own hart, called by sched.c ------------------------------------- */

/*
 * It has been posted: handles the requests that do not wait for its turn, whatever its priority and
 * its budget: a stop, a pause, fences. Should it get its turn for the others?
 */
bool vcpu_attend(struct vcpu *v);

/*
 * Off the hart. wants: it stays in the run queue (preempted, or its budget is used up). One that
 * would go on is stolen from; of one that rests, for all that is known, what ends that makes a
 * request, and it is stolen from then on. True: it has just come to rest, and somebody has to watch
 * for what ends that.
 */
bool vcpu_take_off(struct vcpu *v, bool wants);

/* The guest is in a WFI: it is prepared for its next turn when an interrupt ends that. */
void vcpu_wait(struct vcpu *v);

#endif
