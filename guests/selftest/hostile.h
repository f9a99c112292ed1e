/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hostile guest's parts: hostile.c (memory, CSRs, devices), hostile_words.c, hostile_calls.c,
 * hostile_races.c.
 */
#ifndef GUESTS_SELFTEST_HOSTILE_H
#define GUESTS_SELFTEST_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

/* Pseudo-random, from the bootarg seed. Never 0. */
uint64_t hostile_random(void);

/* Is there something of the guest's own at this physical address? */
bool hostile_is_own(uint64_t at);

/* What the attempts came to. */
struct hostile_counts {
    uint64_t tried, trapped, leaked; /* leaked: memory that is not ours answered */
};

/* Runs n random words, each with all registers pointing into the guest's own RAM. */
void hostile_words(uint64_t n, struct hostile_counts *counts);

/* n SBI calls with any arguments; leaked counts calls that should have been refused. */
void hostile_calls(uint64_t n, struct hostile_counts *counts);

/* n rounds of accesses and calls; the second hart changes their tables, code and buffers. */
void hostile_races(uint64_t n, struct hostile_counts *counts);

/* hostile_asm.S: handlers of software events. */
extern volatile uint64_t hostile_events; /* that the first of them has had */
void hostile_event(void);
void hostile_event_bad(void);

#endif
