/* SPDX-License-Identifier: BSD-2-Clause */
/* The commit; core/power_commit.h. What it does is written before the harts are told of it. */
#include "core/power_commit.h"

#include "core/arch.h"
#include "core/console.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/timer.h"

#include <stdatomic.h>

#define PARK_TIMEOUT_US 1000000u

static struct {
    enum arch_reset kind;
    bool failed;
    _Atomic uint32_t takers;
} end;

static enum arch_reset reset_of(enum power_kind kind)
{
    switch (kind) {
    case POWER_RESET_COLD:
        return ARCH_RESET_COLD;
    case POWER_RESET_WARM:
        return ARCH_RESET_WARM;
    case POWER_OFF:
    case POWER_SUSPEND: /* refused at the request */
        return ARCH_RESET_OFF;
    }
    return ARCH_RESET_OFF;
}

void power_commit(enum power_kind kind, bool failed)
{
    end.kind = reset_of(kind);
    end.failed = failed;
    atomic_init(&end.takers, 0);
    for (uint32_t i = 0; i < machine.hart_count; i++) {
        hart_post(machine.harts[i], HART_WORK_COMMIT);
    }
}

/* The others are stopped before the platform goes; one that does not come is not waited for
 * long. */
static void wait_parked(void)
{
    const struct hart *self = arch_hart_self();
    uint64_t deadline = arch_now() + us_to_ticks(PARK_TIMEOUT_US);

    for (uint32_t i = 0; i < machine.hart_count; i++) {
        while (machine.harts[i] != self && !arch_hart_parked(machine.harts[i])) {
            if (arch_now() > deadline) {
                log_warn("hart %llu does not stop", (unsigned long long)machine.harts[i]->id);
                break;
            }
            arch_relax();
        }
    }
}

_Noreturn void power_commit_hart(void)
{
    /* The first one here stays; acquire pairs with the release in hart_post(). */
    if (atomic_fetch_add_explicit(&end.takers, 1, memory_order_acq_rel) != 0) {
        arch_hart_park();
    }
    wait_parked();
    console_flush();
    arch_machine_reset(end.kind, end.failed);
}
