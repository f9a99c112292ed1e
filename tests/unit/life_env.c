/* SPDX-License-Identifier: BSD-2-Clause */
/* See life_env.h. */
#include "tests/unit/life_env.h"

#include "core/console.h"
#include "core/ipc.h"
#include "core/loader.h"
#include "core/sched.h"
#include "core/vdev.h"
#include "core/virq.h"

#include <stdlib.h>
#include <string.h>

/* For tests that link the real one. */
#define WEAK __attribute__((weak))

struct life_env life;

static struct virqchip chips[LIFE_VMS];
static struct vm_config manifest_vms[LIFE_VMS];

/* ---- stand-ins ------------------------------------------------------------------------------- */

static void chip_reset(struct virqchip *chip)
{
    life.resets[chip->vm->index]++;
    if (life.on_reset != NULL) {
        life.on_reset(chip->vm);
    }
}

static void chip_pulse(struct virqchip *chip, uint32_t source)
{
    if (source != LIFE_POWER_IRQ) {
        abort();
    }
    life.pulses[chip->vm->index]++;
    if (life.on_pulse != NULL) {
        life.on_pulse(chip->vm);
    }
}

static bool irq_enabled(const struct host_irq *irq)
{
    return life.irqs[irq->source].enabled;
}

static void irq_enable(struct host_irq *irq)
{
    if (life.irqs[irq->source].enabled) {
        abort();
    }
    life.irqs[irq->source].enabled = true;
}

static void irq_disable(struct host_irq *irq)
{
    life.irqs[irq->source].enabled = false;
    life.irqs[irq->source].disables++;
}

static enum err irq_wake_on(struct host_irq *irq, const struct hart *hart, uint32_t n)
{
    struct life_irq *i = &life.irqs[irq->source];

    if (i->enabled || i->to != NULL) {
        abort();
    }
    if (i->lame) {
        return ERR_NOT_SUPPORTED;
    }
    i->to = hart;
    i->n = n;
    return ERR_OK;
}

static bool irq_wake_off(struct host_irq *irq, const struct hart *hart)
{
    struct life_irq *i = &life.irqs[irq->source];

    if (i->to != hart || hart != arch_hart_self()) {
        abort();
    }
    i->to = NULL;
    i->offs++;
    return i->came;
}

static const struct irqchip_ops host_ops = {.enabled = irq_enabled,
                                            .enable = irq_enable,
                                            .disable = irq_disable,
                                            .wake_on = irq_wake_on,
                                            .wake_off = irq_wake_off};
static struct virq_host hosts[LIFE_VMS];
static struct virq_line lines[LIFE_VMS][2];
static struct host_irq console_source = {.source = LIFE_CONSOLE_IRQ};

struct host_irq *console_irq(void)
{
    return life.polled ? NULL : &console_source;
}

static const struct virqchip_ops chip_ops = {.reset = chip_reset, .pulse = chip_pulse};

enum err virq_claim(struct virqchip *chip, uint32_t source, enum irq_trigger trigger)
{
    (void)chip;
    return source == LIFE_POWER_IRQ && trigger == IRQ_EDGE_RISING ? ERR_OK : ERR_INVALID;
}

WEAK void loader_begin(struct vm *vm)
{
    life.loads[vm->index]++;
    life.parts[vm->index] = 0;
}

WEAK enum err loader_step(struct vm *vm, struct loaded *out, const char **why)
{
    if (life.parts[vm->index]++ == 0) {
        return ERR_BUSY;
    }
    if (life.on_load != NULL) {
        life.on_load(vm);
    }
    *why = "as the test says";
    *out = (struct loaded){{LIFE_ENTRY}, {LIFE_FDT}};
    return life.load_result;
}

enum err ipc_vm_enter(struct vm *vm)
{
    (void)vm;
    return life.regions != 0 && life.regions-- != 0 ? ERR_BUSY : ERR_OK;
}

void ipc_vm_started(struct vm *vm)
{
    life.ipc_started[vm->index]++;
}

void ipc_vm_stopped(struct vm *vm)
{
    life.ipc_stopped[vm->index]++;
}

void console_reset(struct console *c)
{
    (void)c;
    life.console_resets++;
}

void console_flush(void)
{
    life.console_flushes++;
}

/* ---- the machine ----------------------------------------------------------------------------- */

