/* SPDX-License-Identifier: BSD-2-Clause */
/* The client of the machine's firmware. No lock; one hart polls, and so calls fw_getc(). */
#include "arch/riscv/fw_sbi.h"

#include "arch/riscv/mmu.h"

static bool has_dbcn;
static char dbcn_byte; /* of fw_getc(); in the image: mmu_phys() knows where */

struct fw_ret fw_call5(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                       uint64_t a3, uint64_t a4)
{
    register uint64_t r0 __asm__("a0") = a0;
    register uint64_t r1 __asm__("a1") = a1;
    register uint64_t r2 __asm__("a2") = a2;
    register uint64_t r3 __asm__("a3") = a3;
    register uint64_t r4 __asm__("a4") = a4;
    register uint64_t r6 __asm__("a6") = fid;
    register uint64_t r7 __asm__("a7") = eid;

    __asm__ volatile("ecall"
                     : "+r"(r0), "+r"(r1)
                     : "r"(r2), "r"(r3), "r"(r4), "r"(r6), "r"(r7)
                     : "memory");
    return (struct fw_ret){(int64_t)r0, r1};
}

struct fw_ret fw_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return fw_call5(eid, fid, a0, a1, a2, 0, 0);
}

uint64_t fw_base(uint64_t fid)
{
    struct fw_ret r = fw_call(SBI_EXT_BASE, fid, 0, 0, 0);

    return r.error == SBI_SUCCESS ? r.value : 0;
}

uint64_t fw_spec_version(void)
{
    return fw_base(SBI_BASE_GET_SPEC_VERSION);
}

bool fw_has(uint64_t eid)
{
    struct fw_ret r = fw_call(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, eid, 0, 0);

    return r.error == SBI_SUCCESS && r.value != 0;
}

/*
 * The SBI promises no order between what this hart stored and what the started one loads: page
 * tables, rv_satp, its structure. The fence puts them before whatever the firmware tells it by.
 */
struct fw_ret fw_hart_start(uint64_t hart_id, uint64_t pc_phys, uint64_t opaque)
{
    __asm__ volatile("fence w, ow" ::: "memory");
    return fw_call(SBI_EXT_HSM, SBI_HSM_START, hart_id, pc_phys, opaque);
}

void fw_hart_stop(void)
{
    (void)fw_call(SBI_EXT_HSM, SBI_HSM_STOP, 0, 0, 0);
}

struct fw_ret fw_hart_status(uint64_t hart_id)
{
    return fw_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, hart_id, 0, 0);
}

bool fw_feature_set(uint32_t feature, uint64_t value)
{
    return fw_call(SBI_EXT_FWFT, SBI_FWFT_SET, feature, value, 0).error == SBI_SUCCESS;
}

struct fw_ret fw_feature_get(uint32_t feature)
{
    return fw_call(SBI_EXT_FWFT, SBI_FWFT_GET, feature, 0, 0);
}

bool fw_send_ipi(uint64_t harts, uint64_t base)
{
    return fw_call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, harts, base, 0).error == SBI_SUCCESS;
}

void fw_set_timer(uint64_t deadline)
{
    (void)fw_call(SBI_EXT_TIME, SBI_TIME_SET_TIMER, deadline, 0, 0);
}

struct fw_ret fw_reset(uint32_t type, uint32_t reason)
{
    return fw_call(SBI_EXT_SRST, SBI_SRST_RESET, type, reason, 0);
}

void fw_console_init(void)
{
    has_dbcn = fw_has(SBI_EXT_DBCN);
}

void fw_putc(char c)
{
    if (has_dbcn) {
        (void)fw_call(SBI_EXT_DBCN, SBI_DBCN_WRITE_BYTE, (uint8_t)c, 0, 0);
    } else {
        (void)fw_call(SBI_EXT_LEGACY_PUTCHAR, 0, (uint8_t)c, 0, 0);
    }
}

int fw_getc(void)
{
    if (has_dbcn) {
        struct fw_ret r = fw_call(SBI_EXT_DBCN, SBI_DBCN_READ, 1, mmu_phys(&dbcn_byte).v, 0);

        return r.error == SBI_SUCCESS && r.value == 1 ? (uint8_t)dbcn_byte : -1;
    }
    return (int)fw_call(SBI_EXT_LEGACY_GETCHAR, 0, 0, 0, 0).error;
}
