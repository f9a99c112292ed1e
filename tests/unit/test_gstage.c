/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: arch/riscv/gstage.c */
/*
 * The stage-2 builder against a flat model: after any run of maps and unmaps, each page leads where
 * the model says, leaves are as large as they can be, and a failed map has changed nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "arch/riscv/gstage.h"

#define POOL_BASE  0x80000000ull
#define POOL_BYTES (4u << 20)

static uint8_t *pool;
static size_t pool_at, pool_limit;

static void *test_alloc(size_t size, size_t align)
{
    size_t at = (pool_at + align - 1) & ~(align - 1);

    if (at + size > pool_limit) {
        return NULL;
    }
    pool_at = at + size;
    return pool + at;
}

static hpa_t test_to_hpa(const void *table)
{
    return hpa(POOL_BASE + (uint64_t)((const uint8_t *)table - pool));
}

static void *test_from_hpa(hpa_t table)
{
    assert_true(table.v >= POOL_BASE && table.v < POOL_BASE + POOL_BYTES);
    return pool + (table.v - POOL_BASE);
}

static const struct gstage_mem mem = {test_alloc, test_to_hpa, test_from_hpa};

static int setup(void **state)
{
    (void)state;
    pool = aligned_alloc(GSTAGE_ROOT_SIZE, POOL_BYTES);
    memset(pool, 0, POOL_BYTES);
    pool_at = 0;
    pool_limit = POOL_BYTES;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(pool);
    return 0;
}

static void expect_page(const struct gstage *gs, uint64_t at, uint64_t to, uint64_t size)
{
    struct gstage_page page;

    assert_int_equal(gstage_find(gs, gpa(at), &page), ERR_OK);
    assert_int_equal(page.hpa.v, to);
    assert_int_equal(page.size, size);
}

static void expect_none(const struct gstage *gs, uint64_t at)
{
    struct gstage_page page;

    assert_int_equal(gstage_find(gs, gpa(at), &page), ERR_NOT_FOUND);
}

static void largest_pages(void **state)
{
    struct gstage gs;

    (void)state;
    assert_int_equal(gstage_init(&gs, &mem, 3), ERR_OK);
    /* 4 KiB up to the first 2 MiB border, 2 MiB up to the first GiB, one GiB, and down again. */
    assert_int_equal(gstage_map(&gs, gpa(GIB - 2 * MIB - PAGE_SIZE),
                                hpa(5 * GIB - 2 * MIB - PAGE_SIZE), GIB + 4 * MIB + 2 * PAGE_SIZE,
                                MAP_RAM),
                     ERR_OK);
    expect_none(&gs, GIB - 2 * MIB - PAGE_SIZE - 1);
    expect_page(&gs, GIB - 2 * MIB - 1, 5 * GIB - 2 * MIB - 1, PAGE_SIZE);
    expect_page(&gs, GIB - 1, 5 * GIB - 1, 2 * MIB);
    expect_page(&gs, GIB + 12345, 5 * GIB + 12345, GIB);
    expect_page(&gs, 2 * GIB, 6 * GIB, 2 * MIB);
    expect_page(&gs, 2 * GIB + 2 * MIB, 6 * GIB + 2 * MIB, PAGE_SIZE);
    expect_none(&gs, 2 * GIB + 2 * MIB + PAGE_SIZE);
    assert_int_equal(gs.spare_count, 0);
    /* The host address limits the page as well. */
    assert_int_equal(gstage_map(&gs, gpa(8 * GIB), hpa(2 * MIB), 2 * GIB, MAP_RW), ERR_OK);
    expect_page(&gs, 8 * GIB, 2 * MIB, 2 * MIB);
    assert_int_equal(gstage_map(&gs, gpa(16 * GIB), hpa(PAGE_SIZE), 4 * MIB, MAP_RW), ERR_OK);
    expect_page(&gs, 16 * GIB + 2 * MIB, 2 * MIB + PAGE_SIZE, PAGE_SIZE);
    assert_int_equal(gs.spare_count, 0);
}

static void bits(void **state)
{
    static const struct {
        enum map_attr attr;
        uint64_t flags; /* D A G U X W R V */
    } cases[] = {{MAP_RAM, 0xdf}, {MAP_RO, 0xd3}, {MAP_RW, 0xd7}, {MAP_DEVICE, 0xd7}};
    struct gstage gs;

    (void)state;
    assert_int_equal(gstage_init(&gs, &mem, 3), ERR_OK);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct gstage_page page;

        assert_int_equal(gstage_map(&gs, gpa(i * MIB), hpa(GIB), PAGE_SIZE, cases[i].attr), ERR_OK);
        assert_int_equal(gstage_find(&gs, gpa(i * MIB), &page), ERR_OK);
        assert_int_equal(page.pte & 0x3ff, cases[i].flags);
        assert_int_equal(page.pte >> 54, 0);
    }
}

