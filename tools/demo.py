#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""The demo without a person: three domains of one car computer boot apart, talk, go down in order.

    tools/demo.py [--irqchip aia|plic] [VARIANT ...]        (make demo IRQCHIP=... DEMO=...)

    order      curiactl list, ping, the RTC's alarm, state messages, `reboot` in cockpit, then
               `curiactl poweroff` in control
    poweroff   plain `poweroff` typed in control: the same order
    hung       cockpit ignores what it is told: forced at its turn, the rest in order
    crashed    control's kernel crashes: `power off` in the hypervisor's shell
    sleep      `echo mem` in control: all sleep until the RTC's alarm; `curiactl suspend`, until a key

Each is one boot. Whatever is not as told ends it with a message and the path of the log; the order
is checked by the audit, the end by QMP and QEMU's exit status. tests/qemu/test_demo.py runs the
same functions.
"""

import argparse
import re
import sys
import time

import trace_picture
import trace_records
from curia_qemu import BOOT_SECONDS, BUILD, CURIA, IRQCHIPS, SHARED_BUNDLE, TOP, Failure, Machine

VMS = ("control", "cockpit", "adas")        # down the ranks
OFF_SECONDS = 180                           # above power-deadline-ms: Curia's own limit acts first

TRACES = BUILD / "trace"
CURIA_MEMORY = (0x80000000, 16 << 20)       # where OpenSBI and QEMU put Curia, and what it keeps

# How a VM's part in a transition ended. Frozen late: a hart did not leave the guest in the time
# allowed, as may happen to an emulated one that gets no processor.
FROZEN = ("FORCED", "FREEZE-LATE")
GONE = ("STOPPED", "CRASHED") + FROZEN


class Told:
    """What a story says of itself: steps with the time that they took."""

    def __init__(self, machine, out=None, trace=None):
        self.machine, self.out, self.trace = machine, out, trace
        self.last = 0.0

    def step(self, text):
        now = self.machine.now()
        if self.out is not None:
            print(f"  {now:7.1f} s  {text}", file=self.out, flush=True)
        self.last = now

    def show(self, lines):
        if self.out is not None:
            for line in lines:
                print(f"             | {line}", file=self.out, flush=True)

    def check(self, good, text):
        if not good:
            raise self.machine.failure(text)


# ---- steps ------------------------------------------------------------------------------------


def boot(m, told):
    """Curia's banner and the three ready marks: of the first boot, or after a reset of the next."""
    m.expect(r"^one terminal for all: Ctrl-\]", vm=CURIA, seconds=BOOT_SECONDS)
    for vm, mark in (("adas", "^adas: ready, task at 1000 Hz$"), ("control", "^control ready$"),
                     ("cockpit", "^cockpit ready$")):
        line = m.expect(mark, vm=vm, seconds=BOOT_SECONDS)
        told.step(f"{vm} is ready (it said so at {line.at:.1f} s)")
    m.prompt("control")


def vm_list(m, told):
    """`curiactl list` in control: {name: (state, generation, uptime in s, last stop)}."""
    _, lines = m.shell("curiactl list", vm="control")
    told.show(lines)
    table = {}
    for line in lines:
        row = re.match(r"[ *] (\S+) +(\S+) +\d+ +\d+ MiB +(\d+) +(?:([\d.]+)s|-) +(\S.*)$", line)
        if row:
            table[row[1]] = (row[2], int(row[3]), float(row[4] or 0), row[5])
    told.check(tuple(table) == VMS, f"curiactl list shows {tuple(table)}, not {VMS}")
    return table


def all_run(m, told, generations):
    """All run, each for the so manieth time. Returns their uptimes."""
    table = vm_list(m, told)
    for vm, generation in zip(VMS, generations):
        told.check(table[vm][0] == "running", f"{vm} is {table[vm][0]}, not running")
        told.check(table[vm][1] == generation,
                   f"{vm} was started {table[vm][1]} times, not {generation}")
    told.step(f"curiactl list: all three run, started {', '.join(map(str, generations))} times")
    return {vm: table[vm][2] for vm in VMS}


