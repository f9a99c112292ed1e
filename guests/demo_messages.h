/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guests of the demo say to each other: ADAS (guests/rtos) to cockpit on the channel
 * "state", control to ADAS and back on the channel "ping". All fields little-endian, as RISC-V is.
 */
#ifndef CURIA_DEMO_MESSAGES_H
#define CURIA_DEMO_MESSAGES_H

#include <stdint.h>

#define DEMO_STATE_MAGIC 0x31545341u /* "AST1" */
#define DEMO_PING_MAGIC  0x31474e50u /* "PNG1" */

/* How late the periodic task of ADAS was released, since it started. */
struct demo_jitter {
    uint64_t releases;
    uint64_t missed; /* releases that came after the next one was due */
    uint32_t min_ns;
    uint32_t mean_ns;
    uint32_t max_ns;
    uint32_t reserved; /* 0 */
};

/* "state": ten a second. seq counts from 1, without a gap, from each start of ADAS. */
struct demo_state {
    uint32_t magic;
    uint32_t size; /* of this structure */
    uint64_t seq;
    uint64_t time_us; /* since ADAS started */
    struct demo_jitter jitter;
};

/* "ping": magic, size, seq and stamp come back as they were sent; the answer fills in the rest. */
struct demo_ping {
    uint32_t magic;
    uint32_t size;
    uint64_t seq;
    uint64_t stamp; /* the sender's own */
    struct demo_jitter jitter;
};

#endif
