/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Legacy calls. seL4 lives by them on several harts, and passes no ASID where one is asked for: so
 * that fence is one of all ASIDs. a1 is never touched. [SBI 3.0 §5]
 */
#include "core/console.h"
#include "core/lifecycle.h"
#include "core/vm.h"
#include "sbi/sbi.h"

bool sbi_legacy_offers(uint64_t eid)
{
    return eid <= SBI_EXT_LEGACY_SHUTDOWN;
}

/*
 * The call that replaces it, for the harts of a mask in the guest's virtual memory: one word, since
 * a VM has no more harts than that. No mask: all harts, as firmware has always had it.
 */
static void with_mask(struct vcpu *v, const struct sbi_ext *ext, uint64_t fid, uint64_t a[8])
{
    uint64_t call[6] = {0, UINT64_MAX, a[1], a[2], 0, 0};

    if (a[0] != 0) {
        call[1] = 0;
        if (arch_vcpu_call_read(v, gva(a[0]), &call[0]) != ERR_OK) {
            return;
        }
    }
    a[0] = (uint64_t)ext->handle(v, fid, call).error;
}

void sbi_legacy(struct vcpu *v, uint64_t a[8])
{
    char c;

    switch (a[7]) {
    case SBI_EXT_LEGACY_SET_TIMER:
        arch_vcpu_set_timer(v, a[0]);
        a[0] = 0;
        break;
    case SBI_EXT_LEGACY_PUTCHAR:
        a[0] = (uint64_t)sbi_ext_dbcn.handle(v, SBI_DBCN_WRITE_BYTE, a).error;
        break;
    case SBI_EXT_LEGACY_GETCHAR:
        a[0] = console_read(v->vm->console, &c, 1) == 1 ? (uint8_t)c : UINT64_MAX;
        break;
    case SBI_EXT_LEGACY_CLEAR_IPI:
        a[0] = arch_vcpu_clear_soft(v) ? 1 : 0;
        break;
    case SBI_EXT_LEGACY_SEND_IPI:
        with_mask(v, &sbi_ext_ipi, SBI_IPI_SEND_IPI, a);
        break;
    case SBI_EXT_LEGACY_REMOTE_FENCE_I:
        with_mask(v, &sbi_ext_rfence, SBI_RFENCE_FENCE_I, a);
        break;
    case SBI_EXT_LEGACY_REMOTE_SFENCE:
    case SBI_EXT_LEGACY_REMOTE_SFENCE_ASID:
        with_mask(v, &sbi_ext_rfence, SBI_RFENCE_SFENCE_VMA, a);
        break;
    case SBI_EXT_LEGACY_SHUTDOWN:
        lifecycle_srst(v, false, false, false);
        a[0] = 0;
        break;
    default:
        a[0] = (uint64_t)(int64_t)SBI_ERR_NOT_SUPPORTED;
        break;
    }
}
