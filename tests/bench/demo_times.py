# SPDX-License-Identifier: BSD-2-Clause
"""Rows of the demo: its memory, and when its VMs are ready, beside one Debian natively."""

import os

from counter import BUILD, TOP
from curia_qemu import BOOT_SECONDS, CURIA, Machine
from operations import CHIPS, MEMORY, ram_row


def demo(irqchip):
    """Memory of the demo, and when its VMs say that they are ready."""
    marks = {"adas": r"^adas: ready", "control": r"^control ready$", "cockpit": r"^cockpit ready$"}
    with Machine(f"bench-demo-{irqchip}", irqchip=irqchip) as m:
        line = m.expect(MEMORY, vm=CURIA, seconds=BOOT_SECONDS)
        yield ram_row(line.text, irqchip, 4, "demo")
        for vm, mark in marks.items():
            line = m.expect(mark, vm=vm, seconds=BOOT_SECONDS, since=0)
            yield {"row": "ready", "system": f"demo: {vm}", "irqchip": irqchip, "harts": 4,
                   "seconds": round(line.at, 2)}


def debian_natively(irqchip):
    """The demo's kernel and initramfs with nothing below but the firmware."""
    with Machine(f"bench-native-{irqchip}", irqchip=irqchip, harts=1, memory="256M",
                 kernel=TOP / os.environ.get("KERNEL_IMAGE", "build/deps/guest/Image"),
                 bundle=BUILD / "guests" / "initrd.cpio",
                 append="console=ttyS0 cryptomgr.notests") as m:
        line = m.expect(r"^linux ready$", seconds=BOOT_SECONDS)
        yield {"row": "ready", "system": "Debian natively", "irqchip": irqchip, "harts": 1,
               "seconds": round(line.at, 2)}


def rows(_symbols, _profiles):
    for irqchip in CHIPS:
        yield from demo(irqchip)
    yield from debian_natively("aia")
