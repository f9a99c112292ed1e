/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * External interrupts: IMSIC and APLIC (MSI mode) when the FDT has them, else the PLIC. All calls
 * from ordinary context with interrupts off, set-up on the boot hart first.
 */
#ifndef GUESTS_LIB_IRQ_H
#define GUESTS_LIB_IRQ_H

#include "guests/lib/board.h"

typedef void (*irq_fn)(void *arg);

/* This hart's side, and on the first call the controller. False: the machine has none that is
 * known. */
bool irq_init(void);

/*
 * Handlers are of the whole guest; source's interrupts go to the hart of that index. Level sources
 * are completed after fn, which has to have silenced the device. False: no such source, no room.
 */
bool irq_attach(struct board_irq irq, uint32_t hart_index, irq_fn fn, void *arg);
void irq_detach(struct board_irq irq);

/* AIA only: an identity of its own on this hart, for MSIs from software. 0: none left. */
uint32_t irq_attach_msi(irq_fn fn, void *arg);

/* AIA only: stores an MSI into the interrupt file of that hart. */
void irq_send_msi(uint32_t hart_index, uint32_t id);

/* Takes all that is pending on this hart. Called by the trap handler. */
void irq_dispatch(void);

#endif
