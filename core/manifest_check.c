/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What holds between the nodes of a manifest on any machine: names, each VM's guest-physical map
 * and interrupt sources, and the power order. Who shares a hart: manifest_sched.c.
 */
#include "core/manifest_reader.h"

#include <inttypes.h>
#include <string.h>

#define GUEST_ADDRESS_END (UINT64_C(1) << 41) /* what every second stage translates (Sv39x4) */
#define UART_SIZE         PAGE_SIZE           /* no page of RAM may hold emulated registers */
#define PLIC_SIZE         (64 * MIB)
#define APLIC_SIZE        (32 * KIB)

/* ---- the guest-physical map of one VM -------------------------------------------------------- */

struct area {
    uint64_t start, size;
    const char *what;
    const char *prop;
    int node;
};

static bool shmem_area(const struct manifest *m, uint32_t vm, uint32_t index, struct area *a)
{
    for (uint32_t s = 0; s < m->shmem_count; s++) {
        for (uint32_t e = 0; e < m->shmems[s].end_count; e++) {
            if (m->shmems[s].ends[e].vm == vm && index-- == 0) {
                *a = (struct area){m->shmems[s].ends[e].gpa, m->shmems[s].size, "shared region",
                                   "address", m->shmems[s].node};
                return true;
            }
        }
    }
    return false;
}

static bool passthrough_area(const struct vm_config *vm, uint32_t *index, struct area *a)
{
    for (uint32_t p = 0; p < vm->passthrough_count; p++) {
        const struct board_device *dev = vm->passthrough[p].dev;

        if (dev != NULL && *index < dev->reg_count) {
            const struct board_reg *reg = &dev->regs[*index];
            uint64_t start = align_down(reg->start, PAGE_SIZE);

            *a = (struct area){start, align_up(reg->size + (reg->start - start), PAGE_SIZE),
                               "passed-through device", "host-path", vm->passthrough[p].node};
            return true;
        }
        *index -= dev != NULL ? dev->reg_count : 0;
    }
    return false;
}

/* Area index of all that VM vm has in its map; false: there are no more. */
static bool area_at(const struct manifest *m, uint32_t vm_index, uint32_t index, struct area *a)
{
    const struct vm_config *vm = &m->vms[vm_index];
    bool aia_only = vm->irqchip == IRQCHIP_AIA;

    if (index == 0) {
        *a = (struct area){aia_only ? VDEV_APLIC_BASE : VDEV_PLIC_BASE,
                           aia_only ? APLIC_SIZE : PLIC_SIZE, "interrupt controller", "irqchip",
                           vm->node};
        return true;
    }
    if (index == 1) {
        *a = (struct area){VDEV_IMSIC_BASE, (vm->vcpu_count + UINT64_C(1)) * PAGE_SIZE,
                           "interrupt files", "irqchip", vm->node};
        return true;
    }
    index -= 2;
    if (index < vm->mem_count) {
        *a = (struct area){vm->mem[index].gpa, vm->mem[index].size, "memory", "memory", vm->node};
        return true;
    }
    index -= vm->mem_count;
    if (index < vm->vdev_count) {
        *a = (struct area){vm->vdevs[index].gpa, UART_SIZE, "device", "address",
                           vm->vdevs[index].node};
        return true;
    }
    index -= vm->vdev_count;
    return passthrough_area(vm, &index, a) || shmem_area(m, vm_index, index, a);
}

static bool area_valid(struct manifest_reader *r, const struct vm_config *vm, const struct area *a)
{
    if (!is_aligned(a->start | a->size, PAGE_SIZE) || a->size == 0) {
        manifest_fault(r, a->node, a->prop,
                       "%s at 0x%" PRIx64 ", size 0x%" PRIx64 ": both must be multiples of 4 KiB, "
                       "and the size not 0",
                       a->what, a->start, a->size);
        return false;
    }
    if (!range_within(a->start, a->size, 0, GUEST_ADDRESS_END)) {
        manifest_fault(r, a->node, a->prop,
                       "%s at 0x%" PRIx64 ", size 0x%" PRIx64 ", in VM %s: guest addresses end at "
                       "0x%" PRIx64,
                       a->what, a->start, a->size, vm->name, GUEST_ADDRESS_END);
        return false;
    }
    return true;
}

