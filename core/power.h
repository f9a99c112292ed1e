/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power coordinator: takes all VMs, and then the platform, down in order of rank.
 *
 * A pure state machine: events in, actions out. It takes no lock, reads no clock, allocates nothing
 * and touches no hardware; the caller serialises the calls and passes the time in each event
 * (microseconds since boot, never going backwards). docs/power.md draws the states.
 *
 * power_handle() first decides; if it returns an error, nothing has changed and nothing was
 * emitted. Then it emits actions, in the order in which they are to be done, through power_emit_fn.
 * That second half cannot fail. The emit function must not call back into the coordinator: what an
 * action causes (a VM seen stopped, say) is handed in as an event of its own afterwards.
 */
#ifndef CORE_POWER_H
#define CORE_POWER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/audit.h"
#include "core/err.h"

#define POWER_VM_MAX          64u        /* VMs are bits of a uint64_t */
#define POWER_NEVER           UINT64_MAX /* no timer, no deadline */
#define POWER_FREEZE_US       1000000u   /* a forced VM's harts have left the guest by then */
#define POWER_POSTPONE_MIN_US 100000u    /* less is granted, and charged, as this */

/* Whoever is not a VM, in power_event.vm and as initiator. */
#define POWER_BY_CONSOLE  0xfdu /* the hypervisor's own console: superior of all */
#define POWER_BY_PLATFORM 0xfeu /* thermal, undervoltage, power button, crash policy */
#define POWER_NOBODY      AUDIT_NO_VM

/*
 * Strongest first: a stronger request replaces a weaker one. The numbers are those of the PWR
 * extension and, but for SUSPEND, of the reset types of SRST [SBI 3.0, System Reset Extension].
 */
enum power_kind {
    POWER_OFF = 0,
    POWER_RESET_COLD = 1,
    POWER_RESET_WARM = 2,
    POWER_SUSPEND = 3, /* no EMERGENCY is of this kind */
};
#define POWER_KIND_COUNT 4u

/* power_vm_config.may_initiate: a bit per kind, and one for EMERGENCY requests of those kinds. */
#define POWER_MAY(kind)     ((uint8_t)(1u << (kind)))
#define POWER_MAY_EMERGENCY ((uint8_t)(1u << POWER_KIND_COUNT))

enum power_on_timeout {
    POWER_ON_TIMEOUT_FORCE, /* counts as ready, is frozen at its turn in STOP */
    POWER_ON_TIMEOUT_ABORT, /* the transition is aborted, unless it cannot be */
};

/* What the manifest says of one VM. All waits must be non-zero. */
struct power_vm_config {
    uint64_t superiors;           /* bit v: VM v is a direct superior */
    uint32_t ack_us;              /* from PREPARE to ACK */
    uint32_t prepare_us;          /* from ACK to READY */
    uint32_t stop_us;             /* from STOP to the stop; key and second event at half of it */
    uint32_t postpone_quantum_us; /* most that one POSTPONE adds to prepare_us; 0: may not */
    uint32_t postpone_budget_us;  /* most that all of one transition add */
    uint8_t may_initiate;         /* POWER_MAY() bits */
    bool may_veto;
    enum power_on_timeout on_timeout;
};

enum power_config_fault {
    POWER_CONFIG_OK = 0,
    POWER_CONFIG_COUNT,    /* more than POWER_VM_MAX VMs */
    POWER_CONFIG_UNKNOWN,  /* vm: names other, which does not exist, as superior */
    POWER_CONFIG_CYCLE,    /* vm is its own superior; other: the next on the way round */
    POWER_CONFIG_WAIT,     /* vm: ack, prepare or stop time is 0 */
    POWER_CONFIG_POSTPONE, /* vm: quantum > budget, or a budget with quantum 0 */
    POWER_CONFIG_KIND,     /* vm: may_initiate holds an unknown bit */
    POWER_CONFIG_DEADLINE, /* total_us > deadline; vm, other: where PREPARE, STOP end last */
};

struct power_config_error {
    enum power_config_fault fault;
    uint8_t vm;
    uint8_t other;
    uint64_t total_us; /* longest time from REQUEST to COMMIT; valid for OK and DEADLINE */
};

/* Where the whole stands. Phases and VM states share one space of names in the audit. */
enum power_phase {
    POWER_RUN = 0,
    POWER_PREPARE,
    POWER_STOP,
    POWER_COMMIT, /* final, but for a SUSPEND, which passes on to SLEEP at once */
    POWER_SLEEP,  /* all VMs are off, asleep or frozen, until one of the wake-ups */
    POWER_RESUME, /* those that are asleep or frozen are woken, down the ranks */
};

