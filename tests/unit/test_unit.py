# SPDX-License-Identifier: BSD-2-Clause
"""The host test programs as pytest sees them: one test a program, `make test-unit` builds them."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
HOST = TOP / "build" / "host"
SECONDS = 120 * float(os.environ.get("CURIA_PATIENCE", "1"))


def programs():
    for source in sorted(HERE.glob("test_*.c")):
        yield "unit", source.stem
        if "/* TSAN */" in source.read_text():
            yield "tsan", source.stem


@pytest.mark.parametrize("flavour,name", programs())
def test_host(flavour, name):
    program = HOST / flavour / name
    assert program.exists(), f"{program} is not built: make unit-build"
    try:
        # From the top of the tree: some name files there.
        done = subprocess.run([program], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired as late:
        print((late.stdout or b"").decode(errors="replace"))
        pytest.fail(f"still runs after {SECONDS:.0f} s")
    print(done.stdout.decode(errors="replace"))
    assert done.returncode == 0
