# SPDX-License-Identifier: BSD-2-Clause
"""Rows of operations: what guests/bench does between two markers, the way to a guest's first instruction, memory."""

import collections
import re
import subprocess

import parts
from counter import ELF, FIELDS, GUEST, ROWS, RV_PREFIX, WORK, begin_of, by_function, difference, of_fields, run_counted
from curia_qemu import Failure
from table import name_of

CHIPS = ("aia", "plic")
ALL_CHIPS = (*CHIPS, "aplic")

# What a row of the guest is called in the table.
NAMES = {
    "wired_irq_level": ("wired_irq", {"trigger": "level"}),
    "wired_irq_edge": ("wired_irq", {"trigger": "edge"}),
    "context_switch": ("context_switch", {"registers": "clean"}),
    "context_switch_fp": ("context_switch", {"registers": "fp"}),
    "context_switch_v": ("context_switch", {"registers": "v"}),
    **{f"wake_{hart}_{cause}": (f"wake_{hart}", {"cause": cause})
       for hart in ("shared", "own") for cause in ("ipi", "doorbell", "timer")},
    **{f"message_{way}_{size}": (f"message_{way}", {"size": f"{size} bytes"})
       for way in ("send", "receive") for size in (8, 1024, 4096)},
    **{f"message_trip_{size}": ("message_round_trip", {"size": f"{size} bytes"}) for size in (8, 64, 1024, 4096)},
    "shmem_trip": ("shmem_round_trip", {}),
    **{f"{what}_{part}_{n}": (f"{what}_{part}", {"vcpus": n})
       for what in ("ipi", "msi") for part in ("send", "all") for n in (1, 3, 7)},
    **{f"rfence_{of}_{part}_{n}": (f"rfence_{part}", {"fence": fence, "vcpus": n})
       for of, fence in (("i", "fence_i"), ("page", "page")) for part in ("send", "all") for n in (1, 3, 7)},
    **{row: (f"mmio_{found[1]}", {"device": found[2].replace("_", " "), "register": found[3]})
       for row in ROWS if (found := re.fullmatch(r"mmio_(read|write)_(uart|key|a?plic(?:_line)?)_(\w+)", row))},
}

# Machines of operations. native: the guest's mode without Curia (None: it does not run so). names: rows that are called
# otherwise there (None: not told). in_parts: there are IN_PARTS. path: of the bundle (None: where make has put it).
# keys: of each result. ram: what the row of memory is called (None: there is none).
Setup = collections.namedtuple("Setup", "bundle harts chips cpu native names in_parts path keys ram",
                               defaults=(CHIPS, None, None, {}, False, None, {}, None))
SETUPS = (
    Setup("bench", 2, chips=ALL_CHIPS, native="bench"),
    Setup("bench-switch", 1),
    Setup("bench-switch", 1, cpu="rv64,v=true", names={
        "context_switch": ("context_switch", {"registers": "v, clean"}),
        "context_switch_fp": None, "slice_end": None}),
    Setup("bench-wake", 4, chips=ALL_CHIPS, native="wake"),
    Setup("bench-harts", 8, chips=ALL_CHIPS, native="harts"),
    Setup("bench-mmio", 1, chips=ALL_CHIPS, native="mmio"),
    Setup("bench-vms", 2, in_parts=True),
)
ALL_HARTS = re.compile(r"message_trip_|shmem_trip|(ipi|msi|rfence_\w+)_all_|hsm_(start|stop)$|vm_")
SPINS = re.compile(r"slice_end$")       # what the guest does in it is no matter of instructions

IN_PARTS = re.compile(r"vm_(re)?start$")


def in_parts(result, blocks, symbols):
    """A row's result without bulk work, which does not grow with the system but with images and memory; then the bulk
    work's parts, and those that the first is the sum of. blocks: what was run in a window."""
    insns = parts.by_part(blocks, symbols)
    bulk = sum(insns[part] for part in parts.BULK)
    small = result["hypervisor_insns"] - bulk
    insns[parts.REST] = small - sum(insns[part] for part in parts.SMALL)
    spread = [end - bulk for end in result.pop("spread", ())]
    yield {**result, "hypervisor_insns": small, **({"spread": spread} if spread else {})}
    for part, spent in insns.items():
        if spent != 0:
            yield {**result, "part": part, "hypervisor_insns": spent, "firmware_insns": 0, "exits": 0}


