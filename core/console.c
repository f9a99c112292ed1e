/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The terminal that all VMs and the hypervisor share. On the screen there is at most one unfinished
 * line, and it is that of the console with the keyboard (`focus`); lines of others are gathered and
 * shown whole, above it: it is wiped, and drawn again below.
 *
 * term.lock guards everything here but what is set at boot (list, names, on_input). In a panic the
 * lock is ignored.
 */
#include "core/console.h"

#include "core/arch.h"
#include "core/console_line.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/shell.h"
#include "core/spinlock.h"
#include "core/timer.h"
#include "core/vm.h"

#include <stdio.h>
#include <string.h>

#define INPUT_MAX  256u /* a power of two */
#define POLL_US    20000u
#define POLL_BYTES 512u /* at a time */
#define KEY_ESCAPE 0x1d /* Ctrl-] */
#define SHELL_MAX  80u

struct console {
    struct console *next;
    struct vm *vm; /* NULL: the shell */
    const char *name;
    const char *colour;
    void (*on_input)(void *arg);
    void *on_input_arg;

    struct console_line line; /* term.lock, like all below */
    uint32_t in_head, in_tail, in_lost;
    char in[INPUT_MAX];
};

static struct console shell = {.name = "curia", .colour = "\x1b[1m"};

static struct {
    struct spinlock lock;
    const struct uart_ops *uart GUARDED_BY(lock);
    struct console *consoles; /* in the order of the VMs */
    struct console *focus GUARDED_BY(lock);
    struct console *open GUARDED_BY(lock); /* focus if its unfinished line is on the screen */
    uint32_t width;                        /* of the longest name */
    uint32_t lines_lost GUARDED_BY(lock);  /* before there was a UART */
    bool escape GUARDED_BY(lock);          /* the escape key came last */
    uint32_t shell_len GUARDED_BY(lock);
    char shell_line[SHELL_MAX] GUARDED_BY(lock);
    struct timer poll;
} term = {.focus = &shell, .width = 5};

static const char keys[] = "0123456789abcdefgijklmnopqrstuvwxyz"; /* 'h' is the shell */

/* ---- the screen ------------------------------------------------------------------------------ */

static void put(const char *s, size_t len) REQUIRES(term.lock)
{
    if (term.uart == NULL) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        term.uart->put(s[i]);
    }
}

static void puts_(const char *s) REQUIRES(term.lock)
{
    put(s, strlen(s));
}

static void prefix(const struct console *c) REQUIRES(term.lock)
{
    puts_(c->colour);
    puts_(c->name);
    for (size_t i = strlen(c->name); i < term.width; i++) {
        put(" ", 1);
    }
    puts_(" | \x1b[0m");
}

static void show(struct console *c) REQUIRES(term.lock)
{
    char back[16];

    prefix(c);
    put(c->line.text, c->line.len);
    if (c->line.col < c->line.len) {
        (void)snprintf(back, sizeof(back), "\x1b[%uD", (unsigned int)(c->line.len - c->line.col));
        puts_(back);
    }
    term.open = c;
}

static void hide(void) REQUIRES(term.lock)
{
    if (term.open != NULL) {
        puts_("\r\x1b[K");
        term.open = NULL;
    }
}

/* One whole line, the focus' unfinished one staying the last. */
static void whole_line(const struct console *c, const char *text, size_t len) REQUIRES(term.lock)
{
    hide();
    prefix(c);
    put(text, len);
    puts_("\r\n");
    if (term.focus->line.dirty) {
        show(term.focus);
    }
}

static void end_line(struct console *c) REQUIRES(term.lock)
{
    if (c == term.focus) {
        if (term.open != c) {
            show(c);
        }
        puts_("\r\n");
        term.open = NULL;
    } else {
        whole_line(c, c->line.text, c->line.len);
    }
    console_line_clear(&c->line);
}

/* What one byte of the console with the keyboard does on the screen. */
static void act_shown(struct console *c, enum line_act act, char shown) REQUIRES(term.lock)
{
    if (act == LINE_NOTHING || act == LINE_END) {
        return;
    }
    if (term.open != c || act == LINE_REDRAW) {
        hide();
        show(c);
        if (act == LINE_CHAR) {
            return;
        }
    }
    if (act == LINE_CHAR) {
        put(&shown, 1);
    } else if (act == LINE_BACK) {
        put("\b", 1);
    } else if (act == LINE_BELL) {
        put("\a", 1);
    } else if (act == LINE_SEQ) {
        puts_("\x1b[");
        put(c->line.seq, c->line.seq_len);
    }
}

