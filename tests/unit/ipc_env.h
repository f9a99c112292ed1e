/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine for tests of IPC on the fake port: VMs a, b and c; channel "ab" (both ways) and "bc" (b
 * sends, c receives); shared region "map", written by a, read by b. And the guest's side of a
 * mailbox, as docs/abi.md tells guests to do it.
 */
#ifndef TESTS_UNIT_IPC_ENV_H
#define TESTS_UNIT_IPC_ENV_H

#include "core/channel.h"
#include "core/virq.h"
#include "tests/unit/fake_arch.h"

enum { A, B, C, ENV_VMS };

#define ENV_RAM       0x80000000ull
#define ENV_RAM_SIZE  0x40000ull /* and as much again, right behind, in other host memory */
#define ENV_SPLIT     (ENV_RAM + ENV_RAM_SIZE)
#define ENV_RAM_TOTAL (2 * ENV_RAM_SIZE)
#define ENV_MAP_A     0xa0000000ull
#define ENV_MAP_B     0xb0000000ull
#define ENV_MAP_SIZE  0x4000ull
#define ENV_MBOX      (ENV_RAM + 0x8000) /* where env_open() puts mailboxes */
#define ENV_BUF       (ENV_RAM + 0x1000)

#define ENV_IRQ(vm, end) (5u + 2u * (vm) + (end))
#define ENV_SOURCES      16u

struct env {
    struct vm *vm[ENV_VMS];
    struct virqchip chip[ENV_VMS];
    _Atomic uint32_t pulses[ENV_VMS][ENV_SOURCES + 1];
    void (*on_pulse)(void); /* while a chip delivers; NULL: nothing */
};

extern struct env env;

/* All VMs built and (as IPC sees it) started. */
void env_begin(void);
void env_end(void);

/* The next life of a VM, up to its first instruction. */
void env_start(uint32_t vm);

/* Interrupts of that end since the last call. */
uint32_t env_pulses(uint32_t vm, uint32_t end);

/* The guest's side. */
struct guest_box {
    uint32_t vm, end;
    uint64_t base;
    uint32_t ring_bytes;
    uint32_t tail;
    struct mailbox *header;
};

/* Writes magic and size at base, which is in one region with its ring or ENV_SPLIT between. */
void box_prepare(struct guest_box *box, uint32_t vm, uint32_t end, uint64_t base,
                 uint32_t ring_bytes);
/* The same, and registers it at ENV_MBOX. */
void box_open(struct guest_box *box, uint32_t vm, uint32_t end, uint32_t ring_bytes);
/* Takes a message (buf: 4096 bytes); 0: none. Calls for room as guests shall. */
uint32_t box_read(struct guest_box *box, void *buf);
uint32_t box_events(struct guest_box *box);

/* Puts len bytes into the sender's RAM and sends them. */
enum err env_send(uint32_t vm, uint32_t end, const void *data, uint64_t len);

#endif
