/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/ipc.c core/channel.c core/shmem.c core/virq.c core/memmap.c core/guest_copy.c
 *       core/ram.c core/trace.c core/hart.c tests/unit/ipc_env.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c libfdt */
/*
 * Channels and shared regions: what arrives, what is refused, what a hostile owner can do to itself
 * and to nobody else, what restarts leave behind.
 */
#include "core/ram.h"
#include "tests/unit/ipc_env.h"
#include "tests/unit/trace_rig.h"

#include "core/ipc.h"

#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RING 8192u

static uint8_t data[IPC_MESSAGE_MAX], got[IPC_MESSAGE_MAX];

static int setup(void **state)
{
    (void)state;
    env_begin();
    for (uint32_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    env_end();
    return 0;
}

static struct ipc_stats stats(uint32_t vm, uint32_t end)
{
    struct ipc_stats s;

    assert_non_null(ipc_end_stats(env.vm[vm], end, &s));
    return s;
}

/* Everything of that VM's RAM but [start, start + size) still holds the filler. */
static void assert_untouched(uint32_t vm, uint64_t start, uint64_t size)
{
    for (uint64_t at = ENV_RAM; at < ENV_RAM + ENV_RAM_TOTAL; at++) {
        if (at < start || at - start >= size) {
            assert_int_equal(*(uint8_t *)fake_gpa(env.vm[vm], at, 1), 0xa5);
        }
    }
}

/* ---- messages -------------------------------------------------------------------------------- */

static void test_message(void **state)
{
    struct guest_box box;

    (void)state;
    assert_int_equal(ipc_end_count(env.vm[A]), 1);
    assert_int_equal(ipc_end_count(env.vm[B]), 2);
    assert_int_equal(env_send(A, 0, data, 5), ERR_STATE);
    box_open(&box, B, 0, RING);
    assert_int_equal(box.header->peer_state, MAILBOX_PEER_RUNNING);
    assert_int_equal(box.header->peer_generation, 1);
    (void)env_pulses(B, 0);

    assert_int_equal(env_send(A, 0, data, 5), ERR_OK);
    assert_int_equal(env_pulses(B, 0), 1);
    assert_int_equal(box_events(&box), MAILBOX_EV_MESSAGE);
    assert_int_equal(box.header->head, 16);
    assert_int_equal(box_read(&box, got), 5);
    assert_memory_equal(got, data, 5);
    assert_int_equal(box_read(&box, got), 0);

    /* Each byte is moved once, and nothing else but the record's header. */
    fake.bytes_written = 0;
    fake.bytes_read = 0;
    assert_int_equal(env_send(A, 0, data, 100), ERR_OK);
    assert_int_equal(fake.bytes_written, 108);
    assert_int_equal(fake.bytes_read, 100);

    assert_int_equal(stats(A, 0).sent, 2);
    assert_int_equal(stats(B, 0).received, 2);
    assert_int_equal(stats(A, 0).unreachable, 1);
}

static void test_arguments(void **state)
{
    struct guest_box box;

    (void)state;
    box_open(&box, B, 0, RING);
    assert_int_equal(ipc_send(env.vm[A], 1, gpa(ENV_BUF), 8), ERR_NOT_FOUND);
    assert_int_equal(ipc_send(env.vm[A], UINT64_MAX, gpa(ENV_BUF), 8), ERR_NOT_FOUND);
    assert_int_equal(ipc_send(env.vm[A], 0, gpa(ENV_BUF), 0), ERR_INVALID);
    assert_int_equal(ipc_send(env.vm[A], 0, gpa(ENV_BUF), IPC_MESSAGE_MAX + 1), ERR_INVALID);
    assert_int_equal(ipc_send(env.vm[A], 0, gpa(ENV_BUF), UINT64_MAX), ERR_INVALID);
    assert_int_equal(ipc_send(env.vm[A], 0, gpa(UINT64_MAX), 1), ERR_FAULT);
    assert_int_equal(ipc_send(env.vm[A], 0, gpa(UINT64_MAX - 7), 16), ERR_FAULT);
    assert_int_equal(ipc_send(env.vm[A], 0, gpa(ENV_RAM - 1), 2), ERR_FAULT);
    assert_int_equal(ipc_send(env.vm[A], 0, gpa(ENV_RAM + ENV_RAM_TOTAL - 1), 2), ERR_FAULT);
    assert_int_equal(ipc_send(env.vm[A], 0, gpa(ENV_MAP_A), 8), ERR_FAULT);
    assert_int_equal(box.header->head, 0);
    assert_int_equal(ipc_notify(env.vm[A], 1, 1), ERR_NOT_FOUND);
    assert_int_equal(ipc_notify(env.vm[A], 0, 0), ERR_INVALID);
    assert_int_equal(ipc_mailbox_room(env.vm[A], 9), ERR_NOT_FOUND);
    assert_int_equal(ipc_mailbox_room(env.vm[A], 0), ERR_STATE);

    /* c only receives. */
    assert_int_equal(env_send(C, 0, data, 8), ERR_DENIED);
    assert_int_equal(ipc_notify(env.vm[C], 0, 1), ERR_DENIED);
    assert_int_equal(ipc_notify(env.vm[B], 1, 1), ERR_STATE);
}

/* A message of every length, and one broken by the ring's end at every place where it can be. */
static void test_wrap(void **state)
{
    struct guest_box box;
    uint32_t at = 0;

    (void)state;
    box_open(&box, B, 0, RING);
    for (uint32_t len = 1; len <= IPC_MESSAGE_MAX; len++) {
        assert_int_equal(env_send(A, 0, data, len), ERR_OK);
        assert_int_equal(box_read(&box, got), len);
        assert_memory_equal(got, data, len);
        at = (at + 8 + (uint32_t)align_up(len, 8)) % RING;
    }
    for (uint32_t want = 0; want < RING; want += 8) {
        while (at != want) {
            uint32_t far = (want - at) % RING;
            uint32_t step = far > 4104 ? 4104 : far == 8 ? 24 : far;

            assert_int_equal(env_send(A, 0, data, (far - step == 8 ? step - 8 : step) - 8), ERR_OK);
            at = (at + (far - step == 8 ? step - 8 : step)) % RING;
            assert_true(box_read(&box, got) > 0);
        }
        assert_int_equal(env_send(A, 0, data + 1, IPC_MESSAGE_MAX - 1), ERR_OK);
        assert_int_equal(box_read(&box, got), IPC_MESSAGE_MAX - 1);
        assert_memory_equal(got, data + 1, IPC_MESSAGE_MAX - 1);
        at = (at + 8 + IPC_MESSAGE_MAX) % RING;
    }
    assert_untouched(B, ENV_MBOX, PAGE_SIZE + RING);
}

/* Sender's buffer and receiver's ring lie in two regions each. */
static void test_regions_crossed(void **state)
{
    struct guest_box box;
    uint64_t buf = ENV_SPLIT - 100;

    (void)state;
    box_prepare(&box, B, 0, ENV_SPLIT - PAGE_SIZE - 4096, RING);
    assert_int_equal(ipc_mailbox_set(env.vm[B], 0, gpa(box.base), RING), ERR_OK);
    for (uint32_t i = 0; i < 1000; i++) {
        *(uint8_t *)fake_gpa(env.vm[A], buf + i, 1) = data[i];
    }
    for (uint32_t n = 0; n < 20; n++) {
        assert_int_equal(ipc_send(env.vm[A], 0, gpa(buf), 1000), ERR_OK);
        assert_int_equal(box_read(&box, got), 1000);
        assert_memory_equal(got, data, 1000);
    }
}

static void test_full_and_room(void **state)
{
    struct guest_box box, back;
    uint32_t sent = 0;

    (void)state;
    box_open(&back, A, 0, RING);
    box_open(&box, B, 0, RING);
    (void)box_events(&back);
    while (env_send(A, 0, data, 1000) == ERR_OK) {
        sent++;
    }
    assert_int_equal(sent, RING / 1008);
    assert_int_equal(box.header->want, MAILBOX_WANT_ROOM);
    assert_int_equal(stats(A, 0).refused, 1);
    assert_int_equal(box.header->head, sent * 1008);
    /* What fits goes in all the same; the wish stays. */
    assert_int_equal(env_send(A, 0, data, RING - sent * 1008 - 8), ERR_OK);
    assert_int_equal(env_send(A, 0, data, 1), ERR_BUSY);
    assert_int_equal(box_events(&back), 0);

    assert_int_equal(box_read(&box, got), 1000);
    assert_int_equal(box_events(&back), MAILBOX_EV_ROOM);
    assert_int_equal(box.header->want, 0);
    assert_int_equal(env_send(A, 0, data, 1000), ERR_OK);
    assert_int_equal(box_read(&box, got), 1000);
    assert_int_equal(box_events(&back), 0);
    /* Nobody was refused: nobody hears of it. */
    assert_int_equal(ipc_mailbox_room(env.vm[B], 0), ERR_OK);
    assert_int_equal(box_events(&back), 0);
}

static void test_bell(void **state)
{
    struct guest_box box;
    uint32_t syncs;

    (void)state;
    assert_int_equal(ipc_notify(env.vm[B], 1, 2), ERR_STATE);
    box_open(&box, C, 0, RING);
    (void)env_pulses(C, 0);
    syncs = fake.share_syncs; /* whichever hart rings, it may not know the mapping yet */
    assert_int_equal(ipc_notify(env.vm[B], 1, 2), ERR_OK);
    assert_int_equal(fake.share_syncs, syncs + 1);
    assert_int_equal(ipc_notify(env.vm[B], 1, 1ull << 63), ERR_OK);
    assert_int_equal(env_pulses(C, 0), 2);
    assert_int_equal(box_events(&box), MAILBOX_EV_BELL);
    assert_true(atomic_exchange(&box.header->doorbell, 0) == (2 | 1ull << 63));
    assert_int_equal(stats(C, 0).bells, 2);
    /* the registration's and the boot's: nothing through windows */
    assert_int_equal(fake.bytes_written + fake.bytes_read, 8 + ENV_MAP_SIZE);
}

/* ---- hostile owners -------------------------------------------------------------------------- */

static void test_hostile_tail(void **state)
{
    struct guest_box box;
    static const uint32_t wrong[] = {1, 8, 0x80000000u, 0x7fffffffu, 0u - RING - 8};

    (void)state;
    box_open(&box, B, 0, RING);
    assert_int_equal(env_send(A, 0, data, 8), ERR_OK);
    for (uint32_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        atomic_store(&box.header->tail, 16 + wrong[i]);
        assert_int_equal(env_send(A, 0, data, 8), ERR_BUSY);
        assert_int_equal(box.header->head, 16);
    }
    assert_int_equal(stats(B, 0).bad_tails, ARRAY_SIZE(wrong));

    /* The owner mends it, and loses what it said it had read. */
    atomic_store(&box.header->tail, 16);
    box.tail = 16;
    assert_int_equal(env_send(A, 0, data, 9), ERR_OK);
    assert_int_equal(box_read(&box, got), 9);
    assert_untouched(B, ENV_MBOX, PAGE_SIZE + RING);
}

static void test_hostile_header(void **state)
{
    struct guest_box box, other;
    uint8_t *page;

    (void)state;
    box_open(&box, B, 0, RING);
    box_open(&other, C, 0, RING);
    page = (uint8_t *)box.header;
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t at = box.tail % RING;
        uint32_t len = 1 + i * 37 % 3000;

        memset(page, (int)(i * 41), PAGE_SIZE);
        atomic_store(&box.header->tail, box.tail);
        assert_int_equal(env_send(A, 0, data, len), ERR_OK);
        assert_int_equal(ipc_notify(env.vm[A], 0, 1), ERR_OK);
        assert_int_equal(ipc_mailbox_room(env.vm[B], 0), ERR_OK);
        /* Curia's head is its own: the record is where the last one ended. */
        assert_int_equal(*(uint8_t *)fake_gpa(env.vm[B], box.base + PAGE_SIZE + at, 1), len & 0xff);
        box.tail += 8 + (uint32_t)align_up(len, 8);
        assert_int_equal(box.header->head, box.tail);

        assert_int_equal(env_send(B, 1, data, len), ERR_OK);
        assert_int_equal(box_read(&other, got), len);
        /* env_send() used b's buffer. */
        memset(fake_gpa(env.vm[B], ENV_BUF, len), 0xa5, len);
    }
    assert_untouched(B, ENV_MBOX, PAGE_SIZE + RING);
}

