/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of ranks: checks of the manifest's side of the power coordinator, and the transitive
 * closure that the state machine works with. Compiled for curia-manifest too.
 */
#include "core/power.h"

#define ALL_KINDS ((1u << (POWER_KIND_COUNT + 1u)) - 1u)

static uint64_t all_vms(uint32_t count)
{
    return count == 0 ? 0 : ~UINT64_C(0) >> (POWER_VM_MAX - count);
}

static uint64_t subordinates(const struct power_vm_config *config, uint32_t count, uint32_t vm)
{
    uint64_t mask = 0;
    for (uint32_t v = 0; v < count; v++) {
        mask |= ((config[v].superiors >> vm) & 1u) << v;
    }
    return mask;
}

static uint64_t prepare_wait_us(const struct power_vm_config *c)
{
    return (uint64_t)c->ack_us + c->prepare_us + c->postpone_budget_us;
}

static uint64_t stop_wait_us(const struct power_vm_config *c)
{
    return (uint64_t)c->stop_us + POWER_FREEZE_US;
}

/*
 * The longest sum of waits along a chain of ranks, down (PREPARE) or up (STOP), and the VM where it
 * ends. VMs are taken off the graph from its ends; those on or behind a cycle stay: returned in
 * *stuck, with the result meaningless.
 */
static uint64_t longest_chain_us(const struct power_vm_config *config, uint32_t count, bool down,
                                 uint8_t *end, uint64_t *stuck)
{
    uint64_t total_us[POWER_VM_MAX] = {0};
    uint64_t longest_us = 0;
    uint64_t left = all_vms(count);
    bool progress = true;
    *end = 0;
    while (progress) {
        progress = false;
        for (uint32_t v = 0; v < count; v++) {
            uint64_t before = down ? config[v].superiors : subordinates(config, count, v);
            uint64_t us = 0;
            if (((left >> v) & 1u) == 0 || (before & left) != 0) {
                continue;
            }
            for (uint32_t b = 0; b < count; b++) {
                us = ((before >> b) & 1u) != 0 && total_us[b] > us ? total_us[b] : us;
            }
            total_us[v] = us + (down ? prepare_wait_us(&config[v]) : stop_wait_us(&config[v]));
            if (total_us[v] > longest_us) {
                longest_us = total_us[v];
                *end = (uint8_t)v;
            }
            left &= ~(UINT64_C(1) << v);
            progress = true;
        }
    }
    *stuck = left;
    return longest_us;
}

static uint8_t lowest(uint64_t mask)
{
    uint8_t v = 0;
    while (((mask >> v) & 1u) == 0) {
        v++;
    }
    return v;
}

static enum err fault(struct power_config_error *error, enum power_config_fault fault, uint32_t vm,
                      uint32_t other)
{
    error->fault = fault;
    error->vm = (uint8_t)vm;
    error->other = (uint8_t)other;
    return ERR_INVALID;
}

static enum err check_vm(const struct power_vm_config *c, uint32_t vm, uint32_t count,
                         struct power_config_error *error)
{
    uint64_t unknown = c->superiors & ~all_vms(count);
    if (unknown != 0) {
        return fault(error, POWER_CONFIG_UNKNOWN, vm, lowest(unknown));
    }
    if (c->ack_us == 0 || c->prepare_us == 0 || c->stop_us == 0) {
        return fault(error, POWER_CONFIG_WAIT, vm, vm);
    }
    if (c->postpone_quantum_us > c->postpone_budget_us ||
        (c->postpone_quantum_us == 0 && c->postpone_budget_us != 0)) {
        return fault(error, POWER_CONFIG_POSTPONE, vm, vm);
    }
    if ((c->may_initiate & ~ALL_KINDS) != 0) {
        return fault(error, POWER_CONFIG_KIND, vm, vm);
    }
    return ERR_OK;
}

enum err power_check_config(const struct power_vm_config *config, uint32_t count,
                            uint64_t deadline_us, struct power_config_error *error)
{
    uint64_t stuck;
    uint8_t prepare_end, stop_end;

    *error = (struct power_config_error){.fault = POWER_CONFIG_OK};
    if (count > POWER_VM_MAX) {
        return fault(error, POWER_CONFIG_COUNT, 0, 0);
    }
    for (uint32_t v = 0; v < count; v++) {
        enum err err = check_vm(&config[v], v, count, error);
        if (err != ERR_OK) {
            return err;
        }
    }
    error->total_us = longest_chain_us(config, count, true, &prepare_end, &stuck);
    if (stuck != 0) {
        /* Each of these has a superior among them: going up often enough ends on the cycle. */
        uint8_t vm = lowest(stuck);
        for (uint32_t i = 0; i < count; i++) {
            vm = lowest(config[vm].superiors & stuck);
        }
        error->total_us = 0;
        return fault(error, POWER_CONFIG_CYCLE, vm, lowest(config[vm].superiors & stuck));
    }
    error->total_us += longest_chain_us(config, count, false, &stop_end, &stuck);
    if (error->total_us > deadline_us) {
        return fault(error, POWER_CONFIG_DEADLINE, prepare_end, stop_end);
    }
    return ERR_OK;
}

enum err power_init(struct power *p, const struct power_vm_config *config, struct power_node *nodes,
                    uint32_t count, power_emit_fn emit, void *ctx)
{
    struct power_config_error error;
    enum err err = power_check_config(config, count, POWER_NEVER, &error);
    if (err != ERR_OK) {
        return err;
    }
    *p = (struct power){.config = config,
                        .nodes = nodes,
                        .emit = emit,
                        .ctx = ctx,
                        .count = (uint8_t)count,
                        .initiator = POWER_NOBODY};
    for (uint32_t v = 0; v < count; v++) {
        nodes[v] = (struct power_node){
            .above = config[v].superiors, .timer_at_us = POWER_NEVER, .state = POWER_VM_OFF};
    }
    for (uint32_t via = 0; via < count; via++) {
        for (uint32_t v = 0; v < count; v++) {
            nodes[v].above |= ((nodes[v].above >> via) & 1u) != 0 ? nodes[via].above : 0;
        }
    }
    for (uint32_t v = 0; v < count; v++) {
        for (uint32_t s = 0; s < count; s++) {
            nodes[v].below |= ((nodes[s].above >> v) & 1u) << s;
        }
    }
    return ERR_OK;
}
