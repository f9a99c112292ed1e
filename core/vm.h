/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM: what the policy knows of it. The port embeds this in its own structure, which holds
 * stage 2.
 */
#ifndef CORE_VM_H
#define CORE_VM_H

#include "core/manifest.h"
#include "core/memmap.h"
#include "core/mmio_bus.h"
#include "core/spinlock.h"
#include "core/timer.h"
#include "core/trace.h"
#include "core/vcpu.h"
#include "core/watchdog.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct console;
struct ipc_vm;
struct vdev;
struct virqchip;

enum vm_state {
    VM_OFF,
    VM_LOADING, /* its own harts load it */
    VM_RUNNING,
    VM_PAUSED,
    VM_SUSPENDED, /* asleep by SUSP; its one vCPU that is not stopped waits for an interrupt */
    VM_STOPPING,  /* its vCPUs are leaving */
    VM_CRASHED,
};

/* Why a VM last stopped; kept until it stops again. */
enum stop_reason {
    STOP_NONE,
    STOP_SHUTDOWN, /* its own SRST, or its last hart stopped */
    STOP_REBOOT,   /* its own SRST reset */
    STOP_ASKED,    /* VMM stop or restart, graceful or not */
    STOP_FORCED,   /* the power coordinator's force */
    STOP_CRASH,    /* its own SRST with "system failure", or it cannot go on */
    STOP_LOAD,     /* its image could not be loaded */
    STOP_WATCHDOG,
};

struct vm_fault {
    uint64_t pc;
    uint64_t cause;
    uint64_t addr;
};

struct vm {
    uint32_t index;
    const struct vm_config *config;

    struct memmap map;
    struct mmio_bus bus;
    struct virqchip *irqchip;
    struct vdev *vdevs; /* core/vdev.h: its device models, a list; made at boot */
    bool has_imsic;     /* each vCPU has an interrupt file */
    struct console *console;
    struct ipc_vm *ipc; /* core/channel.h: its ends of channels; made by ipc_build() */
    uint32_t vcpu_count;
    struct vcpu **vcpus;
    struct sse_vm sse;

    struct spinlock lock;
    enum vm_state state GUARDED_BY(lock); /* read unlocked by vm_state() */
    uint32_t generation GUARDED_BY(lock); /* one more at every start; never 0 once started */
    bool restart_wanted GUARDED_BY(lock); /* load again once it is down and power lets it */
    bool srst_platform GUARDED_BY(lock);  /* it stops by an SRST that means the platform ... */
    enum power_kind srst_kind GUARDED_BY(lock); /* ... and this is what */
    bool stop_asked GUARDED_BY(lock);           /* a graceful stop waits for the guest ... */
    bool asked_restart GUARDED_BY(lock);        /* ... and the VM is to start again then */
    bool load_begun; /* hart of vCPU 0, LOADING; false again with each request for it */
    bool frozen GUARDED_BY(lock); /* PAUSED by the power coordinator, for it alone to resume */
    enum stop_reason stop_reason GUARDED_BY(lock);
    struct vm_fault fault GUARDED_BY(lock);
    uint64_t started_at GUARDED_BY(lock);         /* ticks */
    uint32_t crash_count GUARDED_BY(lock);        /* since crash_window_start */
    uint64_t crash_window_start GUARDED_BY(lock); /* ticks */
    uint64_t restart_at GUARDED_BY(lock);         /* ticks: end of the back-off; 0: none */
    struct timer timer GUARDED_BY(lock);          /* graceful stop; restart back-off */
    struct watchdog watchdog GUARDED_BY(lock);

    /* Any of its vCPUs has had an event counter of Curia's running in this life; any hart. */
    _Atomic bool pmu_counting;

    _Atomic uint32_t live_vcpus; /* and a load under way: core/lifecycle.c */
    _Atomic uint32_t state_seen; /* a copy of state for unlocked readers */
    _Atomic uint64_t freezing;   /* bit i: vCPU i has not left the guest since it was frozen */

    struct hart **affinity; /* config->affinity_count: any vCPU may run there, too; NULL: none */
};

static inline void vm_set_state(struct vm *vm, enum vm_state state) REQUIRES(vm->lock)
{
    trace_state(vm->index, vm->state, state, vm->stop_reason, vm->generation);
    vm->state = state;
    atomic_store_explicit(&vm->state_seen, state, memory_order_release);
}

/* A snapshot of the state, for checks that bear a stale answer. */
static inline enum vm_state vm_state(const struct vm *vm)
{
    return (enum vm_state)atomic_load_explicit(&vm->state_seen, memory_order_acquire);
}

/* NULL: no such vCPU. */
static inline struct vcpu *vm_vcpu(const struct vm *vm, uint64_t index)
{
    return index < vm->vcpu_count ? vm->vcpus[index] : NULL;
}

/*
 * Takes the RAM that VM index must have at its own addresses. For all VMs before the first is
 * built, so that none is given what another needs. Boot hart. On error *why names the cause.
 */
enum err vm_take_identity_ram(uint32_t index, const char **why) MUST_CHECK;

/*
 * Builds VM index of the manifest: RAM, map, stage 2, vCPUs, irqchip, devices. Boot hart. On error
 * *why names the cause.
 */
enum err vm_build(uint32_t index, const char **why) MUST_CHECK;

const char *vm_state_name(enum vm_state s);
const char *stop_reason_name(enum stop_reason r);

#endif
