# SPDX-License-Identifier: BSD-2-Clause
"""What docs/scheduling.md promises of harts that are shared, on whole machines, where it takes other guests than
test_shared.py's. Time is counted in instructions (QEMU's -icount): no other program of this computer has a part in
it, and one instruction is one nanosecond, as the document's figures have it."""

import re
import subprocess

import pytest

from curia_qemu import BUILD, Machine
from small import LINUX, OUT, READY_SECONDS, TOOL, bundle, linux, manifest, power_off, vm

COUNTED = ["-icount", "shift=0"]
IMAGES = {**LINUX, "rtos": BUILD / "guests" / "rtos.bin", "initrd": BUILD / "test" / "initrd.cpio"}


def response_ns(budget_us, slice_us=10000):
    """R of docs/scheduling.md, "Admission", of one that nobody on its hart with a budget comes before, by that text
    alone: R = B + S + H + R * u."""
    switch, replenish, section, reserved = 20_000, 5_000, 250_000, 0.02
    cost = 1000 * budget_us + 2 * -(-budget_us // slice_us) * switch + replenish
    return (cost + section) / (1 - reserved)


def test_jitter():
    """The real-time guest's task, at 1000 Hz, on one hart with a Linux, from its load on until it has booted and
    worked, and one that never waits: its latest release is within R - B, all that others can take from it before it
    has had its budget."""
    name, budget = "sched-jitter", 500
    text = manifest(vm("adas", [0], memory=0x2000000, kernel="rtos",
                       more=f"priority = <30>; budget-us = <{budget}>; period-us = <1000>;"),
                    linux("linux", [0], args="quiet"), vm("hog", [0], more="time-slice-us = <1000>;"))
    image = bundle(name, text, **IMAGES)
    response = response_ns(budget)
    table = subprocess.run([TOOL, "check", OUT / f"{name}.dtb"], capture_output=True, text=True, check=True,
                           timeout=60).stdout
    told = re.search(r"^ +adas +0 .* (\d+) +\d+$", table, re.M)
    assert told and abs(int(told[1]) - response / 1000) <= 1, (response, table)
    with Machine(name, bundle=image, irqchip="aia", harts=1, memory="512M", extra=COUNTED,
                 vms=("adas", "linux", "hog")) as m:
        m.expect("^linux ready$", vm="linux", seconds=READY_SECONDS)
        m.prompt("linux")
        m.shell("dd if=/dev/zero bs=64k count=40 | sha256sum", vm="linux")
        power_off(m, ("hog",))
        end = m.find(r"^adas: power: stop after (\d+) releases, jitter min/avg/max \d+/\d+/(\d+) ns", vm="adas")
        assert int(end.match[1]) > 500 and int(end.match[2]) <= response - 1000 * budget, (end.text, response)


SHARES = {"first": {0: 25}, "second": {1: 50}, "third": {0: 50, 1: 25}}      # % of a hart


def test_three_linux():
    """Three Linuxes on two harts, one of them on both: what a program in each counts is as their budgets are, within
    2 %. Compared are those of one hart, as QEMU does not give the harts equal turns; that it gives them often, and that
    no hart idles, is what the guests besides are for: they come when all have booted."""
    period, window_ms = 20000, 1000     # a multiple of the period: so many budgets, wherever it begins
    besides = ("tick", "hog0", "hog1")

    def node(name):
        budgets = " ".join(str(period * share // 100) for share in SHARES[name].values())
        return linux(name, SHARES[name], args="quiet",
                     more=f"priority = <20>; budget-us = <{budgets}>; period-us = <{period}>; budget-hard;")

    text = manifest(*map(node, SHARES), vm("tick", [2], "tick", more="no-autostart;"),
                    *(vm(f"hog{hart}", [hart], more="priority = <1>; no-autostart;") for hart in (0, 1)))
    with Machine("sched-linux", bundle=bundle("sched-linux", text, **IMAGES), irqchip="aia", harts=3, memory="768M",
                 extra=COUNTED, vms=(*SHARES, *besides)) as m:
        for name in SHARES:
            m.expect(f"^{name} ready$", vm=name, seconds=READY_SECONDS)
            m.prompt(name)
        for name in besides:
            assert m.curia(f"start {name}") == [f"start {name}: under way"]
        for name in besides[1:]:
            m.expect("^neighbour: ready", vm=name, seconds=READY_SECONDS)
        mark = m.mark()
        for name in SHARES:
            m.type(" & ".join(f"probe count {window_ms} {cpu}" for cpu in range(len(SHARES[name]))), vm=name)
        speed = {}
        for name in SHARES:
            for cpu, hart in enumerate(SHARES[name]):
                line = m.expect(rf"\bok counted (\d+) in (\d+) ns on {cpu}$", vm=name, since=mark,
                                seconds=READY_SECONDS)
                speed[name, hart] = int(line.match[1]) / int(line.match[2])
        for hart in (0, 1):
            shares = {name: share[hart] for name, share in SHARES.items() if hart in share}
            for name, share in shares.items():
                part = speed[name, hart] / sum(speed[other, hart] for other in shares)
                assert abs(part * sum(shares.values()) / share - 1) <= 0.02, (name, hart, speed)


# With one guest file for all three, each switch moves an interrupt file to the hart and another one to memory.
@pytest.mark.parametrize("irqchip,cpu", (("aia", None), ("aia-1", None), ("plic", "rv64,sstc=false")))
def test_storm(irqchip, cpu):
    """guests/selftest/storm.c: bells, messages, IPIs, alarms and timers of three vCPUs that share a hart, none lost and
    none twice, and 100,000 switches: by the guests' rounds, each of which takes three, and by Curia's count."""
    rounds = 34_000
    rtc = 'rtc { compatible = "curia,passthrough"; host-path = "/soc/rtc@101000"; dma = "none"; };'
    aia = 'irqchip = "aia"; ' if irqchip.startswith("aia") else ""
    text = manifest(vm("storm", [0, 0], "storm", args=f"rounds={rounds} tick-us=97", more=aia + rtc),
                    vm("peer", [0], "storm-peer", args="tick-us=61", more=aia),
                    "channels { storm { between = <&storm &peer>; }; };")
    name = f"sched-{irqchip}-storm"
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=1, memory="256M", cpu=cpu,
                 extra=[*COUNTED, "-rtc", "clock=vm"], vms=("storm", "peer")) as m:
        end = m.expect(r"^storm: (ok|BAD).*", vm="storm", seconds=READY_SECONDS)
        assert end.text == f"storm: ok, {rounds} rounds", end.text
        assert not m.find("BAD", vm="peer")
        for n, what in ((rounds, "messages"), (rounds, "IPIs to the sibling"), (rounds, "IPIs from the sibling"),
                        (rounds // 4, "alarms")):
            assert m.find(f"^storm: {n} {what}$", vm="storm"), what
        for hart in (0, 1):
            assert int(m.find(rf"^storm: (\d+) ticks of hart {hart}$", vm="storm").match[1]) > 1000
        switches = [int(n) for row in m.curia("stat") for n in re.findall(r"; switches (\d+)$", row)]
        assert len(switches) == 3 and sum(switches) >= 3 * rounds, switches
