/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit: a ring of fixed-size records of every step of a power transition, in memory that the
 * caller gives and that a warm reset keeps. Each record carries its own sequence number and
 * checksum, so a reset in the middle of a write costs that record alone, and memory that holds
 * something else is recognised as such. The checksum finds corruption, not forgery: the ring must
 * lie where no guest writes.
 *
 * No lock: the caller holds the one of the coordinator.
 */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define AUDIT_NO_VM    0xffu /* a record about the whole */
#define AUDIT_LINE_MAX 208u  /* audit_format() needs no more, with VM names up to 32 characters */

/* Part of the ABI of the PWR extension: numbers are never reused. */
enum audit_event {
    AUDIT_NONE = 0,
    AUDIT_BOOT = 1,      /* the hypervisor started; what precedes is an earlier boot's */
    AUDIT_REQUEST = 2,   /* vm: initiator; detail: see AUDIT_DETAIL_REQUEST */
    AUDIT_JOIN = 3,      /* vm asked for what is already under way; detail as REQUEST */
    AUDIT_REPLACE = 4,   /* vm's stronger request took over; detail as REQUEST */
    AUDIT_EMERGENCY = 5, /* PREPARE is cut short */
    AUDIT_CANCEL = 6,    /* by vm */
    AUDIT_PREPARE_SENT = 7,
    AUDIT_NO_LISTENER = 8, /* nobody to tell: ready at once */
    AUDIT_ALL_READY = 9,   /* the first STOP is next: no way back */
    AUDIT_ACK = 10,
    AUDIT_READY = 11,
    AUDIT_VETO = 12,
    AUDIT_POSTPONE = 13,       /* detail: us granted */
    AUDIT_TIMEOUT = 14,        /* a wait ran out */
    AUDIT_PAUSED_RESUMED = 15, /* resumed for its turn */
    AUDIT_STOP_SENT = 16,
    AUDIT_STOP_REPEATED = 17,
    AUDIT_KEY_PRESSED = 18,
    AUDIT_FORCE = 19,       /* freeze ordered */
    AUDIT_FORCED = 20,      /* frozen */
    AUDIT_FREEZE_LATE = 21, /* the freeze was not confirmed in time; counts as frozen */
    AUDIT_STOPPED = 22,
    AUDIT_CRASHED = 23,
    AUDIT_RESTART_CANCELLED = 24,
    AUDIT_SRST_ORDER = 25,    /* exception: vm went down before detail (mask), its subordinates */
    AUDIT_ABORT = 26,         /* over; all go on */
    AUDIT_COMMIT = 27,        /* detail as REQUEST */
    AUDIT_FROZEN_AT = 28,     /* for the wrapper; detail: last pc of a frozen vm */
    AUDIT_SUSPENDED = 29,     /* asleep */
    AUDIT_SLEEP = 30,         /* the machine sleeps */
    AUDIT_SLEEP_REFUSED = 31, /* the firmware does not: the harts wait */
    AUDIT_WAKE = 32,          /* vm: who ended the sleep, or the way to it */
    AUDIT_RESUME = 33,        /* vm: told RESUME; the whole: VMs are woken, down the ranks */
    AUDIT_RESUMED = 34,       /* vm: up; the whole: all are */
    AUDIT_EVENT_COUNT,
};

/* detail of REQUEST, JOIN, REPLACE and COMMIT: [7:0] enum power_kind, flags, [63:32] reason. */
#define AUDIT_DETAIL_EMERGENCY (UINT64_C(1) << 8)
#define AUDIT_DETAIL_SRST      (UINT64_C(1) << 9)
#define AUDIT_DETAIL_REQUEST(kind, emergency, srst, reason)                                        \
    ((uint64_t)(kind) | ((emergency) ? AUDIT_DETAIL_EMERGENCY : 0) |                               \
     ((srst) ? AUDIT_DETAIL_SRST : 0) | ((uint64_t)(reason) << 32))

/* As it lies in memory, and as guests read it through PWR. */
struct audit_record {
    uint64_t seq;     /* from 1, without holes */
    uint64_t time_us; /* since boot */
    uint64_t detail;
    uint32_t txn;
    uint8_t vm; /* index, POWER_BY_*, AUDIT_NO_VM */
    uint8_t event;
    uint8_t old_state; /* enum power_phase or enum power_vm_state */
    uint8_t new_state;
    uint32_t check;
    uint32_t reserved;
};
_Static_assert(sizeof(struct audit_record) == 40, "audit record is part of the ABI");

struct audit_header; /* at the start of the ring's memory */

/* The handle: in private memory. Nothing in the ring's own memory is trusted after adoption. */
struct audit {
    struct audit_header *header;
    struct audit_record *records;
    uint32_t capacity; /* records */
    uint64_t next_seq;
};

/* Bytes needed for a ring of `capacity` records. */
size_t audit_size(uint32_t capacity);

/*
 * Makes an empty ring of memory[0, size), 8-byte aligned. ERR_RANGE: not room for one record.
 */
MUST_CHECK enum err audit_init(struct audit *audit, void *memory, size_t size);

/*
 * Takes over the ring that an earlier boot left in memory[0, size), whatever may be there now.
 * ERR_NOT_FOUND: no valid ring of just this size; the caller then calls audit_init().
 */
MUST_CHECK enum err audit_adopt(struct audit *audit, void *memory, size_t size);

/* Adds a record; seq, check and reserved are filled in here. Overwrites the oldest. */
void audit_put(struct audit *audit, const struct audit_record *record);

/*
 * Reads the record *seq, or the oldest one still there after it, adds to *lost how many between
 * were overwritten or damaged, and moves *seq behind the one read. Start with *seq = 0 for the
 * oldest (what was overwritten before is not counted then). ERR_NOT_FOUND: none yet; *seq stays, to
 * be tried again.
 */
MUST_CHECK enum err audit_read(const struct audit *audit, uint64_t *seq,
                               struct audit_record *record, uint64_t *lost);

/* Names for people; never NULL ("?"). */
const char *audit_event_name(uint32_t event);
const char *audit_state_name(uint32_t state);

/*
 * One line of text without a newline, as
 *   audit 00012 [  12.345678] txn 1 cockpit PREPARE-SENT WAITING -> NOTIFIED
 * vm_name may be NULL. Returns what snprintf() returns; the text is always terminated if size > 0.
 */
int audit_format(const struct audit_record *record, const char *vm_name, char *text, size_t size);

#endif
