/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyboard: whose it is, the escape key that gives it away, and each VM's input. What is to be
 * seen of that goes the way of all output.
 *
 * A VM's input ring is under that console's lock. All else is the own of the one hart that polls:
 * hart 0 of the machine, or the boot hart until console_keys_start() is through.
 *
 * Keys for a VM whose ring is full stay in the UART, whose sender then waits (held); a timer looks
 * after them. The escape key waits among them, so a guest may not make it wait for long: one that
 * reads less than HOLD_POLLS allow is stuck, and keys that find no room are lost to it.
 */
#include "core/arch.h"
#include "core/console.h"
#include "core/line_edit.h"
#include "core/machine.h"
#include "core/power_ctl.h"
#include "core/shell.h"
#include "core/terminal.h"
#include "core/timer.h"

#include <stdio.h>
#include <string.h>

#define POLL_US    20000u
#define POLL_BYTES 512u /* at a time */
#define HOLD_POLLS 100u /* 2 s; and 100 bytes a second from then on */
#define KEY_ESCAPE 0x1d /* Ctrl-] */

static struct {
    bool escape;   /* the escape key came last */
    bool prompted; /* the shell's line was begun */
    struct timer poll;
    bool held;
    bool polled;      /* no interrupt tells of them */
    uint8_t patience; /* polls */
    _Atomic uint32_t overruns;
} keys;

static struct line_edit editor;

static const char numbers[] = "0123456789abcdefgijklmnopqrstuvwxyz"; /* 'h' is the shell */

/* ---- a VM's input ---------------------------------------------------------------------------- */

size_t console_read(struct console *c, char *data, size_t len)
{
    size_t n = 0;

    spin_lock(&c->lock);
    while (n < len && c->in_tail != c->in_head) {
        data[n++] = c->in[c->in_tail++ % CONSOLE_IN];
        c->in_stuck = false;
    }
    spin_unlock(&c->lock);
    return n;
}

bool console_has_input(struct console *c)
{
    bool has;

    spin_lock(&c->lock);
    has = c->in_tail != c->in_head;
    spin_unlock(&c->lock);
    return has;
}

uint32_t console_input_lost(struct console *c)
{
    uint32_t lost;

    spin_lock(&c->lock);
    lost = c->in_lost;
    spin_unlock(&c->lock);
    return lost;
}

void console_overrun(void)
{
    atomic_fetch_add_explicit(&keys.overruns, 1, memory_order_relaxed);
}

uint32_t console_overruns(void)
{
    return atomic_load_explicit(&keys.overruns, memory_order_relaxed);
}

void console_forget_input(struct console *c)
{
    spin_lock(&c->lock);
    c->in_tail = c->in_head;
    c->in_stuck = false;
    spin_unlock(&c->lock);
}

void console_on_input(struct console *c, void (*fn)(void *arg), void *arg)
{
    c->on_input_arg = arg;
    c->on_input = fn;
}

static void input_push(struct console *c, char key)
{
    spin_lock(&c->lock);
    if (c->in_head - c->in_tail == CONSOLE_IN) {
        c->in_lost++;
    } else {
        c->in[c->in_head++ % CONSOLE_IN] = key;
    }
    spin_unlock(&c->lock);
}

/* ---- who has the keyboard -------------------------------------------------------------------- */

/* The first of the VMs, behind Curia's own consoles; NULL: none. */
static struct console *first_vm(void)
{
    struct console *c = terminal_first();

    while (c != NULL && c->vm == NULL) {
        c = c->next;
    }
    return c;
}

static void set_focus(struct console *c)
{
    char text[96];

    terminal_set_focus(c);
    (void)snprintf(text, sizeof(text), "keyboard: %s (Ctrl-] ? for help)",
                   c->vm != NULL ? c->name : "the hypervisor's shell");
    console_say(text);
    if (c->vm == NULL && !keys.prompted) {
        keys.prompted = true;
        line_edit_begin(&editor);
    }
}

static void help(void)
{
    char text[96];
    uint32_t i = 0;

    console_say("Ctrl-] and then:  h  the hypervisor's shell   Tab  the next VM   Ctrl-]  itself   "
                "?  this");
    for (const struct console *c = first_vm(); c != NULL; c = c->next, i++) {
        (void)snprintf(text, sizeof(text), "   %c  keyboard to %s%s",
                       i < sizeof(numbers) - 1 ? numbers[i] : ' ', c->name,
                       c == terminal_focus() ? " (has it)" : "");
        console_say(text);
    }
}