static enum err set(uint32_t vm, uint64_t header, uint64_t ring)
{
    return ipc_mailbox_set(env.vm[vm], 0, gpa(header), ring);
}

static void test_registration(void **state)
{
    struct guest_box box;
    uint64_t last = ENV_RAM + ENV_RAM_TOTAL - PAGE_SIZE;

    (void)state;
    box_prepare(&box, B, 0, ENV_MBOX, RING);
    assert_int_equal(ipc_mailbox_set(env.vm[B], 2, gpa(ENV_MBOX), RING), ERR_NOT_FOUND);
    assert_int_equal(set(B, ENV_MBOX + 8, RING), ERR_INVALID);
    assert_int_equal(set(B, ENV_MBOX, 0), ERR_INVALID);
    assert_int_equal(set(B, ENV_MBOX, RING + 1), ERR_INVALID);
    assert_int_equal(set(B, ENV_MBOX, 4096), ERR_INVALID);
    assert_int_equal(set(B, ENV_MBOX, 3 * 8192), ERR_INVALID);
    assert_int_equal(set(B, ENV_MBOX, 2 * IPC_RING_MAX), ERR_INVALID);
    assert_int_equal(set(B, ENV_MBOX, 1ull << 63), ERR_INVALID);
    assert_int_equal(set(B, ENV_MBOX, 2 * RING), ERR_INVALID); /* the header says RING */
    atomic_store(&box.header->magic, MAILBOX_MAGIC + 1);
    assert_int_equal(set(B, ENV_MBOX, RING), ERR_INVALID);
    atomic_store(&box.header->magic, MAILBOX_MAGIC);

    assert_int_equal(set(B, 0, RING), ERR_FAULT);
    assert_int_equal(set(B, ENV_RAM - PAGE_SIZE, RING), ERR_FAULT);
    assert_int_equal(set(B, last, RING), ERR_FAULT);
    assert_int_equal(set(B, last - PAGE_SIZE, RING), ERR_FAULT);
    assert_int_equal(set(B, ENV_MBOX, IPC_RING_MAX), ERR_FAULT);
    assert_int_equal(set(B, 0xfffffffffffff000ull, RING), ERR_FAULT);
    assert_int_equal(set(B, 0xffffffffffffd000ull, RING), ERR_FAULT);
    assert_int_equal(set(A, ENV_MAP_A, RING), ERR_FAULT); /* not its own RAM */
    assert_int_equal(fake.shares, 0);

    fake.share_budget = 0;
    assert_int_equal(set(B, ENV_MBOX, RING), ERR_NO_MEMORY);
    fake.share_budget = 16;
    memset((uint8_t *)box.header + 8, 0xff, 100); /* what the owner left there is wiped */
    assert_int_equal(set(B, ENV_MBOX, RING), ERR_OK);
    assert_int_equal(box.header->head | box.header->tail | box.header->want, 0);
    assert_int_equal(box.header->events | box.header->doorbell, 0);
    assert_int_equal(set(B, ENV_MBOX, RING), ERR_EXISTS);
    assert_int_equal(fake.shares, 1);
    assert_int_equal(ipc_mailbox_clear(env.vm[B], 7), ERR_NOT_FOUND);
    assert_int_equal(ipc_mailbox_clear(env.vm[B], 0), ERR_OK);
    assert_int_equal(ipc_mailbox_clear(env.vm[B], 0), ERR_STATE);
    assert_int_equal(fake.shares, 0);
    assert_int_equal(env_send(A, 0, data, 1), ERR_STATE);
}

