/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/console.c core/console_keys.c core/console_line.c core/line_edit.c core/terminal.c
   core/timer.c core/hart.c tests/unit/fake_arch.c tests/unit/fake_memory.c tests/unit/fake_setup.c
   tests/unit/fake_core.c libfdt */
/*
 * The shared terminal: what reaches the screen when several VMs write, and who gets the keyboard.
 * The screen is modelled as a terminal that knows CR, LF, BS, CSI K, J, D and C, so that tests read
 * what a person would see. One console_start() for all tests; each begins with the keyboard at VM
 * 0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/console.h"
#include "core/console_line.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/power_ctl.h"
#include "core/shell.h"
#include "core/timer.h"
#include "core/vm.h"
#include "tests/unit/fake_arch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 400
#define COLS 600

static struct {
    char cell[ROWS][COLS];
    int row, col;
    int esc, param;
    char raw[65536];
    size_t raw_len;
} screen;

static char keys[1024];
static size_t keys_head, keys_tail;
static bool irq_on;
static char shell_got[128];
static int told[2];
static uint32_t wakes;

static struct vm vms[2];
static struct vm_config configs[2] = {{.name = "control"}, {.name = "adas"}};

/* Called at the next byte that goes out: what another hart does at that moment. */
static void (*meanwhile)(void);

static void scr_put(char c)
{
    if (meanwhile != NULL) {
        void (*fn)(void) = meanwhile;

        meanwhile = NULL;
        fn();
    }
    assert_true(screen.raw_len < sizeof(screen.raw));
    screen.raw[screen.raw_len++] = c;
    if (screen.esc == 1) {
        screen.esc = c == '[' ? 2 : 0;
        screen.param = 0;
        assert_int_equal(c, '[');
    } else if (screen.esc == 2) {
        if (c >= '0' && c <= '9') {
            screen.param = screen.param * 10 + (c - '0');
        } else if (c >= 0x40) {
            char *row = screen.cell[screen.row];
            int n = screen.param != 0 ? screen.param : 1;

            screen.esc = 0;
            if (c == 'K' || c == 'J') {
                memset(&row[screen.col], 0, (size_t)(COLS - screen.col));
            } else if (c == 'D') {
                screen.col -= n;
            } else if (c == 'C') {
                screen.col += n;
            }
            assert_in_range(screen.col, 0, COLS - 1);
        }
    } else if (c == 0x1b) {
        screen.esc = 1;
    } else if (c == '\r') {
        screen.col = 0;
    } else if (c == '\n') {
        screen.row++;
        assert_true(screen.row < ROWS);
    } else if (c == '\b') {
        assert_true(screen.col > 0);
        screen.col--;
    } else if (c != '\a') {
        assert_true(screen.col < COLS - 1);
        screen.cell[screen.row][screen.col++] = c;
    }
}

static int scr_get(void)
{
    return keys_tail < keys_head ? (unsigned char)keys[keys_tail++] : -1;
}

static bool scr_irq(void)
{
    irq_on = true;
    return true;
}

static const struct uart_ops uart = {.put = scr_put, .get = scr_get, .take_rx_irq = scr_irq};

const char *shell_offer(const char *line, size_t word, uint32_t n, size_t *len)
{
    (void)line;
    *len = 7;
    return word == 0 && n == 0 ? "restart" : NULL;
}

void shell_run(char *line)
{
    (void)snprintf(shell_got, sizeof(shell_got), "%s", line);
    console_shell_write("answer\n", 7);
}

static void type_n(const char *s, size_t len)
{
    keys_head = len;
    keys_tail = 0;
    memcpy(keys, s, len);
    console_poll();
    while (keys_tail < keys_head) {
        fake.now += FAKE_TIMEBASE_HZ / 50;
        console_poll();
        timer_run(machine.harts[0]);
    }
}

static void type(const char *s)
{
    type_n(s, strlen(s));
}

static void on_input(void *arg)
{
    told[*(int *)arg]++;
}

