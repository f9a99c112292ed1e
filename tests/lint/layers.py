#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""
layers.py NM OBJECT-DIRECTORY -- the direction of dependencies.

Includes: each file's layer may include the layers named for it below and nothing else of ours; what
core, sbi and the device models take from the C library is listed. Symbols: what the objects of a
layer leave undefined is defined by a layer below, by the port that core/arch.h declares, by the C
library's listed part, libfdt, or BearSSL.
"""
import re
import subprocess
import sys
from pathlib import Path

from files import TOP, project_files, report

# Longest prefix first: a file's layer is the first that it lies in.
MAY_INCLUDE = {
    "tests/": None,  # anything
    "tools/": ["core/", "sbi/", "version.h"],
    "platforms/": ["platforms/", "drivers/", "arch/riscv/", "sbi/", "core/"],
    "drivers/virtual/": ["drivers/virtual/", "core/"],
    "drivers/": ["drivers/", "core/"],
    "arch/riscv/": ["arch/riscv/", "sbi/", "core/", "asm_offsets.h", "version.h"],
    "sbi/": ["sbi/", "core/", "version.h"],
    "core/": ["core/", "version.h"],
    "guests/": ["guests/", "sbi/abi.h"],
}
# The module and its tool see each other's headers beside them, as kbuild wants it.
BESIDE = "guests/linux/"

C_HEADERS = {"limits.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h",
             "stdnoreturn.h", "string.h", "inttypes.h", "ctype.h", "libfdt.h", "fdt.h",
             "bearssl_hash.h"}
FOR_LINUX_TOO = "sbi/abi.h"
SYSTEM_HEADERS_BOUNDED = ("core/", "sbi/", "drivers/", "arch/", "platforms/")

MAY_NEED = {"core": [], "sbi": ["core"], "drivers": ["core"]}
LIBRARIES = re.compile(
    r"fdt_\w+|br_sha2\d\d_\w+|mem(cpy|set|move|cmp|chr)|str(len|nlen|cmp|ncmp|ncpy|chr|rchr|str|spn|cspn)"
    r"|v?snprintf|__[id]_?v?snprintf|__(stack_chk_(guard|fail)|riscv_(save|restore)_\d+)"
    r"|__(clz|ctz|popcount|bswap)[sd]i2|__[vs]*nprintf_\w+")


def layer_of(name):
    return next((layer for layer in MAY_INCLUDE if name.startswith(layer)), None)


def check_includes():
    found = []
    for name in project_files(".c", ".h", ".S"):
        layer = layer_of(name)
        if layer is None:
            found.append(f"{name}: lies in no layer")
            continue
        allowed = MAY_INCLUDE[layer]
        if allowed is None:
            continue
        for number, line in enumerate((TOP / name).read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
            if not match:
                continue
            quote, what = match.groups()
            if quote == "<":
                bounded = name.startswith(SYSTEM_HEADERS_BOUNDED) and name != FOR_LINUX_TOO
                if bounded and what not in C_HEADERS:
                    found.append(f"{name}:{number}: <{what}> is not among the C headers used here")
            elif name.startswith(BESIDE) and "/" not in what:
                if not (TOP / name).parent.joinpath(what).is_file() and \
                        not (TOP / BESIDE / what).is_file() and what != "abi.h":
                    found.append(f"{name}:{number}: \"{what}\" lies not beside it")
            elif not any(what == a or (a.endswith("/") and what.startswith(a)) for a in allowed):
                found.append(f"{name}:{number}: {layer} may not include \"{what}\"")
    return found


def symbols(nm, objects):
    """(defined, {undefined: first object that needs it})"""
    defined, undefined = set(), {}
    for obj in objects:
        out = subprocess.run([nm, "-P", str(obj)], check=True, capture_output=True, text=True)
        for line in out.stdout.splitlines():
            symbol, kind = line.split()[:2]
            if kind in "Uw":
                undefined.setdefault(symbol, obj)
            elif kind.isupper():
                defined.add(symbol)
    return defined, undefined


def check_symbols(nm, objects_dir):
    # Only objects of sources that are there: build/ may hold others of before.
    table = {}
    for layer in MAY_NEED:
        sources = [f for f in project_files(".c") if f.startswith(layer + "/")]
        objects = [Path(objects_dir) / (f[:-2] + ".o") for f in sources]
        table[layer] = symbols(nm, [o for o in objects if o.is_file()])
    declared = re.sub(r"/\*.*?\*/", "", (TOP / "core/arch.h").read_text(), flags=re.S)
    port = set(re.findall(r"\b(arch_\w+)\s*\(", declared))
    found = []
    for layer, below in MAY_NEED.items():
        known = port.union(*(table[name][0] for name in [layer, *below]))
        for symbol, obj in sorted(table[layer][1].items()):
            if symbol not in known and not LIBRARIES.fullmatch(symbol):
                found.append(f"{obj}: {symbol} is defined neither below {layer} nor by the port")
    return found


def main():
    nm, objects_dir = sys.argv[1:]
    return report(check_includes() + check_symbols(nm, objects_dir))


if __name__ == "__main__":
    sys.exit(main())
