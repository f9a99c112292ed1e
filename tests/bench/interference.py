# SPDX-License-Identifier: BSD-2-Clause
"""Rows of interference: what neighbours move of a real-time VM's releases, interrupts and calls.

guests/bench in mode rt does its rows once for each way in which guests/bench/hammer.h has its neighbours hammer. On
four harts it has one of its own; what is counted is that hart's instructions, from the guest's wfi to the handler.
No other program of this computer can change them, but for the time that the hart waits for a lock: that is counted
apart. On one hart it has the neighbours on its own; there time is counted in instructions (QEMU's -icount), and what is
told is how late by the clock each handler is. On three it shares its hart with one of the two that hammer; what is told
is the longest that the hart is in the hypervisor at once, which is without a look at what interrupts have come, and so
at who should run, again without the waiting.

A result has, beside what bench.py's head says, worst_insns: the most of hypervisor_insns; moved_insns: by how much that
is more than with idle neighbours; spin_insns: the most of waiting for a lock, which is in none of the others;
stay_insns: the longest in the hypervisor at once; period_insns: the most of the hypervisor's from
one round to the next. On one hart all but exits, stay_insns and period_insns are by the clock.
"""

import re
import statistics

from counter import GUEST, HAMMERS, ROWS, TOP, WORK, begin_of, difference, run_counted, without_spins
from curia_qemu import Failure, make_bundle
from nodes import RTC, bench_vm, shared
from small import manifest
from table import verdict

ROUNDS = int(re.search(r"BENCH_RT_ROUNDS +(\d+)", (TOP / "guests/bench/rows.h").read_text())[1])
RT_ROWS = [row for row in ROWS if row.startswith("rt_")]
LATE_ROWS = RT_ROWS[:3]     # in the order in which the guest numbers them
NS_OF_INSN = 1              # -icount shift=0
ONCE_BYTES = 0x20000


def system(rt, hammers, bells, args="", more=""):
    """The real-time VM, whoever hammers, who rings, and who is restarted: the last one, which zeroes the frames that it
    shares with one that never runs. Each names its harts."""
    return manifest(
        bench_vm("rt", rt, f"rt {args}", None, f"priority = <30>; {RTC}"),
        bench_vm("hammer", hammers, "hammer", "rt", f'privileges = "manage"; {more}'),
        bench_vm("bells", bells, "bells", "rt", "priority = <20>;"),
        bench_vm("spare", bells, "idle", "rt", "no-autostart;"),
        bench_vm("victim", bells, "victim", "rt", f"no-autostart; {more}", kernel="once"),
        """
    channels {
        bell { between = <&rt &bells>; };
        flood { between = <&rt &hammer>; };
        third { between = <&hammer &bells>; };
    };
""", f"""
    shared-memory {{
        {shared("bench", 0x70000000, 0x1000, "rt", "hammer", "bells", "victim")}
        {shared("frames", 0x71000000, 0x200000, "victim", "spare")}
    }};
""")


def bundle(name, text):
    """The restarted VM has an image of its own, a large one: its hash is checked when it first starts."""
    once = WORK / "once.bin"
    once.write_bytes(GUEST.read_bytes().ljust(ONCE_BYTES, b"\0"))
    return make_bundle(name, text, bench=GUEST, once=f"{once}:sha256")


def spun(window):
    """Of the hart's instructions in it: waiting for another one."""
    return window.end.hypervisor_spun - window.begin.hypervisor_spun


# ---- on a hart of its own ---------------------------------------------------------------------


def rounds_of(count, row, hammer):
    """The row's windows with such neighbours, and what the hypervisor ran from each one's end to the next one's."""
    windows = count.windows.get(begin_of(row), [])
    if len(windows) != ROUNDS * len(HAMMERS) or any(w.hart is None for w in windows):
        raise Failure(f"{row}: {len(windows)} windows of {ROUNDS * len(HAMMERS)}, or some on two harts")
    begin = HAMMERS.index(hammer) * ROUNDS
    windows = windows[begin:begin + ROUNDS]
    periods = [without_spins(difference(a.end, b.end)).hypervisor_insns for a, b in zip(windows, windows[1:])]
    return windows, periods


def told(where, row, hammer, judged, idle, firmware, windows, periods):
    """A result. where: irqchip, harts, hart, timer. judged: [instructions], of which the most may move from `idle`."""
    return {"row": row, **where, "neighbours": hammer, "hypervisor_insns": int(statistics.median_low(judged)),
            "spread": [min(judged), max(judged)], "firmware_insns": firmware, "guest_insns": None,
            "native_insns": None, "exits": max(w.end.exits - w.begin.exits for w in windows),
            "worst_insns": max(judged), "moved_insns": max(judged) - idle, "spin_insns": max(map(spun, windows)),
            "stay_insns": max(w.stay for w in windows), "period_insns": max(periods)}


