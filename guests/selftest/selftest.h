/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The parts of the selftest. Each test_x() prints its results; those that need Curia skip
 * themselves where the guest runs on the machine itself, which is the reference for all others.
 */
#ifndef GUESTS_SELFTEST_SELFTEST_H
#define GUESTS_SELFTEST_SELFTEST_H

#include "guests/lib/hart.h"
#include "guests/lib/timer.h"

/* An address where no machine of ours has anything: 128 GiB. */
#define NOWHERE 0x2000000000ull

void test_entry(void);
void test_sbi(void);
void test_harts(void);
void test_fences(void);
void test_timer(void);
void test_irqs(void);
void test_susp(void);
void test_mmio(void);
void test_key(void);
void test_memory(void);
void test_stage1(void);
void test_traps(void);
void test_user(void);
void test_csrs(void);
void test_pmu(void);
void test_isa(void);
void test_vectors(void);
void test_peers(void);
void test_privileges(void);
void test_events(void);
void test_triggers(void);
void test_features(void);
void test_usage(void);

/* Other roles than the test's, by the bootarg "mode". */
_Noreturn void role_neighbour(void);
_Noreturn void role_hostile(void);
_Noreturn void role_reborn(void);
_Noreturn void role_counter(void);
_Noreturn void role_crash(const char *how);
_Noreturn void role_features(void);
_Noreturn void role_storm(void);
_Noreturn void role_storm_peer(void);
_Noreturn void role_tick(void);
_Noreturn void role_shout(void);

/* First life of the VM: leaves all the residue it can, then resets itself. */
_Noreturn void residue_leave(void);

/*
 * Its parts: this hart's registers made dirty; all else, harts that run too; and what this hart,
 * just started, has of an earlier life, added up in *bad.
 */
void residue_dirty_hart(void *unused);
void residue_scatter(void);
void residue_look_at_hart(void *bad);
void key_leave(void);
void test_residue(void);
void pmu_leave(void);

/* Has two of the hart's counters count, one of them to stand still; have they kept their values? */
void pmu_keep(void);
bool pmu_is_kept(void);

/* Which start of this VM this is, 1 being the first; 0 without Curia. */
uint32_t vm_generation(void);

/* Leaves events and features of this hart set; is none? of_vm: nor of the VM. */
void events_leave(bool of_vm);
bool events_are_fresh(bool of_vm);

/* Leaves a debug trigger of this hart set; is none? */
void triggers_leave(void);
bool triggers_are_fresh(void);

/* Sets a debug trigger that hardly another VM has; is it hit, and no other? Interrupts on. */
void triggers_watch(void);
bool triggers_hold(void);

/* FWFT's set on this hart: SBI's error. */
int64_t feature_set(uint32_t id, uint64_t value);

/* The same for FWFT's features of this hart; events_leave() and events_are_fresh() call these. */
void features_leave(void);
bool features_are_fresh(void);

/* Steal time as SBI tells it [SBI 3.0 §16]. */
struct steal_time {
    _Alignas(64) uint32_t sequence;
    uint32_t flags;
    uint64_t steal; /* ns */
    uint8_t preempted;
    uint8_t pad[47];
};

/* RAM of the guest beyond its own image: page aligned, the size in *bytes. */
char *free_ram(uint64_t *bytes);

/* ---- work on other harts (jobs.c) -------------------------------------------------------------
 */

/* Has hart index (started when it is not) run f(arg) once what it ran before is done. */
bool job_start(uint32_t index, void (*f)(void *arg), void *arg);

/* True: it is done; false: not within some seconds. */
bool job_wait(uint32_t index);

/* The hart stops itself by HSM; true when its status says so. */
bool job_stop(uint32_t index);

/* What it ran will not come back: the hart stopped itself. */
void job_forget(uint32_t index);

/* Waits until *word is value, at most some seconds, with interrupts as they are. */
bool wait_for(const volatile uint64_t *word, uint64_t value);

/* ---- the ISA (isa.c, vector.c, fp.c) ------------------------------------------------------------
 */

/* Does the FDT offer it to the boot hart? */
bool isa_offers(const char *name);

/* sstatus.VS of this hart on, if there are vectors, or off. The rest needs it on. */
bool vector_on(void);
void vector_off(void);

/* All vector registers and CSRs get values, still have them, or are as after a reset. */
void vector_fill(void);
bool vector_is_full(void);
bool vector_is_fresh(void);

/* sstatus.FS of this hart on, if there is D. The rest needs it on, and one hart alone uses it. */
bool fp_on(void);

/* All FP registers get values, which the guest then calls clean; still have them; fcsr is another,
 * written and nothing else. */
void fp_fill(void);
bool fp_is_full(void);
void fp_vary(void);

/* ---- single instructions (exec.c) -------------------------------------------------------------
 */

#define EXEC_MAX 4u

struct exec {
    uint32_t code[EXEC_MAX]; /* up to the first 0; 16-bit ones in the lower half */
    uint64_t a0, a1;         /* registers before; a0 after, unless it trapped */
    bool on_sp;              /* sp is a0's value as well */
    bool trapped;
    uint64_t pc; /* of code[0] */
    struct trap_info trap;
};

/* Runs the code on this hart, S-mode, as a function of a0 and a1. */
void exec_run(struct exec *e);

/* The same in U-mode; it always ends in a trap, in the end that of an ebreak behind the code. sp
 * and tp are as they were. */
void exec_user(struct exec *e);

/* One instruction with these registers. */
struct exec exec_one(uint32_t insn, uint64_t a0, uint64_t a1);

/* Calls what is at pc, which may be nothing, with these registers. */
struct exec exec_at(uint64_t pc, uint64_t a0, uint64_t a1);

/* Instructions of exec_one(): rd is a0, the address a0, the value a1. */
#define INSN_LB         0x00050503u
#define INSN_LH         0x00051503u
#define INSN_LW         0x00052503u
#define INSN_LD         0x00053503u
#define INSN_LBU        0x00054503u
#define INSN_LHU        0x00055503u
#define INSN_LWU        0x00056503u
#define INSN_SB         0x00b50023u
#define INSN_SH         0x00b51023u
#define INSN_SW         0x00b52023u
#define INSN_SD         0x00b53023u
#define INSN_CSRRW(csr) ((uint32_t)(csr) << 20 | 0x59573u) /* csrrw a0, csr, a1 */
#define INSN_CSRR(csr)  ((uint32_t)(csr) << 20 | 0x02573u) /* csrr a0, csr */

/* ---- translation (paging.c) --------------------------------------------------------------------
 */

#define PTE_V  0x01u
#define PTE_R  0x02u
#define PTE_W  0x04u
#define PTE_X  0x08u
#define PTE_U  0x10u
#define PTE_A  0x40u
#define PTE_D  0x80u
#define PTE_AD (PTE_A | PTE_D)

#define PAGING_VA(index) (0x1000000000ull + 0x1000ull * (index)) /* index < 512 */
#define PAGING_VA_TABLE  0x1040000000ull /* its level-1 table is what paging_set_table() says */

/* Sv39: the lowest 4 GiB one to one for S-mode, and pages by paging_set(). On this hart. */
void paging_on(void);
void paging_off(void);

/* PTE of PAGING_VA(index), without a fence. */
void paging_set(uint32_t index, uint64_t pa, uint32_t flags);
void paging_set_pte(uint32_t index, uint64_t pte);
void paging_set_table(uint64_t pa);

static inline void fence_local(void)
{
    __asm__ volatile("sfence.vma" : : : "memory");
}

#endif
