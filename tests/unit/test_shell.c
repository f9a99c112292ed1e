/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell's commands: what a line does, what is said of a wrong one, and what Tab is offered.
 * Lifecycle, power, channels and the console are stand-ins of this file.
 */
/* LINK: core/shell.c core/shell_stat.c core/usage.c core/vm_names.c core/timer.c core/hart.c
 *       tests/unit/fake_arch.c tests/unit/fake_core.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/audit.h"
#include "core/console.h"
#include "core/ipc.h"
#include "core/lifecycle.h"
#include "core/pagepool.h"
#include "core/power_ctl.h"
#include "core/shell.h"
#include "tests/unit/fake_arch.h"

#include <stdio.h>
#include <string.h>

static char out[16384]; /* what was said */
static char did[256];   /* what was called */
static enum err answer;
static uint32_t overruns, lost, records;

void console_shell_write(const char *data, size_t len)
{
    size_t had = strlen(out);

    assert_true(had + len < sizeof(out));
    memcpy(out + had, data, len);
}

static enum err call(const char *what, const char *name)
{
    (void)snprintf(did + strlen(did), sizeof(did) - strlen(did), "%s %s;", what, name);
    return answer;
}

uint32_t console_input_lost(struct console *c)
{
    (void)c;
    return lost;
}

uint32_t console_overruns(void)
{
    return overruns;
}

enum err lifecycle_start(struct vm *vm)
{
    return call("start", vm->config->name);
}

enum err lifecycle_pause(struct vm *vm)
{
    return call("pause", vm->config->name);
}

enum err lifecycle_resume(struct vm *vm)
{
    return call("resume", vm->config->name);
}

enum err lifecycle_stop(struct vm *vm, enum stop_reason reason, bool restart)
{
    assert_int_equal(reason, STOP_ASKED);
    (void)call(restart ? "restart!" : "stop!", vm->config->name);
    return ERR_OK;
}

enum err lifecycle_stop_graceful(struct vm *vm, bool restart)
{
    return call(restart ? "restart" : "stop", vm->config->name);
}

enum err power_ctl_cancel(struct vm *vm, uint32_t txn)
{
    assert_null(vm);
    assert_int_equal(txn, 0);
    return call("cancel", "");
}

enum err power_ctl_request(struct vm *vm, enum power_kind kind, uint32_t reason, bool emergency,
                           uint32_t *txn)
{
    char what[32];

    assert_null(vm);
    assert_int_equal(reason, 0);
    *txn = 7;
    (void)snprintf(what, sizeof(what), "request %d", kind);
    return call(what, emergency ? "now" : "");
}

void trace_shell(void (*line)(const char *text), const char *what, bool more)
{
    (void)call(what, more ? "more" : "");
    line("traced");
}

struct power_status power_ctl_status(struct vm *vm)
{
    (void)vm;
    return (struct power_status){.refused = lost};
}

enum err power_ctl_audit_read(uint64_t *seq, struct audit_record *record, uint64_t *missed)
{
    *missed = 3;
    *record = (struct audit_record){0};
    return ++*seq <= records ? ERR_OK : ERR_NOT_FOUND;
}

const char *power_ctl_name(uint32_t vm)
{
    (void)vm;
    return "v";
}

int audit_format(const struct audit_record *record, const char *name, char *text, size_t size)
{
    (void)record;
    return snprintf(text, size, "record of %s", name);
}

uint32_t ipc_end_count(const struct vm *vm)
{
    return vm->index == 0 ? 2 : 0;
}

const char *ipc_end_stats(const struct vm *vm, uint32_t end, struct ipc_stats *stats)
{
    (void)vm;
    *stats = end == 0 ? (struct ipc_stats){0} : (struct ipc_stats){.sent = 5, .bad_tails = 2};
    return end == 0 ? "quiet" : "chat";
}

uint64_t pool_used(void)
{
    return 5 * 1024;
}

static void run(const char *line)
{
    char text[64];

    memset(out, 0, sizeof(out));
    memset(did, 0, sizeof(did));
    (void)snprintf(text, sizeof(text), "%s", line);
    shell_run(text);
}

