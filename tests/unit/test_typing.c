/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is typed reaches the guest, whole and once, while the guest prints: the machine's UART, the
 * keyboard, a console's ring and the virtual UART as they are joined in the machine, under a model
 * of Linux' 8250 driver. The sender is QEMU's: it holds back while the UART's FIFO is full.
 */
/* LINK: core/console.c core/console_keys.c core/console_line.c core/line_edit.c core/terminal.c
 *       core/timer.c core/hart.c core/virq.c core/mmio_bus.c drivers/virtual/vuart.c
 *       drivers/virtual/place.c
 *       tests/unit/fake_arch.c tests/unit/fake_memory.c tests/unit/fake_setup.c
 *       tests/unit/fake_core.c libfdt */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/console.h"
#include "core/log.h"
#include "core/power_ctl.h"
#include "core/shell.h"
#include "core/timer.h"
#include "core/vdev.h"
#include "drivers/virtual/vuart.h"
#include "tests/unit/fake_arch.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define BASE  0x10000000ull
#define FIFO  16u
#define KEYS  20000u /* typed in a run */
#define MS    (FAKE_TIMEBASE_HZ / 1000)
#define AHEAD (256u + 1u) /* what waits in Curia for a guest that does not read */

#define RBR      0u
#define IER      1u
#define IIR      2u
#define FCR      2u
#define MCR      4u
#define LSR      5u
#define IER_RDI  0x01u
#define IER_THRI 0x02u
#define LSR_DR   0x01u
#define LSR_THRE 0x20u

/* The machine's UART and who types. */
static struct {
    char sent[KEYS];
    size_t count, next; /* of sent: all, the next to go into the FIFO */
    char fifo[FIFO];
    size_t fifo_count;
    bool irq_on, held;
    uint32_t holds;
    uint32_t pause; /* between keys, on average, in accesses of the guest's */
} host;

/* What the guest has. */
static struct {
    char got[KEYS + 1];
    size_t got_count;
    bool reads, line;
    uint8_t ier;
    uint32_t printed;
} guest;

static struct vm *vm;
static struct vdev *uart;
static char shell_got[80];
static uint64_t seed;

static uint32_t dice(uint32_t sides)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(seed >> 33) % sides;
}

void shell_run(char *line)
{
    (void)snprintf(shell_got, sizeof(shell_got), "%s", line);
}

/* ---- the machine's UART ---------------------------------------------------------------------- */

static void host_fill(uint32_t most)
{
    while (most-- != 0 && host.next < host.count && host.fifo_count < FIFO) {
        host.fifo[host.fifo_count++] = host.sent[host.next++];
    }
}

static void host_put(char c)
{
    (void)c;
}

static int host_get(void)
{
    char c = host.fifo[0];

    if (host.fifo_count == 0) {
        return -1;
    }
    memmove(host.fifo, host.fifo + 1, --host.fifo_count);
    if (dice(host.pause) < 3) {
        host_fill(dice(4)); /* some come while others are taken */
    }
    return (unsigned char)c;
}

static bool host_irq(void)
{
    host.irq_on = true;
    return true;
}

static void host_hold(bool hold)
{
    assert_int_not_equal(hold, host.held);
    host.held = hold;
    host.holds += hold ? 1 : 0;
}

static const struct uart_ops host_ops = {
    .put = host_put,
    .get = host_get,
    .take_rx_irq = host_irq,
    .hold_rx = host_hold,

};

/* What happens elsewhere, at any moment of the guest's: keys come, time goes on. */
static void meanwhile(void)
{
    if (dice(host.pause) == 0) {
        host_fill(dice(40));
    }
    if (host.irq_on && !host.held && host.fifo_count != 0) {
        console_poll();
    }
    fake.now += dice(1000);
    timer_run(machine.harts[0]);
}

static void pass_ms(uint32_t ms)
{
    while (ms-- != 0) {
        host_fill(FIFO);
        if (host.irq_on && !host.held && host.fifo_count != 0) {
            console_poll();
        }
        fake.now += MS;
        timer_run(machine.harts[0]);
    }
}

static void type(const char *text, size_t len)
{
    assert_true(host.count + len <= KEYS);
    memcpy(host.sent + host.count, text, len);
    host.count += len;
}

/* ---- the guest ------------------------------------------------------------------------------- */

static void chip_set_level(struct virqchip *chip, uint32_t source, bool level)
{
    (void)chip;
    (void)source;
    guest.line = level;
}

