/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One terminal for the machine: each VM's output in lines prefixed and coloured by its name, an
 * escape key (Ctrl-], since Ctrl-A is QEMU's) that gives the keyboard to a VM or
 * to the hypervisor's own small shell.
 *
 * A VM's output goes into a ring of its own, its input comes out of one, both under that console's
 * lock, which is held for no longer than a copy. How output reaches the UART: core/terminal.h.
 */
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;
struct console;
struct host_irq;

/* A physical UART as the console needs it; filled by drivers/uart_*.c or the port's SBI DBCN. */
struct uart_ops {
    void (*put)(char c);        /* waits while the transmitter is full */
    int (*get)(void);           /* -1: nothing there; NULL: it has no keys for Curia */
    bool (*take_rx_irq)(void);  /* keys come by interrupt from now on; NULL, false: they are polled
                                    on a timer */
    struct host_irq *rx_irq;    /* once that was taken */
    void (*hold_rx)(bool hold); /* keys are left where they are, or taken again; NULL: nothing to
                                    do for that */
    void (*flush)(void);        /* waits (bounded) until all is sent; NULL: put has sent it */
};

#define CONSOLE_LOG_MAX 448u /* bytes of a line of Curia's own */

/* The machine's terminal. At boot, before the first log line; again when a better one is found. */
void console_set_uart(const struct uart_ops *ops);

/* At boot, before console_start(): the UART is a VM's from now on. Output goes where the first
 * console_set_uart() has sent it, and no key is read. */
void console_give_up_uart(void);

/*
 * Shows one whole hypervisor line with its prefix: at once during boot, later once this hart holds
 * no lock. Any hart, any lock above console.
 */
void console_log(const char *line, size_t len);

/* A VM's end: allocated from the pool. NULL: no memory. */
struct console *console_create(struct vm *vm);

/*
 * The guest's output and input (vUART, DBCN). Any hart of that VM. Returns how much was taken: with
 * 2 KiB of it unsent there is no room, which is not waited for; the guest has to try again.
 */
size_t console_write(struct console *c, const char *data, size_t len);
size_t console_read(struct console *c, char *data, size_t len);
bool console_has_input(struct console *c);

/*
 * Input bytes lost since boot because the guest did not read them: what is typed waits for a VM
 * that reads, but not for one that does not.
 */
uint32_t console_input_lost(struct console *c);

/* The UART has lost input, which came faster than it was taken. Any hart. How often, since boot. */
void console_overrun(void);
uint32_t console_overruns(void);

/* Text of the hypervisor's shell (core/shell.c); lines end with '\n'. */
void console_shell_write(const char *data, size_t len);

/* Forgets input and ends an unfinished line; at VM reset. */
void console_reset(struct console *c);

/* Called (no lock held) when the VM has new input: the vUART raises its interrupt. */
void console_on_input(struct console *c, void (*fn)(void *arg), void *arg);

/* The UART has input, or might: takes it all in. Hart 0, from its interrupt or the poll timer. */
void console_poll(void);

/* That of the terminal's input; NULL: it is polled. */
struct host_irq *console_irq(void);

/* Prints the banner and starts to take input (interrupt or poll timer). After all VMs are made;
 * other harts do not run yet. */
void console_start(void);

/* Own hart: HART_WORK_CONSOLE was seen; sends a piece of what this hart left in rings, in time. */
void console_work(void);

/* Lets everything out before the machine goes down; waits for it, but not for long. */
void console_flush(void);

#endif