/* ---- peers ----------------------------------------------------------------------------------- */

static void test_peers(void **state)
{
    struct guest_box a, b;

    (void)state;
    box_open(&a, A, 0, RING);
    assert_int_equal(a.header->peer_state, MAILBOX_PEER_RUNNING);
    (void)env_pulses(A, 0);
    box_open(&b, B, 0, RING);
    assert_int_equal(b.header->peer_state, MAILBOX_PEER_RUNNING | MAILBOX_PEER_UP);
    assert_int_equal(a.header->peer_state, MAILBOX_PEER_RUNNING | MAILBOX_PEER_UP);
    assert_int_equal(env_pulses(A, 0), 1);
    assert_int_equal(box_events(&a), MAILBOX_EV_PEER);
    assert_int_equal(ipc_mailbox_clear(env.vm[B], 0), ERR_OK);
    assert_int_equal(a.header->peer_state, MAILBOX_PEER_RUNNING);
    assert_int_equal(box_events(&a), MAILBOX_EV_PEER);
    box_open(&b, B, 0, RING);

    assert_int_equal(env_send(A, 0, data, 100), ERR_OK);
    (void)box_events(&a);
    (void)box_events(&b);
    (void)env_pulses(A, 0);
    ipc_vm_stopped(env.vm[B]);
    assert_int_equal(a.header->peer_state, 0);
    assert_int_equal(box_events(&a), MAILBOX_EV_PEER);
    assert_int_equal(env_pulses(A, 0), 1);
    assert_int_equal(stats(B, 0).lost_bytes, 112);
    assert_int_equal(env_send(A, 0, data, 1), ERR_STATE);
    assert_int_equal(ipc_notify(env.vm[A], 0, 1), ERR_STATE);
    assert_int_equal(box_events(&b), 0);
    ipc_vm_stopped(env.vm[B]); /* a load that failed */
    assert_int_equal(box_events(&a), 0);

    env_start(B);
    assert_int_equal(a.header->peer_state, MAILBOX_PEER_RUNNING);
    assert_int_equal(a.header->peer_generation, 2);
    assert_int_equal(box_events(&a), MAILBOX_EV_PEER);
    assert_int_equal(env_send(A, 0, data, 1), ERR_STATE);
    box_open(&b, B, 0, RING);
    assert_int_equal(box_read(&b, got), 0); /* nothing of its last life */
    assert_int_equal(a.header->peer_state, MAILBOX_PEER_RUNNING | MAILBOX_PEER_UP);
}

