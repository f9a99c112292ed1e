/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Role "shout": three harts of the VM write to its console as fast as they can, each in a way of
 * its own and with letters of its own, round and round: so whoever reads the console sees whether
 * one is lost, or comes twice, however the harts' letters mix. Nobody asks whether there is room.
 * At the end it says how often it did so, which those who count exits can compare.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/mmio.h"
#include "guests/lib/sbi_call.h"
#include "guests/selftest/selftest.h"

#include <stddef.h>

#define A_CALL 100u /* bytes that are asked for: more than a call takes */

static uint64_t letters; /* of each hart */
static uint64_t stores, calls, bytes, wrong;

/* Now and then the end of a line, which the others' letters are part of as well. */
static void by_store(void *unused)
{
    (void)unused;
    for (uint64_t i = 0; i < letters; i++) {
        mmio_write8(board.uart.start, (uint8_t)('a' + i % 26));
        stores++;
        if (i % 40 == 39) {
            mmio_write8(board.uart.start, '\n');
            stores++;
        }
    }
}

static void by_call(void *unused)
{
    static char text[26 + A_CALL];
    uint64_t done = 0;

    (void)unused;
    for (uint32_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)('A' + i % 26);
    }
    while (done < letters) {
        uint64_t n = letters - done < A_CALL ? letters - done : A_CALL;
        struct sbi_result r =
            sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE, n, (uint64_t)(uintptr_t)&text[done % 26], 0, 0);

        if (r.error != SBI_SUCCESS || r.value == 0 || r.value > n) {
            guest_panic("shout: BAD answer %ld, %lu\n", (long)r.error, (unsigned long)r.value);
        }
        done += r.value;
        calls++;
    }
}

/* A byte a call; of the registers it changes only those that it answers with. */
static void by_byte(void *unused)
{
    (void)unused;
    for (uint64_t i = 0; i < letters; i++) {
        uint64_t c = '0' + i % 10;
        struct sbi_result r = i % 2 == 0 ? sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE_BYTE, c, i, 0, 0)
                                         : sbi_call(SBI_EXT_LEGACY_PUTCHAR, 0, c, i, 0, 0);

        wrong += r.error == SBI_SUCCESS && r.value == (i % 2 == 0 ? 0 : i) ? 0 : 1;
        bytes++;
    }
}

void role_shout(void)
{
    letters = board_arg_number("letters", 1000);
    con_printf("shout: begins\n");
    if (!job_start(1, by_call, NULL) || !job_start(2, by_byte, NULL)) {
        guest_panic("shout: BAD no hart\n");
    }
    by_store(NULL);
    while (!job_wait(1) || !job_wait(2)) {
    }
    con_printf("\nshout: %s, %lu stores, %lu calls, %lu bytes\n", wrong == 0 ? "ok" : "BAD",
               (unsigned long)stores, (unsigned long)calls, (unsigned long)bytes);
    (void)job_stop(1);
    (void)job_stop(2);
    for (;;) {
        __asm__ volatile("wfi");
    }
}
