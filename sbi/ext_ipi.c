/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPI: the supervisor software interrupt of other vCPUs of the VM, and of the caller's own. Each is
 * an edge: it goes out by irq_lines, the target's hart takes it from there (arch_vcpu_sync_irqs()),
 * and the guest clears it. [SBI 3.0 §7]
 */
#include "core/machine.h"
#include "core/vm.h"
#include "sbi/sbi.h"

#include <stddef.h>

/*
 * A stopped one has nowhere to keep it: its start forgets all (vcpu_start()). A suspended one
 * resumes when it receives it, even if its sie is all zero. [SBI 3.0 §9.4] Its hart is kicked, or
 * added to kicks.
 */
static inline void send_one(struct vcpu *target, struct hart_kicks *kicks)
{
    uint32_t state = atomic_load_explicit(&target->state, memory_order_acquire);

    if (state == VCPU_SUSPENDED) {
        atomic_fetch_or_explicit(&target->irq_lines, 1u << VCPU_IRQ_SOFT, memory_order_relaxed);
        vcpu_request(target, VCPU_REQ_IRQ | VCPU_REQ_WAKE);
    } else if (state != VCPU_STOPPED) {
        struct hart *hart = vcpu_irq_post(target, VCPU_IRQ_SOFT, true);

        if (hart != NULL) {
            hart_kick_or_add(kicks, hart);
        }
    }
}

static __attribute__((noinline)) void send_together(const struct vm *vm, uint64_t targets)
{
    struct hart_kicks kicks;

    kicks.count = 0;
    for (struct vcpu *const *vcpu = vm->vcpus; targets != 0; vcpu++, targets >>= 1) {
        if ((targets & 1) != 0) {
            send_one(*vcpu, &kicks);
        }
    }
    hart_kick_all(&kicks);
}

static void send(const struct vm *vm, uint64_t targets)
{
    if (machine_kicks_together(targets)) {
        send_together(vm, targets);
        return;
    }
    for (struct vcpu *const *vcpu = vm->vcpus; targets != 0; vcpu++, targets >>= 1) {
        if ((targets & 1) != 0) {
            send_one(*vcpu, NULL);
        }
    }
}

/* No need of a kick, which would end the fast path's trap with another trap. */
static void send_self(struct vcpu *v)
{
    atomic_fetch_or_explicit(&v->irq_lines, 1u << VCPU_IRQ_SOFT, memory_order_relaxed);
    arch_vcpu_sync_irqs(v);
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    if (fid != SBI_IPI_SEND_IPI) {
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }

    struct sbi_ret r = sbi_hart_mask(v, a[0], a[1]);
    uint64_t others = r.value & ~(1ull << v->index);

    if (atomic_load_explicit(&v->vm->pmu_counting, memory_order_relaxed)) {
        pmu_sent(v, PMU_IPI_SENT, others);
    }
    send(v->vm, others);
    if (others != r.value) {
        send_self(v);
    }
    return sbi_err(r.error);
}

bool sbi_ipi_fast(struct vcpu *v, uint64_t a[8])
{
    if (a[6] != SBI_IPI_SEND_IPI || !sbi_mask_is_self(v, a[0], a[1])) {
        return sbi_answer(a, handle(v, a[6], a));
    }
    send_self(v);
    return sbi_answer(a, sbi_ok(0));
}

const struct sbi_ext sbi_ext_ipi = {SBI_EXT_IPI, handle, NULL};
