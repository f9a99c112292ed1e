/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The harts' event counters, by way of the firmware's PMU. A guest is given some only if the harts
 * have Sscofpmf: then each is told to stand still in M-mode and in HS-mode and U-mode, whatever
 * the guest asks for, so that it counts in VS-mode and VU-mode alone, which is the vCPU that is
 * loaded. cycle and instret are not among them, whose place as Zicntr is to run on.
 *
 * What another guest counted: a counter is readable (hcounteren) for as long as it is configured,
 * and begins at 0. With a vCPU that is put go its counters: the firmware is told to forget them,
 * and told of them anew, with their values, when the vCPU is loaded, on whichever hart.
 *
 * Overflow [Priv, "Sscofpmf"]: it sets the counter's OF and sip.LCOFIP, once until OF is cleared,
 * which the firmware does when it starts the counter. The guest has that interrupt as a virtual one
 * of hvip (hvien), which Curia raises when it takes the hart's; or, on harts that can delegate it,
 * as the hart's own. Counters stand still while Curia works, so an overflow is the guest's own,
 * seen late at worst: it is taken with the guest's counters, before another vCPU is loaded. Own
 * hart; no lock. [SBI 3.0 §11]
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

#define ALL   (RV_BIT(counters.count) - 1)
#define SHIFT (counters.hpm + 3) /* of a counter's bit in hcounteren and scountovf */

_Static_assert(HVIP_LCOFIP == SIP_LCOFIP, "one number at all levels");

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

static void fw_start(uint64_t set, uint64_t flags, uint64_t value)
{
    (void)fw_call5(SBI_EXT_PMU, SBI_PMU_COUNTER_START, counters.first, set, flags, value, 0);
}

static void fw_stop(uint64_t set, uint64_t flags)
{
    (void)fw_call(SBI_EXT_PMU, SBI_PMU_COUNTER_STOP, counters.first, set, flags);
}

void rv_pmu_reset(void)
{
    if (counters.count != 0) {
        fw_stop(ALL, SBI_PMU_STOP_RESET);
        csr_clear(CSR_SIP, SIP_LCOFIP);
    }
}

/* ---- overflow -------------------------------------------------------------------------------- */

/* One that comes later than its counter went is of nobody. */
void rv_pmu_overflow(void)
{
    const struct rv_vcpu *v = rv_hart_self()->resident;

    if (rv_features.lcofi_hvien != 0) {
        csr_clear(CSR_SIP, SIP_LCOFIP);
        if (v != NULL && vcpu_loaded(&v->core) && v->csrs.counters != 0) {
            csr_set(CSR_HVIP, HVIP_LCOFIP);
        }
    }
}

static void catch_up(void)
{
    if ((csr_read(CSR_SIP) & SIP_LCOFIP) != 0) {
        rv_pmu_overflow();
    }
}

uint64_t arch_pmu_overflows(void)
{
    return rv_features.lcofi ? csr_read(CSR_SCOUNTOVF) >> SHIFT & ALL : 0;
}

/* ---- load and put ---------------------------------------------------------------------------- */

/* Configured no more, neither for the guest to read. */
static void drop(struct rv_vcpu *v, uint64_t i)
{
    v->csrs.counters &= ~(RV_BIT(SHIFT) << i);
    csr_write(CSR_HCOUNTEREN, COUNTERS_GUEST | v->csrs.counters);
}

static struct fw_ret fw_config(uint64_t mask, uint64_t flags, uint64_t event, uint64_t data)
{
    return fw_call5(SBI_EXT_PMU, SBI_PMU_CONFIG_MATCHING, counters.first, mask, flags, event, data);
}

/*
 * The firmware sets up one of the mask; false: it has none for the event, or answers another. That
 * is cycle or instret, which all guests read: it is told again to count in every mode.
 */
static bool find(uint64_t mask, uint64_t flags, uint64_t event, uint64_t data, uint64_t *i)
{
    struct fw_ret r = fw_config(mask, flags, event, data);
    bool found;

    *i = r.value - counters.first;
    found = *i < counters.count && (mask >> *i & 1) != 0;
    if (r.error == SBI_SUCCESS && !found) {
        (void)fw_config(mask, 0, event, data);
    }
    return r.error == SBI_SUCCESS && found;
}

