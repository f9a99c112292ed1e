/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/console.c core/console_keys.c core/console_line.c core/line_edit.c core/terminal.c
   core/timer.c core/hart.c tests/unit/fake_arch.c tests/unit/fake_memory.c tests/unit/fake_setup.c
   tests/unit/fake_core.c libfdt */
/*
 * A machine whose UART is a VM's: lines go out by what the firmware has, and nobody reads keys; its
 * last words in a panic.
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

#include <string.h>

static char firmware[4096], board[4096];
static bool taken, asked, flushed;

static void add(char *text, size_t size, char c)
{
    size_t len = strlen(text);

    assert_true(len < size - 1);
    text[len] = c;
}

static void firmware_put(char c)
{
    add(firmware, sizeof(firmware), c);
}

static void board_put(char c)
{
    add(board, sizeof(board), c);
}

static int get(void)
{
    asked = true;
    return -1;
}

static bool take(void)
{
    taken = true;
    return true;
}

static void flush(void)
{
    flushed = true;
}

static const struct uart_ops firmware_uart = {.put = firmware_put, .get = get};
static const struct uart_ops board_uart = {
    .put = board_put, .get = get, .take_rx_irq = take, .flush = flush};

void shell_run(char *line)
{
    (void)line;
}

const char *shell_offer(const char *line, size_t word, uint32_t n, size_t *len)
{
    (void)line;
    (void)word;
    (void)n;
    *len = 0;
    return NULL;
}

static bool in_panic;

bool panicked(void)
{
    return in_panic;
}

/* What was said before comes before the last words, though no hart sends any more. */
static void a_panic_shows_what_is_left(void)
{
    const char *left;

    console_log("left", 4);
    console_log("behind", 6);
    assert_null(strstr(firmware, "left"));
    in_panic = true;
    console_log("the end", 7);
    console_log("and more", 8);
    left = strstr(firmware, "curia | \x1b[0mleft\r\n");
    assert_non_null(left);
    left = strstr(left, "curia | \x1b[0mbehind\r\n");
    assert_non_null(left);
    left = strstr(left, "curia | \x1b[0mthe end\r\n");
    assert_non_null(left);
    assert_non_null(strstr(left, "curia | \x1b[0mand more\r\n"));
    assert_null(strstr(strstr(firmware, "left\r\n") + 1, "left"));
    in_panic = false;
}

static void the_uart_is_given_up(void **state)
{
    static const struct vm_config config = {.name = "alpha"};
    struct vm vm = {.config = &config};

    (void)state;
    fake_init(1);
    console_set_uart(&firmware_uart);
    console_set_uart(&board_uart);
    console_log("before", 6);
    assert_non_null(strstr(board, "before"));
    console_give_up_uart();
    assert_true(flushed);
    (void)memset(board, 0, sizeof(board));
    vm.console = console_create(&vm);
    console_start();
    console_log("after", 5);
    assert_int_equal(console_write(vm.console, "a guest's line\n", 15), 15);
    fake.now += us_to_ticks(1000000);
    timer_run(machine.harts[0]);
    console_work();
    assert_non_null(strstr(firmware, "after"));
    assert_non_null(strstr(firmware, "a guest's line"));
    assert_null(strstr(firmware, "Ctrl-]"));
    assert_string_equal(board, "");
    assert_null(console_irq());
    assert_false(taken || asked);
    a_panic_shows_what_is_left();
    fake_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_uart_is_given_up)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
