"""Shell blocks of the documentation, run by tests as they stand there."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
LONGEST_S = 240


def shell(page: str, heading: str) -> str:
    """The one shell block under a heading, up to the next heading of any level."""
    _, found, after = (DOCS / page).read_text("utf-8").partition(f"# {heading}\n")
    assert found, f"{page} has no heading {heading}"
    chapter = re.split(r"^##+ ", after, maxsplit=1, flags=re.MULTILINE)[0]
    [block] = re.findall(r"^```sh\n(.*?)^```$", chapter, flags=re.MULTILINE | re.DOTALL)
    return str(block)


def run(
    block: str, folder: Path, path: str, variables: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a block as a careful shell does: it ends at the first command that fails.

    Args:
        block: what to run.
        folder: where it runs.
        path: folders with programs that come before the system's, as in PATH.
        variables: its settings; those of the tests' own environment are kept from it.
    """
    clean = {name: v for name, v in os.environ.items() if not name.startswith("RAGSTREAM_")}
    return subprocess.run(  # noqa: S603 - our own documentation
        ["/bin/sh", "-euc", block],
        cwd=folder,
        env={**clean, **variables, "PATH": f"{path}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
