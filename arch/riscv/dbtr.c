/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The harts' debug triggers, by way of the firmware's DBTR: set while their vCPU is on the hart,
 * and in VS-mode and VU-mode alone, where only vCPUs run. Own hart; no lock. [SBI 3.0, DBTR]
 *
 * OpenSBI has DBTR since 1.5, and update and read as SBI has them since 1.7 and 1.8; of it only
 * install, of one trigger, disable and uninstall are used. What is uninstalled is disabled before:
 * the 0 that OpenSBI writes to tdata1 then, QEMU takes for a type that it does not have.
 */
#include "arch/riscv/dbtr.h"

#include "arch/riscv/fw_sbi.h"
#include "arch/riscv/mmu.h"

#define NOT_WRITTEN UINT64_MAX

#define MODES      (SBI_DBTR_S | SBI_DBTR_U)
#define MODE_SHIFT 20 /* from the guest's S and U, as it sees them, to VS and VU */

_Static_assert(MODES << MODE_SHIFT == (SBI_DBTR_VS | SBI_DBTR_VU), "the same order");

static struct fw_ret dbtr_call(uint64_t fid, uint64_t a0, uint64_t a1)
{
    return fw_call(SBI_EXT_DBTR, fid, a0, a1, 0);
}

/*
 * The firmware is taken to have on every hart what it has on the boot hart. Of more than 64, which
 * no mask would hold, none is used.
 */
void rv_dbtr_init(void)
{
    uint64_t all = dbtr_call(SBI_DBTR_NUM_TRIGGERS, 0, 0).value;
    uint64_t n = dbtr_call(SBI_DBTR_NUM_TRIGGERS, SBI_DBTR_MCONTROL6, 0).value;

    if (fw_has(SBI_EXT_DBTR) && all <= 64) {
        rv_features.triggers = (uint32_t)(n < DBTR_TRIGGERS ? n : DBTR_TRIGGERS);
    }
}

uint32_t arch_dbtr_triggers(void)
{
    return rv_features.triggers;
}

void rv_dbtr_clear(void)
{
    struct rv_hart *hart = rv_hart_self();

    (void)dbtr_call(SBI_DBTR_DISABLE, 0, hart->triggers);
    (void)dbtr_call(SBI_DBTR_UNINSTALL, 0, hart->triggers);
    hart->triggers = 0;
}

/* The number is in the first word; OpenSBI before 1.7 has it behind the entry. */
static bool install(struct rv_hart *hart, uint64_t tdata1, uint64_t tdata2)
{
    uint64_t *block = hart->trigger_block;
    uint64_t number;

    block[1] = (tdata1 & ~MODES) | (tdata1 & MODES) << MODE_SHIFT;
    block[2] = tdata2;
    block[4] = NOT_WRITTEN;
    if (dbtr_call(SBI_DBTR_INSTALL, 1, 0).error != SBI_SUCCESS) {
        return false;
    }
    number = block[4] == NOT_WRITTEN ? block[0] : block[4];
    hart->triggers |= 1ull << (number & 63);
    return true;
}

/* The firmware forgets the block when it has the hart; it may know it still. */
enum err arch_dbtr_sync(struct vcpu *vcpu)
{
    struct rv_hart *hart = rv_hart_self();
    struct dbtr *d = &vcpu->dbtr;
    enum err e = ERR_OK;

    rv_dbtr_put();
    (void)dbtr_call(SBI_DBTR_SET_SHMEM, mmu_phys(hart->trigger_block).v, 0);
    for (uint32_t i = 0; i < DBTR_TRIGGERS; i++) {
        if ((d->mapped >> i & 1) != 0 && (d->tdata1[i] & MODES) != 0 &&
            !install(hart, d->tdata1[i], d->tdata2[i])) {
            d->mapped &= (uint8_t) ~(1u << i);
            e = ERR_FAILED;
        }
    }
    return e;
}
