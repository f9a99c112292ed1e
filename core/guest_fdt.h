/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's FDT, written from the manifest at every start. */
#ifndef CORE_GUEST_FDT_H
#define CORE_GUEST_FDT_H

#include "core/addr.h"
#include "core/err.h"
#include "core/vm.h"

#include <stddef.h>

/* Where the loader put the initrd; size 0: none. */
struct guest_initrd {
    gpa_t start;
    uint64_t size;
};

/* Writes the FDT into buf. ERR_RANGE: it does not fit into size. Runs on a hart of the VM. */
enum err guest_fdt_write(const struct vm *vm, const struct guest_initrd *initrd, void *buf,
                         size_t size) MUST_CHECK;

#endif
