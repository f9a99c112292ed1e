/* SPDX-License-Identifier: BSD-2-Clause */
/* The hart list parameter of IPI and RFENCE. A VM's hart ids are its vCPU numbers, 0 to 63. */
#include "core/vm.h"
#include "sbi/sbi.h"

struct sbi_ret sbi_hart_mask(const struct vcpu *v, uint64_t mask, uint64_t base)
{
    uint64_t all = UINT64_MAX >> (64 - v->vm->vcpu_count);

    if (base == UINT64_MAX) {
        return sbi_ok(all);
    }
    /* base itself need not exist. */
    if (mask == 0) {
        return sbi_ok(0);
    }
    if (base >= 64 || (mask & ~(all >> base)) != 0) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    return sbi_ok(mask << base);
}
