// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has run, in the time between two looks: the vCPUs of all VMs that this one may see, the
 * busiest first. On a terminal it is drawn over and over, a key ends it; elsewhere it is printed.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "curiactl.h"

/* Lines have 80 columns at most. */
#define NAME_MIN_SHOWN 14u
#define NAME_MAX_SHOWN 19u
#define HARTS_A_LINE   4

struct row {
    char name[sizeof(((struct curia_vm_info *)0)->name)];
    uint32_t vm, vcpu;
    struct curia_vcpu_info now, before;
};

static struct {
    struct row *rows;
    size_t row_count;
    struct curia_hart_info *now, *before; /* of harts; none where this VM has no privilege */
    size_t hart_count;
    uint32_t hidden; /* VMs */
    size_t longest;  /* of the names shown */
} seen;

static bool by_cause; /* exits, instead of times */

static void *grown(void *old, size_t count, size_t size)
{
    void *all = reallocarray(old, count, size);

    if (all == NULL) {
        fail("no memory");
    }
    return all;
}

/* ---- what is looked at ----------------------------------------------------------------------- */

static bool hart_info(size_t index, struct curia_hart_info *info)
{
    struct curia_ctl_hart_info arg = {.index = (uint32_t)index};

    if (ctl_call(CURIA_CTL_HART_INFO, &arg) != 0) {
        if (errno == EACCES || errno == EINVAL) {
            return false;
        }
        fail("cannot ask for a hart: %s", strerror(errno));
    }
    *info = arg.info;
    return true;
}

static void look(void)
{
    for (size_t i = 0; i < seen.row_count; i++) {
        struct row *row = &seen.rows[i];
        struct curia_ctl_vcpu_info arg = {.vm = row->vm, .vcpu = row->vcpu};

        if (ctl_call(CURIA_CTL_VCPU_INFO, &arg) != 0) {
            fail("cannot ask for a vCPU of %s: %s", row->name, strerror(errno));
        }
        row->before = row->now;
        row->now = arg.info;
    }
    for (size_t i = 0; i < seen.hart_count; i++) {
        seen.before[i] = seen.now[i];
        (void)hart_info(i, &seen.now[i]);
    }
}

/* VMs, their vCPUs and harts stay as they were at the boot. */
static void find_all(void)
{
    uint32_t vms = count_vms();
    struct curia_vm_info vm;
    struct curia_hart_info hart;

    for (uint32_t i = 0; i < vms; i++) {
        if (!vm_info(i, &vm)) {
            seen.hidden++;
            continue;
        }
        seen.rows = grown(seen.rows, seen.row_count + vm.vcpus, sizeof(*seen.rows));
        for (uint32_t c = 0; c < vm.vcpus; c++) {
            struct row *row = &seen.rows[seen.row_count++];

            *row = (struct row){.vm = i, .vcpu = c};
            memcpy(row->name, vm.name, sizeof(row->name) - 1);
        }
        if (strnlen(vm.name, sizeof(vm.name)) > seen.longest) {
            seen.longest = strnlen(vm.name, sizeof(vm.name));
        }
    }
    while (hart_info(seen.hart_count, &hart)) {
        seen.hart_count++;
    }
    seen.now = grown(NULL, seen.hart_count + 1, sizeof(*seen.now));
    seen.before = grown(NULL, seen.hart_count + 1, sizeof(*seen.before));
    memset(seen.now, 0, (seen.hart_count + 1) * sizeof(*seen.now));
}

/* ---- how it is shown ------------------------------------------------------------------------- */

static uint64_t exits_of(const struct curia_vcpu_info *info)
{
    uint64_t exits = 0;

    for (size_t i = 0; i < CURIA_EXIT_CAUSES; i++) {
        exits += info->exits[i];
    }
    return exits;
}

static double share(uint64_t part, uint64_t part_before, uint64_t ns)
{
    return ns == 0 ? 0.0 : 100.0 * (double)(part - part_before) / (double)ns;
}