/* A tail that lies does not make the count of what was lost lie by more than the ring. */
static void test_lost_is_bounded(void **state)
{
    struct guest_box b;

    (void)state;
    box_open(&b, B, 0, RING);
    atomic_store(&b.header->tail, 77);
    assert_int_equal(ipc_mailbox_clear(env.vm[B], 0), ERR_OK);
    assert_int_equal(stats(B, 0).lost_bytes, RING);
}

/* ---- regions --------------------------------------------------------------------------------- */

static bool region_is(uint8_t value)
{
    const uint8_t *p = fake_gpa(env.vm[A], ENV_MAP_A, ENV_MAP_SIZE);

    for (uint32_t i = 0; i < ENV_MAP_SIZE; i++) {
        if (p[i] != value) {
            return false;
        }
    }
    return true;
}

static void test_region(void **state)
{
    const struct region *a = memmap_find(&env.vm[A]->map, gpa(ENV_MAP_A));
    const struct region *b = memmap_find(&env.vm[B]->map, gpa(ENV_MAP_B));
    void *mem = fake_gpa(env.vm[A], ENV_MAP_A, ENV_MAP_SIZE);

    (void)state;
    assert_int_equal(a->kind, REGION_SHARED);
    assert_int_equal(a->attr, MAP_RW);
    assert_int_equal(b->attr, MAP_RO);
    assert_int_equal(a->hpa.v, b->hpa.v);
    assert_null(memmap_find(&env.vm[C]->map, gpa(ENV_MAP_A)));
    assert_int_equal(fake_vm(env.vm[B])->maps[2].attr, MAP_RO);
    assert_true(region_is(0)); /* the machine's RAM was not */

    memset(mem, 7, ENV_MAP_SIZE);
    ipc_vm_stopped(env.vm[A]);
    env_start(A);
    assert_true(region_is(7)); /* b still runs */
    ipc_vm_stopped(env.vm[B]);
    ipc_vm_stopped(env.vm[A]);
    assert_true(region_is(7));
    env_start(B);
    assert_true(region_is(0));
    memset(mem, 8, ENV_MAP_SIZE);
    env_start(A);
    assert_true(region_is(8));
}

