# SPDX-License-Identifier: BSD-2-Clause
"""How cost grows: the same operations of guests/bench while one thing grows, and memory beside it. A row is flat if
none of its figures is more than 2 % above another and the exits are the same; if it is not, REASONS has to say why, and
how much one more may cost."""

import collections
import re

from counter import GUEST, WORK, boot_profile, by_function, difference, run_counted, without_spins
from curia_qemu import make_bundle
from nodes import RTC, bench_vm, shared
from operations import CHIPS, Setup, operations
from small import manifest
from table import name_of

FLAT = 1.02

# What grows: the key in a result, and what is told of it.
GROWS = {
    "vms": "VMs of the machine, each on a hart of its own, waiting",
    "vms_on_hart": "VMs on the hart, all but those measured waiting",
    "alarms_on_hart": "VMs on the hart, each with an alarm, those measured with the latest",
    "ready_on_hart": "VMs on the hart, all but those measured ready at a lower priority",
    "vcpus": "vCPUs of the VM, each on a hart of its own, waiting",
    "machine_harts": "harts of the machine",
    "source": "number of the source",
    "pending": "sources enabled and pending",
    "channels": "channels of the VM, all open, sources enabled; the last one is used",
}

# Of rows that are not flat: what of GROWS, pattern of the row, irqchip or None, most instructions (bytes) that one more
# may cost, why.
Reason = collections.namedtuple("Reason", "grows row irqchip limit why")
FIRMWARE = "the firmware's: its IPI looks at each hart that it knows. An IMSIC needs none"
REASONS = (
    Reason("vms", "ram_overhead", None, 60 << 10,
           "second stage, vCPU, interrupt controller, console; with the second VM the channel and the region come"),
    Reason("vcpus", "ram_overhead", None, 6 << 10, "what is kept of a vCPU"),
    Reason("machine_harts", "ram_overhead", None, 32 << 10,
           "a hart's stack, 8 KiB, and state; from 4 harts on the second VM"),
    Reason("channels", "ram_overhead", None, 4 << 10,
           "its two ends, and room for its node in the FDT that is written; memory is taken by pages"),
    Reason("machine_harts", "doorbell_send|message_send", "plic", 700, FIRMWARE),
    Reason("machine_harts", "boot_to_guest", None, 160000,
           "each hart starts itself, most of it beside the boot hart: half is its ISA string, which is asked for four "
           "extensions; the firmware takes 15 to 70 thousand to start it"),
    Reason("vms_on_hart", "wired_irq", None, 2300,
           "a VM alone waits without an exit; where there is a second, however many, Curia waits for it"),
    Reason("vms_on_hart", "message_send", None, 200, "where there is a second, however many, the run queue is asked"),
    Reason("alarms_on_hart", "context_switch", None, 12,
           "a hart's timers are a sorted list: one a vCPU at most, so 16"),
    Reason("pending", "doorbell_send", "plic", 0, "less: where one is pending, nobody is to be kicked for the next"),
    Reason("pending", "irq_claim", "plic", 0, "less: where another one is pending, the line stays as it is"),
)

CALLS = ("sbi_get_spec_version", "sbi_set_timer", "ipi_self", "rfence_i_self", "irqchip_read", "wired_irq")
CHANNEL = ("doorbell_send", "doorbell_receive", "message_send", "message_receive")

# ---- manifests ----------------------------------------------------------------------------------


def vm(name, harts, mode, args="", more=""):
    """A VM's node. "bench" is the one that ends the run."""
    return bench_vm(name, " ".join(map(str, harts)), f"{mode} {args}", None if name == "bench" else "bench", more)


def several(count, harts, mode="idle", args="", more=""):
    """So many VMs beside those that are measured; harts: where the i-th is."""
    return [vm(f"beside{i}", [harts(i)], mode, args, more) for i in range(count)]


def system(vms, other=None, channels=1, irqs=""):
    """A manifest; other: the VM at the other end of bench's channels, of which "bench" is the last."""
    if not other:
        return manifest(*vms)
    ends = f"between = <&bench &{other}>;"
    nodes = "".join(f"c{i} {{ {ends} }};" for i in range(channels - 1)) + f"bench {{ {ends} {irqs} }};"
    return manifest(*vms, f"    channels {{ {nodes} }};\n",
                    f"    shared-memory {{ {shared('bench', 0x70000000, 0x1000, 'bench', other)} }};\n")


