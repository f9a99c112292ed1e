/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of the console: core/terminal.c has the screen, core/console.c what is to be shown on it,
 * core/console_keys.c the keyboard. Others use core/console.h.
 *
 * Nobody waits for the UART on another's behalf. What a console has to say goes into its own ring;
 * then its writer takes the screen, if it is free, and sends a piece. If it is not, the bytes stay,
 * as do those that the piece had no room for, and the hart that has the screen tells a writer's
 * hart when it lets go: so a VM's bytes are sent in that VM's own time, and one that floods its
 * console delays no other.
 *
 * A hart that is told sends one piece of what it has left behind, and then none for a while, though
 * it is told again: so it looks who should run between two pieces, and they take a known part of
 * its time, however much there is to send and however often others hand the screen on. A guest that
 * finds its ring full makes its call once more, and waits so.
 *
 * Why none is forgotten: a writer fills the ring (a) and then looks if the screen is free (b);
 * the holder gives it back (c) and then looks for rings that are not empty (d), its own last, and
 * tells the writer's hart of one (f). That hart notes that it has looked (e), and does as a writer
 * does, from (b) on, for each ring that it wrote last, the one that it was told of first. All are
 * seq_cst. If (b) was before (c), (d) sees (a). A hart that (f) finds told already has not come to
 * (e), and so not to (b), and need not be told of more. If it has, (f) tells it anew: (e) and (b)
 * before (c) and (f). Whoever takes the screen gives it back, and so it goes on until no ring has
 * anything; a turn that (b) finds is of a hart that was told since. If the ring's writer has become
 * another hart meanwhile, that one has come to (b) itself, or is about to.
 *
 * A hart that rests has its timer, which fires whether or not the VM still runs, or has moved. It
 * does not on a hart that is stopped with the machine: console_flush() sends all, on the last one
 * that runs.
 */
#ifndef CORE_TERMINAL_H
#define CORE_TERMINAL_H

#include "core/console.h"
#include "core/console_line.h"
#include "core/hart.h"
#include "core/spinlock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_IN  256u /* bytes; powers of two */
#define CONSOLE_OUT 2048u

struct console {
    struct console *next; /* in the list of all; constant after boot, as are these */
    const struct vm *vm;  /* NULL: Curia's own */
    const char *name;
    const char *colour;
    bool whole_lines; /* only complete lines are put into out, to be shown as they are */
    void (*on_input)(void *arg);
    void *on_input_arg;

    struct console_line line; /* who has the screen */

    struct spinlock lock;        /* who writes, and the input; "console" in the order */
    _Atomic uint32_t out_head;   /* under lock */
    _Atomic uint32_t out_tail;   /* who has the screen */
    struct hart *_Atomic writer; /* the last one's; sends what is left */
    char out[CONSOLE_OUT];

    uint32_t in_head, in_tail, in_lost; /* under lock, as are these two */
    bool in_stuck; /* its guest does not read: until it does, what finds no room is lost */
    char in[CONSOLE_IN];
};

/* In out: what was shown so far is of an earlier life. Guests' own zeroes are dropped. */
#define CONSOLE_MARK_RESET '\0'

/*
 * Sends a piece of what c has in its ring: 256 bytes at most, and no more characters but for those
 * of the last byte (a redraw of two lines), or of the last line of Curia's own. Of what is left c's
 * writer is told. False: another hart has the screen, and will tell c's writer.
 */
bool terminal_send(struct console *c);

/* Whole lines: those that c has left, and one more, past all locks; in a panic. */
void terminal_panic_line(struct console *c, const char *line, size_t len);

/* At boot: another console, the last in the list; the UART. */
void terminal_add(struct console *c);
void terminal_set_uart(const struct uart_ops *ops);

/* NULL: there is none yet. */
const struct uart_ops *terminal_uart(void);

/* The same, if it has keys for Curia; else NULL. */
static inline const struct uart_ops *terminal_keyboard(void)
{
    const struct uart_ops *uart = terminal_uart();

    return uart != NULL && uart->get != NULL ? uart : NULL;
}

/* All consoles, Curia's own ones first. */
struct console *terminal_first(void);

/* Whose unfinished line is on the screen; the keyboard is its. */
struct console *terminal_focus(void);
void terminal_set_focus(struct console *c);

/* console.c, for the keyboard: Curia's shell; a line of Curia's own, shown at once if it can be. */
struct console *console_shell(void);
void console_say(const char *text);

/* console_keys.c: gives the keyboard to the first VM and begins to take input; drops c's input. */
void console_keys_start(void);
/* The machine may sleep: the next key is an interrupt, whether or not there is room for it. */
void console_keys_listen(void);
void console_forget_input(struct console *c);

static inline bool console_pending(const struct console *c)
{
    return atomic_load_explicit(&c->out_head, memory_order_seq_cst) != /* (d) */
           atomic_load_explicit(&c->out_tail, memory_order_acquire);
}

#endif
