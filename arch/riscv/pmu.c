/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The harts' event counters, by way of the firmware's PMU. A guest is given some only if the harts
 * have Sscofpmf: then each is told to stand still in M-mode and in HS-mode and U-mode, whatever
 * the guest asks for, so that it counts in VS-mode and VU-mode alone; and as only vCPUs run there,
 * and only one on a hart, that is this guest. A vCPU that is put finds its counters as they were.
 *
 * cycle and instret are not among them, whose place as Zicntr is to run on. Overflow sets a bit
 * that no guest is interrupted by: sie.LCOFIE stays off, and guests are offered no Sscofpmf.
 *
 * What an earlier guest counted: a counter is readable (hcounteren) from the first time in the
 * vCPU's life that it is configured, which clears it. Own hart; no lock. [SBI 3.0 §11]
 */
#include "arch/riscv/pmu.h"

#include "arch/riscv/csr.h"
#include "arch/riscv/fw_sbi.h"
#include "arch/riscv/hart.h"
#include "arch/riscv/vcpu.h"

#define INFO_FIRMWARE RV_BIT(63)

/*
 * Those that guests get: a run of the firmware's numbers which is a run of hpmcounters too.
 * Written at boot. The firmware is taken to have on every hart what it has on the boot hart.
 */
static struct {
    uint64_t count;
    uint64_t first; /* the firmware's number */
    uint64_t hpm;   /* hpmcounter3 + this */
} counters;

#define ALL (RV_BIT(counters.count) - 1)

static struct fw_ret pmu_call(uint64_t fid, uint64_t a0)
{
    return fw_call(SBI_EXT_PMU, fid, a0, 0, 0);
}

/* hpmcounter3 + what it returns; RV_HPM_READABLE or more: not a counter of use. */
static uint64_t hpm_of(uint64_t number)
{
    struct fw_ret r = pmu_call(SBI_PMU_COUNTER_GET_INFO, number);
    uint64_t n = (r.value & CSR_NUM_MASK) - CSR_HPMCOUNTER3;

    if (r.error != SBI_SUCCESS || (r.value & INFO_FIRMWARE) != 0 || n >= RV_HPM_READABLE ||
        rv_hpm_read(n).readable == 0) {
        return UINT64_MAX;
    }
    return n;
}

void rv_pmu_init(void)
{
    uint64_t end = rv_features.sscofpmf ? pmu_call(SBI_PMU_NUM_COUNTERS, 0).value : 0;

    for (uint64_t i = 0; i < end && i < 64; i++) {
        uint64_t n = hpm_of(i);

        if (counters.count == 0 && n != UINT64_MAX) {
            counters.first = i;
            counters.hpm = n;
        }
        if (n == counters.hpm + counters.count) {
            counters.count++;
        } else if (counters.count != 0) {
            break;
        }
    }
}

void rv_pmu_reset(void)
{
    if (counters.count != 0) {
        (void)fw_call(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, counters.first, ALL, SBI_PMU_STOP_RESET);
    }
}

void rv_pmu_lost(struct vcpu *v)
{
    const uint64_t own = (1u << PMU_COUNTERS) - 1;

    rv_pmu_reset(); /* what the firmware has not forgotten */
    v->pmu.configured &= own;
    v->pmu.started &= own;
}

void rv_pmu_exception(struct vcpu *v, uint64_t cause)
{
    switch (cause) {
    case CAUSE_ILLEGAL_INSN:
        pmu_count(v, PMU_ILLEGAL_INSN, 1);
        break;
    case CAUSE_LOAD_ACCESS:
        pmu_count(v, PMU_ACCESS_LOAD, 1);
        break;
    case CAUSE_STORE_ACCESS:
        pmu_count(v, PMU_ACCESS_STORE, 1);
        break;
    default:
        break;
    }
}

uint64_t arch_pmu_counters(void)
{
    return counters.count;
}

uint64_t arch_pmu_info(uint64_t i)
{
    return pmu_call(SBI_PMU_COUNTER_GET_INFO, counters.first + i).value;
}

/* The guest's S-mode and U-mode are the hart's VS-mode and VU-mode. */
static uint64_t config_flags(uint64_t guest)
{
    uint64_t flags = guest & (SBI_PMU_CFG_CLEAR_VALUE | SBI_PMU_CFG_AUTO_START);

    flags |= (guest & SBI_PMU_CFG_SET_UINH) != 0 ? SBI_PMU_CFG_SET_VUINH : 0;
    flags |= (guest & SBI_PMU_CFG_SET_SINH) != 0 ? SBI_PMU_CFG_SET_VSINH : 0;
    return flags | SBI_PMU_CFG_SET_MINH | SBI_PMU_CFG_SET_SINH | SBI_PMU_CFG_SET_UINH;
}

/* One that is not readable yet is cleared, and so that it is not another that could be, any is. */
enum err arch_pmu_config(struct vcpu *vcpu, uint64_t mask, uint64_t flags, uint64_t event,
                         uint64_t data, uint64_t *i)
{
    struct rv_guest_csrs *csrs = &rv_vcpu_of(vcpu)->csrs;
    uint64_t shift = counters.hpm + 3; /* of a counter's bit in hcounteren */
    struct fw_ret r;

    flags = config_flags(flags);
    flags |= (mask & ~(csrs->counters >> shift)) != 0 ? SBI_PMU_CFG_CLEAR_VALUE : 0;
    r = fw_call5(SBI_EXT_PMU, SBI_PMU_CONFIG_MATCHING, counters.first, mask, flags, event, data);
    *i = r.value - counters.first;
    if (r.error != SBI_SUCCESS || *i >= counters.count || (mask >> *i & 1) == 0) {
        return ERR_NOT_SUPPORTED;
    }
    csrs->counters |= RV_BIT(shift) << *i;
    csr_set(CSR_HCOUNTEREN, csrs->counters);
    return ERR_OK;
}

void arch_pmu_start(uint64_t i, const uint64_t *value)
{
    (void)fw_call5(SBI_EXT_PMU, SBI_PMU_COUNTER_START, counters.first + i, 1,
                   value != NULL ? SBI_PMU_START_SET_INIT_VALUE : 0, value != NULL ? *value : 0, 0);
}

void arch_pmu_stop(uint64_t i, bool forget)
{
    (void)fw_call(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, counters.first + i, 1,
                  forget ? SBI_PMU_STOP_RESET : 0);
}

uint64_t arch_pmu_read(uint64_t i)
{
    return rv_hpm_read(counters.hpm + i).value;
}
