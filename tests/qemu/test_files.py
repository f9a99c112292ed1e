# SPDX-License-Identifier: BSD-2-Clause
"""An AIA with fewer guest interrupt files than vCPUs, or with none: files in memory, which come to the hart
with their vCPU where it has one to spare. All that is tested of an AIA holds there, too."""

import pytest

import demo
from curia_qemu import BUILD, Machine
from small import LINUX, PLATFORM, READY_SECONDS, bundle, ends, linux, manifest, vm
from test_selftest import ALONE, NO_PEER, run

AIA = 'irqchip = "aia"; '


@pytest.mark.parametrize("files,harts", (
    (1, [0, 0, 0, 0]), (5, [0, 0, 0, 0, 0, 0]),     # by turns in the one, in the last
    (2, [0, 0, 0, 1]),                              # some have their own
    (0, [0, 1]), (0, [0, 0, 1, 1])), ids=str)
def test_selftest(files, harts):
    slices = "time-slice-us = <1000>;" if len(set(harts)) < len(harts) else ""
    text = manifest(vm("selftest", harts, "test", 0x1000000, "reboot=1", ALONE + AIA + slices))
    m = run(f"files-{files}-{len(harts)}", f"aia-{files}", max(harts) + 1, text, NO_PEER)
    assert m.find(rf"^# selftest on selftest, {len(harts)} harts, AIA$", vm="selftest")


@pytest.mark.parametrize("files,harts", ((0, 2), (1, 1)), ids=str)
def test_passed_through_interrupt(files, harts):
    """As test_machines.py has it; each of the RTC's interrupts comes by way of Curia."""
    name = f"files-rtc-{files}"
    text = (PLATFORM / "bench.dts").read_text().replace("kernel =", AIA + "kernel =")
    if harts == 1:
        text = text.replace("harts = <1>", "harts = <0>")
    with Machine(name, bundle=bundle(name, text, bench=BUILD / "guests" / "bench.bin"), irqchip=f"aia-{files}",
                 harts=harts, memory="256M", vms=("bench", "peer")) as m:
        m.expect(r"bench: stopped \(shutdown\)$", vm="curia", seconds=READY_SECONDS)
        ends(m)


@pytest.mark.parametrize("files", (1, 0))
def test_linux(files):
    """Debian's kernel with two vCPUs on one hart: its interrupts are counted by itself."""
    text = manifest(linux("linux", [0, 0], memory=0x10000000, more=AIA))
    itb = bundle(f"files-linux-{files}", text, **LINUX)
    with Machine(f"files-linux-{files}", bundle=itb, irqchip=f"aia-{files}", harts=1, vms=("linux",)) as m:
        m.expect("^linux ready$", vm="linux", seconds=demo.BOOT_SECONDS)
        m.prompt("linux")
        before = irqs(m)
        m.shell("for i in 1 2 3 4 5 6 7 8; do (for j in $(seq 200); do echo $j; done | tail -1) & done; wait")
        after = irqs(m)
        assert set(before) >= {"IPI0", "IPI1", "ttyS0"}, before
        assert all(after[name] > before[name] for name in ("IPI1", "ttyS0")), (before, after)
        assert m.shell("dmesg | grep -ciE 'stall|nobody cared|BUG|spurious' || true")[1] == ["0"]
        m.type("poweroff -f")
        m.expect(r"linux: stopped \(shutdown\)$", vm="curia")


def irqs(m):
    """/proc/interrupts: how often, by name, over all vCPUs."""
    rows = [row.split() for row in m.shell("cat /proc/interrupts")[1] if ":" in row]
    counts = {}
    for row in rows:
        numbers = [int(cell) for cell in row[1:] if cell.isdigit()][:2]
        name = row[0].rstrip(":") if row[0].startswith("IPI") else row[-1]
        counts[name] = counts.get(name, 0) + sum(numbers)
    return counts
