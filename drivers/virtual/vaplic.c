/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A supervisor-level APLIC domain in MSI delivery mode, without children [AIA 1.0 ch. 4]. Only
 * claimed sources exist; the others are read-only zero. Hart index i is vCPU i.
 *
 * All that decides whether a source sends an MSI lies in one 64-bit word per source, a copy of the
 * domain's IE included, and every event is one compare-and-swap of that word: a source that is
 * pending, enabled and in an enabled domain is never left so, because the swap that would make it
 * so clears pending and its author sends the MSI, to the target in the same word. No lock is on
 * that path, and neither order nor loss can come from between two words. A reader that finds a word
 * under which an edge is forwarded at once (the common doorbell) need not even write: the edge
 * happened before whatever changes the word next, and an MSI may travel as long as it likes [AIA
 * 4.9.3].
 *
 * A source that stands for a host source is forwarded by the host's APLIC: its word holds what the
 * guest configured, never pending, and vaplic_route() carries it over. lock guards that and the
 * domain's IE. genmsi is ordered after the MSIs that Curia sends, not those of host sources.
 */
#include "drivers/virtual/vaplic.h"

#include "core/machine.h"
#include "core/pagepool.h"
#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/irqchip_fdt.h"
#include "drivers/virtual/vaplic_word.h"
#include "drivers/virtual/vimsic.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

/* Register offsets [AIA 4.5]. Bitmaps have 32 words; at + NUM is the form by number. */
#define DOMAINCFG   0x0000u
#define SETIP       0x1c00u
#define IN_CLRIP    0x1d00u
#define SETIE       0x1e00u
#define CLRIE       0x1f00u
#define NUM         0x00dcu
#define SETIPNUM_LE 0x2000u
#define SETIPNUM_BE 0x2004u
#define GENMSI      0x3000u

#define DOMAINCFG_FIXED 0x80000004u /* [31:24] are 0x80; DM: MSI delivery, BE: little endian */
#define DOMAINCFG_IE    0x00000100u

struct vaplic {
    struct virqchip chip; /* first */
    struct mmio_dev dev;
    struct spinlock lock; /* domain_ie, and the host's registers of our sources */
    _Atomic uint32_t domain_ie;
    _Atomic uint32_t genmsi;
    _Atomic uint64_t *words; /* by source */
    uint32_t *claimed;       /* bitmap; constant after boot */
    uint32_t target_fields;  /* bits that target and genmsi have */
};

static struct vaplic *vaplic_of(struct virqchip *chip)
{
    return container_of(chip, struct vaplic, chip);
}

/* Is the source forwarded by the host's APLIC? */
static bool word_routed(const struct vaplic *va, uint32_t source, uint64_t w)
{
    return va->chip.lines[source].host != NULL && word_mode(w) >= SM_EDGE1;
}

static void vaplic_send(const struct vaplic *va, uint64_t word)
{
    const struct vm *vm = va->chip.vm;
    uint64_t hart = word << 32 >> (32u + TARGET_HART_SHIFT); /* 64 bits: as an index it is */

    if (hart < vm->vcpu_count) { /* else, and with EIID 0, the MSI goes nowhere */
        arch_vcpu_msi(vm->vcpus[hart], (uint32_t)word & TARGET_EIID);
    }
}