def ping(m, told):
    """`curiactl ping adas` in control. Returns adas's count of releases, from its last answer."""
    _, lines = m.shell("curiactl ping adas", vm="control")
    told.show(lines)
    answers = [a for a in (re.search(r"^adas: seq=(\d+) time=.* in (\d+) releases$", line)
                           for line in lines) if a]
    told.check([int(a[1]) for a in answers] == [1, 2, 3, 4], "not every ping was answered in order")
    releases = [int(a[2]) for a in answers]
    told.check(releases == sorted(set(releases)), "adas's task stood still between two pings")
    told.step("curiactl ping adas: 4 sent, 4 answered")
    return releases[-1]


def states(m, told, more=10):
    """What cockpit has recorded of adas's messages, once it has so many more. Returns the number of
    the last."""
    def read():
        _, lines = m.shell("cat /run/state", vm="cockpit")
        fields = ("messages", "first", "last", "gaps", "starts", "unknown")
        form = "^" + " +".join(rf"{name} (\d+)" for name in fields)
        row = re.search(form, "\n".join(lines), re.M)
        told.check(row, "cockpit has no record of state messages in /run/state")
        return [int(number) for number in row.groups()]

    begin = read()
    limit = m.now() + 60
    while True:
        count, first, last, gaps, starts, unknown = read()
        told.check(gaps == 0 and unknown == 0 and starts <= 1,
                   f"state messages: {gaps} lost, {unknown} strange, {starts} starts of the sender")
        if count >= begin[0] + more:
            break
        told.check(m.now() < limit, f"cockpit got {count - begin[0]} state messages in 60 s")
        m.idle(0.3)
    told.check(last - first + 1 == count, f"{count} state messages with numbers {first} to {last}")
    told.step(f"cockpit has adas's states {first} to {last}: {count} messages, in order, no gap")
    return last


def alarm(m, told):
    """The passed-through RTC: its interrupt reaches control."""
    def count():
        _, lines = m.shell("cat /proc/interrupts", vm="control")
        rows = [line for line in lines if re.search(r"rtc", line, re.I)]
        told.check(len(rows) == 1, f"/proc/interrupts has {len(rows)} lines of an RTC")
        return int(rows[0].split()[1])

    before = count()
    _, lines = m.shell("curiactl alarm 2", vm="control", seconds=120)
    told.check(any("interrupt came" in line for line in lines), "curiactl alarm saw no interrupt")
    after = count()
    told.check(after == before + 1, f"the RTC's interrupts went from {before} to {after}")
    told.step(f"curiactl alarm: the RTC's interrupt reached control ({before} -> {after})")


def hypervisor_shell(m, told):
    """The escape key and the hypervisor's own shell."""
    lines = m.curia("vms")
    told.show(lines)
    told.check([re.match(r" *\d+ (\S+) +(\S+)", line).groups() for line in lines]
               == [(vm, "running") for vm in VMS], "`vms` does not show all three running")
    lines = m.curia("stat")
    for vm, index in (("control", 0), ("cockpit", 0), ("cockpit", 1), ("adas", 0)):
        told.check(any(re.match(rf"{vm} +vCPU {index} on hart \d+:", line) for line in lines),
                   f"`stat` does not show vCPU {index} of {vm}")
    commands = ("vms", "stat", "start", "stop", "restart", "power", "audit")
    lines = m.curia("help")
    told.check(all(any(line.startswith(c) for line in lines) for c in commands),
               "`help` does not name every command")
    lines = m.curia("nonsense")
    told.check(lines == ["nonsense: no such command (`help` lists them)"], f"nonsense is answered {lines}")
    lines = m.curia("restart nobody")
    told.check(lines == ["restart: no VM is called nobody", "usage: restart NAME [force]"],
               f"a wrong VM is answered {lines}")
    m.send("rest\tco\tn\t\x15\x1b[A")         # completed, wiped from the left, recalled
    m.until(lambda: m.unfinished() == (CURIA, "> restart nobody"), "a command by keys that edit", 10)
    m.send("\x17co\tc\t")
    m.until(lambda: m.unfinished() == (CURIA, "> restart cockpit "), "the name of a VM by Tab", 10)
    m.send("\x03")
    lines = m.curia("power cancel")
    told.check(lines == ["power cancel: there is none"], f"cancelling nothing is answered {lines}")
    told.step("the hypervisor's shell: vms, stat, help, and wrong input answered")