def _how(row):
    """Which counters a row is told by; see Count.rounds()."""
    return "woken" if row.startswith("wake_") else "all" if ALL_HARTS.match(row) else "hart"


def operations(setup, irqchip, symbols, profiles):
    """The rows between markers on one of SETUPS, Curia's beside native ones. profiles: None, or what to put
    (title, {function: instructions}) of each into."""
    name = f"{setup.bundle}{'-v' if setup.cpu else ''}-{irqchip}"
    ours, text = run_counted(name, irqchip, setup.harts, symbols, initrd=setup.path or WORK / f"{setup.bundle}.itb",
                             cpu=setup.cpu,
                             options="" if profiles is None and not setup.in_parts else ",trace=all")
    native = None
    if setup.native:
        native, _ = run_counted(f"native-{name}", irqchip, setup.harts, kernel=GUEST, append=f"mode={setup.native}")
    empty, _ = ours.steady("empty")     # the first marker itself
    for row in ROWS[1:]:
        called, how = setup.names.get(row, NAMES.get(row, (row, {}))), _how(row)
        measured = ours.steady(row, how, spins=False)
        if measured is None or called is None:
            continue
        around = dict.fromkeys(FIELDS, 0) if how == "woken" else empty
        values, spread = measured
        values = {f: values[f] - around[f] for f in FIELDS}
        if how == "all" or SPINS.match(row):
            values["guest_insns"] = None
        beside = native.steady(row, how, spins=False) if native else None
        insns = None
        if beside is not None:
            insns = beside[0]["firmware_insns"]
            insns += beside[0]["guest_insns"] - around["guest_insns"] if values["guest_insns"] is not None else 0
        result = {"row": called[0], "irqchip": irqchip, "harts": setup.harts, **values, "native_insns": insns}
        result.update({**called[1], **setup.keys})
        if spread:
            result["spread"] = spread
        blocks = (ours.trace_all if how == "all" else ours.trace).get(begin_of(row), [])
        if profiles is not None:
            profiles.append((f"{name_of(result)} ({irqchip})", by_function(blocks, symbols)))
        if IN_PARTS.match(row):
            yield from in_parts(result, blocks, symbols)
        else:
            yield result
    if setup.ram:
        yield {**ram_row(text, irqchip, setup.harts, setup.ram), **setup.keys}


def boot(irqchip, symbols, profiles):
    """From HS entry to the first guest instruction: the whole in parts by functions."""
    count, _ = run_counted(f"boot-{irqchip}", irqchip, 1, symbols, initrd=WORK / "bench-1.itb", options=",trace=boot")
    spent = difference(count.marks[1][1], count.marks[0][1])
    yield from in_parts({"row": "boot_to_guest", "irqchip": irqchip, "harts": 1, **of_fields(spent),
                         "guest_insns": 0, "native_insns": None}, count.trace_all[0], symbols)
    if profiles is not None:
        profiles.append((f"boot_to_guest ({irqchip})", by_function(count.trace_all[0], symbols)))


MEMORY = re.compile(r"memory: image (\d+) bytes, arena (\d+) bytes, sum (\d+) bytes")


def ram_row(text, irqchip, harts, system):
    found = MEMORY.search(text)
    if not found:
        raise Failure(f"{system} on {irqchip}: Curia's line about memory is missing")
    return {"row": "ram_overhead", "system": system, "irqchip": irqchip, "harts": harts,
            "bytes": int(found[3]), "image_bytes": int(found[1]), "arena_bytes": int(found[2])}


def ram(irqchip, symbols):
    _, text = run_counted(f"ram-{irqchip}", irqchip, 4, symbols, initrd=WORK / "bench-4.itb")
    yield ram_row(text, irqchip, 4, "4 harts, 1 VM")


def text_size():
    out = subprocess.run([RV_PREFIX + "size", "-A", ELF], capture_output=True, text=True, check=True,
                         timeout=60).stdout
    return {"row": "hypervisor_text", "bytes": int(re.search(r"^\.text +(\d+)", out, re.M)[1])}


def rows(symbols, profiles):
    for irqchip in CHIPS:
        yield from boot(irqchip, symbols, profiles)
        yield from ram(irqchip, symbols)
    for setup in SETUPS:
        for irqchip in setup.chips:
            yield from operations(setup, irqchip, symbols, profiles)
    yield text_size()
