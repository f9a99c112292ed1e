/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Curia's own rv_vec_save() and rv_vec_restore(), in a program that runs in S-mode without Curia:
 * whatever vtype, vl and vstart a guest can have come back, in a hart that held others meanwhile.
 */
#include "arch/riscv/vec.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/hart.h"
#include "guests/lib/sbi_call.h"
#include "guests/selftest/tap.h"

#include <string.h>

#define VLENB_MAX 128u
#define GUARD     0xa5u

#define CSR_VSTART 0x008
#define CSR_VCSR   0x00f
#define CSR_VL     0xc20
#define CSR_VTYPE  0xc21

/* guests/selftest/vector_asm.S */
void vector_load(const void *from);
void vector_store(void *to, uint64_t csrs[4]);

static const struct state {
    const char *name;
    uint64_t vtype, avl, vstart, vcsr;
} states[] = {
    {"vill", RV_VTYPE_VILL, 0, 0, 0},
    {"a reserved vtype", 0x107, 8, 0, 1},
    {"no element", 0x00, 0, 0, 2},
    {"e16, m1, three of them, in the middle", 0xc8, 3, 1, 3},
    {"e8, m8, all of them, at the last", 0xc3, UINT64_MAX, 15, 4},
    {"e8, mf4, tail and mask undisturbed", 0x06, 1, 0, 5},
    {"e32, m4", 0x52, 5, 4, 6},
    {"e64, m2", 0x99, 2, 1, 7},
};

/* rv_vec_save() writes as many bytes as it should, from an address that is no more than aligned. */
static struct {
    struct rv_vec vec;
    uint8_t v[32 * VLENB_MAX + 8];
} memory;

static uint8_t pattern[32 * VLENB_MAX], other[32 * VLENB_MAX], seen[32 * VLENB_MAX];

static void set(const struct state *s)
{
    /* vsetvl x0, avl, vtype */
    __asm__ volatile(".insn r 0x57, 7, 0x40, x0, %0, %1" ::"r"(s->avl), "r"(s->vtype));
    csr_write(CSR_VCSR, s->vcsr);
    csr_write(CSR_VSTART, s->vstart);
}

static bool turn_on(void)
{
    bool was_off = (csr_read(CSR_SSTATUS) & SSTATUS_VS) == 0;

    csr_set(CSR_SSTATUS, SSTATUS_VS);
    return was_off;
}

static void test_state(const struct state *s, const struct state *meanwhile, size_t bytes)
{
    uint64_t want[4], got[4];

    memset(&memory, GUARD, sizeof(memory));
    vector_load(pattern);
    set(s);
    want[0] = csr_read(CSR_VL);
    want[1] = csr_read(CSR_VTYPE);
    want[2] = s->vcsr;
    want[3] = s->vstart;
    rv_vec_save(&memory.vec);
    (void)tap_ok(turn_on() && memory.v[bytes - 1] == pattern[bytes - 1] && memory.v[bytes] == GUARD,
                 "%s: saved, VS off", s->name);

    vector_load(other);
    set(meanwhile);
    rv_vec_restore(&memory.vec);
    (void)tap_ok(turn_on(), "%s: VS off", s->name);
    vector_store(seen, got);
    (void)tap_ok(memcmp(seen, pattern, bytes) == 0, "%s: v0 to v31", s->name);
    (void)tap_eq(got[0], want[0], "%s: vl", s->name);
    (void)tap_eq(got[1], want[1], "%s: vtype", s->name);
    (void)tap_eq(got[2], want[2], "%s: vcsr", s->name);
    (void)tap_eq(got[3], want[3], "%s: vstart", s->name);
}

void guest_main(void)
{
    const size_t count = sizeof(states) / sizeof(states[0]);
    size_t bytes;

    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (uint8_t)(i * 7 + 1 + i / 251);
        other[i] = (uint8_t)~pattern[i];
    }
    (void)turn_on();
    bytes = 32 * csr_read(CSR_VLENB);
    if (tap_ok(bytes <= sizeof(pattern), "VLEN is %u", (unsigned)bytes / 4)) {
        for (size_t i = 0; i < count; i++) {
            test_state(&states[i], &states[(i + 3) % count], bytes);
        }
    }
    sbi_system_reset(SBI_SRST_TYPE_SHUTDOWN,
                     tap_done() == 0 ? SBI_SRST_REASON_NONE : SBI_SRST_REASON_FAILURE);
    guest_panic("panic: SRST came back");
}
