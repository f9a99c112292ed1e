/* SPDX-License-Identifier: BSD-2-Clause */
/* LINK: sbi/ext_pwr.c core/memmap.c core/guest_copy.c tests/unit/fake_arch.c
 *       tests/unit/fake_core.c */
/* PWR as guests call it: arguments, packing, the audit's buffer. The coordinator and sbi_from() are
 * faked. [docs/abi.md, PWR] */
#include "tests/unit/ext_rig.h"
#include "tests/unit/fake_arch.h"

#include "core/power_ctl.h"
#include "sbi/sbi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define RAM    0x80000000ull
#define BYTES  0x1000ull
#define WIDE   0x100000000ull
#define UNUSED UINT64_MAX

static struct vm *vm;

/* What the coordinator was asked, and answers. */
static struct {
    uint32_t calls;
    enum power_kind kind;
    uint32_t reason, txn;
    bool emergency, on;
    enum power_event_type answer;
    uint64_t us;
    uint64_t records; /* from 1 */
    enum err result;
} ctl;

enum err power_ctl_request(struct vm *by, enum power_kind kind, uint32_t reason, bool emergency,
                           uint32_t *txn)
{
    assert_ptr_equal(by, vm);
    ctl.calls++;
    ctl.kind = kind;
    ctl.reason = reason;
    ctl.emergency = emergency;
    *txn = 77;
    return ctl.result;
}

enum err power_ctl_cancel(struct vm *by, uint32_t txn)
{
    assert_ptr_equal(by, vm);
    ctl.calls++;
    ctl.txn = txn;
    return ctl.result;
}

enum err power_ctl_listen(struct vm *by, bool on)
{
    assert_ptr_equal(by, vm);
    ctl.calls++;
    ctl.on = on;
    return ctl.result;
}

enum err power_ctl_answer(struct vm *by, uint32_t txn, enum power_event_type answer, uint64_t us,
                          uint32_t *granted_us)
{
    assert_ptr_equal(by, vm);
    ctl.calls++;
    ctl.txn = txn;
    ctl.answer = answer;
    ctl.us = us;
    *granted_us = 55;
    return ctl.result;
}

struct power_notice_seen power_ctl_next_event(struct vm *by)
{
    assert_ptr_equal(by, vm);
    return (struct power_notice_seen){.type = 3, .kind = 2, .reason = 0xfedc, .txn = 0x89abcdef};
}

struct power_status power_ctl_status(struct vm *by)
{
    assert_ptr_equal(by, vm);
    return (struct power_status){.phase = POWER_STOP,
                                 .kind = POWER_RESET_WARM,
                                 .vm = POWER_VM_KEYED,
                                 .txn = 0x89abcdef,
                                 .time_left_us = 0x123456789};
}

enum err power_ctl_audit_read(uint64_t *seq, struct audit_record *out, uint64_t *lost)
{
    uint64_t n = *seq == 0 ? 1 : *seq;

    (void)lost;
    if (n > ctl.records) {
        return ERR_NOT_FOUND;
    }
    *seq = n + 1;
    *out = (struct audit_record){.seq = n,
                                 .time_us = 1000 * n,
                                 .detail = 0x1122334455667788,
                                 .txn = 9,
                                 .vm = 1,
                                 .event = 2,
                                 .old_state = 3,
                                 .new_state = 4,
                                 .check = ~0u};
    return ERR_OK;
}

