/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the manifest's nodes to structures: what each node may hold, and defaults. What one node
 * says is checked here, what holds between them in manifest_check.c and manifest_host.c.
 */
#include "core/manifest_reader.h"

#include "core/pagepool.h"
#include "core/trace.h"

#include <string.h>

#define VERSION 1u
#define HOUR_MS 3600000u

#define FIELD(type, field) (uint16_t) offsetof(type, field)
#define MAY_INITIATE       "off\0reset-cold\0reset-warm\0suspend\0emergency\0"

_Static_assert(POWER_MAY(POWER_OFF) == 1u << 0 && POWER_MAY(POWER_RESET_COLD) == 1u << 1 &&
                   POWER_MAY(POWER_RESET_WARM) == 1u << 2 && POWER_MAY(POWER_SUSPEND) == 1u << 3 &&
                   POWER_MAY_EMERGENCY == 1u << 4,
               "power-may-initiate lists its choices in the order of the bits");
_Static_assert(PRIV_MANAGE == 1u << 0 && PRIV_INFO == 1u << 1 && PRIV_AUDIT == 1u << 2 &&
                   PRIV_TRACE == 1u << 3,
               "privileges lists its choices in the order of the bits");
_Static_assert(sizeof(enum irqchip_kind) == 4 && sizeof(enum crash_policy) == 4 &&
                   sizeof(enum srst_policy) == 4 && sizeof(enum power_on_timeout) == 4,
               "PROP_ENUM writes 32 bits");

#define VM(field) FIELD(struct vm_config, field)

static const struct prop_spec vm_props[] = {
    {"compatible", NULL, PROP_OTHER, 0, 0, 0},
    {"vcpus", NULL, PROP_U32, VM(vcpu_count), 1, MANIFEST_VCPUS},
    {"harts", NULL, PROP_OTHER, 0, 0, 0},
    {"affinity", NULL, PROP_OTHER, 0, 0, 0},
    {"memory", NULL, PROP_OTHER, 0, 0, 0},
    {"memory-identity", NULL, PROP_OTHER, 0, 0, 0},
    {"kernel", NULL, PROP_STRING, VM(kernel), 0, 0},
    {"initrd", NULL, PROP_STRING, VM(initrd), 0, 0},
    {"fdt", NULL, PROP_STRING, VM(fdt), 0, 0},
    {"bootargs", NULL, PROP_STRING, VM(bootargs), 0, 0},
    {"priority", NULL, PROP_OTHER, 0, 0, 0},
    {"time-slice-us", NULL, PROP_OTHER, 0, 0, 0},
    {"budget-us", NULL, PROP_OTHER, 0, 0, 0},
    {"period-us", NULL, PROP_OTHER, 0, 0, 0},
    {"budget-hard", NULL, PROP_OTHER, 0, 0, 0},
    {"deadline-us", NULL, PROP_OTHER, 0, 0, 0},
    {"irqchip", "best\0aia\0plic\0", PROP_ENUM, VM(irqchip), 0, 0},
    {"power-superiors", NULL, PROP_OTHER, 0, 0, 0},
    {"power-ack-timeout-ms", NULL, PROP_MS32, VM(power.ack_us), 1, HOUR_MS},
    {"power-prepare-timeout-ms", NULL, PROP_MS32, VM(power.prepare_us), 1, HOUR_MS},
    {"power-stop-timeout-ms", NULL, PROP_MS32, VM(power.stop_us), 1, HOUR_MS},
    {"power-postpone-quantum-ms", NULL, PROP_MS32, VM(power.postpone_quantum_us), 1, HOUR_MS},
    {"power-postpone-budget-ms", NULL, PROP_MS32, VM(power.postpone_budget_us), 1, HOUR_MS},
    {"power-may-initiate", MAY_INITIATE, PROP_SET8, VM(power.may_initiate), 0, 0},
    {"power-may-veto", NULL, PROP_FLAG, VM(power.may_veto), 0, 1},
    {"power-interrupt", NULL, PROP_U32, VM(power_irq), 1, VDEV_SOURCES},
    {"power-on-timeout", "force\0abort\0", PROP_ENUM, VM(power.on_timeout), 0, 0},
    {"srst", "self\0platform\0", PROP_ENUM, VM(srst), 0, 0},
    {"srst-reset", "self\0platform\0", PROP_ENUM, VM(srst_reset), 0, 0},
    {"crash-policy", "off\0restart\0escalate\0", PROP_ENUM, VM(crash), 0, 0},
    {"restart-budget", NULL, PROP_U32, VM(restart_budget), 0, 1000},
    {"restart-window-ms", NULL, PROP_MS64, VM(restart_window_us), 1, 24 * HOUR_MS},
    {"restart-backoff-ms", NULL, PROP_MS64, VM(restart_backoff_us), 1, HOUR_MS},
    {"watchdog-ms", NULL, PROP_MS64, VM(watchdog_us), 1, HOUR_MS},
    {"privileges", "manage\0info\0audit\0trace\0", PROP_SET32, VM(privileges), 0, 0},
    {"no-autostart", NULL, PROP_FLAG, VM(autostart), 0, 0},
};

