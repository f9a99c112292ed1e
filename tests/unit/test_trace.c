/* SPDX-License-Identifier: BSD-2-Clause */
/* TSAN */
/* LINK: core/trace.c core/trace_shell.c core/panic.c core/hart.c tests/unit/fake_arch.c */
/*
 * The trace: its rings as they fill, wrap and are read while they are written; who traces what from
 * when on; what goes by a VM's irqchip; and the text of it.
 */
#include "tests/unit/fake_arch.h"

#include "core/console.h"
#include "core/log.h"
#include "core/pagepool.h"
#include "core/trace.h"
#include "core/virq.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KIB_LEAST 4u
#define RECORDS   169u /* of 4 KiB */

static struct virqchip chips[2];
static struct {
    uint32_t pulses, levels, source;
    bool level;
    const struct virqchip *chip;
} raised;

static bool arena_full;

void *pool_alloc(size_t size, size_t align)
{
    (void)align;
    return arena_full ? NULL : fake_alloc(size);
}

static void chip_level(struct virqchip *chip, uint32_t source, bool level)
{
    raised.levels++;
    raised.chip = chip;
    raised.source = source;
    raised.level = level;
}

static void chip_pulse(struct virqchip *chip, uint32_t source)
{
    raised.pulses++;
    raised.chip = chip;
    raised.source = source;
}

static const struct virqchip_ops chip_ops = {.set_level = chip_level, .pulse = chip_pulse};

static struct hart *hart(uint32_t index)
{
    return machine.harts[index];
}

/* Two harts, with a VM each; the first is the boot hart. */
static void build(uint32_t kib, uint32_t at_boot)
{
    fake_init(2);
    memset(&raised, 0, sizeof(raised));
    for (uint32_t i = 0; i < 2; i++) {
        struct vm *vm = fake_vm_add(i == 0 ? "left" : "right", 1, i, 0, 0);

        chips[i] = (struct virqchip){.ops = &chip_ops, .vm = vm};
        vm->irqchip = &chips[i];
    }
    machine.boot_ticks = 77;
    machine.manifest.trace_kib = kib;
    machine.manifest.trace_at_boot = at_boot;
    assert_int_equal(trace_build(), ERR_OK);
}

/* As if it had come by its loop. */
static void work(uint32_t index)
{
    fake_become(hart(index));
    if ((atomic_exchange(&hart(index)->work, 0) & HART_WORK_TRACE) != 0) {
        trace_hart(hart(index));
    }
}

static void fill(uint32_t index, uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n < to; n++) {
        trace_put(hart(index), TRACE_WHAT(TRACE_EV_POWER, n & 0xff, 1u, 2u), (uint32_t)~n, n);
    }
}

/* It is record n of fill(). */
static void is_record(const struct trace_record *r, uint64_t n)
{
    assert_int_equal(r->arg, n);
    assert_int_equal(r->more, (uint32_t)~n);
    assert_int_equal(r->detail, n & 0xff);
    assert_int_equal(r->event * 10000 + r->vm * 100 + r->vcpu, TRACE_EV_POWER * 10000 + 102);
}

/* What hart index has written from record at on: it is of this event. */
static struct trace_record one(uint32_t index, uint64_t at, uint32_t event)
{
    struct trace_record r;
    uint64_t first = at;

    assert_int_equal(trace_read(hart(index), &first, &r, 1), 1);
    assert_int_equal(first, at);
    assert_int_equal(r.event, event);
    return r;
}

/* ---- rings ----------------------------------------------------------------------------------- */

static void test_none(void **state)
{
    (void)state;
    build(0, 0);
    assert_null(hart(0)->trace);
    assert_int_equal(hart(0)->trace_mask, 0);
    assert_ptr_equal(chips[0].ops, &chip_ops);
    assert_int_equal(atomic_load(&hart(0)->work), 0);
    fake_end();
}

