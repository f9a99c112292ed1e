# SPDX-License-Identifier: BSD-2-Clause
"""One machine under the counter of insncount.c, and what it has counted."""

import bisect
import collections
import os
import pathlib
import re
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tests" / "qemu")]
from curia_qemu import IRQCHIPS, PATIENCE, Failure  # noqa: E402

BUILD = TOP / "build"
WORK = BUILD / "bench"
PLUGIN = WORK / "insncount.so"
ELF, IMAGE = BUILD / "curia.elf", BUILD / "curia.bin"
GUEST = BUILD / "guests" / "bench.bin"
QEMU = os.environ.get("QEMU", "qemu-system-riscv64")
RV_PREFIX = os.environ.get("RV_PREFIX", "riscv64-unknown-elf-")
SECONDS = 120

RAM_START = 0x80000000
FOOTPRINT_START, FOOTPRINT_SIZE = 0x80200000, 0x800000
FIRMWARE_SIZES = ((4, 0x60000), (16, 0x80000), (32, 0x100000), (64, 0x200000))   # with up to so many harts
WARM_UP = 8             # first rounds of a row that are left out
ROWS = re.findall(r"(?<= )row\((\w+)\)", (TOP / "guests/bench/rows.h").read_text())
HAMMERS = re.findall(r"(?<= )hammer\((\w+)\)", (TOP / "guests/bench/hammer.h").read_text())
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

    def linked(self, at):
        """An address of the image as linked or as loaded, as linked."""
        return at if at >= 1 << 63 else at + self.image - FOOTPRINT_START

    def name(self, at):
        """The function at an address, of the image as linked or as loaded."""
        i = bisect.bisect_right(self.starts, self.linked(at)) - 1
        return self.code[i][1] if i >= 0 else "?"


# ---- one machine under the counter --------------------------------------------------------------

# *_spun: of the instructions, rounds of a loop that waits for another hart.
Counters = collections.namedtuple("Counters", (*FIELDS, "firmware_spun", "hypervisor_spun"))
# Of one hart where it ends (begun as of its last wfi: woken), and of all harts. stay: the longest from an entry into
# the hypervisor, or a look at what interrupts have come, to the guest, or the next look, without spinning.
Window = collections.namedtuple("Window", "hart begin woken end all_begin all_end stay")
Block = collections.namedtuple("Block", "at insns hart")      # of the hypervisor's code, run once


class Exit(collections.namedtuple("Exit", "hart scause stval htval a7 a6")):
    """Why a hart has left its guest."""

    _CAUSES = {10: "call", 21: "MMIO read", 23: "MMIO write", 20: "fetch", 22: "instruction",
               1 << 63 | 1: "IPI", 1 << 63 | 5: "timer", 1 << 63 | 9: "interrupt", 1 << 63 | 12: "guest interrupt"}

    def cause(self):
        return self._CAUSES.get(self.scause, f"cause {self.scause:#x}")

    def detail(self):
        """With the call, or the page of the access."""
        if self.scause == 10:
            return f"{self.cause()} {self.a7:#x}.{self.a6}"
        return f"{self.cause()} {self.htval << 2 & ~0xfff:#x}" if self.scause in (21, 23) else self.cause()


def counters_of(written):
    """Of six numbers as the plugin writes them."""
    return Counters(written[1], written[0], written[2], *written[3:])


class Count:
    """What the plugin wrote of one run: marks (the last of each number), windows by the number of their begin, exits
    and what the hypervisor ran in a window, by the number of its begin: on the hart that it began on (trace), on all
    (trace_all). order: exits and marks as they came, and (hart, "guest" or "program") where its guest has reached
    that. reached: Counters by the same."""

    def __init__(self, path):
        self.marks, self.windows, self.trace, self.trace_all, self.order = {}, {}, {}, {}, []
        self.reached = {}
        self.strays, whole = None, False
        for line in path.read_text().splitlines():
            kind, *values = line.split()
            if kind == "m":
                self._mark(*map(int, values))
            elif kind == "x":
                self.order.append(Exit(int(values[0]), *(int(v, 16) for v in values[1:])))
            elif kind == "g":
                self._reach(*map(int, values))
            elif kind == "t":
                begin, block = 2 * int(values[0]), Block(int(values[3], 16), int(values[4]), int(values[2]))
                self.trace_all.setdefault(begin, []).append(block)
                if values[1] == "1":
                    self.trace.setdefault(begin, []).append(block)
            elif kind == "end":
                self.strays, whole = int(values[0]), True
        if not whole:
            raise Failure(f"{path} is not complete")
        if self.strays:
            raise Failure(f"{path}: {self.strays} jumps between guest and hypervisor past the vector "
                          "and sret: the counts cannot be trusted")

    def _mark(self, hart, n, *counters):
        now, woken, everywhere = (counters_of(c) for c in (counters[:6], counters[6:12], counters[12:18]))
        self.order.append(n)
        if n > 1 and n % 2 != 0 and n - 1 in self.marks:
            begun, begin, all_begin = self.marks.pop(n - 1)
            window = Window(hart if begun == hart else None, begin, woken, now, all_begin, everywhere, counters[18])
            self.windows.setdefault(n - 1, []).append(window)
        elif n > 1 or n not in self.marks:
            self.marks[n] = (hart, now, everywhere)

    def _reach(self, hart, what, *counters):
        reached = (hart, ("guest", "program")[what - 1])
        self.order.append(reached)
        self.reached[reached] = counters_of(counters)

    def rounds(self, row, how="hart"):
        """[Counters] of a row's rounds, without the first ones. how: "hart": of the hart that the window begins and
        ends on; "woken": from the wfi on in which it waited; "all": of all harts."""
        windows = self.windows.get(begin_of(row), [])[WARM_UP:]
        if how == "all":
            return [difference(w.all_begin, w.all_end) for w in windows]
        if any(w.hart is None for w in windows):
            raise Failure(f"{row}: a window begins and ends on two harts")
        return [difference(w.woken if how == "woken" else w.begin, w.end) for w in windows]

    def steady(self, row, how="hart", spins=True):
        """({field: median}, [least, most] or None) of a row; None: it was not measured. spins: with what they waited
        for other harts."""
        rounds = self.rounds(row, how)
        if not rounds:
            return None
        if not spins:
            rounds = [without_spins(r) for r in rounds]
        median = {f: int(statistics.median_low(getattr(r, f) for r in rounds)) for f in FIELDS}
        hyp = [r.hypervisor_insns for r in rounds]
        return median, ([min(hyp), max(hyp)] if min(hyp) != max(hyp) else None)


