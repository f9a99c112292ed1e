# SPDX-License-Identifier: BSD-2-Clause
"""curia.ko as guests/linux/README.md tells it, where the demo does not use it: mappings of a region,
messages in parts, wrong arguments, the module's coming and going, a VM that sleeps."""

import base64
import gzip
import re
import sys

import pytest

import demo
import trace_records
from curia_qemu import BUILD, PATIENCE, TOP, Machine, make_bundle

CHIPS = ("aia", "plic")


@pytest.fixture(scope="module")
def probe_bundle():
    """The demo, with tests/qemu/probe.c in the Linux VMs, and a trace that control may read."""
    text = (TOP / "platforms" / "qemu-virt" / "demo.dts").read_text()
    for before, after in (("version = <1>;", "version = <1>; trace-kib = <64>;"),
                          ('privileges = "manage", "audit";', 'privileges = "manage", "audit", "trace";')):
        assert text.count(before) == 1
        text = text.replace(before, after)
    return make_bundle("demo-probe", text,
                       kernel=BUILD / "deps" / "guest" / "Image",
                       initrd=BUILD / "test" / "initrd.cpio", rtos=BUILD / "guests" / "rtos.bin")


def probe(m, told, vm, arguments):
    m.prompt(vm)
    status, lines = m.shell(f"probe {arguments}", vm=vm, check=False)
    told.show(lines)
    assert status == 0 and lines and all(line.startswith("ok ") for line in lines), lines
    told.step(f"probe {arguments} in {vm}")


def wrong(m, command, status, why):
    got, lines = m.shell(f"{command} 2>&1", vm="control", check=False)
    assert got == status and any(why in line for line in lines), (command, got, lines)


def top(m, told):
    """`curiactl top`: where each vCPU has its hart to itself, its run and the hart's idle time are all there is; one
    that is paused does not run. On a terminal it is drawn until a key ends it."""
    lines = m.shell("curiactl pause adas; curiactl top -n 2 -d 1 | cat; curiactl resume adas", vm="control")[1]
    told.show(lines)
    assert all(len(line) <= 80 for line in lines), lines
    half = lines[lines.index(""):]
    used = {int(h): (float(i), float(c)) for h, i, c in re.findall(r" (\d+) +([\d.]+)/ *([\d.]+)%", half[1])}
    idle = {hart: share[0] for hart, share in used.items()}
    assert all(i + c <= 101 for i, c in used.values()), half
    rows = [re.match(r"(\S+) +(\d+) +(\d+) +- +([\d.]+) +- +- +- +- +(\d+)$", line) for line in half[3:]]
    assert half[2].split() == "VM VCPU HART PRIO %RUN %READY %THROT SWITCH/S MOVE/S EXITS/S".split()
    assert None not in rows, half
    assert sorted((r[1], int(r[2]), int(r[3])) for r in rows) == \
        [("adas", 0, 3), ("cockpit", 0, 1), ("cockpit", 1, 2), ("control", 0, 0)], half
    assert set(idle) == {0, 1, 2, 3} and all(abs(float(r[4]) + idle[int(r[3])] - 100) <= 1 for r in rows), half
    assert [float(r[4]) for r in rows] == sorted((float(r[4]) for r in rows), reverse=True), half
    assert rows[-1][1] == "adas" and idle[3] >= 95 and idle[0] <= 5 and int(rows[-1][5]) <= 2, half
    assert int(next(r for r in rows if r[1] == "control")[5]) > 0, half
    assert "(2 more, which this VM has no privilege to see)" in \
        m.shell("curiactl top -n 1 -d 1 | cat", vm="cockpit")[1]
    mark = m.mark()
    m.type("curiactl top -d 1", vm="control")
    m.expect("^adas +0 +3 ", vm="control", since=mark)
    m.send("x")
    m.expect("^VM +VCPU +FAST +ECALL +MMIO ", vm="control", since=mark)
    m.send("q")
    m.prompt("control")
    told.step("curiactl top")


def traces(m, told):
    """`curiactl trace`: what is traced, and the records in a file, as tools/curia-trace reads them."""
    assert any("no privilege" in line for line in
               m.shell("curiactl trace on 2>&1", vm="cockpit", check=False)[1])
    m.prompt("control")
    assert m.shell("curiactl trace")[1][0] == "traced: nothing"
    assert m.shell("curiactl trace on ipc lifecycle && curiactl trace | head -n 1")[1] == ["traced: ipc lifecycle"]
    m.shell("curiactl trace save /run/trace 3 > /run/saved & curiactl ping adas; wait")
    _, lines = m.shell("curiactl trace off; cat /run/saved; gzip -c /run/trace | base64")
    saved = re.match(r"(\d+) records of 4 harts; 0 were overwritten before$", lines[0])
    trace = trace_records.parse(gzip.decompress(base64.b64decode("".join(lines[1:]))))
    assert saved and trace.vms == list(demo.VMS) and trace.lost == [0, 0, 0, 0], lines[0]
    assert int(saved[1]) == sum(len(ring) for ring in trace.rings)
    sent = [(r.vm, r.arg & 0xff, r.detail) for r in trace.merged() if r.event == trace_records.EV_SEND]
    assert sent.count((0, 2, 0)) == sent.count((2, 0, 0)) == 4, sent    # control's pings, adas's answers
    assert sent.count((2, 1, 0)) >= 10, sent                            # what adas tells cockpit, ten times a second
    assert [[span.what for span in trace.states(vm)] for vm in range(3)] == [["RUNNING"]] * 3
    told.step("curiactl trace")


