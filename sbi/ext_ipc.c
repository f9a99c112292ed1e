/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPC: channels between VMs. Arguments are brought into core's form here; what they name is checked
 * there (core/ipc.h). NOTIFY comes by the fast path as a rule. [docs/abi.md, IPC]
 */
#include "core/channel.h"
#include "core/ipc.h"
#include "core/vm.h"
#include "sbi/sbi.h"

#include <stddef.h>

/* Core, which does not see abi.h, and the guests must mean the same. */
#define SAME_FIELD(field)                                                                          \
    _Static_assert(offsetof(struct mailbox, field) == offsetof(struct curia_mailbox, field) &&     \
                       sizeof(((struct mailbox *)0)->field) ==                                     \
                           sizeof(((struct curia_mailbox *)0)->field),                             \
                   "struct mailbox is struct curia_mailbox")

SAME_FIELD(magic);
SAME_FIELD(ring_bytes);
SAME_FIELD(head);
SAME_FIELD(want);
SAME_FIELD(peer_state);
SAME_FIELD(peer_generation);
SAME_FIELD(events);
SAME_FIELD(doorbell);
SAME_FIELD(tail);
_Static_assert(sizeof(struct mailbox) == sizeof(struct curia_mailbox) &&
                   MAILBOX_MAGIC == CURIA_MAILBOX_MAGIC,
               "struct mailbox is struct curia_mailbox");
_Static_assert(MAILBOX_WANT_ROOM == CURIA_MAILBOX_WANT_ROOM && MAILBOX_PEER_UP == CURIA_PEER_UP &&
                   MAILBOX_PEER_RUNNING == CURIA_PEER_RUNNING &&
                   MAILBOX_EV_MESSAGE == CURIA_MAILBOX_EV_MESSAGE &&
                   MAILBOX_EV_ROOM == CURIA_MAILBOX_EV_ROOM &&
                   MAILBOX_EV_PEER == CURIA_MAILBOX_EV_PEER &&
                   MAILBOX_EV_BELL == CURIA_MAILBOX_EV_BELL,
               "bits of the mailbox");
_Static_assert(IPC_MESSAGE_MAX == CURIA_IPC_MESSAGE_MAX && IPC_RING_MIN == CURIA_IPC_RING_MIN &&
                   IPC_RING_MAX == CURIA_IPC_RING_MAX,
               "limits of IPC");

static enum err mailbox_set(struct vm *vm, const uint64_t a[6])
{
    if (a[0] >= ipc_end_count(vm)) {
        return ERR_NOT_FOUND;
    }
    return a[2] != 0 ? ERR_FAULT : ipc_mailbox_set(vm, a[0], gpa(a[1]), a[3]);
}

static enum err send(struct vm *vm, const uint64_t a[6])
{
    if (a[0] >= ipc_end_count(vm)) {
        return ERR_NOT_FOUND;
    }
    return a[2] != 0 ? ERR_FAULT : ipc_send(vm, a[0], gpa(a[1]), a[3]);
}

/* Apart, so that sbi_ipc_fast() keeps no register for it. */
static __attribute__((noinline)) bool fail(uint64_t a[8], enum err e)
{
    return sbi_answer(a, sbi_from(e));
}

/* The answer is written before the interrupt goes out, so that a need not be kept over that. */
bool sbi_ipc_fast(struct vcpu *v, uint64_t a[8])
{
    uint64_t end = a[0];
    uint64_t bits = a[1];
    enum err e;

    if (a[6] != CURIA_IPC_NOTIFY) {
        return false;
    }
    (void)sbi_answer(a, sbi_ok(0));
    e = channel_notify(v->vm, end, bits);
    return e == ERR_OK || fail(a, e);
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    struct vm *vm = v->vm;

    switch (fid) {
    case CURIA_IPC_COUNT:
        return sbi_ok(ipc_end_count(vm));
    case CURIA_IPC_MAILBOX_SET:
        return sbi_from(mailbox_set(vm, a));
    case CURIA_IPC_MAILBOX_CLEAR:
        return sbi_from(ipc_mailbox_clear(vm, a[0]));
    case CURIA_IPC_SEND:
        return sbi_from(send(vm, a));
    case CURIA_IPC_NOTIFY:
        return sbi_from(ipc_notify(vm, a[0], a[1]));
    case CURIA_IPC_MAILBOX_ROOM:
        return sbi_from(ipc_mailbox_room(vm, a[0]));
    default:
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
}

const struct sbi_ext sbi_ext_ipc = {CURIA_EXT_IPC, handle, NULL};
