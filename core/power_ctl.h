/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power coordinator at work: core/power.c is the pure state machine; this carries its actions
 * out under the power lock (the outermost), arms its timers on the harts of the VMs waited for,
 * keeps the audit ring and delivers events to guests (PWR extension).
 */
#ifndef CORE_POWER_CTL_H
#define CORE_POWER_CTL_H

#include "core/audit.h"
#include "core/err.h"
#include "core/power.h"

#include <stdbool.h>
#include <stdint.h>

struct vm;

/* Builds the coordinator from the manifest; adopts the audit ring of an earlier boot if it is
 * whole. */
enum err power_ctl_build(const char **why) MUST_CHECK;

/*
 * PWR calls of a VM (vm NULL: the hypervisor's console). Any hart, no lock held. See docs/abi.md
 * for what they mean; txn comes back in *txn.
 */
enum err power_ctl_request(struct vm *vm, enum power_kind kind, uint32_t reason, bool emergency,
                           uint32_t *txn) MUST_CHECK;
enum err power_ctl_cancel(struct vm *vm, uint32_t txn) MUST_CHECK;
enum err power_ctl_listen(struct vm *vm, bool on) MUST_CHECK;
/* answer is POWER_EV_ACK, _READY, _VETO or _POSTPONE; granted_us is written for POSTPONE. */
enum err power_ctl_answer(struct vm *vm, uint32_t txn, enum power_event_type answer, uint64_t us,
                          uint32_t *granted_us) MUST_CHECK;

/* What vm is told; type 0: nothing. A newer notice replaces one that was not taken. */
struct power_notice_seen {
    uint8_t type; /* enum power_notice, POWER_ASK_SHUTDOWN or POWER_ASK_RESTART */
    uint8_t kind;
    uint16_t reason;
    uint32_t txn;
};
#define POWER_ASK_SHUTDOWN 4u /* this VM alone is to stop ... */
#define POWER_ASK_RESTART  5u /* ... and will be started again */

/* Takes the next pending notice of vm. */
struct power_notice_seen power_ctl_next_event(struct vm *vm);

/* The coordinator and vm's place in it, now. */
struct power_status {
    enum power_phase phase;
    enum power_kind kind;
    enum power_vm_state vm;
    uint32_t txn;
    uint64_t time_left_us; /* of the wait for vm; 0: nothing is asked of it */
    uint32_t refused;      /* of its PWR calls, since boot */
};
struct power_status power_ctl_status(struct vm *vm);

/* Graceful stop of one VM outside a transition: posts STOP to it, or presses its power key where
 * nobody listens. ERR_NOT_SUPPORTED: it has none. */
enum err power_ctl_ask_stop(struct vm *vm, bool restart) MUST_CHECK;

/*
 * Who (a VM that sleeps, POWER_BY_CONSOLE for a key, POWER_BY_PLATFORM) wants to end a sleep. Any
 * hart, no lock held. The VM runs when it returns, or will at its turn, or counts as stopped.
 */
void power_ctl_wake(uint32_t who);

/* The firmware refused to let the machine sleep: goes into the audit. */
void power_ctl_sleep_refused(void);

/*
 * From lifecycle, no lock held.
 * loading: a load is about to begin; ERR_BUSY: not during a transition (retried, see below).
 * starting: the gate before the first guest instruction; an error: the load is given up.
 * paused: ERR_BUSY: not during a transition; resumed: its end.
 * asleep: by SUSP; frozen: after lifecycle_freeze().
 * stopped: all vCPUs have left.
 * srst: the same, by an SRST that the manifest calls the platform's.
 * escalate: its crash policy asks for an emergency power-off.
 * When a transition ends without COMMIT, lifecycle_released() is called for every VM, with no
 * lock held.
 */
enum err power_ctl_vm_loading(struct vm *vm) MUST_CHECK;
enum err power_ctl_vm_starting(struct vm *vm) MUST_CHECK;
enum err power_ctl_vm_paused(struct vm *vm) MUST_CHECK;
void power_ctl_vm_resumed(struct vm *vm);
void power_ctl_vm_asleep(struct vm *vm, bool frozen);
void power_ctl_vm_stopped(struct vm *vm, bool crashed);
void power_ctl_vm_srst(struct vm *vm, enum power_kind kind, bool failure);
void power_ctl_escalate(struct vm *vm);

/*
 * The next audit record from *seq on (0: the oldest); *seq moves behind it, *lost grows by what was
 * overwritten between. ERR_NOT_FOUND: no more.
 */
enum err power_ctl_audit_read(uint64_t *seq, struct audit_record *out, uint64_t *lost) MUST_CHECK;

/* The name of who caused a record or an event: a VM, the console, the platform. */
const char *power_ctl_name(uint32_t vm);

/* Writes the power node under the open node of fdt. */
enum err power_ctl_fdt(const struct vm *vm, void *fdt) MUST_CHECK;

#endif
