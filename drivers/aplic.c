/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's APLIC. In MSI mode a source of a level sends one MSI when it is asserted and is
 * silent until its number is written to setipnum: that is complete(), and nothing need be masked.
 * In direct mode a claimed level is disabled until completion.
 *
 * lock guards irqs[].masked and .enabled with the enable bits (direct mode); everything else is one
 * register access a source, made by the source's owner.
 */
#include "drivers/aplic.h"

#include "core/arch.h"
#include "core/hart.h"
#include "core/io.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/spinlock.h"
#include "core/vcpu.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

/* Registers [AIA 4.5]. */
#define DOMAINCFG         0x0000u
#define SOURCECFG(source) ((source)*4ull)
#define SETIP(source)     (0x1c00ull + (source) / 32u * 4ull)
#define SETIE(source)     (0x1e00ull + (source) / 32u * 4ull)
#define IN_CLRIP(source)  (0x1d00ull + (source) / 32u * 4ull)
#define CLRIPNUM          0x1ddcu
#define SETIENUM          0x1edcu
#define CLRIENUM          0x1fdcu
#define SETIPNUM_LE       0x2000u
#define TARGET(source)    (0x3000ull + (source)*4ull)
#define IDC(index)        (0x4000ull + (index)*32ull)
#define IDC_IDELIVERY     0x00u
#define IDC_IFORCE        0x04u
#define IDC_ITHRESHOLD    0x08u
#define IDC_CLAIMI        0x1cu

#define DOMAINCFG_DM 0x004u
#define DOMAINCFG_IE 0x100u

#define TARGET_HART_SHIFT  18u
#define TARGET_GUEST_SHIFT 12u
#define TARGET_PRIORITY    1u /* direct mode: the same for all */
#define CLAIMI_ID_SHIFT    16u

#define CLAIMS_MAX 64u /* in one go, so that a storm does not hold the hart for ever */

struct aplic_source {
    struct host_irq *irq;
    bool enabled; /* by its owner */
    bool masked;  /* until completion */
};

static struct {
    struct spinlock lock;
    volatile char *regs;
    uint32_t source_count;
    const struct aplic_msi_ops *msi;
    const uint32_t *idc;
    struct aplic_source *sources; /* direct mode, by number */
} aplic;

static void aplic_write(uint64_t offset, uint32_t value)
{
    io_write32(aplic.regs, offset, value);
}

static bool aplic_bit(uint64_t offset, uint32_t source)
{
    return (io_read32(aplic.regs, offset) >> (source % 32u) & 1u) != 0;
}

static uint32_t source_mode(enum irq_trigger trigger)
{
    switch (trigger) {
    case IRQ_EDGE_RISING:
        return 4;
    case IRQ_EDGE_FALLING:
        return 5;
    case IRQ_LEVEL_HIGH:
        return 6;
    case IRQ_LEVEL_LOW:
        return 7;
    }
    return 0;
}

/*
 * Makes the source active (target is undefined until then) and points it at target. A level that is
 * asserted already may not have become pending by that; setipnum sees to it. ERR_NOT_SUPPORTED: the
 * source cannot be so, or firmware has not delegated it to this domain [AIA 4.5.2].
 */
static enum err aplic_point(const struct host_irq *irq, uint32_t target)
{
    uint32_t mode = source_mode(irq->trigger);
    bool changed = io_read32(aplic.regs, SOURCECFG(irq->source)) != mode;

    if (changed) {
        aplic_write(CLRIENUM, irq->source);
        aplic_write(SOURCECFG(irq->source), mode);
        if (io_read32(aplic.regs, SOURCECFG(irq->source)) != mode) {
            return ERR_NOT_SUPPORTED;
        }
    }
    aplic_write(TARGET(irq->source), target);
    if (changed && irq_is_level(irq->trigger)) {
        aplic_write(SETIPNUM_LE, irq->source);
    }
    return ERR_OK;
}

static enum err aplic_check(const struct host_irq *irq)
{
    return irq->source == 0 || irq->source > aplic.source_count ? ERR_RANGE : ERR_OK;
}

/* Pending again, if it can be: a level only while it is asserted. */
static void aplic_retrigger(struct host_irq *irq)
{
    aplic_write(SETIPNUM_LE, irq->source);
}

static bool aplic_asserted(const struct host_irq *irq)
{
    return aplic_bit(IN_CLRIP(irq->source), irq->source);
}

/* ---- MSI delivery mode ----------------------------------------------------------------------- */

static enum err aplic_msi_attach(struct host_irq *irq)
{
    uint32_t eiid;
    enum err err = aplic_check(irq);

    if (err == ERR_OK) {
        err = aplic.msi->attach(irq, &eiid);
    }
    if (err == ERR_OK) {
        err = aplic_point(irq, aplic.msi->hart_index(irq->hart) << TARGET_HART_SHIFT | eiid);
    }
    return err;
}

