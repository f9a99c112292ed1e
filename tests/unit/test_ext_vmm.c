/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/ext_vmm.c core/trace.c core/hart.c core/usage.c core/budget.c core/memmap.c
 *       core/guest_copy.c tests/unit/fake_arch.c tests/unit/fake_core.c */
/* VMM as guests call it: rights, states, what INFO tells. Lifecycle and sbi_from() are faked. */
#include "tests/unit/ext_rig.h"
#include "tests/unit/fake_arch.h"
#include "tests/unit/trace_rig.h"

#include "core/lifecycle.h"
#include "core/sched.h"
#include "core/timer.h"
#include "sbi/sbi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM   0x80000000ull
#define BYTES 0x10000ull
#define UP    0x100000000ull

enum { PLAIN, VIEWER, MANAGER, TARGET, VMS };

static struct vm *vms[VMS];
static struct {
    uint32_t starts, stops, asks, pauses, resumes, beats, moves;
    uint64_t us;
    const struct vm *vm;
    enum stop_reason reason;
    bool restart;
    enum err answer;
} life;

enum err lifecycle_start(struct vm *vm)
{
    life.starts++;
    life.vm = vm;
    return life.answer;
}

enum err lifecycle_stop(struct vm *vm, enum stop_reason reason, bool restart)
{
    life.stops++;
    life.vm = vm;
    life.reason = reason;
    life.restart = restart;
    return life.answer;
}

enum err lifecycle_stop_graceful(struct vm *vm, bool restart)
{
    life.asks++;
    life.vm = vm;
    life.restart = restart;
    return life.answer;
}

enum err sched_move(struct vcpu *v, uint64_t hart_id)
{
    life.moves++;
    life.vm = v->vm;
    life.us = hart_id;
    return life.answer;
}

enum err lifecycle_pause(struct vm *vm)
{
    life.pauses++;
    life.vm = vm;
    return life.answer;
}

enum err lifecycle_resume(struct vm *vm)
{
    life.resumes++;
    life.vm = vm;
    return life.answer;
}

enum err watchdog_beat(struct vm *vm, uint64_t us, uint64_t *granted_us)
{
    life.beats++;
    life.vm = vm;
    life.us = us;
    *granted_us = 77;
    return life.answer;
}

uint64_t ticks_to_us(uint64_t ticks)
{
    return ticks / (FAKE_TIMEBASE_HZ / 1000000);
}

