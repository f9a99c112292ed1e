/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FP registers of one hart, kept as a kernel keeps them: sstatus.FS tells whether they were
 * written since it last took note of them.
 */
#include "guests/lib/csr.h"
#include "guests/selftest/selftest.h"

#include <string.h>

void fp_load(const uint64_t from[32]);
void fp_store(uint64_t to[32]);

static struct {
    uint64_t f[32];
    uint64_t fcsr;
} full;

bool fp_on(void)
{
    if (isa_offers("d")) {
        csr_set(CSR_SSTATUS, SSTATUS_FS);
    }
    return (csr_read(CSR_SSTATUS) & SSTATUS_FS) != 0;
}

static void is_clean(void)
{
    csr_clear(CSR_SSTATUS, SSTATUS_FS);
    csr_set(CSR_SSTATUS, SSTATUS_FS_CLEAN);
}

void fp_fill(void)
{
    for (uint32_t n = 0; n < 32; n++) {
        full.f[n] = (n + 1) * 0xc2b2ae3d27d4eb4full;
    }
    full.fcsr = 0x41;
    fp_load(full.f);
    csr_write(CSR_FCSR, full.fcsr);
    is_clean();
}

bool fp_is_full(void)
{
    uint64_t seen[32];

    fp_store(seen);
    return memcmp(seen, full.f, sizeof(seen)) == 0 && csr_read(CSR_FCSR) == full.fcsr;
}

/* The rounding mode, and what is accrued; and note taken of it. */
void fp_vary(void)
{
    full.fcsr = ((full.fcsr >> 5) + 1) % 5 << 5 | ((full.fcsr + 1) & 0x1f);
    csr_write(CSR_FCSR, full.fcsr);
    is_clean();
}
