// SPDX-License-Identifier: GPL-2.0-only
/*
 * This VM's part in power transitions. Curia's events are taken one after the other, by the
 * interrupt thread or by whoever waits in the reboot path, and acted upon under power.lock (outside
 * the lock of policy.c): PREPARE is acknowledged at once and answered by the policy program, or
 * READY if there is none; STOP becomes the kernel's own orderly power-off or reboot, that of a
 * suspend its suspend to RAM (sleep.c, which also tells when events are not taken).
 *
 * A VM that may initiate transitions does so, too, when its kernel goes down by itself: the reboot
 * notifier asks for a transition and waits for this VM's STOP, so that plain `poweroff` keeps the
 * ranks. User space is gone by then; interrupts and kernel threads still work, and what is said is
 * for whoever waits at the console, so it is said at the level of the kernel's own "Power down".
 */
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of_irq.h>
#include <linux/pm_wakeup.h>
#include <linux/reboot.h>
#include <linux/string.h>
#include <linux/wait.h>

#include <asm/sbi.h>

#include "curia.h"

/* How often the reboot path looks for itself, should an interrupt not come. */
#define LOOK_EVERY (HZ / 5)

static unsigned int stop_wait_s = 300;
module_param(stop_wait_s, uint, 0644);
MODULE_PARM_DESC(stop_wait_s, "seconds that a power-off waits for the other VMs, at most");

DECLARE_WAIT_QUEUE_HEAD(curia_power_news);

static struct {
    struct device *dev;
    bool may_initiate;      /* from the FDT */
    bool reset_is_platform; /* from the FDT: this VM's reset means the machine's */
    struct notifier_block reboot;

    struct mutex lock;
    struct curia_power_event asked; /* the PREPARE that is not answered yet; type 0: none */
    bool ignore;
    bool going_down; /* the kernel is on its way down already */
    bool stop_seen;  /* Curia wants this VM down */
    u32 aborted_txn; /* this one, and any before it, was called off */
} power = {.lock = __MUTEX_INITIALIZER(power.lock)};

void curia_power_set_ignore(bool on)
{
    mutex_lock(&power.lock);
    power.ignore = on;
    mutex_unlock(&power.lock);
}

bool curia_power_ignored(void)
{
    return READ_ONCE(power.ignore);
}

/* ---- events ---------------------------------------------------------------------------------- */

static struct curia_ret answer(u32 txn, unsigned long what, unsigned long argument)
{
    return curia_pwr(CURIA_PWR_ANSWER, txn, what, argument, 0);
}

static void answer_ready(void)
{
    if (power.asked.type != 0) {
        answer(power.asked.txn, CURIA_PWR_ANSWER_READY, 0);
        power.asked.type = 0;
    }
}

static void go_down(const struct curia_power_event *ev, bool restart)
{
    power.asked.type = 0;
    WRITE_ONCE(power.stop_seen, true);
    curia_sleep_order(0);
    curia_policy_tell(ev);
    if (power.going_down) {
        return;
    }
    power.going_down = true;
    dev_info(power.dev, "Curia asks this VM to %s\n", restart ? "restart" : "stop");
    if (restart) {
        orderly_reboot();
    } else {
        orderly_poweroff(true);
    }
}

/* A kernel that is on its way down counts as stopped when it is. */
static void go_to_sleep(const struct curia_power_event *ev)
{
    power.asked.type = 0;
    if (!power.going_down) {
        curia_policy_tell(ev);
        curia_sleep_order(ev->txn);
    }
}

static void prepare(const struct curia_power_event *ev)
{
    answer(ev->txn, CURIA_PWR_ANSWER_ACK, 0);
    curia_sleep_order(0); /* an earlier one: this overrides it */
    power.asked = *ev;
    if (power.going_down || curia_sleep_asking() || !curia_policy_tell(ev)) {
        answer_ready();
    }
}

