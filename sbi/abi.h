/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What guests and Curia agree on: Curia's own extensions IPC, PWR and VMM, and with abi_sbi.h the
 * standard SBI numbers. Guests include this header and nothing else of Curia; it serves C and
 * assembler, needs only <stdint.h> (or the kernel's types), and is specified in docs/abi.md.
 */
#ifndef CURIA_SBI_ABI_H
#define CURIA_SBI_ABI_H

#include "sbi/abi_sbi.h"

#define CURIA_IMPL_ID      0x435552 /* "CUR", until one is registered */
#define CURIA_IMPL_VERSION 0x000100 /* major << 16 | minor << 8 | patch: 0.1.0 */

#define CURIA_EXT_IPC 0x08495043
#define CURIA_EXT_PWR 0x08505752
#define CURIA_EXT_VMM 0x08564D4D

/*
 * IPC. Channel end i of the calling VM; i, the name and the interrupt of each are in the VM's FDT
 * (/curia/channel@i). Addresses are guest physical, as (low, high) pairs where a register could be
 * too narrow: on RV64 high must be 0.
 */
#define CURIA_IPC_COUNT         0 /* () -> number of ends */
#define CURIA_IPC_MAILBOX_SET   1 /* (end, header lo, header hi, ring_bytes) */
#define CURIA_IPC_MAILBOX_CLEAR 2 /* (end) */
#define CURIA_IPC_SEND          3 /* (end, buffer lo, buffer hi, bytes 1..4096) */
#define CURIA_IPC_NOTIFY        4 /* (end, bits) : or-ed into the peer's doorbell word */

#define CURIA_IPC_MESSAGE_MAX 4096
#define CURIA_IPC_RING_MIN    8192 /* a power of two, right behind the header's page */
#define CURIA_IPC_RING_MAX    1048576

#define CURIA_MAILBOX_MAGIC 0x4D425831 /* "MBX1": written by the owner before it registers */
/* Bits of peer_state. */
#define CURIA_PEER_UP      1 /* the peer has a mailbox: messages and doorbells reach it */
#define CURIA_PEER_RUNNING 2 /* the peer's VM runs */
/* Bits of events, or-ed by Curia, taken by the owner with amoswap. */
#define CURIA_MAILBOX_EV_MESSAGE 1 /* head moved */
#define CURIA_MAILBOX_EV_ROOM    2 /* after a refused send: the peer's ring has room again */
#define CURIA_MAILBOX_EV_PEER    4 /* peer_state or peer_generation changed */
#define CURIA_MAILBOX_EV_BELL    8 /* doorbell is not 0 */

/*
 * Records of the ring start at multiples of 8: u32 length, u32 zero, then the message, padded to 8.
 * They wrap at the ring's end at any byte. head and tail are free-running byte counts; their
 * difference never exceeds ring_bytes. A reader that takes messages while CURIA_MAILBOX_WANT_ROOM
 * is set in want calls CURIA_IPC_MAILBOX_ROOM afterwards, so that a refused sender hears of it.
 */
#define CURIA_IPC_MAILBOX_ROOM  5 /* (end): room was made; clears want, tells the peer */
#define CURIA_MAILBOX_WANT_ROOM 1

/*
 * PWR. Events come as an edge interrupt (FDT /curia/power); the guest takes them with EVENT until
 * it answers 0.
 */
#define CURIA_PWR_LISTEN    0 /* (on) */
#define CURIA_PWR_REQUEST   1 /* (kind, reason, flags) -> txn */
#define CURIA_PWR_EVENT     2 /* () -> packed event, 0: none */
#define CURIA_PWR_ANSWER    3 /* (txn, answer, argument) */
#define CURIA_PWR_CANCEL    4 /* (txn) */
#define CURIA_PWR_STATUS    5 /* () -> packed state */
#define CURIA_PWR_TIME_LEFT 6 /* () -> microseconds left to answer what is asked; 0: nothing */
#define CURIA_PWR_AUDIT     7 /* (seq, buffer lo, buffer hi, records) -> records copied */

#define CURIA_PWR_AUDIT_MAX 64 /* records a call */

#define CURIA_PWR_KIND_OFF        0
#define CURIA_PWR_KIND_RESET_COLD 1
#define CURIA_PWR_KIND_RESET_WARM 2
#define CURIA_PWR_KIND_SUSPEND    3

#define CURIA_PWR_FLAG_EMERGENCY 1
/* A packed event: bits 7:0 type, 15:8 kind, 31:16 reason, 63:32 txn. */
#define CURIA_PWR_EV_PREPARE  1 /* answer ACK, then READY, VETO or POSTPONE */
#define CURIA_PWR_EV_STOP     2 /* stop now: SRST (reset: SRST reset does, too); suspend: SUSP */
#define CURIA_PWR_EV_ABORT    3 /* the transition is off; go on */
#define CURIA_PWR_EV_SHUTDOWN 4 /* this VM alone is asked to stop (VMM); txn 0 */
#define CURIA_PWR_EV_RESTART  5 /* this VM alone is asked to stop, and starts again; txn 0 */
#define CURIA_PWR_EV_RESUME   6 /* a suspend is over, or called off after STOP: go on, answer ACK */

#define CURIA_PWR_EVENT_TYPE(e)   ((e)&0xff)
#define CURIA_PWR_EVENT_KIND(e)   (((e) >> 8) & 0xff)
#define CURIA_PWR_EVENT_REASON(e) (((e) >> 16) & 0xffff)
#define CURIA_PWR_EVENT_TXN(e)    ((e) >> 32)
/* The reason of RESUME: who woke the machine, and whether it had not been asleep yet. */
#define CURIA_PWR_WAKE_BY(reason)    ((reason)&0xff) /* a VM's number, or one of these: */
#define CURIA_PWR_WAKE_CONSOLE       0xfd            /* a key at the machine's terminal */
#define CURIA_PWR_WAKE_PLATFORM      0xfe            /* the firmware ended the sleep */
#define CURIA_PWR_WAKE_EARLY(reason) (((reason) >> 8) & 1)

#define CURIA_PWR_ANSWER_ACK      0
#define CURIA_PWR_ANSWER_READY    1
#define CURIA_PWR_ANSWER_VETO     2 /* after STOP of a suspend: cannot sleep, call it off */
#define CURIA_PWR_ANSWER_POSTPONE 3 /* argument: microseconds wanted */
/* Packed state: bits 7:0 state of the machine, 15:8 kind, 23:16 state of this VM, 63:32 txn. */
#define CURIA_PWR_STATUS_STATE(s) ((s)&0xff)
#define CURIA_PWR_STATUS_KIND(s)  (((s) >> 8) & 0xff)
#define CURIA_PWR_STATUS_VM(s)    (((s) >> 16) & 0xff)
#define CURIA_PWR_STATUS_TXN(s)   ((s) >> 32)
/* VMM. VMs are numbered as in the manifest. */
#define CURIA_VMM_SELF    0 /* () -> own number */
#define CURIA_VMM_COUNT   1 /* () -> number of VMs */
#define CURIA_VMM_INFO    2 /* (vm, buffer lo, buffer hi, bytes) -> bytes written */
#define CURIA_VMM_START   3 /* (vm) */
#define CURIA_VMM_STOP    4 /* (vm, flags) */
#define CURIA_VMM_RESTART 5 /* (vm, flags) */
#define CURIA_VMM_PAUSE   6 /* (vm) */
#define CURIA_VMM_RESUME  7 /* (vm) */
/* The calling VM lives, and will say so again in time. */
#define CURIA_VMM_HEARTBEAT 8 /* (microseconds; 0: watch no more) -> microseconds granted */
/* What has run: of a vCPU, (vm, vcpu, buffer lo, buffer hi, bytes) -> bytes written */
#define CURIA_VMM_VCPU 9
#define CURIA_VMM_HART 10 /* of a hart: (index, buffer lo, buffer hi, bytes) -> bytes written */
#define CURIA_VMM_MOVE 11 /* (vm, vcpu, the machine's hart id) */

/* The trace of what harts did; docs/tracing.md. */
#define CURIA_VMM_TRACE_INFO 12 /* (buffer lo, buffer hi, bytes) -> bytes written */
#define CURIA_VMM_TRACE_SET  13 /* (classes) -> those before */
#define CURIA_VMM_TRACE_READ 14 /* (hart index, number, buffer lo, hi, bytes) -> bytes written */

#define CURIA_VMM_FORCE 1 /* flag of STOP and RESTART: do not ask the guest */

#define CURIA_VM_OFF       0
#define CURIA_VM_LOADING   1
#define CURIA_VM_RUNNING   2
#define CURIA_VM_PAUSED    3
#define CURIA_VM_SUSPENDED 4
#define CURIA_VM_STOPPING  5
#define CURIA_VM_CRASHED   6
/* Why a VM last stopped. */
#define CURIA_STOP_NONE     0 /* it never did */
#define CURIA_STOP_SHUTDOWN 1 /* by itself: SRST shutdown, or its last hart stopped */
#define CURIA_STOP_REBOOT   2 /* by itself: SRST reset */
#define CURIA_STOP_ASKED    3 /* VMM STOP or RESTART */
#define CURIA_STOP_FORCED   4 /* asked to and did not, in time */
#define CURIA_STOP_CRASH    5 /* it could not go on, or said so (SRST, system failure) */
#define CURIA_STOP_LOAD     6 /* its images could not be loaded */
#define CURIA_STOP_WATCHDOG 7 /* it gave no heartbeat in time */
/* Bits of flags. */
#define CURIA_VCPU_SHARED 1 /* its hart has other vCPUs, too */
#define CURIA_VCPU_HARD   2 /* out of its budget it does not run; else behind the others */
#define CURIA_HART_SHARED 1

/* Why a guest was left: indices of exits. */
#define CURIA_EXIT_ECALL_FAST 0 /* an SBI call that cannot block */
#define CURIA_EXIT_ECALL      1 /* another one */
#define CURIA_EXIT_MMIO       2 /* an emulated device */
#define CURIA_EXIT_PAGE_FAULT 3 /* an access to what is not the VM's */
#define CURIA_EXIT_INSN       4 /* an emulated instruction */
#define CURIA_EXIT_WFI        5
#define CURIA_EXIT_IRQ_TIMER  6 /* the machine's interrupts: Curia's timer */
#define CURIA_EXIT_IRQ_IPI    7
#define CURIA_EXIT_IRQ_EXT    8
#define CURIA_EXIT_OTHER      9
#define CURIA_EXIT_CAUSES     10

/* Classes of what is traced. */
#define CURIA_TRACE_SWITCH    0x01
#define CURIA_TRACE_EXIT      0x02
#define CURIA_TRACE_INJECT    0x04
#define CURIA_TRACE_IPC       0x08
#define CURIA_TRACE_POWER     0x10
#define CURIA_TRACE_LIFECYCLE 0x20
#define CURIA_TRACE_ALL       0x3f
/* Events: docs/tracing.md says what else their records hold. */
#define CURIA_TRACE_EV_MASK   1
#define CURIA_TRACE_EV_SWITCH 2
#define CURIA_TRACE_EV_WAIT   3
#define CURIA_TRACE_EV_AWAKE  4
#define CURIA_TRACE_EV_EXIT   5
#define CURIA_TRACE_EV_ENTRY  6
#define CURIA_TRACE_EV_LINES  7
#define CURIA_TRACE_EV_SOURCE 8
#define CURIA_TRACE_EV_SEND   9
#define CURIA_TRACE_EV_BELL   10
#define CURIA_TRACE_EV_POWER  11
#define CURIA_TRACE_EV_STATE  12
#define CURIA_TRACE_READ_MAX  4096 /* bytes a call */

#ifndef __ASSEMBLER__

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/* The first page of a mailbox, page aligned, in the owner's RAM; the ring follows at + 4096. */
struct curia_mailbox {
    uint32_t magic;           /* owner */
    uint32_t ring_bytes;      /* owner; as registered */
    uint32_t head;            /* Curia: bytes ever written */
    uint32_t want;            /* Curia: CURIA_MAILBOX_WANT_* */
    uint32_t peer_state;      /* Curia */
    uint32_t peer_generation; /* Curia: changes at each start of the peer's VM */
    uint32_t events;          /* or-ed by Curia, taken by the owner */
    uint32_t reserved0;
    uint64_t doorbell; /* or-ed by Curia, taken by the owner */
    uint64_t reserved1[3];
    uint32_t tail; /* owner: bytes ever read; on a line of its own */
};

struct curia_vm_info {
    uint32_t size; /* of this structure, as Curia knows it */
    uint32_t index;
    char name[32];
    uint32_t state;      /* CURIA_VM_* */
    uint32_t generation; /* starts */
    uint32_t vcpus;
    uint32_t stop_reason; /* CURIA_STOP_* */
    uint64_t memory_bytes;
    uint64_t exits;     /* all vCPUs, all causes */
    uint64_t uptime_us; /* since the last start; 0 if it does not run */
    uint64_t fault_pc;  /* of the last crash */
    uint64_t fault_cause;
    uint64_t fault_addr;
};

/* Times are since the boot, and never begin anew; docs/abi.md says what is counted. */
struct curia_vcpu_info {
    uint32_t size; /* of this structure, as Curia knows it */
    uint32_t vm;
    uint32_t index;
    uint32_t state; /* SBI_HSM_STATE_* */
    uint64_t hart;  /* the machine's hart id */
    uint32_t flags; /* CURIA_VCPU_* */
    uint32_t priority;
    uint64_t slice_us;
    uint64_t budget_us; /* 0: none */
    uint64_t period_us;
    uint64_t time_ns; /* now */
    uint64_t run_ns;
    uint64_t ready_ns;
    uint64_t throttled_ns;
    uint64_t switches;
    uint64_t exits[CURIA_EXIT_CAUSES];
    uint64_t moves; /* to another hart */
};

struct curia_hart_info {
    uint32_t size; /* of this structure, as Curia knows it */
    uint32_t index;
    uint64_t hart;    /* the machine's hart id */
    uint32_t flags;   /* CURIA_HART_* */
    uint32_t vcpus;   /* that run on it */
    uint64_t time_ns; /* since the boot */
    uint64_t idle_ns; /* of that: it waited */
    uint64_t hyp_ns;  /* of that: it was in Curia */
};

struct curia_trace_info {
    uint64_t magic;        /* "CURTRACE" */
    uint32_t size;         /* of this structure, names included */
    uint32_t record_bytes; /* of struct curia_trace_record */
    uint32_t harts, vms;
    uint32_t ring_offset, ring_stride; /* in Curia's memory: docs/tracing.md */
    uint64_t timebase_hz;
    uint64_t boot_ticks;
    uint32_t mask; /* CURIA_TRACE_* */
    uint32_t form; /* 0 */
    uint64_t reserved;
    /* names of VMs, 32 bytes each */
};

struct curia_trace_record {
    uint64_t time; /* ticks */
    uint8_t event; /* CURIA_TRACE_EV_* */
    uint8_t detail;
    uint8_t vm, vcpu; /* 0xff: none */
    uint32_t more;
    uint64_t arg;
};

/* What TRACE_READ writes, before the records. */
struct curia_trace_block {
    uint64_t first; /* the number of the first record; those before, from the one asked for: lost */
};

struct curia_audit_record {
    uint64_t seq;     /* from 1, without holes */
    uint64_t time_us; /* since that boot of Curia */
    uint64_t detail;
    uint32_t txn;
    uint8_t vm; /* 0xfd: the hypervisor's console, 0xfe: the platform, 0xff: none, the whole */
    uint8_t event;
    uint8_t old_state;
    uint8_t new_state;
};

#endif
#endif
