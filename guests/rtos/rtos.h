/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the real-time guest: main.c, task.c (the periodic task), park.c (power). */
#ifndef GUESTS_RTOS_RTOS_H
#define GUESTS_RTOS_RTOS_H

#include "guests/demo_messages.h"

#include <stdbool.h>
#include <stdint.h>

#define TASK_HISTOGRAM_TEXT 224u /* all classes, with numbers of 9 digits */

/* Starts the task on this hart, first release one period from now. */
void task_start(void);

/*
 * The task rests; the timer is free for a wake-up at that time (UINT64_MAX: none). Interrupts off,
 * until task_go_on(): the releases of that time are neither made nor missed, so that a sleep is no
 * jitter; the next is a multiple of the period from the start, as ever.
 */
void task_rest(uint64_t wake_at);
void task_go_on(void);

/* How late it was released so far. */
struct demo_jitter task_jitter(void);

/* "<2us 120 <4us 7 ...": releases by lateness, empty classes left out. */
void task_histogram(char text[TASK_HISTOGRAM_TEXT]);

/* main.c's: called at each release, in the timer's interrupt: periods passed since the start, until
 * the release before this one and until this one. */
void rtos_release(uint64_t before, uint64_t periods);

/* Listens to power events; nothing where there are none. */
void park_init(void);

/* Handles what is pending: true when there was something. Interrupts on. */
bool park_step(void);

/* The vehicle functions rest: no state goes out. */
bool park_active(void);

#endif
