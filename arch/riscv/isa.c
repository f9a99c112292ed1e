/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's ISA: what its hart has, less what Curia does not let through. Left out: h and the
 * machine level's; counters beyond Zicntr; Zkr (the seed is the machine's), and so zk; Zicfilp (off
 * in henvcfg); Ssctr, Zcmt and Ssstateen (state that is not saved); whatever is not in the table.
 * Writes /cpus from it. Runs on the host too. No lock.
 */
#include "arch/riscv/isa.h"

#include "arch/riscv/csr_bits.h"
#include "core/machine.h"
#include "core/vm.h"
#include "sbi/abi.h"

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
    OFFER_DBTR, /* and SBI can be asked to set its triggers */
    OFFER_DTE,  /* double traps: FWFT's DOUBLE_TRAP is offered */
    OFFER_SSE,  /* shadow stacks: FWFT's SHADOW_STACK is offered */
    OFFER_LCOFI,
    OFFER_IMSIC,   /* and the VM has interrupt files */
    OFFER_SENVCFG, /* what a guest's own senvcfg governs: it is there, and saved */
    OFFER_V,       /* all harts of the VM have vectors, of one length */
    OFFER_VF,      /* and FP */
};

/* In canonical order, "i" apart. Two words of bits hold any set of them: FIRST and SECOND. */
/* clang-format off */
#define FIRST(X)                                                                                   \
    X(m, HART) X(a, HART) X(f, FP) X(d, FP) X(c, HART) X(b, HART) X(v, VF) X(zic64b, HART)         \
    X(zicbom, CBOM) X(zicbop, HART) X(zicboz, CBOZ) X(ziccamoa, HART) X(ziccif, HART)              \
    X(zicclsm, HART) X(ziccrse, HART) X(zicfiss, SSE) X(zicntr, HART) X(zicond, HART)              \
    X(zicsr, ALWAYS) X(zifencei, ALWAYS) X(zihintntl, HART) X(zihintpause, HART) X(zimop, HART)    \
    X(zmmul, HART) X(za64rs, HART) X(zaamo, HART) X(zabha, HART) X(zacas, HART) X(zama16b, HART)   \
    X(zalrsc, HART) X(zawrs, HART) X(zfa, FP) X(zfbfmin, FP) X(zfh, FP) X(zfhmin, FP) X(zca, HART) \
    X(zcb, HART) X(zcd, FP) X(zcmop, HART) X(zba, HART) X(zbb, HART) X(zbc, HART) X(zbkb, HART)    \
    X(zbkc, HART) X(zbkx, HART) X(zbs, HART) X(zkn, HART) X(zknd, HART) X(zkne, HART)              \
    X(zknh, HART) X(zks, HART) X(zksed, HART) X(zksh, HART) X(zkt, HART) X(ztso, HART)
#define SECOND(X)                                                                                  \
    X(zvbb, V) X(zvbc, V) X(zve32f, VF) X(zve32x, V) X(zve64f, VF) X(zve64d, VF) X(zve64x, V)      \
    X(zvfbfmin, VF) X(zvfbfwma, VF) X(zvfh, VF) X(zvfhmin, VF) X(zvkb, V) X(zvkg, V) X(zvkn, V)    \
    X(zvknc, V) X(zvkned, V) X(zvkng, V) X(zvknha, V) X(zvknhb, V) X(zvks, V) X(zvksc, V)          \
    X(zvksed, V) X(zvksg, V) X(zvksh, V) X(zvkt, V) X(zvl32b, V) X(zvl64b, V) X(zvl128b, V)        \
    X(zvl256b, V) X(zvl512b, V) X(zvl1024b, V) X(sdtrig, DBTR) X(ssaia, IMSIC) X(sscofpmf, LCOFI)  \
    X(ssdbltrp, DTE) X(ssnpm, SENVCFG) X(sstc, SSTC) X(supm, SENVCFG) X(svade, ADE)                \
    X(svadu, ADUE) X(svinval, HART) X(svnapot, HART) X(svpbmt, PBMT) X(svvptc, HART)
/* clang-format on */

#define NAME(name, when)  #name,
#define OFFER(name, when) OFFER_##when,
#define ROOM(name, when)  char name[sizeof(#name)];
#define ONE(name, when)   char name;

