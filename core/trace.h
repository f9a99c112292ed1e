/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace: a ring of records for each hart, of what it did and when, if the manifest wants it
 * (trace-kib). A hart writes its own ring and no other, so that needs no lock and no atomic
 * read-modify-write; any hart reads any ring while it is written (trace_read()).
 *
 * What is traced is said by classes. Those that are off cost a test of hart->trace_mask, on paths
 * that are not the short one; that has none, since exits are traced by a trap vector of their own
 * (arch_hart_trace()).
 *
 * All of it lies in one piece of memory, which begins with struct trace_header: who finds that,
 * from outside or after a crash, can read the rings (docs/tracing.md).
 */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include "core/arch.h"
#include "core/hart.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Classes: bits of a mask. Numbers here and below are part of the ABI, and never reused. */
#define TRACE_SWITCH    (1u << 0) /* which vCPU a hart runs, and when it waits */
#define TRACE_EXIT      (1u << 1) /* a guest was left, and entered again */
#define TRACE_INJECT    (1u << 2) /* interrupts given to guests */
#define TRACE_IPC       (1u << 3) /* messages and doorbells */
#define TRACE_POWER     (1u << 4) /* every record of the audit */
#define TRACE_LIFECYCLE (1u << 5) /* states of VMs */
#define TRACE_CLASSES   6u
#define TRACE_ALL       ((1u << TRACE_CLASSES) - 1u)

/* As the manifest and the shell call them, in that order. */
#define TRACE_CLASS_NAMES "switch\0exit\0inject\0ipc\0power\0lifecycle\0"

/* Those for which a guest's traps must be seen. */
#define TRACE_TRAPS (TRACE_EXIT | TRACE_INJECT | TRACE_IPC)

enum trace_event {
    TRACE_EV_NONE,
    TRACE_EV_MASK,   /* this hart traces these classes from now on; arg: the mask */
    TRACE_EV_SWITCH, /* to vm, vcpu; more: from (vm << 8 | vcpu); detail: enum trace_left */
    TRACE_EV_WAIT,   /* the hart begins to wait; vm, vcpu: whose turn it was; detail: trace_left */
    TRACE_EV_AWAKE,  /* and goes on, with this vCPU */
    TRACE_EV_EXIT,   /* detail: the port's cause (bit 7: an interrupt); arg: what it was about */
    TRACE_EV_ENTRY,  /* arg: where the guest goes on */
    TRACE_EV_LINES,  /* detail: lines of the vCPU raised since its exit, 1 << enum vcpu_irq */
    TRACE_EV_SOURCE, /* of vm's irqchip; more: its number; detail 0: an edge, 1: a level rises */
    TRACE_EV_SEND,   /* vm sends; arg: channel << 8 | vm; more: bytes; detail: enum trace_sent */
    TRACE_EV_BELL,   /* vm rings; arg: channel << 8 | vm; more: bits 31:0; detail: trace_sent */
    TRACE_EV_POWER,  /* vm; arg: txn << 32 | event << 16 | old << 8 | new; more: seq, as audited */
    TRACE_EV_STATE,  /* vm; detail: enum vm_state; vcpu: the one before; arg: stop reason; more:
                        generation */
    TRACE_EVENTS
};

/* Why another vCPU runs now, or none. */
enum trace_left {
    TRACE_LEFT_BLOCKED,   /* it has nothing to do */
    TRACE_LEFT_PREEMPTED, /* a more urgent one runs */
    TRACE_LEFT_SLICE,     /* its time slice is over, or it gave way */
    TRACE_LEFT_THROTTLED, /* it is out of its hard budget */
    TRACE_LEFT_DOWN,      /* the machine goes down, or sleeps */
};

enum trace_sent {
    TRACE_SENT,
    TRACE_SENT_REFUSED, /* no room */
    TRACE_SENT_NOBODY,  /* the peer has no mailbox */
};

#define TRACE_NONE 0xffu /* no VM, no vCPU */

struct trace_record {
    uint64_t time; /* ticks */
    uint8_t event; /* enum trace_event */
    uint8_t detail;
    uint8_t vm, vcpu; /* or TRACE_NONE */
    uint32_t more;
    uint64_t arg;
};
_Static_assert(sizeof(struct trace_record) == 24, "a trace record is part of the ABI");

