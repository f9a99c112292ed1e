/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: arch/riscv/copy.c */
/* Wide copies and clears: every alignment of both ends, against the obvious loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/riscv/copy.h"

#include <string.h>

#define AREA 512u

/* Aligned and a multiple of 8 long, so that a word read of the last byte stays inside. */
static _Alignas(64) unsigned char src[AREA], dst[AREA], want[AREA];

static void fill(void)
{
    for (unsigned int i = 0; i < AREA; i++) {
        src[i] = (unsigned char)(i * 7 + 1);
        dst[i] = want[i] = (unsigned char)(0xff - i);
    }
}

static void test_copy(void **state)
{
    (void)state;
    for (size_t s = 0; s < 16; s++) {
        for (size_t d = 0; d < 16; d++) {
            for (size_t len = 0; len < 200; len++) {
                fill();
                memcpy(&want[d], &src[s], len);
                copy_wide(&dst[d], &src[s], len);
                assert_memory_equal(dst, want, AREA);
            }
        }
    }
}

static void test_copy_to_the_very_end(void **state)
{
    (void)state;
    for (size_t len = 0; len < 200; len++) {
        for (size_t d = 0; d < 9; d++) {
            fill();
            memcpy(&want[d], &src[AREA - len], len);
            copy_wide(&dst[d], &src[AREA - len], len);
            assert_memory_equal(dst, want, AREA);
        }
    }
}

static void test_zero(void **state)
{
    (void)state;
    for (size_t d = 0; d < 16; d++) {
        for (size_t len = 0; len < 300; len++) {
            fill();
            memset(&want[d], 0, len);
            zero_wide(&dst[d], len);
            assert_memory_equal(dst, want, AREA);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_copy_to_the_very_end),
        cmocka_unit_test(test_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
