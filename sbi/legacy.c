/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Legacy calls: timer, console and shutdown. Those on IPIs and fences are not offered: they read a
 * hart mask by virtual address and owe the guest its own page fault at the ECALL, a debt for which
 * no guest of this decade asks. a1 is never touched. [SBI 3.0 §5]
 */
#include "core/console.h"
#include "core/lifecycle.h"
#include "core/vm.h"
#include "sbi/sbi.h"

bool sbi_legacy_offers(uint64_t eid)
{
    return eid == SBI_EXT_LEGACY_SET_TIMER || eid == SBI_EXT_LEGACY_PUTCHAR ||
           eid == SBI_EXT_LEGACY_GETCHAR || eid == SBI_EXT_LEGACY_SHUTDOWN;
}

uint64_t sbi_legacy(struct vcpu *v, uint64_t eid, const uint64_t a[6])
{
    char c = (char)a[0];

    switch (eid) {
    case SBI_EXT_LEGACY_SET_TIMER:
        arch_vcpu_set_timer(v, a[0]);
        return 0;
    case SBI_EXT_LEGACY_PUTCHAR:
        console_write(v->vm->console, &c, 1);
        return 0;
    case SBI_EXT_LEGACY_GETCHAR:
        return console_read(v->vm->console, &c, 1) == 1 ? (uint8_t)c : UINT64_MAX;
    case SBI_EXT_LEGACY_SHUTDOWN:
        lifecycle_srst(v, false, false, false);
        return 0;
    default:
        return (uint64_t)(int64_t)SBI_ERR_NOT_SUPPORTED;
    }
}
