/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first page tables, built while translation is off: image and the arena's first part by their
 * sections' rights, the boot hart's stack in its slot. They stay; mmu.c adds to them.
 *
 * This file runs at the physical address: nothing here may hold a constant address (a switch's jump
 * table, a table of pointers), nor call what does.
 */
#include "arch/riscv/early.h"

#include "arch/riscv/csr_bits.h"

uint64_t rv_satp;

uint64_t rv_root_table[PTES_PER_TABLE] __attribute__((section(".pages"), aligned(4096)));
uint64_t rv_local_table[PTES_PER_TABLE] __attribute__((section(".pages"), aligned(4096)));
static uint64_t image_table1[PTES_PER_TABLE] __attribute__((section(".pages"), aligned(4096)));
static uint64_t image_table0[PTES_PER_TABLE] __attribute__((section(".pages"), aligned(4096)));
static uint64_t stack_table0[PTES_PER_TABLE] __attribute__((section(".pages"), aligned(4096)));

#define INDEX(va, level) (((va) >> (12 + 9 * (level))) & (PTES_PER_TABLE - 1))

static uint64_t pte(const void *at, uint64_t flags)
{
    return ((uint64_t)at >> 12) << PTE_PPN_SHIFT | flags;
}

uint64_t rv_early_map(void)
{
    const char *base = rv_image_start;
    uint64_t *stack = &stack_table0[(RV_STACK_STRIDE - RV_STACK_BYTES) >> 12];

    rv_root_table[INDEX(RV_IMAGE_VA, 2)] = pte(image_table1, PTE_V);
    rv_root_table[INDEX(RV_LOCAL_VA, 2)] = pte(rv_local_table, PTE_V);
    image_table1[0] = pte(image_table0, PTE_V);
    rv_local_table[INDEX(RV_STACKS_VA, 1)] = pte(stack_table0, PTE_V);

    for (uint64_t i = 0; i < PTES_PER_TABLE; i++) {
        const char *at = base + i * 4096;
        uint64_t flags = PTE_RW;

        if (at < rv_text_end) {
            flags = PTE_RX;
        } else if (at < rv_rodata_end) {
            flags = PTE_RO;
        } else if (at >= rv_boot_stack && at < rv_bss_end) {
            *stack++ = pte(at, PTE_RW);
            continue;
        }
        image_table0[i] = pte(at, flags);
    }

    rv_satp = ((uint64_t)SATP_MODE_SV39 << SATP_MODE_SHIFT) | (uint64_t)rv_root_table >> 12;
    return rv_satp;
}
