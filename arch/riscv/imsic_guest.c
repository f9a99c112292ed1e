/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt files of vCPUs: a guest file of their hart for good, or one in memory, which comes
 * to the hart with its vCPU.
 *
 * A file in memory has a lock. With it held its hart moves what it holds, and a sender stores its
 * MSI: into the page where the file is, and reads from that page before it lets go, so that the MSI
 * has arrived [AIA 3.2, Priv "PMAs": one hart's accesses to one device are in order]; or into
 * memory. So none comes to a page that the file has left, and none is left in one. While the file
 * is in memory its interrupt is the vCPU's EXT line, which wakes the vCPU as any line does; in the
 * hart's it is the hart's, and the line is low.
 */
#include "arch/riscv/imsic_guest.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/imsic.h"
#include "arch/riscv/insn.h"
#include "arch/riscv/vcpu.h"
#include "core/arch.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/spinlock.h"

#include <stdalign.h>

/* ---- guest files, through the own hart's CSRs ------------------------------------------------ */

static void file_write(uint64_t select, uint64_t value)
{
    csr_write(CSR_VSISELECT, select);
    csr_write(CSR_VSIREG, value);
}

/* The guest file that vsiselect and vsireg reach from here on; 0: none. */
static void select_file(uint32_t vgein)
{
    csr_clear(CSR_HSTATUS, HSTATUS_VGEIN);
    csr_set(CSR_HSTATUS, (uint64_t)vgein << HSTATUS_VGEIN_SHIFT);
}

/* What f holds to the file that is selected, beside what is pending there. */
static void write_file(const struct rv_imsic_file *f)
{
    for (uint64_t n = 0; n <= rv_imsic_last_register(machine.irqchip.guest_ids); n += 2) {
        file_write(ISELECT_EIE0 + n, f->eie[n / 2]);
        csr_write(CSR_VSISELECT, ISELECT_EIP0 + n);
        csr_set(CSR_VSIREG, f->eip[n / 2]);
    }
    file_write(ISELECT_EITHRESHOLD, f->threshold);
    file_write(ISELECT_EIDELIVERY, f->delivery);
}

static uint64_t file_read(uint64_t select)
{
    csr_write(CSR_VSISELECT, select);
    return csr_read(CSR_VSIREG);
}

/* take: nothing is pending there any more, and so nothing comes from what stays enabled. */
static void read_file(struct rv_imsic_file *f, bool take)
{
    f->delivery = file_read(ISELECT_EIDELIVERY);
    f->threshold = file_read(ISELECT_EITHRESHOLD);
    for (uint64_t n = 0; n <= rv_imsic_last_register(machine.irqchip.guest_ids); n += 2) {
        f->eie[n / 2] = file_read(ISELECT_EIE0 + n);
        csr_write(CSR_VSISELECT, ISELECT_EIP0 + n);
        f->eip[n / 2] = take ? csr_swap(CSR_VSIREG, 0) : csr_read(CSR_VSIREG);
    }
}

/* Of the file that is selected. */
static void clear_file(void)
{
    file_write(ISELECT_EIDELIVERY, EIDELIVERY_OFF);
    file_write(ISELECT_EITHRESHOLD, 0);
    for (uint64_t n = 0; n <= rv_imsic_last_register(machine.irqchip.guest_ids); n += 2) {
        file_write(ISELECT_EIE0 + n, 0);
        file_write(ISELECT_EIP0 + n, 0);
    }
}

void rv_imsic_guest_clear(void)
{
    for (uint32_t n = 1; n <= machine.irqchip.guest_files; n++) {
        select_file(n);
        clear_file();
    }
    select_file(0);
}

void rv_imsic_guest_save(struct rv_imsic_file *f, const struct vcpu *vcpu)
{
    if (vcpu != NULL && rv_vcpu_of(vcpu)->vgein != 0) {
        select_file(rv_vcpu_of(vcpu)->vgein);
        read_file(f, false);
    }
}

void rv_imsic_guest_restore(const struct rv_imsic_file *f, const struct vcpu *vcpu)
{
    if (vcpu != NULL && rv_vcpu_of(vcpu)->vgein != 0) {
        select_file(rv_vcpu_of(vcpu)->vgein);
        write_file(f);
    }
}

/* ---- files in memory ------------------------------------------------------------------------- */

struct rv_imsic_memory {
    struct spinlock lock;
    volatile void *page GUARDED_BY(lock);    /* where the file is; NULL: here */
    struct rv_imsic_file f GUARDED_BY(lock); /* with page NULL */
};

enum err arch_vcpu_file(struct vcpu *vcpu)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);

    v->file = pool_alloc(sizeof(*v->file), alignof(struct rv_imsic_memory));
    if (v->file == NULL) {
        return ERR_NO_MEMORY;
    }
    spinlock_init(&v->file->lock);
    return ERR_OK;
}

/* Own hart: the line, after a change of what the file holds; the hart's follow before the guest. */
static void update_line(struct rv_vcpu *v) REQUIRES(v->file->lock)
{
    bool line = rv_imsic_file_interrupts(&v->file->f);

    vcpu_irq_set(&v->core, VCPU_IRQ_EXT, line);
    rv_imsic_show(line);
}

/* The guest's file on its hart; 0: none, or in memory. */
static void set_vgein(struct rv_vcpu *v, uint32_t vgein)
{
    v->vgein = vgein;
    v->trap.hstatus &= ~HSTATUS_VGEIN;
    v->trap.hstatus |= (uint64_t)vgein << HSTATUS_VGEIN_SHIFT;
}

