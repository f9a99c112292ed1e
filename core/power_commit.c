/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The commit; core/power_commit.h. What it does is written before the harts are told of it.
 *
 * How no hart is left stopped when the machine wakes: a hart adds itself to `away` and then reads
 * `asleep`; the sleeper clears `asleep` and then reads `away`, until it is 0. All four are seq_cst,
 * so either the hart sees that the sleep is over and does not stop, or the sleeper sees that it is
 * away and starts it. The sleeper comes to that however late it is told.
 *
 * How no wake-up is lost: each hart looks at its vCPU's interrupts after it is told to sleep. One
 * that finds one pending does not stop, and its loop tells the coordinator, whose END_SLEEP clears
 * `asleep`. When all others are stopped and `asleep` still holds, nobody is left to clear it but
 * the sleeper, whose interrupts end the firmware's sleep at once; so does a timer that ran out
 * meanwhile.
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
    _Atomic bool final; /* off or reset; publishes the two above */
    _Atomic uint32_t takers;

    struct hart *_Atomic sleeper; /* the hart that makes the machine sleep, and wakes the others */
    _Atomic bool asleep;          /* the machine is to sleep */
    _Atomic uint32_t away;        /* harts that are stopped, or about to be, until it wakes */
} end;

static enum arch_reset reset_of(enum power_kind kind)
{
    switch (kind) {
    case POWER_RESET_COLD:
        return ARCH_RESET_COLD;
    case POWER_RESET_WARM:
        return ARCH_RESET_WARM;
    case POWER_OFF:
    case POWER_SUSPEND: /* that is none */
        return ARCH_RESET_OFF;
    }
    return ARCH_RESET_OFF;
}

/* Where vm sleeps; if none does, the terminal's hart: nothing but a key could wake the machine. */
static struct hart *sleeper_of(const struct vm *vm)
{
    for (uint32_t i = 0; vm_state(vm) == VM_SUSPENDED && i < vm->vcpu_count; i++) {
        if (atomic_load_explicit(&vm->vcpus[i]->state, memory_order_relaxed) == VCPU_SUSPENDED) {
            return vm->vcpus[i]->hart;
        }
    }
    return machine.harts[0];
}

void power_commit(enum power_kind kind, bool failed, const struct vm *vm)
{
    if (kind != POWER_SUSPEND) {
        end.kind = reset_of(kind);
        end.failed = failed;
        atomic_init(&end.takers, 0);
        atomic_store_explicit(&end.final, true, memory_order_release);
    } else if (arch_can_sleep()) {
        atomic_store(&end.sleeper, sleeper_of(vm));
        atomic_store(&end.asleep, true);
    } else {
        return;
    }
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        hart_post(machine.harts[i], HART_WORK_COMMIT);
    }
}

static bool is_final(void)
{
    return atomic_load_explicit(&end.final, memory_order_acquire);
}

/* ---- the other harts ------------------------------------------------------------------------- */

enum until { STOPPED, STOPPED_TO_SLEEP, BACK };

/*
 * Waits until all other harts are stopped, unless the sleep that this is for is over; or starts
 * those that are, until all are back, or the machine goes down. Those that do not come are told of,
 * and not waited for long.
 */
static bool await_others(enum until what)
{
    const struct hart *self = arch_hart_self();
    uint64_t deadline = arch_now() + us_to_ticks(PARK_TIMEOUT_US);
    bool done = false;

    while (!done && (what != STOPPED_TO_SLEEP || atomic_load(&end.asleep))) {
        bool all = true;

        for (uint32_t i = 0; i < machine.hart_count; i++) {
            struct hart *h = machine.harts[i];
            bool parked = h == self || arch_hart_parked(h);

            /* After that look: who is parked for good is so since `final`, and never started. */
            if (what == BACK && parked && h != self && !atomic_load(&end.final)) {
                (void)!arch_hart_wake(h);
            }
            all = all && parked;
        }
        done = what != BACK ? all : atomic_load(&end.away) == 0 || is_final();
        if (!done && arch_now() > deadline) {
            log_warn("not all harts %s", what == BACK ? "come back" : "stop");
            break;
        }
        if (!done) {
            arch_relax();
        }
    }
    return done;
}

/* ---- off and reset --------------------------------------------------------------------------- */

static _Noreturn void finish(void)
{
    /* The first one here stays. */
    if (atomic_fetch_add_explicit(&end.takers, 1, memory_order_acq_rel) != 0) {
        arch_hart_park();
    }
    (void)await_others(STOPPED);
    console_flush();
    arch_machine_reset(end.kind, end.failed);
}

/* ---- sleep ----------------------------------------------------------------------------------- */

void power_commit_awake(void)
{
    atomic_store(&end.asleep, false);
}

/* Own hart: does its vCPU sleep, and has what would end that? */
static bool has_wakeup(const struct hart *self)
{
    struct vcpu *v = self->vcpu;

    if (v == NULL || vm_state(v->vm) != VM_SUSPENDED || !vcpu_loaded(v)) {
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
        uint64_t at = asleep ? arch_vcpu_timer(v) : UINT64_MAX;

        if (at < first) {
            first = at;
            *whose = v->vm->index;
        }
    }
    return first;
}

/*
 * Who woke is said before the other harts can say it of their VMs: this hart's VM, or the one whose
 * timer it was, else the platform.
 */
static void sleep_machine(struct hart *self)
{
    bool stopped = await_others(STOPPED_TO_SLEEP);
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
    atomic_store(&end.asleep, false);
    (void)await_others(BACK);
    if (refused) {
        power_ctl_sleep_refused();
    }
    timer_run_anew(self);
}

static void sleep_hart(struct hart *self)
{
    (void)atomic_fetch_add(&end.away, 1);
    if (atomic_load(&end.asleep) && !has_wakeup(self)) {
        arch_hart_sleep();
        timer_run_anew(self);
    }
    (void)atomic_fetch_sub(&end.away, 1);
}

void power_commit_hart(void)
{
    struct hart *self = arch_hart_self();

    if (is_final()) {
        finish();
    }
    /* Of a sleep that is over already, too: others may have stopped for it. */
    if (self == atomic_load(&end.sleeper)) {
        sleep_machine(self);
    } else {
        sleep_hart(self);
    }
}
