/* SPDX-License-Identifier: BSD-2-Clause */
/* Harts and traps, see hart.h. No locks: each hart touches its own struct. */
#include "guests/lib/hart.h"

#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/irq.h"
#include "guests/lib/offsets.h"
#include "guests/lib/sbi_call.h"

#include <stddef.h>

#define STACK_BYTES 16384u

_Static_assert(offsetof(struct guest_hart, sepc) == HART_SEPC, "offsets.h");
_Static_assert(offsetof(struct guest_hart, sstatus) == HART_SSTATUS, "offsets.h");
_Static_assert(offsetof(struct guest_hart, scause) == HART_SCAUSE, "offsets.h");
_Static_assert(offsetof(struct guest_hart, stval) == HART_STVAL, "offsets.h");
_Static_assert(offsetof(struct guest_hart, stack_top) == HART_STACK_TOP, "offsets.h");
_Static_assert(offsetof(struct guest_hart, trap_top) == HART_TRAP_TOP, "offsets.h");
_Static_assert(offsetof(struct guest_hart, catching) == HART_CATCHING, "offsets.h");
_Static_assert(offsetof(struct guest_hart, catch_regs) == HART_CATCH, "offsets.h");
_Static_assert(offsetof(struct guest_hart, sleep_sp) == HART_SLEEP_SP, "offsets.h");

struct guest_hart guest_harts[GUEST_HARTS];
struct guest_entry guest_entry;

static _Alignas(16) char stacks[GUEST_HARTS][2][STACK_BYTES];

void guest_trap_entry(void);
void guest_hart_entry(void);
int64_t guest_sleep_raw(void (*entry)(void));
bool trap_catch_raw(void (*f)(void *arg), void *arg);
void guest_boot(uint64_t a0, uint64_t a1);
void guest_hart_boot(struct guest_hart *self);
void guest_trap(struct guest_hart *h);

void hart_init_traps(struct guest_hart *self)
{
    csr_write(CSR_SSCRATCH, (uint64_t)(uintptr_t)self);
    csr_write(CSR_STVEC, (uint64_t)(uintptr_t)guest_trap_entry);
}

void guest_boot(uint64_t a0, uint64_t a1)
{
    guest_entry = (struct guest_entry){
        .a0 = a0,
        .a1 = a1,
        .sstatus = csr_read(CSR_SSTATUS),
        .sie = csr_read(CSR_SIE),
        .satp = csr_read(CSR_SATP),
    };
    for (uint32_t i = 0; i < GUEST_HARTS; i++) {
        guest_harts[i].index = i;
        guest_harts[i].stack_top = (uint64_t)(uintptr_t)stacks[i][0] + STACK_BYTES;
        guest_harts[i].trap_top = (uint64_t)(uintptr_t)stacks[i][1] + STACK_BYTES;
    }
    hart_init_traps(hart_self());
    board_read((const void *)(uintptr_t)a1, a0);

    struct guest_hart *self = &guest_harts[board.boot_index];

    for (uint32_t i = 0; i < board.hart_count; i++) {
        guest_harts[i].id = board.harts[i].id;
    }
    __asm__ volatile("mv tp, %0" : : "r"(self) : "memory");
    hart_init_traps(self);
    guest_main();
    guest_panic("panic: guest_main() came back");
}

void guest_hart_boot(struct guest_hart *self)
{
    hart_init_traps(self);
    self->main(self);
    guest_hart_stop();
}

int64_t guest_hart_start(uint32_t index, void (*main)(struct guest_hart *self))
{
    struct guest_hart *h = &guest_harts[index];

    h->main = main;
    atomic_thread_fence(memory_order_seq_cst);
    return sbi_call(SBI_EXT_HSM, SBI_HSM_START, h->id, (uint64_t)(uintptr_t)guest_hart_entry,
                    (uint64_t)(uintptr_t)h, 0)
        .error;
}

