/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One pass over the host's FDT. Properties stand before child nodes, so one set of them is open at
 * a time; a node is looked at when its properties are all there, and so after all that it depends
 * on but interrupt controllers. The pass is the full check of the structure too.
 */
#include "core/board_walk.h"

#include <stddef.h>
#include <string.h>

static const char *const prop_names[PROP_COUNT] = {
    [P_ADDRESS_CELLS] = "#address-cells",
    [P_SIZE_CELLS] = "#size-cells",
    [P_BOOTARGS] = "bootargs",
    [P_COMPATIBLE] = "compatible",
    [P_DEVICE_TYPE] = "device_type",
    [P_INTERRUPT_CELLS] = "#interrupt-cells",
    [P_INTERRUPT_CONTROLLER] = "interrupt-controller",
    [P_INTERRUPT_PARENT] = "interrupt-parent",
    [P_INTERRUPTS] = "interrupts",
    [P_INTERRUPTS_EXTENDED] = "interrupts-extended",
    [P_INITRD_END] = "linux,initrd-end",
    [P_INITRD_START] = "linux,initrd-start",
    [P_LINUX_PHANDLE] = "linux,phandle",
    [P_MMU_TYPE] = "mmu-type",
    [P_MODEL] = "model",
    [P_PHANDLE] = "phandle",
    [P_RANGES] = "ranges",
    [P_REG] = "reg",
    [P_RNG_SEED] = "rng-seed",
    [P_CBOM_SIZE] = "riscv,cbom-block-size",
    [P_CBOZ_SIZE] = "riscv,cboz-block-size",
    [P_ISA] = "riscv,isa",
    [P_ISA_EXTENSIONS] = "riscv,isa-extensions",
    [P_STATUS] = "status",
    [P_STDOUT_PATH] = "stdout-path",
    [P_TIMEBASE] = "timebase-frequency",
};

static uint32_t value_u32(const struct value *v, uint32_t fallback)
{
    return v->data != NULL && v->len == 4 ? (uint32_t)fdt_cells(v->data, 1) : fallback;
}

/* One or two cells, whichever it is. */
static uint64_t value_u64(const struct value *v, uint64_t fallback)
{
    return v->data != NULL && (v->len == 4 || v->len == 8)
               ? fdt_cells(v->data, (uint32_t)v->len / 4u)
               : fallback;
}

static const char *value_string(const struct value *v)
{
    return fdt_string_value(v->data, v->len);
}

static bool value_is(const struct value *v, const char *text)
{
    const char *s = value_string(v);

    return s != NULL && strcmp(s, text) == 0;
}

/* From the address space inside the bus at depth to that of the harts. */
static bool translate(const struct walk *w, uint32_t depth, struct board_reg *reg)
{
    for (; depth > 1; depth--) {
        const struct frame *bus = &w->frames[depth];
        uint32_t parent_cells = w->frames[depth - 1].address_cells;
        uint32_t entry = bus->address_cells + parent_cells + bus->size_cells;
        int left = bus->ranges_len / 4;
        bool found = bus->ranges_len == 0;

        if (bus->ranges_len < 0 || bus->address_cells > 2 || bus->size_cells > 2 ||
            parent_cells > 2 || entry == 0) {
            return false;
        }
        for (const fdt32_t *r = bus->ranges; !found && left >= (int)entry;
             r += entry, left -= (int)entry) {
            uint64_t child = fdt_cells(r, bus->address_cells);
            uint64_t parent = fdt_cells(r + bus->address_cells, parent_cells);
            uint64_t size = fdt_cells(r + bus->address_cells + parent_cells, bus->size_cells);

            if (range_within(reg->start, reg->size, child, size) &&
                reg->start - child <= UINT64_MAX - parent) {
                reg->start = parent + (reg->start - child);
                found = true;
            }
        }
        if (!found) {
            return false;
        }
    }
    return range_valid(reg->start, reg->size);
}

/* Range index of the open node's reg; false: there is no such, or it is no address. */
static bool reg_at(const struct walk *w, uint32_t index, struct board_reg *out)
{
    const struct value *reg = &w->props[P_REG];
    uint32_t bus = w->depth - 1;
    uint32_t a = w->frames[bus].address_cells;
    uint32_t s = w->frames[bus].size_cells;
    uint32_t bytes = 4 * (a + s);
    const fdt32_t *cells = reg->data;

    if (cells == NULL || a == 0 || a > 2 || s == 0 || s > 2 ||
        (uint64_t)(index + 1u) * bytes > (uint64_t)reg->len) {
        return false;
    }
    cells += (size_t)index * (a + s);
    *out = (struct board_reg){fdt_cells(cells, a), fdt_cells(cells + a, s)};
    return translate(w, bus, out);
}

static void take_memory(struct walk *w)
{
    struct board_reg r;

    for (uint32_t i = 0; reg_at(w, i, &r); i++) {
        if (ram_add(&w->board->ram, r.start, r.size) != ERR_OK) {
            w->why = "the FDT has more memory ranges than Curia keeps (64): join neighbours";
        }
    }
}

