// SPDX-License-Identifier: GPL-2.0-only
/*
 * curia.ko: the Linux side of Curia's IPC, PWR and VMM extensions (sbi/abi.h). Finds what there is
 * in the FDT under /curia; loads under Curia only.
 */
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/pm.h>

#include "curia.h"

static void misc_gone(void *misc)
{
    misc_deregister(misc);
}

int curia_misc_register(struct device *parent, struct miscdevice *misc, const char *name,
                        const struct file_operations *fops)
{
    int bad;

    misc->minor = MISC_DYNAMIC_MINOR;
    misc->fops = fops;
    misc->parent = parent;
    misc->mode = 0600;
    misc->name = devm_kasprintf(parent, GFP_KERNEL, "curia-%s", name);
    misc->nodename = devm_kasprintf(parent, GFP_KERNEL, "curia/%s", name);
    if (misc->name == NULL || misc->nodename == NULL) {
        return -ENOMEM;
    }
    bad = misc_register(misc);
    if (bad != 0) {
        dev_err(parent, "/dev/%s cannot be made: error %d\n", misc->nodename, bad);
        return bad;
    }
    return devm_add_action_or_reset(parent, misc_gone, misc);
}

static int add_child(struct device *dev, struct device_node *node)
{
    if (of_device_is_compatible(node, "curia,channel")) {
        return curia_channel_add(dev, node);
    }
    if (of_device_is_compatible(node, "curia,shared-region")) {
        return curia_region_add(dev, node);
    }
    if (of_device_is_compatible(node, "curia,power")) {
        return curia_power_init(dev, node);
    }
    dev_info(dev, "%pOF: unknown to this module\n", node);
    return 0;
}

/*
 * What one channel or region lacks is said, and the others still work. Nothing is put off
 * (EPROBE_DEFER): programs may hold open by then what that would take away, and a module is loaded
 * when the kernel has its interrupt controllers.
 */
static int curia_probe(struct platform_device *pdev)
{
    struct device_node *node;
    unsigned int parts = 0;
    int bad = curia_ctl_init(&pdev->dev);

    if (bad != 0) {
        return bad;
    }
    for_each_available_child_of_node(pdev->dev.of_node, node)
    {
        bad = add_child(&pdev->dev, node);
        if (bad != 0) {
            dev_err(&pdev->dev, "%pOF: error %d\n", node, bad);
        } else {
            parts++;
        }
    }
    dev_info(&pdev->dev, "running under Curia, %u parts in /dev/curia\n", parts);
    return 0;
}

static void curia_shutdown(struct platform_device *pdev)
{
    curia_channels_quiesce();
    curia_power_quiesce();
}

static const struct dev_pm_ops curia_pm = {
    .prepare = pm_sleep_ptr(curia_sleep_prepare),
    SYSTEM_SLEEP_PM_OPS(curia_sleep_suspend, NULL) /* ends with a comma */
};

static const struct of_device_id curia_match[] = {
    {.compatible = "curia,hypervisor"},
    {},
};
MODULE_DEVICE_TABLE(of, curia_match);

static struct platform_driver curia_driver = {
    .probe = curia_probe,
    .shutdown = curia_shutdown,
    .driver =
        {
            .name = "curia",
            .of_match_table = curia_match,
            .pm = pm_sleep_ptr(&curia_pm),
            .suppress_bind_attrs = true, /* unbound only when no device file is open: by rmmod */
        },
};

static int __init curia_init(void)
{
    int bad = curia_detect();

    if (bad != 0) {
        pr_info("curia: this kernel does not run under Curia\n");
        return bad;
    }
    return platform_driver_register(&curia_driver);
}
module_init(curia_init);

static void __exit curia_exit(void)
{
    platform_driver_unregister(&curia_driver);
}
module_exit(curia_exit);

MODULE_DESCRIPTION("Curia hypervisor: channels, shared regions, power transitions");
MODULE_LICENSE("GPL");
