/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake port (fake_arch.h): harts, time, VMs, vCPUs. Memory is in fake_memory.c, what makes a
 * machine in fake_setup.c; who links this file gets all three (tests/tests.mk). They call nothing
 * of core/ or sbi/.
 */
#include "tests/unit/fake_arch.h"

#include <libfdt.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* Only tests that write FDTs link libfdt. */
#pragma weak fdt_begin_node
#pragma weak fdt_end_node
#pragma weak fdt_property

/* Only tests of SBI link core/pmu.c, and only its calls make a set_timer counted. */
#pragma weak pmu_count

#define SPINS_MAX 50000000u

static _Thread_local struct hart *self;
static _Thread_local uint32_t spins;

void fake_become(struct hart *hart)
{
    self = hart;
}

void arch_relax(void)
{
    if (fake.on_relax != NULL) {
        fake.on_relax();
    } else {
        (void)sched_yield();
    }
    if (++spins > SPINS_MAX) {
        fake_wrong("spins for ever");
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
        fake_wrong("this thread is no hart");
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

void arch_harts_kick(struct hart *const harts[], uint32_t count)
{
    atomic_fetch_add(&fake.kick_messages, 1);
    for (uint32_t i = 0; i < count; i++) {
        arch_hart_kick(harts[i]);
    }
}

void arch_hart_wait(struct hart *hart)
{
    struct fake_hart *h = container_of(hart, struct fake_hart, core);

    h->waits++;
    if (hart != self || atomic_load(&hart->mode) != HART_IDLE) {
        fake_wrong("waits on another hart, or not in HART_IDLE");
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
        fake_wrong("waits for ever");
    }
}

void arch_hart_trace(bool traps)
{
    container_of(arch_hart_self(), struct fake_hart, core)->trace_traps = traps;
}

void arch_hart_timer(uint64_t deadline)
{
    container_of(arch_hart_self(), struct fake_hart, core)->timer = deadline;
}

void arch_hart_poll(void)
{
    if (fake.on_poll != NULL) {
        fake.on_poll();
    }
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

void arch_hart_sleep(void)
{
    struct fake_hart *h = container_of(arch_hart_self(), struct fake_hart, core);

    h->sleeps++;
    h->parked = true;
    if (fake.on_hart_sleep != NULL) {
        fake.on_hart_sleep();
    }
    h->parked = false;
}

enum err arch_hart_wake(struct hart *hart)
{
    struct fake_hart *h = fake_hart(hart->index);

    if (!h->parked) {
        return ERR_EXISTS;
    }
    h->wakes++;
    h->parked = false;
    return ERR_OK;
}

bool arch_can_sleep(void)
{
    return fake.can_sleep;
}

enum err arch_machine_sleep(uint64_t wake_at)
{
    fake.machine_sleeps++;
    fake.wake_at = wake_at;
    if (fake.on_machine_sleep != NULL) {
        fake.on_machine_sleep();
    }
    return fake.sleep_result;
}

_Noreturn void arch_machine_reset(enum arch_reset kind, bool reason_failed)
{
    fake.resets++;
    fake.reset_kind = kind;
    fake.reset_failed = reason_failed;
    fake_throw(FAKE_RESET);
}

const void *arch_bundle(void)
{
    return fake.bundle;
}

/* ---- VMs ------------------------------------------------------------------------------------- */

struct vm *arch_vm_create(void)
{
    if (fake.create_budget == 0) {
        return NULL;
    }
    fake.create_budget--;
    return &((struct fake_vm *)fake_alloc(sizeof(struct fake_vm)))->core;
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
            fake_wrong("unmaps a part of what was mapped at once");
        }
        f->maps[kept++] = f->maps[i];
    }
    f->map_count = kept;
}

void arch_vm_flush(struct vm *vm)
{
    fake_vm(vm)->flushes++;
}

/* ---- vCPUs ----------------------------------------------------------------------------------- */

struct vcpu *arch_vcpu_create(struct vm *vm, uint32_t index, struct hart *hart)
{
    if (fake.create_budget == 0) {
        return NULL;
    }
    fake.create_budget--;

    struct fake_vcpu *f = fake_alloc(sizeof(*f));

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
        fake_wrong("a call for a vCPU of another hart");
    }
    return fake_vcpu(v);
}

static struct fake_vcpu *own_loaded(struct vcpu *v)
{
    struct fake_vcpu *f = own(v);