static void act(const struct curia_power_event *ev)
{
    switch (ev->type) {
    case CURIA_PWR_EV_PREPARE:
        prepare(ev);
        break;
    case CURIA_PWR_EV_STOP:
        if (ev->kind == CURIA_PWR_KIND_SUSPEND) {
            go_to_sleep(ev);
            break;
        }
        go_down(ev, ev->kind == CURIA_PWR_KIND_RESET_COLD || ev->kind == CURIA_PWR_KIND_RESET_WARM);
        break;
    case CURIA_PWR_EV_ABORT:
        power.asked.type = 0;
        WRITE_ONCE(power.aborted_txn, ev->txn);
        curia_sleep_order(0);
        curia_policy_tell(ev);
        break;
    case CURIA_PWR_EV_RESUME:
        answer(ev->txn, CURIA_PWR_ANSWER_ACK, 0);
        curia_sleep_over(ev);
        curia_policy_tell(ev);
        break;
    case CURIA_PWR_EV_SHUTDOWN:
        go_down(ev, false);
        break;
    case CURIA_PWR_EV_RESTART:
        go_down(ev, true);
        break;
    default:
        dev_warn(power.dev, "power event %u is unknown to this module\n", ev->type);
        break;
    }
}

static struct curia_power_event next_event(void)
{
    struct curia_ret r = curia_pwr(CURIA_PWR_EVENT, 0, 0, 0, 0);

    if (r.error != SBI_SUCCESS) {
        r.value = 0;
    }
    return (struct curia_power_event){
        .type = (u8)CURIA_PWR_EVENT_TYPE(r.value),
        .kind = (u8)CURIA_PWR_EVENT_KIND(r.value),
        .reason = (u16)CURIA_PWR_EVENT_REASON(r.value),
        .txn = (u32)CURIA_PWR_EVENT_TXN(r.value),
    };
}

static bool leaves_events(bool all)
{
    return !power.going_down && (all ? curia_sleep_keeping() : curia_sleep_leaves_events());
}

void curia_power_take_events(bool all)
{
    struct curia_power_event ev;

    mutex_lock(&power.lock);
    ev = curia_sleep_kept();
    do {
        if (ev.type != 0 && !power.ignore && (power.going_down || !curia_sleep_keeps(&ev))) {
            act(&ev);
        }
        ev.type = 0;
        if (!leaves_events(all)) {
            ev = next_event();
        }
    } while (ev.type != 0);
    mutex_unlock(&power.lock);
    wake_up_all(&curia_power_news);
}

int curia_power_answer(unsigned long what, unsigned long argument, unsigned long *granted_us)
{
    struct curia_ret r;
    int bad = -ENOENT;

    mutex_lock(&power.lock);
    if (power.asked.type != 0) {
        r = answer(power.asked.txn, what, argument);
        bad = curia_errno(r.error);
        *granted_us = r.value;
        if (bad == 0 && what != CURIA_PWR_ANSWER_POSTPONE) {
            power.asked.type = 0;
        }
    }
    mutex_unlock(&power.lock);
    return bad;
}

/* ---- the reboot path ------------------------------------------------------------------------- */

bool curia_power_called_off(u32 txn)
{
    /* Transactions are numbered upwards; the difference bears the wrap. */
    u32 aborted = READ_ONCE(power.aborted_txn);

    return aborted != 0 && (s32)(aborted - txn) >= 0;
}

unsigned long curia_power_wait_limit(void)
{
    return (unsigned long)READ_ONCE(stop_wait_s) * HZ;
}

static bool settled(u32 txn)
{
    return READ_ONCE(power.stop_seen) || curia_power_called_off(txn);
}

/*
 * User space, which has given the heartbeats, may be gone; the kernel waits and lives. Where the
 * manifest wants this VM watched, Curia makes of any time the longest that it grants.
 */
void curia_power_heartbeat(void)
{
    if (curia_vmm(CURIA_VMM_HEARTBEAT, 0, 0, 0, 0).error != SBI_SUCCESS) {
        curia_vmm(CURIA_VMM_HEARTBEAT, ULONG_MAX, 0, 0, 0);
    }
}

static void wait_for_stop(u32 txn)
{
    unsigned long deadline = jiffies + curia_power_wait_limit();

    while (!settled(txn) && time_before(jiffies, deadline)) {
        curia_power_heartbeat();
        wait_event_timeout(curia_power_news, settled(txn), LOOK_EVERY);
        curia_power_take_events(false);
    }
    if (READ_ONCE(power.stop_seen)) {
        return;
    }
    dev_alert(power.dev, "transition %u %s: this VM stops alone\n", txn,
              settled(txn) ? "was called off" : "did not come to an end");
}

