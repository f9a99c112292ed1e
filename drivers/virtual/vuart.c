/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 16550A: byte-wide registers, 16 bytes of receive FIFO. What is sent is on the VM's console at
 * once, so the transmitter is always empty; received bytes stay in the console's ring until the
 * FIFO runs empty. Baud rate and frame are kept and mean nothing.
 *
 * lock guards the registers; below it are the interrupt controller's and the console's, which
 * output takes without it.
 */
#include "drivers/virtual/vuart.h"

#include "core/console.h"
#include "core/vm.h"
#include "drivers/virtual/fdt_put.h"
#include "drivers/virtual/place.h"

#include <stddef.h>

#define VUART_SIZE 8u
#define FIFO_SIZE  16u

/* Registers; DLAB in LCR puts the divisor in place of the first two. */
#define REG_DATA 0u
#define REG_IER  1u
#define REG_IIR  2u /* read; FCR when written */
#define REG_LCR  3u
#define REG_MCR  4u
#define REG_LSR  5u
#define REG_MSR  6u
#define REG_SCR  7u

#define IER_RDA  0x01u
#define IER_THRE 0x02u
#define IER_RLS  0x04u
#define IER_MS   0x08u
#define IER_MASK 0x0fu

#define IIR_MS      0x00u
#define IIR_NONE    0x01u
#define IIR_THRE    0x02u
#define IIR_RDA     0x04u
#define IIR_RLS     0x06u
#define IIR_TIMEOUT 0x0cu
#define IIR_FIFO    0xc0u

#define FCR_ENABLE        0x01u
#define FCR_CLEAR_RX      0x02u
#define FCR_TRIGGER_SHIFT 6u

#define LCR_DLAB 0x80u

#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u
#define MCR_MASK 0x1fu

#define LSR_DR    0x01u
#define LSR_OE    0x02u
#define LSR_EMPTY 0x60u /* THRE, TEMT */

#define MSR_CTS   0x10u
#define MSR_DSR   0x20u
#define MSR_RI    0x40u
#define MSR_DCD   0x80u
#define MSR_READY (MSR_CTS | MSR_DSR | MSR_DCD) /* a terminal is there */

struct vuart {
    struct vdev_place place; /* first */
    struct console *console;

    struct spinlock lock;
    uint8_t ier GUARDED_BY(lock), lcr GUARDED_BY(lock), mcr GUARDED_BY(lock), scr GUARDED_BY(lock);
    uint8_t divisor[2] GUARDED_BY(lock);
    uint8_t msr_delta GUARDED_BY(lock); /* low half of MSR */
    uint8_t trigger GUARDED_BY(lock);   /* bytes in the FIFO that make RDA out of a timeout */
    bool fifo_on GUARDED_BY(lock);
    bool overrun GUARDED_BY(lock);
    bool thre_irq GUARDED_BY(lock); /* transmitter ran empty, IIR has not told it yet */
    bool line GUARDED_BY(lock);
    uint8_t head GUARDED_BY(lock), count GUARDED_BY(lock); /* of the FIFO */
    uint8_t fifo[FIFO_SIZE] GUARDED_BY(lock);
};

static uint32_t vuart_depth(const struct vuart *u) REQUIRES(u->lock)
{
    return u->fifo_on ? FIFO_SIZE : 1u;
}

/* The interrupt that IIR shows now: the highest of those enabled. */
static uint32_t vuart_iir(const struct vuart *u) REQUIRES(u->lock)
{
    if ((u->ier & IER_RLS) != 0 && u->overrun) {
        return IIR_RLS;
    }
    if ((u->ier & IER_RDA) != 0 && u->count != 0) {
        return u->fifo_on && u->count < u->trigger ? IIR_TIMEOUT : IIR_RDA;
    }
    if ((u->ier & IER_THRE) != 0 && u->thre_irq) {
        return IIR_THRE;
    }
    return (u->ier & IER_MS) != 0 && u->msr_delta != 0 ? IIR_MS : IIR_NONE;
}

static void vuart_update(struct vuart *u) REQUIRES(u->lock)
{
    bool line = vuart_iir(u) != IIR_NONE;

    if (line != u->line) {
        u->line = line;
        u->place.chip->ops->set_level(u->place.chip, u->place.source, line);
    }
}

