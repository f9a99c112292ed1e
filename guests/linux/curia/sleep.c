// SPDX-License-Identifier: GPL-2.0-only
/*
 * This VM's sleep, suspend to RAM (SBI SUSP) above all.
 *
 * The STOP of a suspend becomes the kernel's own pm_suspend(), from a work item: an interrupt
 * thread would wait for itself there. If that fails, or the kernel is awake again with nothing said
 * by Curia, the answer is VETO: "I woke", and the others wake, too.
 *
 * A suspend that this VM begins by itself is a transition where the VM may initiate one: the
 * platform device's prepare(), the first step in which the kernel says what kind of sleep it is to
 * be, asks for it and waits for this VM's STOP. User space is frozen by then, so that PREPARE is
 * answered READY as in the reboot path. A VM that may not sleeps alone; so does any VM in suspend
 * to idle, which Curia does not see.
 *
 * While the VM sleeps, or is on its way there or back, events stay with Curia: /sbin/poweroff could
 * not be started. They call the suspend off or wake the VM, and are taken when user space runs
 * again. Only while this VM waits for its own STOP they are taken at once; one that is not of that
 * suspend calls it off, and is kept for then.
 */
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of_irq.h>
#include <linux/pm_wakeirq.h>
#include <linux/suspend.h>
#include <linux/workqueue.h>

#include <asm/sbi.h>

#include "curia.h"

#define LOOK_EVERY (HZ / 5)

static struct {
    struct device *dev;
    bool may_initiate;
    struct notifier_block notifier;
    struct work_struct work; /* the STOP of a suspend is obeyed */
    int rtc_irq;

    struct mutex lock; /* inside that of power.c */
    bool asleep;       /* or on its way there, or back */
    bool left;         /* and an event has come meanwhile */
    bool asking;       /* this VM waits for its own STOP */
    bool obeying;      /* the work item has called pm_suspend() */
    u32 ordered_txn;   /* Curia said STOP, and not yet that this is over; 0: it did not */
    u32 going_txn;     /* the suspend that is under way does what this one wants; 0: none */
    u32 woken_txn;     /* of the last RESUME; 0: none yet */
    u32 woken_by;      /* its reason */
    struct curia_power_event kept; /* until user space runs; type 0: none */
} sleep = {.lock = __MUTEX_INITIALIZER(sleep.lock)};

/* ---- events: under the lock of power.c ------------------------------------------------------- */

bool curia_sleep_leaves_events(void)
{
    bool leaves;

    mutex_lock(&sleep.lock);
    leaves = sleep.asleep && (!sleep.asking || sleep.kept.type != 0);
    sleep.left = leaves;
    mutex_unlock(&sleep.lock);
    return leaves;
}

static bool is_of_suspend(const struct curia_power_event *ev)
{
    return ev->type == CURIA_PWR_EV_RESUME ||
           (ev->kind == CURIA_PWR_KIND_SUSPEND &&
            (ev->type == CURIA_PWR_EV_PREPARE || ev->type == CURIA_PWR_EV_STOP ||
             ev->type == CURIA_PWR_EV_ABORT));
}

bool curia_sleep_keeps(const struct curia_power_event *ev)
{
    bool keeps;

    mutex_lock(&sleep.lock);
    keeps = sleep.asleep && !is_of_suspend(ev);
    if (keeps) {
        sleep.kept = *ev;
    }
    mutex_unlock(&sleep.lock);
    return keeps;
}

struct curia_power_event curia_sleep_kept(void)
{
    struct curia_power_event ev = {};

    mutex_lock(&sleep.lock);
    if (!sleep.asleep) {
        swap(ev, sleep.kept);
    }
    mutex_unlock(&sleep.lock);
    return ev;
}

bool curia_sleep_keeping(void)
{
    return READ_ONCE(sleep.kept.type) != 0;
}

bool curia_sleep_asking(void)
{
    return READ_ONCE(sleep.asking);
}

void curia_sleep_order(u32 txn)
{
    mutex_lock(&sleep.lock);
    WRITE_ONCE(sleep.ordered_txn, txn);
    if (txn != 0 && !sleep.asking) {
        queue_work(system_unbound_wq, &sleep.work);
    }
    mutex_unlock(&sleep.lock);
}

void curia_sleep_over(const struct curia_power_event *resume)
{
    mutex_lock(&sleep.lock);
    sleep.woken_txn = resume->txn;
    sleep.woken_by = resume->reason;
    mutex_unlock(&sleep.lock);
    curia_sleep_order(0);
}

void curia_sleep_woken(struct curia_ctl_wake *wake)
{
    mutex_lock(&sleep.lock);
    wake->txn = sleep.woken_txn;
    wake->reason = sleep.woken_by;
    mutex_unlock(&sleep.lock);
}

/* ---- obeying --------------------------------------------------------------------------------- */

/* Still asleep, as Curia sees it, though this kernel runs: it is told. */
static void say_woken(u32 txn)
{
    bool says;

    mutex_lock(&sleep.lock);
    says = txn != 0 && sleep.ordered_txn == txn;
    mutex_unlock(&sleep.lock);
    if (says) {
        curia_sleep_order(0);
        curia_pwr(CURIA_PWR_ANSWER, txn, CURIA_PWR_ANSWER_VETO, 0, 0);
    }
}