static void check_map(struct manifest_reader *r, uint32_t vm)
{
    const char *name = r->m->vms[vm].name;
    struct area a, b;

    for (uint32_t i = 0; area_at(r->m, vm, i, &a); i++) {
        if (!area_valid(r, &r->m->vms[vm], &a)) {
            continue;
        }
        for (uint32_t k = 0; k < i && area_at(r->m, vm, k, &b); k++) {
            if (range_valid(b.start, b.size) && range_overlaps(a.start, a.size, b.start, b.size)) {
                manifest_fault(r, a.node, a.prop,
                               "%s 0x%" PRIx64 "..0x%" PRIx64 " overlaps the %s at 0x%" PRIx64
                               "..0x%" PRIx64 " of VM %s: move one of them",
                               a.what, a.start, a.start + (a.size - 1), b.what, b.start,
                               b.start + (b.size - 1), name);
            }
        }
    }
}

/* ---- interrupt sources ----------------------------------------------------------------------- */

struct sources {
    uint64_t used[VDEV_SOURCES / 64u + 1u];
    uint32_t highest; /* of them */
};

/* False: it is taken. */
static bool take(struct sources *s, uint32_t irq)
{
    uint64_t bit = UINT64_C(1) << (irq & 63u);

    if ((s->used[irq / 64u] & bit) != 0) {
        return false;
    }
    s->used[irq / 64u] |= bit;
    s->highest = irq > s->highest ? irq : s->highest;
    return true;
}

static void claim(struct manifest_reader *r, struct sources *s, uint32_t irq, int node,
                  const char *prop, const char *vm)
{
    if (irq == 0 || irq > VDEV_SOURCES) {
        manifest_fault(r, node, prop, "interrupt source %u of VM %s: there are 1 to %u", irq, vm,
                       VDEV_SOURCES);
    } else if (!take(s, irq)) {
        manifest_fault(r, node, prop,
                       "interrupt source %u of VM %s is used twice: take another, 1 to %u", irq, vm,
                       VDEV_SOURCES);
    }
}

static uint32_t claim_free(struct manifest_reader *r, struct sources *s, int node, const char *vm)
{
    for (uint32_t irq = 1; irq <= VDEV_SOURCES; irq++) {
        if (take(s, irq)) {
            return irq;
        }
    }
    manifest_fault(r, node, NULL, "no interrupt source of VM %s is left for it: there are %u", vm,
                   VDEV_SOURCES);
    return 0;
}

/*
 * What the manifest states first, then what it leaves open: the lowest ones, for a guest that sets
 * its irqchip up goes through all up to the highest.
 */
static void check_irqs(struct manifest_reader *r, uint32_t index)
{
    struct manifest *m = r->m;
    struct vm_config *vm = &m->vms[index];
    struct sources s = {0};

    for (uint32_t i = 0; i < vm->vdev_count; i++) {
        if (vm->vdevs[i].irq != 0) {
            claim(r, &s, vm->vdevs[i].irq, vm->vdevs[i].node, "interrupt", vm->name);
        }
    }
    for (uint32_t i = 0; i < vm->passthrough_count; i++) {
        const struct board_device *dev = vm->passthrough[i].dev;

        for (uint32_t k = 0; dev != NULL && k < dev->irq_count; k++) {
            claim(r, &s, dev->irqs[k].source, vm->passthrough[i].node, "host-path", vm->name);
        }
    }
    if (vm->power_irq != 0) {
        claim(r, &s, vm->power_irq, vm->node, "power-interrupt", vm->name);
    }
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < m->channel_count; i++) {
            for (uint32_t e = 0; e < 2; e++) {
                struct channel_config *c = &m->channels[i];

                if (c->end[e].vm != index || (!c->end[e].send && !c->end[e].receive)) {
                    continue;
                }
                if (pass == 0 && c->end[e].irq != 0) {
                    claim(r, &s, c->end[e].irq, c->node, "interrupts-of-ends", vm->name);
                } else if (pass == 1 && c->end[e].irq == 0) {
                    c->end[e].irq = claim_free(r, &s, c->node, vm->name);
                }
            }
        }
    }
    if (vm->power_irq == 0) {
        vm->power_irq = claim_free(r, &s, vm->node, vm->name);
    }
    vm->source_count = s.highest;
}

/* ---- names, devices between VMs -------------------------------------------------------------- */