#define TRACE_RECORD_WORDS 3u

/* One hart's. Record p lies in slot p % records, and is there until record p + records is begun. */
struct trace_ring {
    _Atomic uint64_t head;  /* records ever written; by its own hart, read by any */
    uint64_t hart;          /* id */
    uint32_t records, next; /* slots; the one of record head */
    _Atomic uint64_t words[][TRACE_RECORD_WORDS];
};

#define TRACE_MAGIC     UINT64_C(0x4543415254525543) /* "CURTRACE" */
#define TRACE_NAME_SIZE 32u

/* Ring i begins ring_offset + i * ring_stride bytes behind the header's beginning. */
struct trace_header {
    uint64_t magic;
    uint32_t size;         /* of the header, with the names behind it */
    uint32_t record_bytes; /* sizeof(struct trace_record) */
    uint32_t harts, vms;
    uint32_t ring_offset, ring_stride;
    uint64_t timebase_hz;
    uint64_t boot_ticks;
    _Atomic uint32_t mask; /* classes that shall be traced */
    uint32_t form;         /* 0: as described; else who copied it says what follows */
    uint64_t reserved;
    char names[][TRACE_NAME_SIZE]; /* of VMs */
};
_Static_assert(sizeof(struct trace_header) == 64, "the trace's header is part of the ABI");

/*
 * Boot hart, after the VMs are made and before one is started: makes the rings that the manifest
 * asks for, and sees to interrupts of VMs if so. ERR_NO_MEMORY.
 */
enum err trace_build(void) MUST_CHECK;

/* What there is; NULL: the manifest wants no trace. Constant after boot. */
const struct trace_header *trace_header(void);

/*
 * Traces these classes from now on, and no others; returns what it was. Any hart, no lock. Other
 * harts come to it one by one, soon, and those that wait are woken for it.
 */
uint32_t trace_set(uint32_t mask);

/* Own hart: HART_WORK_TRACE was seen. */
void trace_hart(struct hart *hart);

/* Own hart, if one of classes is on: adds a record. what: TRACE_WHAT(). */
void trace_put(struct hart *hart, uint32_t what, uint32_t more, uint64_t arg);

#define TRACE_WHAT(event, detail, vm, vcpu)                                                        \
    ((uint32_t)(event) | (uint32_t)(detail) << 8 | (uint32_t)(vm) << 16 | (uint32_t)(vcpu) << 24)

static inline bool trace_on(const struct hart *hart, uint32_t classes)
{
    return (hart->trace_mask & classes) != 0;
}

/* Own hart: VM index has changed its state; its lock is held. */
static inline void trace_state(uint32_t index, uint32_t from, uint32_t to, uint32_t reason,
                               uint32_t generation)
{
    struct hart *self = arch_hart_self();

    if (trace_on(self, TRACE_LIFECYCLE)) {
        trace_put(self, TRACE_WHAT(TRACE_EV_STATE, to, index, from), generation, reason);
    }
}

/*
 * Copies up to max of hart's records to out, from number *at on, or from the oldest that is still
 * there; *at becomes the number of the first of them, so that what was lost shows. Returns how
 * many: 0 also if they were all overwritten in the meantime (then *at has moved). *at is not above
 * trace_head(). Any hart.
 */
uint32_t trace_read(const struct hart *hart, uint64_t *at, struct trace_record *out, uint32_t max);

/* The number of the next record of hart. Any hart. */
uint64_t trace_head(const struct hart *hart);

#define TRACE_LAST 32u /* records of each hart that a dump shows, unless more are wanted */

/*
 * Tells what there is as lines of text, the last records of each hart, from which tools/curia-trace
 * reads them. Any hart; after a panic, too.
 */
void trace_dump(void (*line)(const char *text), uint64_t last);

/* The shell's `trace`: what is dump (of more records), off, or a class, which is traced as well. */
void trace_shell(void (*line)(const char *text), const char *what, bool more);

/* The class of that name, as the manifest has it: its bit; 0: none. "all" is one. */
uint32_t trace_class(const char *name);

#endif
