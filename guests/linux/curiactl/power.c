// SPDX-License-Identifier: GPL-2.0-only
/* Power transitions: ask for one, call it off, see where it stands and what happened. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "curiactl.h"
#include "names.h"

#define NO_VM 0xffu

static const char *why_not(int error)
{
    switch (error) {
    case EACCES:
        return "this VM may not (manifest: power-may-initiate)";
    case EAGAIN:
        return "a stronger transition is under way";
    case EBUSY:
        return "the machine is past the point of no return";
    default:
        return strerror(error);
    }
}

int cmd_poweroff(int argc, char **argv)
{
    bool reboot = strcmp(argv[0], "reboot") == 0;
    bool suspend = strcmp(argv[0], "suspend") == 0;
    struct curia_ctl_request request = {
        .kind = suspend  ? CURIA_PWR_KIND_SUSPEND
                : reboot ? CURIA_PWR_KIND_RESET_COLD
                         : CURIA_PWR_KIND_OFF,
    };

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--emergency") == 0 && !suspend) {
            request.flags |= CURIA_PWR_FLAG_EMERGENCY;
        } else if (strcmp(argv[i], "--warm") == 0 && reboot) {
            request.kind = CURIA_PWR_KIND_RESET_WARM;
        } else {
            usage_error("%s: unknown argument", argv[i]);
        }
    }
    if (ctl_call(CURIA_CTL_REQUEST, &request) != 0) {
        fail("refused: %s", why_not(errno));
    }
    printf("transition %" PRIu32 ": %s%s\n", request.txn, name_of_power_kind(request.kind),
           request.flags != 0 ? ", emergency" : "");
    return EXIT_DONE;
}

int cmd_cancel(int argc, char **argv)
{
    uint32_t txn = 0;

    if (argc > 2) {
        usage_error("takes one transition at most");
    }
    if (argc == 2) {
        txn = (uint32_t)parse_number(argv[1], UINT32_MAX, "a transition");
    }
    if (ctl_call(CURIA_CTL_CANCEL, &txn) != 0) {
        fail("refused: %s", errno == EACCES
                                ? "not this VM's to cancel, or VMs are being stopped already"
                            : errno == EINVAL ? "no such transition is under way"
                                              : strerror(errno));
    }
    return EXIT_DONE;
}

/* Names are asked for once each. */
static const char *who(uint32_t vm)
{
    static char names[NO_VM][32];
    struct curia_vm_info info;

    switch (vm) {
    case 0xfd:
        return "console";
    case 0xfe:
        return "platform";
    case NO_VM:
        return "all";
    default:
        if (vm > NO_VM) {
            return "?";
        }
        break;
    }
    if (names[vm][0] == '\0') {
        if (vm_info(vm, &info)) {
            memcpy(names[vm], info.name, sizeof(names[vm]));
        } else {
            snprintf(names[vm], sizeof(names[vm]), "vm%" PRIu32, vm);
        }
    }
    return names[vm];
}

static void print_wake(void)
{
    struct curia_ctl_wake wake;
    uint32_t by;

    if (ctl_call(CURIA_CTL_WAKE, &wake) != 0) {
        fail("%s", strerror(errno));
    }
    by = CURIA_PWR_WAKE_BY(wake.reason);
    if (wake.txn != 0) {
        printf("suspend %" PRIu32 " was ended by %s%s\n", wake.txn, who(by),
               CURIA_PWR_WAKE_EARLY(wake.reason) != 0 ? " before the machine slept" : "");
    }
}

int cmd_status(int argc, char **argv)
{
    struct curia_ctl_status s;
    uint32_t state;

    (void)argv;
    if (argc != 1) {
        usage_error("takes no arguments");
    }
    if (ctl_call(CURIA_CTL_STATUS, &s) != 0) {
        fail("%s", strerror(errno));
    }
    state = (uint32_t)CURIA_PWR_STATUS_STATE(s.status);
    printf("machine %s", name_of_power_state(state));
    if (state != 0) {
        printf(" (%s, transition %" PRIu32 ")",
               name_of_power_kind((uint32_t)CURIA_PWR_STATUS_KIND(s.status)),
               (uint32_t)CURIA_PWR_STATUS_TXN(s.status));
    }
    printf(", this VM %s", name_of_power_state((uint32_t)CURIA_PWR_STATUS_VM(s.status)));
    if (s.time_left_us != 0) {
        printf(", %" PRIu64 " ms left", (uint64_t)s.time_left_us / 1000);
    }
    putchar('\n');
    print_wake();
    return EXIT_DONE;
}

/* ---- the audit ------------------------------------------------------------------------------- */