static const struct vm_config vm_defaults = {
    .irqchip = IRQCHIP_BEST,
    .power = {.ack_us = 1000000,
              .prepare_us = 5000000,
              .stop_us = 10000000,
              .on_timeout = POWER_ON_TIMEOUT_FORCE},
    .srst = SRST_SELF,
    .srst_reset = SRST_SELF,
    .crash = CRASH_OFF,
    .restart_budget = 3,
    .restart_window_us = 60000000,
    .restart_backoff_us = 100000,
    .autostart = true,
};

static bool is_compatible(const struct manifest_reader *r, int node, const char *name)
{
    return fdt_node_check_compatible(r->blob, node, name) == 0;
}

/* ---- a VM ------------------------------------------------------------------------------------ */

/* Its cells; NULL: it is not there, or is none. */
static const fdt32_t *affinity_cells(struct manifest_reader *r, const struct vm_config *vm,
                                     uint32_t *count)
{
    int len;
    const fdt32_t *cells = fdt_getprop(r->blob, vm->node, "affinity", &len);

    *count = 0;
    if (cells == NULL) {
        return NULL;
    }
    if (len == 0 || len % 4 != 0 || (uint32_t)len / 4u > MANIFEST_VCPUS) {
        manifest_fault(r, vm->node, "affinity",
                       "must list harts, <0 1>, %u at most, where each vCPU may run beside its own",
                       MANIFEST_VCPUS);
        return NULL;
    }
    for (int i = 0; i < len / 4; i++) {
        for (int k = 0; k < i; k++) {
            if (cells[i] == cells[k]) {
                manifest_fault(r, vm->node, "affinity", "names hart %u twice: once will do",
                               fdt32_ld(&cells[i]));
                return NULL;
            }
        }
    }
    *count = (uint32_t)len / 4u;
    return cells;
}

static void read_harts(struct manifest_reader *r, struct vm_config *vm)
{
    uint32_t vcpus = vm->vcpu_count;
    uint32_t more;
    const fdt32_t *affinity = affinity_cells(r, vm, &more);
    int len;
    const fdt32_t *cells = fdt_getprop(r->blob, vm->node, "harts", &len);

    vm->vcpu_count = 0;
    if (cells == NULL || len == 0 || len % 4 != 0) {
        manifest_fault(r, vm->node, "harts",
                       "must list the hart of each vCPU, <1 2>; vCPUs may share one");
        return;
    }
    if ((uint32_t)len / 4u > MANIFEST_VCPUS) {
        manifest_fault(r, vm->node, "harts", "has %d harts: a VM has at most %u vCPUs", len / 4,
                       MANIFEST_VCPUS);
        return;
    }
    if (vcpus != 0 && vcpus != (uint32_t)len / 4u) {
        manifest_fault(
            r, vm->node, "vcpus",
            "is %u, but harts lists %d: there must be one for each (vcpus may be left out)", vcpus,
            len / 4);
    }
    vm->harts = manifest_storage(r, vm->node, (uint32_t)len / 4u + more, sizeof(vm->harts[0]));
    if (vm->harts != NULL) {
        vm->vcpu_count = (uint32_t)len / 4u;
        vm->affinity_count = more;
        for (uint32_t i = 0; i < vm->vcpu_count + more; i++) {
            vm->harts[i] = fdt32_ld(i < vm->vcpu_count ? &cells[i] : &affinity[i - vm->vcpu_count]);
        }
    }
}

