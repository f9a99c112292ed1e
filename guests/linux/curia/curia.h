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

/* The kernel wants to sleep: -EBUSY, an event of Curia waits. */
int curia_power_suspend(void);

/* The hung system of the demo: power events are taken and not acted upon. */
void curia_power_set_ignore(bool on);
bool curia_power_ignored(void);

/* ---- power.c and policy.c -------------------------------------------------------------------- */

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

#endif
