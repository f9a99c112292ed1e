/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/lifecycle.c core/pause.c core/watchdog.c core/vcpu.c core/sched.c core/hart.c
 *       core/runqueue.c core/budget.c
 *       core/timer.c core/power_ctl.c core/power_commit.c core/power.c core/power_steps.c
 *       core/power_graph.c core/audit.c core/vm_names.c core/sse.c core/steal.c core/memmap.c
 *       core/guest_copy.c core/pmu.c tests/unit/life_env.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c libfdt */
/* A VM's life, step by step: what starts, stops and restarts it, and what may come in between. */
#include "core/vdev.h"
#include "tests/unit/life_env.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void ask_stop(struct vm *vm, enum stop_reason reason, bool restart)
{
    assert_int_equal(lifecycle_stop(vm, reason, restart), ERR_OK);
}

static void test_start(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    assert_int_equal(lifecycle_start(vm), ERR_OK);
    assert_int_equal(vm_state(vm), VM_LOADING);
    assert_int_equal(lifecycle_start(vm), ERR_EXISTS);
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(vm->generation, 1);
    assert_int_equal(life.loads[0], 1);
    assert_int_equal(life.ipc_started[0], 1);
    assert_int_equal(fake_vm(vm)->flushes, 1);
    assert_int_equal(fake_vcpu(vm->vcpus[0])->reset_pc.v, LIFE_ENTRY);
    assert_int_equal(fake_vcpu(vm->vcpus[0])->reset_opaque, LIFE_FDT);
    assert_int_equal(life_step(0, 1), LIFE_IDLE);
    assert_int_equal(lifecycle_start(vm), ERR_EXISTS);
}

static void test_stop(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life_up(0);
    assert_int_equal(vcpu_start(vm->vcpus[1], gpa(0x80001000), 7), ERR_OK);
    assert_int_equal(life_step(0, 1), LIFE_GUEST);
    ask_stop(vm, STOP_ASKED, false);
    assert_int_equal(lifecycle_stop(vm, STOP_ASKED, false), ERR_STATE);
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_int_equal(vm_state(vm), VM_STOPPING); /* one is still in the guest */
    assert_int_equal(life.resets[0], 1);         /* before it ran */
    assert_int_equal(life_step(0, 1), LIFE_IDLE);
    assert_int_equal(vm_state(vm), VM_OFF);
    assert_int_equal(vm->stop_reason, STOP_ASKED);
    assert_int_equal(life.resets[0], 2); /* silent at once */
    assert_int_equal(life.ipc_stopped[0], 1);
    assert_int_equal(atomic_load(&vm->live_vcpus), 0);
    assert_false(fake_vcpu(vm->vcpus[0])->resident);
    assert_int_equal(lifecycle_stop(vm, STOP_ASKED, false), ERR_STATE);
}

/* The last hart that the guest stops through HSM takes the VM with it. */
static void test_last_hart_stops(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life_up(0);
    fake_become(vm->vcpus[0]->hart);
    vcpu_stop_self(vm->vcpus[0]);
    assert_int_equal(vm_state(vm), VM_OFF);
    assert_int_equal(vm->stop_reason, STOP_SHUTDOWN);
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
}

/* A sibling's hart sleeps through stop and restart: the stop it then sees is not for this life. */
static void test_stale_stop(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life_up(0);
    ask_stop(vm, STOP_ASKED, true);
    assert_int_equal(life_step(0, 0), LIFE_GUEST); /* stopped, loaded and started again */
    assert_int_equal(vm->generation, 2);
    assert_int_equal(vcpu_start(vm->vcpus[1], gpa(0x80001000), 7), ERR_OK);
    assert_int_equal(life_step(0, 1), LIFE_GUEST);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(atomic_load(&vm->live_vcpus), 2);
}

/* vCPU 0 starts its sibling after the stop has passed the sibling by: the start is undone. */
static void test_start_in_a_stopping_vm(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life_up(0);
    assert_int_equal(vcpu_start(vm->vcpus[1], gpa(0x80001000), 7), ERR_OK);
    atomic_store(&vm->vcpus[1]->requests, 0); /* its hart has not looked yet ... */
    ask_stop(vm, STOP_ASKED, false);
    atomic_store(&vm->vcpus[1]->requests, VCPU_REQ_START); /* ... and the start comes last */
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_int_equal(vm_state(vm), VM_STOPPING);
    assert_int_equal(life_step(0, 1), LIFE_IDLE);
    assert_int_equal(vm_state(vm), VM_OFF);
    assert_int_equal(fake_vcpu(vm->vcpus[1])->resets, 0);
    assert_int_equal(vcpu_start(vm->vcpus[1], gpa(0x80001000), 7), ERR_STATE);
}

