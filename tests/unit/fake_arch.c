/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake port, see fake_arch.h. The only state is here; nothing of core/ or sbi/ is called. */
#include "tests/unit/fake_arch.h"

#include <libfdt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Only tests that write FDTs link libfdt. */
#pragma weak fdt_begin_node
#pragma weak fdt_end_node
#pragma weak fdt_property

#define PHYS_REGIONS 256u
#define SPINS_MAX    50000000u

struct phys {
    uint64_t base, size;
    uint8_t *mem;
    uint32_t shares;
};

struct fake fake;

/* Weak: a test that links the core module that owns it takes that one. */
__attribute__((weak)) struct machine machine;

static struct phys phys[PHYS_REGIONS];
static uint32_t phys_count;
static uint64_t phys_next;
static void *allocations[1024];
static uint32_t allocation_count;
static _Thread_local struct hart *self;
static _Thread_local uint32_t spins;
static _Thread_local jmp_buf catch_point;
static _Thread_local bool catching;

static _Noreturn void wrong(const char *what)
{
    fprintf(stderr, "fake port: %s\n", what);
    abort();
}

static void *alloc(size_t size)
{
    void *p = calloc(1, size);

    if (p == NULL || allocation_count == ARRAY_SIZE(allocations)) {
        wrong("out of memory");
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
        wrong("a reset, park or panic that nobody expected");
    }
    catching = false;
    longjmp(catch_point, (int)why);
}

/* ---- objects and set-up ----------------------------------------------------------------------- */

uint64_t fake_hart_id(uint32_t index)
{
    return 3 + 2ull * index;
}

