# SPDX-License-Identifier: BSD-2-Clause
"""What is typed reaches a Linux guest, whole and once, however fast it comes, while the kernel prints on the same
console."""

import sys

import demo
from curia_qemu import Machine
from small import LINUX, bundle, linux, manifest

LINES = 300

# A message of the kernel's after the other, until there is a file `typed`.
NOISE = "echo 7 > /proc/sys/kernel/printk; (until [ -e typed ]; do echo noise > /dev/kmsg; usleep 1000; done) & true"


def test_typing():
    image = bundle("typing", manifest(linux("linux", [0, 1])), **LINUX)
    with Machine("typing", bundle=image, harts=2, memory="512M", vms=("linux",)) as m:
        told = demo.Told(m, sys.stdout)
        m.expect("^linux ready$", vm="linux", seconds=demo.BOOT_SECONDS)
        m.prompt("linux")
        m.shell(f"cd /tmp; {NOISE}")
        m.expect("noise$", vm="linux")
        told.step("the kernel prints")

        mark = m.mark()
        m.send("".join(f"echo {i} >>lines\r" for i in range(LINES)) + "touch typed; wait\r")
        got = m.shell("echo 4 > /proc/sys/kernel/printk; cat lines", seconds=120)[1]
        noise = sum("noise" in line.text for line in m.lines[mark:])
        told.step(f"{LINES} lines were typed, {noise} of the kernel's came between")
        assert got == [str(i) for i in range(LINES)] and noise > 10
        assert not [row for row in m.curia("stat") if "lost" in row or "overrun" in row]
