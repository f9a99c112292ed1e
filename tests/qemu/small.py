# SPDX-License-Identifier: BSD-2-Clause
"""Small machines for tests: manifests of selftest guests (guests/selftest), which boot in a moment, and
what an observer outside can see of a machine: its registers, its physical memory, its own FDT."""

import pathlib
import re
import subprocess
import tempfile

from curia_qemu import BUILD, IMAGE, QEMU, TOP, machine_type, make_bundle

SELFTEST = BUILD / "guests" / "selftest.bin"
PLATFORM = TOP / "platforms" / "qemu-virt"
TOOL = BUILD / "host" / "curia-manifest"
OUT = BUILD / "test"

READY_SECONDS = 120     # the slowest of these guests, on a machine that is busy with other things
UART = 'uart { compatible = "ns16550a"; address = <0x0 0x10000000>; interrupt = <10>; };'
OWN_UART = 'uart { compatible = "curia,passthrough"; host-path = "/soc/serial@10000000"; dma = "none"; };'
WITHOUT_UART = 'console = "firmware";'      # what the top node has to say for that
AT_END = r"^one terminal for all"        # Curia's banner: the boot has gone well


def vm(name, harts, mode="neighbour", memory=0x800000, args="", more="", kernel="selftest", bootargs=None):
    """A VM's node: the selftest in one of its roles; or another kernel, with its bootargs. `more`: properties."""
    harts = " ".join(map(str, harts))
    bootargs = f"mode={mode} {args}" if bootargs is None else bootargs
    return f"""
    {name}: {name} {{
        compatible = "curia,vm";
        harts = <{harts}>;
        memory = <0x0 0x80000000 0x0 {memory:#x}>;
        kernel = "{kernel}";
        bootargs = "{bootargs}";
        power-stop-timeout-ms = <20000>;
        crash-policy = "off";
        {more}
        {UART}
    }};
"""


# Debian's kernel with Curia's initramfs, and a VM that runs it.
LINUX = {"kernel": BUILD / "deps" / "guest" / "Image", "initrd": BUILD / "guests" / "initrd.cpio"}


def linux(name, harts, memory=0x8000000, more="", args=""):
    return vm(name, harts, memory=memory, more='initrd = "initrd"; ' + more, kernel="kernel",
              bootargs=f"console=ttyS0 cryptomgr.notests {args}")


def manifest(*nodes, more=""):
    return ('/dts-v1/;\n/ {\n    compatible = "curia,manifest";\n    version = <1>;\n'
            f"    {more}\n" + "".join(nodes) + "};\n")


def bundle(name, text, **images):
    """The bundle of a manifest whose kernels are the selftest. `text` may be a file of platforms/."""
    if isinstance(text, pathlib.Path):
        text = text.read_text()
    return make_bundle(name, text, selftest=SELFTEST, **images)


def host_fdt(name, irqchip="aia", harts=4, memory="256M", cpu=None):
    """The FDT that QEMU makes for such a machine, as a file."""
    OUT.mkdir(parents=True, exist_ok=True)
    out = OUT / f"{name}.host.dtb"
    command = [QEMU, "-M", f"{machine_type(irqchip)},dumpdtb={out}", "-smp", str(harts), "-m", memory,
               "-display", "none"] + (["-cpu", cpu] if cpu else [])
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return out


def fdt_put(dtb, node, prop, *values):
    subprocess.run(["fdtput", dtb, node, prop, *values], check=True, timeout=60)


def image_at(name, address):
    """Curia's image in an ELF that says only where it shall lie: QEMU's loader and OpenSBI's
    next address follow it."""
    image = IMAGE.read_bytes()
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    fields = (2, 2), (243, 2), (1, 4), (address, 8), (64, 8), (0, 8), (0, 4), (64, 2), (56, 2), \
        (1, 2), (64, 2), (0, 2), (0, 2)
    segment = (1, 4), (7, 4), (4096, 8), (address, 8), (address, 8), (len(image), 8), (len(image), 8), \
        (4096, 8)
    data = header + b"".join(v.to_bytes(n, "little") for v, n in fields + segment)
    out = OUT / f"{name}.elf"
    out.write_bytes(data.ljust(4096, b"\0") + image)
    return out


