# SPDX-License-Identifier: BSD-2-Clause
"""Tests import the library of whole machines, and the demo, from tools/."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
