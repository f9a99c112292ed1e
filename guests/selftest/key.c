/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual power key, as far as a guest can go without being pressed: registers by each width,
 * and the status queue, whose buffers come back with the device's level interrupt.
 */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/lib/irq.h"
#include "guests/lib/mmio.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <string.h>

#define REG_MAGIC      0x000u
#define REG_VERSION    0x004u
#define REG_DEVICE_ID  0x008u
#define REG_DRIVER     0x020u
#define REG_DRIVER_SEL 0x024u
#define REG_QUEUE_SEL  0x030u
#define REG_SIZE_MAX   0x034u
#define REG_SIZE       0x038u
#define REG_READY      0x044u
#define REG_NOTIFY     0x050u
#define REG_INTERRUPT  0x060u
#define REG_ACK        0x064u
#define REG_STATUS     0x070u
#define REG_DESC       0x080u
#define REG_AVAIL      0x090u
#define REG_USED       0x0a0u
#define REG_CONFIG     0x100u

#define STATUSQ     1u
#define RING_SIZE   4u
#define NEEDS_RESET 0x40u

static struct {
    struct {
        uint64_t addr;
        uint32_t len;
        uint16_t flags, next;
    } desc[RING_SIZE];
    struct {
        uint16_t flags, idx, ring[RING_SIZE];
    } avail;
    struct {
        uint16_t flags, idx;
        struct {
            uint32_t id, len;
        } ring[RING_SIZE];
    } used;
    uint64_t lamp;
} q __attribute__((aligned(64)));

static volatile uint64_t irqs, pending, ack_at;

static uint32_t rd(uint32_t reg)
{
    return mmio_read32(board.key.start + reg);
}

static void wr(uint32_t reg, uint32_t value)
{
    mmio_write32(board.key.start + reg, value);
}

static void wr_area(uint32_t reg, const void *area)
{
    wr(reg, (uint32_t)(uintptr_t)area);
    wr(reg + 4, (uint32_t)((uintptr_t)area >> 32));
}

/* The interrupt stays asserted until it is acknowledged: it comes again up to then. */
static void on_key(void *unused)
{
    (void)unused;
    pending = rd(REG_INTERRUPT);
    irqs++;
    if (irqs >= ack_at) {
        wr(REG_ACK, (uint32_t)pending);
    }
}

static void go_live(void)
{
    memset(&q, 0, sizeof(q));
    wr(REG_STATUS, 0);
    wr(REG_STATUS, 3);
    wr(REG_DRIVER_SEL, 1);
    wr(REG_DRIVER, 1); /* VIRTIO_F_VERSION_1 */
    wr(REG_STATUS, 11);
    wr(REG_QUEUE_SEL, STATUSQ);
    wr(REG_SIZE, RING_SIZE);
    wr_area(REG_DESC, q.desc);
    wr_area(REG_AVAIL, &q.avail);
    wr_area(REG_USED, &q.used);
    wr(REG_READY, 1);
    wr(REG_STATUS, 15);
}

/* A lamp to be lit, from a buffer at addr. */
static void light(uint64_t addr, uint32_t id)
{
    q.desc[id].addr = addr;
    q.desc[id].len = sizeof(q.lamp);
    q.avail.ring[q.avail.idx % RING_SIZE] = (uint16_t)id;
    __asm__ volatile("fence rw, rw" ::: "memory");
    q.avail.idx++;
    wr(REG_NOTIFY, STATUSQ);
}

void key_leave(void)
{
    if (board.curia && board.key.size != 0) {
        go_live();
        light((uintptr_t)&q.lamp, 0); /* its interrupt is left pending */
        mmio_write8(board.key.start + REG_CONFIG, 1);
    }
}

static void test_registers(void)
{
    struct exec e;

    (void)tap_ok(rd(REG_MAGIC) == 0x74726976 && rd(REG_VERSION) == 2 && rd(REG_DEVICE_ID) == 18,
                 "power key: a virtio input device");
    (void)tap_ok(rd(REG_STATUS) == 0 && rd(REG_INTERRUPT) == 0 &&
                     mmio_read32(board.key.start + REG_CONFIG) == 0,
                 "power key: nothing is left of a life before");
    mmio_write8(board.key.start + REG_CONFIG + 1, 1);
    mmio_write8(board.key.start + REG_CONFIG, 0x11);
    (void)tap_eq(mmio_read8(board.key.start + REG_CONFIG + 2), 15, "power key: size of its bits");
    (void)tap_eq(mmio_read8(board.key.start + REG_CONFIG + 8 + 14), 0x10, "power key: KEY_POWER");
    e = exec_one(INSN_LHU, board.key.start + REG_CONFIG, 0);
    (void)tap_ok(!e.trapped && e.a0 == 0x0111, "power key: configuration by a half word");
    e = exec_one(INSN_LBU, board.key.start + REG_MAGIC, 0);
    (void)tap_ok(e.trapped && e.trap.scause == EXC_LOAD_ACCESS, "power key: no register by byte");
    e = exec_one(INSN_SD, board.key.start + REG_STATUS, 0);
    (void)tap_ok(e.trapped && e.trap.scause == EXC_STORE_ACCESS,
                 "power key: no register by double word");
    e = exec_one(INSN_LW, board.key.start + board.key.size, 0);
    (void)tap_ok(e.trapped && e.trap.scause == EXC_LOAD_ACCESS, "power key: nothing behind it");
}

static void test_interrupt(void)
{
    (void)irqs_off();
    ack_at = 3;
    go_live();
    (void)tap_eq(rd(REG_STATUS), 15, "power key: live");
    if (!tap_ok(irq_init() && irq_attach(board.key_irq, hart_self()->index, on_key, NULL),
                "power key: source %u", (unsigned)board.key_irq.source)) {
        return;
    }
    light((uintptr_t)&q.lamp, 2);
    (void)tap_ok(q.used.idx == 1 && q.used.ring[0].id == 2 && q.used.ring[0].len == 0,
                 "power key: a lamp's buffer comes back");
    irqs_on();
    (void)tap_ok(wait_for(&irqs, ack_at), "power key: interrupts until it is acknowledged");
    pause_us(2000);
    (void)irqs_off();
    (void)tap_ok(irqs == ack_at && pending == 1, "power key: and no more then");

    q.avail.flags = 1;
    light((uintptr_t)&q.lamp, 1);
    (void)tap_ok(q.used.idx == 2 && rd(REG_INTERRUPT) == 0, "power key: none if none is wanted");
    light(NOWHERE, 0); /* whose content is never looked at */
    (void)tap_eq(q.used.idx, 3, "power key: a buffer that is nowhere comes back, too");
    q.avail.idx += RING_SIZE + 1;
    wr(REG_NOTIFY, STATUSQ);
    (void)tap_ok((rd(REG_STATUS) & NEEDS_RESET) != 0 && (rd(REG_INTERRUPT) & 2) != 0,
                 "power key: needs a reset after an index that cannot be");
    wr(REG_STATUS, 0);
    (void)tap_ok(rd(REG_STATUS) == 0 && rd(REG_INTERRUPT) == 0, "power key: the reset");
    irq_detach(board.key_irq);
}

/* Where the manifest gives this VM one. */
void test_key(void)
{
    if (board.curia && board.key.size != 0) {
        test_registers();
        test_interrupt();
    }
}
