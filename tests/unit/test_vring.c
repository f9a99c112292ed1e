/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rings and chains of every shape, right and wrong, by way of the power key: right ones carry the
 * press, wrong ones stop the device and touch nothing that is not the VM's.
 */
/* LINK: drivers/virtual/vinput.c drivers/virtual/virtio_mmio.c drivers/virtual/vring.c
 *       drivers/virtual/place.c core/virq.c core/mmio_bus.c core/memmap.c core/guest_copy.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c libfdt */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/virtio_rig.h"

#define F_NEXT     1u
#define F_WRITE    2u
#define F_INDIRECT 4u

static int setup(void **state)
{
    (void)state;
    rig_init();
    rig_live(16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

/* DEVICE_NEEDS_RESET and a configuration change, and nothing goes on until the driver resets it. */
static void expect_broken(void)
{
    uint16_t used = rig_used(0)->idx;

    assert_int_equal(rd(R_STATUS), 0x4f);
    assert_int_equal(rd(R_INTERRUPT) & 2, 2);
    assert_true(rig.line);
    wr(R_ACK, 3);
    assert_false(rig.line);
    wr(R_STATUS, 15);
    wr(R_NOTIFY, 0);
    rig_press();
    assert_int_equal(rd(R_STATUS), 0x4f);
    assert_int_equal(rig_used(0)->idx, used);
    assert_false(rig.line);

    memset(fake_gpa(rig.vm, RIG_RAM, RIG_BYTES), 0, RIG_BYTES);
    rig_live(16);
    assert_int_equal(rd(R_STATUS), 15);
    for (uint32_t n = 0; n < 4; n++) {
        (void)rig_buffer(n, 8);
        rig_offer(0, 16, n);
    }
    wr(R_NOTIFY, 0);
    assert_int_equal(rd(R_STATUS), 15);
    assert_int_equal(rig_used(0)->idx, 4);
}

/* One byte a descriptor, with others that are empty or not to be written between. */
static void test_scattered(void **state)
{
    struct rig_desc *d = rig_desc(0);
    uint32_t at = 0;

    (void)state;
    d[at++] = (struct rig_desc){RIG_BUFFERS + 0x100, 8, F_NEXT, 1};
    d[at++] = (struct rig_desc){RIG_BUFFERS + 0x200, 0, F_NEXT | F_WRITE, 2};
    for (uint32_t i = 0; i < 8; i++, at++) {
        d[at] = (struct rig_desc){RIG_BUFFERS + 2ull * i, 1, F_WRITE | F_NEXT, (uint16_t)(at + 1)};
    }
    memset(fake_gpa(rig.vm, RIG_BUFFERS, 0x300), 0x77, 0x300);
    rig_offer(0, 16, 0);
    rig_press();
    assert_int_equal(rd(R_STATUS), 15);
    assert_int_equal(rig_used(0)->idx, 1);
    assert_int_equal(rig_used(0)->ring[0].len, 8);
    assert_memory_equal(fake_gpa(rig.vm, RIG_BUFFERS, 16),
                        "\x01\x77\0\x77\x74\x77\0\x77\x01\x77\0\x77\0\x77\0\x77", 16);
    assert_memory_equal(fake_gpa(rig.vm, RIG_BUFFERS + 0x100, 8),
                        "\x77\x77\x77\x77\x77\x77\x77\x77", 8);
}

/* A buffer larger than an event, at the very end of RAM, and one byte that is not. */
static void test_ends_of_ram(void **state)
{
    (void)state;
    rig_desc(0)[0] = (struct rig_desc){RIG_RAM + RIG_BYTES - 8, 0xffffffff, F_WRITE, 0};
    rig_desc(0)[1] = (struct rig_desc){RIG_RAM + RIG_BYTES - 7, 8, F_WRITE, 0};
    rig_offer(0, 16, 0);
    rig_offer(0, 16, 1);
    rig_press();
    assert_int_equal(rig_used(0)->idx, 1);
    assert_memory_equal(fake_gpa(rig.vm, RIG_RAM + RIG_BYTES - 8, 8), "\x01\0\x74\0\x01\0\0\0", 8);
    expect_broken();
}

/* All counters run over 2^16 and stay together. */
static void test_wraps(void **state)
{
    (void)state;
    rig_queue(0, 4);
    for (uint32_t n = 0; n < 4; n++) {
        (void)rig_buffer(n, 8);
    }
    for (uint32_t round = 0; round < 0x4000 + 3; round++) {
        for (uint32_t n = 0; n < 4; n++) {
            rig_offer(0, 4, 3 - n);
        }
        rig_press();
        assert_int_equal(rig_used(0)->idx, rig_avail(0)->idx);
        assert_int_equal(rig_used(0)->ring[2].id, 1);
    }
    assert_int_equal(rd(R_STATUS), 15);
}

/* One descriptor, one size: the least that there can be. */
static void test_size_one(void **state)
{
    void *buffer = rig_buffer(0, 8);

    (void)state;
    rig_queue(0, 1);
    rig_press();
    for (uint32_t n = 0; n < 4; n++) {
        rig_offer(0, 1, 0);
        wr(R_NOTIFY, 0);
        assert_int_equal(rig_used(0)->idx, n + 1);
    }
    assert_memory_equal(buffer, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(rd(R_STATUS), 15);
}

static void test_wrong_chains(void **state)
{
    static const struct rig_desc wrong[][2] = {
        {{RIG_BUFFERS, 7, F_WRITE, 0}, {0}},                                  /* too short */
        {{RIG_BUFFERS, 8, 0, 0}, {0}},                                        /* not writable */
        {{RIG_BUFFERS, 0, F_WRITE, 0}, {0}},                                  /* empty */
        {{RIG_BUFFERS, 8, F_WRITE | F_INDIRECT, 0}, {0}},                     /* not offered */
        {{RIG_BUFFERS, 4, F_WRITE | F_NEXT, 16}, {0}},                        /* beyond the table */
        {{RIG_BUFFERS, 4, F_WRITE | F_NEXT, 0xffff}, {0}},                    /* the same */
        {{RIG_BUFFERS, 0, F_WRITE | F_NEXT, 0}, {0}},                         /* a loop */
        {{RIG_BUFFERS, 0, F_NEXT, 1}, {RIG_BUFFERS, 0, F_WRITE | F_NEXT, 0}}, /* a longer one */
        {{0, 8, F_WRITE, 0}, {0}},                                            /* no RAM */
        {{RIG_BASE, 8, F_WRITE, 0}, {0}},                                     /* a device */
        {{~0ull - 3, 8, F_WRITE, 0}, {0}},                                    /* wraps around */
        {{RIG_BUFFERS, 4, F_WRITE | F_NEXT, 1}, {RIG_RAM - 4, 4, F_WRITE, 0}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        memcpy(rig_desc(0), wrong[i], sizeof(wrong[i]));
        rig_offer(0, 16, 0);
        rig_press();
        assert_int_equal(rig_used(0)->idx, 0);
        expect_broken();
        rig.key->ops->reset(rig.key);
        memset(fake_gpa(rig.vm, RIG_RAM, RIG_BYTES), 0, RIG_BYTES);
        rig_live(16);
    }
}

static void test_wrong_head(void **state)
{
    (void)state;
    (void)rig_buffer(0, 8);
    rig_offer(0, 16, 16);
    rig_press();
    expect_broken();
}

/* More available than the ring holds: once, by one, and all the way round. */
static void test_wrong_idx(void **state)
{
    static const uint16_t wrong[] = {17, 0x8000, 0xffff};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        rig_avail(0)->idx = wrong[i];
        rig_press();
        expect_broken();
        memset(fake_gpa(rig.vm, RIG_RAM, RIG_BYTES), 0, RIG_BYTES);
        rig_live(16);
    }
    rig_avail(0)->idx = 16; /* as many as there can be: then the first is looked at */
    rig_press();
    expect_broken();
}

/* Each area where there is no RAM, or where it ends too soon. */
static void test_wrong_areas(void **state)
{
    static const uint64_t places[] = {0,     RIG_BASE, RIG_RAM - 16, RIG_RAM + RIG_BYTES - 3,
                                      ~0ull, ~0ull - 7};
    static const uint32_t regs[] = {R_DESC, R_DRIVER, R_DEVICE_AREA};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(places) * ARRAY_SIZE(regs); i++) {
        (void)rig_buffer(0, 8);
        rig_offer(0, 16, 0);
        wr(R_QUEUE, 0);
        wr64(regs[i % ARRAY_SIZE(regs)], places[i / ARRAY_SIZE(regs)]);
        rig_press();
        assert_int_equal(rig_used(0)->idx, 0);
        expect_broken();
        rig.key->ops->reset(rig.key);
        memset(fake_gpa(rig.vm, RIG_RAM, RIG_BYTES), 0, RIG_BYTES);
        rig_live(16);
    }
}

/* idx of the used ring is RAM, its entries are not; and the other way round. */
static void test_used_at_the_end(void **state)
{
    (void)state;
    (void)rig_buffer(0, 8);
    rig_offer(0, 16, 0);
    wr(R_QUEUE, 0);
    wr64(R_DEVICE_AREA, RIG_RAM + RIG_BYTES - 4);
    rig_press();
    expect_broken();

    rig.key->ops->reset(rig.key);
    memset(fake_gpa(rig.vm, RIG_RAM, RIG_BYTES), 0, RIG_BYTES);
    rig_live(16);
    (void)rig_buffer(0, 8);
    rig_offer(0, 16, 0);
    wr(R_QUEUE, 0);
    wr64(R_DEVICE_AREA, RIG_RAM - 4);
    rig_press();
    expect_broken();
}

/* A size that cannot be leaves a ring that never holds a buffer. */
static void test_wrong_size(void **state)
{
    static const uint32_t wrong[] = {0, 17, 32, 0x10000, 0x10010, 0xffffffff};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        (void)rig_buffer(0, 8);
        rig_queue(0, wrong[i]);
        rig_press();
        assert_int_equal(rd(R_STATUS), 15);
        rig_offer(0, 16, 0);
        wr(R_NOTIFY, 0);
        expect_broken();
        memset(fake_gpa(rig.vm, RIG_RAM, RIG_BYTES), 0, RIG_BYTES);
        rig_live(16);
    }
}

/* Lamps are none of this device: the buffers come back, untouched. */
static void test_status_queue(void **state)
{
    (void)state;
    for (uint32_t n = 0; n < 16; n++) {
        rig_desc(1)[n] = (struct rig_desc){RIG_BUFFERS + 8ull * n, 8, 0, 0};
        rig_offer(1, 16, n);
    }
    memset(fake_gpa(rig.vm, RIG_BUFFERS, 128), 0x77, 128);
    wr(R_NOTIFY, 1);
    assert_int_equal(rig_used(1)->idx, 16);
    assert_int_equal(rig_used(0)->idx, 0);
    for (uint32_t n = 0; n < 16; n++) {
        assert_int_equal(rig_used(1)->ring[n].id, n);
        assert_int_equal(rig_used(1)->ring[n].len, 0);
        assert_memory_equal(fake_gpa(rig.vm, RIG_BUFFERS + 8ull * n, 8),
                            "\x77\x77\x77\x77\x77\x77\x77\x77", 8);
    }
    assert_true(rig.line);
    rig_avail(1)->ring[0] = 16;
    rig_avail(1)->idx++;
    wr(R_NOTIFY, 1);
    expect_broken();
}

/* One write costs a bounded number of bytes, whatever the rings say. */
static void test_bounded(void **state)
{
    uint64_t before;

    (void)state;
    for (uint32_t n = 0; n < 16; n++) {
        rig_desc(0)[n] =
            (struct rig_desc){RIG_BUFFERS, 0, F_WRITE | F_NEXT, (uint16_t)((n + 1) % 16)};
        rig_desc(1)[n] = (struct rig_desc){RIG_BUFFERS, 8, 0, 0};
        rig_offer(0, 16, n);
        rig_offer(1, 16, n);
    }
    before = fake.bytes_read;
    wr(R_NOTIFY, 1);
    assert_int_equal(rig_used(1)->idx, 16);
    assert_true(fake.bytes_read - before <= 16u * (2 + 2 + 16 + 2) + 2);
    before = fake.bytes_read;
    rig_press();
    assert_true(fake.bytes_read - before <= 2u + 2 + 16 * 16);
    expect_broken();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_scattered),       T(test_ends_of_ram), T(test_wraps),        T(test_size_one),
        T(test_wrong_chains),    T(test_wrong_head),  T(test_wrong_idx),    T(test_wrong_areas),
        T(test_used_at_the_end), T(test_wrong_size),  T(test_status_queue), T(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
