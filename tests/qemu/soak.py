#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""A hostile guest on two harts, with another seed at each start, beside a Linux and a real-time guest, for
SECONDS on end:

    tests/qemu/soak.py [--irqchip aia|plic] [SECONDS]        (make soak IRQCHIP=... SOAK_SECONDS=...)

Every round the hostile guest does all that it can; half of the rounds end in the middle, by force. Meanwhile
Linux hashes the same bytes over and over and has to get the same sum, and its pings have to be answered in
order. At the end Curia's memory is what it was, no VM but the hostile one was ever started again, and the
machine goes down in order. Before all that, a guest lives LIVES times, each time without a trace of the life
before, beside two that lose no message to each other. Whatever is not so ends it with a message, the seeds, and
the path of the log."""

import argparse
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import demo
from curia_qemu import BUILD, CURIA, IRQCHIPS, Failure, Machine, make_bundle
from lives import live
from small import PLATFORM, READY_SECONDS, SELFTEST

HASH = "dd if=/dev/zero bs=64k count=16 2>/dev/null | sha256sum"
ZEROES = "30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"     # sha256 of 1 MiB of them
PARTS = ("memory", "CSRs", "devices", "words", "calls", "races")
VMS = ("control", "adas", "hostile")
LIVES = 1000


class Soak:
    """What was seen so far."""

    def __init__(self, m):
        self.m, self.told = m, demo.Told(m, sys.stdout)
        self.rounds = self.cut = self.pings = self.hashes = self.releases = 0
        self.tried = self.trapped = 0
        self.arena = None

    def others(self):
        """Linux and the real-time guest are as they should be."""
        _, lines = self.m.shell(HASH, vm="control")
        self.told.check(any(line.startswith(ZEROES) for line in lines), f"Linux hashes {lines}")
        self.hashes += 1
        releases = demo.ping(self.m, demo.Told(self.m))
        self.told.check(releases > self.releases, "adas's task stands still")
        self.releases = releases
        self.pings += 4

    def round(self):
        mark = self.m.mark()
        answer = self.m.curia("start hostile")
        self.told.check(answer == ["start hostile: under way"], f"hostile does not start: {answer}")
        self.m.expect("^hostile: seed=", vm="hostile", since=mark, seconds=READY_SECONDS)
        self.others()
        if self.rounds % 2:
            self.m.curia("stop hostile force")
            self.cut += 1
        else:
            done = self.m.expect(r"^hostile done, (\d+) leaks$", vm="hostile", since=mark, seconds=4 * READY_SECONDS)
            self.told.check(done.match[1] == "0", f"the hostile guest got at something: {done.text}")
            for part in PARTS:
                row = self.m.find(rf"^hostile: {part}: tried (\d+), trapped (\d+), leaked 0$", vm="hostile", since=mark)
                self.told.check(row, f"the hostile guest says nothing of {part}")
                self.tried += int(row.match[1])
                self.trapped += int(row.match[2])
        self.m.expect(r"hostile: stopped \(", vm=CURIA, since=mark, seconds=READY_SECONDS)
        self.rounds += 1
        used = next(row for row in self.m.curia("stat") if row.startswith("arena used"))
        self.arena = self.arena if self.rounds > 2 else used
        self.told.check(used == self.arena, f"Curia's memory grows: {used}, was {self.arena}")

    def end(self):
        rows = [re.match(r" *\d+ (\S+) +(\S+) .*starts (\d+) ", row).groups() for row in self.m.curia("vms")]
        self.told.check(rows == [("control", "running", "1"), ("adas", "running", "1"),
                                 ("hostile", "off", str(self.rounds))], f"at the end: {rows}")
        self.m.type("power off")
        self.told.check(self.m.wait_exit(READY_SECONDS) == 0, "QEMU did not end well")
        self.told.check([r.vm for r in self.m.audit if r.event == "STOPPED"][-2:] == ["adas", "control"],
                        "they did not go down in order")


def soak(irqchip, seconds):
    images = {"kernel": BUILD / "deps" / "guest" / "Image", "initrd": BUILD / "guests" / "initrd.cpio",
              "rtos": BUILD / "guests" / "rtos.bin", "selftest": SELFTEST}
    itb = make_bundle("soak", PLATFORM / "soak.dts", **images)
    with Machine(f"soak-{irqchip}", bundle=itb, irqchip=irqchip, memory="1G", vms=VMS, seconds=seconds + 1800) as m:
        m.expect("^control ready$", vm="control", seconds=2 * READY_SECONDS)
        m.expect("^adas: ready", vm="adas", since=0)
        s = Soak(m)
        begin = m.now()
        while m.now() - begin < seconds or s.rounds < 2:
            s.round()
            s.told.step(f"round {s.rounds}: {s.tried} attacks, {s.trapped} trapped, {s.hashes} sums right, "
                        f"{s.pings} pings answered, {s.arena}")
        s.end()
        return (f"soak on {irqchip}: {m.now() - begin:.0f} s, {s.rounds} starts of the hostile guest "
                f"({s.cut} cut short), {s.tried} attacks, 0 leaks, {s.hashes} sums right, {s.pings} pings in order, "
                f"{s.arena}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--irqchip", choices=IRQCHIPS, default="aia")
    parser.add_argument("seconds", nargs="?", type=int, default=600)
    arguments = parser.parse_args()
    try:
        echoes = live(arguments.irqchip, LIVES, 4 * READY_SECONDS)
        print(f"{LIVES} lives of a guest on {arguments.irqchip}, {echoes} messages in order beside it", flush=True)
        print(soak(arguments.irqchip, arguments.seconds))
    except (Failure, AssertionError) as failure:
        print(f"\nFAILED: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
