// SPDX-License-Identifier: GPL-2.0-only
/*
 * curia_wdt.ko: /dev/watchdog over Curia's heartbeat. A module of its own, since it needs the
 * kernel's watchdog core, which Debian has as a module. Where the manifest wants this VM watched
 * (watchdog-ms in /curia), Curia does so from the VM's start and nothing switches it off: until a
 * program opens the device, and after it has closed it, the core gives the heartbeats.
 *
 * No program gives any while the kernel is on its way to sleep or back, and nobody in suspend to
 * idle, which Curia does not see; so the watch ends before and begins anew behind. One that the
 * manifest wants goes on: Curia stops its clock while the VM is in suspend to RAM, and the core
 * goes on before and behind that. `lock` keeps a heartbeat that comes late from beginning it anew.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/suspend.h>
#include <linux/watchdog.h>

#include <asm/sbi.h>

#include "curia.h"

#define DEFAULT_S 30
#define MAX_MS    3600000

static bool nowayout = WATCHDOG_NOWAYOUT;
module_param(nowayout, bool, 0);
MODULE_PARM_DESC(nowayout, "once started, it cannot be stopped");

static DEFINE_MUTEX(lock);
static bool unwatched; /* asleep, or nearly so */

static int beat(struct watchdog_device *wdt)
{
    int bad = 0;

    mutex_lock(&lock);
    if (!unwatched) {
        bad = curia_errno(curia_vmm(CURIA_VMM_HEARTBEAT, wdt->timeout * 1000000UL, 0, 0, 0).error);
    }
    mutex_unlock(&lock);
    return bad;
}

static int stop(struct watchdog_device *wdt)
{
    int bad = curia_errno(curia_vmm(CURIA_VMM_HEARTBEAT, 0, 0, 0, 0).error);

    if (bad == -EACCES) { /* the manifest's: the core goes on for us */
        set_bit(WDOG_HW_RUNNING, &wdt->status);
        return 0;
    }
    return bad;
}

static const struct watchdog_info info = {
    .options = WDIOF_SETTIMEOUT | WDIOF_KEEPALIVEPING | WDIOF_MAGICCLOSE,
    .identity = "Curia",
};

static const struct watchdog_ops ops = {
    .owner = THIS_MODULE,
    .start = beat,
    .stop = stop,
    .ping = beat,
};

static struct watchdog_device watchdog = {
    .info = &info,
    .ops = &ops,
    .timeout = DEFAULT_S,
    .min_timeout = 1,
    .max_hw_heartbeat_ms = MAX_MS,
};

/* In suspend to idle a VM that its manifest wants watched has the longest time, and no more. */
static int on_sleep(struct notifier_block *nb, unsigned long mode, void *unused)
{
    bool falls = mode == PM_SUSPEND_PREPARE || mode == PM_HIBERNATION_PREPARE;

    mutex_lock(&lock);
    if (!falls) {
        unwatched = false;
    } else if (curia_vmm(CURIA_VMM_HEARTBEAT, 0, 0, 0, 0).error == SBI_SUCCESS) {
        unwatched = true;
    } else {
        curia_vmm(CURIA_VMM_HEARTBEAT, ULONG_MAX, 0, 0, 0);
    }
    mutex_unlock(&lock);
    if (!falls && watchdog_active(&watchdog)) {
        beat(&watchdog);
    }
    return NOTIFY_DONE;
}

static struct notifier_block sleep = {.notifier_call = on_sleep};

static int __init wdt_init(void)
{
    struct device_node *node;
    u32 limit_ms = 0;
    int bad;

    if (curia_detect() != 0) {
        return -ENODEV;
    }
    node = of_find_compatible_node(NULL, NULL, "curia,hypervisor");
    of_property_read_u32(node, "watchdog-ms", &limit_ms);
    of_node_put(node);
    if (limit_ms != 0) {
        watchdog.max_hw_heartbeat_ms = limit_ms;
        set_bit(WDOG_HW_RUNNING, &watchdog.status);
    }
    watchdog_set_nowayout(&watchdog, nowayout);
    watchdog_stop_on_reboot(&watchdog);
    bad = watchdog_register_device(&watchdog);
    return bad != 0 ? bad : register_pm_notifier(&sleep);
}
module_init(wdt_init);

static void __exit wdt_exit(void)
{
    unregister_pm_notifier(&sleep);
    watchdog_unregister_device(&watchdog);
}
module_exit(wdt_exit);

MODULE_DESCRIPTION("Curia hypervisor: watchdog of this VM");
MODULE_LICENSE("GPL");
