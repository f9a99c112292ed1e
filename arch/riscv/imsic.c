/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IMSIC. Identity 1 of a hart's own file is the kick; others are given to wired sources, in
 * whose name an APLIC sends them. Guest file g of a hart is the page g behind its own.
 *
 * The tables are written by the boot hart while the machine is built, and need no lock. An
 * identity's handler is entered before its source is enabled, which is a device access behind a
 * fence; so whoever sees the MSI sees the handler.
 */
#include "arch/riscv/imsic.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/imsic_guest.h"
#include "core/arch.h"
#include "core/machine.h"
#include "core/pagepool.h"

#include <stdalign.h>

#define ID_KICK  1u
#define ID_COUNT 64u /* identities that Curia uses of its own files: one eie register */

/* Claims in one go; more wait for the next, so a storm of MSIs does not hold the hart for ever. */
#define CLAIMS_MAX (2u * ID_COUNT)

struct imsic_hart {
    volatile char *regs; /* own page, guest pages behind it */
    hpa_t file;
    uint32_t index;         /* as an APLIC names the hart */
    uint32_t guests_used;   /* guest files given away */
    uint32_t visitors;      /* own hart: the guest file of files in memory; 0: none yet */
    uint32_t ids_used;      /* identities 1 .. ids_used are given away */
    struct host_irq **irqs; /* by identity, ID_COUNT of them; NULL while none is wanted */
};

static struct {
    struct imsic_hart *harts; /* by hart index; NULL: no IMSIC */
    uint32_t id_count;
} imsic;

bool rv_imsic_present(void)
{
    return imsic.harts != NULL;
}

static struct imsic_hart *imsic_of(const struct hart *hart)
{
    return &imsic.harts[hart->index];
}

/* How APLICs number the hart whose file is at page: the bits that tell the files apart. */
static uint32_t hart_index(const struct rv_imsic_config *c, hpa_t page)
{
    uint64_t hart = page.v >> (PAGE_SHIFT + c->guest_index_bits);
    uint64_t group = page.v >> c->group_index_shift & ((1ull << c->group_index_bits) - 1u);

    hart &= (1ull << c->hart_index_bits) - 1u;
    return (uint32_t)(group << c->hart_index_bits | hart);
}

/* Guest files of every hart: those that hgeie has a bit for and the address map a page. */
static uint32_t guest_files(const struct rv_imsic_config *c)
{
    uint64_t bits = rv_features.hgeie_bits >> 1;
    uint32_t pages = (1u << c->guest_index_bits) - 1u;
    uint32_t n = 0;

    for (; (bits & 1u) != 0 && n < pages; bits >>= 1) {
        n++;
    }
    return n;
}

enum err rv_imsic_init(const struct rv_imsic_config *c)
{
    uint32_t guests = guest_files(c);
    struct imsic_hart *harts =
        pool_alloc(machine.hart_count * sizeof(*harts), alignof(struct imsic_hart));

    if (!rv_features.aia) {
        return ERR_NOT_SUPPORTED;
    }
    if (harts == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        struct imsic_hart *h = &harts[i];

        if (c->file[i].v == 0) {
            return ERR_INVALID;
        }
        h->file = c->file[i];
        h->index = hart_index(c, h->file);
        h->ids_used = ID_KICK;
        h->regs = arch_map_device(h->file, (uint64_t)(guests + 1u) * PAGE_SIZE);
        if (h->regs == NULL) {
            return ERR_NO_MEMORY;
        }
    }
    imsic.harts = harts;
    imsic.id_count = c->id_count;
    machine.irqchip.guest_files = guests;
    machine.irqchip.guest_ids = c->guest_id_count;
    return ERR_OK;
}

/* ---- a hart's own file ----------------------------------------------------------------------- */

static void own_write(uint64_t select, uint64_t value)
{
    csr_write(CSR_SISELECT, select);
    csr_write(CSR_SIREG, value);
}

/* All identities in use now or later: nobody but Curia and its APLIC reaches this page. */
static void own_on(void)
{
    own_write(ISELECT_EIE0, ~1ull);
    own_write(ISELECT_EITHRESHOLD, 0);
    own_write(ISELECT_EIDELIVERY, EIDELIVERY_ON);
}

