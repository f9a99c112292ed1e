/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/sched.c core/runqueue.c core/budget.c core/usage.c core/vcpu.c core/hart.c
 *       core/timer.c core/sse.c core/steal.c core/pmu.c core/memmap.c core/guest_copy.c
 *       core/trace.c tests/unit/fake_arch.c tests/unit/fake_core.c */
/* TSAN */
/*
 * vCPUs that share a hart: whose turn it is, who is loaded, what reaches one that is not. The order
 * itself is test_runqueue's.
 */
#include "tests/unit/sched_rig.h"

#include "core/console.h"
#include "core/usage.h"
#include "tests/unit/trace_rig.h"

#include <pthread.h>

static void equals_take_turns(void **state)
{
    (void)state;
    start(hog);
    assert_ptr_equal(next(), hog);
    assert_true(fake_hart(0)->timer == UINT64_MAX); /* nobody else: no tick */
    start(other);
    assert_ptr_equal(next(), hog);
    for (uint32_t i = 0; i < 4; i++) {
        run(SLICE);
        assert_ptr_equal(next(), i % 2 == 0 ? other : hog);
    }
    assert_int_equal(fake_vcpu(hog)->loads, 3);
    assert_int_equal(fake_vcpu(hog)->puts, 2);
}

/*
 * The timer's interrupt may come early, of a deadline that was moved: STIP follows stimecmp
 * "eventually" [Sstc]. The port puts the comparator at never with each; no deadline is lost by it.
 */
static void an_early_interrupt_loses_no_turn(void **state)
{
    uint64_t at;

    (void)state;
    start(hog);
    start(other);
    assert_ptr_equal(next(), other);
    at = fake_hart(0)->timer;
    assert_true(at == atomic_load(&fake.now) + SLICE);
    fake_hart(0)->timer = UINT64_MAX;
    atomic_fetch_or(&machine.harts[0]->work, HART_WORK_TIMER);
    assert_ptr_equal(next(), other);
    assert_true(fake_hart(0)->timer == at);
    run(SLICE);
    assert_ptr_equal(next(), hog);
}

static uint32_t console_works, more_works, polls;

void console_work(void)
{
    console_works++;
    if (more_works > 0) {
        more_works--;
        hart_post(machine.harts[0], HART_WORK_CONSOLE);
    }
}

static struct vcpu *starts_late;

static void on_poll(void)
{
    if (++polls == 10) {
        start(starts_late);
    }
}

static void work_on(struct vcpu *late)
{
    starts_late = late;
    polls = 0;
    more_works = 100;
    hart_post(machine.harts[0], HART_WORK_CONSOLE);
    fake.on_poll = on_poll;
    assert_ptr_equal(next(), late);
    assert_int_equal(polls, 100);
    fake.on_poll = NULL;
}

/* Others can keep the hart from its guest, but not from interrupts, nor from whom these are for. */
static void work_without_end(void **state)
{
    (void)state;
    work_on(hog); /* the hart had nothing to do */
    work_on(urgent);
}

static void post_console(struct timer *unused)
{
    (void)unused;
    hart_post(machine.harts[0], HART_WORK_CONSOLE);
}

/* What a timer posts beside a vCPU is work of the next round, and of that alone. */
static void a_timers_work_is_done_once(void **state)
{
    static struct timer t;

    (void)state;
    console_works = 0;
    start(hog);
    timer_arm(&t, machine.harts[0], atomic_load(&fake.now) + SLICE / 2, post_console);
    assert_ptr_equal(next(), hog);
    run(SLICE / 2);
    assert_ptr_equal(next(), hog);
    assert_int_equal(console_works, 1);
    assert_ptr_equal(next(), hog);
    assert_int_equal(console_works, 1);
}

/* The next record on the hart: of v, or nobody (NULL), after last. */
static void traced(enum trace_event event, enum trace_left detail, const struct vcpu *v,
                   const struct vcpu *last)
{
    struct trace_record r = rig_next(0);

    assert_int_equal(r.event, event);
    assert_int_equal(r.detail, detail);
    assert_int_equal(r.vm, v != NULL ? v->vm->index : TRACE_NONE);
    assert_int_equal(r.vcpu, v != NULL ? v->index : TRACE_NONE);
    assert_int_equal(r.more, last != NULL ? last->vm->index << 8 | last->index : 0);
}

