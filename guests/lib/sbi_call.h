/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI from the guest's side. Any hart, any context. [SBI 3.0 §3] */
#ifndef GUESTS_LIB_SBI_CALL_H
#define GUESTS_LIB_SBI_CALL_H

#include "sbi/abi.h"

#include <stdbool.h>
#include <stdint.h>

struct sbi_result {
    int64_t error;
    uint64_t value;
};

/* The call as it is: six arguments, and both registers of the answer. */
static inline struct sbi_result sbi_call6(uint64_t eid, uint64_t fid, uint64_t arg0, uint64_t arg1,
                                          uint64_t arg2, uint64_t arg3, uint64_t arg4,
                                          uint64_t arg5)
{
    register uint64_t a0 __asm__("a0") = arg0;
    register uint64_t a1 __asm__("a1") = arg1;
    register uint64_t a2 __asm__("a2") = arg2;
    register uint64_t a3 __asm__("a3") = arg3;
    register uint64_t a4 __asm__("a4") = arg4;
    register uint64_t a5 __asm__("a5") = arg5;
    register uint64_t a6 __asm__("a6") = fid;
    register uint64_t a7 __asm__("a7") = eid;

    __asm__ volatile("ecall"
                     : "+r"(a0), "+r"(a1)
                     : "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a6), "r"(a7)
                     : "memory");
    return (struct sbi_result){(int64_t)a0, a1};
}

static inline struct sbi_result sbi_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1,
                                         uint64_t a2, uint64_t a3)
{
    return sbi_call6(eid, fid, a0, a1, a2, a3, 0, 0);
}

static inline bool sbi_probe(uint64_t eid)
{
    struct sbi_result r = sbi_call(SBI_EXT_BASE, SBI_BASE_PROBE_EXTENSION, eid, 0, 0, 0);

    return r.error == SBI_SUCCESS && r.value != 0;
}

/* Shutdown or reset of this system, reason SBI_SRST_REASON_*. Comes back only if it is refused. */
static inline void sbi_system_reset(uint32_t type, uint32_t reason)
{
    (void)sbi_call(SBI_EXT_SRST, SBI_SRST_RESET, type, reason, 0, 0);
}

#endif
