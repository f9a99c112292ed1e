/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/sched.c core/runqueue.c core/budget.c core/usage.c core/vcpu.c core/hart.c
 *       core/timer.c core/sse.c core/steal.c core/pmu.c core/memmap.c core/guest_copy.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c */
/* TSAN */
/*
 * vCPUs that may run on several harts: when they move, what reaches them on the way, and that
 * nothing is lost of it, however many ask.
 */
#include "tests/unit/sched_life.h"

#include "core/usage.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define HARTS 3u

static const struct vcpu_sched_config config = {.priority = NORMAL, .slice_us = SLICE_US};

/* rover may run on all harts, and has hart 0 as its own; of the hogs each has a hart. */
static struct vcpu *rover, *hog[HARTS];

/* ---- what must not happen -------------------------------------------------------------------- */

bool lifecycle_load(struct vm *vm)
{
    (void)vm;
    abort();
}

void power_commit_hart(void)
{
    abort();
}

/* ---- three harts ----------------------------------------------------------------------------- */

static struct vcpu *add(struct vm *vm, uint32_t hart, uint32_t priority)
{
    struct vcpu_sched_config c = config;
    struct vcpu *v = arch_vcpu_create(vm, vm->vcpu_count, machine.harts[hart]);

    c.priority = priority;
    assert_non_null(v);
    assert_int_equal(sched_add(v, &c), ERR_OK);
    vm->vcpus[vm->vcpu_count++] = v;
    return v;
}

static struct vm *roving(uint32_t vcpus)
{
    struct vm *vm = fake_vm_add("rover", 0, 0, RAM, RAM_BYTES);

    vm->vcpus = fake_alloc((vcpus + 1) * sizeof(struct vcpu *));
    vm->affinity = machine.harts;
    fake_vm(vm)->config.affinity_count = HARTS;
    for (uint32_t i = 0; i < vcpus; i++) {
        (void)add(vm, i % HARTS, NORMAL);
    }
    return vm;
}

static int set_up(void **state)
{
    (void)state;
    fake_init(HARTS);
    left = held = 0;
    for (uint32_t i = 0; i < HARTS; i++) {
        timer_queue_init(&machine.harts[i]->timers);
    }
    rover = roving(1)->vcpus[0];
    for (uint32_t i = 0; i < HARTS; i++) {
        hog[i] = add(fake_vm_add("hog", 0, 0, RAM, RAM_BYTES), i, i == 2 ? NORMAL - 1 : NORMAL);
        assert_int_equal(machine.harts[i]->seats, 2);
        assert_true(hart_has_queue(machine.harts[i]));
    }
    return 0;
}

static void idle(struct hart *hart)
{
    (void)hart;
    fake_throw(FAKE_PANIC); /* for the setjmp() below */
}

static bool enters(struct hart *hart)
{
    if (setjmp(*fake_catch()) != FAKE_RUNS) {
        return false;
    }
    (void)sched_next(hart);
    return true;
}

/* The hart goes on until a guest would be entered, or it waits (NULL), as which it stays. */
static struct vcpu *at(uint32_t i)
{
    struct hart *hart = machine.harts[i];

    fake_become(hart);
    atomic_store(&fake_hart(i)->kicked, false);
    fake.on_wait = idle;
    sched_exited(hart);
    if (enters(hart)) {
        assert_true(vcpu_loaded(hart->vcpu) && vcpu_hart(hart->vcpu) == hart);
        assert_int_equal(atomic_load(&hart->mode), HART_GUEST);
        return hart->vcpu;
    }
    tally_end(&hart->idle, arch_now());
    assert_int_equal(atomic_load(&hart->mode), HART_IDLE);
    return NULL;
}

static void all_idle(void)
{
    for (uint32_t i = HARTS; i-- > 0;) {
        assert_null(at(i));
    }
}

static bool kicked(uint32_t i)
{
    return atomic_load(&fake_hart(i)->kicked);
}

/* Where rover is, and how often it has moved. */
static void is_at(uint32_t hart, uint32_t moves)
{
    assert_ptr_equal(vcpu_hart(rover), machine.harts[hart]);
    assert_int_equal(atomic_load(&rover->moves), moves);
}

static void ask(uint32_t hart)
{
    assert_int_equal(sched_move(rover, machine.harts[hart]->id), ERR_OK);
}

