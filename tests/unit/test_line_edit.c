/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell's line editor: keys in, and what a person sees on a terminal (tiny_screen.h), which
 * must at any time be the prompt, the line and the cursor in it.
 */
/* LINK: core/line_edit.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/line_edit.h"
#include "tests/unit/tiny_screen.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UP     "\x1b[A"
#define DOWN   "\x1b[B"
#define RIGHT  "\x1b[C"
#define LEFT   "\x1b[D"
#define HOME   "\x1b[H"
#define END    "\x1b[F"
#define DELETE "\x1b[3~"

static struct tiny_screen screen;
static struct line_edit edit;
static char got[LINE_EDIT_MAX];
static uint32_t lines;

static void put(const char *text, size_t len)
{
    tiny_put(&screen, text, len);
}

static const char *offer(const char *line, size_t word, uint32_t n, size_t *len)
{
    static const char *const verbs[] = {"start", "stop", "status", "help"};
    static const char *const names[] = {"cockpit", "control", "adas|x"};
    const char *name = NULL;

    (void)line;
    if (word == 0) {
        name = n < 4 ? verbs[n] : NULL;
    } else if (strncmp(line, "help", 4) != 0) {
        name = n < 3 ? names[n] : NULL;
    }
    *len = name != NULL ? strcspn(name, "|") : 0;
    return name;
}

static const struct line_edit_ops ops = {put, offer};

static void see_that_it_is_shown(void)
{
    char all[TINY_COLS];

    (void)snprintf(all, sizeof(all), "> %s", edit.line);
    assert_string_equal(screen.cell, all);
    assert_int_equal(screen.col, 2 + edit.pos);
    assert_int_equal(strlen(edit.line), edit.len);
    assert_int_equal(screen.wrong, 0);
}

static void type(const char *keys)
{
    for (; *keys != '\0'; keys++) {
        if (line_edit_key(&edit, *keys)) {
            memcpy(got, edit.line, sizeof(got));
            lines++;
            assert_int_equal(screen.col, 0);
            line_edit_begin(&edit);
        }
        see_that_it_is_shown();
    }
}

static int setup(void **state)
{
    (void)state;
    memset(&screen, 0, sizeof(screen));
    memset(&edit, 0, sizeof(edit));
    memset(got, 0, sizeof(got));
    lines = 0;
    edit.ops = &ops;
    line_edit_begin(&edit);
    see_that_it_is_shown();
    return 0;
}

/* What is typed, what is seen of it, and where the cursor is, in the line. */
static void test_editing(void **state)
{
    static const struct {
        const char *keys, *line;
        size_t pos;
    } cases[] = {
        {"vms", "vms", 3},
        {"vmx\x7fs", "vms", 3},
        {"vmx\bs", "vms", 3},
        {"\x7f\b" LEFT DELETE "a", "a", 1},
        {"ac" LEFT "b", "abc", 2},
        {"ac\x1bODb", "abc", 2},
        {"abc" LEFT LEFT LEFT LEFT "x" RIGHT "y", "xaybc", 3},
        {"abc" HOME "x" END "y", "xabcy", 5},
        {"abc\x1bOHx\x1bOFy", "xabcy", 5},
        {"abc\x1b[1~x\x1b[4~y\x1b[7~z\x1b[8~.", "zxabcy.", 7},
        {"abc\x01x\x05y", "xabcy", 5},
        {"abc\x02\x02x\x06y", "axbyc", 4},
        {"abc" LEFT LEFT DELETE, "ac", 1},
        {"abc\x01\x04", "bc", 0},
        {"abc\x01" RIGHT "\x0b", "a", 1},
        {"abc\x0b" LEFT LEFT "\x15", "bc", 0},
        {"stop all now \x17", "stop all ", 9},
        {"stop all now\x17\x17\x17\x17", "", 0},
        {"stop all" LEFT LEFT "\x17", "stop ll", 5},
        {"abc\x0c", "abc", 3},
        {"ab" LEFT "\x0c", "ab", 1},
        {"abc\x03", "", 0},
        {"abc" LEFT "\x03xy", "xy", 2},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)setup(state);
        type(cases[i].keys);
        assert_string_equal(edit.line, cases[i].line);
        assert_int_equal(edit.pos, cases[i].pos);
        assert_int_equal(lines, 0);
    }
}

/* Keys that mean nothing here leave nothing behind, however they are spelled. */
static void test_unknown_keys(void **state)
{
    static const char *const keys[] = {
        "\x1b[15~",       "\x1b[2~", "\x1b[31~", "\x1b[1;2P", "\x1b[M", "\x1b[[A",   "\x1b[[E",
        "\x1bOP",         "\x1bOM",  "\x1b[~",   "\x1b[?25h", "\x1bx",  "\x1bO9",    "\xc3\xa9",
        "\x1b\x1b\x1b[Z", "\x0f",    "\x07",     "\x1b\x00",  "\x1c",   "\x1b[\x18",
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        (void)setup(state);
        type("ab");
        type(keys[i]);
        type("c");
        assert_string_equal(edit.line, keys[i][1] == '\0' && keys[i][0] == '\x1b' ? "ab" : "abc");
    }
    (void)setup(state);
    type("ab\x1b[1;5Dc"); /* with Ctrl it is an arrow */
    assert_string_equal(edit.line, "acb");
    (void)line_edit_key(&edit, '\0');
    type("\x1b[\rx"); /* Enter is Enter, whatever came before it */
    assert_int_equal(lines, 1);
    assert_string_equal(edit.line, "x");
    type("\x1b[1111111111111111111111111y"); /* a sequence without an end is given up */
    assert_int_equal(edit.line[edit.len - 1], 'y');
}

