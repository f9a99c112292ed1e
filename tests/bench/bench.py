#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""make bench: what Curia costs, in instructions and exits, beside the same guest without it.

QEMU's translator knows no cycles; instructions it counts exactly (tests/bench/insncount.c), so that a
figure is the same in every run. guests/bench does each operation BENCH_ROUNDS times; what is told is
the median, and its range where the rounds differ. All is kept in build/bench.json, one object a row:

    row, irqchip, harts     what was measured where; sub-rows have a key more (trigger, system, part, registers, cause)
    hypervisor_insns        the hypervisor's, from its trap vector to its sret
    firmware_insns          the firmware's, under the hypervisor
    guest_insns             the guest's own; null: it spins
    exits                   entries into the hypervisor's trap vector
    native_insns            firmware's and guest's where OpenSBI starts the guest; null: no such operation
    spread                  [least, most] hypervisor_insns of the rounds, if they differ
    bytes, seconds          of rows that are no operations

A budget that must hold now and does not makes it fail. `bench.py quick` leaves out the wall times;
`bench.py trace ROW [IRQCHIP]` shows what the hypervisor runs in one round of a row, by functions.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time

from counter import BUILD, ELF, FIELDS, ROWS, RV_PREFIX, TOP, WORK, Symbols, run_counted
from curia_qemu import BOOT_SECONDS, CURIA, Failure, Machine

CHIPS = ("aia", "plic")

# What a row of the guest is called in the table.
NAMES = {
    "wired_irq_level": ("wired_irq", {"trigger": "level"}),
    "wired_irq_edge": ("wired_irq", {"trigger": "edge"}),
    "context_switch": ("context_switch", {"registers": "clean"}),
    "context_switch_fp": ("context_switch", {"registers": "fp"}),
    "context_switch_v": ("context_switch", {"registers": "v"}),
    **{f"wake_{hart}_{cause}": (f"wake_{hart}", {"cause": cause})
       for hart in ("shared", "own") for cause in ("ipi", "doorbell", "timer")},
}

# Machines of operations: bundle, harts, interrupt controllers, CPU, the guest's mode natively (None: it does not
# run so), and rows that are called otherwise there (None: not told).
MACHINES = (
    ("bench", 2, CHIPS, None, "bench", {}),
    ("bench-switch", 1, CHIPS, None, None, {}),
    ("bench-switch", 1, CHIPS, "rv64,v=true", None, {
        "context_switch": ("context_switch", {"registers": "v, clean"}),
        "context_switch_fp": None, "slice_end": None}),
    ("bench-wake", 4, (*CHIPS, "aplic"), None, "wake", {}),
)
SPINS = ("slice_end",)      # what the guest does in it is no matter of instructions

# (row, key of a sub-row, irqchip or None, field, limit, whether `make bench` fails by it)
BUDGETS = (
    ("sbi_get_spec_version", None, None, "hypervisor_insns", 85, True),
    ("sbi_set_timer", None, None, "hypervisor_insns", 85, False),
    ("sbi_unknown", None, None, "hypervisor_insns", 95, False),
    ("ipi_self", None, None, "hypervisor_insns", 130, False),
    ("ipi_self", None, None, "firmware_insns", 0, False),
    ("msi_self", None, "aia", "exits", 0, True),
    ("rfence_i_self", None, None, "hypervisor_insns", 130, False),
    ("rfence_i_self", None, None, "firmware_insns", 0, False),
    ("irqchip_read", None, None, "hypervisor_insns", 240, False),
    ("wired_irq", "edge", "aia", "exits", 0, False),
    ("wired_irq", "level", "aia", "hypervisor_insns", 250, False),
    ("wired_irq", "level", "plic", "hypervisor_insns", 1500, False),
    ("timer_irq", None, None, "exits", 0, True),
    ("doorbell_send", None, "aia", "hypervisor_insns", 150, True),
    ("doorbell_receive", None, "aia", "exits", 0, True),
    ("boot_to_guest", None, None, "hypervisor_insns", 1000000, False),
    ("ram_overhead", "demo", None, "bytes", 512 * 1024, True),
    ("ram_overhead", "4 harts, 1 VM", None, "bytes", 320 * 1024, False),
    ("hypervisor_text", None, None, "bytes", 124 * 1024, True),
)

