#!/usr/bin/python3 -B
# SPDX-License-Identifier: BSD-2-Clause
"""What can be read off the text: licence lines, lengths, columns, leftovers, READMEs."""
import re
import sys

from files import TOP, project_files, report

CODE = (".c", ".h", ".S")
LINES_MAX = 450
TEST_LINES_MAX = 1000  # a test is a list of cases
COLUMNS_MAX = {**dict.fromkeys((*CODE, ".dts", ".ld", ".lds"), 100), ".py": 120, ".sh": 120}
NO_SPDX = (".md", ".gitignore", ".dtb", ".itb", "LICENSE")
LEFTOVER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
# Data, and files of a program that its folder's README describes.
NO_README = re.compile(r"(^|/)corpus(/|$)|^\.|/initramfs$")


def check_file(name):
    data = (TOP / name).read_bytes()
    if "/corpus/" in name or b"\0" in data:
        return []
    lines = data.decode("utf-8").splitlines()
    found = []
    if not name.endswith(NO_SPDX) and not any(
            "SPDX-License-Identifier:" in line for line in lines[:3]):
        found.append(f"{name}:1: no SPDX-License-Identifier in the first lines")
    limit = TEST_LINES_MAX if name.startswith("tests/") else LINES_MAX
    if name.endswith(CODE) and len(lines) > limit:
        found.append(f"{name}: {len(lines)} lines, more than {limit}")
    columns = next((c for end, c in COLUMNS_MAX.items() if name.endswith(end)), sys.maxsize)
    for number, line in enumerate(lines, 1):
        if len(line.expandtabs(4)) > columns:
            found.append(f"{name}:{number}: more than {columns} columns")
        if LEFTOVER.search(line):
            found.append(f"{name}:{number}: something is left to do")
        if line != line.rstrip():
            found.append(f"{name}:{number}: space at the end of the line")
    if data and not data.endswith(b"\n"):
        found.append(f"{name}: no newline at the end")
    return found


def check_readmes(names):
    """Each folder has a README, or the one above names it."""
    found = []
    folders = {name.rsplit("/", depth)[0] for name in names
               for depth in range(1, name.count("/") + 1)}
    for folder in sorted(folders):
        above, _, last = folder.rpartition("/")
        readme = TOP / above / "README.md"
        if NO_README.search(folder) or (TOP / folder / "README.md").is_file():
            continue
        if not (readme.is_file() and re.search(rf"\b{re.escape(last)}\b", readme.read_text())):
            found.append(f"{folder}: no README.md, and {above or '.'}/README.md does not name it")
    return found


def main():
    names = project_files()
    found = [f for name in names for f in check_file(name)]
    return report(found + check_readmes(names))


if __name__ == "__main__":
    sys.exit(main())
