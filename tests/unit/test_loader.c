/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/loader.c core/memmap.c tests/unit/fake_arch.c tests/unit/fake_memory.c
   tests/unit/fake_setup.c tests/unit/fake_core.c libfdt */
/*
 * What a VM finds in its RAM: its images and its FDT in their places, zeroes everywhere else; and
 * that no part of a load is long.
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

static unsigned char kernel[KERNEL], initrd[4097], dtb[4096];
static struct image images[] = {
    {.name = "kernel", .data = kernel, .size = sizeof(kernel)},
    {.name = "initrd", .data = initrd, .size = sizeof(initrd)},
    {.name = "dtb", .data = dtb, .size = sizeof(dtb)},
};
static struct mem_config mem;
static struct vm *vm;
static enum err verdict, fdt_verdict;
static const char *bad_image; /* NULL: verdict is all images' */
static struct guest_initrd told;
static size_t told_room;
static uint32_t verify_parts, unverified;
static struct vm *beside; /* is to write its FDT while another one's is written */

static uint64_t part_max;

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

enum err bundle_verify_part(struct bundle *b, struct image *image, bool alone, const char **why)
{
    (void)b;
    assert_int_equal(alone, !hart_has_queue(vcpu_hart(vm->vcpus[0])));
    verify_parts++;
    if (++unverified % 3 != 0) {
        return ERR_BUSY;
    }
    *why = "bad hash";
    return bad_image != NULL && strcmp(bad_image, image->name) == 0 ? ERR_IO : verdict;
}

enum err guest_fdt_write(const struct vm *of, const struct guest_initrd *i, void *buf, size_t size)
{
    assert_int_equal(i->size, of->config->initrd != NULL ? images[1].size : 0);
    told = *i;
    told_room = size;
    if (beside != NULL && beside != of) { /* as another hart would, meanwhile */
        struct loaded at;
        const char *why = NULL;

        assert_int_equal(loader_step(beside, &at, &why), ERR_BUSY);
        beside = NULL;
    }
    if (fdt_verdict != ERR_OK) {
        return fdt_verdict;
    }
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
    memset(kernel, 0x11, sizeof(kernel));
    memset(initrd, 0x22, sizeof(initrd));
    memset(dtb, 0x33, sizeof(dtb));
    images[0].size = sizeof(kernel);
    images[1].size = sizeof(initrd);
    verdict = fdt_verdict = ERR_OK;
    bad_image = NULL;
    verify_parts = unverified = 0;
    part_max = 2 * MIB; /* it has its hart for itself */
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

/* One part: a bounded one, of one kind of work. */
static enum err part(struct vm *of, struct loaded *at, const char **why)
{
    uint64_t written = fake.bytes_written;
    uint32_t verified = verify_parts;
    enum err e = loader_step(of, at, why);

    written = fake.bytes_written - written;
    verified = verify_parts - verified;
    assert_true(written <= part_max);
    assert_true(verified == 0 || (verified == 1 && written == 0));
    return e;
}

static enum err load(struct loaded *at, const char **why)
{
    enum err e;

