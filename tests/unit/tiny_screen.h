/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A terminal of one line that knows text, BS, LF, BEL and CSI K, and nothing else: what a person
 * sees of core/line_edit.c, and an observer who knows nothing of how it works.
 */
#ifndef TESTS_UNIT_TINY_SCREEN_H
#define TESTS_UNIT_TINY_SCREEN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TINY_COLS 256u

struct tiny_screen {
    char cell[TINY_COLS + 1]; /* the line; ends with a 0 */
    size_t col;
    char above[TINY_COLS + 1]; /* the line before it */
    uint32_t lines, bells;
    uint32_t escape; /* bytes of CSI K so far */
    uint32_t wrong;  /* what it does not know, or what leaves the line */
};

static inline void tiny_put(struct tiny_screen *s, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (s->escape != 0) {
            s->wrong += c != "\x1b[K"[s->escape];
            s->escape = (s->escape + 1) % 3;
            if (s->escape == 0) {
                memset(&s->cell[s->col], 0, TINY_COLS - s->col);
            }
        } else if (c == '\x1b') {
            s->escape = 1;
        } else if (c == '\n') {
            memcpy(s->above, s->cell, sizeof(s->above));
            memset(s->cell, 0, sizeof(s->cell));
            s->col = 0;
            s->lines++;
        } else if (c == '\b' && s->col > 0) {
            s->col--;
        } else if (c == '\a') {
            s->bells++;
        } else if (c >= ' ' && c < 0x7f && s->col < TINY_COLS) {
            s->cell[s->col++] = c;
        } else {
            s->wrong++;
        }
    }
}

#endif
