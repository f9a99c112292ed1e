/* SPDX-License-Identifier: BSD-2-Clause */
/* A line while it is typed, see line_edit.h. */
#include "core/line_edit.h"

#include <string.h>

#define CTRL(letter) ((letter) - '@')
#define DELETE       0x7f

/* Of escape: states, then as many bytes of a control sequence as are waited for. */
enum { ESC_NONE, ESC_SEEN, ESC_LAST, ESC_SS3, ESC_CSI, ESC_PARAMETER, ESC_TOO_LONG = 16 };

/* ---- what is shown --------------------------------------------------------------------------- */

static void put(const struct line_edit *e, const char *text, size_t len)
{
    e->ops->put(text, len);
}

static void go_back(const struct line_edit *e, size_t count)
{
    while (count-- != 0) {
        put(e, "\b", 1);
    }
}

static void go(struct line_edit *e, size_t to)
{
    if (to > e->pos) {
        put(e, &e->line[e->pos], to - e->pos);
    } else {
        go_back(e, e->pos - to);
    }
    e->pos = (uint8_t)to;
}

/* text takes the place of line[from, to), the cursor in there, if there is room. It goes behind. */
static void replace(struct line_edit *e, size_t from, size_t to, const char *text, size_t count)
{
    size_t len = e->len - (to - from) + count;

    if (len >= LINE_EDIT_MAX) {
        put(e, "\a", 1);
        return;
    }
    go_back(e, e->pos - from);
    memmove(&e->line[from + count], &e->line[to], e->len - to + 1u);
    memcpy(&e->line[from], text, count);
    put(e, &e->line[from], len - from);
    if (len < e->len) {
        put(e, "\x1b[K", 3);
    }
    e->len = (uint8_t)len;
    e->pos = (uint8_t)(from + count);
    go_back(e, len - e->pos);
}

static void show(const struct line_edit *e)
{
    put(e, "> ", 2);
    put(e, e->line, e->len);
    go_back(e, (size_t)e->len - e->pos);
}

static void show_below(const struct line_edit *e)
{
    put(e, "\n", 1);
    show(e);
}

void line_edit_begin(struct line_edit *e)
{
    e->len = 0;
    e->pos = 0;
    e->back = 0;
    e->line[0] = '\0';
    show(e);
}

/* ---- history --------------------------------------------------------------------------------- */

/* The nth line back, from 1; "": there is none. */
static const char *recall(const struct line_edit *e, uint32_t n)
{
    const char *at = e->history;

    while (--n != 0 && *at != '\0') {
        at += strlen(at) + 1;
    }
    return at;
}

/* Unless it is the last one again. The oldest make room. */
static void remember(struct line_edit *e)
{
    size_t size = e->len + 1u;
    char *end = &e->history[LINE_EDIT_HISTORY - 1];

    if (e->len == 0 || strcmp(e->line, e->history) == 0) {
        return;
    }
    memmove(&e->history[size], e->history, LINE_EDIT_HISTORY - size);
    memcpy(e->history, e->line, size);
    while (*end != '\0') { /* it was cut */
        *end-- = '\0';
    }
}

/* The line becomes the nth back, if there is one; 0: the one that was being typed. */
static void turn_to(struct line_edit *e, uint32_t n)
{
    const char *line = n != 0 ? recall(e, n) : e->kept;

    if (n != 0 && *line == '\0') {
        return;
    }
    if (e->back == 0) {
        memcpy(e->kept, e->line, sizeof(e->kept));
    }
    e->back = (uint8_t)n;
    replace(e, 0, e->len, line, strlen(line));
}

/* ---- words ----------------------------------------------------------------------------------- */

/* Where the word begins that ends at the cursor; behind spaces, the one before them. */
static size_t word_start(const struct line_edit *e, bool spaces)
{
    size_t at = e->pos;

    while (spaces && at != 0 && e->line[at - 1] == ' ') {
        at--;
    }
    while (at != 0 && e->line[at - 1] != ' ') {
        at--;
    }
    return at;
}

/* What the word at `at` may become: how many, and what all of them begin with. list: shows them. */
static uint32_t matches(const struct line_edit *e, size_t at, bool list, const char **first,
                        size_t *common)
{
    size_t typed = e->pos - at;
    uint32_t count = 0;
    const char *word;
    size_t len;

    for (uint32_t n = 0; (word = e->ops->offer(e->line, at, n, &len)) != NULL; n++) {
        if (len < typed || memcmp(word, &e->line[at], typed) != 0) {
            continue;
        }
        if (list) {
            put(e, "  ", 2);
            put(e, word, len);
        }
        if (count++ == 0) {
            *first = word;
            *common = len;
        }
        for (size_t i = 0; i < *common; i++) {
            if (i == len || word[i] != (*first)[i]) {
                *common = i;
            }
        }
    }
    return count;
}

