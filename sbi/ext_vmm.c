/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VMM: a VM sees and manages VMs. Itself always; others as far as its manifest says (PRIV_INFO,
 * PRIV_MANAGE). What a state allows is decided in core/lifecycle.c. [docs/abi.md, VMM]
 */
#include "core/lifecycle.h"
#include "core/machine.h"
#include "core/memmap.h"
#include "core/sched.h"
#include "core/timer.h"
#include "core/usage.h"
#include "core/vm.h"
#include "sbi/sbi.h"

#include <stddef.h>
#include <string.h>

_Static_assert((int)VM_OFF == CURIA_VM_OFF && (int)VM_LOADING == CURIA_VM_LOADING &&
                   (int)VM_RUNNING == CURIA_VM_RUNNING && (int)VM_PAUSED == CURIA_VM_PAUSED &&
                   (int)VM_SUSPENDED == CURIA_VM_SUSPENDED &&
                   (int)VM_STOPPING == CURIA_VM_STOPPING && (int)VM_CRASHED == CURIA_VM_CRASHED,
               "states of a VM");
_Static_assert((int)STOP_NONE == CURIA_STOP_NONE && (int)STOP_SHUTDOWN == CURIA_STOP_SHUTDOWN &&
                   (int)STOP_REBOOT == CURIA_STOP_REBOOT && (int)STOP_ASKED == CURIA_STOP_ASKED &&
                   (int)STOP_FORCED == CURIA_STOP_FORCED && (int)STOP_CRASH == CURIA_STOP_CRASH &&
                   (int)STOP_LOAD == CURIA_STOP_LOAD && (int)STOP_WATCHDOG == CURIA_STOP_WATCHDOG,
               "why a VM stopped");
_Static_assert((int)EXIT_ECALL_FAST == CURIA_EXIT_ECALL_FAST &&
                   (int)EXIT_ECALL == CURIA_EXIT_ECALL && (int)EXIT_MMIO == CURIA_EXIT_MMIO &&
                   (int)EXIT_PAGE_FAULT == CURIA_EXIT_PAGE_FAULT &&
                   (int)EXIT_INSN == CURIA_EXIT_INSN && (int)EXIT_WFI == CURIA_EXIT_WFI &&
                   (int)EXIT_IRQ_TIMER == CURIA_EXIT_IRQ_TIMER &&
                   (int)EXIT_IRQ_IPI == CURIA_EXIT_IRQ_IPI &&
                   (int)EXIT_IRQ_EXT == CURIA_EXIT_IRQ_EXT && (int)EXIT_OTHER == CURIA_EXIT_OTHER &&
                   (int)EXIT_CAUSES == CURIA_EXIT_CAUSES,
               "why a guest was left");
_Static_assert(sizeof(((struct curia_vm_info *)0)->name) == MANIFEST_NAME_MAX + 1, "a VM's name");

/* The VM that index names, if caller may do to it what needs one of privileges. */
static enum err target_of(const struct vm *caller, uint64_t index, uint32_t privileges,
                          struct vm **out)
{
    if (index >= machine.vm_count) {
        return ERR_NOT_FOUND;
    }
    *out = machine.vms[index];
    return *out == caller || (caller->config->privileges & privileges) != 0 ? ERR_OK : ERR_DENIED;
}

/*
 * Writes the first bytes of what is told, all of it at most, to where at says: {low, high, bytes}.
 * e: what is wrong already.
 */
static struct sbi_ret tell(const struct vm *caller, enum err e, const uint64_t at[3],
                           const void *what, uint64_t size)
{
    uint64_t bytes = at[2] < size ? at[2] : size;

    if (e == ERR_OK && bytes == 0) {
        e = ERR_INVALID;
    }
    if (e == ERR_OK && (at[1] != 0 || !memmap_is_ram(&caller->map, gpa(at[0]), bytes))) {
        e = ERR_FAULT;
    }
    if (e == ERR_OK) {
        e = guest_write(caller, gpa(at[0]), what, bytes);
    }
    return e == ERR_OK ? sbi_ok(bytes) : sbi_from(e);
}

static uint64_t memory_of(const struct vm *vm)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < vm->map.count; i++) {
        bytes += vm->map.regions[i].kind == REGION_RAM ? vm->map.regions[i].size : 0;
    }
    return bytes;
}

static uint64_t exits_by(const struct vcpu *v, uint32_t cause)
{
    return __atomic_load_n(&v->exits[cause], __ATOMIC_RELAXED);
}

