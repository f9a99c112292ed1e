# SPDX-License-Identifier: BSD-2-Clause
"""A trace for viewers that there are: CTF 1.8 (babeltrace2, Trace Compass), and the JSON of trace events
(Perfetto, chrome://tracing)."""

import json
import os
import struct

import trace_records as t

# ---- CTF --------------------------------------------------------------------------------------------

CTF_MAGIC = 0xc1fc1fc1
PACKET = struct.Struct("<IIQQQQQI")     # header: magic, stream; context: begin, end, content, size, lost, hart
EVENT = struct.Struct("<HQ")

# Of each event: its fields, as (type, name, the struct's letter, where it is from).
FIELDS = {
    t.EV_MASK: (("hex32", "classes", "I", lambda r: r.arg & 0xffffffff), ("hex32", "before", "I", lambda r: r.more)),
    t.EV_SWITCH: (("vm", "vm", "B", lambda r: r.vm), ("u8", "vcpu", "B", lambda r: r.vcpu),
                  ("vm", "from_vm", "B", lambda r: r.more >> 8 & 0xff),
                  ("u8", "from_vcpu", "B", lambda r: r.more & 0xff), ("left", "why", "B", lambda r: r.detail)),
    t.EV_WAIT: (("vm", "vm", "B", lambda r: r.vm), ("u8", "vcpu", "B", lambda r: r.vcpu),
                ("left", "why", "B", lambda r: r.detail)),
    t.EV_AWAKE: (("vm", "vm", "B", lambda r: r.vm), ("u8", "vcpu", "B", lambda r: r.vcpu)),
    t.EV_EXIT: (("vm", "vm", "B", lambda r: r.vm), ("u8", "vcpu", "B", lambda r: r.vcpu),
                ("cause", "cause", "B", lambda r: r.detail), ("hex64", "about", "Q", lambda r: r.arg)),
    t.EV_ENTRY: (("vm", "vm", "B", lambda r: r.vm), ("u8", "vcpu", "B", lambda r: r.vcpu),
                 ("hex64", "pc", "Q", lambda r: r.arg)),
    t.EV_LINES: (("vm", "vm", "B", lambda r: r.vm), ("u8", "vcpu", "B", lambda r: r.vcpu),
                 ("u8", "lines", "B", lambda r: r.detail)),
    t.EV_SOURCE: (("vm", "vm", "B", lambda r: r.vm), ("u32", "source", "I", lambda r: r.more),
                  ("u8", "level", "B", lambda r: r.detail)),
    t.EV_SEND: (("vm", "vm", "B", lambda r: r.vm), ("vm", "to", "B", lambda r: r.arg & 0xff),
                ("u32", "channel", "I", lambda r: r.arg >> 8 & 0xffffffff),
                ("u32", "bytes", "I", lambda r: r.more), ("sent", "result", "B", lambda r: r.detail)),
    t.EV_BELL: (("vm", "vm", "B", lambda r: r.vm), ("vm", "to", "B", lambda r: r.arg & 0xff),
                ("u32", "channel", "I", lambda r: r.arg >> 8 & 0xffffffff),
                ("hex32", "bits", "I", lambda r: r.more), ("sent", "result", "B", lambda r: r.detail)),
    t.EV_POWER: (("vm", "vm", "B", lambda r: r.vm), ("u32", "seq", "I", lambda r: r.more),
                 ("u32", "txn", "I", lambda r: r.arg >> 32), ("audit", "what", "B", lambda r: r.arg >> 16 & 0xff),
                 ("power", "old", "B", lambda r: r.arg >> 8 & 0xff), ("power", "new", "B", lambda r: r.arg & 0xff)),
    t.EV_STATE: (("vm", "vm", "B", lambda r: r.vm), ("state", "old", "B", lambda r: r.vcpu),
                 ("state", "new", "B", lambda r: r.detail), ("u32", "start", "I", lambda r: r.more),
                 ("stop", "last_stop", "B", lambda r: r.arg & 0xff)),
}

