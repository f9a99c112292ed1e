# SPDX-License-Identifier: BSD-2-Clause
"""What docs/scheduling.md promises of harts that are shared, on whole machines, where it takes other guests than
test_shared.py's. Time is counted in instructions (QEMU's -icount): no other program of this computer has a part in
it, and one instruction is one nanosecond, as the document's figures have it."""

import re
import subprocess

from curia_qemu import BUILD, Machine
from small import OUT, READY_SECONDS, TOOL, bundle, manifest, power_off, vm

COUNTED = ["-icount", "shift=0"]
IMAGES = {"rtos": BUILD / "guests" / "rtos.bin", "kernel": BUILD / "deps" / "guest" / "Image",
          "initrd": BUILD / "test" / "initrd.cpio"}


def linux(name, harts, more=""):
    return vm(name, harts, memory=0x8000000, more=more).replace(
        'kernel = "selftest";', 'kernel = "kernel"; initrd = "initrd";').replace(
        '"mode=neighbour "', '"console=ttyS0 cryptomgr.notests quiet"')


def rtos(name, harts, more=""):
    return vm(name, harts, memory=0x2000000, more=more).replace('kernel = "selftest"', 'kernel = "rtos"')


def response_ns(budget_us, slice_us=10000):
    """R of docs/scheduling.md, "Admission", of one that nobody on its hart with a budget comes before, by that text
    alone: R = B + S + H + R * u."""
    switch, replenish, section, reserved = 20_000, 5_000, 250_000, 0.02
    cost = 1000 * budget_us + 2 * -(-budget_us // slice_us) * switch + replenish
    return (cost + section) / (1 - reserved)


def test_jitter():
    """The real-time guest's task, at 1000 Hz, on one hart with a Linux, from its load on until it has booted and
    worked, and one that never waits: its latest release is within R - B, all that others can take from it before it
    has had its budget."""
    name, budget = "sched-jitter", 500
    text = manifest(rtos("adas", [0], f"priority = <30>; budget-us = <{budget}>; period-us = <1000>;"),
                    linux("linux", [0]), vm("hog", [0], more="time-slice-us = <1000>;"))
    image = bundle(name, text, **IMAGES)
    response = response_ns(budget)
    table = subprocess.run([TOOL, "check", OUT / f"{name}.dtb"], capture_output=True, text=True, check=True,
                           timeout=60).stdout
    told = re.search(r"^ +adas +0 .* (\d+) +\d+$", table, re.M)
    assert told and abs(int(told[1]) - response / 1000) <= 1, (response, table)
    with Machine(name, bundle=image, irqchip="aia", harts=1, memory="512M", extra=COUNTED,
                 vms=("adas", "linux", "hog")) as m:
        m.expect("^linux ready$", vm="linux", seconds=READY_SECONDS)
        m.prompt("linux")
        m.shell("dd if=/dev/zero bs=64k count=40 | sha256sum", vm="linux")
        power_off(m, ("hog",))
        end = m.find(r"^adas: power: stop after (\d+) releases, jitter min/avg/max \d+/\d+/(\d+) ns", vm="adas")
        assert int(end.match[1]) > 500 and int(end.match[2]) <= response - 1000 * budget, (end.text, response)