static uint64_t exits_of(const struct vm *vm)
{
    uint64_t exits = 0;

    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        for (uint32_t cause = 0; cause < EXIT_CAUSES; cause++) {
            exits += exits_by(vm->vcpus[i], cause);
        }
    }
    return exits;
}

static bool has_uptime(enum vm_state state)
{
    return state == VM_RUNNING || state == VM_PAUSED || state == VM_SUSPENDED;
}

static void describe(struct vm *vm, struct curia_vm_info *info)
{
    memset(info, 0, sizeof(*info));
    info->size = sizeof(*info);
    info->index = vm->index;
    (void)strncpy(info->name, vm->config->name, sizeof(info->name) - 1);
    info->vcpus = vm->vcpu_count;
    info->memory_bytes = memory_of(vm);
    info->exits = exits_of(vm);

    spin_lock(&vm->lock);
    info->state = vm->state;
    info->generation = vm->generation;
    info->stop_reason = vm->stop_reason;
    info->uptime_us = has_uptime(vm->state) ? ticks_to_us(arch_now() - vm->started_at) : 0;
    info->fault_pc = vm->fault.pc;
    info->fault_cause = vm->fault.cause;
    info->fault_addr = vm->fault.addr;
    spin_unlock(&vm->lock);
}

static struct sbi_ret info(const struct vm *caller, const uint64_t a[6])
{
    struct curia_vm_info answer;
    struct vm *target;
    enum err e = target_of(caller, a[0], PRIV_INFO | PRIV_MANAGE, &target);

    if (e == ERR_OK) {
        describe(target, &answer);
    }
    return tell(caller, e, &a[1], &answer, sizeof(answer));
}

static void describe_vcpu(struct vcpu *v, struct curia_vcpu_info *info)
{
    const struct sched_entity *s = &v->sched;
    struct hart *hart = vcpu_hart(v);
    struct usage usage;
    uint64_t now;

    usage_of(v, &usage);
    (void)usage_idle(hart, &now);
    *info = (struct curia_vcpu_info){
        .size = sizeof(*info),
        .vm = v->vm->index,
        .index = v->index,
        .state = sbi_hsm_state(v),
        .hart = hart->id,
        .flags = (hart_has_queue(hart) ? CURIA_VCPU_SHARED : 0u) | (s->hard ? CURIA_VCPU_HARD : 0u),
        .priority = s->priority,
        .slice_us = ticks_to_us(s->slice),
        .budget_us = ticks_to_us(s->budget.total),
        .period_us = ticks_to_us(s->budget.period),
        .time_ns = ticks_to_ns(now),
        .run_ns = ticks_to_ns(usage.run),
        .ready_ns = ticks_to_ns(usage.ready),
        .throttled_ns = ticks_to_ns(usage.throttled),
        .switches = usage.switches,
        .moves = atomic_load_explicit(&v->moves, memory_order_relaxed),
    };
    for (uint32_t cause = 0; cause < EXIT_CAUSES; cause++) {
        info->exits[cause] = exits_by(v, cause);
    }
}

static struct sbi_ret vcpu(const struct vm *caller, const uint64_t a[6])
{
    struct curia_vcpu_info answer;
    struct vm *target;
    enum err e = target_of(caller, a[0], PRIV_INFO | PRIV_MANAGE, &target);

    if (e == ERR_OK && a[1] >= target->vcpu_count) {
        e = ERR_NOT_FOUND;
    }
    if (e == ERR_OK) {
        describe_vcpu(target->vcpus[a[1]], &answer);
    }
    return tell(caller, e, &a[2], &answer, sizeof(answer));
}

static uint32_t vcpus_on(const struct hart *hart)
{
    uint32_t count = 0;

    for (uint32_t vm = 0; vm < machine.vm_count; vm++) {
        for (uint32_t i = 0; i < machine.vms[vm]->vcpu_count; i++) {
            count += vcpu_hart(machine.vms[vm]->vcpus[i]) == hart ? 1u : 0u;
        }
    }
    return count;
}

static void describe_hart(struct hart *hart, struct curia_hart_info *info)
{
    uint64_t now;

    *info = (struct curia_hart_info){
        .size = sizeof(*info),
        .index = hart->index,
        .hart = hart->id,
        .flags = hart_has_queue(hart) ? CURIA_HART_SHARED : 0u,
        .vcpus = vcpus_on(hart),
        .idle_ns = ticks_to_ns(usage_idle(hart, &now)),
    };
    info->time_ns = ticks_to_ns(now);
}

