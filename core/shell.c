/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shell's commands. It acts as the console does in the power design: superior of all VMs, so a
 * dead control VM blocks nothing. Holds no state; each call takes the lock it needs.
 *
 * How a command is used says what may stand where: for completion, and for the check of a line,
 * before it is carried out.
 */
#include "core/shell.h"

#include "core/addr.h"
#include "core/audit.h"
#include "core/console.h"
#include "core/lifecycle.h"
#include "core/machine.h"
#include "core/power_ctl.h"
#include "core/shell_cmd.h"
#include "core/trace.h"
#include "core/vm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORDS 3u /* of a line, at most */

/* A word of the line, and the how manieth of those it is that may stand there; NULL: it is not. */
struct word {
    const char *text;
    uint32_t n;
};

/* The order of commands[], and of who is called for some of them. */
enum { HELP, VMS, STAT, START, PAUSE, RESUME, STOP, RESTART, POWER, AUDIT, TRACE };

struct command {
    const char *name;
    const char
        *usage; /* for each word behind it: NAME of a VM, COMMAND, or this|that; [may lack] */
    const char *what;
    void (*run)(const struct word *words); /* the command itself is the first */
};

void shell_say(const char *fmt, ...)
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

static void cmd_vms(const struct word *words)
{
    (void)words;
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
        shell_say("%2u %-12s %-9s %u vCPU %6u KiB  starts %u  last stop: %s", (unsigned int)i,
                  vm->config->name, vm_state_name(vm_state(vm)), (unsigned int)vm->vcpu_count,
                  (unsigned int)(bytes / KIB), (unsigned int)generation, stop_reason_name(reason));
    }
}

static void cmd_stat(const struct word *words)
{
    shell_stat(words[1].text != NULL ? machine.vms[words[1].n] : NULL);
}

static void under_way(const struct word *words, enum err e)
{
    shell_say("%s %s: %s", words[0].text, words[1].text, e == ERR_OK ? "under way" : err_text(e));
}

static void cmd_vm(const struct word *words)
{
    static enum err (*const calls[])(struct vm * vm) = {
        lifecycle_start,
        lifecycle_pause,
        lifecycle_resume,
    };

    under_way(words, calls[words[0].n - START](machine.vms[words[1].n]));
}

/* Gracefully, and by force if that is said (or where nobody would listen). */
static void cmd_stop(const struct word *words)
{
    struct vm *vm = machine.vms[words[1].n];
    bool restart = words[0].n == RESTART;
    enum err e = ERR_NOT_SUPPORTED;

    if (words[2].text == NULL) {
        e = lifecycle_stop_graceful(vm, restart);
    }
    under_way(words, e == ERR_NOT_SUPPORTED ? lifecycle_stop(vm, STOP_ASKED, restart) : e);
}

/* ---- power ----------------------------------------------------------------------------------- */

static void cmd_power(const struct word *words)
{
    static const uint8_t kinds[] = {POWER_OFF, POWER_RESET_COLD, POWER_RESET_WARM, POWER_SUSPEND};
    const char *what = words[1].text;
    uint32_t n = words[1].n;
    uint32_t txn = 0;
    enum err e;

    if (n == ARRAY_SIZE(kinds)) {
        shell_say("power cancel: %s", err_text(power_ctl_cancel(NULL, 0)));
        return;
    }
    e = power_ctl_request(NULL, (enum power_kind)kinds[n], 0, words[2].text != NULL, &txn);
    if (e == ERR_OK) {
        shell_say("power %s: transition %u is under way", what, (unsigned int)txn);
    } else {
        shell_say("power %s: %s", what, err_text(e));
    }
}

static void cmd_audit(const struct word *words)
{
    struct audit_record record;
    uint64_t seq = 0, lost = 0;
    char text[AUDIT_LINE_MAX];

    (void)words;
    while (power_ctl_audit_read(&seq, &record, &lost) == ERR_OK) {
        (void)audit_format(&record, power_ctl_name(record.vm), text, sizeof(text));
        shell_say("%s", text);
    }
    if (lost != 0) {
        shell_say("%llu records were overwritten before they could be shown",
                  (unsigned long long)lost);
    }
}

static void say_line(const char *text)
{
    shell_say("%s", text);
}

