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
#include "core/trace.h"
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
#define SAME_BIT(name)   ((int)TRACE_##name == CURIA_TRACE_##name)
#define SAME_EVENT(name) ((int)TRACE_EV_##name == CURIA_TRACE_EV_##name)
_Static_assert(SAME_BIT(SWITCH) && SAME_BIT(EXIT) && SAME_BIT(INJECT) && SAME_BIT(IPC) &&
                   SAME_BIT(POWER) && SAME_BIT(LIFECYCLE) && SAME_BIT(ALL),
               "classes of the trace");
_Static_assert(SAME_EVENT(MASK) && SAME_EVENT(SWITCH) && SAME_EVENT(WAIT) && SAME_EVENT(AWAKE) &&
                   SAME_EVENT(EXIT) && SAME_EVENT(ENTRY) && SAME_EVENT(LINES) &&
                   SAME_EVENT(SOURCE) && SAME_EVENT(SEND) && SAME_EVENT(BELL) &&
                   SAME_EVENT(POWER) && SAME_EVENT(STATE) &&
                   CURIA_TRACE_EV_STATE + 1 == TRACE_EVENTS,
               "events of the trace");
_Static_assert(sizeof(struct curia_trace_info) == sizeof(struct trace_header) &&
                   offsetof(struct curia_trace_info, mask) == offsetof(struct trace_header, mask) &&
                   sizeof(struct curia_trace_record) == sizeof(struct trace_record) &&
                   offsetof(struct curia_trace_record, more) == offsetof(struct trace_record, more),
               "struct curia_trace_info is the trace's header");
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

    usage_of(v, &usage);
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
        .time_ns = ticks_to_ns(arch_now() - machine.boot_ticks),
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
    struct hart_usage usage;

    usage_of_hart(hart, &usage);
    *info = (struct curia_hart_info){
        .size = sizeof(*info),
        .index = hart->index,
        .hart = hart->id,
        .flags = hart_has_queue(hart) ? CURIA_HART_SHARED : 0u,
        .vcpus = vcpus_on(hart),
        .time_ns = ticks_to_ns(usage.time),
        .idle_ns = ticks_to_ns(usage.idle),
        .hyp_ns = ticks_to_ns(usage.hyp),
    };
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

/* ---- the trace ------------------------------------------------------------------------------- */

static enum err may_trace(const struct vm *caller)
{
    if (trace_header() == NULL) {
        return ERR_NOT_SUPPORTED;
    }
    return (caller->config->privileges & PRIV_TRACE) != 0 ? ERR_OK : ERR_DENIED;
}

static struct sbi_ret trace_info(const struct vm *caller, const uint64_t a[6])
{
    const struct trace_header *header = trace_header();

    return tell(caller, may_trace(caller), a, header, header != NULL ? header->size : 0);
}

static struct sbi_ret trace_classes(const struct vm *caller, uint64_t mask)
{
    enum err e = may_trace(caller);

    if (e == ERR_OK && (mask & ~(uint64_t)TRACE_ALL) != 0) {
        e = ERR_INVALID;
    }
    return e == ERR_OK ? sbi_ok(trace_set((uint32_t)mask)) : sbi_from(e);
}

/*
 * Copies max records of hart from *first on to at, or as many as there are; *first becomes the
 * number of the first. Ends early where the hart has overwritten some in between.
 */
static enum err copy_records(const struct vm *caller, const struct hart *hart, uint64_t *first,
                             gpa_t at, uint64_t max, uint64_t *copied)
{
    struct trace_record some[16];
    enum err e = ERR_OK;
    uint64_t done = 0;
    uint64_t n;

    do {
        uint64_t number = *first + done;

        n = max - done < ARRAY_SIZE(some) ? max - done : ARRAY_SIZE(some);
        n = trace_read(hart, &number, some, (uint32_t)n);
        if (done == 0) {
            *first = number;
        } else if (number != *first + done) {
            break;
        }
        e = guest_write(caller, gpa_add(at, done * sizeof(some[0])), some, n * sizeof(some[0]));
        done += n;
    } while (e == ERR_OK && n == ARRAY_SIZE(some));
    *copied = done;
    return e;
}

/* a: {hart, number, low, high, bytes} */
static struct sbi_ret trace_records(const struct vm *caller, const uint64_t a[6])
{
    uint64_t bytes = a[4] < CURIA_TRACE_READ_MAX ? a[4] : CURIA_TRACE_READ_MAX;
    const uint64_t head = sizeof(struct curia_trace_block);
    uint64_t first = a[1], count = 0;
    enum err e = may_trace(caller);

    if (e == ERR_OK && a[0] >= machine.hart_count) {
        e = ERR_NOT_FOUND;
    }
    if (e == ERR_OK &&
        (bytes < head + sizeof(struct trace_record) || first > trace_head(machine.harts[a[0]]))) {
        e = ERR_INVALID;
    }
    if (e == ERR_OK && (a[3] != 0 || !memmap_is_ram(&caller->map, gpa(a[2]), bytes))) {
        e = ERR_FAULT;
    }
    if (e == ERR_OK) {
        e = copy_records(caller, machine.harts[a[0]], &first, gpa(a[2] + head),
                         (bytes - head) / sizeof(struct trace_record), &count);
    }
    if (e == ERR_OK) {
        e = guest_write(caller, gpa(a[2]), &first, head);
    }
    return e == ERR_OK ? sbi_ok(head + count * sizeof(struct trace_record)) : sbi_from(e);
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
    case CURIA_VMM_TRACE_INFO:
        return trace_info(v->vm, a);
    case CURIA_VMM_TRACE_SET:
        return trace_classes(v->vm, a[0]);
    case CURIA_VMM_TRACE_READ:
        return trace_records(v->vm, a);
    default:
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
}

const struct sbi_ext sbi_ext_vmm = {CURIA_EXT_VMM, handle, NULL};
