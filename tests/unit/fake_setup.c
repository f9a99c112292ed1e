/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake port: how a machine for a test is made, and what does not return is caught. */
#include "tests/unit/fake_arch.h"

#include "core/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;

/* Weak: a test that links the core module that owns it takes that one. */
__attribute__((weak)) struct machine machine;

/* Likewise: nothing is traced unless a test links core/trace.c. */
__attribute__((weak)) void trace_put(struct hart *hart, uint32_t what, uint32_t more, uint64_t arg)
{
    (void)hart;
    (void)what;
    (void)more;
    (void)arg;
    fake_wrong("traces, and core/trace.c is not linked");
}

__attribute__((weak)) void trace_hart(struct hart *hart)
{
    (void)hart;
    fake_wrong("traces, and core/trace.c is not linked");
}

static void *allocations[1024];
static uint32_t allocation_count;
static _Thread_local jmp_buf catch_point;
static _Thread_local bool catching;

_Noreturn void fake_wrong(const char *what)
{
    fprintf(stderr, "fake port: %s\n", what);
    abort();
}

void *fake_alloc(size_t size)
{
    void *p = calloc(1, size);

    if (p == NULL || allocation_count == ARRAY_SIZE(allocations)) {
        fake_wrong("out of memory");
    }
    allocations[allocation_count++] = p;
    return p;
}

jmp_buf *fake_catch(void)
{
    catching = true;
    return &catch_point;
}

_Noreturn void fake_throw(enum fake_ended why)
{
    if (!catching) {
        fake_wrong("a reset, park or panic that nobody expected");
    }
    catching = false;
    longjmp(catch_point, (int)why);
}

uint64_t fake_hart_id(uint32_t index)
{
    return 3 + 2ull * index;
}

struct fake_hart *fake_hart(uint32_t index)
{
    if (index >= machine.hart_count) {
        fake_wrong("no such hart");
    }
    return container_of(machine.harts[index], struct fake_hart, core);
}

struct fake_vcpu *fake_vcpu(struct vcpu *v)
{
    return container_of(v, struct fake_vcpu, core);
}

struct fake_vm *fake_vm(struct vm *vm)
{
    return container_of(vm, struct fake_vm, core);
}

void fake_end(void)
{
    for (uint32_t i = 0; i < allocation_count; i++) {
        free(allocations[i]);
    }
    fake_memory_reset();
    allocation_count = 0;
    fake_become(NULL);
    catching = false;
    memset(&machine, 0, sizeof(machine));
}

void fake_init(uint32_t hart_count)
{
    fake_end();
    memset(&fake, 0, sizeof(fake));
    fake.ids = (struct arch_ids){0x1234, 0x5678, 0x9abc};
    fake.features = (struct arch_features){0x10, 0}; /* PTE_AD_HW_UPDATING */
    fake.map_budget = UINT32_MAX;
    fake.share_budget = 16;
    fake.msi_pages = UINT32_MAX;
    fake.create_budget = UINT32_MAX;

    machine.timebase_hz = FAKE_TIMEBASE_HZ;
    machine.hart_count = hart_count;
    machine.kicks_together = true;
    machine.harts = fake_alloc((hart_count + 1) * sizeof(struct hart *));
    machine.vms = fake_alloc(MANIFEST_VMS * sizeof(struct vm *));
    for (uint32_t i = 0; i < hart_count; i++) {
        struct fake_hart *h = fake_alloc(sizeof(*h));

        h->core.index = i;
        h->core.id = fake_hart_id(i);
        h->timer = UINT64_MAX;
        machine.harts[i] = &h->core;
    }
    fake_become(hart_count > 0 ? machine.harts[0] : NULL);
}

void *fake_vm_region(struct vm *vm, uint64_t gpa_start, uint64_t size, enum region_kind kind,
                     enum map_attr attr)
{
    struct fake_vm *f = fake_vm(vm);
    uint32_t at = vm->map.count;
    hpa_t back = fake_phys_alloc(size);

    if (at == ARRAY_SIZE(f->regions) || vm->map.regions != f->regions) {
        fake_wrong("too many regions, or a VM that fake_vm_add() did not make");
    }
    while (at > 0 && f->regions[at - 1].gpa.v > gpa_start) {
        f->regions[at] = f->regions[at - 1];
        at--;
    }
    f->regions[at] = (struct region){gpa(gpa_start), size, back, kind, attr};
    vm->map.count++;
    if (arch_vm_map(vm, gpa(gpa_start), back, size, attr) != ERR_OK) {
        fake_wrong("regions overlap or are not page aligned");
    }
    return fake_phys(back.v, size);
}

void fake_vcpu_state(struct vcpu *v, enum vcpu_state state)
{
    bool was_live = atomic_load(&v->state) != VCPU_STOPPED;
    bool live = state != VCPU_STOPPED;

    atomic_store(&v->state, state);
    atomic_store(&v->loaded, state == VCPU_STARTED);
    fake_vcpu(v)->resident = vcpu_loaded(v);
    atomic_store(&v->hart->mode, vcpu_loaded(v) ? HART_HYP : HART_IDLE);
    if (live != was_live) {
        atomic_fetch_add(&v->vm->live_vcpus, live ? 1u : UINT32_MAX);
    }
}

struct vm *fake_vm_add(const char *name, uint32_t vcpus, uint32_t first_hart, uint64_t ram,
                       uint64_t ram_bytes)
{
    struct vm *vm = arch_vm_create();

    if (vm == NULL || machine.vm_count == MANIFEST_VMS) {
        fake_wrong("no room for a VM");
    }
    struct fake_vm *f = fake_vm(vm);

    vm->index = machine.vm_count;
    machine.vms[machine.vm_count++] = vm;
    f->config.name = name;
    f->config.vcpu_count = vcpus;
    vm->config = &f->config;
    vm->map.regions = f->regions;
    vm->map.capacity = ARRAY_SIZE(f->regions);
    vm->state = VM_RUNNING;
    vm->generation = 1;
    atomic_store(&vm->state_seen, VM_RUNNING);
    vm->vcpu_count = vcpus;
    vm->vcpus = fake_alloc((vcpus + 1) * sizeof(struct vcpu *));
    for (uint32_t i = 0; i < vcpus; i++) {
        struct hart *hart = &fake_hart(first_hart + i)->core;

        vm->vcpus[i] = arch_vcpu_create(vm, i, hart);
        if (vm->vcpus[i] == NULL) {
            fake_wrong("no room for a vCPU");
        }
        hart->vcpu = vm->vcpus[i];
        atomic_store(&hart->mode, HART_IDLE);
    }
    if (ram_bytes != 0) {
        memset(fake_vm_region(vm, ram, ram_bytes, REGION_RAM, MAP_RAM), 0xa5, ram_bytes);
    }
    if (vcpus > 0) {
        fake_vcpu_state(vm->vcpus[0], VCPU_STARTED);
    }
    return vm;
}
