/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/lifecycle.c core/pause.c core/watchdog.c core/vcpu.c core/sched.c core/hart.c
 *       core/runqueue.c core/budget.c
 *       core/timer.c core/power_ctl.c core/power_commit.c core/power.c core/power_steps.c
 *       core/power_graph.c core/audit.c core/vm_names.c core/sse.c core/steal.c core/memmap.c
 *       core/guest_copy.c core/pmu.c core/trace.c tests/unit/life_env.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c libfdt */
/* The coordinator carried out: what the guests are told, who is stopped when, and the commit. */
#include "core/console.h"
#include "core/sched.h"
#include "core/timer.h"
#include "core/vdev.h"
#include "core/virq.h"
#include "tests/unit/life_env.h"
#include "tests/unit/trace_rig.h"

#include <libfdt.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* While the hart that commits waits, the others take their turn. */
static void park_others(void)
{
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        if ((atomic_load(&machine.harts[i]->work) & HART_WORK_COMMIT) != 0) {
            fake_hart(i)->parked = true;
        }
    }
}

static int setup(void **state)
{
    (void)state;
    life_init();
    fake.on_relax = park_others;
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        life_up(i);
    }
    return 0;
}

static uint32_t request(uint32_t vm, enum power_kind kind)
{
    uint32_t txn = 0;

    assert_int_equal(power_ctl_request(life.vm[vm], kind, 0, false, &txn), ERR_OK);
    assert_int_not_equal(txn, 0);
    return txn;
}

static void listen_all(void)
{
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        assert_int_equal(power_ctl_listen(life.vm[i], true), ERR_OK);
    }
}

static void expect_notice(uint32_t vm, enum power_notice type, uint32_t txn)
{
    struct power_notice_seen n = power_ctl_next_event(life.vm[vm]);

    assert_int_equal(n.type, type);
    assert_int_equal(n.txn, txn);
}

static void answer(uint32_t vm, uint32_t txn, enum power_event_type what)
{
    uint32_t granted;

    assert_int_equal(power_ctl_answer(life.vm[vm], txn, what, 0, &granted), ERR_OK);
}

static void srst(uint32_t vm, bool reset)
{
    lifecycle_srst(life.vm[vm]->vcpus[0], reset, false, false);
    (void)life_step(vm, 0);
}

static uint32_t count_audit(enum audit_event event, struct audit_record *last)
{
    struct audit_record r;
    uint64_t seq = 0;
    uint64_t lost = 0;
    uint32_t n = 0;

    while (power_ctl_audit_read(&seq, &r, &lost) == ERR_OK) {
        if (r.event == AUDIT_BOOT) {
            n = 0; /* the ring outlives a boot, and here a test */
        }
        if (r.event == event) {
            n++;
            *last = r;
        }
    }
    return n;
}

static void test_in_order(void **state)
{
    uint32_t txn;

    (void)state;
    listen_all();
    txn = request(0, POWER_OFF);
    assert_int_equal(power_ctl_status(life.vm[0]).phase, POWER_PREPARE);
    assert_true(power_ctl_status(life.vm[0]).time_left_us > 0);
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        expect_notice(i, POWER_NOTICE_PREPARE, txn);
        for (uint32_t below = i + 1; below < LIFE_VMS; below++) {
            assert_int_equal(life.pulses[below], 0);
        }
        answer(i, txn, POWER_EV_ACK);
        answer(i, txn, POWER_EV_READY);
    }
    for (uint32_t i = LIFE_VMS; i-- > 0;) {
        assert_int_equal(fake.resets, 0);
        expect_notice(i, POWER_NOTICE_STOP, txn);
        srst(i, false);
        assert_int_equal(vm_state(life.vm[i]), VM_OFF);
    }
    assert_int_equal(power_ctl_status(life.vm[0]).phase, POWER_COMMIT);
    assert_int_equal(lifecycle_start(life.vm[0]), ERR_STATE);
    assert_int_equal(fake.resets, 1);
    assert_int_equal(fake.reset_kind, ARCH_RESET_OFF);
    for (uint32_t i = 1; i < machine.hart_count; i++) {
        assert_int_equal(life_step(i / LIFE_VCPUS, i % LIFE_VCPUS), LIFE_PARKED);
    }
    assert_false(fake.reset_failed);
}