static int setup(void **state)
{
    static const char *const names[] = {"plain", "viewer", "manager", "target"};

    (void)state;
    fake_init(VMS);
    memset(&life, 0, sizeof(life));
    for (uint32_t i = 0; i < VMS; i++) {
        vms[i] = fake_vm_add(names[i], 1, i, RAM, BYTES);
    }
    fake_vm(vms[VIEWER])->config.privileges = PRIV_INFO;
    fake_vm(vms[MANAGER])->config.privileges = PRIV_MANAGE;
    (void)fake_vm_region(vms[TARGET], 0xa0000000, 0x3000, REGION_RAM, MAP_RAM);
    (void)fake_vm_region(vms[TARGET], 0xb0000000, 0x3000, REGION_SHARED, MAP_RW);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static struct sbi_ret call(uint32_t by, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                           uint64_t a3)
{
    const uint64_t a[6] = {a0, a1, a2, a3, ~0ull, ~0ull};

    return sbi_ext_vmm.handle(vms[by]->vcpus[0], fid, a);
}

static void expect(int64_t error, uint64_t value, struct sbi_ret r)
{
    assert_int_equal(r.error, error);
    assert_int_equal(r.value, value);
}

static void set_state(enum vm_state s) NO_TSA
{
    vms[TARGET]->state = s;
    atomic_store(&vms[TARGET]->state_seen, s);
}

static void test_numbers(void **state)
{
    (void)state;
    expect(SBI_SUCCESS, TARGET, call(TARGET, CURIA_VMM_SELF, 9, 9, 9, 9));
    expect(SBI_SUCCESS, VMS, call(PLAIN, CURIA_VMM_COUNT, 9, 9, 9, 9));
    expect(SBI_ERR_NOT_SUPPORTED, 0, call(PLAIN, CURIA_VMM_TRACE_READ + 1, 0, 0, 0, 0));
    expect(SBI_ERR_NOT_SUPPORTED, 0, call(PLAIN, UP, 0, 0, 0, 0));
}

static void test_info(void **state)
{
    struct curia_vm_info *info = fake_gpa(vms[MANAGER], RAM + 8, sizeof(*info));
    struct vm *t = vms[TARGET];
    uint64_t size = sizeof(*info);

    (void)state;
    assert_int_equal(size, 104); /* docs/abi.md */
    t->started_at = 1000;
    atomic_store(&fake.now, 1000 + 50 * (FAKE_TIMEBASE_HZ / 1000000));
    t->generation = 7;
    t->stop_reason = STOP_CRASH;
    t->fault = (struct vm_fault){1, 2, 3};
    t->vcpus[0]->exits[EXIT_MMIO] = 10;
    t->vcpus[0]->exits[EXIT_OTHER] = 5;

    expect(SBI_SUCCESS, size, call(MANAGER, CURIA_VMM_INFO, TARGET, RAM + 8, 0, UINT64_MAX));
    assert_int_equal(info->size, size);
    assert_int_equal(info->index, TARGET);
    assert_string_equal(info->name, "target");
    assert_int_equal(info->state, CURIA_VM_RUNNING);
    assert_int_equal(info->generation, 7);
    assert_int_equal(info->vcpus, 1);
    assert_int_equal(info->stop_reason, CURIA_STOP_CRASH);
    assert_int_equal(info->memory_bytes, BYTES + 0x3000);
    assert_int_equal(info->exits, 15);
    assert_int_equal(info->uptime_us, 50);
    assert_int_equal(info->fault_pc * 100 + info->fault_cause * 10 + info->fault_addr, 123);
    assert_int_equal(*((uint8_t *)info + size), 0xa5);

    set_state(VM_CRASHED);
    expect(SBI_SUCCESS, size, call(MANAGER, CURIA_VMM_INFO, TARGET, RAM + 8, 0, size));
    assert_int_equal(info->uptime_us, 0);
    assert_int_equal(info->state, CURIA_VM_CRASHED);

    /* A part of it. */
    memset(info, 0xa5, size);
    expect(SBI_SUCCESS, 10, call(MANAGER, CURIA_VMM_INFO, TARGET, RAM + 8, 0, 10));
    assert_int_equal(info->size, size);
    assert_int_equal(*((uint8_t *)info + 10), 0xa5);
    /* What is written has to be RAM, not what could have been. */
    expect(SBI_SUCCESS, size,
           call(MANAGER, CURIA_VMM_INFO, TARGET, RAM + BYTES - size, 0, UINT64_MAX));

    expect(FROM(ERR_NOT_FOUND), 0, call(MANAGER, CURIA_VMM_INFO, VMS, RAM, 0, size));
    expect(FROM(ERR_NOT_FOUND), 0, call(PLAIN, CURIA_VMM_INFO, UP, RAM, 0, size));
    expect(FROM(ERR_DENIED), 0, call(PLAIN, CURIA_VMM_INFO, TARGET, RAM, 0, 0));
    expect(SBI_SUCCESS, size, call(PLAIN, CURIA_VMM_INFO, PLAIN, RAM, 0, size));
    expect(SBI_SUCCESS, size, call(VIEWER, CURIA_VMM_INFO, TARGET, RAM, 0, size));
    expect(FROM(ERR_INVALID), 0, call(PLAIN, CURIA_VMM_INFO, PLAIN, RAM, 1, 0));
    expect(FROM(ERR_FAULT), 0, call(PLAIN, CURIA_VMM_INFO, PLAIN, RAM, 1, size));
    expect(FROM(ERR_FAULT), 0, call(PLAIN, CURIA_VMM_INFO, PLAIN, RAM + BYTES - 1, 0, size));
    expect(FROM(ERR_FAULT), 0, call(PLAIN, CURIA_VMM_INFO, PLAIN, UINT64_MAX - 3, 0, size));
    expect(FROM(ERR_FAULT), 0, call(TARGET, CURIA_VMM_INFO, TARGET, 0xb0000000, 0, size));
}

#define US(n) ((uint64_t)(n) * (FAKE_TIMEBASE_HZ / 1000000))

/* With a buffer that only four arguments leave room for. */
static struct sbi_ret vcpu_call(uint32_t by, uint64_t vm, uint64_t index, uint64_t lo, uint64_t hi,
                                uint64_t bytes)
{
    const uint64_t a[6] = {vm, index, lo, hi, bytes, ~0ull};

    return sbi_ext_vmm.handle(vms[by]->vcpus[0], CURIA_VMM_VCPU, a);
}

/* One that takes turns: what the run queue has counted, the stretch that goes on included. */
static void test_vcpu(void **state)
{
    struct curia_vcpu_info *info = fake_gpa(vms[VIEWER], RAM + 8, sizeof(*info));
    struct vcpu *v = vms[TARGET]->vcpus[0];
    static struct runqueue rq;
    uint64_t size = sizeof(*info);

    (void)state;
    assert_int_equal(size, 184); /* docs/abi.md */
    machine.boot_ticks = US(1000);
    atomic_store(&fake.now, US(1100));
    v->hart->rq = &rq;
    v->sched.priority = 20;
    v->sched.hard = true;
    v->sched.slice = (uint32_t)US(10000);
    budget_init(&v->sched.budget, US(2000), US(8000), 1);
    tally_begin(&v->sched.time[SCHED_READY], US(1020));
    tally_end(&v->sched.time[SCHED_READY], US(1030));
    tally_begin(&v->sched.time[SCHED_THROTTLED], US(1030));
    tally_end(&v->sched.time[SCHED_THROTTLED], US(1033));
    tally_begin(&v->sched.time[SCHED_RUNNING], US(1033));
    v->sched.switches = 4;
    v->moves = 7;
    for (uint32_t c = 0; c < EXIT_CAUSES; c++) {
        v->exits[c] = 100 + c;
    }

    expect(SBI_SUCCESS, size, vcpu_call(VIEWER, TARGET, 0, RAM + 8, 0, UINT64_MAX));
    assert_int_equal(info->size, size);
    assert_int_equal(info->vm, TARGET);
    assert_int_equal(info->index, 0);
    assert_int_equal(info->state, SBI_HSM_STATE_STARTED);
    assert_int_equal(info->hart, fake_hart_id(TARGET));
    assert_int_equal(info->flags, CURIA_VCPU_SHARED | CURIA_VCPU_HARD);
    assert_int_equal(info->priority, 20);
    assert_int_equal(info->slice_us, 10000);
    assert_int_equal(info->budget_us, 2000);
    assert_int_equal(info->period_us, 8000);
    assert_int_equal(info->time_ns, 100000);
    assert_int_equal(info->run_ns, 67000);
    assert_int_equal(info->ready_ns, 10000);
    assert_int_equal(info->throttled_ns, 3000);
    assert_int_equal(info->switches, 4);
    assert_int_equal(info->moves, 7);
    for (uint32_t c = 0; c < EXIT_CAUSES; c++) {
        assert_int_equal(info->exits[c], 100 + c);
    }
    assert_int_equal(*((uint8_t *)info + size), 0xa5);

    /* Others of its states; a part of it. */
    fake_vcpu_state(v, VCPU_SUSPENDED);
    expect(SBI_SUCCESS, 16, vcpu_call(VIEWER, TARGET, 0, RAM + 8, 0, 16));
    assert_int_equal(info->state, SBI_HSM_STATE_SUSPENDED);
    fake_vcpu_state(v, VCPU_START_PENDING);
    expect(SBI_SUCCESS, size, vcpu_call(VIEWER, TARGET, 0, RAM + 8, 0, size));
    assert_int_equal(info->state, SBI_HSM_STATE_START_PENDING);
    fake_vcpu_state(v, VCPU_STOPPED);
    expect(SBI_SUCCESS, size, vcpu_call(MANAGER, TARGET, 0, RAM + 8, 0, size));
    expect(SBI_SUCCESS, size, vcpu_call(TARGET, TARGET, 0, RAM + BYTES - size, 0, UINT64_MAX));

    expect(FROM(ERR_NOT_FOUND), 0, vcpu_call(MANAGER, VMS, 0, RAM, 0, size));
    expect(FROM(ERR_NOT_FOUND), 0, vcpu_call(PLAIN, UP, 0, RAM, 0, size));
    expect(FROM(ERR_DENIED), 0, vcpu_call(PLAIN, TARGET, 1, RAM, 1, 0));
    expect(FROM(ERR_NOT_FOUND), 0, vcpu_call(PLAIN, PLAIN, 1, RAM, 1, 0));
    expect(FROM(ERR_NOT_FOUND), 0, vcpu_call(PLAIN, PLAIN, UP, RAM, 0, size));
    expect(FROM(ERR_INVALID), 0, vcpu_call(PLAIN, PLAIN, 0, RAM, 1, 0));
    expect(FROM(ERR_FAULT), 0, vcpu_call(PLAIN, PLAIN, 0, RAM, 1, size));
    expect(FROM(ERR_FAULT), 0, vcpu_call(PLAIN, PLAIN, 0, RAM + BYTES - 1, 0, size));
    expect(FROM(ERR_FAULT), 0, vcpu_call(TARGET, TARGET, 0, 0xb0000000, 0, size));
}

/* One that takes no turns runs while its hart does not wait. */
static void test_vcpu_alone(void **state)
{
    struct curia_vcpu_info *info = fake_gpa(vms[PLAIN], RAM, sizeof(*info));
    struct hart *hart = vms[PLAIN]->vcpus[0]->hart;

    (void)state;
    machine.boot_ticks = US(1000);
    atomic_store(&fake.now, US(1100));
    tally_begin(&hart->idle, US(1050));
    tally_end(&hart->idle, US(1060));
    expect(SBI_SUCCESS, sizeof(*info), vcpu_call(PLAIN, PLAIN, 0, RAM, 0, sizeof(*info)));
    assert_int_equal(info->flags, 0);
    assert_int_equal(info->run_ns, 90000);
    assert_int_equal(info->ready_ns + info->throttled_ns + info->switches + info->budget_us, 0);

    /* While it waits: no more, and no less. */
    tally_begin(&hart->idle, US(1100));
    atomic_store(&fake.now, US(1200));
    expect(SBI_SUCCESS, sizeof(*info), vcpu_call(PLAIN, PLAIN, 0, RAM, 0, sizeof(*info)));
    assert_int_equal(info->run_ns, 90000);
    assert_int_equal(info->time_ns, 200000);
}

static void test_hart(void **state)
{
    struct curia_hart_info *info = fake_gpa(vms[VIEWER], RAM, sizeof(*info));
    struct hart *hart = machine.harts[1];
    static struct runqueue rq;
    uint64_t size = sizeof(*info);

    (void)state;
    assert_int_equal(size, 48); /* docs/abi.md */
    machine.boot_ticks = US(1000);
    atomic_store(&fake.now, US(1100));
    hart->rq = &rq;
    vms[TARGET]->vcpus[0]->hart = hart;
    tally_begin(&hart->guest, US(1010));
    tally_end(&hart->guest, US(1040));
    tally_begin(&hart->idle, US(1040));
    expect(SBI_SUCCESS, size, call(VIEWER, CURIA_VMM_HART, 1, RAM, 0, UINT64_MAX));
    assert_int_equal(info->size, size);
    assert_int_equal(info->index, 1);
    assert_int_equal(info->hart, fake_hart_id(1));
    assert_int_equal(info->flags, CURIA_HART_SHARED);
    assert_int_equal(info->vcpus, 2);
    assert_int_equal(info->time_ns, 100000);
    assert_int_equal(info->idle_ns, 60000);
    assert_int_equal(info->hyp_ns, 10000);
    assert_int_equal(*((uint8_t *)info + size), 0xa5);

    expect(SBI_SUCCESS, size, call(MANAGER, CURIA_VMM_HART, 0, RAM, 0, size));
    info = fake_gpa(vms[MANAGER], RAM, size);
    assert_true(info->flags == 0 && info->vcpus == 1 && info->idle_ns == 0);

    /* A clock that is behind that of the hart. */
    tally_begin(&machine.harts[0]->idle, US(1101));
    expect(SBI_SUCCESS, size, call(MANAGER, CURIA_VMM_HART, 0, RAM, 0, size));
    assert_int_equal(info->idle_ns, 0);

    expect(FROM(ERR_NOT_FOUND), 0, call(MANAGER, CURIA_VMM_HART, VMS, RAM, 0, size));
    expect(FROM(ERR_NOT_FOUND), 0, call(PLAIN, CURIA_VMM_HART, UP, RAM, 0, size));
    expect(FROM(ERR_DENIED), 0, call(PLAIN, CURIA_VMM_HART, 0, RAM, 1, 0));
    expect(FROM(ERR_INVALID), 0, call(VIEWER, CURIA_VMM_HART, 0, RAM, 1, 0));
    expect(FROM(ERR_FAULT), 0, call(VIEWER, CURIA_VMM_HART, 0, RAM, 1, size));
    expect(FROM(ERR_FAULT), 0, call(VIEWER, CURIA_VMM_HART, 0, RAM + BYTES - 1, 0, size));
}

/* A name as long as the manifest allows, and one that the checks let through by mistake. */
static void test_name_ends(void **state)
{
    struct curia_vm_info *info = fake_gpa(vms[PLAIN], RAM, sizeof(*info));

    (void)state;
    fake_vm(vms[PLAIN])->config.name = "0123456789012345678901234567890123456789";
    expect(SBI_SUCCESS, sizeof(*info), call(PLAIN, CURIA_VMM_INFO, PLAIN, RAM, 0, sizeof(*info)));
    assert_int_equal(strlen(info->name), MANIFEST_NAME_MAX);
}

static void test_rights(void **state)
{
    static const uint64_t fids[] = {CURIA_VMM_START, CURIA_VMM_STOP, CURIA_VMM_RESTART};

    (void)state;
    for (uint32_t i = 0; i < ARRAY_SIZE(fids); i++) {
        expect(FROM(ERR_NOT_FOUND), 0, call(MANAGER, fids[i], VMS, 0, 0, 0));
        expect(FROM(ERR_NOT_FOUND), 0, call(MANAGER, fids[i], UP, 0, 0, 0));
        expect(FROM(ERR_DENIED), 0, call(PLAIN, fids[i], TARGET, 2, 0, 0));
        expect(FROM(ERR_DENIED), 0, call(VIEWER, fids[i], TARGET, 0, 0, 0));
    }
    assert_int_equal(life.starts + life.stops + life.asks, 0);
    for (uint32_t i = 0; i < ARRAY_SIZE(fids); i++) {
        expect(FROM(ERR_OK), 0, call(MANAGER, fids[i], TARGET, 0, ~0ull, ~0ull));
        assert_ptr_equal(life.vm, vms[TARGET]);
        expect(FROM(ERR_OK), 0, call(PLAIN, fids[i], PLAIN, 0, 0, 0));
        assert_ptr_equal(life.vm, vms[PLAIN]);
    }
    assert_int_equal(life.starts, 2);
    assert_int_equal(life.asks, 4);
}

/* Not even its own, without the privilege. */
static void test_move(void **state)
{
    (void)state;
    expect(FROM(ERR_NOT_FOUND), 0, call(MANAGER, CURIA_VMM_MOVE, VMS, 0, 3, 0));
    expect(FROM(ERR_NOT_FOUND), 0, call(MANAGER, CURIA_VMM_MOVE, TARGET, 1, 3, 0));
    expect(FROM(ERR_NOT_FOUND), 0, call(MANAGER, CURIA_VMM_MOVE, TARGET, UP, 3, 0));
    expect(FROM(ERR_DENIED), 0, call(VIEWER, CURIA_VMM_MOVE, TARGET, 0, 3, 0));
    expect(FROM(ERR_DENIED), 0, call(PLAIN, CURIA_VMM_MOVE, PLAIN, 0, 3, 0));
    assert_int_equal(life.moves, 0);
    expect(FROM(ERR_OK), 0, call(MANAGER, CURIA_VMM_MOVE, TARGET, 0, UP + 3, 0));
    assert_true(life.moves == 1 && life.vm == vms[TARGET] && life.us == UP + 3);
    expect(FROM(ERR_OK), 0, call(MANAGER, CURIA_VMM_MOVE, MANAGER, 0, 3, 0));
    life.answer = ERR_INVALID;
    expect(FROM(ERR_INVALID), 0, call(MANAGER, CURIA_VMM_MOVE, TARGET, 0, 4, 0));
}

static void test_start(void **state)
{
    (void)state;
    life.answer = ERR_EXISTS;
    expect(SBI_ERR_ALREADY_STARTED, 0, call(MANAGER, CURIA_VMM_START, TARGET, 0, 0, 0));
    life.answer = ERR_STATE;
    expect(FROM(ERR_STATE), 0, call(MANAGER, CURIA_VMM_START, TARGET, 0, 0, 0));
}

static void test_stop(void **state)
{
    (void)state;
    expect(FROM(ERR_INVALID), 0, call(MANAGER, CURIA_VMM_STOP, TARGET, 2, 0, 0));
    expect(FROM(ERR_INVALID), 0, call(MANAGER, CURIA_VMM_RESTART, TARGET, UP | 1, 0, 0));
    assert_int_equal(life.stops + life.asks, 0);

    expect(FROM(ERR_OK), 0, call(MANAGER, CURIA_VMM_STOP, TARGET, 0, 0, 0));
    assert_true(life.asks == 1 && !life.restart);
    expect(FROM(ERR_OK), 0, call(MANAGER, CURIA_VMM_RESTART, TARGET, 0, 0, 0));
    assert_true(life.asks == 2 && life.restart);
    expect(FROM(ERR_OK), 0, call(MANAGER, CURIA_VMM_STOP, TARGET, CURIA_VMM_FORCE, 0, 0));
    assert_true(life.stops == 1 && !life.restart && life.reason == STOP_ASKED);
    expect(FROM(ERR_OK), 0, call(MANAGER, CURIA_VMM_RESTART, TARGET, CURIA_VMM_FORCE, 0, 0));
    assert_true(life.stops == 2 && life.restart);

    life.answer = ERR_NOT_SUPPORTED;
    expect(FROM(ERR_NOT_SUPPORTED), 0, call(MANAGER, CURIA_VMM_STOP, TARGET, 0, 0, 0));
    life.answer = ERR_STATE;
    set_state(VM_STOPPING);
    expect(FROM(ERR_STATE), 0, call(MANAGER, CURIA_VMM_STOP, TARGET, 0, 0, 0));
    set_state(VM_OFF);
    expect(SBI_ERR_ALREADY_STOPPED, 0, call(MANAGER, CURIA_VMM_STOP, TARGET, 1, 0, 0));
    set_state(VM_CRASHED);
    expect(SBI_ERR_ALREADY_STOPPED, 0, call(MANAGER, CURIA_VMM_RESTART, TARGET, 0, 0, 0));
}

/* Others only, and by managers only: who is paused cannot resume itself. */
static void test_pause(void **state)
{
    static const uint64_t fids[] = {CURIA_VMM_PAUSE, CURIA_VMM_RESUME};

    (void)state;
    for (uint32_t i = 0; i < ARRAY_SIZE(fids); i++) {
        expect(FROM(ERR_NOT_FOUND), 0, call(MANAGER, fids[i], VMS, 0, 0, 0));
        expect(FROM(ERR_NOT_FOUND), 0, call(MANAGER, fids[i], UP | TARGET, 0, 0, 0));
        expect(FROM(ERR_DENIED), 0, call(VIEWER, fids[i], TARGET, 0, 0, 0));
        expect(FROM(ERR_DENIED), 0, call(PLAIN, fids[i], PLAIN, 0, 0, 0));
        expect(FROM(ERR_DENIED), 0, call(MANAGER, fids[i], MANAGER, 0, 0, 0));
    }
    assert_int_equal(life.pauses + life.resumes, 0);
    expect(FROM(ERR_OK), 0, call(MANAGER, CURIA_VMM_PAUSE, TARGET, 9, 9, 9));
    assert_true(life.pauses == 1 && life.resumes == 0 && life.vm == vms[TARGET]);
    expect(FROM(ERR_OK), 0, call(MANAGER, CURIA_VMM_RESUME, TARGET, 9, 9, 9));
    assert_true(life.pauses == 1 && life.resumes == 1 && life.vm == vms[TARGET]);
    life.answer = ERR_STATE;
    expect(FROM(ERR_STATE), 0, call(MANAGER, CURIA_VMM_PAUSE, TARGET, 0, 0, 0));
    expect(FROM(ERR_STATE), 0, call(MANAGER, CURIA_VMM_RESUME, TARGET, 0, 0, 0));
}

static void test_heartbeat(void **state)
{
    (void)state;
    expect(SBI_SUCCESS, 77, call(PLAIN, CURIA_VMM_HEARTBEAT, UP, 9, 9, 9));
    assert_true(life.beats == 1 && life.vm == vms[PLAIN] && life.us == UP);
    life.answer = ERR_DENIED;
    expect(FROM(ERR_DENIED), 0, call(PLAIN, CURIA_VMM_HEARTBEAT, 0, 0, 0, 0));
}

/* ---- the trace ------------------------------------------------------------------------------- */

#define BUF (RAM + 0x1000)

/* TRACE_READ has five arguments. */
static struct sbi_ret trace_get(uint32_t by, uint64_t index, uint64_t number, uint64_t lo,
                                uint64_t hi, uint64_t bytes)
{
    const uint64_t a[6] = {index, number, lo, hi, bytes, ~0ull};

    return sbi_ext_vmm.handle(vms[by]->vcpus[0], CURIA_VMM_TRACE_READ, a);
}

static void put(uint32_t index, uint64_t count)
{
    for (uint64_t n = 0; n < count; n++) {
        trace_put(machine.harts[index], TRACE_EV_POWER, 0, n);
    }
}

/* First: no test before has made a trace. */
static void test_no_trace(void **state)
{
    (void)state;
    fake_vm(vms[MANAGER])->config.privileges |= PRIV_TRACE;
    expect(FROM(ERR_NOT_SUPPORTED), 0, call(MANAGER, CURIA_VMM_TRACE_INFO, BUF, 0, 64, 0));
    expect(FROM(ERR_NOT_SUPPORTED), 0, call(MANAGER, CURIA_VMM_TRACE_SET, 0, 0, 0, 0));
    expect(FROM(ERR_NOT_SUPPORTED), 0, trace_get(MANAGER, 0, 0, BUF, 0, 4096));
}

static void test_trace_rights(void **state)
{
    static const uint32_t others[] = {PLAIN, VIEWER, MANAGER};

    (void)state;
    rig_trace(0);
    for (uint32_t i = 0; i < ARRAY_SIZE(others); i++) {
        expect(FROM(ERR_DENIED), 0, call(others[i], CURIA_VMM_TRACE_INFO, BUF, 0, 64, 0));
        expect(FROM(ERR_DENIED), 0, call(others[i], CURIA_VMM_TRACE_SET, TRACE_ALL, 0, 0, 0));
        expect(FROM(ERR_DENIED), 0, trace_get(others[i], 0, 0, BUF, 0, 4096));
    }
    assert_int_equal(atomic_load(&trace_header()->mask), 0);
    fake_vm(vms[PLAIN])->config.privileges = PRIV_TRACE;
    expect(FROM(ERR_INVALID), 0, call(PLAIN, CURIA_VMM_TRACE_SET, TRACE_ALL + 1, 0, 0, 0));
    expect(FROM(ERR_INVALID), 0, call(PLAIN, CURIA_VMM_TRACE_SET, UP, 0, 0, 0));
    assert_int_equal(atomic_load(&machine.harts[1]->work), 0);
    expect(SBI_SUCCESS, 0, call(PLAIN, CURIA_VMM_TRACE_SET, TRACE_ALL, 0, 0, 0));
    expect(SBI_SUCCESS, TRACE_ALL, call(PLAIN, CURIA_VMM_TRACE_SET, TRACE_IPC, 0, 0, 0));
    assert_int_equal(atomic_load(&trace_header()->mask), TRACE_IPC);
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        assert_int_equal(atomic_load(&machine.harts[i]->work), HART_WORK_TRACE);
    }
}

