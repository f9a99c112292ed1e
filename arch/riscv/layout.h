/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where things lie in the hypervisor's own address space (Sv39, the upper half). For C, assembler
 * and the linker script.
 *
 *   RV_BLOBS_VA    FDT and bundle, read only
 *   RV_STACKS_VA   a slot a hart: guard pages below, the stack above
 *   RV_SHARE_VA    512 slots for single pages that guests share with Curia
 *   RV_DEVICES_VA  device registers
 *   RV_WINDOWS_VA  two slots of 2 MiB a hart, empty but while one of its copies runs
 *   RV_IMAGE_VA    image, then arena
 *
 * The loader finds RV_FOOTPRINT in the image's header as its size: so much memory from the image's
 * start on is free for it. What the image leaves of it is the arena: 8 MiB do for 64 harts (9 KiB
 * each: stack and state) and 64 VMs (30 to 60 KiB each: stage 2, vCPUs, consoles). Only what is
 * used of it is ever written.
 */
#ifndef ARCH_RISCV_LAYOUT_H
#define ARCH_RISCV_LAYOUT_H

#define RV_BLOBS_VA     0xffffffc000000000
#define RV_BLOBS_SIZE   0x1000000000
#define RV_LOCAL_VA     0xffffffff40000000 /* one level-1 table holds the next four */
#define RV_STACKS_VA    0xffffffff40000000
#define RV_SHARE_VA     0xffffffff50000000
#define RV_DEVICES_VA   0xffffffff58000000
#define RV_DEVICES_SIZE 0x8000000
#define RV_WINDOWS_VA   0xffffffff60000000
#define RV_IMAGE_VA     0xffffffff80000000
#define RV_FOOTPRINT    0x800000

#define RV_STACK_STRIDE    0x4000
#define RV_STACK_BYTES     0x2000
#define RV_STACK_TOP(slot) (RV_STACKS_VA + ((slot) + 1) * RV_STACK_STRIDE)

#define RV_SHARE_SLOTS 512

#define RV_WINDOW_BYTES 0x200000
#define RV_WINDOWS      2   /* a hart */
#define RV_HARTS_MAX    128 /* what stacks' and windows' room bears */

#define RV_IMAGE_MAX 0x200000 /* with .bss: one level-0 table */

/* Sv39 page table entries. */
#define PTE_V         0x001
#define PTE_R         0x002
#define PTE_W         0x004
#define PTE_X         0x008
#define PTE_A         0x040
#define PTE_D         0x080
#define PTE_PPN_SHIFT 10

#define PTE_RX (PTE_V | PTE_R | PTE_X | PTE_A)
#define PTE_RO (PTE_V | PTE_R | PTE_A)
#define PTE_RW (PTE_V | PTE_R | PTE_W | PTE_A | PTE_D)

#define PTES_PER_TABLE 512

#endif
