/* SPDX-License-Identifier: BSD-2-Clause */
/* The shell's `stat`: exits, time, channels, losses. Of what others count it takes no locks. */
#include "core/shell_cmd.h"

#include "core/addr.h"
#include "core/console.h"
#include "core/ipc.h"
#include "core/machine.h"
#include "core/pagepool.h"
#include "core/power_ctl.h"
#include "core/timer.h"
#include "core/usage.h"
#include "core/vm.h"

#include <stdio.h>

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
    shell_say("%-12s vCPU %u on hart %llu:%s", vm->config->name, (unsigned int)index,
              (unsigned long long)vcpu_hart(v)->id, text[0] != '\0' ? text : " no exits");
}

static const char *seconds(uint64_t ticks, char text[24])
{
    uint64_t tenths = ticks_to_us(ticks) / 100000;

    (void)snprintf(text, 24, "%llu.%u s", (unsigned long long)(tenths / 10),
                   (unsigned int)(tenths % 10));
    return text;
}

static void stat_turns(const struct vm *vm, uint32_t index)
{
    struct usage u;
    char run[24], ready[24], throttled[24];

    usage_of(vm->vcpus[index], &u);
    shell_say("%-12s vCPU %u ran %s, was ready %s, throttled %s; switches %llu", vm->config->name,
              (unsigned int)index, seconds(u.run, run), seconds(u.ready, ready),
              seconds(u.throttled, throttled), (unsigned long long)u.switches);
    if (vm->affinity != NULL) {
        const struct vcpu *v = vm->vcpus[index];

        shell_say("%-12s vCPU %u moved %u times", vm->config->name, (unsigned int)index,
                  (unsigned int)atomic_load_explicit(&v->moves, memory_order_relaxed));
    }
}

static void stat_hart(struct hart *hart)
{
    struct hart_usage u;
    char text[3][24];

    usage_of_hart(hart, &u);
    shell_say("hart %llu: idle %u%%, %s of %s; in Curia %s", (unsigned long long)hart->id,
              (unsigned int)(u.time >= 100 ? u.idle / (u.time / 100) : 0), seconds(u.idle, text[0]),
              seconds(u.time, text[1]), seconds(u.hyp, text[2]));
}

/* Only what is worth a look: ends that have been used, losses that have happened. */
static void stat_end(const struct vm *vm, uint32_t index)
{
    struct ipc_stats s;
    const char *channel = ipc_end_stats(vm, index, &s);

    if ((s.sent | s.received | s.refused | s.unreachable | s.bells) != 0) {
        shell_say(
            "%-12s channel %s: sent %llu received %llu bells %llu refused %llu unreachable %llu",
            vm->config->name, channel, (unsigned long long)s.sent, (unsigned long long)s.received,
            (unsigned long long)s.bells, (unsigned long long)s.refused,
            (unsigned long long)s.unreachable);
    }
    if ((s.bad_tails | s.lost_bytes) != 0) {
        shell_say("%-12s channel %s: wrong tails %llu, bytes unread at its end %llu",
                  vm->config->name, channel, (unsigned long long)s.bad_tails,
                  (unsigned long long)s.lost_bytes);
    }
}

static void stat_vm(struct vm *vm)
{
    uint32_t lost = console_input_lost(vm->console);
    uint32_t refused = power_ctl_status(vm).refused;

    for (uint32_t i = 0; i < vm->vcpu_count; i++) {
        stat_vcpu(vm, i);
        stat_turns(vm, i);
    }
    for (uint32_t i = 0; i < ipc_end_count(vm); i++) {
        stat_end(vm, i);
    }
    if (refused != 0) {
        shell_say("%-12s %u power calls refused", vm->config->name, (unsigned int)refused);
    }
    if (lost != 0) {
        shell_say("%-12s %u characters typed to it were lost", vm->config->name,
                  (unsigned int)lost);
    }
}

void shell_stat(struct vm *vm)
{
    if (vm != NULL) {
        stat_vm(vm);
        return;
    }
    for (uint32_t i = 0; i < machine.vm_count; i++) {
        stat_vm(machine.vms[i]);
    }
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        stat_hart(machine.harts[i]);
    }
    if (console_overruns() != 0) {
        shell_say("the terminal's UART was overrun %u times", (unsigned int)console_overruns());
    }
    shell_say("arena used: %u KiB", (unsigned int)(pool_used() / KIB));
}
