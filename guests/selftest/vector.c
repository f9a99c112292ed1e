/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vector registers: kept over exits of all kinds, and by nobody's device. Without V the field
 * sstatus.VS stays off.
 */
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/csr.h"
#include "guests/lib/mmio.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#include <stddef.h>
#include <string.h>

#define VLENB_MAX 256u
#define UART_SCR  7u

#define INSN_VSETVLI(vtype) ((uint32_t)(vtype) << 20 | 0x072d7u) /* vsetvli t0, zero, vtype */
#define INSN_VLE8           0x02050007u                          /* vle8.v v0, (a0) */
#define INSN_VSE8           0x02050027u                          /* vse8.v v0, (a0) */

void vector_load(const void *from);
void vector_store(void *to, uint64_t csrs[4]);

struct vectors {
    uint8_t v[32 * VLENB_MAX];
    uint64_t csrs[4]; /* vl, vtype, vcsr, vstart */
};

static struct vectors full, seen[GUEST_HARTS];

static uint64_t vlenb(void)
{
    return exec_one(INSN_CSRR(CSR_VLENB), 0, 0).a0;
}

bool vector_on(void)
{
    csr_set(CSR_SSTATUS, SSTATUS_VS);
    return (csr_read(CSR_SSTATUS) & SSTATUS_VS) != 0;
}

void vector_off(void)
{
    csr_clear(CSR_SSTATUS, SSTATUS_VS);
}

/* vl by vector_load() is 3, vtype e16 m1 ta ma. */
void vector_fill(void)
{
    for (uint32_t i = 0; i < sizeof(full.v); i++) {
        full.v[i] = (uint8_t)(i * 7 + 1 + i / 251);
    }
    full.csrs[0] = 3;
    full.csrs[1] = 0xc8;
    full.csrs[2] = 5;
    full.csrs[3] = 1;
    vector_load(full.v);
}

static const struct vectors *now(void)
{
    struct vectors *at = &seen[hart_self()->index];

    vector_store(at->v, at->csrs);
    return at;
}

/* Is everything as vector_fill() made it? Looking sets vstart to 0, so it is made anew. */
bool vector_is_full(void)
{
    const struct vectors *at = now();
    bool same = memcmp(at->v, full.v, 32 * vlenb()) == 0 &&
                memcmp(at->csrs, full.csrs, sizeof(full.csrs)) == 0;

    vector_load(full.v);
    return same;
}

/* As after a reset [V, "State of Vector Extension at Reset"]: vill, and nothing else. */
bool vector_is_fresh(void)
{
    static const uint64_t fresh[4] = {0, 1ull << 63, 0, 0};
    const struct vectors *at = now();
    uint8_t any = 0;

    for (uint32_t i = 0; i < 32 * vlenb(); i++) {
        any |= at->v[i];
    }
    return any == 0 && memcmp(at->csrs, fresh, sizeof(fresh)) == 0;
}

/* ---- exits -------------------------------------------------------------------------------------
 */

static void by_fast_call(void)
{
    (void)sbi_call(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 0, 0, 0, 0);
}

static void by_call(void)
{
    (void)sbi_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, 0, 0, 0, 0);
}

static void by_console(void)
{
    static const char text[] = "# vectors\n";

    (void)sbi_call(SBI_EXT_DBCN, SBI_DBCN_WRITE, sizeof(text) - 1, (uint64_t)(uintptr_t)text, 0, 0);
}

static void by_device(void)
{
    mmio_write8(board.uart.start + UART_SCR, mmio_read8(board.uart.start + UART_SCR));
}

static void by_fault(void)
{
    (void)exec_one(INSN_LD, NOWHERE, 0);
}

static void by_illegal(void)
{
    (void)exec_one(INSN_CSRR(0x600), 0, 0);
}

static void by_suspend(void)
{
    csr_write(CSR_SIE, 1u << IRQ_S_TIMER);
    timer_set(time_now() + ticks_of_us(2000));
    (void)sbi_call(SBI_EXT_HSM, SBI_HSM_SUSPEND, SBI_HSM_SUSPEND_RETENTIVE, 0, 0, 0);
    csr_write(CSR_SIE, 0);
    timer_set(UINT64_MAX);
}

static void by_sibling(void)
{
    (void)sbi_call(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 0, UINT64_MAX, 0, 0);
    pause_us(1000);
}

static void test_exits(void)
{
    static const struct {
        const char *name;
        void (*f)(void);
    } exits[] = {
        {"a fast call", by_fast_call}, {"a call", by_call},
        {"the console", by_console},   {"a device", by_device},
        {"a fault", by_fault},         {"an illegal instruction", by_illegal},
        {"a suspend", by_suspend},     {"a remote fence", by_sibling},
    };

    vector_fill();
    for (uint32_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
        exits[i].f();
        (void)tap_ok(vector_is_full(), "vectors are kept over %s", exits[i].name);
    }
}

/* A device takes no vector accesses; what came before the fault is kept. */
static void test_device(void)
{
    struct exec e = {.code = {INSN_VSETVLI(0xc0), INSN_VSE8}, .a0 = board.uart.start + UART_SCR};

    exec_run(&e);
    (void)tap_ok(e.trapped && e.trap.scause == EXC_STORE_ACCESS && e.trap.sepc == e.pc + 4,
                 "a vector store to a device is an access fault");
    e = (struct exec){.code = {INSN_VSETVLI(0xc0), INSN_VLE8}, .a0 = board.uart.start};
    exec_run(&e);
    (void)tap_ok(e.trapped && e.trap.scause == EXC_LOAD_ACCESS && e.trap.sepc == e.pc + 4,
                 "a vector load from a device is an access fault");
}

/* ---- another hart ------------------------------------------------------------------------------
 */

static void fill_there(void *kept)
{
    if (vector_on()) {
        vector_fill();
        *(volatile bool *)kept = vector_is_full();
    }
}

static void fresh_there(void *fresh)
{
    *(volatile bool *)fresh = vector_on() && vector_is_fresh();
    vector_off();
}

static void test_other_hart(uint32_t index)
{
    bool kept = false;
    bool fresh = false;
    bool ok = job_start(index, fill_there, &kept) && job_stop(index) &&
              job_start(index, fresh_there, &fresh) && job_stop(index);

    (void)tap_ok(ok && kept && fresh, "hart %u has vectors, and they are clear when it starts",
                 (unsigned)index);
    (void)tap_ok(vector_is_full(), "this hart's are its own");
}

void test_vectors(void)
{
    if (!isa_offers("zve32x") && !isa_offers("v")) {
        (void)tap_ok(!vector_on(), "no V: sstatus.VS stays off");
        return;
    }
    if (!tap_ok(vector_on(), "V: sstatus.VS can be on") || vlenb() > VLENB_MAX) {
        return;
    }
    con_printf("# VLEN is %u\n", (unsigned)vlenb() * 8);
    test_exits();
    if (board.curia) {
        test_device();
        vector_load(full.v);
        for (uint32_t i = 0; i < board.hart_count; i++) {
            if (i != hart_self()->index) {
                test_other_hart(i);
            }
        }
    }
    vector_off();
    (void)tap_ok(exec_one(INSN_VSETVLI(0xc0), 0, 0).trapped, "V: illegal while VS is off");
}