static void test_header(void **state)
{
    const struct trace_header *h;

    (void)state;
    build(KIB_LEAST, 0);
    h = trace_header();
    assert_memory_equal(&h->magic, "CURTRACE", 8);
    assert_int_equal(h->size, 64 + 2 * 32);
    assert_int_equal(h->record_bytes, 24);
    assert_int_equal(h->harts * 10 + h->vms, 22);
    assert_int_equal(h->timebase_hz, FAKE_TIMEBASE_HZ);
    assert_int_equal(h->boot_ticks, 77);
    assert_string_equal(h->names[0], "left");
    assert_string_equal(h->names[1], "right");
    assert_ptr_equal((const char *)h + h->ring_offset, hart(0)->trace);
    assert_ptr_equal((const char *)h + h->ring_offset + h->ring_stride, hart(1)->trace);
    assert_in_range(h->ring_stride, KIB_LEAST * 1024 - 48, KIB_LEAST * 1024);
    assert_int_equal(hart(1)->trace->hart, fake_hart_id(1));
    assert_int_equal(hart(1)->trace->records, RECORDS);
    fake_end();
}

static void test_wrap(void **state)
{
    struct trace_record r[RECORDS + 1];
    uint64_t at = 0;

    (void)state;
    build(KIB_LEAST, 0);
    assert_int_equal(trace_read(hart(0), &at, r, RECORDS), 0);
    assert_int_equal(at, 0);

    atomic_store(&fake.now, 1000);
    fake.now_step = 1;
    fill(0, 0, 10);
    assert_int_equal(trace_read(hart(0), &at, r, 4), 4);
    assert_int_equal(at, 0);
    at = 4;
    assert_int_equal(trace_read(hart(0), &at, r, RECORDS), 6);
    assert_int_equal(at, 4);
    for (uint64_t i = 0; i < 6; i++) {
        is_record(&r[i], 4 + i);
        assert_int_equal(r[i].time, 1004 + i);
    }
    at = 10;
    assert_int_equal(trace_read(hart(0), &at, r, RECORDS), 0);
    assert_int_equal(at, 10);

    /* Full but for the one slot that is never trusted, then over and over. */
    fill(0, 10, RECORDS - 1);
    at = 0;
    assert_int_equal(trace_read(hart(0), &at, r, RECORDS + 1), RECORDS - 1);
    assert_int_equal(at, 0);
    fill(0, RECORDS - 1, 1000);
    assert_int_equal(trace_head(hart(0)), 1000);
    assert_int_equal(trace_read(hart(0), &at, r, RECORDS + 1), RECORDS - 1);
    assert_int_equal(at, 1000 - (RECORDS - 1));
    for (uint64_t i = 0; i < RECORDS - 1; i++) {
        is_record(&r[i], at + i);
    }
    at = 998;
    assert_int_equal(trace_read(hart(0), &at, r, RECORDS), 2);
    assert_int_equal(at, 998);
    assert_int_equal(trace_head(hart(1)), 0);
    fake_end();
}

#define WRITES 400000u

static void *writer(void *arg)
{
    (void)arg;
    fake_become(hart(0));
    fill(0, 0, WRITES);
    return NULL;
}

