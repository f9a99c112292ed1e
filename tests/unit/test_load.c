/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/loader.c core/bundle.c core/fdt.c core/lifecycle.c core/pause.c core/watchdog.c
 *       core/vcpu.c core/sched.c core/hart.c core/runqueue.c core/budget.c core/timer.c
 *       core/power_ctl.c core/power_commit.c core/power.c core/power_steps.c core/power_graph.c
 *       core/audit.c core/vm_names.c core/sse.c core/steal.c core/memmap.c core/guest_copy.c
 *       core/pmu.c tests/unit/life_env.c tests/unit/fake_arch.c tests/unit/fake_core.c libfdt
 *       bearssl */
/*
 * Two VMs on one hart are loaded at once, from one image, by turns: all that takes part is real but
 * the port. How a load's parts fall into turns is test_sched's, and what they write test_loader's.
 */
#include "core/bundle.h"
#include "core/guest_fdt.h"
#include "core/loader.h"
#include "core/sched.h"
#include "tests/unit/life_env.h"

#include <libfdt.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define RAM       0x90000000ull
#define RAM_BYTES (512ull * KIB)
#define KERNEL    (100u * KIB)
#define TURNS     10000u

static _Alignas(8) char fit[256u << 10];
static unsigned char kernel[KERNEL];
static struct mem_config mem = {.gpa = RAM, .size = RAM_BYTES};
static struct vm *first, *second;
static struct vcpu *last;
static uint32_t changes;

/* ---- two VMs, one hart, one image ------------------------------------------------------------ */

enum err guest_fdt_write(const struct vm *vm, const struct guest_initrd *i, void *buf, size_t size)
{
    (void)vm;
    (void)i;
    return fdt_create_empty_tree(buf, (int)size) == 0 ? ERR_OK : ERR_RANGE;
}

/* damage: one bit of its hash is not right. */
static void pack(unsigned char damage)
{
    static const unsigned char right[4] = {0x36, 0xcd, 0xa8, 0x71}; /* of KERNEL bytes of 0x5a */
    unsigned char crc[4];
    const char *why = NULL;

    memcpy(crc, right, sizeof(crc));
    crc[3] ^= damage;
    memset(kernel, 0x5a, sizeof(kernel));
    fdt_create(fit, sizeof(fit));
    fdt_finish_reservemap(fit);
    fdt_begin_node(fit, "");
    fdt_begin_node(fit, "images");
    fdt_begin_node(fit, "kernel");
    fdt_property(fit, "data", kernel, sizeof(kernel));
    fdt_begin_node(fit, "hash-1");
    fdt_property_string(fit, "algo", "crc32");
    fdt_property(fit, "value", crc, sizeof(crc));
    fdt_end_node(fit);
    fdt_end_node(fit);
    fdt_end_node(fit);
    fdt_end_node(fit);
    assert_int_equal(fdt_finish(fit), 0);
    assert_int_equal(bundle_read(&machine.bundle, fit, fdt_totalsize(fit), &why), ERR_OK);
}

static void share(struct vm *vm, struct hart *hart)
{
    struct vm_config *c = &fake_vm(vm)->config;

    memset(fake_vm_region(vm, RAM, RAM_BYTES, REGION_RAM, MAP_RAM), 0xa5, RAM_BYTES);
    c->mem = &mem;
    c->mem_count = 1;
    c->kernel = "kernel";
    vm->vcpus[0]->hart = hart;
    assert_int_equal(
        sched_add(vm->vcpus[0], &(struct vcpu_sched_config){.priority = 5, .slice_us = 5}), ERR_OK);
}

/* Whose part that was. Ten ticks pass at each look at the clock, so slices end now and then. */
static void polled(void)
{
    changes += last != machine.harts[0]->vcpu;
    last = machine.harts[0]->vcpu;
}

