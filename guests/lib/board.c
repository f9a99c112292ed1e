/* SPDX-License-Identifier: BSD-2-Clause */
/* The FDT into struct board, with libfdt. Boot hart only; no lock. */
#include "guests/lib/board.h"

#include "guests/lib/console.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#define IRQ_S_EXTERNAL 9u
#define PAGE           0x1000u

struct board board;

static uint32_t prop_u32(int node, const char *name, uint32_t fallback)
{
    int len;
    const fdt32_t *value = fdt_getprop(board.fdt, node, name, &len);

    return value == NULL || len < 4 ? fallback : fdt32_ld(value);
}

static const char *prop_string(int node, const char *name, const char *fallback)
{
    int len;
    const char *value = fdt_getprop(board.fdt, node, name, &len);

    return value == NULL || len <= 0 || value[len - 1] != '\0' ? fallback : value;
}

static bool has_prop(int node, const char *name)
{
    return fdt_getprop(board.fdt, node, name, NULL) != NULL;
}

/* The first range of reg, under a parent with two address and two size cells. */
static struct board_range prop_reg(int node)
{
    int len;
    const char *reg = fdt_getprop(board.fdt, node, "reg", &len);
    struct board_range range = {0, 0};

    if (reg != NULL && len >= 16) {
        range.start = fdt64_ld((const fdt64_t *)(const void *)reg);
        range.size = fdt64_ld((const fdt64_t *)(const void *)(reg + 8));
    }
    return range;
}

static struct board_irq prop_irq(int node)
{
    int len;
    const fdt32_t *cells = fdt_getprop(board.fdt, node, "interrupts", &len);
    struct board_irq irq = {0, 0};

    if (cells != NULL && len >= 4) {
        irq.source = fdt32_ld(cells);
        irq.type = len >= 8 ? fdt32_ld(cells + 1) : 0;
    }
    return irq;
}

static void copy_name(char to[BOARD_NAME_MAX], const char *from)
{
    (void)strncpy(to, from, BOARD_NAME_MAX - 1);
    to[BOARD_NAME_MAX - 1] = '\0';
}

static bool is_compatible(int node, const char *name)
{
    return fdt_node_check_compatible(board.fdt, node, name) == 0;
}

/* ---- harts ------------------------------------------------------------------------------------
 */

static void read_hart(int node, uint64_t boot_hart)
{
    struct board_hart_info *h = &board.harts[board.hart_count];
    int child;

    if (board.hart_count == GUEST_HARTS ||
        strcmp(prop_string(node, "device_type", ""), "cpu") != 0 ||
        strcmp(prop_string(node, "status", "okay"), "okay") != 0) {
        return;
    }
    h->id = prop_u32(node, "reg", 0);
    fdt_for_each_subnode(child, board.fdt, node)
    {
        if (is_compatible(child, "riscv,cpu-intc")) {
            h->intc = prop_u32(child, "phandle", 0);
        }
    }
    if (h->id == boot_hart) {
        board.boot_index = board.hart_count;
        board.sstc = strstr(prop_string(node, "riscv,isa", ""), "_sstc") != NULL;
    }
    board.hart_count++;
}

static void read_harts(uint64_t boot_hart)
{
    int cpus = fdt_path_offset(board.fdt, "/cpus");
    int node;

    board.timebase_hz = cpus < 0 ? 0 : prop_u32(cpus, "timebase-frequency", 0);
    if (board.timebase_hz == 0) {
        guest_panic("panic: the FDT tells no timebase-frequency");
    }
    fdt_for_each_subnode(node, board.fdt, cpus)
    {
        read_hart(node, boot_hart);
    }
}

/* Calls f for each hart whose supervisor external interrupt the controller drives. */
static void for_each_context(int node,
                             void (*f)(struct board_hart_info *h, uint32_t context, uint64_t arg),
                             uint64_t arg)
{
    int len = 0;
    const fdt32_t *cells = fdt_getprop(board.fdt, node, "interrupts-extended", &len);

    for (uint32_t i = 0; cells != NULL && i < (uint32_t)len / 8; i++) {
        for (uint32_t j = 0; j < board.hart_count; j++) {
            if (fdt32_ld(cells + 2 * i) == board.harts[j].intc &&
                fdt32_ld(cells + 2 * i + 1) == IRQ_S_EXTERNAL) {
                f(&board.harts[j], i, arg);
            }
        }
    }
}

static bool drives_harts(int node)
{
    int len = 0;
    const fdt32_t *cells = fdt_getprop(board.fdt, node, "interrupts-extended", &len);

    return cells != NULL && len >= 8 && fdt32_ld(cells + 1) == IRQ_S_EXTERNAL;
}

/* ---- devices ----------------------------------------------------------------------------------
 */

static uint32_t imsic_stride_shift;

static void set_imsic(struct board_hart_info *h, uint32_t context, uint64_t base)
{
    h->imsic = base + ((uint64_t)context << imsic_stride_shift);
}

static void set_plic(struct board_hart_info *h, uint32_t context, uint64_t unused)
{
    (void)unused;
    h->plic_context = context;
}

