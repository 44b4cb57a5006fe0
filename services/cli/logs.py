"""Log files: opened for a part, shortened before they grow for ever, shown from their end."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

LONGEST_BYTES = 16 * 1024 * 1024
BLOCK_BYTES = 64 * 1024
POLL_S = 0.1


def open_log(path: Path) -> BinaryIO:
    """Open a log to append to; a long one is put aside as `<name>.log.1` first."""
    if path.exists() and path.stat().st_size > LONGEST_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab", buffering=0)


def last_lines(path: Path, count: int, start: int = 0) -> list[str]:
    """The last lines of a file, none from before a byte; none where there is no such file."""
    try:
        with path.open("rb") as file:
            return _tail(file, count, start)
    except FileNotFoundError:
        return []


def follow(path: Path, start: int, go_on: Callable[[], bool]) -> Iterator[str]:
    """Yield a growing file's whole lines, from a byte on, while `go_on` says so.

    A file that was put aside or cut short is read anew from its beginning.
    """
    rest = b""
    while True:
        more = go_on()  # asked before reading, so that the last lines are not lost
        if _size(path) < start:
            start, rest = 0, b""
        read = _read(path, start)
        start += len(read)
        *lines, rest = (rest + read).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in lines)
        if not more:
            return
        if not read:
            time.sleep(POLL_S)


def _tail(file: BinaryIO, count: int, first: int) -> list[str]:
    """Read blocks from the end until they hold enough lines."""
    end = file.seek(0, os.SEEK_END)
    read = b""
    while end > first and read.count(b"\n") <= count:
        start = max(first, end - BLOCK_BYTES)
        file.seek(start)
        read = file.read(end - start) + read
        end = start
    lines = read.decode("utf-8", "replace").splitlines()
    return lines[-count:] if count else []


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path, start: int) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(BLOCK_BYTES)
