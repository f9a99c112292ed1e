# SPDX-License-Identifier: BSD-2-Clause
"""The trace against what others say: QEMU of its harts, Curia's own statistics of exits and turns; and what
tools/curia-trace makes of it, against the records and by babeltrace2."""

import json
import re
import subprocess
from collections import Counter

import pytest

import trace_export
import trace_records as t
from curia_qemu import BUILD, TOP, Machine
from small import READY_SECONDS, bundle, hmp, manifest, physical, vm
from test_selftest import ALONE, NO_AIA, NO_PEER, NO_SSTC, run

VMS = ("left", "right", "third")
CURIA = (0x80200000, 0x800000)          # its image and memory
ALL = "trace-kib = <1024>; trace-at-boot = " + ", ".join(f'"{c}"' for c in t.CLASSES) + ";"
TOOL = TOP / "tools" / "curia-trace"


def taken(m):
    """The trace in the memory of a machine that stands still."""
    return t.parse(physical(m, *CURIA))


# ---- against QEMU -----------------------------------------------------------------------------------


def harts_now(m):
    """Of each hart, by QEMU's word: is it in a guest, and with which interrupt file (hstatus.VGEIN; 0: none)."""
    text = hmp(m, "info registers -a")
    return [(int(v), int(hstatus, 16) >> 12 & 0x3f)
            for v, hstatus in re.findall(r"^ V +=\s+(\d).*?^ hstatus +([0-9a-f]+)", text, re.S | re.M)]


def runs_now(trace, hart):
    """Whom the trace has running on a hart at its end; None: it waits."""
    last = [r for r in trace.rings[hart] if r.event in (t.EV_SWITCH, t.EV_WAIT, t.EV_AWAKE)][-1]
    return None if last.event == t.EV_WAIT else (last.vm, last.vcpu)


def observed(m, enough=12):
    """At any moment the trace has those running that QEMU has in guest mode: each of a hart's interrupt files is one
    vCPU's. Looks until it has seen so many."""
    who, seen = {}, 0
    wanted = 3 if m.irqchip == "aia" else 0
    for _ in range(200):
        m.idle(0.02)
        m.qmp("stop")
        harts = harts_now(m)
        trace = taken(m) if any(guest for guest, _ in harts) else None
        for hart, (guest, file) in enumerate(harts):
            if guest:
                seen += 1
                runs = runs_now(trace, hart)
                assert runs is not None, f"hart {hart} is in a guest, and the trace has it waiting"
                assert file == 0 or who.setdefault((hart, file), runs) == runs, (hart, who, file, runs)
        m.qmp("cont")
        if seen >= enough and len(who) >= wanted:
            break
    assert seen >= enough and len(set(who.values())) == len(who) >= wanted, (seen, who)


# ---- against the statistics -------------------------------------------------------------------------

CAUSES = {"ecall": {10}, "memory": {20, 21, 23}, "insn": {2, 22}, "irq-timer": {0x85}, "ipi": {0x81}}
NAMES = {"fast": "ecall", "ecall": "ecall", "mmio": "memory", "fault": "memory", "insn": "insn",
         "irq-timer": "irq-timer", "ipi": "ipi", "irq-ext": "irq-ext", "other": "other"}


def told(rows):
    """`stat`: exits, run time and switches of each vCPU; idle time of each hart."""
    exits, ran, idle = {}, {}, {}
    for row in rows:
        counts = re.match(r"(\S+) +vCPU (\d+) on hart \d+:(.*)$", row)
        turns = re.match(r"(\S+) +vCPU (\d+) ran ([\d.]+) s, .*; switches (\d+)$", row)
        hart = re.match(r"hart (\d+): idle \d+%, ([\d.]+) s of", row)
        if counts:
            exits[counts[1], int(counts[2])] = sum(
                (Counter({NAMES[name]: int(n)}) for name, n in re.findall(r"(\S+) (\d+)", counts[3])
                 if name in NAMES), Counter())      # a WFI is counted twice, as insn and as wfi
        elif turns:
            ran[turns[1], int(turns[2])] = float(turns[3]), int(turns[4])
        elif hart:
            idle[int(hart[1])] = float(hart[2])
    return exits, ran, idle


def counted(trace):
    exits = {}
    for r in trace.merged():
        if r.event == t.EV_EXIT:
            name = next((n for n, causes in CAUSES.items() if r.detail in causes),
                        "irq-ext" if r.detail & 0x80 else "other")
            exits.setdefault((trace.vm(r.vm), r.vcpu), Counter())[name] += 1
    return exits


