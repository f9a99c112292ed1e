/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is to show: each VM's output, the shell's, and Curia's own lines, each in a ring of
 * its own (core/terminal.h says who sends them and when).
 *
 * A ring's lock serialises its writers. In a panic all locks are ignored.
 */
#include "core/console.h"

#include "core/arch.h"
#include "core/log.h"
#include "core/pagepool.h"
#include "core/terminal.h"
#include "core/timer.h"
#include "core/vm.h"

#include <string.h>

#define FLUSH_US 500000u

static struct {
    struct console log;   /* Curia's own lines */
    struct console shell; /* what its shell shows, and the line typed there */
    bool started;
    uint32_t lines_lost;          /* before there was a UART */
    const struct uart_ops *first; /* that was set */
    struct uart_ops keyless;      /* the same for a machine whose UART is a VM's */
} own;

struct console *console_shell(void)
{
    return &own.shell;
}

/* ---- rings ----------------------------------------------------------------------------------- */

static uint32_t ring_room(const struct console *c) REQUIRES(c->lock)
{
    /* acquire pairs with the release of who took bytes out */
    return CONSOLE_OUT - (atomic_load_explicit(&c->out_head, memory_order_relaxed) -
                          atomic_load_explicit(&c->out_tail, memory_order_acquire));
}

static void ring_put(struct console *c, const char *data, size_t len) REQUIRES(c->lock)
{
    uint32_t head = atomic_load_explicit(&c->out_head, memory_order_relaxed);

    for (size_t i = 0; i < len; i++) {
        c->out[head++ % CONSOLE_OUT] = data[i];
    }
    atomic_store_explicit(&c->writer, arch_hart_self(), memory_order_relaxed);
    /* (a); as a release it pairs with the acquire of who sends */
    atomic_store_explicit(&c->out_head, head, memory_order_seq_cst);
}

/*
 * As much of data as fits, but all of it if whole, or nothing. Returns how much. A byte of room is
 * left, for console_reset().
 */
static size_t push(struct console *c, const char *data, size_t len, bool whole)
{
    size_t n;

    spin_lock(&c->lock);
    n = ring_room(c);
    n = n != 0 ? n - 1 : 0;
    n = n >= len ? len : whole ? 0 : n;
    ring_put(c, data, n);
    spin_unlock(&c->lock);
    return n;
}

/* For Curia's own: waits for room in c's ring. */
static void write_out(struct console *c, const char *data, size_t len, bool whole)
{
    bool sent;

    do {
        size_t n = push(c, data, len, whole);

        data += n;
        len -= n;
        sent = terminal_send(c);
        if (!sent && len != 0) {
            arch_relax();
        }
    } while (len != 0);
}

/* All that c has, but for what others add meanwhile. False: another hart has the screen. */
static bool send_all(struct console *c)
{
    bool sent = true;

    for (uint32_t i = 0; i < CONSOLE_OUT && sent && console_pending(c); i++) {
        sent = terminal_send(c);
    }
    return sent;
}

void console_flush(void)
{
    const struct uart_ops *uart = terminal_uart();
    uint64_t deadline = arch_now() + us_to_ticks(FLUSH_US);
    bool left;

    do {
        left = false;
        for (struct console *c = terminal_first(); c != NULL; c = c->next) {
            left = !send_all(c) || left;
        }
    } while (left && arch_now() < deadline);
    console_keys_listen();
    if (uart != NULL && uart->flush != NULL) {
        uart->flush();
    }
}

/* ---- Curia's own ----------------------------------------------------------------------------- */

struct host_irq *console_irq(void)
{
    const struct uart_ops *uart = terminal_uart();

    return uart != NULL ? uart->rx_irq : NULL;
}

void console_set_uart(const struct uart_ops *ops)
{
    if (terminal_first() == NULL) {
        own.log.name = own.shell.name = "curia";
        own.log.colour = own.shell.colour = "\x1b[1m";
        own.log.whole_lines = true;
        terminal_add(&own.log);
        terminal_add(&own.shell);
        terminal_set_focus(&own.shell);
        own.first = ops;
    }
    terminal_set_uart(ops);
}

void console_give_up_uart(void)
{
    console_flush();
    own.keyless = (struct uart_ops){.put = own.first->put};
    terminal_set_uart(&own.keyless);
}

/* A whole line; *later: it may wait in the ring until this hart holds no lock. */
static void put_line(const char *line, size_t len, bool later)
{
    char text[CONSOLE_LOG_MAX + 1u];

    len = len < CONSOLE_LOG_MAX ? len : CONSOLE_LOG_MAX;
    memcpy(text, line, len);
    text[len] = '\n';
    if (later && push(&own.log, text, len + 1, true) != 0) {
        hart_post(arch_hart_self(), HART_WORK_CONSOLE);
    } else {
        write_out(&own.log, text, len + 1, true);
    }
}

void console_log(const char *line, size_t len)
{
    if (panicked()) {
        terminal_panic_line(&own.log, line, len);
    } else if (terminal_uart() == NULL) {
        own.lines_lost++;
    } else {
        put_line(line, len, own.started);
    }
}

void console_say(const char *text)
{
    put_line(text, strlen(text), false);
}

void console_shell_write(const char *data, size_t len)
{
    write_out(&own.shell, data, len, false);
}

void console_start(void)
{
    if (terminal_keyboard() != NULL) {
        console_say("one terminal for all: Ctrl-] and a VM's number (0, 1 ...) gives it the "
                    "keyboard,");
        console_say("Ctrl-] h the hypervisor's shell, Ctrl-] ? help");
    }
    if (own.lines_lost != 0) {
        log_warn("%u lines before this could not be shown", (unsigned int)own.lines_lost);
    }
    console_keys_start();
    own.started = true;
}

/* ---- a VM's end ------------------------------------------------------------------------------ */

struct console *console_create(struct vm *vm)
{
    static const char *const colours[] = {"\x1b[32m", "\x1b[36m", "\x1b[33m", "\x1b[35m",
                                          "\x1b[34m", "\x1b[92m", "\x1b[96m", "\x1b[95m"};
    struct console *c = pool_alloc(sizeof(*c), sizeof(void *));

    if (c == NULL) {
        return NULL;
    }
    c->vm = vm;
    c->name = vm->config->name;
    c->colour = colours[vm->index % ARRAY_SIZE(colours)];
    terminal_add(c);
    return c;
}

size_t console_write(struct console *c, const char *data, size_t len)
{
    const char *zero;
    size_t n = 0;

    while (n < len && data[n] == CONSOLE_MARK_RESET) {
        n++;
    }
    if (n != 0) {
        return n;
    }
    zero = memchr(data, CONSOLE_MARK_RESET, len);
    n = push(c, data, zero != NULL ? (size_t)(zero - data) : len, false);
    if (!terminal_send(c) && n == 0) {
        arch_relax();
    }
    return n;
}

void console_reset(struct console *c)
{
    static const char mark = CONSOLE_MARK_RESET;

    console_forget_input(c);
    spin_lock(&c->lock);
    if (ring_room(c) != 0) { /* else it ends with a mark, since push() leaves a byte */
        ring_put(c, &mark, 1);
    }
    spin_unlock(&c->lock);
    (void)terminal_send(c);
}
