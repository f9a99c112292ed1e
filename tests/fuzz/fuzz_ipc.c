/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/ipc.c core/channel.c core/shmem.c core/virq.c core/memmap.c core/guest_copy.c
 *       core/ram.c tests/unit/ipc_env.c tests/unit/fake_arch.c tests/unit/fake_core.c libfdt */
/*
 * Calls of three VMs in any order, with their mailboxes overwritten in between. Whatever they do:
 * Curia writes to no page that is not a mailbox of its owner, keeps no mapping that is not in use,
 * and a closed mailbox is not written at all.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/ipc_env.h"

#include "core/ipc.h"

#include <stdio.h>
#include <string.h>

#define FILLER     0xa5
#define AREA_PAGES 32u /* from ENV_MBOX on: where mailboxes can lie */
#define AREA_BYTES (AREA_PAGES * PAGE_SIZE)
#define OPS_MAX    200u

struct input {
    const uint8_t *at, *end;
};

static uint8_t filler[ENV_RAM_SIZE];
static uint32_t touched[ENV_VMS]; /* bit: page of the area that may have changed */

static uint32_t take(struct input *in, uint32_t bytes)
{
    uint32_t v = 0;

    for (uint32_t i = 0; i < bytes; i++) {
        v = v << 8 | (in->at < in->end ? *in->at++ : 0u);
    }
    return v;
}

