/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PWR: power transitions as a VM takes part in them (docs/abi.md, docs/power.md). Who may do what
 * is the coordinator's to say; here are only the arguments. No lock.
 */
#include "core/memmap.h"
#include "core/power_ctl.h"
#include "core/vm.h"
#include "sbi/sbi.h"

_Static_assert(CURIA_PWR_KIND_OFF == POWER_OFF && CURIA_PWR_KIND_RESET_COLD == POWER_RESET_COLD &&
                   CURIA_PWR_KIND_RESET_WARM == POWER_RESET_WARM &&
                   CURIA_PWR_KIND_SUSPEND == POWER_SUSPEND,
               "kinds are the same numbers on both sides");
_Static_assert(CURIA_PWR_EV_PREPARE == (int)POWER_NOTICE_PREPARE &&
                   CURIA_PWR_EV_STOP == (int)POWER_NOTICE_STOP &&
                   CURIA_PWR_EV_ABORT == (int)POWER_NOTICE_ABORT &&
                   CURIA_PWR_EV_SHUTDOWN == POWER_ASK_SHUTDOWN &&
                   CURIA_PWR_EV_RESTART == POWER_ASK_RESTART &&
                   CURIA_PWR_EV_RESUME == (int)POWER_NOTICE_RESUME,
               "so are events");

static struct sbi_ret request(struct vm *vm, const uint64_t a[6])
{
    uint32_t txn;
    enum err e;

    if (a[0] >= POWER_KIND_COUNT || a[1] > UINT16_MAX ||
        (a[2] & ~(uint64_t)CURIA_PWR_FLAG_EMERGENCY) != 0) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    e = power_ctl_request(vm, (enum power_kind)a[0], (uint32_t)a[1],
                          (a[2] & CURIA_PWR_FLAG_EMERGENCY) != 0, &txn);
    return e == ERR_OK ? sbi_ok(txn) : sbi_from(e);
}

static struct sbi_ret event(struct vm *vm)
{
    struct power_notice_seen n = power_ctl_next_event(vm);

    return sbi_ok(n.type | (uint64_t)n.kind << 8 | (uint64_t)n.reason << 16 |
                  (uint64_t)n.txn << 32);
}

static struct sbi_ret answer(struct vm *vm, const uint64_t a[6])
{
    enum power_event_type type;
    uint32_t granted_us;
    enum err e;

    switch (a[1]) {
    case CURIA_PWR_ANSWER_ACK:
        type = POWER_EV_ACK;
        break;
    case CURIA_PWR_ANSWER_READY:
        type = POWER_EV_READY;
        break;
    case CURIA_PWR_ANSWER_VETO:
        type = POWER_EV_VETO;
        break;
    case CURIA_PWR_ANSWER_POSTPONE:
        type = POWER_EV_POSTPONE;
        break;
    default:
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    if (a[0] == 0 || a[0] > UINT32_MAX) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    e = power_ctl_answer(vm, (uint32_t)a[0], type, a[2], &granted_us);
    return e == ERR_OK ? sbi_ok(granted_us) : sbi_from(e);
}

static struct sbi_ret cancel(struct vm *vm, uint64_t txn)
{
    return txn > UINT32_MAX ? sbi_err(SBI_ERR_INVALID_PARAM)
                            : sbi_from(power_ctl_cancel(vm, (uint32_t)txn));
}

static struct sbi_ret status(struct vm *vm)
{
    struct power_status s = power_ctl_status(vm);

    return sbi_ok((uint64_t)s.phase | (uint64_t)s.kind << 8 | (uint64_t)s.vm << 16 |
                  (uint64_t)s.txn << 32);
}

static struct sbi_ret audit(struct vm *vm, const uint64_t a[6])
{
    uint64_t seq = a[0];
    uint64_t lost = 0;
    uint64_t n = 0;
    struct audit_record r;

    if ((vm->config->privileges & PRIV_AUDIT) == 0) {
        return sbi_err(SBI_ERR_DENIED);
    }
    if (a[2] != 0 || a[3] == 0) {
        return sbi_err(SBI_ERR_INVALID_PARAM);
    }
    while (n < a[3] && n < CURIA_PWR_AUDIT_MAX && power_ctl_audit_read(&seq, &r, &lost) == ERR_OK) {
        struct curia_audit_record out = {
            .seq = r.seq,
            .time_us = r.time_us,
            .detail = r.detail,
            .txn = r.txn,
            .vm = r.vm,
            .event = r.event,
            .old_state = r.old_state,
            .new_state = r.new_state,
        };
        enum err e = guest_write(vm, gpa(a[1] + n * sizeof(out)), &out, sizeof(out));

        if (e != ERR_OK) {
            return sbi_from(e);
        }
        n++;
    }
    return sbi_ok(n);
}

static struct sbi_ret handle(struct vcpu *v, uint64_t fid, const uint64_t a[6])
{
    switch (fid) {
    case CURIA_PWR_LISTEN:
        return a[0] > 1 ? sbi_err(SBI_ERR_INVALID_PARAM)
                        : sbi_from(power_ctl_listen(v->vm, a[0] != 0));
    case CURIA_PWR_REQUEST:
        return request(v->vm, a);
    case CURIA_PWR_EVENT:
        return event(v->vm);
    case CURIA_PWR_ANSWER:
        return answer(v->vm, a);
    case CURIA_PWR_CANCEL:
        return cancel(v->vm, a[0]);
    case CURIA_PWR_STATUS:
        return status(v->vm);
    case CURIA_PWR_TIME_LEFT:
        return sbi_ok(power_ctl_status(v->vm).time_left_us);
    case CURIA_PWR_AUDIT:
        return audit(v->vm, a);
    default:
        return sbi_err(SBI_ERR_NOT_SUPPORTED);
    }
}

const struct sbi_ext sbi_ext_pwr = {CURIA_EXT_PWR, handle, NULL};
