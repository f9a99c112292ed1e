/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shared regions: RAM that belongs to the manifest, mapped into each end's VM where it says, for
 * good. It holds nothing of earlier users: whenever an end's VM starts and no other one's runs, it
 * is zeroed first, by that VM's hart. s->lock guards the count of users, and is not held meanwhile.
 */
#include "core/channel.h"

#include "core/arch.h"
#include "core/memmap.h"
#include "core/ram.h"

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

/*
 * The first user zeroes; one that comes meanwhile waits for that, which costs it what zeroing would
 * have cost had it been first. A VM that is starting cannot be in here twice, nor be counted out
 * before it has come back.
 */
void shmem_started(struct shmem *s)
{
    bool first;

    spin_lock(&s->lock);
    first = s->users++ == 0;
    if (first) {
        atomic_store_explicit(&s->zeroing, true, memory_order_relaxed);
    }
    spin_unlock(&s->lock);

    if (first) {
        arch_phys_zero(s->hpa, s->config->size);
        atomic_store_explicit(&s->zeroing, false, memory_order_release);
        return;
    }
    /* acquire pairs with the release above: no byte of the next user's is zeroed */
    while (atomic_load_explicit(&s->zeroing, memory_order_acquire)) {
        arch_relax();
    }
}

void shmem_stopped(struct shmem *s)
{
    spin_lock(&s->lock);
    s->users--;
    spin_unlock(&s->lock);
}
