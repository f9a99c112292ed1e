/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell's commands. It acts as the console does in the power design: superior of all VMs, so a
 * dead control VM blocks nothing. Holds no state; each call takes the lock it needs.
 */
#include "core/shell.h"

#include "core/addr.h"
#include "core/audit.h"
#include "core/console.h"
#include "core/ipc.h"
#include "core/lifecycle.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/power_ctl.h"
#include "core/usage.h"
#include "core/vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
    char text[AUDIT_LINE_MAX + 8];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text) - 1, fmt, args);
    va_end(args);
    if (len < 0) {
        return;
    }
    if ((size_t)len > sizeof(text) - 2) {
        len = (int)sizeof(text) - 2;
    }
    text[len] = '\n';
    console_shell_write(text, (size_t)len + 1);
}

static const char *err_text(enum err e)
{
    switch (e) {
    case ERR_OK:
        return "done";
    case ERR_FAILED:
        return "it failed";
    case ERR_NOT_SUPPORTED:
        return "not supported here";
    case ERR_INVALID:
        return "that makes no sense";
    case ERR_DENIED:
        return "not allowed";
    case ERR_FAULT:
        return "bad address";
    case ERR_EXISTS:
        return "it runs already";
    case ERR_NOT_FOUND:
        return "there is none";
    case ERR_STATE:
        return "not in this state";
    case ERR_RANGE:
        return "out of range";
    case ERR_NO_MEMORY:
        return "no memory";
    case ERR_BUSY:
        return "busy, try again";
    case ERR_TIMEOUT:
        return "it timed out";
    case ERR_IO:
        return "I/O error";
    }
    return "?";
}

/* ---- VMs ------------------------------------------------------------------------------------- */

static void cmd_vms(void)
{
    for (uint32_t i = 0; i < machine.vm_count; i++) {
        struct vm *vm = machine.vms[i];
        uint64_t bytes = 0;
        uint32_t generation;
        enum stop_reason reason;

        for (uint32_t m = 0; m < vm->config->mem_count; m++) {
            bytes += vm->config->mem[m].size;
        }
        spin_lock(&vm->lock);
        generation = vm->generation;
        reason = vm->stop_reason;
        spin_unlock(&vm->lock);
        say("%2u %-12s %-9s %u vCPU %6u KiB  starts %u  last stop: %s", (unsigned int)i,
            vm->config->name, vm_state_name(vm_state(vm)), (unsigned int)vm->vcpu_count,
            (unsigned int)(bytes / KIB), (unsigned int)generation, stop_reason_name(reason));
    }
}

static void stat_vcpu(const struct vm *vm, uint32_t index)
{
    static const char *const causes[EXIT_CAUSES] = {
        [EXIT_ECALL_FAST] = "fast",     [EXIT_ECALL] = "ecall", [EXIT_MMIO] = "mmio",
        [EXIT_PAGE_FAULT] = "fault",    [EXIT_INSN] = "insn",   [EXIT_WFI] = "wfi",
        [EXIT_IRQ_TIMER] = "irq-timer", [EXIT_IRQ_IPI] = "ipi", [EXIT_IRQ_EXT] = "irq-ext",
        [EXIT_OTHER] = "other",
    };
    const struct vcpu *v = vm->vcpus[index];
    char text[200];
    size_t len = 0;

    text[0] = '\0';
    for (uint32_t c = 0; c < EXIT_CAUSES; c++) {
        uint64_t n = __atomic_load_n(&v->exits[c], __ATOMIC_RELAXED);

        if (n != 0 && len < sizeof(text) - 1) {
            int wrote = snprintf(&text[len], sizeof(text) - len, " %s %llu", causes[c],
                                 (unsigned long long)n);

            len += wrote > 0 ? (size_t)wrote : 0;
        }
    }
    say("%-12s vCPU %u on hart %llu:%s", vm->config->name, (unsigned int)index,
        (unsigned long long)v->hart->id, text[0] != '\0' ? text : " no exits");
}

