/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests that cannot go on, by bootarg mode: each is its own VM's affair alone.
 *   crash       traps lead to traps, for ever
 *   double-trap a trap before the first one's handler can bear it, and no event for that
 *   no-table    translation is on and nothing is mapped
 *   srst-fail   it says so: SRST with reason "system failure"
 *   hang        it spins with interrupts off and hears nothing
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/sbi_call.h"
#include "guests/selftest/selftest.h"

#include <string.h>

void role_crash(const char *how)
{
    con_printf("crash: %s\n", how);
    if (strcmp(how, "crash") == 0) {
        csr_write(CSR_STVEC, NOWHERE);
        __asm__ volatile("ebreak");
    } else if (strcmp(how, "double-trap") == 0) {
        if (feature_set(SBI_FWFT_DOUBLE_TRAP, 1) != 0) {
            guest_panic("panic: no double traps here");
        }
        csr_set(CSR_SSTATUS, SSTATUS_SDT);
        __asm__ volatile("ebreak");
    } else if (strcmp(how, "no-table") == 0) {
        csr_write(CSR_SATP, 8ull << 60 | NOWHERE >> 12);
        __asm__ volatile("sfence.vma\n\tnop" : : : "memory");
    } else if (strcmp(how, "srst-fail") == 0) {
        sbi_system_reset(SBI_SRST_TYPE_SHUTDOWN, SBI_SRST_REASON_FAILURE);
    } else if (strcmp(how, "hang") != 0) {
        guest_panic("panic: no such mode: %s", how);
    }
    for (;;) {
    }
}
