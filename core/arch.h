/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The port: all that core/, sbi/ and drivers/virtual/ need from below. Implemented by arch/riscv/
 * and, for host tests, by tests/unit/fake_arch.c. Nothing here names a RISC-V register.
 *
 * "own hart" means: only for the hart that calls. Time is in ticks of machine.timebase_hz.
 */
#ifndef CORE_ARCH_H
#define CORE_ARCH_H

#include "core/addr.h"
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hart;
struct vcpu;
struct vm;

/* ---- the machine -------------------------------------------------------------------------- */

/* Spin-wait hint. */
void arch_relax(void);

/* Current time in ticks; the same on all harts. */
uint64_t arch_now(void);

/* Orders stores to ordinary memory before stores to devices (doorbell before its data is a bug). */
void arch_io_fence(void);

/* The hart this runs on. */
struct hart *arch_hart_self(void);

/*
 * Makes hart leave its guest or its wait, soon; harmless when it is in neither. Call through
 * hart_kick(), which spares it when it is not needed.
 */
void arch_hart_kick(struct hart *hart);

/* The same for several, by as few messages as can be. Through hart_kick_all(), which is for ports
 * that say machine.kicks_together. */
void arch_harts_kick(struct hart *const harts[], uint32_t count);

/*
 * Own hart: sleeps until an interrupt for the hypervisor or for the hart's guest is pending, then
 * handles those that are the hypervisor's. Returns at once if one already is. Called by sched.c
 * after hart->mode was set to HART_IDLE and all work was found absent.
 */
void arch_hart_wait(struct hart *hart);

/* Own hart, no lock held, in long work, or in work that does not end: handles the hypervisor's
 * pending interrupts, as an exit does. */
void arch_hart_poll(void);

/* Own hart: interrupt (and so leave guest or wait) at deadline; UINT64_MAX: never. */
void arch_hart_timer(uint64_t deadline);

/*
 * Own hart: from now on the traps of its guests are traced (exits, interrupts given to them,
 * doorbells), or no more. Costs nothing where they are not.
 */
void arch_hart_trace(bool traps);

/* Own hart: stop it for good (firmware HSM). Does not return. */
_Noreturn void arch_hart_park(void);

/* Is this hart parked, as the firmware says? */
bool arch_hart_parked(const struct hart *hart);

/*
 * Own hart, mode HART_HYP, no lock held: stops the hart through the firmware (HSM), with all that
 * it and its vCPU have kept in memory. Returns when arch_hart_wake() has started it again, or at
 * once if the firmware refuses; its timer is at never. Interrupts for it meanwhile are pending
 * afterwards, at the latest; none wakes it.
 */
void arch_hart_sleep(void);

/* Any hart: starts a hart that arch_hart_parked() says is in arch_hart_sleep(). */
enum err arch_hart_wake(struct hart *hart) MUST_CHECK;

/* Does the firmware offer suspend to RAM, and can the harts be brought back from it? Constant after
 * boot. */
bool arch_can_sleep(void);

/*
 * Own hart, mode HART_HYP, no lock held, all other harts stopped: the machine sleeps through the
 * firmware (SUSP) until one of this hart's interrupts is pending, its guest's included, or the time
 * wake_at has come (UINT64_MAX: never). ERR_OK: it has slept; other errors: the firmware refused.
 * The hart has all its state back, with its timer at never.
 */
enum err arch_machine_sleep(uint64_t wake_at) MUST_CHECK;

enum arch_reset {
    ARCH_RESET_OFF,
    ARCH_RESET_COLD,
    ARCH_RESET_WARM,
};

/* The end: platform off or reset through the firmware. reason_failed: the SRST reason. */
_Noreturn void arch_machine_reset(enum arch_reset kind, bool reason_failed);

/* Maps [base, base + size) of device registers for the hypervisor, for good. At boot; NULL:
 * full. */
void *arch_map_device(hpa_t base, uint64_t size) MUST_CHECK;

/* The bundle (machine.board.bundle) as the hypervisor sees it: mapped read-only for good. */
const void *arch_bundle(void);

