# SPDX-License-Identifier: BSD-2-Clause
"""One machine under the counter of insncount.c, and what it has counted, for bench.py."""

import bisect
import os
import pathlib
import re
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tools"))
from curia_qemu import IRQCHIPS, PATIENCE, Failure  # noqa: E402

BUILD = TOP / "build"
WORK = BUILD / "bench"
PLUGIN = WORK / "insncount.so"
ELF, IMAGE = BUILD / "curia.elf", BUILD / "curia.bin"
GUEST = BUILD / "guests" / "bench.bin"
QEMU = os.environ.get("QEMU", "qemu-system-riscv64")
RV_PREFIX = os.environ.get("RV_PREFIX", "riscv64-unknown-elf-")
SECONDS = 120

RAM_START, FOOTPRINT_START, FOOTPRINT_SIZE = 0x80000000, 0x80200000, 0x800000
WARM_UP = 8             # first rounds of a row that are left out
ROWS = re.findall(r"(?<= )row\((\w+)\)", (TOP / "guests/bench/rows.h").read_text())
FIELDS = ("hypervisor_insns", "firmware_insns", "guest_insns", "exits")


# ---- symbols ----------------------------------------------------------------------------------


class Symbols:
    """Functions of the hypervisor by address."""

    def __init__(self):
        text = subprocess.run([RV_PREFIX + "nm", "-n", ELF], capture_output=True, text=True,
                              check=True, timeout=60).stdout
        rows = [line.split() for line in text.splitlines()]
        code = [(int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in "tTwW"]
        self.code = [(at, name) for at, name in code if not name.startswith((".L", "$"))]
        self.starts = [at for at, _ in self.code]
        self.address = dict((name, at) for at, name in reversed(self.code))
        self.image = next(int(r[0], 16) for r in rows if r[2] == "rv_image_start")

    def name(self, at):
        """The function at an address, of the image as linked or as loaded."""
        if at < 1 << 63:
            at += self.image - FOOTPRINT_START
        i = bisect.bisect_right(self.starts, at) - 1
        return self.code[i][1] if i >= 0 else "?"


# ---- one machine under the counter --------------------------------------------------------------


class Count:
    """What the plugin wrote of one run."""

    def __init__(self, path):
        self.marks, self.windows, self.trace, self.strays, whole = {}, {}, [], None, False
        for line in path.read_text().splitlines():
            kind, *values = line.split()
            if kind == "m":
                self._mark(*map(int, values))
            elif kind == "t":
                self.trace.append((int(values[1], 16), int(values[2])))
            elif kind == "end":
                self.strays, whole = int(values[0]), True
        if not whole:
            raise Failure(f"{path} is not complete")
        if self.strays:
            raise Failure(f"{path}: {self.strays} jumps between guest and hypervisor past the vector "
                          "and sret: the counts cannot be trusted")

    def _mark(self, vcpu, n, *counters):
        """A window is from a begin to the next end; marks: the last of each number, without those that have ended."""
        now, at_wfi = ((c[1], c[0], c[2], c[3]) for c in (counters[:4], counters[4:]))
        if n > 1 and n % 2 != 0 and n - 1 in self.marks:
            begin = self.marks.pop(n - 1)
            if begin[0] != vcpu:
                raise Failure(f"{ROWS[n // 2 - 1]}: a window begins and ends on two harts")
            self.windows.setdefault(n // 2 - 1, []).append((begin[1], at_wfi, now))
        elif n > 1 or n not in self.marks:
            self.marks[n] = (vcpu, now)

    def rounds(self, row):
        """[(hypervisor, firmware, guest, exits)] of a row's rounds, without the first ones. A wake-up begins at
        the wfi that its hart waited in."""
        windows = [tuple(e - b for b, e in zip(at_wfi if row.startswith("wake_") else begin, end))
                   for begin, at_wfi, end in self.windows.get(ROWS.index(row), [])]
        return windows[WARM_UP:]

    def steady(self, row):
        """({field: median}, [least, most] or None) of a row; None: it was not measured."""
        windows = self.rounds(row)
        if not windows:
            return None
        median = {f: int(statistics.median_low(w[i] for w in windows)) for i, f in enumerate(FIELDS)}
        hyp = [w[0] for w in windows]
        return median, ([min(hyp), max(hyp)] if min(hyp) != max(hyp) else None)


def run_counted(name, irqchip, harts, symbols=None, bundle=None, options="", cpu=None, append=None):
    """QEMU with the plugin until it ends: Count and what the terminal showed. symbols: with Curia."""
    out, log = WORK / f"{name}.txt", WORK / f"{name}.log"
    plugin = f"{PLUGIN},out={out}{options}"
    command = [QEMU, "-M", IRQCHIPS[irqchip], "-smp", str(harts), "-m", "512M", "-display", "none",
               "-serial", "stdio", "-monitor", "none", "-no-reboot"]
    if symbols is not None:
        plugin += (f",hyp={FOOTPRINT_START:x}+{FOOTPRINT_SIZE:x}"
                   f",vector={symbols.address['rv_trap_vector']:x}")
        command += ["-kernel", str(IMAGE), "-initrd", str(bundle)]
    else:
        command += ["-kernel", str(GUEST)]
    command += ["-plugin", plugin] + (["-cpu", cpu] if cpu else []) + (["-append", append] if append else [])
    out.unlink(missing_ok=True)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS * PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        log.write_bytes(error.stdout or b"")
        raise Failure(f"{name}: not done within {SECONDS * PATIENCE:.0f} s; see {log}") from error
    log.write_bytes(done.stdout)
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0 or "bench: done" not in text:
        raise Failure(f"{name}: QEMU ended with status {done.returncode}; see {log}")
    return Count(out), text