/* Nobody listens and nobody stops: each is frozen at its turn, the last pc recorded. */
static void test_force(void **state)
{
    struct audit_record r;

    (void)state;
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        fake_vcpu(life.vm[i]->vcpus[0])->pc = 0x1000 + i;
    }
    (void)request(0, POWER_RESET_WARM);
    life_pass_us(19000);
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
    life_pass_us(2000);
    assert_int_equal(vm_state(life.vm[2]), VM_OFF);
    assert_int_equal(life.vm[2]->stop_reason, STOP_FORCED);
    assert_int_equal(vm_state(life.vm[1]), VM_RUNNING);
    assert_int_equal(count_audit(AUDIT_FROZEN_AT, &r), 1);
    assert_int_equal(r.vm, 2);
    assert_int_equal(r.detail, 0x1002);
    life_pass_us(21000);
    assert_int_equal(vm_state(life.vm[1]), VM_OFF);
    assert_int_equal(vm_state(life.vm[0]), VM_RUNNING);
    life_pass_us(21000);
    assert_int_equal(fake.resets, 1);
    assert_int_equal(fake.reset_kind, ARCH_RESET_WARM);
}

/* A reboot that a transition catches is given up, and made up for when the transition ends. */
static void test_restart_waits(void **state)
{
    uint32_t txn;

    (void)state;
    listen_all();
    txn = request(0, POWER_OFF);
    srst(2, true);
    life_settle();
    assert_int_equal(vm_state(life.vm[2]), VM_OFF);
    assert_int_equal(lifecycle_start(life.vm[2]), ERR_STATE);
    assert_int_equal(power_ctl_cancel(life.vm[2], txn), ERR_DENIED);
    assert_int_equal(power_ctl_cancel(life.vm[0], txn), ERR_OK);
    life_settle();
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
    assert_int_equal(life.vm[2]->generation, 2);
    expect_notice(0, POWER_NOTICE_ABORT, txn);
}

static uint32_t during_load;

static void ask_off(struct vm *vm)
{
    (void)vm;
    (void)!power_ctl_request(life.vm[0], POWER_OFF, 0, false, &during_load);
}

/* The transition begins while a VM is being loaded: it does not enter its guest. */
static void test_gate(void **state)
{
    (void)state;
    listen_all();
    assert_int_equal(lifecycle_stop(life.vm[2], STOP_ASKED, false), ERR_OK);
    life_settle();
    life.on_load = ask_off;
    assert_int_equal(lifecycle_start(life.vm[2]), ERR_OK);
    assert_int_equal(life_step(2, 0), LIFE_IDLE);
    life.on_load = NULL;
    assert_int_not_equal(during_load, 0);
    assert_int_equal(vm_state(life.vm[2]), VM_OFF);
    assert_int_equal(life.ipc_started[2], 1); /* of the first life */
    assert_int_equal(power_ctl_cancel(life.vm[0], during_load), ERR_OK);
    life_settle();
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
}

static void test_platform_srst(void **state)
{
    (void)state;
    listen_all();
    life.config[0]->srst = SRST_PLATFORM;
    lifecycle_srst(life.vm[0]->vcpus[0], false, false, true);
    life_settle();
    assert_int_equal(vm_state(life.vm[0]), VM_CRASHED); /* "system failure" */
    assert_int_equal(power_ctl_status(life.vm[1]).phase, POWER_PREPARE);
    assert_int_equal(power_ctl_cancel(NULL, 0), ERR_DENIED);
    life_pass_us(200000);
    assert_int_equal(fake.resets, 1);
    assert_int_equal(fake.reset_kind, ARCH_RESET_OFF);
    assert_true(fake.reset_failed);
}