static void feed(struct console *c, const char *data, size_t len) REQUIRES(term.lock)
{
    for (size_t i = 0; i < len; i++) {
        bool again;

        do {
            char shown = 0;
            enum line_act act = console_line_put(&c->line, data[i], &shown, &again);

            if (act == LINE_END) {
                end_line(c);
            } else if (c == term.focus) {
                act_shown(c, act, shown);
            }
        } while (again);
    }
}

/* ---- the hypervisor's own lines ---------------------------------------------------------------- */

void console_set_uart(const struct uart_ops *ops)
{
    spin_lock(&term.lock);
    term.uart = ops;
    spin_unlock(&term.lock);
}

/* The lock may be held by the hart that failed, or by one that it stopped. */
static void log_panicking(const char *line, size_t len) NO_TSA
{
    puts_("\r\n");
    prefix(&shell);
    put(line, len);
    puts_("\r\n");
}

void console_log(const char *line, size_t len)
{
    if (panicked()) {
        log_panicking(line, len);
        return;
    }
    spin_lock(&term.lock);
    if (term.uart == NULL) {
        term.lines_lost++;
    } else {
        whole_line(&shell, line, len);
    }
    spin_unlock(&term.lock);
}

void console_flush(void)
{
    const struct uart_ops *uart;

    spin_lock(&term.lock);
    uart = term.uart;
    if (uart != NULL && uart->flush != NULL) {
        uart->flush();
    }
    spin_unlock(&term.lock);
}

static void say(const char *text) REQUIRES(term.lock)
{
    whole_line(&shell, text, strlen(text));
}

/* ---- a VM's end -------------------------------------------------------------------------------- */

struct console *console_create(struct vm *vm)
{
    static const char *const colours[] = {"\x1b[32m", "\x1b[36m", "\x1b[33m", "\x1b[35m",
                                          "\x1b[34m", "\x1b[92m", "\x1b[96m", "\x1b[95m"};
    struct console *c = pool_alloc(sizeof(*c), sizeof(void *));
    struct console **end = &term.consoles;
    uint32_t name_len;

    if (c == NULL) {
        return NULL;
    }
    c->vm = vm;
    c->name = vm->config->name;
    c->colour = colours[vm->index % ARRAY_SIZE(colours)];
    name_len = (uint32_t)strlen(c->name);
    term.width = name_len > term.width ? name_len : term.width;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = c;
    return c;
}

void console_write(struct console *c, const char *data, size_t len)
{
    spin_lock(&term.lock);
    feed(c, data, len);
    spin_unlock(&term.lock);
}

void console_shell_write(const char *data, size_t len)
{
    console_write(&shell, data, len);
}

size_t console_read(struct console *c, char *data, size_t len)
{
    size_t n = 0;

    spin_lock(&term.lock);
    while (n < len && c->in_tail != c->in_head) {
        data[n++] = c->in[c->in_tail++ % INPUT_MAX];
    }
    spin_unlock(&term.lock);
    return n;
}

bool console_has_input(struct console *c)
{
    bool has;

    spin_lock(&term.lock);
    has = c->in_tail != c->in_head;
    spin_unlock(&term.lock);
    return has;
}

uint32_t console_input_lost(struct console *c)
{
    uint32_t lost;

    spin_lock(&term.lock);
    lost = c->in_lost;
    spin_unlock(&term.lock);
    return lost;
}

void console_reset(struct console *c)
{
    spin_lock(&term.lock);
    c->in_tail = c->in_head;
    if (c->line.len != 0) {
        end_line(c);
    }
    memset(&c->line, 0, sizeof(c->line));
    spin_unlock(&term.lock);
}

void console_on_input(struct console *c, void (*fn)(void *arg), void *arg)
{
    c->on_input_arg = arg;
    c->on_input = fn;
}

/* ---- the keyboard ------------------------------------------------------------------------------ */

static void prompt(void) REQUIRES(term.lock)
{
    feed(&shell, "> ", 2);
}

static void set_focus(struct console *c) REQUIRES(term.lock)
{
    char text[96];

    if (term.open != NULL) {
        puts_("\r\n");
        term.open = NULL;
    }
    term.focus = c;
    (void)snprintf(text, sizeof(text), "keyboard: %s (Ctrl-] ? for help)",
                   c->vm != NULL ? c->name : "the hypervisor's shell");
    say(text);
    if (c == &shell && !shell.line.dirty) {
        prompt();
    }
}

