/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPI: the supervisor software interrupt of other vCPUs of the VM, and of the caller's own. Each is
 * an edge: it goes out by irq_lines, the target's hart takes it from there (arch_vcpu_sync_irqs()),
 * and the guest clears it. [SBI 3.0 §7]
 */
#include "core/vm.h"
#include "sbi/sbi.h"

static void send(struct vcpu *target)
{
    if (target->hart == arch_hart_self()) {
        atomic_fetch_or_explicit(&target->irq_lines, 1u << VCPU_IRQ_SOFT, memory_order_relaxed);
        arch_vcpu_sync_irqs(target);
        return;
    }

    enum vcpu_state state = (enum vcpu_state)atomic_load_explicit(&target->state,
                                                                  memory_order_acquire);

    /* One that is not running yet must not find an interrupt from before its start. */
    if (state == VCPU_STARTED || state == VCPU_SUSPENDED) {
        vcpu_irq_set(target, VCPU_IRQ_SOFT, true);
    }
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    uint64_t targets;

    if (fid != SBI_IPI_SEND_IPI) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }

    struct sbi_ret r = sbi_hart_mask(v, a[0], a[1], &targets);

    for (uint32_t i = 0; targets != 0; i++, targets >>= 1) {
        if ((targets & 1) != 0) {
            send(v->vm->vcpus[i]);
        }
    }
    return r;
}

const struct sbi_ext sbi_ext_ipi = {SBI_EXT_IPI, handle, NULL};
