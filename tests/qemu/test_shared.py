# SPDX-License-Identifier: BSD-2-Clause
"""Harts that vCPUs share: the selftest's checks where they have to take turns."""

import re

import pytest

from curia_qemu import Machine
from lives import arena, row_of
from small import PLATFORM, READY_SECONDS, bundle, manifest, power_off, vm
from test_isolation import attacked
from test_selftest import ALONE, NO_AIA, NO_PEER, NO_SSTC, run


@pytest.mark.parametrize("irqchip,cpu", (("aia", None), ("plic", "rv64,sstc=false"), ("aplic", None)))
def test_siblings(irqchip, cpu):
    """All vCPUs of a VM on one hart; short slices, as they wait for each other in loops."""
    text = manifest(vm("selftest", [0, 0], "test", 0x1000000, "reboot=1", f"{ALONE} time-slice-us = <1000>;"))
    run(f"shared-{irqchip}-siblings", irqchip, 1, text, NO_PEER | (NO_AIA if irqchip != "aia" else set()) |
        (NO_SSTC if cpu else set()), cpu=cpu)


@pytest.mark.parametrize("irqchip,cpu", (("aia", "max"), ("plic", None)))
def test_hostile(irqchip, cpu):
    """One that attacks, with both its vCPUs, and two neighbours, all on one hart; with vectors, too."""
    name = f"shared-{irqchip}-hostile"
    text = re.sub(r"harts = <[^>]*>", lambda m: "harts = <0 0>" if " 1" in m[0] else
                  "harts = <0>; time-slice-us = <1000>", (PLATFORM / "hostile.dts").read_text())
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=1, memory="256M", cpu=cpu,
                 vms=("hostile", "left", "right")) as m:
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