static void rover_runs(void)
{
    all_idle();
    start(rover);
    assert_ptr_equal(at(0), rover);
}

/* It has run on hart 0, and is on its way to hart 1. */
static void rover_leaves(void)
{
    rover_runs();
    ask(1);
    assert_null(at(0));
}

/* ---- at a wake-up ---------------------------------------------------------------------------- */

static void to_an_idle_hart(void **state)
{
    (void)state;
    all_idle();
    start(hog[0]);
    assert_ptr_equal(at(0), hog[0]);
    start(rover);
    assert_ptr_equal(at(0), hog[0]);
    is_at(1, 1);
    assert_true(kicked(1) && !kicked(2));
    assert_ptr_equal(at(1), rover);
    assert_int_equal(fake_vcpu(rover)->resets, 1);

    /* It stays there for as long as that one has nothing else to do, and where it waits. */
    vcpu_wait(rover);
    assert_null(at(1));
    vcpu_irq_set(rover, VCPU_IRQ_EXT, true);
    assert_ptr_equal(at(1), rover);
    is_at(1, 1);
    vcpu_irq_set(rover, VCPU_IRQ_EXT, false);

    /* Behind another one that has come meanwhile: home first, which is idle now. */
    vcpu_wait(rover);
    start(hog[1]);
    assert_ptr_equal(at(1), hog[1]);
    assert_true(fake_vcpu(rover)->watched);
    vcpu_wait(hog[0]);
    assert_null(at(0));
    vcpu_irq_set(rover, VCPU_IRQ_EXT, true);
    assert_ptr_equal(at(1), hog[1]);
    assert_false(fake_vcpu(rover)->watched);
    is_at(0, 2);
    assert_ptr_equal(at(0), rover);
    assert_int_equal(fake_vcpu(rover)->irq_synced, 1u << VCPU_IRQ_EXT);
}

static void not_where_it_would_run(void **state)
{
    (void)state;
    /* An own hart that has nothing to do. */
    rover_runs();
    vcpu_wait(rover);
    assert_null(at(0));
    start(hog[0]);
    vcpu_irq_set(rover, VCPU_IRQ_EXT, true); /* first: the last who is posted is seen first */
    assert_non_null(at(0));
    is_at(0, 0);

    /* One of a lower priority makes room. */
    ask(2);
    (void)at(0);
    vcpu_irq_set(rover, VCPU_IRQ_EXT, false);
    assert_ptr_equal(at(2), rover);
    is_at(2, 1);
    vcpu_wait(rover);
    start(hog[2]);
    assert_ptr_equal(at(2), hog[2]);
    vcpu_irq_set(rover, VCPU_IRQ_EXT, true);
    assert_ptr_equal(at(2), rover);
    is_at(2, 1);

    /* No wake-up: it only waits for its turn. */
    vcpu_irq_set(rover, VCPU_IRQ_EXT, false);
    ask(0);
    assert_ptr_equal(at(2), hog[2]);
    assert_null(at(1));
    (void)at(0);
    vcpu_request(rover, VCPU_REQ_IRQ);
    (void)at(0);
    is_at(0, 2);
}

/* All harts have something to do, or seem to: then it takes turns. */
static void no_idle_hart(void **state)
{
    (void)state;
    all_idle();
    for (uint32_t i = 0; i < HARTS; i++) {
        start(hog[i]);
        assert_ptr_equal(at(i), hog[i]);
    }
    start(rover);
    assert_ptr_equal(at(0), hog[0]);
    atomic_fetch_add(&fake.now, SLICE);
    assert_ptr_equal(at(0), rover);
    is_at(0, 0);

    vcpu_wait(rover);
    assert_ptr_equal(at(0), hog[0]);
    vcpu_wait(hog[1]);
    assert_null(at(1));
    atomic_store(&machine.harts[1]->work, HART_WORK_TIMER); /* on its way to somebody */
    vcpu_irq_set(rover, VCPU_IRQ_EXT, true);
    assert_ptr_equal(at(0), hog[0]);
    is_at(0, 0);
}

