/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own page tables after early.c: arena, stacks, blobs, devices, share slots.
 * Holds: no page is both writable and executable, and none of a guest's RAM is mapped but share
 * slots.
 *
 * Tables lie in image or arena, so that their physical addresses are known. The share slots have a
 * lock; all else is the boot hart's alone.
 */
#include "arch/riscv/mmu.h"

#include "arch/riscv/csr_bits.h"
#include "arch/riscv/early.h"
#include "arch/riscv/hart.h"
#include "core/arch.h"
#include "core/log.h"
#include "core/pagepool.h"
#include "core/spinlock.h"

#include <stdatomic.h>

#define LEAF_BYTES(level) (1ull << (12 + 9 * (level)))
#define SHARE_WORDS       (RV_SHARE_SLOTS / 64)

static struct {
    uint64_t image_base;
    uint64_t blobs_next, devices_next; /* virtual, the first free */

    uint64_t *share_table;       /* level 0 */
    _Atomic uint64_t share_maps; /* ever */
    struct spinlock lock;
    uint64_t share_used[SHARE_WORDS] GUARDED_BY(lock);
} mmu;

static void fence_local(void)
{
    __asm__ volatile("sfence.vma" ::: "memory");
}

hpa_t mmu_image_base(void)
{
    return hpa(mmu.image_base);
}

hpa_t mmu_phys(const void *va)
{
    return hpa((uint64_t)va - RV_IMAGE_VA + mmu.image_base);
}

static uint64_t *table_of(uint64_t pte)
{
    uint64_t phys = (pte >> PTE_PPN_SHIFT) << 12;

    return (uint64_t *)(phys - mmu.image_base + RV_IMAGE_VA);
}

/* The entry for va at level, with the tables above it made; NULL: no memory, or a leaf above. */
static uint64_t *entry(uint64_t va, uint32_t level)
{
    uint64_t *table = rv_root_table;

    for (uint32_t l = 2;; l--) {
        uint64_t *e = &table[(va >> (12 + 9 * l)) & (PTES_PER_TABLE - 1)];

        if (l == level) {
            return e;
        }
        if (*e == 0) {
            void *fresh = pool_alloc(PAGE_SIZE, PAGE_SIZE);

            if (fresh == NULL) {
                return NULL;
            }
            *e = (mmu_phys(fresh).v >> 12) << PTE_PPN_SHIFT | PTE_V;
        } else if ((*e & (PTE_R | PTE_X)) != 0) {
            return NULL;
        }
        table = table_of(*e);
    }
}

/* All page aligned. Uses 2 MiB leaves where both addresses allow it. */
static enum err map(uint64_t va, uint64_t pa, uint64_t size, uint64_t flags)
{
    while (size != 0) {
        uint32_t level = is_aligned(va | pa, LEAF_BYTES(1)) && size >= LEAF_BYTES(1) ? 1 : 0;
        uint64_t *e = entry(va, level);

        if (e == NULL) {
            return ERR_NO_MEMORY;
        }
        *e = (pa >> 12) << PTE_PPN_SHIFT | flags;
        va += LEAF_BYTES(level);
        pa += LEAF_BYTES(level);
        size -= LEAF_BYTES(level);
    }
    fence_local();
    return ERR_OK;
}

void mmu_init(void)
{
    const uint64_t early_end = RV_IMAGE_VA + LEAF_BYTES(1);
    uint64_t satp;

    __asm__ volatile("csrr %0, satp" : "=r"(satp));
    mmu.image_base = (satp & SATP_PPN) << 12;
    mmu.image_base -= (uint64_t)rv_root_table - RV_IMAGE_VA;
    mmu.blobs_next = RV_BLOBS_VA;
    mmu.devices_next = RV_DEVICES_VA;
    spinlock_init(&mmu.lock);

    /* Its first tables come from the part that early.c mapped. */
    pool_init(rv_image_end, RV_IMAGE_VA + RV_FOOTPRINT - (uint64_t)rv_image_end);
    if (map(early_end, mmu.image_base + LEAF_BYTES(1), RV_FOOTPRINT - LEAF_BYTES(1), PTE_RW) !=
            ERR_OK ||
        entry(RV_SHARE_VA, 0) == NULL) {
        panic("the arena cannot hold its own page tables");
    }
    mmu.share_table = entry(RV_SHARE_VA, 0);
}

/* A place of size bytes from *next on that lies to 2 MiB as pa does; 0: beyond end. */
static uint64_t place(uint64_t *next, uint64_t end, uint64_t pa, uint64_t size)
{
    uint64_t granule = size >= LEAF_BYTES(1) ? LEAF_BYTES(1) : PAGE_SIZE;
    uint64_t va = align_up(*next, granule) + (pa & (granule - 1));

    if (va >= end || size > end - va) {
        return 0;
    }
    *next = va + size;
    return va;
}

