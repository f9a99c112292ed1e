/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the policy knows of a hart. The port embeds this in its own per-hart structure.
 *
 * Kick protocol, the one place where it is argued:
 *
 *   poster:  (a) publish the work (hart->work or vcpu->requests)   (b) seq_cst fence
 *            (c) read mode; if it is not HART_HYP: arch_hart_kick()
 *   hart:    (d) mode = HART_GUEST or HART_IDLE   (e) seq_cst fence
 *            (f) read work and requests; if any: mode = HART_HYP and handle it
 *            (g) enter the guest, or wait
 *
 * Fences (b) and (e) pair: either (c) sees the mode of (d), and a kick is sent, or (f) sees the
 * work of (a). A kick that arrives between (f) and (g) stays pending, since interrupts are off in
 * HS-mode, and ends the guest entry or the wait at once. The fast trap path never changes mode: a
 * kick for it is pending when the guest goes on.
 */
#ifndef CORE_HART_H
#define CORE_HART_H

#include "core/spinlock.h"
#include "core/timer.h"

#include <stdatomic.h>
#include <stdint.h>

struct vcpu;

enum hart_mode {
    HART_HYP,   /* in the hypervisor, will look at work before it leaves */
    HART_GUEST, /* in a guest, or about to enter it, or in the fast trap path */
    HART_IDLE,  /* waiting, or about to */
};

/* Bits of hart->work. */
#define HART_WORK_TIMER   (1u << 0) /* a timer of this hart may be due, or was armed elsewhere */
#define HART_WORK_COMMIT  (1u << 1) /* the machine goes down: park, or carry it out */
#define HART_WORK_CONSOLE (1u << 2) /* it left console output behind: its turn to send that */

struct hart {
    uint32_t index;        /* 0 .. machine.hart_count - 1 */
    uint64_t id;           /* as the firmware knows it; neither dense nor from 0 */
    _Atomic uint32_t mode; /* enum hart_mode */
    _Atomic uint32_t work; /* HART_WORK_*: set by anyone, cleared by the hart */
    struct vcpu *vcpu;     /* the one bound here; fixed at boot */
    struct timer_queue timers;
};

/* Publishes work bits on hart and kicks it if it would not see them by itself. Any hart. */
void hart_post(struct hart *hart, uint32_t work);

/* Step (b) and (c): call after work for hart was published some other way. Any hart. */
void hart_kick(struct hart *hart);

#endif