/* The hart that was idle is not any more when it arrives; it does not go on to the next. */
static void once_a_wake_up(void **state)
{
    (void)state;
    all_idle();
    start(hog[0]);
    assert_ptr_equal(at(0), hog[0]);
    start(rover);
    assert_ptr_equal(at(0), hog[0]);
    is_at(1, 1);
    start(hog[1]);
    assert_ptr_equal(at(1), hog[1]);
    is_at(1, 1);
    assert_false(kicked(2));
    atomic_fetch_add(&fake.now, SLICE);
    assert_ptr_equal(at(1), rover);

    /* The next one is another. */
    vcpu_wait(rover);
    assert_ptr_equal(at(1), hog[1]);
    vcpu_irq_set(rover, VCPU_IRQ_EXT, true);
    assert_ptr_equal(at(1), hog[1]);
    is_at(2, 2);
}

/* ---- on request ------------------------------------------------------------------------------ */

static void where_it_may_run(void **state)
{
    (void)state;
    assert_int_equal(sched_move(rover, 1), ERR_INVALID);
    assert_int_equal(sched_move(hog[1], machine.harts[0]->id), ERR_INVALID);
    assert_int_equal(sched_move(hog[1], machine.harts[1]->id), ERR_OK);
    fake_vm(rover->vm)->config.affinity_count = 1;
    assert_int_equal(sched_move(rover, machine.harts[1]->id), ERR_INVALID);
    assert_int_equal(atomic_load(&machine.harts[1]->work), 0);
}

static void while_it_runs(void **state)
{
    (void)state;
    rover_runs();
    assert_int_equal(steal_tell(rover, gpa(RAM)), ERR_OK);
    fake_become(machine.harts[2]);
    ask(1);
    assert_true(kicked(0) && !kicked(1));
    assert_null(at(0));
    assert_null(machine.harts[0]->vcpu);
    is_at(1, 1);
    assert_true(kicked(1) && rover->steal.withheld);
    atomic_fetch_add(&fake.now, 7);
    assert_ptr_equal(at(1), rover);
    assert_true(!rover->steal.withheld && rover->steal.ticks == 7);
    assert_int_equal(fake_vcpu(rover)->loads, 2);
    assert_int_equal(fake_vcpu(rover)->resets, 1);

    /* The later one of two holds; where it is already is no move. */
    ask(0);
    ask(2);
    assert_null(at(1));
    is_at(2, 2);
    assert_ptr_equal(at(2), rover);
    ask(0);
    ask(2);
    assert_ptr_equal(at(2), rover);
    is_at(2, 2);

    /* The hart that it has left runs others, and it may come back there. */
    start(hog[0]);
    assert_ptr_equal(at(0), hog[0]);
    ask(0);
    assert_null(at(2));
    assert_ptr_equal(at(0), hog[0]);
    is_at(0, 3);
    atomic_fetch_add(&fake.now, SLICE);
    assert_ptr_equal(at(0), rover);
}

static void while_it_waits(void **state)
{
    (void)state;
    rover_runs();
    vcpu_wait(rover);
    assert_null(at(0));
    assert_true(vcpu_loaded(rover)); /* so that its interrupts end the wait */
    ask(1);
    assert_null(at(0));
    assert_false(vcpu_loaded(rover) || fake_vcpu(rover)->watched);
    is_at(1, 1);

    /* What came on the way is seen. */
    vcpu_irq_set(rover, VCPU_IRQ_EXT, true);
    assert_ptr_equal(at(1), rover);
    vcpu_irq_set(rover, VCPU_IRQ_EXT, false);

    /* If nothing has it waits on: there, loaded as before. */
    vcpu_wait(rover);
    assert_null(at(1));
    ask(2);
    assert_null(at(1));
    assert_null(at(2));
    assert_true(vcpu_loaded(rover) && rover->waits);
    vcpu_irq_set(rover, VCPU_IRQ_EXT, true);
    assert_ptr_equal(at(2), rover);
    is_at(2, 2);
}

/* ---- what comes on the way ------------------------------------------------------------------- */

/* Posted where it was: by who had looked before it left. */
static void a_late_post(void **state)
{
    (void)state;
    rover_leaves();
    assert_ptr_equal(at(1), rover);
    vcpu_wait(rover);
    start(hog[1]);
    assert_ptr_equal(at(1), hog[1]);

    atomic_fetch_or(&rover->irq_lines, 1u << VCPU_IRQ_EXT);
    atomic_fetch_or(&rover->requests, VCPU_REQ_IRQ);
    hart_post_vcpu(machine.harts[0], rover);
    hart_kick(machine.harts[0]);
    vcpu_irq_set(rover, VCPU_IRQ_SOFT, true); /* finds it posted */
    assert_true(kicked(0));
    assert_int_equal(atomic_load(&machine.harts[1]->work), 0);

    assert_null(at(0));
    assert_true(kicked(1));
    assert_int_equal(atomic_load(&machine.harts[1]->work), HART_WORK_VCPUS);
    assert_ptr_equal(at(1), hog[1]);
    is_at(0, 2); /* it woke up, behind the other one */
    assert_ptr_equal(at(0), rover);
    assert_int_equal(fake_vcpu(rover)->softs, 1);
}

