/* SPDX-License-Identifier: BSD-2-Clause */
/* Sv39 tables for the tests, shared by all harts. Changed by the boot hart. */
#include "guests/lib/csr.h"
#include "guests/selftest/selftest.h"

#define SATP_SV39  (8ull << 60)
#define GIB        0x40000000ull
#define ROOT_INDEX (PAGING_VA(0) >> 30)

static _Alignas(4096) volatile uint64_t root[512], level1[512], level0[512];

static uint64_t pte(uint64_t pa, uint32_t flags)
{
    return pa >> 12 << 10 | flags;
}

static uint64_t table(const volatile uint64_t *t)
{
    return pte((uint64_t)(uintptr_t)t, PTE_V);
}

void paging_on(void)
{
    for (uint64_t i = 0; i < 4; i++) {
        root[i] = pte(i * GIB, PTE_V | PTE_R | PTE_W | PTE_X | PTE_AD);
    }
    root[ROOT_INDEX] = table(level1);
    level1[0] = table(level0);
    fence_local();
    csr_write(CSR_SATP, SATP_SV39 | (uint64_t)(uintptr_t)root >> 12);
    fence_local();
}

void paging_off(void)
{
    csr_write(CSR_SATP, 0);
    fence_local();
}

void paging_set(uint32_t index, uint64_t pa, uint32_t flags)
{
    level0[index] = pte(pa, flags);
}

void paging_set_pte(uint32_t index, uint64_t value)
{
    level0[index] = value;
}

void paging_set_table(uint64_t pa)
{
    root[PAGING_VA_TABLE >> 30] = pte(pa, PTE_V);
}
