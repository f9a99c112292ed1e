/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Short words for writing nodes with libfdt's sequential functions. They return 0 or a libfdt
 * error; or them together and hand the sum to fdt_put_result().
 */
#ifndef DRIVERS_VIRTUAL_FDT_PUT_H
#define DRIVERS_VIRTUAL_FDT_PUT_H

#include "core/arch.h"
#include "core/err.h"

#include <libfdt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Opens the node name@addr. */
static inline int fdt_put_begin(void *fdt, const char *name, uint64_t addr)
{
    char full[48];

    (void)snprintf(full, sizeof(full), "%s@%lx", name, (unsigned long)addr);
    return fdt_begin_node(fdt, full);
}

static inline int fdt_put_string(void *fdt, const char *name, const char *value)
{
    return fdt_property(fdt, name, value, (int)strlen(value) + 1);
}

/* reg of one range, under a parent with two address and two size cells. */
static inline int fdt_put_reg(void *fdt, uint64_t base, uint64_t size)
{
    fdt64_t reg[2] = {cpu_to_fdt64(base), cpu_to_fdt64(size)};

    return fdt_property(fdt, "reg", reg, (int)sizeof(reg));
}

/*
 * interrupts-extended: places for every vCPU, the last of which is its supervisor external
 * interrupt (9), those before it nothing.
 */
static inline int fdt_put_cpu_irqs(void *fdt, uint32_t vcpu_count, uint32_t places)
{
    void *cells;
    int err = fdt_property_placeholder(fdt, "interrupts-extended",
                                       (int)(vcpu_count * places * 2u * sizeof(fdt32_t)), &cells);

    for (uint32_t i = 0; err == 0 && i < vcpu_count * places; i++) {
        uint32_t irq = i % places == places - 1u ? 9u : UINT32_MAX;
        fdt32_t pair[2] = {cpu_to_fdt32(arch_fdt_cpu_intc(i / places)), cpu_to_fdt32(irq)};

        memcpy((char *)cells + i * sizeof(pair), pair, sizeof(pair));
    }
    return err;
}

/* Any error of the sequential writer here means that the buffer is full. */
static inline enum err fdt_put_result(int err)
{
    return err == 0 ? ERR_OK : ERR_RANGE;
}

#endif