/* Two posts, one of them late: it is attended to once, by its hart. */
static void a_late_post_of_nothing(void **state)
{
    (void)state;
    rover_leaves();
    assert_ptr_equal(at(1), rover);
    hart_post_vcpu(machine.harts[2], rover);
    ask(0);
    assert_ptr_equal(at(1), rover); /* it is on the list of hart 2 */
    assert_null(at(2));
    assert_null(at(1));
    is_at(0, 2);
    assert_ptr_equal(at(0), rover);
}

static void its_end(void **state)
{
    (void)state;
    rover_leaves();
    stop(rover);
    assert_int_equal(left, 0);
    assert_null(at(1));
    assert_int_equal(left, 1);
    assert_int_equal(atomic_load(&rover->state), VCPU_STOPPED);
    assert_int_equal(fake_vcpu(rover)->loads, 1);

    /* Both at once; then it is moved while it is off, and starts where it is. */
    vm_set_state(rover->vm, VM_RUNNING);
    start(rover);
    assert_ptr_equal(at(1), rover);
    ask(2);
    stop(rover);
    assert_null(at(1));
    assert_int_equal(left, 2);
    is_at(2, 2);
    assert_null(at(2));
    ask(0);
    assert_null(at(2));
    assert_null(at(0));
    is_at(0, 3);
    vm_set_state(rover->vm, VM_RUNNING);
    start(rover);
    assert_ptr_equal(at(0), rover);
    assert_int_equal(fake_vcpu(rover)->resets, 3);
}

static void its_pause(void **state)
{
    (void)state;
    rover_leaves();
    vm_set_state(rover->vm, VM_PAUSED);
    vcpu_request(rover, VCPU_REQ_STATE);
    assert_null(at(1));
    assert_int_equal(held, 1);
    assert_false(vcpu_loaded(rover));
    vcpu_irq_set(rover, VCPU_IRQ_EXT, true);
    assert_null(at(1));

    ask(2);
    assert_null(at(1));
    vm_set_state(rover->vm, VM_RUNNING);
    vcpu_request(rover, VCPU_REQ_STATE);
    assert_ptr_equal(at(2), rover);
    assert_int_equal(fake_vcpu(rover)->irq_synced, 1u << VCPU_IRQ_EXT);
}

/* A suspend ends where it has come to. */
static void its_sleep(void **state)
{
    (void)state;
    rover_runs();
    vcpu_suspend_self(rover, true, gpa(RAM + 8), 1);
    assert_null(at(0));
    ask(1);
    assert_null(at(0));
    vcpu_request(rover, VCPU_REQ_WAKE);
    assert_ptr_equal(at(1), rover);
    assert_int_equal(fake_vcpu(rover)->resumes, 1);
}

static uint32_t relaxed;

/* Hart 1 takes the kick and goes on; else hart 2 waits for ever. */
static void go_on(void)
{
    relaxed++;
    if (kicked(1)) {
        assert_ptr_equal(at(1), relaxed == 1 ? rover : hog[1]);
        fake_become(machine.harts[2]);
    }
}

/* Who waits for a fence kicks the hart where it is, wherever the request may be. */
static void a_fence(void **state)
{
    const struct fence fence = {FENCE_I, 0, 0, 0};

    (void)state;
    rover_leaves();
    assert_ptr_equal(at(1), rover);
    hart_post_vcpu(machine.harts[0], rover);
    relaxed = 0;
    fake.on_relax = go_on;
    fake_become(machine.harts[2]);
    vcpu_fence(rover->vm, 1, &fence);
    assert_int_equal(relaxed, 1);
    assert_int_equal(fake_vcpu(rover)->fence_total, 1);

    /* With another one in the guest there is nothing to wait for. */
    assert_null(at(0));
    start(hog[1]);
    vcpu_wait(rover);
    assert_ptr_equal(at(1), hog[1]);
    hart_post_vcpu(machine.harts[0], rover);
    fake_become(machine.harts[2]);
    vcpu_fence(rover->vm, 1, &fence);
    assert_int_equal(relaxed, 1);

    /* It has come to the caller's hart, and not been seen there yet. */
    assert_null(at(0));
    ask(2);
    assert_ptr_equal(at(1), hog[1]);
    fake_become(machine.harts[2]);
    vcpu_fence(rover->vm, 1, &fence);
    assert_int_equal(fake_vcpu(rover)->fence_total, 1);
}

