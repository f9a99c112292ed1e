/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's FDT, node after node: libfdt's sequential writer, whose only error here is a full buffer.
 * The port writes /cpus, device models and the irqchip write theirs, IPC and power what is under
 * /curia.
 *
 * Lock: rng.lock, a leaf, for the state that seeds are drawn from.
 */
#include "core/guest_fdt.h"

#include "core/fdt.h"
#include "core/ipc.h"
#include "core/machine.h"
#include "core/power_ctl.h"
#include "core/vdev.h"

#include <bearssl_hash.h>

#include <stdio.h>
#include <string.h>

#define NODE_NAME_MAX  64u
#define CLOCK_PHANDLES 0x10000u /* phandles of copied clocks start here */

/* ---- seeds ----------------------------------------------------------------------------------- */

/*
 * Seeds for the guests' random generators, drawn from what the firmware gave in /chosen/rng-seed,
 * the time and the number of the draw, through SHA-256; one seed tells nothing of another. It is no
 * source of entropy: where the firmware gives no seed, only the time of each start is unknown.
 */
static struct {
    struct spinlock lock;
    uint64_t draws GUARDED_BY(lock);
    uint8_t state[br_sha256_SIZE] GUARDED_BY(lock);
} rng;

static void draw_seed(uint8_t seed[br_sha256_SIZE])
{
    br_sha256_context out, next;
    uint64_t mix[2];

    spin_lock(&rng.lock);
    br_sha256_init(&out);
    if (rng.draws == 0 && machine.board.rng_seed != NULL) {
        br_sha256_update(&out, machine.board.rng_seed, machine.board.rng_seed_len);
    }
    rng.draws++;
    mix[0] = arch_now();
    mix[1] = rng.draws;
    br_sha256_update(&out, rng.state, sizeof(rng.state));
    br_sha256_update(&out, mix, sizeof(mix));
    next = out;
    br_sha256_update(&out, "seed", 4);
    br_sha256_out(&out, seed);
    br_sha256_update(&next, "next", 4);
    br_sha256_out(&next, rng.state);
    spin_unlock(&rng.lock);
}

/* ---- chosen, memory -------------------------------------------------------------------------- */

static int put_string(void *fdt, const char *name, const char *value)
{
    return fdt_property(fdt, name, value, (int)strlen(value) + 1);
}

static int put_reg(void *fdt, uint64_t start, uint64_t size)
{
    fdt64_t reg[2] = {cpu_to_fdt64(start), cpu_to_fdt64(size)};

    return fdt_property(fdt, "reg", reg, (int)sizeof(reg));
}

/* The host's name has the unit address of a bus, which is not in the VM: here it is the hart's. */
static void name_passthrough(const struct board_device *dev, char name[NODE_NAME_MAX])
{
    (void)snprintf(name, NODE_NAME_MAX, "%.*s@%lx", (int)strcspn(dev->path_tail, "@"),
                   dev->path_tail, (unsigned long)dev->regs[0].start);
}

/* Its first UART, or the machine's if that is its own. */
static int put_stdout(const struct vm_config *c, void *fdt)
{
    char path[sizeof("/soc/") + NODE_NAME_MAX];

    for (uint32_t i = 0; i < c->vdev_count; i++) {
        if (c->vdevs[i].kind == VDEV_UART) {
            (void)snprintf(path, sizeof(path), "/soc/serial@%lx", (unsigned long)c->vdevs[i].gpa);
            return put_string(fdt, "stdout-path", path);
        }
    }
    for (uint32_t i = 0; i < c->passthrough_count; i++) {
        if (c->passthrough[i].dev == machine.board.stdout_dev) {
            char name[NODE_NAME_MAX];

            name_passthrough(c->passthrough[i].dev, name);
            (void)snprintf(path, sizeof(path), "/soc/%s", name);
            return put_string(fdt, "stdout-path", path);
        }
    }
    return 0;
}

static int put_chosen(const struct vm *vm, const struct guest_initrd *initrd, void *fdt)
{
    const struct vm_config *c = vm->config;
    uint8_t seed[br_sha256_SIZE];
    int bad = fdt_begin_node(fdt, "chosen");

    if (c->bootargs != NULL) {
        bad |= put_string(fdt, "bootargs", c->bootargs);
    }
    bad |= put_stdout(c, fdt);
    if (initrd->size != 0) {
        bad |= fdt_property_u64(fdt, "linux,initrd-start", initrd->start.v);
        bad |= fdt_property_u64(fdt, "linux,initrd-end", initrd->start.v + initrd->size);
    }
    draw_seed(seed);
    bad |= fdt_property(fdt, "rng-seed", seed, (int)sizeof(seed));
    return bad | fdt_end_node(fdt);
}