/* From here on the policy program is no longer asked. True: Curia knows already that we stop. */
static bool leave(void)
{
    bool known;

    mutex_lock(&power.lock);
    power.going_down = true;
    power.ignore = false;
    answer_ready();
    known = power.stop_seen;
    mutex_unlock(&power.lock);
    return known;
}

/* The kernel starts another one instead of stopping: that is nobody's business but this VM's. */
static bool is_kexec(const char *command)
{
    return command != NULL && strcmp(command, "kexec reboot") == 0;
}

static int on_reboot(struct notifier_block *nb, unsigned long mode, void *command)
{
    unsigned long kind = CURIA_PWR_KIND_OFF;
    struct curia_ret r;

    if (mode == SYS_RESTART) {
        kind = reboot_mode == REBOOT_WARM || reboot_mode == REBOOT_SOFT ? CURIA_PWR_KIND_RESET_WARM
                                                                        : CURIA_PWR_KIND_RESET_COLD;
    } else if (mode != SYS_POWER_OFF) {
        return NOTIFY_DONE;
    }
    if (is_kexec(command)) {
        return NOTIFY_DONE;
    }
    if (leave() || !power.may_initiate || (mode == SYS_RESTART && !power.reset_is_platform)) {
        return NOTIFY_DONE;
    }
    r = curia_pwr(CURIA_PWR_REQUEST, kind, 0, 0, 0);
    if (r.error != SBI_SUCCESS) {
        dev_alert(power.dev, "Curia refuses the transition (SBI error %ld): this VM stops alone\n",
                  r.error);
        return NOTIFY_DONE;
    }
    dev_alert(power.dev, "transition %lu: waiting for the VMs below to stop\n", r.value);
    wait_for_stop((u32)r.value);
    return NOTIFY_DONE;
}

/* ---- coming and going ------------------------------------------------------------------------ */

/*
 * Calls off a suspend that has begun, but for one that waits for what the event may say. No
 * IRQF_ONESHOT: an event that comes while the thread runs makes it run once more.
 */
static irqreturn_t power_irq(int irq, void *data)
{
    if (!curia_sleep_asking()) {
        pm_wakeup_hard_event(power.dev);
    }
    return IRQ_WAKE_THREAD;
}

static irqreturn_t power_thread(int irq, void *data)
{
    curia_power_take_events(false);
    return IRQ_HANDLED;
}

static void stop_listening(void *unused)
{
    curia_pwr(CURIA_PWR_LISTEN, 0, 0, 0, 0);
}

void curia_power_quiesce(void)
{
    stop_listening(NULL);
}

static int listen(struct device *dev)
{
    int bad = curia_errno(curia_pwr(CURIA_PWR_LISTEN, 1, 0, 0, 0).error);

    if (bad == 0) {
        bad = devm_add_action_or_reset(dev, stop_listening, NULL);
    }
    if (bad == 0) {
        curia_power_take_events(false); /* whatever came before the interrupt was ours */
    }
    return bad;
}

int curia_power_init(struct device *dev, struct device_node *node)
{
    int irq = of_irq_get(node, 0);
    int bad;

    if (irq <= 0) {
        return irq == 0 ? -ENXIO : irq;
    }
    power.dev = dev;
    power.may_initiate = of_property_read_bool(node, "may-initiate");
    power.reset_is_platform = of_property_read_bool(node, "reset-is-platform");
    power.reboot.notifier_call = on_reboot;

    bad = curia_policy_init(dev);
    if (bad == 0) {
        bad = devm_request_threaded_irq(dev, (unsigned int)irq, power_irq, power_thread, 0,
                                        "curia-power", &power);
    }
    if (bad == 0) {
        bad = curia_sleep_init(dev, irq, power.may_initiate);
    }
    if (bad == 0) {
        bad = listen(dev);
    }
    return bad != 0 ? bad : devm_register_reboot_notifier(dev, &power.reboot);
}
