# SPDX-License-Identifier: BSD-2-Clause
"""Harts that vCPUs share: the selftest's checks where they have to take turns."""

import re

import pytest

from curia_qemu import Machine
from small import PLATFORM, bundle, manifest, vm
from test_isolation import attacked
from test_selftest import ALONE, NO_AIA, NO_PEER, NO_SSTC, run


@pytest.mark.parametrize("irqchip,cpu", (("aia", None), ("plic", "rv64,sstc=false"), ("aplic", None)))
def test_siblings(irqchip, cpu):
    """All vCPUs of a VM on one hart."""
    text = manifest(vm("selftest", [0, 0], "test", 0x1000000, "reboot=1", ALONE))
    run(f"shared-{irqchip}-siblings", irqchip, 1, text, NO_PEER | (NO_AIA if irqchip != "aia" else set()) |
        (NO_SSTC if cpu else set()), cpu=cpu)


@pytest.mark.parametrize("irqchip,cpu", (("aia", "max"), ("plic", None)))
def test_hostile(irqchip, cpu):
    """One that attacks, with both its vCPUs, and two neighbours, all on one hart; with vectors, too."""
    name = f"shared-{irqchip}-hostile"
    text = re.sub(r"harts = <[^>]*>", lambda m: "harts = <0 0>" if " 1" in m[0] else "harts = <0>",
                  (PLATFORM / "hostile.dts").read_text())
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=1, memory="256M", cpu=cpu,
                 vms=("hostile", "left", "right")) as m:
        attacked(m)
