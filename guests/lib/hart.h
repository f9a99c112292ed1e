/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's harts and their traps. A hart's struct is its own; others read id and index only.
 */
#ifndef GUESTS_LIB_HART_H
#define GUESTS_LIB_HART_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define GUEST_HARTS 8u

/* What a trap left in the CSRs. */
struct trap_info {
    uint64_t sepc, sstatus, scause, stval;
};

struct guest_hart {
    uint64_t x[32]; /* of the trap being handled; x[0] unused */
    uint64_t sepc, sstatus, scause, stval;
    uint64_t stack_top, trap_top;
    uint64_t catching; /* 1: a trap goes to trap_catch() */
    uint64_t catch_regs[15];
    uint64_t sleep_sp;

    bool catch_irqs; /* while catching: interrupts are caught too */
    struct trap_info caught;
    uint64_t caught_a0;
    uint64_t id;    /* hart id */
    uint32_t index; /* in the FDT's order */
    void (*main)(struct guest_hart *self);
    void (*on_timer)(struct guest_hart *self); /* must move the timer */
    void (*on_soft)(struct guest_hart *self);  /* sip.SSIP is clear already */
    uint64_t irqs[3];                          /* taken: software, timer, external */
};

extern struct guest_hart guest_harts[GUEST_HARTS];

static inline struct guest_hart *hart_self(void)
{
    struct guest_hart *self;

    __asm__ volatile("mv %0, tp" : "=r"(self));
    return self;
}

/* What each guest defines: runs on the boot hart, traps set, board read, interrupts off. */
void guest_main(void);

/* a0 and a1 of the first entry, and CSRs as they were then. */
struct guest_entry {
    uint64_t a0, a1, sstatus, sie, satp;
};
extern struct guest_entry guest_entry;

/* The hart's traps come to guest_trap(). For harts that are entered past guest_hart_start(). */
void hart_init_traps(struct guest_hart *self);

/*
 * Starts hart index of the board at main by HSM; SBI's error. main must not return, but may stop
 * the hart. It begins with interrupts off and a fresh stack.
 */
int64_t guest_hart_start(uint32_t index, void (*main)(struct guest_hart *self));

/* Stops the calling hart by HSM. */
_Noreturn void guest_hart_stop(void);

/*
 * Calls f(arg). True: a trap ended it, told in *info (whatever f did to registers and mode is
 * undone, sstatus.SIE too); false: f came back. Not nested. With irqs, an interrupt ends it as
 * well.
 */
bool trap_catch(struct trap_info *info, bool irqs, void (*f)(void *arg), void *arg);

/* Interrupts of this hart on or off; off returns whether they were on. */
void irqs_on(void);
bool irqs_off(void);

/*
 * Sleeps by SBI SUSP until an interrupt is pending that this hart has enabled in sie. Interrupts
 * are off, all other harts stopped. 0: it has slept; registers, traps and sie are as before, time
 * has passed. SBI's error: it has not. entry: where the hart resumes; guest_wake_entry, or what
 * jumps there with a0 and a1 as they were.
 */
int64_t guest_sleep_at(void (*entry)(void));
int64_t guest_sleep(void);
void guest_wake_entry(void);

/* Waits for any enabled interrupt, which is then taken, and returns with interrupts off. To be
 * called with interrupts off after having found nothing to do. */
void irqs_wait(void);

#endif
