/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own translation, one root for all harts; layout.h says what lies where. The boot
 * hart adds to it until the other harts run; after that only windows and share slots change.
 */
#ifndef ARCH_RISCV_MMU_H
#define ARCH_RISCV_MMU_H

#include "arch/riscv/hart.h"
#include "core/addr.h"
#include "core/err.h"

#include <stddef.h>
#include <stdint.h>

/* Maps the whole arena and gives it to the pool. Boot hart, first thing; base: where the image
 * is. */
void mmu_init(void);

/* Where the image was loaded, and the physical address of anything in image or arena. */
hpa_t mmu_image_base(void);
hpa_t mmu_phys(const void *va);

/*
 * Maps what the loader left (FDT, bundle) read only, for good. NULL: no room, or a range that makes
 * no sense. mmu_map_fdt() reads the size from the blob itself. Boot hart.
 */
const void *mmu_map_blob(hpa_t start, uint64_t size) MUST_CHECK;
const void *mmu_map_fdt(hpa_t start) MUST_CHECK;

/*
 * Stack of stack slot slot (the boot hart has slot 0 already) from the arena; its top, 0: no
 * memory.
 */
uint64_t mmu_map_stack(uint32_t slot) MUST_CHECK;

/* Is va in the guard pages below the stack of this hart? */
bool mmu_in_guard(const struct rv_hart *hart, uint64_t va);

#endif
