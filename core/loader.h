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

/* A load from its beginning; what an earlier one has left is forgotten. Own hart of vCPU 0. */
void loader_begin(struct vm *vm);

/*
 * After loader_begin(), a bounded part of the load, on that hart. ERR_BUSY: there is more of it,
 * and whatever may come in between. ERR_OK: every byte of the VM's RAM has been written once. On
 * other errors *why names what and where, and the RAM is in no particular state.
 */
enum err loader_step(struct vm *vm, struct loaded *out, const char **why) MUST_CHECK;

#endif