/*
 * What is shorter than SCHED_LEAST_US would go into switches for the most part. A budget of
 * SCHED_MOST_US is below 2^32 ticks of 1 ns. A slice of 10 ms is short for a person, and long
 * beside a switch.
 */
#define SCHED_LEAST_US 100u
#define SCHED_MOST_US  4000000u
#define SCHED(field)   FIELD(struct vcpu_sched_config, field)

static void read_sched(struct manifest_reader *r, struct vm_config *vm)
{
    static const struct prop_spec props[] = {
        {"priority", NULL, PROP_U32, SCHED(priority), 0, MANIFEST_PRIORITY_MAX},
        {"time-slice-us", NULL, PROP_US64, SCHED(slice_us), SCHED_LEAST_US, 1000000},
        {"budget-us", NULL, PROP_US64, SCHED(budget_us), SCHED_LEAST_US, SCHED_MOST_US},
        {"period-us", NULL, PROP_US64, SCHED(period_us), SCHED_LEAST_US, SCHED_MOST_US},
        {"budget-hard", NULL, PROP_FLAG, SCHED(hard), 0, 1},
        {"deadline-us", NULL, PROP_US64, SCHED(deadline_us), SCHED_LEAST_US, SCHED_MOST_US},
    };

    vm->sched = manifest_storage(r, vm->node, vm->vcpu_count, sizeof(vm->sched[0]));
    if (vm->sched == NULL) {
        vm->vcpu_count = 0;
        return;
    }
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        vm->sched[i] = (struct vcpu_sched_config){.priority = 16, .slice_us = 10000};
    }
    manifest_props_each(r, vm->node, props, ARRAY_SIZE(props), vm->sched, vm->vcpu_count,
                        sizeof(vm->sched[0]));
}

static void read_memory(struct manifest_reader *r, struct vm_config *vm)
{
    int len;
    const fdt32_t *cells = fdt_getprop(r->blob, vm->node, "memory", &len);
    bool identity = fdt_getprop(r->blob, vm->node, "memory-identity", NULL) != NULL;

    if (cells == NULL || len == 0 || len % 16 != 0) {
        manifest_fault(r, vm->node, "memory",
                       "must list address and size, two cells each: "
                       "<0x0 0x80000000 0x0 0x10000000>");
        return;
    }
    vm->mem = manifest_storage(r, vm->node, (uint32_t)len / 16u, sizeof(vm->mem[0]));
    if (vm->mem == NULL) {
        return;
    }
    vm->mem_count = (uint32_t)len / 16u;
    for (uint32_t i = 0; i < vm->mem_count; i++) {
        vm->mem[i] = (struct mem_config){fdt_cells(&cells[4 * i], 2),
                                         fdt_cells(&cells[4 * i + 2], 2), identity};
    }
}

static void read_vdev(struct manifest_reader *r, struct vm_config *vm, int node,
                      enum vdev_kind kind)
{
    static const struct prop_spec props[] = {
        {"compatible", NULL, PROP_OTHER, 0, 0, 0},
        {"address", NULL, PROP_U64, FIELD(struct vdev_config, gpa), 0, 0},
        {"interrupt", NULL, PROP_U32, FIELD(struct vdev_config, irq), 1, VDEV_SOURCES},
    };
    struct vdev_config *dev = &vm->vdevs[vm->vdev_count++];

    *dev = (struct vdev_config){.kind = kind, .node = node};
    manifest_props(r, node, props, ARRAY_SIZE(props), dev);
    if (fdt_getprop(r->blob, node, "address", NULL) == NULL) {
        manifest_fault(r, node, "address",
                       "is missing: say where the VM finds it, <0x0 0x10000000>");
    }
    if (fdt_getprop(r->blob, node, "interrupt", NULL) == NULL) {
        manifest_fault(r, node, "interrupt", "is missing: say which source it raises, <10>");
    }
}

