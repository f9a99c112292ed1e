/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared regions: RAM that belongs to the manifest, mapped into each end's VM where it says, for
 * good. It holds nothing of earlier users: whenever an end's VM starts and no other one's runs, it
 * is zeroed first, by that VM's hart, part by part as the rest of the load (core/loader.c). s->lock
 * guards the count of users and what is zeroed already; it is held for a part, which nobody waits
 * for: who may not enter comes again, and there are no users who could leave.
 */
#include "core/channel.h"

#include "core/arch.h"
#include "core/memmap.h"
#include "core/ram.h"

#define PART (128ull * KIB)

/* So that 2 MiB pages can map it, where the machine's RAM allows that. */
static enum err find_ram(uint64_t size, hpa_t *at)
{
    struct ram *ram = &machine.board.ram;

    if (size >= 2 * MIB && ram_alloc(ram, size, 2 * MIB, at) == ERR_OK) {
        return ERR_OK;
    }
    return ram_alloc(ram, size, PAGE_SIZE, at);
}

enum err shmem_build(struct shmem *s, const struct shmem_config *config, const char **why)
{
    enum err e = find_ram(config->size, &s->hpa);

    s->config = config;
    spinlock_init(&s->lock);
    if (e != ERR_OK) {
        *why = "there is not enough free RAM for a shared region";
    }
    for (uint32_t i = 0; e == ERR_OK && i < config->end_count; i++) {
        const struct shmem_end_config *end = &config->ends[i];
        struct vm *vm = machine.vms[end->vm];
        struct region r = {gpa(end->gpa), config->size, s->hpa, REGION_SHARED,
                           end->write ? MAP_RW : MAP_RO};

        e = memmap_add(&vm->map, &r);
        if (e == ERR_OK) {
            e = arch_vm_map(vm, r.gpa, r.hpa, r.size, r.attr);
        }
        if (e != ERR_OK) {
            *why = "a shared region overlaps something in a VM, or the arena is used up";
        }
    }
    return e;
}

bool shmem_enter(struct shmem *s)
{
    uint64_t left;
    bool in;

    if (!spin_trylock(&s->lock)) {
        return false;
    }
    left = s->users == 0 ? s->config->size - s->clean : 0;
    if (left != 0) {
        left = left < PART ? left : PART;
        arch_phys_zero(hpa_add(s->hpa, s->clean), left);
        s->clean += left;
    }
    in = s->users != 0 || s->clean == s->config->size;
    s->users += in ? 1 : 0;
    spin_unlock(&s->lock);
    return in;
}

void shmem_leave(struct shmem *s)
{
    spin_lock(&s->lock);
    if (--s->users == 0) {
        s->clean = 0;
    }
    spin_unlock(&s->lock);
}
