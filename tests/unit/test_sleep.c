/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/lifecycle.c core/pause.c core/watchdog.c core/vcpu.c core/sched.c core/hart.c
 *       core/runqueue.c core/budget.c
 *       core/timer.c core/power_ctl.c core/power_commit.c core/power.c core/power_steps.c
 *       core/power_graph.c core/audit.c core/vm_names.c core/sse.c core/steal.c core/pmu.c
 *       core/memmap.c core/guest_copy.c tests/unit/life_env.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c libfdt */
/* VMs that sleep: by themselves, or all of them with the machine; who is frozen; what wakes
 * whom. */
#include "core/watchdog.h"
#include "tests/unit/life_env.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RESUME_PC 0x80400000ull
#define OPAQUE    0x5157ull

static int setup(void **state)
{
    (void)state;
    life_init();
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        life_up(i);
    }
    return 0;
}

static struct vcpu *vcpu(uint32_t vm)
{
    return life.vm[vm]->vcpus[0];
}

static enum err susp(uint32_t vm)
{
    enum err e;

    fake_become(vcpu(vm)->hart);
    e = lifecycle_suspend(vcpu(vm), gpa(RESUME_PC), OPAQUE);
    (void)life_step(vm, 0); /* the call's way back */
    life_settle();
    return e;
}

static void expect_state(uint32_t vm, enum vm_state state)
{
    assert_int_equal(vm_state(life.vm[vm]), state);
}

static void expect_phase(enum power_phase phase)
{
    assert_int_equal(power_ctl_status(life.vm[0]).phase, phase);
}

static void set_irq(uint32_t vm, bool level)
{
    vcpu_irq_set(vcpu(vm), VCPU_IRQ_EXT, level);
    life_settle();
}

static bool audited(enum audit_event event)
{
    struct audit_record rec;
    uint64_t seq = 0, lost = 0;

    while (power_ctl_audit_read(&seq, &rec, &lost) == ERR_OK) {
        if (rec.event == event) {
            return true;
        }
    }
    return false;
}

/* ---- alone ----------------------------------------------------------------------------------- */

static void test_sleeps_and_wakes(void **state)
{
    (void)state;
    assert_int_equal(susp(0), ERR_OK);
    expect_state(0, VM_SUSPENDED);
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_true(fake_vcpu(vcpu(0))->resident); /* so that its interrupt ends the hart's wait */
    assert_int_equal(lifecycle_pause(life.vm[0]), ERR_STATE);
    assert_int_equal(lifecycle_start(life.vm[0]), ERR_EXISTS);

    fake_vcpu(vcpu(0))->irq_enabled = 0;
    set_irq(0, true);
    expect_state(0, VM_SUSPENDED); /* not enabled: it wakes nobody */
    vcpu_request(vcpu(0), VCPU_REQ_WAKE);
    assert_int_equal(life_step(0, 0), LIFE_IDLE); /* an IPI of before neither */
    fake_vcpu(vcpu(0))->irq_enabled = UINT32_MAX;
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
    expect_state(0, VM_RUNNING);
    assert_int_equal(fake_vcpu(vcpu(0))->resumes, 1);
    assert_int_equal(fake_vcpu(vcpu(0))->reset_pc.v, RESUME_PC);
    assert_int_equal(fake_vcpu(vcpu(0))->reset_opaque, OPAQUE);
    assert_int_equal(life.vm[0]->generation, 1);
}

static void test_pending_before(void **state)
{
    (void)state;
    set_irq(0, true);
    assert_int_equal(susp(0), ERR_OK);
    expect_state(0, VM_RUNNING);
    assert_int_equal(fake_vcpu(vcpu(0))->resumes, 1);
}

static void test_timer_wakes(void **state)
{
    (void)state;
    fake_vcpu(vcpu(0))->timer = 1000;
    assert_int_equal(susp(0), ERR_OK);
    expect_state(0, VM_SUSPENDED);
    atomic_store(&fake.now, 1000);
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
}