static const char *seconds(uint64_t ticks, char text[24])
{
    uint64_t tenths = ticks_to_us(ticks) / 100000;

    (void)snprintf(text, 24, "%llu.%u s", (unsigned long long)(tenths / 10),
                   (unsigned int)(tenths % 10));
    return text;
}

/* Of one that has to take turns. */
static void stat_turns(const struct vm *vm, uint32_t index)
{
    struct usage u;
    char run[24], ready[24], throttled[24];

    usage_of(vm->vcpus[index], &u);
    say("%-12s vCPU %u ran %s, was ready %s, throttled %s; switches %llu", vm->config->name,
        (unsigned int)index, seconds(u.run, run), seconds(u.ready, ready),
        seconds(u.throttled, throttled), (unsigned long long)u.switches);
}

static void stat_hart(struct hart *hart)
{
    uint64_t of;
    uint64_t idle = usage_idle(hart, &of);
    char text[2][24];

    say("hart %llu: idle %u%%, %s of %s", (unsigned long long)hart->id,
        (unsigned int)(of >= 100 ? idle / (of / 100) : 0), seconds(idle, text[0]),
        seconds(of, text[1]));
}

/* Only what is worth a look: ends that have been used, losses that have happened. */
static void stat_end(const struct vm *vm, uint32_t index)
{
    struct ipc_stats s;
    const char *channel = ipc_end_stats(vm, index, &s);

    if ((s.sent | s.received | s.refused | s.unreachable | s.bells) != 0) {
        say("%-12s channel %s: sent %llu received %llu bells %llu refused %llu unreachable %llu",
            vm->config->name, channel, (unsigned long long)s.sent, (unsigned long long)s.received,
            (unsigned long long)s.bells, (unsigned long long)s.refused,
            (unsigned long long)s.unreachable);
    }
    if ((s.bad_tails | s.lost_bytes) != 0) {
        say("%-12s channel %s: wrong tails %llu, bytes unread at its end %llu", vm->config->name,
            channel, (unsigned long long)s.bad_tails, (unsigned long long)s.lost_bytes);
    }
}

static void stat_vm(struct vm *vm)
{
    uint32_t lost = console_input_lost(vm->console);
    uint32_t refused = power_ctl_status(vm).refused;

    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        stat_vcpu(vm, i);
        if (hart_has_queue(vm->vcpus[i]->hart)) {
            stat_turns(vm, i);
        }
    }
    for (uint32_t i = 0; i < ipc_end_count(vm); i++) {
        stat_end(vm, i);
    }
    if (refused != 0) {
        say("%-12s %u power calls refused", vm->config->name, (unsigned int)refused);
    }
    if (lost != 0) {
        say("%-12s %u characters typed to it were lost", vm->config->name, (unsigned int)lost);
    }
}

static void cmd_stat(void)
{
    for (uint32_t i = 0; i < machine.vm_count; i++) {
        stat_vm(machine.vms[i]);
    }
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        stat_hart(machine.harts[i]);
    }
    if (console_overruns() != 0) {
        say("the terminal's UART was overrun %u times", (unsigned int)console_overruns());
    }
    say("arena used: %u KiB", (unsigned int)(pool_used() / KIB));
}

static struct vm *vm_named(const char *name)
{
    for (uint32_t i = 0; i < machine.vm_count; i++) {
        if (strcmp(machine.vms[i]->config->name, name) == 0) {
            return machine.vms[i];
        }
    }
    return NULL;
}

/* stop and restart: gracefully, and by force with "force" (or where nobody would listen). */
static enum err stop(struct vm *vm, bool restart, bool force)
{
    enum err e = ERR_NOT_SUPPORTED;

    if (!force) {
        e = lifecycle_stop_graceful(vm, restart);
    }
    return e == ERR_NOT_SUPPORTED ? lifecycle_stop(vm, STOP_ASKED, restart) : e;
}

