// SPDX-License-Identifier: GPL-2.0-only
/* The VMs: what they are and do; start, stop, restart, pause, resume. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "curiactl.h"
#include "names.h"

static void get_count(struct curia_ctl_count *count)
{
    if (ctl_call(CURIA_CTL_COUNT, count) != 0) {
        fail("cannot count VMs: %s", strerror(errno));
    }
}

uint32_t count_vms(void)
{
    struct curia_ctl_count count;

    get_count(&count);
    return count.count;
}

bool vm_info(uint32_t vm, struct curia_vm_info *info)
{
    struct curia_ctl_vm_info arg = {.vm = vm};

    if (ctl_call(CURIA_CTL_VM_INFO, &arg) != 0) {
        if (errno == EACCES || errno == EINVAL) {
            return false;
        }
        fail("cannot ask for VM %" PRIu32 ": %s", vm, strerror(errno));
    }
    *info = arg.info;
    info->name[sizeof(info->name) - 1] = '\0';
    return true;
}

uint32_t find_vm(const char *name)
{
    struct curia_ctl_count count;
    struct curia_vm_info info;
    uint32_t hidden = 0;

    get_count(&count);
    for (uint32_t vm = 0; vm < count.count; vm++) {
        if (!vm_info(vm, &info)) {
            hidden++;
        } else if (strcmp(info.name, name) == 0) {
            return vm;
        }
    }
    fail(hidden == 0 ? "there is no VM '%s'"
                     : "no VM '%s' that this one may see (its manifest gives no privilege)",
         name);
}

static void print_uptime(const struct curia_vm_info *info)
{
    if (info->uptime_us == 0) {
        printf(" %10s", "-");
    } else {
        printf(" %7" PRIu64 ".%" PRIu64 "s", info->uptime_us / 1000000,
               info->uptime_us / 100000 % 10);
    }
}

int cmd_list(int argc, char **argv)
{
    struct curia_ctl_count count;
    struct curia_vm_info info;
    uint32_t hidden = 0;

    (void)argv;
    if (argc != 1) {
        usage_error("takes no arguments");
    }
    get_count(&count);
    printf("  %-16s %-10s %5s %10s %5s %10s  %s\n", "NAME", "STATE", "VCPUS", "MEMORY", "GEN",
           "UPTIME", "REASON");
    for (uint32_t vm = 0; vm < count.count; vm++) {
        if (!vm_info(vm, &info)) {
            hidden++;
            continue;
        }
        printf("%c %-16s %-10s %5" PRIu32 " %6" PRIu64 " MiB %5" PRIu32,
               vm == count.self ? '*' : ' ', info.name, name_of_vm_state(info.state), info.vcpus,
               info.memory_bytes >> 20, info.generation);
        print_uptime(&info);
        printf("  %s\n", name_of_stop_reason(info.stop_reason));
    }
    if (hidden != 0) {
        printf("(%" PRIu32 " more, which this VM has no privilege to see)\n", hidden);
    }
    return EXIT_DONE;
}

int cmd_info(int argc, char **argv)
{
    struct curia_vm_info info;
    uint32_t vm;

    if (argc != 2) {
        usage_error("wants the name of a VM");
    }
    vm = find_vm(argv[1]);
    if (!vm_info(vm, &info)) {
        fail("%s is gone from sight", argv[1]);
    }
    printf("name         %s\n", info.name);
    printf("number       %" PRIu32 "\n", info.index);
    printf("state        %s\n", name_of_vm_state(info.state));
    printf("starts       %" PRIu32 "\n", info.generation);
    printf("last stop    %s\n", name_of_stop_reason(info.stop_reason));
    printf("vcpus        %" PRIu32 "\n", info.vcpus);
    printf("memory       %" PRIu64 " MiB\n", info.memory_bytes >> 20);
    printf("uptime       %" PRIu64 ".%06" PRIu64 " s\n", info.uptime_us / 1000000,
           info.uptime_us % 1000000);
    printf("exits        %" PRIu64 "\n", info.exits);
    if (info.stop_reason == CURIA_STOP_CRASH) {
        printf("crashed at   pc 0x%" PRIx64 " cause 0x%" PRIx64 " address 0x%" PRIx64 "\n",
               info.fault_pc, info.fault_cause, info.fault_addr);
    }
    return EXIT_DONE;
}

int cmd_name(int argc, char **argv)
{
    struct curia_ctl_count count;
    struct curia_vm_info info;

    (void)argv;
    if (argc != 1) {
        usage_error("takes no arguments");
    }
    get_count(&count);
    if (!vm_info(count.self, &info)) {
        fail("Curia does not say who this is");
    }
    puts(info.name);
    return EXIT_DONE;
}

static const char *why_not(int error)
{
    switch (error) {
    case EACCES:
        return "this VM has no privilege to (manifest: privileges = \"manage\")";
    case EEXIST:
        return "it runs already";
    case ESRCH:
        return "it does not run";
    case EBUSY:
        return "not in its present state, or a power transition is under way";
    case EAGAIN:
        return "a power transition is under way";
    case EOPNOTSUPP:
        return "it does not listen; --force stops it without asking";
    default:
        return strerror(error);
    }
}

static uint32_t op_of(const char *verb)
{
    static const char *const verbs[] = {
        [CURIA_CTL_OP_START] = "start",     [CURIA_CTL_OP_STOP] = "stop",
        [CURIA_CTL_OP_RESTART] = "restart", [CURIA_CTL_OP_PAUSE] = "pause",
        [CURIA_CTL_OP_RESUME] = "resume",
    };
    uint32_t op = 0;

    while (strcmp(verbs[op], verb) != 0) {
        op++;
    }
    return op;
}

int cmd_vm_op(int argc, char **argv)
{
    struct curia_ctl_vm_op op = {.op = op_of(argv[0])};
    bool may_force = op.op == CURIA_CTL_OP_STOP || op.op == CURIA_CTL_OP_RESTART;
    const char *name = NULL;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--force") == 0 && may_force) {
            op.flags = CURIA_VMM_FORCE;
        } else if (argv[i][0] == '-' || name != NULL) {
            usage_error("%s is one argument too many", argv[i]);
        } else {
            name = argv[i];
        }
    }
    if (name == NULL) {
        usage_error("wants the name of a VM");
    }
    op.vm = find_vm(name);
    if (ctl_call(CURIA_CTL_VM_OP, &op) != 0) {
        fail("%s: %s", name, why_not(errno));
    }
    return EXIT_DONE;
}
