/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Talk between VMs: channels (messages and doorbells) and shared regions, as the manifest says. The
 * layout in guest memory and the calls are in sbi/abi.h and docs/abi.md.
 *
 * Each channel end has a lock ("channel" in the order): the sender's hart takes the receiving
 * end's. No two are held together, and none while an interrupt controller is called.
 */
#ifndef CORE_IPC_H
#define CORE_IPC_H

#include "core/addr.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct vm;

#define IPC_MESSAGE_MAX 4096u
#define IPC_RING_MIN    8192u
#define IPC_RING_MAX    1048576u

/* What an end has seen since boot. */
struct ipc_stats {
    uint64_t sent;        /* messages that reached the peer's ring */
    uint64_t received;    /* messages put into its own */
    uint64_t refused;     /* sends for which the peer had no room */
    uint64_t unreachable; /* sends while the peer had no mailbox */
    uint64_t bells;       /* notifications put into its own mailbox */
    uint64_t bad_tails;   /* sends refused since the tail in its own mailbox was wrong */
    uint64_t lost_bytes;  /* of its ring, not read when its mailbox was closed */
};

/* Builds channels and regions of the manifest after all VMs exist. On error *why names it. */
enum err ipc_build(const char **why) MUST_CHECK;

/* Ends of vm; end i of vm has index i, in the order of the manifest. */
uint32_t ipc_end_count(const struct vm *vm);

/* The channel's name and counters, for reports; NULL: no such end. Any hart, no lock held. */
const char *ipc_end_stats(const struct vm *vm, uint32_t index, struct ipc_stats *out);

/*
 * The calls of guests, by a hart of vm that is in the hypervisor, no lock held. ERR_NOT_FOUND: vm
 * has no end index.
 *
 * set registers the mailbox of that end at header (see struct curia_mailbox), ring right behind.
 * ERR_INVALID: not page aligned, ring_bytes not a power of two in IPC_RING_MIN .. MAX, or not the
 * magic or not ring_bytes in the header; ERR_FAULT: not all of it vm's RAM; ERR_EXISTS: has one;
 * ERR_NO_MEMORY: the port has no mapping left.
 * clear: ERR_STATE: it has none. room tells a sender that was refused that there is room now.
 */
enum err ipc_mailbox_set(struct vm *vm, uint64_t index, gpa_t header,
                         uint64_t ring_bytes) MUST_CHECK;
enum err ipc_mailbox_clear(struct vm *vm, uint64_t index) MUST_CHECK;
enum err ipc_mailbox_room(struct vm *vm, uint64_t index) MUST_CHECK;

/*
 * Copies [buf, buf + len) of vm's RAM as one message into the peer's ring. ERR_DENIED: the manifest
 * does not let this end send; ERR_INVALID: len is 0 or above IPC_MESSAGE_MAX; ERR_FAULT: not vm's
 * RAM; ERR_STATE: the peer has no mailbox; ERR_BUSY: no room, an event tells when there is.
 */
enum err ipc_send(struct vm *vm, uint64_t index, gpa_t buf, uint64_t len) MUST_CHECK;

/*
 * Or-s bits into the peer's doorbell word. On the fast path: no lock, no window. ERR_DENIED: the
 * end may not send; ERR_INVALID: bits is 0; ERR_STATE: the peer has no mailbox.
 */
enum err ipc_notify(struct vm *vm, uint64_t index, uint64_t bits) MUST_CHECK;

/*
 * enter: vm is loaded, but for a part of the shared regions that nobody else uses, which is zeroed;
 * ERR_BUSY: there is more, or another hart is at it. Its own hart, until it is ERR_OK. started: it
 * is about to run its first instruction: the peers are told. Its own hart. stopped: all its vCPUs
 * have left, or its load has ended early; before its interrupt controller is reset and before it
 * can be loaded again: on return no message, event or interrupt of a peer is under way to it. The
 * VM's lock is not held for enter and started, may be for stopped.
 */
enum err ipc_vm_enter(struct vm *vm) MUST_CHECK;
void ipc_vm_started(struct vm *vm);
void ipc_vm_stopped(struct vm *vm);

/*
 * Writes the channel and region nodes under the open node of fdt (/curia, whose children have two
 * address and two size cells). ERR_RANGE: no room in fdt.
 */
enum err ipc_fdt(const struct vm *vm, void *fdt) MUST_CHECK;

#endif