/* Each change of whose turn it is, and why; each wait. */
static void turns_are_traced(void **state)
{
    (void)state;
    rig_trace(TRACE_SWITCH);
    start(hog);
    start(other);
    assert_ptr_equal(next(), other);
    traced(TRACE_EV_SWITCH, TRACE_LEFT_SLICE, other, hog);
    run(SLICE);
    assert_ptr_equal(next(), hog);
    traced(TRACE_EV_SWITCH, TRACE_LEFT_SLICE, hog, other);
    start(urgent);
    assert_ptr_equal(next(), urgent);
    traced(TRACE_EV_SWITCH, TRACE_LEFT_PREEMPTED, urgent, hog);
    vcpu_stop_self(urgent);
    vcpu_stop_self(hog);
    vcpu_stop_self(other);
    start(poor);
    assert_ptr_equal(next(), poor);
    traced(TRACE_EV_SWITCH, TRACE_LEFT_BLOCKED, poor, urgent);
    run(BUDGET);
    assert_ptr_equal(next(), poor);
    traced(TRACE_EV_WAIT, TRACE_LEFT_THROTTLED, poor, NULL);
    traced(TRACE_EV_AWAKE, TRACE_LEFT_BLOCKED, poor, NULL);
    traced(TRACE_EV_NONE, TRACE_LEFT_BLOCKED, hog, NULL); /* nothing: VM 0, vCPU 0 are its zeros */

    /* Classes that are off cost no record. */
    machine.harts[0]->trace_mask = TRACE_ALL & ~TRACE_SWITCH;
    start(hog);
    vcpu_stop_self(poor);
    assert_ptr_equal(next(), hog);
    assert_int_equal(rig_next(0).event, TRACE_EV_NONE);
    machine.harts[0]->trace_mask = 0;

    /* What is to be traced comes by the hart's work. */
    (void)trace_set(TRACE_SWITCH);
    assert_ptr_equal(next(), hog);
    assert_int_equal(rig_next(0).arg, TRACE_SWITCH);
    assert_int_equal(rig_next(0).more, TRACE_NONE << 8 | TRACE_NONE); /* it is hog's, from where */
}

static void a_wait_gives_the_hart_away(void **state)
{
    (void)state;
    start(urgent);
    start(hog);
    assert_ptr_equal(next(), urgent);

    /* With an interrupt pending it is none. */
    vcpu_wait(urgent);
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
    assert_ptr_equal(next(), urgent);
    assert_false(urgent->waits);
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, false);

    vcpu_wait(urgent);
    assert_ptr_equal(next(), hog);
    assert_true(fake_vcpu(urgent)->watched);

    /* What it waits for comes at once, whatever the slice. */
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
    assert_ptr_equal(next(), urgent);
    assert_false(fake_vcpu(urgent)->watched);

    /* One that was preempted waits for nothing. */
    assert_false(fake_vcpu(hog)->watched);
}

/* An interrupt that the guest has not enabled gives it a look, and the hart back to the others. */
static void an_idle_look_changes_nothing(void **state)
{
    (void)state;
    start(urgent);
    start(hog);
    assert_ptr_equal(next(), urgent);
    fake_vcpu(urgent)->irq_enabled = 0;
    vcpu_wait(urgent);
    assert_ptr_equal(next(), hog);
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
    assert_ptr_equal(next(), hog);
    assert_true(urgent->waits);
    assert_true(fake_vcpu(urgent)->watched);
}

static void raise(struct hart *hart)
{
    (void)hart;
    fake_vcpu(urgent)->irq_enabled = UINT32_MAX;
    fake_vcpu(urgent)->soft_pending = true; /* as an MSI: nobody tells Curia */
    fake_hart(0)->kicked = true;            /* ... but the wait ends */
    fake.on_wait = NULL;
}

/* Alone with its wait it stays on the hart, and what is pending there ends it. */
static void nobody_else(void **state)
{
    (void)state;
    start(urgent);
    assert_ptr_equal(next(), urgent);
    fake_vcpu(urgent)->irq_enabled = 0;
    vcpu_wait(urgent);
    fake.on_wait = raise;
    assert_ptr_equal(next(), urgent);
    assert_int_equal(fake_vcpu(urgent)->loads, 1);
    assert_int_equal(fake_hart(0)->waits, 1);
}