static void obey(struct work_struct *work)
{
    unsigned int flags;
    u32 txn;
    int bad;

    /* One that is under way ends first: it may have been this one already. */
    flags = lock_system_sleep();
    unlock_system_sleep(flags);

    mutex_lock(&sleep.lock);
    txn = sleep.ordered_txn;
    sleep.obeying = txn != 0;
    mutex_unlock(&sleep.lock);
    if (txn == 0) {
        return;
    }
    dev_info(sleep.dev, "Curia asks this VM to sleep\n");
    bad = pm_suspend(PM_SUSPEND_MEM);
    mutex_lock(&sleep.lock);
    sleep.obeying = false;
    mutex_unlock(&sleep.lock);
    if (bad != 0) {
        dev_err(sleep.dev, "this VM does not sleep: error %d\n", bad);
    }
    say_woken(txn);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool settled(u32 txn)
{
    return READ_ONCE(sleep.ordered_txn) != 0 || curia_sleep_keeping() ||
           curia_power_called_off(txn);
}

static bool may_go(void)
{
    bool may;

    mutex_lock(&sleep.lock);
    sleep.going_txn = sleep.kept.type == 0 ? sleep.ordered_txn : 0;
    may = sleep.going_txn != 0;
    mutex_unlock(&sleep.lock);
    return may;
}

/* 0: this VM's turn has come. */
static int wait_for_turn(u32 txn)
{
    unsigned long deadline = jiffies + curia_power_wait_limit();
    long left = 1;

    while (!settled(txn) && left >= 0 && time_before(jiffies, deadline)) {
        curia_power_heartbeat();
        left = wait_event_interruptible_timeout(curia_power_news, settled(txn), LOOK_EVERY);
        curia_power_take_events(false);
    }
    /*
     * In this order: an event of before is taken here; one of after finds nobody asking, and the
     * interrupt's handler calls the suspend off.
     */
    mutex_lock(&sleep.lock);
    WRITE_ONCE(sleep.asking, false);
    mutex_unlock(&sleep.lock);
    curia_power_take_events(true);
    if (may_go()) {
        return 0;
    }
    curia_pwr(CURIA_PWR_CANCEL, txn, 0, 0, 0);
    return left < 0 ? -EINTR : -EBUSY;
}

static int ask(void)
{
    struct curia_ret r;

    mutex_lock(&sleep.lock);
    WRITE_ONCE(sleep.asking, true);
    mutex_unlock(&sleep.lock);
    r = curia_pwr(CURIA_PWR_REQUEST, CURIA_PWR_KIND_SUSPEND, 0, 0, 0);
    if (r.error == SBI_SUCCESS) {
        return wait_for_turn((u32)r.value);
    }
    mutex_lock(&sleep.lock);
    WRITE_ONCE(sleep.asking, false);
    mutex_unlock(&sleep.lock);
    /* It may initiate others: then it sleeps alone. */
    return r.error == SBI_ERR_DENIED || r.error == SBI_ERR_NOT_SUPPORTED ? 0 : -EBUSY;
}

int curia_sleep_prepare(struct device *dev)
{
    bool deep = pm_suspend_target_state == PM_SUSPEND_MEM;
    bool ordered;
    bool other;

    mutex_lock(&sleep.lock);
    ordered = sleep.ordered_txn != 0;
    other = sleep.left || sleep.obeying;
    mutex_unlock(&sleep.lock);
    if (ordered) {
        return deep && may_go() ? 0 : -EBUSY;
    }
    if (other) {
        return -EBUSY;
    }
    return deep && sleep.may_initiate ? ask() : 0;
}

/* The interrupt's handler calls off a suspend only once that has forgotten earlier wake-ups, as it
 * has here. */
int curia_sleep_suspend(struct device *dev)
{
    return READ_ONCE(sleep.left) ? -EBUSY : 0;
}

/* ---- on the way there and back --------------------------------------------------------------- */

static int on_sleep(struct notifier_block *nb, unsigned long mode, void *unused)
{
    bool awake = mode == PM_POST_SUSPEND || mode == PM_POST_HIBERNATION || mode == PM_POST_RESTORE;
    u32 txn;

    mutex_lock(&sleep.lock);
    sleep.asleep = !awake;
    txn = sleep.going_txn;
    sleep.going_txn = 0;
    mutex_unlock(&sleep.lock);
    if (awake) {
        curia_power_take_events(false);
        say_woken(txn);
    }
    return NOTIFY_DONE;
}

static void forget(void *dev)
{
    disable_work_sync(&sleep.work); /* for good: the interrupt goes later */
    unregister_pm_notifier(&sleep.notifier);
    dev_pm_clear_wake_irq(dev);
    device_init_wakeup(dev, false);
}

static void forget_rtc(void *unused)
{
    irq_set_irq_wake(sleep.rtc_irq, 0);
}

/* The alarm of QEMU's RTC wakes the VM; its stock driver has no notion of that. */
static int wake_on_rtc(struct device *dev)
{
    struct device_node *node = of_find_compatible_node(NULL, NULL, "google,goldfish-rtc");

    sleep.rtc_irq = node != NULL ? of_irq_get(node, 0) : 0;
    of_node_put(node);
    if (sleep.rtc_irq <= 0 || irq_set_irq_wake(sleep.rtc_irq, 1) != 0) {
        return 0;
    }
    return devm_add_action_or_reset(dev, forget_rtc, NULL);
}

int curia_sleep_init(struct device *dev, int irq, bool may_initiate)
{
    int bad = device_init_wakeup(dev, true);

    sleep.dev = dev;
    sleep.may_initiate = may_initiate;
    INIT_WORK(&sleep.work, obey);
    if (bad == 0) {
        bad = dev_pm_set_wake_irq(dev, irq);
    }
    if (bad == 0) {
        sleep.notifier.notifier_call = on_sleep;
        bad = register_pm_notifier(&sleep.notifier);
    }
    if (bad == 0) {
        bad = devm_add_action_or_reset(dev, forget, dev);
    }
    return bad != 0 ? bad : wake_on_rtc(dev);
}