static enum err chip_claim(struct virqchip *chip, uint32_t source)
{
    (void)chip;
    (void)source;
    return ERR_OK;
}

static const struct virqchip_ops chip_ops = {.set_level = chip_set_level, .claim = chip_claim};
static struct virqchip chip;

static uint8_t rd(uint32_t reg)
{
    uint64_t value = 0;

    meanwhile();
    assert_int_equal(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(BASE + reg), 1, &value), ERR_OK);
    return (uint8_t)value;
}

static void wr(uint32_t reg, uint32_t value)
{
    meanwhile();
    assert_int_equal(mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(BASE + reg), 1, value), ERR_OK);
}

static void set_ier(uint8_t ier)
{
    guest.ier = ier;
    wr(IER, ier);
}

static void take(uint8_t lsr)
{
    for (uint32_t i = 0; i < 256 && (lsr & LSR_DR) != 0; i++) {
        assert_true(guest.got_count < KEYS);
        guest.got[guest.got_count++] = (char)rd(RBR);
        lsr = rd(LSR);
    }
}

static void handler(void)
{
    uint8_t lsr;

    if ((rd(IIR) & 1) != 0) {
        return;
    }
    lsr = rd(LSR);
    take(lsr);
    if ((lsr & LSR_THRE) != 0 && (guest.ier & IER_THRI) != 0) {
        for (uint32_t i = dice(16); i != 0; i--) {
            wr(RBR, 't');
        }
        if (dice(2) == 0) {
            set_ier(guest.ier & (uint8_t)~IER_THRI);
        }
    }
}

/* A kernel message: with all of the UART's interrupts off, as Linux does. */
static void print(void)
{
    wr(IER, 0);
    for (uint32_t i = dice(60); i != 0; i--) {
        while ((rd(LSR) & LSR_THRE) == 0) {
        }
        wr(RBR, i == 1 ? '\n' : 'm');
        guest.printed++;
    }
    wr(IER, guest.ier);
}

static void guest_step(void)
{
    meanwhile();
    if (guest.reads && guest.line) {
        handler();
    } else if (dice(8) == 0) {
        print();
    } else if (dice(8) == 0) {
        set_ier(guest.ier | IER_THRI); /* a program writes */
    }
}

/* ---- tests ----------------------------------------------------------------------------------- */

