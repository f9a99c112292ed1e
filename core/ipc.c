/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The switchboard: which VM has which channel ends and regions, and what their peers hear when a VM
 * starts or stops. Tables are made at boot and constant after that; what changes is in the ends
 * (channel.c) and regions (shmem.c) under their locks, and in struct ipc_vm by atomics.
 */
#include "core/ipc.h"

#include "core/channel.h"
#include "core/fdt.h"
#include "core/log.h"
#include "core/pagepool.h"
#include "core/virq.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

/* ---- boot ------------------------------------------------------------------------------------ */

static enum err build_end(struct channel_end *end, uint32_t channel, uint32_t side,
                          const char **why)
{
    const struct channel_config *config = &machine.manifest.channels[channel];
    const struct channel_end_config *ec = &config->end[side];
    struct vm *vm = machine.vms[ec->vm];
    enum err e;

    end->vm = vm;
    end->peer = &machine.ipc->ends[2 * channel + (1 - side)];
    end->channel = config;
    end->irq = ec->irq;
    end->bell = ec->send ? end->peer : NULL;
    end->send = ec->send;
    end->receive = ec->receive;
    end->chip = vm->irqchip;
    spinlock_init(&end->lock);
    vm->ipc->ends[vm->ipc->end_count++] = end;

    e = virq_claim(vm->irqchip, ec->irq, IRQ_EDGE_RISING);
    if (e != ERR_OK) {
        *why = "an interrupt of a channel is taken by another device, or there is no such source";
        log_error("channel %s: interrupt source %u of VM %s", config->name, (unsigned)ec->irq,
                  vm->config->name);
    }
    return e;
}

/* Each VM's list of ends, empty but as long as it will be. */
static enum err build_lists(void)
{
    const struct manifest *m = &machine.manifest;

    for (uint32_t v = 0; v < machine.vm_count; v++) {
        size_t size = sizeof(struct ipc_vm);

        for (uint32_t i = 0; i < 2 * m->channel_count; i++) {
            size += m->channels[i / 2].end[i % 2].vm == v ? sizeof(struct channel_end *) : 0;
        }
        machine.vms[v]->ipc = pool_alloc(size, alignof(struct ipc_vm));
        if (machine.vms[v]->ipc == NULL) {
            return ERR_NO_MEMORY;
        }
    }
    return ERR_OK;
}

enum err ipc_build(const char **why)
{
    const struct manifest *m = &machine.manifest;
    struct ipc *ipc = pool_alloc(sizeof(*ipc), alignof(struct ipc));

    *why = POOL_USED_UP;
    if (ipc == NULL) {
        return ERR_NO_MEMORY;
    }
    machine.ipc = ipc;
    ipc->ends =
        pool_alloc((2 * m->channel_count + 1) * sizeof(*ipc->ends), alignof(struct channel_end));
    ipc->shmems = pool_alloc((m->shmem_count + 1) * sizeof(*ipc->shmems), alignof(struct shmem));
    if (ipc->ends == NULL || ipc->shmems == NULL || build_lists() != ERR_OK) {
        return ERR_NO_MEMORY;
    }

    for (uint32_t i = 0; i < 2 * m->channel_count; i++) {
        enum err e = build_end(&ipc->ends[i], i / 2, i % 2, why);

        if (e != ERR_OK) {
            return e;
        }
    }
    for (uint32_t i = 0; i < m->shmem_count; i++) {
        enum err e = shmem_build(&ipc->shmems[i], &m->shmems[i], why);

        if (e != ERR_OK) {
            log_error("shared region %s: %s", m->shmems[i].name, *why);
            return e;
        }
    }
    return ERR_OK;
}

/* ---- starts and stops ------------------------------------------------------------------------ */

static bool has_region(const struct vm *vm, const struct shmem *s)
{
    for (uint32_t i = 0; i < s->config->end_count; i++) {
        if (s->config->ends[i].vm == vm->index) {
            return true;
        }
    }
    return false;
}

enum err ipc_vm_enter(struct vm *vm)
{
    struct ipc_vm *iv = vm->ipc;

    for (; iv->entered < machine.manifest.shmem_count; iv->entered++) {
        struct shmem *s = &machine.ipc->shmems[iv->entered];

        if (has_region(vm, s) && !shmem_enter(s)) {
            return ERR_BUSY;
        }
    }
    return ERR_OK;
}

static void leave_regions(const struct vm *vm)
{
    struct ipc_vm *iv = vm->ipc;

    for (; iv->entered != 0; iv->entered--) {
        struct shmem *s = &machine.ipc->shmems[iv->entered - 1];

        if (has_region(vm, s)) {
            shmem_leave(s);
        }
    }
}

