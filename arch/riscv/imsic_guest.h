/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt files of vCPUs [AIA ch. 3]: guest files of their harts, and those in memory. Also
 * implements arch_vcpu_msi_page(), arch_vcpu_file() and arch_vcpu_msi() of core/arch.h.
 *
 * "Own hart": only for the hart that calls; the file's registers are reached through its CSRs.
 */
#ifndef ARCH_RISCV_IMSIC_GUEST_H
#define ARCH_RISCV_IMSIC_GUEST_H

#include "arch/riscv/csr.h"
#include "arch/riscv/imsic_file.h"

#include <stdbool.h>
#include <stdint.h>

struct rv_sys_insn;
struct rv_vcpu;
struct vcpu;

/* Own hart: clears all its guest files. Leaves hstatus.VGEIN 0. */
void rv_imsic_guest_clear(void);

/*
 * Own hart: clears the vCPU's file, if it has one: nothing pending, nothing enabled, delivery off,
 * threshold 0. Keeps hstatus and vsiselect.
 */
void rv_imsic_reset(struct rv_vcpu *v);

/*
 * Own hart: a vCPU with a file in memory comes to its hart, and leaves it. Its file goes with it,
 * into the one guest file that a hart has for all such, and out again: trap.hstatus says by VGEIN
 * whether it did. Where the hart has none left it stays in memory. hstatus and vsiselect are
 * written. Nothing for other vCPUs.
 */
void rv_imsic_load(struct rv_vcpu *v);
void rv_imsic_put(struct rv_vcpu *v);

/*
 * Own hart, vCPU loaded: its guest's access to a CSR of its file trapped. Done, if the file is in
 * memory and has such a register; what the guest reads goes to its registers. False: otherwise.
 */
bool rv_imsic_csr(struct rv_vcpu *v, const struct rv_sys_insn *insn);

/*
 * Own hart: the guest's stopi is to show, or not, the external interrupt of a file in memory, whose
 * vCPU is loaded. It does so by hvip alone [AIA 6.3.3]; but on QEMU 10 by hvictl.
 */
static inline void rv_imsic_show(bool pending)
{
    csr_write(CSR_HVICTL, pending ? (uint64_t)IRQ_SEI << HVICTL_IID_SHIFT | HVICTL_IPRIO : 0);
}

/*
 * Own hart, vCPU (NULL: none) not loaded: what its file in the hart holds, if it is there; and
 * back, beside what has become pending.
 */
void rv_imsic_guest_save(struct rv_imsic_file *f, const struct vcpu *vcpu);
void rv_imsic_guest_restore(const struct rv_imsic_file *f, const struct vcpu *vcpu);

/* The guest file on its hart that is the vCPU's own for good; 0: it has none. */
uint32_t rv_imsic_guest_index(const struct vcpu *vcpu);

#endif