def sleep(m, told, vm):
    """Suspend to idle. The kernel's messages of errors stay off the console; the one that tells of
    the suspend is let through."""
    m.prompt(vm)
    m.shell("echo 7 > /proc/sys/kernel/printk", vm=vm)
    m.type("echo freeze > /sys/power/state")
    m.expect(r"PM: suspend entry \(s2idle\)", vm=vm)
    told.step(f"{vm} sleeps")


def woken(m, told, vm, seconds=60):
    """A key wakes the VM: its shell is there again, and how often it has slept (deep)."""
    m.send("\r")
    m.expect("PM: suspend exit", vm=vm, seconds=seconds)
    m.prompt(vm)
    told.step(f"{vm} is awake")
    return int(m.shell("cat /sys/power/suspend_stats/success", vm=vm)[1][0])


def suspends(m, told):
    """cockpit sleeps alone, for longer than its daemon's watchdog bears, both ways. Then it cannot sleep, as the
    kernel's own test of suspend has it: it tells Curia so at its STOP, and control's `echo mem` fails."""
    m.prompt("cockpit")
    bears = int(3 * PATIENCE)
    m.shell(f"insmod /lib/watchdog.ko; insmod /lib/curia_wdt.ko; watchdog -t 1 -T {bears} /dev/watchdog; sleep 1")
    m.shell("echo 7 > /proc/sys/kernel/printk")
    for kind, times in ("mem", 1), ("freeze", 2):
        m.type(f"echo {kind} > /sys/power/state", vm="cockpit")
        m.expect("PM: suspend entry", vm="cockpit")
        m.idle(bears + 1)
        if kind == "mem":
            assert any(re.match(r" *1 cockpit +suspended ", row) for row in m.curia("vms"))
            m.focus("cockpit")
        assert woken(m, told, "cockpit") == times
    assert not m.find("no heartbeat in time", vm="curia")

    m.shell("echo 1 > /sys/module/suspend/parameters/pm_test_delay; echo freezer > /sys/power/pm_test", vm="cockpit")
    m.prompt("control")
    assert m.shell("echo mem > /sys/power/state", vm="control", check=False)[0] == 1
    m.until(lambda: m.audit[-1].new == "RUN", "RUN in the audit", 60)
    seen = [(r.event, r.vm) for r in demo.records(m)]
    assert ("VETO", "cockpit") in seen and ("SUSPENDED", "adas") in seen, seen
    assert not {"COMMIT", "SLEEP"} & {event for event, _ in seen}, seen
    m.expect(r"^adas: power: resumed \(0x101\)", vm="adas", since=0)
    m.shell("echo none > /sys/power/pm_test; killall watchdog", vm="cockpit")
    demo.all_run(m, told, (1, 1, 2))
    told.step("cockpit could not sleep, and all go on")


def late_reader(m, told):
    """cockpit's reader of states is held up while adas restarts: what was sent before is read with
    the rest, and it counts one new start."""
    m.prompt("cockpit")
    m.shell("kill -STOP $(pidof curiactl)", vm="cockpit")
    row = r"^messages (\d+) +first (\d+) +last (\d+) +gaps 0 +starts (\d+) +unknown 0"
    before = [int(n) for n in re.search(row, m.shell("cat /run/state")[1][0]).groups()]
    m.idle(0.5)                  # some more that wait
    mark = m.mark()
    m.shell("curiactl restart --force adas", vm="control")
    m.expect("^adas: ready, task at 1000 Hz$", vm="adas", since=mark)
    m.prompt("cockpit")
    m.shell("kill -CONT $(pidof curiactl)", vm="cockpit")

    def caught_up():
        count, first, last, starts = [int(n) for n in re.search(
            row, m.shell("cat /run/state", vm="cockpit")[1][0]).groups()]
        assert starts <= before[3] + 1, f"{starts} starts of adas, that were 2"
        return count > last - first + 1 + before[0] and first == 1 and starts == before[3] + 1

    m.until(caught_up, "states of both starts of adas", 60)
    told.step("a late reader tells the starts of adas apart")