static void escape_key(char key)
{
    struct console *c = first_vm();
    const char *at = key != 0 ? strchr(numbers, key) : NULL;

    if (key == 'h') {
        set_focus(console_shell());
        return;
    }
    if (key == '\t' && c != NULL) {
        const struct console *now = terminal_focus();

        set_focus(now->vm != NULL && now->next != NULL ? now->next : c);
        return;
    }
    for (const char *k = numbers; at != NULL && c != NULL && k < at; k++) {
        c = c->next;
    }
    if (at != NULL && c != NULL) {
        set_focus(c);
    } else {
        help();
    }
}

/* Takes one byte. False: there is none. */
static bool poll_one(const struct uart_ops *uart)
{
    struct console *told = NULL;
    bool run = false;
    int key = uart->get();

    if (key >= 0) {
        struct console *focus = terminal_focus();
        bool escaped = keys.escape;

        power_ctl_wake(POWER_BY_CONSOLE); /* a machine that sleeps; the key goes where keys go */
        keys.escape = !escaped && key == KEY_ESCAPE;
        if (keys.escape) {
            /* the next key says what for */
        } else if (escaped && key != KEY_ESCAPE) {
            escape_key((char)key);
        } else if (focus->vm == NULL) {
            run = line_edit_key(&editor, (char)key);
        } else {
            input_push(focus, (char)key);
            told = focus;
        }
    }

    /* One that is down is told too: its start resets the device, behind which nothing is kept. */
    if (told != NULL && told->on_input != NULL) {
        told->on_input(told->on_input_arg);
    }
    if (run) {
        shell_run(editor.line);
        line_edit_begin(&editor);
    }
    return key >= 0;
}

/* ---- when keys are taken --------------------------------------------------------------------- */

/* Has the next key to wait? stuck: for no longer. */
static bool must_wait(bool stuck)
{
    struct console *c = terminal_focus();
    bool full;

    spin_lock(&c->lock);
    full = c->in_head - c->in_tail == CONSOLE_IN && !keys.escape;
    c->in_stuck = c->in_stuck || (full && stuck);
    full = full && !c->in_stuck;
    spin_unlock(&c->lock);
    return full;
}

static void poll_timer(struct timer *t);

static void poll_soon(void)
{
    timer_arm(&keys.poll, machine.harts[0], arch_now() + us_to_ticks(POLL_US), poll_timer);
}

static void hold(const struct uart_ops *uart, bool on)
{
    if (on != keys.held) {
        keys.held = on;
        keys.patience = HOLD_POLLS;
        if (uart->hold_rx != NULL) {
            uart->hold_rx(on);
        }
        if (on) {
            poll_soon();
        }
    }
}

static uint32_t take_keys(const struct uart_ops *uart)
{
    uint32_t taken = 0;
    bool full = must_wait(false);

    while (!full && taken < POLL_BYTES && poll_one(uart)) {
        taken++;
        full = must_wait(false);
    }
    hold(uart, full);
    return taken;
}

void console_poll(void)
{
    const struct uart_ops *uart = terminal_uart();

    if (uart != NULL) {
        (void)take_keys(uart);
    }
}

static void poll_timer(struct timer *t)
{
    const struct uart_ops *uart = terminal_uart();
    uint32_t taken = take_keys(uart) / 2;

    (void)t;
    if (keys.held) {
        taken += keys.patience - 1u;
        keys.patience = (uint8_t)(taken < HOLD_POLLS ? taken : HOLD_POLLS);
        if (keys.patience == 0) {
            (void)must_wait(true);
            keys.patience = HOLD_POLLS;
        }
    }
    if (keys.held || keys.polled) {
        poll_soon();
    }
}

void console_keys_listen(void)
{
    const struct uart_ops *uart = terminal_uart();

    if (uart != NULL) {
        hold(uart, false);
    }
}

void console_keys_start(void)
{
    const struct uart_ops *uart = terminal_keyboard();
    static const struct line_edit_ops ops = {console_shell_write, shell_offer};
    struct console *first = first_vm();

    if (uart == NULL) {
        return;
    }
    editor.ops = &ops;
    if (first != NULL) {
        set_focus(first);
    }
    keys.polled = uart->take_rx_irq == NULL || !uart->take_rx_irq();
    if (keys.polled) {
        poll_soon();
    }
}
