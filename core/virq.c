/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which source of a VM's interrupt controller is driven by whom. The tables are filled at boot and
 * constant after that: no lock.
 */
#include "core/virq.h"

#include "core/machine.h"
#include "core/pagepool.h"
#include "core/vm.h"

#include <stdalign.h>
#include <stddef.h>

enum err virqchip_init(struct virqchip *chip, const struct virqchip_ops *ops, struct vm *vm,
                       uint32_t source_count)
{
    chip->ops = ops;
    chip->vm = vm;
    chip->source_count = source_count;
    chip->lines =
        pool_alloc((source_count + 1u) * sizeof(struct virq_line), alignof(struct virq_line));
    return chip->lines != NULL ? ERR_OK : ERR_NO_MEMORY;
}

/*
 * The host source fired, on irq->hart: so does the VM's. A level is taken back at completion,
 * unless the chip passes MSIs on, of which there is one for each time that it is due.
 */
static void virq_host_fired(struct host_irq *irq)
{
    struct virq_host *host = container_of(irq, struct virq_host, irq);
    struct virqchip *chip = host->chip;

    if (chip->ops->relay != NULL) {
        chip->ops->relay(chip, host->source);
    } else if (irq_is_level(irq->trigger)) {
        chip->ops->set_level(chip, host->source, true);
    } else {
        chip->ops->pulse(chip, host->source);
    }
}

static enum err virq_enter(struct virqchip *chip, uint32_t source, enum irq_trigger trigger,
                           struct virq_host *host)
{
    struct virq_line *line = &chip->lines[source];
    enum err err;

    line->trigger = (uint32_t)trigger;
    line->host = host;
    err = chip->ops->claim(chip, source);
    if (err != ERR_OK) {
        *line = (struct virq_line){0};
    }
    return err;
}

static enum err virq_check(const struct virqchip *chip, uint32_t source, enum irq_trigger trigger)
{
    if (source == 0 || source > chip->source_count) {
        return ERR_RANGE;
    }
    if (virq_claimed(chip, source)) {
        return ERR_EXISTS;
    }
    return trigger == IRQ_EDGE_RISING || trigger == IRQ_EDGE_FALLING || irq_is_level(trigger)
               ? ERR_OK
               : ERR_INVALID;
}

enum err virq_claim(struct virqchip *chip, uint32_t source, enum irq_trigger trigger)
{
    enum err err = virq_check(chip, source, trigger);

    return err == ERR_OK ? virq_enter(chip, source, trigger, NULL) : err;
}

enum err virq_claim_host(struct virqchip *chip, uint32_t source, uint32_t host_source,
                         enum irq_trigger trigger)
{
    enum err err = virq_check(chip, source, trigger);
    struct virq_host *host;

    if (err != ERR_OK) {
        return err;
    }
    if (machine.irqchip.ops == NULL) {
        return ERR_NOT_SUPPORTED;
    }
    if (host_source == 0 || host_source > machine.irqchip.source_count) {
        return ERR_RANGE;
    }
    host = pool_alloc(sizeof(*host), alignof(struct virq_host));
    if (host == NULL) {
        return ERR_NO_MEMORY;
    }
    host->irq = (struct host_irq){
        .source = host_source,
        .trigger = trigger,
        .hart = vcpu_hart(chip->vm->vcpus[0]),
        .handler = virq_host_fired,
    };
    host->chip = chip;
    host->source = source;
    return virq_enter(chip, source, trigger, host);
}

enum err virq_host_routes(struct virqchip *chip, uint32_t source)
{
    const struct irqchip_ops *ops = machine.irqchip.ops;
    struct host_irq *irq = &chip->lines[source].host->irq;
    enum err err = ERR_OK;

    if (ops->route_guest == NULL) {
        return ERR_NOT_SUPPORTED;
    }
    for (uint32_t i = 0; i < chip->vm->vcpu_count && err == ERR_OK; i++) {
        err = ops->route_guest(irq, chip->vm->vcpus[i], 0);
    }
    (void)ops->route_guest(irq, NULL, 0);
    return err;
}
