/* SPDX-License-Identifier: BSD-2-Clause */
/* The channel "bench" between two measuring guests, and how they keep step. One hart an end. */
#ifndef GUESTS_BENCH_CHANNEL_H
#define GUESTS_BENCH_CHANNEL_H

#include "guests/lib/irq.h"

#include <stdatomic.h>

/* The shared region: zero at boot. Who waits is who writes, but for `turn`. */
struct steps {
    _Atomic uint32_t open;    /* 1: the receiver's mailbox is */
    _Atomic uint32_t waiting; /* the so manieth arrival is awaited */
    _Atomic uint32_t received;
    _Atomic uint32_t turn;   /* slices */
    _Atomic uint32_t lives;  /* of the VM that is started */
    _Atomic uint32_t around; /* VMs that have opened all their other channels */
};

/* That region, or this guest's own where there is none; steps_find() says so at the start. */
extern struct steps *steps;
extern volatile uint32_t arrivals; /* doorbells and messages that have come */

void steps_find(void);

/* Until it has come that far: who is late may find it further. */
void until(_Atomic uint32_t *word, uint32_t value);

/*
 * The calling hart's end, with both ends up. False: there is no such channel. The receiver's end
 * comes up first: the sender's coming up is then an event at the receiver, which is waited for.
 */
bool channel_open(irq_fn on_mail, bool receives);

/* Another handler, where attached by channel_open(). */
void channel_handle(irq_fn on_mail);

/* A doorbell, or a message, to the other end. */
void channel_ring(void);
void channel_send(uint32_t bytes);

/* Handlers: they count doorbells, or messages. */
void channel_on_bell(void *unused);
void channel_on_message(void *unused);

#endif
