/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/sbi.c sbi/hartmask.c sbi/ext_base.c sbi/ext_time.c sbi/ext_ipi.c sbi/ext_rfence.c
 *       sbi/ext_hsm.c sbi/ext_srst.c sbi/ext_susp.c sbi/ext_dbcn.c sbi/legacy.c core/vcpu.c
 *       core/hart.c core/memmap.c core/guest_copy.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c tests/unit/sbi_env.c sbi/ext_sse.c sbi/ext_fwft.c core/sse.c
 *       sbi/ext_pmu.c core/pmu.c sbi/ext_sta.c sbi/ext_dbtr.c core/steal.c */
/* What one vCPU does to others by SBI: IPI, RFENCE, HSM. [SBI 3.0 §7 to §9] */
#include "tests/unit/sbi_env.h"

#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int64_t call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                    uint64_t a4)
{
    struct sbi_ret r = env_call(eid, fid, a0, a1, a2, a3, a4);

    assert_int_equal(r.value, 0);
    return r.error;
}

static int64_t ipi(uint64_t mask, uint64_t base)
{
    return call(SBI_EXT_IPI, SBI_IPI_SEND_IPI, mask, base, 0, 0, 0);
}

static enum vcpu_state state_of(uint32_t i)
{
    return (enum vcpu_state)atomic_load(&env_vcpu(i)->state);
}

static bool soft_line(uint32_t i)
{
    return (atomic_load(&env_vcpu(i)->irq_lines) & 1u << VCPU_IRQ_SOFT) != 0;
}

/* vCPU i's hart comes by; then it is vCPU 0's turn again. */
static bool prepare(uint32_t i)
{
    bool runs;

    fake_become(env_vcpu(i)->hart);
    runs = vcpu_prepare(env_vcpu(i));
    fake_become(env_vcpu(0)->hart);
    return runs;
}

/* ---- IPI ------------------------------------------------------------------------------------- */

static void ipi_to_self(void **state)
{
    struct fake_vcpu *self = fake_vcpu(env_vcpu(0));

    (void)state;
    assert_int_equal(ipi(1, 0), 0);
    assert_true(self->soft_pending);
    assert_int_equal(fake_hart(0)->kicks, 0);
    assert_false(soft_line(0));

    /* An edge: once the guest has cleared it, the next one counts again. */
    self->soft_pending = false;
    assert_int_equal(ipi(1, 0), 0);
    assert_true(self->soft_pending);
    assert_int_equal(self->softs, 2);
}

static void ipi_to_others(void **state)
{
    (void)state;
    fake_vcpu_state(env_vcpu(1), VCPU_STARTED);
    fake_vcpu_state(env_vcpu(2), VCPU_SUSPENDED);
    atomic_store(&env_vcpu(1)->hart->mode, HART_GUEST);

    for (uint32_t round = 1; round <= 3; round++) {
        assert_int_equal(ipi(3, 1), 0);
        assert_true(soft_line(1) && soft_line(2));
        assert_int_equal(fake_hart(1)->kicks, round);
        assert_int_equal(fake_hart(2)->kicks, round);
        /* A second one before it is taken is the same one. */
        assert_int_equal(ipi(2, 0), 0);
        assert_int_equal(fake_hart(1)->kicks, round);

        assert_true(prepare(1) && prepare(2));
        assert_true(fake_vcpu(env_vcpu(1))->soft_pending && fake_vcpu(env_vcpu(2))->soft_pending);
        assert_int_equal(state_of(2), VCPU_STARTED);
        fake_vcpu(env_vcpu(1))->soft_pending = false;
        fake_vcpu(env_vcpu(2))->soft_pending = false;
        assert_false(fake_vcpu(env_vcpu(0))->soft_pending);
        fake_vcpu_state(env_vcpu(2), VCPU_SUSPENDED);
    }
}

/* Those who run are kicked by one message; who is in the hypervisor needs none. */
static void ipi_in_one_message(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 3; i++) {
        fake_vcpu_state(env_vcpu(i), VCPU_STARTED);
        atomic_store(&env_vcpu(i)->hart->mode, i == 2 ? HART_HYP : HART_GUEST);
    }
    assert_int_equal(ipi(7, 1), 0);
    assert_true(soft_line(1) && soft_line(2) && soft_line(3));
    assert_int_equal(fake_hart(1)->kicks, 1);
    assert_int_equal(fake_hart(2)->kicks, 0);
    assert_int_equal(fake_hart(3)->kicks, 1);
    assert_int_equal(fake.kick_messages, 1);

    /* All of it is told already. */
    assert_int_equal(ipi(7, 1), 0);
    assert_int_equal(fake.kick_messages, 1);
}