static const rv_isa_name names[] = {FIRST(NAME) SECOND(NAME)};
static const uint8_t offers[] = {FIRST(OFFER) SECOND(OFFER)};

/* As large as FIRST has names. */
struct first {
    FIRST(ONE)
};
#define IN_FIRST sizeof(struct first)

/* The longest list or string: all of them. */
struct room {
    char base[sizeof("rv64i")];
    FIRST(ROOM) SECOND(ROOM)
};
#define ISA_MAX sizeof(struct room)

_Static_assert(IN_FIRST <= 64 && ARRAY_SIZE(names) - IN_FIRST <= 64, "a bit for each extension");

static bool isa_has(const struct rv_hart *hart, size_t i)
{
    return ((i < IN_FIRST ? hart->isa[0] >> i : hart->isa[1] >> (i - IN_FIRST)) & 1u) != 0;
}

static bool isa_alike(const struct board_hart *a, const struct board_hart *b)
{
    return a->isa_len != 0 && a->isa_len == b->isa_len && a->isa_is_list == b->isa_is_list &&
           memcmp(a->isa, b->isa, a->isa_len) == 0;
}

void rv_isa_read(struct rv_hart *hart, const struct rv_hart *before)
{
    if (before != NULL && isa_alike(hart->board, before->board)) {
        hart->isa[0] = before->isa[0];
        hart->isa[1] = before->isa[1];
        return;
    }
    hart->isa[0] = rv_isa_have(hart->board, names, IN_FIRST);
    hart->isa[1] = rv_isa_have(hart->board, names + IN_FIRST, ARRAY_SIZE(names) - IN_FIRST);
}

/*
 * FIOM: the guest's device registers may be Curia's memory. CBIE = flush: if a guest's cbo.inval
 * did invalidate, it could bring back what was in its RAM before Curia cleared it: another VM's
 * data.
 */
uint64_t rv_isa_henvcfg(const struct rv_features *f, uint8_t on)
{
    uint64_t bits = HENVCFG_FIOM;

    bits |= f->zicbom ? HENVCFG_CBCFE | HENVCFG_CBIE_FLUSH : 0;
    bits |= f->zicboz ? HENVCFG_CBZE : 0;
    bits |= f->svpbmt ? HENVCFG_PBMTE : 0;
    bits |= f->sstc ? HENVCFG_STCE : 0;
    bits &= f->henvcfg_bits;
    bits |= (on & RV_FEATURE(SBI_FWFT_PTE_AD_HW_UPDATING)) != 0 ? HENVCFG_ADUE : 0;
    bits |= (on & RV_FEATURE(SBI_FWFT_SHADOW_STACK)) != 0 ? HENVCFG_SSE : 0;
    bits |= (on & RV_FEATURE(SBI_FWFT_DOUBLE_TRAP)) != 0 ? HENVCFG_DTE : 0;
    return f->henvcfg ? bits : 0;
}

uint8_t rv_isa_features(const struct rv_features *f)
{
    bool adue = f->henvcfg && f->svadu && (f->henvcfg_bits & HENVCFG_ADUE) != 0;

    return (uint8_t)(f->fw_features | (adue ? RV_FEATURE(SBI_FWFT_PTE_AD_HW_UPDATING) : 0));
}

bool rv_isa_vectors(const struct vm *vm, uint32_t vlenb)
{
    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        vlenb = rv_hart_of_const(vcpu_hart(vm->vcpus[i]))->vlenb == vlenb ? vlenb : 0;
    }
    for (uint32_t i = 0; vm->affinity != NULL && i < vm->config->affinity_count; i++) {
        vlenb = rv_hart_of_const(vm->affinity[i])->vlenb == vlenb ? vlenb : 0;
    }
    return vlenb != 0;
}

static bool has_vectors(const struct vm *vm)
{
    return rv_isa_vectors(vm, rv_hart_of_const(vcpu_hart(vm->vcpus[0]))->vlenb);
}