/* ---- FDT, and what cannot be built ----------------------------------------------------------- */

static void test_fdt(void **state)
{
    static char fdt[4096];
    const char *label;
    int node, len;

    (void)state;
    for (size_t size = 300; size < sizeof(fdt); size += 100) {
        if (fdt_create_with_flags(fdt, (int)size, FDT_CREATE_FLAG_NO_NAME_DEDUP) == 0 &&
            fdt_finish_reservemap(fdt) == 0 && fdt_begin_node(fdt, "") == 0) {
            enum err e = ipc_fdt(env.vm[B], fdt);

            assert_true(e == ERR_OK || e == ERR_RANGE);
            assert_true(e == ERR_OK || size < 1500);
            if (e == ERR_OK && fdt_end_node(fdt) == 0 && fdt_finish(fdt) == 0) {
                break;
            }
        }
    }
    node = fdt_path_offset(fdt, "/channel@1");
    assert_true(node >= 0);
    assert_string_equal(fdt_getprop(fdt, node, "compatible", &len), "curia,channel");
    label = fdt_getprop(fdt, node, "label", &len);
    assert_string_equal(label, "bc");
    assert_string_equal(fdt_getprop(fdt, node, "peer", &len), "c");
    assert_non_null(fdt_getprop(fdt, node, "curia,send", &len));
    assert_null(fdt_getprop(fdt, node, "curia,receive", &len));
    assert_int_equal(fdt32_ld(fdt_getprop(fdt, node, "reg", &len)), 1);
    assert_int_equal(fdt32_ld(fdt_getprop(fdt, node, "interrupts", &len)), ENV_IRQ(B, 1));
    node = fdt_path_offset(fdt, "/region@b0000000");
    assert_true(node >= 0);
    assert_string_equal(fdt_getprop(fdt, node, "compatible", &len), "curia,shared-region");
    assert_non_null(fdt_getprop(fdt, node, "read-only", &len));
    assert_int_equal(fdt64_ld(fdt_getprop(fdt, node, "reg", &len)), ENV_MAP_B);
    assert_int_equal(len, 16);
}

