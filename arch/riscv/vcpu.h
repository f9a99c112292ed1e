/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU and a VM as RISC-V knows them: registers, CSRs, stage 2. Each embeds core's structure.
 *
 * A vCPU's registers are touched by its own hart only; so are its CSRs, which are in the hart while
 * core.loaded is true and in csrs otherwise. No lock.
 */
#ifndef ARCH_RISCV_VCPU_H
#define ARCH_RISCV_VCPU_H

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/gstage.h"
#include "arch/riscv/pmu.h"
#include "core/timer.h"
#include "core/vcpu.h"
#include "core/vm.h"
#include "sbi/abi.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rv_hart;
struct rv_imsic_memory;
struct rv_vec;

/* The guest's integer registers. */
struct rv_frame {
    uint64_t x[32]; /* x[0] is not used */
};

#define RV_REG_RA 1u
#define RV_REG_A0 10u
#define RV_REG_A1 11u

/*
 * What a trap left, read once on the general path; everything after computes on this. sepc, sstatus
 * and hstatus are also what the vCPU is entered with.
 */
struct rv_trap {
    uint64_t sepc;
    uint64_t sstatus;
    uint64_t hstatus;
    uint64_t scause;
    uint64_t stval;
    uint64_t htval;
    uint64_t htinst;
};

/* The CSRs of the guest, for as long as it is not loaded. */
struct rv_guest_csrs {
    uint64_t vsstatus, vsie, vstvec, vsscratch, vsepc, vscause, vstval, vsatp;
    uint64_t vstimecmp;           /* UINT64_MAX: none; unused without Sstc */
    uint64_t vsiselect;           /* with AIA */
    uint64_t vsip;                /* SIP_SSIP, SIP_LCOFIP: the guest clears them by itself */
    uint64_t scounteren, senvcfg; /* not banked; Curia itself has no use for them */
    uint64_t ssp;                 /* where shadow stacks are offered; not banked */
    uint64_t counters;            /* hcounteren beyond Zicntr: event counters, if configured */
};

/* Counters that are promised as Zicntr. Firmware leaves scounteren open, and Linux counts on it. */
#define COUNTERS_GUEST (COUNTEREN_CY | COUNTEREN_TM | COUNTEREN_IR)

/* An event counter of the hart that is configured: what the firmware was told of it. */
struct rv_counter {
    uint64_t data;
    uint64_t value; /* while not loaded */
    uint32_t event;
    uint8_t flags;
};

struct rv_fp {
    uint64_t f[32];
    uint64_t fcsr;
};

/* While its guest runs, a hart's sscratch points to this. */
struct rv_vcpu {
    struct vcpu core; /* first: trap.S hands sscratch on to sbi_fast() */
    struct rv_frame frame;
    struct rv_hart *hart; /* trap.S: becomes tp */
    struct rv_trap trap;
    struct rv_guest_csrs csrs;
    struct rv_fp fp; /* while not loaded; loaded, it is stale if trap.sstatus.FS is dirty */
    /* Own hart. Without Sstc: raises VCPU_IRQ_TIMER. With it: arch_vcpu_watch()'s. */
    struct timer timer;
    struct mmio_dev *mmio_last;   /* the device it last had an access emulated of */
    struct rv_hart *last_hart;    /* where it was last loaded */
    _Atomic uint32_t fences_done; /* rv_vm.fences as carried out for it; written by its own hart */

    /* The interrupt file, owned by imsic_guest.c; fixed at boot but for a vgein with file. */
    struct rv_imsic_memory *file; /* NULL: it is in the hart for good, or there is none */
    uint32_t vgein;               /* number of the hart's guest file; 0: none, or not now */
    volatile void *msi_regs;      /* the file's page, for the hypervisor; NULL: with file */

    struct rv_counter counters[RV_HPM_READABLE]; /* by arch_pmu_*'s number */
    uint32_t overflows;                          /* while not loaded: whose OF is set */
    struct rv_vec *vec; /* as fp, by trap.sstatus.VS; NULL: the VM has no vectors; fixed at boot */
};

struct rv_vm {
    struct gstage stage2;    /* changed at boot, and while no vCPU runs */
    _Atomic uint32_t fences; /* how often its translations were declared stale (tlb.h) */
    struct vm core;
};

/* Own hart: brings it to vcpu->features, loaded or being loaded. */
void rv_vcpu_features(const struct vcpu *vcpu);

/* vcpu_irq.c, own hart: it is being loaded, arch_vcpu_watch() is over. */
void rv_vcpu_unwatch(struct rv_vcpu *v);

/* Is a trap of its guest a double trap if SDT is set? (henvcfg.DTE) */
static inline bool rv_vcpu_double_trap(const struct vcpu *vcpu)
{
    return (vcpu->features >> SBI_FWFT_DOUBLE_TRAP & 1u) != 0;
}

static inline struct rv_vcpu *rv_vcpu_of(const struct vcpu *v)
{
    return container_of(v, struct rv_vcpu, core);
}

static inline struct rv_vm *rv_vm_of(const struct vm *vm)
{
    return container_of(vm, struct rv_vm, core);
}

#endif
