# SPDX-License-Identifier: BSD-2-Clause
"""The selftest guest (guests/selftest): some 400 checks from inside a VM, after a restart of itself, on
each interrupt controller, with one to eight vCPUs, on other CPUs and with other shapes of memory. The
tests of a VM with a neighbour are in it at four harts."""

import pytest

from curia_qemu import BUILD, IRQCHIPS, Machine
from small import PLATFORM, bundle, ends, manifest, tap, vm

ALONE = 'srst = "platform"; srst-reset = "self";'
ONE_HART = {"HSM and IPI between harts", "remote fences", "time of several harts"}
NO_PEER = {"IPC"}
NO_ZICBOZ = {"U: cbo.zero"}
NO_AIA = {"an edge by setipnum"}
NO_SSTC = {"SUSP: a soft interrupt that is disabled"}


def run(name, irqchip, harts, text, skips, neighbours=(), **options):
    """One machine, from the first line to the off. Skipped is what has to be, no more and no less."""
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=harts,
                 **{"memory": "256M", "vms": ("selftest",), **options}) as m:
        assert tap(m, "selftest") == skips
        assert m.find("restarted once", vm="selftest")
        ends(m, neighbours)
        return m


@pytest.mark.parametrize("harts", (1, 2, 4))
@pytest.mark.parametrize("irqchip", IRQCHIPS)
def test_selftest(irqchip, harts):
    m = run(f"selftest-{irqchip}-{harts}", irqchip, harts, PLATFORM / f"selftest-{harts}.dts",
            (ONE_HART if harts == 1 else set()) | (NO_AIA if irqchip != "aia" else set()) |
            (NO_PEER if harts != 4 else set()),
            neighbours=("neighbour",) if harts == 4 else (), vms=("selftest", "neighbour"))
    assert m.find("power key: the reset", vm="selftest")


def alone(harts=2, memory=0x1000000, more=""):
    return manifest(vm("selftest", range(harts), "test", memory, "reboot=1", ALONE + more))


@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_eight_vcpus(irqchip):
    m = run(f"selftest-{irqchip}-8", irqchip, 8, alone(8), NO_PEER | (NO_AIA if irqchip == "plic" else set()))
    assert m.find(r"^# selftest on selftest, 8 harts", vm="selftest")


def test_plic_on_aia_host():
    m = run("selftest-plic-on-aia", "aia", 2, alone(more='irqchip = "plic";'), NO_PEER | NO_AIA)
    assert m.find(r"^# selftest on selftest, 2 harts, PLIC$", vm="selftest")


# max: Smstateen, vectors, all of it; without Smstateen, nothing keeps a guest from Zcmt's and Ssctr's
# CSRs. rva23s64 on a PLIC machine: Sv39x4 alone, no hvictl. The rest lack, one by one, what the demo's
# machine has.
@pytest.mark.parametrize("irqchip,cpu", (
    ("aia", "max"), ("plic", "max"), ("plic", "rva23s64"),
    ("aia", "max,smstateen=false,zcd=false,zcmt=true"), ("aia", "rv64,v=true,vlen=256,svpbmt=true"),
    ("plic", "veyron-v1"), ("aia", "tt-ascalon"),
    ("plic", "rv64,sstc=false"), ("aia", "rv64,sstc=false"), ("plic", "rv64,svadu=false,zicboz=false"),
    ("plic", "rv64,sv57=false,sv48=false")), ids=lambda v: v.replace(",", "-").replace("=", "-"))
def test_cpu(irqchip, cpu):
    name = f"selftest-{irqchip}-{cpu}".replace(",", "-").replace("=", "-")
    m = run(name, irqchip, 2, alone(), NO_PEER | (NO_AIA if irqchip == "plic" else set()) |
            (NO_ZICBOZ if "zicboz=false" in cpu else set()) | (NO_SSTC if "sstc=false" in cpu else set()), cpu=cpu)
    hpm = 0 if cpu.startswith("rv64") else 16 # all others have Sscofpmf
    assert m.find(rf"^# PMU: {16 + hpm} counters, {hpm} of them the hart's$", vm="selftest")


@pytest.mark.parametrize("cpu", ("rv64,v=true", "rv64,v=true,vlen=1024"))
def test_vectors(cpu):
    """The save and restore of vectors alone (vectors.c), without Curia around it."""
    name = f"vectors-{cpu}".replace(",", "-").replace("=", "-")
    with Machine(name, bundle=None, kernel=BUILD / "guests" / "vectors.bin", irqchip="plic", harts=1, memory="128M",
                 cpu=cpu, vms=()) as m:
        assert tap(m, None) == set()
        assert m.wait_exit() == 0


# Large and small leaves, several pieces, and what begins and ends at odd pages.
MEMORY = {
    "1g": ("3G", "<0x0 0x80000000 0x0 0x40000000>"),
    "4k": ("64M", "<0x0 0x80000000 0x0 0x803000>"),
    "pieces": ("9G", "<0x0 0x80000000 0x0 0x1000000>, <0x0 0x90001000 0x0 0x5000>, "
                     "<0x10 0x00000000 0x0 0x400000>"),
}


@pytest.mark.parametrize("shape", MEMORY)
def test_memory(shape):
    size, memory = MEMORY[shape]
    text = alone().replace("<0x0 0x80000000 0x0 0x1000000>", memory)
    assert memory in text
    run(f"selftest-memory-{shape}", "aia", 2, text, NO_PEER, memory=size)