static void bad_arguments(void **state)
{
    struct gstage gs;
    size_t before;

    (void)state;
    assert_int_equal(gstage_init(&gs, &mem, 3), ERR_OK);
    before = pool_at;
    assert_int_equal(gstage_map(&gs, gpa(1), hpa(0), PAGE_SIZE, MAP_RAM), ERR_INVALID);
    assert_int_equal(gstage_map(&gs, gpa(0), hpa(8), PAGE_SIZE, MAP_RAM), ERR_INVALID);
    assert_int_equal(gstage_map(&gs, gpa(0), hpa(0), 0, MAP_RAM), ERR_INVALID);
    assert_int_equal(gstage_map(&gs, gpa(0), hpa(0), 100, MAP_RAM), ERR_INVALID);
    assert_int_equal(gstage_map(&gs, gpa(-(uint64_t)PAGE_SIZE), hpa(0), 2 * PAGE_SIZE, MAP_RAM),
                     ERR_INVALID);
    assert_int_equal(gstage_map(&gs, gpa((1ull << 41) - PAGE_SIZE), hpa(0), 2 * PAGE_SIZE, MAP_RAM),
                     ERR_RANGE);
    assert_int_equal(gstage_map(&gs, gpa(0), hpa(1ull << 56), PAGE_SIZE, MAP_RAM), ERR_RANGE);
    assert_int_equal(gstage_unmap(&gs, gpa(0), 0), ERR_INVALID);
    assert_int_equal(gstage_unmap(&gs, gpa(1ull << 41), PAGE_SIZE), ERR_INVALID);
    assert_int_equal(pool_at, before);
    assert_int_equal(gstage_map(&gs, gpa((1ull << 41) - PAGE_SIZE), hpa(0), PAGE_SIZE, MAP_RAM),
                     ERR_OK);
}

static void exists_changes_nothing(void **state)
{
    static uint8_t copy[POOL_BYTES];
    struct gstage gs, before;

    (void)state;
    assert_int_equal(gstage_init(&gs, &mem, 3), ERR_OK);
    assert_int_equal(gstage_map(&gs, gpa(GIB + MIB), hpa(GIB), PAGE_SIZE, MAP_RAM), ERR_OK);
    assert_int_equal(gstage_map(&gs, gpa(4 * GIB), hpa(GIB), GIB, MAP_RAM), ERR_OK);
    memcpy(copy, pool, POOL_BYTES);
    before = gs;
    assert_int_equal(gstage_map(&gs, gpa(0), hpa(0), 2 * GIB, MAP_RAM), ERR_EXISTS);
    assert_int_equal(gstage_map(&gs, gpa(GIB), hpa(GIB), 2 * MIB, MAP_RAM), ERR_EXISTS);
    assert_int_equal(gstage_map(&gs, gpa(4 * GIB + MIB), hpa(0), PAGE_SIZE, MAP_RAM), ERR_EXISTS);
    assert_int_equal(gstage_map(&gs, gpa(4 * GIB - PAGE_SIZE), hpa(0), 2 * PAGE_SIZE, MAP_RAM),
                     ERR_EXISTS);
    assert_memory_equal(copy, pool, POOL_BYTES);
    assert_memory_equal(&before, &gs, sizeof(gs));
}

static void no_memory_changes_no_translation(void **state)
{
    struct gstage gs;

    (void)state;
    assert_int_equal(gstage_init(&gs, &mem, 3), ERR_OK);
    pool_limit = pool_at + 2 * PAGE_SIZE; /* three are needed: one of 2 MiB entries, two of pages */
    assert_int_equal(gstage_map(&gs, gpa(2 * MIB - PAGE_SIZE), hpa(GIB), 2 * PAGE_SIZE, MAP_RAM),
                     ERR_NO_MEMORY);
    expect_none(&gs, 2 * MIB - PAGE_SIZE);
    expect_none(&gs, 2 * MIB);
    assert_int_equal(gs.spare_count, 2);
    pool_limit += PAGE_SIZE; /* what was allocated has not been lost */
    assert_int_equal(gstage_map(&gs, gpa(2 * MIB - PAGE_SIZE), hpa(GIB), 2 * PAGE_SIZE, MAP_RAM),
                     ERR_OK);
    expect_page(&gs, 2 * MIB, GIB + PAGE_SIZE, PAGE_SIZE);
    assert_int_equal(gs.spare_count, 0);

    pool_limit = pool_at;
    assert_int_equal(gstage_init(&gs, &mem, 3), ERR_NO_MEMORY);
}

