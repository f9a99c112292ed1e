/* SPDX-License-Identifier: BSD-2-Clause */
/* Work on other harts: each waits for a function in its slot, runs it, and clears the slot. */
#include "guests/lib/board.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"

#include <stdatomic.h>
#include <stddef.h>

#define PATIENCE_US 20000000u /* the machine under a test may be slow */

struct job {
    void (*f)(void *arg);
    void *arg;
    _Atomic uint64_t given, done; /* counts */
    bool started;
};

static struct job jobs[GUEST_HARTS];

static void worker(struct guest_hart *self)
{
    struct job *job = &jobs[self->index];

    for (;;) {
        if (atomic_load_explicit(&job->given, memory_order_acquire) ==
            atomic_load_explicit(&job->done, memory_order_relaxed)) {
            __asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010"); /* pause */
            continue;
        }
        job->f(job->arg);
        atomic_fetch_add_explicit(&job->done, 1, memory_order_release);
    }
}

bool wait_for(const volatile uint64_t *word, uint64_t value)
{
    uint64_t end = time_now() + ticks_of_us(PATIENCE_US);

    while (*word != value) {
        if (time_now() > end) {
            return false;
        }
    }
    atomic_thread_fence(memory_order_acquire);
    return true;
}

bool job_wait(uint32_t index)
{
    struct job *job = &jobs[index];

    return wait_for((const volatile uint64_t *)&job->done, job->given);
}

bool job_start(uint32_t index, void (*f)(void *arg), void *arg)
{
    struct job *job = &jobs[index];

    if (!job_wait(index)) {
        return false;
    }
    job->f = f;
    job->arg = arg;
    atomic_fetch_add_explicit(&job->given, 1, memory_order_release);
    if (!job->started) {
        job->started = guest_hart_start(index, worker) == SBI_SUCCESS;
    }
    return job->started;
}

static void stop(void *unused)
{
    struct job *job = &jobs[hart_self()->index];

    (void)unused;
    job->started = false;
    atomic_fetch_add_explicit(&job->done, 1, memory_order_release);
    guest_hart_stop();
}

void job_forget(uint32_t index)
{
    struct job *job = &jobs[index];

    job->started = false;
    atomic_store_explicit(&job->done, job->given, memory_order_release);
}

bool job_stop(uint32_t index)
{
    uint64_t end = time_now() + ticks_of_us(PATIENCE_US);

    if (!jobs[index].started) {
        return true;
    }
    if (!job_start(index, stop, NULL)) {
        return false;
    }
    while (sbi_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, guest_harts[index].id, 0, 0, 0).value !=
           SBI_HSM_STATE_STOPPED) {
        if (time_now() > end) {
            return false;
        }
    }
    return true;
}