static void test_entry_criteria(void **state)
{
    struct vm *vm = life.vm[0];

    (void)state;
    assert_int_equal(vcpu_start(vm->vcpus[1], gpa(RESUME_PC), 0), ERR_OK);
    assert_int_equal(susp(0), ERR_DENIED);
    assert_int_equal(life_step(0, 1), LIFE_GUEST);
    assert_int_equal(susp(0), ERR_DENIED);
    fake_become(vm->vcpus[1]->hart);
    vcpu_suspend_self(vm->vcpus[1], false, gpa(0), 0);
    assert_int_equal(susp(0), ERR_DENIED);
    fake_become(vm->vcpus[1]->hart);
    vcpu_stop_self(vm->vcpus[1]);
    assert_int_equal(lifecycle_pause(vm), ERR_OK);
    assert_int_equal(susp(0), ERR_STATE); /* its vCPU had not heard of the pause */
    expect_state(0, VM_PAUSED);
    assert_int_equal(lifecycle_resume(vm), ERR_OK);
    assert_int_equal(susp(0), ERR_OK);
}

static void test_calls_on_a_sleeper(void **state)
{
    (void)state;
    assert_int_equal(susp(0), ERR_OK);
    assert_int_equal(lifecycle_resume(life.vm[0]), ERR_OK);
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
    assert_int_equal(lifecycle_resume(life.vm[0]), ERR_STATE);

    /* Gracefully: it is woken, so that it hears. */
    assert_int_equal(power_ctl_listen(life.vm[0], true), ERR_OK);
    assert_int_equal(susp(0), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(life.vm[0], false), ERR_OK);
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
    assert_int_equal(power_ctl_next_event(life.vm[0]).type, POWER_ASK_SHUTDOWN);

    /* It sleeps instead; its time passes all the same. */
    assert_int_equal(susp(0), ERR_OK);
    life_pass_us(21000);
    expect_state(0, VM_OFF);
    assert_int_equal(life.vm[0]->stop_reason, STOP_FORCED);

    assert_int_equal(susp(1), ERR_OK);
    assert_int_equal(lifecycle_stop(life.vm[1], STOP_ASKED, true), ERR_OK);
    life_settle();
    expect_state(1, VM_RUNNING); /* its next life */
    assert_int_equal(life.vm[1]->generation, 2);
    assert_int_equal(life_step(1, 0), LIFE_GUEST);
}

static void test_watchdog_rests(void **state)
{
    uint64_t granted;

    (void)state;
    assert_int_equal(watchdog_beat(life.vm[1], 5000, &granted), ERR_OK);
    life_pass_us(3000);
    assert_int_equal(susp(1), ERR_OK);
    life_pass_us(100000);
    expect_state(1, VM_SUSPENDED);
    assert_int_equal(lifecycle_resume(life.vm[1]), ERR_OK);
    life_pass_us(1900);
    expect_state(1, VM_RUNNING);
    life_pass_us(200);
    assert_int_equal(life.vm[1]->stop_reason, STOP_WATCHDOG);
}

/* ---- the machine ----------------------------------------------------------------------------- */

static uint32_t begin(void)
{
    uint32_t txn;

    assert_int_equal(power_ctl_request(NULL, POWER_SUSPEND, 0, false, &txn), ERR_OK);
    return txn;
}

static void answer(uint32_t vm, uint32_t txn, enum power_event_type what)
{
    uint32_t granted;

    assert_int_equal(power_ctl_answer(life.vm[vm], txn, what, 0, &granted), ERR_OK);
    life_settle();
}

static uint32_t listen_and_prepare(void)
{
    uint32_t txn;

    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        assert_int_equal(power_ctl_listen(life.vm[i], true), ERR_OK);
    }
    txn = begin();
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        assert_int_equal(power_ctl_next_event(life.vm[i]).type, POWER_NOTICE_PREPARE);
        answer(i, txn, POWER_EV_READY);
    }
    return txn;
}

static void obey(uint32_t vm)
{
    struct power_notice_seen seen = power_ctl_next_event(life.vm[vm]);

    assert_int_equal(seen.type, POWER_NOTICE_STOP);
    assert_int_equal(seen.kind, POWER_SUSPEND);
    assert_int_equal(susp(vm), ERR_OK);
}

static uint32_t sleep_all(void)
{
    uint32_t txn = listen_and_prepare();

    for (uint32_t i = LIFE_VMS; i-- > 0;) {
        expect_phase(POWER_STOP);
        obey(i);
    }
    expect_phase(POWER_SLEEP);
    return txn;
}