static void seen_off(struct hart *hart)
{
    (void)hart;
    assert_false(vcpu_loaded(poor));
    fake.on_wait = NULL; /* the comparator ends the wait: at the replenishment */
}

/* Out of budget it is taken off the hart, whose wait its interrupts would end. */
static void a_budget_is_a_limit(void **state)
{
    uint64_t from;

    (void)state;
    start(poor);
    assert_ptr_equal(next(), poor);
    from = atomic_load(&fake.now);
    run(BUDGET);
    fake.on_wait = seen_off;
    assert_ptr_equal(next(), poor);
    assert_true(atomic_load(&fake.now) == from + PERIOD);
    assert_int_equal(fake_hart(0)->waits, 1);
    assert_false(fake_vcpu(poor)->watched);

    /* With others about, they have the hart meanwhile. */
    start(hog);
    run(BUDGET);
    assert_ptr_equal(next(), hog);
    vcpu_irq_set(poor, VCPU_IRQ_EXT, true);
    assert_ptr_equal(next(), hog);
    run(PERIOD - BUDGET);
    assert_ptr_equal(next(), poor);
}

/* A stop, a pause and fences do not wait for the turn of one that never has it. */
static void not_by_turn(void **state)
{
    const struct fence fence = {FENCE_I, 0, 0, 0};

    (void)state;
    start(hog);
    assert_ptr_equal(next(), hog);
    start(urgent);
    assert_ptr_equal(next(), urgent);

    vm_set_state(hog->vm, VM_PAUSED);
    vcpu_request(hog, VCPU_REQ_STATE);
    assert_ptr_equal(next(), urgent);
    assert_int_equal(held, 1);
    run(SLICE);
    vm_set_state(hog->vm, VM_RUNNING);
    vcpu_request(hog, VCPU_REQ_STATE);
    assert_ptr_equal(next(), urgent);

    fake_become(machine.harts[1]);
    vcpu_fence(hog->vm, 1, &fence);
    fake_become(machine.harts[0]);
    assert_int_not_equal(atomic_load(&hog->fence_done), atomic_load(&hog->fence_posted));
    assert_ptr_equal(next(), urgent);
    assert_int_equal(atomic_load(&hog->fence_done), atomic_load(&hog->fence_posted));
    assert_int_equal(fake_vcpu(hog)->fence_total, 0); /* its load will do */

    stop(hog);
    assert_ptr_equal(next(), urgent);
    assert_int_equal(left, 1);
    assert_int_equal(atomic_load(&hog->state), VCPU_STOPPED);

    /* The next life comes by turn. */
    vm_set_state(hog->vm, VM_LOADING);
    vcpu_request(hog, VCPU_REQ_LOAD);
    assert_ptr_equal(next(), urgent);
    assert_int_equal(loads, 0);
    vcpu_wait(urgent);
    start(other);
    assert_ptr_equal(next(), other);
    assert_int_equal(loads, 1);
}

static void paused_while_it_runs(void **state)
{
    (void)state;
    start(urgent);
    start(hog);
    assert_ptr_equal(next(), urgent);
    vm_set_state(urgent->vm, VM_PAUSED);
    vcpu_request(urgent, VCPU_REQ_STATE);
    assert_ptr_equal(next(), hog);
    assert_false(fake_vcpu(urgent)->watched);
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
    assert_ptr_equal(next(), hog);
    vm_set_state(urgent->vm, VM_RUNNING);
    vcpu_request(urgent, VCPU_REQ_STATE);
    assert_ptr_equal(next(), urgent);
    assert_int_equal(fake_vcpu(urgent)->irq_synced, 1u << VCPU_IRQ_EXT);
}

