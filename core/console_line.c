/* SPDX-License-Identifier: BSD-2-Clause */
/* The unfinished line of a console (see console_line.h). No lock; guest input throughout. */
#include "core/console_line.h"

#include <string.h>

enum esc_state {
    ESC_NONE,
    ESC_SEEN, /* ESC */
    ESC_CSI,  /* ESC [ */
    ESC_TEXT, /* ESC ] and the like: to BEL or ESC \, dropped */
};

#define CHAR_ESC 0x1b
#define CHAR_BEL 0x07

void console_line_clear(struct console_line *l)
{
    l->len = 0;
    l->col = 0;
    l->cr = false;
    l->dirty = false;
}

/* The first parameter of the sequence, or fallback; never above CONSOLE_LINE_MAX. */
static uint32_t parameter(const struct console_line *l, uint32_t fallback)
{
    uint32_t v = 0;
    uint32_t i = 0;

    for (; i < l->seq_len && l->seq[i] >= '0' && l->seq[i] <= '9'; i++) {
        v = v * 10u + (uint32_t)(l->seq[i] - '0');
        v = v < CONSOLE_LINE_MAX ? v : CONSOLE_LINE_MAX;
    }
    return i == 0 ? fallback : v;
}

/* Cursor right or left by so much, no further than the text. */
static enum line_act move(struct console_line *l, bool right)
{
    uint32_t n = parameter(l, 1);
    uint32_t room = right ? (uint32_t)(l->len - l->col) : l->col;

    n = n == 0 ? 1 : n;
    n = n < room ? n : room;
    if (n == 0) {
        return LINE_NOTHING;
    }
    l->col = (uint16_t)(right ? l->col + n : l->col - n);
    return LINE_REDRAW;
}

/* A whole control sequence; its last byte is final. */
static enum line_act sequence(struct console_line *l, char final)
{
    switch (final) {
    case 'm': /* colours */
    case 'n': /* where is the cursor? */
        return LINE_SEQ;
    case 'h':
    case 'l': /* cursor shape, bracketed paste */
        return l->seq_len > 1 && l->seq[0] == '?' ? LINE_SEQ : LINE_NOTHING;
    case 'J':
    case 'K':
        if (parameter(l, 0) != 0) {
            if (final == 'J') {
                return LINE_NOTHING;
            }
            memset(l->text, ' ', l->len);
            return LINE_REDRAW;
        }
        l->len = l->col;
        return LINE_SEQ;
    case 'C':
        return move(l, true);
    case 'D':
        return move(l, false);
    default:
        return LINE_NOTHING;
    }
}

static enum line_act escape(struct console_line *l, char c)
{
    switch ((enum esc_state)l->esc) {
    case ESC_SEEN:
        l->seq_len = 0;
        if (c == '[') {
            l->esc = ESC_CSI;
        } else if (c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X') {
            l->esc = ESC_TEXT;
        } else {
            l->esc = ESC_NONE;
        }
        return LINE_NOTHING;
    case ESC_CSI:
        if (c == CHAR_ESC) {
            l->esc = ESC_SEEN;
            return LINE_NOTHING;
        }
        if ((unsigned char)c < 0x20 || (unsigned char)c > 0x7e) {
            l->esc = ESC_NONE;
            return LINE_NOTHING;
        }
        if (l->seq_len < CONSOLE_SEQ_MAX) {
            l->seq[l->seq_len++] = c;
        }
        if (c < 0x40) {
            return LINE_NOTHING;
        }
        l->esc = ESC_NONE;
        return l->seq[l->seq_len - 1] == c ? sequence(l, c) : LINE_NOTHING; /* else: too long */
    case ESC_TEXT:
        if (c == CHAR_ESC) {
            l->esc = ESC_SEEN;
        } else if (c == CHAR_BEL || c == '\n') {
            l->esc = ESC_NONE;
        }
        return LINE_NOTHING;
    case ESC_NONE:
        break;
    }
    return LINE_NOTHING;
}

static enum line_act store(struct console_line *l, char c, char *shown)
{
    l->text[l->col++] = c;
    if (l->col > l->len) {
        l->len = l->col;
    }
    l->dirty = true;
    *shown = c;
    return LINE_CHAR;
}

enum line_act console_line_put(struct console_line *l, char c, char *shown, bool *again)
{
    *again = false;
    if (l->esc != ESC_NONE) {
        return escape(l, c);
    }
    if (l->cr) {
        l->cr = false;
        if (c != '\n' && c != '\r') {
            l->col = 0;
            *again = true;
            return LINE_REDRAW;
        }
    }

    switch (c) {
    case '\n':
        return LINE_END;
    case '\r':
        l->cr = true;
        return LINE_NOTHING;
    case '\b':
        if (l->col == 0) {
            return LINE_NOTHING;
        }
        l->col--;
        return LINE_BACK;
    case CHAR_BEL:
        return LINE_BELL;
    case CHAR_ESC:
        l->esc = ESC_SEEN;
        return LINE_NOTHING;
    case '\t':
        if (l->col == CONSOLE_LINE_MAX) {
            *again = true;
            return LINE_END;
        }
        *again = (l->col + 1u) % 8u != 0 && l->col + 1u < CONSOLE_LINE_MAX;
        return store(l, ' ', shown);
    default:
        if ((unsigned char)c < 0x20 || c == 0x7f) {
            return LINE_NOTHING;
        }
        if (l->col == CONSOLE_LINE_MAX) {
            *again = true;
            return LINE_END;
        }
        return store(l, c, shown);
    }
}