static void expect_told(uint32_t vm, uint32_t txn, uint32_t reason)
{
    struct power_notice_seen seen = power_ctl_next_event(life.vm[vm]);

    assert_int_equal(seen.type, POWER_NOTICE_RESUME);
    assert_int_equal(seen.kind, POWER_SUSPEND);
    assert_int_equal(seen.reason, reason);
    assert_int_equal(seen.txn, txn);
}

static void test_nobody_runs_before_its_turn(void **state)
{
    uint32_t txn = sleep_all();

    (void)state;
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        assert_int_equal(life_step(i / LIFE_VCPUS, i % LIFE_VCPUS), LIFE_IDLE);
    }
    set_irq(2, true);
    expect_phase(POWER_RESUME);
    expect_state(0, VM_RUNNING);
    expect_state(2, VM_SUSPENDED);
    /* Its interrupt is pending, and ends no wait of the hart's. */
    assert_int_equal(life_step(2, 0), LIFE_IDLE);
    assert_false(fake_vcpu(vcpu(2))->resident);
    assert_int_equal(life_step(2, 0), LIFE_IDLE);
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
    expect_told(0, txn, 2);
    answer(0, txn, POWER_EV_ACK);
    assert_int_equal(life_step(1, 0), LIFE_GUEST);
    assert_int_equal(life_step(2, 0), LIFE_IDLE);
    expect_told(1, txn, 2);
    answer(1, txn, POWER_EV_ACK);
    assert_int_equal(life_step(2, 0), LIFE_GUEST);
    expect_told(2, txn, 2);
    answer(2, txn, POWER_EV_ACK);
    expect_phase(POWER_RUN);
}

static void test_key_wakes(void **state)
{
    uint32_t txn = sleep_all();

    (void)state;
    power_ctl_wake(POWER_BY_CONSOLE);
    life_settle();
    expect_told(0, txn, POWER_BY_CONSOLE);
    life_pass_us(10000); /* nobody says ACK */
    expect_phase(POWER_RUN);
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        expect_state(i, VM_RUNNING);
    }
    assert_false(audited(AUDIT_SLEEP_REFUSED)); /* the firmware was not asked */
}

/* Both want to wake, one after the other: the second finds what it wants under way. */
static void test_two_wake(void **state)
{
    (void)state;
    (void)sleep_all();
    set_irq(1, true);
    set_irq(2, true);
    life_pass_us(10000);
    expect_phase(POWER_RUN);
    assert_int_equal(life_step(1, 0), LIFE_GUEST);
    assert_int_equal(life_step(2, 0), LIFE_GUEST);
}

/* The last to sleep has an interrupt that came in between. */
static void test_wakeup_races_with_commit(void **state)
{
    uint32_t txn = listen_and_prepare();

    (void)state;
    obey(2);
    obey(1);
    set_irq(0, true);
    obey(0);
    expect_phase(POWER_RESUME);
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
    expect_told(0, txn, 0);
}

static void test_called_off(void **state)
{
    uint32_t txn = listen_and_prepare();

    (void)state;
    obey(2);
    set_irq(2, true);
    expect_phase(POWER_RESUME);
    assert_int_equal(power_ctl_next_event(life.vm[0]).type, POWER_NOTICE_ABORT);
    expect_told(1, txn, 2 | POWER_WAKE_EARLY);
    expect_state(2, VM_SUSPENDED);
    assert_int_equal(lifecycle_resume(life.vm[2]), ERR_STATE); /* not before its turn */
    answer(1, txn, POWER_EV_ACK);
    assert_int_equal(life_step(2, 0), LIFE_GUEST);
}

/* ---- frozen ---------------------------------------------------------------------------------- */

static void test_frozen_and_thawed(void **state)
{
    struct vm *vm = life.vm[2];

    (void)state;
    assert_int_equal(vcpu_start(vm->vcpus[1], gpa(RESUME_PC), 0), ERR_OK);
    life_settle();
    assert_int_equal(susp(1), ERR_OK);
    assert_int_equal(susp(0), ERR_OK);
    (void)begin(); /* nobody listens: 2 is frozen at once */
    expect_state(2, VM_PAUSED);
    expect_phase(POWER_STOP);
    (void)life_step(2, 0);
    expect_phase(POWER_STOP); /* its other vCPU may still be in the guest */
    (void)life_step(2, 0);
    expect_phase(POWER_STOP);
    (void)life_step(2, 1);
    expect_phase(POWER_SLEEP);
    assert_false(fake_vcpu(vm->vcpus[0])->resident);
    assert_true(audited(AUDIT_FORCED) && audited(AUDIT_FROZEN_AT));

    set_irq(2, true); /* wakes nobody */
    expect_phase(POWER_SLEEP);
    assert_int_equal(lifecycle_resume(vm), ERR_STATE);
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_STATE);
    power_ctl_wake(POWER_BY_CONSOLE);
    life_settle();
    expect_phase(POWER_RUN);
    assert_int_equal(life_step(2, 0), LIFE_GUEST);
    assert_int_equal(life_step(2, 1), LIFE_GUEST);
    assert_int_equal(fake_vcpu(vm->vcpus[0])->resets, 1);
    assert_int_equal(fake_vcpu(vm->vcpus[0])->resumes, 0); /* as it was */
    assert_int_equal(vm->generation, 1);
}