/* ---- memory that is not the hypervisor's ---------------------------------------------------- */

/*
 * Windows: each opens a bounded mapping on [hpa, hpa + len), does one pass and closes it. Any
 * alignment, any length. The caller has checked that the range is RAM it may touch (memmap_*).
 * Accesses of naturally aligned 2, 4 and 8 bytes at either end are not torn.
 */
void arch_phys_read(void *dst, hpa_t src, size_t len);
void arch_phys_write(hpa_t dst, const void *src, size_t len);
void arch_phys_copy(hpa_t dst, hpa_t src, size_t len);
void arch_phys_zero(hpa_t dst, size_t len);

/*
 * A standing mapping of one page of guest RAM that the guest registered for sharing (mailbox
 * header, steal time). Never trusted. NULL when no slot is left. Guests come here as often as they
 * like, so no other hart is disturbed: each calls arch_share_sync() between learning of a mapping
 * (by an acquire, or a lock) and using it, and none uses one that is being unmapped.
 */
void *arch_share_map(hpa_t page) MUST_CHECK;
void arch_share_unmap(void *va);
void arch_share_sync(void);

/* ---- VMs ------------------------------------------------------------------------------------- */

enum map_attr {
    MAP_RAM,    /* read, write, execute, cacheable */
    MAP_RO,     /* read only, cacheable */
    MAP_RW,     /* read, write, no execute, cacheable */
    MAP_DEVICE, /* read, write, no execute, I/O */
};

/* Allocates the port's VM and, inside it, core's, zeroed. At boot only; NULL: no memory. */
struct vm *arch_vm_create(void);

/*
 * Adds a translation. All of it or nothing; ERR_EXISTS if any part is mapped. Page aligned. Uses
 * the largest pages that fit. At boot and while no vCPU of the VM runs.
 */
enum err arch_vm_map(struct vm *vm, gpa_t gpa, hpa_t hpa, uint64_t size,
                     enum map_attr attr) MUST_CHECK;

/* Removes a translation and forgets it on every hart that ran the VM. */
void arch_vm_unmap(struct vm *vm, gpa_t gpa, uint64_t size);

/*
 * Forgets everything the harts may have cached for this VM's guest-virtual and guest-physical
 * addresses before the VM starts anew. No vCPU of it runs.
 */
void arch_vm_flush(struct vm *vm);

/* ---- vCPUs ----------------------------------------------------------------------------------- */

/*
 * Allocates the port's vCPU and, inside it, core's, zeroed but for vm, index and hart. At boot
 * only; NULL: no memory.
 */
struct vcpu *arch_vcpu_create(struct vm *vm, uint32_t index, struct hart *hart);

/*
 * Gives the vCPU an interrupt file of its hart and tells the page that stands for it, to be mapped
 * into the VM. ERR_NO_MEMORY: the hart has none left. At boot only.
 */
enum err arch_vcpu_msi_page(struct vcpu *vcpu, hpa_t *page) MUST_CHECK;

/*
 * Gives the vCPU an interrupt file in memory instead, which is in its hart while the vCPU is, where
 * the hart has one to spare. It has no page: MSIs reach it by arch_vcpu_msi() only. ERR_NO_MEMORY.
 * At boot only.
 */
enum err arch_vcpu_file(struct vcpu *vcpu) MUST_CHECK;

/*
 * Sets every register, CSR and interrupt-file bit that the guest can see to its reset value; the
 * vCPU will start at pc in supervisor mode, translation off, interrupts off, a0 = its hart id as
 * the guest knows it, a1 = opaque. SOFT in irq_lines is for the life to come and stays. Own hart
 * (that of the vCPU). [SBI 3.0 HSM, hart start]
 */
void arch_vcpu_reset(struct vcpu *vcpu, gpa_t pc, uint64_t opaque);

/*
 * Own hart, vCPU loaded: it wakes from a non-retentive suspend at pc in supervisor mode,
 * translation and interrupts off, a0 = hart id, a1 = opaque. Interrupts pending in its file and on
 * its lines stay. [SBI 3.0 HSM, hart suspend]
 */