static void grows_to_four_levels(void **state)
{
    struct gstage gs;

    (void)state;
    assert_int_equal(gstage_init(&gs, &mem, 4), ERR_OK);
    assert_int_equal(gstage_hgatp(&gs) >> 60, 8);
    assert_int_equal(gstage_map(&gs, gpa(3 * GIB), hpa(GIB), GIB, MAP_RAM), ERR_OK);
    assert_int_equal(gstage_map(&gs, gpa((1ull << 41) - PAGE_SIZE), hpa(GIB), PAGE_SIZE, MAP_RAM),
                     ERR_OK);
    assert_int_equal(gs.levels, 3);
    assert_int_equal(gstage_map(&gs, gpa(1ull << 41), hpa(7 * GIB), PAGE_SIZE, MAP_RO), ERR_OK);
    assert_int_equal(gs.levels, 4);
    assert_int_equal(gstage_hgatp(&gs) >> 60, 9);
    assert_int_equal(gstage_hgatp(&gs) & 0xfffffffffff, test_to_hpa(gs.root).v >> 12);
    assert_int_equal(test_to_hpa(gs.root).v % GSTAGE_ROOT_SIZE, 0);
    expect_page(&gs, 3 * GIB + 5, GIB + 5, GIB);
    expect_page(&gs, (1ull << 41) - 1, GIB + PAGE_SIZE - 1, PAGE_SIZE);
    expect_page(&gs, 1ull << 41, 7 * GIB, PAGE_SIZE);
    expect_none(&gs, (1ull << 41) + PAGE_SIZE);
    assert_int_equal(gstage_map(&gs, gpa((1ull << 50) - PAGE_SIZE), hpa(0), PAGE_SIZE, MAP_RAM),
                     ERR_OK);
    assert_int_equal(gstage_map(&gs, gpa(1ull << 50), hpa(0), PAGE_SIZE, MAP_RAM), ERR_RANGE);
}

static void unmap_splits_nothing(void **state)
{
    struct gstage gs;

    (void)state;
    assert_int_equal(gstage_init(&gs, &mem, 3), ERR_OK);
    assert_int_equal(gstage_map(&gs, gpa(4 * MIB), hpa(GIB), 4 * MIB + PAGE_SIZE, MAP_RAM), ERR_OK);
    assert_int_equal(gstage_unmap(&gs, gpa(5 * MIB), 4 * MIB), ERR_INVALID);
    assert_int_equal(gstage_unmap(&gs, gpa(4 * MIB), 3 * MIB), ERR_INVALID);
    expect_page(&gs, 4 * MIB, GIB, 2 * MIB);
    assert_int_equal(gstage_unmap(&gs, gpa(4 * MIB), 2 * MIB), ERR_OK);
    expect_none(&gs, 4 * MIB);
    expect_page(&gs, 6 * MIB, GIB + 2 * MIB, 2 * MIB);
    assert_int_equal(gstage_unmap(&gs, gpa(0), 1ull << 41), ERR_OK);
    expect_none(&gs, 6 * MIB);
    expect_none(&gs, 8 * MIB);
    /* A table that is left over takes pages again. */
    assert_int_equal(gstage_map(&gs, gpa(8 * MIB), hpa(8 * MIB), 2 * MIB, MAP_RAM), ERR_OK);
    expect_page(&gs, 10 * MIB - 1, 10 * MIB - 1, PAGE_SIZE);
}

#define MODEL_PAGES 4096u /* 16 MiB of guest addresses, in pages */

