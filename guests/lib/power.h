/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's part in power transitions: PWR of sbi/abi.h. */
#ifndef GUESTS_LIB_POWER_H
#define GUESTS_LIB_POWER_H

#include "guests/lib/sbi_call.h"

struct power_event {
    uint8_t type; /* CURIA_PWR_EV_*, 0: none */
    uint8_t kind;
    uint16_t reason;
    uint32_t txn;
};

static inline int64_t power_listen(bool on)
{
    return sbi_call(CURIA_EXT_PWR, CURIA_PWR_LISTEN, on ? 1 : 0, 0, 0, 0).error;
}

/* The next event that is waiting. After an interrupt of the power source, until there is none. */
static inline struct power_event power_next(void)
{
    struct sbi_result r = sbi_call(CURIA_EXT_PWR, CURIA_PWR_EVENT, 0, 0, 0, 0);

    if (r.error != SBI_SUCCESS) {
        r.value = 0;
    }
    return (struct power_event){
        .type = (uint8_t)CURIA_PWR_EVENT_TYPE(r.value),
        .kind = (uint8_t)CURIA_PWR_EVENT_KIND(r.value),
        .reason = (uint16_t)CURIA_PWR_EVENT_REASON(r.value),
        .txn = (uint32_t)CURIA_PWR_EVENT_TXN(r.value),
    };
}

/* answer is CURIA_PWR_ANSWER_*; us for POSTPONE, whose grant is the result's value. */
static inline struct sbi_result power_answer(uint32_t txn, uint32_t answer, uint64_t us)
{
    return sbi_call(CURIA_EXT_PWR, CURIA_PWR_ANSWER, txn, answer, us, 0);
}

#endif