/* Without a reg the firmware left the choice to the system: nothing is there yet. */
static void take_reserved(struct walk *w)
{
    for (uint32_t i = 0;
         w->reserved_count < RAM_RANGES && reg_at(w, i, &w->reserved[w->reserved_count]); i++) {
        w->reserved_count++;
    }
}

static void take_hart(struct walk *w)
{
    const struct value *p = w->props;
    const struct value *isa = &p[P_ISA_EXTENSIONS];
    uint32_t cells = w->frames[w->depth - 1].address_cells;
    struct board_hart *h = &w->board->harts[w->board->hart_count];

    if (w->board->hart_count == w->hart_capacity || cells == 0 || cells > 2 ||
        p[P_REG].data == NULL || p[P_REG].len != (int)(4 * cells)) {
        w->why = "a cpu node of the FDT has no proper reg: it must be the hart id";
        return;
    }
    w->board->hart_count++;
    h->id = fdt_cells(p[P_REG].data, cells);
    h->node = w->node;
    h->isa_is_list = isa->data != NULL;
    isa = h->isa_is_list ? isa : &p[P_ISA];
    if (isa->data != NULL && isa->len > 0 && ((const char *)isa->data)[isa->len - 1] == '\0') {
        h->isa = isa->data;
        h->isa_len = (uint32_t)isa->len;
    }
    h->mmu = value_string(&p[P_MMU_TYPE]);
    h->cboz_block = value_u32(&p[P_CBOZ_SIZE], 0);
    h->cbom_block = value_u32(&p[P_CBOM_SIZE], 0);
    if (w->board->timebase_hz == 0) {
        w->board->timebase_hz = value_u64(&p[P_TIMEBASE], 0);
    }
}

static uint32_t phandle_of(const struct walk *w)
{
    return value_u32(&w->props[P_PHANDLE], value_u32(&w->props[P_LINUX_PHANDLE], 0));
}

/*
 * Interrupts are read once all controllers are known. Until then irqs[0] says where they stand:
 * parent is the interrupt parent (0: interrupts-extended), source the data's offset in the blob,
 * trigger its length.
 */
static void note_irqs(const struct walk *w, struct board_device *d, uint32_t parent)
{
    bool extended = w->props[P_INTERRUPTS_EXTENDED].data != NULL;
    const struct value *v = &w->props[extended ? P_INTERRUPTS_EXTENDED : P_INTERRUPTS];

    if (v->data != NULL && (extended || parent != 0)) {
        ptrdiff_t at = (const char *)v->data - (const char *)w->board->fdt;

        d->irqs[0] = (struct board_irq){extended ? 0 : parent, (uint32_t)at, (uint32_t)v->len};
        d->irq_count = 1;
    }
}

static void take_device(struct walk *w, uint32_t interrupt_parent)
{
    const struct value *p = w->props;
    struct board_device *d = &w->board->devices[w->board->device_count];

    if (p[P_COMPATIBLE].len <= 0 ||
        ((const char *)p[P_COMPATIBLE].data)[p[P_COMPATIBLE].len - 1] != '\0') {
        return;
    }
    if (w->board->device_count == w->device_capacity) {
        w->why = "the FDT has more devices than Curia's own memory can list";
        return;
    }
    while (d->reg_count < BOARD_DEVICE_REGS && reg_at(w, d->reg_count, &d->regs[d->reg_count])) {
        d->reg_count++;
    }
    if (d->reg_count == 0) {
        return;
    }
    d->more = reg_at(w, d->reg_count, &(struct board_reg){0});
    w->board->device_count++;
    d->path_tail = w->name;
    d->node = w->node;
    d->compatible = p[P_COMPATIBLE].data;
    d->compatible_len = (uint32_t)p[P_COMPATIBLE].len;
    d->phandle = phandle_of(w);
    d->interrupt_cells = value_u32(&p[P_INTERRUPT_CELLS], 0);
    note_irqs(w, d, interrupt_parent);
}

static void take_chosen(struct walk *w)
{
    const struct value *p = w->props;
    uint64_t start = value_u64(&p[P_INITRD_START], 0);
    uint64_t end = value_u64(&p[P_INITRD_END], 0);

    w->board->bootargs = value_string(&p[P_BOOTARGS]);
    w->board->rng_seed = p[P_RNG_SEED].data;
    w->board->rng_seed_len = (uint32_t)p[P_RNG_SEED].len;
    w->stdout_path = p[P_STDOUT_PATH];
    if (end > start) {
        w->board->bundle = (struct board_reg){start, end - start};
    }
}