static void test_paused_is_frozen(void **state)
{
    (void)state;
    assert_int_equal(lifecycle_pause(life.vm[2]), ERR_OK);
    life_settle();
    (void)begin();
    expect_state(2, VM_PAUSED); /* not resumed for its turn */
    life_settle();
    expect_phase(POWER_SLEEP);
    assert_false(fake_vcpu(vcpu(2))->resident);
    power_ctl_wake(POWER_BY_CONSOLE);
    life_settle();
    expect_state(2, VM_RUNNING);
}

/* One that is asked to sleep and does not is frozen when its time is over; its watchdog rests. */
static void test_too_late(void **state)
{
    uint64_t granted;

    (void)state;
    assert_int_equal(watchdog_beat(life.vm[2], 5000, &granted), ERR_OK);
    (void)listen_and_prepare();
    life_pass_us(19900);
    expect_state(2, VM_RUNNING);
    life_pass_us(200);
    expect_state(2, VM_PAUSED);
    assert_int_equal(power_ctl_next_event(life.vm[2]).type, POWER_NOTICE_STOP);
    obey(1);
    obey(0);
    expect_phase(POWER_SLEEP);
    life_pass_us(100000);
    power_ctl_wake(POWER_BY_CONSOLE);
    life_settle();
    life_pass_us(3000);
    expect_phase(POWER_RUN);
    expect_state(2, VM_RUNNING);
    life_pass_us(5000);
    assert_int_equal(life.vm[2]->stop_reason, STOP_WATCHDOG);
}

/* Told to sleep, then all is called off: from then on it has to give its heartbeats again. */
static void test_watchdog_comes_back(void **state)
{
    uint64_t granted;
    uint32_t txn;

    (void)state;
    txn = listen_and_prepare();
    assert_int_equal(watchdog_beat(life.vm[2], 2000, &granted), ERR_OK);
    life_pass_us(10000);
    answer(2, txn, POWER_EV_VETO);
    expect_told(2, txn, 2 | POWER_WAKE_EARLY);
    answer(2, txn, POWER_EV_ACK);
    expect_phase(POWER_RUN);
    life_pass_us(1900);
    expect_state(2, VM_RUNNING);
    life_pass_us(200);
    assert_int_equal(life.vm[2]->stop_reason, STOP_WATCHDOG);
}

static void test_frozen_is_stopped(void **state)
{
    (void)state;
    (void)begin();
    life_settle();
    expect_phase(POWER_SLEEP);
    assert_int_equal(lifecycle_stop(life.vm[2], STOP_ASKED, true), ERR_OK);
    life_settle();
    expect_state(2, VM_OFF); /* its restart waits */
    power_ctl_wake(POWER_BY_CONSOLE);
    life_settle();
    expect_state(2, VM_RUNNING);
    assert_int_equal(life.vm[2]->generation, 2);
    assert_int_equal(lifecycle_pause(life.vm[2]), ERR_OK);
    assert_int_equal(lifecycle_resume(life.vm[2]), ERR_OK); /* frozen was of the life before */
}

/* ---- through the firmware -------------------------------------------------------------------- */

static uint32_t harts_stopped;

/* While the sleeper waits, the others take their turn; one after the other stops. */
static void stop_others(void)
{
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        if ((atomic_load(&machine.harts[i]->work) & HART_WORK_COMMIT) != 0 &&
            !fake_hart(i)->parked) {
            fake_hart(i)->parked = true;
            harts_stopped++;
        }
    }
}

