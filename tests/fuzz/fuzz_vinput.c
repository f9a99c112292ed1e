/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual power key under any registers and any rings: the first bytes are the guest's RAM, the
 * rest commands. It touches nothing but that RAM (the fake port aborts), its line agrees with
 * InterruptStatus, one write does a bounded amount of work, and a reset forgets everything.
 */
/* LINK: drivers/virtual/vinput.c drivers/virtual/virtio_mmio.c drivers/virtual/vring.c
 *       drivers/virtual/place.c core/virq.c core/mmio_bus.c core/memmap.c core/guest_copy.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c libfdt */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/virtio_rig.h"

/* Where the fuzzed bytes lie: areas and buffers, in all their overlaps, within 2 KiB at most. */
#define AREA       (RIG_RAM + RIG_BYTES - 0x800)
#define AREA_BYTES 0x800u

/* Bytes of a buffer: idx, entry, 16 descriptors, data, the two writes to the used ring, flags. 16
 * lamps and 4 events each time that a register is written. */
#define WORK_MAX (20u * (2u + 2u + 16u * 16u + 8u + 8u + 4u + 2u))

#define COMMANDS 9u
#define GO_LIVE  8u /* the one that writes more than two registers */

static void check(void)
{
    uint32_t pending = rd(R_INTERRUPT);
    uint32_t status = rd(R_STATUS);

    MUST(rig.line == (pending != 0));
    MUST((pending & ~3u) == 0);
    MUST((status & ~0xcfu) == 0);
    MUST((status & 0x40) == 0 || (status & 0x0c) == 0x0c); /* only what is live breaks */
    MUST(rd(R_MAGIC) == 0x74726976 && rd(R_VERSION) == 2 && rd(R_DEVICE) == 18);
    MUST(rd(R_READY) <= 1);
}

static void command(const uint8_t *c)
{
    static const uint32_t regs[] = {R_FEATURES_SEL, R_ACCEPT, R_ACCEPT_SEL, R_QUEUE,
                                    R_SIZE,         R_READY,  R_NOTIFY,     R_ACK,
                                    R_STATUS,       R_DESC,   R_DRIVER,     R_DEVICE_AREA};
    uint64_t at = AREA + (uint64_t)c[2] * 16u;
    uint64_t any;

    switch (c[0] % COMMANDS) {
    case 0: /* a small value into a register */
        wr(regs[c[1] % ARRAY_SIZE(regs)], c[2]);
        break;
    case 1: /* an area of the selected queue, near the RAM */
        wr64(regs[9 + c[1] % 3u], at - c[1] / 3u);
        break;
    case 2:
        rig_press();
        break;
    case 3: /* any access at all */
        (void)rig_write(c[1] * 2u + c[2] % 2u, 1u << c[2] % 4, c[2] * 0x0101010101010101ull);
        break;
    case 4:
        (void)rig_read(c[1] * 2u + c[2] % 2u, 1u << c[2] % 4, &any);
        break;
    case 5: /* the driver, or another vCPU, changes the RAM */
        *(uint8_t *)fake_gpa(rig.vm, AREA + c[1] * 8u % AREA_BYTES + c[2] % 8u, 1) = c[2];
        break;
    case 6: /* one more available buffer for it */
        *(uint16_t *)fake_gpa(rig.vm, AREA + c[1] * 8u % AREA_BYTES + 2, 2) += c[2] % 4u;
        break;
    case 7: /* a descriptor that may be right */
        memcpy(fake_gpa(rig.vm, AREA + c[1] % 16u * 16u, 16),
               &(struct rig_desc){at, c[2] % 16u, c[1] >> 4 & 7u, c[2] >> 4}, 16);
        break;
    default: /* live at once */
        rig_features();
        wr(R_QUEUE, c[1] % 2u);
        wr(R_SIZE, 1u << c[1] % 5u);
        wr64(R_DESC, AREA);
        wr64(R_DRIVER, at);
        wr64(R_DEVICE_AREA, AREA + 0x400);
        wr(R_READY, 1);
        wr(R_STATUS, 15);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t ram = size < AREA_BYTES / 4 ? size / 2 : AREA_BYTES / 4;

    if (rig.key == NULL) {
        rig_init();
    }
    rig.key->ops->reset(rig.key);
    MUST(!rig.line && rd(R_STATUS) == 0 && rd(R_READY) == 0);
    memset(fake_gpa(rig.vm, AREA, AREA_BYTES), 0, AREA_BYTES);
    for (size_t i = 0; i < ram; i++) {
        ((uint8_t *)fake_gpa(rig.vm, AREA, AREA_BYTES))[i] = data[i];
    }
    for (size_t i = ram; i + 3 <= size && i < ram + 1500; i += 3) {
        uint64_t moved = fake.bytes_read + fake.bytes_written;

        command(&data[i]);
        MUST(fake.bytes_read + fake.bytes_written - moved <=
             (data[i] % COMMANDS == GO_LIVE ? 16u : 2u) * WORK_MAX);
        check();
    }
    return 0;
}
