/* SPDX-License-Identifier: BSD-2-Clause */
#include "arch/riscv/imsic_file.h"

#include "arch/riscv/csr_bits.h"

#include <stddef.h>

uint32_t rv_imsic_file_top(const struct rv_imsic_file *f)
{
    for (uint32_t n = 0; n < RV_IMSIC_WORDS; n++) {
        uint64_t ready = f->eip[n] & f->eie[n];

        if (ready != 0) {
            uint32_t id = n * 64u + (uint32_t)__builtin_ctzll(ready);

            return f->threshold == 0 || id < f->threshold ? id : 0;
        }
    }
    return 0;
}

bool rv_imsic_file_interrupts(const struct rv_imsic_file *f)
{
    return f->delivery == EIDELIVERY_ON && rv_imsic_file_top(f) != 0;
}

/* Identities of word n that exist. */
static uint64_t identities(uint64_t n, uint32_t ids)
{
    uint64_t bits = n < ids / 64u ? UINT64_MAX : UINT64_MAX >> (63u - ids % 64u);

    return n > ids / 64u ? 0 : n == 0 ? bits & ~1ull : bits;
}

void rv_imsic_file_set(struct rv_imsic_file *f, uint32_t id, uint32_t ids)
{
    if (id != 0 && id <= ids) {
        f->eip[id / 64u] |= 1ull << id % 64u;
    }
}

/* Is it one of the arrays'? Those of odd numbers do not exist on RV64. */
static bool is_array(uint64_t select)
{
    return select >= ISELECT_EIP0 && select <= ISELECT_EIE63 && (select & 1u) == 0;
}

uint64_t *rv_imsic_file_reg(struct rv_imsic_file *f, uint64_t select)
{
    if (is_array(select)) {
        uint64_t *words = select < ISELECT_EIE0 ? f->eip : f->eie;

        return &words[select / 2u % RV_IMSIC_WORDS];
    }
    return select == ISELECT_EIDELIVERY    ? &f->delivery
           : select == ISELECT_EITHRESHOLD ? &f->threshold
                                           : NULL;
}

uint64_t rv_imsic_file_legal(uint64_t select, uint64_t value, uint32_t ids)
{
    if (is_array(select)) {
        return value & identities(select / 2u % RV_IMSIC_WORDS, ids);
    }
    if (select == ISELECT_EIDELIVERY) {
        return value == EIDELIVERY_ON ? EIDELIVERY_ON : EIDELIVERY_OFF;
    }
    /* A threshold has as many bits as the highest identity. */
    return value & (UINT64_MAX >> __builtin_clzll(ids));
}