/* The last VM to sleep takes the machine with it: its hart is the sleeper's, and steps here. */
static void sleep_machine(void)
{
    (void)listen_and_prepare();
    obey(2);
    obey(1);
    harts_stopped = 0;
    fake.can_sleep = true;
    fake.on_relax = stop_others;
    assert_int_equal(power_ctl_next_event(life.vm[0]).type, POWER_NOTICE_STOP);
    fake_become(vcpu(0)->hart);
    assert_int_equal(lifecycle_suspend(vcpu(0), gpa(RESUME_PC), OPAQUE), ERR_OK);
}

static void time_passes(void)
{
    atomic_store(&fake.now, fake.wake_at != UINT64_MAX ? fake.wake_at : 12345);
}

static void expect_waker(uint32_t reason)
{
    struct power_notice_seen seen = power_ctl_next_event(life.vm[0]);

    assert_int_equal(seen.type, POWER_NOTICE_RESUME);
    assert_int_equal(seen.reason, reason);
}

static void test_firmware_sleeps(void **state)
{
    (void)state;
    fake.on_machine_sleep = time_passes;
    sleep_machine();
    (void)life_step(0, 0);
    assert_int_equal(harts_stopped, machine.hart_count - 1);
    assert_int_equal(fake.machine_sleeps, 1);
    assert_true(fake.wake_at == UINT64_MAX);
    assert_int_equal(life.console_flushes, 1);
    expect_phase(POWER_RESUME);
    expect_waker(POWER_BY_PLATFORM);
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
}

static void test_first_timer_wakes_the_machine(void **state)
{
    (void)state;
    fake.on_machine_sleep = time_passes;
    fake_vcpu(vcpu(1))->timer = 200000;
    fake_vcpu(vcpu(2))->timer = 100000;
    sleep_machine();
    (void)life_step(0, 0);
    assert_int_equal(fake.wake_at, 100000);
    expect_waker(2);
}

static void raise_irq(void)
{
    vcpu_irq_set(vcpu(0), VCPU_IRQ_EXT, true);
}

static void test_own_interrupt_wakes_the_machine(void **state)
{
    (void)state;
    fake.on_machine_sleep = raise_irq;
    sleep_machine();
    (void)life_step(0, 0);
    expect_waker(0);
}

static void test_pending_interrupt_keeps_it_awake(void **state)
{
    (void)state;
    sleep_machine();
    raise_irq();
    assert_int_equal(life_step(0, 0), LIFE_GUEST);
    assert_int_equal(fake.machine_sleeps, 0);
    expect_waker(0);
    assert_false(audited(AUDIT_SLEEP_REFUSED));
}

/* All harts wait instead, and any interrupt wakes. */
static void test_firmware_refuses(void **state)
{
    (void)state;
    fake.sleep_result = ERR_FAILED;
    sleep_machine();
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_int_equal(fake.machine_sleeps, 1);
    assert_true(audited(AUDIT_SLEEP_REFUSED));
    expect_phase(POWER_SLEEP);
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        fake_hart(i)->parked = false;
    }
    life_settle();
    set_irq(2, true);
    expect_phase(POWER_RESUME);
    expect_waker(2);
}

static void test_hart_does_not_stop(void **state)
{
    (void)state;
    sleep_machine();
    fake.on_relax = NULL;
    fake.now_step = 1000000;
    (void)life_step(0, 0);
    fake.now_step = 0;
    assert_int_equal(fake.machine_sleeps, 0);
    assert_true(audited(AUDIT_SLEEP_REFUSED));
    expect_phase(POWER_SLEEP);
    assert_int_equal(life_step(1, 0), LIFE_IDLE); /* comes late, and does not stop any more */
    assert_int_equal(fake_hart(vcpu(1)->hart->index)->sleeps, 0);
}

static void test_other_harts_stop(void **state)
{
    struct fake_hart *h = fake_hart(vcpu(1)->hart->index);

    (void)state;
    sleep_machine();
    assert_int_equal(life_step(1, 0), LIFE_IDLE);
    assert_int_equal(h->sleeps, 1);
    assert_true(fake_vcpu(vcpu(1))->resident);

    /* One whose VM has what wakes it does not, and says so. */
    vcpu_irq_set(vcpu(2), VCPU_IRQ_EXT, true);
    assert_int_equal(life_step(2, 0), LIFE_IDLE);
    assert_int_equal(fake_hart(vcpu(2)->hart->index)->sleeps, 0);
    expect_phase(POWER_RESUME);
    expect_waker(2);
    assert_int_equal(life_step(0, 0), LIFE_GUEST); /* the sleeper sees that it is over */
    assert_int_equal(fake.machine_sleeps, 0);
}

