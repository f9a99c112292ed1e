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

/* As a guest does: its call may take a part. */
static void write_n(int vm, const char *s, size_t len)
{
    while (len != 0) {
        size_t n = console_write(vms[vm].console, s, len);

        assert_in_range(n, 1, len);
        s += n;
        len -= n;
    }
}

static void write_to(int vm, const char *s)
{
    write_n(vm, s, strlen(s));
}

/* What sched.c does before a hart goes on with its guest. True: it is seen. */
static bool run_work(uint32_t hart)
{
    struct hart *h = machine.harts[hart];
    size_t before = screen.raw_len;

    fake_become(h);
    do {
        if ((atomic_exchange(&h->work, 0) & HART_WORK_CONSOLE) != 0) {
            console_work();
        }
        timer_run(h);
    } while (atomic_load(&h->work) != 0);
    return screen.raw_len != before;
}

/* Longer than a turn, or a rest. */
static void pass_time(void)
{
    fake.now += FAKE_TIMEBASE_HZ / 100;
}

/* What pieces have left goes out. */
static void settle(void)
{
    do {
        pass_time();
    } while (run_work(1) || run_work(0));
    fake_become(machine.harts[0]);
}

static void clear_screen(void)
{
    int row_is = screen.row;

    memmove(screen.cell[0], screen.cell[row_is], COLS);
    memset(screen.cell[1], 0, (size_t)row_is * COLS);
    screen.row = 0;
    screen.raw_len = 0;
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
    do {
        clear_screen();
        pass_time();
    } while (run_work(1) || run_work(0));
    fake_become(machine.harts[0]);
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
    write_n(0, evil, sizeof(evil) - 1);
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
        write_n(vm, text, sizeof(text));
        settle();
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
    (void)run_work(1);
    (void)run_work(0);
    meanwhile = other_writes;
    write_to(0, "flood\n");
    assert_string_equal(row(1), "control | flood");
    assert_int_equal(screen.row, 1);

    write_to(0, "again\n"); /* it is another's turn now */
    assert_int_equal(screen.row, 1);
    assert_true(run_work(1));
    assert_string_equal(screen.cell[1], "adas    | from afar");
    settle();
    assert_int_equal(screen.row, 4);
    assert_string_equal(screen.cell[2], "curia   | logged");
    assert_string_equal(screen.cell[3], "control | again");
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
    pass_time();
    write_to(0, "third\n");
    assert_string_equal(row(2), "control | again");
    assert_string_equal(row(1), "control | third");
    console_flush();
    assert_int_equal(screen.row, 5);
    (void)run_work(1);
    fake_become(machine.harts[0]);
    assert_int_equal(screen.row, 5);
}

/* ---- a turn is bounded ----------------------------------------------------------------------- */

#define RING       2047                                /* that guests can fill */
#define TURN_CHARS (256 + 2 * (CONSOLE_LINE_MAX + 40)) /* a piece, and what its last byte draws */

static const char *left;
static size_t left_len;

static void other_leaves(void)
{
    fake_become(machine.harts[1]);
    write_n(1, left, left_len);
    fake_become(machine.harts[0]);
}

/* Hart 1 writes that while hart 0 has the screen, and shows what it says. */
static void leave(const char *text, size_t len, const char *says)
{
    left = text;
    left_len = len;
    meanwhile = other_leaves;
    write_to(0, says);
    assert_null(meanwhile);
}

static char full[RING];

/* Empty ones, below "x". */
static void leave_lines(size_t count)
{
    memset(full, '\n', sizeof(full));
    leave(full, count, "x\n");
}

static uint32_t newlines(void)
{
    uint32_t n = 0;

    for (size_t i = 0; i < screen.raw_len; i++) {
        n += screen.raw[i] == '\n' ? 1 : 0;
    }
    return n;
}

/*
 * Hart 1's turns until there is nothing left, none of them long, and between two of them it has
 * nothing to do, whatever hart 0 writes. Returns how many lines they have shown.
 */