static void check_names(struct manifest_reader *r)
{
    const struct manifest *m = r->m;

    for (uint32_t i = 0; i < m->vm_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(m->vms[i].name, m->vms[k].name) == 0) {
                manifest_fault(r, m->vms[i].node, NULL, "there is another VM of this name");
            }
        }
    }
    for (uint32_t i = 0; i < m->channel_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(m->channels[i].name, m->channels[k].name) == 0) {
                manifest_fault(r, m->channels[i].node, NULL,
                               "there is another channel of this name");
            }
        }
    }
    for (uint32_t i = 0; i < m->shmem_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(m->shmems[i].name, m->shmems[k].name) == 0) {
                manifest_fault(r, m->shmems[i].node, NULL, "there is another region of this name");
            }
        }
    }
}

static void check_paths(struct manifest_reader *r, uint32_t vm)
{
    const struct manifest *m = r->m;
    const struct vm_config *c = &m->vms[vm];

    for (uint32_t p = 0; p < c->passthrough_count; p++) {
        const struct passthrough_config *a = &c->passthrough[p];

        for (uint32_t v = 0; v <= vm; v++) {
            uint32_t count = v == vm ? p : m->vms[v].passthrough_count;

            for (uint32_t i = 0; i < count; i++) {
                const struct passthrough_config *b = &m->vms[v].passthrough[i];

                if (strcmp(a->path, b->path) == 0 || (a->dev != NULL && a->dev == b->dev)) {
                    manifest_fault(r, a->node, "host-path",
                                   "%s belongs to VM %s already: a device has one owner", a->path,
                                   m->vms[v].name);
                }
            }
        }
        for (uint32_t i = 0; a->dma == DMA_TRUSTED && i < c->mem_count; i++) {
            if (!c->mem[i].identity) {
                manifest_fault(r, a->node, "dma",
                               "\"trusted\": without an IOMMU it uses host addresses, so VM %s "
                               "needs memory-identity",
                               c->name);
                break;
            }
        }
    }
}

/* Not inlined: its list would lie beneath everything that boot does later. */
static __attribute__((noinline)) void check_power(struct manifest_reader *r)
{
    struct power_vm_config config[MANIFEST_VMS / 4];
    struct power_vm_config *c = config;
    struct power_config_error error;
    struct manifest *m = r->m;

    if (m->vm_count > ARRAY_SIZE(config)) {
        c = manifest_storage(r, 0, m->vm_count, sizeof(*c));
        if (c == NULL) {
            return;
        }
    }
    for (uint32_t i = 0; i < m->vm_count; i++) {
        c[i] = m->vms[i].power;
    }
    if (power_check_config(c, m->vm_count, m->deadline_us, &error) == ERR_OK) {
        return;
    }
    switch (error.fault) {
    case POWER_CONFIG_OK:
    case POWER_CONFIG_COUNT:   /* not with MANIFEST_VMS VMs */
    case POWER_CONFIG_UNKNOWN: /* superiors are found by phandle, and */
    case POWER_CONFIG_WAIT:    /* numbers were checked as they were read */
    case POWER_CONFIG_KIND:
        manifest_fault(r, m->vms[error.vm].node, NULL, "its power settings are refused");
        break;
    case POWER_CONFIG_CYCLE:
        manifest_fault(r, m->vms[error.vm].node, "power-superiors",
                       "goes round in a circle by way of %s: who commands must not be commanded by "
                       "its subordinate",
                       m->vms[error.other].name);
        break;
    case POWER_CONFIG_POSTPONE:
        manifest_fault(r, m->vms[error.vm].node, "power-postpone-quantum-ms",
                       "and power-postpone-budget-ms go together, the quantum not above the "
                       "budget");
        break;
    case POWER_CONFIG_DEADLINE:
        manifest_fault(r, 0, "power-deadline-ms",
                       "is too short: going down can take %" PRIu64 " ms (prepare down to %s, stop "
                       "up from the lowest rank to %s); raise it, or shorten their timeouts",
                       error.total_us / 1000u, m->vms[error.vm].name, m->vms[error.other].name);
        break;
    }
}

void manifest_check(struct manifest_reader *r)
{
    struct manifest *m = r->m;

    if (r->board != NULL) {
        manifest_find_devices(r);
    }
    check_names(r);
    for (uint32_t v = 0; v < m->vm_count; v++) {
        check_map(r, v);
        check_irqs(r, v);
        check_paths(r, v);
    }
    manifest_check_sched(r);
    check_power(r);
}