static void expect(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

static uint8_t *area(uint32_t vm)
{
    return fake_gpa(env.vm[vm], ENV_MBOX, AREA_BYTES);
}

static void mark(uint32_t vm, uint32_t page, uint32_t pages)
{
    for (uint32_t i = page; i < page + pages && i < AREA_PAGES; i++) {
        touched[vm] |= 1u << i;
    }
}

/* Only then does a VM call. */
static bool runs(uint32_t vm)
{
    return atomic_load(&env.vm[vm]->ipc->running);
}

/* A mailbox made as it should be, or with one thing wrong. */
static void do_set(struct input *in, uint32_t vm)
{
    static const uint64_t wrong[] = {0,         8,         ENV_RAM - PAGE_SIZE,
                                     ENV_MAP_A, ENV_MAP_B, 0xfffffffffffff000ull};
    uint32_t how = take(in, 1);
    uint32_t page = how % 15;
    uint32_t ring = IPC_RING_MIN << (take(in, 1) % 4);
    uint64_t at = ENV_MBOX + (uint64_t)page * PAGE_SIZE;
    struct mailbox *m = fake_gpa(env.vm[vm], at, PAGE_SIZE);
    enum err e;

    mark(vm, page, 1);
    m->magic = how < 250 ? MAILBOX_MAGIC : take(in, 4);
    m->ring_bytes = how < 245 ? ring : take(in, 4);
    if (how >= 230 && how < 240) {
        at = wrong[how % ARRAY_SIZE(wrong)];
    }
    e = ipc_mailbox_set(env.vm[vm], how % 2, gpa(at), how < 220 ? ring : take(in, 4));
    if (e == ERR_OK) {
        expect(at == ENV_MBOX + (uint64_t)page * PAGE_SIZE, "a mailbox that is not RAM");
        mark(vm, page, 1 + m->ring_bytes / PAGE_SIZE);
        expect(m->head == 0 && m->tail == 0 && m->events == 0, "a mailbox opened as it was");
    }
}

static void do_send(struct input *in, uint32_t vm)
{
    uint32_t end = take(in, 1) % 3;
    uint32_t len = take(in, 2) % 5000;
    uint64_t from = take(in, 1) % 8 == 0 ? ENV_RAM + ENV_RAM_TOTAL - take(in, 2)
                                         : ENV_SPLIT - take(in, 2) % 8192;

    (void)!ipc_send(env.vm[vm], end, gpa(from), len);
}

static void do_scribble(struct input *in, uint32_t vm)
{
    uint32_t page = take(in, 1) % AREA_PAGES;
    uint32_t at = take(in, 1) % (PAGE_SIZE / 4 - 1) % 20;
    uint32_t value = take(in, 4);

    mark(vm, page, 1);
    memcpy(area(vm) + (size_t)page * PAGE_SIZE + 4 * (size_t)at, &value, sizeof(value));
}

/* What a good owner does: has read everything. */
static void do_read(struct input *in, uint32_t vm)
{
    uint32_t page = take(in, 1) % 15;
    struct mailbox *m = fake_gpa(env.vm[vm], ENV_MBOX + (uint64_t)page * PAGE_SIZE, PAGE_SIZE);

    mark(vm, page, 1);
    m->tail = m->head;
}

/* The VM dies: from now on until it registers again nothing of it changes. */
static void do_restart(struct input *in, uint32_t vm)
{
    static uint8_t before[AREA_BYTES];

    ipc_vm_stopped(env.vm[vm]);
    memcpy(before, area(vm), AREA_BYTES);
    for (uint32_t other = 0; other < ENV_VMS; other++) {
        for (uint32_t i = 0; runs(other) && i < 2; i++) {
            (void)!ipc_notify(env.vm[other], i, 1);
            (void)!ipc_send(env.vm[other], i, gpa(ENV_RAM), 64);
        }
    }
    expect(memcmp(before, area(vm), AREA_BYTES) == 0, "a stopped VM's memory is written");
    if (take(in, 1) % 4 != 0) {
        env_start(vm);
    }
}

static void step(struct input *in)
{
    uint32_t op = take(in, 1);
    uint32_t vm = take(in, 1) % ENV_VMS;

    if (!runs(vm)) {
        env_start(vm);
        return;
    }
    switch (op % 8) {
    case 0:
        do_set(in, vm);
        break;
    case 1:
        (void)!ipc_mailbox_clear(env.vm[vm], take(in, 1) % 3);
        break;
    case 2:
    case 3:
        do_send(in, vm);
        break;
    case 4:
        (void)!ipc_notify(env.vm[vm], take(in, 1) % 3, take(in, 4));
        break;
    case 5:
        (void)!ipc_mailbox_room(env.vm[vm], take(in, 1) % 3);
        do_read(in, vm);
        break;
    case 6:
        do_scribble(in, vm);
        break;
    default:
        do_restart(in, vm);
        break;
    }
}

static void check_vm(uint32_t vm)
{
    const uint8_t *low = fake_gpa(env.vm[vm], ENV_RAM, ENV_RAM_SIZE);
    const uint8_t *high = fake_gpa(env.vm[vm], ENV_SPLIT, ENV_RAM_SIZE);
    size_t before = ENV_MBOX - ENV_RAM;
    size_t behind = ENV_RAM_SIZE - before - AREA_BYTES;

    expect(memcmp(low, filler, before) == 0, "memory below the mailboxes is written");
    expect(memcmp(low + before + AREA_BYTES, filler, behind) == 0, "memory above is written");
    expect(memcmp(high, filler, ENV_RAM_SIZE) == 0, "other memory is written");
    for (uint32_t i = 0; i < AREA_PAGES; i++) {
        expect((touched[vm] >> i & 1u) != 0 ||
                   memcmp(area(vm) + (size_t)i * PAGE_SIZE, filler, PAGE_SIZE) == 0,
               "a page is written that is no mailbox");
    }
    memset(area(vm), FILLER, AREA_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};

    if (machine.ipc == NULL) {
        memset(filler, FILLER, sizeof(filler));
        env_begin();
    }
    memset(touched, 0, sizeof(touched));
    for (uint32_t i = 0; i < OPS_MAX && in.at < in.end; i++) {
        step(&in);
    }
    for (uint32_t vm = 0; vm < ENV_VMS; vm++) {
        ipc_vm_stopped(env.vm[vm]);
    }
    expect(fake.shares == 0, "a mapping is left");
    for (uint32_t vm = 0; vm < ENV_VMS; vm++) {
        check_vm(vm);
        env_start(vm);
    }
    return 0;
}
