/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/ram.c core/pagepool.c */
/* Free RAM by hand, and against a page map under random use; the arena. */
#include "core/pagepool.h"
#include "core/ram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void adds_join(void **state)
{
    struct ram ram = {0};

    (void)state;
    assert_int_equal(ram_add(&ram, 0x4000, 0x1000), ERR_OK);
    assert_int_equal(ram_add(&ram, 0x1000, 0x1000), ERR_OK);
    assert_int_equal(ram.count, 2);
    assert_int_equal(ram.free[0].start, 0x1000);
    assert_int_equal(ram_add(&ram, 0x2000, 0x2000), ERR_OK);
    assert_int_equal(ram.count, 1);
    assert_int_equal(ram.free[0].start, 0x1000);
    assert_int_equal(ram.free[0].size, 0x4000);
    assert_int_equal(ram_free_bytes(&ram), 0x4000);
    assert_int_equal(ram_add(&ram, 0x1800, 0x100), ERR_OK); /* no whole page */
    assert_int_equal(ram_add(&ram, 0x10800, 0x1000), ERR_OK);
    assert_int_equal(ram_add(&ram, 7, 0), ERR_OK);
    assert_int_equal(ram_free_bytes(&ram), 0x4000);
}

static void reserve_rounds_outwards(void **state)
{
    struct ram ram = {0};

    (void)state;
    assert_int_equal(ram_add(&ram, 0x80000000, 0x10000), ERR_OK);
    assert_int_equal(ram_reserve(&ram, 0x80003fff, 2), ERR_OK);
    assert_int_equal(ram.count, 2);
    assert_int_equal(ram.free[0].size, 0x3000);
    assert_int_equal(ram.free[1].start, 0x80005000);
    assert_int_equal(ram_reserve(&ram, 0, 0x80000001), ERR_OK);
    assert_int_equal(ram.free[0].start, 0x80001000);
    assert_int_equal(ram_reserve(&ram, 0x8000f000, UINT64_MAX), ERR_OK); /* wraps: to the end */
    assert_int_equal(ram.free[1].size, 0xa000);
    assert_int_equal(ram_reserve(&ram, 0, UINT64_MAX), ERR_OK);
    assert_int_equal(ram.count, 0);
}

static void the_end_of_the_address_space(void **state)
{
    struct ram ram = {0};

    (void)state;
    assert_int_equal(ram_add(&ram, UINT64_MAX - 0x2fff, 0x3000), ERR_OK);
    assert_int_equal(ram.count, 1);
    assert_int_equal(ram.free[0].size, 0x2000); /* the last page is never used */
    assert_int_equal(ram_reserve(&ram, UINT64_MAX, 1), ERR_OK);
    assert_int_equal(ram_free_bytes(&ram), 0x2000);
}

static void alloc_is_from_the_top_and_aligned(void **state)
{
    struct ram ram = {0};
    hpa_t at;

    (void)state;
    assert_int_equal(ram_add(&ram, 0x80000000, 0x7ff000), ERR_OK);
    assert_int_equal(ram_alloc(&ram, 0x1000, PAGE_SIZE, &at), ERR_OK);
    assert_int_equal(at.v, 0x807fe000);
    assert_int_equal(ram_alloc(&ram, 0x200000, 0x200000, &at), ERR_OK);
    assert_int_equal(at.v, 0x80400000);
    assert_int_equal(ram_alloc(&ram, 0x400000, 0x200000, &at), ERR_OK);
    assert_int_equal(at.v, 0x80000000);
    assert_int_equal(ram_alloc(&ram, 0x200000, 0x200000, &at), ERR_NO_MEMORY);
    assert_int_equal(ram_alloc(&ram, 0, PAGE_SIZE, &at), ERR_INVALID);
    assert_int_equal(ram_alloc(&ram, 0x800, PAGE_SIZE, &at), ERR_INVALID);
    assert_int_equal(ram_free_bytes(&ram), 0x1fe000);
}

static void alloc_at_takes_what_is_free(void **state)
{
    struct ram ram = {0};

    (void)state;
    assert_int_equal(ram_add(&ram, 0x80000000, 0x100000), ERR_OK);
    assert_int_equal(ram_alloc_at(&ram, hpa(0x80010000), 0x10000), ERR_OK);
    assert_int_equal(ram_alloc_at(&ram, hpa(0x8001f000), 0x2000), ERR_NOT_FOUND);
    assert_int_equal(ram_alloc_at(&ram, hpa(0x800ff000), 0x2000), ERR_NOT_FOUND);
    assert_int_equal(ram_alloc_at(&ram, hpa(0x800ff000), 0), ERR_NOT_FOUND);
    assert_int_equal(ram_alloc_at(&ram, hpa(0x800ff000), UINT64_MAX), ERR_NOT_FOUND);
    assert_int_equal(ram_free_bytes(&ram), 0xf0000);
}

