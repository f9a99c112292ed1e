/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's FDT into tables. A quick pass counts the nodes that could be devices, so that the
 * tables are made to measure; board_walk.c fills them in a second; interrupts and reserved memory,
 * which refer to other nodes, come last.
 *
 * No lock: the boot hart calls, once. Constant afterwards.
 */
#include "core/board.h"

#include "core/board_walk.h"
#include "core/irqchip.h"
#include "core/pagepool.h"

#include <stddef.h>
#include <string.h>

/* How many devices and harts there can be: nodes with a unit address. */
static void count_nodes(struct walk *w)
{
    const void *fdt = w->board->fdt;
    uint32_t depth = 0;
    bool in_cpus = false;
    int offset = 0;

    for (;;) {
        int next;
        uint32_t tag = fdt_next_tag(fdt, offset, &next);

        if (tag == FDT_BEGIN_NODE) {
            const char *name = fdt_get_name(fdt, offset, NULL);
            bool unit = name != NULL && strchr(name, '@') != NULL;

            depth++;
            if (depth == 2) {
                in_cpus = name != NULL && strcmp(name, "cpus") == 0;
            }
            w->hart_capacity += unit && in_cpus && depth == 3 ? 1 : 0;
            w->device_capacity += unit && !in_cpus && depth <= WALK_DEPTH ? 1 : 0;
        } else if (tag == FDT_END_NODE) {
            if (depth <= 1) {
                return;
            }
            depth--;
        } else if (tag == FDT_END) {
            return;
        }
        offset = next;
    }
}

static void reserve(struct walk *w, uint64_t start, uint64_t size)
{
    if (ram_reserve(&w->board->ram, start, size) != ERR_OK) {
        w->why = "the FDT reserves memory in more pieces than Curia keeps (64)";
    }
}

/* /reserved-memory, whether no-map or not, and /memreserve/. */
static void take_reserved(struct walk *w)
{
    const void *fdt = w->board->fdt;
    int node;

    for (int i = 0; i < fdt_num_mem_rsv(fdt); i++) {
        uint64_t start, size;

        if (fdt_get_mem_rsv(fdt, i, &start, &size) == 0) {
            reserve(w, start, size);
        }
    }
    if (w->reserved < 0) {
        return;
    }
    w->frames[2].address_cells = fdt_prop_u32(fdt, w->reserved, "#address-cells", 2);
    w->frames[2].size_cells = fdt_prop_u32(fdt, w->reserved, "#size-cells", 1);
    w->frames[2].ranges_len = 0; /* of the root's addresses, always */
    fdt_for_each_subnode(node, fdt, w->reserved) {
        const char *status = fdt_prop_string(fdt, node, "status");
        struct board_reg r;
        struct value reg;

        if (status != NULL && strcmp(status, "okay") != 0 && strcmp(status, "ok") != 0) {
            continue;
        }
        reg.data = fdt_getprop(fdt, node, "reg", &reg.len);
        for (uint32_t i = 0; reg.data != NULL && board_walk_reg(w, &reg, 2, i, &r); i++) {
            reserve(w, r.start, r.size);
        }
    }
}

/* #interrupt-cells of the controller with this phandle; 0: unknown, and so are its cells. */
static uint32_t irq_cells(const struct board *b, uint32_t phandle, bool *is_cpu)
{
    *is_cpu = false;
    for (uint32_t i = 0; i < b->device_count; i++) {
        if (b->devices[i].phandle == phandle) {
            return board_u32(b, &b->devices[i], "#interrupt-cells", 0);
        }
    }
    for (uint32_t i = 0; i < b->hart_count; i++) {
        if (b->harts[i].intc_phandle == phandle) {
            *is_cpu = true;
            return 1;
        }
    }
    return 0;
}

