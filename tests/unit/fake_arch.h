/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake port: core/arch.h on the host. "Physical" memory is host arrays; harts, VMs and vCPUs
 * are structures that record what the policy asks of them; time stands still unless a test moves
 * it. Whatever the real port forbids (an address that is no memory, a fence for a vCPU that is not
 * loaded) aborts the test with a message.
 *
 * A test calls fake_init() first and fake_end() last; all memory is given back there. The fakes of
 * core/ that stand in where a test does not link the real module are in fake_core.c.
 */
#ifndef TESTS_UNIT_FAKE_ARCH_H
#define TESTS_UNIT_FAKE_ARCH_H

#include "core/arch.h"
#include "core/hart.h"
#include "core/machine.h"
#include "core/manifest.h"
#include "core/vcpu.h"
#include "core/vm.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_FENCES 64u
#define FAKE_MAPS   64u
#define FAKE_EIIDS  2048u

#define FAKE_COUNTERS 4u

/* In tdata1 of a debug trigger: the type, sizes, S, U, execute, store, load. */
#define FAKE_TRIGGER_MODES 0x18ull
#define FAKE_TRIGGER_BITS  (6ull << 60 | 7ull << 16 | FAKE_TRIGGER_MODES | 7ull)

#define FAKE_HPA_BASE    0x100000000ull /* where backing memory of fake_phys_alloc() begins */
#define FAKE_TIMEBASE_HZ 10000000ull

struct fake_hart {
    struct hart core;
    _Atomic uint32_t kicks; /* ever */
    _Atomic bool kicked;    /* and not yet seen by arch_hart_wait() */
    uint32_t waits;
    uint64_t timer;      /* what arch_hart_timer() set; UINT64_MAX: never */
    _Atomic bool parked; /* or in arch_hart_sleep() */
    uint32_t sleeps, wakes;
    bool trace_traps; /* arch_hart_trace() */
};

struct fake_vcpu {
    struct vcpu core;
    bool resident;
    uint32_t loads, puts;
    bool watched; /* arch_vcpu_watch(), until it is loaded */
    uint32_t resets, resumes;
    gpa_t reset_pc; /* of the last reset or resume */
    uint64_t reset_opaque;
    uint64_t timer; /* guest time; UINT64_MAX: none */
    bool timer_enabled;
    uint32_t set_timers;
    uint32_t irq_synced;  /* irq_lines when they were last brought to the hart, SOFT apart */
    bool soft_pending;    /* SOFT was taken from irq_lines; the guest clears it */
    uint32_t softs;       /* taken, ever */
    bool waits;           /* its guest is in a WFI */
    uint32_t irq_enabled; /* 1 << enum vcpu_irq: lines that end a WFI; all by default */
    uint32_t fence_total; /* the first FAKE_FENCES of them are kept */
    struct fence fences_seen[FAKE_FENCES];
    uint32_t call_faults; /* exceptions that arch_vcpu_call_read() left it with */
    uint32_t calls_again; /* arch_vcpu_call_again() */
    bool has_msi_page;
    hpa_t msi_page;
    _Atomic uint32_t msi_total;
    _Atomic uint64_t msi_pending[FAKE_EIIDS / 64];
    uint64_t pc;
    /* What an event's entry changes beside pc, in the order of what it keeps; flags are a count of
     * the entries. */
    uint64_t context[ARCH_EVENT_WORDS];
    uint32_t events, event_ends;
    struct dbtr triggers; /* in its hart; of those, its mapped are the ones that are enabled */
    uint8_t features;     /* as last synced; a load and a reset do so */
    uint32_t feature_syncs;
};

struct fake_map {
    uint64_t gpa, hpa, size;
    enum map_attr attr;
};

struct fake_vm {
    struct vm core;
    struct vm_config config; /* core.config points here when fake_vm_add() made the VM */
    uint32_t map_count;
    struct fake_map maps[FAKE_MAPS];
    uint32_t map_calls, unmap_calls, flushes;
    struct region regions[8]; /* storage of core.map for fake_vm_add() */
};

/* Why control came back to fake_catch(). */
enum fake_ended {
    FAKE_RUNS,  /* setjmp's 0 */
    FAKE_RESET, /* arch_machine_reset() */
    FAKE_PARK,  /* arch_hart_park() */
    FAKE_PANIC, /* panic() or boot_fail() of fake_core.c */
};

/*
 * The counters of a hart, all harts having the same ones here; the first two count cycles, all of
 * them raw events.
 */
