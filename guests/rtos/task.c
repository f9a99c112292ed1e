/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The periodic task: released by the timer's interrupt, a thousand times a second, at multiples of
 * the period from its start. A release that finds the next one due already counts those it skips as
 * missed. Written by the interrupt handler only, read with interrupts off.
 */
#include "guests/lib/hart.h"
#include "guests/lib/timer.h"
#include "guests/rtos/rtos.h"

#include <stdio.h>

#define PERIOD_US 1000u
#define CLASSES   12u /* lateness in us: below 1, 2, 4 .. 1024, and more */

static struct {
    uint64_t period, due; /* ticks */
    uint64_t releases, missed;
    uint64_t min, max, sum; /* ticks */
    uint64_t classes[CLASSES];
} task;

static void count_lateness(uint64_t ticks)
{
    uint64_t us = us_of_ticks(ticks);
    uint32_t class = 0;

    task.releases++;
    task.sum += ticks;
    task.min = ticks < task.min ? ticks : task.min;
    task.max = ticks > task.max ? ticks : task.max;
    while (us != 0 && class < CLASSES - 1) {
        us >>= 1;
        class ++;
    }
    task.classes[class]++;
}

static void on_timer(struct guest_hart *self)
{
    uint64_t late = time_now() - task.due;
    uint64_t before = task.releases + task.missed;

    (void)self;
    if ((int64_t)late < 0) { /* a spurious one, or one from before the timer was set */
        timer_set(task.due);
        return;
    }
    count_lateness(late);
    task.missed += late / task.period;
    task.due += (late / task.period + 1) * task.period;
    timer_set(task.due);
    rtos_release(before, task.releases + task.missed);
}

void task_start(void)
{
    task.period = ticks_of_us(PERIOD_US);
    task.due = time_now() + task.period;
    task.min = UINT64_MAX;
    hart_self()->on_timer = on_timer;
    timer_set(task.due);
    timer_enable();
}

void task_rest(uint64_t wake_at)
{
    timer_set(wake_at);
}

void task_go_on(void)
{
    uint64_t now = time_now();

    if ((int64_t)(now - task.due) >= 0) {
        task.due += ((now - task.due) / task.period + 1) * task.period;
    }
    timer_set(task.due);
}

static uint32_t ns32(uint64_t ticks)
{
    uint64_t ns = ns_of_ticks(ticks);

    return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

struct demo_jitter task_jitter(void)
{
    struct demo_jitter j = {0};
    bool on = irqs_off();

    if (task.releases != 0) {
        j.releases = task.releases;
        j.missed = task.missed;
        j.min_ns = ns32(task.min);
        j.mean_ns = ns32(task.sum / task.releases);
        j.max_ns = ns32(task.max);
    }
    if (on) {
        irqs_on();
    }
    return j;
}

void task_histogram(char text[TASK_HISTOGRAM_TEXT])
{
    uint32_t at = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < CLASSES; i++) {
        uint64_t n = task.classes[i];
        int len = 0;

        if (n != 0 && i < CLASSES - 1) {
            len = snprintf(text + at, TASK_HISTOGRAM_TEXT - at, "%s<%uus %lu", at != 0 ? " " : "",
                           1u << i, (unsigned long)n);
        } else if (n != 0) {
            len = snprintf(text + at, TASK_HISTOGRAM_TEXT - at, "%smore %lu", at != 0 ? " " : "",
                           (unsigned long)n);
        }
        if (len < 0 || at + (uint32_t)len >= TASK_HISTOGRAM_TEXT) {
            text[at] = '\0';
            return;
        }
        at += (uint32_t)len;
    }
}
