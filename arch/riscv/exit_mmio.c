/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest-page faults: a load or store of a device model is emulated; everything else is an access
 * fault in the guest, as on hardware with nothing there (or with something that refuses: a store to
 * a shared region that is read-only for this VM).
 *
 * The instruction comes from htinst where the hart gives it, else it is fetched; both are under the
 * guest's control, so a fetched one is checked against the fault, and on any doubt the guest
 * resumes at sepc and faults again, in its own time. Own hart; a device's lock is the device's.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/guest_mem.h"
#include "arch/riscv/insn.h"
#include "arch/riscv/tlb.h"
#include "arch/riscv/trap.h"

enum decoded {
    DECODED_OK,
    DECODED_REFUSED, /* not an access that can be emulated */
    DECODED_AGAIN,   /* the instruction is not the one that faulted: resume at sepc */
};

static enum decoded decode_fetched(const struct rv_vcpu *v, struct rv_mmio_insn *insn)
{
    const struct rv_trap *t = &v->trap;
    uint32_t bits;
    unsigned int bytes;

    if (rv_guest_fetch(gva(t->sepc), &bits, &bytes) != ERR_OK) {
        return DECODED_AGAIN;
    }
    if (rv_mmio_decode_insn(bits, insn) != RV_MMIO_OK) {
        return DECODED_REFUSED;
    }
    /* x0 is never written in the frame, so it reads as 0 there too */
    return rv_mmio_locate(insn, v->frame.x[insn->base_reg], t->stval) ? DECODED_OK : DECODED_AGAIN;
}

static enum decoded decode(const struct rv_vcpu *v, struct rv_mmio_insn *insn)
{
    enum decoded d = DECODED_REFUSED;

    switch (rv_mmio_decode_htinst(v->trap.htinst, insn)) {
    case RV_MMIO_OK:
        d = DECODED_OK;
        break;
    case RV_MMIO_UNKNOWN:
        d = decode_fetched(v, insn);
        break;
    case RV_MMIO_REFUSED:
    case RV_MMIO_WALK_READ: /* its page tables lie where nothing can be read */
    case RV_MMIO_WALK_WRITE:
        break;
    }
    if (d == DECODED_OK && insn->write != (v->trap.scause == CAUSE_STORE_GUEST_PAGE_FAULT)) {
        d = DECODED_AGAIN;
    }
    return d;
}

/*
 * One access on the bus, and on to the next instruction; or the guest is to try again (ERR_BUSY). A
 * misaligned one is the device's to take or refuse. False: an access fault; nothing has changed.
 */
static bool access(struct rv_vcpu *v, const struct rv_mmio_insn *insn, gpa_t at)
{
    const struct mmio_bus *bus = &v->core.vm->bus;
    uint64_t value;
    enum err e;

    /* Split by the hart, or going on in the next page, which may be mapped to anywhere. */
    if (insn->addr_offset != 0 || (at.v & (PAGE_SIZE - 1)) + insn->width_bytes > PAGE_SIZE) {
        return false;
    }
    if (insn->write) {
        value = rv_insn_store_value(insn, v->frame.x[insn->reg]);
        e = mmio_bus_write(bus, &v->core, at, insn->width_bytes, value);
    } else {
        e = mmio_bus_read(bus, &v->core, at, insn->width_bytes, &value);
        if (e == ERR_OK && insn->reg != 0) {
            v->frame.x[insn->reg] = rv_insn_load_extend(insn, value);
        }
    }
    if (e == ERR_OK) {
        rv_skip(v, insn->insn_bytes);
    }
    if (e == ERR_OK || e == ERR_BUSY) {
        v->core.exits[EXIT_MMIO]++;
        return true;
    }
    return false;
}

static gpa_t fault_gpa(uint64_t htval, uint64_t stval)
{
    return gpa((htval << 2) | (stval & 3));
}

/* ---- the usual case, in a hurry ------------------------------------------------------------- */

/*
 * htinst of an integer load, or store, that was not split: what has to be 0 but the opcode, which
 * is LOAD or STORE with bit 1 telling a compressed one. insn.c knows all there is; this, the most
 * usual.
 */
