#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""
headers.py --jobs N --target CMD... --clang CMD... --host CMD... --linux CMD...

Compiles each header alone, twice included, by every compiler that may meet it: the target's gcc and
clang; the host's for core, sbi, the device models, the tests, and what of arch/riscv runs there; the
Linux guests' for their user space. The kernel module's headers are kbuild's.
"""
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from files import TOP, project_files, report

HOST = ("core/", "sbi/", "drivers/virtual/", "tests/",
        "arch/riscv/insn.h", "arch/riscv/inject.h", "arch/riscv/gstage.h", "arch/riscv/isa.h")
HOST_ONLY = ("tests/", "tools/")
LINUX = ("guests/linux/curiactl/", "guests/linux/curia_uapi.h", "guests/demo_messages.h")
KERNEL = ("guests/linux/curia/",)


def compilers_of(name):
    if name.startswith(KERNEL):
        return []
    if name.startswith(HOST_ONLY):
        return ["host"]
    if name.startswith("guests/linux/"):
        return ["linux"]
    kinds = ["target", "clang"]
    if name.startswith(HOST):
        kinds.append("host")
    if name.startswith(LINUX):
        kinds.append("linux")
    return kinds


def compile_alone(job):
    name, kind, command = job
    before = "".join(f"#include <{h}>\n" for h in ("stdarg.h", "stddef.h", "stdint.h", "setjmp.h",
                                                   "cmocka.h")) if name.startswith("tests/") else ""
    text = f'{before}#include "{name}"\n#include "{name}"\ntypedef int not_empty;\n'
    done = subprocess.run([*command, "-fsyntax-only", "-x", "c", "-"], cwd=TOP, input=text,
                          capture_output=True, text=True)
    return f"{name}: not by itself ({kind}):\n{done.stderr}" if done.returncode else None


def main():
    commands, kind = {}, None
    for word in sys.argv[1:]:
        if word in ("--jobs", "--target", "--clang", "--host", "--linux"):
            kind = word[2:]
            commands[kind] = []
        else:
            commands[kind].append(word)
    jobs = [(name, kind, commands[kind]) for name in project_files(".h")
            for kind in compilers_of(name)]
    with ThreadPoolExecutor(int(commands["jobs"][0])) as pool:
        return report([f for f in pool.map(compile_alone, jobs) if f])


if __name__ == "__main__":
    sys.exit(main())