/* A start left over from an earlier life must not start the new one before it is loaded. */
static void test_stale_start(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    atomic_store(&vm->vcpus[0]->requests, VCPU_REQ_START);
    vm->vcpus[0]->start_pc = gpa(0xdead000);
    life_up(0);
    assert_int_equal(fake_vcpu(vm->vcpus[0])->resets, 1);
    assert_int_equal(fake_vcpu(vm->vcpus[0])->reset_pc.v, LIFE_ENTRY);
}

static void stop_it(struct vm *vm)
{
    (void)!lifecycle_stop(vm, STOP_ASKED, false);
}

static void test_stop_while_loading(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life.on_load = stop_it;
    assert_int_equal(lifecycle_start(vm), ERR_OK);
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_int_equal(vm_state(vm), VM_OFF);
    assert_int_equal(atomic_load(&vm->live_vcpus), 0);
    assert_int_equal(vm->vcpus[0]->deferred, 0);
    assert_int_equal(fake_vcpu(vm->vcpus[0])->resets, 0);
    assert_int_equal(life.ipc_started[0], 0);

    /* Also before the hart has begun. */
    life.on_load = NULL;
    assert_int_equal(lifecycle_start(vm), ERR_OK);
    ask_stop(vm, STOP_ASKED, false);
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_int_equal(vm_state(vm), VM_OFF);
    assert_int_equal(life.loads[0], 1);
    life_up(0);
}

static void stop_between(void)
{
    if (life.parts[0] == 1 && life.loads[0] == 1) {
        fake.on_poll = NULL;
        ask_stop(life.vm[0], STOP_ASKED, true); /* what came by an interrupt, say a key */
    }
}

/* Interrupts are served between parts; a stop ends the load there, and a restart begins anew. */
static void test_stop_between_parts(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    fake.on_poll = stop_between;
    assert_int_equal(lifecycle_start(vm), ERR_OK);
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
    assert_int_equal(life.loads[0], 2);
    assert_int_equal(life.parts[0], 2);
    assert_int_equal(life.ipc_stopped[0], 1);
    assert_int_equal(life.ipc_started[0], 1);
    assert_int_equal(life.resets[0], 3); /* by each load, and when the first one had ended */
    assert_int_equal(fake_vm(vm)->flushes, 2);
    assert_int_equal(vm->generation, 2);
    assert_int_equal(atomic_load(&vm->live_vcpus), 1);
}

static uint32_t polls;

static void count_polls(void)
{
    polls++;
}

/* The zeroing of shared regions is of the load: interrupts are served between its parts. */
static void test_regions_are_parts(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    polls = 0;
    fake.on_poll = count_polls;
    life.regions = 3;
    assert_int_equal(lifecycle_start(vm), ERR_OK);
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
    assert_int_equal(life.regions, 0);
    assert_int_equal(life.ipc_started[0], 1);
    assert_int_equal(polls, 1 + 3 + 1); /* the last at its end: the start is work of the hart */
}

static void test_load_fails(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life.load_result = ERR_NOT_FOUND;
    assert_int_equal(lifecycle_start(vm), ERR_OK);
    life_settle();
    assert_int_equal(vm_state(vm), VM_CRASHED);
    assert_int_equal(vm->stop_reason, STOP_LOAD);
    life_pass_us(10000000);
    assert_int_equal(life.loads[1], 1); /* it would fail again: no restart, whatever the policy */
    life.load_result = ERR_OK;
    life_up(1);
}

static void test_srst(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life_up(1);
    lifecycle_srst(vm->vcpus[0], true, false, false);
    life_settle();
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(vm->generation, 2);
    assert_int_equal(vm->stop_reason, STOP_REBOOT);
    lifecycle_srst(vm->vcpus[0], false, false, false);
    life_settle();
    assert_int_equal(vm_state(vm), VM_OFF);
    assert_int_equal(vm->stop_reason, STOP_SHUTDOWN);
}

static void crash(struct vm *vm)
{
    const struct vm_fault fault = {1, 2, 3};

    lifecycle_crash(vm, STOP_CRASH, &fault, "test");
    life_settle();
}