static void random_against_model(void **state)
{
    static uint64_t model[MODEL_PAGES]; /* host address + 1, 0: not mapped */
    struct gstage gs;
    uint64_t seed = 1;
    unsigned int done = 0;

    (void)state;
    memset(model, 0, sizeof(model));
    assert_int_equal(gstage_init(&gs, &mem, 4), ERR_OK);
    for (unsigned int round = 0; round < 4000; round++) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        uint64_t r = seed >> 16;
        uint64_t first = (r % MODEL_PAGES) & ~((1ull << (r >> 20) % 12) - 1);
        uint64_t count = 1 + (r >> 24) % 1200;
        uint64_t target = ((r >> 8) % 1024) << ((r & 1) != 0 ? 12 : 21);
        bool mapped = false;

        if (first + count > MODEL_PAGES) {
            count = MODEL_PAGES - first;
        }
        if ((r & 6) == 0) {
            if (gstage_unmap(&gs, gpa(first * PAGE_SIZE), count * PAGE_SIZE) == ERR_OK) {
                memset(&model[first], 0, count * sizeof(model[0]));
            }
        } else {
            for (uint64_t i = first; i < first + count; i++) {
                mapped = mapped || model[i] != 0;
            }
            assert_int_equal(
                gstage_map(&gs, gpa(first * PAGE_SIZE), hpa(target), count * PAGE_SIZE, MAP_RAM),
                mapped ? ERR_EXISTS : ERR_OK);
            for (uint64_t i = 0; !mapped && i < count; i++) {
                model[first + i] = target + i * PAGE_SIZE + 1;
            }
            done += !mapped;
        }
        for (uint64_t i = 0; i < MODEL_PAGES; i += 1 + (round + i) % 7) {
            struct gstage_page page;
            enum err e = gstage_find(&gs, gpa(i * PAGE_SIZE), &page);

            assert_int_equal(e, model[i] != 0 ? ERR_OK : ERR_NOT_FOUND);
            assert_true(e != ERR_OK || page.hpa.v + 1 == model[i]);
        }
    }
    assert_true(done > 50);
    assert_int_equal(gs.spare_count, 0);
}

/* Half a page is none: nothing of it is unmapped, nor is what lies in it. */
static void unmap_needs_pages(void **state)
{
    struct gstage gs;

    (void)state;
    assert_int_equal(gstage_init(&gs, &mem, 3), ERR_OK);
    assert_int_equal(gstage_map(&gs, gpa(0), hpa(GIB), 4 * PAGE_SIZE, MAP_RAM), ERR_OK);
    assert_int_equal(gstage_unmap(&gs, gpa(PAGE_SIZE + 8), PAGE_SIZE), ERR_INVALID);
    assert_int_equal(gstage_unmap(&gs, gpa(PAGE_SIZE), PAGE_SIZE / 2), ERR_INVALID);
    assert_int_equal(gstage_unmap(&gs, gpa(PAGE_SIZE), PAGE_SIZE + 8), ERR_INVALID);
    assert_int_equal(gstage_unmap(&gs, gpa(PAGE_SIZE), 0 - 2ull * PAGE_SIZE), ERR_INVALID);
    for (uint64_t at = 0; at < 4 * PAGE_SIZE; at += PAGE_SIZE) {
        expect_page(&gs, at, GIB + at, PAGE_SIZE);
    }
}

/* An address beyond what the tables reach is nowhere, not the one that its lower bits name. */
static void find_beyond_reach(void **state)
{
    struct gstage gs;

    (void)state;
    assert_int_equal(gstage_init(&gs, &mem, 4), ERR_OK);
    assert_int_equal(gstage_map(&gs, gpa(0), hpa(GIB), PAGE_SIZE, MAP_RAM), ERR_OK);
    expect_page(&gs, 0, GIB, PAGE_SIZE);
    expect_none(&gs, 1ull << 41);
    expect_none(&gs, 1ull << 50);
    expect_none(&gs, 1ull << 63);
    assert_int_equal(gstage_map(&gs, gpa(1ull << 41), hpa(2 * GIB), PAGE_SIZE, MAP_RAM), ERR_OK);
    expect_page(&gs, 1ull << 41, 2 * GIB, PAGE_SIZE);
    expect_none(&gs, 1ull << 50);
    expect_none(&gs, 1ull << 63);
}

/* No memory for a fourth level, or for a root: an error, and what was there stays. */
static void no_memory_to_grow(void **state)
{
    struct gstage gs, none;

    (void)state;
    assert_int_equal(gstage_init(&gs, &mem, 4), ERR_OK);
    assert_int_equal(gstage_map(&gs, gpa(0), hpa(GIB), PAGE_SIZE, MAP_RAM), ERR_OK);
    pool_limit = pool_at;
    assert_int_equal(gstage_map(&gs, gpa(1ull << 41), hpa(GIB), PAGE_SIZE, MAP_RAM), ERR_NO_MEMORY);
    assert_int_equal(gs.levels, 3);
    expect_page(&gs, 0, GIB, PAGE_SIZE);
    assert_int_equal(gstage_init(&none, &mem, 3), ERR_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(largest_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(bits, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(exists_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory_changes_no_translation, setup, teardown),
        cmocka_unit_test_setup_teardown(grows_to_four_levels, setup, teardown),
        cmocka_unit_test_setup_teardown(unmap_splits_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(random_against_model, setup, teardown),
        cmocka_unit_test_setup_teardown(unmap_needs_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(find_beyond_reach, setup, teardown),
        cmocka_unit_test_setup_teardown(no_memory_to_grow, setup, teardown),
    };

    return cmocka_run_group_tests_name("gstage", tests, NULL, NULL);
}
