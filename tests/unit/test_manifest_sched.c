/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: core/manifest_read.c core/manifest_props.c core/manifest_peers.c core/manifest_check.c
 *       core/manifest_sched.c core/manifest_host.c core/board.c core/board_walk.c core/fdt.c
 *       core/ram.c core/power_graph.c core/pagepool.c tests/unit/dts.c libfdt */
/*
 * vCPUs that share harts: what the manifest says of each, which promises are refused and with what
 * numbers, and who gets the interrupt files of a hart. Response times are compared with a search
 * through every nanosecond.
 */
#include "core/manifest_sched.h"

#include "core/board.h"
#include "core/pagepool.h"
#include "tests/unit/dts.h"

#include <inttypes.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "/dts-v1/; / { compatible = \"curia,manifest\"; version = <1>;\n"
#define VM(name, props)                                                                            \
    name " { compatible = \"curia,vm\"; kernel = \"k\"; memory = <0 0x80000000 0 0x100000>;\n"     \
         "    " props " };\n"
#define TAIL "};\n"

static _Alignas(64) char arena[16u << 20];
static struct board aia_board;
static void *aia_fdt;

static struct {
    uint32_t count;
    char lines[8][512]; /* "node|prop|text" */
} found;

static int group_setup(void **state)
{
    const char *why = NULL;

    (void)state;
    pool_init(arena, sizeof(arena));
    aia_fdt = dts_of_qemu("-M virt,aia=aplic-imsic,aia-guests=3 -smp 4 -m 2G", NULL);
    assert_int_equal(board_read(&aia_board, aia_fdt, &why), ERR_OK);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    free(aia_fdt);
    return 0;
}

static void collect(void *arg, const char *node, const char *prop, const char *text)
{
    (void)arg;
    if (found.count < ARRAY_SIZE(found.lines)) {
        snprintf(found.lines[found.count], sizeof(found.lines[0]), "%s|%s|%s", node,
                 prop != NULL ? prop : "-", text);
    }
    found.count++;
}

/* Names in *m point into a blob that is kept until the next call. */
static bool is_taken(const char *source, const struct board *board, struct manifest *m)
{
    static void *blob;
    size_t size;
    enum err e;

    pool_init(arena + (8u << 20), 8u << 20); /* the board keeps the first half */
    free(blob);
    blob = dts_blob(source, &size);
    found.count = 0;
    e = manifest_read(m, blob, size, board, NULL, NULL, collect, NULL);
    assert_int_equal(e == ERR_OK, found.count == 0);
    return e == ERR_OK;
}

static void must_take(const char *source, const struct board *board, struct manifest *m)
{
    if (!is_taken(source, board, m)) {
        fail_msg("%s", found.lines[0]);
    }
}

/* One finding, and it is this one. */
static void must_refuse(const char *source, const char *line)
{
    struct manifest m;

    assert_false(is_taken(source, &aia_board, &m));
    if (found.count != 1 || strncmp(found.lines[0], line, strlen(line)) != 0) {
        fail_msg("%u findings, not one, \"%s\", but\n%s", found.count, line, found.lines[0]);
    }
}

/* ---- properties ------------------------------------------------------------------------------ */

static void must_be(const struct vcpu_sched_config *c, struct vcpu_sched_config want)
{
    assert_int_equal(c->priority, want.priority);
    assert_int_equal(c->hard, want.hard);
    assert_int_equal(c->slice_us, want.slice_us);
    assert_int_equal(c->budget_us, want.budget_us);
    assert_int_equal(c->period_us, want.period_us);
    assert_int_equal(c->deadline_us, want.deadline_us);
}

static void nothing_said(void **state)
{
    struct manifest m;

    (void)state;
    must_take(HEAD VM("a", "harts = <0 1>;") TAIL, NULL, &m);
    for (uint32_t i = 0; i < 2; i++) {
        must_be(&m.vms[0].sched[i], (struct vcpu_sched_config){16, false, 10000, 0, 0, 0});
    }
}

