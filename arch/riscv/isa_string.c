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
static bool token_is(const char *token, size_t len, const char *name)
{
    size_t name_len = 0;

    for (; name[name_len] != '\0'; name_len++) {
        if (name_len == len || lower(token[name_len]) != name[name_len]) {
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

/* A letter of "rv64imafdc" is a name, and g stands for five. */
static bool letter_is(char letter, const char *name)
{
    char c = lower(letter);

    return name[1] == '\0' && (c == name[0] || (c == 'g' && strchr("imafd", name[0]) != NULL));
}

/* Which of the names [token, token + len) is; count: none. */
static size_t name_of(const char *token, size_t len, const rv_isa_name *names, size_t count)
{
    char first = lower(token[0]);
    char second = len > 1 ? lower(token[1]) : '\0';
    size_t i;

    for (i = 0; i < count; i++) { /* hardly one passes: most begin with a z */
        if (names[i][0] == first && (names[i][1] == second || names[i][1] == '\0') &&
            token_is(token, len, names[i])) {
            break;
        }
    }
    return i;
}

/*
 * A list of names, each with its NUL; or "rv64", letters, then names each after a '_' (the first
 * may follow the letters directly).
 */
uint64_t rv_isa_have(const struct board_hart *hart, const rv_isa_name *names, size_t count)
{
    const char *s = hart->isa;
    const char *end;
    char stop = hart->isa_is_list ? '\0' : '_';
    uint64_t found = 0;

    if (s == NULL) {
        return 0;
    }
    end = s + hart->isa_len;
    if (!hart->isa_is_list) {
        end = memchr(s, '\0', hart->isa_len);
        end = end != NULL ? end : s + hart->isa_len;
        s = end - s < 4 ? end : s + 4;
        for (; s < end && strchr("_zsx", lower(*s)) == NULL; s++) {
            for (size_t i = 0; i < count; i++) {
                found |= letter_is(*s, names[i]) ? UINT64_C(1) << i : 0;
            }
        }
    }
    while (s < end) {
        const char *token = s;

        while (s < end && *s != stop) {
            s++;
        }
        if (s != token) {
            size_t i = name_of(token, (size_t)(s - token), names, count);

            found |= i < count ? UINT64_C(1) << i : 0;
        }
        s++;
    }
    return found;
}

bool rv_isa_has(const struct board_hart *hart, const char *name)
{
    rv_isa_name one = {0};

    return strlen(name) < sizeof(one) &&
           rv_isa_have(hart, memcpy(&one, name, strlen(name)), 1) != 0;
}
