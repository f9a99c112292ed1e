/* SPDX-License-Identifier: BSD-2-Clause */
/* Of tests of shared harts: a vCPU's priority and slice, its start and its stop, who has left. */
#ifndef TESTS_UNIT_SCHED_LIFE_H
#define TESTS_UNIT_SCHED_LIFE_H

#include "core/sched.h"

#include "core/lifecycle.h"
#include "core/power_commit.h"
#include "tests/unit/fake_arch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define SLICE_US 100u
#define SLICE    (10u * SLICE_US) /* ticks are 0.1 us */
#define NORMAL   10u

#define RAM       0x80000000ull
#define RAM_BYTES 0x4000u

static _Atomic uint32_t left, held;

/* ---- what lifecycle.c would do --------------------------------------------------------------- */

void lifecycle_vcpu_left(struct vm *vm)
{
    (void)vm;
    left++;
}

void lifecycle_vcpu_held(struct vcpu *v)
{
    (void)v;
    held++;
}

/* ---- and its callers ------------------------------------------------------------------------- */

static inline void start(struct vcpu *v)
{
    assert_int_equal(vcpu_start(v, gpa(RAM), 0), ERR_OK);
}

static inline void stop(struct vcpu *v)
{
    vm_set_state(v->vm, VM_STOPPING);
    vcpu_request(v, VCPU_REQ_STOP);
}

static inline int tear_down(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

#endif
