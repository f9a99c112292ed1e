/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a manifest asks of the machine it runs on: harts, memory, host devices. At a desk it needs
 * the machine's FDT (curia-manifest check --fdt).
 */
#include "core/manifest_reader.h"

#include "core/pagepool.h"

#include <inttypes.h>
#include <string.h>

/* Curia's own, or what holds the whole machine. */
static const char *const kept[] = {
    "riscv,plic0",
    "sifive,plic-1.0.0",
    "thead,c900-plic",
    "riscv,aplic",
    "riscv,imsics",
    "riscv,clint0",
    "sifive,clint0",
    "thead,c900-clint",
    "riscv,aclint-mswi",
    "riscv,aclint-sswi",
    "riscv,aclint-mtimer",
    "thead,c900-aclint-mswi",
    "thead,c900-aclint-sswi",
    "thead,c900-aclint-mtimer",
    "riscv,iommu",
    "sifive,test1",
    "arm,smmu-v3",
};

/* Known to access memory by themselves, whatever the manifest says. */
static const char *const bus_masters[] = {
    "virtio,mmio",  "pci-host-ecam-generic", "snps,designware-pcie", "snps,dwc3", "generic-ehci",
    "generic-xhci", "generic-ohci",          "qemu,fw-cfg-mmio",     "cdns,macb", "snps,dwmac",
};

