# SPDX-License-Identifier: BSD-2-Clause
"""Rows of Linux beside native: Debian's kernel and tests/bench/items.c, as a guest that is alone on its harts, and
natively: what the hypervisor (and the firmware under it) runs in each item, from the first instruction of the guest
to init, and to the end of the last item.

One hart runs by QEMU's -icount: counts repeat exactly, and idle seconds pass at once."""

import collections
import concurrent.futures
import os
import re

import table
from counter import (ROWS, TOP, WORK, Exit, begin_of, boot_profile, by_function, difference, of_fields, run_counted,
                     without_spins)
from curia_qemu import make_bundle
from small import OWN_UART, UART, WITHOUT_UART, linux, manifest

KERNEL = TOP / os.environ.get("KERNEL_IMAGE", "build/deps/guest/Image")
INITRD = WORK / "initrd.cpio"
ITEMS = [row for row in ROWS if row.startswith("linux_")]
ARGS = "console=ttyS0 cryptomgr.notests quiet"      # natively, as small.linux() has it
MEMORY, RAM_BYTES = "256M", 0xe000000
SECONDS = 240
CONSOLE_BYTES = 16 * 64     # of linux_console: 16 lines, with the CR that the terminal adds to each

# The guest's UART: that of its node, and what the top node says.
UARTS = {"own": (OWN_UART, WITHOUT_UART), "emulated": (UART, "")}

Setup = collections.namedtuple("Setup", "irqchip harts uart")
SETUPS = [Setup(chip, harts, uart) for chip in ("aia", "plic") for harts in (1, 2) for uart in UARTS]


def timing(harts):
    return ["-icount", "shift=0,sleep=off"] if harts == 1 else []


def natively(irqchip, harts):
    return run_counted(f"linux-native-{irqchip}-{harts}", irqchip, harts, kernel=KERNEL, initrd=INITRD,
                           memory=MEMORY, append=ARGS, extra=timing(harts), seconds=SECONDS)


def name_of_run(setup):
    return f"linux-{setup.irqchip}-{setup.harts}-{setup.uart}"


def guest(setup, symbols):
    name = name_of_run(setup)
    uart, top = UARTS[setup.uart]
    node = linux("linux", range(setup.harts), memory=RAM_BYTES, more='srst = "platform";', args="quiet")
    bundle = make_bundle(name, manifest(node.replace(UART, uart), more=top), kernel=KERNEL, initrd=INITRD)
    return run_counted(name, setup.irqchip, setup.harts, symbols, initrd=bundle, memory="512M",
                       extra=timing(setup.harts), seconds=SECONDS,
                       options=f",exits=all,profile={WORK / name}.profile")


# ---- rows ---------------------------------------------------------------------------------------


def window(count, row):
    """What all harts ran in an item."""
    only, = count.windows[begin_of(row)]
    return without_spins(difference(only.all_begin, only.all_end))


def boot(count):
    """From the first instruction of the guest (natively: of the kernel) to that of init."""
    return without_spins(difference(count.marks[0][2], count.windows[begin_of("linux_init")][0].all_begin))


def whole(count):
    """From there to the end of the last item."""
    return without_spins(difference(count.marks[0][2], count.windows[begin_of(ITEMS[-1])][0].all_end))


def result(row, setup, spent, native):
    """ppm: hypervisor and firmware in a million of the guest's; natively the firmware alone."""
    more = spent.hypervisor_insns + spent.firmware_insns
    return {"row": row, "system": f"{setup.uart} UART", "irqchip": setup.irqchip, "harts": setup.harts,
            **of_fields(spent), "native_insns": native.guest_insns + native.firmware_insns,
            "ppm": round(1000000 * more / max(1, spent.guest_insns), 2),
            "native_ppm": round(1000000 * native.firmware_insns / max(1, native.guest_insns), 2)}


def exit_rows(setup, count, text):
    """Exits by cause, from the first instruction to the end, and how many that is in a second of the guest's time."""
    seconds = int(re.search(r"bench: done in (\d+) ms", text)[1]) / 1000
    causes = collections.Counter(e.cause() for e in count.order if isinstance(e, Exit))
    for cause, n in causes.most_common():
        yield {"row": "linux_exits", "system": f"{setup.uart} UART", "cause": cause, "irqchip": setup.irqchip,
               "harts": setup.harts, "exits": n, "exits_per_second": round(n / seconds, 2)}


def rows_of(setup, native, ours, text):
    yield result("linux_boot", setup, boot(ours), boot(native))
    for item in ITEMS[1:]:
        yield result(item, setup, window(ours, item), window(native, item))
    yield result("linux_whole", setup, whole(ours), whole(native))
    if setup.uart == "emulated":
        yield {"row": "console_byte", "irqchip": setup.irqchip, "harts": setup.harts, "guest_insns": None,
               "native_insns": None, **{f: round(getattr(window(ours, "linux_console"), f) / CONSOLE_BYTES, 1)
                                        for f in ("hypervisor_insns", "firmware_insns", "exits")}}
    yield from exit_rows(setup, ours, text)


def compared(result):
    """Two harts run by the host's clock."""
    return result["harts"] == 1


def rows(symbols, profiles):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        native = {key: pool.submit(natively, *key) for key in sorted({s[:2] for s in SETUPS})}
        ours = {setup: pool.submit(guest, setup, symbols) for setup in SETUPS}
        for setup in SETUPS:
            count, text = ours[setup].result()
            yield from rows_of(setup, native[setup[:2]].result()[0], count, text)
            if profiles is not None:
                path = WORK / f"{name_of_run(setup)}.profile"
                profiles.append((f"linux_boot ({setup.irqchip}, {setup.uart} UART, {setup.harts} vCPUs)",
                                 by_function(boot_profile(path)[1], symbols)))


# ---- the table ----------------------------------------------------------------------------------


def show(results):
    print(f"\n{'Debian beside native':15} {'UART':13} {'chip':5} {'vCPUs':>5} {'Curia':>9} {'firmware':>8} {'exits':>6}"
          f" {'guest':>11} {'native':>11} {'ppm':>9} {'native':>8}  {'landed':9} Curia must")
    landed = table.landed()
    others = [r for r in results if r["row"] == "console_byte"]
    for r in results:
        if "ppm" in r:
            ratio = table.ratio(r, landed) if compared(r) else ""
            print(f"{r['row']:15} {r['system']:13} {r['irqchip']:5} {r['harts']:5} {r['hypervisor_insns']:9} "
                  f"{r['firmware_insns']:8} {r['exits']:6} {r['guest_insns']:11} {r['native_insns']:11} "
                  f"{r['ppm']:9.2f} {r['native_ppm']:8.1f}  {ratio:9} {table.verdict(r)[0]}".rstrip())
    print(f"\n{'a byte of the console':29} {'chip':5} {'vCPUs':>5} {'Curia':>9} {'exits':>6}")
    for r in others:
        print(f"{'':29} {r['irqchip']:5} {r['harts']:5} {r['hypervisor_insns']:9} {r['exits']:6}")
    print(f"\n{'exits of the whole run':22} {'UART':13} {'chip':5} {'vCPUs':>5} {'exits':>6} "
          f"{'a second of the guest':>22}")
    for r in results:
        if "exits_per_second" in r:
            print(f"{r['cause']:22} {r['system']:13} {r['irqchip']:5} {r['harts']:5} {r['exits']:6} "
                  f"{r['exits_per_second']:22.2f}")
    print()
