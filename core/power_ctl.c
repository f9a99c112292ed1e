/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Carries the coordinator's actions out. One lock ("power", the outermost) guards the state
 * machine, the audit and what each VM is still to be told. Actions that could come back as events
 * (starting VMs again) are kept until the lock is dropped.
 */
#include "core/power_ctl.h"

#include "core/arch.h"
#include "core/console.h"
#include "core/lifecycle.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/power_commit.h"
#include "core/trace.h"
#include "core/vdev.h"
#include "core/virq.h"

#include <libfdt.h>

#include <stddef.h>

#define AUDIT_BYTES 8192u

/* Reasons as SRST numbers them [SBI 3.0, System Reset Extension]. */
#define SRST_REASON_NONE    0u
#define SRST_REASON_FAILURE 1u

/* In the coordinator's eyes, but for what it keeps itself. */
struct power_vm {
    struct timer timer;
    struct power_notice_seen notice; /* of a transition */
    struct power_notice_seen ask;    /* of this VM alone */
};

static struct {
    struct spinlock lock;
    struct power power GUARDED_BY(lock);
    struct audit audit GUARDED_BY(lock);
    struct power_vm *vms;           /* by VM index; elements guarded by lock */
    bool released GUARDED_BY(lock); /* VMs held back may start: when the lock is dropped */
} ctl;

/* Outlives a warm reset: the boot code does not clear this section. */
static uint64_t audit_memory[AUDIT_BYTES / sizeof(uint64_t)] __attribute__((section(".noinit")));

const char *power_ctl_name(uint32_t vm)
{
    if (vm < machine.vm_count) {
        return machine.vms[vm]->config->name;
    }
    return vm == POWER_BY_CONSOLE ? "console" : vm == POWER_BY_PLATFORM ? "platform" : NULL;
}

/* ---- actions --------------------------------------------------------------------------------- */

static void timer_fired(struct timer *t);

static void audit(const struct power_action *a) REQUIRES(ctl.lock)
{
    struct audit_record r = {
        .time_us = a->at,
        .detail = a->detail,
        .txn = a->txn,
        .vm = a->vm,
        .event = (uint8_t)a->event,
        .old_state = a->old_state,
        .new_state = a->new_state,
    };
    char line[AUDIT_LINE_MAX];

    r.seq = ctl.audit.next_seq;
    audit_put(&ctl.audit, &r);
    if (trace_on(arch_hart_self(), TRACE_POWER)) {
        trace_put(arch_hart_self(), TRACE_WHAT(TRACE_EV_POWER, 0, r.vm, TRACE_NONE),
                  (uint32_t)r.seq,
                  (uint64_t)r.txn << 32 | (uint32_t)r.event << 16 | (uint32_t)r.old_state << 8 |
                      r.new_state);
    }
    (void)audit_format(&r, power_ctl_name(r.vm), line, sizeof(line));
    log_info("%s", line);
}

/* From here on the coordinator's own deadlines bound it; in a SUSPEND it comes back. */
static void stop_watchdog(struct vm *vm, enum power_kind kind) REQUIRES(ctl.lock)
{
    spin_lock(&vm->lock);
    if (kind == POWER_SUSPEND) {
        watchdog_hold(vm);
    } else {
        watchdog_end(vm);
    }
    spin_unlock(&vm->lock);
}

static void notify(struct vm *vm, const struct power_action *a) REQUIRES(ctl.lock)
{
    if (a->notice == POWER_NOTICE_STOP) {
        stop_watchdog(vm, a->kind);
    }
    ctl.vms[vm->index].notice = (struct power_notice_seen){
        .type = (uint8_t)a->notice,
        .kind = (uint8_t)a->kind,
        .reason = (uint16_t)a->reason,
        .txn = a->txn,
    };
    vm->irqchip->ops->pulse(vm->irqchip, vm->config->power_irq);
}

