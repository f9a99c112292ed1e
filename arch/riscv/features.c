/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the harts can do: the FDT's word for all harts in use, and probes of the boot hart for what
 * the firmware may have left off. Written once, before other harts run. No lock.
 */
#include "arch/riscv/csr.h"
#include "arch/riscv/dbtr.h"
#include "arch/riscv/fw_sbi.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/pmu.h"
#include "arch/riscv/probe.h"

struct rv_features rv_features;

static void read_fdt(struct hart *const *harts, uint32_t count)
{
    static const rv_isa_name names[] = {"f",     "d",       "zicbom",  "zicboz",  "zicbop",
                                        "zawrs", "svinval", "svnapot", "svpbmt",  "zihintpause",
                                        "svadu", "sstc",    "ssaia",   "sscofpmf"};
    bool *const has[] = {
        &rv_features.f,      &rv_features.d,           &rv_features.zicbom,  &rv_features.zicboz,
        &rv_features.zicbop, &rv_features.zawrs,       &rv_features.svinval, &rv_features.svnapot,
        &rv_features.svpbmt, &rv_features.zihintpause, &rv_features.svadu,   &rv_features.sstc,
        &rv_features.aia,    &rv_features.sscofpmf,
    };
    uint64_t all = UINT64_MAX;

    _Static_assert(ARRAY_SIZE(names) == ARRAY_SIZE(has), "a flag for each name");
    for (uint32_t i = 0; i < count; i++) {
        all &= rv_isa_have(rv_hart_of(harts[i])->board, names, ARRAY_SIZE(names));
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        *has[i] = (all >> i & 1u) != 0;
    }
}

#define WRITABLE(csr)                                                                              \
    __extension__({                                                                                \
        csr_write(csr, UINT64_MAX);                                                                \
        uint64_t writable_ = csr_read(csr);                                                        \
        csr_write(csr, 0);                                                                         \
        writable_;                                                                                 \
    })

static bool hgatp_takes(uint64_t mode)
{
    csr_write(CSR_HGATP, mode << HGATP_MODE_SHIFT);
    return (csr_read(CSR_HGATP) & HGATP_MODE) >> HGATP_MODE_SHIFT == mode;
}

/* No guest runs and hgatp ends as 0; the fences of rv_hart_init_csrs() come after this. */
static void probe_hgatp(void)
{
    rv_features.sv39x4 = hgatp_takes(HGATP_MODE_SV39X4);
    rv_features.sv48x4 = hgatp_takes(HGATP_MODE_SV48X4);

    csr_write(CSR_HGATP, (uint64_t)HGATP_MODE_SV39X4 << HGATP_MODE_SHIFT | HGATP_VMID);
    for (uint64_t vmid = csr_read(CSR_HGATP) & HGATP_VMID; vmid != 0; vmid &= vmid - 1) {
        rv_features.vmid_bits++;
    }
    csr_write(CSR_HGATP, 0);
}

/* Curia clears by cbo.zero if all harts have one block size and the firmware lets it. */
static void probe_zicboz(struct hart *const *harts, uint32_t count)
{
    static char block[256] __attribute__((aligned(256)));
    uint32_t bytes = rv_hart_of(harts[0])->board->cboz_block;

    for (uint32_t i = 1; i < count; i++) {
        if (rv_hart_of(harts[i])->board->cboz_block != bytes) {
            return;
        }
    }
    if (rv_features.zicboz && bytes >= 8 && bytes <= sizeof(block) && (bytes & (bytes - 1)) == 0 &&
        RV_PROBE(RV_CBO_ZERO, block)) {
        rv_features.zicboz_block = bytes;
    }
}

/* Misaligned accesses: the firmware's, if it can be told either way, and keeps to it. */
static uint8_t ask_misaligned(struct rv_hart *hart)
{
    struct fw_ret was = fw_feature_get(SBI_FWFT_MISALIGNED_EXC_DELEG);
    bool switched = was.error == SBI_SUCCESS && was.value <= 1 &&
                    fw_feature_set(SBI_FWFT_MISALIGNED_EXC_DELEG, was.value ^ 1) &&
                    fw_feature_get(SBI_FWFT_MISALIGNED_EXC_DELEG).value != was.value &&
                    fw_feature_set(SBI_FWFT_MISALIGNED_EXC_DELEG, was.value);

    hart->misaligned = switched && was.value != 0;
    return switched ? RV_FEATURE(SBI_FWFT_MISALIGNED_EXC_DELEG) : 0;
}

