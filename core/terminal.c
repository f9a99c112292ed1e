/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen. There is at most one unfinished line on it, and it is that of the console with the
 * keyboard (the focus); lines of others are gathered and shown whole, above it: it is wiped, and
 * drawn again below.
 *
 * Whoever has the screen (busy) owns `open`, `shown`, every console's line and the UART's
 * transmitter; term.lock guards who has it, and is held for a moment only, by nobody who can see
 * that the screen is another's: guests that write all at once do not queue for it.
 */
#include "core/terminal.h"

#include "core/arch.h"
#include "core/timer.h"

#include <stdio.h>
#include <string.h>

#define TURN_US    2000u /* so long the screen is kept for who was told that it is its turn */
#define REST_US    4000u /* so long a hart sends nothing more of what it has left */
#define PIECE      256u  /* bytes of a ring, and characters, that are sent at a time */
#define NAME_WIDTH 5u    /* at least */

static struct CAPABILITY("screen") {
    struct spinlock lock; /* of writes to these three */
    atomic_bool busy;
    const struct console *_Atomic turn; /* it is this one's turn ... */
    _Atomic uint64_t turn_ends;         /* ... until then; ticks */

    struct console *open;        /* shown if its unfinished line is on the screen */
    const struct console *shown; /* the focus as the screen knows it */
    uint32_t drawn;              /* characters of the piece that is sent; who has the screen */
    struct console *_Atomic focus;

    const struct uart_ops *uart; /* the rest: at boot */
    struct console *first;
    uint32_t width; /* of the longest name */
} term;

void terminal_add(struct console *c)
{
    struct console **end = &term.first;
    uint32_t name_len = (uint32_t)strlen(c->name);

    spinlock_init(&c->lock);
    term.width = name_len > term.width ? name_len : term.width;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = c;
}

struct console *terminal_first(void)
{
    return term.first;
}

void terminal_set_uart(const struct uart_ops *ops)
{
    term.uart = ops;
}

const struct uart_ops *terminal_uart(void)
{
    return term.uart;
}

struct console *terminal_focus(void)
{
    return atomic_load_explicit(&term.focus, memory_order_relaxed);
}

void terminal_set_focus(struct console *c)
{
    atomic_store_explicit(&term.focus, c, memory_order_relaxed);
}

/* ---- drawing --------------------------------------------------------------------------------- */

static void put(const char *s, size_t len)
{
    if (term.uart == NULL) {
        return;
    }
    term.drawn += (uint32_t)len;
    for (size_t i = 0; i < len; i++) {
        term.uart->put(s[i]);
    }
}

static void puts_(const char *s)
{
    put(s, strlen(s));
}

static void prefix(const struct console *c)
{
    puts_(c->colour);
    puts_(c->name);
    for (size_t i = strlen(c->name); i < term.width || i < NAME_WIDTH; i++) {
        put(" ", 1);
    }
    puts_(" | \x1b[0m");
}

static void show(struct console *c) REQUIRES(term)
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

static void hide(void) REQUIRES(term)
{
    if (term.open != NULL) {
        puts_("\r\x1b[K");
        term.open = NULL;
    }
}

/* Behind a whole line: the focus' unfinished one stays the last. */
static void line_over(void) REQUIRES(term)
{
    struct console *focus = terminal_focus();

    puts_("\r\n");
    if (focus == term.shown && focus != NULL && focus->line.dirty) {
        show(focus);
    }
}

static void end_line(struct console *c) REQUIRES(term)
{
    if (c == term.shown) {
        if (term.open != c) {
            show(c);
        }
        puts_("\r\n");
        term.open = NULL;
    } else {
        hide();
        prefix(c);
        put(c->line.text, c->line.len);
        line_over();
    }
    console_line_clear(&c->line);
}

/* What one byte of the console with the keyboard does on the screen. */
static void act_shown(struct console *c, enum line_act act, char shown) REQUIRES(term)
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

static void draw_byte(struct console *c, char byte) REQUIRES(term)
{
    bool again;

    if (byte == CONSOLE_MARK_RESET) {
        if (c->line.len != 0) {
            end_line(c);
        }
        memset(&c->line, 0, sizeof(c->line));
        return;
    }
    do {
        char shown = 0;
        enum line_act act = console_line_put(&c->line, byte, &shown, &again);

        if (act == LINE_END) {
            end_line(c);
        } else if (c == term.shown) {
            act_shown(c, act, shown);
        }
    } while (again);
}

/* A piece, from tail on. Returns where it has stopped. */
static uint32_t draw_bytes(struct console *c, uint32_t tail, uint32_t head) REQUIRES(term)
{
    uint32_t end = head - tail < PIECE ? head : tail + PIECE;

    while (tail != end && term.drawn < PIECE) {
        draw_byte(c, c->out[tail++ % CONSOLE_OUT]);
    }
    return tail;
}

/* The same for whole lines: it stops behind one. */
static uint32_t draw_lines(const struct console *c, uint32_t tail, uint32_t head) REQUIRES(term)
{
    bool begun = false;

    while (tail != head && (begun || term.drawn < PIECE)) {
        uint32_t at = tail % CONSOLE_OUT;
        uint32_t n = head - tail < CONSOLE_OUT - at ? head - tail : CONSOLE_OUT - at;
        const char *end = memchr(&c->out[at], '\n', n);

        n = end != NULL ? (uint32_t)(end - &c->out[at]) : n;
        if (!begun) {
            hide();
            prefix(c);
        }
        put(&c->out[at], n);
        tail += n;
        begun = end == NULL; /* the ring begins anew there */
        if (end != NULL) {
            line_over();
            tail++;
        }
    }
    return tail;
}