static void emit(void *ctx, const struct power_action *a) REQUIRES(ctl.lock)
{
    /* An action that is about no VM does not look at it. */
    struct vm *vm = machine.vms[a->vm < machine.vm_count ? a->vm : 0];

    (void)ctx;
    switch (a->type) {
    case POWER_ACT_NOTIFY:
        notify(vm, a);
        break;
    case POWER_ACT_PRESS_KEY:
        stop_watchdog(vm, a->kind);
        (void)vdev_press_power(vm->vdevs);
        break;
    case POWER_ACT_RESUME_PAUSED:
        (void)lifecycle_unpause(vm);
        break;
    case POWER_ACT_HOLD_RESTARTS: /* by the answer to VM_LOADING */
        break;
    case POWER_ACT_FORCE:
        (void)!lifecycle_stop(vm, STOP_FORCED, false);
        break;
    case POWER_ACT_FREEZE:
        lifecycle_freeze(vm);
        break;
    case POWER_ACT_WAKE:
        lifecycle_wake(vm);
        break;
    case POWER_ACT_ARM_TIMER:
        timer_arm(&ctl.vms[a->vm].timer, vcpu_hart(vm->vcpus[0]),
                  machine.boot_ticks + us_to_ticks(a->at), timer_fired);
        break;
    case POWER_ACT_CANCEL_TIMER:
        timer_cancel(&ctl.vms[a->vm].timer);
        break;
    case POWER_ACT_RELEASE_RESTARTS:
        ctl.released = true;
        break;
    case POWER_ACT_CANCEL_RESTART:
        lifecycle_cancel_load(vm);
        break;
    case POWER_ACT_COMMIT:
        power_commit(a->kind, a->reason != SRST_REASON_NONE, vm);
        break;
    case POWER_ACT_END_SLEEP:
        power_commit_awake();
        break;
    case POWER_ACT_AUDIT:
        audit(a);
        if (a->event == AUDIT_FORCED || a->event == AUDIT_FREEZE_LATE) {
            struct power_action where = *a;

            where.event = AUDIT_FROZEN_AT;
            where.old_state = a->new_state;
            where.detail = arch_vcpu_pc(vm->vcpus[0]);
            audit(&where);
        }
        break;
    }
}

/* ---- events ---------------------------------------------------------------------------------- */

static enum err handle(struct power_event ev, struct power_reply *reply) EXCLUDES(ctl.lock)
{
    struct power_reply none;
    bool released;
    enum err e;

    spin_lock(&ctl.lock);
    ev.now_us = uptime_us();
    e = power_handle(&ctl.power, &ev, reply != NULL ? reply : &none);
    released = ctl.released;
    ctl.released = false;
    spin_unlock(&ctl.lock);

    for (uint32_t i = 0; released && i < machine.vm_count; i++) {
        lifecycle_released(machine.vms[i]);
    }
    return e;
}

static enum err handle_vm(const struct vm *vm, enum power_event_type type)
{
    return handle((struct power_event){.type = type, .vm = (uint8_t)vm->index}, NULL);
}

static void timer_fired(struct timer *t)
{
    const struct power_vm *pv = container_of(t, struct power_vm, timer);

    (void)!handle_vm(machine.vms[pv - ctl.vms], POWER_EV_TIMER);
}

enum err power_ctl_request(struct vm *vm, enum power_kind kind, uint32_t reason, bool emergency,
                           uint32_t *txn)
{
    struct power_reply reply;
    enum err e = handle(
        (struct power_event){.type = POWER_EV_REQUEST,
                             .vm = vm != NULL ? (uint8_t)vm->index : (uint8_t)POWER_BY_CONSOLE,
                             .kind = kind,
                             .reason = reason,
                             .emergency = emergency},
        &reply);

    *txn = reply.txn;
    return e;
}

enum err power_ctl_cancel(struct vm *vm, uint32_t txn)
{
    return handle(
        (struct power_event){.type = POWER_EV_CANCEL,
                             .vm = vm != NULL ? (uint8_t)vm->index : (uint8_t)POWER_BY_CONSOLE,
                             .txn = txn},
        NULL);
}