void rv_imsic_load(struct rv_vcpu *v)
{
    const struct hart *hart = &rv_hart_self()->core;
    uint32_t vgein = v->file != NULL ? rv_imsic_visitors(hart) : 0;

    if (vgein == 0) {
        return;
    }
    set_vgein(v, vgein);
    select_file(vgein);
    spin_lock(&v->file->lock);
    write_file(&v->file->f);
    v->file->page = rv_imsic_page(hart, vgein).regs;
    /* Without a request: the lines are looked at next, by who loads it. */
    atomic_fetch_and_explicit(&v->core.irq_lines, ~(1u << VCPU_IRQ_EXT), memory_order_relaxed);
    spin_unlock(&v->file->lock);
}

/*
 * The line is raised without a request: one that goes on wanting its turn needs none, and for one
 * that waits arch_vcpu_watch() looks at it next.
 */
void rv_imsic_put(struct rv_vcpu *v)
{
    if (v->file == NULL) {
        return;
    }
    rv_imsic_show(false);
    if (v->vgein == 0) {
        return;
    }
    select_file(v->vgein);
    spin_lock(&v->file->lock);
    v->file->page = NULL;
    __asm__ volatile("fence iorw, iorw" ::: "memory"); /* a sender's MSI, then what is read here */
    read_file(&v->file->f, true);
    if (rv_imsic_file_interrupts(&v->file->f)) {
        atomic_fetch_or_explicit(&v->core.irq_lines, 1u << VCPU_IRQ_EXT, memory_order_relaxed);
    }
    spin_unlock(&v->file->lock);
    set_vgein(v, 0);
}

void rv_imsic_reset(struct rv_vcpu *v)
{
    uint64_t hstatus = csr_read(CSR_HSTATUS);
    uint64_t select;

    if (v->file != NULL) {
        spin_lock(&v->file->lock);
        v->file->f = (struct rv_imsic_file){0};
        update_line(v);
        spin_unlock(&v->file->lock);
    }
    if (v->vgein != 0) {
        select = csr_read(CSR_VSISELECT);
        select_file(v->vgein);
        clear_file();
        csr_write(CSR_VSISELECT, select);
        csr_write(CSR_HSTATUS, hstatus);
    }
}

/* stopei names the first identity, and makes it not pending when it is written [AIA 3.10]. */
static uint64_t access_top(struct rv_imsic_file *f, bool writes)
{
    uint32_t id = rv_imsic_file_top(f);

    if (writes) {
        f->eip[id / 64u] &= ~(1ull << id % 64u);
    }
    return (uint64_t)id << STOPEI_ID_SHIFT | id;
}

static uint64_t access_reg(uint64_t *reg, const struct rv_sys_insn *insn, uint64_t select,
                           uint64_t operand)
{
    uint64_t old = *reg;

    if (insn->csr_writes) {
        *reg = rv_imsic_file_legal(select, rv_sys_csr_value(insn, old, operand),
                                   machine.irqchip.guest_ids);
    }
    return old;
}

bool rv_imsic_csr(struct rv_vcpu *v, const struct rv_sys_insn *insn)
{
    uint64_t operand = insn->rs1 != 0 ? v->frame.x[insn->rs1] : 0;
    uint64_t select, value;
    uint64_t *reg;

    if (v->file == NULL || v->vgein != 0) {
        return false;
    }
    select = csr_read(CSR_VSISELECT);
    reg = insn->csr == CSR_SIREG ? rv_imsic_file_reg(&v->file->f, select) : NULL;
    if (reg == NULL && insn->csr != CSR_STOPEI) {
        return false;
    }
    spin_lock(&v->file->lock);
    value = reg != NULL ? access_reg(reg, insn, select, operand)
                        : access_top(&v->file->f, insn->csr_writes);
    update_line(v);
    spin_unlock(&v->file->lock);
    if (insn->rd != 0) {
        v->frame.x[insn->rd] = value;
    }
    return true;
}

static __attribute__((noinline)) void send_to_memory(struct rv_vcpu *v, uint32_t id)
{
    struct rv_imsic_memory *m = v->file;
    struct hart *owed = NULL;

    spin_lock(&m->lock);
    if (m->page != NULL) {
        rv_imsic_send(m->page, id);
        (void)io_read32(m->page, IMSIC_SETEIPNUM_LE);
        __asm__ volatile("fence io, rw" ::: "memory"); /* it has arrived before the lock is free */
    } else {
        rv_imsic_file_set(&m->f, id, machine.irqchip.guest_ids);
        if (rv_imsic_file_interrupts(&m->f)) {
            owed = vcpu_irq_post(&v->core, VCPU_IRQ_EXT, true);
        }
    }
    spin_unlock(&m->lock);
    if (owed != NULL) {
        hart_kick(owed);
    }
}

uint32_t rv_imsic_guest_index(const struct vcpu *vcpu)
{
    const struct rv_vcpu *v = rv_vcpu_of(vcpu);

    return v->file == NULL ? v->vgein : 0;
}

/* ---- the port ------------------------------------------------------------------------------- */

enum err arch_vcpu_msi_page(struct vcpu *vcpu, hpa_t *page)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);

    const struct hart *hart = vcpu_hart(vcpu);

    v->vgein = rv_imsic_present() ? rv_imsic_give(hart) : 0;
    if (v->vgein == 0) {
        return ERR_NO_MEMORY;
    }
    v->msi_regs = rv_imsic_page(hart, v->vgein).regs;
    *page = rv_imsic_page(hart, v->vgein).hpa;
    return ERR_OK;
}

/* An identity that the file does not have is ignored by it [AIA 3.5]. */
void arch_vcpu_msi(struct vcpu *vcpu, uint32_t eiid)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);

    if (v->msi_regs != NULL) {
        rv_imsic_send(v->msi_regs, eiid);
    } else {
        send_to_memory(v, eiid);
    }
}