static void aplic_msi_enable(struct host_irq *irq)
{
    arch_io_fence();
    aplic_write(SETIENUM, irq->source);
}

static void aplic_msi_disable(struct host_irq *irq)
{
    aplic_write(CLRIENUM, irq->source);
}

static void aplic_msi_complete(struct host_irq *irq)
{
    aplic_retrigger(irq);
}

static enum err aplic_route_relay(struct host_irq *irq, uint32_t eiid)
{
    enum err err = irq->relay == 0 ? aplic.msi->attach(irq, &irq->relay) : ERR_OK;
    uint32_t hart = aplic.msi->hart_index(irq->hart) << TARGET_HART_SHIFT;

    return err == ERR_OK ? aplic_point(irq, hart | (eiid != 0 ? irq->relay : 0)) : err;
}

static enum err aplic_route_guest(struct host_irq *irq, struct vcpu *vcpu, uint32_t eiid)
{
    uint32_t guest;

    if (aplic_check(irq) != ERR_OK) {
        return ERR_RANGE;
    }
    if (vcpu == NULL) {
        aplic_write(SOURCECFG(irq->source), 0); /* not pending, not enabled, no target */
        return ERR_OK;
    }
    guest = aplic.msi->guest_index(vcpu);
    if (guest == 0) {
        return aplic_route_relay(irq, eiid);
    }
    return aplic_point(irq, aplic.msi->hart_index(vcpu_hart(vcpu)) << TARGET_HART_SHIFT |
                                guest << TARGET_GUEST_SHIFT | eiid);
}

static void aplic_clear(struct host_irq *irq)
{
    aplic_write(CLRIPNUM, irq->source);
}

static bool aplic_pending(const struct host_irq *irq)
{
    return aplic_bit(SETIP(irq->source), irq->source);
}

static bool aplic_msi_enabled(const struct host_irq *irq)
{
    return aplic_bit(SETIE(irq->source), irq->source);
}

/*
 * An identity for each, by which it is known afterwards whose MSI came: sent, it is not pending
 * here any more. Then it is sent again, to where the source goes; a level if it still stands, which
 * is tried in any case, for it would be silent for ever if the hart's file had lost the MSI.
 */
static enum err aplic_msi_wake_on(struct host_irq *irq, const struct hart *hart, uint32_t n)
{
    uint32_t id = aplic.msi->wake_id(hart, n);

    if (id == 0) {
        return ERR_NO_MEMORY;
    }
    irq->wake_id = (uint16_t)id;
    irq->home = io_read32(aplic.regs, TARGET(irq->source));
    aplic_write(TARGET(irq->source), aplic.msi->hart_index(hart) << TARGET_HART_SHIFT | id);
    return ERR_OK;
}

static bool aplic_msi_wake_off(struct host_irq *irq, const struct hart *hart)
{
    bool came;

    (void)hart;
    aplic_write(TARGET(irq->source), irq->home);
    came = aplic.msi->take(irq->wake_id);
    if (came || irq_is_level(irq->trigger)) {
        aplic_retrigger(irq);
    }
    return came;
}

static const struct irqchip_ops aplic_msi_mode_ops = {
    .attach = aplic_msi_attach,
    .enable = aplic_msi_enable,
    .disable = aplic_msi_disable,
    .enabled = aplic_msi_enabled,
    .complete = aplic_msi_complete,
    .route_guest = aplic_route_guest,
    .retrigger = aplic_retrigger,
    .clear = aplic_clear,
    .pending = aplic_pending,
    .asserted = aplic_asserted,
    .wake_on = aplic_msi_wake_on,
    .wake_off = aplic_msi_wake_off,
};

/* ---- direct delivery mode -------------------------------------------------------------------- */

/* Brings the enable bit to what its owner and an outstanding completion make of it. */
static void aplic_apply(struct aplic_source *s, bool enabled, bool masked)
{
    s->enabled = enabled;
    s->masked = masked;
    aplic_write(enabled && !masked ? SETIENUM : CLRIENUM, s->irq->source);
}

static void aplic_direct_handle(struct hart *hart)
{
    uint32_t idc = aplic.idc[hart->index];

    for (uint32_t n = 0; idc != APLIC_NO_IDC && n < CLAIMS_MAX; n++) {
        uint32_t source = io_read32(aplic.regs, IDC(idc) + IDC_CLAIMI) >> CLAIMI_ID_SHIFT;
        struct aplic_source *s = &aplic.sources[source <= aplic.source_count ? source : 0];

        if (s->irq == NULL) {
            return; /* nothing, or spurious: only attached sources are active */
        }
        if (irq_is_level(s->irq->trigger)) {
            if (!aplic_asserted(s->irq)) {
                continue; /* over: pending should be, too [AIA 4.7], but QEMU's is until a claim */
            }
            spin_lock(&aplic.lock);
            aplic_apply(s, s->enabled, true);
            spin_unlock(&aplic.lock);
        }
        s->irq->handler(s->irq);
    }
}