static void test_trace_info(void **state)
{
    struct curia_trace_info *info = fake_gpa(vms[PLAIN], BUF, 4096);
    uint64_t size = sizeof(*info) + VMS * 32;

    (void)state;
    rig_trace(0);
    fake_vm(vms[PLAIN])->config.privileges = PRIV_TRACE;
    expect(SBI_SUCCESS, size, call(PLAIN, CURIA_VMM_TRACE_INFO, BUF, 0, 4096, 0));
    assert_memory_equal(&info->magic, "CURTRACE", 8);
    assert_int_equal(info->size, size);
    assert_int_equal(info->record_bytes, sizeof(struct curia_trace_record));
    assert_int_equal(info->harts * 10 + info->vms, VMS * 11);
    assert_int_equal(info->timebase_hz, FAKE_TIMEBASE_HZ);
    assert_string_equal((const char *)(info + 1) + 32 * TARGET, "target");
    assert_int_equal(*((uint8_t *)info + size), 0xa5);
    expect(SBI_SUCCESS, 16, call(PLAIN, CURIA_VMM_TRACE_INFO, RAM + BYTES - 16, 0, 16, 0));
    expect(FROM(ERR_FAULT), 0, call(PLAIN, CURIA_VMM_TRACE_INFO, RAM + BYTES - 16, 0, 17, 0));
    expect(FROM(ERR_FAULT), 0, call(PLAIN, CURIA_VMM_TRACE_INFO, BUF, 1, 64, 0));
    expect(FROM(ERR_INVALID), 0, call(PLAIN, CURIA_VMM_TRACE_INFO, BUF, 0, 0, 0));
}

