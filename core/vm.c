/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Builds a VM from the manifest, once, at boot: its RAM, map, vCPUs, interrupt controller and
 * devices. No lock: nothing else runs yet.
 */
#include "core/vm.h"

#include "core/console.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/sched.h"
#include "core/vdev.h"
#include "core/virq.h"

#include <stddef.h>

static struct hart *hart_by_id(uint64_t id)
{
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        if (machine.harts[i]->id == id) {
            return machine.harts[i];
        }
    }
    return NULL;
}

/* Adds a region to the policy's map and to stage 2. */
static enum err add_region(struct vm *vm, const struct region *r, const char **why)
{
    enum err e = memmap_add(&vm->map, r);

    if (e == ERR_OK) {
        e = arch_vm_map(vm, r->gpa, r->hpa, r->size, r->attr);
    }
    if (e != ERR_OK) {
        *why = "its memory map cannot be built: regions overlap, or the arena is used up";
    }
    return e;
}

static enum err add_ram(struct vm *vm, const struct mem_config *mem, const char **why)
{
    struct ram *ram = &machine.board.ram;
    struct region r = {gpa(mem->gpa), mem->size, {mem->gpa}, REGION_RAM, MAP_RAM};
    enum err e;

    if (mem->identity) { /* has its place already */
        return add_region(vm, &r, why);
    }
    e = ram_alloc_guest(ram, mem->gpa, mem->size, machine.manifest.huge_pages, &r.hpa);
    if (e != ERR_OK) {
        *why = "there is not enough free RAM for its memory";
        return e;
    }
    return add_region(vm, &r, why);
}

enum err vm_take_identity_ram(uint32_t index, const char **why)
{
    const struct vm_config *c = &machine.manifest.vms[index];

    for (uint32_t i = 0; i < c->mem_count; i++) {
        const struct mem_config *mem = &c->mem[i];

        if (mem->identity && ram_alloc_at(&machine.board.ram, hpa(mem->gpa), mem->size) != ERR_OK) {
            *why = "its identity-mapped memory is not free RAM of this machine";
            return ERR_NO_MEMORY;
        }
    }
    return ERR_OK;
}

static const char no_hart[] = "a hart that it names did not come up";

/* Before its vCPUs, which ask for it. */
static enum err add_affinity(struct vm *vm, const char **why)
{
    const struct vm_config *c = vm->config;

    if (c->affinity_count == 0) {
        return ERR_OK;
    }
    vm->affinity = pool_alloc(c->affinity_count * sizeof(*vm->affinity), sizeof(void *));
    if (vm->affinity == NULL) {
        *why = POOL_USED_UP;
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < c->affinity_count; i++) {
        vm->affinity[i] = hart_by_id(c->harts[c->vcpu_count + i]);
        if (vm->affinity[i] == NULL) {
            *why = no_hart;
            return ERR_NOT_FOUND;
        }
    }
    return ERR_OK;
}

static enum err add_vcpus(struct vm *vm, const char **why)
{
    vm->vcpus = pool_alloc(vm->config->vcpu_count * sizeof(*vm->vcpus), sizeof(void *));
    if (vm->vcpus == NULL) {
        *why = POOL_USED_UP;
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < vm->config->vcpu_count; i++) {
        struct hart *hart = hart_by_id(vm->config->harts[i]);
        struct vcpu *v;

        if (hart == NULL) {
            *why = no_hart;
            return ERR_NOT_FOUND;
        }
        v = arch_vcpu_create(vm, i, hart);
        if (v == NULL || sched_add(v, &vm->config->sched[i]) != ERR_OK) {
            *why = POOL_USED_UP;
            return ERR_NO_MEMORY;
        }
        spinlock_init(&v->fence_lock);
        vm->vcpus[i] = v;
        vm->vcpu_count = i + 1;
    }
    return ERR_OK;
}

static enum err add_file(struct vm *vm, uint32_t i, const char **why)
{
    struct region r = {
        gpa(VDEV_IMSIC_BASE + (uint64_t)i * PAGE_SIZE), PAGE_SIZE, {0}, REGION_MSI, MAP_DEVICE};
    enum err e;

    if ((vm->config->memory_files >> i & 1) != 0) {
        *why = POOL_USED_UP;
        return arch_vcpu_file(vm->vcpus[i]);
    }
    e = arch_vcpu_msi_page(vm->vcpus[i], &r.hpa);
    if (e == ERR_OK) {
        return add_region(vm, &r, why);
    }
    *why = "irqchip = \"aia\": a hart that it names has no guest interrupt file left";
    return e;
}