def reboot_cockpit(m, told):
    """`reboot` typed in cockpit: it starts anew, alone."""
    transitions = len(m.audit)
    mark = m.mark()
    m.prompt("cockpit")
    m.type("reboot")
    m.expect(r"cockpit: stopped \(reboot\)", vm=CURIA, since=mark, seconds=OFF_SECONDS)
    told.step("reboot in cockpit: it has stopped")
    m.expect("^cockpit ready$", vm="cockpit", since=mark, seconds=BOOT_SECONDS)
    told.check(m.audit[transitions:] == [], "cockpit's reboot began a power transition")
    for vm in ("control", "adas"):
        again = m.find(rf"\b{vm}: (started|stopped|crashed)", vm=CURIA, since=mark)
        told.check(again is None, f"cockpit's reboot touched {vm}")
    told.step("cockpit is ready again")


def ask_poweroff(m, told):
    """`curiactl poweroff` in control: asked for, and no more waited for."""
    m.prompt("control")
    m.type("curiactl poweroff")
    m.expect(r"^transition \d+: off$", vm="control")
    told.step("curiactl poweroff in control")


# ---- what has to be true of a transition --------------------------------------------------------


def records(m, event=None):
    """The records of the last transition, in order; of one event: the VMs' names."""
    begin = max((i for i, r in enumerate(m.audit) if r.event == "REQUEST"), default=len(m.audit))
    last = [r for r in m.audit[begin:] if r.txn == m.audit[begin].txn]
    return last if event is None else [r.vm for r in last if r.event == event]


def check_order(m, told, initiator, forced=(), emergency=False):
    """The whole transition, from REQUEST to COMMIT, as the ranks demand. `forced`: who does not
    answer and is taken down at its turn."""
    told.check(m.audit, "no audit was printed")
    all_of_it = records(m)
    where = {(r.vm, r.event): i for i, r in reversed(list(enumerate(all_of_it)))}

    def at(vm, *events):
        found = [where[vm, e] for e in events if (vm, e) in where]
        told.check(found, f"the audit has no {' or '.join(events)} of {vm}")
        return min(found)

    told.check(all_of_it and all_of_it[0].event == "REQUEST" and all_of_it[0].vm == initiator,
               f"the transition does not begin with a REQUEST of {initiator}")
    told.check([r.seq for r in all_of_it] == [all_of_it[0].seq + i for i in range(len(all_of_it))],
               "a record of the audit was not printed")
    if not emergency:
        told.check(records(m, "PREPARE-SENT") == list(VMS),
                   f"PREPARE went to {records(m, 'PREPARE-SENT')}, not down the ranks")
        for vm, superior in zip(VMS[1:], VMS):
            told.check(at(superior, *(("TIMEOUT",) if superior in forced else ("READY",)))
                       < at(vm, "PREPARE-SENT"),
                       f"{vm} got PREPARE before {superior} was ready")
        for vm in VMS:
            if vm in forced:
                told.check((vm, "READY") not in where, f"{vm} said READY, though it hears nothing")
            else:
                told.check(at(vm, "PREPARE-SENT") < at(vm, "READY"), f"{vm} was ready before asked")
        told.check(max(at(vm, "READY", "TIMEOUT") for vm in VMS) < at("all", "ALL-READY"),
                   "ALL-READY came before all were")
    else:
        told.check(not records(m, "PREPARE-SENT"), "an EMERGENCY asked a VM to prepare")
    told.check([vm for vm in records(m, "STOP-SENT") if vm not in forced]
               == [vm for vm in reversed(VMS) if vm not in forced],
               f"STOP went to {records(m, 'STOP-SENT')}, not up the ranks")
    for vm, superior in zip(VMS[1:], VMS):
        told.check(at(vm, *GONE) < at(superior, "STOP-SENT", "FORCE"),
                   f"{superior} was told to stop before {vm} had")
    for vm in VMS:
        end = all_of_it[at(vm, *GONE)].event
        told.check((end in FROZEN) == (vm in forced), f"{vm} ended {end}")
        if vm in forced:
            frozen = [r for r in all_of_it if r.vm == vm and r.event == "FROZEN-AT"]
            told.check([r.new for r in frozen] == ["FORCED"]
                       and re.fullmatch("0x0*[1-9a-f][0-9a-f]*", frozen[0].detail),
                       f"where {vm} was frozen is not recorded")
    told.check(max(at(vm, *GONE) for vm in VMS) < at("all", "COMMIT"),
               "COMMIT with a VM still running")
    told.check(all_of_it[-1].event == "COMMIT", "something came behind COMMIT")
    told.step("the audit: " + ("" if emergency else "PREPARE control, cockpit, adas; ")
              + "STOP adas, cockpit, control; COMMIT"
              + "".join(f"; {vm} FORCED" for vm in forced))


