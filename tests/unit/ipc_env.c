/* SPDX-License-Identifier: BSD-2-Clause */
/* See ipc_env.h. */
#include "tests/unit/ipc_env.h"

#include "core/ipc.h"
#include "core/ram.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#define SHARED_HPA 0x900000000ull

struct env env;

static struct channel_config channels[] = {
    {.name = "ab", .end = {{A, ENV_IRQ(A, 0), true, true}, {B, ENV_IRQ(B, 0), true, true}}},
    {.name = "bc", .end = {{B, ENV_IRQ(B, 1), true, false}, {C, ENV_IRQ(C, 0), false, true}}},
};

static struct shmem_end_config map_ends[] = {
    {A, ENV_MAP_A, true},
    {B, ENV_MAP_B, false},
};

static struct shmem_config shmems[] = {
    {.name = "map", .size = ENV_MAP_SIZE, .end_count = 2, .ends = map_ends},
};

static void chip_pulse(struct virqchip *chip, uint32_t source)
{
    if (source == 0 || source > ENV_SOURCES || !virq_claimed(chip, source)) {
        abort();
    }
    if (env.on_pulse != NULL) {
        env.on_pulse();
    }
    atomic_fetch_add(&env.pulses[chip->vm->index][source], 1);
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
    .pulse = chip_pulse,
    .claim = chip_claim,
    .fdt_interrupts = chip_fdt_interrupts,
};

static void env_enter(struct vm *vm)
{
    while (ipc_vm_enter(vm) == ERR_BUSY) {
    }
}

void env_begin(void)
{
    static const char *const names[] = {"a", "b", "c"};
    const char *why = NULL;

    fake_init(ENV_VMS);
    memset(&env, 0, sizeof(env));
    machine.manifest.channels = channels;
    machine.manifest.channel_count = ARRAY_SIZE(channels);
    machine.manifest.shmems = shmems;
    machine.manifest.shmem_count = ARRAY_SIZE(shmems);
    memset(fake_phys_add(SHARED_HPA, MIB), 0x5a, MIB);
    if (ram_add(&machine.board.ram, SHARED_HPA, MIB) != ERR_OK) {
        abort();
    }
    for (uint32_t i = 0; i < ENV_VMS; i++) {
        struct vm *vm = fake_vm_add(names[i], 1, i, ENV_RAM, ENV_RAM_SIZE);

        memset(fake_vm_region(vm, ENV_SPLIT, ENV_RAM_SIZE, REGION_RAM, MAP_RAM), 0xa5,
               ENV_RAM_SIZE);
        env.vm[i] = vm;
        vm->irqchip = &env.chip[i];
        if (virqchip_init(vm->irqchip, &chip_ops, vm, ENV_SOURCES) != ERR_OK) {
            abort();
        }
    }
    if (ipc_build(&why) != ERR_OK) {
        abort();
    }
    for (uint32_t i = 0; i < ENV_VMS; i++) {
        env_enter(env.vm[i]);
        ipc_vm_started(env.vm[i]);
    }
}

void env_end(void)
{
    for (uint32_t i = 0; i < ENV_VMS; i++) {
        ipc_vm_stopped(env.vm[i]);
    }
    if (fake.shares != 0) {
        abort();
    }
    fake_end();
}

void env_start(uint32_t vm)
{
    spin_lock(&env.vm[vm]->lock);
    env.vm[vm]->generation++;
    spin_unlock(&env.vm[vm]->lock);
    env_enter(env.vm[vm]);
    ipc_vm_started(env.vm[vm]);
}

uint32_t env_pulses(uint32_t vm, uint32_t end)
{
    return atomic_exchange(&env.pulses[vm][ENV_IRQ(vm, end)], 0);
}

/* ---- a guest --------------------------------------------------------------------------------- */

static uint8_t *ring_byte(const struct guest_box *box, uint32_t at)
{
    return fake_gpa(env.vm[box->vm], box->base + PAGE_SIZE + at % box->ring_bytes, 1);
}

void box_prepare(struct guest_box *box, uint32_t vm, uint32_t end, uint64_t base,
                 uint32_t ring_bytes)
{
    *box = (struct guest_box){vm, end, base, ring_bytes, 0, fake_gpa(env.vm[vm], base, PAGE_SIZE)};
    atomic_store(&box->header->magic, MAILBOX_MAGIC);
    atomic_store(&box->header->ring_bytes, ring_bytes);
}

void box_open(struct guest_box *box, uint32_t vm, uint32_t end, uint32_t ring_bytes)
{
    box_prepare(box, vm, end, ENV_MBOX, ring_bytes);
    if (ipc_mailbox_set(env.vm[vm], end, gpa(box->base), ring_bytes) != ERR_OK) {
        abort();
    }
}

uint32_t box_read(struct guest_box *box, void *buf)
{
    uint32_t head = atomic_load_explicit(&box->header->head, memory_order_acquire);
    uint32_t length = 0;

    if (head == box->tail) {
        return 0;
    }
    for (uint32_t i = 0; i < 4; i++) {
        length |= (uint32_t)*ring_byte(box, box->tail + i) << (8 * i);
    }
    if (length == 0 || length > IPC_MESSAGE_MAX) {
        abort();
    }
    for (uint32_t i = 0; i < length; i++) {
        ((uint8_t *)buf)[i] = *ring_byte(box, box->tail + 8 + i);
    }
    box->tail += 8 + (uint32_t)align_up(length, 8);
    /* the exchange is the full fence between tail and want that the guest owes */
    (void)atomic_exchange(&box->header->tail, box->tail);
    if ((atomic_load(&box->header->want) & MAILBOX_WANT_ROOM) != 0 &&
        ipc_mailbox_room(env.vm[box->vm], box->end) != ERR_OK) {
        abort();
    }
    return length;
}

uint32_t box_events(struct guest_box *box)
{
    return atomic_exchange(&box->header->events, 0);
}

enum err env_send(uint32_t vm, uint32_t end, const void *data, uint64_t len)
{
    memcpy(fake_gpa(env.vm[vm], ENV_BUF, len), data, len);
    return ipc_send(env.vm[vm], end, gpa(ENV_BUF), len);
}
