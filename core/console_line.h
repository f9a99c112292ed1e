/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unfinished line of one console: the characters and the cursor, as a terminal that understands
 * what line editors send would show them. Pure: text in, what to do on the screen out.
 *
 * Only sequences that stay within their line ever reach the terminal, so that no guest writes into
 * another's lines or forges its name. The caller serialises.
 */
#ifndef CORE_CONSOLE_LINE_H
#define CORE_CONSOLE_LINE_H

#include <stdbool.h>
#include <stdint.h>

#define CONSOLE_LINE_MAX 240u
#define CONSOLE_SEQ_MAX  16u

struct console_line {
    uint16_t len, col; /* characters; the cursor is at text[col], col <= len */
    uint8_t esc;       /* enum in console_line.c */
    uint8_t seq_len;
    bool cr;    /* a carriage return came last: a line feed makes it an end of line */
    bool dirty; /* something was shown, if only blanks or a prompt since erased */
    char seq
        [CONSOLE_SEQ_MAX]; /* parameters of the control sequence being read, then its last byte */
    char text[CONSOLE_LINE_MAX];
};

enum line_act {
    LINE_NOTHING,
    LINE_CHAR,   /* show *shown at the cursor */
    LINE_BACK,   /* the cursor went back by one */
    LINE_SEQ,    /* send ESC [ and seq[0 .. seq_len) */
    LINE_REDRAW, /* show the line anew */
    LINE_END,    /* the line is complete: show it if it is not shown, then console_line_clear() */
    LINE_BELL,
};

/* Takes one byte. *again: nothing was taken yet; do as told, then call again with the same byte. */
enum line_act console_line_put(struct console_line *l, char c, char *shown, bool *again);

/* Empty again; a sequence that is half read stays so. */
void console_line_clear(struct console_line *l);

#endif
