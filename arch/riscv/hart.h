/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hart as the port knows it, what the machine's harts can do, and the machine side's functions.
 *
 * In HS-mode tp points to the struct rv_hart of the hart that runs, always; interrupts are off.
 * Everything here is filled by the boot hart before the other harts start, and constant after that,
 * unless a field says otherwise; so no lock.
 */
#ifndef ARCH_RISCV_HART_H
#define ARCH_RISCV_HART_H

/* Offsets that assembler relies on; checked in hart.c. */
#define RV_HART_STACK_TOP 0
#define RV_HART_TRAP_REGS 8
#define RV_HART_SLEEP_SP  40

#define RV_TRAP_REGS 4 /* sp, ra, t0, t1 */

#ifndef __ASSEMBLER__

#include "core/addr.h"
#include "core/board.h"
#include "core/hart.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RV_TRIGGER_WORDS 5u

struct rv_vcpu;

struct rv_hart {
    uint64_t stack_top;               /* virtual; the stack is empty when a guest is entered */
    uint64_t trap_regs[RV_TRAP_REGS]; /* own hart: what rv_hyp_trap saves before it has a stack */

    uint64_t sleep_sp; /* own hart: of rv_sleep(), while the firmware has the hart */

    struct hart core;

    /* Own hart: whose state is in its VS CSRs, FP and vector registers, or NULL. The guest
     * side's. */
    struct rv_vcpu *resident;

    uint64_t watched; /* own hart: guest files in hgeie, of vCPUs that wait and are not loaded */

    uint64_t share_maps; /* own hart: the share slots (mmu.c) as it knows them */

    /* Own hart: leaf entries and addresses of its two windows (window.c). */
    _Atomic uint64_t *window_pte;
    char *window;

    /* Own hart, dbtr.c's: numbers of the firmware's triggers that are set, and what it reads. */
    uint64_t triggers;
    uint64_t trigger_block[RV_TRIGGER_WORDS];

    const struct board_hart *board;
    uint64_t isa[2];         /* what it has of the names of isa.c. Constant once harts run */
    bool misaligned;         /* own hart: the firmware's MISALIGNED_EXC_DELEG as it is now */
    uint8_t fw_features;     /* bits RV_FEATURE(): what rv_features_ask() was granted; as vlenb */
    uint32_t vlenb;          /* bytes of a vector register; 0: none. Before online, by itself */
    _Atomic uint32_t online; /* set by the hart itself when it is ready to run */
};

static inline struct rv_hart *rv_hart_of(struct hart *hart)
{
    return container_of(hart, struct rv_hart, core);
}

static inline const struct rv_hart *rv_hart_of_const(const struct hart *hart)
{
    return (const struct rv_hart *)(const void *)((const char *)hart -
                                                  offsetof(struct rv_hart, core));
}

#ifdef __riscv
/* The hart this runs on. */
static inline struct rv_hart *rv_hart_self(void)
{
    struct rv_hart *self;

    __asm__ volatile("mv %0, tp" : "=r"(self));
    return self;
}
#endif

/*
 * What every hart of the machine has: what the FDT says of all of them, probed on the boot hart
 * where a probe is possible. Constant after boot.
 */
struct rv_features {
    /* By the FDT. */
    bool f, d;
    bool zicbom, zicboz, zicbop;
    uint32_t zicboz_block; /* bytes that cbo.zero clears, for Curia itself; 0: do not use it */
    bool zawrs, zihintpause;
    bool svinval, svnapot, svpbmt, svadu;

    /* By the FDT and a probe. */
    bool sscofpmf;  /* event counters that leave modes out, and a firmware with PMU */
    bool sstc;      /* stimecmp and henvcfg.STCE work */
    bool aia;       /* Ssaia: siselect, stopei, hvictl ... */
    bool lcofi;     /* and guests get their overflow interrupts, by one of the two below */
    bool smstateen; /* hstateen0 */
    bool hvictl;
    bool jvt, ctr; /* Zcmt's jvt, Ssctr's CSRs: offered to no guest, but there */
    bool henvcfg;  /* privileged 1.12: henvcfg and senvcfg */

    /* By the firmware: debug triggers that a guest may have, 0 to DBTR_TRIGGERS. */
    uint32_t triggers;

    /* By the firmware of all harts: bits RV_FEATURE(). */
    uint8_t fw_features; /* switched per vCPU */
    uint8_t fw_at_start; /* what the boot hart came with */

    /* Read back. */
    uint64_t henvcfg_bits;   /* writable */
    uint64_t hstateen0_bits; /* writable */
    uint64_t hedeleg_bits;   /* writable */
    uint64_t hgeie_bits;     /* writable: bit g for guest file g */
    uint64_t lcofi_hvien;    /* bit 13: LCOFI is Curia's, and a virtual one the guest's; or 0 */
    uint64_t lcofi_hideleg;  /* bit 13: LCOFI is the guest's own; or 0 */
    uint32_t vmid_bits;
    bool sv39x4, sv48x4;
};

extern struct rv_features rv_features;

/* Bit of a feature of SBI's FWFT, as core's vcpu.features has it. */
#define RV_FEATURE(id) (1u << (id))

typedef char rv_isa_name[12];

/*
 * Which of the names (lower case, "h", "sstc"; 64 at most) does the FDT say this hart has: bit i
 * for names[i]. One pass over what the FDT says. Pure.
 */
uint64_t rv_isa_have(const struct board_hart *hart, const rv_isa_name *names, size_t count);

/* The same for one name. */
bool rv_isa_has(const struct board_hart *hart, const char *name);

/*
 * Tells the features: reads rv_features' FDT half from the harts in use and probes the rest on this
 * hart. Boot hart, before any other hart runs.
 */
void rv_features_read(struct hart *const *harts, uint32_t count);

/*
 * Own hart: asks its firmware for the features that are the firmware's to grant; the answer is in
 * hart->fw_features and misaligned. When it starts, and whenever the firmware has had it, which may
 * have reset them [SBI 3.0 §18].
 */
void rv_features_ask(struct rv_hart *hart);

/* Boot hart, all harts online, no guest yet: what all of them were granted. */
void rv_features_agree(struct hart *const *harts, uint32_t count);

/*
 * Own hart: acknowledges and dispatches the pending interrupts of HS level: software (a kick) and
 * timer (HART_WORK_TIMER; the comparator is switched off) become work, external ones go to the
 * IMSIC or the machine's irqchip, LCOFI to the vCPU that is loaded (alone: with an external one, it
 * stays pending), SGEI to the vCPU whose file it is. No lock held. Does not return if the machine
 * panics.
 */
void rv_handle_irqs(struct rv_hart *hart);

/* vcpu_irq.c, own hart: interrupts have come to these of the watched files (bit g: file g). */
void rv_watched_files(struct rv_hart *hart, uint64_t files);

/*
 * The vector for traps taken in HS-mode: stvec outside rv_run(), or jumped to by its vector with
 * all registers as they were at the trap. Such a trap is Curia's own fault: dumps and panics.
 */
void rv_hyp_trap(void);

/* ---- supplied by others ---------------------------------------------------------------------- */

/* trap.S: runs vCPUs on this hart, for good. tp = hart; the stack is reset to hart->stack_top. */
_Noreturn void rv_run(struct rv_hart *hart);

#endif /* !__ASSEMBLER__ */
#endif
