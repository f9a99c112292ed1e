# SPDX-License-Identifier: BSD-2-Clause
"""What guests write faster than the terminal takes it, from several harts and in every way that there is, comes whole:
by what is on the terminal, letter by letter."""

import re

import pytest

from curia_qemu import Machine
from small import READY_SECONDS, bundle, manifest, vm

LETTERS = 12_000
OTHER_CALLS = 100       # that two harts make, at most: to start, to stop, for a line of their own
ALPHABETS = (b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0123456789")   # guests/selftest/shout.c


def exits(m, name, cpu, cause):
    row = next(row for row in m.curia(f"stat {name}") if re.match(rf"{name} +vCPU {cpu} ", row))
    return int(re.search(rf" {cause} (\d+)", row)[1])


# The first's harts are its own; of the second's one waits for both others, in the queue of a hart.
@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_flood(irqchip):
    text = manifest(vm("left", [0, 1, 2], "shout", args=f"letters={LETTERS}"),
                    vm("right", [2, 2, 3], "shout", args=f"letters={LETTERS}"))
    name = f"console-{irqchip}-flood"
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=4, memory="256M", vms=("left", "right")) as m:
        for vm_name in ("left", "right"):
            end = m.expect(r"^shout: (\w+), (\d+) stores, (\d+) calls, (\d+) bytes$", vm=vm_name, seconds=READY_SECONDS)
            assert end.match[1] == "ok", end.text
            shown = "".join(line.text for line in m.lines if line.vm == vm_name and "shout:" not in line.text).encode()
            for alphabet in ALPHABETS:
                got = bytes(c for c in shown if c in alphabet)
                assert got == (alphabet * LETTERS)[:LETTERS], (vm_name, alphabet, len(got))
            assert len(shown) == len(ALPHABETS) * LETTERS
            # They were made more often than the guest knows: there was no room.
            stores, calls, single = map(int, end.match.groups()[1:])
            assert exits(m, vm_name, 0, "mmio") > stores, "the ring was never full"
            assert exits(m, vm_name, 1, "ecall") + exits(m, vm_name, 2, "ecall") > calls + single + OTHER_CALLS
