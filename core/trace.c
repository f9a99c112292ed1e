/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace's rings. No lock: a ring is written by its own hart, with interrupts off, and read by
 * any, like a sequence lock whose writer never waits:
 *
 *   hart:    (a) head = p, release           (b) release fence   (c) words of record p   then (a)
 *            with p + 1
 *   reader:  (d) words of record q           (e) acquire fence   (f) head read again
 *
 * Record p takes the slot of record p - records. If (d) sees a word of (c), then (b) and (e)
 * synchronise, so that (f) sees at least the head of (a), p = q + records, and the reader throws
 * record q away; what it keeps has been whole. The head that it begins with is an acquire, which
 * pairs with the release of (a): records below it are whole or, by the above, thrown away.
 */
#include "core/trace.h"

#include "core/channel.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/virq.h"
#include "core/vm.h"

#include <stdio.h>
#include <string.h>

static struct trace_header *header; /* constant after boot */

const struct trace_header *trace_header(void)
{
    return header;
}

/* ---- writing --------------------------------------------------------------------------------- */

void trace_put(struct hart *hart, uint32_t what, uint32_t more, uint64_t arg)
{
    struct trace_ring *ring = hart->trace;
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    _Atomic uint64_t *word = ring->words[ring->next];

    ring->next = ring->next + 1 < ring->records ? ring->next + 1 : 0;
    atomic_thread_fence(memory_order_release); /* (b) */
    atomic_store_explicit(&word[0], arch_now(), memory_order_relaxed);
    atomic_store_explicit(&word[1], what | (uint64_t)more << 32, memory_order_relaxed);
    atomic_store_explicit(&word[2], arg, memory_order_relaxed);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release); /* (a) */
}

/* ---- reading --------------------------------------------------------------------------------- */

uint64_t trace_head(const struct hart *hart)
{
    return atomic_load_explicit(&hart->trace->head, memory_order_acquire);
}

/* The first record that cannot have been begun to be overwritten. */
static uint64_t oldest(uint64_t head, uint32_t records)
{
    return head >= records ? head - records + 1 : 0;
}

uint32_t trace_read(const struct hart *hart, uint64_t *at, struct trace_record *out, uint32_t max)
{
    const struct trace_ring *ring = hart->trace;
    uint64_t head = trace_head(hart);
    uint64_t first = oldest(head, ring->records);
    uint32_t slot, count, gone;

    first = *at > first ? *at : first;
    count = head - first < max ? (uint32_t)(head - first) : max;
    slot = (uint32_t)(first % ring->records);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word[TRACE_RECORD_WORDS];

        for (uint32_t w = 0; w < TRACE_RECORD_WORDS; w++) { /* (d) */
            word[w] = atomic_load_explicit(&ring->words[slot][w], memory_order_relaxed);
        }
        memcpy(&out[i], word, sizeof(word));
        slot = slot + 1 < ring->records ? slot + 1 : 0;
    }
    atomic_thread_fence(memory_order_acquire);                                             /* (e) */
    head = oldest(atomic_load_explicit(&ring->head, memory_order_relaxed), ring->records); /* (f) */
    gone = head <= first ? 0 : head - first < count ? (uint32_t)(head - first) : count;
    memmove(out, &out[gone], (count - gone) * sizeof(*out));
    *at = first + gone;
    return count - gone;
}

/* ---- what is traced -------------------------------------------------------------------------- */

uint32_t trace_set(uint32_t mask)
{
    uint32_t old = atomic_exchange_explicit(&header->mask, mask, memory_order_relaxed);

    /* Each post is a release, after the mask: the hart that takes the work sees it, or a later. */
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        hart_post(machine.harts[i], HART_WORK_TRACE);
    }
    return old;
}

/* What was before the first record of a class: whose turn it is here; how the VMs are. */
static void begin(struct hart *hart, uint32_t classes)
{
    const struct vcpu *v = hart->vcpu;

    if ((classes & TRACE_SWITCH) != 0 && v != NULL) {
        trace_put(hart, TRACE_WHAT(TRACE_EV_SWITCH, TRACE_LEFT_BLOCKED, v->vm->index, v->index),
                  TRACE_NONE << 8 | TRACE_NONE, 0);
    }
    for (uint32_t i = 0;
         (classes & TRACE_LIFECYCLE) != 0 && hart->index == 0 && i < machine.vm_count; i++) {
        uint32_t state = vm_state(machine.vms[i]);

        trace_put(hart, TRACE_WHAT(TRACE_EV_STATE, state, i, state), 0, 0);
    }
}

void trace_hart(struct hart *hart)
{
    uint32_t mask = atomic_load_explicit(&header->mask, memory_order_relaxed);
    uint32_t before = hart->trace_mask;

    hart->trace_mask = mask;
    trace_put(hart, TRACE_WHAT(TRACE_EV_MASK, 0, TRACE_NONE, TRACE_NONE), before, mask);
    begin(hart, mask & ~before);
    arch_hart_trace((mask & TRACE_TRAPS) != 0);
}

/* ---- interrupts of VMs ----------------------------------------------------------------------- */

/*
 * A VM's irqchip raises sources on paths that are too short for a test. Where there are rings, its
 * operations go by here, from the boot on.
 */
