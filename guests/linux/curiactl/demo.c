// SPDX-License-Identifier: GPL-2.0-only
/* The demo's own messages: pings that ADAS answers, and the states that it sends to cockpit. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "curiactl.h"
#include "guests/demo_messages.h"

#define ANSWER_MS  1000
#define BETWEEN_US 100000
#define PING_LABEL "ping"

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- ping ------------------------------------------------------------------------------------ */

/* The channel whose label begins with "ping" and whose peer is that VM. */
static int open_ping(const char *vm)
{
    struct curia_channel_info info;
    struct dirent *entry;
    DIR *dir = opendir(DEV_DIR);

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        int fd;

        if (strncmp(entry->d_name, PING_LABEL, sizeof(PING_LABEL) - 1) != 0) {
            continue;
        }
        fd = openat(dirfd(dir), entry->d_name, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && ioctl(fd, CURIA_CHANNEL_INFO, &info) == 0 && strcmp(info.peer, vm) == 0) {
            closedir(dir);
            return fd;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    fail("no channel '" PING_LABEL "' leads from this VM to '%s' (curiactl channels shows them)",
         vm);
}

static void forget_old(int fd)
{
    char message[CURIA_IPC_MESSAGE_MAX];
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (poll(&p, 1, 0) > 0 && (p.revents & POLLIN) != 0) {
        if (read(fd, message, sizeof(message)) < 0) {
            fail("cannot read: %s", strerror(errno));
        }
    }
}

/* The answer to `seq`, within ANSWER_MS of `sent`. */
static bool await(int fd, uint64_t seq, uint64_t sent, struct demo_ping *answer)
{
    char message[CURIA_IPC_MESSAGE_MAX];
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (;;) {
        int64_t left_ms = ANSWER_MS - (int64_t)((now_ns() - sent) / 1000000u);
        ssize_t n;

        if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0) {
            return false;
        }
        n = read(fd, message, sizeof(message));
        if (n < 0) {
            fail("cannot read: %s", strerror(errno));
        }
        memcpy(answer, message, sizeof(*answer));
        if ((size_t)n >= sizeof(*answer) && answer->magic == DEMO_PING_MAGIC &&
            answer->seq == seq && answer->stamp == sent) {
            return true;
        }
    }
}

int cmd_ping(int argc, char **argv)
{
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
    uint64_t sum = 0;
    uint64_t count;
    uint64_t answered = 0;
    int fd;

    if (argc < 2 || argc > 3) {
        usage_error("wants the name of a VM, and perhaps how often");
    }
    count = argc == 3 ? parse_number(argv[2], 1000000, "a count") : 4;
    fd = open_ping(argv[1]);
    forget_old(fd);
    for (uint64_t seq = 1; seq <= count; seq++) {
        struct demo_ping ping = {
            .magic = DEMO_PING_MAGIC, .size = sizeof(ping), .seq = seq, .stamp = now_ns()};
        struct demo_ping answer;
        uint64_t ns;

        if (write(fd, &ping, sizeof(ping)) < 0) {
            fail("%s: %s", argv[1], errno == ENOTCONN ? "it is not up" : strerror(errno));
        }
        if (!await(fd, seq, ping.stamp, &answer)) {
            printf("%s: seq=%" PRIu64 " no answer in %d ms\n", argv[1], seq, ANSWER_MS);
            continue;
        }
        ns = now_ns() - ping.stamp;
        answered++;
        sum += ns;
        min = ns < min ? ns : min;
        max = ns > max ? ns : max;
        printf("%s: seq=%" PRIu64 " time=%" PRIu64 ".%" PRIu64 " us, jitter min/mean/max %" PRIu32
               "/%" PRIu32 "/%" PRIu32 " ns in %" PRIu64 " releases\n",
               argv[1], seq, ns / 1000, ns / 100 % 10, answer.jitter.min_ns, answer.jitter.mean_ns,
               answer.jitter.max_ns, answer.jitter.releases);
        if (seq != count) {
            usleep(BETWEEN_US);
        }
    }
    printf("%" PRIu64 " sent, %" PRIu64 " answered", count, answered);
    if (answered != 0) {
        printf(", round trip min/mean/max %" PRIu64 "/%" PRIu64 "/%" PRIu64 " us", min / 1000,
               sum / answered / 1000, max / 1000);
    }
    putchar('\n');
    return answered == count ? EXIT_DONE : EXIT_FAILED;
}

/* ---- watch ----------------------------------------------------------------------------------- */

struct watched {
    uint64_t messages;
    uint64_t first;
    uint64_t last;
    uint64_t gaps;    /* numbers that never came */
    uint64_t starts;  /* of the sender: its numbers begin anew */
    uint64_t unknown; /* messages that are no states */
    uint32_t generation;
};

/* What the sender of before has left may be read when the generation is that of the next one. */
static void account(struct watched *w, const struct demo_state *state, uint32_t generation)
{
    bool next = state->seq == w->last + 1;

    if (w->messages == 0 || (!next && (generation != w->generation || state->seq <= w->last))) {
        w->starts++;
        w->first = state->seq;
        w->generation = generation;
    } else {
        w->gaps += state->seq - w->last - 1;
    }
    w->last = state->seq;
    w->messages++;
}

/* One line of fixed length, written over itself. */
static void keep(int out, const struct watched *w)
{
    char line[192];
    int n = snprintf(line, sizeof(line),
                     "messages %-12" PRIu64 " first %-12" PRIu64 " last %-12" PRIu64
                     " gaps %-8" PRIu64 " starts %-6" PRIu64 " unknown %-6" PRIu64 "\n",
                     w->messages, w->first, w->last, w->gaps, w->starts, w->unknown);

    if (pwrite(out, line, (size_t)n, 0) != n) {
        fail("cannot write the file: %s", strerror(errno));
    }
}

int cmd_watch(int argc, char **argv)
{
    char message[CURIA_IPC_MESSAGE_MAX];
    struct curia_channel_info info;
    struct watched w = {0};
    struct demo_state state;
    int out = -1;
    int fd;

    if (argc < 2 || argc > 3) {
        usage_error("wants a channel, and perhaps a file");
    }
    fd = open_channel(argv[1], O_RDONLY);
    if (argc == 3) {
        out = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        if (out < 0) {
            fail("%s: %s", argv[2], strerror(errno));
        }
        keep(out, &w);
    }
    for (;;) {
        ssize_t n = read(fd, message, sizeof(message));

        if (n < 0) {
            fail("%s: %s", argv[1], strerror(errno));
        }
        memcpy(&state, message, sizeof(state));
        channel_info(fd, &info);
        if ((size_t)n < sizeof(state) || state.magic != DEMO_STATE_MAGIC) {
            w.unknown++;
        } else {
            account(&w, &state, info.peer_generation);
        }
        if (out >= 0) {
            keep(out, &w);
            continue;
        }
        printf("%s: seq %" PRIu64 " at %" PRIu64 " ms, jitter min/mean/max %" PRIu32 "/%" PRIu32
               "/%" PRIu32 " ns, missed %" PRIu64 "; gaps %" PRIu64 "\n",
               info.peer, state.seq, state.time_us / 1000, state.jitter.min_ns,
               state.jitter.mean_ns, state.jitter.max_ns, state.jitter.missed, w.gaps);
        fflush(stdout);
    }
}