/* In the form in which Curia prints records itself. */
static void print_detail(const struct curia_audit_record *r)
{
    const char *event = name_of_audit_event(r->event);

    if (strcmp(event, "REQUEST") == 0 || strcmp(event, "JOIN") == 0 ||
        strcmp(event, "REPLACE") == 0 || strcmp(event, "COMMIT") == 0) {
        printf(" %s%s%s reason 0x%" PRIx64, name_of_power_kind((uint32_t)(r->detail & 0xff)),
               (r->detail & 0x100) != 0 ? " emergency" : "",
               (r->detail & 0x200) != 0 ? " srst" : "", r->detail >> 32);
    } else if (strcmp(event, "POSTPONE") == 0) {
        printf(" +%" PRIu64 " us", r->detail);
    } else if (r->detail != 0) {
        printf(" 0x%" PRIx64, r->detail);
    }
}

static void print_record(const struct curia_audit_record *r)
{
    printf("audit %05" PRIu64 " [%4" PRIu64 ".%06" PRIu64 "] txn %" PRIu32 " %s %s %s", r->seq,
           r->time_us / 1000000, r->time_us % 1000000, r->txn, who(r->vm),
           name_of_audit_event(r->event), name_of_power_state(r->old_state));
    if (r->new_state != r->old_state) {
        printf(" -> %s", name_of_power_state(r->new_state));
    }
    print_detail(r);
    putchar('\n');
}

int cmd_audit(int argc, char **argv)
{
    struct curia_audit_record records[CURIA_PWR_AUDIT_MAX];
    struct curia_ctl_audit arg = {.records = (uintptr_t)records};
    uint64_t next = 0;

    (void)argv;
    if (argc != 1) {
        usage_error("takes no arguments");
    }
    do {
        arg.seq = next;
        arg.count = CURIA_PWR_AUDIT_MAX;
        if (ctl_call(CURIA_CTL_AUDIT, &arg) != 0) {
            fail("%s", errno == EACCES
                           ? "this VM may not read it (manifest: privileges = \"audit\")"
                           : strerror(errno));
        }
        for (uint32_t i = 0; i < arg.count; i++) {
            if (next != 0 && records[i].seq > next) {
                printf("(%" PRIu64 " records were overwritten)\n", records[i].seq - next);
            }
            print_record(&records[i]);
            next = records[i].seq + 1;
        }
    } while (arg.count != 0);
    return EXIT_DONE;
}

/* ---- this VM's own part ---------------------------------------------------------------------- */

int cmd_ignore(int argc, char **argv)
{
    uint32_t on;

    if (argc == 1) {
        if (ctl_call(CURIA_CTL_IGNORED, &on) != 0) {
            fail("%s", strerror(errno));
        }
        puts(on != 0 ? "on" : "off");
        return EXIT_DONE;
    }
    if (argc != 2 || (strcmp(argv[1], "on") != 0 && strcmp(argv[1], "off") != 0)) {
        usage_error("wants on or off");
    }
    on = strcmp(argv[1], "on") == 0;
    if (ctl_call(CURIA_CTL_IGNORE, &on) != 0) {
        fail("%s", strerror(errno));
    }
    return EXIT_DONE;
}

/*
 * Waits for the next PREPARE and answers it. After a postponement, READY when the time is over: by
 * closing the device.
 */
int cmd_policy(int argc, char **argv)
{
    char line[64];
    char text[32];
    uint32_t ms = 0;
    ssize_t n;
    int fd;

    if (argc == 3 && strcmp(argv[1], "postpone") == 0) {
        ms = (uint32_t)parse_number(argv[2], 3600000, "a time in ms");
        snprintf(text, sizeof(text), "postpone %" PRIu32, ms);
    } else if (argc == 2 && (strcmp(argv[1], "ready") == 0 || strcmp(argv[1], "veto") == 0)) {
        snprintf(text, sizeof(text), "%s", argv[1]);
    } else {
        usage_error("wants ready, veto or postpone MS");
    }
    fd = open(DEV_DIR "power", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        fail(DEV_DIR "power: %s", errno == EBUSY ? "another program decides" : strerror(errno));
    }
    do {
        n = read(fd, line, sizeof(line) - 1);
        if (n <= 0) {
            fail(DEV_DIR "power: %s", strerror(errno));
        }
        line[n] = '\0';
        fputs(line, stdout);
        fflush(stdout);
    } while (strncmp(line, "prepare ", 8) != 0);
    if (write(fd, text, strlen(text)) < 0) {
        fail("'%s' is refused: %s", text,
             errno == EACCES  ? "this VM has no right to, or none left"
             : errno == EBUSY ? "too late"
                              : strerror(errno));
    }
    printf("answered: %s\n", text);
    fflush(stdout);
    if (ms != 0) {
        usleep(ms * 1000u);
    }
    return EXIT_DONE;
}