/* again: the last key was the same, and left several words. */
static void complete(struct line_edit *e, bool again)
{
    size_t at = word_start(e, false);
    size_t typed = e->pos - at;
    const char *first = "";
    size_t common = typed;
    uint32_t count = matches(e, at, false, &first, &common);

    if (common > typed) {
        replace(e, e->pos, e->pos, &first[typed], common - typed);
    }
    if (count == 1) {
        replace(e, e->pos, e->pos, " ", 1);
    } else if (again) {
        put(e, "\n", 1);
        (void)matches(e, at, true, &first, &common);
        show_below(e);
    } else {
        put(e, "\a", 1);
    }
    e->tabbed = count > 1;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/*
 * A byte of an escape sequence. Control characters end it, and are keys. Returns the control key
 * that does what the sequence's key does; 0: none does, or it goes on.
 */
static int sequence(struct line_edit *e, char key)
{
    static const char codes[] = "ABCDHF17483",
                      keys[] = "\x10\x0e\x06\x02\x01\x05\x01\x01\x05\x05\x04";
    uint8_t state = e->escape;
    const char *at = NULL;

    e->escape = ESC_NONE;
    if (state == ESC_SEEN) {
        e->escape = key == '[' ? ESC_CSI : key == 'O' ? ESC_SS3 : ESC_NONE;
    } else if (state == ESC_CSI && key == '[') {
        e->escape = ESC_LAST; /* a function key at a Linux console: ESC [ [ A */
    } else if (state >= ESC_CSI && key < '@') {
        e->parameter = key;
        e->escape = (uint8_t)((state + 1u) % ESC_TOO_LONG);
    } else if (state != ESC_LAST) {
        at = strchr(codes, key == '~' && state == ESC_PARAMETER ? e->parameter : key);
    }
    return at != NULL ? keys[at - codes] : 0;
}

static int decode(struct line_edit *e, char key)
{
    if (key == CTRL('[')) {
        e->escape = ESC_SEEN;
        return 0;
    }
    if (key < ' ' || key == DELETE) {
        e->escape = ESC_NONE;
        return key != DELETE ? key : CTRL('H');
    }
    return e->escape != ESC_NONE ? sequence(e, key) : key;
}

/* What a control key does: goes somewhere, or deletes until there. */
enum { STAY, HOME, END, LEFT, RIGHT, WORD, GO = 8 };

static void line_key(struct line_edit *e, uint32_t key)
{
    static const uint8_t keys[' '] = {
        [CTRL('A')] = HOME | GO, [CTRL('B')] = LEFT | GO,  [CTRL('D')] = RIGHT,
        [CTRL('E')] = END | GO,  [CTRL('F')] = RIGHT | GO, [CTRL('H')] = LEFT,
        [CTRL('K')] = END,       [CTRL('U')] = HOME,       [CTRL('W')] = WORD,
    };
    const size_t targets[GO] = {
        [STAY] = e->pos,
        [HOME] = 0,
        [END] = e->len,
        [LEFT] = e->pos - (e->pos != 0 ? 1u : 0),
        [RIGHT] = e->pos + (e->pos < e->len ? 1u : 0),
        [WORD] = word_start(e, true),
    };
    size_t to = targets[keys[key] % GO];

    if (keys[key] >= GO) {
        go(e, to);
    } else if (to < e->pos) {
        replace(e, to, e->pos, "", 0);
    } else if (to > e->pos) {
        replace(e, e->pos, to, "", 0);
    }
}

bool line_edit_key(struct line_edit *e, char byte)
{
    int key = (unsigned char)byte > DELETE ? 0 : decode(e, byte);
    bool tabbed = e->tabbed;
    char text = (char)key;

    e->tabbed = false;
    switch (key) {
    case '\r':
    case '\n':
        put(e, "\n", 1);
        remember(e);
        return true;
    case '\t':
        complete(e, tabbed);
        break;
    case CTRL('C'):
        put(e, "\n", 1);
        line_edit_begin(e);
        break;
    case CTRL('L'):
        show_below(e);
        break;
    case CTRL('N'):
        turn_to(e, e->back - (e->back != 0 ? 1u : 0));
        break;
    case CTRL('P'):
        turn_to(e, e->back + 1u);
        break;
    default:
        if (key >= ' ') {
            replace(e, e->pos, e->pos, &text, 1);
        } else {
            line_key(e, (uint32_t)key);
        }
        break;
    }
    return false;
}