/* ---- accounts -------------------------------------------------------------------------------- */

/* All its time is in one state or another, whichever hart's. */
static void all_time_is_told(void **state)
{
    uint64_t sum = 0;
    struct usage u;

    (void)state;
    rover_runs();
    atomic_fetch_add(&fake.now, 100);
    ask(1);
    assert_null(at(0));
    atomic_fetch_add(&fake.now, 10);
    start(hog[1]);
    assert_ptr_equal(at(1), hog[1]);
    atomic_fetch_add(&fake.now, 1000);
    assert_ptr_equal(at(1), rover);
    atomic_fetch_add(&fake.now, 400);
    usage_of(rover, &u);
    assert_int_equal(u.run, 500);
    assert_int_equal(u.ready, 10 + 1000); /* the way included */
    assert_int_equal(u.switches, 2);
    for (uint32_t s = 0; s < SCHED_STATES; s++) {
        sum += rq_total(&rover->sched, (enum sched_state)s, atomic_load(&fake.now));
    }
    assert_true(sum == atomic_load(&fake.now));
}

static void seats(void **state)
{
    struct vm *vm = fake_vm_add("more", 0, 0, RAM, RAM_BYTES);
    struct vm *rovers = roving(0);

    (void)state;
    vm->vcpus = fake_alloc((SCHED_PER_HART + 1) * sizeof(struct vcpu *));
    for (uint32_t i = 2; i < SCHED_PER_HART; i++) {
        (void)add(vm, 2, NORMAL);
    }
    assert_int_equal(machine.harts[2]->seats, SCHED_PER_HART);
    assert_int_equal(sched_add(arch_vcpu_create(vm, 0, machine.harts[2]), &config), ERR_NO_MEMORY);
    assert_int_equal(sched_add(arch_vcpu_create(rovers, 0, machine.harts[0]), &config),
                     ERR_NO_MEMORY);
}

/* ---- asked from everywhere ------------------------------------------------------------------- */

#define ROVERS 3u
#define ROUNDS 20000u

static struct vm *rovers;
static _Atomic uint32_t sent[ROVERS], finished;
static uint32_t heard[ROVERS], rounds[ROVERS];

/* A page table of one entry, what each vCPU's hart has cached of it, what must no longer be. */
static _Atomic uint32_t entry, oldest;
static uint32_t cached[ROVERS];

static uint32_t chance(void)
{
    static _Thread_local uint32_t seed;

    if (seed == 0) {
        seed = 77 * (arch_hart_self()->index + 1);
    }
    seed = seed * 1103515245 + 12345;
    return seed >> 16;
}

static bool over(void)
{
    return atomic_load(&finished) == ROVERS;
}

static bool timer_came(struct hart *hart)
{
    struct fake_hart *h = fake_hart(hart->index);

    if (h->timer > atomic_load(&fake.now)) {
        return false;
    }
    h->timer = UINT64_MAX;
    atomic_fetch_or(&hart->work, HART_WORK_TIMER);
    return true;
}

static void await(struct hart *hart)
{
    while (!atomic_load(&fake_hart(hart->index)->kicked)) {
        (void)sched_yield();
        if (timer_came(hart)) {
            return;
        }
        if (over()) {
            fake_throw(FAKE_PANIC); /* for enters() */
        }
    }
}

static void on_fence(struct vcpu *v)
{
    cached[v->index] = atomic_load(&entry);
}

/* Nothing stale may be in use; interrupts are taken. */
static void run_guest(struct vcpu *v)
{
    struct fake_vcpu *f = fake_vcpu(v);

    if ((int32_t)(cached[v->index] - atomic_load(&oldest)) < 0) {
        abort();
    }
    if (f->soft_pending) {
        f->soft_pending = false;
        heard[v->index] = atomic_load(&sent[v->index]);
    }
}

