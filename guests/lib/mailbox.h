/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One end of a channel. Calls of one mailbox by one hart at a time. Storage lies in the guest's
 * RAM, page aligned, translation off (addresses given to Curia are physical).
 */
#ifndef GUESTS_LIB_MAILBOX_H
#define GUESTS_LIB_MAILBOX_H

#include "guests/lib/board.h"
#include "sbi/abi.h"

#define MAILBOX_RING_BYTES 16384u

struct mailbox_memory {
    _Alignas(4096) struct curia_mailbox header;
    _Alignas(4096) char ring[MAILBOX_RING_BYTES];
};

struct mailbox {
    struct mailbox_memory *memory; /* NULL: not open */
    uint32_t end;
    uint32_t tail;
    uint64_t received, damaged;
};

/* Registers memory as the mailbox of channel; SBI's error. */
int64_t mailbox_open(struct mailbox *mailbox, const struct board_channel *channel,
                     struct mailbox_memory *memory);
int64_t mailbox_close(struct mailbox *mailbox);

/*
 * The next message into buf: its length, 0 when there is none. A longer one than size is dropped
 * and counted as damaged.
 */
uint32_t mailbox_receive(struct mailbox *mailbox, void *buf, uint32_t size);

/* Sends through that end; SBI's error (INVALID_STATE: nobody there, TIMEOUT: no room). */
int64_t mailbox_send(const struct mailbox *mailbox, const void *buf, uint32_t bytes);

int64_t mailbox_notify(const struct mailbox *mailbox, uint64_t bits);

/* Takes CURIA_MAILBOX_EV_* bits, and the doorbell's. */
uint32_t mailbox_take_events(struct mailbox *mailbox);
uint64_t mailbox_take_bell(struct mailbox *mailbox);

uint32_t mailbox_peer_state(const struct mailbox *mailbox);

#endif
