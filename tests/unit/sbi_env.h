/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of sbi/ stand on: five harts with VM `a` (four vCPUs) and VM `b` (one),
 * the real core modules below sbi/, and recorded stand-ins (all weak) for those that have tests of
 * their own: console, lifecycle, IPC, and Curia's own extensions.
 */
#ifndef TESTS_UNIT_SBI_ENV_H
#define TESTS_UNIT_SBI_ENV_H

#include "sbi/sbi.h"
#include "tests/unit/fake_arch.h"

#define ENV_VCPUS 4u

/* VM a's map: RAM, then more RAM with its own memory behind it, then a shared region to read. */
#define ENV_RAM          0x80000000ull
#define ENV_RAM_BYTES    0x4000ull
#define ENV_RAM2         (ENV_RAM + ENV_RAM_BYTES)
#define ENV_RAM2_BYTES   0x2000ull
#define ENV_RAM_END      (ENV_RAM2 + ENV_RAM2_BYTES)
#define ENV_SHARED       ENV_RAM_END
#define ENV_SHARED_BYTES 0x1000ull

#define ENV_CONSOLE_BYTES 16384u

struct sbi_env {
    struct vm *a, *b;
    char out[ENV_CONSOLE_BYTES]; /* what a's console got */
    size_t out_len;
    bool out_bounded; /* it takes no more than out_room at a time */
    size_t out_room;
    const char *in; /* what it has */
    size_t in_len;
    uint32_t srsts;
    bool srst_reset, srst_warm, srst_failure;
    struct vcpu *srst_caller;
    uint32_t suspends;
    struct vcpu *suspend_caller;
    gpa_t suspend_pc;
    uint64_t suspend_opaque;
    enum err suspend_result;
    uint32_t left; /* lifecycle_vcpu_left() */
    uint32_t notifies;
    uint64_t notify_end, notify_bits;
    enum err notify_result;
    uint32_t own_calls; /* of Curia's own extensions, on the general path */
    bool own_absent;    /* VMM's probe answers no */
};

extern struct sbi_env env;

void env_init(void);
void env_end(void);

/* The same around a test. */
int env_setup(void **state);
int env_teardown(void **state);

struct vcpu *env_vcpu(uint32_t index);

/* A call by a's vCPU 0 on the general path (mode HART_HYP); a1 starts as a sentinel. */
#define ENV_SENTINEL 0x5e5e5e5e5e5e5e5eull
struct sbi_ret env_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                        uint64_t a3, uint64_t a4);

/* What a call, r, has to give. For who includes cmocka. */
#define expect_ret(r, e, v)                                                                        \
    do {                                                                                           \
        struct sbi_ret got_ = (r);                                                                 \
        assert_int_equal(got_.error, (e));                                                         \
        assert_int_equal(got_.value, (v));                                                         \
    } while (0)

#define expect_err(r, e) expect_ret(r, e, 0)

#endif
