/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files manifest_*.c share while a manifest is read; nobody else includes it. */
#ifndef CORE_MANIFEST_READER_H
#define CORE_MANIFEST_READER_H

#include "core/fdt.h"
#include "core/manifest.h"
#include "core/vdev.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sources that the manifest may give: the last one is that of power events. */

struct manifest_reader {
    struct manifest *m;
    const void *blob;
    const struct board *board; /* NULL: at a desk, without a host FDT */
    bool (*image_exists)(void *arg, const char *name);
    void *image_arg;
    manifest_report report;
    void *report_arg;
    uint32_t findings;
    uint32_t *vm_phandles; /* of each VM's node; 0: nothing refers to it */
};

/* Reports what is wrong with prop (NULL: with the whole) of node. */
void manifest_fault(struct manifest_reader *r, int node, const char *prop, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Zeroed storage for count things of size; reported and NULL when Curia's own memory is used up. */
void *manifest_storage(struct manifest_reader *r, int node, uint32_t count, size_t size);

uint32_t manifest_child_count(const struct manifest_reader *r, int node);

/* ---- manifest_props.c: properties by table --------------------------------------------------- */

enum prop_type {
    PROP_OTHER,  /* known; read by somebody else */
    PROP_FLAG,   /* there: max != 0 into a bool */
    PROP_U32,    /* one cell, min to max, into uint32_t */
    PROP_MS32,   /* one cell of milliseconds, min to max, into uint32_t microseconds */
    PROP_MS64,   /* the same into uint64_t */
    PROP_STRING, /* not empty, into const char * */
    PROP_ENUM,   /* one of choices, its index into uint32_t */
    PROP_SET8,   /* any of choices, bits of their indices into uint8_t */
    PROP_SET32,  /* the same into uint32_t */
    PROP_U64,    /* two cells into uint64_t */
    PROP_US64,   /* one cell of microseconds, 0 or min to max, into uint64_t */
};

struct prop_spec {
    const char *name;
    const char *choices; /* "a\0b\0": ends with an empty one */
    uint16_t type;       /* enum prop_type */
    uint16_t offset;     /* into the structure */
    uint32_t min, max;
};

/* Reads every property of node into out; unknown ones and bad values are reported. */
void manifest_props(struct manifest_reader *r, int node, const struct prop_spec *specs,
                    uint32_t spec_count, void *out);

/*
 * Reads those properties of node that specs name (numbers and flags) into each of count structures
 * of size at out: one cell is for all of them, count cells are one for each.
 */
void manifest_props_each(struct manifest_reader *r, int node, const struct prop_spec *specs,
                         uint32_t spec_count, void *out, uint32_t count, size_t size);

/*
 * VMs that prop of node refers to by phandle: the first max of them into vms. Returns how many;
 * those that are no VM are reported and left out.
 */
uint32_t manifest_vms(struct manifest_reader *r, int node, const char *prop, uint32_t *vms,
                      uint32_t max);

/* A node's name as that of a VM, a channel or a region; reported if it will not do. */
const char *manifest_name(struct manifest_reader *r, int node);

/* ---- manifest_peers.c: /channels and /shared-memory ------------------------------------------ */

void manifest_read_peers(struct manifest_reader *r);

/* ---- manifest_check.c, manifest_host.c: what holds between nodes ----------------------------- */

/* What any machine would refuse. */
void manifest_check(struct manifest_reader *r);

/* The part of it about vCPUs that share harts: manifest_sched.c. */
void manifest_check_sched(struct manifest_reader *r);

/* Finds passed-through devices; then checks what depends on this machine. r->board is not NULL. */
void manifest_find_devices(struct manifest_reader *r);
void manifest_check_host(struct manifest_reader *r);

#endif