static void test_crash_policy(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life_up(1);
    crash(vm);
    assert_int_equal(vm_state(vm), VM_CRASHED);
    assert_int_equal(vm->fault.cause, 2);
    life_pass_us(900);
    assert_int_equal(vm_state(vm), VM_CRASHED); /* the back-off is 1 ms */
    life_pass_us(200);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    crash(vm);
    life_pass_us(1900);
    assert_int_equal(vm_state(vm), VM_CRASHED); /* and doubles */
    life_pass_us(200);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    crash(vm);
    life_pass_us(10000000);
    assert_int_equal(vm_state(vm), VM_CRASHED); /* the budget of two is used up */
    life_up(1);
    crash(vm);
    life_pass_us(2000);
    assert_int_equal(vm_state(vm), VM_RUNNING); /* the window is over: a new budget */
}

/* Stopped by hand while a back-off runs: it stays off. */
static void test_stop_ends_backoff(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life_up(1);
    crash(vm);
    assert_int_equal(lifecycle_stop(vm, STOP_ASKED, false), ERR_STATE);
    life_pass_us(10000);
    assert_int_equal(vm_state(vm), VM_CRASHED);
}

static uint32_t ask_off(struct vm *vm)
{
    uint32_t txn;

    assert_int_equal(power_ctl_request(vm, POWER_OFF, 0, false, &txn), ERR_OK);
    return txn;
}

/* Who may ask for a transition and cancel it must not cut another's back-off short by that. */
static void test_abort_does_not_end_backoff(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life_up(0);
    life_up(1);
    assert_int_equal(power_ctl_listen(life.vm[0], true), ERR_OK);
    crash(vm);
    assert_int_equal(power_ctl_cancel(life.vm[0], ask_off(life.vm[0])), ERR_OK);
    life_settle();
    assert_int_equal(vm_state(vm), VM_CRASHED);
    life_pass_us(900);
    assert_int_equal(vm_state(vm), VM_CRASHED);
    life_pass_us(200);
    assert_int_equal(vm_state(vm), VM_RUNNING);
}

/* A back-off that ends during a transition: the restart comes with the abort. */
static void test_backoff_ends_in_transition(void **state)
{
    struct vm *vm = life.vm[1];
    uint32_t granted;
    uint32_t txn;

    (void)state;
    life_up(0);
    life_up(1);
    assert_int_equal(power_ctl_listen(life.vm[0], true), ERR_OK);
    crash(vm);
    txn = ask_off(life.vm[0]);
    assert_int_equal(power_ctl_answer(life.vm[0], txn, POWER_EV_ACK, 0, &granted), ERR_OK);
    life_pass_us(2000);
    assert_int_equal(vm_state(vm), VM_CRASHED);
    assert_int_equal(power_ctl_cancel(life.vm[0], txn), ERR_OK);
    life_settle();
    assert_int_equal(vm_state(vm), VM_RUNNING);
}

/* A start that came to nothing told the coordinator of a load: the next restart is not lost. */
static void test_restart_after_a_lost_start(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life_up(1);
    crash(vm);
    assert_int_equal(power_ctl_vm_loading(vm), ERR_OK);
    life_pass_us(2000);
    assert_int_equal(vm_state(vm), VM_RUNNING);
}

static enum vm_state seen_at_pulse;

static void see_subordinate(struct vm *vm)
{
    seen_at_pulse = vm->index == 1 ? vm_state(life.vm[2]) : seen_at_pulse;
}

/* Else a start from elsewhere could come between, and the stop be taken for the new life's. */
static void test_power_knows_before_the_vm_is_down(void **state)
{
    uint32_t granted;

    (void)state;
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        life_up(i);
    }
    assert_int_equal(power_ctl_listen(life.vm[1], true), ERR_OK);
    (void)ask_off(life.vm[0]);
    assert_int_equal(
        power_ctl_answer(life.vm[1], power_ctl_status(life.vm[1]).txn, POWER_EV_READY, 0, &granted),
        ERR_OK);
    life.on_pulse = see_subordinate;
    lifecycle_srst(life.vm[2]->vcpus[0], false, false, false);
    life_settle();
    assert_int_equal(vm_state(life.vm[2]), VM_OFF);
    assert_int_equal(power_ctl_next_event(life.vm[1]).type, POWER_NOTICE_STOP);
    assert_int_equal(seen_at_pulse, VM_STOPPING);
}

static void ask_off_now(struct vm *vm)
{
    (void)vm;
    (void)ask_off(life.vm[0]);
}