void arch_vcpu_resume(struct vcpu *vcpu, gpa_t pc, uint64_t opaque);

/* Own hart: makes the vCPU resident (CSRs, interrupt file, FP off) or takes it off the hart. */
void arch_vcpu_load(struct vcpu *vcpu);
void arch_vcpu_put(struct vcpu *vcpu);

/*
 * Own hart, a shared one, vCPU just put: it waits. From now on until it is loaded, an interrupt
 * that its guest has enabled, of its timer or in its file, makes a request to it (VCPU_REQ_IRQ).
 * Those of its lines do so anyway.
 */
void arch_vcpu_watch(struct vcpu *vcpu);

/*
 * Own hart, vCPU put, or never loaded: it will be loaded on another one. What was armed here for it
 * is so no more: its lines' timer is armed there, all else is seen when it is loaded.
 */
void arch_vcpu_move(struct vcpu *vcpu, struct hart *to);

enum vcpu_irq {
    VCPU_IRQ_SOFT,
    VCPU_IRQ_TIMER,
    VCPU_IRQ_EXT,
};

/*
 * Own hart, vCPU loaded: brings the hart's virtual interrupt lines to vcpu->irq_lines. SOFT is an
 * edge, which the guest clears by itself: it is taken (cleared in irq_lines) and made pending. Also
 * on the fast trap path.
 */
void arch_vcpu_sync_irqs(struct vcpu *vcpu);

/* Is an interrupt pending that the guest has enabled (would end its WFI)? Own hart, vCPU loaded. */
bool arch_vcpu_irq_pending(const struct vcpu *vcpu);

/* Own hart, vCPU loaded, after an exit: has its guest nothing to do until an interrupt comes? */
bool arch_vcpu_waits(const struct vcpu *vcpu);

/*
 * Any hart: delivers a message-signalled interrupt to the vCPU's own file, which ignores an eiid
 * that it does not have; 0 is one.
 */
void arch_vcpu_msi(struct vcpu *vcpu, uint32_t eiid);

/*
 * Own hart: the guest's next timer event in its own time; UINT64_MAX: none. Clears a pending one.
 * Counts PMU_SET_TIMER if vcpu->timer_detour says so: the fast path has no test of its own for it.
 */
void arch_vcpu_set_timer(struct vcpu *vcpu, uint64_t deadline);

/*
 * The guest's next timer event, of a vCPU that does not run; UINT64_MAX: none. Its own hart, or any
 * while that one is in arch_hart_sleep().
 */
uint64_t arch_vcpu_timer(const struct vcpu *vcpu);

/*
 * Own hart, vCPU loaded: takes back a SOFT that is pending, on its line or in the hart. Was there
 * one?
 */
bool arch_vcpu_clear_soft(struct vcpu *vcpu);

/*
 * Own hart, general path, while a call of the guest is served: the word at a guest-virtual address,
 * read with the guest's own translation and rights. ERR_FAULT: the guest takes the exception that
 * the read met, at its call, which has no other answer.
 */
enum err arch_vcpu_call_read(struct vcpu *vcpu, gva_t addr, uint64_t *word) MUST_CHECK;

/*
 * Likewise: what the call asks for cannot be done now. The guest makes it once more when it next
 * runs, behind interrupts and events, with its registers as they are left here.
 */
void arch_vcpu_call_again(struct vcpu *vcpu);

enum fence_kind {
    FENCE_I,        /* instruction fetch */
    FENCE_VMA,      /* guest virtual, [start, start + size) */
    FENCE_VMA_ASID, /* the same for one ASID */
};

struct fence {
    enum fence_kind kind;
    uint64_t start;
    uint64_t size; /* UINT64_MAX or (0, 0): everything */
    uint64_t asid;
};

/* Own hart, vCPU loaded. */
void arch_vcpu_fence(struct vcpu *vcpu, const struct fence *fence);