def agrees(trace, rows):
    exits, ran, idle = told(rows)
    assert trace.lost == [0, 0]
    assert {who: n for who, n in counted(trace).items() if n} == {who: n for who, n in exits.items() if n}
    runs = [run for hart in range(2) for run in trace.runs(hart)]
    for (name, vcpu), (seconds, switches) in ran.items():
        mine = [run for run in runs if (trace.vm(run.vm), run.vcpu) == (name, vcpu)]
        assert abs(sum(run.end - run.begin for run in mine) / trace.hz - seconds) < 0.15 + 0.02 * seconds, (name, vcpu)
        came = sum(r.event == t.EV_SWITCH and r.more != 0xffff and (trace.vm(r.vm), r.vcpu) == (name, vcpu)
                   for ring in trace.rings for r in ring)
        assert abs(came - switches) <= 1, (name, vcpu, came, switches)
    for hart, seconds in idle.items():
        begin = None
        waited = 0
        for r in trace.rings[hart]:
            if r.event == t.EV_WAIT:
                begin = r.time
            elif r.event == t.EV_AWAKE:
                waited += r.time - begin
                begin = None
        assert abs(waited / trace.hz - seconds) < 0.3 + 0.02 * seconds, (hart, waited / trace.hz, seconds)


# ---- what is made of it -----------------------------------------------------------------------------


def exported(trace, path):
    records = sum(len(ring) for ring in trace.rings)
    out = path.parent / f"{path.stem}-ctf"
    subprocess.run([TOOL, "ctf", path, out], check=True, timeout=60)
    lines = subprocess.run(["babeltrace2", out], check=True, timeout=120, capture_output=True, text=True)
    assert "rror" not in lines.stderr and "iscarded" not in lines.stderr, lines.stderr
    names = Counter(re.search(r"\) (\w+): \{ hart = \d", line)[1] for line in lines.stdout.splitlines())
    assert names == Counter(t.EVENTS[r.event] for ring in trace.rings for r in ring)
    assert names.total() == records

    out = path.with_suffix(".json")
    subprocess.run([TOOL, "json", path, out], check=True, timeout=60)
    events = json.loads(out.read_text())["traceEvents"]
    kinds = Counter((e["ph"], e["pid"]) for e in events)
    assert kinds["X", trace_export.HARTS] == sum(len(trace.runs(hart)) for hart in range(2))
    marks = [[r.event for r in ring if r.event in (t.EV_EXIT, t.EV_ENTRY)] for ring in trace.rings]
    pairs = sum(pair == (t.EV_EXIT, t.EV_ENTRY) for ring in marks for pair in zip(ring, ring[1:]))
    assert kinds["X", trace_export.EXITS] == pairs > 0
    sent = sum(r.event in (t.EV_SEND, t.EV_BELL) and r.detail == 0 for ring in trace.rings for r in ring)
    assert kinds["s", trace_export.VMS] == kinds["f", trace_export.VMS] == sent
    assert all(e["ts"] >= 0 for e in events if "ts" in e)
    for who in VMS:
        assert any(e["ph"] == "M" and e["args"]["name"] == who for e in events)


def drawn(path):
    """A picture, and not an empty one: the colours of all VMs are in it."""
    import matplotlib.image
    import trace_picture

    out = path.with_suffix(".png")
    subprocess.run([TOOL, "timeline", path, out], check=True, timeout=120)
    pixels = (matplotlib.image.imread(out)[:, :, :3] * 255).round().astype(int)
    colours = Counter(map(tuple, pixels.reshape(-1, 3).tolist()))
    wanted = [*trace_picture.VM_COLOURS[:3], trace_picture.LOOKS["STOPPING"][0]]
    for colour in wanted:
        rgb = tuple(int(colour[i:i + 2], 16) for i in (1, 3, 5))
        assert colours[rgb] > 500, (colour, colours[rgb])


def dumped(dump, trace):
    """`trace dump` in the shell said what was in the memory later, record for record."""
    assert (dump.vms, dump.hz, dump.boot) == (trace.vms, trace.hz, trace.boot)
    for ring, whole in zip(dump.rings, trace.rings):
        known = {r.number: r for r in whole}
        assert 20 <= len(ring) <= 32 and all(known[r.number] == r for r in ring)