static uint32_t turns_of_hart_1(void)
{
    const struct hart *h = machine.harts[1];
    uint32_t lines = 0;

    for (;;) {
        clear_screen();
        if (!run_work(1)) {
            break;
        }
        assert_in_range(screen.raw_len, 1, TURN_CHARS);
        lines += newlines();
        assert_int_equal(atomic_load(&h->work), 0);
        assert_true(fake_hart(1)->timer > fake.now);

        clear_screen();
        fake_become(machine.harts[0]);
        write_to(0, "y\b");
        assert_false(run_work(1));
        assert_int_equal(newlines(), 0);
        pass_time();
    }
    fake_become(machine.harts[0]);
    return lines;
}

static void test_turn_of_empty_lines(void **state)
{
    (void)state;
    leave_lines(RING);
    assert_int_equal(turns_of_hart_1(), RING);
    assert_int_equal(fake_hart(1)->timer, UINT64_MAX);
}

/* The unfinished line of the console with the keyboard is drawn again below each of them. */
static void test_turn_below_a_long_line(void **state)
{
    char text[CONSOLE_LINE_MAX];

    (void)state;
    memset(text, 'z', sizeof(text));
    write_n(0, text, sizeof(text) - 4);
    memset(full, '\n', sizeof(full));
    leave(full, 200, "x");
    assert_int_equal(turns_of_hart_1(), 200);
}

/* Each byte draws the whole line again. */
static void test_turn_of_redraws(void **state)
{
    (void)state;
    type("\x1d"
         "1");
    memset(full, 'r', sizeof(full));
    for (size_t i = CONSOLE_LINE_MAX - 1; i < sizeof(full); i += 2) {
        full[i] = '\r';
    }
    pass_time();
    leave(full, sizeof(full), "x\n");
    assert_int_equal(turns_of_hart_1(), 0);
    write_to(1, "\n");
    assert_int_equal(strlen(row(1)), CONSOLE_LINE_MAX - 1 + 10);
}

/* What draws nothing takes time as well. */
static void test_turn_of_nothing_to_see(void **state)
{
    uint32_t turns = 0;

    (void)state;
    memset(full, '\b', sizeof(full));
    full[sizeof(full) - 1] = '\n';
    leave(full, sizeof(full), "x\n");
    do {
        assert_false(turns == RING);
        clear_screen();
        pass_time();
        turns++;
    } while (!run_work(1));
    fake_become(machine.harts[0]);
    assert_in_range(turns, RING / 256, RING / 64);
}

static void other_says(void)
{
    fake_become(machine.harts[0]);
    write_to(0, "y\n");
    fake_become(machine.harts[1]);
}

/* Another that has little to say, and hands the screen on at once, does not make two turns one. */
static void test_turns_with_another(void **state)
{
    (void)state;
    leave_lines(RING);
    for (int i = 0; i < 20; i++) {
        pass_time();
        clear_screen();
        meanwhile = other_says;
        assert_true(run_work(1));
        assert_in_range(screen.raw_len, 1, TURN_CHARS);
        clear_screen();
        assert_true(run_work(0));
        assert_string_equal(row(1), "control | y");
        assert_false(run_work(1));
    }
}

static void other_finds_no_room(void)
{
    fake_become(machine.harts[1]);
    assert_int_equal(console_write(vms[1].console, full, 64), 0);
    fake_become(machine.harts[0]);
}

/* A call does not wait for room: it takes what it finds, and sends a piece if it can. */
static void test_call_does_not_wait(void **state)
{
    size_t n;

    (void)state;
    leave_lines(RING);
    pass_time(); /* the turn is missed */
    meanwhile = other_finds_no_room;
    write_to(0, "y\n");
    assert_null(meanwhile);
    clear_screen();
    assert_int_equal(console_write(vms[1].console, full, 64), 0);
    assert_in_range(screen.raw_len, 1, TURN_CHARS);
    n = console_write(vms[1].console, full, 64);
    assert_in_range(n, 1, 63);
    assert_int_equal(console_write(vms[1].console, "\0\0ab", 4), 2);
}

static void other_fills_and_resets(void)
{
    fake_become(machine.harts[1]);
    write_n(1, full, sizeof(full));
    console_reset(vms[1].console);
    console_reset(vms[1].console);
    fake_become(machine.harts[0]);
}