def check_sleep(m, told, initiator, woken_by):
    """A whole suspend, from REQUEST to RESUMED: to sleep up the ranks, awake down the ranks."""
    all_of_it = records(m)
    told.check(all_of_it and (all_of_it[0].event, all_of_it[0].vm) == ("REQUEST", initiator)
               and all_of_it[0].detail.startswith("suspend"), f"no suspend asked for by {initiator}")
    told.check([r.seq for r in all_of_it] == [all_of_it[0].seq + i for i in range(len(all_of_it))],
               "a record of the audit was not printed")
    steps = [(r.event, r.vm) for r in all_of_it
             if r.event in ("PREPARE-SENT", "STOP-SENT", "SUSPENDED", "COMMIT", "SLEEP", "WAKE", "RESUMED")
             or (r.event == "RESUME" and r.vm in VMS) or (r.event, r.old) == ("ACK", "RESUMING")]
    wanted = [("PREPARE-SENT", vm) for vm in VMS]
    wanted += [(event, vm) for vm in reversed(VMS) for event in ("STOP-SENT", "SUSPENDED")]
    wanted += [("COMMIT", "all"), ("SLEEP", "all"), ("WAKE", woken_by)]
    wanted += [(event, vm) for vm in VMS for event in ("RESUME", "ACK")] + [("RESUMED", "all")]
    told.check(steps == wanted, f"the suspend went {steps}, not {wanted}")
    told.step(f"the audit: STOP adas, cockpit, control, each asleep; woken by {woken_by}; "
              "RESUME control, cockpit, adas")


def machine_off(m, told):
    """The platform went off because Curia asked its firmware, and QEMU ended well; where it is traced, QEMU
    keeps the memory of the machine that is off until the trace has been taken out of it."""
    if told.trace is not None:
        m.qmp_event("SHUTDOWN", seconds=OFF_SECONDS)
        events = m.qmp_events("SHUTDOWN")
        m.pmemsave(*CURIA_MEMORY, told.trace)
        m.qmp("quit")
        status = m.wait_exit()
    else:
        status = m.wait_exit(OFF_SECONDS)
        events = m.qmp_events("SHUTDOWN")
    told.check(events == [{"guest": True, "reason": "guest-shutdown"}],
               f"QMP reports SHUTDOWN {events}")
    told.check(status == 0, f"QEMU ended with status {status}")
    told.step("the machine is off: QMP says guest-shutdown, QEMU ended with 0")