# Bao's figures: (hypervisor, firmware) by (row, sub-row, irqchip); same method, QEMU 10.0.2.
BAO = {
    ("sbi_get_spec_version", None, "plic"): "235", ("sbi_get_spec_version", None, "aia"): "235",
    ("sbi_set_timer", None, "plic"): "235", ("sbi_set_timer", None, "aia"): "235",
    ("sbi_unknown", None, "plic"): "2575+30316 M", ("sbi_unknown", None, "aia"): "2575+30316 M",
    ("ipi_self", None, "plic"): "1081+2833 M", ("ipi_self", None, "aia"): "1051",
    ("rfence_i_self", None, "plic"): "700+3070 M", ("rfence_i_self", None, "aia"): "700+3070 M",
    ("irqchip_read", None, "plic"): "282", ("irqchip_read", None, "aia"): "285",
    ("wired_irq", "level", "plic"): "54542", ("wired_irq", "edge", "aia"): "0",
    ("timer_irq", None, "plic"): "0", ("timer_irq", None, "aia"): "0",
    ("doorbell_send", None, "plic"): "432+4148 M", ("doorbell_send", None, "aia"): "426",
    ("doorbell_receive", None, "plic"): "13858", ("doorbell_receive", None, "aia"): "364",
    ("boot_to_guest", None, "plic"): "689 k", ("boot_to_guest", None, "aia"): "713 k",
    ("ram_overhead", "4 harts, 1 VM", "plic"): "360 KiB",
    ("ram_overhead", "4 harts, 1 VM", "aia"): "368 KiB",
}

# Functions whose work grows with the images and the VM's memory, not with the system.
BOOT_PARTS = {
    "hash": r"br_sha|br_range|sha2|crc|^bundle_verify|hash_part",
    "copy": r"copy_wide|arch_phys_copy|^memcpy$|^memmove$",
    "zero": r"zero_wide|arch_phys_zero|^memset$|^boot$",
}


# ---- rows -------------------------------------------------------------------------------------


def operations(machine, irqchip, symbols):
    """The rows between markers on one of MACHINES, Curia's beside native ones."""
    bundle, harts, _, cpu, mode, names = machine
    name = f"{bundle}-v-{irqchip}" if cpu else f"{bundle}-{irqchip}"
    ours, _ = run_counted(name, irqchip, harts, symbols, WORK / f"{bundle}.itb", cpu=cpu)
    native = None
    if mode:
        native, _ = run_counted(f"native-{name}", irqchip, harts, append=f"mode={mode}")
    empty, _ = ours.steady("empty")     # the first marker itself
    for row in ROWS[1:]:
        called = names.get(row, NAMES.get(row, (row, {})))
        measured = ours.steady(row)
        if measured is None or called is None:
            continue
        around = dict.fromkeys(FIELDS, 0) if row.startswith("wake_") else empty
        values, spread = measured
        values = {f: values[f] - around[f] for f in FIELDS}
        if row in SPINS:
            values["guest_insns"] = None
        beside = native.steady(row) if native else None
        insns = None
        if beside is not None:
            insns = beside[0]["firmware_insns"] + beside[0]["guest_insns"] - around["guest_insns"]
        result = {"row": called[0], "irqchip": irqchip, "harts": harts, **values, "native_insns": insns}
        result.update(called[1])
        if spread:
            result["spread"] = spread
        yield result


def profile(path, symbols):
    """{function: instructions} until the first guest instruction."""
    total = {}
    for line in path.read_text().splitlines():
        at, insns = line.split()
        name = symbols.name(int(at, 16))
        total[name] = total.get(name, 0) + int(insns)
    return total


def boot(irqchip, symbols):
    """From HS entry to the first guest instruction: the whole in parts by functions."""
    path = WORK / f"boot-{irqchip}.profile"
    count, _ = run_counted(f"boot-{irqchip}", irqchip, 1, symbols, WORK / "bench-1.itb",
                           f",profile={path}")
    (_, begin), (_, end) = count.marks[1], count.marks[0]
    hypervisor, firmware, _, exits = (e - b for b, e in zip(begin, end))
    functions = profile(path, symbols)
    parts = {part: sum(n for f, n in functions.items() if re.search(names, f))
             for part, names in BOOT_PARTS.items()}
    rest = {"row": "boot_to_guest", "irqchip": irqchip, "harts": 1,
            "hypervisor_insns": hypervisor - sum(parts.values()), "firmware_insns": firmware,
            "guest_insns": 0, "exits": exits, "native_insns": None}
    yield rest
    for part, insns in parts.items():
        yield {"row": "boot_to_guest", "part": part, "irqchip": irqchip, "harts": 1,
               "hypervisor_insns": insns, "firmware_insns": 0, "guest_insns": 0, "exits": 0,
               "native_insns": None}


