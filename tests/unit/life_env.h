/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of lifecycle and power control stand on: three VMs of two vCPUs each on harts of
 * their own, the real lifecycle.c, vcpu.c, sched.c, timer.c and power modules, harts that run only
 * when a test steps them, and recorded stand-ins for loader, IPC, console and irqchip.
 *
 * VM 0 may initiate everything and manages; 1 is below 0, 2 below 1. 1 restarts after crashes.
 */
#ifndef TESTS_UNIT_LIFE_ENV_H
#define TESTS_UNIT_LIFE_ENV_H

#include "core/lifecycle.h"
#include "core/power_ctl.h"
#include "tests/unit/fake_arch.h"

#define LIFE_VMS   3u
#define LIFE_VCPUS 2u

#define LIFE_ENTRY 0x80200000ull
#define LIFE_FDT   0x81ff0000ull

/* A source of the host's irqchip: VM i's number is i + 1. */
#define LIFE_POWER_IRQ   7u /* a source of each VM's */
#define LIFE_CONSOLE_IRQ (LIFE_VMS + 1u)
struct life_irq {
    bool enabled;
    bool came, lame;       /* as the test says: it has fired; it cannot wake */
    const struct hart *to; /* where it goes meanwhile, if anywhere ... */
    uint32_t n;            /* ... and as which */
    uint32_t offs, disables;
};

struct life_env {
    struct life_irq irqs[LIFE_VMS + 2u];
    bool polled; /* the console has no interrupt */
    struct vm *vm[LIFE_VMS];
    struct vm_config *config[LIFE_VMS];
    uint32_t loads[LIFE_VMS];
    uint32_t parts[LIFE_VMS];  /* of the last load */
    uint32_t regions;          /* parts of shared regions that are still to be zeroed */
    uint32_t resets[LIFE_VMS]; /* of the irqchip */
    uint32_t pulses[LIFE_VMS]; /* of the power source */
    uint32_t ipc_started[LIFE_VMS], ipc_stopped[LIFE_VMS];
    uint32_t console_resets, console_flushes;
    enum err load_result;
    void (*on_load)(struct vm *vm);  /* while it is being loaded */
    void (*on_reset)(struct vm *vm); /* while its irqchip is reset: its lock is held */
    void (*on_pulse)(struct vm *vm); /* while it is told of a power event: the power lock is held */
};

extern struct life_env life;

void life_init(void);
void life_end(void);

/* The same around a test; no VM is up. */
int life_setup(void **state);
int life_teardown(void **state);

/* How a hart's turn ended. */
enum life_ran {
    LIFE_GUEST, /* it would enter its vCPU now */
    LIFE_IDLE,  /* it waits */
    LIFE_PARKED,
    LIFE_RESET, /* it took the platform down */
};

/* Lets vCPU i of VM vm's hart run until it enters its guest or waits. */
enum life_ran life_step(uint32_t vm, uint32_t vcpu);

/* All harts, round and round, until none has work. */
void life_settle(void);

/* Moves time on by us, firing what falls due on each hart. */
void life_pass_us(uint64_t us);

/* Starts a VM and lets it come up. */
void life_up(uint32_t vm);

#endif
