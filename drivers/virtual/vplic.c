/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A platform-level interrupt controller [PLIC 1.0.0] in the register layout of SiFive's. Context
 * 2 * i + 1 is supervisor mode of vCPU i and the one before it is nobody's, as kernels expect that
 * know QEMU's virt by heart; index is i. Only claimed sources exist, the others are read-only zero.
 *
 * Gateway of a source: forwards a request (pending) when a level's line is up, or at an edge; from
 * claim to completion it is closed, and an edge that comes then is latched. An event looks only at
 * contexts that enable the source. A host source of a level stays masked there until completion.
 * One lock per chip, below those of the devices that raise its sources. Harts whose vCPU's line has
 * changed are kicked when it is dropped: first of all they claim.
 */
#include "drivers/virtual/vplic.h"

#include "core/machine.h"
#include "core/pagepool.h"
#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/irqchip_fdt.h"
#include "drivers/virtual/vplic_state.h"

#include <stdalign.h>
#include <stddef.h>

#define PENDING       0x001000u /* priorities are below */
#define ENABLE        0x002000u
#define ENABLE_STRIDE 0x100u                    /* of a vCPU */
#define ENABLE_SIZE   0x80u                     /* of a context */
#define CONTEXT       (VPLIC_CONTEXT + 0x1000u) /* vCPU 0's */
#define CONTEXT_MASK  ((1u << VPLIC_VCPU_SHIFT) - 1u)
#define THRESHOLD     0x0u
#define CLAIM         0x4u

static struct vplic *vplic_of(struct virqchip *chip)
{
    return container_of(chip, struct vplic, chip);
}

static inline __attribute__((always_inline)) void vplic_set_line(struct vplic *vp, uint32_t index,
                                                                 bool raised) REQUIRES(vp->lock)
{
    struct hart *owed = NULL;

    if (raised != vp->contexts[index].raised) {
        vp->contexts[index].raised = raised;
        owed = vcpu_irq_post(vp->chip.vm->vcpus[index], VCPU_IRQ_EXT, raised);
    }
    if (owed == NULL) {
        return;
    }
    if (owed == arch_hart_self() || vp->chip.vm->affinity != NULL) {
        hart_kick(owed); /* later, that of one that moves may be another */
    } else {
        vp->kicks |= 1ull << index;
    }
}

/* Brings the external interrupt line of vCPU index to what the registers say. */
static void vplic_update(struct vplic *vp, uint32_t index) REQUIRES(vp->lock)
{
    const struct vplic_context *ctx = &vp->contexts[index];

    vplic_set_line(vp, index, vplic_best(vp, ctx, ctx->threshold) != 0);
}

/* Apart, so that the usual case needs no stack frame. */
static __attribute__((noinline)) void vplic_kick(const struct vplic *vp, uint64_t kicks)
{
    for (; kicks != 0; kicks &= kicks - 1u) {
        hart_kick(vcpu_hart(vp->chip.vm->vcpus[first_bit(kicks)]));
    }
}

static inline void vplic_unlock(struct vplic *vp) RELEASES(vp->lock)
{
    uint64_t kicks = vp->kicks;

    vp->kicks = 0;
    spin_unlock(&vp->lock);
    if (kicks != 0) {
        vplic_kick(vp, kicks);
    }
}

static void vplic_update_all(struct vplic *vp, uint64_t contexts) REQUIRES(vp->lock)
{
    for (; contexts != 0; contexts &= contexts - 1u) {
        vplic_update(vp, first_bit(contexts));
    }
}

/* Apart, so that who finds nothing to forward saves no registers for it. */
static __attribute__((noinline)) void vplic_forward(struct vplic *vp, uint32_t source)
    REQUIRES(vp->lock)
{
    struct vplic_source *s = &vp->sources[source];

    s->latched = false;
    s->pending = true;
    vplic_file_in(vp, s->priority, source);
    for (uint64_t left = s->contexts; left != 0; left &= left - 1u) {
        uint32_t index = first_bit(left);

        /* What else is pending there need not be looked at. */
        if (s->priority > vp->contexts[index].threshold) {
            vplic_set_line(vp, index, true);
        }
    }
}

