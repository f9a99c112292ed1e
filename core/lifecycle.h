/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's life: OFF -> LOADING -> RUNNING -> STOPPING -> OFF or CRASHED, and round again; from
 * RUNNING to PAUSED or SUSPENDED and back (core/pause.c). Loading, zeroing and silencing run on the
 * VM's own harts, a load in parts and by turns with who shares the hart. Any hart may ask; the
 * calls take the VM's lock.
 */
#ifndef CORE_LIFECYCLE_H
#define CORE_LIFECYCLE_H

#include "core/vm.h"

/* OFF or CRASHED -> LOADING. ERR_EXISTS: it runs; ERR_STATE: stopping, or a power transition is
 * under way. */
enum err lifecycle_start(struct vm *vm) MUST_CHECK;

/*
 * Takes all its vCPUs out of the guest, now; OFF (or CRASHED for STOP_CRASH and STOP_LOAD) when the
 * last has left. Already off: ERR_STATE. restart: and loads it again then.
 */
enum err lifecycle_stop(struct vm *vm, enum stop_reason reason, bool restart) MUST_CHECK;

/* Asks the VM (PWR event, virtual power key), forces it when its stop time is over. */
enum err lifecycle_stop_graceful(struct vm *vm, bool restart) MUST_CHECK;

/*
 * RUNNING -> PAUSED: its vCPUs leave the guest and keep all they have; time goes on. ERR_STATE: it
 * does not run, is asked to stop, or a power transition is under way.
 */
enum err lifecycle_pause(struct vm *vm) MUST_CHECK;

/*
 * PAUSED or SUSPENDED -> RUNNING. ERR_STATE: it is neither, or a power transition keeps it where it
 * is.
 */
enum err lifecycle_resume(struct vm *vm) MUST_CHECK;

/*
 * RUNNING -> SUSPENDED, by SUSP of caller, on its own hart: it resumes at pc with opaque in a1 when
 * an interrupt that it enabled is pending, or the power coordinator wakes it, and not before that
 * allows it. ERR_DENIED: another vCPU is not STOPPED; ERR_STATE: the VM was just paused or stopped.
 */
enum err lifecycle_suspend(struct vcpu *caller, gpa_t pc, uint64_t opaque) MUST_CHECK;

/*
 * For the power coordinator, under the power lock. unpause: a paused VM goes on. freeze: paused
 * with all it has, for lifecycle_wake() alone to end, and power_ctl_vm_asleep() follows; not if it
 * is asleep or on its way down, whose own event comes. wake: one that is frozen or asleep goes on.
 */
bool lifecycle_unpause(struct vm *vm);
void lifecycle_freeze(struct vm *vm);
void lifecycle_wake(struct vm *vm);

/*
 * The VM cannot go on: stops it with the reason (STOP_CRASH, STOP_WATCHDOG) and the fault recorded,
 * and lets its crash policy decide.
 */
void lifecycle_crash(struct vm *vm, enum stop_reason reason, const struct vm_fault *fault,
                     const char *what);

/* A guest's SRST (shutdown, or reset), by its manifest's policy. The calling vCPU does not
 * return. */
void lifecycle_srst(struct vcpu *caller, bool reset, bool warm, bool failure);

/*
 * A power transition begins while the VM is being loaded: gives the load up; it is tried again by
 * lifecycle_released(). The power lock may be held.
 */
void lifecycle_cancel_load(struct vm *vm);

/*
 * No power transition holds the VM back any more: starts it again if it waits for that; if it was
 * told to sleep and has not, its watchdog goes on.
 */
void lifecycle_released(struct vm *vm);

/*
 * From vcpu.c only. vCPU 0's hart loads the VM: a bounded part of that; true: there is more to do,
 * and VCPU_REQ_LOAD goes on standing for it. A vCPU has left the guest for good, or that request
 * was dropped for a stop (the last one makes the VM stopped).
 */
bool lifecycle_load(struct vm *vm) MUST_CHECK;
void lifecycle_vcpu_left(struct vm *vm);

/* From vcpu.c only, own hart: v's VM is PAUSED, and v is not in the guest. */
void lifecycle_vcpu_held(struct vcpu *v);

#endif
