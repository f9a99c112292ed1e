/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Another VM is started, stopped and restarted by this one, which may. Its life begins with its
 * first code, which counts lives in the shared region and takes no exit. A stop ends when this VM
 * is told OFF; to ask is a call of its own: it is given SETTLE_US to be through, so that one call
 * is enough.
 */
#include "guests/bench/bench.h"
#include "guests/bench/channel.h"
#include "guests/lib/console.h"
#include "guests/lib/sbi_call.h"
#include "guests/lib/timer.h"

#define SETTLE_US 10000u

static uint64_t other; /* its number */

static void call(uint64_t fid, uint64_t flags)
{
    struct sbi_result r = sbi_call(CURIA_EXT_VMM, fid, other, flags, 0, 0);

    if (r.error != SBI_SUCCESS) {
        guest_panic("bench: VMM %u: error %d\n", (unsigned)fid, (int)r.error);
    }
}

static bool is_off(void)
{
    static struct curia_vm_info info;
    struct sbi_result r =
        sbi_call(CURIA_EXT_VMM, CURIA_VMM_INFO, other, (uint64_t)(uintptr_t)&info, 0, sizeof(info));

    if (r.error != SBI_SUCCESS) {
        guest_panic("bench: VMM info: error %d\n", (int)r.error);
    }
    return info.state == CURIA_VM_OFF;
}

static void until_off(void)
{
    do {
        pause_us(SETTLE_US);
    } while (!is_off());
}

void bench_vms(void)
{
    uint32_t life = 0;

    other = 1 - sbi_call(CURIA_EXT_VMM, CURIA_VMM_SELF, 0, 0, 0, 0).value;
    bench_empty();
    BENCH(vmm_info, (void)is_off());
    for (uint32_t round = 0; round < BENCH_ROUNDS; round++) {
        BENCH_BEGIN(vm_start);
        call(CURIA_VMM_START, 0);
        until(&steps->lives, ++life);
        BENCH_END(vm_start);
        BENCH_BEGIN(vm_stop);
        call(CURIA_VMM_STOP, CURIA_VMM_FORCE);
        until_off();
        BENCH_END(vm_stop);
    }
    call(CURIA_VMM_START, 0);
    until(&steps->lives, ++life);
    for (uint32_t round = 0; round < BENCH_ROUNDS; round++) {
        BENCH_BEGIN(vm_restart);
        call(CURIA_VMM_RESTART, CURIA_VMM_FORCE);
        until(&steps->lives, ++life);
        BENCH_END(vm_restart);
    }
}

void life_run(void)
{
    atomic_fetch_add(&steps->lives, 1);
    idle_run();
}
