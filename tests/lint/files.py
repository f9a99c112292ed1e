# SPDX-License-Identifier: BSD-2-Clause
"""The project's files: what git knows, and what is new and not ignored."""
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def project_files(*suffixes):
    """Paths relative to the top, as text; with suffixes, only those that end so."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=TOP, check=True, capture_output=True, text=True).stdout.splitlines()
    return [f for f in sorted(set(listed))
            if (not suffixes or f.endswith(suffixes)) and (TOP / f).is_file()]


def report(findings):
    """Prints the findings; the exit status that they mean."""
    for finding in findings:
        print(finding)
    return 1 if findings else 0
