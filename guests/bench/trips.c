/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * There and back over the channel "bench": messages of some lengths, and 64 bytes in the shared
 * region with a doorbell each way. Both ends wait for interrupts. A window is for the sum over both
 * harts: it ends when the answer has come, and the other end has said that its call has returned.
 */
#include "guests/bench/bench.h"
#include "guests/bench/channel.h"
#include "guests/lib/console.h"

#include <string.h>

#define SHARED_BYTES 64u
#define THERE        1024u /* offsets in the shared region */
#define BACK         2048u

static uint32_t awaited; /* arrivals, as from now */

static void begin(irq_fn on_mail)
{
    channel_handle(on_mail);
    arrivals = 0;
    awaited = 0;
}

static void until_arrival(void)
{
    awaited++;
    while (arrivals != awaited) {
        wait_for_irq();
        take_irqs();
    }
}

static void share(uint32_t offset)
{
    static char bytes[SHARED_BYTES];

    memcpy((char *)steps + offset, bytes, sizeof(bytes));
}

static void take_shared(uint32_t offset)
{
    static char bytes[SHARED_BYTES];

    memcpy(bytes, (char *)steps + offset, sizeof(bytes));
}

/* `trip` of a round: steps->waiting says which the other end is ready for, received what it did. */
#define BENCH_TRIP(name, trip, go, come)                                                           \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        until(&steps->waiting, ++(trip));                                                          \
        BENCH_BEGIN(name);                                                                         \
        go;                                                                                        \
        until_arrival();                                                                           \
        come;                                                                                      \
        until(&steps->received, (trip));                                                           \
        BENCH_END(name);                                                                           \
    }

#define ANSWER_TRIP(trip, come, go)                                                                \
    for (uint32_t round_ = 0; round_ < BENCH_ROUNDS; round_++) {                                   \
        atomic_store(&steps->waiting, ++(trip));                                                   \
        until_arrival();                                                                           \
        come;                                                                                      \
        go;                                                                                        \
        atomic_store(&steps->received, (trip));                                                    \
    }

static void ring_with(uint32_t offset)
{
    share(offset);
    channel_ring();
}

void trips_to_peer(void)
{
    uint32_t trip = atomic_load(&steps->received);

    begin(channel_on_message);
    BENCH_TRIP(message_trip_8, trip, channel_send(8), (void)0);
    BENCH_TRIP(message_trip_64, trip, channel_send(64), (void)0);
    BENCH_TRIP(message_trip_1024, trip, channel_send(1024), (void)0);
    BENCH_TRIP(message_trip_4096, trip, channel_send(4096), (void)0);
    begin(channel_on_bell);
    BENCH_TRIP(shmem_trip, trip, ring_with(THERE), take_shared(BACK));
}

void trips_of_peer(void)
{
    uint32_t trip = atomic_load(&steps->received);

    begin(channel_on_message);
    ANSWER_TRIP(trip, (void)0, channel_send(8));
    ANSWER_TRIP(trip, (void)0, channel_send(64));
    ANSWER_TRIP(trip, (void)0, channel_send(1024));
    ANSWER_TRIP(trip, (void)0, channel_send(4096));
    begin(channel_on_bell);
    ANSWER_TRIP(trip, take_shared(THERE), ring_with(BACK));
}
