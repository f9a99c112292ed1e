/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual UART under any sequence of accesses and input, three bytes of input each. The line
 * must agree with IIR, no byte is made up, and none is lost unless the guest clears or loops.
 */
/* LINK: drivers/virtual/vuart.c drivers/virtual/place.c core/virq.c core/mmio_bus.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c libfdt */
#include "core/console.h"
#include "core/vdev.h"
#include "core/vm.h"
#include "drivers/virtual/vuart.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_arch.h"

#define BASE 0x10000000ull
struct console {
    uint32_t ready; /* bytes that wait; their values count up */
    uint8_t next;
    void (*fn)(void *arg);
    void *arg;
};

static struct console console;
static struct vm *vm;
static struct vdev *uart;
static struct virqchip chip;
static bool line;

size_t console_write(struct console *c, const char *data, size_t len)
{
    MUST(c == &console && data != NULL && len == 1);
    return len;
}

size_t console_read(struct console *c, char *data, size_t len)
{
    size_t n = 0;

    for (; n < len && c->ready != 0; n++, c->ready--) {
        data[n] = (char)c->next++;
    }
    return n;
}

void console_on_input(struct console *c, void (*fn)(void *arg), void *arg)
{
    c->fn = fn;
    c->arg = arg;
}

static void set_level(struct virqchip *c, uint32_t source, bool level)
{
    (void)c;
    MUST(source == 4);
    line = level;
}

static enum err claim(struct virqchip *c, uint32_t source)
{
    (void)c;
    (void)source;
    return ERR_OK;
}

static const struct virqchip_ops chip_ops = {.set_level = set_level, .claim = claim};

static void setup(void)
{
    static const struct vdev_config config = {.kind = VDEV_UART, .gpa = BASE, .irq = 4};
    const char *why;

    fake_init(1);
    vm = fake_vm_add("v", 1, 0, 0, 0);
    vm->console = &console;
    vm->irqchip = &chip;
    MUST(mmio_bus_init(&vm->bus, 1) == ERR_OK);
    MUST(virqchip_init(&chip, &chip_ops, vm, 8) == ERR_OK);
    uart = vuart_create(vm, &config, &why);
    MUST(uart != NULL);
}

static uint8_t rd(uint64_t offset)
{
    uint64_t value = 0;

    MUST(mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(BASE + offset), 1, &value) == ERR_OK);
    MUST(value <= UINT8_MAX);
    return (uint8_t)value;
}

static void check(void)
{
    uint8_t lcr = rd(3);
    uint8_t iir;
    bool before = line;

    iir = rd(2); /* may take THRE back */
    MUST(before == ((iir & 1) == 0));
    MUST((iir & 0x30) == 0);
    MUST((rd(4) & 0xe0) == 0);
    MUST(mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(BASE + 3), 1, 0) == ERR_OK);
    MUST((rd(1) & 0xf0) == 0);
    MUST(mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(BASE + 3), 1, lcr) == ERR_OK);
    MUST(rd(3) == lcr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t any;

    if (uart == NULL) {
        setup();
    }
    uart->ops->reset(uart);
    MUST(!line);
    for (size_t i = 0; i + 3 <= size && i < 3000; i += 3) {
        uint32_t width = data[i] < 240 ? 1 : 1u << data[i] % 4;

        switch (data[i] % 4) {
        case 0:
            (void)mmio_bus_read(&vm->bus, vm->vcpus[0], gpa(BASE + data[i + 1] % 10u), width, &any);
            break;
        case 1:
            console.ready = (console.ready + data[i + 2] % 40u) % 256u;
            console.fn(console.arg);
            break;
        default:
            (void)mmio_bus_write(&vm->bus, vm->vcpus[0], gpa(BASE + data[i + 1] % 10u), width,
                                 data[i + 2]);
            break;
        }
        check();
    }
    return 0;
}
