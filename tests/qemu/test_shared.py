# SPDX-License-Identifier: BSD-2-Clause
"""Harts that vCPUs share: the selftest's checks where they have to take turns."""

import re

import pytest

from curia_qemu import Machine
from lives import arena, row_of
from small import PLATFORM, READY_SECONDS, bundle, manifest, power_off, vm
from test_isolation import attacked
from test_selftest import ALONE, NO_AIA, NO_PEER, NO_SSTC, run


@pytest.mark.parametrize("irqchip,cpu", (("aia", None), ("plic", "rv64,sstc=false")))
def test_siblings(irqchip, cpu):
    """All vCPUs of a VM on one hart; short slices, as they wait for each other in loops."""
    text = manifest(vm("selftest", [0, 0], "test", 0x1000000, "reboot=1", f"{ALONE} time-slice-us = <1000>;"))
    run(f"shared-{irqchip}-siblings", irqchip, 1, text, NO_PEER | (NO_AIA if irqchip != "aia" else set()) |
        (NO_SSTC if cpu else set()), cpu=cpu)


def told(m):
    """`stat` in the hypervisor's shell: seconds that each vCPU ran and was ready, that the hart was idle, of how
    many."""
    rows = m.curia("stat")
    turns = [re.match(r"(\S+) +vCPU (\d+) ran ([\d.]+) s, was ready ([\d.]+) s, throttled [\d.]+ s; switches (\d+)$",
                      row) for row in rows]
    turns = {(t[1], int(t[2])): (float(t[3]), float(t[4]), int(t[5])) for t in turns if t}
    hart = r"hart 0: idle \d+%, ([\d.]+) s of ([\d.]+) s; in Curia ([\d.]+) s$"
    harts = [h for h in (re.match(hart, row) for row in rows) if h]
    assert len(harts) == 1 and float(harts[0][1]) + float(harts[0][3]) <= float(harts[0][2]) + 0.1, rows
    return turns, float(harts[0][1]), float(harts[0][2])


def all_is_told(m):
    """From when the neighbours are there until much was tried: all of the hart's time was somebody's, or idle. The
    three that never wait had of it as their slices say, 10, 1 and 1 ms, and were ready otherwise."""
    m.until(lambda: all(m.find("^neighbour: ready", vm=name) for name in ("left", "right")), "neighbours",
            READY_SECONDS)
    (before, idle, since), at = told(m), m.now()
    assert set(before) == {("hostile", 0), ("hostile", 1), ("left", 0), ("right", 0)}
    m.until(lambda: m.find("^hostile: words: tried", vm="hostile"), "words tried", READY_SECONDS)
    (after, now_idle, until), now = told(m), m.now()
    ran, ready, switches = ({vcpu: after[vcpu][i] - before[vcpu][i] for vcpu in after} for i in range(3))
    wall = until - since
    assert abs(wall - (now - at)) <= 0.1 * (now - at) + 1, (wall, now - at)
    assert abs(sum(ran.values()) + now_idle - idle - wall) <= 0.05 * wall + 0.5, (ran, idle, now_idle, wall)
    for vcpu, part in (("hostile", 0), 10 / 12), (("left", 0), 1 / 12), (("right", 0), 1 / 12):
        assert abs(ran[vcpu] - part * wall) <= 0.1 * wall + 0.3 and switches[vcpu] > 0, (vcpu, ran, switches, wall)
        assert abs(ran[vcpu] + ready[vcpu] - wall) <= 0.05 * wall + 0.4, (vcpu, ran, ready, wall)
    assert ran["hostile", 1] <= 0.1 * wall, (ran, wall)


@pytest.mark.parametrize("irqchip,cpu", (("aia", "max"),))
def test_hostile(irqchip, cpu):
    """One that attacks, with both its vCPUs, and two neighbours, all on one hart; with vectors, too."""
    name = f"shared-{irqchip}-hostile"
    text = re.sub(r"harts = <[^>]*>", lambda m: "harts = <0 0>" if " 1" in m[0] else
                  "harts = <0>; time-slice-us = <1000>", (PLATFORM / "hostile.dts").read_text())
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=1, memory="256M", cpu=cpu,
                 vms=("hostile", "left", "right")) as m:
        all_is_told(m)
        attacked(m)


def test_loads():
    """A VM is loaded beside two that run on the same hart, by turns; it is stopped whenever, also in its load."""
    others = ("left", "right")
    text = manifest(*(vm(name, [0], args="rest-ms=20") for name in others),
                    vm("large", [0], args="rest-ms=20", memory=0x6000000))
    with Machine("shared-loads", bundle=bundle("shared-loads", text), harts=1, memory="256M",
                 vms=(*others, "large")) as m:
        for name in (*others, "large"):
            m.expect("^neighbour: ready", vm=name, seconds=READY_SECONDS)
        used = None
        for starts in (3, 5, 7):
            mark = m.mark()
            assert m.curia("restart large force") == ["restart large: under way"]
            m.expect(r"large: stopped \(asked\)", vm="curia", since=mark)
            mark = m.mark()
            assert m.curia("stop large force") == ["stop large: under way"]
            m.expect(r"large: stopped \(asked\)", vm="curia", since=mark)
            assert row_of(m, "large") == ("off", str(starts - 1), "asked")
            mark = m.mark()
            assert m.curia("start large") == ["start large: under way"]
            for name in ("large", *others):
                m.expect("^neighbour: ready" if name == "large" else "^neighbour ok", vm=name, since=mark,
                         seconds=READY_SECONDS)
            assert row_of(m, "large") == ("running", str(starts), "asked")
            assert used in (None, arena(m))
            used = arena(m)
        power_off(m, (*others, "large"))