static void a_suspend_gives_the_hart_away(void **state)
{
    (void)state;
    start(urgent);
    start(hog);
    assert_ptr_equal(next(), urgent);
    vcpu_suspend_self(urgent, true, gpa(RAM + 8), 1);
    assert_ptr_equal(next(), hog);
    assert_true(fake_vcpu(urgent)->watched);
    vcpu_request(urgent, VCPU_REQ_WAKE);
    assert_ptr_equal(next(), urgent);
    assert_int_equal(fake_vcpu(urgent)->resumes, 1);

    vcpu_stop_self(urgent);
    assert_ptr_equal(next(), hog);
    assert_false(fake_vcpu(urgent)->watched);
    assert_int_equal(left, 1);

    /* One that is stopped takes the hart from nobody, whatever siblings send it. */
    vcpu_request(urgent, VCPU_REQ_SSE | VCPU_REQ_IRQ);
    assert_ptr_equal(next(), hog);
    assert_int_equal(fake_vcpu(hog)->loads, 2);
    start(urgent);
    assert_ptr_equal(next(), urgent);
}

static void ring(struct hart *hart)
{
    (void)hart;
    fake.on_wait = NULL;
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
}

/* The hart's wait ends for another one: of the one that stays in its own nothing is stolen. */
static void expect_rest(void)
{
    assert_false(hog->steal.withheld);
    fake.on_wait = ring;
    assert_ptr_equal(next(), urgent);
    assert_false(hog->steal.withheld);
    assert_true(fake_vcpu(hog)->watched);
    run(SLICE);
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, false);
    vcpu_wait(urgent);
}

static void a_rest_is_not_stolen(void **state)
{
    (void)state;
    start(hog);
    assert_ptr_equal(next(), hog);
    assert_int_equal(steal_tell(hog, gpa(RAM)), ERR_OK);
    start(urgent);
    assert_ptr_equal(next(), urgent);
    vcpu_wait(urgent);
    assert_ptr_equal(next(), hog);
    hog->steal.ticks = 0;

    vcpu_wait(hog);
    expect_rest();
    expect_rest();
    vcpu_irq_set(hog, VCPU_IRQ_EXT, true);
    assert_ptr_equal(next(), hog);
    vcpu_irq_set(hog, VCPU_IRQ_EXT, false);
    vcpu_suspend_self(hog, false, gpa(0), 0);
    expect_rest();

    /* What it waits for ends it, and from then on it is. */
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
    assert_ptr_equal(next(), urgent);
    vcpu_request(hog, VCPU_REQ_WAKE);
    vcpu_wait(urgent);
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, false);
    assert_ptr_equal(next(), hog);
    assert_true(hog->steal.ticks == 0);
}

/* From when it could go on until its turn. */
static void others_turns_are_stolen(void **state)
{
    (void)state;
    start(hog);
    start(other);
    assert_ptr_equal(next(), other);
    assert_int_equal(steal_tell(other, gpa(RAM)), ERR_OK);
    run(SLICE);
    assert_ptr_equal(next(), hog);
    assert_true(other->steal.withheld);
    run(SLICE);
    assert_ptr_equal(next(), other);
    assert_true(other->steal.ticks == SLICE);

    /* A wait is none, but what comes after its end is. */
    start(urgent);
    vcpu_wait(other);
    assert_ptr_equal(next(), urgent);
    run(10 * SLICE);
    assert_ptr_equal(next(), urgent);
    vcpu_irq_set(other, VCPU_IRQ_EXT, true);
    assert_ptr_equal(next(), urgent);
    run(SLICE);
    vcpu_wait(urgent);
    vcpu_wait(hog);
    assert_ptr_equal(next(), other);
    assert_in_range(other->steal.ticks, SLICE, 12 * SLICE);
}

/* ---- what is told of it ---------------------------------------------------------------------- */

static void used(struct vcpu *v, uint64_t run, uint64_t ready, uint64_t throttled,
                 uint64_t switches)
{
    struct usage u;

    usage_of(v, &u);
    assert_int_equal(u.run, run);
    assert_int_equal(u.ready, ready);
    assert_int_equal(u.throttled, throttled);
    assert_int_equal(u.switches, switches);
}

static void idle_is(uint64_t ticks)
{
    struct hart_usage u;

    usage_of_hart(machine.harts[0], &u);
    assert_int_equal(u.idle, ticks);
    assert_true(u.time == atomic_load(&fake.now) - machine.boot_ticks);
}

static void later(struct hart *hart)
{
    (void)hart;
    (void)atomic_fetch_add(&fake.now, 3 * SLICE);
    idle_is(3 * SLICE); /* while it waits */
    used(urgent, SLICE, 0, 0, 1);
    fake.on_wait = NULL;
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
}

