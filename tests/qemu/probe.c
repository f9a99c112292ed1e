/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program in a Linux VM that uses what no tool there does, curia.ko's devices first, and tells
 * what came of it: "ok WHAT" or "not ok WHAT", a line each. tests/qemu/test_linux.py reads them.
 *
 *   probe region LABEL    what may be mapped of a region, and what may not
 *   probe vector CHANNEL  one message of two parts, and its refusals
 *   probe gather CHANNEL  takes that message, into two parts
 *   probe sample MS       samples of cycles for so long, taken by overflow interrupts
 *   probe count MS CPU    how far it counts in so long, on that CPU: "ok counted N in NS ns on CPU"
 */
#include "sbi/abi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096u

static int failures;

static void check(bool good, const char *what)
{
    printf("%s %s\n", good ? "ok" : "not ok", what);
    failures += good ? 0 : 1;
}

static int device(const char *prefix, const char *label, int flags)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/dev/curia/%s%s", prefix, label);
    return open(path, flags);
}

/* What mmap says: 0 or errno. */
static int map(int fd, int protection, int flags, size_t bytes, size_t offset)
{
    void *at = mmap(NULL, bytes, protection, flags, fd, (off_t)offset);

    if (at == MAP_FAILED) {
        return errno;
    }
    (void)munmap(at, bytes);
    return 0;
}

static void region(const char *label)
{
    int fd = device("region-", label, O_RDONLY);
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    void *page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

    check(page != MAP_FAILED, "a page is mapped");
    check(map(fd, PROT_READ, MAP_SHARED, size, 0) == 0, "all of it is mapped");
    check(map(fd, PROT_READ, MAP_SHARED, size + PAGE, 0) == ENXIO, "nothing beyond its end");
    check(map(fd, PROT_READ, MAP_SHARED, PAGE, size) == ENXIO, "nothing behind its end");
    check(map(fd, PROT_READ, MAP_PRIVATE, PAGE, 0) == EINVAL, "no private copy");
    check(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, PAGE, 0) == EACCES, "no writing unopened");
    check(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == -1, "nor later");
    check(map(fd, PROT_READ | PROT_EXEC, MAP_SHARED, PAGE, 0) == EACCES, "no execution");
    check(mprotect(page, PAGE, PROT_READ | PROT_EXEC) == -1, "nor later");
}

static void vector(const char *label)
{
    static char text[CURIA_IPC_MESSAGE_MAX];
    static char head[] = "head";
    static char body[] = "body";
    struct iovec two[] = {{head, 4}, {body, 4}};
    struct iovec large[] = {{text, sizeof(text)}, {body, 1}};
    int fd = device("", label, O_WRONLY);

    check(writev(fd, two, 2) == 8, "two parts are sent");
    check(writev(fd, large, 2) == -1 && errno == EMSGSIZE, "not two that are too long together");
}

static void gather(const char *label)
{
    char small[4];
    char head[3];
    char tail[8];
    struct iovec two[] = {{head, sizeof(head)}, {tail, sizeof(tail)}};
    struct iovec nowhere[] = {{head, sizeof(head)}, {NULL, PAGE}};
    int fd = device("", label, O_RDONLY | O_NONBLOCK);

    check(read(fd, small, sizeof(small)) == -1 && errno == EMSGSIZE, "too small a buffer");
    check(readv(fd, nowhere, 2) == -1 && errno == EFAULT, "no buffer");
    check(readv(fd, two, 2) == 8, "one message came of two parts");
    check(memcmp(head, "hea", 3) == 0 && memcmp(tail, "dbody", 5) == 0, "and as it was sent");
    check(readv(fd, two, 2) == -1 && errno == EAGAIN, "and no other one");
}

/*
 * As perf record does. Without overflow interrupts, the kernel refuses a sample period. It lets go
 * of its processor now and then: with SBI's snapshots, Linux 6.12 names a wrong base when it starts
 * the counters again after an overflow, and so they stand still until it has the processor anew.
 */
static void sample(const char *ms)
{
    struct perf_event_attr attr = {
        .type = PERF_TYPE_HARDWARE,
        .size = sizeof(attr),
        .config = PERF_COUNT_HW_CPU_CYCLES,
        .sample_period = 1000000,
        .sample_type = PERF_SAMPLE_IP,
    };
    clock_t end = clock() + atoi(ms) * (CLOCKS_PER_SEC / 1000);
    int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    struct perf_event_mmap_page *page = mmap(NULL, 9 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    const struct perf_event_header *first;

    check(fd >= 0 && page != MAP_FAILED, "cycles are sampled");
    if (failures != 0) {
        return;
    }
    while (clock() < end) {
        clock_t rest = clock() + CLOCKS_PER_SEC / 200;

        while (clock() < rest) {
        }
        (void)usleep(1000);
    }
    first = (const void *)((const char *)page + page->data_offset);
    check(page->data_head >= 8 * sizeof(*first), "and again and again");
    check(first->type == PERF_RECORD_SAMPLE, "the samples are samples");
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void count(uint64_t ms, uint32_t cpu)
{
    uint64_t cpus = 1ull << cpu;
    uint64_t n = 0;
    uint64_t begin;
    uint64_t end;

    if (syscall(SYS_sched_setaffinity, 0, sizeof(cpus), &cpus) != 0) {
        check(false, "there is no such CPU");
        return;
    }
    begin = now_ns();
    end = begin;
    while (end - begin < ms * 1000000u) {
        for (uint32_t i = 0; i < 10000; i++) {
            __asm__ volatile("" : "+r"(n));
            n++;
        }
        end = now_ns();
    }
    printf("ok counted %llu in %llu ns on %u\n", (unsigned long long)n,
           (unsigned long long)(end - begin), (unsigned)cpu);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "region") == 0) {
        region(argv[2]);
    } else if (argc == 3 && strcmp(argv[1], "vector") == 0) {
        vector(argv[2]);
    } else if (argc == 3 && strcmp(argv[1], "gather") == 0) {
        gather(argv[2]);
    } else if (argc == 3 && strcmp(argv[1], "sample") == 0) {
        sample(argv[2]);
    } else if (argc == 4 && strcmp(argv[1], "count") == 0) {
        count(strtoull(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10));
    } else {
        check(false, "usage: probe region|vector|gather LABEL | sample MS | count MS CPU");
    }
    return failures == 0 ? 0 : 1;
}