/* A restart waits for nothing: there is always room for its mark, and one is enough. */
static void test_reset_of_a_full_ring(void **state)
{
    (void)state;
    memset(full, 'f', sizeof(full));
    meanwhile = other_fills_and_resets;
    write_to(0, "x\n");
    for (int i = 0; i < 20; i++) {
        pass_time();
        (void)run_work(1);
        (void)run_work(0);
    }
    fake_become(machine.harts[0]);
    write_to(1, "anew\n");
    assert_string_equal(row(1), "adas    | anew");
    assert_int_equal(strlen(row(2)), 10 + sizeof(full) % CONSOLE_LINE_MAX);
}

/* What a call has left is sent by its hart, but not in the same go. */
static void test_call_then_turn(void **state)
{
    (void)state;
    memset(full, '\n', sizeof(full));
    fake_become(machine.harts[1]);
    assert_int_equal(console_write(vms[1].console, full, 60), 60);
    clear_screen();
    assert_false(run_work(1));
    pass_time();
    assert_true(run_work(1));
    console_flush();
    fake_become(machine.harts[0]);
}

static void other_leaves_two(void)
{
    fake_become(machine.harts[1]);
    write_n(1, full, 100);
    write_n(0, full, 100);
    fake_become(machine.harts[0]);
}

/* Of all that a hart has left it sends one piece at a time, and of each ring in turn. */
static void test_turns_of_two_rings(void **state)
{
    bool first = false;
    bool second = false;

    (void)state;
    memset(full, '\n', sizeof(full));
    meanwhile = other_leaves_two;
    console_shell_write("x\n", 2);
    assert_null(meanwhile);
    for (int i = 0; i < 4; i++) {
        pass_time();
        clear_screen();
        assert_true(run_work(1));
        assert_in_range(screen.raw_len, 1, 256 + 40);
        screen.raw[screen.raw_len] = '\0';
        first = first || strstr(screen.raw, "control") != NULL;
        second = second || strstr(screen.raw, "adas") != NULL;
    }
    assert_true(first && second);
    console_flush();
    fake_become(machine.harts[0]);
}

static void other_logs(void)
{
    fake_become(machine.harts[1]);
    for (int i = 0; i < 20; i++) {
        console_log(full, 80);
    }
    fake_become(machine.harts[0]);
}

/* Curia's own lines are whole, and no more than what it takes for a piece. Not by who left none. */
static void test_turns_of_the_log(void **state)
{
    uint32_t turns = 0;

    (void)state;
    memset(full, 'L', sizeof(full));
    meanwhile = other_logs;
    write_to(0, "x\n");
    hart_post(machine.harts[0], HART_WORK_CONSOLE);
    assert_false(run_work(0));
    do {
        clear_screen();
        pass_time();
        turns++;
        assert_in_range(turns, 1, 20);
    } while (run_work(1) && screen.raw_len <= TURN_CHARS);
    assert_int_equal(screen.raw_len, 0);
    assert_in_range(turns, 20 * 80 / TURN_CHARS, 20);
    fake_become(machine.harts[0]);
}

/*
 * A hart that rests is told once, and not kicked by each byte that others show meanwhile; nor is
 * the screen kept for it.
 */
static void test_rest_is_not_disturbed(void **state)
{
    uint32_t kicks;

    (void)state;
    leave_lines(RING);
    pass_time();
    assert_true(run_work(1));
    fake_become(machine.harts[0]);
    write_to(0, "y\n");
    assert_false(run_work(1));
    fake_become(machine.harts[0]);
    kicks = atomic_load(&fake_hart(1)->kicks);
    for (int i = 0; i < 50; i++) {
        clear_screen();
        write_to(0, "z\n");
        assert_string_equal(row(1), "control | z");
    }
    assert_int_equal(atomic_load(&fake_hart(1)->kicks), kicks);
    assert_int_equal(atomic_load(&machine.harts[1]->work), 0);
}