/* An interrupt that came behind the reset of its controller would be there in the next life. */
static void test_no_interrupt_after_the_reset(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life_up(0);
    life_up(1);
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    life.on_reset = ask_off_now;
    life.resets[1] = 0;
    ask_stop(vm, STOP_ASKED, false);
    life_settle();
    assert_int_equal(vm_state(vm), VM_OFF);
    assert_int_equal(life.resets[1], 1);
    assert_int_equal(life.pulses[1], 0);
}

/* A VM whose SRST takes the platform down is asked to stop alone: it does, and nothing else. */
static void test_graceful_is_not_the_platform(void **state)
{
    struct vm *vm = life.vm[2];

    (void)state;
    life.config[2]->srst = SRST_PLATFORM;
    life_up(1);
    life_up(2);
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_OK);
    lifecycle_srst(vm->vcpus[0], false, false, false);
    life_settle();
    assert_int_equal(vm_state(vm), VM_OFF);
    assert_int_equal(vm->stop_reason, STOP_ASKED);
    assert_int_equal(power_ctl_status(vm).phase, POWER_RUN);
    assert_int_equal(vm_state(life.vm[1]), VM_RUNNING);
}

/* What a guest does while it is being restarted by force changes nothing of that. */
static void test_restart_is_not_undone_by_the_guest(void **state)
{
    const struct vm_fault fault = {1, 2, 3};
    struct vm *vm = life.vm[1];

    (void)state;
    life.config[1]->srst = SRST_PLATFORM;
    life_up(1);
    assert_int_equal(lifecycle_stop(vm, STOP_ASKED, true), ERR_OK);
    lifecycle_srst(vm->vcpus[0], false, false, false);
    lifecycle_crash(vm, STOP_CRASH, &fault, "late");
    life_settle();
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(vm->generation, 2);
    assert_int_equal(vm->stop_reason, STOP_ASKED);
    assert_int_equal(power_ctl_status(vm).phase, POWER_RUN);
}

static void test_graceful(void **state)
{
    struct vm *vm = life.vm[2];

    (void)state;
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_STATE);
    life_up(2);
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_NOT_SUPPORTED); /* nobody listens */
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(vm, true), ERR_OK);
    assert_int_equal(life.pulses[2], 1);
    assert_int_equal(power_ctl_next_event(vm).type, POWER_ASK_RESTART);
    assert_int_equal(power_ctl_next_event(vm).type, 0);
    lifecycle_srst(vm->vcpus[0], false, false, false);
    life_settle();
    assert_int_equal(vm->stop_reason, STOP_ASKED);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(vm->generation, 2);

    /* One that does not obey is stopped when its time is over, and not before. */
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_OK);
    life_pass_us(19000);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    life_pass_us(2000);
    assert_int_equal(vm_state(vm), VM_OFF);
    assert_int_equal(vm->stop_reason, STOP_FORCED);
}

/* A graceful stop that was answered in time leaves no timer for the next life. */
static void test_graceful_timer_ends(void **state)
{
    struct vm *vm = life.vm[2];

    (void)state;
    life_up(2);
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(vm, true), ERR_OK);
    life_pass_us(15000);
    lifecycle_srst(vm->vcpus[0], true, false, false);
    life_settle();
    life_pass_us(100000);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(vm->generation, 2);
}

/* ---- the small print ------------------------------------------------------------------------- */

static void test_start_while_stopping(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life_up(0);
    ask_stop(vm, STOP_ASKED, false);
    assert_int_equal(lifecycle_start(vm), ERR_STATE);
    life_settle();
    assert_int_equal(vm_state(vm), VM_OFF);
}

/* A load that was given up has started no vCPU. */
static void test_stop_while_loading_starts_nothing(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life.on_load = stop_it;
    assert_int_equal(lifecycle_start(vm), ERR_OK);
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_int_equal(atomic_load(&vm->vcpus[0]->state), VCPU_STOPPED);
    assert_int_equal(atomic_load(&vm->vcpus[0]->requests) & VCPU_REQ_START, 0);
}

/* When it started is when its guest may first run; its console begins anew with each life. */
static void test_start_time_and_console(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life_pass_us(5000);
    life_up(0);
    assert_true(vm->started_at == atomic_load(&fake.now));
    assert_int_equal(life.console_resets, 1);
    life_pass_us(5000);
    ask_stop(vm, STOP_ASKED, true);
    life_settle();
    assert_true(vm->started_at == atomic_load(&fake.now));
    assert_int_equal(life.console_resets, 2);
}

static uint32_t device_resets;

