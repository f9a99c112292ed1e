/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/console.c core/console_keys.c core/console_line.c core/line_edit.c core/terminal.c
   core/timer.c core/hart.c tests/unit/fake_arch.c tests/unit/fake_memory.c tests/unit/fake_setup.c
   tests/unit/fake_core.c libfdt */
/* TSAN */
/*
 * Several harts write at once, much more than their rings hold: every line comes out once, whole
 * and in its VM's order, though none sends another's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/console.h"
#include "core/log.h"
#include "core/shell.h"
#include "core/timer.h"
#include "tests/unit/fake_arch.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define VMS   3
#define LINES 400

static char out[1u << 20];
static size_t out_len;
static struct vm vms[VMS];
static struct vm_config configs[VMS] = {{.name = "a"}, {.name = "b"}, {.name = "c"}};

static void put(char c)
{
    assert_true(out_len < sizeof(out) - 1);
    out[out_len++] = c;
}

static int get(void)
{
    return -1;
}

static bool no_irq(void)
{
    return true;
}

static const struct uart_ops uart = {.put = put, .get = get, .take_rx_irq = no_irq};

void shell_run(char *line)
{
    (void)line;
}

static void run_work(struct hart *hart)
{
    if ((atomic_exchange(&hart->work, 0) & HART_WORK_CONSOLE) != 0) {
        console_work();
    }
    timer_run(hart);
}

static void say(const struct vm *vm, const char *text, size_t len)
{
    for (size_t n = 0; n < len;) {
        n += console_write(vm->console, &text[n], len - n);
    }
}

static void *writer(void *arg)
{
    struct vm *vm = arg;
    struct hart *hart = machine.harts[vm->index];
    static const char blank[] = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";
    char line[64];

    fake_become(hart);
    for (int i = 0; i < LINES; i++) {
        int len = snprintf(line, sizeof(line), "line %d of some length, of VM %u\n", i, vm->index);

        say(vm, line, (size_t)len);
        if (i % 32 == 0) {
            say(vm, blank, sizeof(blank) - 1);
        }
        if (i % 16 == 0) {
            console_log(line, (size_t)len - 1);
        }
        run_work(hart);
    }
    return NULL;
}

/* The harts' turns after their loops: as long as one has work, or a timer, and told only so. */
static void finish(void)
{
    bool told;

    do {
        told = false;
        for (uint32_t i = 0; i < VMS; i++) {
            fake_become(machine.harts[i]);
            run_work(machine.harts[i]);
        }
        for (uint32_t i = 0; i < VMS; i++) { /* those behind may have told those before */
            told = told || machine.harts[i]->timers.head != NULL ||
                   atomic_load(&machine.harts[i]->work) != 0;
        }
    } while (told);
}

/* Takes out what a terminal wipes: a's unfinished line, before another's is shown above it. */
static void wipe(void)
{
    static const char wiped[] = "\r\x1b[K";
    char *at, *start;

    while ((at = strstr(out, wiped)) != NULL) {
        start = at;
        while (start > out && start[-1] != '\n') {
            start--;
        }
        at += strlen(wiped);
        memmove(start, at, strlen(at) + 1);
    }
}

static void test_nothing_is_lost_or_mixed(void **state)
{
    pthread_t threads[VMS];
    int next[VMS] = {0}, logged[VMS] = {0};

    (void)state;
    fake_init(VMS);
    fake.now_step = 1000; /* a turn that is missed ends */
    console_set_uart(&uart);
    for (uint32_t i = 0; i < VMS; i++) {
        vms[i].index = i;
        vms[i].config = &configs[i];
        vms[i].console = console_create(&vms[i]);
    }
    console_start();
    for (int i = 0; i < VMS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, writer, &vms[i]), 0);
    }
    for (int i = 0; i < VMS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    finish();

    wipe();
    for (char *line = strtok(out, "\r\n"); line != NULL; line = strtok(NULL, "\r\n")) {
        const char *text = strstr(line, "line ");
        unsigned vm;
        int i, end = 0;

        if (text == NULL) {
            continue;
        }
        assert_int_equal(sscanf(text, "line %d of some length, of VM %u%n", &i, &vm, &end), 2);
        assert_true(vm < VMS && text[end] == '\0');
        if (strstr(line, "curia") != NULL) {
            assert_int_equal(i, logged[vm]);
            logged[vm] += 16;
        } else {
            assert_int_equal(i, next[vm]);
            next[vm]++;
        }
    }
    for (int i = 0; i < VMS; i++) {
        assert_int_equal(next[i], LINES);
        assert_int_equal(logged[i], LINES);
    }
    fake_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing_is_lost_or_mixed)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
