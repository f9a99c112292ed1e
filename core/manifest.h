/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The manifest as structures: what the system is to be. Read from the bundle by the hypervisor and
 * from a file by curia-manifest on a desk, by the same code; docs/manifest.md has every property.
 * Strings point into the blob.
 */
#ifndef CORE_MANIFEST_H
#define CORE_MANIFEST_H

#include "core/board.h"
#include "core/err.h"
#include "core/irqchip.h"
#include "core/power.h"
#include "core/runqueue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_VMS          64u /* a limit of masks, not of storage */
#define MANIFEST_VCPUS        64u
#define MANIFEST_NAME_MAX     31u
#define MANIFEST_PRIORITY_MAX (SCHED_PRIORITIES - 1u)

enum irqchip_kind {
    IRQCHIP_BEST,
    IRQCHIP_AIA,
    IRQCHIP_PLIC,
};

enum srst_policy {
    SRST_SELF,     /* this VM alone */
    SRST_PLATFORM, /* a transition of the machine */
};

enum crash_policy {
    CRASH_OFF,
    CRASH_RESTART,
    CRASH_ESCALATE, /* an emergency power transition */
};

/* Bits of vm_config.privileges. */
#define PRIV_MANAGE (1u << 0) /* start, stop, pause ... other VMs */
#define PRIV_INFO   (1u << 1) /* see other VMs (implied by PRIV_MANAGE) */
#define PRIV_AUDIT  (1u << 2) /* read the audit ring */
#define PRIV_TRACE  (1u << 3) /* read the trace and say what is traced (includes PRIV_INFO) */

struct mem_config {
    uint64_t gpa;
    uint64_t size;
    bool identity; /* host address = guest address (DMA without an IOMMU) */
};

enum vdev_kind {
    VDEV_UART,      /* ns16550a */
    VDEV_POWER_KEY, /* virtio input with one key */
};

struct vdev_config {
    enum vdev_kind kind;
    uint64_t gpa;
    uint32_t irq; /* source of the VM's irqchip */
    int node;     /* for messages */
};

enum dma_policy {
    DMA_NONE,    /* the device never accesses memory by itself */
    DMA_TRUSTED, /* it does, with host addresses, and nothing holds it back */
};

/* Registers and interrupts keep the host's addresses and numbers in the VM. */
struct passthrough_config {
    const char *path;               /* in the host's FDT */
    const struct board_device *dev; /* found; NULL at a desk without --fdt */
    enum dma_policy dma;
    int node; /* for messages */
};

/* How a vCPU shares its hart; docs/scheduling.md. */
struct vcpu_sched_config {
    uint32_t priority;    /* 0 to MANIFEST_PRIORITY_MAX, the most urgent */
    bool hard;            /* the budget is a cap even when nobody else wants the hart */
    uint64_t slice_us;    /* among equals; 0: until it blocks */
    uint64_t budget_us;   /* in each period_us, guaranteed; 0: neither guaranteed nor capped */
    uint64_t period_us;   /* 0: no budget */
    uint64_t deadline_us; /* the longest to get the budget after a wake-up; 0: the period */
};

struct vm_config {
    const char *name;
    uint32_t vcpu_count;
    uint64_t *harts; /* hart id of each vCPU; several may have one; then those of affinity: */
    uint32_t affinity_count;         /* any vCPU may run there as well; 0: none moves */
    struct vcpu_sched_config *sched; /* of each vCPU */
    uint32_t mem_count;
    struct mem_config *mem;
    const char *kernel, *initrd, *fdt; /* image names in the bundle; NULL: none */
    const char *bootargs;
    enum irqchip_kind irqchip;
    bool files_short;      /* "best" became a PLIC: its harts have too few interrupt files */
    uint64_t memory_files; /* bit i: vCPU i's interrupt file is in memory while it is not here */
    uint32_t vdev_count;
    struct vdev_config *vdevs;
    uint32_t passthrough_count;
    struct passthrough_config *passthrough;
    struct power_vm_config power;
    uint32_t power_irq;    /* source of power events */
    uint32_t source_count; /* highest source that anything has */
    enum srst_policy srst, srst_reset;
    enum crash_policy crash;
    uint32_t restart_budget;     /* restarts after crashes ... */
    uint64_t restart_window_us;  /* ... within this time; then off */
    uint64_t restart_backoff_us; /* before the first; doubles */
    uint64_t watchdog_us;        /* from its start or a heartbeat to the next; 0: any */
    uint32_t privileges;         /* PRIV_* */
    bool autostart;
    int node; /* for messages */
};

struct channel_end_config {
    uint32_t vm;
    uint32_t irq;       /* source of that VM's irqchip; 0 until it is checked: any */
    bool send, receive; /* messages; doorbells go with send */
};

struct channel_config {
    const char *name;
    struct channel_end_config end[2];
    int node; /* for messages */
};

struct shmem_end_config {
    uint32_t vm;
    uint64_t gpa;
    bool write;
};

struct shmem_config {
    const char *name;
    uint64_t size;
    uint32_t end_count;
    struct shmem_end_config *ends;
    int node; /* for messages */
};

/* What Curia's own lines and the VMs' consoles go through. */
enum manifest_console {
    CONSOLE_UART,     /* the board's, keyboard included */
    CONSOLE_FIRMWARE, /* lines only, by the firmware; the UART can be a VM's */
};

struct manifest {
    uint32_t vm_count;
    struct vm_config *vms;
    uint32_t channel_count;
    struct channel_config *channels;
    uint32_t shmem_count;
    struct shmem_config *shmems;
    uint64_t deadline_us; /* of a whole transition; POWER_NEVER: none */
    enum manifest_console console;
    uint32_t trace_kib;     /* of each hart's trace; 0: there is none */
    uint32_t trace_at_boot; /* TRACE_*: classes that are on from the boot on */
    bool huge_pages;        /* all RAM fits also where 1 GiB pages are made to map it */
};

/* Receives each finding: node path, property (or NULL), what is wrong and how to mend it. */
typedef void (*manifest_report)(void *arg, const char *node, const char *prop, const char *text);

/*
 * Reads and checks blob; all mistakes are reported, not just the first. board may be NULL at a
 * desk: then what needs the machine is not checked. image_exists answers for names of the bundle
 * (NULL: not checked). ERR_INVALID: at least one finding. Storage from the pool.
 */
enum err manifest_read(struct manifest *m, const void *blob, size_t size, const struct board *board,
                       bool (*image_exists)(void *arg, const char *name), void *image_arg,
                       manifest_report report, void *report_arg) MUST_CHECK;

#endif