static int put_memory(const struct vm *vm, void *fdt)
{
    int bad = 0;

    for (uint32_t i = 0; i < vm->config->mem_count; i++) {
        const struct mem_config *mem = &vm->config->mem[i];
        char name[NODE_NAME_MAX];

        (void)snprintf(name, sizeof(name), "memory@%lx", (unsigned long)mem->gpa);
        bad |= fdt_begin_node(fdt, name);
        bad |= put_string(fdt, "device_type", "memory");
        bad |= put_reg(fdt, mem->gpa, mem->size);
        bad |= fdt_end_node(fdt);
    }
    return bad;
}

/* ---- passed-through devices ------------------------------------------------------------------ */

static bool ends_with(const char *s, const char *tail)
{
    size_t s_len = strlen(s);
    size_t tail_len = strlen(tail);

    return s_len >= tail_len && strcmp(s + (s_len - tail_len), tail) == 0;
}

/* Refers to other nodes, describes children, or is written anew: not copied from the host. */
static bool is_left_out(const char *name)
{
    static const char *const names[] = {
        "#address-cells",
        "#size-cells",
        "assigned-clock-parents",
        "assigned-clock-rates",
        "assigned-clocks",
        "clock-names",
        "clocks",
        "dma-names",
        "dma-ranges",
        "dmas",
        "interconnect-names",
        "interconnects",
        "interrupt-map",
        "interrupt-map-mask",
        "interrupt-parent",
        "interrupts",
        "interrupts-extended",
        "iommu-map",
        "iommu-map-mask",
        "iommus",
        "linux,phandle",
        "mboxes",
        "memory-region",
        "msi-map",
        "msi-map-mask",
        "msi-parent",
        "nvmem-cell-names",
        "nvmem-cells",
        "phandle",
        "phy-handle",
        "phy-names",
        "phys",
        "power-domain-names",
        "power-domains",
        "ranges",
        "reg",
        "reset-names",
        "resets",
        "status",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return strncmp(name, "pinctrl-", 8) == 0 || ends_with(name, "-supply") ||
           ends_with(name, "-gpios") || ends_with(name, "-gpio");
}

/*
 * The node that entry index of the host device's clocks refers to, if it is a fixed clock (which
 * has no specifier cells); negative: there is none, or it is another kind.
 */
static int fixed_clock(const struct board_device *dev, uint32_t index)
{
    const void *host = machine.board.fdt;
    int len;
    const fdt32_t *clocks = fdt_getprop(host, dev->node, "clocks", &len);
    int node;

    if (clocks == NULL || index >= (uint32_t)len / 4u) {
        return -1;
    }
    node = fdt_node_offset_by_phandle(host, fdt32_ld(&clocks[index]));
    return node >= 0 && fdt_node_check_compatible(host, node, "fixed-clock") == 0 ? node : -1;
}

/* How many clocks the device has, if all are fixed ones; else 0: they stay the host's affair. */
static uint32_t fixed_clock_count(const struct board_device *dev)
{
    int len = 0;
    uint32_t count;

    if (fdt_getprop(machine.board.fdt, dev->node, "clocks", &len) == NULL) {
        return 0;
    }
    count = (uint32_t)len / 4u;
    for (uint32_t i = 0; i < count; i++) {
        if (fixed_clock(dev, i) < 0) {
            return 0;
        }
    }
    return count;
}

static uint32_t clock_phandle(uint32_t device, uint32_t index)
{
    return CLOCK_PHANDLES + device * 16u + (index & 15u);
}

static int put_clocks(const struct board_device *dev, uint32_t device, uint32_t count, void *fdt)
{
    int bad = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t hz = fdt_prop_u32(machine.board.fdt, fixed_clock(dev, i), "clock-frequency", 0);
        char name[NODE_NAME_MAX];

        (void)snprintf(name, sizeof(name), "clock-%u-%u", device, i);
        bad |= fdt_begin_node(fdt, name);
        bad |= put_string(fdt, "compatible", "fixed-clock");
        bad |= fdt_property_u32(fdt, "#clock-cells", 0);
        bad |= fdt_property_u32(fdt, "clock-frequency", hz);
        bad |= fdt_property_u32(fdt, "phandle", clock_phandle(device, i));
        bad |= fdt_end_node(fdt);
    }
    return bad;
}

static int put_clock_refs(const struct board_device *dev, uint32_t device, uint32_t count,
                          void *fdt)
{
    int len;
    const void *names = fdt_getprop(machine.board.fdt, dev->node, "clock-names", &len);
    void *cells;
    int bad = fdt_property_placeholder(fdt, "clocks", (int)(count * 4u), &cells);

    for (uint32_t i = 0; bad == 0 && i < count; i++) {
        fdt32_st((char *)cells + 4ul * i, clock_phandle(device, i));
    }
    return names == NULL ? bad : bad | fdt_property(fdt, "clock-names", names, len);
}

static int put_regs(const struct board_device *dev, void *fdt)
{
    void *cells;
    int bad = fdt_property_placeholder(fdt, "reg", (int)(dev->reg_count * 16u), &cells);

    for (uint32_t i = 0; bad == 0 && i < dev->reg_count; i++) {
        fdt64_st((char *)cells + 16ul * i, dev->regs[i].start);
        fdt64_st((char *)cells + 16ul * i + 8u, dev->regs[i].size);
    }
    return bad;
}

