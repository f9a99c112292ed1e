# SPDX-License-Identifier: BSD-2-Clause
"""Rows of boot: four VMs of Debian Linux beside four machines that boot it natively, what Curia spends on that, what
loading costs by byte, and when the demo's VMs are ready.

Four VMs, each alone on a hart of one QEMU, against four QEMUs of one hart each, side by side on the same cores: wall
and CPU time from the start to the last one's ready line (end of the script that init runs first), by turns, each the
median of TIMES. QEMU empties its TLB by what guest and hypervisor do: how often, its own `info jit` says.

Counts go from a hart's first instruction of its guest to that of its first program, init."""

import collections
import os
import re
import statistics
import time

import table
from counter import BUILD, FIELDS, TOP, WORK, Count, Exit, boot_profile, by_function, difference, plugin
from curia_qemu import BOOT_SECONDS, CURIA, PATIENCE, Machine, make_bundle
from operations import CHIPS, MEMORY, ram_row
from parts import BULK
from small import linux, manifest

IMAGES = {"kernel": TOP / os.environ.get("KERNEL_IMAGE", "build/deps/guest/Image"),
          "initrd": BUILD / "guests" / "initrd.cpio"}
BOOTARGS = "console=ttyS0 cryptomgr.notests"
RAM_BYTES = 256 << 20           # of each VM and of each machine without Curia
MACHINE = "2G"
UARTS = {"quiet": "quiet", "console": ""}   # the kernel's messages on an emulated UART: none, or all
TIMES = 3
CHIP = "aia"

Booted = collections.namedtuple("Booted", "seconds cpu_seconds tlb_flushes")


# ---- machines -----------------------------------------------------------------------------------


def curia(name, uart, vms, extra=()):
    """A machine of so many VMs of Linux, one a hart."""
    nodes = [linux(f"vm{i}", [i], memory=RAM_BYTES, args=UARTS[uart]) for i in range(vms)]
    bundle = make_bundle(f"bench-boot-{uart}-{vms}", manifest(*nodes), **IMAGES)
    return Machine(name, bundle=bundle, irqchip=CHIP, harts=vms, memory=MACHINE, extra=extra,
                   vms=[f"vm{i}" for i in range(vms)])


def native(name, uart, irqchip=CHIP, extra=()):
    """The same kernel and initramfs with nothing below but the firmware."""
    return Machine(name, bundle=IMAGES["initrd"], irqchip=irqchip, harts=1, memory=f"{RAM_BYTES >> 20}M",
                   kernel=IMAGES["kernel"], append=f"{BOOTARGS} {UARTS[uart]}", extra=extra)


def await_ready(machines, count):
    """Until so many guests of each machine are ready. All are read by turns: a full terminal holds its guest up."""
    left, seen = dict.fromkeys(machines, count), dict.fromkeys(machines, 0)
    limit = time.monotonic() + BOOT_SECONDS * PATIENCE
    while any(left.values()):
        for m in machines:
            if not m.running() or time.monotonic() > limit:
                raise m.failure("not all guests have become ready")
            m.pump(0.005)
            new = m.lines[seen[m]:]
            seen[m] += len(new)
            left[m] -= sum(bool(re.search(r"^(vm\d|linux) ready$", line.text)) for line in new)


def booted(machines, count):
    """How long they took, the QEMUs that have started one behind the other."""
    try:
        await_ready(machines, count)
        seconds = machines[0].now()
        flushes = 0
        for m in machines:
            text = m.qmp("human-monitor-command", **{"command-line": "info jit"})
            flushes += sum(int(n) for n in re.findall(r"TLB (?:full|partial) flushes +(\d+)", text))
        return Booted(seconds, sum(m.cpu_seconds() for m in machines), flushes)
    finally:
        for m in machines:
            m.close()


# ---- side by side -------------------------------------------------------------------------------


def side_by_side(uart):
    ours, beside = [], []
    for _ in range(TIMES):
        ours.append(booted([curia(f"bench-boot-{uart}", uart, 4)], 4))
        beside.append(booted([native(f"bench-boot-native-{uart}-{i}", uart) for i in range(4)], 1))
    ours, beside = (Booted(*map(statistics.median, zip(*runs))) for runs in (ours, beside))
    return {"row": "boot_four", "uart": uart, "irqchip": CHIP, "harts": 4,
            **{k: round(v, 2) for k, v in ours._asdict().items()},
            **{f"native_{k}": round(v, 2) for k, v in beside._asdict().items()},
            "ratio": round(ours.seconds / beside.seconds, 3),
            "cpu_ratio": round(ours.cpu_seconds / beside.cpu_seconds, 3)}


# ---- counts -------------------------------------------------------------------------------------


def counted(name, machine, count, symbols=None):
    """Boots it under the plugin: Count. machine: makes it, given QEMU's further arguments."""
    out = WORK / f"{name}.txt"
    options = f",exits=all,profile={WORK / name}.profile" if symbols is not None else ""
    out.unlink(missing_ok=True)
    with machine(plugin(out, count, symbols, options)) as m:
        await_ready([m], count)
        m.qmp("quit")
        m.wait_exit()
    return Count(out)