#define HTINST_LOAD_MASK   0xffffffffffff807dull
#define HTINST_LOAD        0x01ull
#define HTINST_STORE_MASK  0xfffffffffe0fcffdull
#define HTINST_STORE       0x21ull
#define HTINST_SIZE(h)     (((h) >> 12) & 3) /* log2 of the width in bytes */
#define HTINST_UNSIGNED(h) (((h) >> 14) & 1)
#define HTINST_LENGTH(h)   (2 + ((h)&2))

/* Of a register, above the width of the access. */
#define UNUSED_BITS(h) (64u - (8u << HTINST_SIZE(h)))

/* The device that holds [at, at + width), the last one first; NULL: none. */
static struct mmio_dev *find_dev(struct rv_vcpu *v, uint64_t at, uint64_t width)
{
    const struct mmio_bus *bus = &v->core.vm->bus;
    struct mmio_dev *dev = v->mmio_last;

    for (uint32_t i = 0; dev == NULL || at - dev->base.v >= dev->size; i++) {
        if (i == bus->count) {
            return NULL;
        }
        dev = bus->devs[i];
    }
    v->mmio_last = dev;
    return width <= dev->size - (at - dev->base.v) ? dev : NULL;
}

/*
 * What is read of CSRs here is read again after the model has run, rather than kept over that in
 * registers that would have to be saved first. A stack protector has nothing to protect here, and
 * costs a twelfth of the whole.
 */
__attribute__((no_stack_protector)) enum rv_fast rv_mmio_fast(struct rv_vcpu *v, uint64_t htinst,
                                                              uint64_t reg)
{
    bool write = (htinst & HTINST_STORE_MASK) == HTINST_STORE;
    uint64_t width = 1ull << HTINST_SIZE(htinst);
    uint64_t at = (csr_read(CSR_HTVAL) << 2) | (csr_read(CSR_STVAL) & 3);
    struct mmio_dev *dev;
    uint64_t value;
    enum err e;

    if ((!write && (htinst & HTINST_LOAD_MASK) != HTINST_LOAD) || (at & (width - 1)) != 0) {
        return RV_FAST_DECLINED;
    }
    dev = find_dev(v, at, width);
    if (dev == NULL) {
        return RV_FAST_DECLINED;
    }

    /* So that what the model posts to this vCPU is found below, and not by an interrupt. */
    atomic_store_explicit(&v->hart->core.mode, HART_HYP, memory_order_release);
    at -= dev->base.v;
    if (write) {
        value = v->frame.x[reg] << UNUSED_BITS(htinst) >> UNUSED_BITS(htinst);
        e = dev->ops->write(dev, &v->core, at, (uint32_t)width, value);
    } else {
        e = dev->ops->read(dev, &v->core, at, (uint32_t)width, &value);
    }
    if (e != ERR_OK) { /* a busy one has changed nothing, and is tried once more there */
        return RV_FAST_DECLINED;
    }
    htinst = csr_read(CSR_HTINST);
    if (!write && reg != 0) {
        value <<= UNUSED_BITS(htinst);
        v->frame.x[reg] = HTINST_UNSIGNED(htinst) != 0
                              ? value >> UNUSED_BITS(htinst)
                              : (uint64_t)((int64_t)value >> UNUSED_BITS(htinst));
    }
    v->core.exits[EXIT_MMIO]++;
    csr_write(CSR_SEPC, csr_read(CSR_SEPC) + HTINST_LENGTH(htinst));
    return rv_go_on(v);
}

/* ---- and in full ---------------------------------------------------------------------------- */

void rv_exit_page_fault(struct rv_vcpu *v)
{
    const struct rv_trap *t = &v->trap;
    struct rv_mmio_insn insn;
    enum decoded d = DECODED_REFUSED;

    if (t->scause != CAUSE_INSN_GUEST_PAGE_FAULT) {
        d = decode(v, &insn);
    }
    if (d == DECODED_OK && access(v, &insn, fault_gpa(t->htval, t->stval))) {
        return;
    }
    v->core.exits[EXIT_PAGE_FAULT]++;
    if (d != DECODED_AGAIN) {
        rv_reflect(v);
    }
}
