/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt controllers from the FDT: the supervisor-level IMSICs, then the APLIC domain that sends
 * to them or, without them, to the harts' supervisor external interrupt; else a PLIC. Those of
 * machine level are the firmware's. Bindings: riscv,imsics, riscv,aplic, sifive,plic-1.0.0.
 */
#include "platforms/platform.h"

#include "arch/riscv/imsic.h"
#include "arch/riscv/imsic_guest.h"
#include "core/fdt.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "drivers/aplic.h"
#include "drivers/plic.h"

#include <stdalign.h>
#include <stddef.h>

#define NOT_THERE UINT32_MAX

static uint32_t hart_of_intc(uint32_t phandle)
{
    const struct board *b = &machine.board;
    uint32_t n = 0;

    while (n < b->hart_count && b->harts[n].intc_phandle != phandle) {
        n++;
    }
    for (uint32_t i = 0; n < b->hart_count && i < machine.hart_count; i++) {
        if (machine.harts[i]->id == b->harts[n].id) {
            return i;
        }
    }
    return NOT_THERE;
}

uint32_t platform_hart_places(const struct board_device *dev, uint32_t *places)
{
    int len = 0;
    const char *cells = fdt_getprop(machine.board.fdt, dev->node, "interrupts-extended", &len);
    uint32_t found = 0;

    for (uint32_t i = 0; i < machine.hart_count; i++) {
        places[i] = NOT_THERE;
    }
    for (uint32_t n = 0; cells != NULL && n < (uint32_t)len / 8u; n++) {
        uint32_t hart = hart_of_intc((uint32_t)fdt_cells(cells + n * 8u, 1));

        if (hart != NOT_THERE && fdt_cells(cells + n * 8u + 4u, 1) == CPU_IRQ_S_EXTERNAL &&
            places[hart] == NOT_THERE) {
            places[hart] = n;
            found++;
        }
    }
    return found;
}

/* ---- IMSIC ----------------------------------------------------------------------------------- */

/* The page of the file at place n: the reg ranges are one behind the other, as files go. */
static hpa_t imsic_file(const struct board_device *dev, const struct rv_imsic_config *c, uint32_t n)
{
    uint64_t stride = (uint64_t)PAGE_SIZE << c->guest_index_bits;
    uint64_t offset = n * stride;

    for (uint32_t r = 0; r < dev->reg_count; r++) {
        if (offset < dev->regs[r].size) {
            return hpa(dev->regs[r].start + offset);
        }
        offset -= align_up(dev->regs[r].size, stride);
    }
    return hpa(0);
}

/* The defaults are those of the binding. */
static void imsic_read(const struct board_device *dev, struct rv_imsic_config *c)
{
    const struct board *b = &machine.board;
    const struct board_cell cells[] = {
        {"riscv,num-ids", &c->id_count},
        {"riscv,num-guest-ids", &c->guest_id_count},
        {"riscv,guest-index-bits", &c->guest_index_bits},
        {"riscv,hart-index-bits", &c->hart_index_bits},
        {"riscv,group-index-bits", &c->group_index_bits},
        {"riscv,group-index-shift", &c->group_index_shift},
    };
    int len = 0;
    uint32_t parents;

    (void)fdt_getprop(b->fdt, dev->node, "interrupts-extended", &len);
    parents = len > 0 ? (uint32_t)len / 8u : 0;
    *c = (struct rv_imsic_config){.guest_id_count = UINT32_MAX, .group_index_shift = 24};
    while (1u << c->hart_index_bits < parents) {
        c->hart_index_bits++;
    }
    board_cells(b, dev, cells, ARRAY_SIZE(cells));
    if (c->guest_id_count == UINT32_MAX) {
        c->guest_id_count = c->id_count;
    }
}

static bool imsic_sane(const struct rv_imsic_config *c)
{
    return c->id_count >= 63 && c->id_count <= 2047 && c->guest_id_count >= 63 &&
           c->guest_id_count <= 2047 && c->guest_index_bits <= 6 && c->hart_index_bits <= 14 &&
           c->group_index_bits <= 7 && c->group_index_shift < 64;
}

/* places: scratch, and on return those of the harts. */
static enum err find_imsic(uint32_t *places, const struct board_device **found, const char **why)
{
    const struct board_device *dev = NULL;
    struct rv_imsic_config config = {0};
    hpa_t *files;
    enum err err;

