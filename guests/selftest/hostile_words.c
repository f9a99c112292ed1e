/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random words as instructions. Each runs in the middle of an area of breakpoints, with every
 * register pointing there: whatever it loads, stores or jumps to is in the area, which is mended
 * after each. A timer ends what does not end by itself.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/timer.h"
#include "guests/selftest/hostile.h"
#include "guests/selftest/selftest.h"

#include <string.h>

#define AREA_BYTES  0x400000u /* a jump reaches 1 MiB either way */
#define REACH_BYTES 0x2000u   /* a load or store 2 KiB, a few bytes more at most */
#define BREAKPOINTS 0x9002900290029002ull
#define PATIENCE_US 2000u

#define OPCODE_SYSTEM 0x73u

void exec_word(uint64_t value, uint64_t pc);

static uint64_t middle;

static void mend(uint64_t at, uint64_t bytes)
{
    uint64_t *word = (uint64_t *)(uintptr_t)at;

    for (uint64_t i = 0; i < bytes / 8; i++) {
        word[i] = BREAKPOINTS;
    }
}

/* The timer may have come already: nobody but this run may take it, or a wfi lasts for ever. */
static void run(void *unused)
{
    (void)unused;
    irqs_on();
    exec_word(middle + 0x800, middle);
}

/* Would it take away what the next trap needs? */
static bool is_vital(uint32_t word)
{
    uint32_t csr = word >> 20;

    return (word & 0x7f) == OPCODE_SYSTEM && (word >> 12 & 3) != 0 &&
           (csr == CSR_STVEC || csr == CSR_SSCRATCH || csr == CSR_SATP);
}

/* Any word; or one of the opcodes where more is going on, with random fields. */
static uint32_t next_word(void)
{
    static const uint32_t opcodes[] = {
        0x73, 0x73, 0x2f, 0x0f, 0x07, 0x27, 0x57, 0x53, 0x0b, 0x2b, 0x5b, 0x7b, 0x03, 0x23, 0x67,
    };
    static const uint32_t privileged[] = {
        0x22000073, 0x62000073, 0x60000073, 0x62004073, 0x68004073, 0x6a004073, 0x10500073,
        0x10200073, 0x30200073, 0x12000073, 0x16000073, 0x18000073, 0x00000073, 0x00100073,
    };
    uint64_t r = hostile_random();
    uint32_t word = (uint32_t)(r >> 16);

    switch (r & 3) {
    case 0:
        return (word & ~0x7fu) | opcodes[(r >> 2) % (sizeof(opcodes) / sizeof(opcodes[0]))];
    case 1:
        return privileged[(r >> 2) % (sizeof(privileged) / sizeof(privileged[0]))] |
               (word & 0x000f8f80u);
    default:
        return word;
    }
}

static void run_word(uint32_t word, struct hostile_counts *counts)
{
    struct trap_info trap;

    memcpy((void *)(uintptr_t)middle, &word, sizeof(word));
    __asm__ volatile("fence.i" : : : "memory");
    csr_write(CSR_SEPC, middle + 64);
    csr_set(CSR_SSTATUS, SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_FS);
    timer_set(time_now() + ticks_of_us(PATIENCE_US));
    csr_write(CSR_SIE, 1u << IRQ_S_TIMER);

    bool trapped = trap_catch(&trap, true, run, NULL);

    (void)irqs_off();
    csr_write(CSR_SIE, 0);
    counts->tried++;
    /* A breakpoint of the area: the word did its work and came through. */
    counts->trapped += trapped && trap.scause != EXC_BREAKPOINT ? 1 : 0;
    mend(middle - REACH_BYTES, 2 * REACH_BYTES);
}

void hostile_words(uint64_t n, struct hostile_counts *counts)
{
    uint64_t bytes;
    uint64_t area = (uint64_t)(uintptr_t)free_ram(&bytes);

    if (bytes < AREA_BYTES) {
        con_printf("hostile: no room for random words\n");
        return;
    }
    middle = area + AREA_BYTES / 2;
    mend(area, AREA_BYTES);
    for (uint64_t i = 0; i < n;) {
        uint32_t word = next_word();

        if (!is_vital(word)) {
            run_word(word, counts);
            i++;
        }
    }
    csr_write(CSR_SCOUNTEREN, 7);
    timer_set(UINT64_MAX);
}
