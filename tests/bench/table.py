# SPDX-License-Identifier: BSD-2-Clause
"""What is made of the rows of `make bench`: budgets, Bao's figures, the figures that landed, the tables."""

import collections
import json
import pathlib

from counter import HAMMERS

LANDED = pathlib.Path(__file__).resolve().parent / "landed.json"

# Keys of a result that do not say which of its row's sub-rows it is.
_PLAIN = {"row", "irqchip", "harts", "hypervisor_insns", "firmware_insns", "guest_insns", "exits", "native_insns",
          "spread", "ppm", "native_ppm", "exits_per_second", "bytes", "image_bytes", "arena_bytes", "seconds",
          "cpu_seconds", "tlb_flushes", "native_seconds", "native_cpu_seconds", "native_tlb_flushes", "ratio",
          "cpu_ratio", "of_bytes", "causes", "worst_insns", "moved_insns", "spin_insns", "stay_insns", "period_insns"}

# must: `make bench` fails by it. None: any.
Budget = collections.namedtuple("Budget", "row sub irqchip field limit must harts", defaults=(None,))
BUDGETS = (
    Budget("sbi_get_spec_version", None, None, "hypervisor_insns", 85, True),
    Budget("sbi_set_timer", None, None, "hypervisor_insns", 85, False),
    Budget("sbi_unknown", None, None, "hypervisor_insns", 95, False),
    Budget("ipi_self", None, None, "hypervisor_insns", 130, False),
    Budget("ipi_self", None, None, "firmware_insns", 0, False),
    Budget("msi_self", None, "aia", "exits", 0, True),
    Budget("rfence_i_self", None, None, "hypervisor_insns", 130, False),
    Budget("rfence_i_self", None, None, "firmware_insns", 0, False),
    Budget("irqchip_read", None, None, "hypervisor_insns", 240, False),
    Budget("wired_irq", "edge", "aia", "exits", 0, False),
    Budget("wired_irq", "level", "aia", "hypervisor_insns", 250, False),
    Budget("wired_irq", "level", "plic", "hypervisor_insns", 1500, False),
    Budget("timer_irq", None, None, "exits", 0, True),
    Budget("doorbell_send", None, "aia", "hypervisor_insns", 150, True),
    Budget("doorbell_receive", None, "aia", "exits", 0, True),
    *(Budget(row, "own UART", "aia", field, 0, True, 1) for field in ("hypervisor_insns", "firmware_insns")
      for row in ("linux_alu", "linux_walk", "linux_getpid", "linux_fork", "linux_pipe", "linux_touch", "linux_hash",
                  "linux_idle")),
    Budget("linux_boot", "own UART", None, "hypervisor_insns", 60000, False, 1),
    Budget("linux_boot", "emulated UART", None, "ppm", 10000, True),
    Budget("linux_whole", "own UART", "aia", "ppm", 100, True),
    Budget("linux_whole", "own UART", "plic", "ppm", 1000, True, 1),
    Budget("linux_whole", "own UART", "plic", "ppm", 1000, False, 2),     # the firmware's IPIs: see README.md
    Budget("boot_to_guest", None, None, "hypervisor_insns", 1000000, False),
    Budget("boot_four", "quiet", None, "ratio", 1.5, False),
    Budget("ram_overhead", "demo", None, "bytes", 512 * 1024, True),
    Budget("ram_overhead", "4 harts, 1 VM", None, "bytes", 320 * 1024, False),
    Budget("hypervisor_text", None, None, "bytes", 124 * 1024, True),
)