static void send(uint32_t i)
{
    atomic_fetch_add(&sent[i], 1);
    vcpu_irq_set(rovers->vcpus[i], VCPU_IRQ_SOFT, true);
}

static void remap(void)
{
    static const struct fence all = {FENCE_VMA, 0, UINT64_MAX, 0};
    uint32_t mine = atomic_fetch_add(&entry, 1) + 1;
    uint32_t old = atomic_load(&oldest);

    vcpu_fence(rovers, (1u << ROVERS) - 1, &all);
    while ((int32_t)(mine - old) > 0 && !atomic_compare_exchange_weak(&oldest, &old, mine)) {
    }
}

/* What its guest does in a turn, in the hypervisor: others are asked, itself too, or it waits. */
static void call(struct vcpu *v)
{
    uint32_t what = chance();

    switch (what % 8) {
    case 0:
        remap();
        break;
    case 1:
        (void)!sched_move(rovers->vcpus[what / 8 % ROVERS], machine.harts[what / 64 % HARTS]->id);
        break;
    case 2:
        if (!over()) {
            send((v->index + 1) % ROVERS); /* somebody goes on */
            vcpu_wait(v);
        }
        break;
    default:
        send(what / 8 % ROVERS);
        break;
    }
    if (++rounds[v->index] == ROUNDS) {
        atomic_fetch_add(&finished, 1);
    }
}

static uint32_t loads_seen[ROVERS];

/* A load has nothing in its caches: it is fenced. */
static void loaded_anew(struct vcpu *v)
{
    uint32_t loads = fake_vcpu(v)->loads;

    if (loads != loads_seen[v->index]) {
        loads_seen[v->index] = loads;
        cached[v->index] = atomic_load(&entry);
    }
}

static void *hart_body(void *arg)
{
    struct hart *hart = arg;

    fake_become(hart);
    while (!over() && enters(hart)) {
        struct vcpu *v = hart->vcpu;

        if (v->vm == rovers) {
            loaded_anew(v);
            run_guest(v);
            if ((chance() & 3) == 0) {
                (void)sched_yield();
            }
            run_guest(v);
            if (!atomic_exchange(&fake_hart(hart->index)->kicked, false) && !timer_came(hart)) {
                sched_exited(hart);
                call(v);
                continue;
            }
        } else {
            while (!atomic_exchange(&fake_hart(hart->index)->kicked, false) && !timer_came(hart) &&
                   !over()) {
                (void)atomic_fetch_add(&fake.now, SLICE / 16);
                (void)sched_yield();
            }
        }
        sched_exited(hart);
    }
    return NULL;
}

/* Then, by one thread: what is still on its way arrives. */
static void settle(void)
{
    for (uint32_t n = 0; n < 8 * HARTS; n++) {
        struct vcpu *v = at(n % HARTS);

        if (v != NULL && v->vm == rovers) {
            loaded_anew(v);
            run_guest(v);
            vcpu_wait(v);
        }
        atomic_fetch_add(&fake.now, 2 * SLICE);
    }
}

static void nothing_is_lost(void **state)
{
    pthread_t thread[HARTS];
    uint32_t moves = 0;

    (void)state;
    fake.now_step = 1;
    rovers = roving(ROVERS);
    atomic_store(&finished, 0);
    fake.on_fence = on_fence;
    fake.on_wait = await;
    for (uint32_t i = 0; i < ROVERS; i++) {
        start(rovers->vcpus[i]);
    }
    start(hog[0]);
    for (uint32_t i = 0; i < HARTS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, hart_body, machine.harts[i]), 0);
    }
    for (uint32_t i = 0; i < HARTS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    }
    settle();
    for (uint32_t i = 0; i < ROVERS; i++) {
        assert_int_equal(heard[i], atomic_load(&sent[i]));
        assert_int_equal(atomic_load(&rovers->vcpus[i]->fence_done),
                         atomic_load(&rovers->vcpus[i]->fence_posted));
        assert_int_equal(atomic_load(&rovers->vcpus[i]->posted), 0);
        moves += atomic_load(&rovers->vcpus[i]->moves);
    }
    assert_true(moves > ROUNDS / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(to_an_idle_hart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(not_where_it_would_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_idle_hart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(once_a_wake_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_it_may_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(while_it_runs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(while_it_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_post, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_post_of_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_pause, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_sleep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_fence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_time_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(seats, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