def test_budgets():
    """Each has what it was promised, and no more: by Curia's account, and by what it has done with it. Time is
    counted in instructions (QEMU's -icount), so that no other program of this machine has a part in it."""
    share = {"small": 20, "middle": 30, "large": 36}
    text = manifest(*(vm(name, [0], more=f"budget-us = <{100 * n}>; period-us = <10000>; budget-hard;")
                      for name, n in share.items()))
    with Machine("shared-budgets", bundle=bundle("shared-budgets", text), irqchip="aia", harts=1, memory="256M",
                 extra=["-icount", "shift=3"], vms=tuple(share)) as m:
        for name in share:
            m.expect("^neighbour ok", vm=name, seconds=READY_SECONDS)
        before, idle, since = told(m)
        after, now_idle, until = before, idle, since
        while until < since + 8:
            m.idle(0.2)
            after, now_idle, until = told(m)
        for name, n in share.items():
            ran = after[name, 0][0] - before[name, 0][0]
            assert abs(100 * ran / (until - since) - n) < 2, (name, ran, until - since)
        assert abs(100 * (now_idle - idle) / (until - since) - (100 - sum(share.values()))) < 3
        power_off(m, tuple(share))
        rounds = {name: int(m.find(r"^neighbour: verdict ok, (\d+) rounds", vm=name).match[1]) for name in share}
        for name, n in share.items():
            assert abs(rounds[name] / rounds["large"] - n / share["large"]) < 0.06, rounds


@pytest.mark.parametrize("irqchip,cpu", (("aia", None), ("plic", "rv64,sstc=false")))
def test_throttled(irqchip, cpu):
    """A hard budget, a soft one and none on one hart: each goes on, is paused and restarted, throttled or not."""
    names = ("left", "right", "rest")
    hard = "priority = <20>; budget-us = <2000>; period-us = <10000>; budget-hard;"
    text = manifest(vm("left", [0], more=hard),     # always at work: it is throttled nearly always
                    vm("right", [0], args="rest-ms=20",
                       more="priority = <10>; budget-us = <4000>; period-us = <20000>;"),
                    vm("rest", [0, 0], args="rest-ms=20", more="priority = <1>;"))
    machine = f"shared-{irqchip}-throttled"
    with Machine(machine, bundle=bundle(machine, text), irqchip=irqchip, harts=1, memory="256M", cpu=cpu,
                 vms=names) as m:
        def all_go_on(since):
            for each in names:
                m.expect("^neighbour ok", vm=each, since=since, seconds=READY_SECONDS)

        for name in names:
            m.expect("^neighbour: ready", vm=name, seconds=READY_SECONDS)
        all_go_on(m.mark())
        for name in ("left", "rest"):
            assert m.curia(f"pause {name}") == [f"pause {name}: under way"]
            assert row_of(m, name)[0] == "paused"
            assert m.curia(f"resume {name}") == [f"resume {name}: under way"]
            mark = m.mark()
            assert m.curia(f"restart {name} force") == [f"restart {name}: under way"]
            m.expect(rf"{name}: stopped \(asked\)", vm="curia", since=mark)
            m.expect("^neighbour: ready", vm=name, since=mark, seconds=READY_SECONDS)
            all_go_on(m.mark())
        power_off(m, names)


@pytest.mark.parametrize("harts", (2, 4))
def test_sixteen_vms(harts):
    """Sixteen VMs on harts that have five interrupt files each: on two harts, the last three of each have a PLIC. Each
    VM has looked through its memory at the end, and its hart has gone to it and away from it."""
    names = [f"vm{i:02}" for i in range(16)]
    text = manifest(*(vm(name, [i % harts], memory=0x400000, args="rest-ms=100") for i, name in enumerate(names)))
    machine = f"shared-sixteen-{harts}"
    with Machine(machine, bundle=bundle(machine, text), irqchip="aia", harts=harts, memory="256M", vms=names) as m:
        for name in names:
            m.expect("^neighbour ok", vm=name, seconds=READY_SECONDS)
        assert [bool(m.find(f"{name}: .*PLIC", vm="curia")) for name in names] == \
            [i >= 5 * harts for i in range(16)]
        rows = m.curia("stat")
        for i, name in enumerate(names):
            assert any(row.startswith(f"{name} ") and f"on hart {i % harts}:" in row for row in rows), (name, rows)
            assert any(re.match(rf"{name} .*; switches [1-9]\d+$", row) for row in rows), (name, rows)
        power_off(m, names)
        for name in names:
            assert int(m.find(r"^neighbour: verdict ok, (\d+) rounds", vm=name).match[1]) > 0, name
