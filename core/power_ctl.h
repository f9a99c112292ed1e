/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power coordinator at work: core/power.c is the pure state machine; this carries its actions
 * out under the power lock (the outermost), arms its timers on the harts of the VMs waited for, keeps
 * the audit ring and delivers events to guests (PWR extension).
 */
#ifndef CORE_POWER_CTL_H
#define CORE_POWER_CTL_H

#include "core/audit.h"
#include "core/err.h"
#include "core/power.h"

#include <stdbool.h>
#include <stdint.h>

struct vm;

/* Builds the coordinator from the manifest; adopts the audit ring of an earlier boot if it is whole. */
enum err power_ctl_build(const char **why) MUST_CHECK;

/*
 * PWR calls of a VM (vm NULL: the hypervisor's console or a platform event). Any hart, no lock held.
 * See docs/abi.md for what they mean; txn comes back in *txn.
 */
enum err power_ctl_request(struct vm *vm, enum power_kind kind, uint32_t reason, uint32_t flags,
                           uint32_t *txn) MUST_CHECK;
enum err power_ctl_cancel(struct vm *vm, uint32_t txn) MUST_CHECK;
enum err power_ctl_listen(struct vm *vm, bool on) MUST_CHECK;
enum err power_ctl_answer(struct vm *vm, uint32_t txn, uint32_t answer, uint64_t arg) MUST_CHECK;

/* Takes the next pending event of vm, packed as CURIA_PWR_EVENT_*; 0: none. */
uint64_t power_ctl_next_event(struct vm *vm);

/* Packed state of the coordinator as vm may see it, and microseconds left to vm's current wait. */
uint64_t power_ctl_status(struct vm *vm);
uint64_t power_ctl_time_left_us(struct vm *vm);

/* Graceful stop of one VM outside a transition: posts STOP to it. ERR_NOT_SUPPORTED: nobody listens. */
enum err power_ctl_ask_stop(struct vm *vm, bool restart) MUST_CHECK;

/*
 * From lifecycle, no lock held.
 * loading: a load is about to begin; ERR_BUSY: not during a transition (retried, see below).
 * starting: the gate before the first guest instruction; an error: the load is given up.
 * stopped: all vCPUs have left; srst != NULL: by an SRST that the manifest calls the platform's.
 * escalate: its crash policy asks for an emergency power-off.
 * When a transition ends without COMMIT, lifecycle_retry_start() is called for every VM, with no lock
 * held.
 */
enum err power_ctl_vm_loading(struct vm *vm) MUST_CHECK;
enum err power_ctl_vm_starting(struct vm *vm) MUST_CHECK;
void power_ctl_vm_stopped(struct vm *vm, bool crashed, const enum power_kind *srst);
void power_ctl_escalate(struct vm *vm);

/* Copies audit records from sequence seq on; returns how many, *lost how many were overwritten. */
uint32_t power_ctl_audit_read(uint64_t seq, struct audit_record *out, uint32_t max, uint64_t *lost);

/* Own hart: HART_WORK_COMMIT was seen. Does not return. */
_Noreturn void power_ctl_commit_hart(void);

/* Writes the power node under the open node of fdt. */
enum err power_ctl_fdt(const struct vm *vm, void *fdt) MUST_CHECK;

#endif
