/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit ring. Record seq lies in slot seq % capacity; a slot whose checksum or number does not
 * fit is damaged or never written, and reads as lost. The header never changes after audit_init().
 */
#include "core/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/power.h"

#define AUDIT_MAGIC UINT64_C(0x4355524155444954) /* "CURAUDIT" */

struct audit_header {
    uint64_t magic;
    uint32_t record_bytes;
    uint32_t capacity;
    uint32_t check;
    uint32_t reserved;
};

/* FNV-1a. A warm reset flips bits or leaves older data; nobody forges this memory. */
static uint32_t checksum(const void *data, size_t size)
{
    const uint8_t *byte = data;
    uint32_t sum = 2166136261u;
    for (size_t i = 0; i < size; i++) {
        sum = (sum ^ byte[i]) * 16777619u;
    }
    return sum;
}

static uint32_t header_check(const struct audit_header *h)
{
    return checksum(h, offsetof(struct audit_header, check));
}

static uint32_t record_check(const struct audit_record *r)
{
    return checksum(r, offsetof(struct audit_record, check));
}

/* Whether slot index holds a whole record of its own. */
static bool is_valid(const struct audit *audit, uint32_t index)
{
    const struct audit_record *r = &audit->records[index];
    return r->seq != 0 && r->seq != UINT64_MAX && r->seq % audit->capacity == index &&
           r->check == record_check(r);
}

static enum err attach(struct audit *audit, void *memory, size_t size)
{
    struct audit_header *header = memory;
    if (size < audit_size(1)) {
        return ERR_RANGE;
    }
    size_t capacity = (size - sizeof(*header)) / sizeof(struct audit_record);
    *audit = (struct audit){.header = header,
                            .records = (struct audit_record *)(header + 1),
                            .capacity = capacity > UINT32_MAX ? UINT32_MAX : (uint32_t)capacity,
                            .next_seq = 1};
    return ERR_OK;
}

size_t audit_size(uint32_t capacity)
{
    return sizeof(struct audit_header) + (size_t)capacity * sizeof(struct audit_record);
}

enum err audit_init(struct audit *audit, void *memory, size_t size)
{
    enum err err = attach(audit, memory, size);
    if (err != ERR_OK) {
        return err;
    }
    memset(memory, 0, audit_size(audit->capacity));
    *audit->header = (struct audit_header){.magic = AUDIT_MAGIC,
                                           .record_bytes = sizeof(struct audit_record),
                                           .capacity = audit->capacity};
    audit->header->check = header_check(audit->header);
    return ERR_OK;
}

enum err audit_adopt(struct audit *audit, void *memory, size_t size)
{
    if (attach(audit, memory, size) != ERR_OK || audit->header->magic != AUDIT_MAGIC ||
        audit->header->record_bytes != sizeof(struct audit_record) ||
        audit->header->capacity != audit->capacity ||
        audit->header->check != header_check(audit->header)) {
        return ERR_NOT_FOUND;
    }
    for (uint32_t i = 0; i < audit->capacity; i++) {
        if (is_valid(audit, i) && audit->records[i].seq >= audit->next_seq) {
            audit->next_seq = audit->records[i].seq + 1;
        }
    }
    return ERR_OK;
}

void audit_put(struct audit *audit, const struct audit_record *record)
{
    struct audit_record *slot = &audit->records[audit->next_seq % audit->capacity];
    *slot = *record;
    slot->seq = audit->next_seq++;
    slot->reserved = 0;
    slot->check = record_check(slot);
}