# ---- what is seen from outside ------------------------------------------------------------------


def hmp(m, line):
    return m.qmp("human-monitor-command", **{"command-line": line})


def harts_pc(m):
    """Where each hart is: {id: pc}, by QEMU's own word."""
    text = hmp(m, "info registers -a")
    return {int(n): int(pc, 16) for n, pc in re.findall(r"CPU#(\d+)\s.*?\bpc\s+([0-9a-f]+)", text, re.S)}


def delegated(m):
    """Hart by hart: do misaligned accesses trap to supervisor mode, and not to the firmware?"""
    found = re.findall(r"\bmedeleg\s+([0-9a-f]+)", hmp(m, "info registers -a"))
    return [int(bits, 16) & (1 << 4 | 1 << 6) == (1 << 4 | 1 << 6) for bits in found]


def physical(m, start, size):
    """The machine's memory, while it stands still."""
    with tempfile.TemporaryDirectory(prefix="curia-") as folder:
        path = pathlib.Path(folder) / "memory"
        m.pmemsave(start, size, path)
        return path.read_bytes()


def halted(m, vms):
    """Curia has given up, no guest has run, and no hart does anything any more."""
    m.expect(r"halted$", vm="curia")
    m.idle(0.3)
    before = harts_pc(m)
    m.idle(1.0)
    assert harts_pc(m) == before, "a hart goes on"
    assert not [line for line in m.lines if line.vm in vms], "a VM has run"
    assert m.running() and not m.qmp_events("SHUTDOWN") and not m.qmp_events("RESET")


# ---- guests --------------------------------------------------------------------------------------


def tap(m, vm, seconds=READY_SECONDS):
    """Waits for the end of a VM's TAP and checks it as a whole. Returns the names of what it skipped."""
    end = m.expect(r"^# failed (\d+) of (\d+)$", vm=vm, seconds=seconds)
    text = [line.text for line in m.lines if line.vm == vm]
    results = [re.match(r"(not )?ok (\d+) - (.*)$", line) for line in text]
    results = [r for r in results if r]
    bad = [line for line, after in zip(text, text[1:] + [""]) if line.startswith("not ok")
           for line in ([line, after] if after.startswith("#   ") else [line])]
    assert not bad and end.match[1] == "0", m.failure(f"{vm}: " + " / ".join(bad))
    assert [int(r[2]) for r in results] == list(range(1, len(results) + 1)), "a line of the TAP is lost"
    assert f"1..{len(results)}" in text and int(end.match[2]) == len(results)
    return {r[3].split(" # SKIP")[0] for r in results if " # SKIP" in r[3]}


def power_off(m, neighbours=(), txn_of="console"):
    """`power off` in the hypervisor's shell: all go down, the neighbours give their verdicts."""
    m.focus("curia")
    m.type("power off")
    ends(m, neighbours, txn_of)


def ends(m, neighbours=(), txn_of=None):
    """The machine goes off: by SRST, with COMMIT in the audit, and the neighbours' verdicts are good."""
    assert m.wait_exit(READY_SECONDS) == 0
    assert m.qmp_events("SHUTDOWN") == [{"guest": True, "reason": "guest-shutdown"}]
    if txn_of is not None:
        assert [r.vm for r in m.audit if r.event == "REQUEST"] == [txn_of]
        assert m.audit[-1].event == "COMMIT"
    for name in neighbours:
        line = m.find(r"^neighbour: verdict (\w+)", vm=name)
        assert line and line.match[1] == "ok", m.failure(f"{name}: {line.text if line else 'no verdict'}")
        assert not m.find(r"BAD", vm=name), m.failure(f"{name} saw something")