static bool is_any(const struct board_device *dev, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (board_is(dev, names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_bus_master(const struct board *b, const struct board_device *dev)
{
    static const char *const marks[] = {"dma-coherent", "dma-ranges", "dmas",   "iommus",
                                        "iommu-map",    "msi-parent", "msi-map"};

    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        if (fdt_getprop(b->fdt, dev->node, marks[i], NULL) != NULL) {
            return true;
        }
    }
    return is_any(dev, bus_masters, ARRAY_SIZE(bus_masters));
}

void manifest_find_devices(struct manifest_reader *r)
{
    for (uint32_t v = 0; v < r->m->vm_count; v++) {
        struct vm_config *vm = &r->m->vms[v];

        for (uint32_t i = 0; i < vm->passthrough_count; i++) {
            struct passthrough_config *p = &vm->passthrough[i];

            p->dev = p->path[0] != '\0' ? board_by_path(r->board, p->path) : NULL;
            if (p->dev == NULL && p->path[0] != '\0') {
                manifest_fault(r, p->node, "host-path",
                               "%s is no enabled device with registers in this machine's FDT",
                               p->path);
            }
        }
    }
}

/* Pages are what isolates: no other device may have registers on those of dev. */
static void check_neighbours(struct manifest_reader *r, const struct passthrough_config *p)
{
    const struct board *b = r->board;

    for (uint32_t i = 0; i < b->device_count; i++) {
        const struct board_device *other = &b->devices[i];

        for (uint32_t k = 0; other != p->dev && k < other->reg_count * p->dev->reg_count; k++) {
            const struct board_reg *o = &other->regs[k % other->reg_count];
            const struct board_reg *d = &p->dev->regs[k / other->reg_count];
            uint64_t start = align_down(d->start, PAGE_SIZE);
            uint64_t last = (d->start + (d->size - 1)) | (PAGE_SIZE - 1);

            if (o->start <= last && o->start + (o->size - 1) >= start) {
                manifest_fault(r, p->node, "host-path",
                               "%s shares a page of registers with %s: it cannot be given away "
                               "alone",
                               p->path, other->path_tail);
                return;
            }
        }
    }
}

/* A wired interrupt that a device of another VM raises too, or one that cannot be passed on. */
static void check_lines(struct manifest_reader *r, uint32_t vm, const struct passthrough_config *p)
{
    const struct board *b = r->board;

    for (uint32_t k = 0; k < p->dev->irq_count; k++) {
        const struct board_irq *irq = &p->dev->irqs[k];

        for (uint32_t v = 0; v < vm; v++) {
            const struct vm_config *other = &r->m->vms[v];

            for (uint32_t i = 0; i < other->passthrough_count; i++) {
                const struct board_device *dev = other->passthrough[i].dev;

                for (uint32_t n = 0; dev != NULL && dev != p->dev && n < dev->irq_count; n++) {
                    if (dev->irqs[n].parent == irq->parent && dev->irqs[n].source == irq->source) {
                        manifest_fault(r, p->node, "host-path",
                                       "interrupt %u of %s is that of %s in VM %s too: give both "
                                       "to one VM",
                                       irq->source, p->path, other->passthrough[i].path,
                                       other->name);
                    }
                }
            }
        }
        for (uint32_t i = 0; i < b->device_count; i++) {
            if (b->devices[i].phandle == irq->parent &&
                !is_any(&b->devices[i], kept, ARRAY_SIZE(kept))) {
                manifest_fault(r, p->node, "host-path",
                               "interrupt %u of %s goes to %s, which is not the machine's PLIC or "
                               "APLIC: Curia cannot pass it on",
                               irq->source, p->path, b->devices[i].path_tail);
            }
        }
    }
}

static void check_passthrough(struct manifest_reader *r, uint32_t vm,
                              const struct passthrough_config *p)
{
    const struct board_device *dev = p->dev;

    if (is_any(dev, kept, ARRAY_SIZE(kept))) {
        manifest_fault(r, p->node, "host-path",
                       "%s is Curia's own (interrupt controller, IOMMU, reset): no VM can have it",
                       p->path);
        return;
    }
    if (dev == r->board->stdout_dev && r->m->console == CONSOLE_UART) {
        manifest_fault(r, p->node, "host-path",
                       "%s is Curia's own console, unless the root says console = \"firmware\"",
                       p->path);
        return;
    }
    if (dev->more) {
        manifest_fault(
            r, p->node, "host-path",
            "%s has more than %u ranges of registers or %u interrupts: Curia cannot pass "
            "it on",
            p->path, BOARD_DEVICE_REGS, BOARD_DEVICE_IRQS);
    }
    if (p->dma == DMA_NONE && is_bus_master(r->board, dev)) {
        manifest_fault(r, p->node, "dma",
                       "is \"none\", but %s accesses memory by itself, and there is no IOMMU "
                       "driver: leave it out, or say \"trusted\" and answer for it",
                       p->path);
    }
    check_neighbours(r, p);
    check_lines(r, vm, p);
}

/* ---- harts ---------------------------------------------------------------------------------- */

static const struct board_hart *find_hart(const struct board *b, uint64_t id)
{
    for (uint32_t h = 0; h < b->hart_count; h++) {
        if (b->harts[h].id == id) {
            return &b->harts[h];
        }
    }
    return NULL;
}

/* What a guest is told of a hart must be so wherever it is. */
static void check_alike(struct manifest_reader *r, const struct vm_config *vm,
                        const struct board_hart *hart)
{
    static const char *const told[] = {
        "riscv,isa",
        "riscv,isa-extensions",
        "riscv,cbom-block-size",
        "riscv,cbop-block-size",
        "riscv,cboz-block-size",
        "mmu-type",
    };
    const void *fdt = r->board->fdt;
    const struct board_hart *first = find_hart(r->board, vm->harts[0]);

    for (size_t i = 0; first != NULL && i < ARRAY_SIZE(told); i++) {
        int len = 0, first_len = 0;
        const void *value = fdt_getprop(fdt, hart->node, told[i], &len);
        const void *first_value = fdt_getprop(fdt, first->node, told[i], &first_len);

        if (len != first_len || (value != NULL && memcmp(value, first_value, (size_t)len) != 0)) {
            manifest_fault(r, vm->node, "affinity",
                           "harts %" PRIu64 " and %" PRIu64 " differ in %s: name harts that are "
                           "alike",
                           first->id, hart->id, told[i]);
            return;
        }
    }
}

static void check_harts(struct manifest_reader *r, const struct vm_config *vm)
{
    const struct board *b = r->board;

    for (uint32_t i = 0; i < vm->vcpu_count + vm->affinity_count; i++) {
        const struct board_hart *hart = find_hart(b, vm->harts[i]);

        if (hart == NULL) {
            manifest_fault(
                r, vm->node, i < vm->vcpu_count ? "harts" : "affinity",
                "there is no hart %" PRIu64 ": this machine has %u, from %" PRIu64 " to %" PRIu64,
                vm->harts[i], b->hart_count, b->harts[0].id, b->harts[b->hart_count - 1].id);
        } else if (vm->affinity_count != 0) {
            check_alike(r, vm, hart);
        } else {
            /* it stays there */
        }
    }
}

/* ---- interrupt files ------------------------------------------------------------------------- */

/*
 * vCPUs on hart of all VMs that insist on a file, and of the first best_count that like one; with
 * one more for all those who may come there: they have none of any hart for good.
 */
static uint32_t files_wanted(const struct manifest *m, uint64_t hart, uint32_t best_count)
{
    uint32_t wanted = 0;
    bool visited = false;

    for (uint32_t v = 0; v < m->vm_count; v++) {
        const struct vm_config *vm = &m->vms[v];
        bool wants = vm->irqchip == IRQCHIP_AIA || (vm->irqchip == IRQCHIP_BEST && v < best_count);

        for (uint32_t i = 0; wants && i < vm->vcpu_count + vm->affinity_count; i++) {
            bool here = vm->harts[i] == hart;

            wanted += here && vm->affinity_count == 0 ? 1u : 0u;
            visited = visited || (here && vm->affinity_count != 0);
        }
    }
    return wanted + (visited ? 1u : 0u);
}

/* The first vCPU of VM v for which its hart has too few files; vcpu_count: none. */
static uint32_t first_short(const struct manifest *m, uint32_t v, uint32_t best_count,
                            uint32_t files)
{
    uint32_t i = 0;

    while (i < m->vms[v].vcpu_count && files_wanted(m, m->vms[v].harts[i], best_count) <= files) {
        i++;
    }
    return i;
}

/* vCPUs that insist on a file of the hart of vCPU i of VM v, before that one. */
static uint32_t files_before(const struct manifest *m, uint32_t v, uint32_t i)
{
    uint64_t hart = m->vms[v].harts[i];
    uint32_t before = 0;

    for (uint32_t u = 0; u <= v; u++) {
        const struct vm_config *vm = &m->vms[u];

        for (uint32_t n = 0; vm->affinity_count == 0 && n < (u < v ? vm->vcpu_count : i); n++) {
            before += vm->irqchip == IRQCHIP_AIA && vm->harts[n] == hart ? 1u : 0u;
        }
    }
    return before;
}

/* Where a hart has too few files for all who insist, the last of them is for those that are left
 * over, in turn; who may move has no other. */
static void place_files(const struct manifest *m, uint32_t v, uint32_t files)
{
    struct vm_config *vm = &m->vms[v];

    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        if (vm->affinity_count != 0 ||
            (files_wanted(m, vm->harts[i], 0) > files && files_before(m, v, i) + 1 >= files)) {
            vm->memory_files |= 1ull << i;
        }
    }
}

/*
 * Files of a hart are given first to the vCPUs of VMs that insist, then to those of VMs that leave
 * it open, in the manifest's order: one of the latter has files for all its vCPUs, or a PLIC.
 */
static void check_files(struct manifest_reader *r)
{
    struct manifest *m = r->m;
    uint32_t files = r->board->guest_files;

    for (uint32_t v = 0; v < m->vm_count; v++) {
        struct vm_config *vm = &m->vms[v];

        if (vm->irqchip == IRQCHIP_BEST && vm->affinity_count != 0) {
            vm->irqchip = IRQCHIP_PLIC; /* a file would be away from its hart as often as not */
        } else if (vm->irqchip == IRQCHIP_BEST && files != 0) {
            vm->files_short = first_short(m, v, v + 1, files) < vm->vcpu_count;
            vm->irqchip = vm->files_short ? IRQCHIP_PLIC : IRQCHIP_BEST;
        } else if (vm->irqchip == IRQCHIP_AIA && !r->board->imsic) {
            manifest_fault(r, vm->node, "irqchip",
                           "\"aia\", but this machine has no IMSIC: say \"best\" or \"plic\"");
        } else if (vm->irqchip == IRQCHIP_AIA) {
            place_files(m, v, files);
        } else {
            /* "plic", or the only one that is left without files */
        }
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void take_identity(struct manifest_reader *r, struct ram *ram, const struct vm_config *vm)
{
    for (uint32_t i = 0; i < vm->mem_count; i++) {
        const struct mem_config *mem = &vm->mem[i];

        if (mem->identity && range_valid(mem->gpa, mem->size) &&
            ram_alloc_at(ram, hpa(mem->gpa), mem->size) != ERR_OK) {
            manifest_fault(r, vm->node, "memory-identity",
                           "0x%" PRIx64 "..0x%" PRIx64 " is not free RAM of this machine, or "
                           "another VM's: look at the memory nodes of its FDT",
                           mem->gpa, mem->gpa + (mem->size - 1));
        }
    }
}

static uint64_t largest_piece(const struct ram *ram, uint64_t align)
{
    uint64_t largest = 0;

    for (uint32_t i = 0; i < ram->count; i++) {
        const struct ram_range *f = &ram->free[i];
        uint64_t lost = (align - (f->start & (align - 1))) & (align - 1);

        if (f->size > lost && f->size - lost > largest) {
            largest = f->size - lost;
        }
    }
    return largest;
}

/* size is 0 or uneven: told already. */
static bool take(struct ram *ram, uint64_t guest_start, uint64_t size, bool huge)
{
    hpa_t ignored;

    return size == 0 || !is_aligned(size, PAGE_SIZE) ||
           ram_alloc_guest(ram, guest_start, size, huge, &ignored) == ERR_OK;
}

static void no_room(struct manifest_reader *r, const struct ram *ram, int node, const char *prop,
                    uint64_t size)
{
    manifest_fault(
        r, node, prop,
        "%" PRIu64 " KiB more do not fit into this machine's RAM, where %" PRIu64
        " KiB are left for them, %" PRIu64 " in one piece: ask for less, or for smaller pieces",
        size >> 10, ram_free_bytes(ram) >> 10, largest_piece(ram, ram_guest_align(size)) >> 10);
}

/* In the order in which the VMs and regions are built. tell: what does not fit. */
static bool give_out(struct manifest_reader *r, struct ram *ram, bool huge, bool tell)
{
    const struct manifest *m = r->m;
    bool all = true;

    for (uint32_t v = 0; v < m->vm_count; v++) {
        for (uint32_t i = 0; i < m->vms[v].mem_count; i++) {
            const struct mem_config *mem = &m->vms[v].mem[i];

            if (!mem->identity && !take(ram, mem->gpa, mem->size, huge)) {
                all = false;
                if (tell) {
                    no_room(r, ram, m->vms[v].node, "memory", mem->size);
                }
            }
        }
    }
    for (uint32_t i = 0; i < m->shmem_count; i++) {
        if (!take(ram, 0, m->shmems[i].size, false)) {
            all = false;
            if (tell) {
                no_room(r, ram, m->shmems[i].node, "size", m->shmems[i].size);
            }
        }
    }
    return all;
}

/*
 * Gives the RAM out on paper: what is fixed first. Room for 1 GiB pages splits free RAM, so they
 * are used only if all fits that way, too.
 */
static void check_memory(struct manifest_reader *r)
{
    struct ram *ram = manifest_storage(r, 0, 2, sizeof(*ram));

    if (ram == NULL) {
        return;
    }
    ram[0] = r->board->ram;
    for (uint32_t v = 0; v < r->m->vm_count; v++) {
        take_identity(r, &ram[0], &r->m->vms[v]);
    }
    ram[1] = ram[0];
    r->m->huge_pages = give_out(r, &ram[1], true, false);
    if (!r->m->huge_pages) {
        (void)give_out(r, &ram[0], false, true);
    }
}

void manifest_check_host(struct manifest_reader *r)
{
    for (uint32_t v = 0; v < r->m->vm_count; v++) {
        const struct vm_config *vm = &r->m->vms[v];

        check_harts(r, vm);
        for (uint32_t i = 0; i < vm->passthrough_count; i++) {
            if (vm->passthrough[i].dev != NULL) {
                check_passthrough(r, v, &vm->passthrough[i]);
            }
        }
    }
    check_files(r);
    check_memory(r);
}