static void one_for_all_or_one_for_each(void **state)
{
    struct manifest m;

    (void)state;
    must_take(HEAD VM("a", "harts = <0 1 2>; priority = <31>; time-slice-us = <100 0 1000000>;"
                           "budget-us = <100 0 3500000>; period-us = <4000000>; budget-hard;"
                           "deadline-us = <0 0 3700000>;") TAIL,
              NULL, &m);
    must_be(&m.vms[0].sched[0], (struct vcpu_sched_config){31, true, 100, 100, 4000000, 0});
    /* No budget: nor what belongs to one. */
    must_be(&m.vms[0].sched[1], (struct vcpu_sched_config){31, false, 0, 0, 0, 0});
    must_be(&m.vms[0].sched[2],
            (struct vcpu_sched_config){31, true, 1000000, 3500000, 4000000, 3700000});

    must_take(HEAD VM("a", "harts = <7>; priority = <0>; time-slice-us = <0>;"
                           "budget-us = <500>; period-us = <10000>;") TAIL,
              NULL, &m);
    must_be(&m.vms[0].sched[0], (struct vcpu_sched_config){0, false, 0, 500, 10000, 0});
}

static void harts_are_shared(void **state)
{
    struct sched_seat s = {0, 0};
    struct manifest m;

    (void)state;
    must_take(HEAD VM("a", "harts = <1 0 1>;") VM("b", "harts = <0>;") VM("c", "harts = <2 1>;")
                  TAIL,
              &aia_board, &m);
    assert_true(manifest_seat_find(&m, 1, &s) && s.vm == 0 && s.vcpu == 0);
    s.vcpu++;
    assert_true(manifest_seat_find(&m, 1, &s) && s.vm == 0 && s.vcpu == 2);
    s.vcpu++;
    assert_true(manifest_seat_find(&m, 1, &s) && s.vm == 2 && s.vcpu == 1);
    s.vcpu++;
    assert_false(manifest_seat_find(&m, 1, &s));
}

static void as_many_as_a_hart_takes(void **state)
{
    static char source[64 * 1024];
    struct manifest m;

    (void)state;
    for (uint32_t count = SCHED_PER_HART - 1; count <= SCHED_PER_HART + 1; count++) {
        size_t at = (size_t)snprintf(source, sizeof(source), HEAD VM("b", "harts = <2 1>;"));

        for (uint32_t v = 1; v < count; v++) {
            at += (size_t)snprintf(source + at, sizeof(source) - at, VM("v%u", "harts = <1>;"), v);
        }
        snprintf(source + at, sizeof(source) - at, VM("c", "harts = <3 1>;") TAIL);
        if (count < SCHED_PER_HART) {
            must_take(source, NULL, &m);
        } else if (count == SCHED_PER_HART) {
            must_refuse(source, "/c|harts|vCPU 1 is one too many on hart 1: there may be 16");
        } else { /* once, where it is */
            must_refuse(source, "/v16|harts|vCPU 0 is one too many on hart 1: there may be 16");
        }
    }
}

static void each_mistake_is_told(void **state)
{
    static const struct {
        const char *props, *line;
    } mistakes[] = {
        {"priority = <32>;", "/a|priority|is 32: must be 0 to 31"},
        {"priority = \"high\";", "/a|priority|must be one cell for all vCPUs, or one for each: 2"},
        {"priority = <1 2 3>;", "/a|priority|must be one cell for all vCPUs, or one for each: 2"},
        {"priority;", "/a|priority|must be one cell for all vCPUs"},
        {"priority = <1 99>;", "/a|priority|is 99: must be 0 to 31"},
        {"time-slice-us = <99>;",
         "/a|time-slice-us|is 99: must be 0, or 100 to 1000000 microseconds"},
        {"time-slice-us = <1000001>;", "/a|time-slice-us|is 1000001: must be 0, or 100 to 1000000"},
        {"budget-us = <99>; period-us = <1000>;", "/a|budget-us|is 99: must be 0, or 100 to"},
        {"budget-us = <4000001>; period-us = <1000>;", "/a|budget-us|is 4000001: must be"},
        {"budget-us = <0>; period-us = <99>;", "/a|period-us|is 99: must be 0, or 100 to 4000000"},
        {"budget-us = <1000 0>;",
         "/a|budget-us|of vCPU 0 is 1000, its period-us 0: there must be a period"},
        {"budget-us = <0 1000>; period-us = <2000 999>;",
         "/a|budget-us|of vCPU 1 is 1000, its period-us 999: there must be a period, not shorter"},
        {"period-us = <1000>;", "/a|period-us|is that of a budget: say budget-us, too"},
        {"budget-hard;", "/a|budget-hard|is that of a budget"},
        {"budget-us = <100>; period-us = <10000>; budget-hard = <1>;",
         "/a|budget-hard|must have no value"},
        {"deadline-us = <1000>;", "/a|deadline-us|is that of a budget"},
        {"budget-us = <1000 0>; period-us = <2000>; deadline-us = <999>;",
         "/a|deadline-us|of vCPU 0 is 999: must be from its budget-us, 1000, to its period-us, "
         "2000"},
        {"budget-us = <1000 0>; period-us = <2000>; deadline-us = <2001>;",
         "/a|deadline-us|of vCPU 0 is 2001: must be from"},
        {"budget = <1000>;", "/a|budget|unknown property; did you mean budget-us?"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
        char source[1024];

        snprintf(source, sizeof(source), HEAD VM("a", "harts = <0 1>; %s") TAIL, mistakes[i].props);
        must_refuse(source, mistakes[i].line);
    }
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0 ? 1 : 0);
}

