/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `curiactl top` of many VMs with the longest names, on many harts: every line fits into 80
 * columns, the busiest comes first, names that begin alike can be told apart.
 */
/* LINK: guests/linux/curiactl/top.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* curiactl has a function of that name */

#include "guests/linux/curiactl/curiactl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONGEST 31 /* characters of a name */
#define VMS     16u
#define VCPUS   3u
#define HARTS   64u
#define COLUMNS 80u

static uint64_t looks; /* each is a second after the one before */
static bool short_names, huge;

void fail(const char *format, ...)
{
    fprintf(stderr, "%s\n", format);
    abort();
}

void usage_error(const char *format, ...)
{
    fprintf(stderr, "%s\n", format);
    abort();
}

uint64_t parse_number(const char *text, uint64_t max, const char *what)
{
    (void)max;
    (void)what;
    return strtoull(text, NULL, 10);
}

uint32_t count_vms(void)
{
    return VMS + 1;
}

bool vm_info(uint32_t vm, struct curia_vm_info *info)
{
    if (vm == VMS) {
        return false; /* one that is not shown */
    }
    *info = (struct curia_vm_info){.index = vm, .vcpus = VCPUS};
    memset(info->name, 'n', short_names ? 9 : LONGEST - 2);
    (void)snprintf(info->name + strlen(info->name), 3, "%02u", vm);
    return true;
}

int ctl_call(unsigned long request, void *arg)
{
    const uint64_t second = 1000000000ull; /* in nanoseconds; and nothing happens more often */

    if (request == CURIA_CTL_VCPU_INFO) {
        struct curia_ctl_vcpu_info *a = arg;
        uint64_t n = a->vm * VCPUS + a->vcpu;

        looks += n == 0 ? 1 : 0;
        memset(&a->info, 0, sizeof(a->info));
        a->info.time_ns = looks * 1000000000ull;
        a->info.flags = n % 2 == 0 ? CURIA_VCPU_SHARED : 0;
        a->info.hart = huge ? 9999 : n;
        a->info.priority = 31;
        a->info.run_ns = looks * (n % 7) * 100000000ull;
        a->info.ready_ns = looks * 1000000000ull;
        a->info.throttled_ns = looks * 1000000000ull;
        a->info.switches = looks * (huge ? 9999999 : n);
        for (uint32_t i = 0; i < CURIA_EXIT_CAUSES; i++) {
            a->info.exits[i] = looks * (huge ? second : 100 * i);
        }
        return 0;
    }
    if (request == CURIA_CTL_HART_INFO) {
        struct curia_ctl_hart_info *a = arg;

        errno = EINVAL;
        memset(&a->info, 0, sizeof(a->info));
        a->info.hart = huge ? 9000 + a->index : a->index;
        a->info.time_ns = looks * 1000000000ull;
        a->info.idle_ns = looks * (huge ? 1000000000ull : 700000000ull);
        a->info.hyp_ns = looks * 50000000ull;
        return a->index < HARTS ? 0 : -1;
    }
    abort();
}

/* What it prints at one look, by lines; at most so many. In a process of its own, as ever. */
static size_t top(const char *option, char *text, size_t size, char **lines, size_t most)
{
    char name[] = "top", d[] = "-d", n[] = "-n", one[] = "1", x[3];
    char *argv[] = {name, d, one, n, one, x, NULL};
    FILE *file = tmpfile();
    size_t count = 0, len;
    int status = -1;
    pid_t child;

    assert_non_null(file);
    (void)snprintf(x, sizeof(x), "%s", option);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        (void)dup2(fileno(file), STDOUT_FILENO);
        status = cmd_top(option[0] != '\0' ? 6 : 5, argv);
        fflush(stdout);
        _exit(status);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_DONE);
    rewind(file);
    len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    for (char *line = strtok(text, "\n"); line != NULL && count < most; line = strtok(NULL, "\n")) {
        assert_true(strlen(line) <= COLUMNS);
        lines[count++] = line;
    }
    return count;
}

static char text[65536];
static char *lines[256];

static void test_times(void **state)
{
    double before = 101;
    size_t count = top("", text, sizeof(text), lines, 256);

    (void)state;
    assert_int_equal(count, HARTS / 4 + 1 + VMS * VCPUS + 1);
    assert_string_equal(lines[0], "idle/Curia    0  70.0/ 5.0%    1  70.0/ 5.0%    2  70.0/ 5.0%"
                                  "    3  70.0/ 5.0%");
    assert_memory_equal(lines[HARTS / 4], "VM                  VCPU HART PRIO  %RUN", 39);
    for (size_t i = HARTS / 4 + 1; i < count - 1; i++) {
        char name[32], prio[8];
        unsigned int vcpu, hart, vm;
        double run;

        assert_int_equal(sscanf(lines[i], "%31s %u %u %7s %lf", name, &vcpu, &hart, prio, &run), 5);
        assert_true(run <= before);
        before = run;
        assert_int_equal(strlen(name), 19);
        assert_int_equal(sscanf(name, "nnnnnnnnn~nnnnnnn%u", &vm), 1);
        assert_int_equal(hart, vm * VCPUS + vcpu);
        assert_int_equal(strcmp(prio, "-") == 0, hart % 2 != 0);
    }
    assert_memory_equal(lines[count - 1], "(1 more", 7);
}

static void test_causes(void **state)
{
    size_t count = top("-x", text, sizeof(text), lines, 256);

    (void)state;
    assert_int_equal(count, HARTS / 4 + 1 + VMS * VCPUS + 1);
    assert_string_equal(lines[HARTS / 4], "VM             VCPU  FAST ECALL  MMIO FAULT  INSN   WFI "
                                          "TIMER   IPI   EXT OTHER");
    assert_string_equal(lines[HARTS / 4 + 1] + 19,
                        "     0   100   200   300   400   500   600   700   800   900");
}

static void test_short_names_and_huge_numbers(void **state)
{
    size_t count;

    (void)state;
    short_names = true;
    huge = true;
    count = top("-x", text, sizeof(text), lines, 256);
    assert_memory_equal(lines[HARTS / 4 + 1], "nnnnnnnnn", 9);
    assert_int_equal(count, HARTS / 4 + 1 + VMS * VCPUS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_causes),
        cmocka_unit_test(test_short_names_and_huge_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
