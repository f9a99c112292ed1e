/* SPDX-License-Identifier: BSD-2-Clause */
/* Fills a VM's RAM for a start: kernel, initrd and FDT from the bundle, zero everywhere else. */
#ifndef CORE_LOADER_H
#define CORE_LOADER_H

#include "core/addr.h"
#include "core/err.h"
#include "core/vm.h"

struct loaded {
    gpa_t entry;
    gpa_t fdt;
};

/* At boot, before any load; the manifest has been read. ERR_NO_MEMORY. */
enum err loader_init(void) MUST_CHECK;

/*
 * Writes every byte of the VM's RAM once. Own hart of the VM, which is LOADING; ERR_STATE: it was
 * stopped meanwhile. On error *why names what and where, and the RAM is in no particular state.
 */
enum err loader_load(struct vm *vm, struct loaded *out, const char **why) MUST_CHECK;

#endif