static void test_full(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        type("z");
    }
    assert_int_equal(edit.len, LINE_EDIT_MAX - 1);
    assert_int_equal(screen.bells, 100 - (LINE_EDIT_MAX - 1));
    type(HOME "a\t" DELETE "b");
    assert_int_equal(edit.line[0], 'b');
    type("\r");
    assert_int_equal(strlen(got), LINE_EDIT_MAX - 1);
}

static void test_history(void **state)
{
    (void)state;
    type(UP DOWN);
    assert_string_equal(edit.line, "");
    type("one\rtwo\rtwo\r\r\nthree\rfo" UP);
    assert_string_equal(edit.line, "three");
    type(UP UP UP UP);
    assert_string_equal(edit.line, "one");
    type(DOWN);
    assert_string_equal(edit.line, "two");
    type(" more");
    type(DOWN DOWN DOWN);
    assert_string_equal(edit.line, "fo"); /* as it was */
    type("ur\x10\x10\x10\x0e");
    assert_string_equal(edit.line, "two"); /* what was changed there was not the history */
    type("!\r");
    assert_string_equal(got, "two!");
    type(UP);
    assert_string_equal(edit.line, "two!");
    type(UP UP);
    assert_string_equal(edit.line, "two");
    type("\x03" UP "\r" UP UP);
    assert_string_equal(edit.line, "three"); /* the same again is kept once */
}

/* The oldest make room: of what is recalled nothing is ever a part of a line. */
static void test_history_is_bounded(void **state)
{
    char line[80];

    for (int len = 1; len < 60; len += 7) {
        (void)setup(state);
        for (int i = 0; i < 200; i++) {
            (void)snprintf(line, sizeof(line), "%0*d\r", len, i % 10);
            type(line);
        }
        for (uint32_t back = 1; back <= LINE_EDIT_HISTORY / ((uint32_t)len + 1); back++) {
            type(UP);
            assert_int_equal(edit.back, back);
            assert_int_equal(edit.len, len);
            assert_int_equal(edit.line[len - 1], '0' + (200 - (int)back) % 10);
        }
        (void)snprintf(line, sizeof(line), "%s", edit.line);
        type(UP);
        assert_string_equal(edit.line, line);
    }
}

static void test_completion(void **state)
{
    uint32_t shown;

    (void)state;
    type("h\t");
    assert_string_equal(edit.line, "help ");
    type("\tx"); /* nothing to offer */
    assert_string_equal(edit.line, "help x");
    assert_int_equal(screen.bells, 1);

    type("\x03st\t");
    assert_string_equal(edit.line, "st");
    assert_int_equal(screen.bells, 2);
    type("\t");
    assert_string_equal(screen.above, "  start  stop  status");
    type("\ta\t"); /* and as often as one likes */
    assert_string_equal(edit.line, "sta");
    type("r\t");
    assert_string_equal(edit.line, "start ");
    type("c\t");
    assert_string_equal(edit.line, "start co");
    type("x\t\t");
    assert_string_equal(edit.line, "start cox");
    type("\x7fn\t");
    assert_string_equal(edit.line, "start control ");
    type("ad\t");
    assert_string_equal(edit.line, "start control adas ");

    type("\x03sto adas" HOME RIGHT RIGHT RIGHT "\t"); /* in the midst of a line */
    assert_string_equal(edit.line, "stop  adas");
    assert_int_equal(edit.pos, 5);
    type("\x03\t");
    assert_string_equal(edit.line, "");
    shown = screen.lines;
    type("st\t" LEFT RIGHT "\t"); /* a second Tab is one that comes at once */
    assert_int_equal(screen.lines, shown);
    type("\t");
    assert_int_equal(screen.lines, shown + 2);
}

/* Any keys: the screen shows the line, and nothing else. */
static void test_any_keys(void **state)
{
    static const char *const keys[] = {UP,  DOWN,   LEFT, RIGHT,  HOME,
                                       END, DELETE, "\t", "\x7f", "\r"};
    uint64_t seed = 7;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        char any[2] = {0};
        uint32_t dice;

        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        dice = (uint32_t)(seed >> 33);
        any[0] = (char)(dice >> 8);
        if (dice % 8 == 0) {
            type(any);
        } else if (dice % 8 < 4) {
            type(keys[(dice >> 8) % (sizeof(keys) / sizeof(keys[0]))]);
        } else {
            any[0] = "stop control"[(dice >> 8) % 12];
            type(any);
        }
    }
    assert_true(lines > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_editing, setup),
        cmocka_unit_test_setup(test_unknown_keys, setup),
        cmocka_unit_test_setup(test_full, setup),
        cmocka_unit_test_setup(test_history, setup),
        cmocka_unit_test_setup(test_history_is_bounded, setup),
        cmocka_unit_test_setup(test_completion, setup),
        cmocka_unit_test_setup(test_any_keys, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
