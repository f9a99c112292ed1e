/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/lifecycle.c core/pause.c core/watchdog.c core/vcpu.c core/sched.c core/hart.c
 *       core/runqueue.c core/budget.c
 *       core/timer.c core/power_ctl.c core/power_commit.c core/power.c core/power_steps.c
 *       core/power_graph.c core/audit.c core/vm_names.c core/sse.c core/steal.c core/pmu.c
 *       core/memmap.c core/guest_copy.c tests/unit/life_env.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c libfdt */
/* TSAN */
/*
 * Harts as threads, VMs that obey, refuse, and sleep by themselves, interrupts for them at any
 * moment: the machine goes to sleep and comes back over and over, with firmware that lets it sleep
 * and without. No hart stays stopped, no wake-up is lost (nobody would come to its end), and no
 * guest runs while the machine sleeps.
 */
#include "tests/unit/life_env.h"

#include "core/sched.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define HARTS      (LIFE_VMS * LIFE_VCPUS)
#define ROUNDS     500u
#define TOO_LONG_S 240u
#define CONSOLE_VM 0u /* the hart of this VM's stopped vCPU does what comes from outside */

static _Atomic bool finished;
static _Atomic uint32_t sleeps; /* of the machine */
static uint32_t rounds;         /* of the console's hart alone */

static uint32_t random_below(uint32_t limit)
{
    static _Thread_local uint32_t seed;

    if (seed == 0) {
        seed = arch_hart_self()->index + 1;
    }
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % limit;
}

static void elsewhere(void)
{
    if (random_below(3) == 0) {
        (void)sched_yield();
    }
}

/* ---- what comes from outside ----------------------------------------------------------------- */

static bool is_console(const struct hart *hart)
{
    return hart == life.vm[CONSOLE_VM]->vcpus[1]->hart;
}

static void raise_irq(uint32_t vm)
{
    vcpu_irq_set(life.vm[vm]->vcpus[0], VCPU_IRQ_EXT, true);
}

static bool all_run(void)
{
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        if (vm_state(life.vm[i]) != VM_RUNNING) {
            return false;
        }
    }
    return power_ctl_status(life.vm[0]).phase == POWER_RUN;
}

static void finish(void)
{
    atomic_store(&finished, true);
    for (uint32_t i = 0; i < HARTS; i++) {
        hart_post(machine.harts[i], HART_WORK_TIMER);
    }
}

static void from_outside(void)
{
    enum power_phase phase = power_ctl_status(life.vm[0]).phase;
    uint32_t txn;

    if (phase == POWER_RUN && rounds == ROUNDS) {
        for (uint32_t i = 0; i < LIFE_VMS; i++) {
            raise_irq(i);
        }
        if (all_run()) {
            finish();
        }
    } else if (phase == POWER_RUN && random_below(4) == 0) {
        rounds++;
        assert_int_equal(power_ctl_request(NULL, POWER_SUSPEND, 0, false, &txn), ERR_OK);
    } else if (phase == POWER_SLEEP && random_below(2) == 0) {
        power_ctl_wake(POWER_BY_CONSOLE);
    } else if (random_below(phase == POWER_SLEEP ? 2 : 30) == 0) {
        raise_irq(random_below(LIFE_VMS));
    }
}

static void on_wait(struct hart *hart)
{
    struct fake_hart *h = fake_hart(hart->index);
    const struct vcpu *v = hart->vcpu;

    if (is_console(hart)) {
        from_outside();
        atomic_store(&h->kicked, true);
        elsewhere();
    }
    while (!atomic_load(&h->kicked)) {
        if (atomic_load(&finished)) {
            fake_throw(FAKE_PANIC);
        }
        if (fake_vcpu(hart->vcpu)->resident && arch_vcpu_irq_pending(v)) {
            atomic_store(&h->kicked, true); /* it ends the wait */
        }
        (void)sched_yield();
    }
    if (atomic_load(&finished)) {
        fake_throw(FAKE_PANIC);
    }
}

static void while_stopped(void)
{
    const struct fake_hart *h = fake_hart(arch_hart_self()->index);

    while (atomic_load(&h->parked)) {
        (void)sched_yield();
    }
}

static void while_asleep(void)
{
    atomic_fetch_add(&sleeps, 1);
    for (uint32_t i = 0; i < HARTS; i++) {
        assert_true(machine.harts[i] == arch_hart_self() || atomic_load(&fake_hart(i)->parked));
    }
    fake.sleep_result = random_below(4) == 0 ? ERR_FAILED : ERR_OK;
}

/* ---- the guests ------------------------------------------------------------------------------ */

static void sleep_now(struct vcpu *v)
{
    assert_int_equal(lifecycle_suspend(v, gpa(0x80001000), 0), ERR_OK);
}

static void obey(struct vcpu *v, const struct power_notice_seen *n)
{
    uint32_t granted;

    if (n->type == POWER_NOTICE_PREPARE) {
        (void)!power_ctl_answer(v->vm, n->txn, POWER_EV_READY, 0, &granted);
    } else if (n->type == POWER_NOTICE_RESUME) {
        (void)!power_ctl_answer(v->vm, n->txn, POWER_EV_ACK, 0, &granted);
    } else if (n->type == POWER_NOTICE_STOP && random_below(8) == 0) {
        (void)!power_ctl_answer(v->vm, n->txn, POWER_EV_VETO, 0, &granted);
    } else if (n->type == POWER_NOTICE_STOP) {
        sleep_now(v);
    }
}

static void guest(struct vcpu *v)
{
    struct power_notice_seen n;

    assert_true(power_ctl_status(v->vm).phase != POWER_SLEEP);
    elsewhere();
    vcpu_irq_set(v, VCPU_IRQ_EXT, false);
    n = power_ctl_next_event(v->vm);
    if (n.type != 0) {
        obey(v, &n);
    } else if (random_below(100) == 0 && !atomic_load(&finished)) {
        sleep_now(v);
    }
}

static void *run(void *arg)
{
    struct hart *hart = arg;

    fake_become(hart);
    if (setjmp(*fake_catch()) == FAKE_RUNS) {
        while (!atomic_load(&finished)) {
            struct vcpu *v = sched_next(hart);

            sched_exited(hart);
            guest(v);
        }
    }
    return NULL;
}

static void run_all(bool firmware)
{
    pthread_t threads[HARTS];

    life_init();
    for (uint32_t i = 0; i < ARRAY_SIZE(life.irqs); i++) {
        life.irqs[i].enabled = true;
    }
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        life_up(i);
        assert_int_equal(power_ctl_listen(life.vm[i], true), ERR_OK);
    }
    fake.on_wait = on_wait;
    fake.on_hart_sleep = while_stopped;
    fake.on_machine_sleep = while_asleep;
    fake.can_sleep = firmware;
    atomic_store(&finished, false);
    atomic_store(&sleeps, 0);
    rounds = 0;
    (void)alarm(TOO_LONG_S);
    for (uint32_t i = 0; i < HARTS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, machine.harts[i]), 0);
    }
    for (uint32_t i = 0; i < HARTS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    (void)alarm(0);
    for (uint32_t i = 0; i < ARRAY_SIZE(life.irqs); i++) {
        assert_true(life.irqs[i].enabled && life.irqs[i].to == NULL);
    }
    assert_true(firmware == (atomic_load(&sleeps) > ROUNDS / 20));
    life_end();
}

static void test_idle(void **state)
{
    (void)state;
    run_all(false);
}

static void test_firmware(void **state)
{
    (void)state;
    run_all(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_firmware),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
