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
    OFFER_ADE, /* the hart has it, or can be switched to it: off is the reset value */
    OFFER_SSTC,
    OFFER_IMSIC, /* and the VM has interrupt files */
};

/* In canonical order, "i" apart. */
/* clang-format off */
#define EXTENSIONS(X)                                                                              \
    X(m, HART) X(a, HART) X(f, FP) X(d, FP) X(c, HART) X(zicbom, CBOM) X(zicbop, HART)             \
    X(zicboz, CBOZ) X(ziccrse, HART) X(zicntr, HART) X(zicond, HART) X(zicsr, ALWAYS)              \
    X(zifencei, ALWAYS) X(zihintntl, HART) X(zihintpause, HART) X(zimop, HART) X(zaamo, HART)      \
    X(zabha, HART) X(zacas, HART) X(zalrsc, HART) X(zawrs, HART) X(zfa, FP) X(zfh, FP)             \
    X(zfhmin, FP) X(zca, HART) X(zcb, HART) X(zcd, FP) X(zcmop, HART) X(zba, HART) X(zbb, HART)    \
    X(zbc, HART) X(zbkb, HART) X(zbkc, HART) X(zbkx, HART) X(zbs, HART) X(zknd, HART)              \
    X(zkne, HART) X(zknh, HART) X(zksed, HART) X(zksh, HART) X(zkt, HART) X(ztso, HART)            \
    X(ssaia, IMSIC) X(sstc, SSTC) X(svade, ADE) X(svadu, ADUE) X(svinval, HART)                \
    X(svnapot, HART) X(svpbmt, PBMT)
/* clang-format on */

#define NAME(name, when)  #name,
#define OFFER(name, when) OFFER_##when,
static const rv_isa_name names[] = {EXTENSIONS(NAME)};
static const uint8_t offers[] = {EXTENSIONS(OFFER)};

_Static_assert(ARRAY_SIZE(names) <= 64, "a bit for each extension");

#define ISA_MAX 480u /* bytes of the longest string or list that the table gives, and then some */

_Static_assert(sizeof("rv64i") + sizeof(names) <= ISA_MAX * 2, "room for every name");

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
    bits |= f->sstc ? HENVCFG_STCE : 0;
    return f->henvcfg ? bits & f->henvcfg_bits : 0;
}

uint64_t rv_isa_switches(const struct rv_features *f)
{
    return f->henvcfg && f->svadu ? f->henvcfg_bits & HENVCFG_ADUE : 0;
}

static bool offered(enum offer offer, uint64_t env, bool imsic)
{
    switch (offer) {
    case OFFER_ALWAYS:
    case OFFER_HART:
    case OFFER_ADE:
        return true;
    case OFFER_FP:
        return rv_features.d;
    case OFFER_CBOM:
        return (env & HENVCFG_CBCFE) != 0 && (env & HENVCFG_CBIE) != 0;
    case OFFER_CBOZ:
        return (env & HENVCFG_CBZE) != 0;
    case OFFER_PBMT:
        return (env & HENVCFG_PBMTE) != 0;
    case OFFER_ADUE:
        return (env & HENVCFG_ADUE) != 0;
    case OFFER_SSTC:
        return (env & HENVCFG_STCE) != 0;
    case OFFER_IMSIC:
        return rv_features.aia && imsic;
    }
    return false;
}

/* Bit i: names[i] is in the guest's ISA. */
static uint64_t guest_isa(const struct board_hart *hart, bool imsic)
{
    uint64_t env = rv_isa_henvcfg(&rv_features) | rv_isa_switches(&rv_features);
    uint64_t have = rv_isa_have(hart, names, ARRAY_SIZE(names));
    uint64_t isa = 0;

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        uint64_t bit = UINT64_C(1) << i;

        if ((have & bit) != 0 || offers[i] == OFFER_ALWAYS ||
            (offers[i] == OFFER_ADE && (env & HENVCFG_ADUE) != 0)) {
            isa |= offered((enum offer)offers[i], env, imsic) ? bit : 0;
        }
    }
    return isa;
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
static size_t write_isa(char buf[ISA_MAX], uint64_t isa, bool list)
{
    size_t end = list ? 1 : 0;
    size_t len = 0;
    bool ok = append(buf, &len, "", list ? "i" : "rv64i", end);

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        bool letter = names[i][1] == '\0';

        if ((isa & UINT64_C(1) << i) != 0) {
            ok = ok && append(buf, &len, list || letter ? "" : "_", names[i], end);
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
    uint64_t isa = guest_isa(hart, imsic);
    size_t len = write_isa(buf, isa, false);
    int e = len == 0 ? -FDT_ERR_NOSPACE : fdt_property(fdt, "riscv,isa", buf, (int)len);

    e = e != 0 ? e : put_string(fdt, "riscv,isa-base", "rv64i");
    len = write_isa(buf, isa, true);
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
    e = e != 0 ? e : put_string(fdt, "mmu-type", hart->mmu != NULL ? hart->mmu : "riscv,sv39");
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