static int index_of[2] = {0, 1};

static void write_to(int vm, const char *s)
{
    console_write(vms[vm].console, s, strlen(s));
}

/* What sched.c does for a hart whose work says so. True: it did. */
static bool run_work(uint32_t hart)
{
    struct hart *h = machine.harts[hart];

    fake_become(h);
    if ((atomic_exchange(&h->work, 0) & HART_WORK_CONSOLE) == 0) {
        return false;
    }
    console_work();
    return true;
}

/* The row n above the cursor's. */
static const char *row(int above)
{
    return screen.cell[screen.row - above];
}

static int group_setup(void **state)
{
    (void)state;
    fake_init(2);
    console_set_uart(&uart);
    for (int i = 0; i < 2; i++) {
        vms[i].index = (uint32_t)i;
        vms[i].config = &configs[i];
        vms[i].console = console_create(&vms[i]);
        console_on_input(vms[i].console, on_input, &index_of[i]);
        atomic_store(&vms[i].state_seen, VM_RUNNING);
    }
    console_start();
    return irq_on ? 0 : -1;
}

static int setup(void **state)
{
    (void)state;
    meanwhile = NULL;
    type("\x1d"
         "0");
    console_reset(vms[0].console);
    console_reset(vms[1].console);
    memset(&screen, 0, sizeof(screen));
    memset(told, 0, sizeof(told));
    return 0;
}

static void test_whole_lines(void **state)
{
    (void)state;
    write_to(1, "hel");
    assert_int_equal(screen.raw_len, 0);
    write_to(1, "lo\r\nworld\n");
    assert_string_equal(row(2), "adas    | hello");
    assert_string_equal(row(1), "adas    | world");
}

static void test_partial_is_shown_and_redrawn(void **state)
{
    (void)state;
    write_to(0, "# l");
    assert_string_equal(row(0), "control | # l");
    write_to(1, "tick\n");
    assert_string_equal(row(1), "adas    | tick");
    assert_string_equal(row(0), "control | # l");
    console_log("note", 4);
    assert_string_equal(row(1), "adas    | tick"); /* whoever logs may hold locks */
    run_work(0);
    assert_string_equal(row(1), "curia   | note");
    write_to(0, "s\n");
    assert_string_equal(row(1), "control | # ls");
    assert_int_equal(screen.col, 0);
}

static void test_cursor_survives_redraw(void **state)
{
    (void)state;
    write_to(0, "abcd\b\b");
    write_to(1, "x\n");
    write_to(0, "Z");
    assert_string_equal(row(0), "control | abZd");
    write_to(0, "\x1b[K");
    assert_string_equal(row(0), "control | abZ");
    write_to(0, "\rQ");
    assert_string_equal(row(0), "control | QbZ");
    write_to(0, "\x1b[2CR\x1b[99DS\x1b[2K");
    write_to(1, "y\n");
    write_to(0, "t\n");
    assert_string_equal(row(1), "control |  t  ");
}

static void test_hostile_output_stays_in_its_line(void **state)
{
    static const char evil[] = "a\x1b[1A\x1b[2J\x1b[H\x1b"
                               "c\x1b]0;title\x07"
                               "b\x1b[99999999999999999999D"
                               "\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13mc\x01\x7f\0d\n";
    (void)state;
    write_to(1, "above\n");
    console_write(vms[0].console, evil, sizeof(evil) - 1);
    assert_string_equal(row(2), "adas    | above");
    assert_string_equal(row(1), "control | abcd");
    assert_null(memchr(screen.raw, 'H', screen.raw_len));
    assert_null(memchr(screen.raw, 'A', screen.raw_len));
}

static void test_long_line_is_cut_into_several(void **state)
{
    char text[CONSOLE_LINE_MAX * 2 + 11];

    (void)state;
    for (int vm = 0; vm < 2; vm++) {
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\n';
        console_write(vms[vm].console, text, sizeof(text));
        assert_int_equal(strlen(row(3)), CONSOLE_LINE_MAX + 10);
        assert_int_equal(strlen(row(2)), CONSOLE_LINE_MAX + 10);
        assert_int_equal(strlen(row(1)), 20);
    }
}