static void ipi_to_all(void **state)
{
    (void)state;
    fake_vcpu_state(env_vcpu(1), VCPU_STARTED);
    fake_vcpu_state(env_vcpu(3), VCPU_START_PENDING);
    assert_int_equal(ipi(0, UINT64_MAX), 0); /* the mask is ignored */
    assert_true(fake_vcpu(env_vcpu(0))->soft_pending);
    assert_true(soft_line(1) && soft_line(3));
    assert_false(soft_line(2)); /* nothing from before a start */
    assert_false(soft_line(0));
}

static void ipi_refused(void **state)
{
    (void)state;
    for (uint32_t i = 1; i < ENV_VCPUS; i++) {
        fake_vcpu_state(env_vcpu(i), VCPU_STARTED);
    }
    assert_int_equal(ipi(0x1f, 0), SBI_ERR_INVALID_PARAM); /* 4 does not exist */
    assert_int_equal(ipi(1, 4), SBI_ERR_INVALID_PARAM);
    assert_int_equal(ipi(3, 3), SBI_ERR_INVALID_PARAM);
    assert_int_equal(ipi(3, UINT64_MAX - 1), SBI_ERR_INVALID_PARAM);
    assert_int_equal(ipi(1ull << 63, 63), SBI_ERR_INVALID_PARAM);
    for (uint32_t i = 0; i < ENV_VCPUS; i++) {
        assert_false(soft_line(i) || fake_vcpu(env_vcpu(i))->soft_pending);
    }
    assert_int_equal(ipi(0, 1000), 0); /* nobody named */
    assert_int_equal(atomic_load(&env.b->vcpus[0]->irq_lines), 0);
}

/* ---- RFENCE ---------------------------------------------------------------------------------- */

static int64_t rfence(uint64_t fid, uint64_t mask, uint64_t base, uint64_t start, uint64_t size,
                      uint64_t asid)
{
    return call(SBI_EXT_RFENCE, fid, mask, base, start, size, asid);
}

static void expect_fence(uint32_t i, uint32_t total, enum fence_kind kind, uint64_t start,
                         uint64_t size, uint64_t asid)
{
    struct fake_vcpu *f = fake_vcpu(env_vcpu(i));
    const struct fence *last = &f->fences_seen[total - 1];

    assert_int_equal(f->fence_total, total);
    assert_int_equal(last->kind, kind);
    if (kind != FENCE_I) {
        assert_int_equal(last->start, start);
        assert_int_equal(last->size, size);
    }
    if (kind == FENCE_VMA_ASID) {
        assert_int_equal(last->asid, asid);
    }
}

static void rfence_self(void **state)
{
    (void)state;
    assert_int_equal(rfence(SBI_RFENCE_FENCE_I, 1, 0, 0, 0, 0), 0);
    expect_fence(0, 1, FENCE_I, 0, 0, 0);
    /* A fence of instructions has no range and no ASID: nothing of them is looked at. */
    assert_int_equal(rfence(SBI_RFENCE_FENCE_I, 1, 0, UINT64_MAX, 2, UINT64_MAX), 0);
    expect_fence(0, 2, FENCE_I, 0, 0, 0);
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA, 1, 0, 0x1000, 0x3000, UINT64_MAX), 0);
    expect_fence(0, 3, FENCE_VMA, 0x1000, 0x3000, 0);
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA_ASID, 1, 0, 0x1000, 0x3000, 0xffff), 0);
    expect_fence(0, 4, FENCE_VMA_ASID, 0x1000, 0x3000, 0xffff);
}