/* A crash whose policy is to escalate takes the rest down at once, without PREPARE. */
static void test_escalate(void **state)
{
    const struct vm_fault fault = {1, 2, 3};

    (void)state;
    listen_all();
    life.config[2]->crash = CRASH_ESCALATE;
    lifecycle_crash(life.vm[2], STOP_CRASH, &fault, "test");
    life_settle();
    assert_int_equal(power_ctl_status(life.vm[1]).phase, POWER_STOP);
    assert_int_equal(power_ctl_next_event(life.vm[1]).type, POWER_NOTICE_STOP);
    assert_int_equal(power_ctl_next_event(life.vm[0]).type, 0); /* not its turn */
}

/* What was not taken before a restart is not told to the new life. */
static void test_notices_end_with_the_vm(void **state)
{
    (void)state;
    listen_all();
    assert_int_equal(power_ctl_ask_stop(life.vm[2], true), ERR_OK);
    srst(2, true);
    life_settle();
    assert_int_equal(life.vm[2]->generation, 2);
    assert_int_equal(power_ctl_next_event(life.vm[2]).type, 0);
    assert_int_equal(power_ctl_ask_stop(life.vm[2], true), ERR_NOT_SUPPORTED); /* listens no more */
}

/* ---- the small print ------------------------------------------------------------------------- */

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(power_ctl_name(1), "cockpit");
    assert_string_equal(power_ctl_name(POWER_BY_CONSOLE), "console");
    assert_string_equal(power_ctl_name(POWER_BY_PLATFORM), "platform");
    assert_null(power_ctl_name(LIFE_VMS));
    assert_null(power_ctl_name(AUDIT_NO_VM));
}

/* Each notice comes with its interrupt, and each step goes into the ring of this boot. */
static void test_pulses_and_records(void **state)
{
    struct audit_record r;
    uint32_t txn;

    (void)state;
    listen_all();
    assert_int_equal(count_audit(AUDIT_BOOT, &r), 1);
    txn = request(0, POWER_OFF);
    assert_int_equal(life.pulses[0], 1);
    assert_int_equal(count_audit(AUDIT_REQUEST, &r), 1);
    assert_int_equal(r.txn, txn);
    assert_int_equal(r.vm, 0);
    assert_int_equal(count_audit(AUDIT_PREPARE_SENT, &r), 1);
    assert_int_equal(power_ctl_cancel(NULL, txn), ERR_OK);
    assert_int_equal(life.pulses[0], 2);
    assert_int_equal(life.pulses[1], 0);
}

static void test_time_left(void **state)
{
    (void)state;
    listen_all();
    assert_int_equal(power_ctl_status(life.vm[0]).time_left_us, 0);
    (void)request(0, POWER_OFF);
    assert_int_equal(power_ctl_status(life.vm[0]).time_left_us, 1000);
    assert_int_equal(power_ctl_status(life.vm[1]).time_left_us, 0);
    atomic_fetch_add(&fake.now, us_to_ticks(400));
    assert_int_equal(power_ctl_status(life.vm[0]).time_left_us, 600);
    atomic_fetch_add(&fake.now, us_to_ticks(5000)); /* its hart has not looked yet */
    assert_int_equal(power_ctl_status(life.vm[0]).time_left_us, 0);
}

/* What is over leaves no timer on any hart. */
static void test_cancel_leaves_no_timer(void **state)
{
    uint32_t txn;

    (void)state;
    listen_all();
    txn = request(0, POWER_OFF);
    assert_non_null(life.vm[0]->vcpus[0]->hart->timers.head);
    assert_int_equal(power_ctl_cancel(life.vm[0], txn), ERR_OK);
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        assert_null(machine.harts[i]->timers.head);
    }
}

/* A notice that its VM did not take is not told to the VM's next life. */
static void test_abort_ends_with_the_vm(void **state)
{
    uint32_t txn;

    (void)state;
    listen_all();
    txn = request(0, POWER_OFF);
    assert_int_equal(power_ctl_cancel(life.vm[0], txn), ERR_OK);
    srst(0, true);
    life_settle();
    assert_int_equal(life.vm[0]->generation, 2);
    assert_int_equal(power_ctl_next_event(life.vm[0]).type, 0);
}

