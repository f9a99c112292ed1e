// SPDX-License-Identifier: GPL-2.0-only
/*
 * curia_wdt.ko: /dev/watchdog over Curia's heartbeat. A module of its own, since it needs the
 * kernel's watchdog core, which Debian has as a module. Where the manifest wants this VM watched
 * (watchdog-ms in /curia), Curia does so from the VM's start and nothing switches it off: until a
 * program opens the device, and after it has closed it, the core gives the heartbeats.
 */
#include <linux/module.h>
#include <linux/of.h>
#include <linux/watchdog.h>

#include "curia.h"

#define DEFAULT_S 30
#define MAX_MS    3600000

static bool nowayout = WATCHDOG_NOWAYOUT;
module_param(nowayout, bool, 0);
MODULE_PARM_DESC(nowayout, "once started, it cannot be stopped");

static int beat(struct watchdog_device *wdt)
{
    struct curia_ret r = curia_vmm(CURIA_VMM_HEARTBEAT, wdt->timeout * 1000000UL, 0, 0, 0);

    return curia_errno(r.error);
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

static int __init wdt_init(void)
{
    struct device_node *node;
    u32 limit_ms = 0;

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
    return watchdog_register_device(&watchdog);
}
module_init(wdt_init);

static void __exit wdt_exit(void)
{
    watchdog_unregister_device(&watchdog);
}
module_exit(wdt_exit);

MODULE_DESCRIPTION("Curia hypervisor: watchdog of this VM");
MODULE_LICENSE("GPL");