static int setup(void **state)
{
    (void)state;
    fake_init(1);
    memset(&ctl, 0, sizeof(ctl));
    vm = fake_vm_add("vm", 1, 0, RAM, BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_end();
    return 0;
}

static void expect(int64_t error, uint64_t value, uint64_t fid, uint64_t a0, uint64_t a1,
                   uint64_t a2, uint64_t a3)
{
    const uint64_t a[6] = {a0, a1, a2, a3, ~0ull, ~0ull};
    struct sbi_ret r = sbi_ext_pwr.handle(vm->vcpus[0], fid, a);

    assert_int_equal(r.error, error);
    assert_int_equal(r.value, value);
}

static void test_request(void **state)
{
    (void)state;
    for (uint64_t kind = CURIA_PWR_KIND_OFF; kind <= CURIA_PWR_KIND_SUSPEND; kind++) {
        expect(0, 77, CURIA_PWR_REQUEST, kind, 0xffff, 0, UNUSED);
        assert_int_equal(ctl.kind, kind);
        assert_int_equal(ctl.reason, 0xffff);
        assert_false(ctl.emergency);
    }
    expect(0, 77, CURIA_PWR_REQUEST, 0, 0, CURIA_PWR_FLAG_EMERGENCY, UNUSED);
    assert_true(ctl.emergency);
    ctl.result = ERR_DENIED; /* no value with an error */
    expect(FROM(ERR_DENIED), 0, CURIA_PWR_REQUEST, 0, 0, 0, UNUSED);
    assert_int_equal(ctl.calls, 6);
}

static void test_request_refused(void **state)
{
    (void)state;
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_REQUEST, CURIA_PWR_KIND_SUSPEND + 1, 0, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_REQUEST, WIDE, 0, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_REQUEST, 0, 0x10000, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_REQUEST, 0, WIDE, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_REQUEST, 0, 0, 2, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_REQUEST, 0, 0, WIDE | 1, 0);
    assert_int_equal(ctl.calls, 0);
}

static void test_listen(void **state)
{
    (void)state;
    expect(FROM(ERR_OK), 0, CURIA_PWR_LISTEN, 1, 0, 0, 0);
    assert_true(ctl.on);
    expect(FROM(ERR_OK), 0, CURIA_PWR_LISTEN, 0, 0, 0, 0);
    assert_false(ctl.on);
    ctl.result = ERR_STATE;
    expect(FROM(ERR_STATE), 0, CURIA_PWR_LISTEN, 1, 0, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_LISTEN, 2, 0, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_LISTEN, WIDE, 0, 0, 0);
    assert_int_equal(ctl.calls, 3);
}

static void test_answer(void **state)
{
    static const enum power_event_type types[] = {POWER_EV_ACK, POWER_EV_READY, POWER_EV_VETO,
                                                  POWER_EV_POSTPONE};

    (void)state;
    for (uint64_t i = 0; i < ARRAY_SIZE(types); i++) {
        expect(0, 55, CURIA_PWR_ANSWER, UINT32_MAX, i, WIDE + i, 0);
        assert_int_equal(ctl.answer, types[i]);
        assert_int_equal(ctl.txn, UINT32_MAX);
        assert_true(ctl.us == WIDE + i); /* to be clipped where it is granted */
    }
    ctl.result = ERR_NOT_FOUND;
    expect(FROM(ERR_NOT_FOUND), 0, CURIA_PWR_ANSWER, 1, CURIA_PWR_ANSWER_READY, 0, 0);
    assert_int_equal(ctl.calls, 5);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_ANSWER, 1, CURIA_PWR_ANSWER_POSTPONE + 1, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_ANSWER, 1, WIDE, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_ANSWER, 0, CURIA_PWR_ANSWER_ACK, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_ANSWER, WIDE, CURIA_PWR_ANSWER_ACK, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_ANSWER, WIDE | 1, CURIA_PWR_ANSWER_ACK, 0, 0);
    assert_int_equal(ctl.calls, 5);
}

static void test_cancel(void **state)
{
    (void)state;
    expect(FROM(ERR_OK), 0, CURIA_PWR_CANCEL, UINT32_MAX, 0, 0, 0);
    assert_int_equal(ctl.txn, UINT32_MAX);
    expect(FROM(ERR_OK), 0, CURIA_PWR_CANCEL, 0, 0, 0, 0); /* whichever runs */
    assert_int_equal(ctl.txn, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_CANCEL, WIDE, 0, 0, 0);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_CANCEL, WIDE | 5, 0, 0, 0);
    assert_int_equal(ctl.calls, 2);
}