def own_rows(count, irqchip, timer):
    where = {"irqchip": irqchip, "harts": 4, "hart": "own", "timer": timer}
    for row in RT_ROWS:
        idle = None
        for hammer in HAMMERS:
            windows, periods = rounds_of(count, row, hammer)
            spent = [without_spins(difference(w.begin, w.end)) for w in windows]
            judged = [s.hypervisor_insns for s in spent]
            idle = max(judged) if idle is None else idle
            yield told(where, row, hammer, judged, idle, max(s.firmware_insns for s in spent), windows, periods)


# ---- on a hart that it shares -----------------------------------------------------------------


def shared_rows(count, text, irqchip):
    where = {"irqchip": irqchip, "harts": 1, "hart": "shared", "timer": "sstc"}
    for row in LATE_ROWS:
        idle = None
        for hammer in HAMMERS:
            found = re.search(rf"late: {hammer} {LATE_ROWS.index(row)} (\d+) (\d+) (\d+) ns", text)
            if not found:
                raise Failure(f"{row}, {hammer}: the guest does not say how late it was")
            judged = [int(ns) // NS_OF_INSN for ns in found.groups()]      # least, median and most of the rounds
            idle = max(judged) if idle is None else idle
            yield told(where, row, hammer, judged, idle, 0, *rounds_of(count, row, hammer))


# ---- on a hart that it shares with one of those that hammer ------------------------------------


def across_rows(count, irqchip):
    where = {"irqchip": irqchip, "harts": 3, "hart": "across", "timer": "sstc"}
    for row in LATE_ROWS:
        idle = None
        for hammer in HAMMERS:
            windows, periods = rounds_of(count, row, hammer)
            judged = [w.stay for w in windows]
            idle = max(judged) if idle is None else idle
            firmware = max(w.end.firmware_insns - w.begin.firmware_insns for w in windows)
            yield told(where, row, hammer, judged, idle, firmware, windows, periods)


# ---- all --------------------------------------------------------------------------------------


def compared(_result):
    """They are not: the operations are, and these have limits of their own."""
    return False


def rows(symbols, _profiles):
    image = bundle("bench-rt", system("0", "1 2", "3"))
    for irqchip in ("aia", "plic"):
        for timer, cpu in (("sstc", None), ("sbi", "rv64,sstc=off")):
            count, _ = run_counted(f"rt-{irqchip}-{timer}", irqchip, 4, symbols, initrd=image, cpu=cpu)
            yield from own_rows(count, irqchip, timer)
    image = bundle("bench-rt-shared", system("0", "0 0", "0", "calls=0", "time-slice-us = <1000>;"))
    for irqchip in ("aia", "plic"):
        count, text = run_counted(f"rt-shared-{irqchip}", irqchip, 1, symbols, initrd=image,
                                  extra=["-icount", "shift=0,sleep=off", "-rtc", "clock=vm"])
        yield from shared_rows(count, text, irqchip)
    image = bundle("bench-rt-across", system("0", "0 1", "2", "calls=0", "time-slice-us = <1000>;"))
    for irqchip in ("aia", "plic"):
        count, _ = run_counted(f"rt-across-{irqchip}", irqchip, 3, symbols, initrd=image)
        yield from across_rows(count, irqchip)


TITLES = {"own": "its own hart: until its handler", "shared": "a hart with all others: late by the clock",
          "across": "a hart with one of two that hammer: at once in the hypervisor"}


def show(results):
    for hart, title in TITLES.items():
        print(f"\nreal-time VM on {title}; instructions\n"
              f"{'':13} {'chip':4} {'timer':5} {'neighbours':10} {'least':>6} {'median':>6} {'most':>6} "
              f"{'firmware':>8} {'exits':>5} {'waiting':>7} {'stay':>6} {'period':>7} {'moved':>6} Curia must")
        for r in results:
            if r["hart"] == hart:
                print(f"{r['row']:13} {r['irqchip']:4} {r['timer']:5} {r['neighbours']:10} {r['spread'][0]:6} "
                      f"{r['hypervisor_insns']:6} {r['spread'][1]:6} {r['firmware_insns']:8} {r['exits']:5} "
                      f"{r['spin_insns']:7} {r['stay_insns']:6} {r['period_insns']:7} {r['moved_insns']:6} "
                      f"{verdict(r)[0]}".rstrip())
    print()