/* Where one VM stands. */
enum power_vm_state {
    POWER_VM_OFF = 0x10,   /* not running: never started, stopped, crashed */
    POWER_VM_LOADING,      /* being loaded or restarted: no guest code runs */
    POWER_VM_UP,           /* running or paused, no transition */
    POWER_VM_WAITING,      /* a superior is not ready yet */
    POWER_VM_NOTIFIED,     /* PREPARE sent, ACK awaited */
    POWER_VM_PREPARING,    /* ACK seen, READY awaited */
    POWER_VM_READY,        /* and its turn in STOP has not come */
    POWER_VM_UNRESPONSIVE, /* counts as ready, will be frozen */
    POWER_VM_STOPPING,     /* STOP sent */
    POWER_VM_KEYED,        /* power key pressed: the last wait */
    POWER_VM_FORCING,      /* freeze ordered, not yet seen */
    POWER_VM_FORCED,       /* frozen: counts as stopped; in a SUSPEND it is thawed */
    POWER_VM_SUSPENDED,    /* asleep: counts as stopped */
    POWER_VM_RESUMING,     /* woken and told RESUME, ACK awaited */
};

enum power_event_type {
    /* From the PWR extension, the console, the platform. `kind`, `reason`, `emergency`. Replies txn
     * and outcome. ERR_INVALID kind, ERR_NOT_SUPPORTED an EMERGENCY of kind SUSPEND, ERR_DENIED may
     * not initiate that, ERR_BUSY a stronger one is running, or a SUSPEND is just ending, ERR_STATE
     * not running, or already committed. */
    POWER_EV_REQUEST,
    /* `txn` as replied to REQUEST, or 0 for whichever runs. ERR_NOT_FOUND no such transition,
     * ERR_DENIED not the initiator's nor a superior's, cannot be aborted, or STOP has begun. */
    POWER_EV_CANCEL,

    /* Answers to PREPARE and STOP; `txn` of the event answered. Duplicates are ERR_OK and change
     * nothing; ERR_NOT_FOUND: not the running transition; ERR_STATE: not asked, or too late. */
    POWER_EV_ACK,
    POWER_EV_READY,    /* implies ACK; an UNRESPONSIVE VM still may, until its turn in STOP */
    POWER_EV_VETO,     /* ERR_DENIED: no veto right, or none against this transition. After STOP of
                          a SUSPEND: the VM is awake and cannot sleep; needs no right */
    POWER_EV_POSTPONE, /* `us` more; implies ACK; replies us granted; ERR_DENIED: none left */
    POWER_EV_LISTENER, /* `on`: the VM has registered for PWR events, or no longer */

    /* Facts of the lifecycle; never refused. Stopped: no hart is or will be in the guest. */
    POWER_EV_VM_STOPPED,   /* by SRST, its last hart's stop, a VMM call, or after FORCE */
    POWER_EV_VM_CRASHED,   /* any state, LOADING included */
    POWER_EV_VM_SRST,      /* by an SRST that the manifest makes the platform's; `kind`, `reason` */
    POWER_EV_VM_SUSPENDED, /* asleep, all by itself or told to: runs no more until ACT_WAKE */
    POWER_EV_VM_FROZEN,    /* after FREEZE: no hart is in the guest until ACT_WAKE */
    POWER_EV_WAKE, /* vm: it is asleep and something wants it awake: its own interrupt, a VMM call.
                      It runs if ACT_WAKE follows, at once or at its turn. Or vm is the console, for
                      a key, or the platform, for the end of the firmware's sleep */
    POWER_EV_SLEEP_REFUSED, /* vm: the platform, whose firmware does not sleep: the harts wait */
    POWER_EV_VM_RESUMED,    /* no longer paused */

    /* Steps of the lifecycle that a transition holds back. ERR_BUSY: not now; a VM that gets it for
     * STARTED stays at the gate, before its first guest instruction, and both are tried again after
     * RELEASE_RESTARTS. ERR_STATE: not in that state. */
    POWER_EV_VM_LOADING, /* OFF -> LOADING: a start or restart begins */
    POWER_EV_VM_STARTED, /* OFF, LOADING -> UP; without a listener */
    POWER_EV_VM_PAUSED,  /* UP, now paused */

    POWER_EV_TIMER, /* the VM's timer; early, late and stale ones are harmless */
};

struct power_event {
    enum power_event_type type;
    uint8_t vm;      /* index, or POWER_BY_* for REQUEST and CANCEL */
    bool emergency;  /* REQUEST: skip PREPARE; no veto, no cancel */
    bool on;         /* LISTENER */
    uint64_t now_us; /* every event */
    enum power_kind kind;
    uint32_t reason; /* not interpreted: passed on to the VMs, the audit and COMMIT */
    uint32_t txn;
    uint32_t us;
};

enum power_outcome {
    POWER_NOTHING = 0,
    POWER_ACCEPTED, /* a new transition */
    POWER_JOINED,   /* the running one does it */
    POWER_REPLACED, /* took the place of a weaker one */
};

/* The answer to the caller; always written, all zero where an event has no answer. */
struct power_reply {
    enum power_outcome outcome; /* REQUEST */
    uint32_t txn;               /* REQUEST: non-zero */
    uint32_t us;                /* POSTPONE: granted */
};

/* The numbers are those of the PWR extension's events. */
enum power_notice {
    POWER_NOTICE_PREPARE = 1, /* ACK by `at`, then READY, VETO or POSTPONE */
    POWER_NOTICE_STOP = 2,    /* go down; frozen at the latest when stop_us has passed */
    POWER_NOTICE_ABORT = 3,   /* this transition, and any with a smaller txn, is over: go on */
    POWER_NOTICE_RESUME = 6,  /* a suspend is over, or called off after STOP: go on; ACK by `at` */
};