static bool offered(enum offer offer, uint64_t env, const struct vm *vm)
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
    case OFFER_DBTR:
        return rv_features.triggers != 0;
    case OFFER_DTE:
        return (env & HENVCFG_DTE) != 0;
    case OFFER_SSE:
        return (env & HENVCFG_SSE) != 0;
    case OFFER_LCOFI:
        return rv_features.lcofi;
    case OFFER_IMSIC:
        return rv_features.aia && vm->has_imsic;
    case OFFER_SENVCFG:
        return rv_features.henvcfg;
    case OFFER_V:
        return has_vectors(vm);
    case OFFER_VF:
        return rv_features.d && has_vectors(vm);
    }
    return false;
}

/* With its NUL; where that is. ISA_MAX is room for all of them. */
static char *put_name(char *at, const char *name)
{
    do {
        *at++ = *name;
    } while (*name++ != '\0');
    return at - 1;
}

/*
 * riscv,isa (a string) or riscv,isa-extensions (a list) for one hart of the VM: its length with the
 * last NUL.
 */
static size_t write_isa(char buf[ISA_MAX], const struct rv_hart *hart, const struct vm *vm,
                        bool list)
{
    uint64_t env = rv_isa_henvcfg(&rv_features, rv_isa_features(&rv_features));
    char *at = put_name(buf, list ? "i" : "rv64i");

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        bool letter = names[i][1] == '\0';

        if ((isa_has(hart, i) || offers[i] == OFFER_ALWAYS ||
             (offers[i] == OFFER_ADE && (env & HENVCFG_ADUE) != 0)) &&
            offered((enum offer)offers[i], env, vm)) {
            if (list) {
                at++;
            } else if (!letter) {
                *at++ = '_';
            }
            at = put_name(at, names[i]);
        }
    }
    return (size_t)(at - buf) + 1;
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

/*
 * The host's properties riscv,cbom-block-size and the like, of the extensions (zicbom) that are
 * offered; the blob's byte order is kept. One pass, as the search for one is a pass.
 */
static int copy_block_sizes(void *fdt, const struct board_hart *hart, const char *list, size_t len)
{
    static const char prefix[] = "riscv,cbo";
    char ext[] = {'z', 'i', 'c', 'b', 'o', '?', '\0'};
    int e = 0;
    int at;

    fdt_for_each_property_offset(at, machine.board.fdt, hart->node)
    {
        int bytes;
        const char *name;
        const void *value = fdt_getprop_by_offset(machine.board.fdt, at, &name, &bytes);

        if (value != NULL && strncmp(name, prefix, sizeof(prefix) - 1) == 0 &&
            name[sizeof(prefix) - 1] != '\0' && strcmp(&name[sizeof(prefix)], "-block-size") == 0) {
            ext[5] = name[sizeof(prefix) - 1];
            e = e == 0 && has_ext(list, len, ext) ? fdt_property(fdt, name, value, bytes) : e;
        }
    }
    return e;
}

static int isa_props(void *fdt, const struct rv_hart *hart, const struct vm *vm)
{
    char buf[ISA_MAX];
    size_t len = write_isa(buf, hart, vm, false);
    int e = fdt_property(fdt, "riscv,isa", buf, (int)len);

    e = e != 0 ? e : put_string(fdt, "riscv,isa-base", "rv64i");
    len = write_isa(buf, hart, vm, true);
    e = e != 0 ? e : fdt_property(fdt, "riscv,isa-extensions", buf, (int)len);
    return e != 0 ? e : copy_block_sizes(fdt, hart->board, buf, len);
}

static int cpu_node(void *fdt, const struct vm *vm, uint32_t index)
{
    const struct rv_hart *hart = rv_hart_of_const(vcpu_hart(vm->vcpus[index]));
    char name[16];
    int e;

    (void)snprintf(name, sizeof(name), "cpu@%x", (unsigned int)index);
    e = fdt_begin_node(fdt, name);
    e = e != 0 ? e : put_string(fdt, "device_type", "cpu");
    e = e != 0 ? e : fdt_property_u32(fdt, "reg", index);
    e = e != 0 ? e : put_string(fdt, "status", "okay");
    e = e != 0 ? e : put_string(fdt, "compatible", "riscv");
    e = e != 0 ? e
               : put_string(fdt, "mmu-type",
                            hart->board->mmu != NULL ? hart->board->mmu : "riscv,sv39");
    e = e != 0 ? e : isa_props(fdt, hart, vm);

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