static void resolve_irqs(const struct board *b, struct board_device *d)
{
    uint32_t parent = d->irqs[0].parent;
    const fdt32_t *cell = (const void *)((const char *)b->fdt + d->irqs[0].source);
    const fdt32_t *end = cell + d->irqs[0].trigger / 4u;
    bool extended = parent == 0;
    bool is_cpu = false;
    uint32_t cells = extended ? 0 : irq_cells(b, parent, &is_cpu);

    d->irq_count = 0;
    d->irqs[0] = (struct board_irq){0};
    while (cell < end && d->irq_count < BOARD_DEVICE_IRQS) {
        if (extended) {
            uint32_t before = parent;

            parent = fdt32_ld(cell++);
            cells = parent == before && cells != 0 ? cells : irq_cells(b, parent, &is_cpu);
        }
        if (cells == 0 || cells > (size_t)(end - cell)) {
            return;
        }
        if (!is_cpu) {
            uint32_t trigger = cells > 1 ? fdt32_ld(&cell[1]) & 0xfu : 0;

            d->irqs[d->irq_count++] = (struct board_irq){
                parent, fdt32_ld(cell), trigger != 0 ? trigger : (uint32_t)IRQ_LEVEL_HIGH};
        }
        cell += cells;
    }
}

static const struct board_device *device_at(const struct board *b, int node)
{
    uint32_t low = 0;
    uint32_t high = b->device_count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (b->devices[mid].node < node) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < b->device_count && b->devices[low].node == node ? &b->devices[low] : NULL;
}

static const char *board_fault(const struct board *b)
{
    if (b->hart_count == 0) {
        return "the FDT has no enabled cpu node under /cpus";
    }
    if (b->timebase_hz == 0) {
        return "the FDT has no /cpus timebase-frequency";
    }
    if (b->ram.count == 0) {
        return "the FDT has no free RAM: look at its memory and reserved-memory nodes";
    }
    return NULL;
}

enum err board_read(struct board *board, const void *fdt, const char **why)
{
    struct walk w = {.board = board, .reserved = -1};

    *board = (struct board){.fdt = fdt};
    if (fdt == NULL || fdt_check_header(fdt) != 0) {
        *why = "the FDT that the firmware hands over in a1 is none: its header is wrong";
        return ERR_INVALID;
    }
    board->fdt_size = fdt_totalsize(fdt);
    w.frames[0] = (struct frame){.address_cells = 2, .size_cells = 1};
    count_nodes(&w);
    board->harts = pool_alloc(w.hart_capacity * sizeof(board->harts[0]),
                              _Alignof(struct board_hart));
    board->devices = pool_alloc(w.device_capacity * sizeof(board->devices[0]),
                                _Alignof(struct board_device));
    if (board->harts == NULL || board->devices == NULL) {
        *why = "the FDT has more devices than Curia's own memory can list";
        return ERR_NO_MEMORY;
    }
    board_walk(&w);
    if (w.why == NULL) {
        take_reserved(&w);
    }
    if (w.why == NULL) {
        w.why = board_fault(board);
    }
    if (w.why != NULL) {
        *why = w.why;
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < board->device_count; i++) {
        if (board->devices[i].irq_count != 0) {
            resolve_irqs(board, &board->devices[i]);
        }
    }
    if (fdt_string_value(w.stdout_path.data, w.stdout_path.len) != NULL) {
        board->stdout_dev = board_by_path(board, w.stdout_path.data);
    }
    return ERR_OK;
}

const struct board_device *board_find(const struct board *board, const char *compatible,
                                      const struct board_device *prev)
{
    const struct board_device *end = board->devices + board->device_count;

    for (const struct board_device *d = prev == NULL ? board->devices : prev + 1; d < end; d++) {
        if (board_is(d, compatible)) {
            return d;
        }
    }
    return NULL;
}

const struct board_device *board_by_path(const struct board *board, const char *path)
{
    /* stdout-path may go on with ":115200n8". */
    int node = fdt_path_offset_namelen(board->fdt, path, (int)strcspn(path, ":"));

    return node < 0 ? NULL : device_at(board, node);
}

bool board_is(const struct board_device *dev, const char *compatible)
{
    return fdt_stringlist_contains(dev->compatible, (int)dev->compatible_len, compatible) != 0;
}

uint32_t board_u32(const struct board *board, const struct board_device *dev, const char *name,
                   uint32_t fallback)
{
    return fdt_prop_u32(board->fdt, dev->node, name, fallback);
}