static void count_reset(struct vdev *dev)
{
    (void)dev;
    device_resets++;
}

/* A restart leaves no residue: devices and interrupt lines are as at power-on, on all vCPUs. */
static void test_stop_silences(void **state)
{
    static const struct vdev_ops ops = {.reset = count_reset};
    struct vdev second = {&ops, NULL};
    struct vdev first = {&ops, &second};
    struct vm *vm = life.vm[0];

    (void)state;
    device_resets = 0;
    life_up(0);
    vm->vdevs = &first;
    vcpu_irq_set(vm->vcpus[0], VCPU_IRQ_EXT, true);
    vcpu_irq_set(vm->vcpus[1], VCPU_IRQ_SOFT, true);
    ask_stop(vm, STOP_ASKED, false);
    life_settle();
    assert_int_equal(vm_state(vm), VM_OFF);
    assert_int_equal(device_resets, 2);
    for (uint32_t i = 0; i < LIFE_VCPUS; i++) {
        assert_int_equal(atomic_load(&vm->vcpus[i]->irq_lines), 0);
    }
    vm->vdevs = NULL;
}

/* What a VM crashed of is what it did first; its siblings' harts may fault until they have left. */
static void test_first_fault_is_kept(void **state)
{
    const struct vm_fault first = {1, 2, 3};
    const struct vm_fault second = {4, 5, 6};
    struct vm *vm = life.vm[0];

    (void)state;
    life_up(0);
    lifecycle_crash(vm, STOP_CRASH, &first, "test");
    lifecycle_crash(vm, STOP_CRASH, &second, "test");
    life_settle();
    assert_memory_equal(&vm->fault, &first, sizeof(first));
}

/* SRST with the reason "system failure": a shutdown is a crash and is restarted as one; a reset is
 * what it was asked to be. */
static void test_srst_with_failure(void **state)
{
    const struct vm_fault crash_pc = {0x1234, 0, 0};
    const struct vm_fault none = {0, 0, 0};
    struct vm *vm = life.vm[1];

    (void)state;
    life_up(1);
    lifecycle_srst(vm->vcpus[0], true, false, true);
    life_settle();
    assert_int_equal(vm->stop_reason, STOP_REBOOT);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_memory_equal(&vm->fault, &none, sizeof(none));
    fake_vcpu(vm->vcpus[0])->pc = 0x1234;
    lifecycle_srst(vm->vcpus[0], false, false, true);
    life_settle();
    assert_int_equal(vm->stop_reason, STOP_CRASH);
    assert_int_equal(vm_state(vm), VM_CRASHED);
    assert_memory_equal(&vm->fault, &crash_pc, sizeof(crash_pc));
    life_pass_us(1100);
    assert_int_equal(vm_state(vm), VM_RUNNING);
}

/* The window of the restart budget opens with its first crash, whenever that was. */
static void test_restart_window_opens_with_a_crash(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life_up(1);
    life_pass_us(900000);
    crash(vm);
    life_pass_us(100000);
    crash(vm);
    life_pass_us(500000);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    crash(vm); /* 600 ms after the first */
    life_pass_us(10000000);
    assert_int_equal(vm_state(vm), VM_CRASHED);
}

/* The back-off stops doubling: 2^16 times the manifest's, however large the budget. */
static void test_backoff_is_bounded(void **state)
{
    struct vm *vm = life.vm[1];

    (void)state;
    life.config[1]->restart_budget = 100;
    life.config[1]->restart_backoff_us = 1;
    life.config[1]->restart_window_us = 100000000;
    life_up(1);
    for (uint32_t i = 0; i < 18; i++) {
        crash(vm);
        life_pass_us((1u << (i < 16 ? i : 16)) - 1);
        assert_int_equal(vm_state(vm), VM_CRASHED);
        life_pass_us(1);
        assert_int_equal(vm_state(vm), VM_RUNNING);
    }
}

/* Asked in vain, a VM goes on as if it had not been asked, and its own SRST is its own. */
static void test_graceful_refused_leaves_the_vm_alone(void **state)
{
    struct vm *vm = life.vm[2];

    (void)state;
    life_up(2);
    assert_int_equal(lifecycle_stop_graceful(vm, true), ERR_NOT_SUPPORTED);
    life_pass_us(100000);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(vm->generation, 1);
    lifecycle_srst(vm->vcpus[0], false, false, false);
    life_settle();
    assert_int_equal(vm->stop_reason, STOP_SHUTDOWN);
    assert_int_equal(vm_state(vm), VM_OFF);
}