/* One event of one claimed source, and the MSI that follows from it. Any hart. */
static void vaplic_event(struct vaplic *va, uint32_t source, enum vaplic_event event,
                         uint32_t value)
{
    _Atomic uint64_t *word = &va->words[source];
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    uint64_t new;
    bool send;

    do {
        new = word_next(old, event, value);
        send = (new &(W_LIVE | W_PENDING)) == (W_LIVE | W_PENDING);
        if (send || (mode_is_level(word_mode(new)) && !word_rectified(new)) ||
            word_routed(va, source, new)) {
            send = send && !word_routed(va, source, new);
            new &= ~W_PENDING;
        }
    } while (!atomic_compare_exchange_weak_explicit(word, &old, new, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (send) {
        vaplic_send(va, new);
    }
}

/* Carries the configuration of a host source over to the host's chip. */
static void vaplic_route(struct vaplic *va, uint32_t source) REQUIRES(va->lock)
{
    static const uint8_t triggers[] = {IRQ_EDGE_RISING, IRQ_EDGE_FALLING, IRQ_LEVEL_HIGH,
                                       IRQ_LEVEL_LOW}; /* of SM_EDGE1 .. SM_LEVEL0 */
    const struct irqchip_ops *ops = machine.irqchip.ops;
    struct host_irq *irq = &va->chip.lines[source].host->irq;
    uint64_t w = atomic_load_explicit(&va->words[source], memory_order_relaxed);
    struct vcpu *vcpu = vm_vcpu(va->chip.vm, (uint32_t)w >> TARGET_HART_SHIFT);
    uint32_t eiid = (uint32_t)w & TARGET_EIID;
    enum err err;

    if (!word_routed(va, source, w)) {
        (void)ops->route_guest(irq, NULL, 0);
        return;
    }
    irq->trigger = (enum irq_trigger)triggers[word_mode(w) - SM_EDGE1];
    if ((w & W_LIVE) != W_LIVE || vcpu == NULL || eiid == 0) {
        ops->disable(irq); /* what arrives meanwhile stays pending there */
        eiid = 0;
    }
    err = ops->route_guest(irq, vcpu != NULL ? vcpu : va->chip.vm->vcpus[0], eiid);
    if (err == ERR_OK && eiid != 0) {
        ops->enable(irq);
    }
}

/* setip and clrip: a routed source's pending bit is at the host. */
static void vaplic_pend(struct vaplic *va, uint32_t source, enum vaplic_event event)
{
    uint64_t w = atomic_load_explicit(&va->words[source], memory_order_relaxed);

    if (!word_routed(va, source, w)) {
        vaplic_event(va, source, event, 0);
    } else if (event == EV_SET_PENDING) {
        machine.irqchip.ops->retrigger(&va->chip.lines[source].host->irq);
    } else {
        machine.irqchip.ops->clear(&va->chip.lines[source].host->irq);
    }
}

/* The bit that setip shows, likewise. */
static bool vaplic_pending(const struct vaplic *va, uint32_t source)
{
    uint64_t w = atomic_load_explicit(&va->words[source], memory_order_relaxed);

    return word_routed(va, source, w)
               ? machine.irqchip.ops->pending(&va->chip.lines[source].host->irq)
               : (w & W_PENDING) != 0;
}

/* A change by the guest. Host sources under the lock, so that the last one wins at the host too. */
static void vaplic_configure(struct vaplic *va, uint32_t source, enum vaplic_event event,
                             uint32_t value)
{
    bool pending;

    if (va->chip.lines[source].host == NULL) {
        vaplic_event(va, source, event, value);
        return;
    }
    spin_lock(&va->lock);
    pending = event == EV_MODE && vaplic_pending(va, source);
    vaplic_event(va, source, event, value);
    vaplic_route(va, source);
    if (pending) { /* a new mode may keep it elsewhere: none but inactive loses it [AIA 4.5.2] */
        vaplic_pend(va, source, EV_SET_PENDING);
    }
    spin_unlock(&va->lock);
}

static void vaplic_set_domain(struct vaplic *va, uint32_t value)
{
    spin_lock(&va->lock);
    atomic_store_explicit(&va->domain_ie, value, memory_order_relaxed);
    for (uint32_t source = 1; source <= va->chip.source_count; source++) {
        if (virq_claimed(&va->chip, source)) {
            vaplic_event(va, source, EV_DOMAIN, value);
            if (va->chip.lines[source].host != NULL) {
                vaplic_route(va, source);
            }
        }
    }
    spin_unlock(&va->lock);
}

/* ---- registers ------------------------------------------------------------------------------- */

static void vaplic_apply(struct vaplic *va, uint32_t source, uint32_t bitmap)
{
    switch (bitmap) {
    case SETIP:
        vaplic_pend(va, source, EV_SET_PENDING);
        break;
    case IN_CLRIP:
        vaplic_pend(va, source, EV_CLEAR_PENDING);
        break;
    case SETIE:
        vaplic_configure(va, source, EV_ENABLE, 0);
        break;
    default: /* CLRIE */
        vaplic_configure(va, source, EV_DISABLE, 0);
        break;
    }
}

/* What of the bitmap's bit is one? */
static bool vaplic_bit(const struct vaplic *va, uint32_t source, uint32_t bitmap)
{
    uint64_t w = atomic_load_explicit(&va->words[source], memory_order_relaxed);

    switch (bitmap) {
    case SETIP:
        return vaplic_pending(va, source);
    case IN_CLRIP:
        return word_routed(va, source, w)
                   ? machine.irqchip.ops->asserted(&va->chip.lines[source].host->irq)
                   : word_rectified(w);
    case SETIE:
        return (w & W_ENABLED) != 0;
    default: /* CLRIE reads zero */
        return false;
    }
}

/* Offsets SETIP .. CLRIE + 0xff. The bits of claimed sources only, 32 at most. */
static uint32_t vaplic_read_bitmap(const struct vaplic *va, uint32_t offset)
{
    uint32_t word = (offset & 0xffu) / 4u;
    uint32_t value = 0;

    if (word > va->chip.source_count / 32u) {
        return 0;
    }
    for (uint32_t bits = va->claimed[word], n = 0; bits != 0; bits >>= 1, n++) {
        if ((bits & 1u) != 0 && vaplic_bit(va, word * 32u + n, offset & ~0xffu)) {
            value |= 1u << n;
        }
    }
    return value;
}

static void vaplic_write_bitmap(struct vaplic *va, uint32_t offset, uint32_t value)
{
    uint32_t word = (offset & 0xffu) / 4u;

    if ((offset & 0xffu) == NUM) {
        if (virq_claimed(&va->chip, value)) {
            vaplic_apply(va, value, offset & ~0xffu);
        }
        return;
    }
    if (word > va->chip.source_count / 32u) {
        return;
    }
    for (uint32_t bits = value & va->claimed[word], n = 0; bits != 0; bits >>= 1, n++) {
        if ((bits & 1u) != 0) {
            vaplic_apply(va, word * 32u + n, offset & ~0xffu);
        }
    }
}

static enum err vaplic_read(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset,
                            uint32_t width, uint64_t *value)
{
    struct vaplic *va = container_of(dev, struct vaplic, dev);
    uint32_t at = (uint32_t)offset;
    uint32_t source = (at & 0xfffu) / 4u;
    uint64_t w = 0;

    (void)vcpu;
    if (width != 4 || (at & 3u) != 0) {
        return ERR_FAULT;
    }
    if (virq_claimed(&va->chip, source)) {
        w = atomic_load_explicit(&va->words[source], memory_order_relaxed);
    }
    *value = 0;
    if (at == DOMAINCFG) {
        *value = DOMAINCFG_FIXED;
        if (atomic_load_explicit(&va->domain_ie, memory_order_relaxed) != 0) {
            *value |= DOMAINCFG_IE;
        }
    } else if (at < 0x1000u) {
        *value = word_mode(w);
    } else if (at >= SETIP && at < SETIPNUM_LE) {
        *value = vaplic_read_bitmap(va, at);
    } else if (at == GENMSI) {
        *value = atomic_load_explicit(&va->genmsi, memory_order_relaxed);
    } else if (at > GENMSI) {
        *value = (uint32_t)w;
    }
    return ERR_OK;
}

static enum err vaplic_write(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset,
                             uint32_t width, uint64_t wide)
{
    struct vaplic *va = container_of(dev, struct vaplic, dev);
    uint32_t at = (uint32_t)offset;
    uint32_t source = (at & 0xfffu) / 4u;
    uint32_t value = (uint32_t)wide;

    (void)vcpu;
    if (width != 4 || (at & 3u) != 0) {
        return ERR_FAULT;
    }
    if (at == SETIPNUM_LE) { /* first: at the end of every level interrupt */
        vaplic_write_bitmap(va, SETIP + NUM, value);
    } else if (at == SETIPNUM_BE) {
        vaplic_write_bitmap(va, SETIP + NUM, __builtin_bswap32(value));
    } else if (at == DOMAINCFG) {
        vaplic_set_domain(va, (value & DOMAINCFG_IE) != 0);
    } else if (at < 0x1000u) {
        if (virq_claimed(&va->chip, source)) {
            vaplic_configure(va, source, EV_MODE, mode_legal(value));
        }
    } else if (at >= SETIP && at < SETIPNUM_LE) {
        vaplic_write_bitmap(va, at, value);
    } else if (at == GENMSI) {
        value &= va->target_fields;
        atomic_store_explicit(&va->genmsi, value, memory_order_relaxed);
        vaplic_send(va, value);
    } else if (at > GENMSI && virq_claimed(&va->chip, source)) {
        vaplic_configure(va, source, EV_TARGET, value & va->target_fields);
    }
    return ERR_OK;
}

static const struct mmio_ops vaplic_mmio_ops = {vaplic_read, vaplic_write};

/* ---- the chip -------------------------------------------------------------------------------- */

/* The wire at rest: high for sources that are active low. */
static uint64_t vaplic_rest(const struct vaplic *va, uint32_t source)
{
    uint32_t trigger = va->chip.lines[source].trigger;

    return trigger == IRQ_LEVEL_LOW || trigger == IRQ_EDGE_FALLING ? W_WIRE : 0;
}

static void vaplic_reset(struct virqchip *chip)
{
    struct vaplic *va = vaplic_of(chip);

    spin_lock(&va->lock);
    atomic_store_explicit(&va->domain_ie, 0, memory_order_relaxed);
    atomic_store_explicit(&va->genmsi, 0, memory_order_relaxed);
    for (uint32_t source = 1; source <= chip->source_count; source++) {
        atomic_store_explicit(&va->words[source], vaplic_rest(va, source), memory_order_relaxed);
        if (chip->lines[source].host != NULL) {
            vaplic_route(va, source);
        }
    }
    spin_unlock(&va->lock);
}

static void vaplic_set_level(struct virqchip *chip, uint32_t source, bool level)
{
    struct vaplic *va = vaplic_of(chip);

    vaplic_event(va, source, EV_WIRE, level != (vaplic_rest(va, source) != 0));
}

#define HIGH(word) ((uint32_t)((word) >> 32))

static void vaplic_pulse(struct virqchip *chip, uint32_t source)
{
    struct vaplic *va = vaplic_of(chip);
    uint64_t w = atomic_load_explicit(&va->words[source], memory_order_relaxed);
    uint32_t high = (uint32_t)(w >> 32);

    /* By the upper half: masks of 64 bits would take as many instructions as all the rest. */
    if ((high & HIGH(W_LIVE | W_PENDING | W_TRIGGERED)) == HIGH(W_LIVE | W_TRIGGERED)) {
        vaplic_send(va, w);
    } else {
        vaplic_event(va, source, EV_PULSE, 0);
    }
}

/* A host source that is for a vCPU whose file is not in its hart: whatever its target is by now. */
static void vaplic_relay(struct virqchip *chip, uint32_t source)
{
    struct vaplic *va = vaplic_of(chip);

    vaplic_send(va, atomic_load_explicit(&va->words[source], memory_order_relaxed));
}

static enum err vaplic_claim(struct virqchip *chip, uint32_t source)
{
    struct vaplic *va = vaplic_of(chip);

    if (chip->lines[source].host != NULL) {
        enum err err = virq_host_routes(chip, source);

        if (err != ERR_OK) {
            return err;
        }
    }
    atomic_store_explicit(&va->words[source], vaplic_rest(va, source), memory_order_relaxed);
    va->claimed[source / 32u] |= 1u << (source % 32u);
    return ERR_OK;
}

static const struct virqchip_ops vaplic_ops = {
    .reset = vaplic_reset,
    .set_level = vaplic_set_level,
    .pulse = vaplic_pulse,
    .relay = vaplic_relay,
    .claim = vaplic_claim,
    .fdt_node = vaplic_fdt_node,
    .fdt_interrupts = vaplic_fdt_interrupts,
};

/* The hart index, and as much of EIID as tells the files' identities apart [AIA 4.5.16]. */
static uint32_t vaplic_target_fields(void)
{
    uint32_t eiid = 63;

    while (eiid < machine.irqchip.guest_ids) {
        eiid = eiid * 2u + 1u;
    }
    return TARGET_HART | eiid;
}

struct virqchip *vaplic_create(struct vm *vm, uint32_t source_count)
{
    struct vaplic *va = pool_alloc(sizeof(*va), alignof(struct vaplic));

    if (va == NULL || source_count > 1023u ||
        virqchip_init(&va->chip, &vaplic_ops, vm, source_count) != ERR_OK) {
        return NULL;
    }
    spinlock_init(&va->lock);
    va->target_fields = vaplic_target_fields();
    va->dev = (struct mmio_dev){gpa(VDEV_APLIC_BASE), VAPLIC_SIZE, &vaplic_mmio_ops};
    va->words = pool_alloc((source_count + 1u) * sizeof(va->words[0]), alignof(uint64_t));
    va->claimed = pool_alloc((source_count / 32u + 1u) * sizeof(uint32_t), alignof(uint32_t));
    if (va->words == NULL || va->claimed == NULL || mmio_bus_add(&vm->bus, &va->dev) != ERR_OK ||
        vimsic_create(vm) != ERR_OK) {
        return NULL;
    }
    return &va->chip;
}
