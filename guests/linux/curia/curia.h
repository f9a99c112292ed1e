/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parts of curia.ko to each other. One hypervisor, one /curia node: what there is once is
 * static in its file; channels and regions are made from the node's children and live as long as
 * the module.
 */
#ifndef CURIA_KO_H
#define CURIA_KO_H

#include <linux/device.h>
#include <linux/miscdevice.h>
#include <linux/of.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "guests/linux/curia_uapi.h"

struct curia_ret {
    long error; /* of SBI: see curia_errno() */
    unsigned long value;
};

/* Whether this kernel runs under Curia: -ENODEV if not. */
int curia_detect(void);

/* Calls of Curia's extensions. Any context. */
struct curia_ret curia_ipc(int fid, unsigned long a0, unsigned long a1, unsigned long a2,
                           unsigned long a3);
struct curia_ret curia_pwr(int fid, unsigned long a0, unsigned long a1, unsigned long a2,
                           unsigned long a3);
struct curia_ret curia_vmm(int fid, unsigned long a0, unsigned long a1, unsigned long a2,
                           unsigned long a3);
/* The calls with five arguments, of a part of something: CURIA_VMM_VCPU, _TRACE_READ. */
struct curia_ret curia_vmm_of(int fid, unsigned long which, unsigned long part,
                              unsigned long buffer, unsigned long bytes);

/* What a program is told of an SBI error: 0 or a negative errno. */
int curia_errno(long error);

/* A misc device that appears as /dev/curia/<name>, until parent is unbound. */
int curia_misc_register(struct device *parent, struct miscdevice *misc, const char *name,
                        const struct file_operations *fops);

/* From probe and remove of the platform device; each file's part. */
int curia_channel_add(struct device *dev, struct device_node *node);
int curia_region_add(struct device *dev, struct device_node *node);
int curia_power_init(struct device *dev, struct device_node *node);
int curia_ctl_init(struct device *dev);

/* The kernel goes away (kexec, reset): nobody may write into its memory any more, nor expect it to
 * answer. */
void curia_channels_quiesce(void);
void curia_power_quiesce(void);

/* The hung system of the demo: power events are taken and not acted upon. */
void curia_power_set_ignore(bool on);
bool curia_power_ignored(void);

/* ---- power.c, sleep.c and policy.c ----------------------------------------------------------- */

struct curia_power_event {
    u8 type; /* CURIA_PWR_EV_* */
    u8 kind;
    u16 reason;
    u32 txn;
};

/* Tells the policy program. False: there is none, the module answers by itself. */
bool curia_policy_tell(const struct curia_power_event *event);

/* Answers the PREPARE that is open: CURIA_PWR_ANSWER_*; *granted_us for POSTPONE. -ENOENT: none. */
int curia_power_answer(unsigned long answer, unsigned long argument, unsigned long *granted_us);

int curia_policy_init(struct device *dev);

/* Takes what events there are; all: also those that sleep.c would leave with Curia. */
void curia_power_take_events(bool all);

/* Woken whenever events have been taken. */
extern wait_queue_head_t curia_power_news;

/* The transition, or one after it, was called off. */
bool curia_power_called_off(u32 txn);

/* User space, which gives the heartbeats, stands still or is gone; the kernel waits and lives. */
void curia_power_heartbeat(void);

/* Jiffies that it waits at most for the other VMs. */
unsigned long curia_power_wait_limit(void);

int curia_sleep_init(struct device *dev, int irq, bool may_initiate);

/* Of the platform device. */
int curia_sleep_prepare(struct device *dev);
int curia_sleep_suspend(struct device *dev);

/* Curia's STOP of a suspend, to be obeyed; 0: whatever it was that was ordered, it is over. */
void curia_sleep_order(u32 txn);
/* Curia says RESUME. */
void curia_sleep_over(const struct curia_power_event *resume);
/* What the last RESUME said. */
void curia_sleep_woken(struct curia_ctl_wake *wake);

/* Events are not to be taken now. */
bool curia_sleep_leaves_events(void);
/* This one is not to be acted upon now: kept, and called for by curia_sleep_kept() (type 0: no). */
bool curia_sleep_keeps(const struct curia_power_event *event);
struct curia_power_event curia_sleep_kept(void);
bool curia_sleep_keeping(void);
/* This VM has asked for a suspend and waits for its own STOP. */
bool curia_sleep_asking(void);

#endif