static int setup(void **state)
{
    (void)state;
    fake_init(3);
    (void)fake_vm_add("control", 1, 0, 0x80000000, 0x100000);
    (void)fake_vm_add("cockpit", 2, 1, 0x80000000, 0x100000);
    answer = ERR_OK;
    overruns = lost = records = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static void test_commands(void **state)
{
    static const struct {
        const char *line, *did, *out;
    } cases[] = {
        {"", "", ""},
        {"   ", "", ""},
        {"start cockpit", "start cockpit;", "start cockpit: under way\n"},
        {"  pause   control  ", "pause control;", "pause control: under way\n"},
        {"resume control", "resume control;", "resume control: under way\n"},
        {"stop control", "stop control;", "stop control: under way\n"},
        {"stop control force", "stop! control;", "stop control: under way\n"},
        {"restart cockpit", "restart cockpit;", "restart cockpit: under way\n"},
        {"restart cockpit force", "restart! cockpit;", "restart cockpit: under way\n"},
        {"power off", "request 0 ;", "power off: transition 7 is under way\n"},
        {"power reset now", "request 1 now;", "power reset: transition 7 is under way\n"},
        {"power warm", "request 2 ;", "power warm: transition 7 is under way\n"},
        {"power suspend", "request 3 ;", "power suspend: transition 7 is under way\n"},
        {"power cancel", "cancel ;", "power cancel: done\n"},
        {"audit", "", "3 records were overwritten before they could be shown\n"},
        {"trace ipc", "ipc ;", "traced\n"},
        {"trace dump more", "dump more;", "traced\n"},
        {"help stop", "", "usage: stop NAME [force]\nask a VM to go down; force: do not ask\n"},

        {"nonsense", "", "nonsense: no such command (`help` lists them)\n"},
        {"sto control", "", "sto: no such command (`help` lists them)\n"},
        {"stopp control", "", "stopp: no such command (`help` lists them)\n"},
        {"start", "", "start: which VM?\nusage: start NAME\n"},
        {"start contro", "", "start: no VM is called contro\nusage: start NAME\n"},
        {"start controll", "", "start: no VM is called controll\nusage: start NAME\n"},
        {"start control force", "", "start: not force\nusage: start NAME\n"},
        {"stop control forc", "", "stop: not forc\nusage: stop NAME [force]\n"},
        {"stop control force now", "", "stop: not now\nusage: stop NAME [force]\n"},
        {"stat nobody", "", "stat: no VM is called nobody\nusage: stat [NAME]\n"},
        {"power", "", "power: what?\nusage: power off|reset|warm|suspend|cancel [now]\n"},
        {"power now", "", "power: not now\nusage: power off|reset|warm|suspend|cancel [now]\n"},
        {"power off|reset", "",
         "power: not off|reset\nusage: power off|reset|warm|suspend|cancel [now]\n"},
        {"vms all", "", "vms: not all\nusage: vms \n"},
        {"help me", "", "help: not me\nusage: help [COMMAND]\n"},
        {"audit [", "", "audit: not [\nusage: audit \n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        run(cases[i].line);
        assert_string_equal(did, cases[i].did);
        assert_string_equal(out, cases[i].out);
    }
}

static void test_refused(void **state)
{
    (void)state;
    answer = ERR_EXISTS;
    run("start control");
    assert_string_equal(out, "start control: it runs already\n");
    run("power off");
    assert_string_equal(out, "power off: it runs already\n");
    run("power cancel");
    assert_string_equal(out, "power cancel: it runs already\n");
    answer = ERR_NOT_SUPPORTED; /* nobody listens */
    run("stop control");
    assert_string_equal(did, "stop control;stop! control;");
}

/* Every error has its words, and every command a line of help that fits. */
static void test_help(void **state)
{
    uint32_t lines = 0;

    (void)state;
    for (int e = ERR_OK + 1; e <= ERR_IO; e++) {
        answer = (enum err)e;
        run("resume control");
        assert_null(strchr(out, '?'));
    }
    run("help");
    for (char *line = strtok(out, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++) {
        assert_true(strlen(line) <= 80 - strlen("curia   | "));
    }
    assert_true(lines >= 10);
}

static void offered(const char *line, const char *all)
{
    char got[256] = "";
    size_t word = strlen(line), len = 0;
    const char *name;

    while (word != 0 && line[word - 1] != ' ') {
        word--;
    }
    for (uint32_t n = 0; (name = shell_offer(line, word, n, &len)) != NULL; n++) {
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s ", (int)len, name);
    }
    assert_string_equal(got, all);
}

static void test_completion(void **state)
{
    (void)state;
    offered("", "help vms stat start pause resume stop restart power audit trace ");
    offered("  st", "help vms stat start pause resume stop restart power audit trace ");
    offered("help ", "help vms stat start pause resume stop restart power audit trace ");
    offered("start ", "control cockpit ");
    offered(" restart  co", "control cockpit ");
    offered("restart control ", "force ");
    offered("restart control force ", "");
    offered("stat ", "control cockpit ");
    offered("power ", "off reset warm suspend cancel ");
    offered("power off n", "now ");
    offered("vms ", "");
    offered("nonsense ", "");
    offered("start control x y z ", "");
}

static void test_vms_and_stat(void **state)
{
    struct vm *vm = machine.vms[0];

    (void)state;
    vm->vcpus[0]->exits[EXIT_MMIO] = 12;
    run("vms");
    assert_non_null(strstr(out, " 0 control      running"));
    assert_non_null(strstr(out, " 1 cockpit      running"));
    run("stat");
    assert_non_null(strstr(out, "control      vCPU 0 on hart "));
    assert_non_null(strstr(out, " mmio 12\n"));
    assert_non_null(strstr(out, "cockpit      vCPU 1 on hart "));
    assert_non_null(strstr(out, "no exits\n"));
    assert_non_null(strstr(out, "control      channel chat: sent 5 "));
    assert_non_null(strstr(out, "control      channel chat: wrong tails 2,"));
    assert_null(strstr(out, "quiet"));
    assert_non_null(strstr(out, "arena used: 5 KiB\n"));
    assert_null(strstr(out, "lost"));
    assert_null(strstr(out, "overrun"));

    lost = 4;
    overruns = 9;
    run("stat");
    assert_non_null(strstr(out, "the terminal's UART was overrun 9 times\n"));
    run("stat control");
    assert_non_null(strstr(out, "control      4 power calls refused\n"));
    assert_non_null(strstr(out, "control      4 characters typed to it were lost\n"));
    assert_null(strstr(out, "cockpit"));
    assert_null(strstr(out, "arena"));

    records = 2;
    run("audit");
    assert_non_null(strstr(out, "record of v\nrecord of v\n3 records"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_commands), T(test_refused), T(test_help), T(test_completion), T(test_vms_and_stat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