static void test_build_fails(void **state)
{
    const char *why = NULL;

    (void)state;
    assert_int_equal(ipc_build(&why), ERR_EXISTS); /* all interrupts are taken by now */
    assert_non_null(strstr(why, "interrupt"));
    machine.manifest.channel_count = 0;
    assert_int_equal(ipc_build(&why), ERR_EXISTS);
    assert_non_null(strstr(why, "overlaps"));
    machine.board.ram.count = 0;
    assert_int_equal(ipc_build(&why), ERR_NO_MEMORY);
    assert_non_null(strstr(why, "RAM"));
}

/* ---- the small print ------------------------------------------------------------------------- */

/* A mailbox whose words are right, at an address or of a size that is not. */
static void test_mailbox_shape(void **state)
{
    static const uint32_t sizes[] = {IPC_RING_MIN / 2, IPC_RING_MIN - 8, IPC_RING_MIN + 8,
                                     3 * IPC_RING_MIN, 2 * IPC_RING_MAX};
    struct guest_box box;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        box_prepare(&box, B, 0, ENV_MBOX, sizes[i]);
        assert_int_equal(ipc_mailbox_set(env.vm[B], 0, gpa(ENV_MBOX), sizes[i]), ERR_INVALID);
    }
    for (uint64_t off = 8; off < PAGE_SIZE; off *= 2) {
        const uint32_t words[2] = {MAILBOX_MAGIC, RING};

        memcpy(fake_gpa(env.vm[B], ENV_MBOX + off, sizeof(words)), words, sizeof(words));
        assert_int_equal(ipc_mailbox_set(env.vm[B], 0, gpa(ENV_MBOX + off), RING), ERR_INVALID);
    }
    assert_int_equal(fake.shares, 0);
    box_open(&box, B, 0, IPC_RING_MIN);
}

/* A mailbox opened again is empty and owes nobody anything, whatever was in it. */
static void test_opened_again(void **state)
{
    struct guest_box a, b;

    (void)state;
    box_open(&a, A, 0, RING);
    box_open(&b, B, 0, RING);
    while (env_send(A, 0, data, 1000) == ERR_OK) {
    }
    assert_int_equal(ipc_mailbox_clear(env.vm[B], 0), ERR_OK);
    box_open(&b, B, 0, RING);
    assert_int_equal(b.header->head, 0);
    assert_int_equal(env_send(A, 0, data, 9), ERR_OK);
    assert_int_equal(b.header->head, 24);
    (void)box_events(&a);
    assert_int_equal(ipc_mailbox_room(env.vm[B], 0), ERR_OK);
    assert_int_equal(box_events(&a), 0); /* the refusal was of the mailbox that is gone */
    assert_int_equal(box_read(&b, got), 9);
    assert_memory_equal(got, data, 9);
}

/* The hart that writes the first words of a mailbox may not know its mapping yet. */
static void test_opening_syncs(void **state)
{
    struct guest_box a;
    uint32_t before, opening, closing;

    (void)state;
    before = fake.share_syncs;
    box_open(&a, A, 0, RING);
    opening = fake.share_syncs - before;
    assert_int_equal(ipc_mailbox_clear(env.vm[A], 0), ERR_OK);
    closing = fake.share_syncs - before - opening; /* what it takes to tell the peer */
    assert_int_equal(opening, closing + 1);
}

/* Full to the last byte is full, and no fault of the owner's; each refusal is one, and no event. */
static void test_exactly_full(void **state)
{
    struct guest_box b;

    (void)state;
    box_open(&b, B, 0, RING);
    for (uint32_t i = 0; i < RING / 1024; i++) {
        assert_int_equal(env_send(A, 0, data, 1016), ERR_OK);
    }
    (void)box_events(&b);
    (void)env_pulses(B, 0);
    assert_int_equal(env_send(A, 0, data, 1), ERR_BUSY);
    assert_int_equal(env_send(A, 0, data, 1), ERR_BUSY);
    assert_int_equal(box_events(&b), 0);
    assert_int_equal(env_pulses(B, 0), 0);
    assert_int_equal(stats(A, 0).refused, 2);
    assert_int_equal(stats(B, 0).bad_tails, 0);
}