    if (!f->resident) {
        fake_wrong("a call for a vCPU that is not loaded");
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

enum err arch_vcpu_file(struct vcpu *vcpu)
{
    if (fake_vcpu(vcpu)->has_msi_page) {
        fake_wrong("a second interrupt file");
    }
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
    fake.pmu.configured = 0;
    fake.pmu.running = 0;
    fake.pmu.resets++;
    f->features = vcpu->features;
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

static enum err set_triggers(struct fake_vcpu *f)
{
    struct dbtr *d = &f->core.dbtr;
    enum err e = ERR_OK;

    if (d->mapped >> fake.dbtr.count != 0) {
        fake_wrong("a trigger that is not there");
    }
    f->triggers = *d;
    for (uint32_t i = 0; i < fake.dbtr.count; i++) {
        uint32_t bit = 1u << i;

        if ((d->mapped & bit) == 0 || (d->tdata1[i] & FAKE_TRIGGER_MODES) == 0) {
            f->triggers.mapped &= (uint8_t)~bit;
        } else if ((d->tdata1[i] & ~FAKE_TRIGGER_BITS) != 0) {
            fake_wrong("a trigger that no guest may have");
        } else if ((fake.dbtr.refused & bit) != 0) {
            d->mapped &= (uint8_t)~bit;
            f->triggers.mapped &= (uint8_t)~bit;
            e = ERR_FAILED;
        }
    }
    return e;
}

void arch_vcpu_load(struct vcpu *vcpu)
{
    struct fake_vcpu *f = own(vcpu);

    if (f->resident) {
        fake_wrong("loads a vCPU twice");
    }
    f->resident = true;
    f->watched = false;
    f->loads++;
    (void)set_triggers(f);
    f->features = vcpu->features;
}

void arch_vcpu_put(struct vcpu *vcpu)
{
    struct fake_vcpu *f = own_loaded(vcpu);

    f->resident = false;
    f->puts++;
    f->triggers.mapped = 0;
}

void arch_vcpu_watch(struct vcpu *vcpu)
{
    struct fake_vcpu *f = own(vcpu);

    if (f->resident) {
        fake_wrong("watches a vCPU that is loaded");
    }
    f->watched = true;
}

void arch_vcpu_move(struct vcpu *vcpu, struct hart *to)
{
    struct fake_vcpu *f = own(vcpu);

    if (f->resident || !hart_has_queue(to)) {
        fake_wrong("moves a vCPU that is loaded, or to a hart that is not shared");
    }
    f->watched = false;
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

bool arch_vcpu_clear_soft(struct vcpu *vcpu)
{
    struct fake_vcpu *f = own_loaded(vcpu);
    uint32_t soft = 1u << VCPU_IRQ_SOFT;
    bool was = (atomic_fetch_and(&vcpu->irq_lines, ~soft) & soft) != 0 || f->soft_pending;

    f->soft_pending = false;
    return was;
}

bool arch_vcpu_irq_pending(const struct vcpu *vcpu)
{
    const struct fake_vcpu *f = (const struct fake_vcpu *)(const void *)vcpu;
    uint32_t lines = atomic_load(&vcpu->irq_lines) | (f->soft_pending ? 1u << VCPU_IRQ_SOFT : 0);
    bool pending =
        (lines & f->irq_enabled) != 0 || (f->timer_enabled && f->timer <= atomic_load(&fake.now));

    for (uint32_t i = 0; i < ARRAY_SIZE(f->msi_pending); i++) {
        pending = pending || atomic_load(&f->msi_pending[i]) != 0;
    }
    return pending;
}

void arch_vcpu_msi(struct vcpu *vcpu, uint32_t eiid)
{
    struct fake_vcpu *f = fake_vcpu(vcpu);

    if (eiid == 0) {
        return;
    }
    if (eiid >= FAKE_EIIDS) {
        fake_wrong("an MSI that no interrupt file has");
    }
    atomic_fetch_add(&f->msi_total, 1);
    atomic_fetch_or(&f->msi_pending[eiid / 64], 1ull << (eiid % 64));
}

bool fake_msi_take(struct vcpu *v, uint32_t eiid)
{
    uint64_t bit = 1ull << (eiid % 64);

    return eiid < FAKE_EIIDS &&
           (atomic_fetch_and(&fake_vcpu(v)->msi_pending[eiid / 64], ~bit) & bit) != 0;
}

bool arch_vcpu_waits(const struct vcpu *vcpu)
{
    const struct fake_vcpu *f = (const struct fake_vcpu *)(const void *)vcpu;

    if (!f->resident) {
        fake_wrong("looks at what a vCPU that is not loaded does");
    }
    return f->waits;
}

void arch_vcpu_set_timer(struct vcpu *vcpu, uint64_t deadline)
{
    struct fake_vcpu *f = own(vcpu);

    f->timer = deadline;
    f->set_timers++;
    if ((vcpu->timer_detour & VCPU_TIMER_COUNTED) != 0) {
        pmu_count(vcpu, PMU_SET_TIMER, 1);
    }
}

/* ---- event counters -------------------------------------------------------------------------- */

uint64_t arch_pmu_counters(void)
{
    return fake.pmu.count;
}

static void pmu_called(uint64_t i, bool configured)
{
    fake.pmu.calls++;
    if (i >= fake.pmu.count || (configured && (fake.pmu.configured >> i & 1) == 0)) {
        fake_wrong("a counter that is not there, or not configured");
    }
}

uint64_t arch_pmu_info(uint64_t i)
{
    pmu_called(i, false);
    return 0x3fc03 + i;
}

static bool pmu_counts(uint64_t i, uint64_t event)
{
    return event >> 16 == 2 || (event == 1 && i < 2);
}

bool arch_pmu_can_count(uint64_t mask, uint64_t event, uint64_t data)
{
    bool can = false;

    (void)data;
    fake.pmu.calls++;
    if (mask == 0 || (mask & fake.pmu.configured) != 0 || mask >> fake.pmu.count != 0) {
        fake_wrong("no counters, or some that are configured, or not there");
    }
    for (uint64_t i = 0; i < fake.pmu.count; i++) {
        can = can || ((mask >> i & 1) != 0 && pmu_counts(i, event));
    }
    return can;
}

enum err arch_pmu_config(struct vcpu *vcpu, uint64_t mask, uint64_t flags, uint64_t event,
                         uint64_t data, uint64_t *i)
{
    struct fake_pmu *p = &fake.pmu;

    (void)own_loaded(vcpu);
    if (mask == 0 || (mask & p->configured) != 0 || mask >> p->count != 0) {
        fake_wrong("no counters, or some that are configured, or not there");
    }
    p->calls++;
    for (*i = 0; *i < p->count; ++*i) {
        if ((mask >> *i & 1) != 0 && pmu_counts(*i, event)) {
            p->configured |= 1ull << *i;
            p->event[*i] = event;
            p->data[*i] = data;
            p->flags[*i] = flags;
            p->value[*i] = (flags & 2) != 0 ? 0 : p->value[*i];
            p->running |= (flags & 4) != 0 ? 1ull << *i : 0;
            return ERR_OK;
        }
    }
    return ERR_NOT_SUPPORTED;
}

void arch_pmu_start(uint64_t i, const uint64_t *value)
{
    pmu_called(i, true);
    fake.pmu.running |= 1ull << i;
    fake.pmu.value[i] = value != NULL ? *value : fake.pmu.value[i];
}

void arch_pmu_stop(uint64_t i, bool forget)
{
    pmu_called(i, true);
    fake.pmu.running &= ~(1ull << i);
    fake.pmu.configured &= ~((uint64_t)forget << i);
}

uint64_t arch_pmu_read(uint64_t i)
{
    pmu_called(i, true);
    return fake.pmu.value[i];
}

uint64_t arch_pmu_overflows(void)
{
    return fake.pmu.overflows;
}

/* ---- debug triggers -------------------------------------------------------------------------- */

uint32_t arch_dbtr_triggers(void)
{
    return fake.dbtr.count;
}

enum err arch_dbtr_sync(struct vcpu *vcpu)
{
    fake.dbtr.syncs++;
    return set_triggers(own_loaded(vcpu));
}

uint64_t arch_vcpu_timer(const struct vcpu *vcpu)
{
    return ((const struct fake_vcpu *)(const void *)vcpu)->timer;
}

void arch_vcpu_fence(struct vcpu *vcpu, const struct fence *fence)
{
    struct fake_vcpu *f = own_loaded(vcpu);

    if (f->fence_total < FAKE_FENCES) {
        f->fences_seen[f->fence_total] = *fence;
    }
    f->fence_total++;
    if (fake.on_fence != NULL) {
        fake.on_fence(vcpu);
    }
}

void arch_vcpu_event_enter(struct vcpu *vcpu, uint64_t pc, uint64_t arg,
                           uint64_t kept[ARCH_EVENT_WORDS])
{
    struct fake_vcpu *f = own_loaded(vcpu);

    memcpy(kept, f->context, sizeof(f->context));
    f->context[0] = f->pc;
    f->context[1] = ++f->events;
    f->context[2] = vcpu->index;
    f->context[3] = arg;
    f->pc = pc;
}

void arch_vcpu_event_leave(struct vcpu *vcpu, const uint64_t kept[ARCH_EVENT_WORDS])
{
    struct fake_vcpu *f = own_loaded(vcpu);

    f->event_ends++;
    f->pc = f->context[0];
    memcpy(f->context, kept, sizeof(f->context));
}

struct arch_features arch_features(void)
{
    return fake.features;
}

void arch_vcpu_sync_features(struct vcpu *vcpu)
{
    struct fake_vcpu *f = own_loaded(vcpu);

    f->features = vcpu->features;
    f->feature_syncs++;
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
               fdt_begin_node(fdt, "interrupt-controller") | put_u32(fdt, "#interrupt-cells", 1) |
               fdt_property(fdt, "interrupt-controller", NULL, 0) |
               put_str(fdt, "compatible", "riscv,cpu-intc") |
               put_u32(fdt, "phandle", arch_fdt_cpu_intc(i)) | fdt_end_node(fdt) |
               fdt_end_node(fdt);
    }
    bad |= fdt_end_node(fdt);
    return bad == 0 ? ERR_OK : ERR_NO_MEMORY;
}