METADATA = """/* CTF 1.8 */
trace {{ major = 1; minor = 8; byte_order = le;
    packet.header := struct {{ integer {{ size = 32; align = 8; base = 16; }} magic;
                              integer {{ size = 32; align = 8; }} stream_id; }}; }};
env {{ domain = "hypervisor"; tracer_name = "curia"; }};
clock {{ name = curia; description = "since the boot"; freq = {hz}; offset = 0; }};
typealias integer {{ size = 8; align = 8; }} := u8_t;
typealias integer {{ size = 16; align = 8; }} := u16_t;
typealias integer {{ size = 32; align = 8; }} := u32_t;
typealias integer {{ size = 64; align = 8; }} := u64_t;
typealias integer {{ size = 32; align = 8; base = 16; }} := hex32_t;
typealias integer {{ size = 64; align = 8; base = 16; }} := hex64_t;
typealias integer {{ size = 64; align = 8; map = clock.curia.value; }} := time_t;
{enums}stream {{ id = 0;
    packet.context := struct {{ time_t timestamp_begin; time_t timestamp_end; u64_t content_size;
                               u64_t packet_size; u64_t events_discarded; u32_t hart; }};
    event.header := struct {{ u16_t id; time_t timestamp; }}; }};
{events}"""


def _enum(name, numbers):
    rows = ", ".join(f'"{text}" = {n}' for n, text in sorted(numbers.items()))
    return f"typealias enum : u8_t {{ {rows} }} := {name}_t;\n"


def _metadata(trace):
    power = {i: s for i, s in enumerate(t.PHASES)} | {0x10 + i: s for i, s in enumerate(t.POWER_STATES)}
    enums = "".join(_enum(*e) for e in (
        ("vm", dict(enumerate(trace.vms)) | t.BY | {t.NONE: "none"}), ("left", dict(enumerate(t.LEFT))),
        ("sent", dict(enumerate(t.SENT))), ("cause", t.CAUSES), ("audit", dict(enumerate(t.AUDIT))),
        ("power", power), ("state", dict(enumerate(t.VM_STATES))), ("stop", dict(enumerate(t.STOP_REASONS)))))
    events = "".join(
        f'event {{ name = "{t.EVENTS[event]}"; id = {event}; stream_id = 0;\n    fields := struct {{ '
        + "".join(f"{kind}_t {name}; " for kind, name, _, _ in fields) + "}; };\n"
        for event, fields in FIELDS.items())
    return METADATA.format(hz=trace.hz, enums=enums, events=events)


def _packet(trace, hart, records, lost):
    body = b"".join(
        EVENT.pack(r.event, r.time - trace.boot)
        + b"".join(struct.pack("<" + letter, value(r)) for _, _, letter, value in FIELDS[r.event])
        for r in records)
    bits = 8 * (PACKET.size + len(body))
    times = [r.time - trace.boot for r in records]
    return PACKET.pack(CTF_MAGIC, 0, times[0], times[-1], bits, bits, lost, hart) + body