static void lose_timer(void)
{
    container_of(arch_hart_self(), struct fake_hart, core)->timer = UINT64_MAX;
}

static void never(struct timer *t)
{
    (void)t;
}

/* What Curia itself waits for is not forgotten with the hart's comparator. */
static void test_own_timers_come_back(void **state)
{
    struct timer t[2] = {{0}};

    (void)state;
    fake.on_hart_sleep = lose_timer;
    fake.on_machine_sleep = lose_timer;
    sleep_machine();
    for (uint32_t i = 0; i < 2; i++) {
        fake_become(vcpu(i)->hart);
        timer_arm(&t[i], vcpu(i)->hart, 5000, never);
    }
    (void)life_step(1, 0);
    fake_hart(vcpu(1)->hart->index)->parked = true; /* for the sleeper it still is */
    (void)life_step(0, 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(fake_hart(vcpu(i)->hart->index)->timer, 5000);
        fake_become(vcpu(i)->hart);
        timer_cancel(&t[i]);
    }
}

static const struct hart *sleeper;

static void note_sleeper(void)
{
    sleeper = arch_hart_self();
}

static void park_others(void)
{
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        fake_hart(i)->parked = machine.harts[i] != arch_hart_self();
    }
}

/* ---- what wakes through the firmware --------------------------------------------------------- */

static struct life_irq *irq_of(uint32_t vm)
{
    return &life.irqs[vm + 1u];
}

/* Those that may wake go to the sleeper, each as another one, and are enabled there. */
static void see_sources(void)
{
    const struct hart *self = arch_hart_self();

    assert_true(irq_of(1)->enabled && irq_of(1)->to == self);
    assert_true(life.irqs[LIFE_CONSOLE_IRQ].enabled && life.irqs[LIFE_CONSOLE_IRQ].to == self);
    assert_true(irq_of(1)->n != life.irqs[LIFE_CONSOLE_IRQ].n);
    assert_false(irq_of(0)->enabled); /* its guest has not enabled it */
    assert_null(irq_of(0)->to);
}

static void expect_sources_as_before(bool first)
{
    assert_int_equal(irq_of(0)->enabled, first);
    assert_true(irq_of(1)->enabled);
    assert_true(life.irqs[LIFE_CONSOLE_IRQ].enabled);
    for (uint32_t i = 0; i < ARRAY_SIZE(life.irqs); i++) {
        assert_null(life.irqs[i].to);
    }
}

static void device_fires(void)
{
    see_sources();
    irq_of(1)->came = true;
}

static void key_comes(void)
{
    see_sources();
    life.irqs[LIFE_CONSOLE_IRQ].came = true;
}

static void test_device_of_another_hart_wakes(void **state)
{
    (void)state;
    irq_of(1)->enabled = true;
    fake.on_machine_sleep = device_fires;
    sleep_machine();
    for (uint32_t i = 0; i < ARRAY_SIZE(life.irqs); i++) {
        assert_false(life.irqs[i].enabled); /* before any hart looks */
    }
    (void)life_step(0, 0);
    expect_sources_as_before(false);
    expect_waker(1);
}

static void test_key_wakes_through_the_firmware(void **state)
{
    (void)state;
    irq_of(1)->enabled = true;
    fake.on_machine_sleep = key_comes;
    sleep_machine();
    (void)life_step(0, 0);
    expect_sources_as_before(false);
    expect_waker(POWER_BY_CONSOLE);
}

/* Called off before all have stopped: whoever does that leaves the sources as they were. */
static void test_sources_when_called_off(void **state)
{
    (void)state;
    irq_of(0)->enabled = irq_of(1)->enabled = true;
    sleep_machine();
    assert_false(irq_of(0)->enabled);
    power_ctl_wake(POWER_BY_CONSOLE);
    expect_sources_as_before(true);
    assert_int_equal(irq_of(0)->disables, 1);
    (void)life_step(0, 0);
    expect_sources_as_before(true);
    assert_int_equal(irq_of(1)->offs, 0);
}