static void test_tab_expands(void **state)
{
    (void)state;
    write_to(1, "a\tb\n");
    assert_string_equal(row(1), "adas    | a       b");
}

static void test_keyboard_goes_to_focus(void **state)
{
    char got[8];

    (void)state;
    type("hi");
    assert_int_equal(told[0], 2);
    assert_true(console_has_input(vms[0].console));
    assert_int_equal(console_read(vms[0].console, got, sizeof(got)), 2);
    assert_memory_equal(got, "hi", 2);
    assert_false(console_has_input(vms[0].console));

    type("\x1d"
         "1yo\x1d\x1d");
    assert_int_equal(told[1], 3);
    assert_int_equal(console_read(vms[1].console, got, 2), 2);
    assert_memory_equal(got, "yo", 2);
    assert_int_equal(console_read(vms[1].console, got, 8), 1);
    assert_int_equal(got[0], 0x1d);
    type("\x1d\t\x1d\tA");
    assert_int_equal(console_read(vms[1].console, got, 8), 1);
}

static void test_focus_shows_the_unfinished_line(void **state)
{
    (void)state;
    write_to(1, "login: ");
    assert_int_equal(screen.raw_len, 0);
    type("\x1d"
         "1");
    assert_string_equal(row(0), "adas    | login: ");
    type("\x1d"
         "0");
    write_to(1, "x\n");
    assert_string_equal(row(1), "adas    | login: x");
}

static void test_input_overflow_is_counted(void **state)
{
    char text[300];
    uint32_t before = console_input_lost(vms[0].console);

    (void)state;
    memset(text, 'k', sizeof(text));
    type_n(text, sizeof(text));
    assert_int_equal(console_input_lost(vms[0].console) - before, sizeof(text) - 256);
    console_reset(vms[0].console);
    assert_false(console_has_input(vms[0].console));
}

void power_ctl_wake(uint32_t who)
{
    assert_int_equal(who, POWER_BY_CONSOLE);
    wakes++;
}

/* Any key may end the machine's sleep, and is a key all the same. */
static void test_keys_wake(void **state)
{
    char got[8];

    (void)state;
    wakes = 0;
    console_poll();
    assert_int_equal(wakes, 0);
    type("k");
    assert_int_equal(wakes, 1);
    assert_int_equal(console_read(vms[0].console, got, sizeof(got)), 1);
    assert_int_equal(got[0], 'k');
    type("\x1dhv\r");
    assert_int_equal(wakes, 5);
    assert_string_equal(shell_got, "v");
}

static void test_shell(void **state)
{
    (void)state;
    type("\x1dhvnx\x7f\bms\r");
    assert_string_equal(shell_got, "vms");
    assert_string_equal(row(2), "curia   | > vms");
    assert_string_equal(row(1), "curia   | answer");
    assert_string_equal(row(0), "curia   | > ");

    for (int i = 0; i < 200; i++) {
        type("z");
    }
    type("\r");
    assert_int_equal(strlen(shell_got), 63);
    type("junk\x03"
         "ok\r");
    assert_string_equal(shell_got, "ok");
}

/* A line that is edited while others print: what is seen of it stays what it is. */
static void test_shell_line_among_others(void **state)
{
    (void)state;
    type("\x1dhr\tcontrl");
    assert_string_equal(row(0), "curia   | > restart contrl");
    write_to(1, "tick\n");
    assert_string_equal(row(1), "adas    | tick");
    type("\x1b[Do");
    assert_string_equal(row(0), "curia   | > restart control");
    write_to(0, "tock\n");
    assert_string_equal(row(0), "curia   | > restart control");
    assert_int_equal(screen.col, strlen("curia   | > restart contro"));
    type("\x1b[3~\x1b[3~\x7f\x7fr");
    assert_string_equal(row(0), "curia   | > restart contr");
    type("\x1d"
         "1\x1dh"); /* it is still there when the keyboard comes back */
    write_to(1, "toe\n");
    assert_string_equal(row(0), "curia   | > restart contr");
    type("ol\r\x1b[A");
    assert_string_equal(shell_got, "restart control");
    assert_string_equal(row(0), "curia   | > restart control");
    type("\x03");
}

