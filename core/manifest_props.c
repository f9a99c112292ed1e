/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties of the manifest by table: each is read once, into its place; a wrong value is told
 * with what would be right, an unknown name with the one that was probably meant.
 */
#include "core/manifest_reader.h"

#include "core/pagepool.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX      240u
#define NODE_PATH_MAX 96u

void manifest_fault(struct manifest_reader *r, int node, const char *prop, const char *fmt, ...)
{
    char text[TEXT_MAX];
    char path[NODE_PATH_MAX];
    va_list args;

    r->findings++;
    if (r->report == NULL) {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (fdt_get_path(r->blob, node, path, (int)sizeof(path)) != 0) {
        const char *name = fdt_get_name(r->blob, node, NULL);

        (void)snprintf(path, sizeof(path), ".../%s", name != NULL ? name : "?");
    }
    r->report(r->report_arg, path, prop, text);
}

void *manifest_storage(struct manifest_reader *r, int node, uint32_t count, size_t size)
{
    void *p = pool_alloc(count * size, sizeof(uint64_t));

    if (p == NULL) {
        manifest_fault(r, node, NULL, "too large: Curia's own memory is used up");
    }
    return p;
}

uint32_t manifest_child_count(const struct manifest_reader *r, int node)
{
    uint32_t count = 0;
    int child;

    fdt_for_each_subnode(child, r->blob, node)
    {
        count++;
    }
    return count;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* How many letters have to be changed, added or dropped [Levenshtein]; names of up to 31. */
static uint32_t name_distance(const char *a, const char *b)
{
    uint8_t row[MANIFEST_NAME_MAX + 1];
    size_t b_len = strlen(b);

    if (strlen(a) > MANIFEST_NAME_MAX || b_len > MANIFEST_NAME_MAX) {
        return UINT32_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = (uint8_t)j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        uint8_t diagonal = row[0];

        row[0]++;
        for (size_t j = 0; j < b_len; j++) {
            uint8_t best = (uint8_t)(diagonal + (a[i] == b[j] ? 0 : 1));

            diagonal = row[j + 1];
            best = row[j] + 1 < best ? (uint8_t)(row[j] + 1) : best;
            row[j + 1] = diagonal + 1 < best ? (uint8_t)(diagonal + 1) : best;
        }
    }
    return row[b_len];
}

static void unknown_prop(struct manifest_reader *r, int node, const char *name,
                         const struct prop_spec *specs, uint32_t spec_count)
{
    const char *nearest = NULL;
    uint32_t nearest_distance = 4;

    for (uint32_t i = 0; i < spec_count; i++) {
        uint32_t distance = name_distance(name, specs[i].name);

        if (distance < nearest_distance) {
            nearest_distance = distance;
            nearest = specs[i].name;
        }
    }
    if (nearest != NULL) {
        manifest_fault(r, node, name, "unknown property; did you mean %s?", nearest);
    } else {
        manifest_fault(r, node, name, "unknown property; docs/manifest.md lists those there are");
    }
}

const char *manifest_name(struct manifest_reader *r, int node)
{
    const char *name = fdt_get_name(r->blob, node, NULL);
    size_t len = name != NULL ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") : 0;

    if (name == NULL || len == 0 || len > MANIFEST_NAME_MAX || name[len] != '\0' || name[0] < 'a') {
        manifest_fault(r, node, NULL,
                       "bad name: a letter, then letters, digits and '-', lower case, at most %u",
                       MANIFEST_NAME_MAX);
    }
    return name != NULL ? name : "";
}

/* ---- values ---------------------------------------------------------------------------------- */

/* "a, b or c" of "a\0b\0c\0". */
static const char *choices_text(const char *choices, char *buf, size_t size)
{
    size_t at = 0;

    buf[0] = '\0';
    while (*choices != '\0' && at < size) {
        const char *next = choices + strlen(choices) + 1;
        const char *glue = at == 0 ? "" : *next == '\0' ? " or " : ", ";

        at += (size_t)snprintf(buf + at, size - at, "%s\"%s\"", glue, choices);
        choices = next;
    }
    return buf;
}

/* Index of s in choices, or -1. */
static int choice_index(const char *choices, const char *s)
{
    for (int i = 0; *choices != '\0'; i++) {
        if (strcmp(choices, s) == 0) {
            return i;
        }
        choices += strlen(choices) + 1;
    }
    return -1;
}

/* Bits of the strings in [data, data + len); false: one of them is no choice. */
static bool read_choices(const char *choices, const char *data, int len, uint32_t *bits)
{
    *bits = 0;
    if (len <= 0 || data[len - 1] != '\0') {
        return false;
    }
    for (const char *s = data; s < data + len; s += strlen(s) + 1) {
        int i = choice_index(choices, s);

        if (i < 0) {
            return false;
        }
        *bits |= 1u << i;
    }
    return true;
}

static void read_choice(struct manifest_reader *r, int node, const struct prop_spec *spec,
                        const void *data, int len, void *field)
{
    bool one = spec->type == PROP_ENUM;
    const char *s = fdt_string_value(data, len);
    uint32_t value = 0;
    bool good;

    if (one) {
        int i = s != NULL ? choice_index(spec->choices, s) : -1;

        good = i >= 0;
        value = (uint32_t)i;
    } else {
        good = read_choices(spec->choices, data, len, &value);
    }
    if (!good) {
        char text[TEXT_MAX / 2];

        manifest_fault(r, node, spec->name, one ? "must be %s" : "must be a list of %s",
                       choices_text(spec->choices, text, sizeof(text)));
    } else if (spec->type == PROP_SET8) {
        *(uint8_t *)field = (uint8_t)value;
    } else {
        memcpy(field, &value, sizeof(value));
    }
}

static void read_number(struct manifest_reader *r, int node, const struct prop_spec *spec,
                        const void *data, int len, void *field)
{
    bool us = spec->type == PROP_US64;
    uint64_t value = len == 4 ? fdt_cells(data, 1) : 0;
    const char *unit = spec->type == PROP_U32 ? "" : us ? " microseconds" : " milliseconds";
    const char *none = us ? "0, or " : "";

    if (len != 4) {
        manifest_fault(r, node, spec->name, "must be one cell, <n>, of %s%u to %u%s", none,
                       spec->min, spec->max, unit);
        return;
    }
    if ((value < spec->min || value > spec->max) && !(us && value == 0)) {
        manifest_fault(r, node, spec->name, "is %u: must be %s%u to %u%s", (uint32_t)value, none,
                       spec->min, spec->max, unit);
        return;
    }
    value *= spec->type == PROP_U32 || us ? 1u : 1000u;
    if (spec->type == PROP_MS64 || us) {
        memcpy(field, &value, sizeof(value));
    } else {
        uint32_t low = (uint32_t)value;

        memcpy(field, &low, sizeof(low));
    }
}

static void read_value(struct manifest_reader *r, int node, const struct prop_spec *spec,
                       const void *data, int len, void *out)
{
    void *field = (char *)out + spec->offset;
    const char *s;
    uint64_t v;

    switch ((enum prop_type)spec->type) {
    case PROP_OTHER:
        break;
    case PROP_FLAG:
        if (len != 0) {
            manifest_fault(r, node, spec->name, "must have no value: it is there or not");
        }
        *(bool *)field = spec->max != 0;
        break;
    case PROP_U32:
    case PROP_MS32:
    case PROP_MS64:
    case PROP_US64:
        read_number(r, node, spec, data, len, field);
        break;
    case PROP_STRING:
        s = fdt_string_value(data, len);
        if (s == NULL || s[0] == '\0') {
            manifest_fault(r, node, spec->name, "must be one string, \"...\", that is not empty");
        } else {
            memcpy(field, &s, sizeof(s));
        }
        break;
    case PROP_ENUM:
    case PROP_SET8:
    case PROP_SET32:
        read_choice(r, node, spec, data, len, field);
        break;
    case PROP_U64:
        if (len != 8) {
            manifest_fault(r, node, spec->name, "must be two cells, <high low>");
        } else {
            v = fdt_cells(data, 2);
            memcpy(field, &v, sizeof(v));
        }
        break;
    }
}

void manifest_props(struct manifest_reader *r, int node, const struct prop_spec *specs,
                    uint32_t spec_count, void *out)
{
    int offset;

    fdt_for_each_property_offset(offset, r->blob, node)
    {
        const char *name;
        int len;
        const void *data = fdt_getprop_by_offset(r->blob, offset, &name, &len);
        uint32_t i = 0;

        if (data == NULL) {
            manifest_fault(r, node, NULL, "a property lies outside the file: was it cut off?");
            return;
        }
        while (i < spec_count && strcmp(specs[i].name, name) != 0) {
            i++;
        }
        if (i < spec_count) {
            read_value(r, node, &specs[i], data, len, out);
        } else if (strcmp(name, "phandle") != 0 && strcmp(name, "linux,phandle") != 0) {
            unknown_prop(r, node, name, specs, spec_count);
        }
    }
}

void manifest_props_each(struct manifest_reader *r, int node, const struct prop_spec *specs,
                         uint32_t spec_count, void *out, uint32_t count, size_t size)
{
    for (uint32_t s = 0; s < spec_count; s++) {
        uint32_t before = r->findings;
        int len;
        const char *data = fdt_getprop(r->blob, node, specs[s].name, &len);
        bool each = specs[s].type != PROP_FLAG && count > 1 && len == (int)(4 * count);

        if (data != NULL && specs[s].type != PROP_FLAG && !each && len != 4) {
            manifest_fault(r, node, specs[s].name,
                           "must be one cell for all vCPUs, or one for each: %u", count);
            continue;
        }
        /* A mistake is told once, not once for each. */
        for (uint32_t i = 0; data != NULL && i < count && r->findings == before; i++) {
            read_value(r, node, &specs[s], data + (each ? 4 * i : 0), each ? 4 : len,
                       (char *)out + i * size);
        }
    }
}

uint32_t manifest_vms(struct manifest_reader *r, int node, const char *prop, uint32_t *vms,
                      uint32_t max)
{
    int len;
    const fdt32_t *cells = fdt_getprop(r->blob, node, prop, &len);
    uint32_t count = 0;

    if (cells == NULL) {
        return 0;
    }
    if (len == 0 || len % 4 != 0) {
        manifest_fault(r, node, prop, "must be a list of VMs, <&a &b>");
        return 0;
    }
    for (int i = 0; i < len / 4; i++) {
        uint32_t phandle = fdt32_ld(&cells[i]);
        uint32_t v = 0;

        while (v < r->m->vm_count && (phandle == 0 || r->vm_phandles[v] != phandle)) {
            v++;
        }
        if (v == r->m->vm_count) {
            manifest_fault(r, node, prop, "entry %d is not a VM: put the label of a VM there, <&a>",
                           i + 1);
        } else if (count < max) {
            vms[count++] = v;
        } else {
            manifest_fault(r, node, prop, "has too many entries: at most %u", max);
            break;
        }
    }
    return count;
}