static void vuart_push(struct vuart *u, uint8_t byte) REQUIRES(u->lock)
{
    if (u->count == vuart_depth(u)) {
        u->overrun = true;
        if (u->fifo_on) {
            return;
        }
        u->count = 0; /* RBR's is destroyed, where a FIFO keeps what it has */
    }
    u->fifo[(u->head + u->count) % FIFO_SIZE] = byte;
    u->count++;
}

/* Takes input from the console once the FIFO is empty. */
static void vuart_refill(struct vuart *u) REQUIRES(u->lock)
{
    char data[FIFO_SIZE];
    size_t n;

    if (u->count != 0 || (u->mcr & MCR_LOOP) != 0) {
        return;
    }
    n = console_read(u->console, data, vuart_depth(u));
    for (size_t i = 0; i < n; i++) {
        vuart_push(u, (uint8_t)data[i]);
    }
}

static uint8_t vuart_pop(struct vuart *u) REQUIRES(u->lock)
{
    uint8_t byte = 0;

    if (u->count != 0) {
        byte = u->fifo[u->head];
        u->head = (uint8_t)((u->head + 1u) % FIFO_SIZE);
        u->count--;
        vuart_refill(u);
    }
    return byte;
}

/* The upper half of MSR: in loop mode the outputs of MCR come back. */
static uint32_t vuart_status(const struct vuart *u) REQUIRES(u->lock)
{
    if ((u->mcr & MCR_LOOP) == 0) {
        return MSR_READY;
    }
    return ((u->mcr & MCR_RTS) != 0 ? MSR_CTS : 0) | ((u->mcr & MCR_DTR) != 0 ? MSR_DSR : 0) |
           ((u->mcr & MCR_OUT1) != 0 ? MSR_RI : 0) | ((u->mcr & MCR_OUT2) != 0 ? MSR_DCD : 0);
}

static void vuart_write_mcr(struct vuart *u, uint32_t value) REQUIRES(u->lock)
{
    uint32_t before = vuart_status(u);
    uint32_t changed;

    u->mcr = (uint8_t)(value & MCR_MASK);
    changed = before ^ vuart_status(u);
    changed &= ~MSR_RI | before; /* of RI only the falling edge counts */
    u->msr_delta = (uint8_t)(u->msr_delta | changed >> 4);
    vuart_refill(u);
}

static void vuart_write_fcr(struct vuart *u, uint32_t value) REQUIRES(u->lock)
{
    static const uint8_t triggers[] = {1, 4, 8, 14};
    bool on = (value & FCR_ENABLE) != 0;

    if (on != u->fifo_on || (on && (value & FCR_CLEAR_RX) != 0)) {
        u->count = 0;
        u->head = 0;
    }
    u->fifo_on = on;
    if (on) {
        u->trigger = triggers[value >> FCR_TRIGGER_SHIFT & 3u];
    }
    vuart_refill(u);
}

/* True: the byte goes out. */
static bool vuart_write_data(struct vuart *u, uint8_t byte) REQUIRES(u->lock)
{
    if ((u->mcr & MCR_LOOP) == 0) {
        return true;
    }
    u->thre_irq = true;
    vuart_push(u, byte);
    return false;
}

static uint32_t vuart_read_iir(struct vuart *u) REQUIRES(u->lock)
{
    uint32_t iir = vuart_iir(u);

    if (iir == IIR_THRE) {
        u->thre_irq = false;
    }
    return iir | (u->fifo_on ? IIR_FIFO : 0);
}

static uint32_t vuart_read_locked(struct vuart *u, uint32_t reg) REQUIRES(u->lock)
{
    uint32_t value;

    switch (reg) {
    case REG_DATA:
        return (u->lcr & LCR_DLAB) != 0 ? u->divisor[0] : vuart_pop(u);
    case REG_IER:
        return (u->lcr & LCR_DLAB) != 0 ? u->divisor[1] : u->ier;
    case REG_IIR:
        return vuart_read_iir(u);
    case REG_LCR:
        return u->lcr;
    case REG_MCR:
        return u->mcr;
    case REG_LSR:
        value = LSR_EMPTY | (u->count != 0 ? LSR_DR : 0) | (u->overrun ? LSR_OE : 0);
        u->overrun = false;
        return value;
    case REG_MSR:
        value = vuart_status(u) | u->msr_delta;
        u->msr_delta = 0;
        return value;
    default:
        return u->scr;
    }
}