def gantt(transition, width=64):
    """A transition as lines of text: a row a VM, time from left to right."""
    begin, end = transition[0].at, transition[-1].at
    span = max(end - begin, 1e-6)

    def column(at):
        return min(width - 1, int((at - begin) / span * (width - 1)))

    marks = {"PREPARE-SENT": "p", "READY": ".", "TIMEOUT": "!", "STOP-SENT": "s", "FORCE": "f",
             "KEY-PRESSED": "k", "POSTPONE": "+"}
    rows = []
    for vm in VMS:
        row, now, last = [" "] * (width + 1), " ", 0
        for record in (r for r in transition if r.vm == vm):
            here = column(record.at)
            row[last:here] = now * (here - last)
            last = here
            now = marks.get(record.event, " " if record.event in GONE else now)
            if record.event in GONE:
                row[here] = "|" if record.event == "STOPPED" else "X"
                last = here + 1
        rows.append(f"{vm:8} {''.join(row).rstrip()}")
    ruler = [" "] * (width + 6)
    for i in range(5):
        text = f"{span * i / 4:.1f}"
        place = i * (width - 1) // 4
        ruler[place:place + len(text)] = text
    return ([f"{'seconds':8} {''.join(ruler).rstrip()}"] + rows +
             ["", "         p prepares  . ready, waits its turn  ! does not answer",
             "         s stops  f is forced  | stopped  X frozen"])


def timeline(told, transition):
    """The audit of a transition, with times from its beginning."""
    if told.out is None:
        return
    begin = transition[0].at
    print(f"\n  transition {transition[0].txn}: {transition[0].detail.split()[0]}, asked by "
          f"{transition[0].vm} {begin:.3f} s after Curia's start\n", file=told.out)
    for r in transition:
        moved = f"{r.old} -> {r.new}" if r.old != r.new else r.old
        line = f"  {(r.at - begin) * 1000:9.1f} ms  {r.vm:8} {r.event:14} {moved:24} {r.detail}"
        print(line.rstrip(), file=told.out)
    print(file=told.out)
    for line in gantt(transition):
        print(f"  {line}".rstrip(), file=told.out)
    print(file=told.out, flush=True)


# ---- the stories --------------------------------------------------------------------------------


def story_order(m, told):
    boot(m, told)
    uptimes = all_run(m, told, (1, 1, 1))
    releases = ping(m, told)
    last = states(m, told)
    alarm(m, told)
    hypervisor_shell(m, told)
    reboot_cockpit(m, told)
    later = all_run(m, told, (1, 2, 1))
    told.check(later["control"] > uptimes["control"] and later["adas"] > uptimes["adas"],
               "control or adas was restarted with cockpit")
    told.check(later["cockpit"] < later["control"], "cockpit's uptime did not begin anew")
    told.check(ping(m, told) > releases, "adas's task did not go on")
    told.check(states(m, told) > last, "adas's messages did not go on")
    ask_poweroff(m, told)
    machine_off(m, told)
    check_order(m, told, "control")


def story_poweroff(m, told):
    boot(m, told)
    m.type("poweroff", vm="control")
    told.step("poweroff typed in control")
    machine_off(m, told)
    check_order(m, told, "control")


def story_hung(m, told):
    boot(m, told)
    m.prompt("cockpit")
    m.shell("curiactl ignore on", vm="cockpit")
    told.step("cockpit ignores what it is asked")
    ask_poweroff(m, told)
    machine_off(m, told)
    check_order(m, told, "control", forced=("cockpit",))


def story_crashed(m, told):
    boot(m, told)
    m.type("echo c > /proc/sysrq-trigger", vm="control")
    m.expect("Kernel panic - not syncing: sysrq triggered crash", vm="control")
    told.step("control's kernel has crashed")
    last = states(m, told)
    told.step(f"cockpit and adas go on (state {last})")
    m.focus(CURIA)
    m.type("power off")
    m.expect(r"^power off: transition \d+ is under way$", vm=CURIA)
    told.step("power off in the hypervisor's shell")
    machine_off(m, told)
    check_order(m, told, "console", forced=("control",))


def slept(m, told, times, woken_by):
    """control's own word of it, after so many sleeps: processes and their memory are as they were."""
    m.expect_audit("all", "RESUMED", times, OFF_SECONDS)
    check_sleep(m, told, "control", woken_by)
    m.prompt("control")
    _, lines = m.shell("echo kept $kept; kill -0 %1 && cat /sys/power/suspend_stats/success; curiactl status",
                       vm="control")
    told.show(lines)
    told.check(lines == [f"kept {m.name}", str(times), "machine RUN, this VM UP",
                         f"suspend {records(m)[0].txn} was ended by {woken_by}"], f"control says {lines}")
    all_run(m, told, (1, 1, 1))