/* Those in the set as they were when they were put. One that this hart has not is lost. */
static void restore(struct rv_vcpu *v, uint64_t set)
{
    for (uint64_t i = 0; set >> i != 0; i++) {
        const struct rv_counter *c = &v->counters[i];
        uint64_t guest_bit = RV_BIT(PMU_COUNTERS + i);
        uint64_t n;

        if ((set >> i & 1) == 0) {
            continue;
        }
        if (!find(RV_BIT(i), c->flags, c->event, c->data, &n)) {
            drop(v, i);
            v->core.pmu.configured &= ~guest_bit;
            v->core.pmu.started &= ~guest_bit;
            continue;
        }
        fw_start(RV_BIT(i), SBI_PMU_START_SET_INIT_VALUE, c->value);
        if ((v->core.pmu.started & guest_bit) == 0) {
            fw_stop(RV_BIT(i), 0);
        }
    }
}

/*
 * The firmware must not clear an OF that was set: it does not while an overflow is pending, which
 * no other counter can be the cause of yet.
 */
void rv_pmu_load(struct rv_vcpu *v)
{
    uint64_t set = v->csrs.counters >> SHIFT;

    if (v->csrs.counters != 0) {
        csr_set(CSR_SIP, SIP_LCOFIP);
        restore(v, set & v->overflows);
        csr_clear(CSR_SIP, SIP_LCOFIP);
        restore(v, set & ~v->overflows);
    }
}

void rv_pmu_put(struct rv_vcpu *v)
{
    uint64_t set = v->csrs.counters >> SHIFT;

    if (v->csrs.counters == 0) {
        return;
    }
    fw_stop(set, 0);
    v->overflows = (uint32_t)arch_pmu_overflows();
    for (uint64_t i = 0; set >> i != 0; i++) {
        v->counters[i].value = arch_pmu_read(i);
    }
    fw_stop(set, SBI_PMU_STOP_RESET);
    catch_up();
}

/* ---- what the guest asks for ----------------------------------------------------------------- */

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

/*
 * Starting clears OF; not while the guest has an overflow pending, as on a hart of its own: it has
 * yet to look which counter that was.
 */
static void start(uint64_t i, uint64_t flags, uint64_t value)
{
    csr_set(CSR_SIP, csr_read(CSR_HVIP) & rv_features.lcofi_hvien);
    fw_start(RV_BIT(i), flags, value);
    catch_up();
}

/* The guest's S-mode and U-mode are the hart's VS-mode and VU-mode. */
static uint64_t config_flags(uint64_t guest)
{
    uint64_t flags = SBI_PMU_CFG_SET_MINH | SBI_PMU_CFG_SET_SINH | SBI_PMU_CFG_SET_UINH;

    flags |= (guest & SBI_PMU_CFG_SET_UINH) != 0 ? SBI_PMU_CFG_SET_VUINH : 0;
    flags |= (guest & SBI_PMU_CFG_SET_SINH) != 0 ? SBI_PMU_CFG_SET_VSINH : 0;
    return flags;
}

bool arch_pmu_can_count(uint64_t mask, uint64_t event, uint64_t data)
{
    uint64_t i;
    bool can = find(mask, config_flags(0), event, data, &i);

    if (can) {
        fw_stop(RV_BIT(i), SBI_PMU_STOP_RESET);
    }
    return can;
}

/* Cleared by a start from 0: firmware clears values of some types of events only. */
enum err arch_pmu_config(struct vcpu *vcpu, uint64_t mask, uint64_t flags, uint64_t event,
                         uint64_t data, uint64_t *i)
{
    struct rv_vcpu *v = rv_vcpu_of(vcpu);
    uint64_t inhibit = config_flags(flags);

    if (!find(mask, inhibit, event, data, i)) {
        return ERR_NOT_SUPPORTED;
    }
    v->counters[*i] =
        (struct rv_counter){.data = data, .event = (uint32_t)event, .flags = (uint8_t)inhibit};
    start(*i, SBI_PMU_START_SET_INIT_VALUE, 0);
    if ((flags & SBI_PMU_CFG_AUTO_START) == 0) {
        fw_stop(RV_BIT(*i), 0);
    }
    v->csrs.counters |= RV_BIT(SHIFT) << *i;
    csr_set(CSR_HCOUNTEREN, v->csrs.counters);
    return ERR_OK;
}

void arch_pmu_start(uint64_t i, const uint64_t *value)
{
    start(i, value != NULL ? SBI_PMU_START_SET_INIT_VALUE : 0, value != NULL ? *value : 0);
}

void arch_pmu_stop(uint64_t i, bool forget)
{
    fw_stop(RV_BIT(i), forget ? SBI_PMU_STOP_RESET : 0);
    if (forget) {
        drop(rv_hart_self()->resident, i);
    }
}

uint64_t arch_pmu_read(uint64_t i)
{
    return rv_hpm_read(counters.hpm + i).value;
}
