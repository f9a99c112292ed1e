/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's ISA: what its hart has, less what Curia does not let through. Left out: h and the
 * machine level's; v (its state is not saved); counters beyond Zicntr; Zkr (the seed is the
 * machine's); pointer masking, Zicfilp and Zicfiss (off in henvcfg); whatever is not in the table.
 * Writes /cpus from it. Runs on the host too. No lock.
 */
#include "arch/riscv/isa.h"

#include "arch/riscv/csr_bits.h"
#include "core/machine.h"
#include "core/vm.h"

#include <libfdt.h>
#include <stdio.h>
#include <string.h>

/* When an extension of the hart is offered. */
enum offer {
    OFFER_ALWAYS, /* even if the FDT forgets it: there can be no hart with H without */
    OFFER_HART,   /* if the hart has it: no state, or state that is saved */
    OFFER_FP,     /* and FP state is saved */
    OFFER_CBOM,
    OFFER_CBOZ,
    OFFER_PBMT,
    OFFER_ADUE,
    OFFER_NO_ADUE,
    OFFER_SSTC,
    OFFER_IMSIC, /* and the VM has interrupt files */
};

struct isa_ext {
    char name[12];
    uint8_t offer;
};

/* In canonical order, "i" apart. */
static const struct isa_ext exts[] = {
    {"m", OFFER_HART},         {"a", OFFER_HART},        {"f", OFFER_FP},
    {"d", OFFER_FP},           {"c", OFFER_HART},        {"zicbom", OFFER_CBOM},
    {"zicbop", OFFER_HART},    {"zicboz", OFFER_CBOZ},   {"ziccrse", OFFER_HART},
    {"zicntr", OFFER_HART},    {"zicond", OFFER_HART},   {"zicsr", OFFER_ALWAYS},
    {"zifencei", OFFER_ALWAYS}, {"zihintntl", OFFER_HART}, {"zihintpause", OFFER_HART},
    {"zimop", OFFER_HART},     {"zaamo", OFFER_HART},    {"zabha", OFFER_HART},
    {"zacas", OFFER_HART},     {"zalrsc", OFFER_HART},   {"zawrs", OFFER_HART},
    {"zfa", OFFER_FP},         {"zfh", OFFER_FP},        {"zfhmin", OFFER_FP},
    {"zca", OFFER_HART},       {"zcb", OFFER_HART},      {"zcd", OFFER_FP},
    {"zcmop", OFFER_HART},     {"zba", OFFER_HART},      {"zbb", OFFER_HART},
    {"zbc", OFFER_HART},       {"zbkb", OFFER_HART},     {"zbkc", OFFER_HART},
    {"zbkx", OFFER_HART},      {"zbs", OFFER_HART},      {"zknd", OFFER_HART},
    {"zkne", OFFER_HART},      {"zknh", OFFER_HART},     {"zksed", OFFER_HART},
    {"zksh", OFFER_HART},      {"zkt", OFFER_HART},      {"ztso", OFFER_HART},
    {"ssaia", OFFER_IMSIC},    {"sstc", OFFER_SSTC},     {"svade", OFFER_NO_ADUE},
    {"svadu", OFFER_ADUE},     {"svinval", OFFER_HART},  {"svnapot", OFFER_HART},
    {"svpbmt", OFFER_PBMT},
};

#define ISA_MAX 480u /* bytes of the longest string or list that the table gives, and then some */

_Static_assert(sizeof("rv64i") + sizeof(exts) <= ISA_MAX * 2, "room for every name");

/*
 * FIOM: the guest's device registers may be Curia's memory. CBIE = flush: if a guest's cbo.inval
 * did invalidate, it could bring back what was in its RAM before Curia cleared it: another VM's
 * data.
 */
uint64_t rv_isa_henvcfg(const struct rv_features *f)
{
    uint64_t bits = HENVCFG_FIOM;

    bits |= f->zicbom ? HENVCFG_CBCFE | HENVCFG_CBIE_FLUSH : 0;
    bits |= f->zicboz ? HENVCFG_CBZE : 0;
    bits |= f->svpbmt ? HENVCFG_PBMTE : 0;
    bits |= f->svadu ? HENVCFG_ADUE : 0;
    bits |= f->sstc ? HENVCFG_STCE : 0;
    return f->henvcfg ? bits & f->henvcfg_bits : 0;
}

static bool offered(const struct isa_ext *ext, const struct board_hart *hart, bool imsic)
{
    uint64_t env = rv_isa_henvcfg(&rv_features);
    bool has = rv_isa_has(hart, ext->name);

    switch ((enum offer)ext->offer) {
    case OFFER_ALWAYS:
        return true;
    case OFFER_HART:
        return has;
    case OFFER_FP:
        return has && rv_features.d;
    case OFFER_CBOM:
        return has && (env & HENVCFG_CBCFE) != 0 && (env & HENVCFG_CBIE) != 0;
    case OFFER_CBOZ:
        return has && (env & HENVCFG_CBZE) != 0;
    case OFFER_PBMT:
        return has && (env & HENVCFG_PBMTE) != 0;
    case OFFER_ADUE:
        return has && (env & HENVCFG_ADUE) != 0;
    case OFFER_NO_ADUE:
        return has && (env & HENVCFG_ADUE) == 0;
    case OFFER_SSTC:
        return has && (env & HENVCFG_STCE) != 0;
    case OFFER_IMSIC:
        return has && rv_features.aia && imsic;
    }
    return false;
}