enum err power_ctl_listen(struct vm *vm, bool on)
{
    return handle(
        (struct power_event){.type = POWER_EV_LISTENER, .vm = (uint8_t)vm->index, .on = on}, NULL);
}

enum err power_ctl_answer(struct vm *vm, uint32_t txn, enum power_event_type answer, uint64_t us,
                          uint32_t *granted_us)
{
    struct power_reply reply;
    enum err e = handle((struct power_event){.type = answer,
                                             .vm = (uint8_t)vm->index,
                                             .txn = txn,
                                             .us = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us},
                        &reply);

    *granted_us = reply.us;
    return e;
}

struct power_notice_seen power_ctl_next_event(struct vm *vm)
{
    struct power_vm *pv = &ctl.vms[vm->index];
    struct power_notice_seen *slot;
    struct power_notice_seen seen;

    spin_lock(&ctl.lock);
    slot = pv->notice.type != 0 ? &pv->notice : &pv->ask;
    seen = *slot;
    *slot = (struct power_notice_seen){0};
    spin_unlock(&ctl.lock);
    return seen;
}

struct power_status power_ctl_status(struct vm *vm)
{
    struct power_status s;
    uint64_t at;
    uint64_t now;

    spin_lock(&ctl.lock);
    now = uptime_us();
    at = ctl.power.nodes[vm->index].timer_at_us;
    s = (struct power_status){
        .phase = ctl.power.phase,
        .kind = ctl.power.kind,
        .vm = ctl.power.nodes[vm->index].state,
        .txn = ctl.power.txn,
        .refused = ctl.power.nodes[vm->index].refused,
        .time_left_us = at != POWER_NEVER && at > now ? at - now : 0,
    };
    spin_unlock(&ctl.lock);
    return s;
}

enum err power_ctl_ask_stop(struct vm *vm, bool restart)
{
    const struct power_node *n = &ctl.power.nodes[vm->index];
    bool heard;

    spin_lock(&ctl.lock);
    heard = n->listener;
    if (heard) {
        ctl.vms[vm->index].ask.type = restart ? POWER_ASK_RESTART : POWER_ASK_SHUTDOWN;
        vm->irqchip->ops->pulse(vm->irqchip, vm->config->power_irq);
    } else if (n->state >= POWER_VM_UP && n->state < POWER_VM_FORCED) {
        heard = vdev_press_power(vm->vdevs);
    }
    spin_unlock(&ctl.lock);
    return heard ? ERR_OK : ERR_NOT_SUPPORTED;
}

enum err power_ctl_vm_loading(struct vm *vm)
{
    return handle_vm(vm, POWER_EV_VM_LOADING);
}

enum err power_ctl_vm_starting(struct vm *vm)
{
    spin_lock(&ctl.lock);
    ctl.vms[vm->index].notice.type = 0;
    ctl.vms[vm->index].ask.type = 0;
    spin_unlock(&ctl.lock);
    return handle_vm(vm, POWER_EV_VM_STARTED);
}

enum err power_ctl_vm_paused(struct vm *vm)
{
    return handle_vm(vm, POWER_EV_VM_PAUSED);
}

void power_ctl_vm_resumed(struct vm *vm)
{
    (void)!handle_vm(vm, POWER_EV_VM_RESUMED);
}

void power_ctl_wake(uint32_t who)
{
    (void)!handle((struct power_event){.type = POWER_EV_WAKE, .vm = (uint8_t)who}, NULL);
}

void power_ctl_sleep_refused(void)
{
    (void)!handle((struct power_event){.type = POWER_EV_SLEEP_REFUSED, .vm = POWER_BY_PLATFORM},
                  NULL);
}

void power_ctl_vm_asleep(struct vm *vm, bool frozen)
{
    (void)!handle_vm(vm, frozen ? POWER_EV_VM_FROZEN : POWER_EV_VM_SUSPENDED);
}

