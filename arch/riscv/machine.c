/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine as a whole: its end, its identity, and the report of a trap that is Curia's own
 * fault. */
#include "arch/riscv/csr.h"
#include "arch/riscv/early.h"
#include "arch/riscv/fw_sbi.h"
#include "arch/riscv/mmu.h"
#include "core/arch.h"
#include "core/console.h"
#include "core/log.h"

struct arch_ids arch_machine_ids(void)
{
    return (struct arch_ids){
        .vendor = fw_base(SBI_BASE_GET_MVENDORID),
        .arch = fw_base(SBI_BASE_GET_MARCHID),
        .impl = fw_base(SBI_BASE_GET_MIMPID),
    };
}

static uint32_t reset_type(enum arch_reset kind)
{
    switch (kind) {
    case ARCH_RESET_OFF:
        return SBI_SRST_TYPE_SHUTDOWN;
    case ARCH_RESET_COLD:
        return SBI_SRST_TYPE_COLD;
    case ARCH_RESET_WARM:
        return SBI_SRST_TYPE_WARM;
    }
    return SBI_SRST_TYPE_COLD;
}

_Noreturn void arch_machine_reset(enum arch_reset kind, bool reason_failed)
{
    uint32_t reason = reason_failed ? SBI_SRST_REASON_FAILURE : SBI_SRST_REASON_NONE;
    struct fw_ret r;

    console_flush();
    r = fw_reset(reset_type(kind), reason);
    if (kind == ARCH_RESET_WARM) {
        log_warn("the firmware has no warm reset (error %d): a cold one", (int)r.error);
        console_flush();
        r = fw_reset(SBI_SRST_TYPE_COLD, reason);
    }
    log_error("the firmware refuses the %s (error %d): the machine is halted; all VMs are down",
              kind == ARCH_RESET_OFF ? "power-off" : "reset", (int)r.error);
    console_flush();
    arch_hart_park();
}

/* On the emergency stack; only the first hart that traps comes here. */
_Noreturn void rv_hyp_trap_report(struct rv_hart *hart)
{
    uint64_t cause = csr_read(CSR_SCAUSE);
    uint64_t stval = csr_read(CSR_STVAL);

    panic_enter();
    log_error("hart %llu: trap in the hypervisor: scause %llx sepc %llx stval %llx",
              (unsigned long long)hart->core.id, (unsigned long long)cause,
              (unsigned long long)csr_read(CSR_SEPC), (unsigned long long)stval);
    log_error("sp %llx ra %llx t0 %llx t1 %llx", (unsigned long long)hart->trap_regs[0],
              (unsigned long long)hart->trap_regs[1], (unsigned long long)hart->trap_regs[2],
              (unsigned long long)hart->trap_regs[3]);
    panic("%s", mmu_in_guard(hart, stval) ? "stack overflow" : "unexpected trap");
}
