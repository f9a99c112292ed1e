/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual UART: registers as a 16550A has them, as Linux' 8250 driver probes them, interrupts,
 * FIFO. The console and the interrupt controller are stand-ins of this file.
 */
/* LINK: drivers/virtual/vuart.c drivers/virtual/place.c core/virq.c core/mmio_bus.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c libfdt */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/console.h"
#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/vuart.h"
#include "tests/unit/fake_arch.h"

#include <libfdt.h>

#define BASE 0x10000000ull

struct console {
    char out[256], in[256];
    size_t out_count, in_count;
    void (*fn)(void *arg);
    void *arg;
};

static struct console console;
static struct vm *vm;
static struct vdev *uart;
static bool line;
static uint32_t line_changes;
static bool no_room; /* in the console */

size_t console_write(struct console *c, const char *data, size_t len)
{
    if (no_room) {
        return 0;
    }
    assert_true(c->out_count + len <= sizeof(c->out));
    memcpy(c->out + c->out_count, data, len);
    c->out_count += len;
    return len;
}

size_t console_read(struct console *c, char *data, size_t len)
{
    size_t n = c->in_count < len ? c->in_count : len;

    memcpy(data, c->in, n);
    c->in_count -= n;
    memmove(c->in, c->in + n, c->in_count);
    return n;
}

void console_on_input(struct console *c, void (*fn)(void *arg), void *arg)
{
    c->fn = fn;
    c->arg = arg;
}

static void type(const char *text)
{
    size_t len = strlen(text);

    memcpy(console.in + console.in_count, text, len);
    console.in_count += len;
    console.fn(console.arg);
}

static void chip_set_level(struct virqchip *chip, uint32_t source, bool level)
{
    (void)chip;
    assert_int_equal(source, 4);
    line = level;
    line_changes++;
}

static enum err chip_claim(struct virqchip *chip, uint32_t source)
{
    (void)chip;
    (void)source;
    return ERR_OK;
}

static enum err chip_fdt_interrupts(struct virqchip *chip, void *fdt, uint32_t source)
{
    (void)chip;
    return fdt_property_u32(fdt, "interrupts", source) == 0 ? ERR_OK : ERR_RANGE;
}

static const struct virqchip_ops chip_ops = {
    .set_level = chip_set_level,
    .claim = chip_claim,
    .fdt_interrupts = chip_fdt_interrupts,
};

static struct virqchip chip;

static uint8_t rd(uint32_t reg)
{
    uint64_t value = ~0ull;

    assert_int_equal(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(BASE + reg), 1, &value), ERR_OK);
    assert_true(value <= UINT8_MAX);
    return (uint8_t)value;
}

static void wr(uint32_t reg, uint32_t value)
{
    assert_int_equal(
        mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(BASE + reg), 1, 0xabcdef00u | value), ERR_OK);
}

static int setup(void **state)
{
    static const struct vdev_config config = {.kind = VDEV_UART, .gpa = BASE, .irq = 4};
    const char *why = NULL;

    (void)state;
    fake_init(1);
    memset(&console, 0, sizeof(console));
    vm = fake_vm_add("v", 1, 0, 0, 0);
    vm->console = &console;
    vm->irqchip = &chip;
    assert_int_equal(mmio_bus_init(&vm->bus, 2), ERR_OK);
    assert_int_equal(virqchip_init(&chip, &chip_ops, vm, 8), ERR_OK);
    uart = vuart_create(vm, &config, &why);
    assert_non_null(uart);
    line = true;
    uart->ops->reset(uart);
    assert_false(line);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static void test_create_errors(void **state)
{
    const char *why = NULL;
    struct vdev_config config = {.kind = VDEV_UART, .gpa = BASE + 0x1000, .irq = 4};

    (void)state;
    assert_null(vuart_create(vm, &config, &why)); /* the source is taken */
    assert_non_null(why);
    why = NULL;
    config.irq = 5;
    config.gpa = BASE + 4;
    assert_null(vuart_create(vm, &config, &why)); /* overlaps */
    assert_non_null(why);
}

static void test_widths(void **state)
{
    uint64_t value;

    (void)state;
    for (uint32_t width = 2; width <= 8; width *= 2) {
        assert_int_equal(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(BASE), width, &value),
                         ERR_FAULT);
        assert_int_equal(mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(BASE), width, 0), ERR_FAULT);
    }
    assert_int_equal(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(BASE + 8), 1, &value),
                     ERR_NOT_FOUND);
}