static struct sbi_ret hart(const struct vm *caller, const uint64_t a[6])
{
    struct curia_hart_info answer;
    enum err e = ERR_OK;

    if (a[0] >= machine.hart_count) {
        e = ERR_NOT_FOUND;
    } else if ((caller->config->privileges & (PRIV_INFO | PRIV_MANAGE)) == 0) {
        e = ERR_DENIED;
    } else {
        describe_hart(machine.harts[a[0]], &answer);
    }
    return tell(caller, e, &a[1], &answer, sizeof(answer));
}

static struct sbi_ret start(const struct vm *caller, uint64_t index)
{
    struct vm *target;
    enum err e = target_of(caller, index, PRIV_MANAGE, &target);

    if (e == ERR_OK) {
        e = lifecycle_start(target);
        if (e == ERR_EXISTS) {
            return sbi_err(SBI_ERR_ALREADY_STARTED);
        }
    }
    return sbi_from(e);
}

static struct sbi_ret stop(const struct vm *caller, uint64_t index, uint64_t flags, bool restart)
{
    struct vm *target;
    enum err e = target_of(caller, index, PRIV_MANAGE, &target);

    if (e == ERR_OK && (flags & ~(uint64_t)CURIA_VMM_FORCE) != 0) {
        e = ERR_INVALID;
    }
    if (e == ERR_OK) {
        e = (flags & CURIA_VMM_FORCE) != 0 ? lifecycle_stop(target, STOP_ASKED, restart)
                                           : lifecycle_stop_graceful(target, restart);
        if (e == ERR_STATE && (vm_state(target) == VM_OFF || vm_state(target) == VM_CRASHED)) {
            return sbi_err(SBI_ERR_ALREADY_STOPPED);
        }
    }
    return sbi_from(e);
}

/* Not itself: it could not undo it. */
static struct sbi_ret hold(const struct vm *caller, uint64_t index, bool pause)
{
    struct vm *target;
    enum err e = target_of(caller, index, PRIV_MANAGE, &target);

    if (e == ERR_OK && target == caller) {
        e = ERR_DENIED;
    }
    if (e == ERR_OK) {
        e = pause ? lifecycle_pause(target) : lifecycle_resume(target);
    }
    return sbi_from(e);
}

/* Not even its own, without the privilege: whose hart it comes to is not its business alone. */
static struct sbi_ret move(const struct vm *caller, uint64_t index, uint64_t vcpu_index,
                           uint64_t hart_id)
{
    struct vm *target;
    struct vcpu *v = NULL;
    enum err e = target_of(caller, index, PRIV_MANAGE, &target);

    if (e == ERR_OK && (caller->config->privileges & PRIV_MANAGE) == 0) {
        e = ERR_DENIED;
    }
    if (e == ERR_OK) {
        v = vm_vcpu(target, vcpu_index);
        e = v != NULL ? sched_move(v, hart_id) : ERR_NOT_FOUND;
    }
    return sbi_from(e);
}

static struct sbi_ret heartbeat(struct vm *caller, uint64_t us)
{
    uint64_t granted_us;
    enum err e = watchdog_beat(caller, us, &granted_us);

    return e == ERR_OK ? sbi_ok(granted_us) : sbi_from(e);
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    switch (fid) {
    case CURIA_VMM_SELF:
        return sbi_ok(v->vm->index);
    case CURIA_VMM_COUNT:
        return sbi_ok(machine.vm_count);
    case CURIA_VMM_INFO:
        return info(v->vm, a);
    case CURIA_VMM_START:
        return start(v->vm, a[0]);
    case CURIA_VMM_STOP:
        return stop(v->vm, a[0], a[1], false);
    case CURIA_VMM_RESTART:
        return stop(v->vm, a[0], a[1], true);
    case CURIA_VMM_PAUSE:
        return hold(v->vm, a[0], true);
    case CURIA_VMM_RESUME:
        return hold(v->vm, a[0], false);
    case CURIA_VMM_HEARTBEAT:
        return heartbeat(v->vm, a[0]);
    case CURIA_VMM_VCPU:
        return vcpu(v->vm, a);
    case CURIA_VMM_HART:
        return hart(v->vm, a);
    case CURIA_VMM_MOVE:
        return move(v->vm, a[0], a[1], a[2]);
    default:
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
}

const struct sbi_ext sbi_ext_vmm = {CURIA_EXT_VMM, handle, NULL};
