/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commit; core/power_commit.h. What it does is written before the harts are told of it.
 *
 * How no hart is left stopped when the machine wakes: a hart adds itself to `away` and then reads
 * `asleep`; the sleeper clears `asleep` and then reads `away`, until it is 0. All four are seq_cst,
 * so either the hart sees that the sleep is over and does not stop, or the sleeper sees that it is
 * away and starts it.
 *
 * How no wake-up is lost: each hart looks at its vCPU's interrupts after it is told to sleep. One
 * that finds one pending does not stop, and its loop tells the coordinator, whose END_SLEEP clears
 * `asleep`. When all others are stopped and `asleep` still holds, nobody is left to clear it but the
 * sleeper, whose interrupts end the firmware's sleep at once; so does a timer that ran out meanwhile.
 */
#include "core/power_commit.h"

#include "core/arch.h"
#include "core/console.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/power_ctl.h"
#include "core/timer.h"
#include "core/vm.h"

#include <stdatomic.h>
#include <stddef.h>

#define PARK_TIMEOUT_US 1000000u

static struct {
    enum arch_reset kind;
    bool failed;
    _Atomic bool final; /* off or reset; release: the two above */
    _Atomic uint32_t takers;

    struct hart *sleeper;  /* the hart that makes the machine sleep */
    _Atomic bool asleep;   /* the machine is to sleep; release: sleeper */
    _Atomic uint32_t away; /* harts that are stopped, or about to be, until it wakes */
} end;

static enum arch_reset reset_of(enum power_kind kind)
{
    switch (kind) {
    case POWER_RESET_COLD:
        return ARCH_RESET_COLD;
    case POWER_RESET_WARM:
        return ARCH_RESET_WARM;
    case POWER_OFF:
    case POWER_SUSPEND: /* power_commit_sleep() */
        return ARCH_RESET_OFF;
    }
    return ARCH_RESET_OFF;
}

static void post_all(void)
{
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        hart_post(machine.harts[i], HART_WORK_COMMIT);
    }
}

void power_commit(enum power_kind kind, bool failed)
{
    end.kind = reset_of(kind);
    end.failed = failed;
    atomic_init(&end.takers, 0);
    atomic_store_explicit(&end.final, true, memory_order_release);
    post_all();
}

/* ---- off and reset --------------------------------------------------------------------------- */

/* Waits, not for long, until all other harts are stopped, or the sleep that this is for is over. */
static bool wait_parked(bool for_sleep)
{
    const struct hart *self = arch_hart_self();
    uint64_t deadline = arch_now() + us_to_ticks(PARK_TIMEOUT_US);
    bool all = true;

    for (uint32_t i = 0; i < machine.hart_count; i++) {
        while (machine.harts[i] != self && !arch_hart_parked(machine.harts[i])) {
            if (for_sleep && !atomic_load(&end.asleep)) {
                return false;
            }
            if (arch_now() > deadline) {
                log_warn("hart %llu does not stop", (unsigned long long)machine.harts[i]->id);
                all = false;
                break;
            }
            arch_relax();
        }
    }
    return all;
}

static _Noreturn void finish(void)
{
    /* The first one here stays. */
    if (atomic_fetch_add_explicit(&end.takers, 1, memory_order_acq_rel) != 0) {
        arch_hart_park();
    }
    (void)wait_parked(false);
    console_flush();
    arch_machine_reset(end.kind, end.failed);
}

/* ---- sleep ----------------------------------------------------------------------------------- */

void power_commit_sleep(const struct vm *vm)
{
    if (!arch_can_sleep()) {
        return;
    }
    end.sleeper = vm->vcpus[0]->hart;
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        if (atomic_load_explicit(&vm->vcpus[i]->state, memory_order_relaxed) == VCPU_SUSPENDED) {
            end.sleeper = vm->vcpus[i]->hart;
        }
    }
    atomic_store(&end.asleep, true);
    post_all();
}

void power_commit_awake(void)
{
    atomic_store(&end.asleep, false);
}

/* Own hart: does its vCPU sleep, and has what would end that? */
static bool has_wakeup(const struct hart *self)
{
    struct vcpu *v = self->vcpu;

    if (v == NULL || vm_state(v->vm) != VM_SUSPENDED || !v->loaded) {
        return false;
    }
    arch_vcpu_sync_irqs(v);
    return arch_vcpu_irq_pending(v);
}

/* The first timer of all VMs that sleep; all their harts are stopped, or this one. */
static uint64_t first_timer(uint32_t *whose)
{
    uint64_t first = UINT64_MAX;

    for (uint32_t i = 0; i < machine.hart_count; i++) {
        const struct vcpu *v = machine.harts[i]->vcpu;
        bool asleep = v != NULL && vm_state(v->vm) == VM_SUSPENDED &&
                      atomic_load_explicit(&v->state, memory_order_relaxed) == VCPU_SUSPENDED;

        if (asleep && arch_vcpu_timer(v) < first) {
            first = arch_vcpu_timer(v);
            *whose = v->vm->index;
        }
    }
    return first;
}

/* Starts those that stopped. One that does not come back is given up, and told of. */
static void wake_harts(void)
{
    uint64_t deadline = arch_now() + us_to_ticks(PARK_TIMEOUT_US);

    atomic_store(&end.asleep, false);
    while (atomic_load(&end.away) != 0) {
        for (uint32_t i = 0; i < machine.hart_count; i++) {
            if (machine.harts[i] != arch_hart_self() && arch_hart_parked(machine.harts[i])) {
                (void)!arch_hart_wake(machine.harts[i]);
            }
        }
        if (arch_now() > deadline) {
            log_error("not all harts have come back from the sleep");
            break;
        }
        arch_relax();
    }
}

/*
 * Who woke is said before the other harts can say it of their VMs: this hart's VM, or the one whose
 * timer it was, else the platform.
 */
static void sleep_machine(const struct hart *self)
{
    bool stopped = wait_parked(true);
    bool refused = !stopped && atomic_load(&end.asleep);
    bool slept = false;
    uint32_t whose = POWER_BY_PLATFORM;

    if (stopped && atomic_load(&end.asleep) && !has_wakeup(self)) {
        uint64_t at = first_timer(&whose);

        console_flush();
        slept = arch_machine_sleep(at) == ERR_OK;
        refused = !slept;
        if (has_wakeup(self)) {
            whose = self->vcpu->vm->index;
        } else if (at > arch_now()) {
            whose = POWER_BY_PLATFORM;
        }
    }
    if (slept) {
        power_ctl_wake(whose);
    }
    wake_harts();
    if (refused) {
        power_ctl_sleep_refused();
    }
}

static void sleep_hart(const struct hart *self)
{
    (void)atomic_fetch_add(&end.away, 1);
    if (atomic_load(&end.asleep) && !has_wakeup(self)) {
        arch_hart_sleep();
    }
    (void)atomic_fetch_sub(&end.away, 1);
}

void power_commit_hart(void)
{
    const struct hart *self = arch_hart_self();

    if (atomic_load_explicit(&end.final, memory_order_acquire)) {
        finish();
    }
    if (atomic_load(&end.asleep)) { /* else it was told late, of a sleep that is over */
        if (self == end.sleeper) {
            sleep_machine(self);
        } else {
            sleep_hart(self);
        }
    }
}