static void test_packed(void **state)
{
    (void)state;
    expect(0, 0x89abcdeffedc0203, CURIA_PWR_EVENT, UNUSED, UNUSED, UNUSED, UNUSED);
    expect(0,
           UINT64_C(0x89abcdef) << 32 | (uint64_t)POWER_VM_KEYED << 16 |
               (uint64_t)POWER_RESET_WARM << 8 | POWER_STOP,
           CURIA_PWR_STATUS, UNUSED, UNUSED, UNUSED, UNUSED);
    expect(0, 0x123456789, CURIA_PWR_TIME_LEFT, UNUSED, UNUSED, UNUSED, UNUSED);
    expect(SBI_ERR_NOT_SUPPORTED, 0, CURIA_PWR_AUDIT + 1, 0, 0, 0, 0);
    expect(SBI_ERR_NOT_SUPPORTED, 0, WIDE, 1, 0, 0, 0);
}

static void test_audit_refused(void **state)
{
    (void)state;
    ctl.records = 3;
    expect(SBI_ERR_DENIED, 0, CURIA_PWR_AUDIT, 0, RAM, 0, 1);
    fake_vm(vm)->config.privileges = ~(uint32_t)PRIV_AUDIT;
    expect(SBI_ERR_DENIED, 0, CURIA_PWR_AUDIT, 0, RAM, 0, 1);
    fake_vm(vm)->config.privileges = PRIV_AUDIT;
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_AUDIT, 0, RAM, 1, 1);
    expect(SBI_ERR_INVALID_PARAM, 0, CURIA_PWR_AUDIT, 0, RAM, 0, 0);
    assert_int_equal(fake.bytes_written, 0);
}

static void test_audit(void **state)
{
    const struct curia_audit_record *r = fake_gpa(vm, RAM, BYTES);

    (void)state;
    fake_vm(vm)->config.privileges = PRIV_AUDIT;
    ctl.records = 100;
    expect(0, 2, CURIA_PWR_AUDIT, 0, RAM, 0, 2);
    assert_int_equal(r[0].seq, 1);
    assert_int_equal(r[0].time_us, 1000);
    assert_true(r[0].detail == 0x1122334455667788);
    assert_int_equal(r[0].txn, 9);
    assert_true(r[0].vm == 1 && r[0].event == 2 && r[0].old_state == 3 && r[0].new_state == 4);
    assert_int_equal(r[1].seq, 2);
    assert_true(r[2].seq == 0xa5a5a5a5a5a5a5a5);
    assert_int_equal(fake.bytes_written, 2 * sizeof(*r));

    expect(0, 1, CURIA_PWR_AUDIT, 100, RAM, 0, UINT64_MAX); /* as many as there are ... */
    assert_int_equal(r[0].seq, 100);
    expect(0, 0, CURIA_PWR_AUDIT, 101, RAM, 0, 1);
    expect(0, 64, CURIA_PWR_AUDIT, 5, RAM, 0, UINT64_MAX); /* ... and a call carries */
    assert_int_equal(r[63].seq, 68);
}

/* A buffer that ends early gets what fits whole; one at the end of addresses does not wrap. */
static void test_audit_buffer(void **state)
{
    const struct curia_audit_record *last = fake_gpa(vm, RAM + BYTES - 32, 32);

    (void)state;
    fake_vm(vm)->config.privileges = PRIV_AUDIT;
    ctl.records = 100;
    expect(FROM(ERR_FAULT), 0, CURIA_PWR_AUDIT, 7, RAM + BYTES - 32, 0, 2);
    assert_int_equal(last->seq, 7);
    assert_int_equal(fake.bytes_written, 32);
    expect(FROM(ERR_FAULT), 0, CURIA_PWR_AUDIT, 0, RAM + BYTES - 31, 0, 1);
    expect(FROM(ERR_FAULT), 0, CURIA_PWR_AUDIT, 0, UINT64_MAX - 31, 0, 64);
    expect(FROM(ERR_FAULT), 0, CURIA_PWR_AUDIT, 0, RAM - 32, 0, 64);
    assert_int_equal(fake.bytes_written, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_request, setup, teardown),
        cmocka_unit_test_setup_teardown(test_request_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_listen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_packed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit_buffer, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