static void tell_peers(const struct ipc_vm *iv)
{
    for (uint32_t i = 0; i < iv->end_count; i++) {
        channel_tell(iv->ends[i]->peer);
    }
}

void ipc_vm_started(struct vm *vm)
{
    struct ipc_vm *iv = vm->ipc;
    uint32_t generation;

    spin_lock(&vm->lock);
    generation = vm->generation;
    spin_unlock(&vm->lock);

    atomic_store_explicit(&iv->generation, generation, memory_order_relaxed);
    atomic_store_explicit(&iv->running, true, memory_order_release);
    tell_peers(iv);
}

void ipc_vm_stopped(struct vm *vm)
{
    struct ipc_vm *iv = vm->ipc;

    /* A load that came to nothing was never told. */
    if (atomic_exchange_explicit(&iv->running, false, memory_order_acq_rel)) {
        for (uint32_t i = 0; i < iv->end_count; i++) {
            (void)channel_close(iv->ends[i]);
        }
        tell_peers(iv);
    }
    leave_regions(vm);
}

/* ---- reports --------------------------------------------------------------------------------- */

uint32_t ipc_end_count(const struct vm *vm)
{
    return vm->ipc->end_count;
}

const char *ipc_end_stats(const struct vm *vm, uint32_t index, struct ipc_stats *out)
{
    struct channel_end *end = ipc_end(vm, index);

    if (end == NULL) {
        return NULL;
    }
    spin_lock(&end->lock);
    *out = end->stats;
    spin_unlock(&end->lock);
    out->bells = atomic_load_explicit(&end->bells, memory_order_relaxed);
    return end->channel->name;
}

/* ---- the guest's FDT ------------------------------------------------------------------------- */

static int put_string(void *fdt, const char *name, const char *value)
{
    return fdt_property(fdt, name, value, (int)strlen(value) + 1);
}

static enum err put_channel(const struct vm *vm, void *fdt, uint32_t index)
{
    const struct channel_end *end = vm->ipc->ends[index];
    char name[24];
    int bad;

    (void)snprintf(name, sizeof(name), "channel@%x", (unsigned)index);
    bad = fdt_begin_node(fdt, name);
    bad |= put_string(fdt, "compatible", "curia,channel");
    bad |= fdt_property_u32(fdt, "reg", index);
    bad |= put_string(fdt, "label", end->channel->name);
    bad |= put_string(fdt, "peer", end->peer->vm->config->name);
    if (end->send) {
        bad |= fdt_property(fdt, "curia,send", NULL, 0);
    }
    if (end->receive) {
        bad |= fdt_property(fdt, "curia,receive", NULL, 0);
    }
    if (bad == 0 && vm->irqchip->ops->fdt_interrupts(vm->irqchip, fdt, end->irq) != ERR_OK) {
        return ERR_RANGE;
    }
    return bad == 0 && fdt_end_node(fdt) == 0 ? ERR_OK : ERR_RANGE;
}

static enum err put_region(void *fdt, const struct shmem_config *c,
                           const struct shmem_end_config *end)
{
    fdt64_t reg[2] = {cpu_to_fdt64(end->gpa), cpu_to_fdt64(c->size)};
    char name[32];
    int bad;

    (void)snprintf(name, sizeof(name), "region@%lx", (unsigned long)end->gpa);
    bad = fdt_begin_node(fdt, name);
    bad |= put_string(fdt, "compatible", "curia,shared-region");
    bad |= fdt_property(fdt, "reg", reg, (int)sizeof(reg));
    bad |= put_string(fdt, "label", c->name);
    if (!end->write) {
        bad |= fdt_property(fdt, "read-only", NULL, 0);
    }
    bad |= fdt_end_node(fdt);
    return bad == 0 ? ERR_OK : ERR_RANGE;
}

enum err ipc_fdt(const struct vm *vm, void *fdt)
{
    const struct manifest *m = &machine.manifest;

    for (uint32_t i = 0; i < ipc_end_count(vm); i++) {
        if (put_channel(vm, fdt, i) != ERR_OK) {
            return ERR_RANGE;
        }
    }
    for (uint32_t i = 0; i < m->shmem_count; i++) {
        for (uint32_t j = 0; j < m->shmems[i].end_count; j++) {
            const struct shmem_end_config *end = &m->shmems[i].ends[j];

            if (end->vm == vm->index && put_region(fdt, &m->shmems[i], end) != ERR_OK) {
                return ERR_RANGE;
            }
        }
    }
    return ERR_OK;
}
