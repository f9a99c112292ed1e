/* SPDX-License-Identifier: BSD-2-Clause */
/* The client's side of a mailbox, see mailbox.h and docs/abi.md. */
#include "guests/lib/mailbox.h"

#include "guests/lib/sbi_call.h"

#include <string.h>

#define RECORD_HEADER 8u

int64_t mailbox_open(struct mailbox *mailbox, const struct board_channel *channel,
                     struct mailbox_memory *memory)
{
    int64_t error;

    memset(&memory->header, 0, sizeof(memory->header));
    memory->header.magic = CURIA_MAILBOX_MAGIC;
    memory->header.ring_bytes = MAILBOX_RING_BYTES;
    *mailbox = (struct mailbox){.memory = memory, .end = channel->end};
    error = sbi_call(CURIA_EXT_IPC, CURIA_IPC_MAILBOX_SET, channel->end,
                     (uint64_t)(uintptr_t)memory, 0, MAILBOX_RING_BYTES)
                .error;
    if (error != SBI_SUCCESS) {
        mailbox->memory = NULL;
    }
    return error;
}

int64_t mailbox_close(struct mailbox *mailbox)
{
    mailbox->memory = NULL;
    return sbi_call(CURIA_EXT_IPC, CURIA_IPC_MAILBOX_CLEAR, mailbox->end, 0, 0, 0).error;
}

static void copy_out(const struct mailbox *mailbox, void *buf, uint32_t at, uint32_t len)
{
    uint32_t offset = at % MAILBOX_RING_BYTES;
    uint32_t first = MAILBOX_RING_BYTES - offset < len ? MAILBOX_RING_BYTES - offset : len;

    memcpy(buf, mailbox->memory->ring + offset, first);
    memcpy((char *)buf + first, mailbox->memory->ring, len - first);
}

static void advance(struct mailbox *mailbox, uint32_t bytes)
{
    struct curia_mailbox *header = &mailbox->memory->header;

    mailbox->tail += bytes;
    __atomic_store_n(&header->tail, mailbox->tail, __ATOMIC_RELEASE);
    /* Pairs with the fence of the refused sender's hart: want is set, then tail read again. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if ((__atomic_load_n(&header->want, __ATOMIC_RELAXED) & CURIA_MAILBOX_WANT_ROOM) != 0) {
        (void)sbi_call(CURIA_EXT_IPC, CURIA_IPC_MAILBOX_ROOM, mailbox->end, 0, 0, 0);
    }
}

uint32_t mailbox_receive(struct mailbox *mailbox, void *buf, uint32_t size)
{
    for (;;) {
        uint32_t bytes =
            __atomic_load_n(&mailbox->memory->header.head, __ATOMIC_ACQUIRE) - mailbox->tail;
        uint32_t len;
        uint32_t record;

        if (bytes == 0) {
            return 0;
        }
        copy_out(mailbox, &len, mailbox->tail, sizeof(len));
        record = RECORD_HEADER + ((len + 7) & ~7u);
        if (len == 0 || len > CURIA_IPC_MESSAGE_MAX || bytes > MAILBOX_RING_BYTES ||
            record > bytes) {
            mailbox->damaged++;
            advance(mailbox, bytes);
        } else if (len > size) {
            mailbox->damaged++;
            advance(mailbox, record);
        } else {
            copy_out(mailbox, buf, mailbox->tail + RECORD_HEADER, len);
            advance(mailbox, record);
            mailbox->received++;
            return len;
        }
    }
}

int64_t mailbox_send(const struct mailbox *mailbox, const void *buf, uint32_t bytes)
{
    return sbi_call(CURIA_EXT_IPC, CURIA_IPC_SEND, mailbox->end, (uint64_t)(uintptr_t)buf, 0, bytes)
        .error;
}

int64_t mailbox_notify(const struct mailbox *mailbox, uint64_t bits)
{
    return sbi_call(CURIA_EXT_IPC, CURIA_IPC_NOTIFY, mailbox->end, bits, 0, 0).error;
}

uint32_t mailbox_take_events(struct mailbox *mailbox)
{
    return __atomic_exchange_n(&mailbox->memory->header.events, 0, __ATOMIC_ACQ_REL);
}

uint64_t mailbox_take_bell(struct mailbox *mailbox)
{
    return __atomic_exchange_n(&mailbox->memory->header.doorbell, 0, __ATOMIC_ACQ_REL);
}

uint32_t mailbox_peer_state(const struct mailbox *mailbox)
{
    return __atomic_load_n(&mailbox->memory->header.peer_state, __ATOMIC_ACQUIRE);
}
