# SPDX-License-Identifier: BSD-2-Clause
"""Features that the firmware switches for a hart (SBI's FWFT), as QEMU shows the hart: each vCPU's own value,
and the machine's again when its VM starts anew."""

import pytest

from curia_qemu import Machine
from small import READY_SECONDS, bundle, delegated, manifest, vm

VMS = ("on", "off")


def says(m, name, life, now):
    return m.expect(rf"^features: {life}, delegated 0 0, now {now}$", vm=name, seconds=READY_SECONDS, since=0)


@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_misaligned_delegation(irqchip):
    name = f"features-{irqchip}"
    text = manifest(vm("on", [1], "features", args="delegate=1"), vm("off", [0], "features"))
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=2, memory="256M", vms=VMS) as m:
        says(m, "off", 1, 0)
        says(m, "on", 1, 1)
        assert delegated(m) == [False, True]
        assert m.curia("restart on force") == ["restart on: under way"]
        says(m, "on", 2, 0)
        assert delegated(m) == [False, False]