_MEMORY = re.compile(r"memory: image (\d+) bytes, arena (\d+) bytes, sum (\d+) bytes")


def ram_row(text, irqchip, harts, system):
    found = _MEMORY.search(text)
    if not found:
        raise Failure(f"{system} on {irqchip}: Curia's line about memory is missing")
    return {"row": "ram_overhead", "system": system, "irqchip": irqchip, "harts": harts,
            "bytes": int(found[3]), "image_bytes": int(found[1]), "arena_bytes": int(found[2])}


def ram(irqchip, symbols):
    _, text = run_counted(f"ram-{irqchip}", irqchip, 4, symbols, WORK / "bench-4.itb")
    yield ram_row(text, irqchip, 4, "4 harts, 1 VM")


def text_size():
    out = subprocess.run([RV_PREFIX + "size", "-A", ELF], capture_output=True, text=True, check=True,
                         timeout=60).stdout
    return {"row": "hypervisor_text", "bytes": int(re.search(r"^\.text +(\d+)", out, re.M)[1])}


def demo(irqchip):
    """Memory of the demo, and when its VMs say that they are ready."""
    marks = {"adas": r"^adas: ready", "control": r"^control ready$", "cockpit": r"^cockpit ready$"}
    with Machine(f"bench-demo-{irqchip}", irqchip=irqchip) as m:
        line = m.expect(_MEMORY, vm=CURIA, seconds=BOOT_SECONDS)
        yield ram_row(line.text, irqchip, 4, "demo")
        for vm, mark in marks.items():
            line = m.expect(mark, vm=vm, seconds=BOOT_SECONDS, since=0)
            yield {"row": "ready", "system": f"demo: {vm}", "irqchip": irqchip, "harts": 4,
                   "seconds": round(line.at, 2)}


def demo_memory(irqchip):
    """Memory of the demo alone."""
    with Machine(f"bench-memory-{irqchip}", irqchip=irqchip) as m:
        line = m.expect(_MEMORY, vm=CURIA, seconds=BOOT_SECONDS)
        yield ram_row(line.text, irqchip, 4, "demo")


def debian_natively(irqchip):
    """The demo's kernel and initramfs with nothing below but the firmware."""
    with Machine(f"bench-native-{irqchip}", irqchip=irqchip, harts=1, memory="256M",
                 kernel=TOP / os.environ.get("KERNEL_IMAGE", "build/deps/guest/Image"),
                 bundle=BUILD / "guests" / "initrd.cpio",
                 append="console=ttyS0 cryptomgr.notests") as m:
        line = m.expect(r"^linux ready$", seconds=BOOT_SECONDS)
        yield {"row": "ready", "system": "Debian natively", "irqchip": irqchip, "harts": 1,
               "seconds": round(line.at, 2)}


# ---- what is shown ----------------------------------------------------------------------------


def sub_row(result):
    return next((result[key] for key in ("trigger", "part", "system", "registers", "cause") if key in result), None)


def budgets(result):
    """[(field, limit, must hold)] of a result."""
    return [(field, limit, must) for row, sub, irqchip, field, limit, must in BUDGETS
            if row == result["row"] and sub == sub_row(result)
            and irqchip in (None, result.get("irqchip"))]


def verdict(result):
    """Text of the budget's column, and whether one that must hold does not."""
    texts, failed = [], False
    for field, limit, must in budgets(result):
        met = result[field] <= limit
        unit = {"hypervisor_insns": "", "firmware_insns": " M", "exits": " exits",
                "bytes": " bytes"}[field]
        texts.append(f"{'<= ' if limit else ''}{limit}{unit}: {'met' if met else 'MISSED'}")
        failed = failed or (must and not met)
    return ", ".join(texts), failed


def unmeasured(results):
    """Budgets that must hold and that no result answers: a guest that skips a row must not pass by it."""
    return [f"{row} {sub or ''} ({chip}) was not measured"
            for row, sub, irqchip, _, _, must in BUDGETS if must
            for chip in ([irqchip] if irqchip else CHIPS)
            if not any(r["row"] == row and sub_row(r) == sub and r.get("irqchip", chip) == chip
                       for r in results)]