/* Of a budget of c us in turns of slice us: what docs/scheduling.md calls C. */
static uint64_t whole_ns(uint64_t c, uint64_t slice)
{
    uint64_t turns = slice != 0 ? ceil_div(c, slice) : 1;

    return c * 1000 + 2 * turns * SCHED_SWITCH_NS + SCHED_REPLENISH_NS;
}

/* ---- affinity -------------------------------------------------------------------------------- */

static void where_it_may_run(void **state)
{
    static const uint64_t harts[] = {3, 1, 2, 1};
    struct sched_seat s = {0, 0};
    struct manifest m;

    (void)state;
    must_take(HEAD VM("a", "harts = <0>;") VM("b", "harts = <3 1>; affinity = <2 1>;")
                  VM("c", "harts = <2>; budget-us = <5000>; period-us = <10000>;") TAIL,
              &aia_board, &m);
    assert_int_equal(m.vms[0].affinity_count, 0);
    assert_int_equal(m.vms[1].vcpu_count, 2);
    assert_int_equal(m.vms[1].affinity_count, 2);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(m.vms[1].harts[i], harts[i]);
    }
    for (uint32_t i = 0; i < 2; i++, s.vcpu++) {
        assert_true(manifest_seat_find(&m, 2, &s) && s.vm == 1 && s.vcpu == i);
    }
    assert_true(manifest_seat_find(&m, 2, &s) && s.vm == 2 && s.vcpu == 0);
    s = (struct sched_seat){0, 0};
    assert_true(manifest_seat_find(&m, 3, &s) && s.vm == 1 && s.vcpu == 0);
    s.vcpu++;
    assert_false(manifest_seat_find(&m, 3, &s));

    /* A budget's figures are as without it. */
    s = (struct sched_seat){2, 0};
    assert_int_equal(manifest_response_ns(&m, &s),
                     ceil_div((whole_ns(5000, 10000) + SCHED_SECTION_NS) * 50, 49));
}

