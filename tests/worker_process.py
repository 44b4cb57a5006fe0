"""A real worker process for tests: started with settings alone, and always ended."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.redis_server import stop

WORKER = ("services.cli.main", "worker")


@contextmanager
def running_worker(
    *words: str, variables: Mapping[str, str], log: Path, folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `python -m WORDS` until the block ends.

    Args:
        words: module and arguments, as `*WORKER, "embedder"`.
        variables: its settings; those of the tests' own environment are kept from it.
        log: file that its output is added to.
        folder: where it runs, whose packages come before ours; the tests' own if None.
    """
    clean = {name: v for name, v in os.environ.items() if not name.startswith("RAGSTREAM_")}
    environ = {**clean, "RAGSTREAM_HEALTH_PORT": "0", "PYTHONUNBUFFERED": "1", **variables}
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            [sys.executable, "-m", *words],
            env=environ,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        stop(process)