@pytest.mark.parametrize("irqchip", ("aia", "plic"))
def test_trace(irqchip):
    """Three VMs on two harts, everything traced from the boot on until the machine is off."""
    name = f"trace-{irqchip}"
    text = manifest(vm("left", [0], more="time-slice-us = <1000>;"),
                    vm("right", [0, 1], more="time-slice-us = <1000>; power-superiors = <&left>;"),
                    vm("third", [1], args="rest-ms=5"), more=ALL)
    with Machine(name, bundle=bundle(name, text), irqchip=irqchip, harts=2, memory="256M", vms=VMS,
                 extra=["-no-shutdown"]) as m:
        for who in VMS:
            m.expect("^neighbour ok", vm=who, seconds=READY_SECONDS)
        observed(m)
        dump = "\n".join(m.curia("trace dump"))
        m.type("power off")
        m.qmp_event("SHUTDOWN", seconds=READY_SECONDS)
        path = BUILD / "test" / f"{name}.trace"
        m.pmemsave(*CURIA, path)
        trace = t.keep(path)
        m.qmp("quit")
        assert m.wait_exit() == 0
    assert trace.vms == list(VMS)
    for i in range(3):
        whats = [span.what for span in trace.states(i)]
        assert whats[-1] == "OFF" and "RUNNING" in whats and "STOPPING" in whats, whats
    assert [(a.event, trace.vm(a.vm)) for a in trace.audited()] == \
        [(r.event, r.vm) for r in m.audit if r.event != "BOOT"], "the power records are not the audit"
    dumped(t.parse(dump.encode()), trace)
    dumped(t.read(m.log), trace)
    exported(trace, path)
    drawn(path)


def test_statistics():
    """Exits, turns and waits of VMs that are down again, by the records and by Curia's own count."""
    text = manifest(*(vm(who, harts, args="rest-ms=10") for who, harts in zip(VMS, ([0], [0, 1], [1]))), more=ALL)
    with Machine("trace-statistics", bundle=bundle("trace-statistics", text), harts=2, memory="256M", vms=VMS) as m:
        for who in VMS:
            m.expect("^neighbour ok", vm=who, seconds=READY_SECONDS)
        for who in VMS:
            assert m.curia(f"stop {who}") == [f"stop {who}: under way"]
            m.expect(rf"{who}: stopped \(asked\)", vm="curia")
        rows = m.curia("stat")
        m.qmp("stop")
        agrees(taken(m), rows)


def test_selftest():
    """What a guest sees is the same when each of its traps goes by the vector that traces: all of the selftest, with
    its timer and its IPIs by way of Curia, over rings that wrap."""
    text = manifest(vm("selftest", [0, 0], "test", 0x1000000, "reboot=1", f"{ALONE} time-slice-us = <1000>;"),
                    more=ALL.replace("<1024>", "<4>"))
    run("trace-selftest", "plic", 1, text, NO_PEER | NO_AIA | NO_SSTC, cpu="rv64,sstc=false")


def test_names():
    """The names and numbers of the tools are those of sbi/abi.h and of the audit."""
    abi = (TOP / "sbi" / "abi.h").read_text()
    events = re.findall(r"^#define CURIA_TRACE_EV_(\w+) +(\d+)$", abi, re.M)
    assert [(name.lower(), int(n)) for name, n in events] == list(zip(t.EVENTS[1:], range(1, 99)))
    classes = re.findall(r"^#define CURIA_TRACE_(\w+) +0x([0-9a-f]{2})$", abi, re.M)
    assert [(name.lower(), int(bit, 16)) for name, bit in classes] == \
        [(name, 1 << i) for i, name in enumerate(t.CLASSES)] + [("all", (1 << len(t.CLASSES)) - 1)]
    audit = (TOP / "core" / "audit.c").read_text()
    assert re.findall(r'\[AUDIT_\w+\] = "([A-Z-]+)"', audit) == list(t.AUDIT)
    states = re.findall(r'\[POWER_(?:VM_)?\w+\] = "([A-Z]+)"', audit)
    assert states == list(t.PHASES + t.POWER_STATES)
    for names, prefix in ((t.VM_STATES, "VM"), (t.STOP_REASONS, "STOP")):
        found = re.findall(rf"^#define CURIA_{prefix}_([A-Z]+) +(\d+)\b", abi, re.M)
        assert [n.upper() for n in names] == [n for n, _ in found] and [int(i) for _, i in found] == \
            list(range(len(names)))
