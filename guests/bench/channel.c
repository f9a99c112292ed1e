/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doorbells and messages from this VM to another over the channel "bench". The two keep step by a
 * shared region of that name: the receiver says, inside its window, that it is about to wait, and
 * how many it has received; so that no arrival falls outside a window, on however slow a machine.
 */
#include "guests/bench/channel.h"

#include "guests/bench/bench.h"
#include "guests/lib/board.h"
#include "guests/lib/console.h"
#include "guests/lib/mailbox.h"

#include <stddef.h>

#define MESSAGE_BYTES 64u /* where a row does not say */

static struct mailbox_memory memory;
static struct mailbox mailbox;
static struct steps at_home; /* natively */
static char message[CURIA_IPC_MESSAGE_MAX];
static irq_fn handler;

struct steps *steps = &at_home;
volatile uint32_t arrivals;

void steps_find(void)
{
    if (board.region_count != 0) {
        steps = (struct steps *)(uintptr_t)board.regions[0].range.start;
    }
}

void until(_Atomic uint32_t *word, uint32_t value)
{
    while ((int32_t)(atomic_load(word) - value) < 0) {
        relax();
    }
}

/* A wfi ends as well when Curia has something to do on the hart. */
static void await_irq(void)
{
    const struct guest_hart *self = hart_self();
    uint64_t before = self->irqs[2];

    while (self->irqs[2] == before) {
        wait_for_irq();
        take_irqs();
    }
}

static void on_mail(void *unused)
{
    handler(unused);
}

void channel_handle(irq_fn next)
{
    handler = next;
}

bool channel_open(irq_fn first, bool receives)
{
    const struct board_channel *channel = board_channel("bench");

    if (channel == NULL || steps == &at_home) {
        return false;
    }
    handler = first;
    if (!receives) {
        until(&steps->open, 1);
    }
    if (!irq_attach(channel->irq, hart_self()->index, on_mail, NULL) ||
        mailbox_open(&mailbox, channel, &memory) != SBI_SUCCESS) {
        guest_panic("bench: the channel cannot be opened\n");
    }
    if (receives) {
        atomic_store(&steps->open, 1);
    }
    while ((mailbox_peer_state(&mailbox) & CURIA_PEER_UP) == 0) {
    }
    if (receives) { /* that the sender's end has come up is no part of a row */
        await_irq();
    }
    return true;
}

void channel_ring(void)
{
    int64_t error = mailbox_notify(&mailbox, 1);

    if (error != SBI_SUCCESS) {
        guest_panic("bench: notify: error %d\n", (int)error);
    }
}

void channel_send(uint32_t bytes)
{
    int64_t error = mailbox_send(&mailbox, message, bytes);

    if (error != SBI_SUCCESS) {
        guest_panic("bench: send: error %d\n", (int)error);
    }
}

void channel_on_bell(void *unused)
{
    (void)unused;
    if ((mailbox_take_events(&mailbox) & CURIA_MAILBOX_EV_BELL) != 0 &&
        mailbox_take_bell(&mailbox) != 0) {
        arrivals++;
    }
}

void channel_on_message(void *unused)
{
    (void)unused;
    (void)mailbox_take_events(&mailbox);
    while (mailbox_receive(&mailbox, message, sizeof(message)) != 0) {
        arrivals++;
    }
}

/* ---- the sender ------------------------------------------------------------------------------ */

static void on_nothing(void *unused)
{
    (void)unused;
}

static int64_t ring(void)
{
    return mailbox_notify(&mailbox, 1);
}

static int64_t send(uint32_t bytes)
{
    return mailbox_send(&mailbox, message, bytes);
}

#define BENCH_SEND(name, count, call)                                                              \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        int64_t error_;                                                                            \
                                                                                                   \
        until(&steps->waiting, ++(count));                                                         \
        BENCH_BEGIN(name);                                                                         \
        error_ = (call);                                                                           \
        BENCH_END(name);                                                                           \
        if (error_ != SBI_SUCCESS) {                                                               \
            guest_panic("bench: " #name ": error %d\n", (int)error_);                              \
        }                                                                                          \
        until(&steps->received, (count));                                                          \
    }

void bench_channel(void)
{
    uint32_t count = 0;

    if (!channel_open(on_nothing, false)) {
        return;
    }
    BENCH_SEND(doorbell_send, count, ring());
    BENCH_SEND(message_send, count, send(MESSAGE_BYTES));
    BENCH_SEND(message_send_8, count, send(8));
    BENCH_SEND(message_send_1024, count, send(1024));
    BENCH_SEND(message_send_4096, count, send(4096));
    trips_to_peer();
}

/* ---- the receiver ---------------------------------------------------------------------------- */

#define BENCH_RECEIVE(name, count)                                                                 \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        (count)++;                                                                                 \
        BENCH_BEGIN(name);                                                                         \
        atomic_store_explicit(&steps->waiting, (count), memory_order_release);                     \
        do {                                                                                       \
            wait_for_irq();                                                                        \
            take_irqs();                                                                           \
        } while (arrivals + 1 == (count));                                                         \
        BENCH_END(name);                                                                           \
        if (arrivals != (count)) {                                                                 \
            guest_panic("bench: " #name ": arrival %u at count %u\n", (unsigned)arrivals,          \
                        (unsigned)(count));                                                        \
        }                                                                                          \
        atomic_store(&steps->received, (count));                                                   \
    }

void peer_run(void)
{
    uint32_t count = 0;

    if (!channel_open(channel_on_message, true)) {
        guest_panic("bench: a peer without a channel\n");
    }
    channel_handle(channel_on_bell);
    BENCH_RECEIVE(doorbell_receive, count);
    channel_handle(channel_on_message);
    BENCH_RECEIVE(message_receive, count);
    BENCH_RECEIVE(message_receive_8, count);
    BENCH_RECEIVE(message_receive_1024, count);
    BENCH_RECEIVE(message_receive_4096, count);
    trips_of_peer();
    for (;;) {
        wait_for_irq();
        take_irqs();
    }
}
