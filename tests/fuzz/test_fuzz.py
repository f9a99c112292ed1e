# SPDX-License-Identifier: BSD-2-Clause
"""Each fuzz target over its committed corpus and a few seconds beyond, with a fixed seed."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build"
SECONDS = 3
PATIENCE = float(os.environ.get("CURIA_PATIENCE", "1"))


@pytest.mark.parametrize("name", [p.stem for p in sorted(HERE.glob("fuzz_*.c"))])
def test_fuzz_smoke(name, tmp_path):
    program = BUILD / "host" / "fuzz" / name
    assert program.exists(), f"{program} is not built: make fuzz-build"
    target = name.removeprefix("fuzz_")
    found = BUILD / "fuzz" / target
    found.mkdir(parents=True, exist_ok=True)
    seeds = HERE / "corpus" / target
    dirs = [tmp_path] + ([seeds] if seeds.is_dir() else [])
    done = subprocess.run([program, "-seed=1", f"-max_total_time={SECONDS}", f"-timeout={10 * PATIENCE:.0f}",
                           f"-artifact_prefix={found}/", *dirs],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300 * PATIENCE,
                          check=False)
    print(done.stdout.decode(errors="replace")[-4000:])
    assert done.returncode == 0