/* The gateway: forwards a request if there is one and it may. */
static inline void vplic_gate(struct vplic *vp, uint32_t source) REQUIRES(vp->lock)
{
    const struct vplic_source *s = &vp->sources[source];

    if (!s->in_service && !s->pending && (s->line || s->latched)) {
        vplic_forward(vp, source);
    }
}

static uint32_t vplic_claim_top(struct vplic *vp, uint32_t index) REQUIRES(vp->lock)
{
    uint32_t source = vplic_best(vp, &vp->contexts[index], 0);

    if (source != 0) {
        struct vplic_source *s = &vp->sources[source];

        s->in_service = true;
        s->pending = false;
        vplic_file_out(vp, s->priority, source);
        vplic_update_all(vp, s->contexts);
    }
    return source;
}

/* The host's source to complete once the lock is dropped, or NULL. [PLIC 1.0.0 ch. 9] */
static struct host_irq *vplic_complete(struct vplic *vp, uint32_t index, uint32_t source)
    REQUIRES(vp->lock)
{
    struct virq_line *line = &vp->chip.lines[source];
    struct vplic_source *s = &vp->sources[source];
    struct host_irq *irq = NULL;

    if (!set_has(&vp->contexts[index].enabled, source) || !s->in_service) {
        return NULL; /* not enabled here, or nothing to complete: ignored */
    }
    s->in_service = false;
    if (line->host != NULL && s->line) {
        s->line = false; /* the host raises it again if it still stands */
        irq = &line->host->irq;
    }
    vplic_gate(vp, source);
    return irq;
}

/* ---- registers ------------------------------------------------------------------------------- */

static __attribute__((noinline)) void vplic_write_priority(struct vplic *vp, uint32_t source,
                                                           uint32_t value) REQUIRES(vp->lock)
{
    struct vplic_source *s = &vp->sources[source];

    if (s->pending) {
        vplic_file_out(vp, s->priority, source);
        vplic_file_in(vp, value % PRIORITIES, source);
    }
    __atomic_store_n(&s->priority, (uint8_t)(value % PRIORITIES), __ATOMIC_RELAXED);
    if (s->pending) {
        vplic_update_all(vp, s->contexts);
    }
}

/* A host source is on at the host while any context enables it. */
static void vplic_write_enable(struct vplic *vp, uint32_t index, uint32_t source, bool on)
    REQUIRES(vp->lock)
{
    struct vplic_source *s = &vp->sources[source];
    struct virq_host *host = vp->chip.lines[source].host;
    bool was = s->contexts != 0;

    set_put(&vp->contexts[index].enabled, source, on);
    s->contexts = on ? s->contexts | 1ull << index : s->contexts & ~(1ull << index);
    if (host != NULL && was != (s->contexts != 0)) {
        if (was) {
            machine.irqchip.ops->disable(&host->irq);
        } else {
            machine.irqchip.ops->enable(&host->irq);
        }
    }
}

/* 32 enable bits, from source first on: those that change and exist. */
static __attribute__((noinline)) void vplic_write_enables(struct vplic *vp, uint32_t index,
                                                          uint32_t first, uint32_t value)
    REQUIRES(vp->lock)
{
    const struct source_set *enabled = &vp->contexts[index].enabled;
    uint32_t changed = value ^ (uint32_t)(enabled->word[first / 64u] >> (first % 64u));

    for (; changed != 0; changed &= changed - 1u) {
        uint32_t source = first + first_bit(changed);

        if (virq_claimed(&vp->chip, source)) {
            vplic_write_enable(vp, index, source, (value >> source % 32u & 1u) != 0);
        }
    }
    vplic_update(vp, index);
}

/* Pending bits do not depend on the priority they are filed under. */
static uint32_t vplic_read_pending(const struct vplic *vp, uint32_t first) REQUIRES(vp->lock)
{
    uint64_t all = 0;

    for (uint32_t priority = 0; priority < PRIORITIES; priority++) {
        all |= vp->pending[priority].word[first / 64u];
    }
    return (uint32_t)(all >> (first % 64u));
}

