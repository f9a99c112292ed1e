/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Windows: how a hart touches memory that is not the hypervisor's. Each hart has two slots of 2
 * MiB, each a single leaf entry that only this hart writes and whose addresses only this hart uses,
 * so fences are local. A slot is empty but while one pass of one call runs.
 */
#include "arch/riscv/copy.h"
#include "arch/riscv/probe.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/layout.h"
#include "core/arch.h"

#include <stdatomic.h>
#include <string.h>

enum slot {
    SLOT_SRC,
    SLOT_DST,
};

static size_t slot_room(hpa_t at, size_t len)
{
    size_t room = RV_WINDOW_BYTES - (size_t)(at.v & (RV_WINDOW_BYTES - 1));

    return len < room ? len : room;
}

static void slot_set(enum slot slot, uint64_t pte)
{
    struct rv_hart *self = rv_hart_self();
    char *va = self->window + slot * RV_WINDOW_BYTES;

    /*
     * The fence orders the store of the entry before walks that follow, and drops what was cached
     * of the old entry, its absence included.
     */
    atomic_store_explicit(&self->window_pte[slot], pte, memory_order_relaxed);
    __asm__ volatile("sfence.vma %0" ::"r"(va) : "memory");
}

static char *slot_open(enum slot slot, hpa_t at, uint64_t flags)
{
    uint64_t base = align_down(at.v, RV_WINDOW_BYTES);

    slot_set(slot, (base >> 12) << PTE_PPN_SHIFT | flags);
    return rv_hart_self()->window + slot * RV_WINDOW_BYTES + (at.v - base);
}

static void slot_close(enum slot slot)
{
    slot_set(slot, 0);
}

void arch_phys_read(void *dst, hpa_t src, size_t len)
{
    char *to = dst;

    while (len != 0) {
        size_t chunk = slot_room(src, len);
        const char *from = slot_open(SLOT_SRC, src, PTE_RO);
        uint64_t word;

        /* A single word is not torn, however its destination lies. */
        if (chunk <= 8 && (chunk & (chunk - 1)) == 0 && is_aligned(src.v, chunk)) {
            copy_wide(&word, from, chunk);
            memcpy(to, &word, chunk);
        } else {
            copy_wide(to, from, chunk);
        }
        slot_close(SLOT_SRC);
        to += chunk;
        src = hpa_add(src, chunk);
        len -= chunk;
    }
}

void arch_phys_write(hpa_t dst, const void *src, size_t len)
{
    const char *from = src;

    while (len != 0) {
        size_t chunk = slot_room(dst, len);
        char *to = slot_open(SLOT_DST, dst, PTE_RW);
        uint64_t word;

        if (chunk <= 8 && (chunk & (chunk - 1)) == 0 && is_aligned(dst.v, chunk)) {
            memcpy(&word, from, chunk);
            copy_wide(to, &word, chunk);
        } else {
            copy_wide(to, from, chunk);
        }
        slot_close(SLOT_DST);
        from += chunk;
        dst = hpa_add(dst, chunk);
        len -= chunk;
    }
}

void arch_phys_copy(hpa_t dst, hpa_t src, size_t len)
{
    while (len != 0) {
        size_t chunk = slot_room(src, slot_room(dst, len));
        const char *from = slot_open(SLOT_SRC, src, PTE_RO);
        char *to = slot_open(SLOT_DST, dst, PTE_RW);

        copy_wide(to, from, chunk);
        slot_close(SLOT_DST);
        slot_close(SLOT_SRC);
        src = hpa_add(src, chunk);
        dst = hpa_add(dst, chunk);
        len -= chunk;
    }
}

/* [at, at + len) by Zicboz as far as whole blocks go: one instruction clears a block. */
static void zero_blocks(char *at, size_t len)
{
    size_t block = rv_features.zicboz_block;

    if (block != 0 && len >= 2 * block) {
        size_t head = (size_t)(-(uintptr_t)at & (block - 1));
        char *end;

        zero_wide(at, head);
        at += head;
        len -= head;
        end = at + (len & ~(block - 1));
        len &= block - 1;
        for (; at < end; at += block) {
            rv_cbo_zero(at);
        }
    }
    zero_wide(at, len);
}

void arch_phys_zero(hpa_t dst, size_t len)
{
    while (len != 0) {
        size_t chunk = slot_room(dst, len);

        zero_blocks(slot_open(SLOT_DST, dst, PTE_RW), chunk);
        slot_close(SLOT_DST);
        dst = hpa_add(dst, chunk);
        len -= chunk;
    }
}