static void test_reset_values(void **state)
{
    (void)state;
    assert_int_equal(rd(1), 0);
    assert_int_equal(rd(2), 0x01);
    assert_int_equal(rd(3), 0);
    assert_int_equal(rd(4), 0);
    assert_int_equal(rd(5), 0x60);
    assert_int_equal(rd(6), 0xb0);
    for (uint32_t reg = 0; reg < 8; reg++) {
        wr(reg, 0xff);
    }
    uart->ops->reset(uart);
    assert_int_equal(rd(1), 0);
    assert_int_equal(rd(2), 0x01);
    assert_int_equal(rd(3), 0);
    assert_int_equal(rd(7), 0);
    assert_false(line);
}

/* The steps by which Linux' 8250 driver tells a 16550A from its relatives. */
static void test_autoconfig(void **state)
{
    (void)state;
    wr(1, 0);
    assert_int_equal(rd(1) & 0x0f, 0);
    wr(1, 0x0f);
    assert_int_equal(rd(1) & 0x0f, 0x0f);
    wr(1, 0);
    wr(4, 0x10 | 0x0a); /* loop back OUT2 and RTS */
    assert_int_equal(rd(6) & 0xf0, 0x90);
    wr(4, 0);
    wr(3, 0xbf);
    wr(2, 0);
    wr(3, 0);
    wr(2, 1);
    assert_int_equal(rd(2) >> 6, 3); /* FIFO on */
    wr(3, 0x80);
    assert_int_not_equal(rd(2), 0); /* no EFR */
    wr(3, 0);
    wr(2, 1 | 0x20);
    assert_int_equal(rd(2) & 0x20, 0); /* no 64 byte FIFO */
    wr(1, 0x40);
    assert_int_equal(rd(1), 0); /* no UUE */
    wr(7, 0x5a);
    assert_int_equal(rd(7), 0x5a);
    wr(1, 0x02); /* THRE raises again each time it is enabled */
    assert_int_equal(rd(2) & 0x0f, 0x02);
    wr(1, 0);
    wr(1, 0x02);
    assert_int_equal(rd(2) & 0x0f, 0x02);
}

static void test_divisor(void **state)
{
    (void)state;
    wr(1, 5);
    wr(3, 0x83);
    wr(0, 0x34);
    wr(1, 0x12);
    assert_int_equal(rd(0), 0x34);
    assert_int_equal(rd(1), 0x12);
    wr(3, 0x03);
    assert_int_equal(rd(1), 5);
    assert_int_equal(console.out_count, 0);
}

static void test_transmit(void **state)
{
    (void)state;
    wr(0, 'h');
    wr(0, 'i');
    assert_memory_equal(console.out, "hi", 2);
    assert_int_equal(console.out_count, 2);
    assert_int_equal(rd(5), 0x60);
    assert_false(line);

    wr(1, 0x02);
    assert_true(line);
    assert_int_equal(rd(2), 0x02); /* reading IIR takes THRE back */
    assert_false(line);
    assert_int_equal(rd(2), 0x01);
    wr(0, 'x');
    assert_true(line);
    wr(1, 0);
    assert_false(line);
    assert_int_equal(rd(2), 0x01);
}

static void test_receive(void **state)
{
    (void)state;
    wr(2, 0x01);
    wr(1, 0x01);
    type("ab");
    assert_true(line);
    assert_int_equal(rd(2), 0xc4);
    assert_int_equal(rd(5), 0x61);
    assert_int_equal(rd(0), 'a');
    assert_true(line);
    assert_int_equal(rd(0), 'b');
    assert_false(line);
    assert_int_equal(rd(5), 0x60);
    assert_int_equal(rd(0), 0);

    wr(2, 0xc1); /* trigger at 14 */
    type("0123456789012");
    assert_int_equal(rd(2), 0xcc); /* fewer: the time-out */
    uart->ops->reset(uart);
    wr(2, 0xc1);
    wr(1, 0x01);
    type("0123456789abcdefghij");
    assert_int_equal(rd(2), 0xc4);
    assert_int_equal(console.in_count, 4); /* no overrun: the rest waits in the console */
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(rd(0), "0123456789abcdefghij"[i]);
    }
    assert_int_equal(rd(5), 0x60);
    assert_false(line);
}

static void test_receive_without_fifo(void **state)
{
    (void)state;
    wr(1, 0x01);
    type("ab");
    assert_int_equal(console.in_count, 1);
    assert_int_equal(rd(2), 0x04);
    assert_int_equal(rd(0), 'a');
    assert_int_equal(rd(0), 'b');
    assert_false(line);
}

static void test_fifo_clear(void **state)
{
    (void)state;
    wr(2, 0x01);
    type("ab");
    wr(2, 0x03);
    assert_int_equal(rd(5), 0x60);
    type("c");
    wr(2, 0x01); /* neither bit: kept */
    assert_int_equal(rd(0), 'c');
    type("d");
    wr(2, 0x00); /* switching clears too */
    assert_int_equal(rd(5), 0x60);
}