void rv_imsic_hart_init(struct hart *hart)
{
    if (!rv_imsic_present()) {
        return;
    }
    (void)hart;
    own_write(ISELECT_EIDELIVERY, EIDELIVERY_OFF);
    for (uint64_t n = 0; n <= rv_imsic_last_register(imsic.id_count); n += 2) {
        own_write(ISELECT_EIE0 + n, 0);
        own_write(ISELECT_EIP0 + n, 0);
    }
    rv_imsic_guest_clear();
    own_on();
}

/* ---- sleep ----------------------------------------------------------------------------------- */

void rv_imsic_save(struct rv_imsic_files *files, const struct vcpu *vcpu)
{
    if (!rv_imsic_present()) {
        return;
    }
    csr_write(CSR_SISELECT, ISELECT_EIP0);
    csr_clear(CSR_SIREG, 1ull << ID_KICK);
    files->own_eip = csr_read(CSR_SIREG);
    rv_imsic_guest_save(&files->guest, vcpu);
}

void rv_imsic_restore(const struct rv_imsic_files *files, const struct vcpu *vcpu)
{
    if (!rv_imsic_present()) {
        return;
    }
    own_on();
    csr_write(CSR_SISELECT, ISELECT_EIP0);
    csr_set(CSR_SIREG, files->own_eip);
    rv_imsic_guest_restore(&files->guest, vcpu);
}

void rv_imsic_handle(struct hart *hart)
{
    struct imsic_hart *h = imsic_of(hart);

    for (uint32_t n = 0; n < CLAIMS_MAX; n++) {
        uint64_t id = (csr_swap(CSR_STOPEI, 0) & STOPEI_ID) >> STOPEI_ID_SHIFT;

        if (id == 0) {
            return;
        }
        if (id != ID_KICK && id < ID_COUNT && h->irqs != NULL && h->irqs[id] != NULL) {
            h->irqs[id]->handler(h->irqs[id]);
        }
    }
}

void rv_imsic_kick(const struct hart *hart)
{
    rv_imsic_send(imsic_of(hart)->regs, ID_KICK);
}

enum err rv_imsic_attach(struct host_irq *irq, uint32_t *eiid)
{
    struct imsic_hart *h = imsic_of(irq->hart);

    if (h->irqs == NULL) {
        h->irqs = pool_alloc(ID_COUNT * sizeof(*h->irqs), alignof(struct host_irq *));
    }
    if (h->irqs == NULL || h->ids_used + 1u >= ID_COUNT || h->ids_used >= imsic.id_count) {
        return ERR_NO_MEMORY;
    }
    *eiid = ++h->ids_used;
    h->irqs[*eiid] = irq;
    return ERR_OK;
}

uint32_t rv_imsic_wake_id(const struct hart *hart, uint32_t n)
{
    uint32_t last = imsic.id_count < ID_COUNT ? imsic.id_count : ID_COUNT - 1u;
    uint32_t left = last - imsic_of(hart)->ids_used;

    return n < left ? last - n : 0;
}

bool rv_imsic_take(uint32_t eiid)
{
    uint64_t bit = 1ull << eiid;
    bool was;

    csr_write(CSR_SISELECT, ISELECT_EIP0);
    was = (csr_read(CSR_SIREG) & bit) != 0;
    csr_clear(CSR_SIREG, bit);
    return was;
}

uint32_t rv_imsic_hart_index(const struct hart *hart)
{
    return imsic_of(hart)->index;
}

/* ---- guest files ----------------------------------------------------------------------------- */

struct rv_imsic_page rv_imsic_page(const struct hart *hart, uint32_t g)
{
    const struct imsic_hart *h = imsic_of(hart);
    uint64_t offset = (uint64_t)g * PAGE_SIZE;

    return (struct rv_imsic_page){h->regs + offset, hpa_add(h->file, offset)};
}

uint32_t rv_imsic_give(const struct hart *hart)
{
    struct imsic_hart *h = imsic_of(hart);

    return h->guests_used < machine.irqchip.guest_files ? ++h->guests_used : 0;
}

uint32_t rv_imsic_visitors(const struct hart *hart)
{
    struct imsic_hart *h = imsic_of(hart);

    if (h->visitors == 0) {
        h->visitors = rv_imsic_give(hart);
    }
    return h->visitors;
}
