/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the power coordinator: the steps that events make (power_steps.c), for power.c only. None
 * of them can fail.
 */
#ifndef CORE_POWER_STEPS_H
#define CORE_POWER_STEPS_H

#include "core/power.h"

/* Sets of VM states, for power_is() and power_vms_in(). */
#define S(state)      (1u << (POWER_VM_##state - POWER_VM_OFF))
#define DOWN          (S(OFF) | S(LOADING) | S(FORCED) | S(SUSPENDED))
#define ASKED_PREPARE (S(NOTIFIED) | S(PREPARING))
#define NOT_READY     (S(WAITING) | ASKED_PREPARE | S(RESUMING))
#define AWAITS_STOP   (S(READY) | S(UNRESPONSIVE))
#define TOLD_STOP     (S(STOPPING) | S(KEYED))

static inline uint64_t power_bit(uint32_t vm)
{
    return UINT64_C(1) << (vm % POWER_VM_MAX);
}

static inline bool power_in_transition(const struct power *p)
{
    return p->phase != POWER_RUN && p->phase != POWER_COMMIT;
}

static inline bool power_is(const struct power_node *n, uint32_t states)
{
    return ((1u << (n->state - POWER_VM_OFF)) & states) != 0;
}

/* The VMs in one of these states, as a mask. */
uint64_t power_vms_in(const struct power *p, uint32_t states);

/* Actions. power_enter() changes the VM's state and audits it; power_note() only audits. */
void power_act(struct power *p, enum power_action_type type, uint32_t vm);
void power_note(struct power *p, uint32_t vm, enum audit_event event, uint32_t old_state,
                uint32_t new_state, uint64_t detail);
void power_notify(struct power *p, uint32_t vm, enum power_notice notice, uint32_t by, uint64_t at);
void power_arm(struct power *p, uint32_t vm, uint64_t at);
void power_disarm(struct power *p, uint32_t vm);
void power_enter(struct power *p, uint32_t vm, enum power_vm_state state, enum audit_event event);

/* If the VM is asleep or frozen: it runs again. */
void power_wake(struct power *p, uint32_t vm);

/* A VM's last two turns in STOP: the key, with the wait after it; the freeze. */
void power_press_key(struct power *p, uint32_t vm, uint32_t wait_us);
void power_force(struct power *p, uint32_t vm);

/* A new transaction: everybody who runs is to be asked, or asked again; so is, but for a SUSPEND
 * and in an EMERGENCY, who sleeps, after it was woken. From any phase but COMMIT. */
void power_begin_prepares(struct power *p);

/* An EMERGENCY: who sleeps counts as stopped. */
void power_let_sleep(struct power *p);

/* PREPARE -> STOP: from here on there is no way back, but from a SUSPEND. VMs still being prepared
 * count as ready. */
void power_begin_stops(struct power *p, enum audit_event why);

/* In PREPARE, STOP or RESUME: gives every VM whose turn has come its turn; commits when all are
 * down, is done when all are up. */
void power_advance(struct power *p);

/*
 * In PREPARE, or before the COMMIT of a SUSPEND, or in SLEEP; and not with no_abort (nor, thus,
 * emergency). by: who ended it. If VMs were told to sleep or fell asleep since RUN, it goes on in
 * RESUME: those are woken, down the ranks.
 */
void power_abort(struct power *p, uint32_t by);

#endif
