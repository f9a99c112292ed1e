/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HSM: the guest starts, stops and suspends its vCPUs. Addresses at which one starts are checked to
 * be the VM's own RAM, the only memory that it may execute. [SBI 3.0 §9]
 */
#include "core/vm.h"
#include "sbi/sbi.h"

bool sbi_runs_from(const struct vm *vm, uint64_t addr)
{
    return is_aligned(addr, 2) && memmap_is_ram(&vm->map, gpa(addr), 2);
}

static struct sbi_ret start(struct vcpu *v, uint64_t hartid, uint64_t addr, uint64_t opaque)
{
    struct vcpu *target = vm_vcpu(v->vm, hartid);

    if (target == NULL) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    if (!sbi_runs_from(v->vm, addr)) {
        return sbi_err(SBI_ERR_INVALID_ADDRESS);
    }

    enum err e = vcpu_start(target, gpa(addr), opaque);

    /* The VM is just being stopped: no error of hart_start() but this. */
    return e == ERR_STATE ? sbi_err(SBI_ERR_FAILED) : sbi_from(e);
}

static struct sbi_ret status(const struct vcpu *v, uint64_t hartid)
{
    const struct vcpu *target = vm_vcpu(v->vm, hartid);

    return target != NULL ? sbi_ok(sbi_hsm_state(target)) : sbi_err(SBI_ERR_INVALID_PARAM);
}

static struct sbi_ret suspend(struct vcpu *v, uint32_t type, uint64_t addr, uint64_t opaque)
{
    switch (type) {
    case SBI_HSM_SUSPEND_RETENTIVE:
        vcpu_suspend_self(v, false, gpa(0), 0);
        return sbi_ok(0);
    case SBI_HSM_SUSPEND_NON_RETENTIVE:
        if (!sbi_runs_from(v->vm, addr)) {
            return sbi_err(SBI_ERR_INVALID_ADDRESS);
        }
        vcpu_suspend_self(v, true, gpa(addr), opaque);
        return sbi_ok(0);
    default: /* reserved, or the platform's own, of which there are none [SBI 3.0 §9.4, errors] */
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    switch (fid) {
    case SBI_HSM_START:
        return start(v, a[0], a[1], a[2]);
    case SBI_HSM_STOP:
        vcpu_stop_self(v);
        return sbi_ok(0);
    case SBI_HSM_GET_STATUS:
        return status(v, a[0]);
    case SBI_HSM_SUSPEND:
        return suspend(v, (uint32_t)a[0], a[1], a[2]);
    default:
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
}

const struct sbi_ext sbi_ext_hsm = {SBI_EXT_HSM, handle, NULL};