static void read_passthrough(struct manifest_reader *r, struct vm_config *vm, int node)
{
    static const struct prop_spec props[] = {
        {"compatible", NULL, PROP_OTHER, 0, 0, 0},
        {"host-path", NULL, PROP_STRING, FIELD(struct passthrough_config, path), 0, 0},
        {"dma", "none\0trusted\0", PROP_ENUM, FIELD(struct passthrough_config, dma), 0, 0},
    };
    struct passthrough_config *dev = &vm->passthrough[vm->passthrough_count++];

    *dev = (struct passthrough_config){.node = node};
    manifest_props(r, node, props, ARRAY_SIZE(props), dev);
    if (dev->path == NULL) {
        manifest_fault(r, node, "host-path",
                       "is missing: the device's path in the host's FDT, "
                       "\"/soc/rtc@101000\"");
        dev->path = "";
    }
    if (fdt_getprop(r->blob, node, "dma", NULL) == NULL) {
        manifest_fault(r, node, "dma",
                       "is missing, and there is no IOMMU driver: say \"none\" if the device never "
                       "reads or writes memory by itself, \"trusted\" if it does and may");
    }
}

static void read_vm_devices(struct manifest_reader *r, struct vm_config *vm)
{
    uint32_t count = manifest_child_count(r, vm->node);
    int node;

    vm->vdevs = manifest_storage(r, vm->node, count, sizeof(vm->vdevs[0]));
    vm->passthrough = manifest_storage(r, vm->node, count, sizeof(vm->passthrough[0]));
    if (vm->vdevs == NULL || vm->passthrough == NULL) {
        return;
    }
    fdt_for_each_subnode(node, r->blob, vm->node)
    {
        if (is_compatible(r, node, "ns16550a")) {
            read_vdev(r, vm, node, VDEV_UART);
        } else if (is_compatible(r, node, "curia,power-key")) {
            read_vdev(r, vm, node, VDEV_POWER_KEY);
        } else if (is_compatible(r, node, "curia,passthrough")) {
            read_passthrough(r, vm, node);
        } else {
            manifest_fault(r, node, "compatible",
                           "must say what the device is: \"ns16550a\", \"curia,power-key\" or "
                           "\"curia,passthrough\"");
        }
    }
}

static void check_image(struct manifest_reader *r, const struct vm_config *vm, const char *prop,
                        const char *name)
{
    if (name != NULL && r->image_exists != NULL && !r->image_exists(r->image_arg, name)) {
        manifest_fault(r, vm->node, prop, "the bundle has no image \"%s\"", name);
    }
}