static void affinity_is_checked(void **state)
{
    static const struct {
        const char *props, *line;
    } mistakes[] = {
        {"affinity;", "/a|affinity|must list harts, <0 1>, 64 at most"},
        {"affinity = \"all\", \"x\";", "/a|affinity|must list harts"},
        {"affinity = <2 1 2>;", "/a|affinity|names hart 2 twice"},
        {"affinity = <2 4>;", "/a|affinity|there is no hart 4: this machine has 4, from 0 to 3"},
        {"affinity = <2>; budget-us = <0 1000>; period-us = <10000>;",
         "/a|affinity|lets vCPU 1 run on several harts, but its budget-us is a promise of one"},
        {"affinity = <2>; priority = <20>;",
         "/b|budget-us|guarantees nothing to vCPU 0: on hart 2, vCPU 0 of VM a has priority 20"},
        {"afinity = <2>;", "/a|afinity|unknown property; did you mean affinity?"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
        char source[1024];

        snprintf(source, sizeof(source),
                 HEAD VM("a", "harts = <0 1>; %s")
                     VM("b", "harts = <2>; budget-us = <1000>; period-us = <10000>;") TAIL,
                 mistakes[i].props);
        must_refuse(source, mistakes[i].line);
    }
}

/* One that may come takes a seat on each of its harts, and one on its own. */
static void seats_are_counted(void **state)
{
    static char source[64 * 1024];
    struct manifest m;

    (void)state;
    for (uint32_t count = SCHED_PER_HART - 1; count <= SCHED_PER_HART; count++) {
        size_t at = (size_t)snprintf(source, sizeof(source), HEAD);

        for (uint32_t v = 0; v < count; v++) {
            at += (size_t)snprintf(source + at, sizeof(source) - at, VM("v%u", "harts = <1>;"), v);
        }
        snprintf(source + at, sizeof(source) - at, VM("c", "harts = <3>; affinity = <3 1>;") TAIL);
        if (count < SCHED_PER_HART) {
            must_take(source, &aia_board, &m);
        } else {
            must_refuse(source, "/c|affinity|vCPU 0 is one too many on hart 1: there may be 16");
        }
    }
}

/* A PLIC, where others have files. */
static void files_stay(void **state)
{
    struct manifest m;

    (void)state;
    must_take(HEAD VM("a", "harts = <0>; affinity = <1>;") VM("b", "harts = <0 1>;") TAIL,
              &aia_board, &m);
    assert_int_equal(m.vms[0].irqchip, IRQCHIP_PLIC);
    assert_false(m.vms[0].files_short);
    assert_int_equal(m.vms[1].irqchip, IRQCHIP_BEST);
}

static void harts_are_alike(void **state)
{
    static const char source[] =
        HEAD VM("a", "harts = <0>; affinity = <1>;") VM("b", "harts = <2>;") TAIL;
    static _Alignas(8) char fdt[64 * 1024];
    struct board board;
    struct manifest m;
    const char *why = NULL;

    (void)state;
    assert_int_equal(fdt_open_into(aia_fdt, fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_setprop_string(fdt, fdt_path_offset(fdt, "/cpus/cpu@2"), "mmu-type", "x"),
                     0);
    assert_int_equal(board_read(&board, fdt, &why), ERR_OK);
    must_take(source, &board, &m);
    assert_int_equal(
        fdt_setprop_u32(fdt, fdt_path_offset(fdt, "/cpus/cpu@1"), "riscv,cboz-block-size", 32), 0);
    assert_int_equal(board_read(&board, fdt, &why), ERR_OK);
    assert_false(is_taken(source, &board, &m));
    assert_int_equal(found.count, 1);
    assert_non_null(strstr(
        found.lines[0], "/a|affinity|harts 0 and 1 differ in riscv,cboz-block-size: name harts"));
}

/* ---- admission ------------------------------------------------------------------------------- */

static uint64_t ppm_of(uint64_t c, uint64_t slice, uint64_t period)
{
    return ceil_div(whole_ns(c, slice) * 1000000, period * 1000);
}

static void shares_are_summed(void **state)
{
    /* Two of one period, and a third with what that leaves, or a microsecond more. */
    uint64_t period = 10000;
    uint64_t limit = period * 1000 / 1000000 * SCHED_CAPACITY_PPM;
    uint64_t rest = (limit - 2 * whole_ns(3000, 10000) - whole_ns(0, 0)) / 1000;
    char source[1024], line[512];
    uint64_t sum;

    (void)state;
    for (uint64_t c = rest; c <= rest + 1; c++) {
        struct manifest m;

        snprintf(source, sizeof(source),
                 HEAD VM("a", "harts = <1 0>; budget-us = <3000>; period-us = <10000>;")
                     VM("b", "harts = <1>; budget-us = <%" PRIu64 ">; period-us = <10000>;")
                         VM("c", "harts = <1>; budget-us = <3000>; period-us = <10000>;")
                             VM("d", "harts = <1>; priority = <0>;") TAIL,
                 c);
        assert_false(is_taken(source, NULL, &m));
        sum = 2 * ppm_of(3000, 10000, period) + ppm_of(c, 10000, period);
        assert_int_equal(sum > SCHED_CAPACITY_PPM, c > rest);
        snprintf(line, sizeof(line),
                 "/c|budget-us|hart 1 is over-committed: budgets with their switches take "
                 "%" PRIu64 ".%02" PRIu64 " %% of it, but %u.%02u %% can be given",
                 sum / 10000, sum / 100 % 100, (unsigned int)(SCHED_CAPACITY_PPM / 10000),
                 (unsigned int)(SCHED_CAPACITY_PPM / 100 % 100));
        if (c > rest) {
            assert_int_equal(found.count, 1);
            assert_non_null(strstr(found.lines[0], line));
        } else { /* within the sum, but each waits for two others and a section: none in time */
            assert_int_equal(found.count, 3);
            assert_non_null(strstr(found.lines[0], "/a|period-us|vCPU 0 on hart 1 can wait "));
        }
    }
    /* Nobody else is on this hart, and there are turns to pay for. */
    must_refuse(HEAD VM("a", "harts = <3>; budget-us = <9900>; period-us = <10000>;") TAIL,
                "/a|budget-us|hart 3 is over-committed");
    must_refuse(HEAD VM("a", "harts = <3>; budget-us = <9000>; period-us = <10000>;"
                             "time-slice-us = <100>;") TAIL,
                "/a|budget-us|hart 3 is over-committed");
}

static void no_guarantee_below_the_unlimited(void **state)
{
    struct manifest m;

    (void)state;
    must_refuse(HEAD VM("a", "harts = <1 1>; priority = <5 7>;")
                    VM("b", "harts = <1>; priority = <6>; budget-us = <100>; period-us = <9000>;")
                        TAIL,
                "/b|budget-us|guarantees nothing to vCPU 0: on hart 1, vCPU 1 of VM a has priority "
                "7 and no budget; give that one a budget, or this one a priority of at least 7");
    /* As urgent, elsewhere, or with a budget: no matter. */
    must_take(HEAD VM("a", "harts = <1 2>; priority = <6 31>;")
                  VM("b", "harts = <1>; priority = <6>; budget-us = <100>; period-us = <9000>;")
                      VM("c", "harts = <1>; priority = <7>; budget-us = <100>; period-us = <900>;")
                          TAIL,
              NULL, &m);
}

/* The first time by which all is done, tried one by one. NO_TIME: not within the period. */
#define NO_TIME UINT64_MAX

struct task {
    uint32_t priority;
    uint64_t slice, budget, period;
};

static uint64_t searched_ns(const struct task *t, uint32_t count, uint32_t self)
{
    uint64_t due[4], jobs[4] = {0};

    for (uint32_t i = 0; i < count; i++) {
        due[i] = 0; /* the next job of i */
    }
    for (uint64_t ns = 1; ns <= t[self].period * 1000; ns++) {
        uint64_t work = whole_ns(t[self].budget, t[self].slice) + SCHED_SECTION_NS +
                        ceil_div(ns * SCHED_RESERVE_PPM, 1000000);

        for (uint32_t i = 0; i < count; i++) {
            if (i != self && t[i].budget != 0 && t[i].priority >= t[self].priority) {
                while (due[i] < ns) {
                    due[i] += t[i].period * 1000;
                    jobs[i]++;
                }
                work += jobs[i] * whole_ns(t[i].budget, t[i].slice) + SCHED_SECTION_NS;
            }
        }
        if (work <= ns) {
            return ns;
        }
    }
    return NO_TIME;
}

static uint32_t random_state = 1;

static uint32_t random_of(uint32_t low, uint32_t high)
{
    random_state = random_state * 1664525u + 1013904223u;
    return low + (random_state >> 8) % (high - low + 1);
}

static void response_times_are_the_least(void **state)
{
    static struct vcpu_sched_config sched[4];
    static uint64_t harts[4] = {5, 5, 5, 5};
    struct vm_config vm = {.name = "a", .vcpu_count = 4, .harts = harts, .sched = sched};
    struct manifest m = {.vm_count = 1, .vms = &vm};
    uint32_t in_time = 0, late = 0;

    (void)state;
    for (uint32_t round = 0; round < 14; round++) {
        struct task t[4];

        for (uint32_t i = 0; i < 4; i++) {
            t[i] =
                (struct task){random_of(0, 3), random_of(0, 3) == 0 ? 0 : random_of(100, 400),
                              random_of(0, 5) == 0 ? 0 : random_of(100, 700), random_of(800, 2500)};
            sched[i] = (struct vcpu_sched_config){.priority = t[i].priority,
                                                  .slice_us = t[i].slice,
                                                  .budget_us = t[i].budget,
                                                  .period_us = t[i].period};
        }
        for (uint32_t i = 0; i < 4; i++) {
            struct sched_seat seat = {0, i};
            uint64_t want;

            if (t[i].budget == 0) {
                assert_int_equal(manifest_share_ppm(&sched[i]), 0);
                continue;
            }
            want = searched_ns(t, 4, i);
            if (want == NO_TIME) {
                assert_true(manifest_response_ns(&m, &seat) > t[i].period * 1000);
                late++;
            } else {
                assert_int_equal(manifest_response_ns(&m, &seat), want);
                in_time++;
            }
            assert_int_equal(manifest_share_ppm(&sched[i]),
                             ppm_of(t[i].budget, t[i].slice, t[i].period));
        }
    }
    assert_true(in_time > 8 && late > 8);
}

/* The bound of the second of two, exactly: a deadline of it is taken, one below is not. */
static void deadlines_are_kept(void **state)
{
    const struct task t[2] = {{20, 10000, 1000, 5000}, {10, 10000, 4000, 20000}};
    uint64_t bound = ceil_div(searched_ns(t, 2, 1), 1000);
    char source[1024], line[512];
    struct manifest m;

    (void)state;
    assert_true(bound > 6000 && bound < 10000);
    for (uint64_t deadline = bound - 1; deadline <= bound; deadline++) {
        snprintf(source, sizeof(source),
                 HEAD VM("a", "harts = <1>; priority = <20>; budget-us = <1000>;"
                              "period-us = <5000>;")
                     VM("b", "harts = <2 1>; priority = <10>; budget-us = <0 4000>;"
                             "period-us = <20000>; deadline-us = <%" PRIu64 ">;") TAIL,
                 deadline);
        if (deadline == bound) {
            must_take(source, &aia_board, &m);
        } else {
            snprintf(line, sizeof(line),
                     "/b|deadline-us|vCPU 1 on hart 1 can wait %" PRIu64 " us or more for its "
                     "budget, above this %" PRIu64 ": raise its priority",
                     bound, deadline);
            must_refuse(source, line);
        }
    }
    /* None stated: the period is. */
    must_refuse(HEAD VM("a", "harts = <1>; priority = <20>; budget-us = <4500>;"
                             "period-us = <10000>;")
                    VM("b", "harts = <1>; priority = <10>; budget-us = <3600>;"
                            "period-us = <8000>;") TAIL,
                "/b|period-us|vCPU 0 on hart 1 can wait ");
    must_take(HEAD VM("a", "harts = <1>; priority = <10>; budget-us = <4500>; period-us = <10000>;")
                  VM("b", "harts = <1>; priority = <20>; budget-us = <100>; period-us = <8000>;")
                      TAIL,
              &aia_board, &m);
}

/* All that the ranges allow at once: no overflow, and an end. */
static void the_largest_numbers(void **state)
{
    static char source[64 * 1024];
    struct manifest m;
    size_t at = (size_t)snprintf(source, sizeof(source), HEAD);

    (void)state;
    for (uint32_t v = 0; v < SCHED_PER_HART; v++) {
        at += (size_t)snprintf(source + at, sizeof(source) - at,
                               VM("v%u", "harts = <4294967295>; budget-us = <4000000>;"
                                         "period-us = <4000000>; time-slice-us = <100>;"),
                               v);
    }
    snprintf(source + at, sizeof(source) - at, TAIL);
    assert_false(is_taken(source, NULL, &m));
    assert_int_equal(found.count, 1);
    assert_non_null(strstr(found.lines[0], "/v0|budget-us|hart 4294967295 is over-committed: "));
}

/* ---- interrupt files ------------------------------------------------------------------------- */

static void files_of_a_shared_hart(void **state)
{
    static const char three[] = HEAD VM("a", "harts = <1 1>; irqchip = \"aia\";")
        VM("b", "harts = <2 1>; irqchip = \"aia\";") TAIL;
    struct board board = aia_board;
    struct manifest m;

    (void)state;
    assert_int_equal(board.guest_files, 3);
    must_take(three, &board, &m);
    assert_int_equal(m.vms[0].memory_files | m.vms[1].memory_files, 0);
    board.guest_files = 2; /* as a hart may have it that has fewer than the address map */
    must_take(three, &board, &m);
    assert_int_equal(m.vms[0].memory_files, 2); /* the second comes on the last one by turns */
    assert_int_equal(m.vms[1].memory_files, 2); /* with the third; who is alone has one for good */
    board.guest_files = 1;
    must_take(three, &board, &m);
    assert_int_equal(m.vms[0].memory_files, 3);
    assert_int_equal(m.vms[1].memory_files, 2);
    board.guest_files = 0;
    must_take(three, &board, &m);
    assert_int_equal(m.vms[0].memory_files, 3);
    assert_int_equal(m.vms[1].memory_files, 3);
    /* Who may move has none for good, and a hart that it may come to keeps one for it. */
    board.guest_files = 2;
    must_take(HEAD VM("a", "harts = <1 2>; irqchip = \"aia\";")
                  VM("b", "harts = <0>; affinity = <1 2>; irqchip = \"aia\";")
                      VM("c", "harts = <1 2>; irqchip = \"aia\";") VM("d", "harts = <2>;")
                          VM("e", "harts = <3>; affinity = <0>;") TAIL,
              &board, &m);
    assert_int_equal(m.vms[0].memory_files, 0);
    assert_int_equal(m.vms[1].memory_files, 1);
    assert_int_equal(m.vms[2].memory_files, 3);
    assert_true(m.vms[3].files_short);
    assert_int_equal(m.vms[4].irqchip, IRQCHIP_PLIC);
    board.imsic = false;
    assert_false(is_taken(three, &board, &m));
    assert_int_equal(found.count, 2);
    assert_non_null(strstr(found.lines[0], "/a|irqchip|\"aia\", but this machine has no IMSIC"));
    board = aia_board;
    must_take(HEAD VM("a", "harts = <1 1>; irqchip = \"aia\";")
                  VM("b", "harts = <2 1>; irqchip = \"plic\";") TAIL,
              &board, &m);
    assert_false(m.vms[0].files_short || m.vms[1].files_short);
}

static void who_leaves_it_open_comes_last(void **state)
{
    static const char many[] = HEAD VM("a", "harts = <0 1>;") VM("b", "harts = <1 1>;")
        VM("c", "harts = <2 1>;") VM("d", "harts = <1>; irqchip = \"aia\";") TAIL;
    static const bool is_short[3][4] = {
        {true, true, true, false},   /* one file, which d must have */
        {false, true, true, false},  /* another, for a; b is not given half of what it needs */
        {false, true, false, false}, /* and c */
    };
    struct board board = aia_board;
    struct manifest m;

    (void)state;
    for (uint32_t files = 1; files <= 3; files++) {
        board.guest_files = files;
        must_take(many, &board, &m);
        for (uint32_t v = 0; v < 4; v++) {
            bool is = is_short[files - 1][v];

            assert_int_equal(m.vms[v].files_short, is);
            assert_int_equal(m.vms[v].irqchip, v == 3 ? IRQCHIP_AIA
                                               : is   ? IRQCHIP_PLIC
                                                      : IRQCHIP_BEST);
        }
    }
    /* Without any, or at a desk, it stays open. */
    must_take(HEAD VM("a", "harts = <0 0>;") TAIL, NULL, &m);
    assert_int_equal(m.vms[0].irqchip, IRQCHIP_BEST);
    board.guest_files = 0;
    must_take(HEAD VM("a", "harts = <0 0>;") TAIL, &board, &m);
    assert_int_equal(m.vms[0].irqchip, IRQCHIP_BEST);
    assert_false(m.vms[0].files_short);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said),
        cmocka_unit_test(one_for_all_or_one_for_each),
        cmocka_unit_test(harts_are_shared),
        cmocka_unit_test(as_many_as_a_hart_takes),
        cmocka_unit_test(each_mistake_is_told),
        cmocka_unit_test(where_it_may_run),
        cmocka_unit_test(affinity_is_checked),
        cmocka_unit_test(seats_are_counted),
        cmocka_unit_test(files_stay),
        cmocka_unit_test(harts_are_alike),
        cmocka_unit_test(shares_are_summed),
        cmocka_unit_test(no_guarantee_below_the_unlimited),
        cmocka_unit_test(response_times_are_the_least),
        cmocka_unit_test(deadlines_are_kept),
        cmocka_unit_test(the_largest_numbers),
        cmocka_unit_test(files_of_a_shared_hart),
        cmocka_unit_test(who_leaves_it_open_comes_last),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
