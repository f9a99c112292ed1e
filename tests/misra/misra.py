#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""
misra.py --jobs N --build-dir DIR FILE... -- cppcheck with its MISRA C:2012 addon.

Its own warnings all count. Of the addon's findings count those of the rules that rules.txt lists,
but for what deviations.txt allows; a deviation that nothing needs any more is a finding, too.
"""
import fnmatch
import functools
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
FINDING = re.compile(r"^([^:]+):(\d+):\d+: (?:misra-c2012-)?([\w.-]+): ")


def rows(name):
    for line in (HERE / name).read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            yield words


@functools.cache
def changed(path):
    """When a file, or one that it includes, was changed last."""
    included = (root / name for name in INCLUDE.findall(path.read_text()) for root in (TOP, TOP / "build/gen"))
    return max([path.stat().st_mtime, *(changed(p) for p in included if p.is_file())])


def forget_changed(build_dir, files):
    """Cppcheck looks at a file again when its words are others, not when its lines have moved; but what it keeps of
    each file for the rules about all of them names lines, those of headers too, which must be of one time."""
    listed = TOP / build_dir / "files.txt"
    for row in listed.read_text().splitlines() if listed.is_file() else ():
        kept, name = TOP / build_dir / row.split(":")[0], row.split(":")[-1]
        if name in files and kept.is_file() and changed(TOP / name) > kept.stat().st_mtime:
            kept.unlink()


def main():
    jobs, build_dir, files = sys.argv[2], sys.argv[4], sys.argv[5:]
    rules = {rule for words in rows("rules.txt") for rule in words}
    deviations = [words[:3] for words in rows("deviations.txt")]
    forget_changed(build_dir, files)
    done = subprocess.run(
        ["cppcheck", f"-j{jobs}", f"--cppcheck-build-dir={build_dir}", "--std=c11", "--language=c",
         "--platform=unix64", "--enable=warning,performance,portability", "--inline-suppr",
         "--addon=misra", "--quiet", "-D__riscv", "-D__riscv_xlen=64", "-I.", "-Ibuild/gen",
         f"--library={HERE / 'curia.cfg'}", "--suppress=*:build/*",
         "--template={file}:{line}:{column}: {id}: {message}", *files],
        cwd=TOP, capture_output=True, text=True)
    findings, used = [], set()
    for line in sorted(set(done.stderr.splitlines() + done.stdout.splitlines())):
        match = FINDING.match(line)
        if match is None:
            findings.append(line)
            continue
        name, number, rule = match.groups()
        allowed = [d for d, r, where in deviations if r == rule and fnmatch.fnmatch(name, where)]
        used.update(allowed)
        if not allowed and (rule in rules or not rule[0].isdigit()):
            source = (TOP / name).read_text().splitlines()[int(number) - 1].strip()
            findings.append(f"{line}\n    {source}")
    findings += [f"tests/misra/deviations.txt: {d} is needed no more"
                 for d, _, _ in deviations if d not in used]
    for finding in findings:
        print(finding)
    return 1 if findings or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
