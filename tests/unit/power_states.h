/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The states that test_power_explore.c visits: the coordinator and, beside it, what really is;
 * packed into a word, unpacked from it, and kept in a table.
 */
#ifndef TESTS_UNIT_POWER_STATES_H
#define TESTS_UNIT_POWER_STATES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/power.h"

#define VMS         3u
#define NOW         1000000u
#define TXN         7u
#define ACK_US      1000000u
#define PREPARE_US  5000000u
#define STOP_US     8000001u
#define QUANTUM_US  2000000u
#define BUDGET_US   3000000u /* so that a second postponement is clipped, a third refused */
#define MAX_ACTIONS POWER_ACTIONS_MAX(VMS)

enum truth { DOWN = 0, RUNS = 1, STOPPING = 2, FREEZING = 3, ASLEEP = 4 };

/* What really is, by the actions seen. */
struct vm_truth {
    enum truth runs;
    bool got_prepare; /* and no ABORT since */
    bool got_stop;    /* STOP, key or force; not of a SUSPEND */
    bool own;         /* it fell asleep by itself, in no transition */
};

struct world {
    struct power p;
    struct power_node nodes[VMS];
    struct vm_truth vm[VMS];
    bool held;
};

struct setup {
    const char *name;
    struct power_vm_config config[VMS];
    uint64_t above[VMS]; /* by hand, not by the code under test */
    uint64_t below[VMS];
    uint8_t who[5]; /* who requests and cancels */
    uint32_t who_count;
    enum power_kind kinds[4];
    uint32_t kind_count;
    bool pauses;
    bool sleeps; /* VMs sleep and wake by themselves */
};

static const struct setup *setup;
static struct world *w; /* the one being stepped */
static struct power_action actions[MAX_ACTIONS + 64];
static uint32_t action_count;
static uint64_t current_key;
static const struct power_event *current_event;
static uint64_t edges;
static enum power_phase old_phase;

static inline bool is_in(enum power_vm_state s, enum power_vm_state a, enum power_vm_state b)
{
    return s >= a && s <= b;
}

static inline bool is_timed(enum power_vm_state s)
{
    return is_in(s, POWER_VM_NOTIFIED, POWER_VM_PREPARING) ||
           is_in(s, POWER_VM_STOPPING, POWER_VM_FORCING) || s == POWER_VM_RESUMING;
}

static inline bool is_not_ready(enum power_vm_state s)
{
    return is_in(s, POWER_VM_WAITING, POWER_VM_PREPARING) || s == POWER_VM_RESUMING;
}

static inline bool is_down(enum power_vm_state s)
{
    return s == POWER_VM_OFF || s == POWER_VM_LOADING || s == POWER_VM_FORCED;
}

/* --- Failing with the place --- */

static inline void complain(const char *what, uint32_t vm)
{
    printf("FAILED %s: %s (vm %u)\n  state %016llx phase %s, event type %d vm %u kind %d txn %u em "
           "%d\n",
           setup->name, what, vm, (unsigned long long)current_key,
           w == NULL ? "?" : audit_state_name(w->p.phase),
           current_event == NULL ? -1 : (int)current_event->type,
           current_event == NULL ? 0u : current_event->vm,
           current_event == NULL ? 0 : (int)current_event->kind,
           current_event == NULL ? 0u : current_event->txn,
           current_event == NULL ? 0 : current_event->emergency);
    for (uint32_t v = 0; w != NULL && v < VMS; v++) {
        printf("  vm %u %s runs %d prepare %d stop %d\n", v, audit_state_name(w->nodes[v].state),
               (int)w->vm[v].runs, w->vm[v].got_prepare, w->vm[v].got_stop);
    }
    for (uint32_t i = 0; i < action_count; i++) {
        printf("  action %d vm %u notice %d %s %s -> %s\n", (int)actions[i].type, actions[i].vm,
               (int)actions[i].notice, audit_event_name(actions[i].event),
               audit_state_name(actions[i].old_state), audit_state_name(actions[i].new_state));
    }
    fail();
}

#define check(vm, condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            complain(#condition, vm);                                                              \
        }                                                                                          \
    } while (0)

/* --- States as words --- */

static inline void put(uint64_t *key, uint32_t bits, uint64_t value)
{
    *key = (*key << bits) | value;
}

static uint64_t take(uint64_t *key, uint32_t bits)
{
    uint64_t value = *key & ((UINT64_C(1) << bits) - 1);
    *key >>= bits;
    return value;
}