@pytest.mark.parametrize("irqchip", CHIPS)
def test_linux(irqchip, probe_bundle):
    with Machine(f"test-linux-{irqchip}", bundle=probe_bundle, irqchip=irqchip, vms=demo.VMS,
                 cpu="rv64,sscofpmf=true" if irqchip == "aia" else None) as m:
        told = demo.Told(m, sys.stdout)
        demo.boot(m, told)
        for vm in ("control", "cockpit"):
            probe(m, told, vm, "region map")
        probe(m, told, "control", "vector chat")
        probe(m, told, "cockpit", "gather chat")
        if irqchip == "aia":
            probe(m, told, "cockpit", "sample 500")

        m.prompt("control")
        for command, status, why in (
                ("curiactl recv power 1", 1, "power: that is no channel"),
                ("curiactl watch ctl", 1, "ctl: that is no channel"),
                ("curiactl send chat ''", 2, "wants a channel and a text"),
                ("curiactl bell chat 0", 2, "0 rings nothing"),
                ("curiactl top -d 0", 2, "0 is too few"),
                ("curiactl top -n", 2, "COUNT is not a number"),
                ("curiactl send ../mem x", 2, "no such name"),
                ("curiactl ping cockpit", 1, "no channel 'ping' leads from this VM to 'cockpit'"),
                ("rmmod curia && curiactl list", 1, "curia.ko is not loaded"),
                ("insmod /lib/curia.ko && curiactl ping adas", 0, "4 sent, 4 answered")):
            wrong(m, command, status, why)
        told.step("wrong arguments, and no module")

        if irqchip == "aia":
            top(m, told)
            traces(m, told)
        late_reader(m, told)
        if irqchip == "plic": # on AIA, Linux sleeps in the demo's story
            suspends(m, told)

        sleep(m, told, "cockpit")
        demo.ask_poweroff(m, told)
        m.expect("Sent SIGTERM to all processes", vm="cockpit")
        demo.machine_off(m, told)
        demo.check_order(m, told, "control")
        assert m.find(r"forcing the issue", vm="cockpit") is None


def watched(seconds):
    """The demo's bundle, with a watchdog of that time for control."""
    text = (TOP / "platforms" / "qemu-virt" / "demo.dts").read_text()
    for after, more in (('privileges = "manage", "audit";',
                         f'watchdog-ms = <{seconds}000>; crash-policy = "restart";'),
                        ('srst-reset = "self";', 'crash-policy = "restart"; power-ack-timeout-ms = <15000>;')):
        assert text.count(after) == 1
        text = text.replace(after, f"{after} {more}")
    return make_bundle("linux-watchdog", text, kernel=BUILD / "deps" / "guest" / "Image",
                       initrd=BUILD / "guests" / "initrd.cpio", rtos=BUILD / "guests" / "rtos.bin")


def test_watchdog():
    """A Linux that its manifest wants watched crashes, another one's daemon hangs: each is restarted, alone."""
    if not watchdogs(20):
        assert watchdogs(120), "control does not boot"


def watchdogs(seconds):
    """False: on this machine Linux has no time to boot, or hardly, before its first heartbeat is due."""
    with Machine("linux-watchdog", bundle=watched(seconds), vms=demo.VMS) as m:
        told = demo.Told(m, sys.stdout)
        first = m.until(lambda: m.find("^control ready$|control: no heartbeat in time"), "boot of control",
                        demo.BOOT_SECONDS)
        if first.vm != "control" or first.at > seconds * 3 / 4:
            return False
        demo.boot(m, told)
        m.idle(min(seconds, 30) + 2) # longer than the time, which is at most the module's: the kernel gives them
        demo.all_run(m, told, (1, 1, 1))

        mark = m.mark()
        m.type("echo c > /proc/sysrq-trigger", vm="control")
        m.expect("control: no heartbeat in time", vm="curia", since=mark)
        m.expect("^control ready$", vm="control", since=mark, seconds=180)
        m.prompt("control")
        table = demo.vm_list(m, told)
        assert [table[vm][1] for vm in demo.VMS] == [2, 1, 1] and table["control"][3].startswith("watchdog"), table

        m.prompt("cockpit")
        m.shell("insmod /lib/watchdog.ko; insmod /lib/curia_wdt.ko; watchdog -t 1 -T 6 /dev/watchdog; sleep 8")
        mark = m.mark()
        m.type("killall -STOP watchdog", vm="cockpit")
        m.expect("cockpit: no heartbeat in time", vm="curia", since=mark)
        m.expect("^cockpit ready$", vm="cockpit", since=mark, seconds=180)
        m.focus("control")
        m.shell("curiactl pause cockpit; curiactl resume cockpit", vm="control")
        demo.all_run(m, told, (2, 2, 1))

        # While control waits for a cockpit that hangs, longer than its dead daemon wanted it watched.
        m.prompt("cockpit")
        m.shell("curiactl ignore on", vm="cockpit")
        m.prompt("control")
        m.shell("watchdog -t 1 -T 6 /dev/watchdog; sleep 2; killall -KILL watchdog", vm="control")
        m.prompt("control")
        mark = m.mark()
        m.type("poweroff", vm="control")
        demo.machine_off(m, told)
        demo.check_order(m, told, "control", forced=("cockpit",))
        assert m.find("no heartbeat in time", vm="curia", since=mark) is None
    return True