struct fake_pmu {
    uint64_t count;
    uint64_t configured, running; /* bit i: counter i */
    uint64_t overflows;           /* what arch_pmu_overflows() answers */
    uint64_t value[FAKE_COUNTERS], event[FAKE_COUNTERS], data[FAKE_COUNTERS], flags[FAKE_COUNTERS];
    uint32_t resets, calls;
};

/* The debug triggers of a hart, all harts having the same number here. */
struct fake_dbtr {
    uint32_t count;   /* what a vCPU is given; 0 unless a test says so */
    uint32_t refused; /* bit i: a trigger i that is enabled is refused */
    uint32_t syncs;
};

/* All that does not belong to one object. */
struct fake {
    struct fake_pmu pmu;
    struct fake_dbtr dbtr;
    _Atomic uint64_t now;
    uint64_t now_step; /* added at each arch_now() */
    _Atomic uint32_t io_fences;
    _Atomic uint32_t kick_messages; /* arch_harts_kick() */
    uint32_t resets;
    enum arch_reset reset_kind;
    bool reset_failed;
    bool can_sleep;        /* what arch_can_sleep() answers */
    enum err sleep_result; /* of arch_machine_sleep() */
    uint32_t machine_sleeps;
    uint64_t wake_at; /* of the last one */
    struct arch_ids ids;
    struct arch_features features;
    const void *bundle;           /* what arch_bundle() answers */
    uint32_t map_budget;          /* arch_vm_map() fails with ERR_NO_MEMORY after so many more */
    uint32_t share_budget;        /* standing mappings left */
    uint32_t shares;              /* open */
    _Atomic uint32_t share_syncs; /* arch_share_sync() */
    uint32_t msi_pages;           /* interrupt files left, all harts together */
    uint32_t create_budget; /* arch_vm_create(), arch_vcpu_create(): NULL after so many more */
    _Atomic uint64_t bytes_read, bytes_written; /* through windows */
    /* What happens elsewhere while this hart spins or waits. NULL: nothing does. */
    void (*on_relax)(void);
    void (*on_poll)(void);
    void (*on_wait)(struct hart *hart);
    void (*on_kick)(struct hart *hart);
    void (*on_fence)(struct vcpu *vcpu); /* own hart, with each arch_vcpu_fence() */
    void (*on_hart_sleep)(void);         /* while own hart is stopped */
    void (*on_machine_sleep)(void);      /* while the machine sleeps */
};

extern struct fake fake;

/* Makes a machine with so many harts (index i has id fake_hart_id(i): sparse) and no VM. */
void fake_init(uint32_t hart_count);
void fake_end(void);

uint64_t fake_hart_id(uint32_t index);
struct fake_hart *fake_hart(uint32_t index);
struct fake_vcpu *fake_vcpu(struct vcpu *v);
struct fake_vm *fake_vm(struct vm *vm);

/* From now on this thread is that hart. fake_init(): hart 0. */
void fake_become(struct hart *hart);

/*
 * Adds a RUNNING VM to machine.vms: vCPU i on hart first_hart + i; vCPU 0 STARTED and loaded, the
 * others STOPPED; RAM [ram, ram + ram_bytes), filled with 0xA5, mapped. Needs no core module.
 */
struct vm *fake_vm_add(const char *name, uint32_t vcpus, uint32_t first_hart, uint64_t ram,
                       uint64_t ram_bytes);

/* Another region of the VM's map, with memory of its own behind it; returns that memory. */
void *fake_vm_region(struct vm *vm, uint64_t gpa, uint64_t size, enum region_kind kind,
                     enum map_attr attr);

/* Brings a vCPU to a state as its own hart would (STARTED: loaded), live_vcpus included. */
void fake_vcpu_state(struct vcpu *v, enum vcpu_state state);

/* Host memory behind the guest's address; aborts unless all of it is one region of the VM's map. */
void *fake_gpa(const struct vm *vm, uint64_t gpa, uint64_t len);

/* Physical memory: at an address given, or anywhere. Zeroed; with a gap on both sides. */
void *fake_phys_add(uint64_t hpa, uint64_t size);
hpa_t fake_phys_alloc(uint64_t size);
void *fake_phys(uint64_t hpa, uint64_t len);

/* Takes a pending MSI; false: none. */
bool fake_msi_take(struct vcpu *v, uint32_t eiid);

/*
 * Catches what does not return:
 *     if (setjmp(*fake_catch()) == FAKE_RUNS) { call(); fail(); }
 * Holds for one throw, for this thread.
 */
jmp_buf *fake_catch(void);
_Noreturn void fake_throw(enum fake_ended why);

/* The three files' own. alloc: zeroed, until fake_end(). */
_Noreturn void fake_wrong(const char *what);
void *fake_alloc(size_t size);
void fake_memory_reset(void);

#endif