static int group_setup(void **state)
{
    static const struct vdev_config config = {.kind = VDEV_UART, .gpa = BASE, .irq = 4};
    const char *why = NULL;

    (void)state;
    fake_init(1);
    console_set_uart(&host_ops);
    vm = fake_vm_add("linux", 1, 0, 0, 0);
    vm->console = console_create(vm);
    vm->irqchip = &chip;
    assert_int_equal(mmio_bus_init(&vm->bus, 2), ERR_OK);
    assert_int_equal(virqchip_init(&chip, &chip_ops, vm, 8), ERR_OK);
    uart = vuart_create(vm, &config, &why);
    assert_non_null(uart);
    console_start();
    return host.irq_on ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static int setup(void **state)
{
    (void)state;
    memset(&host, 0, sizeof(host));
    memset(&guest, 0, sizeof(guest));
    memset(shell_got, 0, sizeof(shell_got));
    host.irq_on = true;
    host.pause = 4;
    guest.reads = true;
    console_reset(vm->console);
    uart->ops->reset(uart);
    seed = 1;
    return 0;
}

static void random_keys(void)
{
    char key;

    while (host.count < KEYS) {
        key = (char)('!' + dice(90));
        type(&key, 1);
    }
}

static void until_all_is_read(void)
{
    for (uint32_t steps = 0; guest.got_count < host.count; steps++) {
        assert_true(steps < 100 * KEYS);
        guest_step();
    }
    for (uint32_t i = 0; i < 100; i++) {
        guest_step();
    }
    assert_int_equal(guest.got_count, host.count);
    assert_memory_equal(guest.got, host.sent, host.count);
}

/* With each setting of the FIFO, slowly or faster than it reads: nothing is lost. */
static void test_typing_while_it_prints(void **state)
{
    static const uint8_t fcr[] = {0x00, 0x01, 0x41, 0x81, 0xc1};
    static const uint32_t pauses[] = {4, 60, 1000};
    uint32_t lost = console_input_lost(vm->console);
    uint32_t holds = 0, printed = 0;

    for (uint32_t i = 0; i < ARRAY_SIZE(fcr) * ARRAY_SIZE(pauses); i++) {
        (void)setup(state);
        seed = i + 2;
        host.pause = pauses[i % ARRAY_SIZE(pauses)];
        wr(FCR, fcr[i / ARRAY_SIZE(pauses)]);
        set_ier(IER_RDI | 0x04);
        random_keys();
        until_all_is_read();
        printed += guest.printed;
        holds += host.holds;
    }
    assert_true(holds > 50 && printed > 200000);
    assert_int_equal(console_input_lost(vm->console), lost);
}

/* One that comes back late, but comes back, has missed nothing. */
static void test_a_late_reader(void **state)
{
    uint32_t lost = console_input_lost(vm->console);

    (void)state;
    wr(FCR, 0x81);
    set_ier(IER_RDI);
    random_keys();
    for (uint32_t i = 0; i < 5; i++) {
        pass_ms(1500);
        assert_true(host.held);
        take(LSR_DR);
    }
    until_all_is_read();
    assert_false(host.held);
    assert_int_equal(console_input_lost(vm->console), lost);
}

/* Behind a guest that does not read, the escape key comes through, and what is lost is counted. */
static void test_a_guest_that_does_not_read(void **state)
{
    static const char keys[] = "\x1dhvms\r\x1d"
                               "0";
    uint32_t lost = console_input_lost(vm->console);
    char text[1000];

    (void)state;
    wr(FCR, 0x81);
    memset(text, 'x', sizeof(text));
    for (uint32_t i = 0; i < AHEAD; i++) {
        text[i] = (char)('a' + i % 20);
    }
    type(text, sizeof(text));
    type(keys, sizeof(keys) - 1);
    pass_ms(500);
    assert_true(host.held);
    assert_int_equal(console_input_lost(vm->console), lost);
    pass_ms(2000);
    assert_false(host.held);
    assert_string_equal(shell_got, "vms");
    assert_int_equal(console_input_lost(vm->console) - lost, sizeof(text) - AHEAD);

    type("yy", 2); /* nobody waits for it again */
    pass_ms(2);
    assert_int_equal(host.holds, 1);
    assert_int_equal(console_input_lost(vm->console) - lost, sizeof(text) - AHEAD + 2);
    while ((rd(LSR) & LSR_DR) != 0) {
        guest.got[guest.got_count++] = (char)rd(RBR);
    }
    assert_int_equal(guest.got_count, AHEAD);
    assert_memory_equal(guest.got, text, AHEAD);

    type(text, AHEAD + 1); /* it has read: the next is waited for */
    pass_ms(100);
    assert_true(host.held);
    assert_int_equal(console_input_lost(vm->console) - lost, sizeof(text) - AHEAD + 2);

    console_reset(vm->console); /* it starts anew, and so does the patience with it */
    pass_ms(40);
    assert_false(host.held);
}

/* Nor does one that reads hardly anything keep the escape key from coming through. */
static void test_a_guest_that_hardly_reads(void **state)
{
    char text[500];
    uint32_t ms = 0;

    (void)state;
    wr(FCR, 0x01);
    memset(text, 'x', sizeof(text));
    type(text, sizeof(text));
    type("\x1dhon\r\x1d"
         "0",
         7);
    for (; shell_got[0] == '\0'; ms += 100) {
        assert_true(ms < 4000);
        pass_ms(100);
        (void)rd(RBR);
    }
    assert_string_equal(shell_got, "on");
    assert_true(ms > 1900);
}

/* Before the machine sleeps: whoever wakes it by a key is heard, though there is no room. */
static void test_a_key_wakes(void **state)
{
    char text[AHEAD + 10];

    (void)state;
    memset(text, 'x', sizeof(text));
    type(text, sizeof(text));
    pass_ms(100);
    assert_true(host.held);
    console_flush();
    assert_false(host.held);
    console_poll();
    assert_true(host.held);
    pass_ms(20);
    console_reset(vm->console);
    pass_ms(40);
    assert_false(host.held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_typing_while_it_prints, setup),
        cmocka_unit_test_setup(test_a_late_reader, setup),
        cmocka_unit_test_setup(test_a_guest_that_does_not_read, setup),
        cmocka_unit_test_setup(test_a_guest_that_hardly_reads, setup),
        cmocka_unit_test_setup(test_a_key_wakes, setup),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
