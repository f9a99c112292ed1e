/* SPDX-License-Identifier: BSD-2-Clause */
/* The trace from the hypervisor's shell. No lock. */
#include "core/trace.h"

#include <string.h>

/* Records of each hart: what a terminal of 115200 baud shows without holding its hart up. */
#define MORE 256u

static uint32_t mask_now(void)
{
    return atomic_load_explicit(&trace_header()->mask, memory_order_relaxed);
}

void trace_shell(void (*line)(const char *text), const char *what, bool more)
{
    if (trace_header() == NULL) {
        line("there is no trace: the manifest says trace-kib if there shall be one");
    } else if (strcmp(what, "dump") == 0) {
        trace_dump(line, more ? MORE : TRACE_LAST);
    } else if (strcmp(what, "off") == 0) {
        (void)trace_set(0);
    } else {
        (void)trace_set(mask_now() | trace_class(what));
    }
}
