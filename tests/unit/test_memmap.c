/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/memmap.c core/guest_copy.c tests/unit/fake_arch.c tests/unit/fake_memory.c
 *       tests/unit/fake_setup.c tests/unit/fake_core.c */
/* The guest map: order, overlaps, search; copies to and from guest RAM at its edges. */
#include "core/memmap.h"
#include "tests/unit/fake_arch.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM   0x80000000ull
#define BYTES 0x4000ull

static struct region ram_at(uint64_t start, uint64_t size, uint64_t host)
{
    return (struct region){gpa(start), size, hpa(host), REGION_RAM, MAP_RAM};
}

static int setup(void **state)
{
    (void)state;
    fake_init(2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static void regions_stay_sorted_and_apart(void **state)
{
    struct memmap map;
    const struct region *r;
    struct region add;

    (void)state;
    assert_int_equal(memmap_init(&map, 4), ERR_OK);
    add = ram_at(0x5000, 0x2000, 0x100000);
    assert_int_equal(memmap_add(&map, &add), ERR_OK);
    add = ram_at(0x1000, 0x1000, 0x200000);
    assert_int_equal(memmap_add(&map, &add), ERR_OK);
    add = ram_at(0x7000, 0x1000, 0x300000);
    assert_int_equal(memmap_add(&map, &add), ERR_OK);
    for (uint64_t start = 0x4000; start <= 0x7000; start += 0x1000) {
        add = ram_at(start, start == 0x4000 ? 0x9000 : 0x1000, 0x900000);
        assert_int_equal(memmap_add(&map, &add), ERR_EXISTS);
    }
    add = ram_at(0x2800, 0x1000, 0x400000);
    assert_int_equal(memmap_add(&map, &add), ERR_INVALID);
    add = ram_at(0x2000, 0x1000, 0x400800);
    assert_int_equal(memmap_add(&map, &add), ERR_INVALID);
    add = ram_at(0x2000, 0, 0x400000);
    assert_int_equal(memmap_add(&map, &add), ERR_INVALID);
    add = ram_at(UINT64_MAX - 0xfff, 0x2000, 0x400000);
    assert_int_equal(memmap_add(&map, &add), ERR_INVALID);
    add = ram_at(0x2000, 0x3000, 0x400000);
    assert_int_equal(memmap_add(&map, &add), ERR_OK);
    add = ram_at(0x10000, 0x1000, 0x500000);
    assert_int_equal(memmap_add(&map, &add), ERR_NO_MEMORY);
    assert_int_equal(map.count, 4);
    for (uint32_t i = 1; i < map.count; i++) {
        assert_true(map.regions[i - 1].gpa.v < map.regions[i].gpa.v);
    }
    assert_null(memmap_find(&map, gpa(0xfff)));
    assert_null(memmap_find(&map, gpa(0x8000)));
    assert_null(memmap_find(&map, gpa(UINT64_MAX)));
    r = memmap_find(&map, gpa(0x4fff));
    assert_int_equal(r->hpa.v, 0x400000);
    r = memmap_find(&map, gpa(0x5000));
    assert_int_equal(r->hpa.v, 0x100000);
}

static void ram_is_walked_in_chunks(void **state)
{
    struct memmap map;
    struct region add;
    hpa_t at;
    uint64_t chunk;

    (void)state;
    assert_int_equal(memmap_init(&map, 3), ERR_OK);
    add = ram_at(0x1000, 0x1000, 0x100000);
    assert_int_equal(memmap_add(&map, &add), ERR_OK);
    add = ram_at(0x2000, 0x1000, 0x900000);
    assert_int_equal(memmap_add(&map, &add), ERR_OK);
    add = (struct region){gpa(0x3000), 0x1000, hpa(0x300000), REGION_SHARED, MAP_RW};
    assert_int_equal(memmap_add(&map, &add), ERR_OK);
    assert_int_equal(memmap_ram(&map, gpa(0x1ff0), 0x20, &at, &chunk), ERR_OK);
    assert_int_equal(at.v, 0x100ff0);
    assert_int_equal(chunk, 0x10);
    assert_int_equal(memmap_ram(&map, gpa(0x2000), UINT64_MAX, &at, &chunk), ERR_OK);
    assert_int_equal(chunk, 0x1000);
    assert_int_equal(memmap_ram(&map, gpa(0x3000), 1, &at, &chunk), ERR_FAULT);
    assert_int_equal(memmap_ram(&map, gpa(0x4000), 1, &at, &chunk), ERR_FAULT);
    assert_true(memmap_is_ram(&map, gpa(0x1000), 0x2000));
    assert_false(memmap_is_ram(&map, gpa(0x1000), 0x2001));
    assert_false(memmap_is_ram(&map, gpa(0xfff), 2));
    assert_false(memmap_is_ram(&map, gpa(0x1000), 0));
    assert_false(memmap_is_ram(&map, gpa(0x1000), UINT64_MAX));
}

static void copies_at_the_edges(void **state)
{
    struct vm *vm = fake_vm_add("a", 1, 0, RAM, BYTES);
    unsigned char *second = fake_vm_region(vm, RAM + BYTES, BYTES, REGION_RAM, MAP_RAM);
    unsigned char *first = fake_gpa(vm, RAM, BYTES);
    char text[] = "0123456789";
    char back[sizeof(text)] = "";

    (void)state;
    assert_int_equal(guest_write(vm, gpa(RAM + BYTES - 4), text, sizeof(text)), ERR_OK);
    assert_memory_equal(first + BYTES - 4, "0123", 4);
    assert_memory_equal(second, "456789", 7);
    assert_int_equal(guest_read(vm, back, gpa(RAM + BYTES - 4), sizeof(back)), ERR_OK);
    assert_string_equal(back, text);
    assert_int_equal(guest_read(vm, back, gpa(0), 0), ERR_OK);
}

static void a_fault_copies_nothing(void **state)
{
    struct vm *vm = fake_vm_add("a", 1, 0, RAM, BYTES);
    unsigned char *ram = fake_gpa(vm, RAM, BYTES);
    char text[16] = "not to be seen";
    uint64_t moved = fake.bytes_read + fake.bytes_written;

    (void)state;
    assert_int_equal(guest_write(vm, gpa(RAM + BYTES - 8), text, 16), ERR_FAULT);
    assert_int_equal(guest_read(vm, text, gpa(RAM - 1), 16), ERR_FAULT);
    assert_int_equal(guest_read(vm, text, gpa(RAM), UINT64_MAX), ERR_FAULT);
    assert_int_equal(guest_write(vm, gpa(UINT64_MAX - 7), text, 16), ERR_FAULT);
    assert_int_equal(guest_copy(vm, gpa(RAM), vm, gpa(RAM + BYTES - 8), 16), ERR_FAULT);
    assert_int_equal(guest_copy(vm, gpa(RAM + BYTES - 8), vm, gpa(RAM), 16), ERR_FAULT);
    assert_int_equal(fake.bytes_read + fake.bytes_written, moved);
    assert_int_equal(ram[BYTES - 8], 0xa5);
}

static void shared_and_device_regions_are_no_ram(void **state)
{
    struct vm *vm = fake_vm_add("a", 1, 0, RAM, BYTES);
    char byte = 0;

    (void)state;
    (void)fake_vm_region(vm, 0x70000000, BYTES, REGION_SHARED, MAP_RW);
    assert_int_equal(guest_write(vm, gpa(0x70000000), &byte, 1), ERR_FAULT);
    assert_int_equal(guest_read(vm, &byte, gpa(0x70000000), 1), ERR_FAULT);
}

static void from_one_vm_to_another(void **state)
{
    struct vm *a = fake_vm_add("a", 1, 0, RAM, BYTES);
    struct vm *b = fake_vm_add("b", 1, 1, RAM, BYTES);
    unsigned char *second = fake_vm_region(b, RAM + BYTES, BYTES, REGION_RAM, MAP_RAM);

    (void)state;
    memcpy(fake_gpa(a, RAM + 0x10, 8), "message", 8);
    assert_int_equal(guest_copy(b, gpa(RAM + BYTES - 3), a, gpa(RAM + 0x10), 8), ERR_OK);
    assert_memory_equal(fake_gpa(b, RAM + BYTES - 3, 3), "mes", 3);
    assert_memory_equal(second, "sage", 5);
}

/* Wherever source and target are broken by their regions' ends: as many bytes as asked, no more. */
static void copies_move_what_was_asked(void **state)
{
    struct vm *a = fake_vm_add("a", 1, 0, RAM, BYTES);
    struct vm *b = fake_vm_add("b", 1, 1, RAM, BYTES);
    unsigned char *to[2] = {fake_gpa(b, RAM, BYTES),
                            fake_vm_region(b, RAM + BYTES, BYTES, REGION_RAM, MAP_RAM)};
    unsigned char *from[2] = {fake_gpa(a, RAM, BYTES),
                              fake_vm_region(a, RAM + BYTES, BYTES, REGION_RAM, MAP_RAM)};

    (void)state;
    for (uint32_t i = 0; i < 64; i++) {
        from[0][BYTES - 64 + i] = (unsigned char)i;
        from[1][i] = (unsigned char)(64 + i);
    }
    for (uint64_t src = 32; src <= 64; src += 4) {
        for (uint64_t dst = 32; dst <= 64; dst += 4) {
            memset(to[0], 0xee, BYTES);
            memset(to[1], 0xee, BYTES);
            assert_int_equal(
                guest_copy(b, gpa(RAM + BYTES - 64 + dst), a, gpa(RAM + BYTES - 64 + src), 40),
                ERR_OK);
            for (uint64_t i = 0; i < 128; i++) {
                unsigned char is = i < 64 ? to[0][BYTES - 64 + i] : to[1][i - 64];

                assert_int_equal(is, i >= dst && i < dst + 40 ? src + (i - dst) : 0xee);
            }
        }
    }
}

/* Nothing can be copied anywhere. */
static void nothing_is_no_fault(void **state)
{
    struct vm *vm = fake_vm_add("a", 1, 0, RAM, BYTES);
    char byte = 0;

    (void)state;
    assert_int_equal(guest_write(vm, gpa(0), &byte, 0), ERR_OK);
    assert_int_equal(guest_write(vm, gpa(UINT64_MAX), &byte, 0), ERR_OK);
    assert_int_equal(guest_copy(vm, gpa(0), vm, gpa(UINT64_MAX), 0), ERR_OK);
}

/* The host's side of a region is checked as the guest's is. */
static void host_addresses_that_wrap(void **state)
{
    struct memmap map;
    const struct region bad = {gpa(0x1000), 0x2000, {UINT64_MAX - 0xfff}, REGION_RAM, MAP_RAM};

    (void)state;
    assert_int_equal(memmap_init(&map, 2), ERR_OK);
    assert_int_equal(memmap_add(&map, &bad), ERR_INVALID);
    assert_int_equal(map.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(regions_stay_sorted_and_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(ram_is_walked_in_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_at_the_edges, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fault_copies_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(shared_and_device_regions_are_no_ram, setup, teardown),
        cmocka_unit_test_setup_teardown(from_one_vm_to_another, setup, teardown),
        cmocka_unit_test_setup_teardown(copies_move_what_was_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_no_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(host_addresses_that_wrap, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
