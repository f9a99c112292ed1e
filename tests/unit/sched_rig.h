/* SPDX-License-Identifier: BSD-2-Clause */
/* A hart that four vCPUs share, and what lifecycle.c would do to them. */
#ifndef TESTS_UNIT_SCHED_RIG_H
#define TESTS_UNIT_SCHED_RIG_H

#include "tests/unit/sched_life.h"

#define BUDGET_US 500u
#define PERIOD_US 2000u
#define BUDGET    (10u * BUDGET_US)
#define PERIOD    (10u * PERIOD_US)

#define URGENT 20u

static struct vcpu *hog, *other, *urgent, *poor;
static uint32_t loads;

/* Loads: parts that are left, parts that were done, how long each takes. */
static uint32_t parts_left, parts;
static uint64_t part_ticks;

/* ---- what lifecycle.c would do --------------------------------------------------------------- */

bool lifecycle_load(struct vm *vm)
{
    assert_int_equal(vm_state(vm), VM_LOADING);
    atomic_fetch_add(&fake.now, part_ticks);
    parts++;
    if (parts_left > 0) {
        parts_left--;
        return true;
    }
    loads++;
    return false;
}

static void (*commit)(void); /* the machine goes down; NULL: it must not */

void power_commit_hart(void)
{
    assert_non_null(commit);
    commit();
}

/* ---- a hart that four share ------------------------------------------------------------------ */

static inline struct vcpu *add(const char *name, const struct vcpu_sched_config *config)
{
    struct vm *vm = fake_vm_add(name, 0, 0, RAM, RAM_BYTES);
    struct vcpu *v = arch_vcpu_create(vm, 0, machine.harts[0]);

    assert_non_null(v);
    assert_int_equal(sched_add(v, config), ERR_OK);
    vm->vcpus[0] = v;
    vm->vcpu_count = 1;
    return v;
}

static inline int set_up(void **state)
{
    (void)state;
    fake_init(2);
    left = held = 0;
    loads = parts = parts_left = 0;
    part_ticks = 0;
    commit = NULL;
    machine.harts[0]->vcpu = NULL;
    timer_queue_init(&machine.harts[0]->timers);
    hog = add("hog", &(struct vcpu_sched_config){.priority = NORMAL, .slice_us = SLICE_US});
    assert_false(hart_has_queue(machine.harts[0]));
    other = add("other", &(struct vcpu_sched_config){.priority = NORMAL, .slice_us = SLICE_US});
    assert_true(hart_has_queue(machine.harts[0]));
    urgent = add("urgent", &(struct vcpu_sched_config){.priority = URGENT, .slice_us = SLICE_US});
    poor = add("poor", &(struct vcpu_sched_config){.priority = URGENT + 1,
                                                   .slice_us = SLICE_US,
                                                   .hard = true,
                                                   .budget_us = BUDGET_US,
                                                   .period_us = PERIOD_US});
    return 0;
}

static inline bool wants(const struct vcpu *v)
{
    return v->sched.state != SCHED_BLOCKED;
}

/* The hart goes on until a guest would be entered. */
static inline struct vcpu *next(void)
{
    struct vcpu *v = sched_next(machine.harts[0]);
    struct vcpu *all[] = {hog, other, urgent, poor};

    assert_int_equal(atomic_load(&machine.harts[0]->mode), HART_GUEST);
    for (uint32_t i = 0; i < ARRAY_SIZE(all); i++) {
        assert_int_equal(vcpu_loaded(all[i]), all[i] == v);
        assert_int_equal(fake_vcpu(all[i])->resident, all[i] == v);
    }
    sched_exited(machine.harts[0]);
    return v;
}

/* The guest runs that long; then whatever the comparator says. */
static inline void run(uint64_t ticks)
{
    uint64_t now = atomic_fetch_add(&fake.now, ticks) + ticks;

    if (fake_hart(0)->timer <= now) {
        fake_hart(0)->timer = UINT64_MAX;
        atomic_fetch_or(&machine.harts[0]->work, HART_WORK_TIMER);
    }
}

#endif