static void expect_refused(void)
{
    assert_int_equal(life_step(0, 0), LIFE_IDLE);
    assert_int_equal(fake.machine_sleeps, 0);
    assert_true(audited(AUDIT_SLEEP_REFUSED));
    expect_phase(POWER_SLEEP);
}

static void test_polled_console_alone(void **state)
{
    (void)state;
    life.polled = true;
    sleep_machine();
    expect_refused();
}

static void test_polled_console_and_a_timer(void **state)
{
    (void)state;
    life.polled = true;
    fake_vcpu(vcpu(1))->timer = 200000;
    fake.on_machine_sleep = time_passes;
    sleep_machine();
    (void)life_step(0, 0);
    assert_int_equal(fake.machine_sleeps, 1);
    expect_waker(1);
}

/* The sleeper cannot take it: better not to sleep so deep. */
static void test_source_that_cannot_wake(void **state)
{
    (void)state;
    irq_of(1)->enabled = true;
    irq_of(1)->lame = true;
    sleep_machine();
    expect_refused();
    expect_sources_as_before(false);
}

/* Where no VM sleeps a key alone can wake the machine; frozen harts may have been idle. */
static void test_none_but_frozen(void **state)
{
    (void)state;
    sleeper = NULL;
    fake.can_sleep = true;
    fake.on_machine_sleep = note_sleeper;
    fake.on_relax = park_others;
    fake_vcpu_state(life.vm[0]->vcpus[1], VCPU_SUSPENDED);
    (void)begin();
    life_settle();
    assert_ptr_equal(sleeper, machine.harts[0]);
    expect_state(0, VM_RUNNING);
    fake_vcpu_state(life.vm[0]->vcpus[1], VCPU_STOPPED);
}

static void see_frozen(void)
{
    assert_false(irq_of(2)->enabled);
    assert_null(irq_of(2)->to);
    assert_true(life.irqs[LIFE_CONSOLE_IRQ].enabled);
}

/* Its sources neither wake nor are lost. */
static void test_frozen_wakes_nobody(void **state)
{
    (void)state;
    irq_of(2)->enabled = true;
    fake.can_sleep = true;
    fake.on_machine_sleep = see_frozen;
    fake.on_relax = park_others;
    (void)begin();
    life_settle();
    assert_int_equal(fake.machine_sleeps, 1);
    assert_true(irq_of(2)->enabled);
}

/* An EMERGENCY while the sleeper still waits for the others: who has parked for it stays so. */
static void power_off(void)
{
    uint32_t txn;

    fake.on_relax = NULL;
    fake.now_step = 1000;
    assert_int_equal(power_ctl_request(NULL, POWER_OFF, 0, true, &txn), ERR_OK);
    expect_phase(POWER_COMMIT);
}

static void test_off_while_they_come_back(void **state)
{
    (void)state;
    fake.on_machine_sleep = power_off;
    sleep_machine();
    assert_int_equal(life_step(0, 0), LIFE_RESET);
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        assert_int_equal(fake_hart(i)->wakes, 0);
    }
    assert_int_equal(fake.resets, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, life_teardown)
    static const struct CMUnitTest tests[] = {
        T(test_sleeps_and_wakes),
        T(test_pending_before),
        T(test_timer_wakes),
        T(test_entry_criteria),
        T(test_calls_on_a_sleeper),
        T(test_watchdog_rests),
        T(test_nobody_runs_before_its_turn),
        T(test_key_wakes),
        T(test_two_wake),
        T(test_wakeup_races_with_commit),
        T(test_called_off),
        T(test_frozen_and_thawed),
        T(test_paused_is_frozen),
        T(test_too_late),
        T(test_watchdog_comes_back),
        T(test_frozen_is_stopped),
        T(test_firmware_sleeps),
        T(test_first_timer_wakes_the_machine),
        T(test_own_interrupt_wakes_the_machine),
        T(test_pending_interrupt_keeps_it_awake),
        T(test_firmware_refuses),
        T(test_hart_does_not_stop),
        T(test_other_harts_stop),
        T(test_own_timers_come_back),
        T(test_device_of_another_hart_wakes),
        T(test_key_wakes_through_the_firmware),
        T(test_sources_when_called_off),
        T(test_frozen_wakes_nobody),
        T(test_polled_console_alone),
        T(test_polled_console_and_a_timer),
        T(test_source_that_cannot_wake),
        T(test_none_but_frozen),
        T(test_off_while_they_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