static void ranges_run_out_without_harm(void **state)
{
    struct ram ram = {0};
    struct ram before;

    (void)state;
    for (uint64_t i = 0; i < RAM_RANGES; i++) {
        assert_int_equal(ram_add(&ram, i * 0x4000, 0x3000), ERR_OK);
    }
    before = ram;
    assert_int_equal(ram_add(&ram, RAM_RANGES * 0x4000, 0x1000), ERR_NO_MEMORY);
    assert_int_equal(ram_reserve(&ram, 0x1000, 0x1000), ERR_NO_MEMORY);
    assert_memory_equal(&ram, &before, sizeof(ram));
    assert_int_equal(ram_reserve(&ram, 0, 0x1000), ERR_OK);
}

#define MODEL_PAGES 512u

static void same_as_a_page_map(void **state)
{
    static bool model[MODEL_PAGES];
    struct ram ram = {0};

    (void)state;
    srand(1);
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t from = (uint32_t)rand() % MODEL_PAGES;
        uint32_t pages = (uint32_t)rand() % 24 + 1;
        uint64_t bytes = 0;
        uint64_t seen = 0;
        bool add = rand() % 2 == 0;
        enum err e;

        pages = from + pages > MODEL_PAGES ? MODEL_PAGES - from : pages;
        e = add ? ram_add(&ram, from * 0x1000ull, pages * 0x1000ull)
                : ram_reserve(&ram, from * 0x1000ull, pages * 0x1000ull);
        if (e == ERR_OK) {
            memset(&model[from], add, pages);
        }
        for (uint32_t p = 0; p < MODEL_PAGES; p++) {
            bytes += model[p] ? PAGE_SIZE : 0;
        }
        for (uint32_t i = 0; i < ram.count; i++) {
            assert_true(ram.free[i].size != 0);
            assert_true(i == 0 || ram.free[i - 1].start + ram.free[i - 1].size < ram.free[i].start);
            for (uint64_t at = 0; at < ram.free[i].size; at += PAGE_SIZE) {
                assert_true(model[(ram.free[i].start + at) / PAGE_SIZE]);
                seen += PAGE_SIZE;
            }
        }
        assert_int_equal(seen, bytes);
        assert_int_equal(ram_free_bytes(&ram), bytes);
    }
}

static void the_arena(void **state)
{
    static _Alignas(64) unsigned char arena[4096];
    unsigned char *a, *b;

    (void)state;
    memset(arena, 0xa5, sizeof(arena));
    pool_init(arena, sizeof(arena));
    a = pool_alloc(10, 1);
    b = pool_alloc(16, 64);
    assert_ptr_equal(a, arena);
    assert_ptr_equal(b, arena + 64);
    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(b[i], 0);
    }
    assert_int_equal(pool_used(), 80);
    assert_non_null(pool_alloc(0, 8));
    assert_null(pool_alloc(4096, 1));
    assert_null(pool_alloc(SIZE_MAX, 1));
    assert_null(pool_alloc(1, 1u << 30));
    assert_int_equal(pool_used(), 80);
    assert_non_null(pool_alloc(4096 - 80, 1));
    assert_null(pool_alloc(64, 1));
    /* What alignment has left, 10 to 64, is not lost, but for what has its own alignment. */
    assert_ptr_equal(pool_alloc(8, 8), arena + 16);
    assert_null(pool_alloc(8, 64));
    assert_ptr_equal(pool_alloc(40, 1), arena + 24);
    assert_null(pool_alloc(1, 1));
    assert_int_equal(pool_used(), 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_join),
        cmocka_unit_test(reserve_rounds_outwards),
        cmocka_unit_test(the_end_of_the_address_space),
        cmocka_unit_test(alloc_is_from_the_top_and_aligned),
        cmocka_unit_test(alloc_at_takes_what_is_free),
        cmocka_unit_test(ranges_run_out_without_harm),
        cmocka_unit_test(same_as_a_page_map),
        cmocka_unit_test(the_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