/* The open node's properties are all there: sees what it is. */
static void node_known(struct walk *w)
{
    const struct value *p = w->props;
    struct frame *f = &w->frames[w->depth];
    enum bus_kind in = w->frames[w->depth - 1].kind;

    f->address_cells = value_u32(&p[P_ADDRESS_CELLS], 2);
    f->size_cells = value_u32(&p[P_SIZE_CELLS], 1);
    f->interrupt_parent =
        value_u32(&p[P_INTERRUPT_PARENT], w->frames[w->depth - 1].interrupt_parent);
    f->ranges = p[P_RANGES].data;
    f->ranges_len = p[P_RANGES].data == NULL ? -1 : p[P_RANGES].len;
    f->kind = in == BUS_SKIPPED ? BUS_SKIPPED : BUS_PLAIN;
    if (p[P_STATUS].data != NULL && !value_is(&p[P_STATUS], "okay") &&
        !value_is(&p[P_STATUS], "ok")) {
        f->kind = BUS_SKIPPED;
    }
    if (f->kind == BUS_SKIPPED) {
        return;
    }
    if (w->depth == 1) {
        const char *model = value_string(&p[P_MODEL]);

        w->board->model = model != NULL ? model : value_string(&p[P_COMPATIBLE]);
    } else if (in == BUS_CPUS) {
        f->kind = value_is(&p[P_DEVICE_TYPE], "cpu") ? BUS_CPU : BUS_SKIPPED;
        if (f->kind == BUS_CPU) {
            take_hart(w);
        }
    } else if (in == BUS_CPU) {
        if (p[P_INTERRUPT_CONTROLLER].data != NULL && w->board->hart_count > 0) {
            w->board->harts[w->board->hart_count - 1].intc_phandle = phandle_of(w);
        }
    } else if (w->depth == 2 && strcmp(w->name, "cpus") == 0) {
        f->kind = BUS_CPUS;
        w->board->timebase_hz = value_u64(&p[P_TIMEBASE], 0);
    } else if (w->depth == 2 && strcmp(w->name, "chosen") == 0) {
        take_chosen(w);
    } else if (w->depth == 2 && strcmp(w->name, "reserved-memory") == 0) {
        f->kind = BUS_RESERVED;
        f->ranges_len = 0; /* addresses are the root's, always */
    } else if (in == BUS_RESERVED) {
        take_reserved(w);
    } else if (w->depth == 2 && value_is(&p[P_DEVICE_TYPE], "memory")) {
        take_memory(w);
    } else if (p[P_COMPATIBLE].data != NULL && p[P_REG].data != NULL) {
        take_device(w, f->interrupt_parent);
    }
}

static void props_end(struct walk *w)
{
    if (w->props_open && w->depth <= WALK_DEPTH) {
        node_known(w);
    }
    w->props_open = false;
}

/* Which property has its name at nameoff; PROP_COUNT: none that matters. */
static uint32_t prop_of(struct walk *w, uint32_t nameoff)
{
    struct known_name *known = &w->names[(nameoff ^ (nameoff >> 6)) % NAME_CACHE];
    const char *name;
    uint32_t i = 0;

    if (known->prop_plus_1 != 0 && known->nameoff == nameoff) {
        return known->prop_plus_1 - 1;
    }
    name = fdt_get_string(w->board->fdt, (int)nameoff, NULL);
    if (name == NULL) {
        w->why = "the FDT has a property whose name does not lie within it";
        return PROP_COUNT;
    }
    while (i < PROP_COUNT && (prop_names[i][0] != name[0] || strcmp(prop_names[i], name) != 0)) {
        i++;
    }
    *known = (struct known_name){nameoff, i + 1};
    return i;
}

/* fdt_next_tag() has seen that all of the property lies within the blob. */
static void take_prop(struct walk *w, const struct fdt_property *p)
{
    uint32_t i = prop_of(w, fdt32_ld(&p->nameoff));

    if (!w->props_open) {
        w->why = "the FDT has a property after a child node";
    } else if (i < PROP_COUNT) {
        w->props[i] = (struct value){p->data, (int)fdt32_ld(&p->len)};
    }
}

void board_walk(struct walk *w)
{
    const void *fdt = w->board->fdt;
    const char *structs = (const char *)fdt + fdt_off_dt_struct(fdt);
    int offset = 0;

    while (w->why == NULL) {
        int next;

        switch (fdt_next_tag(fdt, offset, &next)) {
        case FDT_BEGIN_NODE:
            props_end(w);
            w->depth++;
            w->node = offset;
            w->name = structs + offset + FDT_TAGSIZE;
            w->props_open = true;
            memset(w->props, 0, sizeof(w->props));
            break;
        case FDT_PROP:
            take_prop(w, (const struct fdt_property *)(const void *)(structs + offset));
            break;
        case FDT_END_NODE:
            props_end(w);
            if (w->depth <= 1) {
                return;
            }
            w->depth--;
            break;
        case FDT_NOP:
            break;
        default: /* FDT_END */
            w->why = "the FDT ends within a node, or has an unknown tag";
            break;
        }
        offset = next;
    }
}