/* All of a shared hart's time is somebody's, or idle. */
static void all_time_is_told(void **state)
{
    (void)state;
    machine.boot_ticks = atomic_load(&fake.now);
    idle_is(0);
    used(urgent, 0, 0, 0, 0);
    start(urgent);
    assert_ptr_equal(next(), urgent);
    run(SLICE / 2);
    used(urgent, SLICE / 2, 0, 0, 1); /* while it runs */
    run(SLICE / 2);
    vcpu_wait(urgent);
    fake.on_wait = later;
    assert_ptr_equal(next(), urgent);
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, false);
    idle_is(3 * SLICE);

    start(hog);
    assert_ptr_equal(next(), urgent);
    run(2 * SLICE);
    used(hog, 0, 2 * SLICE, 0, 0); /* while it is ready */
    vcpu_wait(urgent);
    assert_ptr_equal(next(), hog);
    start(poor);
    assert_ptr_equal(next(), poor);
    run(BUDGET);
    assert_ptr_equal(next(), hog);
    run(SLICE);
    used(urgent, 3 * SLICE, 0, 0, 1);
    used(hog, SLICE, 2 * SLICE + BUDGET, 0, 2);
    used(poor, BUDGET, 0, SLICE, 1);
    used(other, 0, 0, 0, 0);
    idle_is(3 * SLICE);
    assert_true(atomic_load(&fake.now) - machine.boot_ticks == 7 * SLICE + BUDGET);
}

static void sleeps(void)
{
    (void)atomic_fetch_add(&fake.now, PERIOD);
    start(urgent);
}

/* Who has the hart to itself has all of it but its waits, and what the machine slept. */
static void alone_it_has_the_rest(void **state)
{
    struct hart *hart = machine.harts[0];

    (void)state;
    hart->vcpu = NULL;
    hart->vcpus = NULL;
    hart->seats = 0;
    hart->rq = NULL;
    machine.boot_ticks = atomic_load(&fake.now);
    assert_int_equal(sched_add(urgent, &(struct vcpu_sched_config){.priority = URGENT}), ERR_OK);
    assert_false(hart_has_queue(hart));
    run(SLICE); /* the boot */
    used(urgent, SLICE, 0, 0, 0);
    commit = sleeps;
    hart_post(hart, HART_WORK_COMMIT);
    assert_ptr_equal(sched_next(hart), urgent);
    idle_is(PERIOD);
    run(SLICE);
    used(urgent, 2 * SLICE, 0, 0, 0);
}

/* What the hart did, as the test knows it. */
static uint64_t in_guest, in_hyp, in_wait;

static void hart_is(void)
{
    struct hart_usage u;

    usage_of_hart(machine.harts[0], &u);
    assert_int_equal(u.idle, in_wait);
    assert_int_equal(u.hyp, in_hyp);
    assert_int_equal(u.time, in_guest + in_hyp + in_wait);
}

static void spend(uint64_t *where, uint64_t ticks)
{
    run(ticks / 2);
    *where += ticks / 2;
    hart_is(); /* while it goes on */
    run(ticks - ticks / 2);
    *where += ticks - ticks / 2;
    hart_is();
}

static void in_the_wait(struct hart *hart)
{
    (void)hart;
    spend(&in_wait, 77);
    fake.on_wait = NULL;
    vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
}

static void at_the_commit(void)
{
    spend(&in_wait, 1001);
}

/* Each tick of a hart is a guest's, or Curia's, or idle, whatever it does. */
static void hart_time_adds_up(void **state)
{
    struct hart *hart = machine.harts[0];

    (void)state;
    in_guest = in_hyp = in_wait = 0;
    machine.boot_ticks = atomic_load(&fake.now);
    spend(&in_hyp, 5000); /* the boot */
    start(urgent);
    for (uint32_t i = 0; i < 20; i++) {
        assert_ptr_equal(sched_next(hart), i % 4 == 3 ? hog : urgent);
        spend(&in_guest, 100 + i);
        sched_exited(hart);
        spend(&in_hyp, 10 + i);
        if (i % 4 == 0) { /* nobody wants to run */
            vcpu_irq_set(urgent, VCPU_IRQ_EXT, false);
            vcpu_wait(urgent);
            fake.on_wait = in_the_wait;
        } else if (i % 4 == 2) { /* another one does */
            vcpu_irq_set(urgent, VCPU_IRQ_EXT, false);
            vcpu_wait(urgent);
            start(hog);
        } else if (i % 4 == 3) {
            vcpu_stop_self(hog);
            vcpu_irq_set(urgent, VCPU_IRQ_EXT, true);
        }
        if (i == 17) { /* the machine sleeps */
            commit = at_the_commit;
            hart_post(hart, HART_WORK_COMMIT);
        }
    }
    assert_true(in_wait == 5 * 77 + 1001);
}