static void *map_new(uint64_t *next, uint64_t end, hpa_t start, uint64_t size, uint64_t flags)
{
    uint64_t first = align_down(start.v, PAGE_SIZE);
    uint64_t bytes, va;

    if (!range_valid(start.v, size) || start.v + (size - 1) >= 1ull << 56) {
        return NULL;
    }
    bytes = align_up(start.v + size, PAGE_SIZE) - first;
    va = place(next, end, first, bytes);
    if (va == 0 || map(va, first, bytes, flags) != ERR_OK) {
        return NULL;
    }
    return (void *)(va + (start.v - first));
}

const void *mmu_map_blob(hpa_t start, uint64_t size)
{
    return map_new(&mmu.blobs_next, RV_BLOBS_VA + RV_BLOBS_SIZE, start, size, PTE_RO);
}

const void *mmu_map_fdt(hpa_t start)
{
    const uint32_t header_bytes = 8;
    uint64_t saved = mmu.blobs_next;
    const unsigned char *head;
    uint32_t size;

    if (!is_aligned(start.v, 8)) {
        return NULL;
    }
    head = mmu_map_blob(start, header_bytes);
    if (head == NULL || head[0] != 0xd0 || head[1] != 0x0d || head[2] != 0xfe || head[3] != 0xed) {
        return NULL;
    }
    size = (uint32_t)head[4] << 24 | (uint32_t)head[5] << 16 | (uint32_t)head[6] << 8 | head[7];

    mmu.blobs_next = saved;
    return size < header_bytes || size >= LEAF_BYTES(1) ? NULL : mmu_map_blob(start, size);
}

void *arch_map_device(hpa_t base, uint64_t size)
{
    return map_new(&mmu.devices_next, RV_DEVICES_VA + RV_DEVICES_SIZE, base, size, PTE_RW);
}

uint64_t mmu_map_stack(uint32_t slot)
{
    uint64_t top = RV_STACK_TOP((uint64_t)slot);
    void *pages = pool_alloc(RV_STACK_BYTES, PAGE_SIZE);

    if (pages == NULL ||
        map(top - RV_STACK_BYTES, mmu_phys(pages).v, RV_STACK_BYTES, PTE_RW) != ERR_OK) {
        return 0;
    }
    return top;
}

bool mmu_in_guard(const struct rv_hart *hart, uint64_t va)
{
    return hart->stack_top - va <= RV_STACK_STRIDE && hart->stack_top - va > RV_STACK_BYTES;
}

static uint64_t share_take(void)
{
    uint64_t slot = RV_SHARE_SLOTS;

    spin_lock(&mmu.lock);
    for (uint32_t w = 0; w < SHARE_WORDS; w++) {
        uint64_t used = mmu.share_used[w];

        if (~used != 0) {
            uint32_t bit = 0;

            while ((used >> bit & 1u) != 0) {
                bit++;
            }
            mmu.share_used[w] = used | 1ull << bit;
            slot = w * 64u + bit;
            break;
        }
    }
    spin_unlock(&mmu.lock);
    return slot;
}

/*
 * Fences are each hart's own, so that no guest disturbs others by mapping and unmapping. A hart may
 * hold what a slot was, its absence included [Priv, "Supervisor Memory-Management Fence
 * Instruction"], for as long as it does not use the slot; share_maps counts what has become of all
 * of them, and the hart forgets everything it holds of them once it finds that count changed:
 *
 *     mapper: entry written  (a) count++, release  (b) the mapping told, release
 *     user:   (c) told of it, acquire  (d) count read: at least that of (a)  (e) sfence.vma  use
 *
 * The entry is visible here at (d), so (e) orders it before the walks that follow.
 */
void arch_share_sync(void)
{
    struct rv_hart *self = rv_hart_self();
    uint64_t maps = atomic_load_explicit(&mmu.share_maps, memory_order_relaxed);

    if (self->share_maps != maps) {
        atomic_thread_fence(memory_order_acquire); /* all entries counted are visible */
        self->share_maps = maps;
        fence_local();
    }
}

void *arch_share_map(hpa_t page)
{
    uint64_t slot = share_take();

    if (slot == RV_SHARE_SLOTS) {
        return NULL;
    }
    mmu.share_table[slot] = (page.v >> 12) << PTE_PPN_SHIFT | PTE_RW;
    atomic_fetch_add_explicit(&mmu.share_maps, 1, memory_order_release);
    return (void *)(RV_SHARE_VA + slot * PAGE_SIZE);
}

void arch_share_unmap(void *va)
{
    uint64_t slot = ((uint64_t)va - RV_SHARE_VA) / PAGE_SIZE;

    mmu.share_table[slot] = 0;
    __asm__ volatile("sfence.vma %0" ::"r"(va) : "memory");

    spin_lock(&mmu.lock);
    mmu.share_used[slot / 64] &= ~(1ull << (slot % 64));
    spin_unlock(&mmu.lock);
}
