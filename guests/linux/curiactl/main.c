// SPDX-License-Identifier: GPL-2.0-only
/* curiactl: Curia's VMs, power transitions and channels from a Linux guest, through curia.ko. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "curiactl.h"

struct command {
    const char *name;
    const char *arguments;
    const char *help;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {"list", "", "the VMs that this one may see", cmd_list},
    {"info", "VM", "all that is known of one", cmd_info},
    {"top", "[-x] [-d SECONDS] [-n COUNT]", "who runs, again and again; q ends it", cmd_top},
    {"name", "", "the name of this VM", cmd_name},
    {"start", "VM", "load and start it", cmd_vm_op},
    {"stop", "[--force] VM", "ask it to stop; --force: do not ask", cmd_vm_op},
    {"restart", "[--force] VM", "stop it and start it again from its images", cmd_vm_op},
    {"pause", "VM", "keep it out of its guest for a while", cmd_vm_op},
    {"resume", "VM", "let it go on", cmd_vm_op},
    {"poweroff", "[--emergency]", "the whole machine, in the order of ranks", cmd_poweroff},
    {"reboot", "[--warm] [--emergency]", "likewise, and up again", cmd_poweroff},
    {"suspend", "", "the whole machine to sleep; who ended it, `status` says then", cmd_poweroff},
    {"cancel", "[TRANSITION]", "call it off, as long as nobody was told to stop", cmd_cancel},
    {"status", "", "where the machine and this VM stand", cmd_status},
    {"audit", "", "every step of the power transitions", cmd_audit},
    {"trace", "on|off|save [...]", "what the harts do, recorded: see `curiactl trace`", cmd_trace},
    {"policy", "ready|veto|postpone MS", "answer the next question about power so", cmd_policy},
    {"ignore", "[on|off]", "on: behave like a hung system when power is asked", cmd_ignore},
    {"channels", "", "the channels of this VM", cmd_channels},
    {"ping", "VM [COUNT]", "measure the round trip of messages", cmd_ping},
    {"send", "CHANNEL TEXT", "send one message", cmd_send},
    {"recv", "CHANNEL [COUNT]", "print messages as they come", cmd_recv},
    {"bell", "CHANNEL [BITS]", "ring the peer; without BITS: wait and take what rings", cmd_bell},
    {"region", "LABEL [OFFSET [TEXT]]", "read a shared region, or write TEXT into it", cmd_region},
    {"watch", "CHANNEL [FILE]", "print state messages, or keep their count in FILE", cmd_watch},
    {"alarm", "[SECONDS]", "set the RTC's alarm and wait for its interrupt", cmd_alarm},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char *command_name = "";

static void complain(const char *format, va_list args)
{
    fprintf(stderr, "curiactl%s%s: ", command_name[0] != '\0' ? " " : "", command_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(format, args);
    va_end(args);
    exit(EXIT_FAILED);
}

void usage_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain(format, args);
    va_end(args);
    fputs("curiactl help says how.\n", stderr);
    exit(EXIT_USAGE);
}

uint64_t parse_number(const char *text, uint64_t max, const char *what)
{
    unsigned long long value;
    char *end;

    errno = 0;
    value = strtoull(text, &end, 0);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value > max) {
        usage_error("%s: %s is not a number from 0 to %llu", text, what, (unsigned long long)max);
    }
    return value;
}

int ctl(void)
{
    static int fd = -1;

    if (fd < 0) {
        fd = open(DEV_DIR "ctl", O_RDWR | O_CLOEXEC);
    }
    if (fd < 0) {
        fail(errno == ENOENT ? "no " DEV_DIR
                               "ctl: curia.ko is not loaded, or this is no VM of Curia"
                             : DEV_DIR "ctl: %s",
             strerror(errno));
    }
    return fd;
}

int ctl_call(unsigned long request, void *arg)
{
    return ioctl(ctl(), request, arg);
}

static void help(void)
{
    puts("usage: curiactl COMMAND [ARGUMENTS]\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        const struct command *c = &commands[i];
        int width = printf("  %s %s", c->name, c->arguments);

        printf("%*s%s\n", width < 34 ? 34 - width : 1, "", c->help);
    }
    puts("\nExit status: 0 done, 1 refused or failed, 2 a mistake in the command.");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help();
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0) {
        help();
        return EXIT_DONE;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            command_name = commands[i].name;
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    usage_error("%s: no such command", argv[1]);
}