static void rfence_ranges(void **state)
{
    (void)state;
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA, 1, 0, 0, 0, 0), 0);
    expect_fence(0, 1, FENCE_VMA, 0, UINT64_MAX, 0);
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA, 1, 0, 0x123456, UINT64_MAX, 0), 0);
    expect_fence(0, 2, FENCE_VMA, 0, UINT64_MAX, 0);
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA_ASID, 1, 0, 0, 0, 5), 0);
    expect_fence(0, 3, FENCE_VMA_ASID, 0, UINT64_MAX, 5);

    /* Up to the very end is no overflow; one byte more is. Nothing is nothing. */
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA, 1, 0, UINT64_MAX - 0xfff, 0x1000, 0), 0);
    expect_fence(0, 4, FENCE_VMA, UINT64_MAX - 0xfff, 0x1000, 0);
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA, 1, 0, UINT64_MAX - 0xfff, 0x1001, 0),
                     SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA_ASID, 1, 0, 3, UINT64_MAX - 1, 0),
                     SBI_ERR_INVALID_ADDRESS);
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA, 1, 0, 0x1000, 0, 0), 0);
    assert_int_equal(fake_vcpu(env_vcpu(0))->fence_total, 4);
}

static void rfence_refused(void **state)
{
    (void)state;
    for (uint64_t fid = SBI_RFENCE_FENCE_I; fid <= SBI_RFENCE_SFENCE_VMA_ASID; fid++) {
        assert_int_equal(rfence(fid, 1, 4, 0, 0, 0), SBI_ERR_INVALID_PARAM);
        assert_int_equal(rfence(fid, 0x11, 0, 0, 0, 0), SBI_ERR_INVALID_PARAM);
        assert_int_equal(rfence(fid, 0, 99, 0, 0, 0), 0);
    }
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA_ASID, 1, 0, 0, 0, 0x10000),
                     SBI_ERR_INVALID_PARAM);
    /* The guest has no H. */
    for (uint64_t fid = SBI_RFENCE_HFENCE_GVMA_VMID; fid <= SBI_RFENCE_HFENCE_VVMA; fid++) {
        assert_int_equal(rfence(fid, 1, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
    }
    assert_int_equal(fake_vcpu(env_vcpu(0))->fence_total, 0);
}

static uint32_t guest_rounds;

/* vCPU 1 runs in the guest a little longer, then its kick brings it out. */
static void guest_leaves(void)
{
    if (++guest_rounds == 3) {
        (void)prepare(1);
    }
}

static void rfence_others(void **state)
{
    (void)state;
    fake_vcpu_state(env_vcpu(1), VCPU_STARTED);
    fake_vcpu_state(env_vcpu(2), VCPU_STARTED);
    atomic_store(&env_vcpu(1)->hart->mode, HART_GUEST);
    atomic_store(&env_vcpu(2)->hart->mode, HART_IDLE);
    guest_rounds = 0;
    fake.on_relax = guest_leaves;

    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA, 0, UINT64_MAX, 0x4000, 0x1000, 0), 0);
    assert_int_equal(guest_rounds, 3); /* it waited for the one in the guest, for no other */
    assert_int_equal(fake.kick_messages, 1);
    expect_fence(0, 1, FENCE_VMA, 0x4000, 0x1000, 0);
    expect_fence(1, 1, FENCE_VMA, 0x4000, 0x1000, 0);
    assert_int_equal(fake_vcpu(env_vcpu(2))->fence_total, 0);
    (void)prepare(2);
    expect_fence(2, 1, FENCE_VMA, 0x4000, 0x1000, 0);
    assert_int_equal(fake_vcpu(env.b->vcpus[0])->fence_total, 0);
}

/* ---- HSM ------------------------------------------------------------------------------------- */

static int64_t hart_start(uint64_t id, uint64_t addr, uint64_t opaque)
{
    return call(SBI_EXT_HSM, SBI_HSM_START, id, addr, opaque, 0, 0);
}

static int64_t status(uint64_t id)
{
    struct sbi_ret r = env_call(SBI_EXT_HSM, SBI_HSM_GET_STATUS, id, 0, 0, 0, 0);

    return r.error == 0 ? (int64_t)r.value : r.error;
}

