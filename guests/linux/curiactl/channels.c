// SPDX-License-Identifier: GPL-2.0-only
/* Channels and shared regions by hand: messages as text, doorbells as bits. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "curiactl.h"

#define SHOWN 256u /* bytes of a region */

static int open_device(const char *prefix, const char *label, int flags)
{
    char path[128];
    int fd;

    if (snprintf(path, sizeof(path), DEV_DIR "%s%s", prefix, label) >= (int)sizeof(path) ||
        strchr(label, '/') != NULL) {
        usage_error("%s: no such name", label);
    }
    fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) {
        fail("%s: %s", path,
             errno == ENOENT ? "there is no such device in this VM" : strerror(errno));
    }
    return fd;
}

void channel_info(int fd, struct curia_channel_info *info)
{
    if (ioctl(fd, CURIA_CHANNEL_INFO, info) != 0) {
        fail("cannot ask about the channel: %s", strerror(errno));
    }
}

/* The other devices are refused: whoever reads `power` by mistake would have to answer it. */
int open_channel(const char *label, int flags)
{
    struct curia_channel_info info;
    int fd = open_device("", label, flags);

    if (ioctl(fd, CURIA_CHANNEL_INFO, &info) != 0) {
        fail("%s: that is no channel (curiactl channels shows them)", label);
    }
    return fd;
}

static const char *why_not(int error)
{
    switch (error) {
    case ENOTCONN:
        return "the peer is not up";
    case EACCES:
        return "this end may not send (manifest: channels)";
    case EAGAIN:
        return "the peer's ring is full";
    default:
        return strerror(error);
    }
}

int cmd_channels(int argc, char **argv)
{
    struct curia_channel_info info;
    struct dirent *entry;
    DIR *dir = opendir(DEV_DIR);

    (void)argv;
    if (argc != 1) {
        usage_error("takes no arguments");
    }
    if (dir == NULL) {
        fail(DEV_DIR ": %s", strerror(errno));
    }
    printf("%-16s %-16s %-8s %5s %10s %10s %8s\n", "CHANNEL", "PEER", "PEER IS", "GEN", "SENT",
           "RECEIVED", "REFUSED");
    while ((entry = readdir(dir)) != NULL) {
        int fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0) {
            continue;
        }
        if (ioctl(fd, CURIA_CHANNEL_INFO, &info) == 0) {
            printf("%-16s %-16s %-8s %5" PRIu32 " %10" PRIu64 " %10" PRIu64 " %8" PRIu64 "\n",
                   info.label, info.peer,
                   (info.peer_state & CURIA_PEER_UP) != 0        ? "up"
                   : (info.peer_state & CURIA_PEER_RUNNING) != 0 ? "running"
                                                                 : "down",
                   info.peer_generation, (uint64_t)info.sent, (uint64_t)info.received,
                   (uint64_t)info.refused);
        }
        close(fd);
    }
    closedir(dir);
    return EXIT_DONE;
}

int cmd_send(int argc, char **argv)
{
    int fd;

    if (argc != 3 || argv[2][0] == '\0') {
        usage_error("wants a channel and a text");
    }
    fd = open_channel(argv[1], O_WRONLY);
    if (write(fd, argv[2], strlen(argv[2])) < 0) {
        fail("%s: %s", argv[1], why_not(errno));
    }
    return EXIT_DONE;
}

static void print_message(const unsigned char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (isprint(data[i])) {
            putchar(data[i]);
        } else {
            printf("\\x%02x", data[i]);
        }
    }
    putchar('\n');
    fflush(stdout);
}

int cmd_recv(int argc, char **argv)
{
    static unsigned char message[CURIA_IPC_MESSAGE_MAX];
    uint64_t left;
    int fd;

    if (argc < 2 || argc > 3) {
        usage_error("wants a channel, and perhaps how many messages");
    }
    left = argc == 3 ? parse_number(argv[2], UINT32_MAX, "a count") : UINT64_MAX;
    fd = open_channel(argv[1], O_RDONLY);
    for (; left != 0; left--) {
        ssize_t n = read(fd, message, sizeof(message));

        if (n < 0) {
            fail("%s: %s", argv[1], strerror(errno));
        }
        print_message(message, (size_t)n);
    }
    return EXIT_DONE;
}

int cmd_bell(int argc, char **argv)
{
    struct curia_channel_info info;
    struct pollfd p = {.events = POLLPRI};
    uint64_t bits;

    if (argc < 2 || argc > 3) {
        usage_error("wants a channel, and perhaps bits");
    }
    p.fd = open_channel(argv[1], O_RDWR);
    if (argc == 3) {
        bits = parse_number(argv[2], UINT64_MAX, "bits");
        if (bits == 0) {
            usage_error("0 rings nothing");
        }
        if (ioctl(p.fd, CURIA_CHANNEL_RING, &bits) != 0) {
            fail("%s: %s", argv[1], why_not(errno));
        }
        return EXIT_DONE;
    }
    do {
        if (poll(&p, 1, -1) < 0 || ioctl(p.fd, CURIA_CHANNEL_TAKE, &bits) != 0) {
            fail("%s: %s", argv[1], strerror(errno));
        }
        channel_info(p.fd, &info); /* a change of the peer wakes too, until it is looked at */
    } while (bits == 0);
    printf("0x%" PRIx64 "\n", bits);
    return EXIT_DONE;
}

/* ---- regions --------------------------------------------------------------------------------- */

static void show_region(const volatile unsigned char *memory, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes && memory[i] != 0; i++) {
        unsigned char c = memory[i];

        putchar(isprint(c) || c == '\n' ? c : '.');
    }
    putchar('\n');
}

int cmd_region(int argc, char **argv)
{
    bool write = argc == 4;
    unsigned char *memory;
    uint64_t offset = 0;
    uint64_t size;
    int fd;

    if (argc < 2 || argc > 4) {
        usage_error("wants a region, and perhaps an offset and a text");
    }
    fd = open_device("region-", argv[1], write ? O_RDWR : O_RDONLY);
    size = (uint64_t)lseek(fd, 0, SEEK_END);
    if (argc > 2) {
        offset = parse_number(argv[2], size - 1, "an offset");
    }
    memory = mmap(NULL, size, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        fail("%s: %s", argv[1], strerror(errno));
    }
    if (write) {
        size_t bytes = strlen(argv[3]) + 1;

        if (bytes > size - offset) {
            fail("%s: %zu bytes do not fit behind offset %" PRIu64, argv[1], bytes, offset);
        }
        memcpy(memory + offset, argv[3], bytes);
    } else {
        printf("%s: %" PRIu64 " bytes; at %" PRIu64 ": ", argv[1], size, offset);
        show_region(memory + offset, size - offset < SHOWN ? size - offset : SHOWN);
    }
    return EXIT_DONE;
}
