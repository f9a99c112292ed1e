/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the FDT's riscv,isa string or riscv,isa-extensions list says. Pure, for the host too. The
 * strings are the board's: bounded by their property's length, not trusted to end.
 */
#include "arch/riscv/hart.h"

#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* [token, token + len) is name, with or without a version such as "2p0". */
static bool token_is(const char *token, size_t len, const char *name, size_t name_len)
{
    if (len < name_len) {
        return false;
    }
    for (size_t i = 0; i < name_len; i++) {
        if (lower(token[i]) != name[i]) {
            return false;
        }
    }
    for (size_t i = name_len; i < len; i++) {
        if ((token[i] < '0' || token[i] > '9') && (token[i] != 'p' || i == name_len)) {
            return false;
        }
    }
    return true;
}

/* Up to the first NUL in s[0 .. max). */
static size_t bounded_len(const char *s, size_t max)
{
    const char *nul = memchr(s, '\0', max);

    return nul != NULL ? (size_t)(nul - s) : max;
}

static bool list_has(const struct board_hart *hart, const char *name)
{
    const char *end = hart->isa + hart->isa_len;
    size_t len;

    for (const char *s = hart->isa; s < end; s += len + 1) {
        len = bounded_len(s, (size_t)(end - s));
        if (token_is(s, len, name, strlen(name))) {
            return true;
        }
    }
    return false;
}

/* "rv64" letters, then names each after a '_' (the first may follow the letters directly). */
static bool string_has(const struct board_hart *hart, const char *name)
{
    size_t name_len = strlen(name);
    size_t len = bounded_len(hart->isa, hart->isa_len);
    size_t i = 4;

    for (; i < len && strchr("_zsx", lower(hart->isa[i])) == NULL; i++) {
        char c = lower(hart->isa[i]);

        if (name_len == 1 && (c == name[0] || (c == 'g' && strchr("imafd", name[0]) != NULL))) {
            return true;
        }
    }
    while (i < len) {
        size_t start = hart->isa[i] == '_' ? i + 1 : i;

        for (i = start; i < len && hart->isa[i] != '_'; i++) {
        }
        if (token_is(&hart->isa[start], i - start, name, name_len)) {
            return true;
        }
    }
    return false;
}

bool rv_isa_has(const struct board_hart *hart, const char *name)
{
    if (hart->isa == NULL) {
        return false;
    }
    return hart->isa_is_list ? list_has(hart, name) : string_has(hart, name);
}
