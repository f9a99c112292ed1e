# SPDX-License-Identifier: BSD-2-Clause
"""Harts that vCPUs share: the selftest's checks where they have to take turns."""

import pytest

from curia_qemu import IRQCHIPS
from small import manifest, vm
from test_selftest import ALONE, NO_AIA, NO_PEER, run


@pytest.mark.parametrize("irqchip", IRQCHIPS)
def test_siblings(irqchip):
    """All vCPUs of a VM on one hart."""
    run(f"shared-{irqchip}-siblings", irqchip, 1, manifest(vm("selftest", [0, 0], "test", 0x1000000, "reboot=1", ALONE)),
        NO_PEER | (NO_AIA if irqchip != "aia" else set()))
