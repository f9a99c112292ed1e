# SPDX-License-Identifier: BSD-2-Clause
"""A VM is restarted over and over beside another one, which must not notice, and Curia must not grow; it is
paused; and it hangs, and is restarted by its watchdog."""

import re

import pytest

from curia_qemu import PATIENCE, Machine
from lives import arena, live, row_of
from small import READY_SECONDS, bundle, harts_pc, manifest, power_off, vm
from test_isolation import observe

ROUNDS = 20
LIVES = 100
TALK = """
    channels { talk { between = <&worker &watch>; }; };
    shared-memory {
        board { address = <0x0 0x70000000>; size = <0x0 0x1000>; writers = <&worker &watch>; };
    };
"""


@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_twenty_restarts(irqchip):
    name = f"restarts-{irqchip}"
    text = manifest(vm("worker", [0, 2], args="rest-ms=20"), vm("watch", [1], args="rest-ms=20"), TALK)
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=3, memory="256M",
                 vms=("worker", "watch")) as m:
        watched = {m.expect(r"^neighbour: ready, (\d+) MiB", vm=vm_name, seconds=READY_SECONDS).match[1]
                   for vm_name in ("worker", "watch")}
        used = None
        for n in range(ROUNDS):
            force = n % 2
            mark = m.mark()
            assert m.curia("restart worker" + (" force" if force else "")) == ["restart worker: under way"]
            m.expect(r"worker: stopped \((.*)\)$", vm="curia", since=mark, seconds=READY_SECONDS)
            m.expect("^neighbour: ready", vm="worker", since=mark, seconds=READY_SECONDS)
            assert bool(m.find("^neighbour: verdict ok", vm="worker", since=mark)) != bool(force), \
                "a graceful stop lets the guest speak, a forced one does not"
            used = arena(m) if n == 1 else used
        assert arena(m) == used, "Curia's memory grows with restarts"
        assert row_of(m, "worker")[:2] == ("running", str(ROUNDS + 1))
        assert row_of(m, "watch") == ("running", "1", "-")
        assert m.curia("start worker") == ["start worker: it runs already"]
        assert [r.event for r in m.audit] == ["BOOT"], "a restart is no power transition"
        assert observe(m, int(watched.pop())) == 2
        power_off(m, ("watch",))
        assert not m.find("BAD", vm="worker")


@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_lives(irqchip):
    """A hundred of the thousand that make soak has."""
    assert live(irqchip, LIVES) > LIVES


def test_off_and_on():
    """Stopped, started, restarted when stopped; one that waits for its first start."""
    text = manifest(vm("late", [0], args="rest-ms=20", more="no-autostart;"), vm("watch", [1], args="rest-ms=20"))
    with Machine("off-and-on", bundle=bundle("off-and-on", text), harts=2, memory="256M",
                 vms=("late", "watch")) as m:
        m.expect("^neighbour: ready", vm="watch", seconds=READY_SECONDS)
        assert row_of(m, "late") == ("off", "0", "-")
        for starts in (1, 2, 3):
            mark = m.mark()
            assert m.curia("start late") == ["start late: under way"]
            m.expect("^neighbour: ready", vm="late", since=mark, seconds=READY_SECONDS)
            assert row_of(m, "late")[:2] == ("running", str(starts))
            assert m.curia("stop late") == ["stop late: under way"]
            m.expect(r"late: stopped \(", vm="curia", since=mark, seconds=READY_SECONDS)
            assert m.find("^neighbour: verdict ok", vm="late", since=mark)
            assert row_of(m, "late")[0] == "off"
        assert m.curia("stop late force")[0].startswith("stop late: ")
        assert row_of(m, "late")[:2] == ("off", "3")
        power_off(m, ("watch",))
        assert "late" not in [r.vm for r in m.audit if r.event in ("PREPARE-SENT", "STOP-SENT", "FORCE")]


def stolen(m, name):
    """Microseconds, as this neighbour says next."""
    return int(m.expect(r"^neighbour: (\d+) us stolen$", vm=name, since=m.mark()).match[1])


