/* SPDX-License-Identifier: BSD-2-Clause */
/* See fake_irqchip.h. */
#include "tests/unit/fake_irqchip.h"

#include "core/machine.h"
#include "core/vcpu.h"

#include <stddef.h>
#include <string.h>

struct fake_host_source fake_host[FAKE_HOST_SOURCES];
void (*fake_on_kick)(struct hart *hart);

static enum err fake_attach(struct host_irq *irq)
{
    fake_host[irq->source].irq = irq;
    fake_host[irq->source].attached = true;
    return ERR_OK;
}

static void fake_enable(struct host_irq *irq)
{
    fake_host[irq->source].enabled = true;
}

static void fake_disable(struct host_irq *irq)
{
    fake_host[irq->source].enabled = false;
}

static void fake_complete(struct host_irq *irq)
{
    fake_host[irq->source].completes++;
}

static enum err fake_route(struct host_irq *irq, struct vcpu *vcpu, uint32_t eiid)
{
    struct fake_host_source *h = &fake_host[irq->source];

    if (vcpu != NULL && h->refused) {
        return ERR_NOT_SUPPORTED;
    }
    h->irq = irq;
    h->routes++;
    h->vcpu = vcpu;
    h->eiid = eiid;
    if (vcpu == NULL) {
        h->enabled = false;
        h->pending = false;
    }
    return ERR_OK;
}

static void fake_retrigger(struct host_irq *irq)
{
    fake_host[irq->source].retriggers++;
}

static void fake_clear(struct host_irq *irq)
{
    fake_host[irq->source].clears++;
    fake_host[irq->source].pending = false;
}

static bool fake_pending(const struct host_irq *irq)
{
    return fake_host[irq->source].pending;
}

static bool fake_asserted(const struct host_irq *irq)
{
    return fake_host[irq->source].asserted;
}

static const struct irqchip_ops wired_ops = {
    .attach = fake_attach,
    .enable = fake_enable,
    .disable = fake_disable,
    .complete = fake_complete,
};

static const struct irqchip_ops msi_ops = {
    .attach = fake_attach,
    .enable = fake_enable,
    .disable = fake_disable,
    .complete = fake_complete,
    .route_guest = fake_route,
    .retrigger = fake_retrigger,
    .clear = fake_clear,
    .pending = fake_pending,
    .asserted = fake_asserted,
};

void fake_irqchip_install(bool msi)
{
    memset(fake_host, 0, sizeof(fake_host));
    fake_on_kick = NULL;
    machine.irqchip = (struct irqchip){
        .ops = msi ? &msi_ops : &wired_ops,
        .source_count = FAKE_HOST_SOURCES - 1u,
        .guest_files = 5,
        .guest_ids = 255,
    };
}

struct hart *vcpu_irq_post(struct vcpu *v, enum vcpu_irq irq, bool level)
{
    uint32_t bit = 1u << irq;
    uint32_t old =
        level ? atomic_fetch_or(&v->irq_lines, bit) : atomic_fetch_and(&v->irq_lines, ~bit);

    return ((old & bit) != 0) != level ? vcpu_hart(v) : NULL;
}

void vcpu_irq_set(struct vcpu *v, enum vcpu_irq irq, bool level)
{
    struct hart *owed = vcpu_irq_post(v, irq, level);

    if (owed != NULL) {
        hart_kick(owed);
    }
}

void hart_kick(struct hart *hart)
{
    if (fake_on_kick != NULL) {
        fake_on_kick(hart);
    }
}