static void help(void) REQUIRES(term.lock)
{
    char text[96];
    uint32_t i = 0;

    say("Ctrl-] and then:  h  the hypervisor's shell   Tab  the next VM   Ctrl-]  itself   ?  this");
    for (struct console *c = term.consoles; c != NULL; c = c->next, i++) {
        (void)snprintf(text, sizeof(text), "   %c  keyboard to %s%s",
                       i < sizeof(keys) - 1 ? keys[i] : ' ', c->name,
                       c == term.focus ? " (has it)" : "");
        say(text);
    }
}

static void escape_key(char key) REQUIRES(term.lock)
{
    struct console *c = term.consoles;
    const char *at = key != 0 ? strchr(keys, key) : NULL;

    if (key == 'h') {
        set_focus(&shell);
        return;
    }
    if (key == '\t' && c != NULL) {
        set_focus(term.focus->next != NULL ? term.focus->next : c);
        return;
    }
    for (const char *k = keys; at != NULL && c != NULL && k < at; k++) {
        c = c->next;
    }
    if (at != NULL && c != NULL) {
        set_focus(c);
    } else {
        help();
    }
}

/* A key for the shell's line editor. True: line holds a command, for the caller to run. */
static bool shell_key(char key, char line[SHELL_MAX]) REQUIRES(term.lock)
{
    if (key == '\r' || key == '\n') {
        memcpy(line, term.shell_line, term.shell_len);
        line[term.shell_len] = '\0';
        term.shell_len = 0;
        feed(&shell, "\n", 1);
        return true;
    }
    if (key == '\b' || key == 0x7f) {
        if (term.shell_len != 0) {
            term.shell_len--;
            feed(&shell, "\b \b", 3);
        }
    } else if (key == 0x03 || key == 0x15) { /* Ctrl-C, Ctrl-U */
        term.shell_len = 0;
        feed(&shell, "\n", 1);
        prompt();
    } else if (key >= 0x20 && key < 0x7f && term.shell_len < SHELL_MAX - 1) {
        term.shell_line[term.shell_len++] = key;
        feed(&shell, &key, 1);
    }
    return false;
}

static void input_push(struct console *c, char key) REQUIRES(term.lock)
{
    if (c->in_head - c->in_tail == INPUT_MAX) {
        c->in_lost++;
    } else {
        c->in[c->in_head++ % INPUT_MAX] = key;
    }
}

/* Takes one byte. False: there is none. */
static bool poll_one(void)
{
    struct console *told = NULL;
    char line[SHELL_MAX];
    bool run = false;
    int key;

    spin_lock(&term.lock);
    key = term.uart != NULL ? term.uart->get() : -1;
    if (key >= 0) {
        bool escaped = term.escape;

        term.escape = !escaped && key == KEY_ESCAPE;
        if (term.escape) {
            /* the next key says what for */
        } else if (escaped && key != KEY_ESCAPE) {
            escape_key((char)key);
        } else if (term.focus == &shell) {
            run = shell_key((char)key, line);
        } else {
            input_push(term.focus, (char)key);
            told = term.focus;
        }
    }
    spin_unlock(&term.lock);

    if (told != NULL && told->on_input != NULL) {
        told->on_input(told->on_input_arg);
    }
    if (run) {
        shell_run(line);
        spin_lock(&term.lock);
        prompt();
        spin_unlock(&term.lock);
    }
    return key >= 0;
}

void console_poll(void)
{
    for (uint32_t i = 0; i < POLL_BYTES && poll_one(); i++) {
    }
}

static void poll_timer(struct timer *t)
{
    console_poll();
    timer_arm(t, t->hart != NULL ? t->hart : arch_hart_self(), arch_now() + us_to_ticks(POLL_US),
              poll_timer);
}

void console_start(void)
{
    const struct uart_ops *uart;
    uint32_t lost;

    spin_lock(&term.lock);
    uart = term.uart;
    lost = term.lines_lost;
    say("one terminal for all: Ctrl-] and a VM's number (0, 1 ...) gives it the keyboard,");
    say("Ctrl-] h the hypervisor's shell, Ctrl-] ? help");
    if (term.consoles != NULL) {
        set_focus(term.consoles);
    }
    spin_unlock(&term.lock);

    if (lost != 0) {
        log_warn("%u lines before this could not be shown", (unsigned int)lost);
    }
    if (uart == NULL) {
        return;
    }
    if (uart->enable_rx_irq != NULL) {
        uart->enable_rx_irq();
    } else {
        timer_arm(&term.poll, machine.harts[0], arch_now() + us_to_ticks(POLL_US), poll_timer);
    }
}
