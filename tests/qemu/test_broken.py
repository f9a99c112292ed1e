# SPDX-License-Identifier: BSD-2-Clause
"""What cannot be started: Curia says what is wrong and how to mend it, and nothing runs. And each broken
manifest is told by curia-manifest at a desk in the very words of the hypervisor."""

import re
import subprocess

import pytest

from curia_qemu import BUILD, IMAGE, Machine
from small import OUT, TOOL, UART, bundle, halted, host_fdt, manifest, vm

RIGHT = manifest(vm("one", [0]), vm("two", [1]))


def refuses(name, text, **options):
    """A boot that ends with these words."""
    with Machine(name, memory="256M", vms=("one", "two"), refuses=True, **{"harts": 2, **options}) as m:
        halted(m, ("one", "two"))
        why = m.find("error: cannot start: (.*)$", vm="curia")
        assert why and re.search(text, why.match[1]), m.failure(f"the reason is not {text!r}")
        return m


# ---- machine and bundle -------------------------------------------------------------------------


def test_no_h():
    refuses("broken-no-h", r"no H \(hypervisor\) extension.*-cpu rv64,h=true", cpu="rv64,h=false",
            bundle=bundle("broken-right", RIGHT))


def test_no_bundle():
    refuses("broken-no-bundle", r"^no bundle: hand it over as the initrd \(.*-initrd\)$", bundle=None)


def damaged(name, change):
    """A bundle with something done to its bytes."""
    data = bytearray(bundle(name, RIGHT).read_bytes())
    out = OUT / f"{name}-damaged.itb"
    out.write_bytes(change(data) or data)
    return out


def flip(data, what):
    """One bit, in the middle of that."""
    at = bytes(data).index(what) + len(what) // 2
    data[at] ^= 4


@pytest.mark.parametrize("name,change,text", (
    ("noise", lambda d: bytes(range(256)) * 64, "^the bundle cannot be read"),
    ("kernel-as-bundle", lambda d: IMAGE.read_bytes(), "^the bundle cannot be read"),
    ("empty", lambda d: bytes(4096), "^the bundle cannot be read"),
    ("cut", lambda d: d[:4096 + 300], "^the bundle cannot be read|^the bundle's manifest"),
    ("cut-short", lambda d: d[:200], "^the bundle cannot be read"),
    ("manifest-bit", lambda d: flip(d, b"mode=neighbour"), "^the bundle's manifest: .*(sha256|hash)"),
), ids=lambda v: v if isinstance(v, str) and re.fullmatch("[a-z-]+", v) else "")
def test_bundle(name, change, text):
    refuses(f"broken-{name}", text, bundle=damaged(f"broken-{name}", change))


@pytest.mark.parametrize("algorithm", ("crc32", "sha256"))
def test_image_damaged(algorithm):
    """One VM's kernel is damaged: that VM does not start, and the other is none the worse."""
    name = f"broken-image-{algorithm}"
    text = RIGHT.replace('kernel = "selftest"', 'kernel = "copy"', 1)
    copy = OUT / f"{name}.bin"
    copy.write_bytes((BUILD / "guests" / "selftest.bin").read_bytes() + b"the end of the copy of it")
    whole = bundle(name, text, copy=f"{copy}:{algorithm}")
    data = bytearray(whole.read_bytes())
    flip(data, b"the end of the copy of it")
    whole.write_bytes(data)
    with Machine(name, bundle=whole, harts=2, memory="256M", vms=("one", "two")) as m:
        line = m.expect("one: not started: (.*)$", vm="curia")
        assert re.search(f"copy|kernel|hash|{algorithm}", line.match[1]), line.text
        m.expect("^neighbour: ready", vm="two", seconds=120)
        rows = m.curia("vms")
        assert [row.split()[2] for row in rows] == ["off", "running"] \
            or [row.split()[2] for row in rows] == ["crashed", "running"], rows
        assert not m.find("", vm="one"), "the damaged image has run"


# ---- manifests ----------------------------------------------------------------------------------

def change(*pairs):
    text = RIGHT
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after, 1)
    return text