static uint64_t ran(const struct row *row)
{
    return row->now.run_ns - row->before.run_ns;
}

static int busiest_first(const void *a, const void *b)
{
    const struct row *one = a, *other = b;

    if (ran(one) != ran(other)) {
        return ran(one) > ran(other) ? -1 : 1;
    }
    if (one->vm != other->vm) {
        return one->vm < other->vm ? -1 : 1;
    }
    return one->vcpu < other->vcpu ? -1 : 1;
}

/* In as many columns; of one that is longer the middle is left out. */
static void print_name(const char *name, size_t columns)
{
    size_t len = strlen(name), head = columns / 2;

    if (len <= columns) {
        printf("%-*s", (int)columns, name);
    } else {
        printf("%.*s~%s", (int)head, name, name + len - (columns - head - 1));
    }
}

static size_t name_columns(void)
{
    return by_cause || seen.longest < NAME_MIN_SHOWN ? NAME_MIN_SHOWN
           : seen.longest < NAME_MAX_SHOWN           ? seen.longest
                                                     : NAME_MAX_SHOWN;
}

static void print_times(const struct row *row, uint64_t ns)
{
    double seconds = (double)ns / 1e9;
    double exits = (double)(exits_of(&row->now) - exits_of(&row->before)) / seconds;
    double run = share(row->now.run_ns, row->before.run_ns, ns);

    printf(" %4" PRIu32 " %4" PRIu64, row->vcpu, row->now.hart);
    if ((row->now.flags & CURIA_VCPU_SHARED) == 0) {
        printf("    - %5.1f      -      -        -      - %8.0f\n", run, exits);
        return;
    }
    printf(" %4" PRIu32 " %5.1f %6.1f %6.1f %8.0f %6.0f %8.0f\n", row->now.priority, run,
           share(row->now.ready_ns, row->before.ready_ns, ns),
           share(row->now.throttled_ns, row->before.throttled_ns, ns),
           (double)(row->now.switches - row->before.switches) / seconds,
           (double)(row->now.moves - row->before.moves) / seconds, exits);
}

static void print_causes(const struct row *row, uint64_t ns)
{
    printf(" %4" PRIu32, row->vcpu);
    for (size_t i = 0; i < CURIA_EXIT_CAUSES; i++) {
        double rate = (double)(row->now.exits[i] - row->before.exits[i]) / ((double)ns / 1e9);

        if (rate < 99999) {
            printf(" %5.0f", rate);
        } else {
            printf(rate < 9999e3 ? " %4.0fk" : " %4.0fM", rate < 9999e3 ? rate / 1e3 : rate / 1e6);
        }
    }
    puts("");
}

static void print_row(const struct row *row)
{
    uint64_t ns = row->now.time_ns - row->before.time_ns;

    print_name(row->name, name_columns());
    if (by_cause) {
        print_causes(row, ns != 0 ? ns : 1);
    } else {
        print_times(row, ns != 0 ? ns : 1);
    }
}

static void print_head(void)
{
    printf("%-*s %4s", (int)name_columns(), "VM", "VCPU");
    if (by_cause) {
        printf(" %5s %5s %5s %5s %5s %5s %5s %5s %5s %5s\n", "FAST", "ECALL", "MMIO", "FAULT",
               "INSN", "WFI", "TIMER", "IPI", "EXT", "OTHER");
    } else {
        printf(" %4s %4s %5s %6s %6s %8s %6s %8s\n", "HART", "PRIO", "%RUN", "%READY", "%THROT",
               "SWITCH/S", "MOVE/S", "EXITS/S");
    }
}