/* The same when the listener has gone since it was asked: the first asking stands. */
static void test_graceful_refused_keeps_an_earlier_one(void **state)
{
    struct vm *vm = life.vm[2];

    (void)state;
    life_up(2);
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(vm, true), ERR_OK);
    assert_int_equal(power_ctl_listen(vm, false), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_NOT_SUPPORTED);
    life_pass_us(21000);
    assert_int_equal(vm->stop_reason, STOP_FORCED);
    assert_int_equal(vm_state(vm), VM_RUNNING); /* again, as it was asked to be */
    assert_int_equal(vm->generation, 2);
}

/* A time-out that had fired already when the VM was asked anew is not for the new asking. */
static void test_graceful_stale_timeout(void **state)
{
    struct vm *vm = life.vm[2];
    timer_fn fired;

    (void)state;
    life_up(2);
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_OK);
    fired = vm->timer.fn;
    life_pass_us(19000);
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_OK);
    life_pass_us(2000);
    fired(&vm->timer);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    lifecycle_srst(vm->vcpus[0], false, false, false);
    life_settle();
    assert_int_equal(vm->stop_reason, STOP_ASKED);
    assert_int_equal(vm_state(vm), VM_OFF);

    /* Nor for the next life. */
    life_up(2);
    life_pass_us(100000);
    fired(&vm->timer);
    assert_int_equal(vm_state(vm), VM_RUNNING);
}

/* A guest obeys by stopping its harts through HSM: that is what was asked, restart included. */
static void test_graceful_by_hart_stop(void **state)
{
    struct vm *vm = life.vm[2];

    (void)state;
    life_up(2);
    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(vm, true), ERR_OK);
    fake_become(vm->vcpus[0]->hart);
    vcpu_stop_self(vm->vcpus[0]);
    life_settle();
    assert_int_equal(vm->stop_reason, STOP_ASKED);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(vm->generation, 2);

    /* And once only: in its next life nobody asked. */
    fake_become(vm->vcpus[0]->hart);
    vcpu_stop_self(vm->vcpus[0]);
    life_settle();
    assert_int_equal(vm->stop_reason, STOP_SHUTDOWN);
    assert_int_equal(vm_state(vm), VM_OFF);
}

/* A sibling that the guest never started hears of the stop first: it counts for nothing. */
static void test_stopped_sibling_does_not_count(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    life_up(0);
    ask_stop(vm, STOP_ASKED, false);
    assert_int_equal(life_step(0, 1), LIFE_IDLE);
    assert_int_equal(vm_state(vm), VM_STOPPING);
    assert_int_equal(atomic_load(&vm->live_vcpus), 1);
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_int_equal(vm_state(vm), VM_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_stop, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_last_hart_stops, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_stale_stop, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_start_in_a_stopping_vm, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_stale_start, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_stop_while_loading, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_stop_between_parts, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_regions_are_parts, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_load_fails, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_srst, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_crash_policy, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_stop_ends_backoff, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_abort_does_not_end_backoff, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_backoff_ends_in_transition, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_restart_after_a_lost_start, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_power_knows_before_the_vm_is_down, life_setup,
                                        life_teardown),
        cmocka_unit_test_setup_teardown(test_no_interrupt_after_the_reset, life_setup,
                                        life_teardown),
        cmocka_unit_test_setup_teardown(test_graceful, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_graceful_is_not_the_platform, life_setup,
                                        life_teardown),
        cmocka_unit_test_setup_teardown(test_restart_is_not_undone_by_the_guest, life_setup,
                                        life_teardown),
        cmocka_unit_test_setup_teardown(test_graceful_timer_ends, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_start_while_stopping, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_stop_while_loading_starts_nothing, life_setup,
                                        life_teardown),
        cmocka_unit_test_setup_teardown(test_start_time_and_console, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_stop_silences, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_first_fault_is_kept, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_srst_with_failure, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_restart_window_opens_with_a_crash, life_setup,
                                        life_teardown),
        cmocka_unit_test_setup_teardown(test_backoff_is_bounded, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_graceful_refused_leaves_the_vm_alone, life_setup,
                                        life_teardown),
        cmocka_unit_test_setup_teardown(test_graceful_stale_timeout, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_graceful_by_hart_stop, life_setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_stopped_sibling_does_not_count, life_setup,
                                        life_teardown),
        cmocka_unit_test_setup_teardown(test_graceful_refused_keeps_an_earlier_one, life_setup,
                                        life_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