struct traced_irqchip {
    struct virqchip_ops ops; /* as real, but for the two below */
    const struct virqchip_ops *real;
};

static const struct virqchip_ops *raised(const struct virqchip *chip, uint32_t source, bool level)
{
    struct hart *self = arch_hart_self();

    if (trace_on(self, TRACE_INJECT)) {
        trace_put(self, TRACE_WHAT(TRACE_EV_SOURCE, level ? 1 : 0, chip->vm->index, TRACE_NONE),
                  source, 0);
    }
    return ((const struct traced_irqchip *)(const void *)chip->ops)->real;
}

static void set_level(struct virqchip *chip, uint32_t source, bool level)
{
    const struct traced_irqchip *t = (const struct traced_irqchip *)(const void *)chip->ops;

    (level ? raised(chip, source, true) : t->real)->set_level(chip, source, level);
}

static void pulse(struct virqchip *chip, uint32_t source)
{
    raised(chip, source, false)->pulse(chip, source);
}

/* ---- boot ------------------------------------------------------------------------------------ */

static void build_vm(struct vm *vm, struct traced_irqchip *t)
{
    (void)strncpy(header->names[vm->index], vm->config->name, TRACE_NAME_SIZE - 1);
    t->ops = *vm->irqchip->ops;
    t->ops.set_level = set_level;
    t->ops.pulse = pulse;
    t->real = vm->irqchip->ops;
    vm->irqchip->ops = &t->ops;
}

enum err trace_build(void)
{
    uint32_t vms = machine.vm_count;
    uint32_t size = (uint32_t)(sizeof(*header) + vms * sizeof(header->names[0]));
    uint32_t records =
        (uint32_t)(machine.manifest.trace_kib * KIB / sizeof(struct trace_record) - 1);
    uint32_t stride = (uint32_t)(sizeof(struct trace_ring) + records * sizeof(struct trace_record));
    struct traced_irqchip *chips;

    if (machine.manifest.trace_kib == 0) {
        return ERR_OK;
    }
    header = pool_alloc(size + (size_t)stride * machine.hart_count, sizeof(uint64_t));
    chips = pool_alloc(vms * sizeof(*chips), sizeof(void *));
    if (header == NULL || chips == NULL) {
        return ERR_NO_MEMORY;
    }
    *header = (struct trace_header){
        .magic = TRACE_MAGIC,
        .size = size,
        .record_bytes = sizeof(struct trace_record),
        .harts = machine.hart_count,
        .vms = vms,
        .ring_offset = size,
        .ring_stride = stride,
        .timebase_hz = machine.timebase_hz,
        .boot_ticks = machine.boot_ticks,
    };
    for (uint32_t i = 0; i < vms; i++) {
        build_vm(machine.vms[i], &chips[i]);
    }
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        struct hart *hart = machine.harts[i];

        hart->trace = (void *)((char *)header + size + (size_t)i * stride);
        hart->trace->hart = hart->id;
        hart->trace->records = records;
    }
    /* The VMs are started before this hart does its work for the first time. */
    arch_hart_self()->trace_mask = machine.manifest.trace_at_boot & TRACE_LIFECYCLE;
    (void)trace_set(machine.manifest.trace_at_boot);
    return ERR_OK;
}

/* ---- as text --------------------------------------------------------------------------------- */

uint32_t trace_class(const char *name)
{
    static const char names[] = TRACE_CLASS_NAMES;
    uint32_t bit = 1;

    for (const char *s = names; *s != '\0'; s += strlen(s) + 1) {
        if (strcmp(s, name) == 0) {
            return bit;
        }
        bit <<= 1;
    }
    return strcmp(name, "all") == 0 ? TRACE_ALL : 0;
}

static void dump_hart(void (*line)(const char *text), const struct hart *hart, uint64_t last)
{
    uint64_t head = trace_head(hart);
    struct trace_record r;
    char text[96];

    for (uint64_t at = head > last ? head - last : 0; at < head; at++) {
        uint64_t word[TRACE_RECORD_WORDS];

        if (trace_read(hart, &at, &r, 1) == 0) {
            continue;
        }
        memcpy(word, &r, sizeof(word));
        (void)snprintf(text, sizeof(text), "trace: %u %llu %016llx %016llx %016llx",
                       (unsigned int)hart->index, (unsigned long long)at,
                       (unsigned long long)word[0], (unsigned long long)word[1],
                       (unsigned long long)word[2]);
        line(text);
    }
}

void trace_dump(void (*line)(const char *text), uint64_t last)
{
    char text[96];

    if (header == NULL) {
        return;
    }
    (void)snprintf(text, sizeof(text), "trace: harts %u hz %llu boot %llu mask %x",
                   (unsigned int)header->harts, (unsigned long long)header->timebase_hz,
                   (unsigned long long)header->boot_ticks,
                   (unsigned int)atomic_load_explicit(&header->mask, memory_order_relaxed));
    line(text);
    for (uint32_t i = 0; i < header->vms; i++) {
        (void)snprintf(text, sizeof(text), "trace: vm %u %s", (unsigned int)i, header->names[i]);
        line(text);
    }
    for (uint32_t i = 0; i < header->harts; i++) {
        dump_hart(line, machine.harts[i], last);
    }
}