/* Appends name; false: no room. */
static bool append(char *buf, size_t *len, const char *before, const char *name, size_t end)
{
    size_t n = strlen(before), m = strlen(name);

    if (*len + n + m + end > ISA_MAX) {
        return false;
    }
    memcpy(buf + *len, before, n);
    memcpy(buf + *len + n, name, m + end);
    *len += n + m + end;
    return true;
}

/*
 * riscv,isa (a string) or riscv,isa-extensions (a list): its length with the last NUL; 0: no room.
 */
static size_t write_isa(char buf[ISA_MAX], const struct board_hart *hart, bool imsic, bool list)
{
    size_t end = list ? 1 : 0;
    size_t len = 0;
    bool ok = append(buf, &len, "", list ? "i" : "rv64i", end);

    for (size_t i = 0; i < ARRAY_SIZE(exts); i++) {
        bool letter = exts[i].name[1] == '\0';

        if (offered(&exts[i], hart, imsic)) {
            ok = ok && append(buf, &len, list || letter ? "" : "_", exts[i].name, end);
        }
    }
    ok = ok && (list || append(buf, &len, "", "", 1));
    return ok ? len : 0;
}

static bool has_ext(const char *list, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i += strlen(&list[i]) + 1) {
        if (strcmp(&list[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int put_string(void *fdt, const char *name, const char *value)
{
    return fdt_property(fdt, name, value, (int)strlen(value) + 1);
}

/* The host's property, if the extension it belongs to is offered; the blob's byte order is kept. */
static int copy_block_size(void *fdt, const struct board_hart *hart, const char *name)
{
    int len;
    const void *value = fdt_getprop(machine.board.fdt, hart->node, name, &len);

    return value == NULL ? 0 : fdt_property(fdt, name, value, len);
}

static int isa_props(void *fdt, const struct board_hart *hart, bool imsic)
{
    char buf[ISA_MAX];
    size_t len = write_isa(buf, hart, imsic, false);
    int e = len == 0 ? -FDT_ERR_NOSPACE : fdt_property(fdt, "riscv,isa", buf, (int)len);

    e = e != 0 ? e : put_string(fdt, "riscv,isa-base", "rv64i");
    len = write_isa(buf, hart, imsic, true);
    if (e != 0 || len == 0) {
        return e != 0 ? e : -FDT_ERR_NOSPACE;
    }
    e = fdt_property(fdt, "riscv,isa-extensions", buf, (int)len);
    if (e == 0 && has_ext(buf, len, "zicbom")) {
        e = copy_block_size(fdt, hart, "riscv,cbom-block-size");
    }
    if (e == 0 && has_ext(buf, len, "zicbop")) {
        e = copy_block_size(fdt, hart, "riscv,cbop-block-size");
    }
    if (e == 0 && has_ext(buf, len, "zicboz")) {
        e = copy_block_size(fdt, hart, "riscv,cboz-block-size");
    }
    return e;
}

static int cpu_node(void *fdt, const struct vm *vm, uint32_t index)
{
    const struct board_hart *hart = rv_hart_of_const(vm->vcpus[index]->hart)->board;
    char name[16];
    int e;

    (void)snprintf(name, sizeof(name), "cpu@%x", (unsigned int)index);
    e = fdt_begin_node(fdt, name);
    e = e != 0 ? e : put_string(fdt, "device_type", "cpu");
    e = e != 0 ? e : fdt_property_u32(fdt, "reg", index);
    e = e != 0 ? e : put_string(fdt, "status", "okay");
    e = e != 0 ? e : put_string(fdt, "compatible", "riscv");
    e = e != 0 ? e : put_string(fdt, "mmu-type",
                                         hart->mmu != NULL ? hart->mmu : "riscv,sv39");
    e = e != 0 ? e : isa_props(fdt, hart, vm->has_imsic);

    e = e != 0 ? e : fdt_begin_node(fdt, "interrupt-controller");
    e = e != 0 ? e : put_string(fdt, "compatible", "riscv,cpu-intc");
    e = e != 0 ? e : fdt_property(fdt, "interrupt-controller", "", 0);
    e = e != 0 ? e : fdt_property_u32(fdt, "#interrupt-cells", 1);
    e = e != 0 ? e : fdt_property_u32(fdt, "phandle", arch_fdt_cpu_intc(index));
    e = e != 0 ? e : fdt_end_node(fdt);
    return e != 0 ? e : fdt_end_node(fdt);
}

enum err arch_fdt_cpus(const struct vm *vm, void *fdt)
{
    int e = fdt_begin_node(fdt, "cpus");

    e = e != 0 ? e : fdt_property_u32(fdt, "#address-cells", 1);
    e = e != 0 ? e : fdt_property_u32(fdt, "#size-cells", 0);
    e = e != 0 ? e : fdt_property_u32(fdt, "timebase-frequency", (uint32_t)machine.timebase_hz);
    for (uint32_t i = 0; e == 0 && i < vm->vcpu_count; i++) {
        e = cpu_node(fdt, vm, i);
    }
    e = e != 0 ? e : fdt_end_node(fdt);
    return e == 0 ? ERR_OK : ERR_RANGE;
}

uint32_t arch_fdt_cpu_intc(uint32_t index)
{
    return 0x100 + index;
}