enum err audit_read(const struct audit *audit, uint64_t *seq, struct audit_record *record,
                    uint64_t *lost)
{
    uint64_t oldest = audit->next_seq > audit->capacity ? audit->next_seq - audit->capacity : 1;
    uint64_t from = *seq != 0 ? *seq : oldest;
    for (uint64_t s = from < oldest ? oldest : from; s < audit->next_seq; s++) {
        uint32_t index = (uint32_t)(s % audit->capacity);
        if (audit->records[index].seq == s && is_valid(audit, index)) {
            *record = audit->records[index];
            *lost += s - from;
            *seq = s + 1;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

const char *audit_event_name(uint32_t event)
{
    static const char *const names[AUDIT_EVENT_COUNT] = {
        [AUDIT_NONE] = "NONE",
        [AUDIT_BOOT] = "BOOT",
        [AUDIT_REQUEST] = "REQUEST",
        [AUDIT_JOIN] = "JOIN",
        [AUDIT_REPLACE] = "REPLACE",
        [AUDIT_EMERGENCY] = "EMERGENCY",
        [AUDIT_CANCEL] = "CANCEL",
        [AUDIT_PREPARE_SENT] = "PREPARE-SENT",
        [AUDIT_NO_LISTENER] = "NO-LISTENER",
        [AUDIT_ALL_READY] = "ALL-READY",
        [AUDIT_ACK] = "ACK",
        [AUDIT_READY] = "READY",
        [AUDIT_VETO] = "VETO",
        [AUDIT_POSTPONE] = "POSTPONE",
        [AUDIT_TIMEOUT] = "TIMEOUT",
        [AUDIT_PAUSED_RESUMED] = "PAUSED-RESUMED",
        [AUDIT_STOP_SENT] = "STOP-SENT",
        [AUDIT_STOP_REPEATED] = "STOP-REPEATED",
        [AUDIT_KEY_PRESSED] = "KEY-PRESSED",
        [AUDIT_FORCE] = "FORCE",
        [AUDIT_FORCED] = "FORCED",
        [AUDIT_FREEZE_LATE] = "FREEZE-LATE",
        [AUDIT_STOPPED] = "STOPPED",
        [AUDIT_CRASHED] = "CRASHED",
        [AUDIT_RESTART_CANCELLED] = "RESTART-CANCELLED",
        [AUDIT_SRST_ORDER] = "SRST-ORDER",
        [AUDIT_ABORT] = "ABORT",
        [AUDIT_COMMIT] = "COMMIT",
        [AUDIT_FROZEN_AT] = "FROZEN-AT",
        [AUDIT_SUSPENDED] = "SUSPENDED",
        [AUDIT_SLEEP] = "SLEEP",
        [AUDIT_SLEEP_REFUSED] = "SLEEP-REFUSED",
        [AUDIT_WAKE] = "WAKE",
        [AUDIT_RESUME] = "RESUME",
        [AUDIT_RESUMED] = "RESUMED",
    };
    return event < AUDIT_EVENT_COUNT && names[event] != NULL ? names[event] : "?";
}

const char *audit_state_name(uint32_t state)
{
    static const char *const names[] = {
        [POWER_RUN] = "RUN",
        [POWER_PREPARE] = "PREPARE",
        [POWER_STOP] = "STOP",
        [POWER_COMMIT] = "COMMIT",
        [POWER_SLEEP] = "SLEEP",
        [POWER_RESUME] = "RESUME",
        [POWER_VM_OFF] = "OFF",
        [POWER_VM_LOADING] = "LOADING",
        [POWER_VM_UP] = "UP",
        [POWER_VM_WAITING] = "WAITING",
        [POWER_VM_NOTIFIED] = "NOTIFIED",
        [POWER_VM_PREPARING] = "PREPARING",
        [POWER_VM_READY] = "READY",
        [POWER_VM_UNRESPONSIVE] = "UNRESPONSIVE",
        [POWER_VM_STOPPING] = "STOPPING",
        [POWER_VM_KEYED] = "KEYED",
        [POWER_VM_FORCING] = "FORCING",
        [POWER_VM_FORCED] = "FORCED",
        [POWER_VM_SUSPENDED] = "SUSPENDED",
        [POWER_VM_RESUMING] = "RESUMING",
    };
    return state < sizeof(names) / sizeof(names[0]) && names[state] != NULL ? names[state] : "?";
}

static const char *kind_name(uint32_t kind)
{
    static const char *const names[POWER_KIND_COUNT] = {
        [POWER_SUSPEND] = "suspend",
        [POWER_RESET_WARM] = "warm-reset",
        [POWER_RESET_COLD] = "cold-reset",
        [POWER_OFF] = "off",
    };
    return kind < POWER_KIND_COUNT ? names[kind] : "?";
}

static const char *nobody_name(uint32_t vm)
{
    return vm == POWER_BY_CONSOLE ? "console" : vm == AUDIT_NO_VM ? "all" : "platform";
}

/* What `detail` holds depends on the event. */
static void format_detail(const struct audit_record *r, char *text, size_t size)
{
    text[0] = '\0';
    switch ((enum audit_event)r->event) {
    case AUDIT_REQUEST:
    case AUDIT_JOIN:
    case AUDIT_REPLACE:
    case AUDIT_COMMIT:
        (void)snprintf(text, size, " %s%s%s reason 0x%x", kind_name((uint32_t)(r->detail & 0xffu)),
                       (r->detail & AUDIT_DETAIL_EMERGENCY) != 0 ? " emergency" : "",
                       (r->detail & AUDIT_DETAIL_SRST) != 0 ? " srst" : "",
                       (unsigned int)(r->detail >> 32));
        break;
    case AUDIT_POSTPONE:
        (void)snprintf(text, size, " +%" PRIu64 " us", r->detail);
        break;
    case AUDIT_SRST_ORDER:
    case AUDIT_FROZEN_AT:
        (void)snprintf(text, size, " 0x%" PRIx64, r->detail);
        break;
    case AUDIT_NONE:
    case AUDIT_BOOT:
    case AUDIT_EMERGENCY:
    case AUDIT_CANCEL:
    case AUDIT_PREPARE_SENT:
    case AUDIT_NO_LISTENER:
    case AUDIT_ALL_READY:
    case AUDIT_ACK:
    case AUDIT_READY:
    case AUDIT_VETO:
    case AUDIT_TIMEOUT:
    case AUDIT_PAUSED_RESUMED:
    case AUDIT_STOP_SENT:
    case AUDIT_STOP_REPEATED:
    case AUDIT_KEY_PRESSED:
    case AUDIT_FORCE:
    case AUDIT_FORCED:
    case AUDIT_FREEZE_LATE:
    case AUDIT_STOPPED:
    case AUDIT_CRASHED:
    case AUDIT_RESTART_CANCELLED:
    case AUDIT_ABORT:
    case AUDIT_SUSPENDED:
    case AUDIT_SLEEP:
    case AUDIT_SLEEP_REFUSED:
    case AUDIT_WAKE:
    case AUDIT_RESUME:
    case AUDIT_RESUMED:
    case AUDIT_EVENT_COUNT:
        break;
    }
}

int audit_format(const struct audit_record *r, const char *vm_name, char *text, size_t size)
{
    char detail[56];
    bool moved = r->old_state != r->new_state;
    format_detail(r, detail, sizeof(detail));
    return snprintf(text, size,
                    "audit %05" PRIu64 " [%4" PRIu64 ".%06" PRIu64 "] txn %u %s %s %s%s%s%s",
                    r->seq, r->time_us / 1000000u, r->time_us % 1000000u, (unsigned int)r->txn,
                    vm_name != NULL ? vm_name : nobody_name(r->vm), audit_event_name(r->event),
                    audit_state_name(r->old_state), moved ? " -> " : "",
                    moved ? audit_state_name(r->new_state) : "", detail);
}