def to_init(count, uart, vms, beside):
    """What one VM costs from its first instruction to init: the median of the VMs."""
    spent = [difference(count.reached[hart, "guest"], count.reached[hart, "program"]) for hart in range(vms)]
    insns = sorted(s.hypervisor_insns for s in spent)
    begin, end = (count.order.index((0, what)) for what in ("guest", "program"))
    causes = collections.Counter(e.detail() for e in count.order[begin:end] if isinstance(e, Exit) and e.hart == 0)
    natively = difference(beside.reached[0, "guest"], beside.reached[0, "program"])
    result = {"row": "boot_to_init", "uart": uart, "irqchip": CHIP, "harts": vms,
              **{f: int(statistics.median_low(getattr(s, f) for s in spent)) for f in FIELDS},
              "native_insns": natively.firmware_insns + natively.guest_insns, "causes": dict(causes.most_common())}
    if insns[0] != insns[-1]:
        result["spread"] = [insns[0], insns[-1]]
    return result


def load_rows(count, name, symbols, vms, profiles):
    """What was spent on all harts before each one's first instruction of its guest, in parts by functions."""
    functions = by_function(boot_profile(WORK / f"{name}.profile")[0], symbols)
    parts = {part: sum(n for f, n in functions.items() if names.search(f)) for part, names in BULK.items()}
    images = sum(path.stat().st_size for path in IMAGES.values())
    of = {"hash": images, "copy": vms * images, "zero": vms * (RAM_BYTES - images)}
    insns = [count.reached[hart, "guest"].hypervisor_insns for hart in range(vms)]
    plain = {"row": "load_four", "irqchip": CHIP, "harts": vms}
    for part, n in parts.items():
        yield {**plain, "part": part, "hypervisor_insns": n, "of_bytes": of[part]}
    yield {**plain, "part": "all else", "hypervisor_insns": sum(insns) - sum(parts.values()), "of_bytes": None}
    yield {**plain, "part": "longest hart", "hypervisor_insns": max(insns), "of_bytes": None,
           "spread": [min(insns), max(insns)]}
    if profiles is not None:
        profiles.append((f"load_four ({CHIP})", functions))


def counts(symbols, profiles):
    for uart, vms in (("quiet", 4), ("console", 1)):
        name = f"boot-linux-{uart}"
        ours = counted(name, lambda extra: curia(f"bench-{name}", uart, vms, extra), vms, symbols)
        beside = counted(f"native-{name}", lambda extra: native(f"bench-native-{name}", uart, extra=extra), 1)
        yield to_init(ours, uart, vms, beside)
        if vms > 1:
            yield from load_rows(ours, name, symbols, vms, profiles)


# ---- the demo -----------------------------------------------------------------------------------


def demo(irqchip):
    """Memory of the demo, and when its VMs say that they are ready."""
    marks = {"adas": r"^adas: ready", "control": r"^control ready$", "cockpit": r"^cockpit ready$"}
    with Machine(f"bench-demo-{irqchip}", irqchip=irqchip) as m:
        line = m.expect(MEMORY, vm=CURIA, seconds=BOOT_SECONDS)
        yield ram_row(line.text, irqchip, 4, "demo")
        for vm, mark in marks.items():
            line = m.expect(mark, vm=vm, seconds=BOOT_SECONDS, since=0)
            yield {"row": "ready", "system": f"demo: {vm}", "irqchip": irqchip, "harts": 4,
                   "seconds": round(line.at, 2)}


def debian_natively(irqchip):
    with native(f"bench-native-{irqchip}", "console", irqchip) as m:
        line = m.expect(r"^linux ready$", seconds=BOOT_SECONDS)
        yield {"row": "ready", "system": "Debian natively", "irqchip": irqchip, "harts": 1,
               "seconds": round(line.at, 2)}


# ---- the family ---------------------------------------------------------------------------------


def rows(symbols, profiles):
    yield from counts(symbols, profiles)
    for uart in UARTS:
        yield side_by_side(uart)
    for irqchip in CHIPS:
        yield from demo(irqchip)
    yield from debian_natively("aia")


def show(results):
    by_row = collections.defaultdict(list)
    for r in results:
        by_row[r["row"]].append(r)
    print(f"\n{'4 Linux VMs, 4 native machines':34} {'Curia':>9} {'native':>9} {'ratio':>6}  (time is not judged)")
    for r in by_row["boot_four"]:
        for what, field, said in (("s of wall time", "seconds", table.verdict(r)[0]),
                                  ("s of CPU time", "cpu_seconds", ""), ("TLB flushes of QEMU", "tlb_flushes", "")):
            ours, beside = r[field], r["native_" + field]
            print(f"{r['uart']}: {what:{32 - len(r['uart'])}} {ours:9.7g} {beside:9.7g} {ours / beside:6.2f}  {said}"
                  .rstrip())
    print(f"\n{'before the first guest instruction':34} {'Curia':>9} {'a byte':>7}  (all harts)")
    for r in by_row["load_four"]:
        each = f"{r['hypervisor_insns'] / r['of_bytes']:7.3f}" if r["of_bytes"] else ""
        spread = f"  harts {r['spread'][0]} to {r['spread'][1]}" if "spread" in r else ""
        print(f"{r['part']:34} {r['hypervisor_insns']:9} {each}{spread}")
    for r in by_row["boot_to_init"]:
        share = 100 * (r["hypervisor_insns"] + r["firmware_insns"]) / r["guest_insns"]
        print(f"\nboot_to_init {r['uart']}: {share:.3f} % of the guest's instructions below it; exits: "
              + ", ".join(f"{n} {what}" for what, n in r["causes"].items()))
    table.show(by_row["boot_to_init"] + by_row["ram_overhead"] + by_row["ready"])
