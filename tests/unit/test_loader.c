/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/loader.c core/memmap.c tests/unit/fake_arch.c tests/unit/fake_memory.c
   tests/unit/fake_setup.c tests/unit/fake_core.c libfdt */
/*
 * What a VM finds in its RAM: its images and its FDT in their places, zeroes everywhere else; and
 * that a load which nobody wants any more ends soon.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/bundle.h"
#include "core/guest_fdt.h"
#include "core/loader.h"
#include "tests/unit/fake_arch.h"

#include <libfdt.h>
#include <string.h>

#define RAM       0x80000000ull
#define RAM_BYTES (16ull * MIB)
#define KERNEL    (5u * MIB)

static unsigned char kernel[KERNEL], initrd[4097];
static struct image images[] = {
    {.name = "kernel", .data = kernel, .size = sizeof(kernel)},
    {.name = "initrd", .data = initrd, .size = sizeof(initrd)},
};
static struct mem_config mem;
static struct vm *vm;
static enum err verdict;

struct image *bundle_find(struct bundle *b, const char *name)
{
    (void)b;
    for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
        if (strcmp(images[i].name, name) == 0) {
            return &images[i];
        }
    }
    return NULL;
}

enum err bundle_verify(struct bundle *b, struct image *image, const char **why)
{
    (void)b;
    (void)image;
    *why = "bad hash";
    return verdict;
}

enum err guest_fdt_write(const struct vm *of, const struct guest_initrd *i, void *buf, size_t size)
{
    (void)of;
    assert_int_equal(i->size, of->config->initrd != NULL ? sizeof(initrd) : 0);
    return fdt_create_empty_tree(buf, (int)size) == 0 ? ERR_OK : ERR_RANGE;
}

static int setup(void **state)
{
    struct vm_config *c;

    (void)state;
    fake_init(1);
    vm = fake_vm_add("vm", 1, 0, RAM, RAM_BYTES);
    c = &fake_vm(vm)->config;
    mem = (struct mem_config){.gpa = RAM, .size = RAM_BYTES};
    c->mem = &mem;
    c->mem_count = 1;
    c->kernel = "kernel";
    c->initrd = "initrd";
    atomic_store(&vm->state_seen, VM_LOADING);
    memset(kernel, 0x11, sizeof(kernel));
    memset(initrd, 0x22, sizeof(initrd));
    verdict = ERR_OK;
    machine.manifest.vms = c;
    machine.manifest.vm_count = 1;
    assert_int_equal(loader_init(), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static bool all(const unsigned char *at, size_t len, unsigned char value)
{
    for (size_t i = 0; i < len; i++) {
        if (at[i] != value) {
            return false;
        }
    }
    return true;
}

static void test_every_byte(void **state)
{
    const unsigned char *ram = fake_gpa(vm, RAM, RAM_BYTES);
    struct loaded at;
    const char *why = NULL;
    uint64_t fdt, fdt_end;

    (void)state;
    assert_int_equal(loader_load(vm, &at, &why), ERR_OK);
    assert_int_equal(at.entry.v, RAM);
    assert_true(all(ram, KERNEL, 0x11));
    assert_true(all(ram + KERNEL, MIB, 0));
    assert_true(all(ram + 6 * MIB, sizeof(initrd), 0x22));
    fdt = at.fdt.v - RAM;
    assert_int_equal(fdt_check_header(ram + fdt), 0);
    fdt_end = fdt + fdt_totalsize(ram + fdt);
    assert_true(all(ram + 6 * MIB + sizeof(initrd), fdt - 6 * MIB - sizeof(initrd), 0));
    assert_true(fdt_end <= RAM_BYTES && all(ram + fdt_end, RAM_BYTES - fdt_end, 0));
    assert_int_equal(fake.bytes_written, RAM_BYTES);
}

static void test_no_room(void **state)
{
    struct loaded at;
    const char *why = NULL;

    (void)state;
    mem.size = 6 * MIB;
    assert_int_equal(loader_load(vm, &at, &why), ERR_RANGE);
    assert_non_null(strstr(why, "do not fit"));
}

static void test_bad_image(void **state)
{
    struct loaded at;
    const char *why = NULL;

    (void)state;
    verdict = ERR_IO;
    assert_int_equal(loader_load(vm, &at, &why), ERR_IO);
    assert_string_equal(why, "bad hash");
    assert_int_equal(fake.bytes_written, 0);
}

/* Stopped, or cancelled because the machine goes down: no further piece of 2 MiB is written. */
static void test_broken_off(void **state)
{
    struct loaded at;
    const char *why = NULL;

    (void)state;
    atomic_store(&vm->state_seen, VM_STOPPING);
    assert_int_equal(loader_load(vm, &at, &why), ERR_STATE);
    assert_true(fake.bytes_written < 2 * MIB);
}

static uint32_t polls;

static void second_poll_stops(void)
{
    if (++polls == 2) {
        atomic_store(&vm->state_seen, VM_STOPPING); /* what came by an interrupt, say a key */
    }
}

static void test_interrupts_are_served(void **state)
{
    struct loaded at;
    const char *why = NULL;

    (void)state;
    polls = 0;
    fake.on_poll = second_poll_stops;
    assert_int_equal(loader_load(vm, &at, &why), ERR_STATE);
    assert_int_equal(polls, 2);
    assert_true(fake.bytes_written < 4 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_image, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interrupts_are_served, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