/* True: value goes out, once the lock is dropped. */
static bool vuart_write_locked(struct vuart *u, uint32_t reg, uint8_t value) REQUIRES(u->lock)
{
    switch (reg) {
    case REG_DATA:
        if ((u->lcr & LCR_DLAB) == 0) {
            return vuart_write_data(u, value);
        }
        u->divisor[0] = value;
        break;
    case REG_IER:
        if ((u->lcr & LCR_DLAB) != 0) {
            u->divisor[1] = value;
            break;
        }
        /* Enabling THRE tells at once that the transmitter is empty. */
        u->thre_irq = u->thre_irq || (value & ~u->ier & IER_THRE) != 0;
        u->ier = value & IER_MASK;
        break;
    case REG_IIR:
        vuart_write_fcr(u, value);
        break;
    case REG_LCR:
        u->lcr = value;
        break;
    case REG_MCR:
        vuart_write_mcr(u, value);
        break;
    case REG_SCR:
        u->scr = value;
        break;
    default: /* LSR and MSR are not for writing */
        break;
    }
    return false;
}

static enum err vuart_read(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset, uint32_t width,
                           uint64_t *value)
{
    struct vuart *u = container_of(dev, struct vuart, place.dev);

    (void)vcpu;
    if (width != 1) {
        return ERR_FAULT;
    }
    spin_lock(&u->lock);
    *value = vuart_read_locked(u, (uint32_t)offset);
    vuart_update(u);
    spin_unlock(&u->lock);
    return ERR_OK;
}

static enum err vuart_write(struct mmio_dev *dev, struct vcpu *vcpu, uint64_t offset,
                            uint32_t width, uint64_t value)
{
    struct vuart *u = container_of(dev, struct vuart, place.dev);
    char c = (char)value;
    bool out, tell;

    (void)vcpu;
    if (width != 1) {
        return ERR_FAULT;
    }
    spin_lock(&u->lock);
    out = vuart_write_locked(u, (uint32_t)offset, (uint8_t)value);
    tell = (u->ier & IER_THRE) != 0; /* who enables it later is told by that */
    vuart_update(u);
    spin_unlock(&u->lock);
    if (!out) {
        return ERR_OK;
    }
    /* With no lock: it takes its time, and input comes from other harts. */
    if (console_write(u->console, &c, 1) == 0) {
        return ERR_BUSY;
    }
    if (tell) { /* not before the byte is out: what the handler sends comes behind it */
        spin_lock(&u->lock);
        u->thre_irq = true;
        vuart_update(u);
        spin_unlock(&u->lock);
    }
    return ERR_OK;
}

/* The console has input: takes what the FIFO holds. Any hart, no lock held. */
static void vuart_input(void *arg)
{
    struct vuart *u = arg;

    spin_lock(&u->lock);
    vuart_refill(u);
    vuart_update(u);
    spin_unlock(&u->lock);
}

static void vuart_reset(struct vdev *vdev)
{
    struct vuart *u = container_of(vdev, struct vuart, place.vdev);

    spin_lock(&u->lock);
    u->ier = 0;
    u->lcr = 0;
    u->mcr = 0;
    u->scr = 0;
    u->divisor[0] = 0;
    u->divisor[1] = 0;
    u->msr_delta = 0;
    u->trigger = 1;
    u->fifo_on = false;
    u->overrun = false;
    u->thre_irq = false;
    u->head = 0;
    u->count = 0;
    u->line = false;
    u->place.chip->ops->set_level(u->place.chip, u->place.source, false);
    spin_unlock(&u->lock);
}

static enum err vuart_fdt_node(const struct vdev *vdev, void *fdt)
{
    int err = vdev_begin_node(vdev, fdt);

    err |= fdt_property_u32(fdt, "clock-frequency", 3686400);
    err |= fdt_property_u32(fdt, "current-speed", 115200);
    err |= fdt_end_node(fdt);
    return fdt_put_result(err);
}

static const struct vdev_type vuart_type = {
    .vdev = {.reset = vuart_reset, .fdt_node = vuart_fdt_node},
    .mmio = {vuart_read, vuart_write},
    .bytes = sizeof(struct vuart),
    .register_size = VUART_SIZE,
    .name = "serial",
    .compatible = "ns16550a",
};

struct vdev *vuart_create(struct vm *vm, const struct vdev_config *config, const char **why)
{
    struct vuart *u = vdev_make(&vuart_type, vm, config, why);

    if (u == NULL) {
        return NULL;
    }
    u->console = vm->console;
    spinlock_init(&u->lock);
    console_on_input(u->console, vuart_input, u);
    return &u->place.vdev;
}
