# SPDX-License-Identifier: BSD-2-Clause
"""Curia's trace as it leaves the machine, and what follows from it: who ran when, how each VM was.

read(path) takes any of the three forms that docs/tracing.md describes: a piece of the machine's memory
with the rings in it, a file of `curiactl trace save`, a console's log with a dump. All numbers are those of
sbi/abi.h and core/trace.h; tests/qemu/test_trace.py holds the names here against that header.
"""

import re
import struct
from collections import namedtuple
from dataclasses import dataclass, field

NONE = 0xff
MAGIC = b"CURTRACE"
RECORD = struct.Struct("<QBBBBIQ")
HEADER = struct.Struct("<8sIIIIIIQQIIQ")
RING = struct.Struct("<QQII")
BLOCK = struct.Struct("<IIQ")               # hart, records, number of the first
NAME_BYTES = 32
FORM_MEMORY, FORM_BLOCKS = 0, 1

CLASSES = ("switch", "exit", "inject", "ipc", "power", "lifecycle")
EVENTS = ("none", "mask", "switch", "wait", "awake", "exit", "entry", "lines", "source", "send", "bell",
          "power", "state")
(EV_NONE, EV_MASK, EV_SWITCH, EV_WAIT, EV_AWAKE, EV_EXIT, EV_ENTRY, EV_LINES, EV_SOURCE, EV_SEND, EV_BELL,
 EV_POWER, EV_STATE) = range(len(EVENTS))
LEFT = ("blocked", "preempted", "slice over", "throttled", "machine down")
SENT = ("sent", "refused", "nobody there")
VM_STATES = ("OFF", "LOADING", "RUNNING", "PAUSED", "SUSPENDED", "STOPPING", "CRASHED")
STOP_REASONS = ("none", "shutdown", "reboot", "asked", "forced", "crash", "load", "watchdog")
PHASES = ("RUN", "PREPARE", "STOP", "COMMIT", "SLEEP", "RESUME")
POWER_STATES = ("OFF", "LOADING", "UP", "WAITING", "NOTIFIED", "PREPARING", "READY", "UNRESPONSIVE", "STOPPING",
                "KEYED", "FORCING", "FORCED", "SUSPENDED", "RESUMING")
AUDIT = ("NONE", "BOOT", "REQUEST", "JOIN", "REPLACE", "EMERGENCY", "CANCEL", "PREPARE-SENT", "NO-LISTENER",
         "ALL-READY", "ACK", "READY", "VETO", "POSTPONE", "TIMEOUT", "PAUSED-RESUMED", "STOP-SENT",
         "STOP-REPEATED", "KEY-PRESSED", "FORCE", "FORCED", "FREEZE-LATE", "STOPPED", "CRASHED",
         "RESTART-CANCELLED", "SRST-ORDER", "ABORT", "COMMIT", "FROZEN-AT", "SUSPENDED", "SLEEP",
         "SLEEP-REFUSED", "WAKE", "RESUME", "RESUMED")
BY = {0xfd: "console", 0xfe: "platform", NONE: "all"}
CAUSES = {0: "instruction misaligned", 1: "instruction access", 2: "illegal instruction", 3: "breakpoint",
          4: "load misaligned", 5: "load access", 6: "store misaligned", 7: "store access", 8: "user call",
          10: "SBI call", 12: "instruction page", 13: "load page", 15: "store page", 16: "double trap",
          20: "instruction guest page", 21: "load guest page", 22: "virtual instruction",
          23: "store guest page", 0x81: "software interrupt", 0x85: "timer interrupt",
          0x89: "external interrupt", 0x8c: "guest file interrupt", 0x8d: "counter interrupt"}
CAUSE_CALL = 10
LINES = ("soft", "timer", "external")

Record = namedtuple("Record", "hart number time event detail vm vcpu more arg")
Run = namedtuple("Run", "begin end vm vcpu why")         # why it ended, as text; None: the trace did
Audited = namedtuple("Audited", "time seq txn event vm old new")
Span = namedtuple("Span", "begin end what")


class Unreadable(Exception):
    """That is no trace, or a damaged one."""


def name_of(names, index):
    return names[index] if index < len(names) else f"#{index}"


def power_state(number):
    return name_of(PHASES, number) if number < 0x10 else name_of(POWER_STATES, number - 0x10)


