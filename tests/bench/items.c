/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program of `make bench` that Linux runs as its first: what computers do, item by item, each
 * between two marker instructions (guests/bench/rows.h), and then nothing for some seconds. It runs
 * natively and in a VM alike, and powers the machine off at its end. Whatever fails ends the run
 * without the words that tests/bench/linux.py waits for.
 */
#include "guests/bench/rows.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MARK(n) __asm__ volatile("slti x0, x0, %0" : : "i"(n) : "memory")

#define ITEM(name, call)                                                                           \
    do {                                                                                           \
        MARK(2 * ROW_##name);                                                                      \
        call;                                                                                      \
        MARK(2 * ROW_##name + 1);                                                                  \
    } while (0)

#define ALU_ROUNDS    20000000u
#define WALK_BYTES    (32u << 20)
#define WALK_ROUNDS   4u
#define CALLS         20000u
#define FORKS         100u
#define PIPE_ROUNDS   2000u
#define TOUCHED_BYTES (32u << 20)
#define HASHED_BYTES  (64u << 20)
#define IDLE_S        10
#define PAGE          4096u

static volatile uint64_t sink;

static void need(int good, const char *what)
{
    if (!good) {
        perror(what);
        _exit(1);
    }
}

static char *fresh(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    need(at != MAP_FAILED, "mmap");
    return at;
}

static void alu(void)
{
    uint64_t x = 88172645463325252u;

    for (uint32_t i = 0; i < ALU_ROUNDS; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    sink = x;
}

static void walk(const char *memory)
{
    uint64_t sum = 0;

    for (uint32_t round = 0; round < WALK_ROUNDS; round++) {
        for (size_t at = 0; at < WALK_BYTES; at += 64) {
            sum += (unsigned char)memory[at];
        }
    }
    sink = sum;
}

static void get_pids(void)
{
    for (uint32_t i = 0; i < CALLS; i++) {
        sink = (uint64_t)syscall(SYS_getppid);
    }
}

static void fork_and_wait(void)
{
    for (uint32_t i = 0; i < FORKS; i++) {
        pid_t child = fork();
        int status;

        if (child == 0) {
            _exit(7);
        }
        need(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                 WEXITSTATUS(status) == 7,
             "fork");
    }
}

static void answer(int from, int to)
{
    char c;

    while (read(from, &c, 1) == 1) {
        need(write(to, &c, 1) == 1, "answer");
    }
    _exit(0);
}

static void ping_pong(void)
{
    int there[2], back[2];
    pid_t child;
    char c = 'x';

    need(pipe(there) == 0 && pipe(back) == 0, "pipe");
    child = fork();
    need(child >= 0, "fork");
    if (child == 0) {
        close(there[1]);
        answer(there[0], back[1]);
    }
    for (uint32_t i = 0; i < PIPE_ROUNDS; i++) {
        need(write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1, "ping");
    }
    close(there[1]);
    need(waitpid(child, NULL, 0) == child, "waitpid");
    close(there[0]);
    close(back[0]);
    close(back[1]);
}

static void touch(void)
{
    char *memory = fresh(TOUCHED_BYTES);

    for (size_t at = 0; at < TOUCHED_BYTES; at += PAGE) {
        memory[at] = 1;
    }
    need(munmap(memory, TOUCHED_BYTES) == 0, "munmap");
}

/* FNV-1a, byte by byte. */
static void hash(const char *memory)
{
    uint64_t h = 14695981039346656037u;

    for (size_t at = 0; at < HASHED_BYTES; at++) {
        h = (h ^ (unsigned char)memory[at]) * 1099511628211u;
    }
    sink = h;
}

static void idle(void)
{
    struct timespec time = {.tv_sec = IDLE_S};

    need(nanosleep(&time, NULL) == 0, "nanosleep");
}

/* CONSOLE_BYTES of them, until the last has left the UART. */
static void write_bytes(void)
{
    static const char line[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnop\n";

    for (uint32_t i = 0; i < 16; i++) {
        need(write(1, line, sizeof(line) - 1) == (ssize_t)sizeof(line) - 1, "write");
    }
    need(tcdrain(1) == 0, "tcdrain");
}

int main(void)
{
    struct timespec time;
    char *memory;

    ITEM(linux_init, (void)0);
    memory = fresh(HASHED_BYTES);
    memset(memory, 1, HASHED_BYTES);
    ITEM(linux_alu, alu());
    ITEM(linux_walk, walk(memory));
    ITEM(linux_getpid, get_pids());
    ITEM(linux_fork, fork_and_wait());
    ITEM(linux_pipe, ping_pong());
    ITEM(linux_touch, touch());
    ITEM(linux_hash, hash(memory));
    ITEM(linux_idle, idle());
    ITEM(linux_console, write_bytes());
    need(clock_gettime(CLOCK_BOOTTIME, &time) == 0, "clock_gettime");
    printf("bench: done in %ld ms\n", time.tv_sec * 1000 + time.tv_nsec / 1000000);
    fflush(stdout);
    sleep(1);
    reboot(RB_POWER_OFF);
    return 1;
}
