/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/lifecycle.c core/pause.c core/watchdog.c core/vcpu.c core/sched.c core/hart.c
 *       core/runqueue.c core/budget.c
 *       core/timer.c core/power_ctl.c core/power_commit.c core/power.c core/power_steps.c
 *       core/power_graph.c core/audit.c core/vm_names.c core/sse.c core/steal.c core/pmu.c
 *       core/memmap.c core/guest_copy.c tests/unit/life_env.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c libfdt */
/* When the coordinator presses a VM's power key, and when it does not. */
#include "core/vdev.h"
#include "tests/unit/life_env.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fake_key {
    struct vdev vdev;
    uint32_t presses;
    bool heard; /* since its last reset */
};

static struct fake_key key[LIFE_VMS];

static void key_press(struct vdev *dev)
{
    struct fake_key *k = container_of(dev, struct fake_key, vdev);

    k->presses++;
    k->heard = true;
}

static void key_reset(struct vdev *dev)
{
    container_of(dev, struct fake_key, vdev)->heard = false;
}

static const struct vdev_ops key_ops = {.reset = key_reset, .press_power = key_press};
static const struct vdev_ops other_ops = {.reset = key_reset};

/* VMs 1 and 2 have a key, in front of and behind another device. */
static int setup(void **state)
{
    static struct fake_key other[LIFE_VMS];

    (void)state;
    life_init();
    for (uint32_t i = 0; i < LIFE_VMS; i++) {
        key[i] = (struct fake_key){.vdev = {.ops = &key_ops}};
        other[i] = (struct fake_key){.vdev = {.ops = &other_ops}};
        life.vm[i]->vdevs = &other[i].vdev;
        life_up(i);
    }
    key[1].vdev.next = &other[1].vdev;
    life.vm[1]->vdevs = &key[1].vdev;
    other[2].vdev.next = &key[2].vdev;
    return 0;
}

static void begin_off(void)
{
    uint32_t txn;

    assert_int_equal(power_ctl_request(NULL, POWER_OFF, 0, false, &txn), ERR_OK);
}

static void goes_off(uint32_t vm)
{
    lifecycle_srst(life.vm[vm]->vcpus[0], false, false, false);
    (void)life_step(vm, 0);
    life_settle();
    assert_int_equal(vm_state(life.vm[vm]), VM_OFF);
}

/* Nobody listens: each has its key pressed at its turn, and no sooner. */
static void test_in_turn(void **state)
{
    (void)state;
    begin_off();
    assert_int_equal(key[2].presses, 1);
    assert_int_equal(key[1].presses, 0);
    goes_off(2);
    assert_int_equal(life.vm[2]->stop_reason, STOP_SHUTDOWN);
    assert_int_equal(key[2].presses, 1);
    assert_int_equal(key[1].presses, 1);
    life_pass_us(25000);
    assert_int_equal(life.vm[1]->stop_reason, STOP_FORCED); /* it did not obey */
    assert_int_equal(key[1].presses, 1);
    assert_int_equal(power_ctl_status(life.vm[0]).vm, POWER_VM_KEYED); /* though it has none */
}

/* A VM that listens is told first, and gets the key at half of its time. */
static void test_after_the_event(void **state)
{
    uint32_t granted;
    uint32_t txn;

    (void)state;
    assert_int_equal(power_ctl_listen(life.vm[2], true), ERR_OK);
    begin_off();
    txn = power_ctl_status(life.vm[2]).txn;
    assert_int_equal(power_ctl_answer(life.vm[2], txn, POWER_EV_READY, 0, &granted), ERR_OK);
    assert_int_equal(power_ctl_status(life.vm[2]).vm, POWER_VM_STOPPING);
    assert_int_equal(key[2].presses, 0);
    life_pass_us(life.config[2]->power.stop_us / 2 + 1000);
    assert_int_equal(key[2].presses, 1);
    assert_int_equal(vm_state(life.vm[2]), VM_RUNNING);
}

/* A stop or restart of this VM alone, where nobody listens. */
static void test_graceful(void **state)
{
    struct vm *vm = life.vm[2];

    (void)state;
    assert_int_equal(lifecycle_stop_graceful(life.vm[0], false), ERR_NOT_SUPPORTED);
    assert_int_equal(lifecycle_stop_graceful(vm, true), ERR_OK);
    assert_int_equal(key[2].presses, 1);
    assert_int_equal(life.pulses[2], 0);
    lifecycle_srst(vm->vcpus[0], false, false, false);
    life_settle();
    assert_int_equal(vm->stop_reason, STOP_ASKED);
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(vm->generation, 2);
    assert_false(key[2].heard);

    assert_int_equal(power_ctl_listen(vm, true), ERR_OK);
    assert_int_equal(lifecycle_stop_graceful(vm, false), ERR_OK);
    assert_int_equal(key[2].presses, 1);
    assert_int_equal(life.pulses[2], 1);
}

static void press_now(struct vm *vm)
{
    assert_int_equal(power_ctl_ask_stop(vm, false), ERR_NOT_SUPPORTED);
}

/* A key that is pressed between two lives is none of the next. */
static void test_not_while_down(void **state)
{
    struct vm *vm = life.vm[2];

    (void)state;
    assert_int_equal(lifecycle_stop(vm, STOP_ASKED, false), ERR_OK);
    life_settle();
    press_now(vm);
    life.on_load = press_now;
    assert_int_equal(lifecycle_start(vm), ERR_OK);
    life_settle();
    life.on_load = NULL;
    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_int_equal(key[2].presses, 0);
    assert_int_equal(power_ctl_ask_stop(vm, false), ERR_OK);
    assert_int_equal(key[2].presses, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, life_teardown)
    const struct CMUnitTest tests[] = {
        T(test_in_turn),
        T(test_after_the_event),
        T(test_graceful),
        T(test_not_while_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
