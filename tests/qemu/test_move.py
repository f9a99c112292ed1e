# SPDX-License-Identifier: BSD-2-Clause
"""vCPUs that may run on several harts: they wake up where there is room, and go where they are sent, and neither
they nor those who stay notice."""

import re
import subprocess

import pytest

from curia_qemu import Machine
from lives import row_of
from small import READY_SECONDS, TOOL, bundle, manifest, power_off, vm
from test_selftest import ALONE, NO_AIA, NO_PEER, NO_SSTC, run

MOVER = dict(harts=[3], memory=0x400000)
MANAGE = 'privileges = "manage";'


def moves(m, name="rover"):
    rows = [re.match(rf"{name} +vCPU \d+ moved (\d+) times$", row) for row in m.curia("stat")]
    return sum(int(row[1]) for row in rows if row)


def more_moves(m, count):
    before = moves(m)
    m.until(lambda: moves(m) >= before + count, f"{count} moves", READY_SECONDS)


def all_go_on(m, *names):
    mark = m.mark()
    for name in names:
        m.expect("^neighbour ok", vm=name, since=mark, seconds=READY_SECONDS)


# Without Sstc its timer is a line that Curia raises. With max it has vectors, counters and triggers.
# With an AIA its interrupt file moves with it: through a guest file of each hart, or in memory.
@pytest.mark.parametrize("irqchip,cpu", (("plic", "max"), ("aplic", "rv64,sstc=false"), ("aia-2", "max"),
                                         ("aia-0", "rv64")))
def test_rover(irqchip, cpu):
    """On hart 0 one that never waits, on 1 and 2 such as do: who may run on all three moves each time that it would
    wait. Then somebody moves it all the time, and it is paused, restarted, stopped and started meanwhile."""
    names = ("hog", "right", "left")
    aia = 'irqchip = "aia";' if irqchip.startswith("aia") else ""
    text = manifest(vm("rover", [0], args="rest-ms=5 vary=1 steal=1", more="affinity = <1 2>;" + aia, memory=0x400000),
                    vm("hog", [0], args="steal=1"), vm("right", [1], args="rest-ms=11", memory=0x400000),
                    vm("left", [2], args="rest-ms=7", memory=0x400000),
                    vm("mover", **MOVER, args="rest-ms=2 move-vm=0 move-harts=3", more=MANAGE + "no-autostart;"))
    name = f"move-{irqchip}-{cpu}".replace(",", "-").replace("=", "-")
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, memory="256M", cpu=cpu,
                 vms=("rover", *names, "mover")) as m:
        for each in ("rover", *names):
            m.expect("^neighbour: ready", vm=each, seconds=READY_SECONDS)
        more_moves(m, 20)
        all_go_on(m, "rover", *names)
        # By its own clock: the rover is seldom there, and hardly waits itself.
        for each in ("hog", "rover"):
            first = int(m.expect(r"^neighbour: (\d+) us stolen", vm=each).match[1])
            last = int(m.expect(r"^neighbour: (\d+) us stolen", vm=each).match[1])
            assert last - first < 300_000, (each, first, last)

        assert m.curia("start mover") == ["start mover: under way"]
        more_moves(m, 100)
        all_go_on(m, "rover")
        assert m.curia("pause rover") == ["pause rover: under way"]
        more_moves(m, 5)
        assert row_of(m, "rover")[0] == "paused"
        assert m.curia("resume rover") == ["resume rover: under way"]
        for starts, how in ((2, " force"), (3, "")):
            mark = m.mark()
            assert m.curia(f"restart rover{how}") == ["restart rover: under way"]
            m.expect(r"rover: stopped \(asked\)", vm="curia", since=mark, seconds=READY_SECONDS)
            m.expect("^neighbour: ready", vm="rover", since=mark, seconds=READY_SECONDS)
            assert row_of(m, "rover")[:2] == ("running", str(starts))
        mark = m.mark()
        assert m.curia("stop rover force") == ["stop rover: under way"]
        m.expect(r"rover: stopped \(asked\)", vm="curia", since=mark)
        more_moves(m, 5)
        assert m.curia("start rover") == ["start rover: under way"]
        m.expect("^neighbour: ready", vm="rover", since=mark, seconds=READY_SECONDS)
        all_go_on(m, "rover", *names)
        power_off(m, ("rover", *names, "mover"))
        assert not m.find("BAD"), m.failure("something is not as it was")


@pytest.mark.parametrize("irqchip,cpu", (("plic", "max"), ("aplic", "rv64,sstc=false"), ("aia-2", "max"),
                                         ("aia-0", "rv64")))
def test_selftest(irqchip, cpu):
    """All that a guest is promised, while it is moved: IPIs, fences, timers, events, counters, starts and stops."""
    aia = 'irqchip = "aia";' if irqchip.startswith("aia") else ""
    text = manifest(vm("selftest", [0, 1, 2], "test", 0x1000000, "reboot=1 moved=1",
                       ALONE + "affinity = <0 1 2>;" + aia),
                    vm("mover", **MOVER, args="rest-ms=3 move-vm=0 move-harts=3", more=MANAGE))
    name = f"move-selftest-{irqchip}-{cpu}".replace(",", "-").replace("=", "-")
    skips = NO_PEER | (set() if aia else NO_AIA) | (NO_SSTC if "sstc=false" in cpu else set())
    run(name, irqchip, 4, text, skips, cpu=cpu, neighbours=("mover",), vms=("selftest", "mover"))


def test_at_a_desk():
    """What curia-manifest shows of it: where each vCPU may come, and beside whom."""
    text = manifest(vm("rover", [0, 1], more="affinity = <1 2>;"),
                    vm("timely", [2], more="priority = <20>; budget-us = <2000>; period-us = <10000>;"))
    desk = subprocess.run([TOOL, "check", bundle("move-desk", text)], capture_output=True, text=True, timeout=60)
    assert desk.returncode == 0 and re.search(r"^ +each may run on +1, 2$", desk.stdout, re.M), desk
    table = desk.stdout.split("hart 2: 3 vCPUs, 20.45 %")[1].split("\n\n")[0]
    assert len(re.findall(r"^ +rover +[01] .* \(may come\)$", table, re.M)) == 2, table
    assert re.search(r"^ +timely +0 +20 .* 2000/10000 +20\.45 +\d+ +10000$", table, re.M), table