static enum vm_state state_during_load;

static void emergency(struct vm *vm)
{
    uint32_t txn;

    (void)!power_ctl_request(NULL, POWER_OFF, 0, true, &txn);
    state_during_load = vm_state(vm);
}

/* STOP does not wait for a load to come to its end: the load is broken off. */
static void test_stop_breaks_a_load_off(void **state)
{
    (void)state;
    assert_int_equal(lifecycle_stop(life.vm[2], STOP_ASKED, false), ERR_OK);
    life_settle();
    life.on_load = emergency;
    assert_int_equal(lifecycle_start(life.vm[2]), ERR_OK);
    assert_int_equal(life_step(2, 0), LIFE_IDLE);
    assert_int_equal(state_during_load, VM_STOPPING);
    assert_int_equal(vm_state(life.vm[2]), VM_OFF);
}

static void test_postpone(void **state)
{
    const char *why = NULL;
    uint32_t granted = 1;
    uint32_t txn;

    (void)state;
    life_end();
    life_init();
    machine.manifest.vms[0].power.postpone_quantum_us = 5000;
    machine.manifest.vms[0].power.postpone_budget_us = 50000;
    assert_int_equal(power_ctl_build(&why), ERR_OK);
    life_up(0);
    assert_int_equal(power_ctl_listen(life.vm[0], true), ERR_OK);
    txn = request(0, POWER_OFF);
    assert_int_equal(
        power_ctl_answer(life.vm[0], txn, POWER_EV_POSTPONE, UINT64_C(1) << 32, &granted), ERR_OK);
    assert_int_equal(granted, 5000); /* not what 32 bits leave of it */
    assert_int_equal(power_ctl_answer(life.vm[0], txn, POWER_EV_POSTPONE, 0, &granted),
                     ERR_INVALID);
    assert_int_equal(granted, 0);
}

/* What a guest's SRST of the platform was is what the platform gets. */
static void test_platform_reset_kinds(void **state)
{
    static const enum arch_reset kinds[] = {ARCH_RESET_COLD, ARCH_RESET_WARM};

    (void)state;
    for (uint32_t warm = 0; warm < 2; warm++) {
        life_end();
        life_init();
        life.config[0]->srst_reset = SRST_PLATFORM;
        fake.on_relax = park_others;
        life_up(0);
        lifecycle_srst(life.vm[0]->vcpus[0], true, warm != 0, false);
        life_settle();
        assert_int_equal(vm_state(life.vm[0]), VM_OFF);
        assert_int_equal(life.vm[0]->stop_reason, STOP_REBOOT);
        assert_int_equal(fake.resets, 1);
        assert_int_equal(fake.reset_kind, kinds[warm]);
        assert_false(fake.reset_failed);
    }
}

static void all_stop(void)
{
    uint32_t txn;

    assert_int_equal(power_ctl_request(NULL, POWER_OFF, 0, true, &txn), ERR_OK);
    life_pass_us(100000);
}

/* Every other hart is parked before the platform goes, and what was said has left the machine. */
static void test_commit_waits_for_the_harts(void **state)
{
    uint32_t parked = 0;

    (void)state;
    all_stop();
    assert_int_equal(fake.resets, 1);
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        parked += fake_hart(i)->parked ? 1 : 0;
    }
    assert_int_equal(parked, machine.hart_count - 1);
    assert_int_equal(life.console_flushes, 1);
}

static uint32_t waited_ms;

static void time_passes(void)
{
    waited_ms += 10;
    atomic_fetch_add(&fake.now, us_to_ticks(10000));
}

/* Those that never come hold the platform up for a second, all together, not for ever. */
static void test_commit_waits_no_longer(void **state)
{
    (void)state;
    waited_ms = 0;
    fake.on_relax = time_passes;
    all_stop();
    assert_int_equal(fake.resets, 1);
    assert_in_range(waited_ms, 1000, 1010);
}