static void test_trace_read(void **state)
{
    const struct curia_trace_block *block = fake_gpa(vms[PLAIN], BUF, 8192);
    const struct curia_trace_record *records = (const void *)(block + 1);

    (void)state;
    rig_trace(0);
    fake_vm(vms[PLAIN])->config.privileges = PRIV_TRACE;
    expect(SBI_SUCCESS, 8, trace_get(PLAIN, 0, 0, BUF, 0, 4096));
    assert_int_equal(block->first, 0);

    put(1, 100);
    expect(SBI_SUCCESS, 8 + 100 * 24, trace_get(PLAIN, 1, 0, BUF, 0, UINT64_MAX));
    assert_int_equal(block->first, 0);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(records[i].arg, i);
    }
    assert_int_equal(((const uint8_t *)block)[8 + 100 * 24], 0xa5);
    expect(SBI_SUCCESS, 8 + 20 * 24, trace_get(PLAIN, 1, 80, BUF, 0, 8 + 20 * 24 + 23));
    assert_int_equal(block->first, 80);
    assert_int_equal(records[19].arg, 99);
    expect(SBI_SUCCESS, 8 + 17 * 24, trace_get(PLAIN, 1, 50, BUF, 0, 8 + 17 * 24));
    expect(SBI_SUCCESS, 8, trace_get(PLAIN, 1, 100, BUF, 0, 32));
    assert_int_equal(block->first, 100);

    /* What is gone is told, and no call moves more than it may. */
    put(1, 1000);
    expect(SBI_SUCCESS, 8 + 168 * 24, trace_get(PLAIN, 1, 100, BUF, 0, 8192));
    assert_int_equal(block->first, 1100 - 168);
    assert_int_equal(records[167].arg, 999);

    expect(FROM(ERR_INVALID), 0, trace_get(PLAIN, 1, 1101, BUF, 0, 4096));
    expect(FROM(ERR_INVALID), 0, trace_get(PLAIN, 1, UINT64_MAX, BUF, 0, 4096));
    expect(FROM(ERR_INVALID), 0, trace_get(PLAIN, 1, 0, BUF, 0, 31));
    expect(FROM(ERR_INVALID), 0, trace_get(PLAIN, 1, 0, BUF, 0, 0));
    expect(FROM(ERR_NOT_FOUND), 0, trace_get(PLAIN, VMS, 0, BUF, 0, 4096));
    expect(FROM(ERR_NOT_FOUND), 0, trace_get(PLAIN, UP | 1, 0, BUF, 0, 4096));
    expect(FROM(ERR_FAULT), 0, trace_get(PLAIN, 1, 0, BUF, 1, 4096));
    expect(FROM(ERR_FAULT), 0, trace_get(PLAIN, 1, 0, RAM - 8, 0, 4096));
    expect(FROM(ERR_FAULT), 0, trace_get(PLAIN, 1, 0, RAM + BYTES - 4088, 0, UINT64_MAX));
    expect(FROM(ERR_FAULT), 0, trace_get(PLAIN, 1, 0, UINT64_MAX - 31, 0, 4096));
    expect(SBI_SUCCESS, 8 + 168 * 24, trace_get(PLAIN, 1, 0, RAM + BYTES - 4096, 0, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trace_rights, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trace_info, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trace_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_info, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vcpu, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vcpu_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_name_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rights, setup, teardown),
        cmocka_unit_test_setup_teardown(test_move, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heartbeat, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