static enum err aplic_direct_attach(struct host_irq *irq)
{
    enum err err = aplic_check(irq);
    uint32_t idc = aplic.idc[irq->hart->index];

    if (err != ERR_OK) {
        return err;
    }
    if (aplic.sources[irq->source].irq != NULL) {
        return ERR_EXISTS;
    }
    if (idc == APLIC_NO_IDC) {
        return ERR_NOT_SUPPORTED;
    }
    err = aplic_point(irq, idc << TARGET_HART_SHIFT | TARGET_PRIORITY);
    if (err == ERR_OK) {
        aplic.sources[irq->source].irq = irq;
    }
    return err;
}

static void aplic_direct_enable(struct host_irq *irq)
{
    struct aplic_source *s = &aplic.sources[irq->source];

    spin_lock(&aplic.lock);
    aplic_apply(s, true, s->masked);
    spin_unlock(&aplic.lock);
}

static void aplic_direct_disable(struct host_irq *irq)
{
    struct aplic_source *s = &aplic.sources[irq->source];

    spin_lock(&aplic.lock);
    aplic_apply(s, false, s->masked);
    spin_unlock(&aplic.lock);
}

static void aplic_direct_complete(struct host_irq *irq)
{
    struct aplic_source *s = &aplic.sources[irq->source];

    spin_lock(&aplic.lock);
    aplic_apply(s, s->enabled, false);
    spin_unlock(&aplic.lock);
}

static bool aplic_direct_enabled(const struct host_irq *irq)
{
    return aplic.sources[irq->source].enabled;
}

/* Nobody claims meanwhile: what has come, level or edge, stays pending in the domain. */
static enum err aplic_direct_wake_on(struct host_irq *irq, const struct hart *hart, uint32_t n)
{
    uint32_t idc = aplic.idc[hart->index];

    (void)n;
    if (idc == APLIC_NO_IDC) {
        return ERR_NOT_SUPPORTED;
    }
    aplic_write(TARGET(irq->source), idc << TARGET_HART_SHIFT | TARGET_PRIORITY);
    return ERR_OK;
}

static bool aplic_direct_wake_off(struct host_irq *irq, const struct hart *hart)
{
    (void)aplic_direct_wake_on(irq, irq->hart, 0);
    (void)hart;
    return aplic_pending(irq) && (!irq_is_level(irq->trigger) || aplic_asserted(irq));
}

static const struct irqchip_ops aplic_direct_mode_ops = {
    .handle = aplic_direct_handle,
    .attach = aplic_direct_attach,
    .enable = aplic_direct_enable,
    .disable = aplic_direct_disable,
    .enabled = aplic_direct_enabled,
    .complete = aplic_direct_complete,
    .wake_on = aplic_direct_wake_on,
    .wake_off = aplic_direct_wake_off,
};

/* ---- start ----------------------------------------------------------------------------------- */

static enum err aplic_init_direct(uint64_t size)
{
    aplic.sources = pool_alloc((aplic.source_count + 1u) * sizeof(*aplic.sources),
                               alignof(struct aplic_source));
    if (aplic.sources == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        uint32_t idc = aplic.idc[i];

        if (idc == APLIC_NO_IDC) {
            continue;
        }
        if (IDC(idc) + 32u > size) {
            return ERR_RANGE;
        }
        aplic_write(IDC(idc) + IDC_IFORCE, 0);
        aplic_write(IDC(idc) + IDC_ITHRESHOLD, 0);
        aplic_write(IDC(idc) + IDC_IDELIVERY, 1);
    }
    return ERR_OK;
}

/* Reset leaves the sources undefined, an earlier boot its own. */
enum err aplic_init(const struct aplic_config *config, struct irqchip *chip)
{
    uint32_t domain = DOMAINCFG_IE | (config->msi != NULL ? DOMAINCFG_DM : 0);
    enum err err = ERR_OK;

    spinlock_init(&aplic.lock);
    aplic.source_count = config->source_count;
    aplic.msi = config->msi;
    aplic.idc = config->idc;
    if (config->source_count > 1023u || config->size < IDC(0)) {
        return ERR_RANGE;
    }
    aplic.regs = arch_map_device(config->base, config->size);
    if (aplic.regs == NULL) {
        return ERR_NO_MEMORY;
    }
    aplic_write(DOMAINCFG, 0);
    for (uint32_t source = 1; source <= aplic.source_count; source++) {
        aplic_write(SOURCECFG(source), 0);
    }
    if (config->msi == NULL) {
        err = aplic_init_direct(config->size);
    }
    aplic_write(DOMAINCFG, domain);
    if (((io_read32(aplic.regs, DOMAINCFG) ^ domain) & DOMAINCFG_DM) != 0) {
        return ERR_NOT_SUPPORTED;
    }
    chip->ops = config->msi != NULL ? &aplic_msi_mode_ops : &aplic_direct_mode_ops;
    chip->source_count = aplic.source_count;
    return err;
}
