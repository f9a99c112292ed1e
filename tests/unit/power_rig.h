/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three VMs under a coordinator whose actions are recorded as words ("prepare:0 stop:1 ..."), for
 * the tests of its rules.
 */
#ifndef TESTS_UNIT_POWER_RIG_H
#define TESTS_UNIT_POWER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/power.h"

#define VMS     3u
#define CONTROL 0u
#define COCKPIT 1u
#define ADAS    2u

#define ACK_US     100000u
#define PREPARE_US 1000000u
#define STOP_US    2000000u
#define QUANTUM_US 300000u
#define BUDGET_US  500000u

#define ALL_KINDS (POWER_MAY(POWER_OFF) | POWER_MAY(POWER_RESET_COLD) | POWER_MAY(POWER_RESET_WARM))

struct rig {
    struct power p;
    struct power_node nodes[VMS];
    struct power_vm_config config[VMS];
    struct power_reply reply;
    uint64_t now_us;
    char did[512];
    enum audit_event audit[64];
    uint32_t audit_count;
    uint32_t action_count;
    struct power_action last; /* but for timers and audit */
    struct power_action last_audit;
};

static struct rig r;

static inline void on_emit(void *ctx, const struct power_action *a)
{
    static const char *const notices[] = {[POWER_NOTICE_PREPARE] = "prepare",
                                          [POWER_NOTICE_STOP] = "stop",
                                          [POWER_NOTICE_ABORT] = "abort",
                                          [POWER_NOTICE_RESUME] = "up"};
    static const char *const words[] = {[POWER_ACT_PRESS_KEY] = "key",
                                        [POWER_ACT_RESUME_PAUSED] = "resume",
                                        [POWER_ACT_FORCE] = "force",
                                        [POWER_ACT_FREEZE] = "freeze",
                                        [POWER_ACT_WAKE] = "wake",
                                        [POWER_ACT_END_SLEEP] = "awake",
                                        [POWER_ACT_HOLD_RESTARTS] = "hold",
                                        [POWER_ACT_RELEASE_RESTARTS] = "release",
                                        [POWER_ACT_CANCEL_RESTART] = "norestart",
                                        [POWER_ACT_COMMIT] = "commit"};
    char word[32];
    assert_ptr_equal(ctx, &r);
    assert_true(++r.action_count <= POWER_ACTIONS_MAX(VMS));
    if (a->type == POWER_ACT_ARM_TIMER || a->type == POWER_ACT_CANCEL_TIMER) {
        assert_true(a->type == POWER_ACT_CANCEL_TIMER || a->at == r.nodes[a->vm].timer_at_us);
        return;
    }
    if (a->type == POWER_ACT_AUDIT) {
        assert_true(r.audit_count < 64);
        assert_true(a->at == r.now_us);
        r.audit[r.audit_count++] = a->event;
        r.last_audit = *a;
        return;
    }
    r.last = *a;
    const char *text = a->type == POWER_ACT_NOTIFY ? notices[a->notice] : words[a->type];
    if (a->vm < VMS) {
        snprintf(word, sizeof(word), "%s:%u", text, a->vm);
    } else {
        snprintf(word, sizeof(word), "%s", text);
    }
    if (r.did[0] != '\0') {
        strcat(r.did, " ");
    }
    strcat(r.did, word);
}

/* Hands the event in; the actions must be `did`. */
static inline void expect(struct power_event ev, enum err err, const char *did)
{
    ev.now_us = r.now_us;
    r.did[0] = '\0';
    r.audit_count = 0;
    r.action_count = 0;
    assert_int_equal(power_handle(&r.p, &ev, &r.reply), err);
    assert_string_equal(r.did, did);
    assert_true(err == ERR_OK || r.action_count == 0);
    for (uint32_t v = 0; v < VMS; v++) {
        enum power_vm_state s = r.nodes[v].state;
        bool timed = s == POWER_VM_NOTIFIED || s == POWER_VM_PREPARING || s == POWER_VM_STOPPING ||
                     s == POWER_VM_KEYED || s == POWER_VM_FORCING || s == POWER_VM_RESUMING;
        assert_true((r.nodes[v].timer_at_us != POWER_NEVER) == timed);
    }
}

#define EV(event, who, txn_, ...)                                                                  \
    ((struct power_event){                                                                         \
        .type = POWER_EV_##event, .vm = (uint8_t)(who), .txn = (txn_), __VA_ARGS__})
#define ok(did, event, who, ...)           expect(EV(event, who, r.p.txn, __VA_ARGS__), ERR_OK, did)
#define refused(e, event, who, ...)        expect(EV(event, who, r.p.txn, __VA_ARGS__), ERR_##e, "")
#define refused_txn(err, event, who, txn_) expect(EV(event, who, txn_, ), ERR_##err, "")

/* Lets the VM's timer run out to the microsecond. */
static inline void expect_timeout(uint32_t vm, const char *did)
{
    assert_true(r.nodes[vm].timer_at_us != POWER_NEVER);
    r.now_us = r.nodes[vm].timer_at_us - 1;
    ok("", TIMER, vm); /* early: harmless */
    r.now_us++;
    ok(did, TIMER, vm);
}

static inline bool audited(enum audit_event event)
{
    for (uint32_t i = 0; i < r.audit_count; i++) {
        if (r.audit[i] == event) {
            return true;
        }
    }
    return false;
}

static inline void expect_states(enum power_phase phase, enum power_vm_state control,
                                 enum power_vm_state cockpit, enum power_vm_state adas)
{
    assert_int_equal(r.p.phase, phase);
    assert_int_equal(r.nodes[CONTROL].state, control);
    assert_int_equal(r.nodes[COCKPIT].state, cockpit);
    assert_int_equal(r.nodes[ADAS].state, adas);
}

/* control <- cockpit <- adas; all up, all listen. Config may be changed before boot(). */
static inline int setup(void **state)
{
    (void)state;
    memset(&r, 0, sizeof(r));
    for (uint32_t v = 0; v < VMS; v++) {
        r.config[v] = (struct power_vm_config){.superiors = v == 0 ? 0 : UINT64_C(1) << (v - 1),
                                               .ack_us = ACK_US,
                                               .prepare_us = PREPARE_US,
                                               .stop_us = STOP_US,
                                               .postpone_quantum_us = QUANTUM_US,
                                               .postpone_budget_us = BUDGET_US,
                                               .may_initiate = v == 0 ? ALL_KINDS : 0,
                                               .may_veto = v != 0,
                                               .on_timeout = POWER_ON_TIMEOUT_FORCE};
    }
    r.now_us = 5000000;
    assert_int_equal(power_init(&r.p, r.config, r.nodes, VMS, on_emit, &r), ERR_OK);
    for (uint32_t v = 0; v < VMS; v++) {
        ok("", VM_LOADING, v);
        ok("", VM_STARTED, v);
        ok("", LISTENER, v, .on = true);
    }
    return 0;
}

static inline void answer(uint32_t vm, const char *did)
{
    ok("", ACK, vm);
    ok(did, READY, vm);
}

/* All the way to the first STOP. */
static inline void prepare_all(void)
{
    answer(CONTROL, "prepare:1");
    answer(COCKPIT, "prepare:2");
    answer(ADAS, "stop:2");
}

static inline void ask(enum power_kind kind)
{
    ok("hold prepare:0", REQUEST, CONTROL, .kind = kind, .reason = 7);
    assert_int_equal(r.reply.outcome, POWER_ACCEPTED);
}

#endif