static void hsm_start(void **state)
{
    struct fake_vcpu *one = fake_vcpu(env_vcpu(1));

    (void)state;
    assert_int_equal(status(0), SBI_HSM_STATE_STARTED);
    assert_int_equal(status(1), SBI_HSM_STATE_STOPPED);
    assert_int_equal(hart_start(1, ENV_RAM + 2, 0xfeed), 0);
    assert_int_equal(status(1), SBI_HSM_STATE_START_PENDING);
    assert_int_equal(fake_hart(1)->kicks, 1);
    assert_int_equal(hart_start(1, ENV_RAM, 0), SBI_ERR_ALREADY_AVAILABLE);

    assert_true(prepare(1));
    assert_int_equal(status(1), SBI_HSM_STATE_STARTED);
    assert_int_equal(one->resets, 1);
    assert_int_equal(one->reset_pc.v, ENV_RAM + 2);
    assert_int_equal(one->reset_opaque, 0xfeed);
    assert_int_equal(hart_start(1, ENV_RAM, 0), SBI_ERR_ALREADY_AVAILABLE);
    assert_int_equal(hart_start(0, ENV_RAM, 0), SBI_ERR_ALREADY_AVAILABLE);
    fake_vcpu_state(env_vcpu(1), VCPU_SUSPENDED);
    assert_int_equal(hart_start(1, ENV_RAM, 0), SBI_ERR_ALREADY_AVAILABLE);
}

/* Both calls have succeeded, so the new life has the IPI, however long its hart takes. */
static void hsm_start_then_ipi(void **state)
{
    (void)state;
    assert_int_equal(hart_start(1, ENV_RAM, 0), 0);
    assert_int_equal(ipi(2, 0), 0);
    assert_true(prepare(1));
    assert_true(fake_vcpu(env_vcpu(1))->soft_pending);
}

/* One that met a hart on its way out is of the life before. */
static void hsm_start_after_ipi(void **state)
{
    (void)state;
    vcpu_irq_set(env_vcpu(1), VCPU_IRQ_SOFT, true);
    assert_int_equal(ipi(2, 0), 0);
    assert_false(prepare(1));
    assert_int_equal(hart_start(1, ENV_RAM, 0), 0);
    assert_true(prepare(1));
    assert_false(fake_vcpu(env_vcpu(1))->soft_pending);
}

static const uint64_t bad_addresses[] = {
    0,          ENV_RAM - 2,    ENV_RAM_END,   ENV_SHARED,          ENV_RAM + 1,
    UINT64_MAX, UINT64_MAX - 1, FAKE_HPA_BASE, ENV_RAM | 1ull << 63};

static void hsm_start_refused(void **state)
{
    static const uint64_t bad_ids[] = {ENV_VCPUS, 64, 1ull << 32, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_ids); i++) {
        assert_int_equal(hart_start(bad_ids[i], ENV_RAM, 0), SBI_ERR_INVALID_PARAM);
        assert_int_equal(status(bad_ids[i]), SBI_ERR_INVALID_PARAM);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad_addresses); i++) {
        assert_int_equal(hart_start(1, bad_addresses[i], 0), SBI_ERR_INVALID_ADDRESS);
    }
    assert_int_equal(status(1), SBI_HSM_STATE_STOPPED);

    atomic_store(&env.a->state_seen, VM_STOPPING);
    assert_int_equal(hart_start(1, ENV_RAM, 0), SBI_ERR_FAILED);
    assert_int_equal(status(1), SBI_HSM_STATE_STOPPED);
}

static void hsm_stop(void **state)
{
    (void)state;
    (void)env_call(SBI_EXT_HSM, SBI_HSM_STOP, 0, 0, 0, 0, 0);
    assert_int_equal(state_of(0), VCPU_STOPPED);
    assert_int_equal(env.left, 1);
    assert_false(prepare(0));
    assert_int_equal(fake_vcpu(env_vcpu(0))->puts, 1);
    assert_false(vcpu_loaded(env_vcpu(0)));
}

static int64_t suspend(uint64_t type, uint64_t addr, uint64_t opaque)
{
    return call(SBI_EXT_HSM, SBI_HSM_SUSPEND, type, addr, opaque, 0, 0);
}

static void hsm_suspend_retentive(void **state)
{
    struct fake_vcpu *self = fake_vcpu(env_vcpu(0));

    (void)state;
    /* The address is unused; so is what stands above the 32 bits of the type. */
    assert_int_equal(suspend(SBI_HSM_SUSPEND_RETENTIVE | 5ull << 32, UINT64_MAX, 1), 0);
    assert_int_equal(state_of(0), VCPU_SUSPENDED);
    assert_false(prepare(0));
    vcpu_irq_set(env_vcpu(0), VCPU_IRQ_EXT, true);
    assert_true(prepare(0));
    assert_int_equal(state_of(0), VCPU_STARTED);
    assert_int_equal(self->resumes + self->resets, 0);
}