/* ---- posted from everywhere ------------------------------------------------------------------ */

#define POSTERS 3u
#define POSTS   20000u

static _Atomic uint32_t asked[2], done[2], posters_left, went_back;

/* What another hart reads of hart 0 and its hog never goes back. */
static void look(struct usage *last, struct hart_usage *last_hart)
{
    struct hart_usage h;
    struct usage u;

    usage_of_hart(machine.harts[0], &h);
    usage_of(hog, &u);
    if (u.run < last->run || u.ready < last->ready || u.switches < last->switches ||
        h.idle < last_hart->idle || h.hyp < last_hart->hyp || h.idle > h.time) {
        atomic_store(&went_back, 1);
    }
    *last = u;
    *last_hart = h;
}

static void *poster(void *hart)
{
    struct vcpu *to[2] = {hog, urgent};
    struct usage last = {0};
    struct hart_usage last_hart = {0};

    fake_become(hart);
    for (uint32_t i = 0; i < POSTS; i++) {
        uint32_t which = (i + ((struct hart *)hart)->index) % 2;
        uint32_t ticket = atomic_fetch_add(&asked[which], 1) + 1;

        look(&last, &last_hart);
        vcpu_irq_set(to[which], VCPU_IRQ_EXT, true);
        /* Nobody else may ask before it was seen: the line is one. */
        while (i % 64 == 0 && (int32_t)(atomic_load(&done[which]) - ticket) < 0 &&
               atomic_load(&posters_left) == POSTERS) {
        }
    }
    atomic_fetch_sub(&posters_left, 1);
    hart_post(machine.harts[0], HART_WORK_TIMER);
    return NULL;
}

static void patient(struct hart *hart)
{
    struct fake_hart *h = container_of(hart, struct fake_hart, core);

    while (!atomic_load(&h->kicked)) {
    }
}

/*
 * Whoever runs answers all that was asked before it looked, and waits again. Were a request lost,
 * the hart would wait for ever, and so would this test.
 */
static void no_request_is_lost(void **state)
{
    pthread_t thread[POSTERS];

    (void)state;
    tear_down(NULL);
    fake_init(1 + POSTERS);
    timer_queue_init(&machine.harts[0]->timers);
    hog = add("hog", &(struct vcpu_sched_config){.priority = NORMAL, .slice_us = SLICE_US});
    urgent = add("urgent", &(struct vcpu_sched_config){.priority = URGENT, .slice_us = SLICE_US});
    atomic_store(&posters_left, POSTERS);
    atomic_store(&asked[0], 0);
    atomic_store(&asked[1], 0);
    atomic_store(&done[0], 0);
    atomic_store(&done[1], 0);
    fake.on_wait = patient;
    fake.now_step = 1;
    start(hog);
    start(urgent);
    for (uint32_t i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, poster, machine.harts[1 + i]), 0);
    }
    while (atomic_load(&done[0]) + atomic_load(&done[1]) < POSTERS * POSTS) {
        struct vcpu *v = sched_next(machine.harts[0]);
        uint32_t which = v == urgent;
        uint32_t seen;

        sched_exited(machine.harts[0]);
        vcpu_irq_set(v, VCPU_IRQ_EXT, false);
        seen = atomic_load(&asked[which]);
        atomic_store(&done[which], seen);
        vcpu_wait(v);
    }
    for (uint32_t i = 0; i < POSTERS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&went_back), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equals_take_turns, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_early_interrupt_loses_no_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timers_work_is_done_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(work_without_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(turns_are_traced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wait_gives_the_hart_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_idle_look_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_budget_is_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_by_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(paused_while_it_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_suspend_gives_the_hart_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rest_is_not_stolen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_turns_are_stolen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_time_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(alone_it_has_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hart_time_adds_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_request_is_lost, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