/* Two VMs on one hart: its timers are run until none is due, which may take longer than a rest. */
static void slow(void)
{
    fake.now += FAKE_TIMEBASE_HZ / 1000;
    meanwhile = slow;
}

static void test_turns_of_two_on_a_slow_line(void **state)
{
    (void)state;
    leave_lines(200);
    fake_become(machine.harts[1]);
    write_n(0, full, 64);
    for (int i = 0; i < 8; i++) {
        pass_time();
        clear_screen();
        meanwhile = slow;
        (void)run_work(1);
        meanwhile = NULL;
        assert_in_range(screen.raw_len, 1, 2 * TURN_CHARS);
    }
    console_flush();
    fake_become(machine.harts[0]);
}

/* Before the machine goes down there are no more turns. */
static void test_flush_sends_all(void **state)
{
    uint32_t lines;

    (void)state;
    leave_lines(300);
    clear_screen();
    console_flush();
    lines = newlines();
    assert_int_equal(lines, 300);
    pass_time();
    assert_false(run_work(1));
    fake_become(machine.harts[0]);
}

/* The VM's hart may be another one than wrote: who was told sends, and who writes next as well. */
static void test_writer_moves(void **state)
{
    (void)state;
    leave_lines(100);
    clear_screen();
    pass_time();
    write_to(1, "here\n"); /* by hart 0: a piece */
    assert_in_range(newlines(), 1, 99);
    for (int i = 0; i < 100; i++) {
        pass_time();
        (void)run_work(1);
        (void)run_work(0);
    }
    assert_int_equal(newlines(), 101);
    assert_string_equal(row(1), "adas    | here");
}

/* Within 50 ms of hart 1, on which VM 0 writes that each ms. */
static bool shown_beside(const char *flood, size_t len, const char *what)
{
    for (int ms = 0; ms < 50; ms++) {
        clear_screen();
        fake_become(machine.harts[1]);
        (void)console_write(vms[0].console, flood, len);
        (void)run_work(1);
        screen.raw[screen.raw_len] = '\0';
        if (strstr(screen.raw, what) != NULL) {
            break;
        }
        fake.now += FAKE_TIMEBASE_HZ / 1000;
    }
    fake_become(machine.harts[0]);
    return strstr(screen.raw, what) != NULL;
}

/* Who floods its console does not keep its hart from what others have left there. */
static void test_left_by_a_neighbour_that_waits(void **state)
{
    static const char prompt[] =
        "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nlogin\n";

    (void)state;
    leave(prompt, sizeof(prompt) - 1, "x\n");
    assert_true(shown_beside("y\b", 2, "login"));
}

static void test_left_by_curia_behind_a_flood(void **state)
{
    (void)state;
    memset(full, '\n', sizeof(full));
    assert_false(shown_beside(full, 64, "crashed"));
    fake_become(machine.harts[1]);
    console_log("crashed", 7);
    assert_true(shown_beside(full, 64, "crashed"));
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
        cmocka_unit_test_setup(test_turn_of_empty_lines, setup),
        cmocka_unit_test_setup(test_turn_below_a_long_line, setup),
        cmocka_unit_test_setup(test_turn_of_redraws, setup),
        cmocka_unit_test_setup(test_turn_of_nothing_to_see, setup),
        cmocka_unit_test_setup(test_turns_with_another, setup),
        cmocka_unit_test_setup(test_call_does_not_wait, setup),
        cmocka_unit_test_setup(test_reset_of_a_full_ring, setup),
        cmocka_unit_test_setup(test_call_then_turn, setup),
        cmocka_unit_test_setup(test_turns_of_two_rings, setup),
        cmocka_unit_test_setup(test_turns_of_the_log, setup),
        cmocka_unit_test_setup(test_rest_is_not_disturbed, setup),
        cmocka_unit_test_setup(test_turns_of_two_on_a_slow_line, setup),
        cmocka_unit_test_setup(test_flush_sends_all, setup),
        cmocka_unit_test_setup(test_writer_moves, setup),
        cmocka_unit_test_setup(test_left_by_a_neighbour_that_waits, setup),
        cmocka_unit_test_setup(test_left_by_curia_behind_a_flood, setup),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