/* What an owner leaves unread is counted, each time. */
static void test_lost_adds_up(void **state)
{
    struct guest_box b;

    (void)state;
    for (uint32_t i = 1; i <= 3; i++) {
        box_open(&b, B, 0, RING);
        assert_int_equal(env_send(A, 0, data, 8), ERR_OK);
        assert_int_equal(ipc_mailbox_clear(env.vm[B], 0), ERR_OK);
        assert_int_equal(stats(B, 0).lost_bytes, 16 * i);
    }
}

/* Both ends' directions count: who may not send, and who is to hear nothing. */
static void test_directions(void **state)
{
    struct channel_end *a = env.vm[A]->ipc->ends[0];
    struct guest_box b;

    (void)state;
    box_open(&b, B, 0, RING);
    a->send = false;
    assert_int_equal(env_send(A, 0, data, 8), ERR_DENIED);
    a->send = true;
    a->peer->receive = false;
    assert_int_equal(env_send(A, 0, data, 8), ERR_DENIED);
    assert_int_equal(b.header->head, 0);
    a->peer->receive = true;
    assert_int_equal(env_send(A, 0, data, 8), ERR_OK);
}

static bool tree(const struct vm *vm, char *fdt, int size)
{
    return fdt_create_with_flags(fdt, size, FDT_CREATE_FLAG_NO_NAME_DEDUP) == 0 &&
           fdt_finish_reservemap(fdt) == 0 && fdt_begin_node(fdt, "") == 0 &&
           ipc_fdt(vm, fdt) == ERR_OK && fdt_end_node(fdt) == 0 && fdt_finish(fdt) == 0;
}

/* A VM reads of its own ends and regions, and of nobody else's. */
static void test_fdt_tells_no_others(void **state)
{
    static char fdt[4096];
    int node, len;

    (void)state;
    assert_true(tree(env.vm[C], fdt, sizeof(fdt)));
    assert_true(fdt_path_offset(fdt, "/region@a0000000") < 0);
    assert_true(fdt_path_offset(fdt, "/region@b0000000") < 0);
    assert_true(fdt_path_offset(fdt, "/channel@1") < 0);
    node = fdt_path_offset(fdt, "/channel@0");
    assert_true(node >= 0);
    assert_null(fdt_getprop(fdt, node, "curia,send", &len));
    assert_non_null(fdt_getprop(fdt, node, "curia,receive", &len));

    assert_true(tree(env.vm[A], fdt, sizeof(fdt)));
    assert_true(fdt_path_offset(fdt, "/region@b0000000") < 0);
    node = fdt_path_offset(fdt, "/region@a0000000");
    assert_true(node >= 0);
    assert_null(fdt_getprop(fdt, node, "read-only", &len));
    assert_string_equal(fdt_getprop(fdt, node, "label", &len), "map");
}

/* Whatever room there is for the FDT: all of it, or an error. */
static void test_fdt_whole_or_error(void **state)
{
    static char whole[4096], tried[4096];

    (void)state;
    for (uint32_t v = 0; v < ENV_VMS; v++) {
        assert_true(tree(env.vm[v], whole, sizeof(whole)));
        for (int size = 80; size < (int)fdt_totalsize(whole) + 64; size += 4) {
            if (tree(env.vm[v], tried, size)) {
                assert_int_equal(fdt_totalsize(tried), fdt_totalsize(whole));
                assert_memory_equal(tried, whole, fdt_totalsize(whole));
            }
        }
    }
}

static void test_stats_of_nobody(void **state)
{
    struct ipc_stats s;

    (void)state;
    assert_null(ipc_end_stats(env.vm[A], 1, &s));
}

/* A large region lies so that large pages can map it, if there is such RAM; else anywhere. */
static void test_region_ram(void **state)
{
    const struct shmem_config large = {.name = "large", .size = 2 * MIB};
    const struct shmem_config larger = {.name = "larger", .size = 4 * MIB};
    struct shmem s[3];
    const char *why = NULL;

    (void)state;
    memset(s, 0, sizeof(s));
    assert_int_equal(ram_add(&machine.board.ram, 0x40100000, 4 * MIB), ERR_OK);
    assert_int_equal(shmem_build(&s[0], &large, &why), ERR_OK);
    assert_int_equal(s[0].hpa.v, 0x40200000);
    assert_int_equal(ram_add(&machine.board.ram, 0x50100000, 2 * MIB), ERR_OK);
    assert_int_equal(shmem_build(&s[1], &large, &why), ERR_OK);
    assert_int_equal(s[1].hpa.v, 0x50100000);
    assert_null(why);
    assert_int_not_equal(shmem_build(&s[2], &larger, &why), ERR_OK);
    assert_non_null(strstr(why, "RAM"));
}

