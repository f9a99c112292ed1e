/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DBTR: debug triggers on a real hart. Each is this hart's own, in the modes that it names; its
 * exception is the guest's. Hardware may let none match where SIE is 0 [RISC-V Debug 1.0, native
 * triggers], so it is 1 here, with nothing enabled. [SBI 3.0, Debug Triggers Extension]
 */
#include "guests/lib/board.h"
#include "guests/lib/csr.h"
#include "guests/lib/mailbox.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"
#include "guests/selftest/selftest.h"
#include "guests/selftest/tap.h"

#define ERR(name) ((uint64_t)(int64_t)SBI_##name)
#define NOP       0x00000013u
#define EXECUTE   (SBI_DBTR_MCONTROL6 | SBI_DBTR_EXECUTE)
#define STORE     (SBI_DBTR_MCONTROL6 | SBI_DBTR_STORE)
#define ROOM      64u
#define SLEEP_US  20000u

/* As it lies in the shared memory. */
struct trigger {
    uint64_t word, tdata1, tdata2, tdata3;
};

static _Alignas(8) volatile struct trigger memory[GUEST_HARTS][ROOM];
static volatile uint64_t watched[2];

static volatile struct trigger *mine(void)
{
    return memory[hart_self()->index];
}

static uint64_t dbtr(uint64_t fid, uint64_t a0, uint64_t a1)
{
    return (uint64_t)sbi_call(SBI_EXT_DBTR, fid, a0, a1, 0, 0).error;
}

static uint64_t at(const volatile void *p)
{
    return (uint64_t)(uintptr_t)p;
}

/* One trigger, for install or update; its number in the first word. */
static uint64_t put(uint64_t fid, uint64_t tdata1, uint64_t tdata2)
{
    mine()->tdata1 = tdata1;
    mine()->tdata2 = tdata2;
    mine()->tdata3 = 0;
    return dbtr(fid, 1, 0);
}

/* Does it end in a trigger's exception, at its first instruction, with this address or none? */
static bool hit(const struct exec *e, uint64_t address)
{
    return e->trapped && e->trap.scause == EXC_BREAKPOINT && e->trap.sepc == e->pc &&
           (e->trap.stval == address || e->trap.stval == 0);
}

static bool steps_on(uint64_t pc)
{
    struct exec e = exec_at(pc, 0, 0);

    return hit(&e, pc);
}

static bool stores_to(const volatile uint64_t *word)
{
    struct exec e = exec_one(INSN_SD, at(word), 1);

    return hit(&e, at(word));
}

static bool in_user_mode(void)
{
    struct exec e = {.code = {NOP}};

    exec_user(&e);
    return hit(&e, e.pc) && (e.trap.sstatus & SSTATUS_SPP) == 0;
}

/* ---- what is left ------------------------------------------------------------------------------
 */

void triggers_leave(void)
{
    (void)dbtr(SBI_DBTR_SET_SHMEM, at(mine()), 0);
    (void)put(SBI_DBTR_INSTALL, EXECUTE | SBI_DBTR_S | SBI_DBTR_U, at(triggers_are_fresh));
}

/* One that is left would have stopped us at our first instruction. */
bool triggers_are_fresh(void)
{
    return !sbi_probe(SBI_EXT_DBTR) || (dbtr(SBI_DBTR_READ, 0, 0) == ERR(ERR_NO_SHMEM) &&
                                        dbtr(SBI_DBTR_ENABLE, 0, 1) == ERR(ERR_INVALID_PARAM));
}

/* ---- of a VM that runs on ----------------------------------------------------------------------
 */

#define RET  0x8082u
#define WAYS 16u

/* Code that does nothing, one piece for each VM, more or less: the image is the same in all. */
static const uint16_t ways[WAYS] = {
    RET, RET, RET, RET, RET, RET, RET, RET, RET, RET, RET, RET, RET, RET, RET, RET,
};
static uint32_t my_way = WAYS;

void triggers_watch(void)
{
    uint32_t sum = 0;

    for (const char *c = board.vm_name; *c != '\0'; c++) {
        sum += (uint8_t)*c;
    }
    sum %= WAYS;
    if (dbtr(SBI_DBTR_SET_SHMEM, at(mine()), 0) == 0 &&
        put(SBI_DBTR_INSTALL, EXECUTE | SBI_DBTR_S, at(&ways[sum])) == 0) {
        my_way = sum;
    }
}

bool triggers_hold(void)
{
    bool good = true;

    for (uint32_t i = 0; i < WAYS; i++) {
        good = good && steps_on(at(&ways[i])) == (i == my_way);
    }
    return good;
}

/* ---- on this hart ------------------------------------------------------------------------------
 */

static void test_execute(uint64_t pc)
{
    (void)tap_ok(!steps_on(pc) && put(SBI_DBTR_INSTALL, EXECUTE | SBI_DBTR_S, pc) == 0 &&
                     mine()->word == 0 && steps_on(pc),
                 "DBTR: an instruction is stepped on");
    (void)tap_ok(!steps_on(pc + 4), "not the next one");
    (void)tap_ok(dbtr(SBI_DBTR_DISABLE, 0, 1) == 0 && !steps_on(pc), "disabled, it is not");
    (void)tap_ok(dbtr(SBI_DBTR_READ, 0, 1) == 0 &&
                     mine()->word == (SBI_DBTR_STATE_MAPPED | SBI_DBTR_STATE_S) &&
                     mine()->tdata1 == EXECUTE && mine()->tdata2 == pc && mine()->tdata3 == 0,
                 "and told so");
    (void)tap_ok(dbtr(SBI_DBTR_ENABLE, 0, 1) == 0 && steps_on(pc), "enabled, it is again");
}