struct fake_hart *fake_hart(uint32_t index)
{
    if (index >= machine.hart_count) {
        wrong("no such hart");
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

void fake_become(struct hart *hart)
{
    self = hart;
}

void fake_end(void)
{
    for (uint32_t i = 0; i < phys_count; i++) {
        free(phys[i].mem);
    }
    for (uint32_t i = 0; i < allocation_count; i++) {
        free(allocations[i]);
    }
    phys_count = 0;
    allocation_count = 0;
    self = NULL;
    catching = false;
    memset(&machine, 0, sizeof(machine));
}

void fake_init(uint32_t hart_count)
{
    fake_end();
    memset(&fake, 0, sizeof(fake));
    fake.ids = (struct arch_ids){0x1234, 0x5678, 0x9abc};
    fake.map_budget = UINT32_MAX;
    fake.share_budget = 16;
    fake.msi_pages = UINT32_MAX;
    fake.create_budget = UINT32_MAX;
    phys_next = FAKE_HPA_BASE;

    machine.timebase_hz = FAKE_TIMEBASE_HZ;
    machine.hart_count = hart_count;
    machine.harts = alloc((hart_count + 1) * sizeof(struct hart *));
    machine.vms = alloc(MANIFEST_VMS * sizeof(struct vm *));
    for (uint32_t i = 0; i < hart_count; i++) {
        struct fake_hart *h = alloc(sizeof(*h));

        h->core.index = i;
        h->core.id = fake_hart_id(i);
        h->timer = UINT64_MAX;
        machine.harts[i] = &h->core;
    }
    self = hart_count > 0 ? machine.harts[0] : NULL;
}

void *fake_phys_add(uint64_t hpa, uint64_t size)
{
    if (!range_valid(hpa, size) || phys_count == PHYS_REGIONS) {
        wrong("bad physical region, or too many");
    }
    for (uint32_t i = 0; i < phys_count; i++) {
        if (range_overlaps(hpa, size, phys[i].base, phys[i].size)) {
            wrong("physical regions overlap");
        }
    }
    uint64_t rounded = align_up(size, PAGE_SIZE);
    uint8_t *mem = aligned_alloc(PAGE_SIZE, rounded);

    if (mem == NULL) {
        wrong("out of memory");
    }
    memset(mem, 0, rounded);
    phys[phys_count++] = (struct phys){hpa, size, mem, 0};
    return mem;
}

hpa_t fake_phys_alloc(uint64_t size)
{
    hpa_t at = hpa(phys_next);

    phys_next += align_up(size, PAGE_SIZE) + PAGE_SIZE;
    (void)fake_phys_add(at.v, size);
    return at;
}

static struct phys *phys_of(uint64_t hpa, uint64_t len)
{
    for (uint32_t i = 0; i < phys_count; i++) {
        if (range_within(hpa, len, phys[i].base, phys[i].size)) {
            return &phys[i];
        }
    }
    return NULL;
}

void *fake_phys(uint64_t hpa, uint64_t len)
{
    struct phys *p = phys_of(hpa, len);

    if (p == NULL) {
        fprintf(stderr, "fake port: [%#llx, +%#llx) is not memory\n", (unsigned long long)hpa,
                (unsigned long long)len);
        abort();
    }
    return p->mem + (hpa - p->base);
}

void *fake_gpa(const struct vm *vm, uint64_t gpa, uint64_t len)
{
    for (uint32_t i = 0; i < vm->map.count; i++) {
        const struct region *r = &vm->map.regions[i];

        if (range_within(gpa, len, r->gpa.v, r->size)) {
            return fake_phys(r->hpa.v + (gpa - r->gpa.v), len);
        }
    }
    wrong("a guest address outside the map");
}

void *fake_vm_region(struct vm *vm, uint64_t gpa_start, uint64_t size, enum region_kind kind,
                     enum map_attr attr)
{
    struct fake_vm *f = fake_vm(vm);
    uint32_t at = vm->map.count;
    hpa_t back = fake_phys_alloc(size);

    if (at == ARRAY_SIZE(f->regions) || vm->map.regions != f->regions) {
        wrong("too many regions, or a VM that fake_vm_add() did not make");
    }
    while (at > 0 && f->regions[at - 1].gpa.v > gpa_start) {
        f->regions[at] = f->regions[at - 1];
        at--;
    }
    f->regions[at] = (struct region){gpa(gpa_start), size, back, kind, attr};
    vm->map.count++;
    if (arch_vm_map(vm, gpa(gpa_start), back, size, attr) != ERR_OK) {
        wrong("regions overlap or are not page aligned");
    }
    return fake_phys(back.v, size);
}

void fake_vcpu_state(struct vcpu *v, enum vcpu_state state)
{
    bool was_live = atomic_load(&v->state) != VCPU_STOPPED;
    bool live = state != VCPU_STOPPED;

    atomic_store(&v->state, state);
    v->loaded = state == VCPU_STARTED;
    fake_vcpu(v)->resident = v->loaded;
    atomic_store(&v->hart->mode, v->loaded ? HART_HYP : HART_IDLE);
    if (live != was_live) {
        atomic_fetch_add(&v->vm->live_vcpus, live ? 1u : UINT32_MAX);
    }
}

struct vm *fake_vm_add(const char *name, uint32_t vcpus, uint32_t first_hart, uint64_t ram,
                       uint64_t ram_bytes)
{
    struct vm *vm = arch_vm_create();

    if (vm == NULL || machine.vm_count == MANIFEST_VMS) {
        wrong("no room for a VM");
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
    vm->vcpus = alloc((vcpus + 1) * sizeof(struct vcpu *));
    for (uint32_t i = 0; i < vcpus; i++) {
        struct hart *hart = &fake_hart(first_hart + i)->core;

        vm->vcpus[i] = arch_vcpu_create(vm, i, hart);
        if (vm->vcpus[i] == NULL) {
            wrong("no room for a vCPU");
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

bool fake_msi_take(struct vcpu *v, uint32_t eiid)
{
    uint64_t bit = 1ull << (eiid % 64);

    return eiid < FAKE_EIIDS &&
           (atomic_fetch_and(&fake_vcpu(v)->msi_pending[eiid / 64], ~bit) & bit) != 0;
}

/* ---- the machine ------------------------------------------------------------------------------ */

void arch_relax(void)
{
    if (fake.on_relax != NULL) {
        fake.on_relax();
    } else {
        (void)sched_yield();
    }
    if (++spins > SPINS_MAX) {
        wrong("spins for ever");
    }
}

uint64_t arch_now(void)
{
    return atomic_fetch_add(&fake.now, fake.now_step);
}

void arch_io_fence(void)
{
    atomic_thread_fence(memory_order_seq_cst);
    fake.io_fences++;
}

struct hart *arch_hart_self(void)
{
    if (self == NULL) {
        wrong("this thread is no hart");
    }
    return self;
}

void arch_hart_kick(struct hart *hart)
{
    struct fake_hart *h = container_of(hart, struct fake_hart, core);

    atomic_fetch_add(&h->kicks, 1);
    atomic_store(&h->kicked, true);
    if (fake.on_kick != NULL) {
        fake.on_kick(hart);
    }
}

void arch_hart_wait(struct hart *hart)
{
    struct fake_hart *h = container_of(hart, struct fake_hart, core);

    h->waits++;
    if (hart != self || atomic_load(&hart->mode) != HART_IDLE) {
        wrong("waits on another hart, or not in HART_IDLE");
    }
    if (fake.on_wait != NULL) {
        fake.on_wait(hart);
    }
    if (atomic_exchange(&h->kicked, false)) {
        return;
    }
    if (h->timer != UINT64_MAX) {
        if (atomic_load(&fake.now) < h->timer) {
            atomic_store(&fake.now, h->timer);
        }
        h->timer = UINT64_MAX;
        atomic_fetch_or(&hart->work, HART_WORK_TIMER);
    } else if (fake.on_wait == NULL) {
        wrong("waits for ever");
    }
}

void arch_hart_timer(uint64_t deadline)
{
    container_of(arch_hart_self(), struct fake_hart, core)->timer = deadline;
}

_Noreturn void arch_hart_park(void)
{
    container_of(arch_hart_self(), struct fake_hart, core)->parked = true;
    fake_throw(FAKE_PARK);
}

bool arch_hart_parked(const struct hart *hart)
{
    return fake_hart(hart->index)->parked;
}

_Noreturn void arch_machine_reset(enum arch_reset kind, bool reason_failed)
{
    fake.resets++;
    fake.reset_kind = kind;
    fake.reset_failed = reason_failed;
    fake_throw(FAKE_RESET);
}

void *arch_map_device(hpa_t base, uint64_t size)
{
    return phys_of(base.v, size) != NULL ? fake_phys(base.v, size) : fake_phys_add(base.v, size);
}

const void *arch_bundle(void)
{
    return fake.bundle;
}

/* ---- memory ------------------------------------------------------------------------------------- */

void arch_phys_read(void *dst, hpa_t src, size_t len)
{
    if (len != 0) {
        memcpy(dst, fake_phys(src.v, len), len);
        fake.bytes_read += len;
    }
}

void arch_phys_write(hpa_t dst, const void *src, size_t len)
{
    if (len != 0) {
        memcpy(fake_phys(dst.v, len), src, len);
        fake.bytes_written += len;
    }
}

void arch_phys_copy(hpa_t dst, hpa_t src, size_t len)
{
    if (len != 0) {
        memmove(fake_phys(dst.v, len), fake_phys(src.v, len), len);
        fake.bytes_read += len;
        fake.bytes_written += len;
    }
}

void arch_phys_zero(hpa_t dst, size_t len)
{
    if (len != 0) {
        memset(fake_phys(dst.v, len), 0, len);
        fake.bytes_written += len;
    }
}

void *arch_share_map(hpa_t page)
{
    struct phys *p = phys_of(page.v, PAGE_SIZE);

    if (p == NULL || !is_aligned(page.v, PAGE_SIZE)) {
        wrong("shares what is not a page of memory");
    }
    if (fake.share_budget == 0) {
        return NULL;
    }
    fake.share_budget--;
    fake.shares++;
    p->shares++;
    return fake_phys(page.v, PAGE_SIZE);
}

void arch_share_unmap(void *va)
{
    for (uint32_t i = 0; i < phys_count; i++) {
        uint8_t *at = va;

        if (at >= phys[i].mem && at < phys[i].mem + phys[i].size && phys[i].shares > 0) {
            phys[i].shares--;
            fake.shares--;
            fake.share_budget++;
            return;
        }
    }
    wrong("unshares what is not shared");
}

/* Guest virtual is guest physical; what is no RAM faults. */
enum err arch_guest_read_va(struct vcpu *vcpu, void *dst, gva_t src, size_t len)
{
    if (vcpu->hart != self || !fake_vcpu(vcpu)->resident) {
        wrong("guest memory read for a vCPU that is not loaded here");
    }
    for (size_t i = 0; i < len; i++) {
        bool found = false;

        for (uint32_t j = 0; j < vcpu->vm->map.count && !found; j++) {
            const struct region *r = &vcpu->vm->map.regions[j];

            found = r->kind == REGION_RAM && range_within(src.v + i, 1, r->gpa.v, r->size);
        }
        if (!found) {
            return ERR_FAULT;
        }
        ((uint8_t *)dst)[i] = *(uint8_t *)fake_gpa(vcpu->vm, src.v + i, 1);
    }
    return ERR_OK;
}

/* ---- VMs ------------------------------------------------------------------------------------------ */

struct vm *arch_vm_create(void)
{
    if (fake.create_budget == 0) {
        return NULL;
    }
    fake.create_budget--;
    return &((struct fake_vm *)alloc(sizeof(struct fake_vm)))->core;
}

enum err arch_vm_map(struct vm *vm, gpa_t at, hpa_t to, uint64_t size, enum map_attr attr)
{
    struct fake_vm *f = fake_vm(vm);

    f->map_calls++;
    if (!is_aligned(at.v | to.v | size, PAGE_SIZE) || !range_valid(at.v, size)) {
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < f->map_count; i++) {
        if (range_overlaps(at.v, size, f->maps[i].gpa, f->maps[i].size)) {
            return ERR_EXISTS;
        }
    }
    if (fake.map_budget == 0 || f->map_count == FAKE_MAPS) {
        return ERR_NO_MEMORY;
    }
    fake.map_budget--;
    f->maps[f->map_count++] = (struct fake_map){at.v, to.v, size, attr};
    return ERR_OK;
}

void arch_vm_unmap(struct vm *vm, gpa_t at, uint64_t size)
{
    struct fake_vm *f = fake_vm(vm);
    uint32_t kept = 0;

    f->unmap_calls++;
    for (uint32_t i = 0; i < f->map_count; i++) {
        if (range_within(f->maps[i].gpa, f->maps[i].size, at.v, size)) {
            continue;
        }
        if (range_overlaps(f->maps[i].gpa, f->maps[i].size, at.v, size)) {
            wrong("unmaps a part of what was mapped at once");
        }
        f->maps[kept++] = f->maps[i];
    }
    f->map_count = kept;
}

void arch_vm_flush(struct vm *vm)
{
    fake_vm(vm)->flushes++;
}

/* ---- vCPUs ---------------------------------------------------------------------------------------- */

struct vcpu *arch_vcpu_create(struct vm *vm, uint32_t index, struct hart *hart)
{
    if (fake.create_budget == 0) {
        return NULL;
    }
    fake.create_budget--;

    struct fake_vcpu *f = alloc(sizeof(*f));

    f->core.vm = vm;
    f->core.index = index;
    f->core.hart = hart;
    f->timer = UINT64_MAX;
    f->timer_enabled = true;
    f->irq_enabled = UINT32_MAX;
    return &f->core;
}

static struct fake_vcpu *own(struct vcpu *v)
{
    if (v->hart != arch_hart_self()) {
        wrong("a call for a vCPU of another hart");
    }
    return fake_vcpu(v);
}

static struct fake_vcpu *own_loaded(struct vcpu *v)
{
    struct fake_vcpu *f = own(v);

    if (!f->resident) {
        wrong("a call for a vCPU that is not loaded");
    }
    return f;
}

enum err arch_vcpu_msi_page(struct vcpu *vcpu, hpa_t *page)
{
    struct fake_vcpu *f = fake_vcpu(vcpu);

    if (fake.msi_pages == 0 || f->has_msi_page) {
        return ERR_NO_MEMORY;
    }
    fake.msi_pages--;
    f->has_msi_page = true;
    f->msi_page = fake_phys_alloc(PAGE_SIZE);
    *page = f->msi_page;
    return ERR_OK;
}

void arch_vcpu_reset(struct vcpu *vcpu, gpa_t pc, uint64_t opaque)
{
    struct fake_vcpu *f = own(vcpu);

    f->resets++;
    f->reset_pc = pc;
    f->reset_opaque = opaque;
    f->pc = pc.v;
    f->timer = UINT64_MAX;
    f->soft_pending = false;
    for (uint32_t i = 0; i < ARRAY_SIZE(f->msi_pending); i++) {
        atomic_store(&f->msi_pending[i], 0);
    }
}

void arch_vcpu_resume(struct vcpu *vcpu, gpa_t pc, uint64_t opaque)
{
    struct fake_vcpu *f = own_loaded(vcpu);

    f->resumes++;
    f->reset_pc = pc;
    f->reset_opaque = opaque;
    f->pc = pc.v;
}

void arch_vcpu_load(struct vcpu *vcpu)
{
    struct fake_vcpu *f = own(vcpu);

    if (f->resident) {
        wrong("loads a vCPU twice");
    }
    f->resident = true;
    f->loads++;
}

void arch_vcpu_put(struct vcpu *vcpu)
{
    struct fake_vcpu *f = own_loaded(vcpu);

    f->resident = false;
    f->puts++;
}

void arch_vcpu_sync_irqs(struct vcpu *vcpu)
{
    struct fake_vcpu *f = own_loaded(vcpu);
    uint32_t soft = 1u << VCPU_IRQ_SOFT;
    uint32_t lines = atomic_fetch_and(&vcpu->irq_lines, ~soft);

    f->irq_synced = lines & ~soft;
    if ((lines & soft) != 0) {
        f->soft_pending = true;
        f->softs++;
    }
}

bool arch_vcpu_irq_pending(const struct vcpu *vcpu)
{
    const struct fake_vcpu *f = (const struct fake_vcpu *)(const void *)vcpu;
    uint32_t lines = atomic_load(&vcpu->irq_lines) | (f->soft_pending ? 1u << VCPU_IRQ_SOFT : 0);
    bool pending = (lines & f->irq_enabled) != 0 ||
                   (f->timer_enabled && f->timer <= atomic_load(&fake.now));

    for (uint32_t i = 0; i < ARRAY_SIZE(f->msi_pending); i++) {
        pending = pending || atomic_load(&f->msi_pending[i]) != 0;
    }
    return pending;
}

void arch_vcpu_msi(struct vcpu *vcpu, uint32_t eiid)
{
    struct fake_vcpu *f = fake_vcpu(vcpu);

    if (eiid == 0 || eiid >= FAKE_EIIDS) {
        wrong("an MSI that no interrupt file has");
    }
    atomic_fetch_add(&f->msi_total, 1);
    atomic_fetch_or(&f->msi_pending[eiid / 64], 1ull << (eiid % 64));
}

void arch_vcpu_set_timer(struct vcpu *vcpu, uint64_t deadline)
{
    struct fake_vcpu *f = own(vcpu);

    f->timer = deadline;
    f->set_timers++;
}

uint64_t arch_vcpu_timer_deadline(const struct vcpu *vcpu)
{
    const struct fake_vcpu *f = (const struct fake_vcpu *)(const void *)vcpu;

    return f->timer_enabled ? f->timer : UINT64_MAX;
}

void arch_vcpu_fence(struct vcpu *vcpu, const struct fence *fence)
{
    struct fake_vcpu *f = own_loaded(vcpu);

    if (f->fence_total < FAKE_FENCES) {
        f->fences_seen[f->fence_total] = *fence;
    }
    f->fence_total++;
}

struct arch_ids arch_machine_ids(void)
{
    return fake.ids;
}

uint64_t arch_vcpu_pc(const struct vcpu *vcpu)
{
    return ((const struct fake_vcpu *)(const void *)vcpu)->pc;
}

uint32_t arch_fdt_cpu_intc(uint32_t index)
{
    return 0x100 + index;
}

static int put_u32(void *fdt, const char *name, uint32_t value)
{
    fdt32_t be = cpu_to_fdt32(value);

    return fdt_property(fdt, name, &be, sizeof(be));
}

static int put_str(void *fdt, const char *name, const char *value)
{
    return fdt_property(fdt, name, value, (int)strlen(value) + 1);
}

/* The shape of the port's nodes, with an ISA of the fake's own. */
enum err arch_fdt_cpus(const struct vm *vm, void *fdt)
{
    int bad = fdt_begin_node(fdt, "cpus") | put_u32(fdt, "#address-cells", 1) |
              put_u32(fdt, "#size-cells", 0) |
              put_u32(fdt, "timebase-frequency", (uint32_t)FAKE_TIMEBASE_HZ);

    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "cpu@%x", (unsigned)i);
        bad |= fdt_begin_node(fdt, name) | put_str(fdt, "device_type", "cpu") |
               put_str(fdt, "compatible", "riscv") | put_u32(fdt, "reg", i) |
               put_str(fdt, "riscv,isa", "rv64imafdc") |
               fdt_begin_node(fdt, "interrupt-controller") |
               put_u32(fdt, "#interrupt-cells", 1) |
               fdt_property(fdt, "interrupt-controller", NULL, 0) |
               put_str(fdt, "compatible", "riscv,cpu-intc") |
               put_u32(fdt, "phandle", arch_fdt_cpu_intc(i)) | fdt_end_node(fdt) |
               fdt_end_node(fdt);
    }
    bad |= fdt_end_node(fdt);
    return bad == 0 ? ERR_OK : ERR_NO_MEMORY;
}
