/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual power key, as a driver sees it: the registers of virtio-mmio, the states of a device,
 * what it says of itself, and a press. Rings that are not as they must be are in test_vring.c.
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

#include "core/log.h"
#include "tests/unit/virtio_rig.h"

static uint32_t warnings;

void log_line(enum log_level level, const char *fmt, ...)
{
    (void)fmt;
    warnings += level == LOG_WARN ? 1u : 0u;
}

static int setup(void **state)
{
    (void)state;
    warnings = 0;
    rig_init();
    assert_int_equal(warnings, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

struct event {
    uint16_t type, code;
    uint32_t value;
};

static const struct event whole_press[4] = {{1, 116, 1}, {0, 0, 0}, {1, 116, 0}, {0, 0, 0}};

/* Buffers of 8 bytes, from .. to - 1, available. */
static void offer(uint32_t from, uint32_t to)
{
    for (uint32_t n = from; n < to; n++) {
        (void)rig_buffer(n, 8);
        rig_offer(0, 16, n);
    }
}

/* Events from .. to - 1 of a press are in the buffers first .., given back in order. */
static void expect_events(uint32_t from, uint32_t to, uint32_t first)
{
    for (uint32_t i = from; i < to; i++) {
        uint32_t n = first + i - from;

        assert_int_equal(rig_used(0)->ring[n].id, n);
        assert_int_equal(rig_used(0)->ring[n].len, 8);
        assert_memory_equal(fake_gpa(rig.vm, RIG_BUFFERS + n * 0x40u, 8), &whole_press[i], 8);
    }
}

static void test_create_errors(void **state)
{
    struct vdev_config config = {.kind = VDEV_POWER_KEY, .gpa = 0x20000000, .irq = RIG_SOURCE};
    const char *why = NULL;

    (void)state;
    assert_null(vinput_create(rig.vm, &config, &why)); /* the source is taken */
    assert_non_null(why);
    why = NULL;
    config.irq = 5;
    config.gpa = RIG_BASE + 0x1f0;
    assert_null(vinput_create(rig.vm, &config, &why)); /* overlaps */
    assert_non_null(why);
}

static void test_identity(void **state)
{
    (void)state;
    assert_int_equal(rd(R_MAGIC), 0x74726976);
    assert_int_equal(rd(R_VERSION), 2);
    assert_int_equal(rd(R_DEVICE), 18);
    assert_memory_equal((const char[4]){"CURI"}, (uint32_t[]){rd(R_VENDOR)}, 4);
    assert_int_equal(rd(R_STATUS), 0);
    assert_int_equal(rd(R_INTERRUPT), 0);
    assert_int_equal(rd(R_GENERATION), 0);
    wr(R_SHM, 0);
    for (uint32_t reg = 0xb0; reg < 0xc0; reg += 4) {
        assert_int_equal(rd(reg), 0xffffffff);
    }
    assert_int_equal(rd(0xc0), 0);
    assert_false(rig.line);
}

/* What is only to be read keeps its value. */
static void test_read_only(void **state)
{
    static const uint32_t regs[] = {R_MAGIC,    R_VERSION,  R_DEVICE,    R_VENDOR,
                                    R_FEATURES, R_SIZE_MAX, R_INTERRUPT, R_GENERATION};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
        uint32_t before = rd(regs[i]);

        wr(regs[i], ~before);
        assert_int_equal(rd(regs[i]), before);
    }
}

static void test_widths(void **state)
{
    uint64_t value;

    (void)state;
    for (uint32_t width = 1; width <= 8; width *= 2) {
        enum err e = width == 4 ? ERR_OK : ERR_FAULT;

        assert_int_equal(rig_read(R_MAGIC, width, &value), e);
        assert_int_equal(rig_write(R_STATUS, width, 1), e);
        assert_int_equal(rig_read(R_CONFIG, width, &value), ERR_OK);
        assert_int_equal(rig_write(R_CONFIG, width, 0), ERR_OK);
    }
    assert_int_equal(rig_read(2, 4, &value), ERR_FAULT);
    assert_int_equal(rig_write(R_STATUS + 2, 4, 0), ERR_FAULT);
    assert_int_equal(rig_read(0xfe, 4, &value), ERR_FAULT);
    assert_int_equal(rig_read(0x200, 1, &value), ERR_NOT_FOUND);
    assert_int_equal(rig_read(0x1fd, 4, &value), ERR_NOT_FOUND);
}

static void test_features(void **state)
{
    static const struct {
        uint32_t word0, word1;
        bool good;
    } tries[] = {{0, 1, true}, {0, 0, false}, {1, 1, false}, {0, 3, false}, {1u << 28, 1, false}};

    (void)state;
    for (uint32_t sel = 0; sel < 4; sel++) {
        wr(R_FEATURES_SEL, sel);
        assert_int_equal(rd(R_FEATURES), sel == 1 ? 1 : 0); /* VIRTIO_F_VERSION_1 */
    }
    wr(R_STATUS, 8);
    assert_int_equal(rd(R_STATUS), 0); /* nothing accepted yet */
    for (size_t i = 0; i < ARRAY_SIZE(tries); i++) {
        wr(R_STATUS, 0);
        wr(R_STATUS, 3);
        wr(R_ACCEPT, tries[i].word0); /* word 0 is selected after a reset */
        wr(R_ACCEPT_SEL, 1);
        wr(R_ACCEPT, tries[i].word1);
        wr(R_ACCEPT_SEL, 7);
        wr(R_ACCEPT, 0);
        wr(R_STATUS, 11);
        assert_int_equal(rd(R_STATUS), tries[i].good ? 11 : 3);
    }
}

static void test_status(void **state)
{
    (void)state;
    rig_features();
    assert_int_equal(rd(R_STATUS), 11);
    wr(R_STATUS, 15 | 0x40 | 0x30); /* the device's own and reserved bits are not the driver's */
    assert_int_equal(rd(R_STATUS), 15);
    wr(R_STATUS, 1); /* none is taken back but by a reset */
    assert_int_equal(rd(R_STATUS), 15);
    wr(R_STATUS, 0x80);
    assert_int_equal(rd(R_STATUS), 0x8f);
    wr(R_STATUS, 0);
    assert_int_equal(rd(R_STATUS), 0);
    wr(R_STATUS, 8);
    assert_int_equal(rd(R_STATUS), 0); /* a reset forgets the features, too */
}

static void test_queues(void **state)
{
    (void)state;
    for (uint32_t q = 0; q < 5; q++) {
        wr(R_QUEUE, q);
        assert_int_equal(rd(R_SIZE_MAX), q < 2 ? 16 : 0);
        assert_int_equal(rd(R_READY), 0);
    }
    wr(R_QUEUE, 1);
    wr(R_READY, 1);
    assert_int_equal(rd(R_READY), 1);
    wr(R_QUEUE, 0);
    assert_int_equal(rd(R_READY), 0);
    wr(R_QUEUE, 1);
    assert_int_equal(rd(R_READY), 1);
    wr(R_READY, 0);
    assert_int_equal(rd(R_READY), 0);
    wr(R_READY, 1);
    wr(R_QUEUE, 0xffffffff);
    wr(R_SIZE, 16);
    wr64(R_DESC, ~0ull);
    wr(R_STATUS, 0);
    assert_int_equal(rd(R_SIZE_MAX), 16); /* queue 0 is selected again */
    wr(R_QUEUE, 1);
    assert_int_equal(rd(R_READY), 0);
}

/* What the configuration says; "" where there is nothing. */
static void expect_config(uint8_t select, uint8_t subsel, const void *data, size_t size)
{
    char got[128] = {0};
    char want[128] = {0};
    uint64_t value;

    assert_int_equal(rig_write(R_CONFIG + 1, 1, subsel), ERR_OK);
    assert_int_equal(rig_write(R_CONFIG, 1, select), ERR_OK);
    assert_int_equal(rig_read(R_CONFIG + 2, 1, &value), ERR_OK);
    assert_int_equal(value, size);
    for (size_t i = 0; i < sizeof(got); i++) {
        assert_int_equal(rig_read(R_CONFIG + 8 + i, 1, &value), ERR_OK);
        got[i] = (char)value;
    }
    memcpy(want, data, size);
    assert_memory_equal(got, want, sizeof(got));
    assert_int_equal(rig_read(R_CONFIG, 2, &value), ERR_OK);
    assert_int_equal(value, select | subsel << 8);
}

static void test_config(void **state)
{
    static const uint8_t keys[15] = {[14] = 0x10};

    (void)state;
    for (uint32_t select = 0; select < 0x20; select++) {
        for (uint32_t subsel = 0; subsel < 0x20; subsel++) {
            bool name = select == 1 && subsel == 0;
            bool bits = select == 0x11 && subsel == 1;

            expect_config((uint8_t)select, (uint8_t)subsel,
                          name ? "Curia power key" : (const char *)keys, name || bits ? 15 : 0);
        }
    }
    expect_config(1, 0, "Curia power key", 15);
    assert_int_equal(rig_write(R_CONFIG + 2, 1, 99), ERR_OK); /* not the driver's */
    assert_int_equal(rig_write(R_CONFIG + 8, 4, 0), ERR_OK);
    expect_config(1, 0, "Curia power key", 15);
    wr(R_STATUS, 0);
    expect_config(0x11, 1, keys, 15);
}

static void test_press(void **state)
{
    (void)state;
    rig_live(16);
    offer(0, 6);
    wr(R_NOTIFY, 0);
    assert_false(rig.line);
    assert_int_equal(rig_used(0)->idx, 0);
    rig_press();
    assert_int_equal(rig_used(0)->idx, 4);
    expect_events(0, 4, 0);
    assert_true(rig.line);
    assert_int_equal(rd(R_INTERRUPT), 1);
    wr(R_ACK, 2); /* not what is pending */
    assert_true(rig.line);
    wr(R_ACK, 3);
    assert_int_equal(rd(R_INTERRUPT), 0);
    assert_false(rig.line);
    assert_int_equal(rig_used(0)->idx, 4);
    rig.key->ops->reset(rig.key);
    assert_int_equal(warnings, 0); /* it was told */
}

/* A press waits for the driver, the queue, buffers; it comes in parts, whole and in order. */
static void test_press_waits(void **state)
{
    (void)state;
    rig_press();
    rig_features();
    rig_queue(0, 16);
    offer(0, 1);
    wr(R_NOTIFY, 0);
    assert_int_equal(rig_used(0)->idx, 0); /* not before DRIVER_OK */
    wr(R_STATUS, 15);
    assert_int_equal(rig_used(0)->idx, 1);
    offer(1, 3);
    assert_int_equal(rig_used(0)->idx, 1);
    wr(R_NOTIFY, 0);
    assert_int_equal(rig_used(0)->idx, 3);
    offer(3, 8);
    wr(R_NOTIFY, 0);
    wr(R_NOTIFY, 0xffffffff);
    assert_int_equal(rig_used(0)->idx, 4);
    expect_events(0, 4, 0);
    rig_press(); /* another one */
    assert_int_equal(rig_used(0)->idx, 8);
    expect_events(0, 4, 4);
}

/* A driver that takes over in the middle hears the key go down first. */
static void test_press_begins_anew(void **state)
{
    (void)state;
    rig_live(16);
    offer(0, 3);
    rig_press();
    assert_int_equal(rig_used(0)->idx, 3);
    wr(R_STATUS, 0);
    assert_false(rig.line);
    assert_int_equal(rd(R_INTERRUPT), 0);
    memset(fake_gpa(rig.vm, RIG_RAM, RIG_BYTES), 0, RIG_BYTES);
    rig_live(16);
    offer(0, 4);
    wr(R_NOTIFY, 0);
    assert_int_equal(rig_used(0)->idx, 4);
    expect_events(0, 4, 0);
}

/* While no queue is ready, or the driver has failed, its memory is left alone. */
static void test_not_live(void **state)
{
    (void)state;
    rig_live(16);
    offer(0, 4);
    wr(R_QUEUE, 0);
    wr(R_READY, 0);
    rig_press();
    assert_int_equal(rig_used(0)->idx, 0);
    wr(R_STATUS, 0x80);
    wr(R_READY, 1);
    wr(R_NOTIFY, 0);
    assert_int_equal(rig_used(0)->idx, 0);
    assert_false(rig.line);
}

static void test_no_interrupt(void **state)
{
    (void)state;
    rig_live(16);
    offer(0, 8);
    rig_avail(0)->flags = 1;
    rig_press();
    assert_int_equal(rig_used(0)->idx, 4);
    assert_false(rig.line);
    rig_avail(0)->flags = 0;
    rig_press();
    assert_true(rig.line);
}

/* The VM's next life knows nothing of this one. */
static void test_power_on(void **state)
{
    (void)state;
    rig_live(16);
    offer(0, 3);
    expect_config(1, 0, "Curia power key", 15);
    rig_press();
    assert_true(rig.line);
    rig.key->ops->reset(rig.key);
    assert_int_equal(warnings, 1); /* one event was never heard */
    assert_false(rig.line);
    for (uint32_t reg = R_STATUS; reg < 0xb0; reg += 4) {
        assert_int_equal(rd(reg), 0);
    }
    for (uint32_t i = 0; i < 0x100; i += 4) {
        assert_int_equal(rd(R_CONFIG + i), 0);
    }
    memset(fake_gpa(rig.vm, RIG_RAM, RIG_BYTES), 0, RIG_BYTES);
    rig_live(16);
    offer(0, 4);
    wr(R_NOTIFY, 0);
    assert_int_equal(rig_used(0)->idx, 0);
}

static void test_fdt(void **state)
{
    char fdt[1024];
    int node, len;

    (void)state;
    assert_int_equal(fdt_create(fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    assert_int_equal(fdt_begin_node(fdt, ""), 0);
    assert_int_equal(rig.key->ops->fdt_node(rig.key, fdt), ERR_OK);
    assert_int_equal(fdt_end_node(fdt), 0);
    assert_int_equal(fdt_finish(fdt), 0);
    node = fdt_path_offset(fdt, "/virtio@10001000");
    assert_true(node > 0);
    assert_string_equal(fdt_getprop(fdt, node, "compatible", &len), "virtio,mmio");
    assert_memory_equal(fdt_getprop(fdt, node, "reg", &len),
                        "\0\0\0\0\x10\0\x10\0\0\0\0\0\0\0\x02\0", 16);
    assert_memory_equal(fdt_getprop(fdt, node, "interrupts", &len), "\0\0\0\x0b", 4);

    for (size_t size = 0; size < 100; size++) { /* whole, or an error */
        char *small = fake_alloc(size + 64);

        if (fdt_create(small, (int)size) == 0 && fdt_finish_reservemap(small) == 0 &&
            fdt_begin_node(small, "") == 0) {
            assert_int_equal(rig.key->ops->fdt_node(rig.key, small), ERR_RANGE);
        }
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_create_errors),
        T(test_identity),
        T(test_read_only),
        T(test_widths),
        T(test_features),
        T(test_status),
        T(test_queues),
        T(test_config),
        T(test_press),
        T(test_press_waits),
        T(test_press_begins_anew),
        T(test_not_live),
        T(test_no_interrupt),
        T(test_power_on),
        T(test_fdt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