void power_ctl_vm_stopped(struct vm *vm, bool crashed)
{
    (void)!handle_vm(vm, crashed ? POWER_EV_VM_CRASHED : POWER_EV_VM_STOPPED);
}

void power_ctl_vm_srst(struct vm *vm, enum power_kind kind, bool failure)
{
    (void)!handle((struct power_event){.type = POWER_EV_VM_SRST,
                                       .vm = (uint8_t)vm->index,
                                       .kind = kind,
                                       .reason = failure ? SRST_REASON_FAILURE : SRST_REASON_NONE},
                  NULL);
}

void power_ctl_escalate(struct vm *vm)
{
    (void)vm;
    (void)!handle((struct power_event){.type = POWER_EV_REQUEST,
                                       .vm = POWER_BY_PLATFORM,
                                       .kind = POWER_OFF,
                                       .reason = SRST_REASON_FAILURE,
                                       .emergency = true},
                  NULL);
}

enum err power_ctl_audit_read(uint64_t *seq, struct audit_record *out, uint64_t *lost)
{
    enum err e;

    spin_lock(&ctl.lock);
    e = audit_read(&ctl.audit, seq, out, lost);
    spin_unlock(&ctl.lock);
    return e;
}

/* ---- boot ------------------------------------------------------------------------------------ */

/* Keeps the records of the boot before, if the memory still holds them, and marks this boot. */
static enum err start_audit(void) REQUIRES(ctl.lock)
{
    struct power_action mark = {.type = POWER_ACT_AUDIT, .event = AUDIT_BOOT, .vm = AUDIT_NO_VM};
    enum err e = audit_adopt(&ctl.audit, audit_memory, sizeof(audit_memory));

    if (e != ERR_OK) {
        e = audit_init(&ctl.audit, audit_memory, sizeof(audit_memory));
    }
    if (e == ERR_OK) {
        mark.at = uptime_us();
        audit(&mark);
    }
    return e;
}

enum err power_ctl_build(const char **why)
{
    uint32_t n = machine.vm_count;
    struct power_vm_config *config = pool_alloc(n * sizeof(*config), 8);
    struct power_node *nodes = pool_alloc(n * sizeof(*nodes), 8);
    enum err e;

    ctl.vms = pool_alloc(n * sizeof(*ctl.vms), 8);
    if (config == NULL || nodes == NULL || ctl.vms == NULL) {
        *why = "no memory in the arena";
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct virqchip *chip = machine.vms[i]->irqchip;

        config[i] = machine.manifest.vms[i].power;
        e = virq_claim(chip, machine.manifest.vms[i].power_irq, IRQ_EDGE_RISING);
        if (e != ERR_OK) {
            *why = "the interrupt source of power events is taken";
            return e;
        }
    }

    spin_lock(&ctl.lock);
    e = power_init(&ctl.power, config, nodes, n, emit, NULL);
    if (e == ERR_OK) {
        e = start_audit();
    }
    spin_unlock(&ctl.lock);
    *why = "the power ranks of the manifest are wrong";
    return e;
}

enum err power_ctl_fdt(const struct vm *vm, void *fdt)
{
    static const char compatible[] = "curia,power";
    const struct vm_config *c = vm->config;
    bool bad = fdt_begin_node(fdt, "power") != 0;

    bad |= fdt_property(fdt, "compatible", compatible, (int)sizeof(compatible)) != 0;
    bad |= vm->irqchip->ops->fdt_interrupts(vm->irqchip, fdt, vm->config->power_irq) != ERR_OK;
    if (c->power.may_initiate != 0) {
        bad |= fdt_property(fdt, "may-initiate", NULL, 0) != 0;
    }
    if (c->srst_reset == SRST_PLATFORM) {
        bad |= fdt_property(fdt, "reset-is-platform", NULL, 0) != 0;
    }
    bad |= fdt_end_node(fdt) != 0;
    return bad ? ERR_RANGE : ERR_OK;
}