/* "when it receives an interrupt": an IPI ends it even if the guest has not enabled that. */
static void hsm_suspend_ipi_disabled(void **state)
{
    struct vcpu *one = env_vcpu(1);

    (void)state;
    fake_vcpu_state(one, VCPU_SUSPENDED);
    fake_vcpu(one)->irq_enabled = 0;
    vcpu_irq_set(one, VCPU_IRQ_EXT, true);
    assert_false(prepare(1));
    for (uint32_t round = 0; round < 2; round++) {
        assert_int_equal(ipi(2, 0), 0);
        assert_true(prepare(1));
        assert_int_equal(status(1), SBI_HSM_STATE_STARTED);
        assert_true(fake_vcpu(one)->soft_pending);

        /* The guest leaves it pending: an old one ends no suspend. */
        fake_vcpu_state(one, VCPU_SUSPENDED);
        assert_false(prepare(1));
    }
}

static void hsm_suspend_non_retentive(void **state)
{
    struct fake_vcpu *self = fake_vcpu(env_vcpu(0));

    (void)state;
    assert_int_equal(suspend(SBI_HSM_SUSPEND_NON_RETENTIVE, ENV_RAM2 - 2, 0xabc), 0);
    assert_int_equal(status(0), SBI_HSM_STATE_SUSPENDED);
    assert_false(prepare(0));
    arch_vcpu_msi(env_vcpu(0), 7);
    assert_true(prepare(0));
    assert_int_equal(self->resumes, 1);
    assert_int_equal(self->reset_pc.v, ENV_RAM2 - 2);
    assert_int_equal(self->reset_opaque, 0xabc);
    assert_true(fake_msi_take(env_vcpu(0), 7)); /* what woke it is still there */
}

static void hsm_suspend_refused(void **state)
{
    static const uint64_t bad_types[] = {1,          0x0FFFFFFF, 0x10000000, 0x7FFFFFFF,
                                         0x80000001, 0x8FFFFFFF, 0x90000000, 0xFFFFFFFF};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_types); i++) {
        assert_int_equal(suspend(bad_types[i], ENV_RAM, 0), SBI_ERR_INVALID_PARAM);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad_addresses); i++) {
        assert_int_equal(suspend(SBI_HSM_SUSPEND_NON_RETENTIVE, bad_addresses[i], 0),
                         SBI_ERR_INVALID_ADDRESS);
    }
    assert_int_equal(state_of(0), VCPU_STARTED);
}

/* ---- the small print ------------------------------------------------------------------------- */

/* A fence of nothing still names harts, and those must be there. */
static void rfence_of_nothing(void **state)
{
    (void)state;
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA, 1, 4, 0x1000, 0, 0), SBI_ERR_INVALID_PARAM);
    assert_int_equal(rfence(SBI_RFENCE_SFENCE_VMA_ASID, 0x10, 0, 0x1000, 0, 0),
                     SBI_ERR_INVALID_PARAM);
}

static void fence_1(enum fence_kind kind, uint64_t start)
{
    const struct fence f = {kind, start, 0x1000, 0};

    vcpu_fence(env.a, 2, &f);
}

/* As many as fit are done one by one, in their order, and once. */
static void fences_queue(void **state)
{
    struct fake_vcpu *f = fake_vcpu(env_vcpu(1));

    (void)state;
    fake_vcpu_state(env_vcpu(1), VCPU_STARTED);
    for (uint32_t i = 0; i < VCPU_FENCES; i++) {
        fence_1(FENCE_VMA, 0x1000 * i);
    }
    assert_true(prepare(1));
    assert_int_equal(f->fence_total, VCPU_FENCES);
    for (uint32_t i = 0; i < VCPU_FENCES; i++) {
        assert_int_equal(f->fences_seen[i].start, 0x1000 * i);
    }
    fence_1(FENCE_I, 0);
    assert_true(prepare(1));
    expect_fence(1, VCPU_FENCES + 1, FENCE_I, 0, 0, 0);
}

