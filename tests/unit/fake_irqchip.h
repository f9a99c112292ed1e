/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host interrupt controller that records what the device models ask of it, for tests of them.
 * Also vcpu_irq_set() and hart_kick(), so that a test of a device model need not link core/vcpu.c.
 */
#ifndef TESTS_UNIT_FAKE_IRQCHIP_H
#define TESTS_UNIT_FAKE_IRQCHIP_H

#include "core/hart.h"
#include "core/irqchip.h"

#include <stdbool.h>
#include <stdint.h>

#define FAKE_HOST_SOURCES 64u

struct fake_host_source {
    struct host_irq *irq; /* attached or last routed */
    struct vcpu *vcpu;    /* routed to; NULL: not routed */
    uint32_t eiid;
    bool attached, enabled;
    bool pending, asserted; /* set by the test */
    bool refused;           /* so is this: it is not to be had */
    uint32_t completes, retriggers, clears, routes;
};

extern struct fake_host_source fake_host[FAKE_HOST_SOURCES];

/* Called at each kick, if the test has set it. */
extern void (*fake_on_kick)(struct hart *hart);

/* Installs it as machine.irqchip; msi: it can route to guests, as an APLIC does. */
void fake_irqchip_install(bool msi);

#endif