@dataclass
class Trace:
    """rings[i]: the records of hart i in order; times are ticks. lost[i]: how many went before the first, or
    between them."""
    hz: int
    boot: int
    vms: list
    hart_ids: list
    rings: list = field(default_factory=list)
    lost: list = field(default_factory=list)

    def ns(self, ticks):
        """Since Curia's boot."""
        return (ticks - self.boot) * 1_000_000_000 // self.hz

    def ms(self, ticks):
        return (ticks - self.boot) * 1000 / self.hz

    def vm(self, index):
        return self.vms[index] if index < len(self.vms) else BY.get(index, f"vm{index}")

    def who(self, r):
        return f"{self.vm(r.vm)}.{r.vcpu}" if r.vcpu != NONE else self.vm(r.vm)

    def merged(self):
        """All harts' records by time; of one hart in its order."""
        return sorted((r for ring in self.rings for r in ring), key=lambda r: (r.time, r.hart, r.number))

    def span(self):
        times = [r.time for ring in self.rings for r in ring]
        if not times:
            raise Unreadable("there is no record in it")
        return min(times), max(times)

    def known(self):
        """From when on nothing is lost."""
        return max((ring[0].time for ring, lost in zip(self.rings, self.lost) if lost and ring), default=0)

    # ---- what follows -----------------------------------------------------------------------

    def runs(self, hart):
        """Who ran on a hart, by the records of the class switch."""
        runs, now, since, turn = [], None, 0, None

        def end(r, why):
            if now is not None:
                runs.append(Run(since, r.time, *now, why))

        for r in self.rings[hart]:
            if r.event == EV_MASK and not r.arg & 1:
                end(r, None)
                now = None
            elif r.event == EV_SWITCH:
                if now is None and turn is None and r.more != NONE << 8 | NONE:
                    now, since = divmod(r.more, 256), self.rings[hart][0].time
                end(r, name_of(LEFT, r.detail))
                now, since, turn = (r.vm, r.vcpu), r.time, True
            elif r.event == EV_WAIT:
                if now is None and turn is None and r.vm != NONE:
                    now, since = (r.vm, r.vcpu), self.rings[hart][0].time
                end(r, name_of(LEFT, r.detail))
                now, turn = None, True
            elif r.event == EV_AWAKE:
                now, since, turn = ((r.vm, r.vcpu) if r.vm != NONE else None), r.time, True
        if now is not None and self.rings[hart]:
            runs.append(Run(since, max(self.rings[hart][-1].time, since), *now, None))
        return runs

    def audited(self):
        """The records of the class power, in their order."""
        return sorted((Audited(r.time, r.more, r.arg >> 32, name_of(AUDIT, r.arg >> 16 & 0xffff),
                               r.vm, r.arg >> 8 & 0xff, r.arg & 0xff)
                       for ring in self.rings for r in ring if r.event == EV_POWER), key=lambda a: a.seq)

    def transition(self):
        """(begin, end) of the last power transition; None: there is none in it."""
        audited = self.audited()
        begins = [a for a in audited if a.event == "REQUEST"]
        if not begins:
            return None
        of_it = [a for a in audited if a.txn == begins[-1].txn and a.seq >= begins[-1].seq]
        return begins[-1].time, max(a.time for a in of_it)

    def states(self, vm):
        """How a VM was, as spans: its own state, and while a transition asks something of it, what."""
        first, last = self.span()
        spans, now, since = [], None, first
        own, asked, begun = None, None, None

        def change(time, what):
            nonlocal now, since
            if what != now:
                if now is not None and time > since:
                    spans.append(Span(since, time, now))
                now, since = what, time

        for r in self.merged():
            if r.event == EV_STATE and r.vm == vm:
                before = name_of(VM_STATES, r.vcpu)
                if own is None and before != name_of(VM_STATES, r.detail):
                    change(first, before)
                own = name_of(VM_STATES, r.detail)
                if own in ("OFF", "CRASHED", "LOADING"):
                    asked = None
                change(r.time, asked or own)
            elif r.event == EV_POWER and r.vm == NONE and (r.arg & 0xff) < 0x10:
                if r.arg & 0xff == 0 and asked not in (None, "FORCED"):
                    asked = None            # over: ABORT or RESUMED
                    change(r.time, own or "RUNNING")
            elif r.event == EV_POWER and name_of(AUDIT, r.arg >> 16 & 0xffff) == "REQUEST":
                begun = r.time
            if r.event == EV_POWER and r.vm == vm and (r.arg & 0xff) >= 0x10:
                old, new = power_state(r.arg >> 8 & 0xff), power_state(r.arg & 0xff)
                if old == "WAITING" and asked is None:
                    if own != "RUNNING":            # that it runs was overwritten
                        own, now = "RUNNING", "UNKNOWN" if now is not None else None
                        change(max(self.known(), since), own)
                    change(max(begun or since, since), old)
                asked = None if new in ("UP", "OFF", "LOADING") else new
                change(r.time, asked or own or new)
        change(last + 1, "end")
        return spans