    loader_begin(vm);
    do {
        e = part(vm, at, why);
    } while (e == ERR_BUSY);
    return e;
}

static void test_every_byte(void **state)
{
    const unsigned char *ram = fake_gpa(vm, RAM, RAM_BYTES);
    struct loaded at;
    const char *why = NULL;
    uint64_t fdt, fdt_end;

    (void)state;
    assert_int_equal(load(&at, &why), ERR_OK);
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

/* With others on its hart, who must not wait long. */
static void test_every_byte_by_turns(void **state)
{
    static struct runqueue rq;

    vm->vcpus[0]->hart->rq = &rq;
    part_max = 128 * KIB;
    test_every_byte(state);
}

static void test_no_room(void **state)
{
    struct loaded at;
    const char *why = NULL;

    (void)state;
    mem.size = 6 * MIB;
    assert_int_equal(load(&at, &why), ERR_RANGE);
    assert_non_null(strstr(why, "do not fit"));
}

static void test_bad_image(void **state)
{
    struct loaded at;
    const char *why = NULL;

    (void)state;
    verdict = ERR_IO;
    assert_int_equal(load(&at, &why), ERR_IO);
    assert_string_equal(why, "bad hash");
    assert_int_equal(fake.bytes_written, 0);
}

/* A load that was broken off anywhere leaves nothing behind that the next one could meet. */
static void test_from_the_beginning(void **state)
{
    struct loaded at;
    const char *why = NULL;
    uint64_t before;

    (void)state;
    for (uint32_t parts = 0; parts < 17; parts++) {
        memset(fake_gpa(vm, RAM, RAM_BYTES), 0xa5, RAM_BYTES);
        loader_begin(vm);
        for (uint32_t i = 0; i < parts; i++) {
            assert_int_equal(part(vm, &at, &why), ERR_BUSY);
        }
        unverified = 0;
        before = fake.bytes_written;
        assert_int_equal(load(&at, &why), ERR_OK);
        assert_int_equal(fake.bytes_written - before, RAM_BYTES);
        assert_true(all(fake_gpa(vm, RAM, KERNEL), KERNEL, 0x11));
        assert_true(all(fake_gpa(vm, RAM + KERNEL, MIB), MIB, 0));
    }
}

/* Part by part, two loads do not meet. */
static void test_two_at_once(void **state)
{
    struct vm *other = fake_vm_add("other", 1, 0, RAM, RAM_BYTES);
    struct vm_config *c = &fake_vm(other)->config;
    struct vm_config both[2];
    struct loaded at[2];
    const char *why = NULL;
    enum err e[2] = {ERR_BUSY, ERR_BUSY};

    (void)state;
    *c = *vm->config;
    c->kernel = "initrd";
    c->initrd = NULL;
    fake_vm(vm)->config.initrd = NULL;
    images[1].size = 4096;
    both[0] = *vm->config;
    both[1] = *c;
    machine.manifest.vms = both;
    machine.manifest.vm_count = 2;
    assert_int_equal(loader_init(), ERR_OK);
    loader_begin(vm);
    loader_begin(other);
    while (e[0] == ERR_BUSY || e[1] == ERR_BUSY) {
        for (uint32_t i = 0; i < 2; i++) {
            e[i] = e[i] == ERR_BUSY ? part(i == 0 ? vm : other, &at[i], &why) : e[i];
        }
    }
    assert_int_equal(e[0], ERR_OK);
    assert_int_equal(e[1], ERR_OK);
    assert_true(all(fake_gpa(vm, RAM, KERNEL), KERNEL, 0x11));
    assert_true(all(fake_gpa(vm, RAM + KERNEL, MIB), MIB, 0));
    assert_true(all(fake_gpa(other, RAM, 4096), 4096, 0x22));
    assert_true(all(fake_gpa(other, RAM + 4096, KERNEL), KERNEL, 0));
    assert_int_equal(fake.bytes_written, 2 * RAM_BYTES);
    memset(&machine.manifest, 0, sizeof(machine.manifest));
}

/* While one's FDT is written another one's is not, and no part waits for that. */
static void test_fdt_at_once(void **state)
{
    enum { TO_PLACE = 5 }; /* three parts of the kernel's hash, and no initrd and no FDT */
    struct vm *other = fake_vm_add("other", 1, 0, RAM, RAM_BYTES);
    struct vm_config both[2];
    struct loaded at;
    const char *why = NULL;
    enum err e = ERR_BUSY;

    (void)state;
    fake_vm(vm)->config.initrd = NULL;
    fake_vm(other)->config = *vm->config;
    both[0] = both[1] = *vm->config;
    machine.manifest.vms = both;
    machine.manifest.vm_count = 2;
    assert_int_equal(loader_init(), ERR_OK);
    loader_begin(other);
    for (int i = 0; i < TO_PLACE; i++) {
        assert_int_equal(part(other, &at, &why), ERR_BUSY);
    }
    beside = other;
    assert_int_equal(load(&at, &why), ERR_OK);
    assert_null(beside); /* it was there, and refused */
    while (e == ERR_BUSY) {
        e = part(other, &at, &why);
    }
    assert_int_equal(e, ERR_OK);
    memset(&machine.manifest, 0, sizeof(machine.manifest));
}

/* ---- the small print ------------------------------------------------------------------------- */

/* A RISC-V boot image header at the start of the kernel [Linux, RISC-V boot requirements]. */
static void put_header(uint64_t text_offset, uint64_t image_size)
{
    memset(kernel, 0, 64);
    memcpy(kernel + 8, &text_offset, sizeof(text_offset));
    memcpy(kernel + 16, &image_size, sizeof(image_size));
    memcpy(kernel + 56, "RSC\x05", 4);
}

static struct loaded load_ok(void)
{
    struct loaded at;
    const char *why = NULL;

    assert_int_equal(load(&at, &why), ERR_OK);
    return at;
}

/* The kernel lies at its text_offset; nothing is put into what it claims beyond its file. */
static void test_boot_image(void **state)
{
    const unsigned char *ram = fake_gpa(vm, RAM, RAM_BYTES);

    (void)state;
    put_header(2 * MIB, 7 * MIB);
    assert_int_equal(load_ok().entry.v, RAM + 2 * MIB);
    assert_true(all(ram, 2 * MIB, 0));
    assert_memory_equal(ram + 2 * MIB, kernel, KERNEL);
    assert_true(all(ram + 7 * MIB, 3 * MIB, 0));
    assert_int_equal(told.start.v, RAM + 10 * MIB); /* 2 + 7, at the next 2 MiB */
    assert_memory_equal(ram + 10 * MIB, initrd, sizeof(initrd));

    put_header(0, MIB); /* a file counts whole, whatever its header says */
    assert_int_equal(load_ok().entry.v, RAM);
    assert_int_equal(told.start.v, RAM + 6 * MIB);
}

/* With a header the kernel goes to a multiple of 2 MiB, without to the start of RAM. */
static void test_boot_image_is_aligned(void **state)
{
    (void)state;
    (void)fake_vm_region(vm, 0x90100000, 12 * MIB, REGION_RAM, MAP_RAM);
    mem = (struct mem_config){.gpa = 0x90100000, .size = 12 * MIB};
    assert_int_equal(load_ok().entry.v, 0x90100000);
    put_header(0, 0);
    assert_int_equal(load_ok().entry.v, 0x90200000);
}

/* What is no header, or says what cannot be, counts for nothing: it is hostile input. */
static void test_no_boot_image(void **state)
{
    (void)state;
    put_header(4 * MIB, 0);
    kernel[56] ^= 1;
    assert_int_equal(load_ok().entry.v, RAM);
    put_header(GIB + 1, 0);
    assert_int_equal(load_ok().entry.v, RAM);
    put_header(UINT64_MAX - RAM + 1, 0);
    assert_int_equal(load_ok().entry.v, RAM);
    put_header(4 * MIB, GIB + 1);
    assert_int_equal(load_ok().entry.v, RAM);
    put_header(4 * MIB, UINT64_MAX);
    assert_int_equal(load_ok().entry.v, RAM);
    put_header(4 * MIB, 0);
    images[0].size = 63;
    assert_int_equal(load_ok().entry.v, RAM);
    images[0].size = 64;
    assert_int_equal(load_ok().entry.v, RAM + 4 * MIB);
}

/* More RAM, above and below the first region: zeroes, and no more than that. */
static void test_other_regions_are_zeroed(void **state)
{
    static struct mem_config mems[3] = {
        {.gpa = RAM, .size = RAM_BYTES},
        {.gpa = 0x40000000, .size = 3 * MIB},
        {.gpa = 0x90000000, .size = MIB},
    };
    unsigned char *below = fake_vm_region(vm, 0x40000000, 3 * MIB, REGION_RAM, MAP_RAM);
    unsigned char *above = fake_vm_region(vm, 0x90000000, MIB, REGION_RAM, MAP_RAM);

    (void)state;
    memset(below, 0xa5, 3 * MIB);
    memset(above, 0xa5, MIB);
    fake_vm(vm)->config.mem = mems;
    fake_vm(vm)->config.mem_count = 3;
    (void)load_ok();
    assert_true(all(below, 3 * MIB, 0));
    assert_true(all(above, MIB, 0));
    assert_int_equal(fake.bytes_written, RAM_BYTES + 4 * MIB);
    assert_true(all(fake_gpa(vm, RAM, KERNEL), KERNEL, 0x11));
}

/* An initrd that there is not lies at no address, the lowest included. */
static void test_no_initrd_with_ram_at_0(void **state)
{
    unsigned char *ram = fake_vm_region(vm, 0, RAM_BYTES, REGION_RAM, MAP_RAM);

    (void)state;
    memset(ram, 0xa5, RAM_BYTES);
    mem.gpa = 0;
    fake_vm(vm)->config.initrd = NULL;
    assert_int_equal(load_ok().entry.v, 0);
    assert_true(all(ram, KERNEL, 0x11));
    assert_true(all(ram + KERNEL, 10 * MIB, 0));
    assert_int_equal(fake.bytes_written, RAM_BYTES);
}

/* An FDT made by hand is taken as it is; it may touch what lies below, and no more. */
static void test_fdt_by_hand(void **state)
{
    struct loaded at;
    const char *why = NULL;

    (void)state;
    fake_vm(vm)->config.fdt = "dtb";
    images[1].size = 4096;
    mem.size = 6 * MIB + 2 * 4096;
    at = load_ok();
    assert_int_equal(at.fdt.v, RAM + 6 * MIB + 4096);
    assert_memory_equal(fake_gpa(vm, at.fdt.v, sizeof(dtb)), dtb, sizeof(dtb));
    assert_memory_equal(fake_gpa(vm, RAM + 6 * MIB, 4096), initrd, 4096);

    images[1].size = 4097;
    assert_int_equal(load(&at, &why), ERR_RANGE);
    assert_non_null(strstr(why, "do not fit"));

    fake_vm(vm)->config.initrd = NULL;
    images[0].size = 64;
    mem.size = 4096; /* the FDT alone fills it */
    assert_int_equal(load(&at, &why), ERR_RANGE);
}

/* Each image that the manifest names must be there and good; which is not, is told. */
static void test_images_missing_or_bad(void **state)
{
    static const char none[] = "none";
    struct vm_config *c = &fake_vm(vm)->config;
    struct loaded at;
    const char *why = NULL;

    (void)state;
    c->kernel = none;
    assert_int_equal(load(&at, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why, "not in the bundle"));
    c->kernel = "kernel";
    c->initrd = none;
    assert_int_equal(load(&at, &why), ERR_NOT_FOUND);
    c->initrd = "initrd";
    c->fdt = none;
    assert_int_equal(load(&at, &why), ERR_NOT_FOUND);
    c->fdt = NULL;
    bad_image = "initrd";
    assert_int_equal(load(&at, &why), ERR_IO);
    assert_string_equal(why, "bad hash");
    c->fdt = "dtb";
    bad_image = "dtb";
    assert_int_equal(load(&at, &why), ERR_IO);
    c->fdt = NULL;
    bad_image = NULL;
    fdt_verdict = ERR_RANGE;
    assert_int_equal(load(&at, &why), ERR_FAILED);
    assert_non_null(strstr(why, "FDT"));
    assert_int_equal(fake.bytes_written, 0);
}

/* The buffer grows with each thing that has a node of its own. */
static void test_fdt_room(void **state)
{
    struct vm_config *c = &fake_vm(vm)->config;
    uint32_t *const counts[] = {&c->vcpu_count, &c->vdev_count, &c->passthrough_count,
                                &machine.manifest.channel_count, &machine.manifest.shmem_count};
    size_t before;

    (void)state;
    (void)load_ok();
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        before = told_room;
        *counts[i] += 8;
        assert_int_equal(loader_init(), ERR_OK);
        (void)load_ok();
        assert_true(told_room >= before + 8 * KIB);
    }
    memset(&machine.manifest, 0, sizeof(machine.manifest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_byte_by_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_image, setup, teardown),
        cmocka_unit_test_setup_teardown(test_from_the_beginning, setup, teardown),
        cmocka_unit_test_setup_teardown(test_two_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fdt_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_boot_image, setup, teardown),
        cmocka_unit_test_setup_teardown(test_boot_image_is_aligned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_boot_image, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_regions_are_zeroed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_initrd_with_ram_at_0, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fdt_by_hand, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images_missing_or_bad, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fdt_room, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
