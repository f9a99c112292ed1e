#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""make bench: what Curia costs, in instructions and exits, beside the same guest without it.

QEMU's translator knows no cycles; instructions it counts exactly (tests/bench/insncount.c), so that a
figure is the same in every run. guests/bench does each operation BENCH_ROUNDS times; what is told is
the median, and its range where the rounds differ. All is kept in build/bench.json, one object a row:

    row, irqchip, harts     what was measured where; a sub-row has one key more (trigger, system, part, cause, ...)
    hypervisor_insns        the hypervisor's, from its trap vector to its sret
    firmware_insns          the firmware's, under the hypervisor
    guest_insns             the guest's own; null: it spins
    exits                   entries into the hypervisor's trap vector
    native_insns            firmware's and guest's where OpenSBI starts the guest; null: no such operation
    spread                  [least, most] hypervisor_insns of the rounds, if they differ
    bytes, seconds          of rows that are no operations
    ratio, cpu_ratio        of times, to the native ones

Each is compared with the figures that landed (landed.json; --keep writes them anew), and a budget that must hold
now and does not makes it fail.
"""

import argparse
import json
import sys
import time

import boot
import growth
import interference
import linux
import operations
import table
from counter import BUILD, WORK, Symbols
from curia_qemu import Failure

# A family of rows is a module with rows(symbols, profiles); profiles: a list to put (title, {function:
# instructions}) into, or None; where its table is another, show(results); and, where some rows differ from run to run,
# compared(result): whether it is to be kept for the next ones.
FAMILIES = {"operations": operations, "linux": linux, "growth": growth, "interference": interference, "boot": boot}


def main():
    parser = argparse.ArgumentParser(prog="bench.py")
    parser.add_argument("families", nargs="*", help="quick (operations), " + ", ".join(FAMILIES) + "; none: all")
    parser.add_argument("--profile", metavar="ROW", help="where the instructions go, by function; 1: of all rows")
    parser.add_argument("--keep", action="store_true", help="compare with these figures from now on")
    args = parser.parse_args()
    wanted = ["operations" if f == "quick" else f for f in args.families] or list(FAMILIES)
    if not set(wanted) <= set(FAMILIES):
        parser.error(f"there are {', '.join(FAMILIES)} and quick, not {' '.join(wanted)}")
    WORK.mkdir(parents=True, exist_ok=True)
    begin, symbols, results, kept = time.monotonic(), Symbols(), [], []
    profiles = [] if args.profile else None
    for family in wanted:
        module, since = FAMILIES[family], time.monotonic()
        of_family = list(module.rows(symbols, profiles))
        getattr(module, "show", table.show)(of_family)
        print(f"{family}: {time.monotonic() - since:.0f} s", flush=True)
        results += of_family
        kept += filter(getattr(module, "compared", bool), of_family)
    for title, functions in profiles or ():
        if args.profile in ("1", title.split()[0]):
            table.show_functions(title, functions)
    (BUILD / "bench.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"build/bench.json, {time.monotonic() - begin:.0f} s")
    if args.keep:
        table.keep(kept)
    failed = table.failures(results, wanted == list(FAMILIES))
    if failed:
        print("budgets that must hold are missed: " + "; ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(1)
