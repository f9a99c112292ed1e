/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of curiactl to each other. Each command takes its own arguments, argv[0] its name. */
#ifndef CURIACTL_H
#define CURIACTL_H

#include <stdbool.h>
#include <stdint.h>

#include "guests/linux/curia_uapi.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_FAILED = 1, /* refused, or it did not work; the message says why */
    EXIT_USAGE = 2,
};

#define DEV_DIR "/dev/curia/"

/* main.c */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Decimal or 0x hexadecimal, at most max; anything else is a usage error that names what. */
uint64_t parse_number(const char *text, uint64_t max, const char *what);
/* /dev/curia/ctl, opened once. */
int ctl(void);
/* An ioctl on it: 0, or -1 with errno. */
int ctl_call(unsigned long request, void *arg);

/* vms.c */
uint32_t count_vms(void);
uint32_t find_vm(const char *name);
/* False: there is no such VM, or this one may not see it. */
bool vm_info(uint32_t vm, struct curia_vm_info *info);
int cmd_list(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_name(int argc, char **argv);
int cmd_vm_op(int argc, char **argv); /* start, stop, restart */

/* top.c */
int cmd_top(int argc, char **argv);

/* trace.c */
int cmd_trace(int argc, char **argv);

/* power.c */
int cmd_poweroff(int argc, char **argv); /* reboot, suspend */
int cmd_cancel(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_ignore(int argc, char **argv);
int cmd_policy(int argc, char **argv);

/* channels.c */
/* The device of a channel, opened; anything else fails. */
int open_channel(const char *label, int flags);
void channel_info(int fd, struct curia_channel_info *info);
int cmd_channels(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_recv(int argc, char **argv);
int cmd_bell(int argc, char **argv);
int cmd_region(int argc, char **argv);

/* demo.c: what is spoken in guests/demo_messages.h */
int cmd_ping(int argc, char **argv);
int cmd_watch(int argc, char **argv);

/* alarm.c */
int cmd_alarm(int argc, char **argv);

#endif
