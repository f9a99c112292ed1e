/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IMSIC [AIA ch. 3]: each hart's own supervisor file, by which Curia's harts kick each other
 * and wired interrupts reach them as MSIs; and which guest files there are (imsic_guest.h has what
 * vCPUs do with them).
 *
 * "Own hart": only for the hart that calls; the file's registers are reached through its CSRs.
 */
#ifndef ARCH_RISCV_IMSIC_H
#define ARCH_RISCV_IMSIC_H

#include "arch/riscv/imsic_file.h"
#include "core/addr.h"
#include "core/err.h"
#include "core/io.h"

#include <stdbool.h>
#include <stdint.h>

struct hart;
struct host_irq;
struct vcpu;

/* What the FDT says of the machine's supervisor-level IMSICs; filled by platforms/. */
struct rv_imsic_config {
    uint32_t id_count;         /* riscv,num-ids: highest identity of a supervisor file */
    uint32_t guest_id_count;   /* riscv,num-guest-ids: of a guest file */
    uint32_t guest_index_bits; /* log2 of a hart's pages: its own file, then the guest files */
    uint32_t hart_index_bits, group_index_bits, group_index_shift;
    const hpa_t *file; /* by hart index: the page of its supervisor file, 0: none; copied */
};

/*
 * Takes the machine's IMSICs over: maps the files, sets machine.irqchip.guest_*. Boot hart, before
 * any other hart starts. Once. ERR_NO_MEMORY; ERR_INVALID: a hart has no file; ERR_NOT_SUPPORTED:
 * the harts have no Ssaia.
 */
enum err rv_imsic_init(const struct rv_imsic_config *config) MUST_CHECK;

/* Does the machine have IMSICs (rv_imsic_init() succeeded)? Constant once harts run. */
bool rv_imsic_present(void);

/*
 * Own hart, at boot, every hart, after rv_imsic_init(): clears its own file and all its guest
 * files, whose state after reset is not defined, and turns delivery on. Nothing if not present. The
 * caller enables SEI (and SGEI) itself. Leaves hstatus.VGEIN 0.
 */
void rv_imsic_hart_init(struct hart *hart);

/* An MSI to hart's own file that means: look around. Any hart; present only. */
void rv_imsic_kick(const struct hart *hart);

/*
 * Own hart, on an external interrupt (SEIP): claims what is pending and runs the handlers of wired
 * sources. Bounded; what is left keeps SEIP up. A kick needs no more than this.
 */
void rv_imsic_handle(struct hart *hart);

/* What a hart's own file and its vCPU's hold while the hart is off. */
struct rv_imsic_files {
    uint64_t own_eip;
    struct rv_imsic_file guest;
};

/*
 * Own hart, around the time that it is off; vcpu (NULL: none) is not loaded. A file comes back as
 * it was, and what has become pending meanwhile, where the platform keeps files, stays so.
 */
void rv_imsic_save(struct rv_imsic_files *files, const struct vcpu *vcpu);
void rv_imsic_restore(const struct rv_imsic_files *files, const struct vcpu *vcpu);

/*
 * Gives irq an identity of irq->hart's own file; its arrival runs irq->handler. ERR_NO_MEMORY: none
 * left. At boot.
 */
enum err rv_imsic_attach(struct host_irq *irq, uint32_t *eiid) MUST_CHECK;

/*
 * Identity n, from 0, of hart's own file whose arrival runs nothing, but wakes; 0: none is left.
 * Not while others may be attached.
 */
uint32_t rv_imsic_wake_id(const struct hart *hart, uint32_t n);

/* Own hart: makes an identity of its own file not pending. Was it? */
bool rv_imsic_take(uint32_t eiid);

/* The index by which an APLIC's MSIs name this hart [AIA 4.9.1]. */
uint32_t rv_imsic_hart_index(const struct hart *hart);

/* ---- for imsic_guest.c ----------------------------------------------------------------------- */

/* The page of guest file g of hart, mapped for Curia, and where it is. */
struct rv_imsic_page {
    volatile void *regs;
    hpa_t hpa;
};
struct rv_imsic_page rv_imsic_page(const struct hart *hart, uint32_t g);

/* A guest file of hart that was nobody's; 0: none is left. At boot. */
uint32_t rv_imsic_give(const struct hart *hart);

/* Own hart: its guest file for those whose file is in memory otherwise; 0: it has none for them. */
uint32_t rv_imsic_visitors(const struct hart *hart);

/* On RV64 the even numbers of eie and eip hold 64 identities each: the last of these. */
static inline uint64_t rv_imsic_last_register(uint32_t id_count)
{
    return id_count / 64u * 2u;
}

/* An MSI: whoever sees it sees what was stored before it (as arch_io_fence(), without a call). */
#define IMSIC_SETEIPNUM_LE 0u /* of a file's page */
#ifdef __riscv
static inline void rv_imsic_send(volatile void *page, uint32_t id)
{
    __asm__ volatile("fence w, o" ::: "memory");
    io_write32(page, IMSIC_SETEIPNUM_LE, id);
}
#endif

#endif
