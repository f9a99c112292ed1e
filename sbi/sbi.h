/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SBI as served to guests. A call is a[0..5] = arguments, a[6] = FID, a[7] = EID: the guest's
 * registers a0 to a7 where they lie in its frame.
 */
#ifndef SBI_SBI_H
#define SBI_SBI_H

#include "core/err.h"
#include "core/vcpu.h"
#include "sbi/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Made only by sbi_ok(), sbi_err() and sbi_from(), so that both halves are always set. */
struct sbi_ret {
    int64_t error;
    uint64_t value;
};

static inline struct sbi_ret sbi_ok(uint64_t value)
{
    return (struct sbi_ret){SBI_SUCCESS, value};
}

static inline struct sbi_ret sbi_err(int64_t error)
{
    return (struct sbi_ret){error, 0};
}

/* Into the guest's registers. */
static inline bool sbi_answer(uint64_t a[8], struct sbi_ret r)
{
    a[0] = (uint64_t)r.error;
    a[1] = r.value;
    return true;
}

/* The one place where Curia's errors become SBI's. */
struct sbi_ret sbi_from(enum err e);

/*
 * The calls that cannot block: writes a[0], a[1] and returns true, or returns false having done
 * nothing, and the general path serves it. Own hart, vCPU in the guest (mode HART_GUEST), no lock
 * held.
 */
bool sbi_fast(struct vcpu *v, uint64_t a[8]);

/*
 * Any call. Writes a[0] and a[1] (legacy calls: a[0] only). Own hart, general path (mode HART_HYP),
 * no lock held. A call that does not return to the guest (HSM stop, SRST) leaves the vCPU not
 * STARTED, which sched.c sees.
 */
void sbi_call(struct vcpu *v, uint64_t a[8]);

/* One extension. handle gets the call as above; fid is a[6]. probe NULL: always there. */
struct sbi_ext {
    uint64_t eid;
    struct sbi_ret (*handle)(struct vcpu *v, uint64_t fid, const uint64_t a[6]);
    bool (*probe)(const struct vcpu *v);
};

extern const struct sbi_ext sbi_ext_base, sbi_ext_time, sbi_ext_ipi, sbi_ext_rfence, sbi_ext_hsm,
    sbi_ext_srst, sbi_ext_susp, sbi_ext_dbcn, sbi_ext_ipc, sbi_ext_pwr, sbi_ext_vmm, sbi_ext_sse,
    sbi_ext_fwft, sbi_ext_pmu, sbi_ext_sta, sbi_ext_dbtr;

/*
 * Legacy calls keep a1 and answer in a0 alone; one that could not read its hart mask does not
 * answer: the guest gets the fault at its ECALL. [SBI 3.0 §5]
 */
void sbi_legacy(struct vcpu *v, uint64_t a[8]);
bool sbi_legacy_offers(uint64_t eid);

/* Is this extension there for v? What Base's probe answers. */
bool sbi_offers(const struct vcpu *v, uint64_t eid);

/*
 * Parts of sbi_fast(), under its conditions. IPI serves any call, RFENCE what fails or names no
 * vCPU but the caller.
 */
bool sbi_ipi_fast(struct vcpu *v, uint64_t a[8]);
bool sbi_rfence_fast(struct vcpu *v, uint64_t a[8]);

/* IPC's part: NOTIFY. */
bool sbi_ipc_fast(struct vcpu *v, uint64_t a[8]);

/* The vCPU's state by its number in SBI. */
static inline uint32_t sbi_hsm_state(const struct vcpu *v)
{
    switch ((enum vcpu_state)atomic_load_explicit(&v->state, memory_order_acquire)) {
    case VCPU_STOPPED:
        break;
    case VCPU_START_PENDING:
        return SBI_HSM_STATE_START_PENDING;
    case VCPU_STARTED:
        return SBI_HSM_STATE_STARTED;
    case VCPU_SUSPENDED:
        return SBI_HSM_STATE_SUSPENDED;
    }
    return SBI_HSM_STATE_STOPPED;
}

/*
 * The arguments {low, high, flags} of a call that sets the caller's shared memory: size bytes of
 * its VM's RAM, aligned; or all ones, and *on is false: none from now on. Flags are 0. The call's
 * error. [SBI 3.0 §3.2]
 */
int64_t sbi_shmem(const struct vcpu *v, const uint64_t a[6], uint64_t size, uint64_t align,
                  bool *on);

/* Can a guest run from addr with translation off? (Instructions start at even addresses.) */
bool sbi_runs_from(const struct vm *vm, uint64_t addr);

/*
 * The vCPUs that (mask, base) names: value is a bit mask of vCPU numbers. base UINT64_MAX means
 * all. All named must exist: SBI_ERR_INVALID_PARAM otherwise, and value 0. [SBI 3.0 §3.1]
 */
struct sbi_ret sbi_hart_mask(const struct vcpu *v, uint64_t mask, uint64_t base);

/* Does sbi_hart_mask() name v and nobody else (base -1 aside)? The fast path's short cut. */
static inline bool sbi_mask_is_self(const struct vcpu *v, uint64_t mask, uint64_t base)
{
    return base < 64 && mask != 0 && (1ull << v->index) >> base == mask;
}

#endif