static uint32_t postpone_code(const struct power_node *n)
{
    if (!is_in(n->state, POWER_VM_NOTIFIED, POWER_VM_PREPARING)) {
        return 0; /* set anew by the next PREPARE */
    }
    return n->postpone_left_us == BUDGET_US ? 2 : n->postpone_left_us == 0 ? 0 : 1;
}

static uint64_t pack(const struct world *s)
{
    uint64_t key = 0;
    for (uint32_t v = VMS; v-- > 0;) {
        const struct power_node *n = &s->nodes[v];
        put(&key, 4, n->state - POWER_VM_OFF);
        put(&key, 1, n->listener);
        put(&key, 1, n->paused);
        put(&key, 1, n->told);
        put(&key, 1, n->asked);
        put(&key, 1, n->asleep);
        put(&key, 2, postpone_code(n));
        put(&key, 1, s->vm[v].own);
        put(&key, 3, s->vm[v].runs);
        put(&key, 1, s->vm[v].got_prepare);
        put(&key, 1, s->vm[v].got_stop);
    }
    uint64_t by = s->p.initiator;
    put(&key, 3, by < VMS ? by : by == POWER_BY_CONSOLE ? 4 : by == POWER_BY_PLATFORM ? 5 : 6);
    put(&key, 3, s->p.phase);
    put(&key, 2, s->p.phase == POWER_RUN ? 0 : s->p.kind);
    put(&key, 1, s->p.emergency);
    put(&key, 1, s->p.no_abort);
    put(&key, 1, s->p.halted);
    put(&key, 1, s->held);
    return key;
}

static inline void unpack(uint64_t key, struct world *s, power_emit_fn emit)
{
    static const uint8_t by[8] = {0, 1, 2, 3, POWER_BY_CONSOLE, POWER_BY_PLATFORM, POWER_NOBODY, 0};
    memset(s, 0, sizeof(*s));
    s->held = take(&key, 1) != 0;
    s->p = (struct power){.config = setup->config,
                          .nodes = s->nodes,
                          .emit = emit,
                          .count = VMS,
                          .txn = TXN,
                          .now_us = NOW};
    s->p.halted = take(&key, 1) != 0;
    s->p.no_abort = take(&key, 1) != 0;
    s->p.emergency = take(&key, 1) != 0;
    s->p.kind = (enum power_kind)take(&key, 2);
    s->p.phase = (enum power_phase)take(&key, 3);
    s->p.initiator = by[take(&key, 3)];
    for (uint32_t v = 0; v < VMS; v++) {
        struct power_node *n = &s->nodes[v];
        s->vm[v].got_stop = take(&key, 1) != 0;
        s->vm[v].got_prepare = take(&key, 1) != 0;
        s->vm[v].runs = (enum truth)take(&key, 3);
        s->vm[v].own = take(&key, 1) != 0;
        uint64_t code = take(&key, 2);
        n->postpone_left_us = code == 2 ? BUDGET_US : code == 1 ? BUDGET_US - QUANTUM_US : 0;
        n->asleep = take(&key, 1) != 0;
        n->asked = take(&key, 1) != 0;
        n->told = take(&key, 1) != 0;
        n->paused = take(&key, 1) != 0;
        n->listener = take(&key, 1) != 0;
        n->state = (enum power_vm_state)(take(&key, 4) + POWER_VM_OFF);
        n->above = setup->above[v];
        n->below = setup->below[v];
        n->timer_at_us = is_timed(n->state) ? NOW + 1 : POWER_NEVER;
    }
}

/* --- The table of states: open addressing, and the states in order of discovery --- */

#define TABLE_BITS 20u
#define STATES_MAX (3u << (TABLE_BITS - 2))

struct state {
    uint64_t key;
    uint32_t next[VMS]; /* index + 1 after the VM's time-out; 0: no timer */
    uint32_t steps;     /* longest way by time-outs, + 1; 0: not known yet */
};

static struct state *states;
static uint32_t *table; /* index + 1 */
static uint32_t state_count;

static uint32_t find_or_add(uint64_t key)
{
    uint32_t slot = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - TABLE_BITS));
    while (table[slot] != 0) {
        if (states[table[slot] - 1].key == key) {
            return table[slot] - 1;
        }
        slot = (slot + 1) & ((1u << TABLE_BITS) - 1);
    }
    assert_true(state_count < STATES_MAX);
    states[state_count] = (struct state){.key = key};
    table[slot] = ++state_count;
    return state_count - 1;
}

#endif