/* A large region is zeroed part by part, whoever's load it is; again when all have left. */
static void test_region_parts(void **state)
{
    const struct shmem_config config = {.name = "large", .size = 300 * KIB};
    struct shmem s = {.config = &config, .hpa = {0xa00000000ull}};
    uint8_t *mem = fake_phys_add(s.hpa.v, config.size);

    (void)state;
    for (uint32_t life = 0; life < 2; life++) {
        memset(mem, 0x5a, config.size);
        for (uint32_t part = 0; part < 3; part++) {
            uint64_t before = fake.bytes_written;

            assert_int_equal(shmem_enter(&s), part == 2);
            assert_true(fake.bytes_written - before <= 128 * KIB);
        }
        for (uint64_t i = 0; i < config.size; i++) {
            assert_int_equal(mem[i], 0);
        }
        mem[0] = 1;
        assert_true(shmem_enter(&s));
        assert_int_equal(mem[0], 1);
        shmem_leave(&s);
        shmem_leave(&s);
    }
    spin_lock(&s.lock); /* another hart is at a part */
    assert_false(shmem_enter(&s));
    spin_unlock(&s.lock);
}

/* A load that ends early leaves what it has entered. */
static void test_region_of_no_life(void **state)
{
    void *mem = fake_gpa(env.vm[A], ENV_MAP_A, ENV_MAP_SIZE);

    (void)state;
    ipc_vm_stopped(env.vm[A]);
    ipc_vm_stopped(env.vm[B]);
    assert_int_equal(ipc_vm_enter(env.vm[A]), ERR_OK);
    memset(mem, 9, ENV_MAP_SIZE);
    ipc_vm_stopped(env.vm[A]);
    env_start(B);
    assert_true(region_is(0));
}

/* Who sent how much to whom, or could not; and who rang. */
static void test_traced(void **state)
{
    struct guest_box box;
    struct trace_record r;

    (void)state;
    rig_trace(TRACE_IPC);
    assert_int_equal(env_send(A, 0, data, 5), ERR_STATE);
    box_open(&box, B, 0, RING);
    assert_int_equal(env_send(A, 0, data, 4096), ERR_OK);
    assert_int_equal(env_send(A, 0, data, 4000), ERR_OK);
    assert_int_equal(env_send(A, 0, data, 4000), ERR_BUSY);
    /* The sender's own mistake is none. */
    assert_int_equal(ipc_send(env.vm[A], 0, gpa(ENV_BUF), 0), ERR_INVALID);
    for (uint32_t i = 0; i < 4; i++) {
        static const uint32_t bytes[] = {5, 4096, 4000, 4000};
        static const uint32_t how[] = {TRACE_SENT_NOBODY, TRACE_SENT, TRACE_SENT,
                                       TRACE_SENT_REFUSED};

        r = rig_next(0);
        assert_int_equal(r.event, TRACE_EV_SEND);
        assert_int_equal(r.vm * 256 + r.vcpu, A * 256);
        assert_int_equal(r.more, bytes[i]);
        assert_int_equal(r.detail, how[i]);
        assert_int_equal(r.arg, 0 << 8 | B); /* channel "ab" */
    }
    assert_int_equal(rig_next(0).event, TRACE_EV_NONE);

    fake_become(env.vm[B]->vcpus[0]->hart);
    channel_trace(env.vm[B]->ipc->ends[1], TRACE_EV_BELL, ERR_OK, 3);
    r = rig_next(env.vm[B]->vcpus[0]->hart->index);
    assert_int_equal(r.event, TRACE_EV_BELL);
    assert_int_equal(r.vm, B);
    assert_int_equal(r.more, 3);
    assert_int_equal(r.arg, 1 << 8 | C);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_message, setup, teardown),
        cmocka_unit_test_setup_teardown(test_arguments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_regions_crossed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_and_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bell, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_header, setup, teardown),
        cmocka_unit_test_setup_teardown(test_registration, setup, teardown),
        cmocka_unit_test_setup_teardown(test_peers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_region, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fdt, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mailbox_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opened_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_opening_syncs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exactly_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_adds_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fdt_tells_no_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fdt_whole_or_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stats_of_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_region_ram, setup, teardown),
        cmocka_unit_test_setup_teardown(test_region_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_region_of_no_life, setup, teardown),
        cmocka_unit_test_setup_teardown(test_traced, setup, teardown),
        cmocka_unit_test_setup(test_build_fails, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
