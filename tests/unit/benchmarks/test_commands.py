"""The benchmarks' commands, as `make` runs them: in environments without the tests' tools."""

import re
import subprocess
import sys
from pathlib import Path

MAKEFILE = Path(__file__).parents[3] / "Makefile"
WITHOUT = """
import importlib, sys
sys.modules["pytest"] = None
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_no_command_of_make_needs_pytest() -> None:
    """`make bench-pipeline` would end with a missing module after minutes of installing."""
    text = MAKEFILE.read_text("utf-8")
    commands = sorted(set(re.findall(r"-m (benchmarks\.\w+)", text)))
    assert "benchmarks.pipeline" in commands
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-c", WITHOUT, *commands],
        cwd=MAKEFILE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