static size_t print_harts(void)
{
    for (size_t i = 0; i < seen.hart_count; i++) {
        const struct curia_hart_info *now = &seen.now[i], *before = &seen.before[i];

        uint64_t ns = now->time_ns - before->time_ns;

        printf("%s %4" PRIu64 " %5.1f/%4.1f%%",
               i == 0                  ? "idle/Curia"
               : i % HARTS_A_LINE == 0 ? "          "
                                       : "",
               now->hart, share(now->idle_ns, before->idle_ns, ns),
               share(now->hyp_ns, before->hyp_ns, ns));
        if (i % HARTS_A_LINE == HARTS_A_LINE - 1 || i + 1 == seen.hart_count) {
            puts("");
        }
    }
    return (seen.hart_count + HARTS_A_LINE - 1) / HARTS_A_LINE;
}

/* At most so many lines; 0: all. */
static void print_all(size_t lines)
{
    size_t used = print_harts() + 1 + (seen.hidden != 0);
    size_t rows = seen.row_count;

    qsort(seen.rows, seen.row_count, sizeof(*seen.rows), busiest_first);
    print_head();
    if (lines > used && rows > lines - used) {
        rows = lines - used;
    }
    for (size_t i = 0; i < rows; i++) {
        print_row(&seen.rows[i]);
    }
    if (seen.hidden != 0) {
        printf("(%" PRIu32 " more, which this VM has no privilege to see)\n", seen.hidden);
    }
}

/* ---- a terminal ------------------------------------------------------------------------------ */

static struct termios as_it_was;
static volatile sig_atomic_t ended;

static void end(int signal)
{
    (void)signal;
    ended = 1;
}

static void restore(void)
{
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &as_it_was);
}

/* Keys come at once and are not shown, until the program ends. */
static void take_keys(void)
{
    struct termios keys;
    const struct sigaction on_end = {.sa_handler = end};

    if (tcgetattr(STDIN_FILENO, &as_it_was) != 0 || atexit(restore) != 0) {
        fail("no terminal: %s", strerror(errno));
    }
    (void)sigaction(SIGINT, &on_end, NULL);
    (void)sigaction(SIGTERM, &on_end, NULL);
    (void)sigaction(SIGHUP, &on_end, NULL);
    keys = as_it_was;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &keys);
}

/* 0: it does not say. The last line stays free. */
static size_t screen_lines(void)
{
    struct winsize size;

    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 1 ? size.ws_row - 1u : 0;
}

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void show(bool live)
{
    if (live) {
        fputs("\033[H\033[J", stdout);
    }
    print_all(live ? screen_lines() : 0);
    fflush(stdout);
}

/* Until then, or until it is to end. */
static void wait_until(int64_t then, bool keys)
{
    struct pollfd in = {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN};

    for (int64_t left = then - now_ms(); left > 0 && ended == 0; left = then - now_ms()) {
        char key;

        if (poll(&in, 1, (int)left) <= 0) {
            continue;
        }
        if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q') {
            ended = 1;
        } else if (key == 'x') {
            by_cause = !by_cause;
            show(true);
        }
    }
}

int cmd_top(int argc, char **argv)
{
    bool live = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    uint64_t seconds = 2, count = UINT64_MAX;
    int64_t then;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";

        if (strcmp(argv[i], "-x") == 0) {
            by_cause = true;
            continue;
        }
        if (strcmp(argv[i], "-d") == 0) {
            seconds = parse_number(value, 3600, "SECONDS");
        } else if (strcmp(argv[i], "-n") == 0) {
            count = parse_number(value, UINT32_MAX, "COUNT");
        } else {
            usage_error("%s: no such option", argv[i]);
        }
        i++;
    }
    if (seconds == 0 || count == 0) {
        usage_error("0 is too few");
    }
    find_all();
    if (live) {
        take_keys();
    }
    then = now_ms();
    look();
    while (count-- != 0) {
        then += (int64_t)seconds * 1000;
        wait_until(then, live);
        if (ended != 0) {
            break;
        }
        look();
        show(live);
        if (!live && count != 0) {
            puts("");
        }
    }
    return EXIT_DONE;
}