static void test_help_and_unknown_keys(void **state)
{
    (void)state;
    type("\x1d?");
    assert_string_equal(row(1), "curia   |    1  keyboard to adas");
    type("\x1d"
         "9");
    type_n("\x1d\0", 2);
    assert_string_equal(row(2), "curia   |    0  keyboard to control (has it)");
}

static void test_reset_ends_the_line(void **state)
{
    (void)state;
    write_to(1, "half\x1b[");
    console_reset(vms[1].console);
    write_to(1, "new\n");
    assert_string_equal(row(2), "adas    | half");
    assert_string_equal(row(1), "adas    | new");
}

static void other_writes(void)
{
    fake_become(machine.harts[1]);
    write_to(1, "from afar\n");
    console_log("logged", 6);
    fake_become(machine.harts[0]);
}

/* One whose terminal is busy leaves its bytes and goes on; they come in its own time, unasked. */
static void test_busy_terminal_is_not_waited_for(void **state)
{
    (void)state;
    (void)run_work(0);
    (void)run_work(1);
    meanwhile = other_writes;
    write_to(0, "flood\n");
    assert_string_equal(row(1), "control | flood");
    assert_int_equal(screen.row, 1);

    write_to(0, "again\n"); /* it is another's turn now */
    assert_int_equal(screen.row, 1);
    assert_true(run_work(1));
    assert_string_equal(screen.cell[1], "adas    | from afar");
    while (run_work(1) || run_work(0)) {
    }
    assert_int_equal(screen.row, 4);
    assert_string_equal(screen.cell[2], "curia   | logged");
    assert_string_equal(screen.cell[3], "control | again");
    fake_become(machine.harts[0]);
}

/* A hart that does not come when it is its turn holds nobody up for long. */
static void test_missed_turn(void **state)
{
    (void)state;
    (void)run_work(1);
    fake_become(machine.harts[0]);
    meanwhile = other_writes;
    write_to(0, "flood\n");
    write_to(0, "again\n");
    assert_int_equal(screen.row, 1);
    fake.now += FAKE_TIMEBASE_HZ / 100;
    write_to(0, "third\n");
    assert_string_equal(row(2), "control | again");
    assert_string_equal(row(1), "control | third");
    console_flush();
    assert_int_equal(screen.row, 5);
    (void)run_work(1);
    fake_become(machine.harts[0]);
    assert_int_equal(screen.row, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_whole_lines, setup),
        cmocka_unit_test_setup(test_partial_is_shown_and_redrawn, setup),
        cmocka_unit_test_setup(test_cursor_survives_redraw, setup),
        cmocka_unit_test_setup(test_hostile_output_stays_in_its_line, setup),
        cmocka_unit_test_setup(test_long_line_is_cut_into_several, setup),
        cmocka_unit_test_setup(test_tab_expands, setup),
        cmocka_unit_test_setup(test_keyboard_goes_to_focus, setup),
        cmocka_unit_test_setup(test_focus_shows_the_unfinished_line, setup),
        cmocka_unit_test_setup(test_input_overflow_is_counted, setup),
        cmocka_unit_test_setup(test_keys_wake, setup),
        cmocka_unit_test_setup(test_shell, setup),
        cmocka_unit_test_setup(test_shell_line_among_others, setup),
        cmocka_unit_test_setup(test_help_and_unknown_keys, setup),
        cmocka_unit_test_setup(test_reset_ends_the_line, setup),
        cmocka_unit_test_setup(test_busy_terminal_is_not_waited_for, setup),
        cmocka_unit_test_setup(test_missed_turn, setup),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
