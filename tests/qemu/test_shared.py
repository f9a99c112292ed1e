# SPDX-License-Identifier: BSD-2-Clause
"""Harts that vCPUs share: the selftest's checks where they have to take turns."""

import pytest

from curia_qemu import IRQCHIPS, Machine
from lives import arena, row_of
from small import READY_SECONDS, bundle, manifest, power_off, vm
from test_selftest import ALONE, NO_AIA, NO_PEER, run


@pytest.mark.parametrize("irqchip", IRQCHIPS)
def test_siblings(irqchip):
    """All vCPUs of a VM on one hart."""
    run(f"shared-{irqchip}-siblings", irqchip, 1, manifest(vm("selftest", [0, 0], "test", 0x1000000, "reboot=1", ALONE)),
        NO_PEER | (NO_AIA if irqchip != "aia" else set()))


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