static void test_store(void)
{
    mine()->word = 0;
    (void)tap_ok(put(SBI_DBTR_UPDATE, STORE | SBI_DBTR_S | SBI_DBTR_SIZE(5), at(watched)) == 0 &&
                     stores_to(watched) && !stores_to(watched + 1),
                 "DBTR: a store is seen");
    (void)tap_ok(!exec_one(INSN_LD, at(watched), 0).trapped, "a load is not");
    mine()->word = 0;
    (void)tap_ok(
        put(SBI_DBTR_UPDATE, SBI_DBTR_MCONTROL6 | SBI_DBTR_LOAD | SBI_DBTR_S, at(watched)) == 0 &&
            exec_one(INSN_LD, at(watched), 0).trapped && !stores_to(watched),
        "or the other way round");
}

static void test_modes(void)
{
    struct exec e = {.code = {NOP}};

    exec_user(&e);
    mine()->word = 0;
    (void)tap_ok(put(SBI_DBTR_UPDATE, EXECUTE | SBI_DBTR_S, e.pc) == 0 && !in_user_mode() &&
                     steps_on(e.pc),
                 "DBTR: S-mode alone");
    mine()->word = 0;
    (void)tap_ok(put(SBI_DBTR_UPDATE, EXECUTE | SBI_DBTR_U, e.pc) == 0 && in_user_mode(),
                 "U-mode alone");
    (void)tap_eq(put(SBI_DBTR_INSTALL, EXECUTE | SBI_DBTR_VS, e.pc), ERR(ERR_NOT_SUPPORTED),
                 "VS-mode is none of this machine's");
    (void)tap_eq(put(SBI_DBTR_INSTALL, EXECUTE | SBI_DBTR_M, e.pc), ERR(ERR_INVALID_PARAM),
                 "nor M-mode");
}

/* A suspend of the VM takes it off its hart and brings it back. */
static void test_sleep(uint64_t pc)
{
    mine()->word = 0;
    (void)put(SBI_DBTR_UPDATE, EXECUTE | SBI_DBTR_S, pc);
    (void)irqs_off(); /* for the sleep, and so that the timer is still pending then */
    timer_set(time_now() + ticks_of_us(SLEEP_US));
    csr_write(CSR_SIE, 1u << IRQ_S_TIMER);
    (void)guest_sleep();
    csr_write(CSR_SIE, 0);
    timer_set(UINT64_MAX);
    irqs_on();
    (void)tap_ok(steps_on(pc) && dbtr(SBI_DBTR_UNINSTALL, 0, 1) == 0 && !steps_on(pc),
                 "DBTR: kept by a suspend, until it is taken off");
    (void)tap_eq(dbtr(SBI_DBTR_ENABLE, 0, 1), ERR(ERR_INVALID_PARAM), "which is then no more");
}

/* ---- on others ---------------------------------------------------------------------------------
 */

static void step_on(void *arg)
{
    uint64_t *pc = arg;

    irqs_on();
    *pc = exec_at(*pc, 0, 0).trapped ? 1 : 0;
    (void)irqs_off();
}

/* The neighbour runs the same image: it would end at its next look for messages. */
static void test_other(uint32_t other, uint64_t pc)
{
    uint64_t result = pc;

    (void)put(SBI_DBTR_INSTALL, EXECUTE | SBI_DBTR_S | SBI_DBTR_U, at(mailbox_receive));
    (void)tap_ok(job_start(other, step_on, &result) && job_wait(other) && result == 0 &&
                     steps_on(pc),
                 "DBTR: another hart does not step on it");
    pause_us(SLEEP_US);
    (void)tap_eq(dbtr(SBI_DBTR_UNINSTALL, mine()->word, 1), 0, "DBTR: nor another VM");
    (void)job_stop(other);
}

void test_triggers(void)
{
    struct sbi_result count = sbi_call(SBI_EXT_DBTR, SBI_DBTR_NUM_TRIGGERS, 0, 0, 0, 0);
    uint64_t pc;

    if (!board.curia) {
        return;
    }
    (void)tap_ok(count.error == 0 || !isa_offers("sdtrig"), "DBTR is there with Sdtrig");
    if (count.error != 0 || count.value < 2) { /* of one, SBI lets none be installed */
        return;
    }
    (void)tap_ok(count.value <= ROOM && dbtr(SBI_DBTR_SET_SHMEM, at(mine()), 0) == 0,
                 "DBTR: %u triggers", (unsigned)count.value);
    pc = exec_one(NOP, 0, 0).pc;
    irqs_on();
    test_execute(pc);
    if (board.hart_count > 1) {
        test_other(hart_self()->index == 0 ? 1 : 0, pc);
    }
    test_store();
    test_modes();
    test_sleep(pc);
    (void)dbtr(SBI_DBTR_SET_SHMEM, UINT64_MAX, UINT64_MAX);
    (void)irqs_off();
}