# ---- what is measured ---------------------------------------------------------------------------

# rows: patterns of their names; ram: memory is told as well.
Measure = collections.namedtuple("Measure", "grows count harts text rows ram cpu", defaults=(False, None))

# OpenSBI 1.5 takes what it keeps of a hart's debug triggers from a heap that is too small for it: of more than 35 harts
# some would not start.
MANY_HARTS = "rv64,debug=false"
WAITS = ("rv_harts_start", "arch_relax", "plic_hart_init")      # for a hart, or for its lock


def of_calls():
    for n in (1, 2, 4, 8, 16):
        vms = [vm("bench", [0], "bench", more=RTC)] + [vm("peer", [1], "peer")][:n - 1]
        text = system(vms + several(n - 2, lambda i: 2 + i), "peer" if n > 1 else None)
        yield Measure("vms", n, 16, text, CALLS + CHANNEL, True)
    for n in (1, 2, 4, 8, 16):
        vms = [vm("bench", [0], "bench", more=RTC), vm("peer", [1], "peer"), *several(n - 1, lambda i: 0)]
        yield Measure("vms_on_hart", n, 2, system(vms, "peer"), CALLS + CHANNEL)
    for n in (1, 2, 4, 8):
        harts = [0, *range(2, n + 1)]
        vms = [vm("bench", harts, "bench", "harts=1", RTC), vm("peer", [1], "peer")]
        yield Measure("vcpus", n, 9, system(vms, "peer"), CALLS + CHANNEL, True)
    for n in (1, 4, 16, 64):
        vms = [vm("bench", [0], "bench", more=RTC)] + [vm("peer", [1], "peer")][:n - 1]
        text = system(vms, "peer" if n > 1 else None)
        yield Measure("machine_harts", n, n, text, CALLS + CHANNEL, True, MANY_HARTS)


def of_switches():
    for n in (2, 4, 8, 16):
        vms = [vm("bench", [0], "switch"), vm("right", [0], "switch-peer")]
        text = system(vms + several(n - 2, lambda i: 0), "right")
        yield Measure("vms_on_hart", n, 1, text, ("context_switch clean",))
        ready = several(n - 2, lambda i: 0, "spin", more="priority = <1>;")
        yield Measure("ready_on_hart", n, 1, system(vms + ready, "right"), ("context_switch clean",))
        late = "timer-us=1000000000"
        vms = [vm("bench", [0], "switch", late), vm("right", [0], "switch-peer", late)]
        alarms = several(n - 2, lambda i: 0, args="timer-us=500000000")
        yield Measure("alarms_on_hart", n, 1, system(vms + alarms, "right"), ("context_switch clean",))
        vms = [vm("bench", [3, 1, 2], "wake"), vm("ringer", [0], "ringer"), *several(n - 1, lambda i: 1)]
        yield Measure("vms_on_hart", n, 4, system(vms, "ringer"), ("wake_shared",))


def of_sources():
    for n in (1, 32, 95, 512, 1023):
        uart = f'uart {{ compatible = "ns16550a"; address = <0x0 0x10000000>; interrupt = <{n}>; }};'
        vms = [vm("bench", [0], "sources", more=uart), vm("peer", [1], "peer")]
        text = system(vms, "peer", irqs=f"interrupts-of-ends = <{n - 1 or 2} {n}>;")
        yield Measure("source", n, 2, text, ("source_", "uart_irq", *CHANNEL[:2]))
    for n in (1, 8, 64):
        vms = [vm("bench", [0], "pending", f"ends={n - 1}"), vm("peer", [1], "pending-peer", f"ends={n - 1}")]
        yield Measure("pending", n, 2, system(vms, "peer", n), ("irq_", "doorbell_send"))


def of_channels():
    for n in (1, 4, 16, 64):
        vms = [vm("bench", [0], "bench", f"ends={n - 1}"), vm("peer", [1], "peer", f"ends={n - 1}")]
        yield Measure("channels", n, 2, system(vms, "peer", n), CHANNEL, True)


def measured(m, path, irqchip, symbols):
    setup = Setup(f"growth-{m.grows}-{m.count}", m.harts, cpu=m.cpu, path=path, keys={m.grows: m.count},
                  ram=m.grows if m.ram else None)
    for r in operations(setup, irqchip, symbols, None):
        r.pop("system", None)
        if r["row"] == "ram_overhead" or any(name_of(r).startswith(row) for row in m.rows):
            yield r


