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
 *
 * A source of the host that goes to a stopped hart would wake nobody. So all are disabled before
 * the harts are told, when no guest runs: what had come by then each hart finds when it looks, what
 * comes from then on stays pending in the irqchip. When all others are stopped the sleeper lets
 * those that may wake come to itself, and puts all back as they were before it, or anybody, wakes a
 * VM: then what has come goes where it always goes. Sources of VMs that do not sleep stay disabled:
 * who is frozen wakes nobody. `sources` is held for each of these passes, so that whoever ends the
 * sleep finds them put back, or does it.
 */
#include "core/power_commit.h"

#include "core/arch.h"
#include "core/console.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/power_ctl.h"
#include "core/timer.h"
#include "core/virq.h"
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

    struct spinlock sources;            /* host_irq.sleep of all */
    uint32_t armed GUARDED_BY(sources); /* that may wake */
    bool lame GUARDED_BY(sources);      /* one should and cannot */
    uint32_t came GUARDED_BY(sources);  /* whose source has, as power_ctl_wake() takes it */
} end;

/* host_irq.sleep */
enum { IRQ_AS_EVER, IRQ_MUTED, IRQ_WAKES };

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

/* ---- interrupt sources of the host ----------------------------------------------------------- */

/* visit gets those of VMs with their VM, and the terminal's with NULL. */
static void each_source(void (*visit)(struct host_irq *irq, const struct vm *vm))
    REQUIRES(end.sources)
{
    struct host_irq *console = console_irq();

    if (console != NULL) {
        visit(console, NULL);
    }
    for (uint32_t i = 0; i < machine.vm_count; i++) {
        const struct virqchip *chip = machine.vms[i]->irqchip;

        for (uint32_t source = 1; source <= chip->source_count; source++) {
            if (chip->lines[source].host != NULL) {
                visit(&chip->lines[source].host->irq, machine.vms[i]);
            }
        }
    }
}

static void mute(struct host_irq *irq, const struct vm *vm)
{
    (void)vm;
    if (machine.irqchip.ops->enabled(irq)) {
        machine.irqchip.ops->disable(irq);
        irq->sleep = IRQ_MUTED;
    }
}

static void arm(struct host_irq *irq, const struct vm *vm) REQUIRES(end.sources)
{
    const struct irqchip_ops *ops = machine.irqchip.ops;

    if (irq->sleep != IRQ_MUTED || (vm != NULL && vm_state(vm) != VM_SUSPENDED)) {
        return;
    }
    if (ops->wake_on(irq, arch_hart_self(), end.armed) != ERR_OK) {
        end.lame = true;
        return;
    }
    irq->sleep = IRQ_WAKES;
    end.armed++;
    ops->enable(irq);
}

static void put_back(struct host_irq *irq, const struct vm *vm) REQUIRES(end.sources)
{
    const struct irqchip_ops *ops = machine.irqchip.ops;

    if (irq->sleep == IRQ_MUTED) {
        ops->enable(irq);
    } else if (irq->sleep == IRQ_WAKES && ops->wake_off(irq, arch_hart_self())) {
        end.came = vm != NULL ? vm->index : POWER_BY_CONSOLE;
    }
    irq->sleep = IRQ_AS_EVER;
}

/* The sleeper, all others stopped. Could anything wake the machine, and all that should? */
static bool arm_sources(bool timed)
{
    bool can;

    spin_lock(&end.sources);
    end.armed = 0;
    end.lame = false;
    each_source(arm);
    can = !end.lame && (timed || end.armed != 0);
    spin_unlock(&end.sources);
    return can;
}

/* Whose source has come, or POWER_BY_PLATFORM. Those that wake are the sleeper's to put back: while
 * there are any, no other hart runs. */
static uint32_t put_back_sources(void)
{
    uint32_t who;

    spin_lock(&end.sources);
    end.came = POWER_BY_PLATFORM;
    each_source(put_back);
    who = end.came;
    spin_unlock(&end.sources);
    return who;
}

/* ---- the order to all harts ------------------------------------------------------------------ */

/* Where vm sleeps; if none does, the machine's first: a key alone could wake it. */
static struct hart *sleeper_of(const struct vm *vm)
{
    for (uint32_t i = 0; vm_state(vm) == VM_SUSPENDED && i < vm->vcpu_count; i++) {
        if (atomic_load_explicit(&vm->vcpus[i]->state, memory_order_relaxed) == VCPU_SUSPENDED) {
            return vcpu_hart(vm->vcpus[i]);
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
        spin_lock(&end.sources);
        each_source(mute);
        spin_unlock(&end.sources);
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
    return atomic_load(&end.final);
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
            if (what == BACK && parked && h != self && !is_final()) {
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
    (void)put_back_sources();
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
 * source or timer it was, or the terminal, else the platform.
 */
static void sleep_machine(struct hart *self)
{
    bool stopped = await_others(STOPPED_TO_SLEEP);
    bool refused = !stopped && atomic_load(&end.asleep);
    bool slept = false;
    uint32_t whose = POWER_BY_PLATFORM;
    uint64_t at = UINT64_MAX;
    uint32_t by;

    if (stopped && atomic_load(&end.asleep) && !has_wakeup(self)) {
        at = first_timer(&whose);
        console_flush();
        slept = arm_sources(at != UINT64_MAX) && arch_machine_sleep(at) == ERR_OK;
        refused = !slept;
    }
    by = put_back_sources();
    if (slept) {
        if (has_wakeup(self)) {
            whose = self->vcpu->vm->index;
        } else if (at > arch_now()) {
            whose = by;
        }
        power_ctl_wake(whose);
    }
    atomic_store(&end.asleep, false);
    (void)await_others(BACK);
    if (refused) {
        power_ctl_sleep_refused();
    }
    timer_run(self);
}

static void sleep_hart(struct hart *self)
{
    (void)atomic_fetch_add(&end.away, 1);
    if (atomic_load(&end.asleep) && !has_wakeup(self)) {
        arch_hart_sleep();
        timer_run(self);
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