# ---- reading ----------------------------------------------------------------------------------------


def _record(hart, number, data, at=0):
    return Record(hart, number, *RECORD.unpack_from(data, at))


def _names(data, count):
    return [data[i * NAME_BYTES:(i + 1) * NAME_BYTES].split(b"\0")[0].decode(errors="replace")
            for i in range(count)]


def _rings(data, at, harts, offset, stride):
    rings, lost, ids = [], [], []
    for hart in range(harts):
        base = at + offset + hart * stride
        head, hart_id, slots, _ = RING.unpack_from(data, base)
        if slots == 0 or RING.size + slots * RECORD.size > stride:
            raise Unreadable(f"the ring of hart {hart} is damaged")
        first = max(0, head - slots + 1)    # the slot of record head may be half written
        rings.append([_record(hart, n, data, base + RING.size + n % slots * RECORD.size)
                      for n in range(first, head)])
        lost.append(first)
        ids.append(hart_id)
    return rings, lost, ids


def _blocks(data, at, harts):
    rings, lost = [[] for _ in range(harts)], [0] * harts
    while at + BLOCK.size <= len(data):
        hart, count, first = BLOCK.unpack_from(data, at)
        at += BLOCK.size
        if hart >= harts or at + count * RECORD.size > len(data):
            raise Unreadable("a block of records is damaged")
        ring = rings[hart]
        lost[hart] += first - (ring[-1].number + 1 if ring else 0)
        for i in range(count):
            ring.append(_record(hart, first + i, data, at))
            at += RECORD.size
    return rings, lost, list(range(harts))


def _image(data, at):
    """The trace whose header is there, or None."""
    if at + HEADER.size > len(data):
        return None
    (_, size, record_bytes, harts, vms, offset, stride, hz, boot, _, form, _) = HEADER.unpack_from(data, at)
    if (size != HEADER.size + vms * NAME_BYTES or record_bytes != RECORD.size or offset != size or hz == 0
            or (form == FORM_MEMORY and at + offset + harts * stride > len(data))):
        return None
    names = _names(data[at + HEADER.size:], vms)
    if form == FORM_MEMORY:
        rings, lost, ids = _rings(data, at, harts, offset, stride)
    else:
        rings, lost, ids = _blocks(data, at + size, harts)
    return Trace(hz, boot, names, ids, rings, lost)


def _text(text):
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)       # as a terminal was sent it
    head = re.findall(r"\btrace: harts (\d+) hz (\d+) boot (\d+) mask", text)
    if not head:
        return None
    text = text[text.rindex("trace: harts "):]          # the last dump of several
    harts, hz, boot = map(int, head[-1])
    names = {int(i): n for i, n in re.findall(r"\btrace: vm (\d+) (\S+)", text)}
    rings, lost = [[] for _ in range(harts)], [0] * harts
    for hart, number, *words in re.findall(r"\btrace: (\d+) (\d+) ([0-9a-f]{16}) ([0-9a-f]{16}) ([0-9a-f]{16})",
                                           text):
        data = b"".join(int(w, 16).to_bytes(8, "little") for w in words)
        if int(hart) < harts:
            ring = rings[int(hart)]
            lost[int(hart)] += int(number) - (ring[-1].number + 1 if ring else 0)
            ring.append(_record(int(hart), int(number), data))
    return Trace(hz, boot, [names.get(i, f"vm{i}") for i in range(max(names, default=-1) + 1)],
                 list(range(harts)), rings, lost)


def _find(data):
    """Where a trace begins among bytes, and that trace; None for both: nowhere."""
    at = data.find(MAGIC)
    while at >= 0:
        trace = _image(data, at)
        if trace is not None:
            return at, trace
        at = data.find(MAGIC, at + 1)
    return None, None


def parse(data):
    """A trace from bytes in any of the forms."""
    trace = _find(data)[1] or _text(data.decode(errors="replace"))
    if trace is None:
        raise Unreadable("no trace of Curia's in it: neither the rings' memory, nor a file of curiactl, nor a dump")
    return trace


def keep(path):
    """The trace in a file of the machine's memory, of which no more is kept than that."""
    with open(path, "rb") as f:
        data = f.read()
    at, trace = _find(data)
    if trace is None:
        raise Unreadable(f"no trace in {path}")
    _, _, _, harts, _, offset, stride, *_ = HEADER.unpack_from(data, at)
    with open(path, "wb") as f:
        f.write(data[at:at + offset + harts * stride])
    return trace


def read(path):
    with open(path, "rb") as f:
        return parse(f.read())