void guest_hart_stop(void)
{
    csr_clear(CSR_SSTATUS, SSTATUS_SIE);
    (void)sbi_call(SBI_EXT_HSM, SBI_HSM_STOP, 0, 0, 0, 0);
    guest_panic("panic: HSM stop came back");
}

/* A hart that resumes has nothing but a0 and a1 [SBI 3.0, SUSP]. */
int64_t guest_sleep_at(void (*entry)(void))
{
    uint64_t sie = csr_read(CSR_SIE);
    int64_t error = guest_sleep_raw(entry);

    hart_init_traps(hart_self());
    csr_write(CSR_SIE, sie);
    return error;
}

int64_t guest_sleep(void)
{
    return guest_sleep_at(guest_wake_entry);
}

/* ---- traps ------------------------------------------------------------------------------------
 */

bool trap_catch(struct trap_info *info, bool irqs, void (*f)(void *arg), void *arg)
{
    struct guest_hart *h = hart_self();

    h->catch_irqs = irqs;
    if (!trap_catch_raw(f, arg)) {
        return false;
    }
    *info = h->caught;
    return true;
}

/* Returns from trap_catch_raw() with 1. */
static void end_catch(struct guest_hart *h)
{
    const uint64_t *regs = h->catch_regs;

    h->caught = (struct trap_info){h->sepc, h->sstatus, h->scause, h->stval};
    h->caught_a0 = h->x[10];
    h->catching = 0;
    h->sepc = regs[0];
    h->x[1] = regs[0];
    h->x[2] = regs[1];
    h->x[4] = (uint64_t)(uintptr_t)h;
    h->x[8] = regs[2];
    h->x[9] = regs[3];
    for (uint32_t i = 0; i < 10; i++) {
        h->x[18 + i] = regs[4 + i];
    }
    h->x[10] = 1;
    h->sstatus = (regs[14] & ~(SSTATUS_SPIE | SSTATUS_SPP)) | SSTATUS_SPP |
                 ((regs[14] & SSTATUS_SIE) != 0 ? SSTATUS_SPIE : 0);
    h->sstatus &= ~SSTATUS_SIE;
}

static void soft_irq(struct guest_hart *h)
{
    csr_clear(CSR_SIP, 1u << IRQ_S_SOFT);
    h->irqs[0]++;
    if (h->on_soft != NULL) {
        h->on_soft(h);
    }
}

static void timer_irq(struct guest_hart *h)
{
    h->irqs[1]++;
    if (h->on_timer != NULL) {
        h->on_timer(h);
    } else {
        csr_clear(CSR_SIE, 1u << IRQ_S_TIMER);
    }
}

void guest_trap(struct guest_hart *h)
{
    bool irq = (h->scause & SCAUSE_IRQ) != 0;

    if (h->catching != 0 && (!irq || h->catch_irqs)) {
        end_catch(h);
        return;
    }
    switch (h->scause) {
    case SCAUSE_IRQ | IRQ_S_SOFT:
        soft_irq(h);
        return;
    case SCAUSE_IRQ | IRQ_S_TIMER:
        timer_irq(h);
        return;
    case SCAUSE_IRQ | IRQ_S_EXT:
        h->irqs[2]++;
        irq_dispatch();
        return;
    default:
        guest_panic("panic: hart %lu: trap %lx at %lx, stval %lx, ra %lx", (unsigned long)h->id,
                    (unsigned long)h->scause, (unsigned long)h->sepc, (unsigned long)h->stval,
                    (unsigned long)h->x[1]);
    }
}

void irqs_on(void)
{
    csr_set(CSR_SSTATUS, SSTATUS_SIE);
}

bool irqs_off(void)
{
    bool on = (csr_read(CSR_SSTATUS) & SSTATUS_SIE) != 0;

    csr_clear(CSR_SSTATUS, SSTATUS_SIE);
    return on;
}

void irqs_wait(void)
{
    __asm__ volatile("wfi" : : : "memory");
    irqs_on();
    __asm__ volatile("nop" : : : "memory");
    csr_clear(CSR_SSTATUS, SSTATUS_SIE);
}