/* Whatever is read is whole and in its place; what is missing has been counted. */
static void test_race(void **state)
{
    struct trace_record r[40];
    uint64_t at = 0, next = 0, read = 0, lost = 0;
    uint32_t size = 1;
    pthread_t thread;

    (void)state;
    build(KIB_LEAST, 0);
    fake_become(hart(1));
    assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
    while (next < WRITES) {
        uint32_t n = trace_read(hart(0), &at, r, size);

        assert_true(at >= next);
        lost += at - next;
        for (uint32_t i = 0; i < n; i++) {
            is_record(&r[i], at + i);
        }
        read += n;
        next = at + n;
        at = next;
        size = size < 40 ? size + 1 : 1;
        if (n == 0) {
            (void)sched_yield();
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(next, WRITES);
    assert_int_equal(read + lost, WRITES);
    assert_true(read > 0);
    fake_end();
}

/* ---- what is traced -------------------------------------------------------------------------- */

static void test_set(void **state)
{
    struct trace_record r;

    (void)state;
    build(KIB_LEAST, 0);
    work(0);
    work(1);
    one(0, 0, TRACE_EV_MASK);
    assert_int_equal(hart(0)->trace_mask, 0);
    assert_false(fake_hart(0)->trace_traps);

    /* Each hart begins by itself, and says what was then. */
    assert_int_equal(trace_set(TRACE_SWITCH | TRACE_LIFECYCLE), 0);
    assert_int_equal(hart(1)->trace_mask, 0);
    work(1);
    assert_int_equal(hart(1)->trace_mask, TRACE_SWITCH | TRACE_LIFECYCLE);
    assert_int_equal(hart(0)->trace_mask, 0);
    assert_false(fake_hart(1)->trace_traps);
    r = one(1, 1, TRACE_EV_MASK);
    assert_int_equal(r.arg, TRACE_SWITCH | TRACE_LIFECYCLE);
    r = one(1, 2, TRACE_EV_SWITCH);
    assert_int_equal(r.vm * 256 + r.vcpu, 256);
    assert_int_equal(r.more, 0xffff);
    assert_int_equal(trace_head(hart(1)), 3);

    work(0);
    r = one(0, 3, TRACE_EV_STATE); /* for all VMs, by one hart */
    assert_int_equal(r.vm, 0);
    assert_int_equal(r.detail * 10 + r.vcpu, VM_RUNNING * 11);
    r = one(0, 4, TRACE_EV_STATE);
    assert_int_equal(r.vm, 1);
    assert_int_equal(trace_head(hart(0)), 5);

    /* What goes on is not begun again. */
    assert_int_equal(trace_set(TRACE_ALL), TRACE_SWITCH | TRACE_LIFECYCLE);
    work(0);
    assert_int_equal(trace_head(hart(0)), 6);
    assert_true(fake_hart(0)->trace_traps);
    assert_int_equal(trace_set(TRACE_IPC), TRACE_ALL);
    work(0);
    assert_true(fake_hart(0)->trace_traps);
    assert_int_equal(trace_set(0), TRACE_IPC);
    work(0);
    assert_false(fake_hart(0)->trace_traps);
    assert_int_equal(hart(0)->trace_mask, 0);
    r = one(0, 7, TRACE_EV_MASK);
    assert_int_equal(r.arg * 100 + r.more, TRACE_IPC);
    fake_end();
}

static void test_boot(void **state)
{
    struct trace_record r;

    (void)state;
    build(KIB_LEAST, TRACE_ALL);
    assert_int_equal(hart(0)->trace_mask,
                     TRACE_LIFECYCLE); /* at once; the traps' vector is later */
    assert_int_equal(hart(1)->trace_mask, 0);
    assert_false(fake_hart(0)->trace_traps);
    trace_state(1, VM_OFF, VM_LOADING, STOP_NONE, 1);
    r = one(0, 0, TRACE_EV_STATE);
    assert_int_equal(r.vm * 100 + r.vcpu * 10 + r.detail, 100 + VM_LOADING);
    assert_int_equal(r.more, 1);
    work(0);
    assert_int_equal(hart(0)->trace_mask, TRACE_ALL);
    assert_true(fake_hart(0)->trace_traps);
    one(0, 1, TRACE_EV_MASK);
    one(0, 2, TRACE_EV_SWITCH);
    assert_int_equal(trace_head(hart(0)), 3);
    fake_end();
}

static void test_irqchip(void **state)
{
    struct trace_record r;

    (void)state;
    build(KIB_LEAST, 0);
    fake_become(hart(0));
    chips[1].ops->pulse(&chips[1], 7); /* off: passed on all the same */
    assert_int_equal(raised.pulses * 100 + raised.source, 107);
    assert_ptr_equal(raised.chip, &chips[1]);
    assert_int_equal(trace_head(hart(0)), 0);

    hart(0)->trace_mask = TRACE_INJECT;
    chips[1].ops->pulse(&chips[1], 8);
    chips[0].ops->set_level(&chips[0], 9, true);
    assert_true(raised.level);
    chips[0].ops->set_level(&chips[0], 9, false);
    assert_false(raised.level);
    assert_int_equal(raised.pulses * 10 + raised.levels, 22);
    r = one(0, 0, TRACE_EV_SOURCE);
    assert_int_equal(r.vm * 1000u + r.detail * 100u + r.more, 1008);
    r = one(0, 1, TRACE_EV_SOURCE);
    assert_int_equal(r.vm * 1000u + r.detail * 100u + r.more, 109);
    assert_int_equal(trace_head(hart(0)), 2);
    fake_end();
}

/* ---- as text --------------------------------------------------------------------------------- */

static char text[400][100];
static uint32_t lines;

static void line(const char *said)
{
    assert_true(lines < ARRAY_SIZE(text));
    (void)snprintf(text[lines++], sizeof(text[0]), "%s", said);
}

static uint32_t mask_now(void)
{
    return atomic_load(&trace_header()->mask);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    va_list args;

    assert_int_equal(level, LOG_ERROR);
    assert_true(lines < ARRAY_SIZE(text));
    va_start(args, fmt);
    (void)vsnprintf(text[lines++], sizeof(text[0]), fmt, args);
    va_end(args);
}

void console_flush(void)
{
}

/* A panic ends with the last records, after all other harts were told. */
static void test_panic(void **state)
{
    (void)state;
    build(KIB_LEAST, 0);
    fill(0, 0, 3);
    fill(1, 0, 100);
    fake_become(hart(0));
    lines = 0;
    if (setjmp(*fake_catch()) == FAKE_RUNS) {
        panic("it is %s", "wrong");
    }
    assert_int_equal(atomic_load(&fake_hart(1)->kicks), 1);
    assert_string_equal(text[0], "panic: it is wrong");
    assert_int_equal(lines, 2 + 3 + 3 + 32);
    assert_non_null(strstr(text[2], "trace: harts 2"));
    assert_non_null(strstr(text[lines - 1], "trace: 1 99 "));

    /* A second one, by what it has met on the way, says no more. */
    if (setjmp(*fake_catch()) == FAKE_RUNS) {
        panic("again");
    }
    assert_int_equal(lines, 2 + 3 + 3 + 32);
    fake_end();
}

static void shell(const char *what, bool more)
{
    lines = 0;
    trace_shell(line, what, more);
}

static void test_dump(void **state)
{
    (void)state;
    build(KIB_LEAST, 0);
    atomic_store(&fake.now, 0xabc);
    fill(0, 0, 1);
    fill(1, 0, 300);
    lines = 0;
    trace_dump(line, 32);
    assert_int_equal(lines, 1 + 2 + 1 + 32);
    assert_string_equal(text[0], "trace: harts 2 hz 10000000 boot 77 mask 0");
    assert_string_equal(text[1], "trace: vm 0 left");
    assert_string_equal(text[2], "trace: vm 1 right");
    assert_string_equal(text[3], "trace: 0 0 0000000000000abc ffffffff0201000b 0000000000000000");
    assert_string_equal(text[4], "trace: 1 268 0000000000000abc fffffef302010c0b 000000000000010c");
    lines = 0;
    trace_dump(line, UINT64_MAX);
    assert_int_equal(lines, 1 + 2 + 1 + RECORDS - 1);
    fake_end();
}

static void test_shell(void **state)
{
    (void)state;
    build(KIB_LEAST, 0);
    shell("all", false);
    assert_int_equal(mask_now(), TRACE_ALL);
    shell("off", false);
    assert_int_equal(mask_now(), 0);
    shell("ipc", false);
    shell("lifecycle", false);
    assert_int_equal(mask_now(), TRACE_IPC | TRACE_LIFECYCLE);
    assert_int_equal(lines, 0);
    shell("nonsense", false); /* the shell's own check lets none come here */
    assert_int_equal(mask_now(), TRACE_IPC | TRACE_LIFECYCLE);
    fill(0, 0, 100);
    shell("dump", false);
    assert_int_equal(lines, 3 + 32);
    shell("dump", true);
    assert_int_equal(lines, 3 + 100);
    assert_int_equal(trace_class("switch"), TRACE_SWITCH);
    assert_int_equal(trace_class("exit"), TRACE_EXIT);
    assert_int_equal(trace_class("inject"), TRACE_INJECT);
    assert_int_equal(trace_class("power"), TRACE_POWER);
    assert_int_equal(trace_class(""), 0);
    fake_end();
}

static void test_no_memory(void **state)
{
    (void)state;
    fake_init(1);
    machine.manifest.trace_kib = KIB_LEAST;
    arena_full = true;
    assert_int_equal(trace_build(), ERR_NO_MEMORY);
    arena_full = false;
    assert_null(hart(0)->trace);
    fake_end();
}

/* First: nothing has been built yet. */
static void test_absent(void **state)
{
    (void)state;
    shell("all", false);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(text[0], "trace-kib"));
    lines = 0;
    trace_dump(line, 32);
    assert_int_equal(lines, 0);
    assert_null(trace_header());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),    cmocka_unit_test(test_none),
        cmocka_unit_test(test_header),    cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_race),      cmocka_unit_test(test_set),
        cmocka_unit_test(test_boot),      cmocka_unit_test(test_irqchip),
        cmocka_unit_test(test_dump),      cmocka_unit_test(test_shell),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_panic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