def begin_of(row):
    """The number of the marker that a row's windows begin with."""
    return 2 * (ROWS.index(row) + 1)


def without_spins(count):
    return count._replace(hypervisor_insns=count.hypervisor_insns - count.hypervisor_spun,
                          firmware_insns=count.firmware_insns - count.firmware_spun)


def of_fields(counters):
    return {f: getattr(counters, f) for f in FIELDS}


def difference(begin, end):
    return Counters(*(e - b for b, e in zip(begin, end)))


# OpenSBI's list of what it keeps for itself.
_FIRMWARE = re.compile(r"^Domain0 Region\d+ +: 0x0*8\w+-0x(\w+) M: \([RWX,]+\) S/U: \(\)", re.M)


def firmware_size(harts):
    return next(size for most, size in FIRMWARE_SIZES if harts <= most)


def plugin(out, harts, symbols=None, options=""):
    """QEMU's arguments for the plugin. symbols: the kernel is Curia."""
    text = f"{PLUGIN},out={out},fw={firmware_size(harts):x}{options}"
    if symbols is not None:
        text += (f",hyp={FOOTPRINT_START:x}+{FOOTPRINT_SIZE:x},vector={symbols.address['rv_trap_vector']:x}"
                 f",look={symbols.address['rv_handle_irqs']:x}")
    return "-plugin", text


def run_counted(name, irqchip, harts, symbols=None, kernel=IMAGE, initrd=None, memory="512M", cpu=None, append=None,
                options="", extra=(), done="bench: done", seconds=SECONDS):
    """QEMU with the plugin until it ends: Count and what the terminal showed, which `done` has to be part of.
    symbols: the kernel is Curia. options: more of the plugin's, with a comma before each."""
    out, log = WORK / f"{name}.txt", WORK / f"{name}.log"
    command = [QEMU, "-M", IRQCHIPS.get(irqchip, irqchip), "-smp", str(harts), "-m", memory, "-display", "none",
               "-serial", "stdio", "-monitor", "none", "-no-reboot", "-kernel", str(kernel),
               *plugin(out, harts, symbols, options), *extra]
    command += (["-initrd", str(initrd)] if initrd else []) + (["-cpu", cpu] if cpu else [])
    command += ["-append", append] if append else []
    out.unlink(missing_ok=True)
    try:
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=seconds * PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        log.write_bytes(error.stdout or b"")
        raise Failure(f"{name}: not done within {seconds * PATIENCE:.0f} s; see {log}") from error
    log.write_bytes(ended.stdout)
    text = ended.stdout.decode(errors="replace")
    if ended.returncode != 0 or done not in text:
        raise Failure(f"{name}: QEMU ended with status {ended.returncode}; see {log}")
    ends = [int(end, 16) + 1 for end in _FIRMWARE.findall(text)]
    if not ends or max(ends) != RAM_START + firmware_size(harts):
        raise Failure(f"{name}: FIRMWARE_SIZES is not what this firmware says of itself in {log}")
    return Count(out), text


# ---- functions ----------------------------------------------------------------------------------


def by_function(blocks, symbols):
    """{function: instructions} of [(address, instructions, ...)], in the order in which they first ran."""
    total = {}
    for at, insns, *_ in blocks:
        name = symbols.name(at)
        total[name] = total.get(name, 0) + insns
    return total


def boot_profile(path):
    """Of the file that the plugin's option profile= has written: [(address, instructions)] to the guest's first
    instruction, and from there to its first marker."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return tuple([(int(line[0], 16), int(line[phase])) for line in lines] for phase in (1, 2))