static void read_device(int node)
{
    if (is_compatible(node, "riscv,imsics") && drives_harts(node)) {
        imsic_stride_shift = 12 + prop_u32(node, "riscv,guest-index-bits", 0);
        board.imsic_ids = prop_u32(node, "riscv,num-ids", 63);
        for_each_context(node, set_imsic, prop_reg(node).start);
    } else if (is_compatible(node, "riscv,aplic") && has_prop(node, "msi-parent") &&
               !has_prop(node, "riscv,children")) {
        board.aplic = prop_reg(node);
        board.sources = prop_u32(node, "riscv,num-sources", 0);
    } else if (is_compatible(node, "riscv,plic0") || is_compatible(node, "sifive,plic-1.0.0")) {
        board.plic = prop_reg(node);
        board.sources = prop_u32(node, "riscv,ndev", 0);
        for_each_context(node, set_plic, 0);
    } else if (is_compatible(node, "ns16550a") && board.uart.size == 0) {
        board.uart = prop_reg(node);
        board.uart_irq = prop_irq(node);
    } else if (is_compatible(node, "virtio,mmio") && board.key.size == 0) {
        board.key = prop_reg(node);
        board.key_irq = prop_irq(node);
    } else if (is_compatible(node, "google,goldfish-rtc")) {
        board.rtc = prop_reg(node);
        board.rtc_irq = prop_irq(node);
    }
}

static void read_devices(void)
{
    int soc = fdt_path_offset(board.fdt, "/soc");
    int node;

    if (soc >= 0) {
        fdt_for_each_subnode(node, board.fdt, soc)
        {
            read_device(node);
        }
    }
    fdt_for_each_subnode(node, board.fdt, 0)
    {
        if (strcmp(prop_string(node, "device_type", ""), "memory") == 0 &&
            board.memory_count < BOARD_MEMORIES) {
            board.memory[board.memory_count++] = prop_reg(node);
        }
    }
}

/* ---- Curia ------------------------------------------------------------------------------------
 */

static void read_channel(int node)
{
    struct board_channel *c = &board.channels[board.channel_count];

    if (board.channel_count == BOARD_CHANNELS) {
        return;
    }
    board.channel_count++;
    copy_name(c->label, prop_string(node, "label", ""));
    copy_name(c->peer, prop_string(node, "peer", ""));
    c->end = prop_u32(node, "reg", 0);
    c->send = has_prop(node, "curia,send");
    c->receive = has_prop(node, "curia,receive");
    c->irq = prop_irq(node);
}

static void read_region(int node)
{
    struct board_region *r = &board.regions[board.region_count];

    if (board.region_count == BOARD_REGIONS) {
        return;
    }
    board.region_count++;
    copy_name(r->label, prop_string(node, "label", ""));
    r->range = prop_reg(node);
    r->read_only = has_prop(node, "read-only");
}

static void read_curia(void)
{
    int curia = fdt_path_offset(board.fdt, "/curia");
    int node;

    board.vm_name = "native";
    if (curia < 0) {
        return;
    }
    board.curia = true;
    board.vm_name = prop_string(curia, "vm-name", "");
    fdt_for_each_subnode(node, board.fdt, curia)
    {
        if (is_compatible(node, "curia,power")) {
            board.power_irq = prop_irq(node);
        } else if (is_compatible(node, "curia,channel")) {
            read_channel(node);
        } else if (is_compatible(node, "curia,shared-region")) {
            read_region(node);
        }
    }
}

void board_read(const void *fdt, uint64_t boot_hart)
{
    int chosen;

    if (fdt == NULL || fdt_check_header(fdt) != 0) {
        guest_panic("panic: no FDT at %p", fdt);
    }
    board.fdt = fdt;
    chosen = fdt_path_offset(fdt, "/chosen");
    board.bootargs = chosen < 0 ? "" : prop_string(chosen, "bootargs", "");
    read_harts(boot_hart);
    read_devices();
    read_curia();
}

const struct board_channel *board_channel(const char *label)
{
    for (uint32_t i = 0; i < board.channel_count; i++) {
        if (strcmp(board.channels[i].label, label) == 0) {
            return &board.channels[i];
        }
    }
    return NULL;
}

bool board_arg(const char *key, char *value, uint32_t size)
{
    size_t key_len = strlen(key);
    const char *at = board.bootargs;

    while (*at != '\0') {
        size_t len = strcspn(at, " ");

        if (len > key_len && strncmp(at, key, key_len) == 0 && at[key_len] == '=') {
            size_t n = len - key_len - 1;

            n = n < size ? n : size - 1;
            memcpy(value, at + key_len + 1, n);
            value[n] = '\0';
            return true;
        }
        at += len;
        at += strspn(at, " ");
    }
    return false;
}

uint64_t board_arg_number(const char *key, uint64_t fallback)
{
    char text[24];
    uint64_t n = 0;

    if (!board_arg(key, text, sizeof(text))) {
        return fallback;
    }
    for (const char *c = text; *c >= '0' && *c <= '9'; c++) {
        n = n * 10 + (uint64_t)(*c - '0');
    }
    return n;
}
