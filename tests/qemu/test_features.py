# SPDX-License-Identifier: BSD-2-Clause
"""Features that the firmware switches for a hart (SBI's FWFT), as QEMU shows the hart: each vCPU's own value,
and the machine's again when its VM starts anew."""

import os

import pytest

from curia_qemu import BUILD, Machine
from small import READY_SECONDS, bundle, delegated, ends, manifest, vm

VMS = ("on", "off")
# An OpenSBI that has DOUBLE_TRAP and SHADOW_STACK: 1.6, or later. CURIA_FIRMWARE names another one.
FIRMWARE = os.environ.get("CURIA_FIRMWARE") or str(BUILD / "deps" / "guest" / "fw_dynamic.bin")


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


@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_granted(irqchip):
    """Shadow stacks and double traps, which take a newer firmware than the machine has of its own: the whole
    selftest, with Curia's own traps under that rule; and the end of a VM by a double trap."""
    name = f"features-granted-{irqchip}"
    text = manifest(vm("selftest", [0, 1], "test", 0x1000000, "reboot=1", 'srst = "platform"; srst-reset = "self";'),
                    vm("twice", [2], "double-trap"))
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=3, memory="256M", vms=("selftest", "twice"),
                 cpu="rv64,zicfiss=true,zimop=true,zcmop=true,ssdbltrp=true", extra=["-bios", FIRMWARE]) as m:
        m.expect(r"twice: .*double trap", vm="curia", seconds=READY_SECONDS, since=0)
        # Lines of the firmware stand between those of the TAP, which is not looked at as a whole.
        m.expect(r"^# failed 0 of \d+$", vm="selftest", seconds=READY_SECONDS)
        for n in (0, 2, 3, 4):
            assert m.find(rf"^ok \d+ - FWFT: feature {n} refuses other flags and values$", vm="selftest")
        ends(m)
