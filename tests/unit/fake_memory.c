/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake port's memory: "physical" regions with gaps between them, each a block of the host's. An
 * access that is not within one region aborts.
 */
#include "tests/unit/fake_arch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHYS_REGIONS 256u

struct phys {
    uint64_t base, size;
    uint8_t *mem;
    uint32_t shares;
};

static struct phys phys[PHYS_REGIONS];
static uint32_t phys_count;
static uint64_t phys_next;

void fake_memory_reset(void)
{
    for (uint32_t i = 0; i < phys_count; i++) {
        free(phys[i].mem);
    }
    phys_count = 0;
    phys_next = FAKE_HPA_BASE;
}

void *fake_phys_add(uint64_t hpa, uint64_t size)
{
    if (!range_valid(hpa, size) || phys_count == PHYS_REGIONS) {
        fake_wrong("bad physical region, or too many");
    }
    for (uint32_t i = 0; i < phys_count; i++) {
        if (range_overlaps(hpa, size, phys[i].base, phys[i].size)) {
            fake_wrong("physical regions overlap");
        }
    }
    uint64_t rounded = align_up(size, PAGE_SIZE);
    uint8_t *mem = aligned_alloc(PAGE_SIZE, rounded);

    if (mem == NULL) {
        fake_wrong("out of memory");
    }
    memset(mem, 0, rounded);
    phys[phys_count++] = (struct phys){hpa, size, mem, 0};
    return mem;
}

hpa_t fake_phys_alloc(uint64_t size)
{
    hpa_t at = hpa(phys_next);

    phys_next += align_up(size, PAGE_SIZE) + PAGE_SIZE;
    (void)fake_phys_add(at.v, size);
    return at;
}

static struct phys *phys_of(uint64_t hpa, uint64_t len)
{
    for (uint32_t i = 0; i < phys_count; i++) {
        if (range_within(hpa, len, phys[i].base, phys[i].size)) {
            return &phys[i];
        }
    }
    return NULL;
}

void *fake_phys(uint64_t hpa, uint64_t len)
{
    struct phys *p = phys_of(hpa, len);

    if (p == NULL) {
        fprintf(stderr, "fake port: [%#llx, +%#llx) is not memory\n", (unsigned long long)hpa,
                (unsigned long long)len);
        abort();
    }
    return p->mem + (hpa - p->base);
}

void *fake_gpa(const struct vm *vm, uint64_t gpa, uint64_t len)
{
    for (uint32_t i = 0; i < vm->map.count; i++) {
        const struct region *r = &vm->map.regions[i];

        if (range_within(gpa, len, r->gpa.v, r->size)) {
            return fake_phys(r->hpa.v + (gpa - r->gpa.v), len);
        }
    }
    fake_wrong("a guest address outside the map");
}

void *arch_map_device(hpa_t base, uint64_t size)
{
    return phys_of(base.v, size) != NULL ? fake_phys(base.v, size) : fake_phys_add(base.v, size);
}

void arch_phys_read(void *dst, hpa_t src, size_t len)
{
    if (len != 0) {
        memcpy(dst, fake_phys(src.v, len), len);
        fake.bytes_read += len;
    }
}

void arch_phys_write(hpa_t dst, const void *src, size_t len)
{
    if (len != 0) {
        memcpy(fake_phys(dst.v, len), src, len);
        fake.bytes_written += len;
    }
}

void arch_phys_copy(hpa_t dst, hpa_t src, size_t len)
{
    if (len != 0) {
        memmove(fake_phys(dst.v, len), fake_phys(src.v, len), len);
        fake.bytes_read += len;
        fake.bytes_written += len;
    }
}

void arch_phys_zero(hpa_t dst, size_t len)
{
    if (len != 0) {
        memset(fake_phys(dst.v, len), 0, len);
        fake.bytes_written += len;
    }
}

void *arch_share_map(hpa_t page)
{
    struct phys *p = phys_of(page.v, PAGE_SIZE);

    if (p == NULL || !is_aligned(page.v, PAGE_SIZE)) {
        fake_wrong("shares what is not a page of memory");
    }
    if (fake.share_budget == 0) {
        return NULL;
    }
    fake.share_budget--;
    fake.shares++;
    p->shares++;
    return fake_phys(page.v, PAGE_SIZE);
}

void arch_share_sync(void)
{
    atomic_fetch_add_explicit(&fake.share_syncs, 1, memory_order_relaxed);
}

void arch_share_unmap(void *va)
{
    for (uint32_t i = 0; i < phys_count; i++) {
        uint8_t *at = va;

        if (at >= phys[i].mem && at < phys[i].mem + phys[i].size && phys[i].shares > 0) {
            phys[i].shares--;
            fake.shares--;
            fake.share_budget++;
            return;
        }
    }
    fake_wrong("unshares what is not shared");
}

/* Guest virtual is guest physical; what is no RAM faults. */
enum err arch_vcpu_call_read(struct vcpu *vcpu, gva_t addr, uint64_t *word)
{
    if (!vcpu_loaded(vcpu) || vcpu->hart != arch_hart_self()) {
        fake_wrong("reads for a vCPU that is not here");
    }
    for (uint32_t i = 0; i < vcpu->vm->map.count; i++) {
        const struct region *r = &vcpu->vm->map.regions[i];

        if (r->kind == REGION_RAM && range_within(addr.v, sizeof(*word), r->gpa.v, r->size)) {
            memcpy(word, fake_gpa(vcpu->vm, addr.v, sizeof(*word)), sizeof(*word));
            return ERR_OK;
        }
    }
    fake_vcpu(vcpu)->call_faults++;
    return ERR_FAULT;
}

void arch_vcpu_call_again(struct vcpu *vcpu)
{
    fake_vcpu(vcpu)->calls_again++;
}
