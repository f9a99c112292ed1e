/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's PLIC. A source is enabled in its hart's context from attach on, and masked by
 * priority 0: a completion is ignored where the source is not enabled, so a source disabled between
 * claim and completion would be lost for good. All priorities are 1, all thresholds 0. A claimed
 * level source is silent until it is completed, which any hart may do. A hart's context is good
 * from plic_hart_init() on.
 *
 * lock guards the enable registers, which sources share, and irqs; all else is one access a source.
 */
#include "drivers/plic.h"

#include "core/arch.h"
#include "core/hart.h"
#include "core/io.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/spinlock.h"

#include <stdalign.h>
#include <stddef.h>

#define PRIORITY(source)        ((source)*4ull)
#define PENDING(source)         (0x1000ull + (source) / 32u * 4ull)
#define ENABLE(context, source) (0x2000ull + (context)*0x80ull + (source) / 32u * 4ull)
#define CONTEXTS                0x200000ull
#define THRESHOLD(context)      ((context)*0x1000ull) /* these from CONTEXTS */
#define CLAIM(context)          ((context)*0x1000ull + 4u)

/* Claims in one go, so that a storm does not hold the hart for ever. */
#define CLAIMS_MAX 64u

static struct {
    struct spinlock lock;
    volatile char *regs;     /* priorities and enables; between them and the contexts is a hole */
    volatile char *contexts; /* thresholds and claims */
    uint32_t source_count;
    const uint32_t *context;
    struct host_irq **irqs; /* by source; entered at boot, before the source is enabled */
} plic;

static uint32_t plic_context(const struct host_irq *irq)
{
    return plic.context[irq->hart->index];
}

static void plic_complete(struct host_irq *irq)
{
    io_write32(plic.contexts, CLAIM(plic_context(irq)), irq->source);
}

static void plic_handle(struct hart *hart)
{
    uint32_t context = plic.context[hart->index];

    for (uint32_t n = 0; context != PLIC_NO_CONTEXT && n < CLAIMS_MAX; n++) {
        uint32_t source = io_read32(plic.contexts, CLAIM(context));
        struct host_irq *irq = source <= plic.source_count ? plic.irqs[source] : NULL;

        if (source == 0) {
            return;
        }
        if (irq == NULL) { /* nobody's: stays claimed, and so silent */
            continue;
        }
        irq->handler(irq);
        if (!irq_is_level(irq->trigger)) {
            plic_complete(irq);
        }
    }
}

static void plic_enable(struct host_irq *irq)
{
    arch_io_fence();
    io_write32(plic.regs, PRIORITY(irq->source), 1);
}

static void plic_disable(struct host_irq *irq)
{
    io_write32(plic.regs, PRIORITY(irq->source), 0);
}

static bool plic_enabled(const struct host_irq *irq)
{
    return io_read32(plic.regs, PRIORITY(irq->source)) != 0;
}

static void plic_listen(uint32_t context, uint32_t source, bool on) REQUIRES(plic.lock)
{
    uint64_t reg = ENABLE(context, source);
    uint32_t bit = 1u << (source % 32u);
    uint32_t word = io_read32(plic.regs, reg);

    io_write32(plic.regs, reg, on ? word | bit : word & ~bit);
}

static enum err plic_attach(struct host_irq *irq)
{
    uint32_t context = plic_context(irq);

    if (irq->source == 0 || irq->source > plic.source_count) {
        return ERR_RANGE;
    }
    if (plic.irqs[irq->source] != NULL) {
        return ERR_EXISTS;
    }
    if (context == PLIC_NO_CONTEXT) {
        return ERR_NOT_SUPPORTED;
    }
    spin_lock(&plic.lock);
    plic.irqs[irq->source] = irq;
    plic_listen(context, irq->source, true);
    spin_unlock(&plic.lock);
    plic_complete(irq); /* an earlier boot may have left it claimed */
    return ERR_OK;
}

/*
 * Reset leaves everything undefined, an earlier boot its own, and OpenSBI, whenever a hart starts,
 * disables all sources in that hart's contexts and raises their thresholds to 7.
 */
static void plic_hart_init(struct hart *hart)
{
    uint32_t context = plic.context[hart->index];
    uint32_t word = 0;

    if (context == PLIC_NO_CONTEXT) {
        return;
    }
    spin_lock(&plic.lock);
    for (uint32_t source = 0; source <= plic.source_count; source++) {
        const struct host_irq *irq = plic.irqs[source];

        word |= irq != NULL && irq->hart == hart ? 1u << (source % 32u) : 0;
        if (source % 32u == 31u || source == plic.source_count) {
            io_write32(plic.regs, ENABLE(context, source), word);
            word = 0;
        }
    }
    io_write32(plic.contexts, THRESHOLD(context), 0);
    spin_unlock(&plic.lock);
}

/*
 * The other hart's context listens, too. Nobody claims, so that what has come, level or edge, stays
 * pending for the source's own hart, whose context hart_init() brings back.
 */
static enum err plic_wake_on(struct host_irq *irq, const struct hart *hart, uint32_t n)
{
    uint32_t context = plic.context[hart->index];

    (void)n;
    if (context == PLIC_NO_CONTEXT) {
        return ERR_NOT_SUPPORTED;
    }
    spin_lock(&plic.lock);
    plic_listen(context, irq->source, true);
    spin_unlock(&plic.lock);
    return ERR_OK;
}

static bool plic_wake_off(struct host_irq *irq, const struct hart *hart)
{
    if (irq->hart != hart) {
        spin_lock(&plic.lock);
        plic_listen(plic.context[hart->index], irq->source, false);
        spin_unlock(&plic.lock);
    }
    return (io_read32(plic.regs, PENDING(irq->source)) >> (irq->source % 32u) & 1u) != 0;
}

static const struct irqchip_ops plic_ops = {
    .hart_init = plic_hart_init,
    .handle = plic_handle,
    .attach = plic_attach,
    .enable = plic_enable,
    .disable = plic_disable,
    .enabled = plic_enabled,
    .complete = plic_complete,
    .wake_on = plic_wake_on,
    .wake_off = plic_wake_off,
};

enum err plic_init(const struct plic_config *config, struct irqchip *chip)
{
    uint64_t context_count = 0;

    spinlock_init(&plic.lock);
    plic.source_count = config->source_count;
    plic.context = config->context;
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        if (plic.context[i] != PLIC_NO_CONTEXT && plic.context[i] >= context_count) {
            context_count = plic.context[i] + 1ull;
        }
    }
    if (plic.source_count > 1023u || ENABLE(context_count, 0) > CONTEXTS ||
        CONTEXTS + THRESHOLD(context_count) > config->size) {
        return ERR_RANGE;
    }
    plic.irqs =
        pool_alloc((plic.source_count + 1u) * sizeof(*plic.irqs), alignof(struct host_irq *));
    plic.regs = arch_map_device(config->base, align_up(ENABLE(context_count, 0), PAGE_SIZE));
    plic.contexts = arch_map_device(hpa_add(config->base, CONTEXTS), THRESHOLD(context_count));
    if (plic.irqs == NULL || plic.regs == NULL || plic.contexts == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t source = 1; source <= plic.source_count; source++) {
        io_write32(plic.regs, PRIORITY(source), 0);
    }
    chip->ops = &plic_ops;
    chip->source_count = plic.source_count;
    return ERR_OK;
}