void life_init(void)
{
    const char *why = NULL;
    static const char *const names[LIFE_VMS] = {"control", "cockpit", "adas"};

    memset(&life, 0, sizeof(life));
    memset(manifest_vms, 0, sizeof(manifest_vms));
    fake_init(LIFE_VMS * LIFE_VCPUS);
    machine.manifest.vms = manifest_vms;
    machine.manifest.vm_count = LIFE_VMS;
    machine.irqchip.ops = &host_ops;
    life.irqs[LIFE_CONSOLE_IRQ].enabled = true;

    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        struct vm *vm = fake_vm_add(names[i], LIFE_VCPUS, i * LIFE_VCPUS, 0x80000000, 0x1000);
        struct vm_config *c = &fake_vm(vm)->config;

        fake_vcpu_state(vm->vcpus[0], VCPU_STOPPED);
        vm->state = VM_OFF;
        atomic_store(&vm->state_seen, VM_OFF);
        vm->generation = 0;
        c->power_irq = LIFE_POWER_IRQ;
        c->power = (struct power_vm_config){.superiors = i == 0 ? 0 : 1ull << (i - 1),
                                            .ack_us = 1000,
                                            .prepare_us = 10000,
                                            .stop_us = 20000,
                                            .on_timeout = POWER_ON_TIMEOUT_FORCE};
        hosts[i] = (struct virq_host){.irq.source = i + 1};
        lines[i][1].host = &hosts[i];
        chips[i] =
            (struct virqchip){.ops = &chip_ops, .vm = vm, .source_count = 1, .lines = lines[i]};
        vm->irqchip = &chips[i];
        life.vm[i] = vm;
        life.config[i] = c;
    }
    life.config[0]->power.may_initiate = POWER_MAY(POWER_OFF) | POWER_MAY(POWER_RESET_WARM);
    life.config[1]->crash = CRASH_RESTART;
    life.config[1]->restart_budget = 2;
    life.config[1]->restart_window_us = 1000000;
    life.config[1]->restart_backoff_us = 1000;
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        manifest_vms[i] = *life.config[i];
    }
    if (power_ctl_build(&why) != ERR_OK) {
        abort();
    }
}

void life_end(void)
{
    fake_end();
}

int life_setup(void **state)
{
    (void)state;
    life_init();
    return 0;
}

int life_teardown(void **state)
{
    (void)state;
    life_end();
    return 0;
}

static void wait_is_idle(struct hart *hart)
{
    (void)hart;
    fake_throw(FAKE_PANIC); /* taken for LIFE_IDLE below: nothing here panics */
}

static enum life_ran step(struct hart *hart)
{
    fake_become(hart);
    fake.on_wait = wait_is_idle;
    sched_exited(hart);
    switch (setjmp(*fake_catch())) {
    case FAKE_RUNS:
        if (sched_next(hart) != hart->vcpu || atomic_load(&hart->mode) != HART_GUEST) {
            abort();
        }
        return LIFE_GUEST;
    case FAKE_PARK:
        return LIFE_PARKED;
    case FAKE_RESET:
        return LIFE_RESET;
    default:
        atomic_store(&fake_hart(hart->index)->kicked, false);
        return LIFE_IDLE;
    }
}

enum life_ran life_step(uint32_t vm, uint32_t vcpu)
{
    return step(life.vm[vm]->vcpus[vcpu]->hart);
}

void life_settle(void)
{
    bool work = true;

    while (work) {
        work = false;
        for (uint32_t i = 0; i < machine.hart_count; i++) {
            struct hart *h = machine.harts[i];

            if (atomic_load(&h->work) != 0 || atomic_load(&h->vcpu->requests) != 0) {
                (void)step(h);
                work = true;
            }
        }
    }
}

void life_pass_us(uint64_t us)
{
    uint64_t end = atomic_load(&fake.now) + us_to_ticks(us);

    for (;;) {
        struct fake_hart *next = NULL;

        for (uint32_t i = 0; i < machine.hart_count; i++) {
            struct fake_hart *h = fake_hart(i);

            if (h->timer <= end && (next == NULL || h->timer < next->timer)) {
                next = h;
            }
        }
        if (next == NULL) {
            break;
        }
        if (atomic_load(&fake.now) < next->timer) {
            atomic_store(&fake.now, next->timer);
        }
        next->timer = UINT64_MAX;
        atomic_fetch_or(&next->core.work, HART_WORK_TIMER);
        life_settle();
    }
    atomic_store(&fake.now, end);
}

void life_up(uint32_t vm)
{
    if (lifecycle_start(life.vm[vm]) != ERR_OK) {
        abort();
    }
    life_settle();
    if (vm_state(life.vm[vm]) != VM_RUNNING) {
        abort();
    }
}
