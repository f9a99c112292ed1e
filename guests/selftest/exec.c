/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions run one at a time under trap_catch(). Code is written into a buffer of the hart's
 * own.
 */
#include "guests/lib/csr.h"
#include "guests/selftest/selftest.h"

#include <string.h>

#define RET    0x8082u
#define EBREAK 0x00100073u

/*
 * Slots by the first instruction: one that is there already is not written again, which spares an
 * emulator the work of translating it anew.
 */
#define SLOTS       128u
#define SLOT_HALVES 16u

static _Alignas(4096) uint16_t buffers[GUEST_HARTS][SLOTS][SLOT_HALVES];

void exec_enter_user(uint64_t a0, uint64_t a1, uint64_t pc);
uint64_t exec_call(uint64_t a0, uint64_t a1, uint64_t pc);
uint64_t exec_call_sp(uint64_t a0, uint64_t a1, uint64_t pc);

static void write_code(struct exec *e, uint32_t end)
{
    uint16_t code[SLOT_HALVES] = {0};
    uint32_t slot = (e->code[0] * 0x9e3779b1u ^ end) >> 25;
    uint16_t *at = buffers[hart_self()->index][slot];
    uint32_t n = 0;

    for (uint32_t i = 0; i < EXEC_MAX && e->code[i] != 0; i++) {
        code[n++] = (uint16_t)e->code[i];
        if ((e->code[i] & 3) == 3) {
            code[n++] = (uint16_t)(e->code[i] >> 16);
        }
    }
    code[n++] = (uint16_t)end;
    code[n] = (uint16_t)(end >> 16);
    e->pc = (uint64_t)(uintptr_t)at;
    if (memcmp(at, code, sizeof(code)) != 0) {
        memcpy(at, code, sizeof(code));
        __asm__ volatile("fence.i" : : : "memory");
    }
}

static void call(void *arg)
{
    struct exec *e = arg;

    e->a0 = (e->on_sp ? exec_call_sp : exec_call)(e->a0, e->a1, e->pc);
}

static void enter_user(void *arg)
{
    struct exec *e = arg;

    exec_enter_user(e->a0, e->a1, e->pc);
}

static void catch_in(struct exec *e, void (*f)(void *arg))
{
    e->trapped = trap_catch(&e->trap, false, f, e);
}

void exec_run(struct exec *e)
{
    write_code(e, RET);
    catch_in(e, call);
}

void exec_user(struct exec *e)
{
    write_code(e, EBREAK);
    catch_in(e, enter_user);
    e->a0 = hart_self()->caught_a0;
}

struct exec exec_one(uint32_t insn, uint64_t a0, uint64_t a1)
{
    struct exec e = {.code = {insn}, .a0 = a0, .a1 = a1};

    exec_run(&e);
    return e;
}

struct exec exec_at(uint64_t pc, uint64_t a0, uint64_t a1)
{
    struct exec e = {.pc = pc, .a0 = a0, .a1 = a1};

    catch_in(&e, call);
    return e;
}