# What is wrong, and what has to be in the lines that tell of it.
MANIFESTS = {
    "promised-twice": (change(("harts = <0>", "harts = <0>; budget-us = <6000>; period-us = <10000>"),
                              ("harts = <1>", "harts = <0>; budget-us = <6000>; period-us = <10000>")),
                       r"two: budget-us: hart 0 is over-committed: .* take 120\.\d\d % of it"),
    "too-late": (change(("harts = <0>", "harts = <0>; budget-us = <4000>; period-us = <10000>"),
                        ("harts = <1>", "harts = <0>; priority = <3>; budget-us = <1000>; period-us = <10000>; "
                         "deadline-us = <5000>")),
                 r"two: deadline-us: vCPU 0 on hart 0 can wait [56]\d\d\d us or more for its budget, above this 5000"),
    "no-hart": (change(("harts = <1>", "harts = <7>")), r"two: harts"),
    "misspelt": (change(("kernel =", "kernal =")), r"one: kernal: .*kernel"),
    "no-image": (change(('kernel = "selftest"', 'kernel = "missing"')), r"one: kernel"),
    "too-large": (change(("0x0 0x800000>", "0x0 0x80000000>")), r"one: memory"),
    "overlap": (change(("0x10000000", "0x80001000")), r"one(/uart)?: (memory|address)"),
    "odd-memory": (change(("0x0 0x800000>", "0x0 0x800400>")), r"one: memory"),
    "cycle": (change(("crash-policy", "power-superiors = <&two>; crash-policy"),
                     (UART + "\n    };\n};", "power-superiors = <&one>; " + UART + "\n    };\n};")),
              r"power-superiors"),
    "no-device": (change((UART, UART + ' rtc { compatible = "curia,passthrough"; host-path = "/soc/nothing"; '
                          'dma = "none"; };')), r"one/rtc: host-path"),
    "bus-master": (change((UART, UART + ' disk { compatible = "curia,passthrough"; '
                           'host-path = "/soc/virtio_mmio@10001000"; dma = "none"; };')), r"one/disk: dma"),
    "console": (change((UART, UART + ' mine { compatible = "curia,passthrough"; '
                        'host-path = "/soc/serial@10000000"; dma = "none"; };')), r"one/mine"),
    "no-vm": (manifest(), r"."),
    "version": (change(("version = <1>", "version = <9>")), r"version"),
    "many": (change(("harts = <1>", "harts = <7>"), ("mode=neighbour", "m"), ("kernel =", "kernal ="),
                    ('crash-policy = "off"', 'crash-policy = "perhaps"'), ("0x0 0x800000>", "0x0 0x800001>")),
             r"crash-policy"),
    "aia-wanted": (change(("crash-policy", 'irqchip = "aia"; crash-policy')), r"one: irqchip"),
}


@pytest.mark.parametrize("mistake", MANIFESTS)
def test_manifest(mistake):
    text, told = MANIFESTS[mistake]
    name = f"broken-manifest-{mistake}"
    irqchip = "plic" if mistake == "aia-wanted" else "aia"
    itb = bundle(name, text)
    m = refuses(name, "^the manifest has mistakes", bundle=itb, irqchip=irqchip)
    said = [re.search("error: manifest: (.*)$", line.text) for line in m.lines if line.vm == "curia"]
    said = [match[1] for match in said if match]
    assert any(re.search(told, line) for line in said), said

    fdt = host_fdt(name, irqchip, 2)
    desk = subprocess.run([TOOL, "check", itb, "--fdt", fdt], capture_output=True, text=True, timeout=60)
    assert desk.returncode == 1, desk
    # But for what is left of RAM: firmware, Curia and the bundle are not there at a desk.
    def told_of(lines):
        return [re.sub(r"where \d+ KiB are left for them, \d+ in", "where some is left, some in", line)
                for line in lines]

    assert told_of(desk.stdout.splitlines()[:-1]) == told_of(said), "the desk says something else"


def test_right_at_the_desk():
    itb = bundle("broken-right", RIGHT)
    fdt = host_fdt("broken-right", "aia", 2)
    desk = subprocess.run([TOOL, "check", itb, "--fdt", fdt], capture_output=True, text=True, timeout=60)
    assert desk.returncode == 0, desk
    assert re.search(r"^.*\bone\b", desk.stdout, re.M) and re.search(r"^.*\btwo\b", desk.stdout, re.M)


def test_shared_hart_at_the_desk():
    """Who shares a hart is shown as a table, in which everything can be read."""
    name = "n234567890123456789012345678901"
    text = manifest(vm(name, [4294967295, 0], more="priority = <31 2>; budget-us = <1000000 0>; period-us = <4000000>; "
                       "budget-hard; time-slice-us = <1000000 0>; deadline-us = <3999999>;"),
                    vm("two", [4294967295], more="priority = <2>;"), vm("three", [1]))
    desk = subprocess.run([TOOL, "check", bundle("broken-shared", text)], capture_output=True, text=True, timeout=60)
    assert desk.returncode == 0, desk
    table = desk.stdout[desk.stdout.index("hart 4294967295: "):].split("\n\n")[0].splitlines()
    assert all(len(line) <= 100 for line in table), table
    assert re.fullmatch(r"hart 4294967295: 2 vCPUs, 25\.\d\d % of it guaranteed, of at most 98\.00 %", table[0]), table
    assert re.fullmatch(name + r" 0 31 1000000 1000000/4000000 25\.\d\d 10\d{5} 3999999 hard",
                        " ".join(table[2].split())), table
    assert table[3].split() == ["two", "0", "2", "10000", "none"], table
    assert len(table) == 4 and "hart 0:" not in desk.stdout and "hart 1:" not in desk.stdout, desk.stdout