/* From ENABLE on: are they a vCPU's supervisor mode's? */
static bool vplic_is_enable(const struct vplic *vp, uint32_t at)
{
    return (at & ENABLE_SIZE) != 0 && (at - ENABLE) / ENABLE_STRIDE < vp->chip.vm->vcpu_count;
}

/* What is read seldom, apart from the claim, which so needs fewer registers saved. */
static __attribute__((noinline)) uint32_t vplic_read_bits(const struct vplic *vp, uint32_t at)
    REQUIRES(vp->lock)
{
    if (at < ENABLE) {
        uint32_t first = (at - PENDING) * 8u;

        return first / 64u < vp->words ? vplic_read_pending(vp, first) : 0;
    }
    if (vplic_is_enable(vp, at)) {
        uint32_t first = at % ENABLE_SIZE * 8u;
        const struct source_set *enabled = &vp->contexts[(at - ENABLE) / ENABLE_STRIDE].enabled;

        return first / 64u < vp->words ? (uint32_t)(enabled->word[first / 64u] >> first % 64u) : 0;
    }
    return 0;
}

static uint32_t vplic_read_locked(struct vplic *vp, uint32_t at) REQUIRES(vp->lock)
{
    if (at >= CONTEXT) {
        uint32_t index = (at - CONTEXT) >> VPLIC_VCPU_SHIFT;

        switch ((at - CONTEXT) & CONTEXT_MASK) {
        case THRESHOLD:
            return vp->contexts[index].threshold;
        case CLAIM:
            return vplic_claim_top(vp, index);
        default:
            return 0;
        }
    }
    return vplic_read_bits(vp, at);
}

/* A byte that is stored whole: no lock. */
static uint32_t vplic_read_priority(const struct vplic *vp, uint32_t source) NO_TSA
{
    return virq_claimed(&vp->chip, source)
               ? __atomic_load_n(&vp->sources[source].priority, __ATOMIC_RELAXED)
               : 0;
}

static struct host_irq *vplic_write_locked(struct vplic *vp, uint32_t at, uint32_t value)
    REQUIRES(vp->lock)
{
    if (at >= CONTEXT) {
        uint32_t index = (at - CONTEXT) >> VPLIC_VCPU_SHIFT;

        switch ((at - CONTEXT) & CONTEXT_MASK) {
        case THRESHOLD:
            vp->contexts[index].threshold = value % PRIORITIES;
            vplic_update(vp, index);
            break;
        case CLAIM:
            return virq_claimed(&vp->chip, value) ? vplic_complete(vp, index, value) : NULL;
        default:
            break;
        }
    } else if (at < PENDING) {
        if (virq_claimed(&vp->chip, at / 4u)) {
            vplic_write_priority(vp, at / 4u, value);
        }
    } else if (at >= ENABLE && vplic_is_enable(vp, at)) {
        uint32_t first = at % ENABLE_SIZE * 8u;

        if (first / 64u < vp->words) {
            vplic_write_enables(vp, (at - ENABLE) / ENABLE_STRIDE, first, value);
        }
    }
    return NULL;
}

static enum err vplic_read(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset, uint32_t width,
                           uint64_t *value)
{
    struct vplic *vp = container_of(dev, struct vplic, dev);

    (void)vcpu;
    if (width != 4 || (offset & 3u) != 0) {
        return ERR_FAULT;
    }
    if (offset < PENDING) {
        *value = vplic_read_priority(vp, (uint32_t)offset / 4u);
        return ERR_OK;
    }
    spin_lock(&vp->lock);
    *value = vplic_read_locked(vp, (uint32_t)offset);
    vplic_unlock(vp);
    return ERR_OK;
}

static enum err vplic_write(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset,
                            uint32_t width, uint64_t value)
{
    struct vplic *vp = container_of(dev, struct vplic, dev);
    struct host_irq *irq;

    (void)vcpu;
    if (width != 4 || (offset & 3u) != 0) {
        return ERR_FAULT;
    }
    spin_lock(&vp->lock);
    irq = vplic_write_locked(vp, (uint32_t)offset, (uint32_t)value);
    vplic_unlock(vp);
    if (irq != NULL) {
        machine.irqchip.ops->complete(irq);
    }
    return ERR_OK;
}