def ctf(trace, folder):
    """A stream for each hart; where records were lost a new packet begins, which says how many."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "metadata"), "w", encoding="ascii") as f:
        f.write(_metadata(trace))
    for hart, ring in enumerate(trace.rings):
        known = [r for r in ring if r.event in FIELDS]
        with open(os.path.join(folder, f"hart{hart}"), "wb") as f:
            begin, lost = 0, known[0].number if known else 0
            for i in range(1, len(known) + 1):
                if i == len(known) or known[i].number != known[i - 1].number + 1:
                    f.write(_packet(trace, hart, known[begin:i], lost))
                    lost += known[i].number - known[i - 1].number - 1 if i < len(known) else 0
                    begin = i


# ---- trace events -----------------------------------------------------------------------------------

HARTS, EXITS, VMS = 1, 2, 3             # processes


def _us(trace, ticks):
    return (ticks - trace.boot) * 1e6 / trace.hz


def _slices(trace):
    for hart in range(len(trace.rings)):
        for run in trace.runs(hart):
            yield {"ph": "X", "pid": HARTS, "tid": hart, "name": f"{trace.vm(run.vm)}.{run.vcpu}",
                   "ts": _us(trace, run.begin), "dur": (run.end - run.begin) * 1e6 / trace.hz,
                   "args": {"left": run.why or "end of the trace"}}
        exit_ = None
        for r in trace.rings[hart]:
            if r.event == t.EV_EXIT:
                exit_ = r
            elif r.event == t.EV_ENTRY and exit_ is not None:
                cause = t.CAUSES.get(exit_.detail, f"cause {exit_.detail}")
                yield {"ph": "X", "pid": EXITS, "tid": hart, "name": cause, "ts": _us(trace, exit_.time),
                       "dur": (r.time - exit_.time) * 1e6 / trace.hz,
                       "args": {"of": trace.who(exit_), "about": hex(exit_.arg), "then": trace.who(r),
                                "pc": hex(r.arg)}}
                exit_ = None
    for vm in range(len(trace.vms)):
        for span in trace.states(vm):
            yield {"ph": "X", "pid": VMS, "tid": vm, "name": span.what, "ts": _us(trace, span.begin),
                   "dur": (span.end - span.begin) * 1e6 / trace.hz}


def _instants(trace):
    for r in trace.merged():
        at = {"pid": VMS, "tid": r.vm, "ts": _us(trace, r.time)}
        if r.event == t.EV_LINES:
            names = [name for i, name in enumerate(t.LINES) if r.detail >> i & 1]
            yield {"ph": "i", "s": "t", "name": f"vCPU {r.vcpu}: {', '.join(names)}", **at}
        elif r.event == t.EV_SOURCE:
            yield {"ph": "i", "s": "t", "name": f"interrupt {r.more}", **at}
        elif r.event in (t.EV_SEND, t.EV_BELL):
            what = f"{r.more} bytes" if r.event == t.EV_SEND else f"doorbell {r.more:#x}"
            peer = r.arg & 0xff
            yield {"ph": "i", "s": "t", "name": f"to {trace.vm(peer)}: {what}, {t.name_of(t.SENT, r.detail)}", **at}
            if r.detail == 0:
                flow = {"cat": "ipc", "name": what, "id": r.hart << 48 | r.number}
                yield {"ph": "s", **flow, **at}
                yield {"ph": "f", "bp": "e", **flow, **at, "tid": peer}
        elif r.event == t.EV_POWER:
            whole = r.vm >= len(trace.vms)
            yield {"ph": "i", "s": "g" if whole else "t", "name": t.name_of(t.AUDIT, r.arg >> 16 & 0xffff),
                   "args": {"txn": r.arg >> 32, "by": trace.vm(r.vm)}, **at, "tid": 0 if whole else r.vm}


def trace_events(trace):
    """What goes into the JSON file, as a dict."""
    names = [{"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}}
             for pid, name in ((HARTS, "harts"), (EXITS, "exits"), (VMS, "VMs"))]
    names += [{"ph": "M", "pid": pid, "tid": i, "name": "thread_name", "args": {"name": f"hart {hart}"}}
              for i, hart in enumerate(trace.hart_ids) for pid in (HARTS, EXITS)]
    names += [{"ph": "M", "pid": VMS, "tid": i, "name": "thread_name", "args": {"name": name}}
              for i, name in enumerate(trace.vms)]
    events = sorted([*_slices(trace), *_instants(trace)], key=lambda e: e["ts"])
    return {"displayTimeUnit": "ms", "traceEvents": names + events, "otherData": {"lost": trace.lost}}


def write_json(trace, path):
    with open(path, "w", encoding="ascii") as f:
        json.dump(trace_events(trace), f)
