/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every SBI call of a guest comes through here: sbi_fast() for what cannot block, one switch; then
 * sbi_call() for the rest, one table. What fast serves it serves by the extension's own handler, or
 * by the same few lines, so that both answer alike (tests/unit/test_sbi_fast.c). No lock.
 */
#include "sbi/sbi.h"

#include "core/addr.h"
#include "core/ipc.h"
#include "core/vm.h"

#include <stddef.h>

#define LEGACY_EIDS 0x10u /* EIDs below are legacy, whether offered or not [SBI 3.0 §5] */

/* Searched in this order: what guests call most before what they call once, and what sbi_fast()
 * serves at the end. */
static const struct sbi_ext *const extensions[] = {
    &sbi_ext_ipc,  &sbi_ext_pmu,  &sbi_ext_dbcn, &sbi_ext_hsm,    &sbi_ext_vmm,  &sbi_ext_pwr,
    &sbi_ext_sse,  &sbi_ext_dbtr, &sbi_ext_fwft, &sbi_ext_sta,    &sbi_ext_susp, &sbi_ext_srst,
    &sbi_ext_base, &sbi_ext_time, &sbi_ext_ipi,  &sbi_ext_rfence,
};

struct sbi_ret sbi_from(enum err e)
{
    switch (e) {
    case ERR_OK:
        return sbi_ok(0);
    case ERR_FAILED:
    case ERR_NO_MEMORY:
        return sbi_err(SBI_ERR_FAILED);
    case ERR_NOT_SUPPORTED:
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    case ERR_INVALID:
    case ERR_NOT_FOUND:
        return sbi_err(SBI_ERR_INVALID_PARAM);
    case ERR_DENIED:
        return sbi_err(SBI_ERR_DENIED);
    case ERR_FAULT:
        return sbi_err(SBI_ERR_INVALID_ADDRESS);
    case ERR_EXISTS:
        return sbi_err(SBI_ERR_ALREADY_AVAILABLE);
    case ERR_STATE:
        return sbi_err(SBI_ERR_INVALID_STATE);
    case ERR_RANGE:
        return sbi_err(SBI_ERR_BAD_RANGE);
    case ERR_BUSY: /* it would have had to wait */
    case ERR_TIMEOUT:
        return sbi_err(SBI_ERR_TIMEOUT);
    case ERR_IO:
        return sbi_err(SBI_ERR_IO);
    }
    return sbi_err(SBI_ERR_FAILED);
}

int64_t sbi_shmem(const struct vcpu *v, const uint64_t a[6], uint64_t size, uint64_t align,
                  bool *on)
{
    *on = (a[0] & a[1]) != UINT64_MAX;
    if (a[2] != 0 || (*on && !is_aligned(a[0], align))) {
        return SBI_ERR_INVALID_PARAM;
    }
    if (*on && (a[1] != 0 || !memmap_is_ram(&v->vm->map, gpa(a[0]), size))) {
        return SBI_ERR_INVALID_ADDRESS;
    }
    return SBI_SUCCESS;
}

static const struct sbi_ext *find(const struct vcpu *v, uint64_t eid)
{
    for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
        const struct sbi_ext *ext = extensions[i];

        if (ext->eid == eid) {
            return ext->probe == NULL || ext->probe(v) ? ext : NULL;
        }
    }
    return NULL;
}

bool sbi_offers(const struct vcpu *v, uint64_t eid)
{
    return eid < LEGACY_EIDS ? sbi_legacy_offers(eid) : find(v, eid) != NULL;
}

/* These three apart from sbi_fast(), which so needs no stack frame. */
static __attribute__((noinline)) bool by(const struct sbi_ext *ext, struct vcpu *v, uint64_t a[8])
{
    return sbi_answer(a, ext->handle(v, a[6], a));
}

static __attribute__((noinline)) bool set_timer(struct vcpu *v, uint64_t a[8])
{
    uint64_t deadline = a[0];

    (void)sbi_answer(a, sbi_ok(0));
    arch_vcpu_set_timer(v, deadline);
    return true;
}

bool sbi_fast(struct vcpu *v, uint64_t a[8])
{
    /* First what is asked for most and costs least. */
    if (a[7] == SBI_EXT_TIME && a[6] == SBI_TIME_SET_TIMER) {
        return set_timer(v, a);
    }
    if (a[7] == CURIA_EXT_IPC) {
        return sbi_ipc_fast(v, a);
    }
    if (a[7] == SBI_EXT_BASE && a[6] == SBI_BASE_GET_SPEC_VERSION) {
        return sbi_answer(a, sbi_ok(SBI_SPEC_VERSION));
    }

    switch (a[7]) {
    case SBI_EXT_BASE:
        return by(&sbi_ext_base, v, a);
    case SBI_EXT_TIME:
        return by(&sbi_ext_time, v, a);
    case SBI_EXT_IPI:
        return sbi_ipi_fast(v, a);
    case SBI_EXT_RFENCE:
        return sbi_rfence_fast(v, a);

    /* The general path's: all else that find() or sbi_legacy() knows. */
    case SBI_EXT_LEGACY_SET_TIMER:
    case SBI_EXT_LEGACY_PUTCHAR:
    case SBI_EXT_LEGACY_GETCHAR:
    case SBI_EXT_LEGACY_CLEAR_IPI:
    case SBI_EXT_LEGACY_SEND_IPI:
    case SBI_EXT_LEGACY_REMOTE_FENCE_I:
    case SBI_EXT_LEGACY_REMOTE_SFENCE:
    case SBI_EXT_LEGACY_REMOTE_SFENCE_ASID:
    case SBI_EXT_LEGACY_SHUTDOWN:
    case 0x09:
    case 0x0a:
    case 0x0b:
    case 0x0c:
    case 0x0d:
    case 0x0e:
    case 0x0f:
    case SBI_EXT_HSM:
    case SBI_EXT_SRST:
    case SBI_EXT_SUSP:
    case SBI_EXT_DBCN:
    case SBI_EXT_SSE:
    case SBI_EXT_FWFT:
    case SBI_EXT_PMU:
    case SBI_EXT_STA:
    case SBI_EXT_DBTR:
    case CURIA_EXT_PWR:
    case CURIA_EXT_VMM:
        return false;
    default:
        return sbi_answer(a, sbi_err(SBI_ERR_NOT_SUPPORTED));
    }
}

void sbi_call(struct vcpu *v, uint64_t a[8])
{
    if (a[7] < LEGACY_EIDS) {
        sbi_legacy(v, a);
        return;
    }

    const struct sbi_ext *ext = find(v, a[7]);

    (void)sbi_answer(a, ext != NULL ? ext->handle(v, a[6], a) : sbi_err(SBI_ERR_NOT_SUPPORTED));
}