static void cmd_trace(const struct word *words)
{
    trace_shell(say_line, words[1].text, words[2].text != NULL);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void cmd_help(const struct word *words);

static const struct command commands[] = {
    [HELP] = {"help", "[COMMAND]", "what there is, or how that is used", cmd_help},
    [VMS] = {"vms", "", "the VMs and their states", cmd_vms},
    [STAT] = {"stat", "[NAME]", "exits, time, channels, losses; of all, or of one VM", cmd_stat},
    [START] = {"start", "NAME", "start a VM", cmd_vm},
    [PAUSE] = {"pause", "NAME", "keep a VM out of its guest for a while", cmd_vm},
    [RESUME] = {"resume", "NAME", "let it go on", cmd_vm},
    [STOP] = {"stop", "NAME [force]", "ask a VM to go down; force: do not ask", cmd_stop},
    [RESTART] = {"restart", "NAME [force]", "the same, and start it again", cmd_stop},
    [POWER] = {"power", "off|reset|warm|suspend|cancel [now]",
               "take all VMs down in order, then the machine; now: emergency", cmd_power},
    [AUDIT] = {"audit", "", "what power transitions did, with times", cmd_audit},
    [TRACE] = {"trace", "dump|off|all|switch|exit|inject|ipc|power|lifecycle [more]",
               "record what harts do; dump: show the last, dump more: more", cmd_trace},
};

static void usage(const struct command *c)
{
    shell_say("usage: %s %s", c->name, c->usage);
}

static void wrong(const struct command *c, const char *what, const char *word)
{
    shell_say("%s: %s%s", c->name, what, word);
    usage(c);
}

static void cmd_help(const struct word *words)
{
    if (words[1].text != NULL) {
        usage(&commands[words[1].n]);
        shell_say("%s", commands[words[1].n].what);
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        shell_say("%-8s %s", commands[i].name, commands[i].what);
    }
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* Behind the word at s, and the spaces behind that. */
static const char *behind(const char *s)
{
    s += strcspn(s, " ");
    return s + strspn(s, " ");
}

/* The nth name of usage's word there, and its length; NULL: there are no more. */
static const char *choice(const char *usage, uint32_t n, size_t *len)
{
    const char *name = NULL;

    *len = 0;
    usage += strspn(usage, "[");
    if (*usage == 'N' && n < machine.vm_count) {
        name = machine.vms[n]->config->name;
    } else if (*usage == 'C' && n < ARRAY_SIZE(commands)) {
        name = commands[n].name;
    }
    if (name != NULL) {
        *len = strlen(name);
    } else if (*usage > 'Z') {
        for (*len = strcspn(usage, "|] "); n != 0 && usage[*len] == '|'; n--) {
            usage += *len + 1;
            *len = strcspn(usage, "|] ");
        }
        name = n == 0 ? usage : NULL;
    }
    return name;
}

/* Is the word at `at` one, and the how manieth? */
static bool is_choice(const char *usage, const char *at, uint32_t *n)
{
    const char *name;
    size_t len;

    for (*n = 0; (name = choice(usage, *n, &len)) != NULL; ++*n) {
        if (strcspn(at, " ") == len && memcmp(at, name, len) == 0) {
            return true;
        }
    }
    return false;
}

const char *shell_offer(const char *line, size_t word, uint32_t n, size_t *len)
{
    const char *usage = "COMMAND";
    const char *at = line + strspn(line, " ");
    uint32_t verb;

    if (at < line + word) {
        usage = is_choice(usage, at, &verb) ? commands[verb].usage : "";
        while ((at = behind(at)) < line + word) {
            usage = behind(usage);
        }
    }
    return choice(usage, n, len);
}

void shell_run(char *line)
{
    struct word words[WORDS] = {0};
    const struct command *c = NULL;
    const char *left = "COMMAND";
    char *at = line + strspn(line, " ");

    for (uint32_t i = 0; *at != '\0'; i++) {
        size_t len = strcspn(at, " ");
        char *next = at + len + strspn(&at[len], " ");
        uint32_t n = 0;
        bool may = i < WORDS && is_choice(left, at, &n);

        at[len] = '\0';
        if (!may && c == NULL) {
            shell_say("%s: no such command (`help` lists them)", at);
            return;
        }
        if (!may) {
            left += strspn(left, "[");
            wrong(c, *left == 'N' ? "no VM is called " : "not ", at);
            return;
        }
        words[i] = (struct word){at, n};
        left = c != NULL ? behind(left) : commands[n].usage;
        c = c != NULL ? c : &commands[n];
        at = next;
    }
    if (*left != '\0' && *left != '[' && c != NULL) {
        wrong(c, *left == 'N' ? "which VM?" : "what?", "");
    } else if (c != NULL) {
        c->run(words);
    }
}