static void cmd_vm(const char *verb, const char *name, const char *how)
{
    struct vm *vm = name != NULL ? vm_named(name) : NULL;
    enum err e;

    if (vm == NULL) {
        say("%s which VM? `vms` lists them", verb);
        return;
    }
    if (strcmp(verb, "start") == 0) {
        e = lifecycle_start(vm);
    } else if (strcmp(verb, "pause") == 0) {
        e = lifecycle_pause(vm);
    } else if (strcmp(verb, "resume") == 0) {
        e = lifecycle_resume(vm);
    } else {
        e = stop(vm, strcmp(verb, "restart") == 0, how != NULL && strcmp(how, "force") == 0);
    }
    say("%s %s: %s", verb, name, e == ERR_OK ? "under way" : err_text(e));
}

/* ---- power ----------------------------------------------------------------------------------- */

static void cmd_power(const char *what, const char *how)
{
    static const struct {
        const char *name;
        enum power_kind kind;
    } kinds[] = {
        {"off", POWER_OFF},
        {"reset", POWER_RESET_COLD},
        {"warm", POWER_RESET_WARM},
        {"suspend", POWER_SUSPEND},
    };
    bool emergency = how != NULL && strcmp(how, "now") == 0;
    uint32_t txn = 0;
    enum err e;

    if (what != NULL && strcmp(what, "cancel") == 0) {
        say("power cancel: %s", err_text(power_ctl_cancel(NULL, 0)));
        return;
    }
    for (size_t i = 0; what != NULL && i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(what, kinds[i].name) == 0) {
            e = power_ctl_request(NULL, kinds[i].kind, 0, emergency, &txn);
            if (e == ERR_OK) {
                say("power %s: transition %u is under way", what, (unsigned int)txn);
            } else {
                say("power %s: %s", what, err_text(e));
            }
            return;
        }
    }
    say("power off, reset, warm (with `now`: an emergency), suspend or cancel");
}

static void cmd_audit(void)
{
    struct audit_record record;
    uint64_t seq = 0, lost = 0;
    char text[AUDIT_LINE_MAX];

    while (power_ctl_audit_read(&seq, &record, &lost) == ERR_OK) {
        (void)audit_format(&record, power_ctl_name(record.vm), text, sizeof(text));
        say("%s", text);
    }
    if (lost != 0) {
        say("%llu records were overwritten before they could be shown", (unsigned long long)lost);
    }
}

static void cmd_help(void)
{
    say("vms                       the VMs and their states");
    say("stat                      exits, turns on shared harts, channels, losses, idle time");
    say("start NAME                start a VM");
    say("pause|resume NAME         keep a VM out of its guest for a while");
    say("stop|restart NAME [force] ask the VM to go down; with force do not ask");
    say("power off|reset|warm [now] take all VMs down in order, then the platform");
    say("power suspend             put all VMs to sleep, then the machine; a key wakes it");
    say("power cancel              call that off, before the first VM was stopped");
    say("audit                     what power transitions did, with times");
}

/* The next word of *rest, or NULL. */
static char *word(char **rest)
{
    char *start = *rest;
    char *end;

    while (*start == ' ') {
        start++;
    }
    if (*start == '\0') {
        return NULL;
    }
    for (end = start; *end != ' ' && *end != '\0'; end++) {
    }
    if (*end != '\0') {
        *end++ = '\0';
    }
    *rest = end;
    return start;
}

void shell_run(char *line)
{
    char *verb = word(&line);
    char *first = word(&line);
    char *second = word(&line);

    if (verb == NULL) {
        return;
    }
    if (strcmp(verb, "vms") == 0) {
        cmd_vms();
    } else if (strcmp(verb, "stat") == 0) {
        cmd_stat();
    } else if (strcmp(verb, "start") == 0 || strcmp(verb, "stop") == 0 ||
               strcmp(verb, "restart") == 0 || strcmp(verb, "pause") == 0 ||
               strcmp(verb, "resume") == 0) {
        cmd_vm(verb, first, second);
    } else if (strcmp(verb, "power") == 0) {
        cmd_power(first, second);
    } else if (strcmp(verb, "audit") == 0) {
        cmd_audit();
    } else {
        if (strcmp(verb, "help") != 0) {
            say("%s: no such command", verb);
        }
        cmd_help();
    }
}