def boots(irqchip, symbols, profiles):
    """All harts' work, and the boot hart's above all, from Curia's first instruction to a guest's first one, but for
    where they wait for one another."""
    for n in (1, 4, 16, 64):
        path = WORK / f"growth-boot-{irqchip}.profile"
        count, _ = run_counted(f"growth-boot-{n}-{irqchip}", irqchip, n, symbols, initrd=WORK / "bench-1.itb",
                               cpu=MANY_HARTS, options=f",profile={path}")
        functions = by_function(boot_profile(path)[0], symbols)
        work = sum(insns for name, insns in functions.items() if name not in WAITS)
        spent = without_spins(difference(count.marks[1][2], count.marks[0][2]))
        result = {"row": "boot_to_guest", "irqchip": irqchip, "harts": n, "machine_harts": n, "hypervisor_insns": work,
                  "firmware_insns": spent.firmware_insns, "guest_insns": 0, "exits": spent.exits, "native_insns": None}
        if profiles is not None:
            profiles.append((f"{name_of(result)} ({irqchip})", functions))
        yield result


def compared(_result):
    """They are not: the operations are, and these have limits of their own."""
    return False


def rows(symbols, profiles):
    for i, m in enumerate(m for kind in (of_calls, of_switches, of_sources, of_channels) for m in kind()):
        path = make_bundle(f"growth-{i}", m.text, bench=GUEST)
        for irqchip in CHIPS:
            yield from measured(m, path, irqchip, symbols)
    for irqchip in CHIPS:
        yield from boots(irqchip, symbols, profiles)


# ---- the table ----------------------------------------------------------------------------------


def _grows(result):
    return next((key for key in GROWS if key in result), None)


def _plain(result):
    """What is to be equal or nearly so at all counts."""
    if "bytes" in result:
        return (result["arena_bytes"],), ()
    return (result["hypervisor_insns"], result["firmware_insns"]), (result["exits"],)


def _cell(result):
    if "bytes" in result:
        return str(result["arena_bytes"])
    firmware = result["firmware_insns"]
    return f"{result['hypervisor_insns']}" + (f"+{firmware}" if firmware else "")


def _why(grows, row, irqchip):
    fit = (r for r in REASONS if r.grows == grows and re.match(r.row, row) and r.irqchip in (None, irqchip))
    return next(fit, None)


def verdict(line, grows):
    """line: the results of a row by count. "flat", or how it grows and why."""
    first, last = min(line), max(line)
    costs = [_plain(r) for r in line.values()]
    near = all(max(c) <= FLAT * min(c) for c in zip(*(insns for insns, _ in costs)))
    if near and len({exits for _, exits in costs}) == 1:
        return "flat"
    unit = max((sum(_plain(line[b])[0]) - sum(_plain(line[a])[0])) / (b - a)
               for a, b in zip(sorted(line), sorted(line)[1:]))
    whole = (sum(_plain(line[last])[0]) - sum(_plain(line[first])[0])) / (last - first)
    reason = _why(grows, name_of(line[first]).removesuffix(f" {first} {grows}"), line[first]["irqchip"])
    text = f"{whole:+.1f} each, {unit:+.1f} at most: "
    if reason is None:
        return text + "NOT EXPLAINED"
    return text + ("" if unit <= reason.limit else f"MORE THAN {reason.limit}: ") + reason.why


def _row_name(result, grows):
    return name_of({k: v for k, v in result.items() if k != grows})


def show(results):
    for grows, what in GROWS.items():
        lines = {}
        for r in (r for r in results if _grows(r) == grows):
            lines.setdefault((_row_name(r, grows), r["irqchip"]), {})[r[grows]] = r
        counts = sorted({n for line in lines.values() for n in line})
        if not lines:
            continue
        width = 2 + max(len(_cell(r)) for line in lines.values() for r in line.values())
        print(f"\n{what}\n{'':26} {'chip':5}" + "".join(f"{n:>{width}}" for n in counts))
        for (row, irqchip), line in lines.items():
            cells = "".join(f"{_cell(line[n]) if n in line else '-':>{width}}" for n in counts)
            print(f"{row:26} {irqchip:5}{cells}  {verdict(line, grows)}")
    print()