/* The sources that the VM's chip gives the device: their numbers are the host's. */
static int put_irqs(const struct vm *vm, const struct board_device *dev, void *fdt)
{
    uint32_t cells = vm->has_imsic ? 2u : 1u; /* of an APLIC, of a PLIC */
    void *data;
    int bad;

    if (dev->irq_count == 0) {
        return 0;
    }
    bad = fdt_property_u32(fdt, "interrupt-parent", VIRQ_PHANDLE);
    bad |= fdt_property_placeholder(fdt, "interrupts", (int)(dev->irq_count * cells * 4u), &data);
    for (uint32_t i = 0; bad == 0 && i < dev->irq_count; i++) {
        fdt32_st((char *)data + 4ul * cells * i, dev->irqs[i].source);
        if (cells == 2u) {
            fdt32_st((char *)data + 4ul * cells * i + 4u, dev->irqs[i].trigger);
        }
    }
    return bad;
}

static int put_passthrough(const struct vm *vm, uint32_t device, void *fdt)
{
    const struct board_device *dev = vm->config->passthrough[device].dev;
    const void *host = machine.board.fdt;
    uint32_t clocks = fixed_clock_count(dev);
    char name[NODE_NAME_MAX];
    int bad = put_clocks(dev, device, clocks, fdt);
    int offset;

    name_passthrough(dev, name);
    bad |= fdt_begin_node(fdt, name);
    fdt_for_each_property_offset(offset, host, dev->node)
    {
        const char *prop;
        int len;
        const void *data = fdt_getprop_by_offset(host, offset, &prop, &len);

        if (data != NULL && !is_left_out(prop)) {
            bad |= fdt_property(fdt, prop, data, len);
        }
    }
    bad |= put_regs(dev, fdt);
    bad |= put_irqs(vm, dev, fdt);
    if (clocks != 0) {
        bad |= put_clock_refs(dev, device, clocks, fdt);
    }
    return bad | fdt_end_node(fdt);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int put_soc(const struct vm *vm, void *fdt)
{
    int bad = fdt_begin_node(fdt, "soc");

    bad |= put_string(fdt, "compatible", "simple-bus");
    bad |= fdt_property_u32(fdt, "#address-cells", 2);
    bad |= fdt_property_u32(fdt, "#size-cells", 2);
    bad |= fdt_property(fdt, "ranges", NULL, 0);
    bad |= vm->irqchip->ops->fdt_node(vm->irqchip, fdt) != ERR_OK;
    for (const struct vdev *dev = vm->vdevs; dev != NULL; dev = dev->next) {
        bad |= dev->ops->fdt_node(dev, fdt) != ERR_OK;
    }
    for (uint32_t i = 0; i < vm->config->passthrough_count; i++) {
        bad |= put_passthrough(vm, i, fdt);
    }
    return bad | fdt_end_node(fdt);
}

static int put_curia(const struct vm *vm, void *fdt)
{
    int bad = fdt_begin_node(fdt, "curia");

    bad |= put_string(fdt, "compatible", "curia,hypervisor");
    bad |= put_string(fdt, "vm-name", vm->config->name);
    if (vm->config->watchdog_us != 0) {
        bad |= fdt_property_u32(fdt, "watchdog-ms", (uint32_t)(vm->config->watchdog_us / 1000u));
    }
    bad |= fdt_property_u32(fdt, "#address-cells", 2);
    bad |= fdt_property_u32(fdt, "#size-cells", 2);
    bad |= fdt_property(fdt, "ranges", NULL, 0);
    bad |= power_ctl_fdt(vm, fdt) != ERR_OK;
    bad |= ipc_fdt(vm, fdt) != ERR_OK;
    return bad | fdt_end_node(fdt);
}

enum err guest_fdt_write(const struct vm *vm, const struct guest_initrd *initrd, void *buf,
                         size_t size)
{
    int bad;

    if (size > INT32_MAX ||
        fdt_create_with_flags(buf, (int)size, FDT_CREATE_FLAG_NO_NAME_DEDUP) != 0) {
        return ERR_RANGE; /* buf holds nothing yet that the other functions could look at */
    }
    bad = fdt_finish_reservemap(buf);
    bad |= fdt_begin_node(buf, "");
    bad |= put_string(buf, "compatible", "curia,vm");
    bad |= put_string(buf, "model", "Curia virtual machine");
    bad |= fdt_property_u32(buf, "#address-cells", 2);
    bad |= fdt_property_u32(buf, "#size-cells", 2);
    bad |= put_chosen(vm, initrd, buf);
    bad |= put_memory(vm, buf);
    bad |= arch_fdt_cpus(vm, buf) != ERR_OK;
    bad |= put_soc(vm, buf);
    bad |= put_curia(vm, buf);
    bad |= fdt_end_node(buf);
    bad |= fdt_finish(buf);
    return bad == 0 ? ERR_OK : ERR_RANGE;
}
