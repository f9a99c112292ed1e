/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs dtc and QEMU, which the project needs anyway; temporary files go at once. */
#include "tests/unit/dts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(int good, const char *what)
{
    if (!good) {
        perror(what);
        abort();
    }
}

void dts_scratch_name(char name[DTS_NAME_MAX])
{
    static unsigned int count;

    snprintf(name, DTS_NAME_MAX, "build/host/scratch-%ld-%u", (long)getpid(), count++);
}

static void write_file(const char *name, const void *data, size_t size)
{
    FILE *f = fopen(name, "wb");

    check(f != NULL && fwrite(data, 1, size, f) == size, name);
    check(fclose(f) == 0, name);
}

void *dts_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    size_t length;
    char *data;

    check(f != NULL, path);
    check(fseek(f, 0, SEEK_END) == 0, path);
    length = (size_t)ftell(f);
    rewind(f);
    data = malloc(length + 1);
    check(data != NULL && fread(data, 1, length, f) == length, path);
    data[length] = '\0';
    fclose(f);
    if (size != NULL) {
        *size = length;
    }
    return data;
}

static void *blob_made_by(const char *command, const char *out, size_t *size)
{
    void *blob;

    check(system(command) == 0, command);
    blob = dts_file(out, size);
    unlink(out);
    return blob;
}

void *dts_blob(const char *source, size_t *size)
{
    char in[DTS_NAME_MAX];
    char out[DTS_NAME_MAX];
    char command[256];
    void *blob;

    dts_scratch_name(in);
    dts_scratch_name(out);
    write_file(in, source, strlen(source));
    snprintf(command, sizeof(command), "dtc -q -q -I dts -O dtb -o %s %s", out, in);
    blob = blob_made_by(command, out, size);
    unlink(in);
    return blob;
}

char *dts_replace(const char *source, const char *from, const char *to)
{
    const char *at = strstr(source, from);
    size_t size = strlen(source) + strlen(to) + 1;
    char *result = malloc(size);

    if (at == NULL || result == NULL) {
        fprintf(stderr, "not in the source: %s\n", from);
        abort();
    }
    snprintf(result, size, "%.*s%s%s", (int)(at - source), source, to, at + strlen(from));
    return result;
}

void *dts_of_qemu(const char *options, size_t *size)
{
    char out[DTS_NAME_MAX];
    char command[512];

    dts_scratch_name(out);
    snprintf(command, sizeof(command),
             "timeout 60 qemu-system-riscv64 %s -machine dumpdtb=%s -display none >/dev/null 2>&1",
             options, out);
    return blob_made_by(command, out, size);
}