static void test_loop(void **state)
{
    (void)state;
    wr(2, 0x01);
    wr(4, 0x10);
    (void)rd(6);
    wr(1, 0x0f);
    assert_int_equal(rd(2) & 0x0f, 0x02);
    for (uint32_t i = 0; i < 17; i++) {
        wr(0, 'a' + i);
    }
    assert_int_equal(console.out_count, 0);
    assert_int_equal(rd(2) & 0x0f, 0x06); /* overrun, the first in rank */
    assert_int_equal(rd(5), 0x63);
    assert_int_equal(rd(5), 0x61); /* told once */
    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(rd(0), 'a' + i);
    }
    assert_int_equal(rd(2) & 0x0f, 0x02);
    wr(4, 0x10 | 0x04); /* RI up: no delta */
    assert_int_equal(rd(6), 0x40);
    wr(4, 0x10 | 0x03);
    assert_int_equal(rd(2) & 0x0f, 0x00);
    assert_int_equal(rd(6), 0x30 | 0x07); /* CTS, DSR, and RI's falling edge */
    assert_int_equal(rd(6), 0x30);
    type("z"); /* stays outside while looped */
    assert_int_equal(rd(5), 0x60);
    wr(4, 0);
    assert_int_equal(rd(0), 'z');

    wr(2, 0); /* without the FIFO it is the older one that is lost */
    wr(4, 0x10);
    wr(0, 'o');
    wr(0, 'n');
    assert_int_equal(rd(5), 0x63);
    assert_int_equal(rd(0), 'n');
    assert_int_equal(rd(5), 0x60);
}

static void test_line_changes_only(void **state)
{
    uint32_t before;

    (void)state;
    wr(1, 0x02);
    before = line_changes;
    for (uint32_t i = 0; i < 20; i++) {
        wr(0, 'x');
    }
    assert_int_equal(line_changes, before); /* the interrupt controller hears of changes only */
}