def story_sleep(m, told):
    boot(m, told)
    m.prompt("control")
    m.shell(f"kept={m.name}; sleep 9999 & true", vm="control")
    last = states(m, told)
    m.prompt("control")
    m.shell("curiactl alarm 6 > /run/alarm & true", vm="control")
    m.type("echo mem > /sys/power/state", vm="control")
    told.step("echo mem > /sys/power/state in control, the RTC's alarm set")
    slept(m, told, 1, "control")
    told.check(m.shell("cat /run/alarm", vm="control")[1] == ["alarm: interrupt came (1)"],
               "the alarm's interrupt was lost")
    told.check(states(m, told) > last, "adas's messages did not go on")
    m.prompt("control")
    m.type("curiactl suspend", vm="control")
    m.expect_audit("all", "SLEEP", 2, OFF_SECONDS)
    told.step("curiactl suspend in control: all sleep")
    m.send("\r")
    slept(m, told, 2, "console")
    ping(m, told)
    ask_poweroff(m, told)
    machine_off(m, told)
    check_order(m, told, "control")


STORIES = {"order": story_order, "poweroff": story_poweroff, "hung": story_hung,
           "crashed": story_crashed, "sleep": story_sleep}


def play(variant, irqchip, out=None, prefix="demo", shared=False):
    """One story from start to end; shared: on two harts. Failure: something was not as told."""
    machine = {"bundle": SHARED_BUNDLE, "harts": 2, "extra": ["-no-shutdown"]} if shared else {}
    prefix += "-shared" if shared else ""
    name = f"{prefix}-{variant}-{irqchip}"
    with Machine(name, irqchip=irqchip, vms=VMS, **machine) as m:
        told = Told(m, out, TRACES / f"{name}.trace" if shared else None)
        STORIES[variant](m, told)
        timeline(told, records(m))
        took = m.now()
    if told.trace is not None:
        traced(told, variant)
    return took


def traced(told, variant):
    """The trace that was taken out of the machine's memory, and its picture if there is someone to see it."""
    trace = trace_records.keep(told.trace)
    told.check(trace.vms == list(VMS) and trace.transition(), f"there is no transition in {told.trace}")
    if told.out is not None:
        picture = told.trace.with_suffix(".png")
        trace_picture.draw(trace, picture, title=f"{STORIES_TOLD[variant]}: two harts, three domains")
        print(f"  trace     {told.trace.relative_to(TOP)}\n  picture   {picture.relative_to(TOP)}\n",
              file=told.out, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--irqchip", choices=IRQCHIPS, default="aia")
    parser.add_argument("--shared", action="store_true", help="on two harts")
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=", ".join(STORIES))
    arguments = parser.parse_args()
    variants = arguments.variants or list(STORIES)
    for variant in variants:
        if variant not in STORIES:
            parser.error(f"no variant '{variant}': there are {', '.join(STORIES)}")
    took, begin = [], time.monotonic()
    for variant in variants:
        print(f"{variant} on {arguments.irqchip}: {STORIES_TOLD[variant]}", flush=True)
        try:
            took.append((variant, play(variant, arguments.irqchip, sys.stdout, shared=arguments.shared)))
        except Failure as failure:
            print(f"\nFAILED: {failure}", file=sys.stderr)
            return 1
    for variant, seconds in took:
        print(f"demo {variant:9} on {arguments.irqchip}: as told, {seconds:6.1f} s")
    print(f"demo: {len(took)} of {len(variants)} stories as told, {time.monotonic() - begin:.1f} s")
    return 0


STORIES_TOLD = {
    "order": "boot, talk, restart of cockpit, curiactl poweroff",
    "poweroff": "plain poweroff in control",
    "hung": "cockpit hangs, curiactl poweroff in control",
    "crashed": "control crashes, power off in the hypervisor's shell",
    "sleep": "echo mem in control, woken by the RTC; curiactl suspend, woken by a key",
}

if __name__ == "__main__":
    sys.exit(main())
