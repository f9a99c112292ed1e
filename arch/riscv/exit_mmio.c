/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest-page faults: a load or store of a device model is emulated; everything else is an access
 * fault in the guest, as on hardware with nothing there (or with something that refuses: a store to
 * a shared region that is read-only for this VM).
 *
 * The instruction comes from htinst where the hart gives it, else it is fetched; both are under the
 * guest's control, so a fetched one is checked against the fault, and on any doubt the guest resumes
 * at sepc and faults again, in its own time. Own hart; a device's lock is the device's.
 */
#include "arch/riscv/csr_bits.h"
#include "arch/riscv/guest_mem.h"
#include "arch/riscv/insn.h"
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

/* One access on the bus. A misaligned one is the device's to take or refuse. */
static enum err access(struct rv_vcpu *v, const struct rv_mmio_insn *insn, gpa_t at)
{
    const struct mmio_bus *bus = &v->core.vm->bus;
    uint64_t value;
    enum err e;

    /* Split by the hart, or going on in the next page, which may be mapped to anywhere. */
    if (insn->addr_offset != 0 || (at.v & (PAGE_SIZE - 1)) + insn->width_bytes > PAGE_SIZE) {
        return ERR_NOT_FOUND;
    }
    if (insn->write) {
        value = rv_insn_store_value(insn, v->frame.x[insn->reg]);
        return mmio_bus_write(bus, &v->core, at, insn->width_bytes, value);
    }
    e = mmio_bus_read(bus, &v->core, at, insn->width_bytes, &value);
    if (e == ERR_OK && insn->reg != 0) {
        v->frame.x[insn->reg] = rv_insn_load_extend(insn, value);
    }
    return e;
}

void rv_exit_page_fault(struct rv_vcpu *v)
{
    const struct rv_trap *t = &v->trap;
    gpa_t at = gpa((t->htval << 2) | (t->stval & 3));
    struct rv_mmio_insn insn;
    enum decoded d = DECODED_REFUSED;

    if (t->scause != CAUSE_INSN_GUEST_PAGE_FAULT && memmap_find(&v->core.vm->map, at) == NULL) {
        d = decode(v, &insn);
    }
    if (d == DECODED_OK && access(v, &insn, at) == ERR_OK) {
        v->core.exits[EXIT_MMIO]++;
        rv_skip(v, insn.insn_bytes);
        return;
    }
    v->core.exits[EXIT_PAGE_FAULT]++;
    if (d != DECODED_AGAIN) {
        rv_reflect(v);
    }
}