enum power_action_type {
    POWER_ACT_NOTIFY,           /* vm: event `notice` with txn, kind, reason, at, by */
    POWER_ACT_PRESS_KEY,        /* vm: virtual power key, where it has one */
    POWER_ACT_RESUME_PAUSED,    /* vm */
    POWER_ACT_FORCE,            /* vm: freeze, silence devices, record; then VM_STOPPED */
    POWER_ACT_FREEZE,           /* vm: keep it out of the guest with all it has; then VM_FROZEN */
    POWER_ACT_WAKE,             /* vm: asleep or frozen, or about to be: it runs again */
    POWER_ACT_ARM_TIMER,        /* vm: its one timer (re)armed for `at`; on a hart of that VM */
    POWER_ACT_CANCEL_TIMER,     /* vm */
    POWER_ACT_HOLD_RESTARTS,    /* no load or start begins */
    POWER_ACT_RELEASE_RESTARTS, /* those held may be tried again */
    POWER_ACT_CANCEL_RESTART,   /* vm: was LOADING, is OFF now */
    POWER_ACT_COMMIT,    /* kind, reason, txn: all VMs are down. The last action ever, but for a
                         SUSPEND; vm: then one that sleeps, of the highest rank there is, if any */
    POWER_ACT_END_SLEEP, /* the harts that the COMMIT of a SUSPEND stopped are wanted */
    POWER_ACT_AUDIT,     /* txn, vm, event, old_state, new_state, detail, at = time */
};

struct power_action {
    enum power_action_type type;
    uint8_t vm;
    uint8_t by; /* NOTIFY: who caused it: the initiator, or for ABORT who ended it */
    uint8_t old_state;
    uint8_t new_state;
    enum power_notice notice;
    enum power_kind kind;
    enum audit_event event;
    uint32_t txn;
    uint32_t reason;
    uint64_t at; /* absolute us */
    uint64_t detail;
};

/* A valid event emits at most this many actions, of all kinds. */
#define POWER_ACTIONS_PER_VM        8u
#define POWER_ACTIONS_MAX(vm_count) (POWER_ACTIONS_PER_VM * (vm_count) + 8u)

typedef void (*power_emit_fn)(void *ctx, const struct power_action *action);

/* One per VM, in storage of the caller. */
struct power_node {
    uint64_t above;       /* all superiors, transitively */
    uint64_t below;       /* all subordinates, transitively */
    uint64_t timer_at_us; /* POWER_NEVER: not armed */
    uint32_t postpone_left_us;
    uint32_t refused; /* calls of this VM answered with an error; saturates */
    enum power_vm_state state;
    bool listener;
    bool paused;
    bool told;   /* got PREPARE or STOP and no ABORT or RESUME since */
    bool asked;  /* requested or joined the running transition */
    bool asleep; /* asleep or frozen: ACT_WAKE is due before it is told anything */
};

struct power {
    const struct power_vm_config *config; /* [count], stays with the caller */
    struct power_node *nodes;             /* [count] */
    power_emit_fn emit;
    void *ctx;
    uint8_t count;
    uint8_t initiator; /* VM, POWER_BY_*, or POWER_NOBODY in RUN */
    bool emergency;
    bool no_abort; /* EMERGENCY or SRST: no veto, cancel or abort on time-out */
    bool halted;   /* since RUN, VMs were told to sleep, or did: an abort has to RESUME */
    enum power_phase phase;
    enum power_kind kind;
    uint32_t txn; /* of the running or the last transition; 0: none yet */
    uint32_t reason;
    uint32_t wake_reason; /* in RESUME: who woke the machine; POWER_WAKE_EARLY: before it slept */
    uint64_t now_us;      /* of the event being handled */
    struct power_action action; /* the one being emitted */
};

/* With power_event.vm of who woke, the reason of a RESUME notice: the numbers of the ABI. */
#define POWER_WAKE_EARLY 0x100u

/*
 * Checks what the manifest says. deadline_us bounds the longest possible time from a REQUEST to its
 * COMMIT, if no further request replaces it (POWER_NEVER: no bound); the RESUME of a SUSPEND is no
 * part of it, and ends within the longest chain down of ack_us. ERR_INVALID and *error for the
 * first fault found; ERR_OK and error->total_us otherwise.
 */
MUST_CHECK enum err power_check_config(const struct power_vm_config *config, uint32_t count,
                                       uint64_t deadline_us, struct power_config_error *error);

/* All VMs OFF, phase RUN. ERR_INVALID: power_check_config() would have refused the config. */
MUST_CHECK enum err power_init(struct power *power, const struct power_vm_config *config,
                               struct power_node *nodes, uint32_t count, power_emit_fn emit,
                               void *ctx);

/* Handles one event. ERR_INVALID for a VM or event that does not exist; others as at the event. */
MUST_CHECK enum err power_handle(struct power *power, const struct power_event *event,
                                 struct power_reply *reply);

#endif