    *found = NULL;
    while ((dev = board_find(&machine.board, "riscv,imsics", dev)) != NULL) {
        if (platform_hart_places(dev, places) > 0) {
            break;
        }
    }
    if (dev == NULL) {
        return ERR_OK;
    }
    files = pool_alloc(machine.hart_count * sizeof(*files), alignof(hpa_t));
    imsic_read(dev, &config);
    if (files == NULL || !imsic_sane(&config)) {
        *why = "the FDT's riscv,imsics node has numbers that cannot be";
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        files[i] = places[i] != NOT_THERE ? imsic_file(dev, &config, places[i]) : hpa(0);
    }
    config.file = files;
    err = rv_imsic_init(&config);
    if (err == ERR_NOT_SUPPORTED) {
        log_warn("the FDT names IMSICs, but the harts have no Ssaia: left alone");
        return ERR_OK;
    }
    if (err != ERR_OK) {
        *why = "the FDT's riscv,imsics node has no interrupt file for one of the harts";
        return ERR_INVALID;
    }
    *found = dev;
    return ERR_OK;
}

/* ---- APLIC, PLIC ----------------------------------------------------------------------------- */

static const struct aplic_msi_ops aplic_msi_ops = {
    .attach = rv_imsic_attach,
    .hart_index = rv_imsic_hart_index,
    .guest_index = rv_imsic_guest_index,
    .wake_id = rv_imsic_wake_id,
    .take = rv_imsic_take,
};

/* Direct mode numbers harts by their places, unless the FDT has other numbers for those. */
static uint32_t aplic_harts(const struct board_device *dev, uint32_t *idc)
{
    int len = 0;
    const char *numbers = fdt_getprop(machine.board.fdt, dev->node, "riscv,hart-indexes", &len);
    uint32_t found = platform_hart_places(dev, idc);

    for (uint32_t i = 0; numbers != NULL && i < machine.hart_count; i++) {
        bool known = idc[i] < (uint32_t)len / 4u;

        idc[i] = known ? (uint32_t)fdt_cells(numbers + idc[i] * 4u, 1) : NOT_THERE;
    }
    return found;
}

/* idc: kept by the driver. */
static enum err find_aplic(uint32_t *idc, const struct board_device *imsic, bool *found,
                           const char **why)
{
    const struct board *b = &machine.board;
    const struct board_device *dev = NULL;

    *found = false;
    while ((dev = board_find(b, "riscv,aplic", dev)) != NULL) {
        bool msi = imsic != NULL && board_u32(b, dev, "msi-parent", 0) == imsic->phandle;

        if (!msi && aplic_harts(dev, idc) == 0) {
            continue;
        }
        struct aplic_config config = {
            .base = hpa(dev->regs[0].start),
            .size = dev->regs[0].size,
            .source_count = board_u32(b, dev, "riscv,num-sources", 0),
            .msi = msi ? &aplic_msi_ops : NULL,
            .idc = idc,
        };

        *found = true;
        machine.irqchip.phandle = dev->phandle;
        *why = "the APLIC named by the FDT (riscv,aplic) cannot be used";
        return aplic_init(&config, &machine.irqchip);
    }
    return ERR_OK;
}

/* The first that interrupts harts at supervisor level; context: theirs. */
static const struct board_device *plic_of_harts(uint32_t *context)
{
    static const char *const names[] = {"sifive,plic-1.0.0", "riscv,plic0"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct board_device *dev = NULL;

        while ((dev = board_find(&machine.board, names[i], dev)) != NULL) {
            if (platform_hart_places(dev, context) > 0) {
                return dev;
            }
        }
    }
    return NULL;
}

static enum err find_plic(uint32_t *context, bool *found, const char **why)
{
    const struct board *b = &machine.board;
    const struct board_device *dev = plic_of_harts(context);

    *found = dev != NULL;
    if (!*found) {
        return ERR_OK;
    }
    struct plic_config config = {
        .base = hpa(dev->regs[0].start),
        .size = dev->regs[0].size,
        .source_count = board_u32(b, dev, "riscv,ndev", 0),
        .context = context,
    };

    machine.irqchip.phandle = dev->phandle;
    *why = "the PLIC named by the FDT (sifive,plic-1.0.0) cannot be used";
    return plic_init(&config, &machine.irqchip);
}

enum err platform_find_irqchip(const char **why)
{
    uint32_t *places = pool_alloc(machine.hart_count * sizeof(*places), alignof(uint32_t));
    const struct board_device *imsic = NULL;
    bool found = false;
    enum err err;

    *why = POOL_USED_UP;
    if (places == NULL) {
        return ERR_NO_MEMORY;
    }
    err = find_imsic(places, &imsic, why);
    if (err == ERR_OK) {
        err = find_aplic(places, imsic, &found, why);
    }
    if (err == ERR_OK && !found) {
        err = find_plic(places, &found, why);
    }
    if (err == ERR_OK && !found) {
        log_warn("the FDT names no APLIC or PLIC with supervisor interrupts: no wired interrupts");
    }
    return err;
}
