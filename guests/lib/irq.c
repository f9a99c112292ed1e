/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * External interrupts, see irq.h. [AIA 1.0 ch. 3 and 4; PLIC 1.0]. The tables are changed with
 * interrupts off before a source is enabled; no lock.
 */
#include "guests/lib/irq.h"

#include "guests/lib/csr.h"
#include "guests/lib/irq_regs.h"
#include "guests/lib/mmio.h"

#include <stddef.h>

#define HANDLERS 80u /* of all sources and MSIs; under AIA the number is the identity */
#define FIRST_ID 2u  /* 1 is left alone: Linux has its IPIs there */

#define IMSIC_EIDELIVERY  0x70u
#define IMSIC_EITHRESHOLD 0x72u
#define IMSIC_EIE0        0xc0u

#define DOMAINCFG_IE      (1u << 8)
#define DOMAINCFG_DM      (1u << 2)
#define TARGET_HART_SHIFT 18u

struct handler {
    irq_fn fn; /* NULL: free */
    void *arg;
    uint32_t source; /* 0: an MSI */
    bool level;
};

static struct handler handlers[HANDLERS];
static bool chip_ready;

static uint32_t handler_new(struct handler handler)
{
    uint32_t end =
        board.imsic_ids != 0 && board.imsic_ids < HANDLERS ? board.imsic_ids + 1 : HANDLERS;

    for (uint32_t i = FIRST_ID; i < end; i++) {
        if (handlers[i].fn == NULL) {
            handlers[i] = handler;
            return i;
        }
    }
    return 0;
}

static uint32_t handler_of(uint32_t source)
{
    for (uint32_t i = FIRST_ID; source != 0 && i < HANDLERS; i++) {
        if (handlers[i].fn != NULL && handlers[i].source == source) {
            return i;
        }
    }
    return 0;
}

/* ---- AIA --------------------------------------------------------------------------------------
 */

static void imsic_write(uint32_t reg, uint64_t value)
{
    csr_write(CSR_SISELECT, reg);
    csr_write(CSR_SIREG, value);
}

static void imsic_enable(uint32_t id)
{
    csr_write(CSR_SISELECT, IMSIC_EIE0 + id / 64 * 2);
    csr_set(CSR_SIREG, 1ull << (id % 64));
}

static void imsic_init(void)
{
    imsic_write(IMSIC_EIDELIVERY, 1);
    imsic_write(IMSIC_EITHRESHOLD, 0);
    /* Whatever the guest takes, every hart is ready for: a source may go to any of them. */
    for (uint32_t id = FIRST_ID; id < HANDLERS && id <= board.imsic_ids; id++) {
        imsic_enable(id);
    }
}

static void imsic_dispatch(void)
{
    uint64_t top;

    for (;;) {
        __asm__ volatile("csrrw %0, %1, zero" : "=r"(top) : "i"(CSR_STOPEI) : "memory");

        uint32_t id = (uint32_t)(top >> 16) & 0x7ff;

        if (id == 0) {
            return;
        }
        if (id < HANDLERS && handlers[id].fn != NULL) {
            handlers[id].fn(handlers[id].arg);
            if (handlers[id].level) {
                mmio_write32(board.aplic.start + APLIC_SETIPNUM, handlers[id].source);
            }
        }
    }
}

/* SM of sourcecfg: 4 rising, 5 falling, 6 high, 7 low. */
static uint32_t aplic_mode(uint32_t type)
{
    return type == 1 ? 4 : type == 2 ? 5 : type == 8 ? 7 : 6;
}

static void aplic_attach(uint32_t id, struct board_irq irq, uint32_t hart_index)
{
    mmio_write32(aplic_sourcecfg(irq.source), aplic_mode(irq.type));
    mmio_write32(aplic_target(irq.source), hart_index << TARGET_HART_SHIFT | id);
    mmio_write32(board.aplic.start + APLIC_SETIENUM, irq.source);
}

/* ---- PLIC -------------------------------------------------------------------------------------
 */

static void plic_enable(uint32_t source, uint32_t hart_index, bool on)
{
    uint64_t at = plic_enables(hart_index, source);
    uint32_t bit = 1u << (source % 32);
    uint32_t old = mmio_read32(at);

    mmio_write32(at, on ? old | bit : old & ~bit);
}

static void plic_dispatch(void)
{
    uint64_t claim = plic_claim(hart_self()->index);

    for (;;) {
        uint32_t source = mmio_read32(claim);
        uint32_t i = handler_of(source);

        if (source == 0) {
            return;
        }
        if (i != 0) {
            handlers[i].fn(handlers[i].arg);
        }
        mmio_write32(claim, source);
    }
}

/* ---- both -------------------------------------------------------------------------------------
 */

bool irq_init(void)
{
    uint32_t index = hart_self()->index;

    if (board.imsic_ids != 0 && board.harts[index].imsic != 0) {
        imsic_init();
        if (!chip_ready && board.aplic.size != 0) {
            mmio_write32(board.aplic.start + APLIC_DOMAINCFG, DOMAINCFG_IE | DOMAINCFG_DM);
        }
    } else if (board.plic.size != 0) {
        mmio_write32(plic_threshold(index), 0);
    } else {
        return false;
    }
    chip_ready = true;
    csr_set(CSR_SIE, 1u << IRQ_S_EXT);
    return true;
}

bool irq_attach(struct board_irq irq, uint32_t hart_index, irq_fn fn, void *arg)
{
    bool level = irq.type == 4 || irq.type == 8;
    uint32_t id;

    if (!chip_ready || irq.source == 0 || irq.source > board.sources) {
        return false;
    }
    id = handler_new((struct handler){fn, arg, irq.source, level});
    if (id == 0) {
        return false;
    }
    if (board.imsic_ids != 0) {
        aplic_attach(id, irq, hart_index);
    } else {
        mmio_write32(board.plic.start + 4ull * irq.source, 1);
        plic_enable(irq.source, hart_index, true);
    }
    return true;
}

void irq_detach(struct board_irq irq)
{
    uint32_t i = handler_of(irq.source);

    if (i == 0) {
        return;
    }
    if (board.imsic_ids != 0) {
        mmio_write32(board.aplic.start + APLIC_CLRIENUM, irq.source);
    } else {
        for (uint32_t hart = 0; hart < board.hart_count; hart++) {
            plic_enable(irq.source, hart, false);
        }
    }
    handlers[i] = (struct handler){NULL, NULL, 0, false};
}

uint32_t irq_attach_msi(irq_fn fn, void *arg)
{
    return board.imsic_ids != 0 ? handler_new((struct handler){fn, arg, 0, false}) : 0;
}

void irq_send_msi(uint32_t hart_index, uint32_t id)
{
    mmio_write32(board.harts[hart_index].imsic, id);
}

void irq_dispatch(void)
{
    if (board.imsic_ids != 0) {
        imsic_dispatch();
    } else {
        plic_dispatch();
    }
}
