/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell's line editor under any keys: the screen shows the prompt, the line and the cursor in
 * it, the line is text and has room, and what the history gives back was once a line.
 */
/* LINK: core/line_edit.c */
#include "core/line_edit.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/tiny_screen.h"

#include <stdbool.h>

static struct tiny_screen screen;

static void put(const char *text, size_t len)
{
    MUST(text != NULL);
    tiny_put(&screen, text, len);
}

static const char *offer(const char *line, size_t word, uint32_t n, size_t *len)
{
    static const char words[] = "stop start status a ab abc a-name-of-31-characters-as-long-as";
    const char *at = words;

    MUST(word == 0 || line[word - 1] == ' ');
    MUST(strlen(line) < LINE_EDIT_MAX);
    for (; n != 0 && *at != '\0'; n--) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    *len = strcspn(at, " ");
    return *len != 0 ? at : NULL;
}

static void check(const struct line_edit *e)
{
    MUST(screen.wrong == 0);
    MUST(e->pos <= e->len && e->len < LINE_EDIT_MAX && strlen(e->line) == e->len);
    MUST(memcmp(screen.cell, "> ", 2) == 0 && strcmp(screen.cell + 2, e->line) == 0);
    MUST(screen.col == 2u + e->pos);
    MUST(e->history[LINE_EDIT_HISTORY] == '\0');
    for (size_t i = 0; i < e->len; i++) {
        MUST(e->line[i] >= ' ' && e->line[i] < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct line_edit_ops ops = {put, offer};
    struct line_edit edit = {.ops = &ops};

    memset(&screen, 0, sizeof(screen));
    line_edit_begin(&edit);
    for (size_t i = 0; i < size && i < 4096; i++) {
        if (line_edit_key(&edit, (char)data[i])) {
            MUST(screen.col == 0 && edit.line[edit.len] == '\0');
            line_edit_begin(&edit);
        }
        check(&edit);
    }
    return 0;
}