/* An interrupt file for every vCPU, or none for any. */
static enum err add_files(struct vm *vm, const char **why)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        enum err e = add_file(vm, i, why);

        if (e != ERR_OK) {
            return e;
        }
    }
    vm->has_imsic = true;
    return ERR_OK;
}

static enum err add_irqchip(struct vm *vm, const char **why)
{
    enum irqchip_kind kind = vm->config->irqchip;
    const struct irqchip_model *model;

    if (kind == IRQCHIP_BEST) {
        kind = machine.irqchip.guest_files > 0 ? IRQCHIP_AIA : IRQCHIP_PLIC;
    }
    model = irqchip_model_find(kind);
    if (model == NULL) {
        *why = "its irqchip is not one that this Curia emulates";
        return ERR_NOT_SUPPORTED;
    }
    if (vm->config->files_short) {
        log_info("%s: a PLIC, since its harts have too few interrupt files", vm->config->name);
    }
    if (model->needs_files) {
        enum err e = add_files(vm, why);

        if (e != ERR_OK) {
            return e;
        }
    }
    vm->irqchip = model->create(vm, vm->config->source_count);
    if (vm->irqchip == NULL) {
        *why = "no room for its interrupt controller: a device lies at its address";
        return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

static enum err add_passthrough(struct vm *vm, const struct passthrough_config *p, const char **why)
{
    const struct board_device *dev = p->dev;
    enum err e;

    for (uint32_t i = 0; i < dev->reg_count; i++) {
        uint64_t start = align_down(dev->regs[i].start, PAGE_SIZE);
        uint64_t end = align_up(dev->regs[i].start + dev->regs[i].size, PAGE_SIZE);
        struct region r = {gpa(start), end - start, {start}, REGION_DEVICE, MAP_DEVICE};

        e = add_region(vm, &r, why);
        if (e != ERR_OK) {
            return e;
        }
    }
    for (uint32_t i = 0; i < dev->irq_count; i++) {
        if (dev->irqs[i].parent != machine.irqchip.phandle) {
            *why = "a passed-through device's interrupt goes to a controller that Curia does not "
                   "drive";
            return ERR_NOT_SUPPORTED;
        }
        e = virq_claim_host(vm->irqchip, dev->irqs[i].source, dev->irqs[i].source,
                            (enum irq_trigger)dev->irqs[i].trigger);
        if (e != ERR_OK) {
            *why = "an interrupt of a passed-through device cannot be given to it";
            return e;
        }
    }
    return ERR_OK;
}

static enum err add_devices(struct vm *vm, const char **why)
{
    const struct vm_config *c = vm->config;

    for (uint32_t i = 0; i < c->vdev_count; i++) {
        const struct vdev_model *model = vdev_model_find(c->vdevs[i].kind);
        struct vdev *dev = model != NULL ? model->create(vm, &c->vdevs[i], why) : NULL;

        if (dev == NULL) {
            return ERR_FAILED;
        }
        dev->next = vm->vdevs;
        vm->vdevs = dev;
    }
    for (uint32_t i = 0; i < c->passthrough_count; i++) {
        enum err e = add_passthrough(vm, &c->passthrough[i], why);

        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* Upper bounds, so that map and bus are made once, at their size. */
static uint32_t region_bound(uint32_t index)
{
    const struct vm_config *c = &machine.manifest.vms[index];
    uint32_t n = c->mem_count + c->vcpu_count + machine.manifest.shmem_count;

    for (uint32_t i = 0; i < c->passthrough_count; i++) {
        n += c->passthrough[i].dev->reg_count;
    }
    return n;
}

enum err vm_build(uint32_t index, const char **why)
{
    const struct vm_config *c = &machine.manifest.vms[index];
    struct vm *vm = arch_vm_create();
    enum err e;

    *why = POOL_USED_UP;
    if (vm == NULL) {
        return ERR_NO_MEMORY;
    }
    machine.vms[index] = vm;
    vm->index = index;
    vm->config = c;
    spinlock_init(&vm->lock);
    spinlock_init(&vm->sse.lock);

    e = memmap_init(&vm->map, region_bound(index));
    if (e == ERR_OK) {
        e = mmio_bus_init(&vm->bus, c->vdev_count + 2);
    }
    if (e != ERR_OK) {
        return e;
    }
    vm->console = console_create(vm);
    if (vm->console == NULL) {
        return ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < c->mem_count; i++) {
        e = add_ram(vm, &c->mem[i], why);
        if (e != ERR_OK) {
            return e;
        }
    }
    e = add_affinity(vm, why);
    if (e == ERR_OK) {
        e = add_vcpus(vm, why);
    }
    if (e == ERR_OK) {
        e = add_irqchip(vm, why);
    }
    return e == ERR_OK ? add_devices(vm, why) : e;
}
