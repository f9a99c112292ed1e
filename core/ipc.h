/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Talk between VMs: channels (messages and doorbells) and shared regions, as the manifest says. The
 * layout in guest memory and the calls are in sbi/abi.h and docs/abi.md.
 *
 * Each channel end has a lock ("channel" in the order): the sender's hart takes the receiving end's.
 */
#ifndef CORE_IPC_H
#define CORE_IPC_H

#include "core/addr.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct vm;

/* Builds channels and regions of the manifest after all VMs exist. On error *why names it. */
enum err ipc_build(const char **why) MUST_CHECK;

/* Ends of vm; end i of vm has index i, in the order of the manifest. */
uint32_t ipc_end_count(const struct vm *vm);

/* Registers the mailbox of end index at header (see struct curia_mailbox). */
enum err ipc_mailbox_set(struct vm *vm, uint64_t index, gpa_t header, uint64_t ring_bytes) MUST_CHECK;
enum err ipc_mailbox_clear(struct vm *vm, uint64_t index) MUST_CHECK;

/*
 * Copies [buf, buf + len) of vm's RAM as one message into the peer's ring. ERR_BUSY: no room; an
 * event tells when there is. ERR_STATE: the peer has no mailbox. Own hart of vm.
 */
enum err ipc_send(struct vm *vm, uint64_t index, gpa_t buf, uint64_t len) MUST_CHECK;

/* Or-s bits into the peer's doorbell word. On the fast path: no lock, no window. */
enum err ipc_notify(struct vm *vm, uint64_t index, uint64_t bits) MUST_CHECK;

/* vm starts anew or has stopped: closes its mailboxes and tells its peers. */
void ipc_vm_started(struct vm *vm);
void ipc_vm_stopped(struct vm *vm);

/* Writes the channel and region nodes under the open node of fdt. */
enum err ipc_fdt(const struct vm *vm, void *fdt) MUST_CHECK;

#endif
