/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What curia.ko offers to programs. README.md tells how each device behaves; structures of Curia
 * itself (VMs, audit records, numbers of kinds and states) come from sbi/abi.h as they are.
 *
 *   /dev/curia/<label>         a channel end: read and write whole messages, poll, CURIA_CHANNEL_*
 *   /dev/curia/region-<label>  a shared region: mmap, lseek to its end for its size
 *   /dev/curia/power           the power policy of this VM: read events, write answers (text)
 *   /dev/curia/ctl             for curiactl: CURIA_CTL_*
 */
#ifndef CURIA_UAPI_H
#define CURIA_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#include "sbi/abi.h"

#define CURIA_IOC 0xCA

#define CURIA_LABEL_MAX 32

/* ---- channels -------------------------------------------------------------------------------- */

struct curia_channel_info {
    char label[CURIA_LABEL_MAX];
    char peer[CURIA_LABEL_MAX]; /* name of the VM at the other end */
    __u32 end;                  /* index of this end among those of this VM */
    __u32 peer_state;           /* CURIA_PEER_* */
    __u32 peer_generation;      /* changes at each start of the peer */
    __u32 ring_bytes;
    __u64 received; /* messages read, since the module was loaded */
    __u64 sent;
    __u64 refused; /* sends that found the peer's ring full */
    __u64 damaged; /* records that could not be right; the ring was emptied each time */
};

/* Also takes the news of a peer change, which poll() reports as POLLPRI, for this open file. */
#define CURIA_CHANNEL_INFO _IOR(CURIA_IOC, 0x00, struct curia_channel_info)
/* Or-s bits into the peer's doorbell word. ENOTCONN: the peer is not up. */
#define CURIA_CHANNEL_RING _IOW(CURIA_IOC, 0x01, __u64)
/* Takes the bits that the peer has rung, 0 if none. poll() reports them as POLLPRI until then. */
#define CURIA_CHANNEL_TAKE _IOR(CURIA_IOC, 0x02, __u64)

/* ---- control --------------------------------------------------------------------------------- */

struct curia_ctl_count {
    __u32 count;
    __u32 self;
};

struct curia_ctl_vm_info {
    __u32 vm; /* in */
    __u32 reserved;
    struct curia_vm_info info; /* out */
};

struct curia_ctl_vcpu_info {
    __u32 vm;                    /* in */
    __u32 vcpu;                  /* in */
    struct curia_vcpu_info info; /* out */
};

struct curia_ctl_hart_info {
    __u32 index; /* in: from 0; EINVAL behind the last */
    __u32 reserved;
    struct curia_hart_info info; /* out */
};

#define CURIA_CTL_OP_START   0
#define CURIA_CTL_OP_STOP    1
#define CURIA_CTL_OP_RESTART 2
#define CURIA_CTL_OP_PAUSE   3
#define CURIA_CTL_OP_RESUME  4

struct curia_ctl_vm_op {
    __u32 vm;
    __u32 op;       /* CURIA_CTL_OP_* */
    __u32 flags;    /* CURIA_VMM_FORCE, of STOP and RESTART; else 0 */
    __u32 reserved; /* 0 */
};

struct curia_ctl_request {
    __u32 kind;   /* CURIA_PWR_KIND_* */
    __u32 reason; /* 0 to 65535 */
    __u32 flags;  /* CURIA_PWR_FLAG_* */
    __u32 txn;    /* out */
};

struct curia_ctl_status {
    __u64 status;       /* packed: CURIA_PWR_STATUS_*() */
    __u64 time_left_us; /* to answer what is asked of this VM; 0: nothing is */
};

/* Who ended this VM's last sleep, or called it off. */
struct curia_ctl_wake {
    __u32 txn;    /* of that suspend; 0: there was none */
    __u32 reason; /* CURIA_PWR_WAKE_*() */
};

struct curia_ctl_audit {
    __u64 seq;      /* in: the first record wanted; 0: the oldest there is */
    __u64 records;  /* in: address of an array of struct curia_audit_record */
    __u32 count;    /* in: length of the array; out: records copied */
    __u32 reserved; /* 0 */
};

struct curia_ctl_trace {
    __u64 buffer; /* in: address; at most a page of it is written */
    __u64 number; /* in, of READ: the first record wanted */
    __u32 hart;   /* in, of READ: from 0 */
    __u32 bytes;  /* in: of the buffer; out: written */
};

#define CURIA_CTL_COUNT   _IOR(CURIA_IOC, 0x10, struct curia_ctl_count)
#define CURIA_CTL_VM_INFO _IOWR(CURIA_IOC, 0x11, struct curia_ctl_vm_info)
#define CURIA_CTL_VM_OP   _IOW(CURIA_IOC, 0x12, struct curia_ctl_vm_op)
#define CURIA_CTL_REQUEST _IOWR(CURIA_IOC, 0x13, struct curia_ctl_request)
#define CURIA_CTL_CANCEL  _IOW(CURIA_IOC, 0x14, __u32) /* txn, or 0 for whichever runs */
#define CURIA_CTL_STATUS  _IOR(CURIA_IOC, 0x15, struct curia_ctl_status)
#define CURIA_CTL_AUDIT   _IOWR(CURIA_IOC, 0x16, struct curia_ctl_audit)
/* 1: power events are taken and not acted upon, as by a hung system; 0: as usual again. */
#define CURIA_CTL_IGNORE  _IOW(CURIA_IOC, 0x17, __u32)
#define CURIA_CTL_IGNORED _IOR(CURIA_IOC, 0x18, __u32)
#define CURIA_CTL_WAKE    _IOR(CURIA_IOC, 0x19, struct curia_ctl_wake)
/* What has run. */
#define CURIA_CTL_VCPU_INFO _IOWR(CURIA_IOC, 0x1a, struct curia_ctl_vcpu_info)
#define CURIA_CTL_HART_INFO _IOWR(CURIA_IOC, 0x1b, struct curia_ctl_hart_info)
/* The trace: what VMM's TRACE_INFO and TRACE_READ write; the classes, out: those before. */
#define CURIA_CTL_TRACE_INFO _IOWR(CURIA_IOC, 0x1c, struct curia_ctl_trace)
#define CURIA_CTL_TRACE_READ _IOWR(CURIA_IOC, 0x1d, struct curia_ctl_trace)
#define CURIA_CTL_TRACE_SET  _IOWR(CURIA_IOC, 0x1e, __u32)

#endif