static int set_up(void **state)
{
    struct hart *hart;

    (void)state;
    life_init();
    hart = machine.harts[0];
    hart->vcpu = hart->vcpus = NULL;
    timer_queue_init(&hart->timers);
    first = life.vm[0];
    second = life.vm[1];
    share(first, hart);
    share(second, hart);
    assert_true(hart_has_queue(hart));
    fake.now_step = 10;
    fake.on_poll = polled;
    fake.bytes_written = 0;
    last = NULL;
    changes = 0;
    assert_int_equal(loader_init(), ERR_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    life_end();
    return 0;
}

static bool settled(const struct vm *vm)
{
    return vm_state(vm) != VM_LOADING && vm_state(vm) != VM_STOPPING;
}

/* The hart goes on, and its guests with it, until nothing is loaded any more. */
static void go_on(void)
{
    for (uint32_t i = 0; i < TURNS && !(settled(first) && settled(second)); i++) {
        (void)life_step(0, 0);
        atomic_fetch_add(&fake.now, us_to_ticks(20));
        if (fake_hart(0)->timer <= atomic_load(&fake.now)) {
            fake_hart(0)->timer = UINT64_MAX;
            atomic_fetch_or(&machine.harts[0]->work, HART_WORK_TIMER);
        }
    }
}

static void start_both(void)
{
    assert_int_equal(lifecycle_start(first), ERR_OK);
    assert_int_equal(lifecycle_start(second), ERR_OK);
}

static void assert_loaded(struct vm *vm)
{
    const unsigned char *ram = fake_gpa(vm, RAM, RAM_BYTES);

    assert_int_equal(vm_state(vm), VM_RUNNING);
    assert_memory_equal(ram, kernel, KERNEL);
    for (uint32_t i = KERNEL; i < RAM_BYTES / 2; i++) {
        assert_int_equal(ram[i], 0);
    }
}

static void assert_down(struct vm *vm, enum vm_state as, enum stop_reason reason)
{
    assert_int_equal(vm_state(vm), as);
    assert_int_equal(vm->stop_reason, reason);
    assert_int_equal(atomic_load(&vm->live_vcpus), 0);
    assert_int_equal(vm->vcpus[0]->deferred, 0);
    assert_int_equal(vm->vcpus[0]->sched.state, SCHED_BLOCKED);
}

/* ---- what comes of it ------------------------------------------------------------------------ */

static void by_turns(void **state)
{
    (void)state;
    pack(0);
    start_both();
    go_on();
    assert_loaded(first);
    assert_loaded(second);
    assert_in_range(changes, 3, TURNS);
    assert_int_equal(fake.bytes_written, 2 * RAM_BYTES);
}

static void a_damaged_image_is_both_their_end(void **state)
{
    (void)state;
    pack(1);
    start_both();
    go_on();
    assert_down(first, VM_CRASHED, STOP_LOAD);
    assert_down(second, VM_CRASHED, STOP_LOAD);
    assert_in_range(changes, 3, TURNS);
    assert_int_equal(fake.bytes_written, 0);

    assert_int_equal(lifecycle_start(second), ERR_OK);
    go_on();
    assert_down(second, VM_CRASHED, STOP_LOAD);
}

static uint32_t polls, stop_at;
static bool again;

static void stop_first(void)
{
    polled();
    if (polls++ == stop_at) {
        (void)!lifecycle_stop(first, STOP_ASKED, again);
    }
}

/* Wherever it stands, its turn or the other's: the first comes down, the second goes on. */
static void stopped_anywhere(void **state)
{
    (void)state;
    fake.on_poll = stop_first;
    for (uint32_t i = 0; i < 16; i++) {
        tear_down(NULL);
        set_up(NULL);
        pack(0);
        fake.on_poll = stop_first;
        polls = 0;
        stop_at = i / 2;
        again = i % 2 != 0;
        start_both();
        go_on();
        assert_loaded(second);
        if (again) {
            assert_loaded(first);
            assert_int_equal(first->generation, 2);
            continue;
        }
        assert_down(first, VM_OFF, STOP_ASKED);
        stop_at = UINT32_MAX;
        assert_int_equal(lifecycle_start(first), ERR_OK);
        go_on();
        assert_loaded(first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_image_is_both_their_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopped_anywhere, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