/* What is off in menvcfg until it is asked for, and then HS-mode's to grant by the same bit. */
static uint8_t ask_switch(const struct rv_hart *hart, const char *name, uint32_t feature,
                          uint64_t bit)
{
    uint64_t writable = 0;

    if (rv_features.henvcfg && rv_isa_has(hart->board, name) && fw_feature_set(feature, 1)) {
        csr_set(CSR_HENVCFG, bit);
        writable = csr_read_clear(CSR_HENVCFG, bit) & bit;
    }
    return (uint8_t)(writable != 0 ? RV_FEATURE(feature) : 0);
}

/*
 * With menvcfg.SSE, HS-mode too has ssp and shadow stack pages: Curia uses no instruction of the
 * one, and no page that is written and not read. With menvcfg.DTE, its traps set sstatus.SDT, and
 * another one before the next SRET is the firmware's: last, as probes trap; what may trap after
 * that, guest_mem.S, clears SDT before.
 */
void rv_features_ask(struct rv_hart *hart)
{
    hart->fw_features = ask_misaligned(hart);
    hart->fw_features |= ask_switch(hart, "zicfiss", SBI_FWFT_SHADOW_STACK, HENVCFG_SSE);
    hart->fw_features |= ask_switch(hart, "ssdbltrp", SBI_FWFT_DOUBLE_TRAP, HENVCFG_DTE);
}

void rv_features_agree(struct hart *const *harts, uint32_t count)
{
    uint8_t all = UINT8_MAX;

    for (uint32_t i = 0; i < count; i++) {
        all &= rv_hart_of(harts[i])->fw_features;
    }
    rv_features.fw_features = all;
    rv_features.fw_at_start =
        rv_hart_self()->misaligned ? RV_FEATURE(SBI_FWFT_MISALIGNED_EXC_DELEG) & all : 0;
}

/*
 * How guests get LCOFI: virtual by hvien [AIA, "Interrupt filtering and virtual interrupts for VS
 * level"], else delegated by hideleg [Priv, "Shlcofideleg"]. The firmware must have delegated it
 * to S-mode.
 */
static void probe_lcofi(struct rv_features *f)
{
    if (arch_pmu_counters() == 0 || (WRITABLE(CSR_SIE) & SIE_LCOFIE) == 0 ||
        !rv_csr_exists(CSR_SCOUNTOVF)) {
        return;
    }
    if (f->aia) {
        f->lcofi_hvien = WRITABLE(CSR_HVIEN) & SIE_LCOFIE;
    }
    if (f->lcofi_hvien == 0) {
        f->lcofi_hideleg = WRITABLE(CSR_HIDELEG) & HIDELEG_LCOFI;
    }
    f->lcofi = (f->lcofi_hvien | f->lcofi_hideleg) != 0;
}

void rv_features_read(struct hart *const *harts, uint32_t count)
{
    struct rv_features *f = &rv_features;

    read_fdt(harts, count);
    probe_hgatp();
    probe_zicboz(harts, count);
    f->hedeleg_bits = WRITABLE(CSR_HEDELEG);
    f->hgeie_bits = WRITABLE(CSR_HGEIE);

    f->henvcfg = rv_csr_exists(CSR_HENVCFG);
    if (f->henvcfg) {
        f->henvcfg_bits = WRITABLE(CSR_HENVCFG);
    }
    f->smstateen = rv_csr_exists(CSR_HSTATEEN0);
    if (f->smstateen) {
        f->hstateen0_bits = WRITABLE(CSR_HSTATEEN0);
    }
    f->sstc = f->sstc && (f->henvcfg_bits & HENVCFG_STCE) != 0 && rv_csr_exists(CSR_STIMECMP);
    f->aia = f->aia && rv_csr_exists(CSR_SISELECT) && rv_csr_exists(CSR_VSTOPI);
    f->hvictl = rv_csr_exists(CSR_HVICTL);
    f->jvt = rv_csr_exists(CSR_JVT);
    f->ctr = rv_csr_exists(CSR_VSCTRCTL);
    f->sscofpmf = f->sscofpmf && fw_has(SBI_EXT_PMU);
    rv_pmu_init();
    probe_lcofi(f);
    rv_dbtr_init();
}