static void read_vm(struct manifest_reader *r, struct vm_config *vm)
{
    uint32_t superiors[MANIFEST_VMS];
    uint32_t count;

    manifest_props(r, vm->node, vm_props, ARRAY_SIZE(vm_props), vm);
    read_harts(r, vm);
    read_sched(r, vm);
    read_memory(r, vm);
    read_vm_devices(r, vm);
    if (vm->kernel == NULL) {
        manifest_fault(r, vm->node, "kernel", "is missing: name the image of the bundle to start");
    }
    check_image(r, vm, "kernel", vm->kernel);
    check_image(r, vm, "initrd", vm->initrd);
    check_image(r, vm, "fdt", vm->fdt);
    count = manifest_vms(r, vm->node, "power-superiors", superiors, MANIFEST_VMS);
    for (uint32_t i = 0; i < count; i++) {
        vm->power.superiors |= UINT64_C(1) << superiors[i];
    }
    if ((vm->privileges & (PRIV_MANAGE | PRIV_TRACE)) != 0) {
        vm->privileges |= PRIV_INFO;
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Names and phandles of all VMs first: they refer to each other. */
static void find_vms(struct manifest_reader *r)
{
    struct manifest *m = r->m;
    uint32_t children = manifest_child_count(r, 0);
    int node;

    m->vms = manifest_storage(r, 0, children, sizeof(m->vms[0]));
    r->vm_phandles = manifest_storage(r, 0, children, sizeof(r->vm_phandles[0]));
    if (m->vms == NULL || r->vm_phandles == NULL) {
        return;
    }
    fdt_for_each_subnode(node, r->blob, 0)
    {
        const char *name = fdt_get_name(r->blob, node, NULL);

        if (name == NULL || strcmp(name, "channels") == 0 || strcmp(name, "shared-memory") == 0 ||
            strncmp(name, "__", 2) == 0) {
            continue;
        }
        if (!is_compatible(r, node, "curia,vm")) {
            manifest_fault(r, node, "compatible",
                           "must be \"curia,vm\"; other nodes at the top are channels and "
                           "shared-memory");
        } else if (m->vm_count == MANIFEST_VMS) {
            manifest_fault(r, node, NULL, "is one VM too many: there may be %u", MANIFEST_VMS);
            return;
        } else {
            struct vm_config *vm = &m->vms[m->vm_count];

            *vm = vm_defaults;
            vm->node = node;
            vm->name = manifest_name(r, node);
            r->vm_phandles[m->vm_count++] = fdt_get_phandle(r->blob, node);
        }
    }
    if (m->vm_count == 0) {
        manifest_fault(r, 0, NULL, "has no VM: a node with compatible = \"curia,vm\" for each");
    }
}

enum err manifest_read(struct manifest *m, const void *blob, size_t size, const struct board *board,
                       bool (*image_exists)(void *arg, const char *name), void *image_arg,
                       manifest_report report, void *report_arg)
{
    static const struct prop_spec root_props[] = {
        {"compatible", NULL, PROP_OTHER, 0, 0, 0},
        {"version", NULL, PROP_OTHER, 0, 0, 0},
        {"power-deadline-ms", NULL, PROP_MS64, FIELD(struct manifest, deadline_us), 1,
         24 * HOUR_MS},
        {"console", "uart\0firmware\0", PROP_ENUM, FIELD(struct manifest, console), 0, 0},
        {"trace-kib", NULL, PROP_U32, FIELD(struct manifest, trace_kib), 4, 1024},
        {"trace-at-boot", TRACE_CLASS_NAMES, PROP_SET32, FIELD(struct manifest, trace_at_boot), 0,
         0},
    };
    struct manifest_reader r = {.m = m,
                                .blob = blob,
                                .board = board,
                                .image_exists = image_exists,
                                .image_arg = image_arg,
                                .report = report,
                                .report_arg = report_arg};

    *m = (struct manifest){.deadline_us = POWER_NEVER};
    if (!is_aligned((uintptr_t)blob, 8) && size >= FDT_V17_SIZE) {
        /* As data within a FIT it has 4-byte alignment; libfdt wants 8. */
        void *copy = pool_alloc(size, 8);

        r.blob = copy != NULL ? memcpy(copy, blob, size) : blob;
    }
    if (size < FDT_V17_SIZE || fdt_check_full(r.blob, size) != 0) {
        if (report != NULL) {
            report(report_arg, "/", NULL,
                   "is no device tree blob, or a damaged one: compile the "
                   "manifest with dtc");
        }
        return ERR_INVALID;
    }
    if (!is_compatible(&r, 0, "curia,manifest")) {
        manifest_fault(&r, 0, "compatible", "must be \"curia,manifest\"");
    }
    if (fdt_prop_u32(r.blob, 0, "version", 0) != VERSION) {
        manifest_fault(&r, 0, "version", "must be <%u>, the one this Curia reads", VERSION);
    }
    manifest_props(&r, 0, root_props, ARRAY_SIZE(root_props), m);
    if (m->trace_at_boot != 0 && m->trace_kib == 0) {
        manifest_fault(&r, 0, "trace-at-boot", "needs trace-kib, the room for it: <64>");
    }
    find_vms(&r);
    for (uint32_t i = 0; i < m->vm_count; i++) {
        read_vm(&r, &m->vms[i]);
    }
    manifest_read_peers(&r);
    if (m->vms != NULL) {
        manifest_check(&r);
        if (board != NULL) {
            manifest_check_host(&r);
        }
    }
    return r.findings == 0 ? ERR_OK : ERR_INVALID;
}
