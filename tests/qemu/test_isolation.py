# SPDX-License-Identifier: BSD-2-Clause
"""A guest that attacks, guests that crash, and what their neighbours and an observer outside the machine see
of it. The neighbours watch their own memory and time; the observer reads the machine's physical memory
by QMP: Curia's constant part has to be the image's, and the neighbours' RAM what they wrote, bit by bit."""

import re
import subprocess

import pytest

from curia_qemu import BUILD, IMAGE, IRQCHIPS, Machine
from small import PLATFORM, READY_SECONDS, bundle, ends, physical, power_off

RAM, RAM_BYTES = 0x80000000, 256 << 20
CURIA_AT = 0x80200000                    # where OpenSBI starts an image
STEP, WORD = 0x9e3779b97f4a7c15, 1 << 64


def pattern(words):
    """What a neighbour (guests/selftest/neighbour.c) fills its RAM with."""
    return b"".join(((i * STEP) % WORD).to_bytes(8, "little") for i in range(1, words + 1))


def constant_bytes():
    """How much of the image, from its beginning on, nobody ever writes."""
    out = subprocess.run(["riscv64-unknown-elf-objdump", "-hw", BUILD / "curia.elf"], check=True, timeout=60,
                         capture_output=True, text=True).stdout
    rows = re.findall(r"^ *\d+ (\S+) +([0-9a-f]+) +([0-9a-f]+) .*\bALLOC\b(.*)$", out, re.M)
    base = min(int(vma, 16) for _, _, vma, _ in rows)
    written = [int(vma, 16) for _, _, vma, flags in rows if "READONLY" not in flags]
    return min(min(written) - base, IMAGE.stat().st_size)


def observe(m, megabytes):
    """The machine as seen from outside. `megabytes`: what each neighbour says it watches."""
    m.qmp("stop")
    ram = physical(m, RAM, RAM_BYTES)
    m.qmp("cont")
    size = constant_bytes()
    assert size > 64 << 10
    at = CURIA_AT - RAM
    assert ram[at:at + size] == IMAGE.read_bytes()[:size], "Curia's code or constants were changed"
    found = 0
    want = pattern(megabytes << 17)
    begin = ram.find(want[:64])
    while begin >= 0:
        assert ram[begin:begin + len(want)] == want, f"a neighbour's RAM at {RAM + begin:#x} was changed"
        found += 1
        begin = ram.find(want[:64], begin + len(want))
    return found


def attacked(m):
    """The machine of hostile.dts, from its start to its end: nothing has leaked, nobody has noticed anything."""
    watched = {m.expect(r"^neighbour: ready, (\d+) MiB", vm=vm, seconds=READY_SECONDS).match[1]
               for vm in ("left", "right")}
    assert len(watched) == 1
    done = m.expect(r"^hostile done, (\d+) leaks$", vm="hostile", seconds=2 * READY_SECONDS)
    assert done.match[1] == "0"
    assert observe(m, int(watched.pop())) == 2
    for part in ("memory", "CSRs", "devices", "words", "calls", "races"):
        tried = m.find(rf"^hostile: {part}: tried (\d+), trapped (\d+), leaked 0$", vm="hostile")
        assert tried and int(tried.match[2]) > 0
    events = m.find(r"^hostile: (\d+) events$", vm="hostile")
    assert events and int(events.match[1]) > 0
    mark = {vm: len([x for x in m.lines if x.vm == vm]) for vm in ("left", "right")}
    ends(m, ("left", "right"), txn_of="hostile")
    assert all(mark[vm] > 1 for vm in mark), "a neighbour never reported"
    assert not m.find(r": (crashed|not started)|panic|trap in the hypervisor", vm="curia")


@pytest.mark.parametrize("seed", (1, 2))
@pytest.mark.parametrize("irqchip", IRQCHIPS)
def test_hostile(irqchip, seed):
    name = f"hostile-{irqchip}-{seed}"
    text = (PLATFORM / "hostile.dts").read_text()
    assert "seed=1" in text
    itb = bundle(name, text.replace("seed=1", f"seed={seed}"))
    with Machine(name, bundle=itb, irqchip=irqchip, memory="256M", vms=("hostile", "left", "right")) as m:
        attacked(m)


@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_crashes(irqchip):
    """Guests that trap for ever, that cannot fetch, that give up: each is its own affair."""
    vms = ("trap-loop", "no-table", "failing", "neighbour")
    name = f"crashes-{irqchip}"
    with Machine(name, bundle=bundle(name, PLATFORM / "selftest-crash.dts"), irqchip=irqchip,
                 memory="256M", vms=vms) as m:
        watched = m.expect(r"^neighbour: ready, (\d+) MiB", vm="neighbour", seconds=READY_SECONDS).match[1]
        for vm, how in zip(vms, ("crash", "no-table", "srst-fail")):
            m.expect(f"^crash: {how}$", vm=vm, seconds=READY_SECONDS)
        m.expect("failing: left off: 3 restarts used up", vm="curia", seconds=READY_SECONDS)
        rows = {r[0]: r[1:] for r in (re.match(r" *\d+ (\S+) +(\S+) .*starts (\d+) +last stop: (\S+)", row).groups()
                                      for row in m.curia("vms"))}
        assert rows == {"trap-loop": ("running", "1", "-"), "no-table": ("running", "1", "-"),
                        "failing": ("crashed", "4", "crash"), "neighbour": ("running", "1", "-")}
        # Whoever hears nothing is taken down all the same, and up again.
        for command, state in (("stop trap-loop force", "off"), ("start trap-loop", "running"),
                               ("restart no-table force", "running")):
            vm = command.split()[1]
            mark = m.mark()
            assert m.curia(command) == [" ".join(command.split()[:2]) + ": under way"]
            m.expect(rf"{vm}: (stopped \(|started)", vm="curia", since=mark, seconds=READY_SECONDS)
            if state == "running":
                m.expect("^crash: ", vm=vm, since=mark, seconds=READY_SECONDS)
        assert observe(m, int(watched)) == 1
        power_off(m, ["neighbour"])
        assert sorted(r.vm for r in m.audit if r.event == "FORCED") == ["no-table", "trap-loop"]