@pytest.mark.parametrize("irqchip,cpu", (("aia", "rv64,v=true,vlen=256,sscofpmf=true"), ("plic", "rv64")),
                         ids=("aia", "plic"))
def test_pause(irqchip, cpu):
    """A paused VM does nothing, its hart sleeps, the other goes on; then it goes on as if it had slept, and is told
    that the time was stolen from it; not so one that slept anyhow."""
    text = manifest(vm("worker", [0], args="steal=1"), vm("watch", [1]),
                    vm("sleeper", [2], args="steal=1 rest-ms=1000"))
    with Machine(f"pause-{irqchip}", bundle=bundle(f"pause-{irqchip}", text), irqchip=irqchip, harts=3,
                 cpu=cpu, memory="256M", vms=("worker", "watch", "sleeper")) as m:
        for name in ("worker", "watch", "sleeper"):
            m.expect("^neighbour ok 1 ", vm=name, seconds=READY_SECONDS)
        assert stolen(m, "worker") == 0
        least = most = 0
        for _ in range(3):
            begin = m.now()
            assert m.curia("pause worker") == ["pause worker: under way"]
            assert row_of(m, "worker") == ("paused", "1", "-")
            assert m.curia("pause worker") == ["pause worker: not in this state"]
            paused = m.now()
            assert m.curia("pause sleeper") == ["pause sleeper: under way"]
            m.idle(0.3)
            mark, pc = m.mark(), harts_pc(m)[0]
            for _ in range(2):
                m.expect("^neighbour ok", vm="watch", since=m.mark())
                assert harts_pc(m)[0] == pc and pc > 1 << 63, "the paused VM's hart is not asleep in Curia"
            assert not m.find("", vm="worker", since=mark), "a paused VM has run"
            least += m.now() - paused
            assert m.curia("resume worker") == ["resume worker: under way"]
            most += m.now() - begin
            assert m.curia("resume sleeper") == ["resume sleeper: under way"]
            m.expect("^neighbour ok", vm="worker", since=mark)
            assert m.curia("resume worker") == ["resume worker: not in this state"]
        us = stolen(m, "worker")
        # A hart may come by late, both times.
        assert 0.8 * least <= us / 1e6 <= most + PATIENCE, (least, us, most)
        assert stolen(m, "sleeper") < us / 2, "sleep is told as stolen time"
        m.curia("pause worker")
        power_off(m, ("worker", "watch", "sleeper"))
        assert [r.vm for r in m.audit if r.event == "PAUSED-RESUMED"] == ["worker"]


def test_watchdog():
    """Who gives heartbeats lives; who ends them is restarted; who never gives one, though it has to, too."""
    restart = 'crash-policy = "restart"; restart-budget = <100>; restart-window-ms = <600000>; '
    text = manifest(vm("lives", [0], args="beat-ms=2000", more="watchdog-ms = <2000>;"),
                    vm("hangs", [1], args="beat-ms=2000 beats-of=2").replace('crash-policy = "off";', restart),
                    vm("mute", [2], more="watchdog-ms = <2000>;").replace('crash-policy = "off";', restart))
    with Machine("watchdog", bundle=bundle("watchdog", text), harts=3, memory="256M",
                 vms=("lives", "hangs", "mute")) as m:
        def bites(name):
            found = (re.search(rf"{name}: no heartbeat in time: pc 0x([0-9a-f]+)", line.text) for line in m.lines
                     if line.vm == "curia")
            return [int(match[1], 16) for match in found if match]

        m.until(lambda: min(len(bites("hangs")), len(bites("mute"))) >= 2, "second bite of both", READY_SECONDS)
        assert all(0x8000_0000 <= pc < 0x8080_0000 for pc in bites("hangs") + bites("mute")), "no pc of the guest"
        assert not bites("lives")
        assert row_of(m, "hangs")[2] == row_of(m, "mute")[2] == "watchdog"
        assert row_of(m, "lives") == ("running", "1", "-")
        for name in ("hangs", "mute"):
            m.curia(f"stop {name} force")
        power_off(m, ("lives",))
