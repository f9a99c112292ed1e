/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's FDT into tables: board_walk.c fills them in one pass; interrupts and reserved memory,
 * which need other nodes, come last.
 *
 * No lock: the boot hart calls, once. Constant afterwards.
 */
#include "core/board.h"

#include "core/board_walk.h"
#include "core/irqchip.h"
#include "core/pagepool.h"

#include <stddef.h>
#include <string.h>

#define NODE_BYTES_MIN       48u /* of a node with a name, compatible and reg */
#define GUEST_INDEX_BITS_MAX 6u  /* hgeie has 63 of them [Priv, hgeip and hgeie] */

static void take_out_reserved(struct walk *w)
{
    const void *fdt = w->board->fdt;

    for (int i = 0; i < fdt_num_mem_rsv(fdt) && w->reserved_count < RAM_RANGES; i++) {
        struct board_reg *r = &w->reserved[w->reserved_count];

        w->reserved_count += fdt_get_mem_rsv(fdt, i, &r->start, &r->size) == 0 ? 1 : 0;
    }
    for (uint32_t i = 0; i < w->reserved_count; i++) {
        if (ram_reserve(&w->board->ram, w->reserved[i].start, w->reserved[i].size) != ERR_OK) {
            w->why = "the FDT cuts its memory into more pieces than Curia keeps (64)";
        }
    }
    if (w->reserved_count == RAM_RANGES) {
        w->why = "the FDT reserves memory in more pieces than Curia keeps (63)";
    }
}

/* #interrupt-cells of the controller with this phandle; 0: unknown, and so are its cells. */
static uint32_t irq_cells(const struct board *b, uint32_t phandle, bool *is_cpu)
{
    *is_cpu = false;
    for (uint32_t i = 0; i < b->device_count; i++) {
        if (b->devices[i].phandle == phandle) {
            return b->devices[i].interrupt_cells;
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
    while (cell < end) {
        if (extended) {
            uint32_t before = parent;

            parent = fdt32_ld(cell++);
            cells = parent == before && cells != 0 ? cells : irq_cells(b, parent, &is_cpu);
        }
        if (cells == 0 || cells > (size_t)(end - cell)) {
            return;
        }
        if (!is_cpu && d->irq_count == BOARD_DEVICE_IRQS) {
            d->more = true;
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

/*
 * Room for as many devices and harts as the blob can hold, and for the walk itself behind them;
 * what is not needed goes back to the pool by tables_close(). Less room where the arena is small.
 */
static struct walk *tables_open(struct board *b)
{
    uint32_t nodes = fdt_size_dt_struct(b->fdt) / NODE_BYTES_MIN + 1;
    char *room = NULL;
    struct walk *w;

    for (; room == NULL && nodes >= 16; nodes = room == NULL ? nodes / 2 : nodes) {
        room = pool_alloc(nodes * (sizeof(b->devices[0]) + sizeof(b->harts[0])) + sizeof(*w),
                          _Alignof(struct walk));
    }
    if (room == NULL) {
        return NULL;
    }
    b->devices = (struct board_device *)(void *)room;
    b->harts = (struct board_hart *)(void *)(b->devices + nodes);
    w = (struct walk *)(void *)(b->harts + nodes);
    w->board = b;
    w->device_capacity = nodes;
    w->hart_capacity = nodes;
    w->frames[0] = (struct frame){.address_cells = 2, .size_cells = 1};
    return w;
}

static void tables_close(struct board *b)
{
    struct board_hart *harts = (struct board_hart *)(void *)(b->devices + b->device_count);

    memmove(harts, b->harts, b->hart_count * sizeof(harts[0]));
    b->harts = harts;
    pool_trim(harts + b->hart_count);
}

/*
 * The console's device by its node's name, which nearly always is the only one of that name; a walk
 * along the path where it is not, or is an alias.
 */
static const struct board_device *stdout_find(const struct board *b, const char *path)
{
    size_t len = strcspn(path, ":");
    const struct board_device *found = NULL;
    size_t tail = len;

    while (tail > 0 && path[tail - 1] != '/') {
        tail--;
    }
    for (uint32_t i = 0; tail > 0 && i < b->device_count; i++) {
        const char *name = b->devices[i].path_tail;

        if (strncmp(name, path + tail, len - tail) == 0 && name[len - tail] == '\0') {
            if (found != NULL) {
                return board_by_path(b, path);
            }
            found = &b->devices[i];
        }
    }
    return tail > 0 ? found : board_by_path(b, path);
}

/* Pages that the address map has for them; a hart may implement fewer. */
static uint32_t guest_files(const struct board *board)
{
    const struct board_device *dev = NULL;
    uint32_t files = 0;

    while ((dev = board_find(board, "riscv,imsics", dev)) != NULL) {
        uint32_t bits = board_u32(board, dev, "riscv,guest-index-bits", 0);
        uint32_t pages = bits <= GUEST_INDEX_BITS_MAX ? (1u << bits) - 1u : 0;

        files = pages > files ? pages : files;
    }
    return files;
}

enum err board_read(struct board *board, const void *fdt, const char **why)
{
    struct walk *w;
    const char *path;

    *board = (struct board){.fdt = fdt};
    if (fdt == NULL || fdt_check_header(fdt) != 0 || fdt_version(fdt) < 17) {
        *why = "the FDT that the firmware hands over in a1 is none: its header is wrong";
        return ERR_INVALID;
    }
    board->fdt_size = fdt_totalsize(fdt);
    w = tables_open(board);
    if (w == NULL) {
        *why = POOL_USED_UP;
        return ERR_NO_MEMORY;
    }
    board_walk(w);
    if (w->why == NULL) {
        take_out_reserved(w);
    }
    if (w->why == NULL) {
        w->why = board_fault(board);
    }
    *why = w->why;
    path = fdt_string_value(w->stdout_path.data, w->stdout_path.len);
    tables_close(board);
    if (*why != NULL) {
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < board->device_count; i++) {
        if (board->devices[i].irq_count != 0) {
            resolve_irqs(board, &board->devices[i]);
        }
    }
    board->stdout_dev = path != NULL ? stdout_find(board, path) : NULL;
    board->guest_files = guest_files(board);
    board->imsic = board_find(board, "riscv,imsics", NULL) != NULL;
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

void board_cells(const struct board *board, const struct board_device *dev,
                 const struct board_cell *cells, uint32_t count)
{
    int at;

    fdt_for_each_property_offset(at, board->fdt, dev->node)
    {
        const char *name;
        int len;
        const void *data = fdt_getprop_by_offset(board->fdt, at, &name, &len);

        for (uint32_t i = 0; data != NULL && len == 4 && i < count; i++) {
            if (strcmp(name, cells[i].name) == 0) {
                *cells[i].value = (uint32_t)fdt_cells(data, 1);
            }
        }
    }
}

uint32_t board_u32(const struct board *board, const struct board_device *dev, const char *name,
                   uint32_t fallback)
{
    return fdt_prop_u32(board->fdt, dev->node, name, fallback);
}
