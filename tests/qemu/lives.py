# SPDX-License-Identifier: BSD-2-Clause
"""A VM that lives many times (guests/selftest/reborn.c), beside two that talk to each other all the while: for
test_restart.py and soak.py."""

import re

from curia_qemu import Machine
from small import READY_SECONDS, bundle, manifest, power_off, vm

VMS = ("reborn", "counter", "echo")
TALK = """
    channels { lives { between = <&reborn &counter>; }; talk { between = <&counter &echo>; }; };
"""


def arena(m):
    return next(int(re.match(r"arena used: (\d+) KiB", row)[1]) for row in m.curia("stat") if row.startswith("arena"))


def row_of(m, name):
    """State, starts and last stop, as the hypervisor's shell shows them."""
    return next(match.groups() for match in (re.match(
        rf" *\d+ {name} +(\S+) .*starts (\d+) +last stop: (.*)$", row) for row in m.curia("vms")) if match)


def live(irqchip, starts, seconds=READY_SECONDS):
    """Returns how many messages the others have exchanged meanwhile."""
    name = f"lives-{irqchip}"
    text = manifest(vm("reborn", [0, 1], "reborn", 0x500000, f"starts={starts}", "no-autostart;"),
                    vm("counter", [2], "counter"), vm("echo", [3], args="rest-ms=10"), TALK)
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, memory="256M", vms=VMS,
                 seconds=seconds + 300) as m:
        m.expect("^neighbour: ready", vm="echo", seconds=READY_SECONDS)
        assert m.curia("start reborn") == ["start reborn: under way"]
        m.expect(r"^counter: ok, [1-9]\d* lives, [1-9]", vm="counter", seconds=READY_SECONDS)
        used = arena(m)
        m.expect(rf"^reborn: {starts} lives$", vm="reborn", since=0, seconds=seconds)
        m.expect(r"reborn: stopped \(shutdown\)$", vm="curia", since=0)
        assert arena(m) == used, "Curia's memory grows with restarts"
        assert row_of(m, "reborn") == ("off", str(starts), "shutdown")
        assert row_of(m, "counter") == row_of(m, "echo") == ("running", "1", "-")
        stops = [line.text for line in m.lines if line.vm == "curia" and "reborn: stopped" in line.text]
        assert len(stops) == starts
        assert [r.event for r in m.audit] == ["BOOT"], "a restart is no power transition"
        power_off(m, ("echo",))
        assert not m.find("BAD"), m.failure("something is not as it was")
        end = m.find(rf"^counter: verdict ok, {starts} lives, (\d+) echoes$", vm="counter")
        assert end, m.failure("the counter lost something")
        return int(end.match[1])