/* More than fit become one of everything, of both sorts; those after it are kept again. */
static void fences_overflow(void **state)
{
    struct fake_vcpu *f = fake_vcpu(env_vcpu(1));

    (void)state;
    fake_vcpu_state(env_vcpu(1), VCPU_STARTED);
    for (uint32_t i = 0; i <= VCPU_FENCES; i++) {
        fence_1(FENCE_VMA_ASID, 0x1000);
    }
    fence_1(FENCE_VMA, 0x7000);
    assert_true(prepare(1));
    assert_int_equal(f->fence_total, 3);
    assert_int_equal(f->fences_seen[0].kind, FENCE_VMA);
    assert_int_equal(f->fences_seen[0].start, 0);
    assert_true(f->fences_seen[0].size == UINT64_MAX);
    assert_int_equal(f->fences_seen[1].kind, FENCE_I);
    assert_int_equal(f->fences_seen[2].start, 0x7000);
}

/* One that is not resident has nothing to fence, then or later. */
static void fences_of_a_stopped_vcpu(void **state)
{
    (void)state;
    fence_1(FENCE_VMA, 0x1000);
    assert_false(prepare(1));
    assert_int_equal(fake_vcpu(env_vcpu(1))->fence_total, 0);
}

/* A line is lowered alone: the others stay as they are. */
static void irq_line_falls_alone(void **state)
{
    struct vcpu *v = env_vcpu(1);

    (void)state;
    vcpu_irq_set(v, VCPU_IRQ_SOFT, true);
    vcpu_irq_set(v, VCPU_IRQ_EXT, true);
    vcpu_irq_set(v, VCPU_IRQ_EXT, false);
    assert_int_equal(atomic_load(&v->irq_lines), 1u << VCPU_IRQ_SOFT);
    vcpu_irq_set(v, VCPU_IRQ_EXT, false);
    assert_int_equal(atomic_load(&v->irq_lines), 1u << VCPU_IRQ_SOFT);
}

/* What holds the VM up is counted once: not by a start in vain. */
static void hsm_start_in_vain(void **state)
{
    uint32_t live = atomic_load(&env.a->live_vcpus);

    (void)state;
    assert_int_equal(call(SBI_EXT_HSM, SBI_HSM_START, 0, ENV_RAM, 0, 0, 0),
                     SBI_ERR_ALREADY_AVAILABLE);
    assert_int_equal(atomic_load(&env.a->live_vcpus), live);
    assert_int_equal(call(SBI_EXT_HSM, SBI_HSM_START, 1, ENV_RAM, 0, 0, 0), 0);
    assert_int_equal(call(SBI_EXT_HSM, SBI_HSM_START, 1, ENV_RAM, 0, 0, 0),
                     SBI_ERR_ALREADY_AVAILABLE);
    assert_int_equal(atomic_load(&env.a->live_vcpus), live + 1);
}

/* A level that was up before the start is there when the guest begins. */
static void hsm_start_syncs_lines(void **state)
{
    (void)state;
    vcpu_irq_set(env_vcpu(1), VCPU_IRQ_EXT, true);
    (void)prepare(1);
    assert_int_equal(call(SBI_EXT_HSM, SBI_HSM_START, 1, ENV_RAM_END - 2, 0, 0, 0), 0);
    assert_true(prepare(1));
    assert_int_equal(fake_vcpu(env_vcpu(1))->irq_synced, 1u << VCPU_IRQ_EXT);
}

#define test(f) cmocka_unit_test_setup_teardown(f, env_setup, env_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        test(ipi_to_self),
        test(ipi_to_others),
        test(ipi_in_one_message),
        test(ipi_to_all),
        test(ipi_refused),
        test(rfence_self),
        test(rfence_ranges),
        test(rfence_refused),
        test(rfence_others),
        test(hsm_start),
        test(hsm_start_then_ipi),
        test(hsm_start_after_ipi),
        test(hsm_start_refused),
        test(hsm_stop),
        test(hsm_suspend_retentive),
        test(hsm_suspend_ipi_disabled),
        test(hsm_suspend_non_retentive),
        test(hsm_suspend_refused),
        test(rfence_of_nothing),
        test(fences_queue),
        test(fences_overflow),
        test(fences_of_a_stopped_vcpu),
        test(irq_line_falls_alone),
        test(hsm_start_in_vain),
        test(hsm_start_syncs_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