static enum err put_interrupts(struct virqchip *chip, void *fdt, uint32_t source)
{
    (void)chip;
    return fdt_property_u32(fdt, "interrupts", source) == 0 ? ERR_OK : ERR_RANGE;
}

/* The node of VM, in a tree of its own; its offset. */
static int node_of(struct vm *vm, void *fdt, size_t size)
{
    assert_int_equal(fdt_create(fdt, (int)size), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    assert_int_equal(fdt_begin_node(fdt, ""), 0);
    assert_int_equal(power_ctl_fdt(vm, fdt), ERR_OK);
    assert_int_equal(fdt_end_node(fdt), 0);
    assert_int_equal(fdt_finish(fdt), 0);
    return fdt_path_offset(fdt, "/power");
}

static void test_fdt(void **state)
{
    static const struct virqchip_ops ops = {.fdt_interrupts = put_interrupts};
    struct virqchip chip = {.ops = &ops};
    uint64_t space[64];
    uint64_t small[10];
    const fdt32_t *irq;
    int node;

    (void)state;
    life.vm[0]->irqchip = life.vm[1]->irqchip = &chip;
    life.config[1]->srst_reset = SRST_PLATFORM;

    node = node_of(life.vm[0], space, sizeof(space));
    assert_int_equal(fdt_node_check_compatible(space, node, "curia,power"), 0);
    irq = fdt_getprop(space, node, "interrupts", NULL);
    assert_non_null(irq);
    assert_int_equal(fdt32_to_cpu(*irq), LIFE_POWER_IRQ);
    assert_non_null(fdt_getprop(space, node, "may-initiate", NULL));
    assert_null(fdt_getprop(space, node, "reset-is-platform", NULL));

    node = node_of(life.vm[1], space, sizeof(space));
    assert_null(fdt_getprop(space, node, "may-initiate", NULL));
    assert_non_null(fdt_getprop(space, node, "reset-is-platform", NULL));

    assert_int_equal(fdt_create(small, sizeof(small)), 0);
    assert_int_equal(fdt_finish_reservemap(small), 0);
    assert_int_equal(fdt_begin_node(small, ""), 0);
    assert_int_equal(power_ctl_fdt(life.vm[0], small), ERR_RANGE);
}

/* The end of a transition starts those that were held back; who was off by will stays so. */
static void test_abort_starts_nobody_else(void **state)
{
    uint32_t txn;

    (void)state;
    listen_all();
    assert_int_equal(lifecycle_stop(life.vm[2], STOP_ASKED, false), ERR_OK);
    life_settle();
    txn = request(0, POWER_OFF);
    assert_int_equal(power_ctl_cancel(life.vm[0], txn), ERR_OK);
    life_settle();
    assert_int_equal(vm_state(life.vm[2]), VM_OFF);
    assert_int_equal(power_ctl_status(life.vm[2]).vm, POWER_VM_OFF);
    assert_int_equal(life.vm[1]->generation, 1);
}

static uint32_t console_works;

void console_work(void)
{
    console_works++;
}

/* Each sort of work reaches whom it is for. */
static void test_console_work(void **state)
{
    (void)state;
    console_works = 0;
    hart_post(machine.harts[2], HART_WORK_TIMER);
    life_settle();
    assert_int_equal(console_works, 0);
    hart_post(machine.harts[2], HART_WORK_CONSOLE);
    life_settle();
    assert_int_equal(console_works, 1);
}

/* A hart that has left its guest counts as out of it: nobody waits for it any more. */
static void test_mode_after_exit(void **state)
{
    struct hart *h = life.vm[0]->vcpus[0]->hart;

    (void)state;
    assert_int_equal(atomic_load(&h->mode), HART_GUEST);
    sched_exited(h);
    assert_int_equal(atomic_load(&h->mode), HART_HYP);
}

/* Whatever room there is for the FDT: all of the node, or an error. */
static void test_fdt_whole_or_error(void **state)
{
    static const struct virqchip_ops ops = {.fdt_interrupts = put_interrupts};
    struct virqchip chip = {.ops = &ops};
    uint64_t whole[64];
    uint64_t tried[64];

    (void)state;
    life.vm[0]->irqchip = &chip;
    life.config[0]->srst_reset = SRST_PLATFORM;
    (void)node_of(life.vm[0], whole, sizeof(whole));
    for (int size = 64; size < (int)fdt_totalsize(whole) + 32; size += 4) {
        if (fdt_create(tried, size) == 0 && fdt_finish_reservemap(tried) == 0 &&
            fdt_begin_node(tried, "") == 0 && power_ctl_fdt(life.vm[0], tried) == ERR_OK &&
            fdt_end_node(tried) == 0 && fdt_finish(tried) == 0) {
            assert_int_equal(fdt_totalsize(tried), fdt_totalsize(whole));
            assert_memory_equal(tried, whole, fdt_totalsize(whole));
        }
    }
}

/* The records of the boot before are there still, in front of this one's. */
static void test_records_outlive_a_boot(void **state)
{
    struct audit_record r = {0};
    uint64_t seq = 0;
    uint64_t lost = 0;
    uint32_t boots = 0;
    uint32_t requests = 0;

    (void)state;
    listen_all();
    (void)request(0, POWER_OFF);
    life_end();
    life_init();
    while (power_ctl_audit_read(&seq, &r, &lost) == ERR_OK) {
        boots += r.event == AUDIT_BOOT ? 1 : 0;
        requests += r.event == AUDIT_REQUEST ? 1 : 0;
    }
    assert_true(boots >= 2 && requests >= 1);
    assert_int_equal(r.event, AUDIT_BOOT);
    assert_int_equal(r.vm, AUDIT_NO_VM);
}

/* Each record of the audit is one of the trace, and each state of a VM. */
static void test_traced(void **state)
{
    struct audit_record audited;
    struct trace_record r;
    uint64_t seq = 0, lost = 0;
    uint32_t txn;

    (void)state;
    while (power_ctl_audit_read(&seq, &audited, &lost) == ERR_OK) {
    }
    rig_trace(TRACE_POWER | TRACE_LIFECYCLE);
    fake_become(machine.harts[0]);
    txn = request(0, POWER_OFF);
    srst(0, false);
    r = rig_next(0);
    for (uint32_t states = 0; r.event != TRACE_EV_NONE; r = rig_next(0)) {
        if (r.event == TRACE_EV_STATE) {
            static const enum vm_state way[] = {VM_RUNNING, VM_STOPPING, VM_OFF};

            assert_int_equal(r.vm, 0);
            assert_in_range(states, 0, 1);
            assert_int_equal(r.vcpu, way[states]);
            assert_int_equal(r.detail, way[++states]);
            assert_int_equal(r.arg, STOP_SHUTDOWN);
            assert_int_equal(r.more, 1);
        } else {
            assert_int_equal(r.event, TRACE_EV_POWER);
            assert_int_equal(power_ctl_audit_read(&seq, &audited, &lost), ERR_OK);
            assert_int_equal(r.vm, audited.vm);
            assert_int_equal(r.more, audited.seq);
            assert_int_equal(r.arg, (uint64_t)txn << 32 | (uint32_t)audited.event << 16 |
                                        (uint32_t)audited.old_state << 8 | audited.new_state);
        }
    }
    assert_int_equal(power_ctl_audit_read(&seq, &audited, &lost), ERR_NOT_FOUND);
    assert_int_equal(vm_state(life.vm[0]), VM_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_traced, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_in_order, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_force, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_restart_waits, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_gate, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_platform_srst, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_escalate, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_notices_end_with_the_vm, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_names, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_pulses_and_records, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_time_left, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_cancel_leaves_no_timer, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_abort_ends_with_the_vm, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_stop_breaks_a_load_off, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_postpone, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_platform_reset_kinds, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_commit_waits_for_the_harts, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_commit_waits_no_longer, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_fdt, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_abort_starts_nobody_else, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_console_work, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_mode_after_exit, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_fdt_whole_or_error, setup, life_teardown),
        cmocka_unit_test_setup_teardown(test_records_outlive_a_boot, setup, life_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