/*
 * Own hart, vCPU loaded: it goes on in the handler of a software event, at pc (a guest-virtual
 * address) in supervisor mode with interrupts off, and with arg. What that changes beside what the
 * handler saves by itself goes to kept, in the order and encoding of the INTERRUPTED_ attributes.
 * The guest may change it there. [SBI 3.0 §17.5]
 */
#define ARCH_EVENT_WORDS 4u
void arch_vcpu_event_enter(struct vcpu *vcpu, uint64_t pc, uint64_t arg,
                           uint64_t kept[ARCH_EVENT_WORDS]);

/* The way back, in the call that ends the handler. [SBI 3.0 §17.6] */
void arch_vcpu_event_leave(struct vcpu *vcpu, const uint64_t kept[ARCH_EVENT_WORDS]);

/*
 * Features by their numbers in SBI's FWFT, bit i for number i: those that each hart, and its
 * firmware, lets a vCPU switch, and those that are on when one starts. Constant after boot.
 * [SBI 3.0 §18]
 */
struct arch_features {
    uint8_t offered, at_start;
};
struct arch_features arch_features(void);

/*
 * Own hart, vCPU loaded: vcpu->features has changed, and the hart does as it says from now on. A
 * load and a reset bring the hart there, too.
 */
void arch_vcpu_sync_features(struct vcpu *vcpu);

/* ---- the hart's event counters --------------------------------------------------------------- */

/*
 * How many a vCPU is given of its hart's own counters: only such as can be told to count nothing
 * but the guest. 0: none. Constant after boot.
 */
uint64_t arch_pmu_counters(void);

/* What SBI's counter_get_info tells of counter i. */
uint64_t arch_pmu_info(uint64_t i);

/*
 * Finds one among the counters in the mask that can count the event, and sets it up; flags, event
 * and data are those of SBI's counter_config_matching. ERR_NOT_SUPPORTED: there is none. Its number
 * in *i. All of these own hart, vCPU loaded; arch_vcpu_reset() stops and forgets them all.
 */
enum err arch_pmu_config(struct vcpu *vcpu, uint64_t mask, uint64_t flags, uint64_t event,
                         uint64_t data, uint64_t *i) MUST_CHECK;

/* Is there one among them that could? */
bool arch_pmu_can_count(uint64_t mask, uint64_t event, uint64_t data) MUST_CHECK;

/* Counter i, configured: starts it, from *value if that is not NULL; stops it; reads it. */
void arch_pmu_start(uint64_t i, const uint64_t *value);
void arch_pmu_stop(uint64_t i, bool forget);
uint64_t arch_pmu_read(uint64_t i);

/* Bit i: counter i has overflowed since it was started. 0 if guests get no interrupt by that. */
uint64_t arch_pmu_overflows(void);

/* ---- the hart's debug triggers --------------------------------------------------------------- */

/*
 * How many a vCPU is given of its hart's own, at most DBTR_TRIGGERS. 0: none. Constant after boot.
 */
uint32_t arch_dbtr_triggers(void);

/*
 * Own hart, vCPU loaded: vcpu->dbtr has changed, and the hart's triggers are made so: those that
 * match in supervisor or user mode do so in the guest's, and nowhere else. arch_vcpu_load() and
 * arch_vcpu_put() set them and take them off. ERR_FAILED: the hart has refused some, which are no
 * longer mapped.
 */
enum err arch_dbtr_sync(struct vcpu *vcpu) MUST_CHECK;

/* mvendorid, marchid, mimpid as the guest sees them: those of the host's firmware. */
struct arch_ids {
    uint64_t vendor, arch, impl;
};
struct arch_ids arch_machine_ids(void);

/* Where the vCPU is or was last, for reports and audits. */
uint64_t arch_vcpu_pc(const struct vcpu *vcpu);

/* Writes /cpus of the guest's FDT: one node a vCPU with the ISA really offered, and its intc. */
enum err arch_fdt_cpus(const struct vm *vm, void *fdt) MUST_CHECK;

/* Phandle that arch_fdt_cpus() gives to the interrupt controller of vCPU index. */
uint32_t arch_fdt_cpu_intc(uint32_t index);

#endif