static const struct mmio_ops vplic_mmio_ops = {vplic_read, vplic_write};

/* ---- the chip -------------------------------------------------------------------------------- */

static void vplic_set_level(struct virqchip *chip, uint32_t source, bool level)
{
    struct vplic *vp = vplic_of(chip);

    spin_lock(&vp->lock);
    vp->sources[source].line = level;
    vplic_gate(vp, source);
    vplic_unlock(vp);
}

static void vplic_pulse(struct virqchip *chip, uint32_t source)
{
    struct vplic *vp = vplic_of(chip);

    spin_lock(&vp->lock);
    vp->sources[source].latched = !vp->sources[source].pending;
    vplic_gate(vp, source);
    vplic_unlock(vp);
}

/* A level that waits for the guest's completion at the host would wait for ever: completed here. */
static void vplic_reset(struct virqchip *chip)
{
    struct vplic *vp = vplic_of(chip);

    spin_lock(&vp->lock);
    for (uint32_t source = 1; source <= chip->source_count; source++) {
        struct virq_host *host = chip->lines[source].host;
        bool masked = vp->sources[source].line;

        vp->sources[source] = (struct vplic_source){0};
        if (host != NULL) {
            machine.irqchip.ops->disable(&host->irq);
            if (masked) {
                machine.irqchip.ops->complete(&host->irq);
            }
        }
    }
    vp->priorities = 0;
    for (uint32_t i = 0; i < PRIORITIES; i++) {
        set_clear(&vp->pending[i], vp->words);
    }
    for (uint32_t i = 0; i < chip->vm->vcpu_count; i++) {
        struct vplic_context *ctx = &vp->contexts[i];

        ctx->threshold = 0;
        set_clear(&ctx->enabled, vp->words);
        vplic_update(vp, i);
    }
    vplic_unlock(vp);
}

static enum err vplic_claim(struct virqchip *chip, uint32_t source)
{
    struct virq_host *host = chip->lines[source].host;

    return host != NULL ? machine.irqchip.ops->attach(&host->irq) : ERR_OK;
}

static const struct virqchip_ops vplic_ops = {
    .reset = vplic_reset,
    .set_level = vplic_set_level,
    .pulse = vplic_pulse,
    .claim = vplic_claim,
    .fdt_node = vplic_fdt_node,
    .fdt_interrupts = vplic_fdt_interrupts,
};

/* Storage; nobody else sees the chip yet. */
static bool vplic_alloc(struct vplic *vp, uint32_t source_count, uint32_t vcpu_count) NO_TSA
{
    bool ok = true;

    vp->sources =
        pool_alloc((source_count + 1u) * sizeof(vp->sources[0]), alignof(struct vplic_source));
    vp->contexts = pool_alloc(vcpu_count * sizeof(vp->contexts[0]), alignof(struct vplic_context));
    if (vp->sources == NULL || vp->contexts == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < PRIORITIES; i++) {
        ok = ok && set_alloc(&vp->pending[i], vp->words);
    }
    for (uint32_t i = 0; i < vcpu_count; i++) {
        ok = ok && set_alloc(&vp->contexts[i].enabled, vp->words);
    }
    return ok;
}

struct virqchip *vplic_create(struct vm *vm, uint32_t source_count)
{
    struct vplic *vp = pool_alloc(sizeof(*vp), alignof(struct vplic));

    if (vp == NULL || source_count > 1023u ||
        virqchip_init(&vp->chip, &vplic_ops, vm, source_count) != ERR_OK) {
        return NULL;
    }
    spinlock_init(&vp->lock);
    vp->words = source_count / 64u + 1u;
    vp->dev = (struct mmio_dev){
        .base = gpa(VDEV_PLIC_BASE),
        .size = VPLIC_SIZE(vm->vcpu_count),
        .ops = &vplic_mmio_ops,
    };
    if (!vplic_alloc(vp, source_count, vm->vcpu_count) ||
        mmio_bus_add(&vm->bus, &vp->dev) != ERR_OK) {
        return NULL;
    }
    return &vp->chip;
}
