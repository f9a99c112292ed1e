// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trace: what is recorded, and the records into a file, which tools/curia-trace reads. The
 * file's form is in docs/tracing.md.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "curiactl.h"

#define PAGE      4096u
#define FORM_FILE 1u
#define RECORDS   ((PAGE - sizeof(struct curia_trace_block)) / sizeof(struct curia_trace_record))
#define LOOK_US   20000u /* a ring of the least size, with a record every 10 us, lasts longer */

static const struct {
    const char *name;
    uint32_t bit;
} classes[] = {
    {"switch", CURIA_TRACE_SWITCH}, {"exit", CURIA_TRACE_EXIT},
    {"inject", CURIA_TRACE_INJECT}, {"ipc", CURIA_TRACE_IPC},
    {"power", CURIA_TRACE_POWER},   {"lifecycle", CURIA_TRACE_LIFECYCLE},
    {"all", CURIA_TRACE_ALL},
};

#define CLASSES (sizeof(classes) / sizeof(classes[0]))

/* Before the records of a block in the file. */
struct block {
    uint32_t hart, records;
    uint64_t first;
};

static void refused(const char *what)
{
    if (errno == EOPNOTSUPP) {
        fail("the manifest wants no trace (trace-kib)");
    }
    fail("cannot %s: %s", what,
         errno == EACCES ? "this VM has no privilege \"trace\"" : strerror(errno));
}

static uint32_t set(uint32_t mask)
{
    if (ctl_call(CURIA_CTL_TRACE_SET, &mask) != 0) {
        refused("say what is traced");
    }
    return mask;
}

/* Into a page. Returns the bytes of it. */
static uint32_t get(unsigned long what, uint32_t hart, uint64_t number, void *page)
{
    struct curia_ctl_trace arg = {
        .buffer = (uintptr_t)page, .number = number, .hart = hart, .bytes = PAGE};

    if (ctl_call(what, &arg) != 0) {
        refused("read the trace");
    }
    return arg.bytes;
}

static void put(const void *data, size_t size, FILE *out)
{
    if (fwrite(data, 1, size, out) != size) {
        fail("cannot write: %s", strerror(errno));
    }
}

struct progress {
    uint64_t next, lost;
};

/* What a hart has that is new. Each call may make records of its own: not until there is none. */
static void save_new(uint32_t hart, struct progress *p, FILE *out)
{
    static uint64_t page[PAGE / sizeof(uint64_t)];
    struct block block = {.hart = hart};

    do {
        const struct curia_trace_block *got = (const void *)page;
        uint32_t bytes;

        bytes = get(CURIA_CTL_TRACE_READ, hart, p->next, page) - (uint32_t)sizeof(*got);
        block.first = got->first;
        block.records = bytes / (uint32_t)sizeof(struct curia_trace_record);
        p->lost += got->first - p->next;
        p->next = got->first + block.records;
        if (block.records != 0) {
            put(&block, sizeof(block), out);
            put(got + 1, bytes, out);
        }
    } while (block.records == RECORDS);
}

static double now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int save(const char *path, uint64_t seconds)
{
    static uint64_t page[PAGE / sizeof(uint64_t)];
    struct curia_trace_info *info = (void *)page;
    uint32_t bytes = get(CURIA_CTL_TRACE_INFO, 0, 0, page);
    double until = now() + (double)seconds;
    uint64_t records = 0, lost = 0;
    struct progress *harts;
    FILE *out;
    bool more;

    if (bytes < sizeof(*info) || bytes != info->size ||
        info->record_bytes != sizeof(struct curia_trace_record)) {
        fail("this Curia's trace is another one than this program knows");
    }
    harts = calloc(info->harts, sizeof(*harts));
    out = fopen(path, "wb");
    if (harts == NULL || out == NULL) {
        fail("%s: %s", path, strerror(errno));
    }
    info->form = FORM_FILE;
    put(info, bytes, out);
    do {
        more = now() < until;
        for (uint32_t i = 0; i < info->harts; i++) {
            save_new(i, &harts[i], out);
        }
        if (more) {
            (void)usleep(LOOK_US);
        }
    } while (more);
    if (fclose(out) != 0) {
        fail("%s: %s", path, strerror(errno));
    }
    for (uint32_t i = 0; i < info->harts; i++) {
        records += harts[i].next - harts[i].lost;
        lost += harts[i].lost;
    }
    printf("%" PRIu64 " records of %" PRIu32 " harts; %" PRIu64 " were overwritten before\n",
           records, info->harts, lost);
    free(harts);
    return EXIT_DONE;
}

static int status(void)
{
    static uint64_t page[PAGE / sizeof(uint64_t)];
    const struct curia_trace_info *info = (const void *)page;

    (void)get(CURIA_CTL_TRACE_INFO, 0, 0, page);
    printf("traced:");
    for (size_t i = 0; i < CLASSES - 1; i++) {
        if ((info->mask & classes[i].bit) != 0) {
            printf(" %s", classes[i].name);
        }
    }
    puts(info->mask == 0 ? " nothing" : "");
    puts("curiactl trace on [CLASS...]: switch, exit, inject, ipc, power, lifecycle; all\n"
         "curiactl trace off\n"
         "curiactl trace save FILE [SECONDS]: what there is, and what comes in that time");
    return EXIT_DONE;
}

static uint32_t class_of(const char *name)
{
    for (size_t i = 0; i < CLASSES; i++) {
        if (strcmp(classes[i].name, name) == 0) {
            return classes[i].bit;
        }
    }
    usage_error("%s: no such class", name);
}

int cmd_trace(int argc, char **argv)
{
    uint32_t mask = argc == 2 ? CURIA_TRACE_ALL : 0;

    if (argc < 2) {
        return status();
    }
    if (strcmp(argv[1], "save") == 0 && (argc == 3 || argc == 4)) {
        return save(argv[2], argc == 4 ? parse_number(argv[3], 86400, "SECONDS") : 0);
    }
    if (strcmp(argv[1], "off") == 0 && argc == 2) {
        (void)set(0);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "on") != 0) {
        usage_error("on, off, or save FILE [SECONDS]");
    }
    for (int i = 2; i < argc; i++) {
        mask |= class_of(argv[i]);
    }
    (void)set(mask);
    return EXIT_DONE;
}
