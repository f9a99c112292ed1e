/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A line while it is typed, as a small shell's users know it: keys in, what to show of them out.
 * Pure, no lock: everything is the caller's who has the keys.
 *
 * Arrows, Home, End, Delete and Backspace; Ctrl-A E B F go, Ctrl-D H K U W delete, Ctrl-P N recall,
 * Ctrl-C gives up, Ctrl-L shows anew, Tab completes, and if there are several, twice, lists. Other
 * control keys and escape sequences do nothing, and are no text. What is shown needs BS, LF and
 * CSI K, within one line.
 */
#ifndef CORE_LINE_EDIT_H
#define CORE_LINE_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_EDIT_MAX     64u  /* with the zero at its end */
#define LINE_EDIT_HISTORY 384u /* bytes; lines with their zeroes */

struct line_edit_ops {
    void (*put)(const char *text, size_t len); /* to the screen */

    /*
     * The nth of all words, from 0, that may stand at line[word], whatever is there yet, and its
     * length; NULL: there are no more. For completion.
     */
    const char *(*offer)(const char *line, size_t word, uint32_t n, size_t *len);
};

struct line_edit {
    const struct line_edit_ops *ops;
    uint8_t len, pos; /* the cursor is before line[pos], pos <= len < LINE_EDIT_MAX */
    uint8_t escape;   /* how far in an escape sequence: line_edit.c */
    uint8_t back;     /* which line of the history this was; 0: none */
    char parameter;   /* the first byte behind CSI */
    bool tabbed;      /* the last key was a Tab that left several words */

    char line[LINE_EDIT_MAX];
    char kept[LINE_EDIT_MAX];            /* what stood there before the history was looked at */
    char history[LINE_EDIT_HISTORY + 1]; /* the newest first; the last byte stays 0 */
};

/* Shows a prompt, with an empty line behind it. ops is set, all else was 0 once. */
void line_edit_begin(struct line_edit *e);

/* Takes a key. True: e->line is complete, the caller's until line_edit_begin(). */
bool line_edit_key(struct line_edit *e, char key);

#endif