def show(results):
    print(f"\n{'instructions':30} {'chip':4} {'harts':>5} {'Curia':>8} {'firmware':>8} {'guest':>6} "
          f"{'exits':>5} {'native':>7}  {'Bao':13} Curia must")
    for r in results:
        if "hypervisor_insns" not in r:
            continue
        name = r["row"] + (f" {sub_row(r)}" if sub_row(r) else "")
        guest, native = ("-" if r[f] is None else r[f] for f in ("guest_insns", "native_insns"))
        bao = BAO.get((r["row"], sub_row(r), r["irqchip"]), "")
        spread = f"  rounds {r['spread'][0]} to {r['spread'][1]}" if "spread" in r else ""
        print(f"{name:30} {r['irqchip']:4} {r['harts']:5} {r['hypervisor_insns']:8} "
              f"{r['firmware_insns']:8} {guest:>6} {r['exits']:5} {native:>7}  {bao:13} "
              f"{verdict(r)[0]}{spread}")
    print(f"\n{'bytes':30} {'chip':4} {'harts':>5} {'Curia':>8}  {'Bao':13} Curia must")
    for r in results:
        if "bytes" in r:
            name = r["row"] + (f" {sub_row(r)}" if sub_row(r) else "")
            bao = BAO.get((r["row"], sub_row(r), r.get("irqchip")), "")
            print(f"{name:30} {r.get('irqchip', ''):4} {r.get('harts', ''):>5} {r['bytes']:8}  {bao:13} "
                  f"{verdict(r)[0]}")
    if any("seconds" in r for r in results):
        print(f"\n{'wall time to the ready mark':30} {'chip':4} {'harts':>5} {'seconds':>8}  (not judged)")
    for r in results:
        if "seconds" in r:
            print(f"{sub_row(r):30} {r['irqchip']:4} {r['harts']:5} {r['seconds']:8.2f}")
    print()


# ---- commands ---------------------------------------------------------------------------------


def print_functions(total):
    print(f"{sum(total.values()):8}  in all")
    for name, n in sorted(total.items(), key=lambda item: -item[1]):
        print(f"{n:8}  {name}")


def trace(row, irqchip, symbols):
    """One round of a row: functions in the order in which they run, and each function's sum; of the boot, the sums."""
    if row == "boot_to_guest":
        list(boot(irqchip, symbols))
        print_functions(profile(WORK / f"boot-{irqchip}.profile", symbols))
        return
    names = [row] + [n for n, (name, _) in NAMES.items() if name == row]
    row = next(n for n in names if n in ROWS)
    bundle, harts, _, cpu, _, _ = MACHINES[
        3 if row.startswith(("wake_", "ipi_send")) else 2 if row == "context_switch_v" else
        1 if row.startswith(("context_switch", "slice_end")) else 0]
    count, _ = run_counted(f"trace-{irqchip}", irqchip, harts, symbols, WORK / f"{bundle}.itb",
                           f",trace={2 * (ROWS.index(row) + 1)}", cpu)
    total, path, last, insns = {}, [], None, 0
    for at, n in count.trace + [(None, 0)]:
        name = symbols.name(at) if at is not None else None
        if name != last:
            if last is not None:
                path.append(f"{insns:6}  {last}")
            last, insns = name, 0
        insns += n
        if name is not None:
            total[name] = total.get(name, 0) + n
    print("\n".join(path if len(path) < 200 else path[:100] + ["   ..."] + path[-100:]))
    print_functions(total)


def measure(with_times):
    symbols = Symbols()
    results = []
    for irqchip in CHIPS:
        results += operations(MACHINES[0], irqchip, symbols)
        results += boot(irqchip, symbols)
        results += ram(irqchip, symbols)
    for machine in MACHINES[1:]:
        for irqchip in machine[2]:
            results += operations(machine, irqchip, symbols)
    for irqchip in CHIPS:
        results += demo(irqchip) if with_times else demo_memory(irqchip)
    if with_times:
        results += debian_natively("aia")
    results.append(text_size())
    return results


def main():
    parser = argparse.ArgumentParser(prog="bench.py")
    parser.add_argument("command", nargs="?", default="all", choices=("all", "quick", "trace"))
    parser.add_argument("row", nargs="?")
    parser.add_argument("irqchip", nargs="?", default="aia", choices=(*CHIPS, "aplic"))
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    if args.command == "trace":
        if args.row is None:
            parser.error("trace of which row?")
        trace(args.row, args.irqchip, Symbols())
        return 0

    begin = time.monotonic()
    results = measure(args.command == "all")
    (BUILD / "bench.json").write_text(json.dumps(results, indent=1) + "\n")
    show(results)
    failed = [f"{r['row']} {sub_row(r) or ''} ({r.get('irqchip', 'image')})"
              for r in results if verdict(r)[1]] + unmeasured(results)
    print(f"build/bench.json, {time.monotonic() - begin:.0f} s")
    if failed:
        print("budgets that must hold are missed: " + "; ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(1)
