/* SPDX-License-Identifier: BSD-2-Clause */
/* See sbi_env.h. */
#include "tests/unit/sbi_env.h"

#include "core/console.h"
#include "core/ipc.h"
#include "core/lifecycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEAK __attribute__((weak))

struct console {
    struct vm *vm;
};

struct sbi_env env;
static struct console console_a;

void env_init(void)
{
    fake_init(ENV_VCPUS + 1);
    memset(&env, 0, sizeof(env));
    env.in = "";
    env.a = fake_vm_add("a", ENV_VCPUS, 0, ENV_RAM, ENV_RAM_BYTES);
    env.b = fake_vm_add("b", 1, ENV_VCPUS, ENV_RAM, ENV_RAM_BYTES);
    sse_reset_vm(env.a);
    sse_reset_vm(env.b);
    console_a.vm = env.a;
    env.a->console = &console_a;
    memset(fake_vm_region(env.a, ENV_RAM2, ENV_RAM2_BYTES, REGION_RAM, MAP_RAM), 0x5a,
           ENV_RAM2_BYTES);
    (void)fake_vm_region(env.a, ENV_SHARED, ENV_SHARED_BYTES, REGION_SHARED, MAP_RO);
    fake_become(env.a->vcpus[0]->hart);
}

void env_end(void)
{
    fake_end();
}

int env_setup(void **state)
{
    (void)state;
    env_init();
    return 0;
}

int env_teardown(void **state)
{
    (void)state;
    env_end();
    return 0;
}

struct vcpu *env_vcpu(uint32_t index)
{
    return env.a->vcpus[index];
}

struct sbi_ret env_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                        uint64_t a3, uint64_t a4)
{
    uint64_t a[8] = {a0, a1, a2, a3, a4, ENV_SENTINEL, fid, eid};

    sbi_call(env_vcpu(0), a);
    if (a[2] != a2 || a[3] != a3 || a[4] != a4 || a[5] != ENV_SENTINEL || a[6] != fid ||
        a[7] != eid) {
        fprintf(stderr, "a call changed a register that it must preserve\n");
        abort();
    }
    return (struct sbi_ret){(int64_t)a[0], a[1]};
}

/* ---- stand-ins ------------------------------------------------------------------------------- */

WEAK size_t console_write(struct console *c, const char *data, size_t len)
{
    if (c != &console_a || len > sizeof(env.out)) {
        abort();
    }
    len = env.out_bounded && len > env.out_room ? env.out_room : len;
    for (size_t i = 0; i < len; i++) {
        env.out[(env.out_len + i) % sizeof(env.out)] = data[i];
    }
    env.out_len += len;
    return len;
}

WEAK size_t console_read(struct console *c, char *data, size_t len)
{
    size_t n = env.in_len < len ? env.in_len : len;

    if (c != &console_a) {
        abort();
    }
    memcpy(data, env.in, n);
    env.in += n;
    env.in_len -= n;
    return n;
}

WEAK void lifecycle_srst(struct vcpu *caller, bool reset, bool warm, bool failure)
{
    env.srsts++;
    env.srst_caller = caller;
    env.srst_reset = reset;
    env.srst_warm = warm;
    env.srst_failure = failure;
}

WEAK enum err lifecycle_suspend(struct vcpu *caller, gpa_t pc, uint64_t opaque)
{
    env.suspends++;
    env.suspend_caller = caller;
    env.suspend_pc = pc;
    env.suspend_opaque = opaque;
    return env.suspend_result;
}

WEAK void lifecycle_vcpu_held(struct vcpu *v)
{
    (void)v;
}

WEAK bool lifecycle_load(struct vm *vm)
{
    (void)vm;
    abort();
}

WEAK void lifecycle_vcpu_left(struct vm *vm)
{
    env.left++;
    atomic_fetch_sub(&vm->live_vcpus, 1);
}

WEAK enum err ipc_notify(struct vm *vm, uint64_t index, uint64_t bits)
{
    if (vm != env.a) {
        abort();
    }
    env.notifies++;
    env.notify_end = index;
    env.notify_bits = bits;
    return env.notify_result;
}

WEAK bool sbi_ipc_fast(struct vcpu *v, uint64_t a[8])
{
    return a[6] == CURIA_IPC_NOTIFY && sbi_answer(a, sbi_from(ipc_notify(v->vm, a[0], a[1])));
}

static struct sbi_ret own(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    (void)v;
    env.own_calls++;
    return fid < 16 ? sbi_ok(a[0] + fid) : sbi_err(SBI_ERR_NOT_SUPPORTED);
}

static struct sbi_ret own_ipc(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    return fid == CURIA_IPC_NOTIFY ? sbi_from(ipc_notify(v->vm, a[0], a[1])) : own(v, fid, a);
}

static bool own_probe(const struct vcpu *v)
{
    (void)v;
    return !env.own_absent;
}

WEAK const struct sbi_ext sbi_ext_susp = {SBI_EXT_SUSP, own, NULL};
WEAK const struct sbi_ext sbi_ext_ipc = {CURIA_EXT_IPC, own_ipc, NULL};
WEAK const struct sbi_ext sbi_ext_pwr = {CURIA_EXT_PWR, own, NULL};
WEAK const struct sbi_ext sbi_ext_vmm = {CURIA_EXT_VMM, own, own_probe};