void terminal_panic_line(struct console *c, const char *line, size_t len) NO_TSA
{
    uint32_t head = atomic_load_explicit(&c->out_head, memory_order_acquire);
    uint32_t tail = atomic_exchange_explicit(&c->out_tail, head, memory_order_relaxed);

    puts_("\r\n");
    while (tail != head) {
        term.drawn = 0;
        tail = draw_lines(c, tail, head);
    }
    prefix(c);
    put(line, len);
    puts_("\r\n");
}

/* ---- who has the screen ---------------------------------------------------------------------- */

/* Without the lock: as it was a moment ago. The turn is read behind (b): before, it may be old. */
static bool is_free(const struct console *c)
{
    const struct console *turn;

    if (atomic_load_explicit(&term.busy, memory_order_seq_cst)) { /* (b) */
        return false;
    }
    turn = atomic_load_explicit(&term.turn, memory_order_relaxed);
    return turn == NULL || turn == c ||
           arch_now() >= atomic_load_explicit(&term.turn_ends, memory_order_relaxed);
}

static bool take(const struct console *c) TRY_ACQUIRES(true, term) NO_TSA
{
    bool mine;

    if (!is_free(c)) {
        return false;
    }
    spin_lock(&term.lock);
    mine = !atomic_load_explicit(&term.busy, memory_order_relaxed); /* before a turn, at worst */
    if (mine) {
        atomic_store_explicit(&term.busy, true, memory_order_relaxed);
        atomic_store_explicit(&term.turn, NULL, memory_order_relaxed);
    }
    spin_unlock(&term.lock);
    return mine;
}

static struct console *behind(const struct console *c)
{
    return c->next != NULL ? c->next : term.first;
}

/* Own hart. */
static void rest(struct hart *self)
{
    atomic_store_explicit(&self->console.rests_until, arch_now() + us_to_ticks(REST_US),
                          memory_order_relaxed);
}

static bool has_rested(const struct hart *hart)
{
    return arch_now() >= atomic_load_explicit(&hart->console.rests_until, memory_order_relaxed);
}

/* The first behind c that has something to say, so that each gets its turn, or c; NULL: none. */
static struct console *next_turn(struct console *c)
{
    struct console *turn = c;

    do {
        turn = behind(turn);
    } while (turn != c && !console_pending(turn));
    return console_pending(turn) ? turn : NULL; /* (d) */
}

static void give_back(struct console *c) RELEASES(term) NO_TSA
{
    struct console *none = NULL;
    struct hart *writer = NULL;
    struct console *turn;

    spin_lock(&term.lock);
    atomic_store_explicit(&term.busy, false, memory_order_seq_cst); /* (c) */
    turn = next_turn(c);
    if (turn != NULL) {
        writer = atomic_load_explicit(&turn->writer, memory_order_relaxed);
        if (writer != arch_hart_self() && has_rested(writer)) {
            atomic_store_explicit(&term.turn_ends, arch_now() + us_to_ticks(TURN_US),
                                  memory_order_relaxed);
            atomic_store_explicit(&term.turn, turn, memory_order_relaxed);
        }
    }
    spin_unlock(&term.lock);

    /* (f) */
    if (turn != NULL &&
        atomic_compare_exchange_strong_explicit(&writer->console.told, &none, turn,
                                                memory_order_seq_cst, memory_order_seq_cst)) {
        if (writer == arch_hart_self()) {
            rest(writer);
        }
        hart_post(writer, HART_WORK_CONSOLE);
    }
}

bool terminal_send(struct console *c)
{
    uint32_t head, tail;

    if (!take(c)) {
        return false;
    }
    if (term.shown != terminal_focus()) {
        if (term.open != NULL) {
            puts_("\r\n");
            term.open = NULL;
        }
        term.shown = terminal_focus();
    }
    term.drawn = 0;
    head = atomic_load_explicit(&c->out_head, memory_order_acquire);
    tail = atomic_load_explicit(&c->out_tail, memory_order_relaxed);
    tail = c->whole_lines ? draw_lines(c, tail, head) : draw_bytes(c, tail, head);
    /* release pairs with the acquire of who writes: the bytes are read before they are replaced */
    atomic_store_explicit(&c->out_tail, tail, memory_order_release);
    give_back(c);
    return true;
}

static void on_rested(struct timer *t)
{
    (void)t;
    console_work();
}

void console_work(void)
{
    struct hart *self = arch_hart_self();
    struct console *first, *c;

    if (!has_rested(self)) {
        timer_arm(&self->console.timer, self,
                  atomic_load_explicit(&self->console.rests_until, memory_order_relaxed),
                  on_rested);
        return;
    }
    first = atomic_exchange_explicit(&self->console.told, NULL, memory_order_seq_cst); /* (e) */
    first = first != NULL ? first : term.first;
    c = first;
    do {
        if (console_pending(c) && atomic_load_explicit(&c->writer, memory_order_relaxed) == self &&
            terminal_send(c)) {
            rest(self);
            return;
        }
        c = behind(c);
    } while (c != first);
}