# Interference, by docs/scheduling.md, "What a neighbour can cost".
SECTION, WAY = 250000, 8000     # H, and from an interrupt to its handler through a switch
MOVED = 60                      # a second source pending, 34, and what is left of a wait that is not counted
WAITED_FOR = ("timer", "wired", "doorbell")
BUDGETS += (
    *(Budget(f"rt_{row}", f"own, sstc, {hammer}", "aia", "worst_insns", 0, True)
      for row in WAITED_FOR for hammer in HAMMERS if hammer != "flood"),
    *(Budget(f"rt_{row}", f"own, {timer}, {hammer}", None, "moved_insns", MOVED, True)
      for row in WAITED_FOR for timer in ("sstc", "sbi") for hammer in HAMMERS if hammer != "flood"),
    *(Budget(f"rt_{row}", f"own, {timer}, flood", None, "stay_insns", 1500, True)
      for row in WAITED_FOR for timer in ("sstc", "sbi")),
    *(Budget(f"rt_{row}", f"shared, sstc, {hammer}", None, "worst_insns", SECTION + WAY, True)
      for row in WAITED_FOR for hammer in HAMMERS),
    *(Budget(f"rt_{row}", f"across, sstc, {hammer}", None, "worst_insns", SECTION, True)
      for row in WAITED_FOR for hammer in HAMMERS),
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


def sub_row(result):
    """Which of its row's sub-rows a result is: "level", "3 vcpus"; None: there are none."""
    parts = [v if isinstance(v, str) else f"{v} {k}" for k, v in result.items() if k not in _PLAIN]
    return ", ".join(parts) or None


def name_of(result):
    return result["row"] + (f" {sub_row(result)}" if sub_row(result) else "")


def _identity(result):
    return " ".join([name_of(result)] + [str(result[k]) for k in ("irqchip", "harts") if k in result])


# ---- budgets ----------------------------------------------------------------------------------


def budgets(result):
    return [b for b in BUDGETS if b.row == result["row"] and b.sub == sub_row(result)
            and b.irqchip in (None, result.get("irqchip")) and b.harts in (None, result.get("harts"))]


def verdict(result):
    """Text of the budget's column, and whether one that must hold does not."""
    texts, failed = [], False
    for b in budgets(result):
        met = result[b.field] <= b.limit
        unit = {"hypervisor_insns": "", "firmware_insns": " M", "exits": " exits",
                "bytes": " bytes", "ppm": " ppm", "ratio": " times native",
                "worst_insns": " most", "moved_insns": " moved", "stay_insns": " at once"}[b.field]
        texts.append(f"{'<= ' if b.limit else ''}{b.limit}{unit}: {'met' if met else 'MISSED'}")
        failed = failed or (b.must and not met)
    return ", ".join(texts), failed


def failures(results, all_rows):
    """Budgets that must hold and do not; or, if these are all rows, that no result answers: a guest that skips a row
    must not pass by it."""
    missed = [f"{name_of(r)} ({r.get('irqchip', 'image')})" for r in results if verdict(r)[1]]
    if all_rows:
        missed += [f"{b.row} {b.sub or ''} ({b.irqchip or 'any'}) was not measured" for b in BUDGETS
                   if b.must and not any(b in budgets(r) for r in results)]
    return missed


# ---- what landed ------------------------------------------------------------------------------


def _figure(result):
    return result.get("hypervisor_insns", result.get("bytes"))


def keep(results):
    """These are from now on the figures that the next ones are compared with, those of other families as before."""
    figures = {_identity(r): _figure(r) for r in results if _figure(r) is not None}
    figures = {"SPDX-License-Identifier: BSD-2-Clause": 0, **landed(), **figures}
    LANDED.write_text(json.dumps(figures, indent=0, sort_keys=True) + "\n")


def landed():
    return json.loads(LANDED.read_text()) if LANDED.exists() else {}


def ratio(result, figures):
    """Text: how the figure is to the one that landed; nothing where they are the same."""
    before, now = figures.get(_identity(result)), _figure(result)
    if before is None:
        return "new"
    return "" if now == before else f"x {now / before:.3f}" if before else f"0 -> {now}"


# ---- tables -----------------------------------------------------------------------------------


def show(results):
    figures = landed()
    operations = [r for r in results if "hypervisor_insns" in r]
    sizes = [r for r in results if "bytes" in r]
    times = [r for r in results if "seconds" in r]
    if operations:
        print(f"\n{'instructions':34} {'chip':5} {'harts':>5} {'Curia':>9} {'firmware':>8} {'guest':>6} "
              f"{'exits':>5} {'native':>7}  {'landed':9} {'Bao':13} Curia must")
    for r in operations:
        guest, native = ("-" if r[f] is None else r[f] for f in ("guest_insns", "native_insns"))
        bao = BAO.get((r["row"], sub_row(r), r["irqchip"]), "")
        spread = f"  rounds {r['spread'][0]} to {r['spread'][1]}" if "spread" in r else ""
        print(f"{name_of(r):34} {r['irqchip']:5} {r['harts']:5} {r['hypervisor_insns']:9} "
              f"{r['firmware_insns']:8} {guest:>6} {r['exits']:5} {native:>7}  {ratio(r, figures):9} {bao:13} "
              f"{verdict(r)[0]}{spread}".rstrip())
    if sizes:
        print(f"\n{'bytes':34} {'chip':5} {'harts':>5} {'Curia':>9}  {'landed':9} {'Bao':13} Curia must")
    for r in sizes:
        bao = BAO.get((r["row"], sub_row(r), r.get("irqchip")), "")
        print(f"{name_of(r):34} {r.get('irqchip', ''):5} {r.get('harts', ''):>5} {r['bytes']:9}  "
              f"{ratio(r, figures):9} {bao:13} {verdict(r)[0]}".rstrip())
    if times:
        print(f"\n{'wall time to the ready mark':34} {'chip':5} {'harts':>5} {'seconds':>9}  (not judged)")
    for r in times:
        print(f"{sub_row(r):34} {r['irqchip']:5} {r['harts']:5} {r['seconds']:9.2f}")
    print()


def show_functions(title, functions):
    """What a hot path runs, the most first."""
    print(f"{sum(functions.values()):8}  {title}")
    for name, insns in sorted(functions.items(), key=lambda item: -item[1]):
        print(f"  {insns:8}  {name}")