static void test_fdt(void **state)
{
    char fdt[1024];
    int node;

    (void)state;
    assert_int_equal(fdt_create(fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    assert_int_equal(fdt_begin_node(fdt, ""), 0);
    assert_int_equal(uart->ops->fdt_node(uart, fdt), ERR_OK);
    assert_int_equal(fdt_end_node(fdt), 0);
    assert_int_equal(fdt_finish(fdt), 0);
    node = fdt_path_offset(fdt, "/serial@10000000");
    assert_true(node > 0);
    assert_int_equal(fdt_node_check_compatible(fdt, node, "ns16550a"), 0);
    assert_non_null(fdt_getprop(fdt, node, "clock-frequency", NULL));
    assert_non_null(fdt_getprop(fdt, node, "interrupts", NULL));
    assert_int_equal(fdt_create(fdt, 120), 0);
    assert_int_equal(fdt_finish_reservemap(fdt), 0);
    assert_int_equal(fdt_begin_node(fdt, ""), 0);
    assert_int_equal(uart->ops->fdt_node(uart, fdt), ERR_RANGE);
}

/* Each cause interrupts if it is enabled, and not otherwise; the highest of those is shown. */
static void test_causes_are_gated(void **state)
{
    (void)state;
    wr(2, 0x01 | 0x40);        /* FIFO, trigger at 4 */
    type("0123456789abcdefX"); /* 16 fit, one waits in the console */
    assert_int_equal(rd(2) & 0x0f, 0x01);
    assert_false(line);
    wr(1, 0x08 | 0x04 | 0x02);
    (void)rd(2); /* takes THRE */
    assert_int_equal(rd(2) & 0x0f, 0x01);
    assert_false(line);
    wr(1, 0x01);
    assert_int_equal(rd(2) & 0x0f, 0x04);
    assert_true(line);
    wr(1, 0);
    assert_false(line);

    /* An overrun, in loop back where the guest itself is the other end. */
    wr(4, 0x10);
    wr(2, 0x01 | 0x02);
    for (uint32_t i = 0; i < 17; i++) {
        wr(0, 'a' + i);
    }
    assert_false(line);
    wr(1, 0x01 | 0x04);
    assert_int_equal(rd(2) & 0x0f, 0x06);
    assert_int_equal(rd(5) & 0x03, 0x03);
    assert_int_equal(rd(2) & 0x0f, 0x04); /* reading LSR took it */
}

/* A restart leaves no residue: a UART in the middle of everything is a new one. */
static void test_reset_in_use(void **state)
{
    (void)state;
    wr(3, 0x80);
    wr(0, 0x12);
    wr(1, 0x34);
    wr(3, 0);
    wr(2, 0x01 | 0xc0);
    type("abc");
    (void)rd(0);
    wr(4, 0x10 | 0x0f); /* loop back: changes of the modem's lines, too */
    wr(0, 'x');
    for (uint32_t i = 0; i < 20; i++) {
        wr(0, 'y');
    }
    wr(1, 0x0f);
    assert_true(line);
    uart->ops->reset(uart);
    assert_false(line);
    assert_int_equal(rd(2), 0x01);
    assert_int_equal(rd(4), 0);
    assert_int_equal(rd(5), 0x60); /* no byte, no overrun */
    assert_int_equal(rd(6), 0xb0); /* nothing has changed */
    wr(1, 0x08 | 0x04 | 0x01);
    assert_false(line);
    wr(1, 0x02);
    assert_true(line); /* tells at once that it is empty, as ever */
    wr(1, 0);
    wr(3, 0x80);
    assert_int_equal(rd(0), 0);
    assert_int_equal(rd(1), 0);
    wr(3, 0);
    wr(1, 0x01);
    type("q");
    assert_true(line);
    assert_int_equal(rd(0), 'q');
    assert_false(line);
}

/* Whatever room there is for the FDT: all of the node, or an error. */
static void test_fdt_whole_or_error(void **state)
{
    static char whole[1024], tried[1024];
    bool fitted = false;

    (void)state;
    for (int size = (int)sizeof(whole); size > 80; size -= 4) {
        char *fdt = fitted ? tried : whole;

        if (fdt_create(fdt, size) != 0 || fdt_finish_reservemap(fdt) != 0 ||
            fdt_begin_node(fdt, "") != 0) {
            break;
        }
        if (uart->ops->fdt_node(uart, fdt) != ERR_OK || fdt_end_node(fdt) != 0 ||
            fdt_finish(fdt) != 0) {
            continue;
        }
        if (fitted) {
            assert_int_equal(fdt_totalsize(tried), fdt_totalsize(whole));
            assert_memory_equal(tried, whole, fdt_totalsize(whole));
        }
        fitted = true;
    }
    assert_true(fitted);
    assert_int_equal(fdt32_ld(fdt_getprop(whole, fdt_path_offset(whole, "/serial@10000000"),
                                          "current-speed", NULL)),
                     115200);
    assert_non_null(fdt_getprop(whole, fdt_path_offset(whole, "/serial@10000000"), "reg", NULL));
}

/* A line that was up at the reset rises again in the next life. */
static void test_line_after_reset(void **state)
{
    (void)state;
    wr(1, 0x02);
    assert_true(line);
    uart->ops->reset(uart);
    assert_false(line);
    wr(1, 0x02);
    assert_true(line);
}

/* Changes of the modem's lines end with the reset. */
static void test_modem_after_reset(void **state)
{
    (void)state;
    wr(4, 0x10); /* loop back: all of them fall */
    uart->ops->reset(uart);
    assert_int_equal(rd(6), 0xb0);
}

/* "Empty" is told when THRE is switched on, and not again while it stays on. */
static void test_empty_is_told_once(void **state)
{
    (void)state;
    wr(1, 0x02);
    assert_int_equal(rd(2), 0x02);
    assert_false(line);
    wr(1, 0x02);
    assert_false(line);
    wr(1, 0x03);
    assert_false(line);
    wr(1, 0x01);
    wr(1, 0x03);
    assert_true(line);
}

/* A FIFO that was cleared takes at once what the console still holds. */
static void test_clear_refills(void **state)
{
    (void)state;
    wr(2, 0x01);
    type("0123456789abcdefXY");
    wr(2, 0x01 | 0x02);
    assert_int_equal(rd(5) & 0x01, 0x01);
    assert_int_equal(rd(0), 'X');
    assert_int_equal(rd(0), 'Y');
    assert_int_equal(rd(5) & 0x01, 0);
}

/* Nothing has happened, and the guest is not told that it has. */
static void test_byte_without_room(void **state)
{
    (void)state;
    wr(1, 2);
    assert_int_equal(rd(2) & 0x0f, 2);
    assert_false(line);
    no_room = true;
    assert_int_equal(mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(BASE), 1, 'x'), ERR_BUSY);
    no_room = false;
    assert_false(line);
    wr(0, 'x');
    assert_true(line);
    assert_int_equal(rd(2) & 0x0f, 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_create_errors),
        T(test_widths),
        T(test_reset_values),
        T(test_autoconfig),
        T(test_divisor),
        T(test_transmit),
        T(test_receive),
        T(test_receive_without_fifo),
        T(test_fifo_clear),
        T(test_loop),
        T(test_line_changes_only),
        T(test_fdt),
        T(test_causes_are_gated),
        T(test_reset_in_use),
        T(test_fdt_whole_or_error),
        T(test_line_after_reset),
        T(test_modem_after_reset),
        T(test_empty_is_told_once),
        T(test_clear_refills),
        T(test_byte_without_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
