/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's life: OFF -> LOADING -> RUNNING -> STOPPING -> OFF or CRASHED, and round again. Loading,
 * zeroing and silencing run on the VM's own harts. Any hart may ask; the calls take the VM's lock.
 */
#ifndef CORE_LIFECYCLE_H
#define CORE_LIFECYCLE_H

#include "core/vm.h"

/* OFF or CRASHED -> LOADING. ERR_EXISTS: it runs; ERR_STATE: stopping, or starts are held back. */
enum err lifecycle_start(struct vm *vm) MUST_CHECK;

/*
 * Takes all its vCPUs out of the guest, now; OFF (or CRASHED for STOP_CRASH and STOP_LOAD) when the
 * last has left. Already off: ERR_STATE. restart: and loads it again then.
 */
enum err lifecycle_stop(struct vm *vm, enum stop_reason reason, bool restart) MUST_CHECK;

/* Asks the VM (PWR event, virtual power key), forces it when its stop time is over. */
enum err lifecycle_stop_graceful(struct vm *vm, bool restart) MUST_CHECK;

/* The VM cannot go on: stops it with the reason recorded and lets its crash policy decide. */
void lifecycle_crash(struct vm *vm, const struct vm_fault *fault, const char *what);

/* A guest's SRST (shutdown, or reset), by its manifest's policy. The calling vCPU does not return. */
void lifecycle_srst(struct vcpu *caller, bool reset, bool warm, bool failure);

/* Held: no start, restart or back-off begins until released (a power transition). */
void lifecycle_hold_restarts(struct vm *vm, bool held);

/* From vcpu.c only: vCPU 0's hart loads the VM; the hart of the last vCPU has left the guest. */
void lifecycle_load(struct vm *vm);
void lifecycle_stopped(struct vm *vm);

#endif
